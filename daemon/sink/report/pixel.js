/* One pixel: all that is known of it. Drawn only when it is looked at, from packed series. */

function facts(k, i) {
  const r = rowOf(k, i),
    p = pixelOf(k, i);
  const list = [
    ['pulses', whole(r.pulses)],
    ['anchors', r.anchors],
    ['resolution', isNumber(r.resolutionSigma) ? `${fixed(r.resolution, 2)} \u00b1 ${fixed(r.resolutionSigma, 2)} eV` : inUnits(r.resolution, 2, 'eV')],
    ['rank', r.rank || '\u2013'],
    ['worst centre error', inUnits(r.sigma, 3, 'eV')],
    ['leave-one-out rms', inUnits(r.loo, 2, 'eV')],
    ['drift slope', inUnits(r.drift, 2, '\u00d7 10\u207b\u2075 per count')],
    ['baseline', fixed(p.drift_reference, 1)],
    r.step ? ['step within', `${signed(r.step, 0)} units`] : null,
    ['jump', isNumber(r.jump) ? `${signed(r.jump, 0)} units` : 'not compared'],
  ];
  return el(
    'dl',
    { class: 'facts' },
    list.filter(Boolean).map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))
  );
}

function pixelHead(k, i, level) {
  const r = rowOf(k, i),
    t = report.tables[k];
  return [
    el(
      level,
      { id: level === 'h2' ? 'pixel-title' : null },
      `Channel ${r.channel}`,
      r.name && r.name !== 'chan' + r.channel ? ` (${r.name})` : '',
      t ? `, ${labelOf(t)} ` : ' ',
      badge(r.verdict)
    ),
    r.reason ? el('p', { class: 'reason' }, r.reason) : null,
  ];
}

const staleNote = (k, i) =>
  pixelOf(k, i) && report.verdicts[pixelOf(k, i).v] === 'stale'
    ? el('p', { class: 'note' }, 'The curve and the fits are those of the calibration before; the spectrum is this one\u2019s.')
    : null;

function scaleChoice(redraw) {
  return el(
    'label',
    { class: 'pick' },
    'Counts axis ',
    el(
      'select',
      {
        id: 'scale',
        on: {
          change: e => {
            view.scale = e.target.value;
            redraw();
            byId('scale').focus();
          },
        },
      },
      [
        ['sqrt', 'square root'],
        ['log', 'logarithm'],
        ['linear', 'linear'],
      ].map(([v, words]) => el('option', { value: v, selected: v === view.scale }, words))
    )
  );
}

function pixelDetail(k, i, redraw) {
  if (!pixelOf(k, i)) return pixelHead(k, i, 'h2');
  const curves = withCurve(i).length > 0;
  return [
    ...pixelHead(k, i, 'h2'),
    facts(k, i),
    staleNote(k, i),
    scaleChoice(redraw),
    spectrumChart(k, i),
    fitCharts(k, i),
    el('div', { class: 'pair' }, curves ? gainChart(i) : null, curves ? errorChart(k, i) : null, betweenChart(i), withinChart(i)),
    fitTable(k, i),
  ].filter(n => n !== null);
}

/* On paper: what speaks for the verdict, small. */
function pixelOnPaper(k, i) {
  const p = pixelOf(k, i),
    parts = [...pixelHead(k, i, 'h3')];
  if (p)
    parts.push(
      p.spectrum ? spectrumChart(k, i, 1180, 200) : el('p', { class: 'note' }, 'No spectrum: too few good pulses.'),
      fitCharts(k, i),
      p.curve ? el('div', { class: 'pair' }, gainChart(i), errorChart(k, i)) : null
    );
  return el('article', {}, ...parts.filter(n => n !== null));
}
