'use strict';
/* What was embedded, and what follows from it. Text from files reaches the page as text nodes and attributes only, never as markup. */

window.addEventListener('error', event => {
  const box = document.getElementById('fault');
  box.hidden = false;
  box.textContent = 'This page met an error and is not complete: ' + event.message;
});

const report = JSON.parse(document.getElementById('report-data').textContent);

/* The form is told in report_data.h. */
function unpack(text) {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const values = [];
  let step = 0,
    weight = 1,
    value = 0;
  for (const c of text || '') {
    const d = digits.indexOf(c);
    step += (d & 31) * weight;
    weight *= 32;
    if (d >= 32) continue;
    value += step % 2 ? -(step + 1) / 2 : step / 2;
    values.push(value);
    step = 0;
    weight = 1;
  }
  return values;
}

/* ---- elements ---- */

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {}))
    if (name === 'on') for (const [event, f] of Object.entries(value)) node.addEventListener(event, f);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
  node.append(...children.flat().filter(c => c !== null && c !== undefined));
  return node;
}

const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes, ...children) => fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
const byId = id => document.getElementById(id);
const show = (id, ...children) => byId(id).replaceChildren(...children.flat().filter(c => c !== null));

/* ---- numbers ---- */

const isNumber = x => typeof x === 'number' && isFinite(x);
const fixed = (x, digits) => (isNumber(x) ? x.toFixed(digits).replace('-', '\u2212') : '\u2013');
const inUnits = (x, digits, unit) => (isNumber(x) ? `${fixed(x, digits)} ${unit}` : '\u2013');
const signed = (x, digits) => (isNumber(x) ? (x > 0 ? '+' : '') + fixed(x, digits) : '\u2013');
const whole = x => (isNumber(x) ? Math.round(x).toLocaleString('en-GB').replace(/,/g, '\u202f') : '\u2013');

function quantile(values, q) {
  const sorted = values.filter(isNumber).sort((a, b) => a - b);
  if (!sorted.length) return NaN;
  const at = q * (sorted.length - 1),
    low = Math.floor(at);
  return sorted[low] + (at - low) * (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]);
}
const median = values => quantile(values, 0.5);
const spread = values => {
  const m = median(values);
  return 1.4826 * median(values.map(v => Math.abs(v - m)));
};

/* ---- pixels ---- */

const labelOf = t => t.label || 'calibration ' + t.number;
const channelOf = i => report.channels[i].channel;
const nameOf = i => 'channel ' + channelOf(i);
const pixelOf = (k, i) => (report.tables[k] ? report.tables[k].pixels[i] : null);

/* Fits as objects, with their series unpacked; kept, since a pixel is looked at more than once. */
function fitsOf(pixel) {
  if (!pixel.fitted)
    pixel.fitted = pixel.fits.map(row => {
      const fit = Object.fromEntries(report.fit_columns.map((name, c) => [name, row[c] === undefined ? null : row[c]]));
      fit.used = Boolean(fit.used);
      return fit;
    });
  return pixel.fitted;
}

function windowOf(fit) {
  if (!fit.observed) return null;
  return {
    low: fit.window_eV,
    bin: fit.bin_eV,
    observed: unpack(fit.observed),
    background: fit.background,
    expected: unpack(fit.expected).map(v => v * fit.quantum),
  };
}

/* Curve as arrays, or null. */
function curveOf(pixel) {
  if (pixel.curve && !pixel.sampled) {
    const c = pixel.curve,
      energy = unpack(c.energy).map(v => v / 1e3);
    pixel.sampled = {
      height: energy.map((e, i) => c.low + i * c.step),
      energy,
      sigma: unpack(c.sigma).map(v => v / 1e4),
      common: unpack(c.common).map(v => v / 1e4),
    };
  }
  return pixel.sampled || null;
}

/* Parabola through the nearest three samples, so that the lines between them do not show; straight on outside. */
function energyAt(curve, height) {
  const h = curve.height,
    e = curve.energy,
    step = h[1] - h[0],
    last = h.length - 1;
  const at = (height - h[0]) / step;
  if (at <= 0) return e[0] + at * (e[1] - e[0]);
  if (at >= last) return e[last] + (at - last) * (e[last] - e[last - 1]);
  const m = Math.min(Math.max(Math.round(at), 1), last - 1),
    d = at - m;
  return e[m] + (d * (e[m + 1] - e[m - 1])) / 2 + (d * d * (e[m + 1] - 2 * e[m] + e[m - 1])) / 2;
}

/* What the verdict table and the map say of a pixel in calibration k. */
function rowOf(k, i) {
  const c = report.channels[i],
    p = pixelOf(k, i);
  const row = { i, channel: c.channel, name: c.name, note: c.note };
  if (!p) return Object.assign(row, { verdict: c.verdict, reason: c.reason, anchors: null });
  const used = fitsOf(p).filter(f => f.used),
    loo = used.map(f => f.residual_eV).filter(isNumber);
  return Object.assign(row, {
    verdict: report.verdicts[p.v],
    reason: [p.reason, c.note].filter(Boolean).join('; '),
    anchors: used.length,
    margin: p.margin,
    pulses: p.pulses,
    resolution: p.resolution_eV,
    resolutionSigma: p.resolution_sigma_eV,
    rank: p.rank,
    step: p.step,
    sigma: used.length ? Math.max(...used.map(f => f.sigma_eV)) : null,
    loo: loo.length ? Math.sqrt(loo.reduce((s, r) => s + r * r, 0) / loo.length) : null,
    drift: isNumber(p.drift) ? p.drift * 1e5 : null,
    jump: p.jump,
    jumped: Boolean(p.jumped),
    curve: Boolean(p.curve),
  });
}

const rowsOf = k => report.channels.map((c, i) => rowOf(k, i));

/* What is looked at now; page.js changes it and draws anew. */
const view = {
  k: Math.max(report.tables.length - 1, 0),
  i: 0,
  quantity: 'resolution',
  sort: 'channel',
  down: false,
  onlyBad: false,
  scale: 'sqrt',
};
const verdictClass = verdict => verdict.replace(/ /g, '-');
const verdictMarks = { good: '\u2713', stale: '\u21ba', ambiguous: '?', bad: '\u2715' };
const markOf = verdict => verdictMarks[verdict] || '\u2013';
const badge = verdict => el('span', { class: 'badge ' + verdictClass(verdict) }, markOf(verdict), ' ', verdict);
