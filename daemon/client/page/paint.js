// Maps as pictures: a cell for each point and bin, summed where several share a pixel of the screen; colours that colour-blind eyes tell apart.
const VIRIDIS = '440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d2f6b8e2c728e297a8e26828e23898e21918c1f988b1fa08822a78528ae8032b67a3fbc734ec36b5ec96270cf5784d44b98d83eaddc30c2df23d8e219ece51bfde725';
const paletteOf = hex => new Uint32Array(256).map((_, k) => {
  const n = hex.length / 6 - 1, at = Math.min(k / 255 * n, n - 1e-9), i = Math.floor(at), f = at - i;
  const part = (i, c) => parseInt(hex.substr(6 * i + 2 * c, 2), 16), mix = c => Math.round(part(i, c) + f * (part(i + 1, c) - part(i, c)));
  return (255 << 24 | mix(2) << 16 | mix(1) << 8 | mix(0)) >>> 0;
});
const PALETTE = paletteOf(VIRIDIS);
// Differences: blue - nothing - orange; nothing is white on a light page and black on a dark one.
const DIFFERENCE = {light: paletteOf('08306b2166ac6baed6c6dbeff7f7f7fdd0a2fd8d3cd94801803300'), dark: paletteOf('9ecae14292c62166ac0b3c6e15181c7a3b06c25a0af08b2fffd59b')};
const isDark = () => getComputedStyle(document.documentElement).colorScheme.includes('dark') && (document.documentElement.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
const cssColour = rgb => `rgb(${rgb & 255} ${rgb >> 8 & 255} ${rgb >> 16 & 255})`;

const SCALES = {'linear': f => f, 'square root': Math.sqrt, 'logarithm': f => Math.log1p(300 * f) / Math.log1p(300)};
const UNSCALE = {'linear': f => f, 'square root': f => f * f, 'logarithm': f => Math.expm1(f * Math.log1p(300)) / 300};

function edgesOf(y) {
  const n = y.length, e = new Float64Array(n + 1);
  for (let k = 1; k < n; k++)
    e[k] = (y[k - 1] + y[k]) / 2;
  e[0] = n > 1 ? y[0] - (y[1] - y[0]) / 2 : y[0] - 0.5;
  e[n] = n > 1 ? y[n - 1] + (y[n - 1] - y[n - 2]) / 2 : y[0] + 0.5;
  return e;
}

// The part of a map that holds photons: between the quantiles of all, so that a stray count does not shrink it.
function wholeView(d) {
  return d.whole_view ??= viewOfAll(d);
}

function viewOfAll(d) {
  const e = edgesOf(d.y), n = d.x.length, step = d.x[1] - d.x[0], sums = new Float64Array(n);
  let total = 0;
  for (let r = 0; r < d.y.length; r++)
    for (let k = 0, base = d.order[r] * n; k < n; k++) {
      const v = Math.abs(d.counts[base + k]);
      if (v > 0) { sums[k] += v; total += v; }
    }
  let lo = 0, hi = n - 1, sum = 0;
  for (; lo < hi && (sum += sums[lo]) <= 0.002 * total; lo++);
  sum = 0;
  for (; hi > lo && (sum += sums[hi]) <= 0.002 * total; hi--);
  if (!total) { lo = 0; hi = n - 1; }
  const pad = Math.max(2, (hi - lo) * 0.03) * step;
  return [Math.max(d.x[0] - step / 2, d.x[lo] - pad), Math.min(d.x[n - 1] + step / 2, d.x[hi] + pad), e[0], e[e.length - 1]];
}

const binOf = (d, x) => Math.max(0, Math.min(d.x.length - 1, Math.round((x - d.x[0]) / (d.x[1] - d.x[0]))));
function rowOf(d, y) {
  let best = 0;
  d.y.forEach((v, k) => { if (Math.abs(v - y) < Math.abs(d.y[best] - y)) best = k; });
  return best;
}

// Values of the cells of w x h pixels; rows -1: no point there. A cell that is wider than a bin has the bins' sum (mean: d.mean).
function cellsOf(d, w, h, view) {
  const step = d.x[1] - d.x[0], n = d.x.length, e = edgesOf(d.y), at = i => Math.floor((view[0] + i / w * (view[1] - view[0]) - d.x[0]) / step + 0.5);
  const rows = new Int32Array(h).fill(-1), lines = new Map();
  for (let j = h - 1, k = 0; j >= 0; j--) {   // both upwards
    const y = view[3] - (j + 0.5) / h * (view[3] - view[2]);
    while (k < d.y.length && y >= e[k + 1]) k++;
    if (k < d.y.length && y >= e[k]) rows[j] = k;
  }
  const values = [];
  for (const r of new Set(rows)) {
    if (r < 0) continue;
    const line = new Float64Array(w), base = d.order[r] * n, part = d.scale ? d.scale[d.order[r]] : 1;
    for (let i = 0; i < w; i++) {
      let sum = 0;
      for (let k = Math.max(0, at(i)), last = Math.min(n, Math.max(at(i) + 1, at(i + 1))); k < last; k++)
        sum += d.counts[base + k];
      line[i] = sum * part;
      values.push(Math.abs(line[i]));
    }
    lines.set(r, line);
  }
  return {rows, lines, values};
}

// How large the largest cells are: the largest, or with `most` below 1 the value that so many of those not empty do not exceed.
function topOf(cells, most = 1) {
  const v = cells.values.filter(x => x > 0);
  if (v.length === 0) return 1;
  return most === 1 ? v.reduce((a, b) => Math.max(a, b), 0) : Float64Array.from(v).sort()[Math.min(v.length - 1, Math.floor(v.length * most))];
}

// A picture is kept until what it shows changes, so that a cursor costs nothing.
const pictures = new Map();
function pictureOf(key, id, cells, w, h, colourOf) {
  const had = pictures.get(key);
  if (had?.id === id) return had.canvas;
  const canvas = had?.canvas ?? document.createElement('canvas'), image = new ImageData(w, h), out = new Uint32Array(image.data.buffer);
  for (let j = 0; j < h; j++) {
    const line = cells.lines.get(cells.rows[j]);
    for (let i = 0; line && i < w; i++)
      out[j * w + i] = colourOf(line[i]);
  }
  canvas.width = w; canvas.height = h;
  canvas.getContext('2d').putImageData(image, 0, 0);
  pictures.set(key, {id, canvas});
  return canvas;
}

// d in the box, by key's name remembered; options {scale, top, difference}. Returns what the top of the colours stands for.
const painted = new Map();
function paintMap(g, key, d, box, view, options) {
  const w = Math.max(1, Math.round(box.r - box.l)), h = Math.max(1, Math.round(box.b - box.t)), shape = `${d.id} ${w} ${h} ${view}`;
  let had = painted.get(key);
  if (had?.shape !== shape) {
    const cells = cellsOf(d, w, h, view);
    had = {shape, cells, top: topOf(cells, options.difference ? 0.995 : 1)};
    painted.set(key, had);
  }
  const top = options.top ?? had.top, scale = SCALES[options.scale ?? 'linear'], colours = options.difference ? DIFFERENCE[look.dark ? 'dark' : 'light'] : PALETTE;
  const colour = options.difference ? v => colours[Math.round(127.5 + 127.5 * Math.max(-1, Math.min(1, v / top)))] : v => colours[Math.round(255 * scale(Math.max(0, Math.min(1, v / top))))];
  g.drawImage(pictureOf(key, `${shape} ${top} ${options.scale} ${look.dark}`, had.cells, w, h, colour), box.l, box.t, box.r - box.l, box.b - box.t);
  return top;
}

// A bar of the colours, its numbers below; from -top for differences.
function drawColourBar(g, box, top, options, label) {
  box = {l: Math.round(box.l), r: Math.round(box.r), t: Math.round(box.t), b: Math.round(box.b)};
  const colours = options.difference ? DIFFERENCE[look.dark ? 'dark' : 'light'] : PALETTE, w = box.r - box.l, un = UNSCALE[options.scale ?? 'linear'];
  for (let i = 0; i < w; i++) {
    g.fillStyle = cssColour(colours[Math.round(255 * i / (w - 1))]);
    g.fillRect(box.l + i, box.t, 1, box.b - box.t);
  }
  g.strokeStyle = css('--line'); g.strokeRect(box.l, box.t, w, box.b - box.t);
  g.fillStyle = css('--soft');
  const {text, power} = axisTexts(options.difference ? -top : 0, top);
  for (const f of [0, 0.5, 1]) {
    const v = options.difference ? top * (2 * f - 1) : top * un(f);
    g.textAlign = f === 0 ? 'left' : f === 1 ? 'right' : 'center';
    g.fillText(text(+v.toPrecision(2)), box.l + f * w, box.b + 13);
  }
  if (options.beside) {
    g.textAlign = 'left';
    g.fillText(inUnits(label, power), options.beside, box.b - 1, box.l - options.beside - 6);
  } else {
    g.textAlign = 'center';
    g.fillText(inUnits(label, power), (box.l + box.r) / 2, box.t - 5);
  }
}

function drawElastic(g, d, X, Y, view) {
  if (d.unit !== 'eV') return;
  for (const [style, width] of [['#0008', 3], ['#fff', 1]]) {
    g.strokeStyle = style; g.lineWidth = width; g.setLineDash([3, 5]); g.beginPath();
    g.moveTo(X(d.loss ? 0 : view[2]), Y(view[2])); g.lineTo(X(d.loss ? 0 : view[3]), Y(view[3])); g.stroke();
  }
  g.setLineDash([]); g.lineWidth = 1;
}

const xText = d => d.loss ? 'energy loss (eV)' : 'emission energy (eV)';
const yText = d => d.unit === 'eV' ? 'incident energy (eV)' : 'point';
