/* The page as a whole: what is drawn when, selection, keys, printing. */

enumerate();

function enumerate() {
  byId('quantity').append(...quantities.map(q => el('option', { value: q.key }, q.unit ? `${q.label} / ${q.unit}` : q.label)));
  byId('calibrations').append(
    ...report.tables.map((t, k) =>
      el(
        'label',
        {},
        el('input', {
          type: 'radio',
          name: 'calibration',
          value: k,
          checked: k === view.k,
          on: {
            change: () => {
              view.k = k;
              drawAll();
            },
          },
        }),
        ' ',
        labelOf(t)
      )
    )
  );
  byId('quantity').addEventListener('change', e => {
    view.quantity = e.target.value;
    drawMap(rowsOf(view.k));
  });
  byId('only-bad').addEventListener('change', e => {
    view.onlyBad = e.target.checked;
    drawVerdicts(rowsOf(view.k));
  });
  byId('before').addEventListener('click', () => step(-1));
  byId('after').addEventListener('click', () => step(1));
  byId('map').addEventListener('keydown', moveInMap);
  window.addEventListener('hashchange', followHash);
  window.addEventListener('beforeprint', drawForPaper);
  window.addEventListener('afterprint', () => show('print-pixels'));
}

function drawPixel() {
  byId('current').textContent = report.channels.length ? nameOf(view.i) : 'no pixels';
  show('pixel', report.channels.length ? pixelDetail(view.k, view.i, drawPixel) : []);
}

function drawProvenance() {
  const tables = new Map(report.tables.map(t => [t.line_table + '\n' + t.line_text, t]));
  show(
    'provenance-text',
    el('p', {}, report.program, el('br'), el('code', {}, report.command)),
    [...tables.values()].map(t =>
      el(
        'details',
        {},
        el(
          'summary',
          {},
          `Line table ${t.line_table}: ${t.lines.filter(l => l.use === 'anchor').length} anchors, ${t.lines.filter(l => l.use === 'check').length} check lines`
        ),
        el('pre', {}, t.line_text)
      )
    )
  );
}

function drawAll() {
  const rows = rowsOf(view.k);
  drawHead(rows);
  drawMap(rows);
  drawLines();
  drawVerdicts(rows);
  drawPixel();
}

/* go: how to move to where the pixel is drawn ('smooth', 'auto' for at once), or false to stay. */
function select(i, go) {
  view.i = i;
  for (const cell of byId('map').children) {
    const chosen = Number(cell.dataset.i) === i;
    cell.setAttribute('aria-pressed', String(chosen));
    cell.tabIndex = chosen ? 0 : -1;
  }
  for (const row of document.querySelectorAll('#verdict-table tr[data-i]')) row.classList.toggle('chosen', Number(row.dataset.i) === i);
  drawPixel();
  history.replaceState(null, '', '#chan' + channelOf(i));
  if (go) byId('pixel').scrollIntoView({ behavior: window.matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : go });
}

/* In the order of the verdict table, so that one can walk from the worst to the best. */
function step(by) {
  const order = shownRows(rowsOf(view.k)).map(r => r.i),
    n = order.length,
    at = order.indexOf(view.i);
  if (n) select(order[at < 0 ? 0 : (at + by + n) % n], false);
}

function moveInMap(event) {
  const map = byId('map'),
    across = Number(map.dataset.columns),
    at = [...map.children].indexOf(document.activeElement);
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, Home: -at, End: map.children.length - 1 - at }[event.key];
  const to = map.children[at + by];
  if (at < 0 || by === undefined || !to) return;
  event.preventDefault();
  document.activeElement.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

function followHash() {
  const wanted = /^#chan(-?\d+)$/.exec(location.hash);
  const i = wanted ? report.channels.findIndex(c => c.channel === Number(wanted[1])) : -1;
  if (i >= 0) select(i, 'auto');
}

function drawForPaper() {
  const rows = rowsOf(view.k).filter(r => r.verdict !== 'good' && pixelOf(view.k, r.i)),
    most = 60;
  if (!rows.length) return show('print-pixels');
  const t = report.tables[view.k];
  show(
    'print-pixels',
    el('h2', {}, `Pixels that are not good in ${labelOf(t)}`),
    rows.slice(0, most).map(r => pixelOnPaper(view.k, r.i)),
    rows.length > most ? el('p', {}, `and ${rows.length - most} more; the table above has their reasons.`) : null
  );
}

drawStates();
drawAssignment();
drawWarnings();
drawProvenance();
drawAll();
followHash();
