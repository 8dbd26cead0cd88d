// Two conditions side by side, and their difference: maps as photons by exposure, a window's yields above one another, their ratio with errors.
const compare = {view: null, at: null, drag: null, boxes: null, key: ''};
const chosenConditions = () => [at('conditionA').value, at('conditionB').value];

// What B is at first: of another file the set of the same name, else another set that begins at the same energy, sums before scans.
function counterpart(a, names) {
  const grid = n => { const s = anyStateOf(membersOf(n)[0]); return s?.arrays.incident_energy?.values[0]; }, tail = a.match(/(scan|sum) .*$/)?.[0];
  const mine = new Set(membersOf(a)), same = names.filter(n => n !== a && Math.abs(grid(n) - grid(a)) < 1 && !membersOf(n).some(m => mine.has(m)));   // a sum is not compared with its own part
  return same.find(n => n.endsWith(tail)) ?? same.filter(isSum).pop() ?? same.pop() ?? names.find(n => n !== a) ?? a;
}

function fillConditions() {
  const names = conditionNames(), key = names.join('\n');
  if (key === compare.key || names.length === 0) return;
  compare.key = key;
  const options = names.map(n => [n, conditionText(n)]), had = compare.chosen ? chosenConditions() : [];   // until somebody chooses, the newest
  fill(at('conditionA'), options);
  fill(at('conditionB'), options);
  if (!had[0]) at('conditionA').value = isFile() || names.filter(isSum).length < 2 ? newestSet() : names.filter(isSum).pop();   // sums when there are two of them
  if (!had[1]) at('conditionB').value = counterpart(at('conditionA').value, names);
}

// A - B at the points that both have, photons by exposure and bin, with how many standard deviations it is in all.
const differences = {id: null, value: null};
function differenceOf(a, b) {
  const id = `${a.id}|${b.id}`;
  if (differences.id === id) return differences.value;
  differences.id = id;
  const n = a.x.length, to = placesIn(b.y, a.y), rows = [];
  a.y.forEach((y, r) => { if (to[r] >= 0 && a.q[a.order[r]] > 0 && b.q[b.order[to[r]]] > 0) rows.push([y, a.order[r], b.order[to[r]]]); });
  if (b.x.length !== n || b.x[0] !== a.x[0] || rows.length === 0) return differences.value = null;
  const counts = new Float64Array(rows.length * n);
  rows.forEach(([, i, j], r) => {
    for (let k = 0; k < n; k++)
      counts[r * n + k] = a.counts[i * n + k] / a.q[i] - b.counts[j * n + k] / b.q[j];
  });
  return differences.value = {id, loss: a.loss, unit: a.unit, x: a.x, y: rows.map(r => r[0]), order: rows.map((_, r) => r), counts};
}

const rated = d => ({...d, id: `rate ${d.id}`, scale: Float64Array.from(d.q, q => q > 0 ? 1 / q : 0)});

function drawComparedMaps() {
  const canvas = at('maps'), [nameA, nameB] = chosenConditions(), topic = at('compareAxis').value, a = nameA && mapOf(nameA, topic), b = nameB && mapOf(nameB, topic), scale = at('compareScale').value;
  if (isAsDrawn(canvas, nameA, nameB, a?.id, b?.id, compare.view, compare.at, compare.drag?.px, compare.drag?.py, compare.drag?.to, scale, conditionNames().length)) return;
  const {g, w, h} = prepare(canvas);
  compare.boxes = null;
  if (!a || !b) {
    sayInstead(g, w, h, conditionNames().length < 2 ? 'one set only: give a second file, or wait for the next scan' : 'maps are on their way');
    return;
  }
  const d = differenceOf(a, b), wide = (w - 62 - 14 - 40) / 3, view = compare.now = compare.view ?? wholeView(a);
  const boxes = compare.boxes = [0, 1, 2].map(k => ({l: 62 + k * (wide + 20), r: 62 + k * (wide + 20) + wide, t: 26, b: h - 84})), ra = rated(a), rb = rated(b);
  const topA = paintMap(g, 'A', ra, boxes[0], view, {scale}), topB = paintMap(g, 'B', rb, boxes[1], view, {scale}), top = Math.max(topA, topB);
  const parts = [[nameA, ra, {scale, top}], [nameB, rb, {scale, top}], ['A − B', d, {difference: true}]];
  parts.forEach(([name, m, options], k) => {
    const box = boxes[k];
    g.fillStyle = css('--panel'); g.fillRect(box.l, box.t, box.r - box.l, box.b - box.t);
    const shown = m ? paintMap(g, 'AB'[k] ?? 'difference', m, box, view, options) : 1, {X, Y} = frame(g, box, view, view.slice(2), {x: xText(a), y: k === 0 ? yText(a) : ''});
    clip(g, box);
    if (m) drawElastic(g, a, X, Y, view);
    if (!m) sayInstead(g, box.l + box.r, box.t + box.b, 'no point and bin in common');
    if (compare.at) {
      g.strokeStyle = k < 2 ? '#fff' : css('--ink'); g.beginPath();
      g.moveTo(X(compare.at[0]), box.t); g.lineTo(X(compare.at[0]), box.b); g.moveTo(box.l, Y(compare.at[1])); g.lineTo(box.r, Y(compare.at[1])); g.stroke();
    }
    if (compare.drag?.to && compare.drag.k === k) { g.strokeStyle = '#ffb000'; g.strokeRect(compare.drag.px, compare.drag.py, compare.drag.to[0] - compare.drag.px, compare.drag.to[1] - compare.drag.py); }
    g.restore();
    g.fillStyle = css('--ink'); g.textAlign = 'left'; g.font = '600 13px system-ui, sans-serif';
    g.fillText(k < 2 ? `${'AB'[k]}  ${conditionText(name)}` : name, box.l, box.t - 9, wide); g.font = '12px system-ui, sans-serif';
    drawColourBar(g, {l: box.l + Math.min(wide * 0.5, 170), r: box.r, t: h - 31, b: h - 20}, shown, {...options, beside: box.l}, `photons / exposure`);
  });
}

const numberIn = id => parseFloat(at(id).value);
const preEdgeText = () => numberIn('preLo') < numberIn('preHi') ? `${numberIn('preLo')}:${numberIn('preHi')}` : '';

// What is constant before the edge: photons there by exposure, and the variance that all points then have in common.
function preEdgeOf(y) {
  let n = 0, q = 0;
  if (preEdgeText()) y.x.forEach((x, k) => {
    if (x >= numberIn('preLo') && x <= numberIn('preHi') && y.q[k] > 0) { n += y.counts[k]; q += y.q[k]; }
  });
  return q > 0 ? {level: n / q, variance: n / q ** 2} : {level: 0, variance: 0};
}

function lessPreEdge(y) {
  const pre = preEdgeOf(y);
  return pre.level > 0 ? {...y, pre, y: y.y.map(v => v - pre.level), error: y.error.map(e => Math.hypot(e, Math.sqrt(pre.variance)))} : {...y, pre};
}

// Photons of both together until the ratio's relative error is as wanted, measured on as they were; 0: it is.
function countsNeeded(s, wanted) {
  const factor = (s.error / s.ratio / wanted) ** 2;
  return factor > 1 ? (s.na + s.nb) * (factor - 1) : 0;
}

// Yields of both at the points in common: {x, a, ea, b, eb, ratio, error}; and of all together.
function ratioOf(ya, yb, range) {
  const to = placesIn(yb.x, ya.x), out = {x: [], a: [], ea: [], b: [], eb: [], ratio: [], error: []}, sum = {a: 0, va: 0, b: 0, vb: 0, na: 0, nb: 0, n: 0};
  [...ya.x.keys()].sort((i, j) => ya.x[i] - ya.x[j]).forEach(i => {
    const j = to[i];
    if (j < 0 || !isFinite(ya.y[i]) || !isFinite(yb.y[j]) || (range && (ya.x[i] < range[0] || ya.x[i] > range[1]))) return;
    const r = ya.y[i] / yb.y[j], good = ya.y[i] > 0 && yb.y[j] > 0;
    out.x.push(ya.x[i]); out.a.push(ya.y[i]); out.ea.push(ya.error[i]); out.b.push(yb.y[j]); out.eb.push(yb.error[j]);
    out.ratio.push(good ? r : NaN); out.error.push(good ? r * Math.hypot(ya.error[i] / ya.y[i], yb.error[j] / yb.y[j]) : NaN);
    sum.n++; sum.na += ya.counts[i]; sum.nb += yb.counts[j];
    sum.a += ya.y[i]; sum.b += yb.y[j];   // of sums the variance is that of counts, never an upper limit: N / q^2
    sum.va += ya.counts[i] / ya.q[i] ** 2; sum.vb += yb.counts[j] / yb.q[j] ** 2;
  });
  sum.va += sum.n ** 2 * ya.pre.variance; sum.vb += sum.n ** 2 * yb.pre.variance;   // common to the points, so it adds before it is squared
  return {...out, sum: {...sum, ratio: sum.a / sum.b, error: Math.abs(sum.a / sum.b) * Math.hypot(Math.sqrt(sum.va) / sum.a, Math.sqrt(sum.vb) / sum.b)}};
}

const paired = new Map();
function keepPair(id, c) {
  paired.set(id, c);
  while (paired.size > 4) paired.delete(paired.keys().next().value);
  return c;
}

function compared(range) {
  const roi = at('compareRoi').value, [a, b] = chosenConditions(), ya = a && yieldOf(a, roi), yb = b && yieldOf(b, roi);
  if (!ya || !yb) return null;
  const id = `${ya.id}|${yb.id}|${range ?? ''}|${preEdgeText()}`;
  return paired.get(id) ?? keepPair(id, {id, roi, names: [a, b], ...ratioOf(lessPreEdge(ya), lessPreEdge(yb), range)});
}

function comparedSeries() {
  const c = compared();
  return c ? [{id: c.id, x: c.x, y: c.a, error: c.ea, colour: '--a', shape: 'dot', name: `A ${c.names[0]}`}, {x: c.x, y: c.b, error: c.eb, colour: '--b', shape: 'square', name: `B ${c.names[1]}`}] : [];
}

function ratioSeries() {
  const c = compared();
  return c ? [{id: c.id, x: c.x, y: c.ratio, error: c.error, colour: '--c', shape: 'dot', points: true, name: 'A / B'}] : [];
}

function neededText(s) {
  const wanted = numberIn('wantedError') / 100, needed = wanted > 0 && s.ratio > 0 ? countsNeeded(s, wanted) : NaN;
  return !isFinite(needed) ? '' : needed > 0 ? `, ${needed.toPrecision(2) * 1} more wanted for ${wanted * 100} %` : `, enough for ${wanted * 100} %`;
}

function drawCompare() {
  fillConditions();
  const [a] = chosenConditions(), list = a ? regions(membersOf(a)[0]).filter(r => yieldOf(a, r)) : [], had = at('compareRoi').value;
  fill(at('compareRoi'), list.map(r => [r, windowText(membersOf(a)[0], r)]));
  if (!had && list.length) at('compareRoi').value = bestWindow(membersOf(a)[0], list, true) ?? bestWindow(membersOf(a)[0], list, false);
  drawComparedMaps();
  drawRepeats();
  const c = compared(), empty = 'no points with yields in common';
  drawCurves(at('pair'), comparedSeries(), 'incident energy (eV)', yieldText(c && yieldOf(c.names[0], c.roi)), {empty, xUnit: 'eV'});
  const middle = c ? c.ratio.filter(isFinite).sort((x, y) => x - y) : [], centre = middle[middle.length >> 1] ?? 1;
  const legible = ratioSeries().map(r => ({...r, y: r.y.map((v, k) => r.error[k] < Math.max(0.5, Math.abs(v)) ? v : NaN)}));   // an error as large as the ratio says nothing
  drawCurves(at('ratio'), legible, 'incident energy (eV)', 'A / B', {free: true, level: 1, within: [Math.min(0, centre), Math.max(2, 3 * centre)], empty, xUnit: 'eV'});
  const range = at('pair').view, s = compared(range)?.sum;
  at('verdict').textContent = s && s.n > 0 ? `${range ? `${s.n} points from ${range[0].toFixed(1)} to ${range[1].toFixed(1)} eV` : `all ${s.n} points`} together: A / B = ${s.ratio.toPrecision(4)} ± ${s.error.toPrecision(2)}` +
    `, ${(Math.abs(s.ratio - 1) / s.error).toFixed(1)} standard deviations from 1; A ${s.na.toFixed(0)}, B ${s.nb.toFixed(0)} photons${neededText(s)}` : '';
}

function setUpCompare(canvas) {
  const here = e => {
    const r = canvas.getBoundingClientRect(), px = e.clientX - r.left, py = e.clientY - r.top, k = compare.boxes?.findIndex(b => px >= b.l && px <= b.r && py >= b.t && py <= b.b) ?? -1, v = compare.now, b = compare.boxes?.[k];
    return b && {k, px, py, x: v[0] + (px - b.l) / (b.r - b.l) * (v[1] - v[0]), y: v[2] + (b.b - py) / (b.b - b.t) * (v[3] - v[2])};
  };
  canvas.addEventListener('pointerdown', e => { compare.drag = here(e); if (compare.drag) canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener('pointermove', e => {
    const p = here(e);
    compare.at = p && !compare.drag ? [p.x, p.y] : null;
    if (p && compare.drag && p.k === compare.drag.k && Math.hypot(p.px - compare.drag.px, p.py - compare.drag.py) > 8) compare.drag.to = [p.px, p.py, p.x, p.y];
    redraw();
  });
  canvas.addEventListener('pointerleave', () => { compare.at = null; redraw(); });
  canvas.addEventListener('pointerup', () => {
    const d = compare.drag;
    if (d?.to) compare.view = [Math.min(d.x, d.to[2]), Math.max(d.x, d.to[2]), Math.min(d.y, d.to[3]), Math.max(d.y, d.to[3])];
    compare.drag = null;
    redraw();
  });
  canvas.addEventListener('dblclick', () => { compare.view = null; redraw(); });
  canvas.addEventListener('wheel', e => {
    const p = here(e), f = e.deltaY > 0 ? 1.25 : 0.8, v = compare.now;
    if (!p) return;
    e.preventDefault();
    compare.view = [p.x - (p.x - v[0]) * f, p.x + (v[1] - p.x) * f, p.y - (p.y - v[2]) * f, p.y + (v[3] - p.y) * f];
    redraw();
  }, {passive: false});
  for (const id of ['preLo', 'preHi', 'wantedError']) at(id).addEventListener('input', redraw);
  for (const id of ['conditionA', 'conditionB']) at(id).addEventListener('change', () => { compare.chosen = true; compare.view = null; redraw(); });
  at('swap').addEventListener('click', () => {
    const [a, b] = chosenConditions();
    at('conditionA').value = b; at('conditionB').value = a; compare.chosen = true;
    redraw();
  });
}
