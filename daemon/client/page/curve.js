// Curves with error bars on a canvas: frames, ticks, a readout under the pointer, zoom by dragging along x (twice clicked: all).
// Colours of the page's style, looked up once in each drawing (lookAnew).
const look = {dark: false, known: new Map()};
function lookAnew() {
  look.dark = isDark();
  look.known.clear();
}

function css(name) {
  if (!look.known.has(name)) look.known.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return look.known.get(name);
}

// A canvas is drawn anew only when what it shows has changed, its size or the light: true, and nothing is to be done. States come ten times a second, maps once.
function isAsDrawn(canvas, ...shows) {
  const now = [...shows, canvas.clientWidth, canvas.clientHeight, window.devicePixelRatio, look.dark].join('|');
  if (canvas.shows === now) return true;
  canvas.shows = now;
  return false;
}

function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  const g = canvas.getContext('2d');
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.fillStyle = css('--panel');
  g.fillRect(0, 0, w, h);
  g.font = '12px system-ui, sans-serif';
  g.lineWidth = 1;
  return {g, w, h};
}

function sayInstead(g, w, h, text) {
  g.fillStyle = css('--soft');
  g.textAlign = 'center';
  text.split('\n').forEach((line, k) => g.fillText(line, w / 2, h / 2 + 16 * k));
}

function ticks(lo, hi, most) {
  const raw = (hi - lo) / most || 1, power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].find(s => s * power >= raw * 0.999) * power, out = [];
  for (let t = Math.ceil(lo / step - 1e-9) * step; t <= hi + step * 1e-9; t += step)
    out.push(Math.abs(t) < step * 1e-9 ? 0 : t);
  return out;
}
const numberText = v => Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(2).replace(/\.?0+e/, 'e') : String(+v.toPrecision(5));
const SUPER = '⁰¹²³⁴⁵⁶⁷⁸⁹';
const powerText = p => `10${p < 0 ? '⁻' : ''}${[...String(Math.abs(p))].map(c => SUPER[+c]).join('')}`;

// Ticks of an axis with the power of ten that all have in common: {at: [...], text: v => ..., power: '' | '10⁻³'}.
function axisTicks(lo, hi, most, log) {
  if (log) {
    const at = [];
    if (hi - lo < 1.3) {   // hardly a decade: also its parts
      for (let p = Math.floor(lo); p <= hi; p++)
        for (const f of [1, 2, 5]) if (p + Math.log10(f) >= lo && p + Math.log10(f) <= hi) at.push(p + Math.log10(f));
      return {at, text: p => numberText(+(10 ** p).toPrecision(1)), power: ''};
    }
    for (let p = Math.ceil(lo - 1e-9), step = Math.max(1, Math.ceil((hi - lo) / most)); p <= hi + 1e-9; p += step) at.push(p);
    return {at, text: powerText, power: ''};
  }
  const at = ticks(lo, hi, most), size = Math.max(Math.abs(lo), Math.abs(hi)), p = Math.floor(Math.log10(size || 1)), shift = p > 4 || p < -2 ? p : 0;
  return {at, text: v => String(+(v / 10 ** shift).toPrecision(5)), power: shift ? powerText(shift) : ''};
}

// "yield (1/s)" with 10⁻³: "yield (10⁻³/s)". What stands at a tick times the unit is the value.
const inUnits = (label, power) => !power ? label : / \(/.test(label) ? label.replace(/ \((1(?=\/))?/, (_, one) => ` (${power}${one ? '' : ' '}`) : `${label} (${power})`;

// An axis frame. labels: {x, y}; '' or undefined leaves an axis without numbers, for it shares those of its neighbour.
function frame(g, box, xs, ys, labels, logs = {}) {
  const [x0, x1] = xs, [y0, y1] = ys, X = v => box.l + (v - x0) / (x1 - x0 || 1) * (box.r - box.l), Y = v => box.b - (v - y0) / (y1 - y0 || 1) * (box.b - box.t);
  const tx = axisTicks(x0, x1, Math.max(3, (box.r - box.l) / 80), logs.x), ty = axisTicks(y0, y1, Math.max(2, (box.b - box.t) / 34), logs.y);
  g.strokeStyle = css('--line');
  g.fillStyle = css('--soft');
  g.textAlign = 'center';
  for (const t of tx.at) {
    g.beginPath(); g.moveTo(X(t), box.b); g.lineTo(X(t), box.b + 4); g.stroke();
    if (labels.x) g.fillText(tx.text(t), X(t), box.b + 16);
  }
  g.textAlign = 'right';
  for (const t of ty.at) {
    g.beginPath(); g.moveTo(box.l - 4, Y(t)); g.lineTo(box.l, Y(t)); g.stroke();
    if (labels.y) g.fillText(ty.text(t), box.l - 7, Y(t) + 4);
  }
  g.strokeRect(box.l, box.t, box.r - box.l, box.b - box.t);
  g.textAlign = 'center';
  if (labels.x) g.fillText(inUnits(labels.x, tx.power), (box.l + box.r) / 2, box.b + 32);
  if (labels.y) {
    g.save();
    g.translate(box.l - 48, (box.t + box.b) / 2);
    g.rotate(-Math.PI / 2);
    const fits = g.measureText(inUnits(labels.y, ty.power)).width < box.b - box.t + 24;
    g.fillText(fits ? inUnits(labels.y, ty.power) : `${labels.y.split(' (')[0]}${ty.power ? ` (${ty.power})` : ''}`, 0, 0);
    g.restore();
  }
  return {X, Y};
}

function clip(g, box) {
  g.save();
  g.beginPath(); g.rect(box.l, box.t, box.r - box.l, box.b - box.t); g.clip();
}

const SHAPES = {   // told apart without colour
  dot: (g, x, y) => { g.beginPath(); g.arc(x, y, 2.4, 0, 7); g.fill(); },
  square: (g, x, y) => g.fillRect(x - 2.2, y - 2.2, 4.4, 4.4),
  open: (g, x, y) => { g.beginPath(); g.arc(x, y, 2.8, 0, 7); g.stroke(); },
};

function drawSeries(g, s, X, Y, logY) {
  const low = v => logY ? Math.log10(v) : v;
  g.strokeStyle = g.fillStyle = css(s.colour); g.globalAlpha = s.thin ? 0.5 : 1;
  if (!s.points) {
    g.lineWidth = s.thin ? 1 : 1.5; g.beginPath();
    let pen = false;
    for (let k = 0; k < s.x.length; k++) {
      const y = low(s.y[k]);
      if (!isFinite(y)) { pen = false; continue; }
      if (s.steps && pen) g.lineTo(X((s.x[k] + s.x[k - 1]) / 2), Y(low(s.y[k - 1]))), g.lineTo(X((s.x[k] + s.x[k - 1]) / 2), Y(y));
      g[pen ? 'lineTo' : 'moveTo'](X(s.x[k]), Y(y));
      pen = true;
    }
    g.stroke(); g.lineWidth = 1;
  }
  const shape = s.shape && SHAPES[s.shape];
  for (let k = 0; (s.error || shape) && !s.thin && k < s.x.length; k++) {
    const y = low(s.y[k]), e = s.error?.[k];
    if (!isFinite(y)) continue;
    if (e > 0) { g.beginPath(); g.moveTo(X(s.x[k]), Y(low(s.y[k] - e))); g.lineTo(X(s.x[k]), Y(low(s.y[k] + e))); g.stroke(); }
    if (shape && s.x.length < 500) shape(g, X(s.x[k]), Y(y));
  }
  g.globalAlpha = 1;
}

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
  const pad = x1 > x0 ? (x1 - x0) * 0.015 : 0.5, height = y1 > y0 ? y1 - y0 : Math.abs(y1) || 1;
  return {x: view ?? [x0 - pad, x1 + pad], y: [options.free || options.log ? y0 - 0.06 * height : y0, (y1 > -Infinity ? y1 : 1) + 0.08 * height]};
}

function drawLegend(g, box, series) {
  let x = box.l + 2;
  g.textAlign = 'left';
  for (const s of series.filter(s => s.name)) {
    const width = g.measureText(s.name).width;
    if (x + width + 16 > box.r) return;
    g.fillStyle = g.strokeStyle = css(s.colour);
    if (s.shape) SHAPES[s.shape](g, x + 4, box.t - 9); else { g.beginPath(); g.moveTo(x, box.t - 9); g.lineTo(x + 9, box.t - 9); g.stroke(); }
    g.fillText(s.name, x + 13, box.t - 5);
    x += width + 28;
  }
}

// What lies nearest to the pointer, said beside it.
function drawReadout(g, box, series, at, X, Y, options) {
  const s = series.find(s => !s.thin && s.x.length) ?? series[0];
  let best = -1;
  for (let k = 0; k < s.x.length; k++)
    if (isFinite(s.y[k]) && (best < 0 || Math.abs(X(s.x[k]) - at[0]) < Math.abs(X(s.x[best]) - at[0]))) best = k;
  if (best < 0) return;
  const x = X(s.x[best]);
  g.strokeStyle = css('--soft'); g.setLineDash([2, 3]); g.beginPath(); g.moveTo(x, box.t); g.lineTo(x, box.b); g.stroke(); g.setLineDash([]);
  const e = s.error?.[best], text = `${numberText(s.x[best])}${options.xUnit ? ` ${options.xUnit}` : ''}: ${numberText(s.y[best])}${e > 0 ? ` ± ${numberText(+e.toPrecision(2))}` : ''}`, width = g.measureText(text).width;
  const left = x + width + 12 > box.r ? x - width - 8 : x + 8;
  g.fillStyle = css('--panel'); g.globalAlpha = 0.85; g.fillRect(left - 3, box.t + 2, width + 6, 17); g.globalAlpha = 1;
  g.fillStyle = css('--ink'); g.textAlign = 'left'; g.fillText(text, left, box.t + 14);
}

// series: {x, y, error, colour, name, shape, points, thin, steps, id}, id: of the numbers; options: {log, free, within, marks, level, empty, xUnit}.
function drawCurves(canvas, series, xLabel, yLabel, options = {}) {
  if (isAsDrawn(canvas, ...series.flatMap(s => [s.id, s.name, s.colour]), canvas.view, canvas.drag, canvas.at, xLabel, yLabel, options.empty, options.xUnit)) return;
  const {g, w, h} = prepare(canvas), box = {l: 62, r: w - 12, t: series.some(s => s.name) ? 22 : 10, b: h - 38}, lim = limits(series, canvas.view, options) ?? limits(series, null, options);
  canvas.box = null;
  if (!lim || h < 70) {
    sayInstead(g, w, h, options.empty ?? 'nothing yet');
    return;
  }
  const {X, Y} = frame(g, box, lim.x, lim.y, {x: xLabel, y: yLabel}, {y: options.log});
  canvas.box = box; canvas.limits = lim.x;
  clip(g, box);
  g.setLineDash([4, 4]);
  g.strokeStyle = css('--soft');
  for (const m of options.marks ?? []) { g.beginPath(); g.moveTo(X(m), box.t); g.lineTo(X(m), box.b); g.stroke(); }
  if (options.level !== undefined) { g.beginPath(); g.moveTo(box.l, Y(options.level)); g.lineTo(box.r, Y(options.level)); g.stroke(); }
  g.setLineDash([]);
  for (const s of series) drawSeries(g, s, X, Y, options.log);
  if (canvas.drag) {
    g.fillStyle = css('--a'); g.globalAlpha = 0.15;
    g.fillRect(canvas.drag[0], box.t, canvas.drag[1] - canvas.drag[0], box.b - box.t); g.globalAlpha = 1;
  }
  if (canvas.at && !canvas.drag) drawReadout(g, box, series, canvas.at, X, Y, options);
  g.restore();
  drawLegend(g, box, series);
}

function setUpCurve(canvas) {
  const place = e => [e.clientX - canvas.getBoundingClientRect().left, e.clientY - canvas.getBoundingClientRect().top];
  const value = px => canvas.limits[0] + (px - canvas.box.l) / (canvas.box.r - canvas.box.l) * (canvas.limits[1] - canvas.limits[0]);
  const lookAt = v => { for (const c of [canvas, canvas.partner]) if (c) c.view = v; };   // partners share their x axis
  canvas.addEventListener('pointermove', e => {
    canvas.at = place(e);
    if (canvas.drag) canvas.drag[1] = canvas.at[0];
    redraw();
  });
  canvas.addEventListener('pointerleave', () => { canvas.at = null; redraw(); });
  canvas.addEventListener('pointerdown', e => {
    if (!canvas.box || e.button > 0) return;
    canvas.setPointerCapture(e.pointerId);
    canvas.drag = [place(e)[0], place(e)[0]];
  });
  const end = () => {
    const d = canvas.drag;
    canvas.drag = null;
    if (d && canvas.box && Math.abs(d[1] - d[0]) > 8) lookAt([value(Math.min(...d)), value(Math.max(...d))]);
    redraw();
  };
  canvas.addEventListener('pointerup', end);
  canvas.addEventListener('pointercancel', () => { canvas.drag = null; redraw(); });
  canvas.addEventListener('dblclick', () => { lookAt(null); redraw(); });
}
