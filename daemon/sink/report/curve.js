/* A pixel's gain curve, its errors, and how it changed. */

/* ---- curve and errors ---- */

const withCurve = i => report.tables.map((t, k) => k).filter(k => pixelOf(k, i).curve);

function energySpan(i) {
  const ends = withCurve(i).flatMap(k => {
    const e = curveOf(pixelOf(k, i)).energy;
    return [e[0], e[e.length - 1]];
  });
  return [Math.min(...ends), Math.max(...ends)];
}

function gainChart(i) {
  const ks = withCurve(i),
    x = energySpan(i);
  const gains = ks.map(k => {
    const c = curveOf(pixelOf(k, i));
    return { k, c, gain: c.height.map((h, n) => h / c.energy[n]) };
  });
  const all = gains.flatMap(g => g.gain),
    chart = new Chart({
      width: 560,
      height: 270,
      x,
      y: widen(Math.min(...all), Math.max(...all)),
      left: 52,
      title: `Gain curve of ${nameOf(i)}`,
    });
  chart.xAxis('energy / eV', 8).yAxis('gain p/E, units per eV', 5);
  for (const { k, c, gain } of gains) {
    const error = gain.map((g, n) => (g * Math.hypot(c.sigma[n], c.common[n])) / c.energy[n]),
      cls = 'c' + (k % 4);
    chart
      .band(
        c.energy,
        gain.map((g, n) => g - error[n]),
        gain.map((g, n) => g + error[n]),
        cls
      )
      .polyline(c.energy, gain, cls);
    for (const f of fitsOf(pixelOf(k, i)).filter(f => f.used)) {
      const g = f.height / f.energy_eV,
        s = (g * Math.hypot(f.sigma_eV, f.unc_eV || 0)) / f.energy_eV;
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
    const at = beside(chart, f.energy_eV, n, of),
      all = Math.hypot(f.sigma_eV, f.unc_eV || 0),
      cls = 'c' + (k % 4);
    chart
      .bar(at, f.residual_eV - all, f.residual_eV + all, cls)
      .bar(at, f.residual_eV - f.sigma_eV, f.residual_eV + f.sigma_eV, cls + ' thick');
    chart.mark(
      at,
      f.residual_eV,
      cls,
      f.used ? 'dot' : 'diamond',
      `${labelOf(report.tables[k])} ${f.line}: ${signed(f.residual_eV, 2)} \u00b1 ${fixed(f.sigma_eV, 2)} (table \u00b1 ${fixed(f.unc_eV, 2)}) eV`
    );
  }
}

function errorChart(k, i) {
  const ks = withCurve(i).filter(n => report.verdicts[pixelOf(n, i).v] !== 'stale'),
    x = energySpan(i);
  const residuals = ks.flatMap(n => fitsOf(pixelOf(n, i)).map(f => f.residual_eV)).filter(isNumber);
  const reach = Math.min(Math.max(2, ...residuals.map(r => 1.25 * Math.abs(r))), 15);
  const chart = new Chart({ width: 560, height: 270, x, y: [-reach, reach], left: 52, title: `Leave-one-out errors of ${nameOf(i)}` });
  chart.xAxis('energy / eV', 8).yAxis('curve minus table / eV', 5);
  const c = curveOf(pixelOf(k, i));
  if (c) {
    const both = c.sigma.map((s, n) => Math.hypot(s, c.common[n]));
    chart
      .band(
        c.energy,
        both.map(v => -v),
        both,
        'quiet'
      )
      .band(
        c.energy,
        c.sigma.map(v => -v),
        c.sigma,
        'c' + (k % 4)
      );
  }
  chart.rule(0);
  ks.forEach((n, place) => residualPoints(chart, n, i, place, ks.length));
  return figure(
    'Full: anchors left out of the curve in turn (the outermost are extrapolated). Empty: check lines on the curve. Thick bar: fit; thin: with the table\u2019s error. Bands: error of the curve, without and with the table\u2019s.',
    chart.svg,
    colourKey(ks)
  );
}

/* ---- drift ---- */

/* How wrong an energy would be if the first calibration's curve were used during a later one. */
function betweenChart(i) {
  const ks = withCurve(i).filter(n => report.verdicts[pixelOf(n, i).v] !== 'stale');
  if (ks.length < 2) return null;
  const first = curveOf(pixelOf(ks[0], i)),
    later = ks
      .slice(1)
      .map(k => ({ k, c: curveOf(pixelOf(k, i)) }))
      .map(s => Object.assign(s, { error: s.c.height.map((h, n) => energyAt(first, h) - s.c.energy[n]) }));
  const before = new Map(fitsOf(pixelOf(ks[0], i)).map(f => [f.line, f.sigma_eV]));
  const points = later.flatMap(({ k }) =>
    fitsOf(pixelOf(k, i))
      .filter(f => f.used)
      .map(f => ({ k, f, error: energyAt(first, f.height) - f.energy_eV, sigma: Math.hypot(f.sigma_eV, before.get(f.line) || 0) }))
  );
  const all = [0, ...points.map(p => p.error)],
    room = Math.max(0.5, 0.25 * (Math.max(...all) - Math.min(...all)));
  const chart = new Chart({
    width: 560,
    height: 230,
    x: energySpan(i),
    y: [Math.min(...all) - room, Math.max(...all) + room],
    left: 52,
    title: `Change of ${nameOf(i)} between calibrations`,
  });
  chart.xAxis('energy / eV', 8).yAxis('change / eV', 5).rule(0);
  for (const { k, c, error } of later) chart.polyline(c.energy, error, 'c' + (k % 4));
  for (const { k, f, error, sigma } of points)
    chart
      .bar(f.energy_eV, error - sigma, error + sigma, 'c' + (k % 4))
      .mark(f.energy_eV, error, 'c' + (k % 4), 'dot', `${f.line}: ${signed(error, 2)} \u00b1 ${fixed(sigma, 2)} eV`);
  return figure(
    `Between calibrations: what the curve of ${labelOf(report.tables[ks[0]])} would make of the lines of a later one. Proportional to energy: drift of the gain; the same everywhere in height: a jump.`,
    chart.svg,
    later.length > 1 ? colourKey(ks.slice(1)) : null
  );
}

function withinChart(i) {
  const ks = report.tables.map((t, k) => k).filter(k => pixelOf(k, i).slices);
  if (!ks.length) return null;
  const slices = ks.map(k => pixelOf(k, i).slices),
    known = slices.flat().filter(s => isNumber(s[0])),
    n = slices[0].length;
  const reach = Math.max(0.5, ...known.map(s => Math.abs(s[0]) + 1.2 * s[1]));
  const chart = new Chart({
    width: 560,
    height: 230,
    x: [0, ks.length * n],
    y: [-reach, reach],
    left: 52,
    title: `Course of ${nameOf(i)} during calibrations`,
  });
  chart.yAxis('lines moved by / eV', 5).rule(0);
  ks.forEach((k, place) => {
    slices[place].forEach(([offset, sigma], s) => {
      const at = place * n + s + 0.5;
      if (isNumber(offset))
        chart
          .bar(at, offset - sigma, offset + sigma, 'c' + (k % 4))
          .mark(at, offset, 'c' + (k % 4), 'dot', `${signed(offset, 2)} \u00b1 ${fixed(sigma, 2)} eV`);
    });
    if (place) chart.upright(place * n, 'thin');
    chart.svg.append(
      draw(
        'text',
        { class: 'label', x: chart.left + chart.X((place + 0.5) * n), y: 230 - 18, 'text-anchor': 'middle' },
        ks.length > 1 ? labelOf(report.tables[k]) : `${labelOf(report.tables[k])}, pulses in the order they came`
      )
    );
  });
  return figure('Within each calibration: median distance of the pulses in lines from their line, in equal numbers of pulses, in the order they came.', chart.svg);
}
