// Chart blocks: Chart.js with the colours, the hover and the numbers of this page.

// Of every line the point nearest to the pointer along the axis; lines need not share their points.
Chart.Interaction.modes.each = (chart, event) => {
  const axis = chart.options.indexAxis === 'y' ? 'y' : 'x';
  const found = [];
  for (const meta of chart.getSortedVisibleDatasetMetas()) {
    let best = null;
    meta.data.forEach((element, index) => {
      if (element.skip) return;
      const distance = Math.abs(element[axis] - event[axis]);
      if (!best || distance < best.distance) best = {element, datasetIndex: meta.index, index, distance};
    });
    if (best) found.push(best);
  }
  const nearest = Math.min(...found.map(each => each.distance));
  return found.filter(each => each.distance <= nearest + 12);
};

// Lines across the chart with a word beside them: {axis: 'x' or 'y', value, label}.
const marks = {
  id: 'marks',
  afterDatasetsDraw(chart, _, options) {
    for (const mark of options.lines ?? []) {
      const along = mark.axis ?? 'x';
      const scale = chart.scales[along], area = chart.chartArea, context = chart.ctx;
      const at = scale.getPixelForValue(mark.value);
      if (!(at >= (along === 'x' ? area.left : area.top) - 1 && at <= (along === 'x' ? area.right : area.bottom) + 1)) continue;
      context.save();
      context.strokeStyle = context.fillStyle = colour('soft');
      context.setLineDash([3, 4]);
      context.beginPath();
      context.moveTo(along === 'x' ? at : area.left, along === 'x' ? area.top : at);
      context.lineTo(along === 'x' ? at : area.right, along === 'x' ? area.bottom : at);
      context.stroke();
      context.font = '12px ' + Chart.defaults.font.family;
      const width = context.measureText(mark.label ?? '').width;
      if (along === 'x') {
        context.fillText(mark.label ?? '', at + 6 + width > area.right ? at - 6 - width : at + 6, area.top + 12);
      } else {
        context.fillText(mark.label ?? '', area.right - width - 4, at - 5);
      }
      context.restore();
    }
  },
};
Chart.register(marks);

function styledDataset(dataset, type) {
  const line = (dataset.type ?? type) === 'line' || (dataset.type ?? type) === 'scatter';
  const points = (dataset.data ?? []).length;
  const style = {borderColor: roleColour(dataset.role), backgroundColor: roleColour(dataset.role, line ? 0.16 : 0.8)};
  if (dataset.roles) style.backgroundColor = dataset.roles.map(role => roleColour(role, 0.8));
  if ((dataset.type ?? type) === 'line') {
    const few = points <= 40 && !dataset.band;
    Object.assign(style, {borderWidth: 2, pointRadius: few ? 2.5 : 0, pointHoverRadius: 4, pointBackgroundColor: style.borderColor, spanGaps: false});
    if (dataset.band) Object.assign(style, {borderWidth: 1, borderColor: roleColour(dataset.role, 0.35)});
    if (dataset.band === 'high') style.fill = '-1';
  } else if (line) {
    Object.assign(style, {pointRadius: points > 500 ? 2 : 3, borderWidth: 0, pointHoverRadius: 5, pointBackgroundColor: roleColour(dataset.role, points > 200 ? 0.45 : 0.8)});
  } else {
    Object.assign(style, {borderWidth: 0, borderRadius: 2, maxBarThickness: 48});
  }
  return {...style, ...dataset};
}

function styledScale(scale, axis, categories) {
  const format = scale.format;
  const log = scale.type === 'logarithmic';
  const tick = function (value) {
    if (categories) return this.getLabelForValue(value);
    return shownTick(value, format);
  };
  // Powers of ten, and where these are few their doubles and fives: taken out before room is shared out,
  // which would keep any of them.
  const afterBuildTicks = built => {
    const digits = Math.log10(built.max / built.min) > 3 ? [1] : [1, 2, 5];
    const leading = value => Math.round(10 * value / 10 ** Math.floor(Math.log10(value) + 1e-9)) / 10;
    built.ticks = built.ticks.filter(each => digits.includes(leading(each.value)));
  };
  // Along x the width of the words decides, which a limit would overrule.
  const limit = axis === 'y' && !categories ? {maxTicksLimit: 8} : {};
  const title = {...scale.title, color: colour('soft'), display: Boolean(scale.title?.text)};
  return {
    ...scale,
    ...(log ? {afterBuildTicks} : {}),
    title,
    grid: {color: colour('grid'), borderColor: colour('line'), drawTicks: false, display: axis === 'y' || !categories},
    ticks: {color: colour('soft'), padding: 6, maxRotation: 0, autoSkipPadding: 14, callback: tick, ...limit, ...scale.ticks},
  };
}

function chartConfig(block) {
  const config = structuredClone(block.config);
  const options = config.options ??= {};
  config.data.datasets = config.data.datasets.map(dataset => styledDataset(dataset, config.type));
  const along = options.indexAxis === 'y' ? 'y' : 'x', across = along === 'x' ? 'y' : 'x';
  const formats = {};
  for (const [name, scale] of Object.entries(options.scales ?? {})) {
    formats[name] = scale.format;
    options.scales[name] = styledScale(scale, name, config.type === 'bar' && name === along && !scale.type);
  }
  const words = point => {
    const name = point.dataset.label ? point.dataset.label + ': ' : '';
    if (config.type === 'scatter') return `${name}${shownNumber(point.parsed.x, formats.x)}, ${shownNumber(point.parsed.y, formats.y)}`;
    return name + shownNumber(point.parsed[across], formats[across]);
  };
  const heading = points => {
    if (!points.length || config.type === 'scatter') return '';
    if (config.data.labels) return points[0].label;
    return `${options.scales?.x?.title?.text ?? 'x'} ${shownNumber(points[0].parsed.x, formats.x)}`;
  };
  const shown = config.data.datasets.filter(dataset => dataset.label && !dataset.band);
  options.plugins = {
    ...options.plugins,
    legend: {
      display: shown.length > 1, position: 'top', align: 'start',
      labels: {color: colour('ink'), usePointStyle: true, pointStyle: 'line', boxWidth: 26, filter: item => !config.data.datasets[item.datasetIndex].band && Boolean(item.text)},
      ...options.plugins?.legend,
    },
    tooltip: {
      backgroundColor: colour('hover'), titleColor: colour('hover-ink'), bodyColor: colour('hover-ink'), padding: 10, cornerRadius: 6, boxPadding: 4, usePointStyle: true,
      callbacks: {title: heading, label: words, labelColor: point => ({borderColor: roleColour(point.dataset.role), backgroundColor: roleColour(point.dataset.role)})},
    },
  };
  if (config.type !== 'line') options.plugins.legend.labels.pointStyle = 'rectRounded';
  config.options = {
    responsive: true, maintainAspectRatio: false, animation: false, normalized: true,
    interaction: config.type === 'scatter' ? {mode: 'nearest', intersect: true} : {mode: 'each', intersect: false},
    layout: {padding: {right: 8}},
    ...options,
  };
  return config;
}

function drawChart(block) {
  const figure = element('figure', 'chart');
  figure.append(element('figcaption', '', prose(block.title)));
  if (block.note) figure.append(element('p', 'note', block.note));
  const box = element('div', 'canvas-box');
  if (block.config.height) box.style.height = block.config.height + 'px';
  const canvas = element('canvas', '', block.alt);
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', block.alt);
  box.append(canvas);
  figure.append(box);
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  return {node: figure, start: () => new Chart(canvas, chartConfig(block))};
}
