// Do the scans that repeat one another agree? The judgement of the program (topic consistency/, or consistency_GROUP of a file), as a table.
const judgements = () => [...model.other].filter(([t]) => t.startsWith('consistency/')).map(([topic, s]) => ({topic, id: s.id, ...s.header}));

// 0.9964 with 0.0061: "0.996(6)", as papers have it.
function withError(v, e) {
  if (typeof v !== 'number') return '–';
  if (!(e > 0)) return numberText(v);
  const digits = Math.max(0, -Math.floor(Math.log10(e) + 1e-9)), unit = 10 ** -digits, n = Math.round(e / unit);
  return n > 9 && digits > 0 ? withRound(v, digits - 1, 1) : withRound(v, digits, n);
}
const withRound = (v, digits, n) => `${v < 0 ? '−' : ''}${Math.abs(v).toFixed(digits)}(${n})`;

const worstOf = (values, limit) => values.reduce((a, z) => typeof z === 'number' && Math.abs(z) > Math.abs(a ?? 0) ? z : a, null);

// Columns: [title, what it is, text of a row, the flag that marks it].
const REPEAT_COLUMNS = [
  ['scan', 'number of the scan', r => String(r.scan), null],
  ['rate', 'photons per exposure over those of the others', r => withError(r.ratio, r.ratio_sigma), null],
  ['map χ²', 'map against the sum of the others, of degrees of freedom', r => `${numberText(Math.round(r.map_chi2))}/${r.map_dof}`, 'map'],
  ['yields', 'largest deviation of the shape of a window, in standard deviations', r => { const z = worstOf(r.yield_z); return z === null ? '–' : `${z.toFixed(1).replace('-', '−')} σ`; }, 'yield'],
  ['Δ incident', 'shift along the incident energy, eV', r => withError(r.incident_shift_eV, r.incident_shift_sigma_eV), 'incident'],
  ['Δ emission', 'shift along the emission energy, eV', r => withError(r.emission_shift_eV, r.emission_shift_sigma_eV), 'emission'],
];

const repeatsShown = () => { const all = judgements(); return all.find(j => j.topic === at('repeatsOf').value) ?? all[all.length - 1] ?? null; };
const groupText = j => isFile() ? j.topic.slice('consistency/'.length, -1) : j.sample || 'this sample';

// One sentence: which of them differ, and in what.
function repeatsSentence(j) {
  const odd = j.repeats.filter(r => r.flags.length), names = {map: 'map', yield: 'shape of a yield', incident: 'incident energy', emission: 'emission energy'};
  return odd.length ? `beyond ${j.limit} σ: ${odd.map(r => `scan ${r.scan} (${r.flags.map(f => names[f] ?? f).join(', ')})`).join('; ')}` : `${j.repeats.length} scans agree within ${j.limit} σ`;
}

function repeatRows() {
  const j = repeatsShown();
  return j ? [['scan', 'points', 'ratio', 'ratio_sigma', 'map_chi2', 'map_dof', 'map_z', 'incident_shift_eV', 'incident_shift_sigma_eV', 'emission_shift_eV', 'emission_shift_sigma_eV', 'flags',
    ...j.windows.flatMap(w => [`${w} ratio`, `${w} ratio_sigma`, `${w} z`])],
  ...j.repeats.map(r => [r.scan, r.points, r.ratio, r.ratio_sigma, r.map_chi2, r.map_dof, r.map_z, r.incident_shift_eV, r.incident_shift_sigma_eV, r.emission_shift_eV, r.emission_shift_sigma_eV,
    r.flags.join(' '), ...j.windows.flatMap((_, k) => [r.yield_ratio[k], r.yield_ratio_sigma[k], r.yield_z[k]])])] : [];
}

const element = (name, text, more) => Object.assign(document.createElement(name), {textContent: text, ...more});

function drawRepeats() {
  const all = judgements(), a = at('conditionA').value;
  fill(at('repeatsOf'), all.map(j => [j.topic, groupText(j)]));
  if (!at('repeatsOf').dataset.chosen && at('repeatsOf').dataset.of !== a) {   // those of condition A, until somebody chooses
    at('repeatsOf').dataset.of = a;
    at('repeatsOf').value = (all.find(j => groupText(j) === a.replace('sum ', '')) ?? all[all.length - 1])?.topic ?? '';
  }
  const j = repeatsShown(), table = at('repeats');
  at('repeatsOf').hidden = !j;
  if (table.dataset.id === String(j?.id)) return;
  table.dataset.id = String(j?.id);
  at('repeatsText').textContent = j ? `${repeatsSentence(j)}${j.by_i0 === false ? '; no I₀: by live time alone' : ''}` : 'no scan has been repeated yet: each repeat is compared with the sum of the others when it is over';
  const head = element('tr', ''), rows = (j?.repeats ?? []).map(r => {
    const row = element('tr', '');
    row.append(...REPEAT_COLUMNS.map(([, , text, flag]) => element('td', text(r), {className: flag && r.flags.includes(flag) ? 'odd' : ''})));
    return row;
  });
  head.append(...REPEAT_COLUMNS.map(([title, what]) => element('th', title, {title: what, scope: 'col'})));
  table.replaceChildren(...(j ? [head, ...rows] : []));
}

// Below the yield of a scan that is one of repeats.
function drawRepeatsNote() {
  const n = anyStateOf(newestSet())?.header.scan, all = judgements(), j = all.filter(x => x.repeats.some(r => r.scan === n)).pop() ?? (isFile() ? null : all[all.length - 1]), note = at('repeatsNote');
  note.hidden = !j;
  const text = j ? `repeats of ${groupText(j)}: ${repeatsSentence(j)}` : '';
  if (note.textContent !== text) note.textContent = text;
}
