'use strict';
// What the server tells, kept: states by scan and topic. A message is [u32 length][JSON header][to 8 bytes][arrays, each to 8 bytes].
const DTYPES = {'<f8': Float64Array, '<f4': Float32Array, '|u1': Uint8Array, '<u2': Uint16Array, '<u4': Uint32Array, '<i4': Int32Array, '<u8': BigUint64Array, '<i8': BigInt64Array};
const padded = n => (n + 7) & ~7;

function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  let at = padded(4 + length);
  for (const a of header.arrays) {
    const kind = DTYPES[a.dtype], n = a.shape.reduce((x, y) => x * y, 1);
    arrays[a.name] = {...a, values: new kind(buffer, at, n)};
    at += padded(n * kind.BYTES_PER_ELEMENT);
  }
  return {header, arrays};
}

const model = {scans: new Map(), order: [], other: new Map(), status: null, generation: 0, received: 0, heard: 0};

function keep(state) {
  const {topic, scan} = state.header;
  model.received++;
  if (!/^(pfy|xes|rixs)\//.test(topic)) {
    model.other.set(topic, state);
    return;
  }
  if (!model.scans.has(scan)) {
    model.scans.set(scan, new Map());
    model.order.push(scan);
    while (model.order.length > 30)
      model.scans.delete(model.order.shift());
  }
  model.scans.get(scan).set(topic, state);
}

function forget() {
  model.scans.clear();
  model.other.clear();
  model.order = [];
}

const newestScan = () => model.order.length ? model.order[model.order.length - 1] : null;
const stateOf = (scan, topic) => model.scans.get(scan)?.get(topic);

// Windows that are told of: those in the last heartbeat, or of a file all.
function regions(scan) {
  const last = model.other.get('hb/')?.header.last, have = model.scans.get(scan);
  if (!have)
    return [];
  return [...have.keys()].filter(t => t.startsWith('pfy/') && (!last || scan !== newestScan() || t in last)).map(t => t.slice(4, -1));
}

// Scans with the same set points, summed as counts, incident intensity times live time, and then divided.
function sumOfScans(roi) {
  const list = model.order.map(s => stateOf(s, `pfy/${roi}/`)).filter(Boolean), newest = list[list.length - 1];
  if (!newest)
    return null;
  const x = newest.arrays.incident_energy.values, n = x.length, byI0 = newest.header.normalised_by.startsWith('i0');
  const same = list.filter(s => s.arrays.incident_energy.values.length === n && s.header.normalised_by === newest.header.normalised_by &&
    s.arrays.incident_energy.values.every((e, k) => Math.abs(e - x[k]) <= Math.abs((x[Math.min(k + 1, n - 1)] - x[Math.max(k - 1, 0)]) / 4) + 1e-9));
  const y = new Float64Array(n), error = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    let counts = 0, below = 0;
    for (const s of same) {
      counts += s.arrays.counts.values[k];
      below += s.arrays.live_time_s.values[k] * (byI0 ? s.arrays.i0.values[k] : 1);
    }
    y[k] = below > 0 ? counts / below : NaN;
    error[k] = below > 0 ? (counts < 10 ? Math.sqrt(counts + 0.75) + 1 : Math.sqrt(counts)) / below : NaN;
  }
  return {x, y, error, n: same.length};
}

// The connection asks for news when what came has been taken; a server that is gone is tried again.
let socket = null;
const replies = [];
function connect(changed) {
  socket = new WebSocket(`ws://${location.host}/stream`);
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => socket.send('next');
  socket.onmessage = m => {
    if (typeof m.data !== 'string') {
      keep(decode(m.data));
      return;
    }
    const said = JSON.parse(m.data);
    if (said.reply) {
      replies.shift()?.(said.reply);
      return;
    }
    if (said.generation !== model.generation && model.status)
      forget();
    model.generation = said.generation;
    model.status = said;
    model.heard = performance.now();
    changed();
    setTimeout(() => socket.readyState === 1 && socket.send('next'), said.more ? 0 : 100);
  };
  socket.onclose = () => {
    model.status = model.status && {...model.status, gone: true};
    changed();
    setTimeout(() => connect(changed), 1000);
  };
}

const ask = request => new Promise(resolve => { replies.push(resolve); socket.send(JSON.stringify(request)); });
