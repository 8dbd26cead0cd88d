// Curves with error bars on a canvas.
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  const g = canvas.getContext('2d');
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.fillStyle = css('--panel');
  g.fillRect(0, 0, w, h);
  g.font = '12px system-ui, sans-serif';
  return {g, w, h};
}

function ticks(lo, hi, most) {
  const raw = (hi - lo) / most || 1, power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].find(s => s * power >= raw) * power, out = [];
  for (let t = Math.ceil(lo / step) * step; t <= hi + step * 1e-9; t += step)
    out.push(Math.abs(t) < step * 1e-9 ? 0 : t);
  return out;
}
const numberText = v => Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(1) : String(+v.toPrecision(6));

function frame(g, box, xs, ys, xLabel, yLabel) {
  const [x0, x1] = xs, [y0, y1] = ys, X = v => box.l + (v - x0) / (x1 - x0 || 1) * (box.r - box.l), Y = v => box.b - (v - y0) / (y1 - y0 || 1) * (box.b - box.t);
  g.strokeStyle = css('--line');
  g.fillStyle = css('--soft');
  g.textAlign = 'center';
  for (const t of ticks(x0, x1, Math.max(2, (box.r - box.l) / 90))) {
    g.beginPath(); g.moveTo(X(t), box.b); g.lineTo(X(t), box.b + 4); g.stroke();
    g.fillText(numberText(t), X(t), box.b + 16);
  }
  g.textAlign = 'right';
  for (const t of ticks(y0, y1, Math.max(2, (box.b - box.t) / 40))) {
    g.beginPath(); g.moveTo(box.l - 4, Y(t)); g.lineTo(box.l, Y(t)); g.stroke();
    g.fillText(numberText(t), box.l - 6, Y(t) + 4);
  }
  g.strokeRect(box.l, box.t, box.r - box.l, box.b - box.t);
  g.textAlign = 'center';
  g.fillText(xLabel, (box.l + box.r) / 2, box.b + 31);
  g.save();
  g.translate(12, (box.t + box.b) / 2);
  g.rotate(-Math.PI / 2);
  g.fillText(yLabel, 0, 0);
  g.restore();
  return {X, Y};
}

// series: {x, y, error, colour, name, steps}
function drawCurves(canvas, series, xLabel, yLabel, marks = []) {
  const {g, w, h} = prepare(canvas), box = {l: 62, r: w - 20, t: 18, b: h - 38};
  let x0 = Infinity, x1 = -Infinity, y0 = 0, y1 = -Infinity;
  for (const s of series)
    for (let k = 0; k < s.x.length; k++) {
      x0 = Math.min(x0, s.x[k]); x1 = Math.max(x1, s.x[k]);
      if (isFinite(s.y[k])) {
        y1 = Math.max(y1, s.y[k]); y0 = Math.min(y0, s.y[k]);
      }
    }
  if (!(x1 >= x0)) {
    g.fillStyle = css('--soft'); g.textAlign = 'center';
    g.fillText('nothing yet', w / 2, h / 2);
    return;
  }
  if (x0 === x1) { x0 -= 0.5; x1 += 0.5; }
  y1 = y1 > y0 ? y1 + 0.08 * (y1 - y0) : y0 + 1;
  const {X, Y} = frame(g, box, [x0, x1], [y0, y1], xLabel, yLabel);
  g.save(); g.beginPath(); g.rect(box.l, box.t, box.r - box.l, box.b - box.t); g.clip();
  for (const m of marks) {
    g.strokeStyle = css('--soft'); g.setLineDash([4, 4]);
    g.beginPath(); g.moveTo(X(m), box.t); g.lineTo(X(m), box.b); g.stroke(); g.setLineDash([]);
  }
  for (const s of series) {
    g.strokeStyle = g.fillStyle = css(s.colour); g.lineWidth = s.thin ? 1 : 1.5; g.globalAlpha = s.thin ? 0.45 : 1;
    g.beginPath();
    let pen = false;
    for (let k = 0; k < s.x.length; k++) {
      if (!isFinite(s.y[k])) { pen = false; continue; }
      g[pen ? 'lineTo' : 'moveTo'](X(s.x[k]), Y(s.y[k]));
      pen = true;
    }
    g.stroke();
    if (s.error && !s.thin)
      for (let k = 0; k < s.x.length; k++)
        if (isFinite(s.y[k])) {
          g.beginPath(); g.moveTo(X(s.x[k]), Y(s.y[k] - s.error[k])); g.lineTo(X(s.x[k]), Y(s.y[k] + s.error[k])); g.stroke();
          if (s.x.length < 400)
            g.fillRect(X(s.x[k]) - 1.5, Y(s.y[k]) - 1.5, 3, 3);
        }
    g.globalAlpha = 1;
  }
  g.restore();
  let at = box.l + 4;
  g.textAlign = 'left';
  for (const s of series.filter(x => x.name)) {
    g.fillStyle = css(s.colour);
    g.fillText(s.name, at, 12);
    at += g.measureText(s.name).width + 14;
  }
}
