/* Every line over all pixels of a calibration: where a fault is the table's and not a pixel's. */

/* One entry for each line fitted in any pixel with a curve of calibration k. */
function lineSums(k) {
  const t = report.tables[k],
    sums = new Map();
  for (const p of t ? t.pixels : []) {
    if (!p.curve || report.verdicts[p.v] === 'stale') continue;
    for (const f of fitsOf(p)) {
      if (!sums.has(f.line)) sums.set(f.line, { name: f.line, energy: f.energy_eV, unc: f.unc_eV, anchor: f.used, fits: [] });
      sums.get(f.line).fits.push(f);
    }
  }
  return [...sums.values()]
    .sort((a, b) => a.energy - b.energy)
    .map(s => {
      const residuals = s.fits.map(f => f.residual_eV).filter(isNumber);
      return Object.assign(s, {
        n: s.fits.length,
        residual: median(residuals),
        scatter: spread(residuals),
        compared: residuals.length,
        counts: median(s.fits.map(f => f.counts)),
        fwhm: median(s.fits.map(f => f.fwhm_eV)),
        sigma: median(s.fits.map(f => f.sigma_eV)),
        deviance: median(s.fits.map(f => f.deviance)),
      });
    });
}

/* Check lines only: a leave-one-out residual of an anchor at the end of the curve is an extrapolation and proves nothing. */
const isOff = s =>
  !s.anchor && s.compared >= 4 && Math.abs(s.residual) > 3 * Math.hypot(s.unc || 0, (1.25 * s.scatter) / Math.sqrt(s.compared), 0.1);

/* How far the array thinks the table is wrong at this line, eV; 0: no evidence. */
const faultOf = (t, name) => (t.faults.find(f => f[0] === name) || [name, 0])[1];

function drawLines() {
  const head = [
    ['line', ''],
    ['eV', ''],
    ['\u00b1', 'uncertainty in the table, eV'],
    ['use', ''],
    ['pixels', 'pixels it was fitted in'],
    ['counts', 'median'],
    ['FWHM', 'median, eV'],
    ['centre \u03c3', 'median, eV'],
    ['residual', 'median, eV: leave-one-out of an anchor, curve minus table of a check line'],
    ['scatter', 'over the pixels, eV'],
    ['D/\u27e8D\u27e9', 'median deviance over what is expected'],
  ];
  const rows = lineSums(view.k).map(s =>
    el(
      'tr',
      { class: isOff(s) || faultOf(report.tables[view.k], s.name) ? 'off' : null },
      el('th', { scope: 'row' }, s.name),
      el('td', {}, fixed(s.energy, 2)),
      el('td', {}, s.unc > 0 ? fixed(s.unc, 2) : '\u2013'),
      el('td', { class: 'words' }, s.anchor ? 'anchor' : 'check'),
      el('td', {}, s.n),
      el('td', {}, whole(s.counts)),
      el('td', {}, fixed(s.fwhm, 2)),
      el('td', {}, fixed(s.sigma, 3)),
      el('td', {}, signed(s.residual, 2), isOff(s) || faultOf(report.tables[view.k], s.name) ? ' \u26a0' : ''),
      el('td', {}, fixed(s.scatter, 2)),
      el('td', {}, fixed(s.deviance, 2))
    )
  );
  show(
    'lines',
    rows.length
      ? el(
          'table',
          {},
          el(
            'thead',
            {},
            el(
              'tr',
              {},
              head.map(h => el('th', { scope: 'col', class: h[0] === 'use' ? 'words' : null, title: h[1] || null }, h[0]))
            )
          ),
          el('tbody', {}, rows)
        )
      : el('p', {}, 'No pixel has a curve in this calibration.')
  );
  byId('lines-note').textContent = rows.length
    ? 'Residuals: for an anchor, the curve through the other anchors minus the table; for a check line, the curve minus the table. ' +
      'The same residual in all pixels points to the table (or the mono), a residual of one pixel to that pixel.'
    : '';
}
