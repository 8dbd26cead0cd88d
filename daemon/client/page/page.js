// The page: what is drawn when, the line of states, yields, alarms, exports.
const at = id => document.getElementById(id);
const VIEWS = ['scan', 'compare', 'array'];
let drawn = false, view = 'scan';

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

// ---- the line of states ----

function chip(id, text, bad) {
  if (at(id).textContent !== text) at(id).textContent = text;
  at(id).classList.toggle('bad', !!bad);
}

const ageText = ms => ms < 2500 ? 'live' : ms < 90000 ? `${(ms / 1000).toFixed(0)} s old` : `${(ms / 60000).toFixed(0)} min old`;
const sizeText = b => b >= 1e12 ? `${(b / 1e12).toPrecision(3)} TB` : `${(b / 1e9).toPrecision(3)} GB`;

function scanText(set) {
  const h = anyStateOf(set)?.header;
  if (!h) return 'no scan yet';
  if (isFile()) return `${set}: ${h.n_points} points${h.n_scans ? `, ${h.n_scans} scans` : ''}`;
  const points = h.point + 1 === h.final_points ? '' : `, ${h.final_points} final`;
  return `${set}${h.sample ? `, ${h.sample}` : ''}: point ${h.point + 1} of ${h.n_points}${points}`;
}

function drawDisk() {
  const d = model.other.get('disk/')?.header, sinks = d?.sinks ?? [], failing = sinks.filter(s => s.failing), share = d?.total_bytes > 0 ? d.free_bytes / d.total_bytes : 1;
  if (!d) return chip('disk', '');
  chip('disk', failing.length ? `disk: ${failing.map(s => s.name).join(', ')} failing` : d.free_bytes === null ? 'disk: nothing is kept' : `disk ${sizeText(d.free_bytes)} free`, failing.length > 0 || share < 0.05);
  at('disk').title = [d.folder, ...sinks.map(s => `${s.name}: ${s.failing ? s.trouble : 'well'}, ${s.accepted} taken, ${s.lost} lost`)].join('\n');
}

// Old numbers must not look like new ones: what is shown is of when it was heard.
function drawStale(s, age) {
  const gone = !!s?.gone, old = gone || (s && s.age_ms >= 0 && age > 10000), since = new Date(Date.now() - (s && s.age_ms >= 0 ? age : 0));
  at('stale').hidden = !old;
  const text = !old ? '' : `${gone ? 'tesd web does not answer' : 'nothing is heard of the stream'}: what is shown is of ${since.toLocaleTimeString()}${age >= 1000 && s.age_ms >= 0 ? `, ${ageText(age)}` : ''}`;
  if (at('stale').textContent !== text) at('stale').textContent = text;
}

function drawStates() {
  const s = model.status, hb = model.other.get('hb/')?.header;
  if (at('where').textContent !== (s?.title ?? '')) at('where').textContent = s?.title ?? '';
  chip('scan', scanText(newestSet()));
  chip('calibration', hb ? `calibration ${hb.cal ? hb.cal.split('/').pop() : 'none'}` : '', hb && !hb.cal);
  const lost = hb && hb.lost.upstream + hb.lost.queue + hb.lost.rejected;
  chip('loss', hb ? `lost ${lost}${hb.loss_fraction ? ` (${(100 * hb.loss_fraction).toPrecision(2)} %)` : ''}` : '', lost > 0);
  chip('rate', hb ? `${hb.rates.messages.toFixed(0)} states/s` : '');
  drawDisk();
  const age = s ? s.age_ms + (s.age_ms >= 0 ? performance.now() - model.heard : 0) : -1;
  drawStale(s, age);
  if (!s || s.gone) chip('age', s ? 'this page has lost its server' : 'connecting', !!s);
  else if (s.age_ms === -2) chip('age', 'file');
  else if (s.age_ms === -1) chip('age', 'nothing heard of the stream yet', true);
  else chip('age', ageText(age), age > 3500);
  const alarms = [...model.other].filter(([t]) => t.startsWith('alarm/')).flatMap(([, x]) => x.header.alarms ?? []);
  at('alarms').hidden = alarms.length === 0;
  at('alarms').classList.toggle('error', alarms.some(a => a.level === 'error'));
  const text = alarms.map(a => `${a.level ?? 'alarm'}: ${a.text ?? a.code}`).join('\n');
  if (at('alarms').textContent !== text) at('alarms').textContent = text;
}

// ---- yields ----

const NARROW_EV = 12;   // a window below this is one on a feature: super-partial
const roiOf = (set, roi) => stateOf(set, `pfy/${roi}/`)?.header.roi_eV ?? [null, null];
const isNarrow = (set, roi) => { const [lo, hi] = roiOf(set, roi); return lo !== null && hi !== null && hi - lo < NARROW_EV; };
const totalOf = (set, roi) => stateOf(set, `pfy/${roi}/`)?.arrays.counts.values.reduce((a, b) => a + Number(b), 0) ?? 0;

function windowText(set, roi) {
  const [lo, hi] = roiOf(set, roi);
  return lo === null && hi === null ? `${roi} (all energies)` : `${roi} (${lo ?? '-∞'}–${hi ?? '∞'} eV)`;
}

// The window with most photons that the incident energies pass through, but that of all.
function bestWindow(set, list, narrow) {
  const x = stateOf(set, `pfy/${list[0]}/`)?.arrays.incident_energy.values ?? [], lo = Math.min(...x), hi = Math.max(...x), total = new Map(list.map(r => [r, totalOf(set, r)]));
  const fits = r => { const [a, b] = roiOf(set, r); return a !== null && b !== null && a < hi && b > lo - 25; };
  const most = some => some.reduce((a, b) => a === undefined || total.get(b) > total.get(a) ? b : a, undefined);
  const wanted = list.filter(r => r !== 'tfy' && isNarrow(set, r) === narrow);
  return most(wanted.filter(fits)) ?? (narrow ? undefined : most(wanted) ?? list[0]);
}

// Lines that the scan does not excite resonantly: their windows end below its energies.
function inverseWindows(set) {
  const told = regions(set, 'ipfy');
  if (told.length) return told;
  const lo = Math.min(...(anyStateOf(set)?.arrays.incident_energy?.values ?? []));
  return isFile() ? [] : regions(set).filter(r => { const [a, b] = roiOf(set, r); return a !== null && b !== null && b < lo - 15 && totalOf(set, r) >= 25 && !isNarrow(set, r); });
}

const yieldText = y => y?.header.normalised_by?.startsWith('i0') ? 'yield (1/(I₀ s pixel))' : 'yield (1/(s pixel))';

function pfySeries(roi = at('roi').value) {
  const set = shownSet(), now = set && yieldOf(set, roi), list = [];
  if (!now) return [];
  const near = n => n !== set && !isSum(n) && Math.abs((anyStateOf(n)?.arrays.incident_energy?.values[0] ?? 0) - now.x[0]) < 1;
  if (at('earlier').checked)
    for (const other of model.order.filter(near)) {
      const y = yieldOf(other, roi);
      if (y) list.push({...y, colour: '--soft', thin: true, name: list.length ? '' : 'other scans'});
    }
  if (at('sum').checked) {
    const name = isFile() ? model.order.filter(n => isSum(n) && n !== set).find(n => Math.abs((anyStateOf(n)?.arrays.incident_energy?.values[0] ?? 0) - now.x[0]) < 1) : [...groups()].find(([, of]) => of.includes(set))?.[0], y = name && yieldOf(name, roi);
    if (y) list.push({...y, colour: '--c', shape: 'square', name: isFile() ? name : `sum of ${y.n}`});
  }
  list.push({...now, colour: '--a', shape: 'dot', name: conditionText(set)});
  return list;
}

function spfySeries() {
  const set = shownSet(), y = set && at('sroi').value && yieldOf(set, at('sroi').value);
  return y ? [{...y, colour: '--b', shape: 'square'}] : [];
}

function ipfySeries() {
  const set = shownSet(), roi = at('iroi').value, y = set && roi && (stateOf(membersOf(set)[0], `ipfy/${roi}/`) ? yieldOf(set, roi, `ipfy/${roi}/`) : inverseOf(yieldOf(set, roi)));
  return y ? [{...y, colour: '--c', shape: 'open'}] : [];
}

function choose(select, set, list, narrow) {
  const had = select.value, key = `${set} ${list}`;
  fill(select, list.map(r => [r, windowText(set, r)]));
  if (list.length && (had === '' || !list.includes(had) || (!select.dataset.chosen && select.dataset.key !== key)))
    select.value = bestWindow(set, list, narrow) ?? list[list.length - 1];
  select.dataset.key = key;
}

function drawYields() {
  const set = membersOf(shownSet() ?? '')[0] ?? newestSet(), list = set ? regions(set) : [];
  choose(at('roi'), set, list, false);
  choose(at('sroi'), set, list.filter(r => isNarrow(set, r)), true);
  const inverse = set ? inverseWindows(set) : [], had = at('iroi').value;
  fill(at('iroi'), inverse.map(r => [r, windowText(set, r)]));
  if (!inverse.includes(had) && inverse.length) at('iroi').value = inverse.reduce((a, b) => totalOf(set, b) > totalOf(set, a) ? b : a);
  const now = set && shownSet() && yieldOf(shownSet(), at('roi').value), label = yieldText(now), x = now?.unit === '' ? 'point' : 'incident energy (eV)', options = {xUnit: now?.unit ?? ''};
  drawCurves(at('pfy'), pfySeries(), x, label, {...options, empty: 'no yield yet'});
  drawCurves(at('spfy'), spfySeries(), x, label, {...options, empty: list.length ? `no window is narrower than ${NARROW_EV} eV` : 'no yield yet'});
  drawCurves(at('ipfy'), ipfySeries(), x, now?.header.normalised_by?.startsWith('i0') ? '1/yield (I₀ s pixel)' : '1/yield (s pixel)', {...options, free: true, empty: at('iroi').value ? 'fewer than 25 photons in every point' : list.length ? 'no line that the scan does not excite' : 'no yield yet'});
  const sum = now ? now.counts.reduce((a, b) => a + b, 0) : 0;
  drawRepeatsNote();
  const text = message || (now ? `${sum} photons; counts / (${now.header.normalised_by.replace('i0', 'I₀').replace('live_time', 'live time').replace(' x ', ' × ')} × pixels)${model.status?.control ? '; drag the edges of the window in the map' : ''}` : '');
  if (at('roiText').textContent !== text) at('roiText').textContent = text;
}

// ---- drawing ----

function draw() {
  drawn = false;
  tesd.draws++;
  lookAnew();
  fill(at('which'), [['', 'newest'], ...conditionNames().map(s => [s, conditionText(s)])]);
  drawStates();
  if (view === 'scan') { drawYields(); drawMap(); followMap(); }
  if (view === 'compare') drawCompare();
  if (view === 'array') { drawArray(); drawPixel(); }
}

function redraw() {
  if (!drawn) {
    drawn = true;
    requestAnimationFrame(draw);
  }
}

// What the server is asked for beside what all get.
function wants() {
  const list = view === 'scan' ? membersOf(shownSet() ?? '') : view === 'compare' ? chosenConditions().flatMap(membersOf) : [];
  if (view === 'array' && array.chosen !== null) list.push(`detail/${array.chosen}/`);
  return [...new Set(list)].slice(0, 39).concat(model.status ? 'pixel/' : []);   // the first plot before all pixels
}

function show(name) {
  view = name;
  for (const v of VIEWS) at(`${v}View`).hidden = v !== name;
  document.querySelectorAll('[data-view]').forEach(b => b.dataset.view === name ? b.setAttribute('aria-current', 'page') : b.removeAttribute('aria-current'));
  redraw();
}

// ---- what is seen, as columns ----

function mapColumns(d, seen, what) {
  const n = d.x.length;
  return [['incident_energy', d.loss ? 'energy_loss' : 'emission_energy', what], ...d.y.flatMap((y, r) => y < seen[2] || y > seen[3] ? [] : [...d.x.keys()].filter(k => d.x[k] >= seen[0] && d.x[k] <= seen[1])
    .map(k => [y, d.x[k], d.counts[d.order[r] * n + k]]))];
}

const SERIES = {pfy: pfySeries, spfy: spfySeries, ipfy: ipfySeries, pair: comparedSeries, ratio: ratioSeries, pixelSpectrum: () => pixelSeries('spectrum'), pixelCurve: () => pixelSeries('curve'),
  pixelPulse: () => pixelSeries('pulse'), pixelNoise: () => pixelSeries('noise')};

function columns(what) {
  if (what === 'map') return map.data ? mapColumns(map.data, map.now, 'photons') : [];
  if (what === 'difference') return differences.value ? mapColumns(differences.value, compare.now, 'difference') : [];
  if (what === 'repeats') return repeatRows();
  if (what === 'pixels') return [['pixel', 'channel', 'name', ...PIXEL_KEYS.map(([k]) => k)], ...array.list.map(p => [p.n, p.header.channel, p.header.name, ...PIXEL_KEYS.map(([k]) => k === 'drift' ? p.drift : p.header[k])])];
  if (what === 'row' || what === 'column') {
    const c = cuts();
    return c ? [[what === 'row' ? xText(map.data) : yText(map.data), 'photons'], ...Array.from(c[what].x, (x, k) => [x, c[what].y[k]])] : [];
  }
  return SERIES[what]().flatMap(s => [[s.name || what, 'y', ...(s.error ? ['standard deviation'] : []), ...(s.counts ? ['counts', 'exposure'] : [])],
    ...Array.from(s.x, (x, k) => [x, s.y[k], ...(s.error ? [s.error[k]] : []), ...(s.counts ? [s.counts[k], s.q[k]] : [])])]);
}

const cell = v => v === undefined || v === null ? '' : /[",\n]/.test(v) ? `"${String(v).replace(/"/g, '""')}"` : v;

function save(name, blob) {
  const a = Object.assign(document.createElement('a'), {href: URL.createObjectURL(blob), download: name});
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}

document.querySelectorAll('[data-csv]').forEach(b => b.addEventListener('click', () =>
  save(`tesd_${b.dataset.csv}.csv`, new Blob([columns(b.dataset.csv).map(r => r.map(cell).join(',')).join('\n') + '\n'], {type: 'text/csv'}))));
const canvasOf = box => box instanceof HTMLCanvasElement ? box : box.querySelector('canvas');
document.querySelectorAll('[data-png]').forEach(b => b.addEventListener('click', () => canvasOf(at(b.dataset.png))?.toBlob(blob => save(`tesd_${b.dataset.png}.png`, blob))));
document.querySelectorAll('[data-view]').forEach(b => b.addEventListener('click', () => show(b.dataset.view)));
document.querySelectorAll('select, input').forEach(e => e.addEventListener('change', () => { e.dataset.chosen = '1'; message = ''; redraw(); }));
['axis', 'which'].forEach(id => at(id).addEventListener('change', () => {
  map.view = map.cursor = null;
  map.fixed = false;
  lookAt(at('pfy'), null);
}));
at('compareAxis').addEventListener('change', () => { compare.view = null; });
at('unzoom').addEventListener('click', () => { map.view = null; redraw(); });
at('theme').addEventListener('click', () => {
  document.documentElement.dataset.theme = isDark() ? 'light' : 'dark';
  redraw();
});
document.addEventListener('keydown', e => {
  if ('123'.includes(e.key) && !e.ctrlKey && !e.metaKey && !e.altKey && !/SELECT|INPUT/.test(e.target.tagName)) show(VIEWS[+e.key - 1]);
});
setUpMap(at('map'));
setUpCompare(at('maps'));
setUpArray(at('array'));
document.querySelectorAll('.curve').forEach(setUpCurve);
for (const box of together(at('pfy'))) box.onpoint = x => { map.pointed = x; redraw(); };
new ResizeObserver(redraw).observe(document.body);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
setInterval(redraw, 1000);
window.tesd = {draws: 0, model, map, compare, array, cuts, columns, stateOf, newestSet, shownSet, mapOf, yieldOf, compared, detail, show};
show('scan');
connect(redraw, wants);
