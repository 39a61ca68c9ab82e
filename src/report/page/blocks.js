// All other blocks. Texts become text nodes only, whatever they hold.

function element(name, classes = '', words) {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  if (words !== undefined && words !== null) made.textContent = words;
  return made;
}

// No line begins with the sign of a percentage.
function prose(words) {
  return words?.replace(/(\d) %/g, '$1\u00a0%');
}

function drawText(block) {
  return {node: element('p', 'text', prose(block.text))};
}

function drawCode(block) {
  const box = element('div', 'code');
  const words = element('pre');
  words.append(element('code', '', block.text));
  const copy = element('button', '', 'copy');
  copy.type = 'button';
  copy.addEventListener('click', () => {
    // The clipboard's own interface is missing where a page is opened from disk.
    const range = document.createRange();
    range.selectNodeContents(words);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    copy.textContent = document.execCommand('copy') ? 'copied' : 'selected';
  });
  box.append(words, copy);
  return {node: box};
}

function drawFigures(block) {
  const list = element('dl', 'figures');
  for (const item of block.items) {
    const box = element('div');
    box.append(element('dt', '', item.label), element('dd', '', item.value));
    if (item.note) box.append(element('dd', 'note', item.note));
    list.append(box);
  }
  return {node: list};
}

function drawVerdict(block) {
  const box = element('div', 'verdict ' + block.verdict.replace(' ', '-'));
  const head = element('p', 'head');
  head.append(element('strong', '', block.verdict), element('span', '', prose(block.text)));
  box.append(head);
  if (!block.numbers.length) return {node: box};
  const table = element('table');
  const titles = element('tr');
  for (const title of ['measured', 'value', 'threshold', 'met']) titles.append(columnHead(title));
  table.append(element('thead'));
  table.tHead.append(titles);
  const body = element('tbody');
  for (const number of block.numbers) {
    const row = element('tr', number.met ? 'met' : 'missed');
    row.append(element('td', '', number.label), element('td', 'number', number.value),
               element('td', 'number', number.threshold), element('td', 'met', number.met ? 'yes' : 'no'));
    body.append(row);
  }
  table.append(body);
  box.append(wideBox(table));
  return {node: box};
}

function wideBox(table) {
  const box = element('div', 'wide');
  box.append(table);
  return box;
}

function drawTable(block) {
  const columns = block.columns.length;
  const figure = element('figure', columns > 5 ? 'table broad' : columns < 4 ? 'table narrow' : 'table');
  if (block.title) figure.append(element('figcaption', '', prose(block.title)));
  const table = element('table');
  if (block.columns.some(Boolean)) {
    const head = element('tr');
    for (const column of block.columns) head.append(columnHead(column));
    table.append(element('thead'));
    table.tHead.append(head);
  } else if (columns === 2) {
    figure.classList.add('pairs');
  }
  const body = element('tbody');
  for (const values of block.rows) {
    const row = element('tr');
    for (const value of values) {
      // A short figure with its unit or interval is read in one piece.
      const figures = typeof value === 'number' || /^[-+−]?\d.{0,14}$/.test(value ?? '');
      row.append(element('td', figures ? 'number' : '', typeof value === 'number' ? shownNumber(value) : value ?? ''));
    }
    body.append(row);
  }
  table.append(body);
  figure.append(wideBox(table));
  return {node: figure};
}

function drawLayers(block) {
  const list = element('ol', 'layers');
  const most = Math.max(1, ...block.items.map(item => item.parameters));
  for (const item of block.items) {
    const row = element('li', item.parameters ? 'trained' : '');
    const count = item.parameters ? `${item.parameters.toLocaleString('en')} parameter${item.parameters === 1 ? '' : 's'}` : '';
    const bar = element('span', 'bar');
    bar.style.width = (item.parameters ? Math.max(1, 100 * item.parameters / most) : 0) + '%';
    const share = element('span', 'share');
    share.append(bar);
    row.append(element('span', 'name', item.name), element('span', 'shape', item.shape),
               element('span', 'count', count), share);
    if (item.note) row.append(element('span', 'note', item.note));
    list.append(row);
  }
  return {node: list};
}

// Grey bytes in base64 onto a canvas, ink on paper in the light and light on dark in the dark.
function drawImages(block) {
  const figure = element('figure', 'images');
  if (block.title) figure.append(element('figcaption', '', block.title));
  const grid = element('div', 'grid');
  for (const item of block.items) {
    const box = element('div');
    const canvas = element('canvas', '', item.caption);
    canvas.width = block.width;
    canvas.height = block.height;
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', item.caption);
    let pixels = '';
    try {
      pixels = atob(item.pixels);
    } catch {
      // A log that somebody has changed: the picture stays empty.
    }
    const context = canvas.getContext('2d');
    const image = context.createImageData(block.width, block.height);
    for (let i = 0; i < pixels.length; ++i) {
      const grey = darkness.matches ? pixels.charCodeAt(i) : 255 - pixels.charCodeAt(i);
      image.data.set([grey, grey, grey, 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
    box.append(canvas, element('span', '', item.caption));
    grid.append(box);
  }
  figure.append(grid);
  return {node: figure};
}
