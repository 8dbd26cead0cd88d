/* One pixel: all that is known of it. Drawn only when it is looked at, from packed series. */

function facts(k, i) {
  const r = rowOf(k, i),
    p = pixelOf(k, i);
  const list = [
    ['pulses', whole(r.pulses)],
    ['anchors', r.anchors],
    ['assigned by', `${p.by}${p.by === 'nothing' ? '' : `, own peaks: ${marginWords(p)}`}`],
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

/* How clear the pixel's own peaks are, by themselves, about which line is where: score of the best choice less that of the second. */
const marginWords = p =>
  !p.choices.length ? 'not to be matched' : !isNumber(p.margin) ? 'one choice only' : p.margin < 0 ? `say otherwise (margin ${fixed(-p.margin, 1)})` : `margin ${fixed(p.margin, 1)}`;

/* What an operator must see of a pixel whose assignment is in doubt. */
function choiceTable(k, i) {
  const p = pixelOf(k, i),
    names = report.tables[k].line_names;
  if (!p.choices.length || (p.curve && !(p.margin < 5))) return null;
  const shown = names.map((name, n) => ({ name, n })).filter(x => p.choices.some(c => c.slice(2).some((v, m) => m % 2 === 0 && v === x.n)));
  const heightOf = (c, n) => {
    for (let m = 2; m < c.length; m += 2) if (c[m] === n) return c[m + 1];
    return null;
  };
  return el(
    'section',
    { class: 'choices' },
    el('h3', {}, 'How its own peaks could be assigned'),
    el(
      'table',
      {},
      el('thead', {}, el('tr', {}, ['score', 'rms / eV', ...shown.map(x => x.name)].map(h => el('th', { scope: 'col' }, h)))),
      el(
        'tbody',
        {},
        p.choices.map(c => el('tr', {}, el('td', {}, fixed(c[0], 1)), el('td', {}, fixed(c[1], 2)), shown.map(x => el('td', {}, fixed(heightOf(c, x.n), 0)))))
      )
    ),
    el('p', { class: 'note' }, 'Heights in units, best choice first. A difference in score below 5 is ambiguous.')
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
    choiceTable(k, i),
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
      choiceTable(k, i),
      p.spectrum ? spectrumChart(k, i, 1180, 200) : el('p', { class: 'note' }, 'No spectrum: too few good pulses.'),
      fitCharts(k, i),
      p.curve ? el('div', { class: 'pair' }, gainChart(i), errorChart(k, i)) : null
    );
  return el('article', {}, ...parts.filter(n => n !== null));
}
