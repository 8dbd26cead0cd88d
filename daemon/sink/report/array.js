/* The array at one look: map, distribution of what it shows, lines over all pixels, warnings. */

const quantities = [
  { key: 'resolution', label: 'resolution', unit: 'eV', digits: 2 },
  { key: 'verdict', label: 'verdict', kind: 'names' },
  { key: 'pulses', label: 'counts (pulses)', unit: '', digits: 0 },
  { key: 'sigma', label: 'worst centre error', unit: 'eV', digits: 3 },
  { key: 'loo', label: 'leave-one-out rms', unit: 'eV', digits: 2 },
  { key: 'drift', label: 'drift slope', unit: '10\u207b\u2075 per baseline count', digits: 2, kind: 'signed' },
  { key: 'jump', label: 'jump', unit: 'height units', digits: 0, kind: 'signed' },
];
const quantityNow = () => quantities.find(q => q.key === view.quantity);

/* viridis for amounts; blue to orange, both readable without telling red from green, for what has a sign. */
const ramps = {
  amount: [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]],
  signed: [[8, 69, 148], [66, 146, 198], [158, 202, 225], [236, 236, 236], [253, 190, 133], [230, 115, 20], [140, 45, 4]],
};

function rampColour(ramp, part) {
  const at = Math.min(Math.max(part, 0), 1) * (ramp.length - 1), n = Math.min(Math.floor(at), ramp.length - 2);
  return ramp[n].map((v, c) => Math.round(v + (at - n) * (ramp[n + 1][c] - v)));
}
const css = rgb => `rgb(${rgb.join(',')})`;
const inkOn = rgb => 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] > 140 ? '#111' : '#fff';

/* Limits that a few wild pixels cannot spoil: what lies further out than two box lengths has the colour of the end. Of jumps most are
 * 0 and the others are what it is about, so all count. */
function limitsOf(q, rows) {
  const values = rows.map(r => r[q.key]).filter(isNumber);
  if (!values.length) return null;
  const [low, first, third, high] = [0, 0.25, 0.75, 1].map(part => quantile(values, part)), reach = 2 * (third - first), least = 10 ** -q.digits;
  if (q.key === 'jump') { const most = Math.max(-low, high, least); return [-most, most]; }
  const limits = [Math.max(low, first - reach), Math.min(high, third + reach)];
  if (q.kind === 'signed') { const most = Math.max(Math.abs(limits[0]), Math.abs(limits[1]), least); return [-most, most]; }
  return limits[1] > limits[0] ? limits : [low - least, low + least];
}

function colourOf(q, value, limits) {
  if (!isNumber(value) || !limits) return null;
  return rampColour(q.kind === 'signed' ? ramps.signed : ramps.amount, (value - limits[0]) / (limits[1] - limits[0]));
}

const valueText = (q, row) => q.kind === 'names' ? row.verdict : isNumber(row[q.key]) ? `${fixed(row[q.key], q.digits)} ${q.unit}`.trim() : 'not known';

/* Rows of equal length where that comes out, about half as many rows as columns. */
function columnsFor(n) {
  const ideal = Math.sqrt(n * 1.6);
  for (let c = Math.max(1, Math.round(ideal * 0.75)); c <= ideal * 1.3; c++) if (n % c === 0 && c >= n / c) return c;
  return Math.max(1, Math.round(ideal));
}

function mapCell(q, row, limits) {
  const rgb = q.kind === 'names' ? null : colourOf(q, row[q.key], limits);
  const look = q.kind === 'names' ? row.verdict : rgb ? '' : 'unknown';
  const label = `${nameOf(row.i)}: ${row.verdict}${q.kind === 'names' ? '' : ', ' + q.label + ' ' + valueText(q, row)}`;
  return el('button', { type: 'button', class: 'cell ' + look, style: rgb ? `background:${css(rgb)};color:${inkOn(rgb)}` : null, 'data-i': row.i,
                        tabindex: row.i === view.i ? 0 : -1, 'aria-label': label, 'aria-pressed': String(row.i === view.i),
                        title: `${label}${row.reason ? '\n' + row.reason : ''}`, on: { click: () => select(row.i, 'smooth') } },
            String(row.channel), row.verdict === 'good' ? null : el('i', {}, verdictMarks[row.verdict]));
}

function drawMap(rows) {
  const q = quantityNow(), limits = q.kind === 'names' ? null : limitsOf(q, rows), columns = columnsFor(rows.length);
  const map = byId('map');
  map.style.maxWidth = `${columns * 60}px`;
  map.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
  map.className = columns > 14 ? 'map dense' : 'map';
  map.dataset.columns = columns;
  show('map', rows.map(row => mapCell(q, row, limits)));
  show('legend', q.kind === 'names' ? verdictLegend(rows) : rampLegend(q, limits, rows));
  show('distribution', q.kind === 'names' || !limits ? [] : [distribution(q, rows, limits)]);
}

const verdictLegend = rows => el('p', { class: 'key plain' }, report.verdicts.map(v => el('span', {}, badge(v), ' ', rows.filter(r => r.verdict === v).length)));

function rampLegend(q, limits, rows) {
  const unknown = rows.filter(r => !isNumber(r[q.key])).length;
  const missing = unknown ? el('span', { class: 'missing' }, el('b', { class: 'cell unknown' }), ` ${unknown} not known`) : null;
  if (!limits) return el('p', { class: 'ramp' }, missing);
  const stops = (q.kind === 'signed' ? ramps.signed : ramps.amount).map(css).join(',');
  const values = rows.map(r => r[q.key]).filter(isNumber), below = values.some(v => v < limits[0]), above = values.some(v => v > limits[1]);
  return el('p', { class: 'ramp' }, (below ? '\u2264 ' : '') + fixed(limits[0], q.digits), el('b', { class: 'colours', style: `background:linear-gradient(to right,${stops})` }),
            (above ? '\u2265 ' : '') + fixed(limits[1], q.digits), ' ', q.unit, missing);
}

function distribution(q, rows, limits) {
  const values = rows.map(r => r[q.key]).filter(isNumber), n = 24, bins = new Array(n).fill(0), width = (limits[1] - limits[0]) / n;
  for (const v of values) bins[Math.min(Math.max(Math.floor((v - limits[0]) / width), 0), n - 1)]++;
  const middle = median(values), top = Math.max(...bins), outside = values.filter(v => v < limits[0] || v > limits[1]).length;
  const chart = new Chart({ width: 420, height: 130, x: limits, y: [0, top * 1.12], top: 6, title: `Distribution of ${q.label} over the pixels, median ${fixed(middle, q.digits)} ${q.unit}` });
  chart.xAxis(`${q.label}${q.unit ? ' / ' + q.unit : ''}`, 6).yAxis('pixels', Math.min(3, top));
  bins.forEach((count, b) => count && chart.put('rect', { class: 'column', x: chart.X(limits[0] + b * width) + 0.5, width: Math.max(chart.inner / n - 1, 1), y: chart.Y(count), height: chart.tall - chart.Y(count),
                                                          style: `fill:${css(colourOf(q, limits[0] + (b + 0.5) * width, limits))}` }, `${count} pixels`));
  chart.upright(middle, 'strong');
  const beyond = chart.X(middle) > 0.7 * chart.inner;
  return figure(outside ? `${outside} beyond the ends ${outside === 1 ? 'is' : 'are'} counted in the outermost columns.` : '', chart.text(chart.X(middle) + (beyond ? -5 : 5), 11, `median ${fixed(middle, q.digits)}`, 'tick strong', beyond ? 'end' : 'start').svg);
}

/* ---- lines ---- */

/* One entry for each line fitted in any pixel with a curve of calibration k. */
function lineSums(k) {
  const t = report.tables[k], sums = new Map();
  for (const p of t ? t.pixels : []) {
    if (!p.curve || report.verdicts[p.v] === 'stale') continue;
    for (const f of fitsOf(p)) {
      if (!sums.has(f.line)) sums.set(f.line, { name: f.line, energy: f.energy_eV, unc: f.unc_eV, anchor: f.used, fits: [] });
      sums.get(f.line).fits.push(f);
    }
  }
  return [...sums.values()].sort((a, b) => a.energy - b.energy).map(s => {
    const residuals = s.fits.map(f => f.residual_eV).filter(isNumber);
    return Object.assign(s, { n: s.fits.length, residual: median(residuals), scatter: spread(residuals), compared: residuals.length,
                              counts: median(s.fits.map(f => f.counts)), fwhm: median(s.fits.map(f => f.fwhm_eV)),
                              sigma: median(s.fits.map(f => f.sigma_eV)), deviance: median(s.fits.map(f => f.deviance)) });
  });
}

/* Check lines only: a leave-one-out residual of an anchor at the end of the curve is an extrapolation and proves nothing. */
const isOff = s => !s.anchor && s.compared >= 4 && Math.abs(s.residual) > 3 * Math.hypot(s.unc || 0, 1.25 * s.scatter / Math.sqrt(s.compared), 0.1);

function drawLines() {
  const head = [['line', ''], ['eV', ''], ['\u00b1', 'uncertainty in the table, eV'], ['use', ''], ['pixels', 'pixels it was fitted in'], ['counts', 'median'], ['FWHM', 'median, eV'],
                ['centre \u03c3', 'median, eV'], ['residual', 'median, eV: leave-one-out of an anchor, curve minus table of a check line'], ['scatter', 'over the pixels, eV'], ['D/\u27e8D\u27e9', 'median deviance over what is expected']];
  const rows = lineSums(view.k).map(s => el('tr', { class: isOff(s) ? 'off' : null }, el('th', { scope: 'row' }, s.name), el('td', {}, fixed(s.energy, 2)), el('td', {}, s.unc > 0 ? fixed(s.unc, 2) : '\u2013'),
    el('td', { class: 'words' }, s.anchor ? 'anchor' : 'check'), el('td', {}, s.n), el('td', {}, whole(s.counts)), el('td', {}, fixed(s.fwhm, 2)), el('td', {}, fixed(s.sigma, 3)),
    el('td', {}, signed(s.residual, 2), isOff(s) ? ' \u26a0' : ''), el('td', {}, fixed(s.scatter, 2)), el('td', {}, fixed(s.deviance, 2))));
  show('lines', rows.length ? el('table', {}, el('thead', {}, el('tr', {}, head.map(h => el('th', { scope: 'col', class: h[0] === 'use' ? 'words' : null, title: h[1] || null }, h[0])))), el('tbody', {}, rows)) : el('p', {}, 'No pixel has a curve in this calibration.'));
  byId('lines-note').textContent = rows.length ? 'Residuals: for an anchor, the curve through the other anchors minus the table; for a check line, the curve minus the table. '
    + 'The same residual in all pixels points to the table (or the mono), a residual of one pixel to that pixel.' : '';
}

/* ---- head ---- */

const time = iso => iso ? iso.slice(0, 16).replace('T', ' ') : '\u2013';

function drawStates() {
  const head = [['', ''], ['UTC', 'words'], ['mono / eV', ''], ['line table', 'words'], ['good', ''], ['others', ''], ['no curve', ''], ['FWHM / eV', '']];
  show('states', el('table', {}, el('thead', {}, el('tr', {}, head.map(h => el('th', { scope: 'col', class: h[1] || null }, h[0])))), el('tbody', {}, report.tables.map((t, k) => {
    const rows = rowsOf(k), good = rows.filter(r => r.verdict === 'good' && r.curve), curves = rows.filter(r => r.curve);
    return el('tr', {}, el('th', { scope: 'row' }, labelOf(t)), el('td', { class: 'words' }, `${time(t.start)}\u2013${time(t.end).slice(11)}`), el('td', {}, isNumber(t.mono_eV) ? fixed(t.mono_eV, 1) : '\u2013'), el('td', { class: 'words' }, t.line_table),
              el('td', {}, good.length), el('td', {}, curves.length - good.length), el('td', {}, rows.length - curves.length), el('td', {}, fixed(median(good.map(r => r.resolution)), 2)));
  }))));
}

const tile = (value, label, cls) => el('div', { class: 'tile ' + (cls || '') }, el('b', {}, value), el('span', {}, label));

function drawHead(rows) {
  const verdicts = report.channels.map(c => c.verdict), good = rows.filter(r => r.curve && r.verdict === 'good'), t = report.tables[view.k];
  document.title = `Energy calibration ${report.title}`;
  show('what', el('b', {}, report.title || 'no run named'), ` \u00b7 ${report.channels.length} pixels \u00b7 ${report.tables.map(labelOf).join(', ') || 'no calibration'} (${report.source}) \u00b7 lines: `
       + `${[...new Set(report.tables.map(x => x.line_table))].join(', ') || 'none'} \u00b7 ${report.program}`);
  show('tiles', el('div', { class: 'tile-group' }, el('h2', {}, 'Verdicts over all calibrations'), el('div', {}, report.verdicts.map(v => tile(verdicts.filter(x => x === v).length, `${verdictMarks[v]} ${v}`, v)))),
       el('div', { class: 'tile-group' }, el('h2', {}, t ? `Good pixels in ${labelOf(t)}, medians` : 'No calibration'),
          el('div', {}, tile(`${fixed(median(good.map(r => r.resolution)), 2)} eV`, 'resolution, FWHM'), tile(`${fixed(median(good.map(r => r.sigma)), 2)} eV`, 'worst centre error'),
          tile(`${fixed(median(good.map(r => r.loo)), 2)} eV`, 'leave-one-out rms'), tile(whole(median(good.map(r => r.pulses))), 'pulses'))));
}

const someChannels = list => list.slice(0, 12).join(', ') + (list.length > 12 ? ` and ${list.length - 12} more` : '');

function warningsOf() {
  const found = [];
  report.tables.forEach((t, k) => {
    const rows = rowsOf(k), jumped = rows.filter(r => r.jumped);
    if (!rows.some(r => r.curve)) found.push(`${labelOf(t)}: no pixel has a curve.`);
    if (jumped.length) found.push(`${labelOf(t)}: the heights of ${jumped.length === 1 ? 'a pixel' : jumped.length + ' pixels'} jumped by an offset since the calibration before (flagged, not stretched over): channel ${someChannels(jumped.map(r => `${r.channel} (${signed(r.jump, 0)})`))}.`);
    for (const s of lineSums(k).filter(isOff))
      found.push(`${labelOf(t)}: ${s.name} lies ${signed(s.residual, 2)} eV off its ${fixed(s.energy, 2)} eV in the typical pixel (scatter ${fixed(s.scatter, 2)}, ${s.compared} pixels): look at ${s.name === 'elastic' ? 'the mono' : 'the line table'}, not at the pixels.`);
  });
  const none = report.channels.filter((c, i) => c.note && !report.tables.some(t => t.pixels[i].curve));
  if (none.length) found.push(`Without a curve, and why: ${someChannels(none.map(c => `channel ${c.channel} (${c.note})`))}.`);
  if (report.source === 'loaded') found.push('This calibration was loaded from a file, which keeps curves and fits but no spectra.');
  if (!report.tables.length) found.push('No calibration state lies in these records.');
  return found;
}

const drawWarnings = () => show('warnings', warningsOf().map(w => el('li', {}, w)));
