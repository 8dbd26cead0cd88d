/* The verdict table: one row for each pixel, sorted by any column. */

const columns = [
  { key: 'channel', label: 'channel', cell: r => el('a', { href: '#chan' + r.channel }, r.channel) },
  { key: 'name', label: 'name', words: true, cell: r => r.name },
  { key: 'verdict', label: 'verdict', words: true, cell: r => badge(r.verdict), order: r => report.verdicts.indexOf(r.verdict) },
  {
    key: 'anchors',
    label: 'anchors',
    hint: 'reference lines that carry the curve',
    cell: r => (isNumber(r.anchors) ? r.anchors : '\u2013'),
  },
  {
    key: 'margin',
    label: 'margin',
    hint: 'how clear its own peaks are about the lines: score of the best assignment less the second; negative: they contradict',
    cell: r => fixed(r.margin, 1),
  },
  { key: 'pulses', label: 'pulses', hint: 'good pulses it was learnt from', cell: r => whole(r.pulses) },
  {
    key: 'resolution',
    label: 'resolution',
    unit: 'eV',
    hint: 'FWHM of the elastic line, else of the narrowest strong anchor less its own width',
    cell: r => fixed(r.resolution, 2),
  },
  { key: 'sigma', label: 'centre \u03c3, worst', unit: 'eV', hint: 'largest statistical error of an anchor', cell: r => fixed(r.sigma, 3) },
  {
    key: 'loo',
    label: 'LOO rms',
    unit: 'eV',
    hint: 'leave-one-out: each anchor by the curve through the others',
    cell: r => fixed(r.loo, 2),
  },
  {
    key: 'drift',
    label: 'drift',
    unit: '10\u207b\u2075/count',
    hint: 'relative gain per count of pretrigger mean',
    cell: r => fixed(r.drift, 2),
  },
  {
    key: 'jump',
    label: 'jump',
    unit: 'units',
    hint: 'offset of the heights since the calibration before',
    cell: r => (r.jumped ? el('b', {}, signed(r.jump, 0)) : isNumber(r.jump) ? fixed(r.jump, 0) : '\u2013'),
  },
  { key: 'reason', label: 'reason', words: true, cell: r => r.reason },
];

const sortKey = (column, row) => (column.order ? column.order(row) : row[column.key]);

/* What is not known comes last, whichever way the table is sorted; equals stay in the order of channels. */
function sortRows(rows) {
  const column = columns.find(c => c.key === view.sort),
    way = view.down ? -1 : 1;
  const unknown = v => v === null || v === undefined || v === '';
  return rows.slice().sort((a, b) => {
    const x = sortKey(column, a),
      y = sortKey(column, b);
    if (unknown(x) || unknown(y)) return unknown(x) - unknown(y) || a.i - b.i;
    return (x < y ? -1 : x > y ? 1 : 0) * way || a.i - b.i;
  });
}

function sortBy(key) {
  view.down = view.sort === key ? !view.down : false;
  view.sort = key;
  drawVerdicts(rowsOf(view.k));
  byId('sort-' + key).focus();
}

function headCell(c) {
  const now = view.sort === c.key;
  return el(
    'th',
    { scope: 'col', class: c.words ? 'words' : null, 'aria-sort': now ? (view.down ? 'descending' : 'ascending') : null },
    el(
      'button',
      { type: 'button', id: 'sort-' + c.key, title: c.hint || null, on: { click: () => sortBy(c.key) } },
      c.label,
      el('i', { 'aria-hidden': 'true' }, now ? (view.down ? ' \u25be' : ' \u25b4') : '')
    ),
    el('span', { class: 'on-paper' }, c.label),
    c.unit ? el('small', {}, c.unit) : null
  );
}

const shownRows = rows => sortRows(rows).filter(r => !view.onlyBad || r.verdict !== 'good' || r.reason);

function drawVerdicts(rows) {
  const shown = shownRows(rows);
  const body = shown.map(r =>
    el(
      'tr',
      { 'data-i': r.i, class: r.i === view.i ? 'chosen' : null, on: { click: () => select(r.i, 'smooth') } },
      columns.map(c => el('td', { class: c.words ? 'words ' + c.key : null }, c.cell(r)))
    )
  );
  show(
    'verdict-table',
    el('table', { class: 'verdicts' }, el('thead', {}, el('tr', {}, columns.map(headCell))), el('tbody', {}, body)),
    shown.length ? null : el('p', {}, 'Every pixel is good and without remark.')
  );
}
