/* The head of the page: what was calibrated, counts of verdicts, medians, warnings, calibration states. */

const time = iso => (iso ? iso.slice(0, 16).replace('T', ' ') : '\u2013');

function drawStates() {
  const head = [
    ['', ''],
    ['UTC', 'words'],
    ['mono / eV', ''],
    ['line table', 'words'],
    ['good', ''],
    ['others', ''],
    ['no curve', ''],
    ['FWHM / eV', ''],
  ];
  show(
    'states',
    el(
      'table',
      {},
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          head.map(h => el('th', { scope: 'col', class: h[1] || null }, h[0]))
        )
      ),
      el(
        'tbody',
        {},
        report.tables.map((t, k) => {
          const rows = rowsOf(k),
            good = rows.filter(r => r.verdict === 'good' && r.curve),
            curves = rows.filter(r => r.curve);
          return el(
            'tr',
            {},
            el('th', { scope: 'row' }, labelOf(t)),
            el('td', { class: 'words' }, `${time(t.start)}\u2013${time(t.end).slice(11)}`),
            el('td', {}, isNumber(t.mono_eV) ? fixed(t.mono_eV, 1) : '\u2013'),
            el('td', { class: 'words' }, t.line_table),
            el('td', {}, good.length),
            el('td', {}, curves.length - good.length),
            el('td', {}, rows.length - curves.length),
            el('td', {}, fixed(median(good.map(r => r.resolution)), 2))
          );
        })
      )
    )
  );
}

/* How lines were assigned, and the tail all lines were given. */
function drawAssignment() {
  show(
    'assignment',
    report.tables
      .filter(t => t.template_pixels)
      .map(t =>
        el(
          'p',
          { class: 'note' },
          `${labelOf(t)}: lines assigned in a template of ${t.template_pixels} ${t.template_pixels === 1 ? 'pixel' : 'pixels'}` +
            `${isNumber(t.template_margin) ? `, ${fixed(t.template_margin, 1)} clearer than the second best assignment (5 is enough)` : ''}; ` +
            (t.tail[0] > 0 ? `${fixed(100 * t.tail[0], 1)} % of the photons in a low-energy tail of ${fixed(t.tail[1], 2)} eV.` : 'no low-energy tail.')
        )
      )
  );
}

const tile = (value, label, cls) => el('div', { class: 'tile ' + (cls || '') }, el('b', {}, value), el('span', {}, label));

function drawHead(rows) {
  const verdicts = report.channels.map(c => c.verdict),
    good = rows.filter(r => r.curve && r.verdict === 'good'),
    t = report.tables[view.k];
  document.title = `Energy calibration ${report.title}`;
  show(
    'what',
    el('b', {}, report.title || 'no run named'),
    ` \u00b7 ${report.channels.length} ${report.channels.length === 1 ? 'pixel' : 'pixels'} \u00b7 ${report.tables.map(labelOf).join(', ') || 'no calibration'} (${report.source}) \u00b7 lines: ` +
      `${[...new Set(report.tables.map(x => x.line_table))].join(', ') || 'none'} \u00b7 ${report.program}`
  );
  show(
    'tiles',
    el(
      'div',
      { class: 'tile-group' },
      el('h2', {}, 'Verdicts over all calibrations'),
      el(
        'div',
        {},
        report.verdicts.map(v => tile(verdicts.filter(x => x === v).length, `${markOf(v)} ${v}`, verdictClass(v)))
      )
    ),
    el(
      'div',
      { class: 'tile-group' },
      el('h2', {}, t ? `Good pixels in ${labelOf(t)}, medians` : 'No calibration'),
      el(
        'div',
        {},
        tile(inUnits(median(good.map(r => r.resolution)), 2, 'eV'), 'resolution, FWHM'),
        tile(inUnits(median(good.map(r => r.sigma)), 2, 'eV'), 'worst centre error'),
        tile(inUnits(median(good.map(r => r.loo)), 2, 'eV'), 'leave-one-out rms'),
        tile(whole(median(good.map(r => r.pulses))), 'pulses')
      )
    )
  );
}

const someChannels = list => list.slice(0, 12).join(', ') + (list.length > 12 ? ` and ${list.length - 12} more` : '');

function warningsOf() {
  const found = [];
  report.tables.forEach((t, k) => {
    const rows = rowsOf(k),
      jumped = rows.filter(r => r.jumped);
    if (!rows.some(r => r.curve)) found.push(`${labelOf(t)}: no pixel has a curve.`);
    if (jumped.length)
      found.push(
        `${labelOf(t)}: the heights of ${jumped.length === 1 ? 'a pixel' : jumped.length + ' pixels'} jumped by an offset since the calibration before (flagged, not stretched over): channel ${someChannels(jumped.map(r => `${r.channel} (${signed(r.jump, 0)})`))}.`
      );
    if (t.remark) found.push(`${labelOf(t)}: ${t.remark}`);
    const stepped = t.pixels.map((p, i) => ({ p, i })).filter(x => x.p.step);
    if (stepped.length)
      found.push(
        `${labelOf(t)}: lines moved during this calibration (only the pulses after that count): channel ${someChannels(stepped.map(x => `${channelOf(x.i)} (${signed(x.p.step, 0)})`))}.`
      );
    for (const s of lineSums(k).filter(s => isOff(s) && !faultOf(t, s.name)))
      found.push(
        `${labelOf(t)}: ${s.name} lies ${signed(s.residual, 2)} eV off its ${fixed(s.energy, 2)} eV in the typical pixel (scatter ${fixed(s.scatter, 2)}, ${s.compared} pixels): look at ${s.name === 'elastic' ? 'the mono' : 'the line table'}, not at the pixels.`
      );
  });
  const none = report.channels.filter((c, i) => c.note && !report.tables.some(t => t.pixels[i].curve));
  if (none.length) found.push(`Without a curve, and why: ${someChannels(none.map(c => `channel ${c.channel} (${c.note})`))}.`);
  if (report.source === 'loaded') found.push('This calibration was loaded from a file, which keeps curves and fits but no spectra.');
  if (!report.tables.length) found.push('No calibration state lies in these records.');
  return found;
}

const drawWarnings = () =>
  show(
    'warnings',
    warningsOf().map(w => el('li', {}, w))
  );
