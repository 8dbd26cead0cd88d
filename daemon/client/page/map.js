// The map: incident energy upwards, emission or loss to the right; zoom, cursor, windows that can be dragged.
const VIRIDIS = '440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d2f6b8e2c728e297a8e26828e23898e21918c1f988b1fa08822a78528ae8032b67a3fbc734ec36b5ec96270cf5784d44b98d83eaddc30c2df23d8e219ece51bfde725';
const PALETTE = new Uint32Array(256).map((_, k) => {
  const n = VIRIDIS.length / 6 - 1, at = Math.min(k / 255 * n, n - 1e-9), i = Math.floor(at), f = at - i;
  const part = (i, c) => parseInt(VIRIDIS.substr(6 * i + 2 * c, 2), 16), mix = c => Math.round(part(i, c) + f * (part(i + 1, c) - part(i, c)));
  return (255 << 24 | mix(2) << 16 | mix(1) << 8 | mix(0)) >>> 0;
});
const SCALES = {'linear': f => f, 'square root': Math.sqrt, 'logarithm': f => Math.log1p(300 * f) / Math.log1p(300)};

const map = {view: null, cursor: null, drag: null, box: null, data: null};

// What is drawn: counts by point and bin, points in order of incident energy.
function mapData() {
  const topic = document.getElementById('axis').value, chosen = document.getElementById('which').value, s = stateOf(chosen === '' ? newestScan() : +chosen, topic);
  if (!s)
    return null;
  const energy = s.arrays.emission_energy ?? s.arrays.energy_loss, incident = s.arrays.incident_energy.values, order = [...incident.keys()].sort((a, b) => incident[a] - incident[b]);
  return {state: s, loss: !!s.arrays.energy_loss, x: energy.values, y: order.map(k => incident[k]), order, counts: s.arrays.counts.values, unit: s.arrays.incident_energy.units};
}

function edgesOf(y) {
  const n = y.length, e = new Float64Array(n + 1);
  for (let k = 1; k < n; k++)
    e[k] = (y[k - 1] + y[k]) / 2;
  e[0] = n > 1 ? y[0] - (y[1] - y[0]) / 2 : y[0] - 0.5;
  e[n] = n > 1 ? y[n - 1] + (y[n - 1] - y[n - 2]) / 2 : y[0] + 0.5;
  return e;
}

function wholeView(d) {
  const e = edgesOf(d.y), step = d.x[1] - d.x[0];
  let lo = d.x.length, hi = -1;
  for (let r = 0; r < d.y.length; r++)   // where there is something
    for (let k = 0; k < d.x.length; k++)
      if (d.counts[r * d.x.length + k] > 0) {
        lo = Math.min(lo, k);
        hi = Math.max(hi, k);
      }
  if (hi < lo) { lo = 0; hi = d.x.length - 1; }
  return [d.x[lo] - step, d.x[hi] + step, e[0], e[e.length - 1]];
}

const binOf = (d, x) => Math.max(0, Math.min(d.x.length - 1, Math.round((x - d.x[0]) / (d.x[1] - d.x[0]))));
function rowOf(d, y) {
  let best = 0;
  d.y.forEach((v, k) => { if (Math.abs(v - y) < Math.abs(d.y[best] - y)) best = k; });
  return best;
}

function paintCounts(g, d, box, view, scale) {
  const w = Math.max(1, Math.round(box.r - box.l)), h = Math.max(1, Math.round(box.b - box.t)), image = new ImageData(w, h), out = new Uint32Array(image.data.buffer);
  const step = d.x[1] - d.x[0], first = new Int32Array(w), last = new Int32Array(w), n = d.x.length, e = edgesOf(d.y), sums = new Float64Array(w);
  for (let i = 0; i < w; i++) {
    first[i] = Math.floor((view[0] + i / w * (view[1] - view[0]) - d.x[0]) / step + 0.5);
    last[i] = Math.max(first[i] + 1, Math.floor((view[0] + (i + 1) / w * (view[1] - view[0]) - d.x[0]) / step + 0.5));
  }
  const rows = new Int32Array(h).map((_, j) => {
    const y = view[3] - (j + 0.5) / h * (view[3] - view[2]);
    let r = -1;
    for (let k = 0; k < d.y.length; k++)
      if (y >= e[k] && y < e[k + 1]) r = k;
    return r;
  });
  let top = 1;
  const lines = new Map();
  for (const r of new Set(rows)) {
    if (r < 0) continue;
    const line = new Float64Array(w), base = d.order[r] * n;
    for (let i = 0; i < w; i++) {
      let sum = 0;
      for (let k = Math.max(0, first[i]); k < last[i] && k < n; k++)
        sum += d.counts[base + k];
      line[i] = sum;
      top = Math.max(top, sum);
    }
    lines.set(r, line);
  }
  for (let j = 0; j < h; j++) {
    const line = lines.get(rows[j]);
    for (let i = 0; i < w; i++)
      out[j * w + i] = line ? PALETTE[Math.round(255 * scale(line[i] / top))] : 0;
  }
  const off = paintCounts.canvas ??= document.createElement('canvas');
  off.width = w; off.height = h;
  off.getContext('2d').putImageData(image, 0, 0);
  g.drawImage(off, box.l, box.t, box.r - box.l, box.b - box.t);
  return top;
}

function drawMap() {
  const canvas = document.getElementById('map'), {g, w, h} = prepare(canvas), d = map.data = mapData();
  if (!d || d.y.length === 0) {
    g.fillStyle = css('--soft'); g.textAlign = 'center';
    g.fillText('no map yet', w / 2, h / 2);
    return;
  }
  const box = map.box = {l: 62, r: w - 20, t: 8, b: h - 38}, view = map.now = map.view ?? wholeView(d);
  const top = paintCounts(g, d, box, view, SCALES[document.getElementById('scale').value]);
  const {X, Y} = frame(g, box, view, view.slice(2), d.loss ? 'energy loss (eV)' : 'emission energy (eV)', d.unit === 'eV' ? 'incident energy (eV)' : 'point');
  map.X = X; map.Y = Y;
  g.save(); g.beginPath(); g.rect(box.l, box.t, box.r - box.l, box.b - box.t); g.clip();
  if (d.unit === 'eV') {   // the elastic line
    g.strokeStyle = '#fff'; g.setLineDash([2, 5]); g.beginPath();
    g.moveTo(X(d.loss ? 0 : view[2]), Y(view[2])); g.lineTo(X(d.loss ? 0 : view[3]), Y(view[3])); g.stroke(); g.setLineDash([]);
  }
  const roi = !d.loss && shownRoi();
  if (roi) {
    g.strokeStyle = '#ffb000'; g.lineWidth = 2;
    for (const v of roi) {
      if (v === null) continue;
      g.beginPath(); g.moveTo(X(v), box.t); g.lineTo(X(v), box.b); g.stroke();
    }
    g.lineWidth = 1;
  }
  if (map.cursor) {
    g.strokeStyle = '#fff'; g.beginPath(); g.moveTo(X(map.cursor[0]), box.t); g.lineTo(X(map.cursor[0]), box.b);
    g.moveTo(box.l, Y(map.cursor[1])); g.lineTo(box.r, Y(map.cursor[1])); g.stroke();
  }
  if (map.drag?.box) {
    const [a, b] = map.drag.box;
    g.strokeStyle = '#ffb000'; g.strokeRect(a[0], a[1], b[0] - a[0], b[1] - a[1]);
  }
  g.restore();
  const at = map.cursor && cuts();
  document.getElementById('under').textContent = `${d.state.header.title}; top of the colours ${numberText(top)} photons` +
    (at ? `; cursor ${numberText(at.x)} eV, incident ${numberText(at.y)}${d.unit ? ' eV' : ''}: ${at.counts} photons` : '; point at the map for cuts');
}

// The map's own numbers along both axes at the cursor.
function cuts() {
  const d = map.data;
  if (!d || !map.cursor)
    return null;
  const k = binOf(d, map.cursor[0]), r = rowOf(d, map.cursor[1]), n = d.x.length, base = d.order[r] * n;
  return {x: d.x[k], y: d.y[r], counts: d.counts[base + k], row: {x: d.x, y: d.counts.slice(base, base + n)}, column: {x: d.y, y: d.order.map(o => d.counts[o * n + k])}};
}

function drawCuts() {
  const c = cuts(), [x0, x1] = map.now ?? [0, 0];
  const row = c ? [...c.row.x.keys()].filter(k => c.row.x[k] >= x0 && c.row.x[k] <= x1) : [];
  drawCurves(document.getElementById('row'), c ? [{x: row.map(k => c.row.x[k]), y: row.map(k => c.row.y[k]), colour: '--a', name: `incident ${numberText(c.y)}`}] : [],
    map.data?.loss ? 'energy loss (eV)' : 'emission energy (eV)', 'photons', c ? [c.x] : []);
  drawCurves(document.getElementById('column'), c ? [{x: c.column.x, y: c.column.y, error: c.column.y.map(Math.sqrt), colour: '--b', name: `at ${numberText(c.x)} eV`}] : [], 'incident energy (eV)', 'photons',
    c ? [c.y] : []);
}

function shownRoi() {
  return map.drag?.roi ?? stateOf(newestScan(), `pfy/${document.getElementById('roi').value}/`)?.header.roi_eV;
}

function zoomBy(factor, x, y) {
  const v = map.now;
  if (v)
    map.view = [x - (x - v[0]) * factor, x + (v[1] - x) * factor, y - (y - v[2]) * factor, y + (v[3] - y) * factor];
  redraw();
}

function setUpMap(canvas) {
  const energies = e => {
    const r = canvas.getBoundingClientRect(), b = map.box, v = map.now, px = e.clientX - r.left, py = e.clientY - r.top;
    return {px, py, x: v[0] + (px - b.l) / (b.r - b.l) * (v[1] - v[0]), y: v[3] - (py - b.t) / (b.b - b.t) * (v[3] - v[2])};
  };
  canvas.addEventListener('pointerdown', e => {
    if (!map.now) return;
    const at = energies(e), roi = !map.data.loss && model.status?.control && shownRoi();
    const edge = roi ? roi.findIndex(v => v !== null && Math.abs(map.X(v) - at.px) < 8) : -1;
    map.drag = edge >= 0 ? {edge, roi: [...roi]} : {from: [at.px, at.py], at};
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener('pointermove', e => {
    if (!map.now) return;
    const at = energies(e);
    if (map.drag?.roi) map.drag.roi[map.drag.edge] = at.x;
    else if (map.drag && Math.hypot(at.px - map.drag.from[0], at.py - map.drag.from[1]) > 8) map.drag.box = [map.drag.from, [at.px, at.py]];
    else if (!map.drag && !map.fixed) map.cursor = [at.x, at.y];
    redraw();
  });
  canvas.addEventListener('pointerup', e => {
    if (!map.drag) return;
    const drag = map.drag, at = energies(e);
    map.drag = null;
    if (drag.roi) {
      const name = document.getElementById('roi').value, pair = drag.roi.map(v => Math.round(v * 4) / 4).sort((a, b) => a - b);
      ask({method: 'roi_set', params: [{[name]: pair}]}).then(r => say(r.success ? `window ${name}: ${pair[0]} to ${pair[1]} eV` : r.response));
    } else if (drag.box) {
      map.view = [Math.min(drag.at.x, at.x), Math.max(drag.at.x, at.x), Math.min(drag.at.y, at.y), Math.max(drag.at.y, at.y)];
    } else {
      map.fixed = !map.fixed;
      map.cursor = [at.x, at.y];
    }
    redraw();
  });
  canvas.addEventListener('wheel', e => {
    if (!map.now) return;
    e.preventDefault();
    const at = energies(e);
    zoomBy(e.deltaY > 0 ? 1.25 : 0.8, at.x, at.y);
  }, {passive: false});
  canvas.addEventListener('keydown', e => {
    const d = map.data, c = map.cursor ??= map.now && [(map.now[0] + map.now[1]) / 2, (map.now[2] + map.now[3]) / 2], step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[e.key];
    if (!d) return;
    if (step) {
      map.fixed = true;
      map.cursor = [d.x[Math.max(0, Math.min(d.x.length - 1, binOf(d, c[0]) + step[0]))], d.y[Math.max(0, Math.min(d.y.length - 1, rowOf(d, c[1]) + step[1]))]];
      e.preventDefault();
    } else if (e.key === '+' || e.key === '-') zoomBy(e.key === '+' ? 0.8 : 1.25, c[0], c[1]);
    else if (e.key === '0') map.view = null;
    else if (e.key === 'l') next('scale');
    else if (e.key === 'e') next('axis');
    redraw();
  });
}

function next(id) {
  const s = document.getElementById(id);
  s.selectedIndex = (s.selectedIndex + 1) % s.options.length;
  s.dispatchEvent(new Event('change'));
}
