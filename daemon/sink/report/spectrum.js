/* A pixel's spectrum with its lines, and the windows that were fitted. */

/* ---- spectrum ---- */

/* Bin edges and counts per eV (per bin on the axis of heights, for a pixel without a curve). */
function spectrumSeries(k, i, asEnergy) {
  const p = pixelOf(k, i);
  if (!p.spectrum || (asEnergy && !p.curve)) return null;
  const counts = unpack(p.spectrum.counts),
    s = p.spectrum,
    edges = Array.from({ length: counts.length + 1 }, (_, n) => s.low + n * s.width);
  if (!asEnergy) return { k, edges, values: counts };
  const energies = edges.map(h => energyAt(curveOf(p), h));
  return { k, edges: energies, values: counts.map((c, n) => c / (energies[n + 1] - energies[n])) };
}

function spectrumRange(series, asEnergy, p) {
  const low = Math.min(...series.map(s => s.edges[0])),
    high = Math.max(...series.map(s => s.edges[s.edges.length - 1]));
  if (!asEnergy) return [low, high];
  const lines = fitsOf(p).map(f => f.energy_eV);
  return [Math.max(low, 0.8 * Math.min(...lines)), Math.min(high, 1.12 * Math.max(...lines))];
}

/* Names above their lines, in as many rows as are needed that none covers another. `at`: where the axis has a fit. */
function lineNames(chart, fits, at) {
  const ends = [];
  for (const f of fits.slice().sort((a, b) => at(a) - at(b))) {
    const x = chart.X(at(f)), half = f.line.length * 3.3 + 3;
    if (x < 0 || x > chart.inner) continue;
    let row = ends.findIndex(end => x - half > end);
    if (row < 0) row = ends.length;
    ends[row] = x + half;
    chart.put('line', { class: 'rule ' + (f.used ? 'anchor' : 'check'), x1: x, x2: x, y1: 15 + 12 * row, y2: chart.tall });
    chart.text(x, 11 + 12 * row, f.line, f.used ? 'tick strong' : 'tick');
  }
}

function spectrumChart(k, i, width = 1180, height = 270) {
  const p = pixelOf(k, i),
    asEnergy = Boolean(p.curve);
  const others = report.tables.map((t, n) => n).filter(n => n !== k && asEnergy && report.verdicts[pixelOf(n, i).v] !== 'stale');
  const series = [...others, k].map(n => spectrumSeries(n, i, asEnergy)).filter(Boolean);
  if (!series.length) return null;
  const x = spectrumRange(series, asEnergy, p);
  const top = Math.max(...series.map(s => Math.max(...s.values.filter((v, n) => s.edges[n] >= x[0] && s.edges[n] <= x[1]))), 1);
  const least = view.scale === 'log' ? Math.min(...series.map(s => Math.min(...s.values.filter(v => v > 0)))) * 0.7 : 0;
  const chart = new Chart({
    width,
    height,
    x,
    y: [least, top * (view.scale === 'log' ? 3 : 1.25)],
    scale: view.scale,
    left: 52,
    title: `Spectrum of ${nameOf(i)} in ${labelOf(report.tables[k])}`,
  });
  chart.xAxis(asEnergy ? 'energy / eV' : 'filtered height / units (no curve)', 12).yAxis(asEnergy ? 'counts per eV' : 'counts per bin', 5);
  for (const s of [...series].reverse()) chart.steps(s.edges, s.values, 'c' + (s.k % 4), s.k === k);
  lineNames(chart, fitsOf(p), asEnergy ? f => f.energy_eV : f => f.height);
  const shown = series.map(s => s.k).sort();
  return figure(
    asEnergy
      ? 'Spectrum. Thick marks: anchors of the curve; thin: check lines.'
      : 'Heights of good pulses: no curve was accepted, so there is no energy axis.',
    chart.svg,
    colourKey(shown)
  );
}

/* ---- fits ---- */

const rootDeviance = (n, m) => (m > 0 ? Math.sign(n - m) * Math.sqrt(2 * Math.max(0, m - n + (n > 0 ? n * Math.log(n / m) : 0))) : 0);

function fitChart(fit, k) {
  const w = windowOf(fit),
    n = w.observed.length,
    edges = Array.from({ length: n + 1 }, (_, b) => w.low + b * w.bin),
    centres = edges.slice(0, n).map(e => e + w.bin / 2);
  const x = [edges[0], edges[n]],
    top = Math.max(...w.observed, ...w.expected) * 1.1,
    title = `Fit of ${fit.line}: ${fixed(fit.counts, 0)} counts, FWHM ${fixed(fit.fwhm_eV, 2)} eV`;
  const chart = new Chart({ width: 232, height: 215, x, y: [0, top], left: 38, right: 6, top: 6, bottom: 84, title });
  chart
    .yAxis('', 3)
    .steps(edges, w.observed, 'c' + (k % 4), true)
    .polyline(
      centres,
      centres.map(() => w.background),
      'background'
    )
    .polyline(centres, w.expected, 'model')
    .upright(0, 'thin');
  const pulls = w.observed.map((c, b) => rootDeviance(c, w.expected[b])),
    reach = Math.max(3.5, Math.min(8, Math.max(...pulls.map(Math.abs)) + 0.5));
  const below = new Chart({
    width: 232,
    height: 215,
    x,
    y: [-reach, reach],
    left: 38,
    right: 6,
    top: 136,
    bottom: 32,
    into: chart.svg,
    title,
  });
  below.band(x, [-2, -2], [2, 2], 'quiet').xAxis('eV from the centre', 5).yAxis('', 2);
  pulls.forEach((pull, b) =>
    below.put('rect', {
      class: Math.abs(pull) > 4 ? 'pull far' : 'pull',
      x: below.X(edges[b]) + 0.3,
      width: Math.max(below.inner / n - 0.6, 0.5),
      y: Math.min(below.Y(0), below.Y(pull)),
      height: Math.abs(below.Y(0) - below.Y(pull)),
    })
  );
  below.rule(0);
  return el(
    'figure',
    { class: 'fit' },
    el(
      'figcaption',
      {},
      el('b', {}, fit.line),
      ` ${fixed(fit.energy_eV, 2)} eV`,
      fit.used ? '' : ' (check)',
      el('br'),
      el('small', {}, `\u00b1${fixed(fit.sigma_eV, 2)} eV \u00b7 FWHM ${fixed(fit.fwhm_eV, 2)} \u00b7 ${whole(fit.counts)} counts`)
    ),
    chart.svg
  );
}

function fitCharts(k, i) {
  const fits = fitsOf(pixelOf(k, i))
    .filter(f => f.observed)
    .sort((a, b) => a.height - b.height);
  if (!fits.length) return null;
  return el(
    'div',
    {},
    el('h3', {}, 'Fitted windows'),
    el(
      'p',
      { class: 'note' },
      'Counts, model and background; below, pulls: the signed root of each bin\u2019s Poisson deviance, shaded within \u00b12.'
    ),
    el(
      'div',
      { class: 'fits' },
      fits.map(f => fitChart(f, k))
    )
  );
}

function fitTable(k, i) {
  const fits = fitsOf(pixelOf(k, i))
    .slice()
    .sort((a, b) => a.height - b.height);
  if (!fits.length) return null;
  const head = [
    'line',
    'table / eV',
    '\u00b1',
    'use',
    'height',
    'centre \u03c3 / eV',
    'FWHM / eV',
    '\u00b1',
    'counts',
    'D/\u27e8D\u27e9',
    'residual / eV',
  ];
  return el(
    'div',
    { class: 'scroll' },
    el(
      'table',
      { class: 'fit-table' },
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          head.map(h => el('th', { scope: 'col', class: h === 'use' ? 'words' : null }, h))
        )
      ),
      el(
        'tbody',
        {},
        fits.map(f =>
          el(
            'tr',
            {},
            el('th', { scope: 'row' }, f.line),
            el('td', {}, fixed(f.energy_eV, 2)),
            el('td', {}, f.unc_eV > 0 ? fixed(f.unc_eV, 2) : '\u2013'),
            el('td', { class: 'words' }, f.used ? 'anchor' : isNumber(f.energy_eV) ? 'check' : '\u2013'),
            el('td', {}, fixed(f.height, 1)),
            el('td', {}, fixed(f.sigma_eV, 3)),
            el('td', {}, fixed(f.fwhm_eV, 2)),
            el('td', {}, f.fwhm_sigma_eV > 0 ? fixed(f.fwhm_sigma_eV, 2) : isNumber(f.fwhm_eV) ? 'held' : '\u2013'),
            el('td', {}, whole(f.counts)),
            el('td', {}, fixed(f.deviance, 2)),
            el('td', {}, signed(f.residual_eV, 2))
          )
        )
      )
    )
  );
}
