// The array: a cell for each pixel that is told of, coloured by a value that its state has; a click or arrows open one.
const array = {chosen: null, columns: 1, list: []};
const NO_VALUES = new Set(['v', 'seq', 'scan', 'point', 'n_points', 'final_points', 'loss_fraction', 'pixel', 'channel', 'row', 'column']);

const EVERYWHERE = new Set(['arrays', 'axes', 'signal', 'boot', 'run', 'snap', 'v', 'topic', 'kind', 'accum', 'seq', 'scan', 'point', 't_ns', 'start_ns', 'sample', 'label', 'n_points', 'final_points', 'state', 'loss_fraction']);

function pixelStates() {
  return [...model.other].filter(([t]) => t.startsWith('pixel/')).map(([t, s]) => ({n: +t.split('/')[1], header: s.header})).sort((a, b) => a.n - b.n);
}

function pixelValue(p, key) {
  const v = p.header[key];
  return key === 'verdict' ? (String(v ?? '').startsWith('good') ? 1 : 0) : typeof v === 'number' ? v : NaN;
}

function drawArray() {
  const list = array.list = pixelStates(), {g, w, h} = prepare(document.getElementById('array')), select = document.getElementById('pixelKey');
  const keys = [...new Set(list.flatMap(p => Object.keys(p.header).filter(k => k === 'verdict' || (typeof p.header[k] === 'number' && !NO_VALUES.has(k)))))].sort();
  const first = select.value === '';
  fill(select, keys.map(k => [k, k.replace(/_/g, ' ')]));
  if (first && keys.length)
    select.value = keys.find(k => k.startsWith('rate')) ?? keys.find(k => k === 'verdict') ?? keys[0];
  if (list.length === 0) {
    g.fillStyle = css('--soft'); g.textAlign = 'center';
    g.fillText('no pixel states', w / 2, h / 2);
    return;
  }
  const columns = array.columns = Math.max(1, Math.ceil(Math.sqrt(list.length * w / h))), rows = Math.ceil(list.length / columns), size = Math.min(w / columns, (h - 20) / rows), key = select.value;
  const values = list.map(p => pixelValue(p, key)), finite = values.filter(isFinite).sort((a, b) => a - b);
  const lo = key === 'verdict' ? 0 : finite[Math.floor(finite.length * 0.02)] ?? 0, hi = key === 'verdict' ? 1 : finite[Math.ceil(finite.length * 0.98) - 1] ?? 1;
  array.size = size;
  list.forEach((p, k) => {
    const x = k % columns * size, y = Math.floor(k / columns) * size, f = (values[k] - lo) / (hi - lo || 1), rgb = PALETTE[Math.round(255 * Math.max(0, Math.min(1, f)))];
    g.fillStyle = isFinite(values[k]) ? `rgb(${rgb & 255} ${rgb >> 8 & 255} ${rgb >> 16 & 255})` : css('--line');
    g.fillRect(x + 0.5, y + 0.5, size - 1, size - 1);
    if (p.header.verdict !== undefined && !String(p.header.verdict).startsWith('good')) {   // seen without colour, too
      g.strokeStyle = css('--bad'); g.beginPath(); g.moveTo(x + 2, y + 2); g.lineTo(x + size - 2, y + size - 2); g.stroke();
    }
    if (p.n === array.chosen) {
      g.strokeStyle = css('--ink'); g.lineWidth = 2; g.strokeRect(x + 1, y + 1, size - 2, size - 2); g.lineWidth = 1;
    }
  });
  g.fillStyle = css('--soft'); g.textAlign = 'left';
  g.fillText(key === 'verdict' ? 'bright: good' : `${numberText(lo)} (dark) to ${numberText(hi)} (bright)`, 2, h - 5);
  showPixel();
}

function showPixel() {
  const p = array.list.find(x => x.n === array.chosen);
  document.getElementById('pixel').textContent = p ? Object.entries(p.header).filter(([k]) => !EVERYWHERE.has(k))
    .map(([k, v]) => `${k.replace(/_/g, ' ')}: ${typeof v === 'object' ? JSON.stringify(v) : v}`).join('\n') : array.list.length ? 'choose a pixel' : 'no pixel states yet';
}

function setUpArray(canvas) {
  const choose = k => {
    array.chosen = array.list[Math.max(0, Math.min(array.list.length - 1, k))]?.n ?? null;
    redraw();
  };
  canvas.addEventListener('click', e => {
    const r = canvas.getBoundingClientRect();
    choose(Math.floor((e.clientY - r.top) / array.size) * array.columns + Math.floor((e.clientX - r.left) / array.size));
  });
  canvas.addEventListener('keydown', e => {
    const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -array.columns, ArrowDown: array.columns}[e.key];
    if (!step) return;
    e.preventDefault();
    choose(array.list.findIndex(p => p.n === array.chosen) + step);
  });
}
