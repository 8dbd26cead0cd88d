// Conditions: a set, or the sum of the stream's scans of one sample from one energy on. Exposure q = I0 x live time x weight of the pixels used
// (pixel_weight of the message): counts / q does not depend on which pixels were used, and is what compares.
const SUM = 'sum of ';

function exposureOf(s) {
  const a = s.arrays, weight = a.pixel_weight?.values[0] > 0 ? a.pixel_weight.values[0] : 1, known = [...a.i0.values].some(v => v > 0);
  return Float64Array.from(a.live_time_s.values, (t, k) => t * weight * (known ? a.i0.values[k] : 1));
}

const gridKey = s => s && s.header.scan >= 0 && s.arrays.incident_energy ? `${s.header.sample ?? ''} from ${s.arrays.incident_energy.values[0]?.toFixed(1)} eV` : null;

// Names of sums -> sets that they are of; a file has its own sums. Looked up again when something has come.
const grouped = {at: -1, value: new Map()};
function groups() {
  if (grouped.at !== model.received) { grouped.at = model.received; grouped.value = groupsOf(); }
  return grouped.value;
}

function groupsOf() {
  const all = new Map();
  if (isFile()) return all;
  for (const set of model.order) {
    const key = gridKey(anyStateOf(set));
    if (key) all.set(key, [...(all.get(key) ?? []), set]);
  }
  return new Map([...all].filter(([, list]) => list.length > 1).map(([key, list]) => [SUM + key, list]));
}

const conditionNames = () => [...model.order, ...groups().keys()];
const membersOf = name => groups().get(name) ?? (model.sets.has(name) ? [name] : []);
const isSum = name => name.startsWith(SUM) || / ?sum /.test(name);

function conditionText(name) {
  const h = anyStateOf(name)?.header;
  return h?.sample && !isSum(name) ? `${name}, ${h.sample}` : name;
}

// Where each energy of x lies in the grid, within a quarter of its steps; -1: nowhere.
function placesIn(grid, x) {
  const order = [...grid.keys()].sort((a, b) => grid[a] - grid[b]), sorted = order.map(k => grid[k]);
  return Array.from(x, v => {
    let lo = 0, hi = sorted.length - 1;
    while (lo < hi) {
      const m = lo + hi >> 1;
      if (sorted[m] < v) lo = m + 1; else hi = m;
    }
    const at = lo > 0 && v - sorted[lo - 1] < sorted[lo] - v ? lo - 1 : lo;
    const step = Math.min(sorted[at] - (sorted[at - 1] ?? -Infinity), (sorted[at + 1] ?? Infinity) - sorted[at]);
    return Math.abs(sorted[at] - v) <= (isFinite(step) ? step / 4 : 0.05) + 1e-9 ? order[at] : -1;
  });
}

const errorOfCounts = n => n < 10 ? Math.sqrt(n + 0.75) + 1 : Math.sqrt(n);
const longest = list => list.reduce((a, b) => b.arrays.incident_energy.values.length > a.arrays.incident_energy.values.length ? b : a);

// {x, y, error, counts, q, unit}: yield per pixel of mean sensitivity. The program's own yields and errors where it is of one set; sums divide sums.
const yields = new Map();
function yieldOf(name, roi, topic = `pfy/${roi}/`) {
  const list = membersOf(name).map(s => stateOf(s, topic)).filter(Boolean), id = list.map(s => s.id).join(), key = `${name} ${topic}`;
  if (list.length === 0) return null;
  if (yields.get(key)?.id !== id) {
    yields.delete(key);
    yields.set(key, yieldOfStates(list, id, topic.startsWith('ipfy')));
  }
  while (yields.size > 200) yields.delete(yields.keys().next().value);
  return yields.get(key);
}

function yieldOfStates(list, id, inverse) {
  const ref = longest(list), x = ref.arrays.incident_energy.values, n = x.length, counts = new Float64Array(n), q = new Float64Array(n);
  for (const s of list) {
    const e = exposureOf(s), to = s === ref ? null : placesIn(x, s.arrays.incident_energy.values);
    e.forEach((v, k) => {
      const p = to ? to[k] : k;
      if (p < 0 || !(v > 0)) return;
      counts[p] += Number(s.arrays.counts.values[k]);
      q[p] += v;
    });
  }
  const weight = ref.arrays.pixel_weight?.values[0] > 0 ? ref.arrays.pixel_weight.values[0] : 1, own = list.length === 1 && ref.arrays.yield;
  const part = inverse ? weight : 1 / weight;
  return {x, counts, q, header: ref.header, n: list.length, unit: ref.arrays.incident_energy.units, id,
    y: Float64Array.from(counts, (c, k) => own ? ref.arrays.yield.values[k] * part : q[k] > 0 ? c / q[k] : NaN),
    error: Float64Array.from(counts, (c, k) => own ? ref.arrays.yield_errors.values[k] * part : q[k] > 0 ? errorOfCounts(c) / q[k] : NaN)};
}

// 1 / PFY: the absorption, seen by a line that is not resonant. Of few counts it would be biased: none below 25.
function inverseOf(y) {
  return y && {...y, y: y.y.map((v, k) => y.counts[k] >= 25 ? 1 / v : NaN), error: y.y.map((v, k) => y.counts[k] >= 25 ? y.error[k] / (v * v) : NaN)};
}

// {x, y, order, counts, q, id}: photons by point and bin, points in order of incident energy. Null until its maps are here.
const summed = new Map();
function mapOf(name, topic) {
  const members = membersOf(name), list = members.map(s => stateOf(s, topic)).filter(Boolean);
  if (list.length === 0) return null;
  const id = list.map(s => s.id).join(), had = summed.get(`${name} ${topic}`);
  if (had?.id === id) return had;
  const ref = longest(list), axis = (ref.arrays.emission_energy ?? ref.arrays.energy_loss).values, incident = ref.arrays.incident_energy.values, n = axis.length, q = new Float64Array(incident.length);
  let counts = ref.arrays.counts.values;
  if (list.length > 1) counts = new Float64Array(counts.length);
  for (const s of list) {
    const other = (s.arrays.emission_energy ?? s.arrays.energy_loss).values, e = exposureOf(s), from = s.arrays.counts.values, to = placesIn(incident, s.arrays.incident_energy.values);
    if (other.length !== n || other[0] !== axis[0]) continue;   // other bins do not sum
    e.forEach((v, k) => {
      const p = list.length === 1 ? k : to[k];
      if (p < 0) return;
      q[p] += v > 0 ? v : 0;
      for (let b = 0; list.length > 1 && b < n; b++) counts[p * n + b] += from[k * n + b];
    });
  }
  const order = [...incident.keys()].sort((a, b) => incident[a] - incident[b]);
  const map = {id, name, title: list.length > 1 ? name : ref.header.title, loss: !!ref.arrays.energy_loss, unit: ref.arrays.incident_energy.units, x: axis, y: order.map(k => incident[k]), order, counts, q,
    whole: list.length === members.length};
  summed.set(`${name} ${topic}`, map);
  while (summed.size > 12) summed.delete(summed.keys().next().value);
  return map;
}
