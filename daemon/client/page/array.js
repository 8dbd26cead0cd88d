// The array: a cell for each pixel where it sits, coloured by a value that its state has; a click or arrows open one.
const array = {chosen: null, list: [], places: [], box: null, id: -1};
const PIXEL_KEYS = [['rate_per_s', 'rate (1/s)'], ['resolution_eV', 'resolution (eV)'], ['verdict', 'verdict'], ['drift', 'drift of the baseline (counts)'], ['baseline_counts', 'baseline (counts)'],
  ['residual', 'residual (counts rms)'], ['photons', 'photons'], ['records', 'records'], ['lost', 'records lost'], ['sensitivity', 'sensitivity'], ['live_time_s', 'live time (s)']];

// Where the baseline was when each pixel was heard of first: what it drifted by since.
const firstBaseline = new Map();

function pixelStates() {
  if (array.id === model.pixels) return array.list;
  array.id = model.pixels;
  array.list = [...model.other].filter(([t]) => t.startsWith('pixel/')).map(([t, s]) => ({n: +t.split('/')[1], header: s.header})).sort((a, b) => a.n - b.n);
  for (const p of array.list) {
    const b = p.header.baseline_counts;
    if (typeof b !== 'number') continue;
    if (!firstBaseline.has(p.n)) firstBaseline.set(p.n, b);
    p.drift = b - firstBaseline.get(p.n);
  }
  array.places = placesOf(array.list);
  return array.list;
}

// Rows and columns from the layout, or from the states; else a square in order of channels.
function placesOf(list) {
  const l = model.other.get('layout/')?.header, where = new Map(l?.channels.map((c, k) => [c, [l.columns[k], l.rows[k]]]) ?? []);
  const known = list.map(p => where.get(p.header.channel) ?? (Number.isInteger(p.header.row) && Number.isInteger(p.header.column) ? [p.header.column, p.header.row] : null));
  array.known = list.length > 0 && known.some(Boolean);
  if (!array.known) {
    const n = Math.ceil(Math.sqrt(list.length * 1.1));
    return list.map((_, k) => [k % n, Math.floor(k / n)]);
  }
  const below = 1 + Math.max(...known.filter(Boolean).map(p => p[1])), width = 1 + Math.max(...known.filter(Boolean).map(p => p[0]));
  let k = 0;
  return known.map(p => p ?? [k % width, below + 1 + Math.floor(k++ / width)]);   // those without a place are below
}

const isGood = p => String(p.header.verdict ?? '').startsWith('good');
function pixelValue(p, key) {
  const v = key === 'drift' ? p.drift : p.header[key];
  return key === 'verdict' ? (isGood(p) ? 1 : 0) : typeof v === 'number' ? v : NaN;
}

function drawArray() {
  const list = pixelStates(), keys = PIXEL_KEYS.filter(([k]) => k === 'verdict' ? list.some(p => p.header.verdict) : list.some(p => isFinite(pixelValue(p, k))));
  const had = at('pixelKey').value;
  fill(at('pixelKey'), keys);
  if (!had && keys.length) at('pixelKey').value = keys[0][0];
  if (isAsDrawn(at('array'), array.id, at('pixelKey').value, array.chosen)) return;
  const {g, w, h} = prepare(at('array'));
  array.box = null;
  if (list.length === 0) {
    sayInstead(g, w, h, 'no pixel has been told of yet');
    return;
  }
  const key = at('pixelKey').value, columns = 1 + Math.max(...array.places.map(p => p[0])), rows = 1 + Math.max(...array.places.map(p => p[1])), margin = array.known ? 34 : 8;
  const size = Math.max(3, Math.min((w - margin - 8) / columns, (h - margin - 44) / rows)), left = margin + (w - margin - 8 - columns * size) / 2, top = (array.known ? 22 : 8) + Math.max(0, (h - 44 - (array.known ? 22 : 8) - rows * size) / 2);
  const values = list.map(p => pixelValue(p, key)), finite = values.filter(isFinite).sort((a, b) => a - b), drift = key === 'drift';
  let lo = finite[Math.floor(finite.length * 0.02)] ?? 0, hi = finite[Math.ceil(finite.length * 0.98) - 1] ?? 1;
  if (key === 'verdict') { lo = 0; hi = 1; }
  if (drift) { hi = Math.max(Math.abs(lo), Math.abs(hi), 1e-9); lo = -hi; }
  if (key === 'rate_per_s') lo = 0;
  const colours = drift ? DIFFERENCE[look.dark ? 'dark' : 'light'] : PALETTE, gap = size > 8 ? 1 : 0.3;
  array.box = {left, top, size, columns, rows};
  list.forEach((p, k) => {
    const [c, r] = array.places[k], x = left + c * size, y = top + r * size, f = (values[k] - lo) / (hi - lo || 1);
    g.fillStyle = isFinite(values[k]) ? cssColour(colours[Math.round(255 * Math.max(0, Math.min(1, f)))]) : css('--line');
    g.fillRect(x + gap / 2, y + gap / 2, size - gap, size - gap);
    if (p.header.verdict !== undefined && !isGood(p)) {   // seen without colour, too
      g.strokeStyle = css('--panel'); g.lineWidth = 3; g.beginPath(); g.moveTo(x + 2, y + 2); g.lineTo(x + size - 2, y + size - 2); g.stroke();
      g.strokeStyle = css('--bad'); g.lineWidth = 1.5; g.beginPath(); g.moveTo(x + 2, y + 2); g.lineTo(x + size - 2, y + size - 2); g.stroke();
    }
    if (p.n === array.chosen) { g.strokeStyle = css('--ink'); g.lineWidth = 2.5; g.strokeRect(x, y, size, size); }
    g.lineWidth = 1;
  });
  g.fillStyle = css('--soft'); g.textAlign = 'center';
  for (let c = 0, step = Math.ceil(22 / size); array.known && c < columns; c += step) g.fillText(String(c), left + (c + 0.5) * size, top - 5);
  g.textAlign = 'right';
  for (let r = 0, step = Math.ceil(14 / size); array.known && r < rows; r += step) g.fillText(String(r), left - 5, top + (r + 0.5) * size + 4);
  const bar = {l: Math.max(8, w / 2 - 110), r: Math.min(w - 8, w / 2 + 110), t: h - 26, b: h - 16};
  if (key === 'verdict') { g.textAlign = 'center'; g.fillText(`${list.filter(isGood).length} of ${list.length} good; the others are struck through`, w / 2, h - 12); }
  else drawScale(g, bar, lo, hi, colours);
  at('arrayText').textContent = `${list.length} pixels, ${list.filter(isGood).length} good${array.known ? '; rows and columns as in the layout' : '; in order of channels: tesd web --layout FILE says where they sit'}`;
}

function drawScale(g, box, lo, hi, colours) {
  const w = box.r - box.l;
  for (let i = 0; i < w; i++) { g.fillStyle = cssColour(colours[Math.round(255 * i / (w - 1))]); g.fillRect(box.l + i, box.t, 1, box.b - box.t); }
  g.strokeStyle = css('--line'); g.strokeRect(box.l, box.t, w, box.b - box.t);
  g.fillStyle = css('--soft');
  for (const f of [0, 0.5, 1]) { g.textAlign = f === 0 ? 'left' : f === 1 ? 'right' : 'center'; g.fillText(numberText(+(lo + f * (hi - lo)).toPrecision(3)), box.l + f * w, box.b + 13); }
}

// ---- one pixel ----

const detail = () => array.chosen === null ? null : model.other.get(`detail/${array.chosen}/`) ?? null;
const FACTS = [['name', 'name'], ['channel', 'channel'], ['verdict', 'verdict'], ['reason', ''], ['rate_per_s', 'rate', '/s'], ['resolution_eV', 'resolution', ' eV'], ['baseline_counts', 'baseline', ' counts'],
  ['residual', 'residual', ' counts rms'], ['records', 'records'], ['photons', 'photons'], ['lost', 'lost'], ['sensitivity', 'sensitivity'], ['live_time_s', 'live time', ' s']];

function pixelSeries(what) {
  const d = detail(), a = d?.arrays, v = name => a[name].values;
  if (!a) return [];
  if (what === 'spectrum' && a.counts) {
    const n = v('counts').length;
    let lo = 0, hi = n - 1;
    while (lo < hi && !v('counts')[lo]) lo++;
    while (hi > lo && !v('counts')[hi]) hi--;
    lo = Math.max(0, lo - 4); hi = Math.min(n - 1, hi + 4);
    return [{id: d.id, x: v('energy').slice(lo, hi + 1), y: v('counts').slice(lo, hi + 1), colour: '--a', steps: true}];
  }
  if (what === 'curve' && a.curve_gain)
    return [{id: d.id, x: v('curve_energy'), y: v('curve_gain'), colour: '--a', name: 'curve'}, {x: v('anchor_energy'), y: v('anchor_gain'), error: v('anchor_gain_errors'), colour: '--b', shape: 'dot', points: true, name: 'lines'}];
  if (what === 'pulse' && a.pulse) {
    const dt = d.header.sample_period_s * 1e3, pre = d.header.n_presamples;
    return [{id: d.id, x: Float64Array.from(v('pulse'), (_, k) => (k - pre) * dt), y: v('pulse'), colour: '--a'}];
  }
  if (what === 'noise' && a.noise_psd) {
    const n = v('noise_psd').length, top = 0.5 / d.header.sample_period_s * 1e-3;
    return [{id: d.id, x: Float64Array.from(v('noise_psd'), (_, k) => k * top / (n - 1)), y: Float64Array.from(v('noise_psd'), Math.sqrt), colour: '--a', name: d.header.noise_is_white ? 'taken for white: no noise records' : ''}];
  }
  return [];
}

// Of all pixels, while none is open: how the value that colours them is spread.
function spreadSeries() {
  const key = at('pixelKey').value, values = pixelStates().map(p => pixelValue(p, key)).filter(isFinite).sort((a, b) => a - b);
  if (values.length < 2 || key === 'verdict') return [];
  const lo = values[0], hi = values[values.length - 1], n = Math.max(8, Math.min(40, Math.ceil(2 * Math.sqrt(values.length)))), step = (hi - lo || Math.abs(hi) || 1) / n, count = new Float64Array(n + 2);
  for (const v of values) count[1 + Math.min(n - 1, Math.floor((v - lo) / step))]++;
  return [{id: `${array.id} ${key}`, x: Float64Array.from(count, (_, k) => lo + (k - 0.5) * step), y: count, colour: '--a', steps: true, name: `${values.length} pixels, middle ${numberText(+values[values.length >> 1].toPrecision(4))}`}];
}

function drawPixel() {
  at('spreadBox').hidden = array.chosen !== null;
  at('four').hidden = array.chosen === null;
  if (array.chosen === null) drawCurves(at('spread'), spreadSeries(), PIXEL_KEYS.find(([k]) => k === at('pixelKey').value)?.[1] ?? '', 'pixels', {empty: array.list.length ? 'choose a value that has a size, or a pixel' : ''});
  const p = array.list.find(x => x.n === array.chosen), d = detail(), none = !p ? 'choose a pixel' : d ? null : 'on its way';
  at('pixelName').textContent = p ? `Pixel ${p.n}${p.header.name ? `, ${p.header.name}` : ''}` : 'Pixel';
  at('pixel').textContent = p ? FACTS.filter(([k]) => p.header[k] !== undefined && p.header[k] !== null && p.header[k] !== '').map(([k, text, unit]) => `${text}${text ? ' ' : ''}${typeof p.header[k] === 'number' ? numberText(p.header[k]) : p.header[k]}${unit ?? ''}`)
    .join(' · ') : array.list.length ? 'click a pixel, or move with the arrows; this is all of them' : '';
  drawCurves(at('pixelSpectrum'), pixelSeries('spectrum'), 'energy (eV)', 'photons', {empty: none ?? 'no spectrum is known', xUnit: 'eV'});
  drawCurves(at('pixelCurve'), pixelSeries('curve'), 'energy (eV)', 'height / energy', {free: true, empty: none ?? 'it has no curve', xUnit: 'eV'});
  drawCurves(at('pixelPulse'), pixelSeries('pulse'), 'time (ms)', 'average pulse', {empty: none ?? (isFile() ? 'the file has none (of OFF files there is none):\ntesd web --calibration CAL.h5' : 'it has no average pulse'), xUnit: 'ms'});
  drawCurves(at('pixelNoise'), pixelSeries('noise'), 'frequency (kHz)', 'noise (counts/√Hz)', {log: true, empty: none ?? (isFile() ? 'the file has none (of OFF files there is none):\ntesd web --calibration CAL.h5' : 'its noise is not known'), xUnit: 'kHz'});
}

function setUpArray(canvas) {
  const choose = n => { array.chosen = n ?? null; redraw(); };
  canvas.addEventListener('click', e => {
    const r = canvas.getBoundingClientRect(), b = array.box;
    if (!b) return;
    const c = Math.floor((e.clientX - r.left - b.left) / b.size), row = Math.floor((e.clientY - r.top - b.top) / b.size), k = array.places.findIndex(p => p[0] === c && p[1] === row);
    if (k >= 0) choose(array.list[k].n);
  });
  canvas.addEventListener('keydown', e => {
    const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[e.key], now = array.places[array.list.findIndex(p => p.n === array.chosen)];
    if (e.key === 'Escape') return choose(null);
    if (!step || array.list.length === 0) return;
    e.preventDefault();
    if (!now) return choose(array.list[0].n);
    // The nearest pixel that way: layouts have holes.
    let best = null, least = Infinity;
    array.places.forEach((p, k) => {
      const along = (p[0] - now[0]) * step[0] + (p[1] - now[1]) * step[1], beside = Math.abs((p[0] - now[0]) * step[1]) + Math.abs((p[1] - now[1]) * step[0]);
      if (along > 0 && along + 3 * beside < least) { least = along + 3 * beside; best = array.list[k].n; }
    });
    if (best !== null) choose(best);
  });
}
