// Heat maps: tables of coloured cells with a scale, so that they can be read aloud and copied too.

function rampOf(scale) {
  const names = scale.diverging ? ['cold', 'heat-0', 'hot'] : ['heat-0', 'heat-1', 'heat-2', 'heat-3'];
  return names.map(name => colour(name));
}

function heatPlace(scale, value) {
  const to = scale.logarithmic ? x => Math.log(Math.max(x, Number.MIN_VALUE)) : x => x;
  const width = to(scale.most) - to(scale.least);
  return width > 0 ? (to(value) - to(scale.least)) / width : 0.5;
}

function heatWords(block, row, column) {
  const value = block.cells[row][column];
  const broken = block.hatched?.[row]?.[column];
  const unit = block.scale.unit ? ' ' + block.scale.unit : '';
  const reading = value === null ? (broken ? 'diverged' : 'none') : shownNumber(value) + unit + (broken ? ', diverged' : '');
  return [`${block.scale.label}: ${reading}`,
          `${block.y.label}: ${block.y.ticks[row]}`, `${block.x.label}: ${block.x.ticks[column]}`];
}

// A number in a cell tells no more than its colour could: hundredths of the scale.
function cellWords(scale, value) {
  if (scale.logarithmic) return shownNumber(value);
  const decimals = Math.ceil(-Math.log10((scale.most - scale.least) / 100));
  return shownNumber(Number(value.toFixed(Math.min(Math.max(0, decimals), 20))));
}

function heatCell(block, ramp, row, column) {
  const cell = element('td');
  const value = block.cells[row][column];
  cell.dataset.row = row;
  cell.dataset.column = column;
  const readable = value === null ? '–' : cellWords(block.scale, value);
  cell.append(element('span', block.values ? '' : 'unseen', readable));
  if (value !== null) {
    const [r, g, b] = between(ramp, heatPlace(block.scale, value));
    cell.style.backgroundColor = `rgb(${r}, ${g}, ${b})`;
    // Dark words on light cells and the other way round.
    cell.style.color = 0.299 * r + 0.587 * g + 0.114 * b > 140 ? '#16181c' : '#fff';
  }
  if (block.hatched?.[row]?.[column]) cell.classList.add('hatched');
  return cell;
}

function drawHeatmap(block) {
  // Numbers in more than a few columns want the whole width.
  const figure = element('figure', block.values && block.x.ticks.length > 8 ? 'heatmap roomy' : 'heatmap');
  figure.append(element('figcaption', '', prose(block.title)));
  if (block.note) figure.append(element('p', 'note', block.note));
  const ramp = rampOf(block.scale);
  const table = element('table');
  table.setAttribute('aria-label', block.alt);
  table.append(element('caption', 'unseen', block.alt));
  const head = element('tr');
  head.append(element('th', 'corner', `${block.y.label} ↓  ${block.x.label} →`));
  for (const tick of block.x.ticks) head.append(columnHead(tick));
  table.append(element('thead'));
  table.tHead.append(head);
  const body = element('tbody');
  block.cells.forEach((values, row) => {
    const line = element('tr');
    const name = element('th', '', block.y.ticks[row]);
    name.scope = 'row';
    line.append(name);
    values.forEach((_, column) => line.append(heatCell(block, ramp, row, column)));
    body.append(line);
  });
  table.append(body);
  if (block.x.ticks.length > 14) table.classList.add('many');
  const tell = event => {
    const cell = event.target.closest('td');
    if (cell) showHover(heatWords(block, Number(cell.dataset.row), Number(cell.dataset.column)), event);
  };
  table.addEventListener('pointermove', tell);
  table.addEventListener('click', tell);  // a finger leaves as soon as it has touched
  table.addEventListener('pointerleave', hideHover);
  const wide = element('div', 'wide');
  wide.append(table);
  figure.append(wide, heatScale(block));
  return {node: figure};
}

function columnHead(tick) {
  const head = element('th');
  head.scope = 'col';
  head.append(element('span', '', tick));
  return head;
}

// The colours from the least to the most.
function heatScale(block) {
  const bar = element('div', 'scale');
  const ramp = rampOf(block.scale);
  const strip = element('span', 'strip');
  strip.style.background = `linear-gradient(to right, ${ramp.join(', ')})`;
  const unit = block.scale.unit ? ' ' + block.scale.unit : '';
  bar.append(element('span', '', shownNumber(block.scale.least) + unit), strip,
             element('span', '', shownNumber(block.scale.most) + unit),
             element('span', 'what', block.scale.label));
  if (block.hatched?.some(row => row.some(Boolean))) {
    bar.append(element('span', 'strip hatched'), element('span', '', 'diverged'));
  }
  return bar;
}

function showHover(lines, event) {
  const hover = document.getElementById('hover');
  hover.replaceChildren(...lines.map((line, i) => element(i ? 'div' : 'strong', '', line)));
  hover.hidden = false;
  const left = Math.min(event.clientX + 14, document.documentElement.clientWidth - hover.offsetWidth - 4);
  const below = event.clientY + 18 + hover.offsetHeight < window.innerHeight;
  hover.style.left = Math.max(4, left) + 'px';
  hover.style.top = (below ? event.clientY + 18 : event.clientY - 12 - hover.offsetHeight) + 'px';
}

function hideHover() {
  document.getElementById('hover').hidden = true;
}
document.addEventListener('pointerdown', hideHover);
