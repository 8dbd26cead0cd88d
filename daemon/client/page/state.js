'use strict';
// What the server tells, kept: states by set and topic. A message is [u32 length][JSON header][to 8 bytes][arrays, each to 8 bytes].
// A set is a scan of the stream ("scan 4"), or a scan or a sum of a file; sums of the stream's scans are made here (sums.js).
const DTYPES = {'<f8': Float64Array, '<f4': Float32Array, '|u1': Uint8Array, '<u2': Uint16Array, '<u4': Uint32Array, '<i4': Int32Array, '<u8': BigUint64Array, '<i8': BigInt64Array};
const padded = n => (n + 7) & ~7;
const MOST_SETS = 400;

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
  return {header, arrays, id: ++decode.last};
}
decode.last = 0;

const model = {sets: new Map(), order: [], other: new Map(), status: null, generation: 0, received: 0, heard: 0, pixels: 0};

function keep(state) {
  const {topic, set} = state.header;
  model.received++;
  if (!set) {
    model.other.set(topic, state);
    if (topic.startsWith('pixel/') || topic === 'layout/') model.pixels = state.id;
    return;
  }
  if (!model.sets.has(set)) {
    model.sets.set(set, new Map());
    model.order.push(set);
    while (model.order.length > MOST_SETS)
      model.sets.delete(model.order.shift());
  }
  model.sets.get(set).set(topic, state);
}

function forget() {
  model.sets.clear();
  model.other.clear();
  model.order = [];
}

const isFile = () => model.status?.age_ms === -2;
const newestSet = () => model.order.length ? model.order[model.order.length - 1] : null;
const stateOf = (set, topic) => model.sets.get(set)?.get(topic);
const anyStateOf = set => [...(model.sets.get(set)?.entries() ?? [])].find(([t]) => t.startsWith('pfy/'))?.[1] ?? [...(model.sets.get(set)?.values() ?? [])][0];

// Windows that are told of: those in the last heartbeat, or of a file all.
function regions(set, kind = 'pfy') {
  const last = model.other.get('hb/')?.header.last, have = model.sets.get(set);
  return have ? [...have.keys()].filter(t => t.startsWith(`${kind}/`) && (!last || set !== newestSet() || t in last)).map(t => t.slice(kind.length + 1, -1)) : [];
}

// The connection asks for news when what came has been taken, and for the maps and details that are looked at; a server that is gone is tried again.
let socket = null;
const replies = [];
function connect(changed, wants) {
  const next = () => socket.readyState === 1 && socket.send(JSON.stringify({next: wants()}));
  socket = new WebSocket(`ws://${location.host}/stream`);
  socket.binaryType = 'arraybuffer';
  socket.onopen = next;
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
    const first = !model.status;
    model.status = said;
    model.heard = performance.now();
    changed();
    setTimeout(next, said.more || first ? 0 : 100);
  };
  socket.onclose = () => {
    model.status = model.status && {...model.status, gone: true};
    changed();
    setTimeout(() => connect(changed, wants), 1000);
  };
}

const ask = request => new Promise(resolve => { replies.push(resolve); socket.send(JSON.stringify(request)); });
