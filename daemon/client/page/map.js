// The map: incident energy upwards, emission or loss to the right, the cuts at the cursor along both axes beside it; zoom, windows that can be dragged.
const map = {view: null, cursor: null, pointed: null, drag: null, box: null, data: null, fixed: false};
const shownSet = () => at('which').value || newestSet();

function mapBoxes(w, h) {
  const side = Math.max(90, Math.min(180, w * 0.22)), below = Math.max(80, Math.min(160, h * 0.26)), r = w - side - 26, b = h - below - 48;
  return {map: {l: 62, r, t: 10, b}, row: {l: 62, r, t: b + 8, b: h - 38}, column: {l: r + 10, r: w - 14, t: 10, b}, bar: {l: r + 14, r: w - 14, t: b + 66, b: b + 78}};
}

// The map's own numbers along both axes: at the cursor, or over all that is seen.
function cuts() {
  const d = map.data, view = map.now;
  if (!d || !view) return null;
  const id = `${d.id}|${view}|${map.cursor}`;
  if (map.cuts?.id !== id) map.cuts = {id, value: cutsOf(d, view)};
  return map.cuts.value;
}

function cutsOf(d, view) {
  const n = d.x.length;
  if (map.cursor) {
    const k = binOf(d, map.cursor[0]), r = rowOf(d, map.cursor[1]), base = d.order[r] * n;
    return {x: d.x[k], y: d.y[r], counts: Number(d.counts[base + k]), row: {x: d.x, y: Float64Array.from(d.counts.slice(base, base + n))}, column: {x: d.y, y: d.order.map(o => Number(d.counts[o * n + k]))}};
  }
  const lo = binOf(d, view[0]), hi = binOf(d, view[1]), row = new Float64Array(n), column = new Float64Array(d.y.length);
  d.y.forEach((y, r) => {
    if (y < view[2] || y > view[3]) return;
    for (let k = 0, base = d.order[r] * n; k < n; k++) {
      row[k] += d.counts[base + k];
      if (k >= lo && k <= hi) column[r] += d.counts[base + k];
    }
  });
  return {all: true, row: {x: d.x, y: row}, column: {x: d.y, y: column}};
}

function drawStrip(g, box, xs, ys, values, positions, upwards, colour) {
  const seen = positions.map((p, k) => [p, values[k]]).filter(([p]) => p >= (upwards ? xs[0] : ys[0]) && p <= (upwards ? xs[1] : ys[1])), top = 1.1 * Math.max(1, ...seen.map(([, v]) => v + Math.sqrt(v)));
  const {X, Y} = upwards ? frame(g, box, xs, [0, top], {x: map.data ? xText(map.data) : '', y: 'photons'}) : frame(g, box, [0, top], ys, {x: 'photons'});
  clip(g, box);
  g.strokeStyle = css(colour);
  g.beginPath();
  seen.forEach(([p, v], k) => g[k ? 'lineTo' : 'moveTo'](upwards ? X(p) : X(v), upwards ? Y(v) : Y(p)));
  g.stroke();
  if (seen.length < (upwards ? box.r - box.l : box.b - box.t) / 3)
    for (const [p, v] of seen) {   // error bars where they can be told apart
      const e = Math.sqrt(v);
      g.beginPath(); g.moveTo(upwards ? X(p) : X(v - e), upwards ? Y(v - e) : Y(p)); g.lineTo(upwards ? X(p) : X(v + e), upwards ? Y(v + e) : Y(p)); g.stroke();
    }
  g.restore();
}

function drawRoi(g, box, X) {
  const roi = !map.data.loss && shownRoi();
  if (!roi) return;
  for (const [style, width] of [['#000a', 4], ['#ffb000', 2]]) {
    g.strokeStyle = style; g.lineWidth = width;
    for (const v of roi) {
      if (v === null) continue;
      g.beginPath(); g.moveTo(X(v), box.t); g.lineTo(X(v), box.b); g.stroke();
    }
  }
  g.lineWidth = 1;
  g.textAlign = 'left'; g.font = '600 12px system-ui, sans-serif';
  const name = at('roi').value, x = X(roi[0] ?? map.now[0]) + 5, width = g.measureText(name).width;
  g.fillStyle = '#000a'; g.fillRect(x - 2, box.t + 3, width + 4, 16);
  g.fillStyle = '#ffb000'; g.fillText(name, x, box.t + 15);
  g.font = '12px system-ui, sans-serif';
}

function drawCross(g, box, X, Y) {
  for (const [style, width] of [['#0007', 3], ['#fff', 1]]) {
    g.strokeStyle = style; g.lineWidth = width; g.beginPath();
    g.moveTo(X(map.cursor[0]), box.t); g.lineTo(X(map.cursor[0]), box.b); g.moveTo(box.l, Y(map.cursor[1])); g.lineTo(box.r, Y(map.cursor[1])); g.stroke();
  }
  g.lineWidth = 1;
}

// Where somebody points at a yield.
function drawPointed(g, box, Y) {
  g.strokeStyle = '#ffb000'; g.setLineDash([6, 4]); g.beginPath();
  g.moveTo(box.l, Y(map.pointed)); g.lineTo(box.r, Y(map.pointed)); g.stroke();
  g.setLineDash([]);
}

// The yields' cursor is where one of them is pointed at, else where the map's is.
function followMap() {
  const c = map.data && cuts(), y = map.cursor && c && !c.all ? c.y : null;
  for (const box of together(at('pfy'))) pointAt(box, map.pointed ?? y);
}

function drawMap() {
  const set = shownSet(), d = map.data = set && mapOf(set, at('axis').value), scale = at('scale').value;
  if (isAsDrawn(at('map'), d?.id, d?.whole, scale, map.view, map.cursor, map.pointed, map.fixed, map.drag?.box, shownRoi(), at('roi').value, !!model.status)) return;
  const {g, w, h} = prepare(at('map'));
  if (!d || d.y.length === 0) {
    sayInstead(g, w, h, model.status ? 'no map yet' : 'connecting');
    at('under').textContent = '';
    return;
  }
  const boxes = mapBoxes(w, h), box = map.box = boxes.map, view = map.now = map.view ?? wholeView(d);
  const top = paintMap(g, 'map', d, box, view, {scale}), {X, Y} = frame(g, box, view, view.slice(2), {y: yText(d)});
  map.X = X; map.Y = Y;
  clip(g, box);
  drawElastic(g, d, X, Y, view);
  drawRoi(g, box, X);
  if (map.cursor) drawCross(g, box, X, Y);
  if (map.pointed !== null) drawPointed(g, box, Y);
  if (map.drag?.box) {
    const [a, b] = map.drag.box;
    g.strokeStyle = '#ffb000'; g.strokeRect(a[0], a[1], b[0] - a[0], b[1] - a[1]);
  }
  g.restore();
  const c = cuts();
  drawStrip(g, boxes.row, view, null, c.row.y, Array.from(c.row.x), true, c.all ? '--soft' : '--a');
  drawStrip(g, boxes.column, null, view.slice(2), c.column.y, Array.from(c.column.x), false, c.all ? '--soft' : '--a');
  drawColourBar(g, boxes.bar, top, {scale}, 'photons in a cell');
  at('under').textContent = c.all ? `${d.title}${d.whole ? '' : ', some of its maps are still to come'}; point at the map for cuts, drag to zoom` :
    `${d.loss ? 'loss' : 'emission'} ${numberText(c.x)} eV, incident ${numberText(c.y)}${d.unit ? ' eV' : ''}: ${c.counts} photons${map.fixed ? '; the cursor is held, click to let go' : ''}`;
}

function shownRoi() {
  return map.drag?.roi ?? stateOf(shownSet(), `pfy/${at('roi').value}/`)?.header.roi_eV ?? null;
}

function zoomBy(factor, x, y) {
  const v = map.now;
  map.view = [x - (x - v[0]) * factor, x + (v[1] - x) * factor, y - (y - v[2]) * factor, y + (v[3] - y) * factor];
  redraw();
}

function setUpMap(canvas) {
  const energies = e => {
    const r = canvas.getBoundingClientRect(), px = e.clientX - r.left, py = e.clientY - r.top, b = map.box, v = map.now;
    return {px, py, x: v[0] + (px - b.l) / (b.r - b.l) * (v[1] - v[0]), y: v[2] + (b.b - py) / (b.b - b.t) * (v[3] - v[2]), inside: px >= b.l && px <= b.r && py >= b.t && py <= b.b};
  };
  const edgeAt = px => {
    const roi = model.status?.control && map.data && !map.data.loss && shownRoi();
    return roi ? [0, 1].find(k => roi[k] !== null && Math.abs(map.X(roi[k]) - px) < 9) : undefined;
  };
  canvas.addEventListener('pointerdown', e => {
    if (!map.now || !map.box) return;
    const here = energies(e), edge = edgeAt(here.px);
    if (!here.inside) return;
    canvas.setPointerCapture(e.pointerId);
    map.drag = edge === undefined ? {at: here, from: [here.px, here.py]} : {roi: [...shownRoi()], edge};
  });
  canvas.addEventListener('pointermove', e => {
    if (!map.now || !map.box) return;
    const here = energies(e);
    canvas.style.cursor = edgeAt(here.px) !== undefined ? 'ew-resize' : 'crosshair';
    if (map.drag?.roi) map.drag.roi[map.drag.edge] = here.x;
    else if (map.drag && Math.hypot(here.px - map.drag.from[0], here.py - map.drag.from[1]) > 8) map.drag.box = [map.drag.from, [here.px, here.py]];
    else if (!map.drag && !map.fixed) map.cursor = here.inside ? [here.x, here.y] : null;
    redraw();
  });
  canvas.addEventListener('pointerleave', () => {
    if (!map.fixed && !map.drag) map.cursor = null;
    redraw();
  });
  canvas.addEventListener('pointerup', e => {
    if (!map.drag) return;
    const drag = map.drag, here = energies(e);
    map.drag = null;
    if (drag.roi) {
      const name = at('roi').value, pair = drag.roi.map(v => Math.round(v * 4) / 4).sort((a, b) => a - b);
      ask({method: 'roi_set', params: [{[name]: pair}]}).then(r => say(r.success ? `window ${name}: ${pair[0]} to ${pair[1]} eV` : r.response));
    } else if (drag.box) {
      map.view = [Math.min(drag.at.x, here.x), Math.max(drag.at.x, here.x), Math.min(drag.at.y, here.y), Math.max(drag.at.y, here.y)];
    } else {
      map.fixed = !map.fixed;
      map.cursor = [here.x, here.y];
    }
    redraw();
  });
  canvas.addEventListener('dblclick', () => { map.view = null; redraw(); });
  canvas.addEventListener('wheel', e => {
    if (!map.now) return;
    e.preventDefault();
    const here = energies(e);
    zoomBy(e.deltaY > 0 ? 1.25 : 0.8, here.x, here.y);
  }, {passive: false});
  canvas.addEventListener('keydown', e => {
    const d = map.data, step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[e.key];
    if (!d || !map.now) return;
    const c = map.cursor ??= [(map.now[0] + map.now[1]) / 2, (map.now[2] + map.now[3]) / 2];
    if (step) {
      map.fixed = true;
      map.cursor = [d.x[Math.max(0, Math.min(d.x.length - 1, binOf(d, c[0]) + step[0]))], d.y[Math.max(0, Math.min(d.y.length - 1, rowOf(d, c[1]) + step[1]))]];
      e.preventDefault();
    } else if (e.key === '+' || e.key === '-') zoomBy(e.key === '+' ? 0.8 : 1.25, c[0], c[1]);
    else if (e.key === '0') map.view = null;
    else if (e.key === 'Escape') { map.fixed = false; map.cursor = null; }
    else if (e.key === 'l') next('scale');
    else if (e.key === 'e') next('axis');
    redraw();
  });
}

function next(id) {
  const s = at(id);
  s.selectedIndex = (s.selectedIndex + 1) % s.options.length;
  s.dispatchEvent(new Event('change'));
}
