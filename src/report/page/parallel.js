// Parallel coordinates: an axis for each option and a last one for the result, a line for each trial.
// On a screen that is too narrow for axes side by side they lie below each other.

// In two parts: whoever looks for addresses to go to in a page finds none.
const drawingNames = 'http:' + '//www.w3.org/2000/svg';

function drawn(name, attributes, words) {
  const made = document.createElementNS(drawingNames, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (words !== undefined) made.textContent = words;
  return made;
}

// Where a value lies on an axis, from 0 to 1. Choices stand in the middle of equal parts.
function axisPlace(axis, value) {
  if (axis.choices) return (value + 0.5) / axis.choices.length;
  return Math.min(Math.max(heatPlace(axis, value), 0), 1);
}

function axisWords(axis, value) {
  return axis.choices ? axis.choices[value] ?? 'none' : shownNumber(value);
}

// [value, word]: all choices, few whole numbers, powers of ten, or the ends and the middle.
function axisTicks(axis) {
  if (axis.choices) return axis.choices.map((word, i) => [i, word]);
  const word = value => [value, shownTick(Number(value.toPrecision(3)))];
  const {least, most} = axis;
  if (axis.whole && most - least <= 8) return Array.from({length: most - least + 1}, (_, i) => word(least + i));
  if (!axis.logarithmic) return [least, (least + most) / 2, most].map(word);
  const powers = [];
  for (let power = Math.ceil(Math.log10(least) - 1e-9); 10 ** power <= most * (1 + 1e-9); ++power) powers.push(10 ** power);
  return (powers.length > 1 ? powers : [least, Math.sqrt(least * most), most]).map(word);
}

// The places of axes and values in a box of this width.
function parallelLayout(axes, width) {
  const upright = width / axes.length >= 92;
  const last = axes.length - 1;
  if (upright) {
    const side = 52, top = 40, tall = 290;
    const across = i => side + i * (width - 2 * side) / last;
    return {upright, height: top + tall + 14, across,
            point: (i, place) => [across(i), top + (1 - place) * tall]};
  }
  const side = 14, top = 30, step = 66;
  const across = i => top + i * step;
  return {upright, height: top + last * step + 30, across,
          point: (i, place) => [side + place * (width - 2 * side), across(i)]};
}

function linePlaces(block, line) {
  const places = line.values.map((value, i) => axisPlace(block.axes[i], value));
  if (line.result !== null) places.push(axisPlace(block.scale, line.result));
  return places;
}

// Between axes a cubic whose controls are a third apart: across runs evenly, so that along is 3t² − 2t³.
function linePath(layout, places) {
  const at = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  let path = '';
  places.forEach((place, i) => {
    const to = layout.point(i, place);
    if (i === 0) {
      path = 'M' + at(to);
      return;
    }
    const from = layout.point(i - 1, places[i - 1]);
    const third = (layout.across(i) - layout.across(i - 1)) / 3;
    const control = ([x, y], by) => layout.upright ? [x + by, y] : [x, y + by];
    path += `C${at(control(from, third))} ${at(control(to, -third))} ${at(to)}`;
  });
  return path;
}

// How far a point of the box is from a line, along the axes.
function lineDistance(layout, places, x, y) {
  const [across, along] = layout.upright ? [x, y] : [y, x];
  const first = layout.across(0), step = layout.across(1) - first;
  const segment = Math.min(Math.max(Math.floor((across - first) / step), 0), places.length - 2);
  const t = Math.min(Math.max((across - first) / step - segment, 0), 1);
  if ((across - first) / step > places.length - 1 + 0.1) return Infinity;
  const side = layout.upright ? 1 : 0;
  const from = layout.point(segment, places[segment])[side], to = layout.point(segment + 1, places[segment + 1])[side];
  return Math.abs(from + (to - from) * (3 - 2 * t) * t * t - along);
}

// The best in the strongest colour.
function parallelRamp() {
  return ['heat-3', 'heat-2', 'heat-1'].map(name => colour(name));
}

function lineStyle(block, line, index) {
  if (line.result === null) return {stroke: colour('bad'), 'stroke-width': 1, 'stroke-dasharray': '3 4', 'stroke-opacity': 0.55};
  if (index === block.best) return {stroke: roleColour('valid'), 'stroke-width': 3};
  const place = axisPlace(block.scale, line.result);
  const [r, g, b] = between(parallelRamp(), place);
  return {stroke: `rgb(${r}, ${g}, ${b})`, 'stroke-width': place < 0.2 ? 1.8 : 1.2, 'stroke-opacity': (0.95 - 0.4 * place).toFixed(2)};
}

function lineWords(block, line) {
  const result = line.result === null ? line.state : `${block.scale.label} ${shownNumber(line.result)}${line.state ? ', ' + line.state : ''}`;
  return [`${line.name}: ${result}`, ...line.values.map((value, i) => `${block.axes[i].label}: ${axisWords(block.axes[i], value)}`)];
}

function drawAxes(svg, axes, layout, width) {
  axes.forEach((axis, i) => {
    const [x, y] = layout.point(i, 1), [x0, y0] = layout.point(i, 0);
    svg.append(drawn('line', {x1: x0, y1: y0, x2: x, y2: y, class: 'axis'}));
    const name = drawn('text', {x, y: layout.upright ? 18 : y0 - 10, class: 'name', 'text-anchor': layout.upright ? 'middle' : 'start'}, axis.label);
    svg.append(name);
    if (layout.upright) {
      // Over its axis, but not over the edge.
      const half = name.getComputedTextLength() / 2 + 1;
      name.setAttribute('x', Math.min(Math.max(x, half), width - half));
    } else {
      name.setAttribute('x', x0);
    }
    const ticks = axisTicks(axis);
    ticks.forEach(([value, word], t) => {
      const [tx, ty] = layout.point(i, axisPlace(axis, value));
      const ends = axis.choices ? 'middle' : t === 0 ? 'start' : t === ticks.length - 1 ? 'end' : 'middle';
      const place = layout.upright ? {x: tx + 5, y: ty + 4, 'text-anchor': 'start'} : {x: tx, y: ty + 15, 'text-anchor': ends};
      if (layout.upright && i === axes.length - 1) Object.assign(place, {x: tx - 5, 'text-anchor': 'end'});
      svg.append(drawn('text', {...place, class: 'tick'}, word));
      svg.append(drawn('circle', {cx: tx, cy: ty, r: 1.6, class: 'at'}));
    });
  });
}

function parallelScale(block) {
  const bar = element('div', 'scale');
  const strip = element('span', 'strip');
  strip.style.background = `linear-gradient(to right, ${parallelRamp().join(', ')})`;
  const beyond = block.lines.some(line => line.result > block.scale.most) ? ' and more' : '';
  bar.append(element('span', '', shownNumber(block.scale.least)), strip,
             element('span', '', shownNumber(block.scale.most) + beyond), element('span', 'what', block.scale.label));
  const sample = (kind, words) => {
    const pair = element('span', 'sample');
    pair.append(element('span', 'stroke ' + kind), element('span', '', words));
    bar.append(pair);
  };
  if (block.best !== undefined) sample('best', 'best: ' + block.lines[block.best].name);
  if (block.lines.some(line => line.result === null)) sample('broken', 'diverged');
  return bar;
}

// Draws the box anew at every width, and tells of the line under the pointer or the arrow keys.
class ParallelPlot {
  constructor(block, box) {
    this.block = block;
    this.box = box;
    this.axes = [...block.axes, block.scale];
    this.places = block.lines.map(line => linePlaces(block, line));
    this.chosen = null;
    const find = event => this.choose(this.nearest(event), event);
    box.addEventListener('pointermove', find);
    box.addEventListener('click', find);
    box.addEventListener('pointerleave', () => this.choose(null));
    box.addEventListener('blur', () => this.choose(null));
    box.addEventListener('keydown', event => this.step(event));
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(box);
    this.draw();
  }

  destroy() {
    this.observer.disconnect();
  }

  draw() {
    const width = this.box.clientWidth;
    if (!width || width === this.width) return;
    this.width = width;
    const layout = this.layout = parallelLayout(this.axes, width);
    const svg = this.svg = drawn('svg', {width, height: layout.height, 'aria-hidden': 'true'});
    // Lines stand from the best: the best is drawn last and lies on top.
    for (let i = this.places.length - 1; i >= 0; --i)
      svg.append(drawn('path', {d: linePath(layout, this.places[i]), class: 'line', ...lineStyle(this.block, this.block.lines[i], i)}));
    this.box.replaceChildren(svg);
    drawAxes(svg, this.axes, layout, width);
    this.mark = drawn('path', {class: 'chosen', d: ''});
    svg.append(this.mark);
  }

  nearest(event) {
    const box = this.svg.getBoundingClientRect();
    let best = null, least = 14;
    this.places.forEach((places, i) => {
      const distance = lineDistance(this.layout, places, event.clientX - box.left, event.clientY - box.top);
      if (distance < least) [best, least] = [i, distance];
    });
    return best;
  }

  choose(index, event) {
    this.chosen = index;
    this.mark.setAttribute('d', index === null ? '' : linePath(this.layout, this.places[index]));
    if (index === null) {
      hideHover();
      return;
    }
    const words = lineWords(this.block, this.block.lines[index]);
    this.box.setAttribute('aria-valuenow', index + 1);
    this.box.setAttribute('aria-valuetext', words.join(', '));
    showHover(words, event ?? this.end(index));
  }

  // Where a line ends on the screen, as a pointer would be.
  end(index) {
    const box = this.svg.getBoundingClientRect(), places = this.places[index];
    const [x, y] = this.layout.point(places.length - 1, places.at(-1));
    return {clientX: box.left + x, clientY: box.top + y};
  }

  step(event) {
    const count = this.places.length, at = this.chosen ?? -1;
    const next = {ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: count - 1}[event.key];
    if (event.key === 'Escape') this.choose(null);
    if (next === undefined) return;
    event.preventDefault();
    this.choose(Math.min(Math.max(next, 0), count - 1));
  }
}

function drawParallel(block) {
  const figure = element('figure', 'parallel');
  figure.append(element('figcaption', '', prose(block.title)));
  if (block.note) figure.append(element('p', 'note', block.note));
  const box = element('div', 'parallel-box');
  // A place in the list of trials, from the best: what assistive technology steps through and reads.
  const attributes = {role: 'slider', tabindex: 0, 'aria-label': block.alt, 'aria-valuemin': 1, 'aria-valuemax': block.lines.length,
                      'aria-valuenow': 1, 'aria-valuetext': lineWords(block, block.lines[0]).join(', ')};
  for (const [key, value] of Object.entries(attributes)) box.setAttribute(key, value);
  figure.append(box, parallelScale(block));
  return {node: figure, start: () => new ParallelPlot(block, box)};
}
