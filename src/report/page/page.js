// The page: its JSON drawn, drawn again when light and dark change, and followed while a run goes on.

const drawings = {
  text: drawText, code: drawCode, figures: drawFigures, verdict: drawVerdict, chart: drawChart,
  heatmap: drawHeatmap, parallel: drawParallel, table: drawTable, layers: drawLayers, images: drawImages,
};
const pictures = ['chart', 'heatmap', 'images'];

let content = JSON.parse(document.getElementById('content').textContent);
// What stands on the page, in its order: {block, node, chart}.
let standing = [];

function drawBlock(block) {
  const made = (drawings[block.type] ?? (() => ({node: element('p', 'text', block.text ?? '')})))(block);
  made.node.classList.add('block');
  standing.push({block, node: made.node, start: made.start});
  return made.node;
}

function drawSection(section) {
  const box = element('section');
  box.id = section.id;
  const heading = element('h2', '', section.title);
  box.append(heading);
  if (section.lead) box.append(element('p', 'lead', section.lead));
  // Pictures that follow each other stand side by side where there is room.
  let row = null;
  for (const block of section.blocks) {
    const node = drawBlock(block);
    if (!pictures.includes(block.type)) {
      row = null;
      box.append(node);
      continue;
    }
    if (!row) {
      row = element('div', 'row');
      box.append(row);
    }
    row.append(node);
  }
  for (const each of box.querySelectorAll('.row')) each.classList.toggle('alone', each.children.length === 1);
  return box;
}

function drawContents(sections) {
  const list = element('nav');
  list.setAttribute('aria-label', 'sections');
  for (const section of sections) {
    const link = element('a', '', section.title);
    link.href = '#' + section.id;
    list.append(link);
  }
  return list;
}

function draw() {
  for (const each of standing) each.chart?.destroy();
  standing = [];
  const main = document.getElementById('page');
  const header = element('header');
  header.append(element('h1', '', content.title));
  if (content.subtitle) header.append(element('p', 'subtitle', content.subtitle));
  if (content.sections.length > 2) header.append(drawContents(content.sections));
  main.replaceChildren(header, ...content.sections.map(drawSection));
  document.title = content.title;
  // Charts measure their box, so they start when it is on the page.
  for (const each of standing) each.chart = each.start?.();
}

function outline(page) {
  return JSON.stringify(page.sections.map(section => [section.id, section.title, section.blocks.map(block => block.type)]));
}

// Takes a newer version of the page: what is the same stays, charts take their new points in place.
function follow(next) {
  if (outline(next) !== outline(content)) {
    content = next;
    const place = window.scrollY;
    draw();
    window.scrollTo(0, place);
    return;
  }
  content = next;
  document.title = content.title;
  document.querySelector('header h1').textContent = content.title;
  const subtitle = document.querySelector('header .subtitle');
  if (subtitle) subtitle.textContent = content.subtitle;
  content.sections.forEach(section => {
    const lead = document.querySelector(`#${CSS.escape(section.id)} > .lead`);
    if (lead) lead.textContent = section.lead;
  });
  content.sections.flatMap(section => section.blocks).forEach((block, i) => {
    const old = standing[i];
    if (JSON.stringify(old.block) === JSON.stringify(block)) return;
    old.block = block;
    if (old.chart && block.type === 'chart') {
      const config = chartConfig(block);
      old.node.querySelector('figcaption').textContent = block.title;
      old.chart.canvas.setAttribute('aria-label', block.alt);
      old.chart.data = config.data;
      old.chart.options = config.options;
      old.chart.update('none');
      return;
    }
    old.chart?.destroy();
    const made = drawings[block.type](block);
    made.node.classList.add('block');
    old.node.replaceWith(made.node);
    Object.assign(old, {node: made.node, start: made.start, chart: made.start?.()});
  });
}

draw();
darkness.addEventListener('change', draw);

if (document.body.dataset.use === 'live') {
  const source = new EventSource('events');
  source.addEventListener('page', event => follow(JSON.parse(event.data)));
  source.addEventListener('end', () => source.close());
  source.addEventListener('error', () => {
    source.close();
    const subtitle = document.querySelector('header .subtitle');
    if (subtitle) subtitle.textContent += ' · no longer connected to the run';
  });
}
