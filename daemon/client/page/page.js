// The page: what is drawn when, the line of states, alarms, exports.
const at = id => document.getElementById(id);
let drawn = false;

function fill(select, options) {
  const now = JSON.stringify(options);
  if (select.dataset.options === now)
    return;
  const before = select.value;
  select.dataset.options = now;
  select.replaceChildren(...options.map(([value, text]) => Object.assign(document.createElement('option'), {value, textContent: text})));
  if (options.some(([value]) => value === before))
    select.value = before;
}

let message = '';
function say(text) {
  message = text;
  redraw();
}

function chip(id, text, bad) {
  at(id).textContent = text;
  at(id).classList.toggle('bad', !!bad);
}

function ageText(ms) {
  return ms < 1500 ? 'live' : ms < 90000 ? `${(ms / 1000).toFixed(0)} s old` : `${(ms / 60000).toFixed(0)} min old`;
}

function drawStates() {
  const s = model.status, hb = model.other.get('hb/')?.header, scan = newestScan(), newest = [...(model.scans.get(scan)?.values() ?? [])][0]?.header;
  at('where').textContent = s?.title ?? '';
  chip('scan', newest ? `scan ${scan}${newest.sample ? `, ${newest.sample}` : ''}: point ${newest.point + 1} of ${newest.n_points}, ${newest.final_points} final` : 'no scan yet');
  chip('calibration', hb ? `calibration ${hb.cal ? hb.cal.split('/').pop() : 'none'}` : '', hb && !hb.cal);
  const lost = hb && hb.lost.upstream + hb.lost.queue + hb.lost.rejected;
  chip('loss', hb ? `lost ${lost}${hb.loss_fraction ? ` (${(100 * hb.loss_fraction).toPrecision(2)} %)` : ''}` : '', lost > 0);
  chip('rate', hb ? `${hb.rates.messages.toFixed(0)} states/s` : '');
  const age = s ? s.age_ms + (s.age_ms >= 0 ? performance.now() - model.heard : 0) : -1;
  if (!s || s.gone) chip('age', s ? 'this page has lost its server' : 'connecting', !!s);
  else if (s.age_ms === -2) chip('age', 'file');
  else if (s.age_ms === -1) chip('age', 'nothing heard of the stream yet', true);
  else chip('age', ageText(age), age > 3500);
  const alarms = [...model.other].filter(([t]) => t.startsWith('alarm/')).flatMap(([, x]) => x.header.alarms ?? []);
  at('alarms').hidden = alarms.length === 0;
  at('alarms').textContent = alarms.map(a => `${a.level ?? 'alarm'}: ${a.text ?? a.code}`).join('\n');
}

function pfySeries() {
  const roi = at('roi').value, scan = newestScan(), now = stateOf(scan, `pfy/${roi}/`), list = [];
  const of = (s, extra) => ({x: s.arrays.incident_energy.values, y: s.arrays.yield.values, error: s.arrays.yield_errors.values, ...extra});
  if (at('earlier').checked)
    for (const other of model.order.slice(0, -1)) {
      const s = stateOf(other, `pfy/${roi}/`);
      if (s) list.push(of(s, {colour: '--soft', thin: true, name: other === model.order[0] ? 'earlier scans' : ''}));
    }
  if (at('sum').checked) {
    const s = sumOfScans(roi);
    if (s) list.push({...s, colour: '--c', name: `sum of ${s.n}`});
  }
  if (now) list.push(of(now, {colour: '--a', name: `scan ${scan}`}));
  return list;
}

function drawYields() {
  const had = at('roi').value, list = regions(newestScan()), total = r => stateOf(newestScan(), `pfy/${r}/`).arrays.counts.values.reduce((a, b) => a + Number(b), 0);
  fill(at('roi'), list.map(r => [r, r]));
  if (had === '' && list.length)   // the window with most photons, but that of all
    at('roi').value = list.filter(r => r !== 'tfy').reduce((a, b) => a === undefined || total(b) > total(a) ? b : a, undefined) ?? list[0];
  const now = stateOf(newestScan(), `pfy/${at('roi').value}/`);
  drawCurves(at('pfy'), pfySeries(), 'incident energy (eV)', now ? now.arrays.yield.label || 'yield' : 'yield');
  const sum = now ? now.arrays.counts.values.reduce((a, b) => a + b, 0) : 0, roi = now?.header.roi_eV;
  at('roiText').textContent = message || (now ? `${roi ? `${roi[0] ?? '-∞'} to ${roi[1] ?? '∞'} eV, ` : ''}${sum} photons; counts / (${now.header.normalised_by})${model.status?.control ? '; drag its edges in the map' : ''}` : '');
}

function xesSeries() {
  const s = stateOf(newestScan(), 'xes/scan/'), m = stateOf(newestScan(), 'rixs/map/');
  if (s) return [{x: s.arrays.emission_energy.values, y: s.arrays.counts.values, colour: '--a', name: `scan ${newestScan()}`}];
  if (!m) return [];
  const n = m.arrays.emission_energy.values.length, y = new Float64Array(n);
  m.arrays.counts.values.forEach((c, k) => { y[k % n] += c; });
  return [{x: m.arrays.emission_energy.values, y, colour: '--a', name: `scan ${newestScan()}`}];
}

function shown(series) {   // without the empty ends
  const s = series[0];
  if (!s) return series;
  let lo = 0, hi = s.y.length - 1;
  while (lo < hi && s.y[lo] === 0) lo++;
  while (hi > lo && s.y[hi] === 0) hi--;
  return [{...s, x: s.x.slice(lo, hi + 1), y: s.y.slice(lo, hi + 1)}];
}

function draw() {
  drawn = false;
  fill(at('which'), [['', 'newest'], ...model.order.filter(s => stateOf(s, at('axis').value)).map(s => [String(s), String(s)])]);
  drawStates();
  drawMap();
  drawCuts();
  drawYields();
  drawCurves(at('xes'), shown(xesSeries()), 'emission energy (eV)', 'photons');
  drawArray();
}

function redraw() {
  if (!drawn) {
    drawn = true;
    requestAnimationFrame(draw);
  }
}

// What is seen, as columns.
function columns(what) {
  if (what === 'map') {
    const d = map.data, n = d?.x.length;
    return d ? [['incident_energy', d.loss ? 'energy_loss' : 'emission_energy', 'counts'], ...d.y.flatMap((y, r) => [...d.x.keys()].filter(k => d.x[k] >= map.now[0] && d.x[k] <= map.now[1])
      .map(k => [y, d.x[k], d.counts[d.order[r] * n + k]]))] : [];
  }
  const c = cuts(), list = what === 'pfy' ? pfySeries() : what === 'xes' ? xesSeries() : c ? [c[what]] : [];
  return list.flatMap(s => [[s.name ?? what, 'y', 'error'], ...[...s.x.keys()].map(k => [s.x[k], s.y[k], s.error ? s.error[k] : ''])]);
}

function save(name, blob) {
  const a = Object.assign(document.createElement('a'), {href: URL.createObjectURL(blob), download: name});
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}

document.querySelectorAll('[data-csv]').forEach(b => b.addEventListener('click', () =>
  save(`tesd_${b.dataset.csv}.csv`, new Blob([columns(b.dataset.csv).map(r => r.join(',')).join('\n') + '\n'], {type: 'text/csv'}))));
document.querySelectorAll('[data-png]').forEach(b => b.addEventListener('click', () => at(b.dataset.png).toBlob(blob => save(`tesd_${b.dataset.png}.png`, blob))));
['scale', 'roi', 'earlier', 'sum', 'pixelKey', 'which'].forEach(id => at(id).addEventListener('change', () => { message = ''; redraw(); }));
at('axis').addEventListener('change', () => { map.view = map.cursor = null; map.fixed = false; redraw(); });
at('unzoom').addEventListener('click', () => { map.view = null; redraw(); });
at('theme').addEventListener('click', () => {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.dataset.theme = dark ? 'light' : 'dark';
  redraw();
});
setUpMap(at('map'));
setUpArray(at('array'));
new ResizeObserver(redraw).observe(document.body);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
setInterval(redraw, 1000);
connect(redraw);
window.tesd = {model, map, cuts, columns, stateOf, newestScan};
