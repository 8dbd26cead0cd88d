/* One pixel: spectrum, fits with residuals, curve, errors, drift. Drawn only when it is looked at, from packed series. */

/* ---- spectrum ---- */

/* Bin edges and counts per eV (per bin on the axis of heights, for a pixel without a curve). */
function spectrumSeries(k, i, asEnergy) {
  const p = pixelOf(k, i);
  if (!p.spectrum || (asEnergy && !p.curve)) return null;
  const counts = unpack(p.spectrum.counts), s = p.spectrum, edges = Array.from({ length: counts.length + 1 }, (_, n) => s.low + n * s.width);
  if (!asEnergy) return { k, edges, values: counts };
  const energies = edges.map(h => energyAt(curveOf(p), h));
  return { k, edges: energies, values: counts.map((c, n) => c / (energies[n + 1] - energies[n])) };
}

function spectrumRange(series, asEnergy, p) {
  const low = Math.min(...series.map(s => s.edges[0])), high = Math.max(...series.map(s => s.edges[s.edges.length - 1]));
  if (!asEnergy) return [low, high];
  const lines = fitsOf(p).map(f => f.energy_eV);
  return [Math.max(low, 0.8 * Math.min(...lines)), Math.min(high, 1.12 * Math.max(...lines))];
}

/* Names above their lines, in as many rows as are needed that none covers another. */
function lineNames(chart, fits) {
  const ends = [];
  for (const f of fits.slice().sort((a, b) => a.energy_eV - b.energy_eV)) {
    const at = chart.X(f.energy_eV), half = f.line.length * 3.3 + 3;
    if (at < 0 || at > chart.inner) continue;
    let row = ends.findIndex(end => at - half > end);
    if (row < 0) row = ends.length;
    ends[row] = at + half;
    chart.put('line', { class: 'rule ' + (f.used ? 'anchor' : 'check'), x1: at, x2: at, y1: 15 + 12 * row, y2: chart.tall });
    chart.text(at, 11 + 12 * row, f.line, f.used ? 'tick strong' : 'tick');
  }
}

function spectrumChart(k, i, width = 1180, height = 270) {
  const p = pixelOf(k, i), asEnergy = Boolean(p.curve);
  const others = report.tables.map((t, n) => n).filter(n => n !== k && asEnergy && report.verdicts[pixelOf(n, i).v] !== 'stale');
  const series = [...others, k].map(n => spectrumSeries(n, i, asEnergy)).filter(Boolean);
  if (!series.length) return null;
  const x = spectrumRange(series, asEnergy, p);
  const top = Math.max(...series.map(s => Math.max(...s.values.filter((v, n) => s.edges[n] >= x[0] && s.edges[n] <= x[1]))), 1);
  const least = view.scale === 'log' ? Math.min(...series.map(s => Math.min(...s.values.filter(v => v > 0)))) * 0.7 : 0;
  const chart = new Chart({ width, height, x, y: [least, top * (view.scale === 'log' ? 3 : 1.25)], scale: view.scale, left: 52, title: `Spectrum of ${nameOf(i)} in ${labelOf(report.tables[k])}` });
  chart.xAxis(asEnergy ? 'energy / eV' : 'filtered height / units (no curve)', 12).yAxis(asEnergy ? 'counts per eV' : 'counts per bin', 5);
  for (const s of [...series].reverse()) chart.steps(s.edges, s.values, 'c' + s.k % 4, s.k === k);
  if (asEnergy) lineNames(chart, fitsOf(p));
  const shown = series.map(s => s.k).sort();
  return figure(asEnergy ? 'Spectrum. Thick marks: anchors of the curve; thin: check lines.' : 'Heights of good pulses: no curve was accepted, so there is no energy axis.', chart.svg, colourKey(shown));
}

/* ---- fits ---- */

const rootDeviance = (n, m) => m > 0 ? Math.sign(n - m) * Math.sqrt(2 * Math.max(0, m - n + (n > 0 ? n * Math.log(n / m) : 0))) : 0;

function fitChart(fit, k) {
  const w = windowOf(fit), n = w.observed.length, edges = Array.from({ length: n + 1 }, (_, b) => w.low + b * w.bin), centres = edges.slice(0, n).map(e => e + w.bin / 2);
  const x = [edges[0], edges[n]], top = Math.max(...w.observed, ...w.expected) * 1.1, title = `Fit of ${fit.line}: ${fixed(fit.counts, 0)} counts, FWHM ${fixed(fit.fwhm_eV, 2)} eV`;
  const chart = new Chart({ width: 232, height: 215, x, y: [0, top], left: 38, right: 6, top: 6, bottom: 84, title });
  chart.yAxis('', 3).steps(edges, w.observed, 'c' + k % 4, true).polyline(centres, centres.map(() => w.background), 'background').polyline(centres, w.expected, 'model').upright(0, 'thin');
  const pulls = w.observed.map((c, b) => rootDeviance(c, w.expected[b])), reach = Math.max(3.5, Math.min(8, Math.max(...pulls.map(Math.abs)) + 0.5));
  const below = new Chart({ width: 232, height: 215, x, y: [-reach, reach], left: 38, right: 6, top: 136, bottom: 32, into: chart.svg, title });
  below.band(x, [-2, -2], [2, 2], 'quiet').xAxis('eV from the centre', 5).yAxis('', 2);
  pulls.forEach((pull, b) => below.put('rect', { class: Math.abs(pull) > 4 ? 'pull far' : 'pull', x: below.X(edges[b]) + 0.3, width: Math.max(below.inner / n - 0.6, 0.5), y: Math.min(below.Y(0), below.Y(pull)), height: Math.abs(below.Y(0) - below.Y(pull)) }));
  below.rule(0);
  return el('figure', { class: 'fit' }, el('figcaption', {}, el('b', {}, fit.line), ` ${fixed(fit.energy_eV, 2)} eV`, fit.used ? '' : ' (check)', el('br'),
    el('small', {}, `\u00b1${fixed(fit.sigma_eV, 2)} eV \u00b7 FWHM ${fixed(fit.fwhm_eV, 2)} \u00b7 ${whole(fit.counts)} counts`)), chart.svg);
}

function fitCharts(k, i) {
  const fits = fitsOf(pixelOf(k, i)).filter(f => f.observed).sort((a, b) => a.energy_eV - b.energy_eV);
  if (!fits.length) return null;
  return el('div', {}, el('h3', {}, 'Fitted windows'), el('p', { class: 'note' }, 'Counts, model and background; below, pulls: the signed root of each bin\u2019s Poisson deviance, shaded within \u00b12.'),
            el('div', { class: 'fits' }, fits.map(f => fitChart(f, k))));
}

function fitTable(k, i) {
  const fits = fitsOf(pixelOf(k, i)).slice().sort((a, b) => a.energy_eV - b.energy_eV);
  if (!fits.length) return null;
  const head = ['line', 'table / eV', '\u00b1', 'use', 'height', 'centre \u03c3 / eV', 'FWHM / eV', '\u00b1', 'counts', 'D/\u27e8D\u27e9', 'residual / eV'];
  return el('div', { class: 'scroll' }, el('table', { class: 'fit-table' }, el('thead', {}, el('tr', {}, head.map(h => el('th', { scope: 'col', class: h === 'use' ? 'words' : null }, h)))), el('tbody', {}, fits.map(f =>
    el('tr', {}, el('th', { scope: 'row' }, f.line), el('td', {}, fixed(f.energy_eV, 2)), el('td', {}, f.unc_eV > 0 ? fixed(f.unc_eV, 2) : '\u2013'), el('td', { class: 'words' }, f.used ? 'anchor' : 'check'), el('td', {}, fixed(f.height, 1)),
       el('td', {}, fixed(f.sigma_eV, 3)), el('td', {}, fixed(f.fwhm_eV, 2)), el('td', {}, f.fwhm_sigma_eV > 0 ? fixed(f.fwhm_sigma_eV, 2) : 'held'), el('td', {}, whole(f.counts)), el('td', {}, fixed(f.deviance, 2)), el('td', {}, signed(f.residual_eV, 2)))))));
}

/* ---- curve and errors ---- */

const withCurve = i => report.tables.map((t, k) => k).filter(k => pixelOf(k, i).curve);

function energySpan(i) {
  const ends = withCurve(i).flatMap(k => { const e = curveOf(pixelOf(k, i)).energy; return [e[0], e[e.length - 1]]; });
  return [Math.min(...ends), Math.max(...ends)];
}

function gainChart(i) {
  const ks = withCurve(i), x = energySpan(i);
  const gains = ks.map(k => { const c = curveOf(pixelOf(k, i)); return { k, c, gain: c.height.map((h, n) => h / c.energy[n]) }; });
  const all = gains.flatMap(g => g.gain), chart = new Chart({ width: 560, height: 270, x, y: widen(Math.min(...all), Math.max(...all)), left: 52, title: `Gain curve of ${nameOf(i)}` });
  chart.xAxis('energy / eV', 8).yAxis('gain p/E, units per eV', 5);
  for (const { k, c, gain } of gains) {
    const error = gain.map((g, n) => g * Math.hypot(c.sigma[n], c.common[n]) / c.energy[n]), cls = 'c' + k % 4;
    chart.band(c.energy, gain.map((g, n) => g - error[n]), gain.map((g, n) => g + error[n]), cls).polyline(c.energy, gain, cls);
    for (const f of fitsOf(pixelOf(k, i)).filter(f => f.used)) {
      const g = f.height / f.energy_eV, s = g * Math.hypot(f.sigma_eV, f.unc_eV || 0) / f.energy_eV;
      chart.bar(f.energy_eV, g - s, g + s, cls).mark(f.energy_eV, g, cls, 'dot', `${f.line} at height ${fixed(f.height, 1)}`);
    }
  }
  return figure('Curve: gain through the anchors, with its error (pixel and table together).', chart.svg, colourKey(ks));
}

/* Several calibrations stand a little beside each other. */
const beside = (chart, energy, n, of) => energy + (n - (of - 1) / 2) * (chart.x[1] - chart.x[0]) * 0.009;

function residualPoints(chart, k, i, n, of) {
  for (const f of fitsOf(pixelOf(k, i))) {
    if (!isNumber(f.residual_eV)) continue;
    const at = beside(chart, f.energy_eV, n, of), all = Math.hypot(f.sigma_eV, f.unc_eV || 0), cls = 'c' + k % 4;
    chart.bar(at, f.residual_eV - all, f.residual_eV + all, cls).bar(at, f.residual_eV - f.sigma_eV, f.residual_eV + f.sigma_eV, cls + ' thick');
    chart.mark(at, f.residual_eV, cls, f.used ? 'dot' : 'diamond', `${labelOf(report.tables[k])} ${f.line}: ${signed(f.residual_eV, 2)} \u00b1 ${fixed(f.sigma_eV, 2)} (table \u00b1 ${fixed(f.unc_eV, 2)}) eV`);
  }
}

function errorChart(k, i) {
  const ks = withCurve(i).filter(n => report.verdicts[pixelOf(n, i).v] !== 'stale'), x = energySpan(i);
  const residuals = ks.flatMap(n => fitsOf(pixelOf(n, i)).map(f => f.residual_eV)).filter(isNumber);
  const reach = Math.min(Math.max(2, ...residuals.map(r => 1.25 * Math.abs(r))), 15);
  const chart = new Chart({ width: 560, height: 270, x, y: [-reach, reach], left: 52, title: `Leave-one-out errors of ${nameOf(i)}` });
  chart.xAxis('energy / eV', 8).yAxis('curve minus table / eV', 5);
  const c = curveOf(pixelOf(k, i));
  if (c) {
    const both = c.sigma.map((s, n) => Math.hypot(s, c.common[n]));
    chart.band(c.energy, both.map(v => -v), both, 'quiet').band(c.energy, c.sigma.map(v => -v), c.sigma, 'c' + k % 4);
  }
  chart.rule(0);
  ks.forEach((n, place) => residualPoints(chart, n, i, place, ks.length));
  return figure('Full: anchors left out of the curve in turn (the outermost are extrapolated). Empty: check lines on the curve. Thick bar: fit; thin: with the table\u2019s error. Bands: error of the curve, without and with the table\u2019s.', chart.svg, colourKey(ks));
}

/* ---- drift ---- */

/* How wrong an energy would be if the first calibration's curve were used during a later one. */
function betweenChart(i) {
  const ks = withCurve(i).filter(n => report.verdicts[pixelOf(n, i).v] !== 'stale');
  if (ks.length < 2) return null;
  const first = curveOf(pixelOf(ks[0], i)), later = ks.slice(1).map(k => ({ k, c: curveOf(pixelOf(k, i)) })).map(s => Object.assign(s, { error: s.c.height.map((h, n) => energyAt(first, h) - s.c.energy[n]) }));
  const before = new Map(fitsOf(pixelOf(ks[0], i)).map(f => [f.line, f.sigma_eV]));
  const points = later.flatMap(({ k }) => fitsOf(pixelOf(k, i)).filter(f => f.used)
    .map(f => ({ k, f, error: energyAt(first, f.height) - f.energy_eV, sigma: Math.hypot(f.sigma_eV, before.get(f.line) || 0) })));
  const all = [0, ...points.map(p => p.error)], room = Math.max(0.5, 0.25 * (Math.max(...all) - Math.min(...all)));
  const chart = new Chart({ width: 560, height: 230, x: energySpan(i), y: [Math.min(...all) - room, Math.max(...all) + room], left: 52, title: `Change of ${nameOf(i)} between calibrations` });
  chart.xAxis('energy / eV', 8).yAxis('change / eV', 5).rule(0);
  for (const { k, c, error } of later) chart.polyline(c.energy, error, 'c' + k % 4);
  for (const { k, f, error, sigma } of points)
    chart.bar(f.energy_eV, error - sigma, error + sigma, 'c' + k % 4).mark(f.energy_eV, error, 'c' + k % 4, 'dot', `${f.line}: ${signed(error, 2)} \u00b1 ${fixed(sigma, 2)} eV`);
  return figure(`Between calibrations: what the curve of ${labelOf(report.tables[ks[0]])} would make of the lines of a later one. Proportional to energy: drift of the gain; the same everywhere in height: a jump.`, chart.svg, later.length > 1 ? colourKey(ks.slice(1)) : null);
}

function withinChart(i) {
  const ks = report.tables.map((t, k) => k).filter(k => pixelOf(k, i).slices);
  if (!ks.length) return null;
  const slices = ks.map(k => pixelOf(k, i).slices), known = slices.flat().filter(s => isNumber(s[0])), n = slices[0].length;
  const reach = Math.max(0.5, ...known.map(s => Math.abs(s[0]) + 1.2 * s[1]));
  const chart = new Chart({ width: 560, height: 230, x: [0, ks.length * n], y: [-reach, reach], left: 52, title: `Course of ${nameOf(i)} during calibrations` });
  chart.yAxis('lines moved by / eV', 5).rule(0);
  ks.forEach((k, place) => {
    slices[place].forEach(([offset, sigma], s) => {
      const at = place * n + s + 0.5;
      if (isNumber(offset)) chart.bar(at, offset - sigma, offset + sigma, 'c' + k % 4).mark(at, offset, 'c' + k % 4, 'dot', `${signed(offset, 2)} \u00b1 ${fixed(sigma, 2)} eV`);
    });
    if (place) chart.upright(place * n, 'thin');
    chart.svg.append(draw('text', { class: 'label', x: chart.left + chart.X((place + 0.5) * n), y: 230 - 18, 'text-anchor': 'middle' }, `${labelOf(report.tables[k])}, pulses in the order they came`));
  });
  return figure('Within each calibration: median distance of the pulses in lines from their line, in equal numbers of pulses.', chart.svg);
}

/* ---- all of it ---- */

function facts(k, i) {
  const r = rowOf(k, i), p = pixelOf(k, i);
  const inUnits = (x, digits, unit) => isNumber(x) ? `${fixed(x, digits)} ${unit}` : '\u2013';
  const list = [['pulses', whole(r.pulses)], ['anchors', r.anchors], ['resolution', inUnits(r.resolution, 2, 'eV')], ['worst centre error', inUnits(r.sigma, 3, 'eV')], ['leave-one-out rms', inUnits(r.loo, 2, 'eV')],
                ['drift slope', inUnits(r.drift, 2, '\u00d7 10\u207b\u2075 per count')], ['baseline', fixed(p.drift_reference, 1)], ['jump', isNumber(r.jump) ? `${signed(r.jump, 0)} units` : 'not compared']];
  return el('dl', { class: 'facts' }, list.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
}

function pixelHead(k, i, level) {
  const r = rowOf(k, i), t = report.tables[k];
  return [el(level, { id: level === 'h2' ? 'pixel-title' : null }, `Channel ${r.channel}`, r.name && r.name !== 'chan' + r.channel ? ` (${r.name})` : '', t ? `, ${labelOf(t)} ` : ' ', badge(r.verdict)),
          r.reason ? el('p', { class: 'reason' }, r.reason) : null];
}

const staleNote = (k, i) => pixelOf(k, i) && report.verdicts[pixelOf(k, i).v] === 'stale' ? el('p', { class: 'note' }, 'The curve and the fits are those of the calibration before; the spectrum is this one\u2019s.') : null;

function scaleChoice(redraw) {
  return el('label', { class: 'pick' }, 'Counts axis ', el('select', { id: 'scale', on: { change: e => { view.scale = e.target.value; redraw(); byId('scale').focus(); } } },
    [['sqrt', 'square root'], ['log', 'logarithm'], ['linear', 'linear']].map(([v, words]) => el('option', { value: v, selected: v === view.scale }, words))));
}

function pixelDetail(k, i, redraw) {
  if (!pixelOf(k, i)) return pixelHead(k, i, 'h2');
  const curves = withCurve(i).length > 0;
  return [...pixelHead(k, i, 'h2'), facts(k, i), staleNote(k, i), scaleChoice(redraw), spectrumChart(k, i), fitCharts(k, i),
          el('div', { class: 'pair' }, curves ? gainChart(i) : null, curves ? errorChart(k, i) : null, betweenChart(i), withinChart(i)), fitTable(k, i)].filter(n => n !== null);
}

/* On paper: what speaks for the verdict, small. */
function pixelOnPaper(k, i) {
  const p = pixelOf(k, i), parts = [...pixelHead(k, i, 'h3')];
  if (p) parts.push(p.spectrum ? spectrumChart(k, i, 1180, 200) : el('p', { class: 'note' }, 'No spectrum: too few good pulses.'), p.curve ? el('div', { class: 'pair' }, gainChart(i), errorChart(k, i)) : null);
  return el('article', {}, ...parts.filter(n => n !== null));
}
