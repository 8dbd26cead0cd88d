// What canvases of our own need, maps, their cuts and the array: colours of the page, frames, ticks and their texts. Curves are uPlot's (curve.js); the cuts beside
// a map are not, for they share its axes to the pixel and its picture when it is saved.
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

// How numbers between two are written: {text: v => ..., power: '' | '10⁻³'}, what they all have in common.
function axisTexts(lo, hi) {
  const p = Math.floor(Math.log10(Math.max(Math.abs(lo), Math.abs(hi)) || 1)), shift = p > 4 || p < -2 ? p : 0;
  return {text: v => String(+(v / 10 ** shift).toPrecision(6)), power: shift ? powerText(shift) : ''};
}

// "yield (1/s)" with 10⁻³: "yield (10⁻³/s)". What stands at a tick times the unit is the value.
const inUnits = (label, power) => !power ? label : / \(/.test(label) ? label.replace(/ \((1(?=\/))?/, (_, one) => ` (${power}${one ? '' : ' '}`) : `${label} (${power})`;

// The same, without its units where there is no room for them.
function labelThatFits(g, label, power, room) {
  const whole = inUnits(label, power);
  return g.measureText(whole).width < room ? whole : `${label.split(' (')[0]}${power ? ` (${power})` : ''}`;
}

// An axis frame. labels: {x, y}; '' or undefined leaves an axis without numbers, for it shares those of its neighbour.
function frame(g, box, xs, ys, labels) {
  const [x0, x1] = xs, [y0, y1] = ys, X = v => box.l + (v - x0) / (x1 - x0 || 1) * (box.r - box.l), Y = v => box.b - (v - y0) / (y1 - y0 || 1) * (box.b - box.t);
  const tx = axisTexts(x0, x1), ty = axisTexts(y0, y1);
  g.strokeStyle = css('--line');
  g.fillStyle = css('--soft');
  g.textAlign = 'center';
  for (const t of ticks(x0, x1, Math.max(3, (box.r - box.l) / 80))) {
    g.beginPath(); g.moveTo(X(t), box.b); g.lineTo(X(t), box.b + 4); g.stroke();
    if (labels.x) g.fillText(tx.text(t), X(t), box.b + 16);
  }
  g.textAlign = 'right';
  for (const t of ticks(y0, y1, Math.max(2, (box.b - box.t) / 34))) {
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
    g.fillText(labelThatFits(g, labels.y, ty.power, box.b - box.t + 24), 0, 0);
    g.restore();
  }
  return {X, Y};
}

function clip(g, box) {
  g.save();
  g.beginPath(); g.rect(box.l, box.t, box.r - box.l, box.b - box.t); g.clip();
}
