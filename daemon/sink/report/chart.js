/* A chart in SVG: frame, ticks and what is drawn inside, clipped at the frame. All sizes are in CSS pixels of the drawing. */

function niceTicks(low, high, wanted) {
  const rough = (high - low) / wanted,
    power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find(f => f * power >= rough) || 10);
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) ticks.push(n * step);
  return { ticks, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

const scales = {
  linear: { forth: v => v },
  sqrt: { forth: v => Math.sqrt(Math.max(v, 0)) },
  log: { forth: v => Math.log10(Math.max(v, 1e-9)) },
};

function scaledTicks(scale, low, high, wanted) {
  if (scale === 'linear') return niceTicks(low, high, wanted);
  const ticks = [];
  for (let power = -3; power < 8; power++)
    for (const f of scale === 'log' ? [1] : [1, 4]) if (f * 10 ** power >= low && f * 10 ** power <= high) ticks.push(f * 10 ** power);
  if (scale === 'sqrt') return { ticks: [0, ...ticks.filter(t => Math.sqrt(t) > 0.16 * Math.sqrt(high))], digits: null };
  return { ticks, digits: null };
}

const plainNumber = v => (v >= 0.001 || v <= -0.001 || v === 0 ? String(+v.toPrecision(6)).replace('-', '\u2212') : v.toExponential(0));

class Chart {
  /* x and y: [low, high]; y of a lower panel below another shares the drawing: give `into` and `top`. */
  constructor({ width, height, x, y, scale = 'linear', left = 46, right = 10, top = 8, bottom = 34, title, into = null }) {
    Object.assign(this, { x, y, scale, left, top, inner: width - left - right, tall: height - top - bottom });
    this.svg =
      into ||
      draw('svg', {
        viewBox: `0 0 ${width} ${height}`,
        role: 'img',
        'aria-label': title,
        class: 'chart',
        style: `max-width:${Math.round(width * 1.25)}px`,
      });
    const forth = scales[scale].forth;
    this.low = forth(y[0]);
    this.span = forth(y[1]) - this.low || 1;
    this.area = draw('svg', { x: left, y: top, width: this.inner, height: this.tall, viewBox: `0 0 ${this.inner} ${this.tall}` });
    this.back = draw('g', {});
    this.svg.append(this.back, this.area, draw('rect', { class: 'frame', x: left, y: top, width: this.inner, height: this.tall }));
  }
  X(v) {
    return ((v - this.x[0]) / (this.x[1] - this.x[0])) * this.inner;
  }
  Y(v) {
    return this.tall - ((scales[this.scale].forth(v) - this.low) / this.span) * this.tall;
  }

  xAxis(label, wanted = 6) {
    const { ticks, digits } = niceTicks(this.x[0], this.x[1], wanted),
      foot = this.top + this.tall;
    for (const t of ticks) {
      const at = this.left + this.X(t);
      this.back.append(
        draw('line', { class: 'grid', x1: at, x2: at, y1: this.top, y2: foot }),
        draw('text', { class: 'tick', x: at, y: foot + 13, 'text-anchor': 'middle' }, fixed(t, digits))
      );
    }
    if (label)
      this.back.append(draw('text', { class: 'label', x: this.left + this.inner / 2, y: foot + 28, 'text-anchor': 'middle' }, label));
    return this;
  }
  yAxis(label, wanted = 5) {
    const { ticks, digits } = scaledTicks(this.scale, this.y[0], this.y[1], wanted);
    for (const t of ticks) {
      const at = this.top + this.Y(t);
      this.back.append(
        draw('line', { class: 'grid', x1: this.left, x2: this.left + this.inner, y1: at, y2: at }),
        draw(
          'text',
          { class: 'tick', x: this.left - 5, y: at + 3.5, 'text-anchor': 'end' },
          digits === null ? plainNumber(t) : fixed(t, digits)
        )
      );
    }
    const middle = this.top + this.tall / 2;
    if (label)
      this.back.append(
        draw('text', { class: 'label', x: 11, y: middle, 'text-anchor': 'middle', transform: `rotate(-90 11 ${middle})` }, label)
      );
    return this;
  }

  put(tag, attributes, title) {
    const node = draw(tag, attributes);
    if (title) node.append(draw('title', {}, title));
    this.area.append(node);
    return this;
  }
  polyline(xs, ys, cls) {
    const points = xs.map((x, n) => `${this.X(x).toFixed(1)},${this.Y(ys[n]).toFixed(1)}`).join(' ');
    return this.put('polyline', { class: 'curve ' + cls, points });
  }
  /* edges: one more than values */
  steps(edges, values, cls, filled) {
    const foot = this.Y(this.y[0]).toFixed(1),
      d = [];
    values.forEach((v, n) => {
      const y = this.Y(Math.max(v, this.y[0])).toFixed(1);
      d.push(`${n ? 'V' : `M${this.X(edges[0]).toFixed(1)} ${foot}V`}${y}H${this.X(edges[n + 1]).toFixed(1)}`);
    });
    if (filled) this.put('path', { class: 'under ' + cls, d: `${d.join('')}V${foot}Z` });
    return this.put('path', { class: 'steps ' + cls, d: d.join('') + 'V' + foot });
  }
  band(xs, low, high, cls) {
    const forth = xs.map((x, n) => `${this.X(x).toFixed(1)},${this.Y(high[n]).toFixed(1)}`);
    const back = xs.map((x, n) => `${this.X(x).toFixed(1)},${this.Y(low[n]).toFixed(1)}`).reverse();
    return this.put('polygon', { class: 'band ' + cls, points: [...forth, ...back].join(' ') });
  }
  rule(y, cls = '') {
    return this.put('line', { class: 'rule ' + cls, x1: 0, x2: this.inner, y1: this.Y(y), y2: this.Y(y) });
  }
  upright(x, cls = '') {
    return this.put('line', { class: 'rule ' + cls, x1: this.X(x), x2: this.X(x), y1: 0, y2: this.tall });
  }
  bar(x, low, high, cls) {
    return this.put('line', { class: 'error ' + cls, x1: this.X(x), x2: this.X(x), y1: this.Y(low), y2: this.Y(high) });
  }
  /* shape: dot (full), ring or diamond (empty); a value beyond the frame is drawn at its edge as an arrow. */
  mark(x, y, cls, shape, title) {
    const at = [this.X(x), this.Y(y)];
    if (at[1] < 0 || at[1] > this.tall) {
      const tip = at[1] < 0 ? 2 : this.tall - 2,
        tail = at[1] < 0 ? 9 : this.tall - 9;
      return this.put('path', { class: 'mark dot ' + cls, d: `M${at[0]} ${tip}l-4 ${tail - tip}h8z` }, title);
    }
    if (shape === 'diamond')
      return this.put('path', { class: 'mark ring ' + cls, d: `M${at[0]} ${at[1] - 4.5}l4.5 4.5l-4.5 4.5l-4.5 -4.5z` }, title);
    return this.put('circle', { class: `mark ${shape} ${cls}`, cx: at[0], cy: at[1], r: 3.6 }, title);
  }
  text(x, y, words, cls = 'tick', anchor = 'middle') {
    this.area.append(draw('text', { class: cls, x, y, 'text-anchor': anchor }, words));
    return this;
  }
}

const widen = (low, high, part = 0.06) => {
  const m = (high - low || 1) * part;
  return [low - m, high + m];
};
const figure = (caption, svg, ...more) => el('figure', {}, el('figcaption', {}, caption), svg, ...more);
/* Which colour is which calibration; for one alone there is nothing to tell. */
const colourKey = shown =>
  shown.length < 2
    ? null
    : el(
        'p',
        { class: 'key' },
        shown.map(k => el('span', { class: 'c' + (k % 4) }, labelOf(report.tables[k])))
      );
