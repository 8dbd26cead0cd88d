/* The array at one look: the map, and the distribution of what it shows. */

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
  amount: [
    [68, 1, 84],
    [72, 40, 120],
    [62, 74, 137],
    [49, 104, 142],
    [38, 130, 142],
    [31, 158, 137],
    [53, 183, 121],
    [109, 205, 89],
    [180, 222, 44],
    [253, 231, 37],
  ],
  signed: [
    [8, 69, 148],
    [66, 146, 198],
    [158, 202, 225],
    [236, 236, 236],
    [253, 190, 133],
    [230, 115, 20],
    [140, 45, 4],
  ],
};

function rampColour(ramp, part) {
  const at = Math.min(Math.max(part, 0), 1) * (ramp.length - 1),
    n = Math.min(Math.floor(at), ramp.length - 2);
  return ramp[n].map((v, c) => Math.round(v + (at - n) * (ramp[n + 1][c] - v)));
}
const css = rgb => `rgb(${rgb.join(',')})`;
const inkOn = rgb => (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] > 140 ? '#111' : '#fff');

/* Limits that a few wild pixels cannot spoil: what lies further out than two box lengths has the colour of the end. Of jumps most are
 * 0 and the others are what it is about, so all count. */
function limitsOf(q, rows) {
  const values = rows.map(r => r[q.key]).filter(isNumber);
  if (!values.length) return null;
  const [low, first, third, high] = [0, 0.25, 0.75, 1].map(part => quantile(values, part)),
    reach = 2 * (third - first),
    least = 10 ** -q.digits;
  if (q.key === 'jump') {
    const most = Math.max(-low, high, least);
    return [-most, most];
  }
  const limits = [Math.max(low, first - reach), Math.min(high, third + reach)];
  if (q.kind === 'signed') {
    const most = Math.max(Math.abs(limits[0]), Math.abs(limits[1]), least);
    return [-most, most];
  }
  return limits[1] > limits[0] ? limits : [low - least, low + least];
}

function colourOf(q, value, limits) {
  if (!isNumber(value) || !limits) return null;
  return rampColour(q.kind === 'signed' ? ramps.signed : ramps.amount, (value - limits[0]) / (limits[1] - limits[0]));
}

const valueText = (q, row) =>
  q.kind === 'names' ? row.verdict : isNumber(row[q.key]) ? `${fixed(row[q.key], q.digits)} ${q.unit}`.trim() : 'not known';

/* Rows of equal length where that comes out, about half as many rows as columns. */
function columnsFor(n) {
  const ideal = Math.sqrt(n * 1.6);
  for (let c = Math.max(1, Math.round(ideal * 0.75)); c <= ideal * 1.3; c++) if (n % c === 0 && c >= n / c) return c;
  return Math.max(1, Math.round(ideal));
}

function mapCell(q, row, limits) {
  const rgb = q.kind === 'names' ? null : colourOf(q, row[q.key], limits);
  const look = q.kind === 'names' ? verdictClass(row.verdict) : rgb ? '' : 'unknown';
  const label = `${nameOf(row.i)}: ${row.verdict}${q.kind === 'names' ? '' : ', ' + q.label + ' ' + valueText(q, row)}`;
  return el(
    'button',
    {
      type: 'button',
      class: 'cell ' + look,
      style: rgb ? `background:${css(rgb)};color:${inkOn(rgb)}` : null,
      'data-i': row.i,
      tabindex: row.i === view.i ? 0 : -1,
      'aria-label': label,
      'aria-pressed': String(row.i === view.i),
      title: `${label}${row.reason ? '\n' + row.reason : ''}`,
      on: { click: () => select(row.i, 'smooth') },
    },
    String(row.channel),
    row.verdict === 'good' ? null : el('i', {}, markOf(row.verdict))
  );
}

function drawMap(rows) {
  const q = quantityNow(),
    limits = q.kind === 'names' ? null : limitsOf(q, rows),
    columns = columnsFor(rows.length);
  const map = byId('map');
  map.style.maxWidth = `${columns * 60}px`;
  map.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
  map.className = columns > 14 ? 'map dense' : 'map';
  map.dataset.columns = columns;
  show(
    'map',
    rows.map(row => mapCell(q, row, limits))
  );
  show('legend', q.kind === 'names' ? verdictLegend(rows) : rampLegend(q, limits, rows));
  show('distribution', q.kind === 'names' || !limits ? [] : [distribution(q, rows, limits)]);
}

const verdictLegend = rows =>
  el(
    'p',
    { class: 'key plain' },
    report.verdicts.map(v => el('span', {}, badge(v), ' ', rows.filter(r => r.verdict === v).length))
  );

function rampLegend(q, limits, rows) {
  const unknown = rows.filter(r => !isNumber(r[q.key])).length;
  const missing = unknown ? el('span', { class: 'missing' }, el('b', { class: 'cell unknown' }), ` ${unknown} not known`) : null;
  if (!limits) return el('p', { class: 'ramp' }, missing);
  const stops = (q.kind === 'signed' ? ramps.signed : ramps.amount).map(css).join(',');
  const values = rows.map(r => r[q.key]).filter(isNumber),
    below = values.some(v => v < limits[0]),
    above = values.some(v => v > limits[1]);
  return el(
    'p',
    { class: 'ramp' },
    (below ? '\u2264 ' : '') + fixed(limits[0], q.digits),
    el('b', { class: 'colours', style: `background:linear-gradient(to right,${stops})` }),
    (above ? '\u2265 ' : '') + fixed(limits[1], q.digits),
    ' ',
    q.unit,
    missing
  );
}

function distribution(q, rows, limits) {
  const values = rows.map(r => r[q.key]).filter(isNumber),
    n = 24,
    bins = new Array(n).fill(0),
    width = (limits[1] - limits[0]) / n;
  for (const v of values) bins[Math.min(Math.max(Math.floor((v - limits[0]) / width), 0), n - 1)]++;
  const middle = median(values),
    top = Math.max(...bins),
    outside = values.filter(v => v < limits[0] || v > limits[1]).length;
  const chart = new Chart({
    width: 420,
    height: 130,
    x: limits,
    y: [0, top * 1.12],
    top: 6,
    title: `Distribution of ${q.label} over the pixels, median ${fixed(middle, q.digits)} ${q.unit}`,
  });
  chart.xAxis(`${q.label}${q.unit ? ' / ' + q.unit : ''}`, 6).yAxis('pixels', Math.min(3, top));
  bins.forEach(
    (count, b) =>
      count &&
      chart.put(
        'rect',
        {
          class: 'column',
          x: chart.X(limits[0] + b * width) + 0.5,
          width: Math.max(chart.inner / n - 1, 1),
          y: chart.Y(count),
          height: chart.tall - chart.Y(count),
          style: `fill:${css(colourOf(q, limits[0] + (b + 0.5) * width, limits))}`,
        },
        `${count} pixels`
      )
  );
  chart.upright(middle, 'strong');
  const beyond = chart.X(middle) > 0.7 * chart.inner;
  return figure(
    outside ? `${outside} beyond the ends ${outside === 1 ? 'is' : 'are'} counted in the outermost columns.` : '',
    chart.text(chart.X(middle) + (beyond ? -5 : 5), 11, `median ${fixed(middle, q.digits)}`, 'tick strong', beyond ? 'end' : 'start').svg
  );
}
