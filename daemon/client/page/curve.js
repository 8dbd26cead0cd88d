// Curves by uPlot (page/uplot). Added to it here: error bars, marks that differ without colour, names that are in the saved picture, a readout with errors,
// keys, fingers, and words where there is nothing to draw. A box is a div: box.chart is its uPlot, box.shown what it shows, box.view [x0, x1] or null for all;
// boxes with the same data-sync share view and cursor.
const MARKS = {
  dot: (g, x, y) => { g.beginPath(); g.arc(x, y, 2.4, 0, 7); g.fill(); },
  square: (g, x, y) => g.fillRect(x - 2.2, y - 2.2, 4.4, 4.4),
  open: (g, x, y) => { g.beginPath(); g.arc(x, y, 2.8, 0, 7); g.stroke(); },
};

// uPlot has one ascending x for all series: each point gets a column, points of several series at one x the same. from[i][column]: which point of series i.
function aligned(series, log) {
  const x = [], from = series.map(() => []);
  let first = 0;   // column of this x
  for (const [v, i, k] of series.flatMap((s, i) => Array.from(s.x, (v, k) => [v, i, k])).sort((a, b) => a[0] - b[0])) {
    if (x[first] !== v) first = x.length;
    let column = first;
    while (column < x.length && from[i][column] !== undefined) column++;   // a point that was measured twice
    x[column] = v;
    from[i][column] = k;
  }
  const good = v => isFinite(v) && (!log || v > 0) ? v : null;   // null ends a line, undefined is no point of this series
  return {from, data: [x, ...series.map((s, i) => x.map((_, c) => from[i][c] === undefined ? undefined : good(s.y[from[i][c]])))]};
}

// {x, y}: what is to be seen, error bars with it; null: nothing.
function limits(series, view, options) {
  const low = v => options.log ? Math.log10(v) : v;
  let x0 = Infinity, x1 = -Infinity, y0 = options.log || options.free ? Infinity : 0, y1 = -Infinity;
  for (const s of series)
    for (let k = 0; k < s.x.length; k++) {
      if (view && (s.x[k] < view[0] || s.x[k] > view[1])) continue;
      x0 = Math.min(x0, s.x[k]); x1 = Math.max(x1, s.x[k]);
      const e = !s.thin && s.error?.[k] > 0 ? s.error[k] : 0, y = low(s.y[k]);
      if (isFinite(y)) { y1 = Math.max(y1, low(s.y[k] + e)); y0 = Math.min(y0, e && options.free ? low(s.y[k] - e) : y); }
    }
  if (!(x1 >= x0) || y1 === -Infinity) return null;
  if (options.within) { y0 = Math.max(y0, options.within[0]); y1 = Math.min(y1, options.within[1]); }
  const pad = x1 > x0 ? (x1 - x0) * 0.015 : 0.5, height = y1 > y0 ? y1 - y0 : Math.abs(y1) || 1, y = [options.free || options.log ? y0 - 0.06 * height : y0, y1 + 0.08 * height];
  return {x: view ?? [x0 - pad, x1 + pad], y: options.log ? y.map(v => 10 ** v) : y};
}

// ---- drawn beside what uPlot draws ----

// In the chart's plot, clipped, in pixels of the page: draw(g, X, Y, width, height).
function inPlot(u, draw, clipped = true) {
  const g = u.ctx, r = g.canvas.width / u.width, {left, top, width, height} = u.bbox;
  g.save();
  g.beginPath(); g.rect(left, top, width, height); if (clipped) g.clip();
  g.translate(left, top); g.scale(r, r);
  g.font = FONT; g.textAlign = 'left'; g.textBaseline = 'alphabetic';
  draw(g, v => u.valToPos(v, 'x'), v => u.valToPos(v, 'y'), width / r, height / r);
  g.restore();
}

function drawMarks(g, s, X, Y, height) {
  const mark = s.x.length < 500 && MARKS[s.shape];
  if (s.thin || (!s.error && !mark)) return;
  g.strokeStyle = g.fillStyle = css(s.colour);
  for (let k = 0; k < s.x.length; k++) {
    const e = s.error?.[k], x = X(s.x[k]), y = Y(s.y[k]), below = Y(s.y[k] - e);
    if (!isFinite(y)) continue;
    g.globalAlpha = 0.6;
    if (e > 0) { g.beginPath(); g.moveTo(x, isFinite(below) ? below : height); g.lineTo(x, Y(s.y[k] + e)); g.stroke(); }
    g.globalAlpha = 1;
    if (mark) mark(g, x, y);
  }
}

function drawLevel(g, level, Y, width) {
  g.strokeStyle = css('--soft'); g.setLineDash([4, 4]);
  g.beginPath(); g.moveTo(0, Y(level)); g.lineTo(width, Y(level)); g.stroke();
}

function drawNames(g, series, width) {
  let x = 2;
  for (const s of series.filter(s => s.name)) {
    const wide = g.measureText(s.name).width;
    if (x + wide + 16 > width) return;
    g.fillStyle = g.strokeStyle = css(s.colour);
    (MARKS[s.shape] ?? ((_, at, y) => g.fillRect(at - 5, y - 1, 10, 1.5)))(g, x + 4, -9);
    g.fillText(s.name, x + 13, -5);
    x += wide + 28;
  }
}

// 0.0041 ± 0.0008: no digit that its error makes idle.
function valueText(v, e) {
  const digits = Math.max(0, 1 - Math.floor(Math.log10(e)));
  return e > 0 && digits < 8 ? `${v.toFixed(digits)} ± ${e.toFixed(digits)}` : numberText(v);
}

// What lies nearest to the cursor, said beside it.
function tellReadout(u, box) {
  const {series, from, options} = box.shown, at = u.cursor.left, name = s => series.filter(t => !t.thin).length > 1 && s.name ? `${s.name}: ` : '';
  const lines = at < 0 ? [] : series.flatMap((s, i) => {
    const k = from[i][u.cursor.idxs[i + 1]], e = s.error?.[k];
    return s.thin || k === undefined ? [] : [`${name(s)}${numberText(s.x[k])}${options.xUnit ? ` ${options.xUnit}` : ''}: ${valueText(Number(s.y[k]), e)}`];
  });
  box.readout.hidden = lines.length === 0;
  box.readout.textContent = lines.join('\n');
  box.readout.style.cssText = at > u.over.clientWidth / 2 ? `right: ${u.over.clientWidth - at + 8}px` : `left: ${at + 8}px`;
}

// ---- the chart ----

const FONT = '12px system-ui, sans-serif';
const isLooked = box => box.matches(':hover, :focus-visible');
const together = box => box.dataset.sync ? [...document.querySelectorAll(`[data-sync=${box.dataset.sync}]`)] : [box];
function lookAt(box, view) {
  for (const b of together(box)) b.view = view;
  redraw();
}

const AXIS = {font: FONT, labelFont: FONT, gap: 3, stroke: () => css('--soft'), grid: {stroke: () => css('--edge'), width: 1}, ticks: {stroke: () => css('--line'), width: 1, size: 4},
  border: {show: true, stroke: () => css('--line'), width: 1}};
function axisOf(box, key, more) {
  const isLog = key === 'y' && box.shown.options.log, powerOf = u => isLog ? '' : axisTexts(u.scales[key].min, u.scales[key].max).power;
  const logText = v => v !== null && /^[125]0*$|^0\.0*[125]$/.test(String(+v.toPrecision(6))) ? numberText(v) : '';
  return {...AXIS, ...more, values: (u, splits) => splits.map(isLog ? logText : axisTexts(u.scales[key].min, u.scales[key].max).text),
    label: u => labelThatFits(u.ctx, box.shown.labels[key], powerOf(u), key === 'x' ? Infinity : u.bbox.height * 1.2)};
}

function lineOf(s) {
  const stroke = () => css(s.colour), paths = s.points ? () => null : s.steps ? uPlot.paths.bars({size: [1, Infinity]}) : uPlot.paths.linear();
  return {stroke, paths, points: {show: false}, alpha: s.thin ? 0.5 : 1, width: s.steps ? 0 : s.thin ? 1 : 1.5, fill: s.steps ? stroke : undefined};
}

// A cursor goes along x to the nearest points; dragging tells setSelect what to look at, twice clicking all.
function cursorOf(box) {
  const near = u => Math.max(30, 0.6 * u.over.clientWidth / u.data[0].length);   // pixels, else a series has nothing to say there
  return {y: false, points: {size: 6}, hover: {skip: [null, undefined], prox: near}, drag: {x: true, y: false, setScale: false}, bind: {dblclick: () => () => lookAt(box, null)},
    sync: {key: box.dataset.sync ?? box.id, setSeries: false, filters: {pub: type => type === 'mousemove'}}};
}

function hooksOf(box) {
  return {
    drawClear: [u => { u.ctx.fillStyle = css('--panel'); u.ctx.fillRect(0, 0, u.ctx.canvas.width, u.ctx.canvas.height); }],
    drawAxes: [u => box.shown.options.level !== undefined && box.shown.limits && inPlot(u, (g, X, Y, width) => drawLevel(g, box.shown.options.level, Y, width))],
    drawSeries: [(u, i) => inPlot(u, (g, X, Y, width, height) => drawMarks(g, box.shown.series[i - 1], X, Y, height))],
    draw: [u => inPlot(u, (g, X, Y, width, height) => box.shown.limits ? drawNames(g, box.shown.series, width) : sayInstead(g, width, height, box.shown.options.empty ?? 'nothing yet'), false)],
    setCursor: [u => { tellReadout(u, box); if (isLooked(box)) box.onpoint?.(u.cursor.left < 0 ? null : u.posToVal(u.cursor.left, 'x')); }],
    setSelect: [u => {
      const {left, width} = u.select;
      if (width > 8) lookAt(box, [u.posToVal(left, 'x'), u.posToVal(left + width, 'x')]);
      u.setSelect({width: 0, height: 0}, false);
    }],
  };
}

function chartOf(box, data) {
  const {series, options} = box.shown, top = () => box.shown.series.some(s => s.name) ? 22 : 10, rangeOf = key => () => box.shown.limits?.[key] ?? [null, null];
  const u = new uPlot({width: box.clientWidth, height: box.clientHeight, padding: [top, 12, 0, 0], legend: {show: false}, cursor: cursorOf(box), hooks: hooksOf(box),
    scales: {x: {time: false, range: rangeOf('x')}, y: {distr: options.log ? 3 : 1, range: rangeOf('y')}},
    axes: [axisOf(box, 'x', {size: 22, labelSize: 16, space: 70}), axisOf(box, 'y', {size: 46, labelSize: 16, space: (_, k, lo, hi, height) => Math.max(30, height / 8)})],
    series: [{}, ...series.map(lineOf)]}, data, box);
  u.over.append(box.readout = Object.assign(document.createElement('div'), {className: 'readout', hidden: true}));
  setUpTouch(u.over);
  return u;
}

// series: {x, y, error, colour, name, shape, points, thin, steps, id}, id: of the numbers; options: {log, free, within, level, empty, xUnit}.
function drawCurves(box, series, xLabel, yLabel, options = {}) {
  if (box.clientWidth === 0 || isAsDrawn(box, ...series.flatMap(s => [s.id, s.name, s.colour]), box.view, xLabel, yLabel, options.empty, options.xUnit)) return;
  const {data, from} = aligned(series, options.log), kind = JSON.stringify([look.dark, options.log, series.map(s => [s.colour, s.thin, s.steps, s.points])]);
  box.shown = {series, from, options, labels: {x: xLabel, y: yLabel}, limits: limits(series, box.view, options) ?? limits(series, null, options)};
  if (box.kind === kind) {
    if (box.chart.width !== box.clientWidth || box.chart.height !== box.clientHeight) box.chart.setSize({width: box.clientWidth, height: box.clientHeight});
    box.chart.setData(data);
    return;
  }
  box.kind = kind;
  box.chart?.destroy();
  box.chart = chartOf(box, data);
}

// The cursor of a box, and of those beside it, at x; null: nowhere. Not where somebody points.
function pointAt(box, x) {
  const u = box.chart, left = x === null || !u ? -10 : u.valToPos(x, 'x');
  if (u && !isLooked(box) && left !== u.cursor.left) u.setCursor({left, top: left < 0 ? -10 : 1}, true, false);
}

// uPlot knows mice: a finger is told to it as one. What moves up or down scrolls the page (touch-action).
function setUpTouch(over) {
  const kinds = {pointerdown: ['mousemove', 'mousedown'], pointermove: ['mousemove'], pointerup: ['mouseup'], pointercancel: ['mouseup']};
  for (const [pointer, mouse] of Object.entries(kinds))
    over.addEventListener(pointer, e => {
      if (e.pointerType === 'mouse') return;
      if (pointer === 'pointerdown') e.preventDefault();
      for (const type of mouse) over.dispatchEvent(new MouseEvent(type, {bubbles: true, clientX: e.clientX, clientY: e.clientY, movementX: 1}));
    });
}

// Arrows go from point to point, + and - zoom, 0 shows all, escape lets go.
function setUpCurve(box) {
  for (const leaving of ['pointerleave', 'blur']) box.addEventListener(leaving, () => box.onpoint?.(null));
  box.addEventListener('keydown', e => {
    const u = box.chart, step = {ArrowLeft: -1, ArrowRight: 1}[e.key], x = u?.data[0] ?? [], zoom = {'+': 0.4, '-': 0.625}[e.key];
    if (x.length === 0) return;
    const middle = (u.scales.x.min + u.scales.x.max) / 2, here = u.cursor.left >= 0 ? u.posToVal(u.cursor.left, 'x') : middle, half = (u.scales.x.max - u.scales.x.min) * zoom;
    if (step) {
      const next = Math.max(0, Math.min(x.length - 1, u.valToIdx(here) + step));
      u.setCursor({left: u.valToPos(x[next], 'x'), top: 1}, true, true);
      e.preventDefault();
    } else if (zoom) lookAt(box, [here - half, here + half]);
    else if (e.key === '0') lookAt(box, null);
    else if (e.key === 'Escape') u.setCursor({left: -10, top: -10}, true, true);
  });
}
