#!/usr/bin/python3
"""The arithmetic of the page of tesd web under Node, without a browser: sums of scans, yields per pixel of mean sensitivity, ratios with errors, what is before the edge, photons still
wanted, against numpy. What it looks like is judged in Chromium (make check-web). Skipped with a word where there is no Node."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import numpy as np
import offspring
from checks import check, conclusion

node = shutil.which('node') or shutil.which('nodejs')
if node is None:
    print('skipped: no node')
    sys.exit(77)

# The files of the page are scripts that share their names; what they take from the others is given here.
DRIVER = """
const fs = require('fs'), vm = require('vm'), given = JSON.parse(fs.readFileSync(0, 'utf8')), values = {};
const sets = new Map(Object.entries(given.sets).map(([name, s]) => [name, new Map(Object.entries(s))]));
for (const [name, s] of sets) for (const [topic, state] of s) {
  state.id = name + topic;
  for (const k of Object.keys(state.arrays)) state.arrays[k] = {values: Float64Array.from(state.arrays[k], v => v === null ? NaN : v), units: 'eV'};
}
const world = vm.createContext({at: id => ({value: String(values[id] ?? '')}), isFile: () => false, model: {received: 1, order: [...sets.keys()], sets, other: new Map()},
  stateOf: (set, topic) => sets.get(set)?.get(topic) ?? null, anyStateOf: set => sets.get(set) ? [...sets.get(set).values()][0] : null, document: {}, window: {}});
for (const f of given.files) vm.runInContext(fs.readFileSync(f, 'utf8'), world, {filename: f});
world.values = values;
const plain = x => ArrayBuffer.isView(x) ? [...x].map(plain) : Array.isArray(x) ? x.map(plain) : x && typeof x === 'object' ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, plain(v)])) :
  typeof x === 'number' && !isFinite(x) ? null : x;
console.log(JSON.stringify(given.ask.map(q => plain(vm.runInContext(q, world)))));
"""


def ask(sets, *questions):
    told = offspring.run([node, '-e', DRIVER], input=json.dumps({'sets': sets, 'files': ['daemon/client/page/sums.js', 'daemon/client/page/compare.js'], 'ask': questions}),
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(told)


def arrays(told):
    return np.array([np.nan if v is None else v for v in told], float)


class Scan:
    """A scan of one window: counts at a rate, through pixels of that weight. The program's own yields are those of all pixels together."""

    def __init__(self, dice, number, sample, x, weight, level=200, step=3, i0=True, dark=()):
        self.x, self.weight, n = x, weight, len(x)
        self.i0, self.live = (dice.uniform(0.5, 2, n) if i0 else np.full(n, np.nan)), dice.uniform(0.5, 1, n)
        self.live[list(dark)] = 0
        self.q = np.where(np.isfinite(self.i0), self.i0, 1) * self.live * weight
        self.counts = dice.poisson(self.q * level * np.where(x > 530, step, 1))
        self.state = {'header': {'scan': number, 'sample': sample, 'roi_eV': [505, 535]}}
        whole = self.q / weight
        with np.errstate(divide='ignore', invalid='ignore'):
            self.y, self.error = self.counts / whole, errors(self.counts) / whole
        self.y[whole == 0] = self.error[whole == 0] = np.nan
        listed = {'yield': self.y, 'yield_errors': self.error, 'counts': self.counts, 'incident_energy': x, 'i0': self.i0, 'live_time_s': self.live, 'pixel_weight': np.array([weight])}
        self.state['arrays'] = {k: [float(a) if np.isfinite(a) else None for a in v] for k, v in listed.items()}


def errors(counts):
    return np.where(counts < 10, np.sqrt(counts + 0.75) + 1, np.sqrt(counts))


def sets_of(**scans):
    return {name: {'pfy/O/': s.state} for name, s in scans.items()}


def test_one_scan(dice):
    for i0 in (True, False):
        s = Scan(dice, 1, 'heated', np.arange(525, 536, 0.5), 7.5, i0=i0, dark=[3])
        y, = ask(sets_of(a=s), "yieldOf('a', 'O')")
        check(np.allclose(arrays(y['y']), s.y / 7.5, rtol=1e-12, equal_nan=True) and np.allclose(arrays(y['error']), s.error / 7.5, rtol=1e-12, equal_nan=True) and np.allclose(y['q'], s.q)
              and y['y'][3] is None, f'a scan {"with" if i0 else "without"} I0: yields for a pixel of mean sensitivity, none where there was no live time')


def test_sums(dice):
    """Of one sample from one energy on, one of them cut short, with other pixels: counts over exposures, each point where it belongs."""
    x = np.arange(525, 536, 0.5)
    a, b, c = Scan(dice, 1, 'heated', x, 7.5), Scan(dice, 2, 'heated', x[:9] + 0.01, 3.0, level=4), Scan(dice, 3, 'pristine', x, 7.5)
    names, y = ask(sets_of(a=a, b=b, c=c), "conditionNames()", "yieldOf('sum of heated from 525.0 eV', 'O')")
    counts, q = a.counts.copy(), a.q.copy()
    counts[:9] += b.counts
    q[:9] += b.q
    check(names == ['a', 'b', 'c', 'sum of heated from 525.0 eV'], f'conditions: {names}')
    check(np.array_equal(y['counts'], counts) and np.allclose(y['y'], counts / q, rtol=1e-12) and np.allclose(y['error'], errors(counts) / q, rtol=1e-12) and y['n'] == 2, 'a sum of repeats divides sums')
    d, e = (Scan(dice, k, 'dim', x, 1, level=2, step=1) for k in (4, 5))
    y, = ask(sets_of(d=d, e=e), "yieldOf('sum of dim from 525.0 eV', 'O')")
    check(max(d.counts + e.counts) > 0 and min(d.counts + e.counts) < 10 and np.allclose(y['error'], errors(d.counts + e.counts) / (d.q + e.q), rtol=1e-12), 'errors of few counts are upper limits, as the program has them')


def test_ratio(dice):
    """Of two scans with other points, order and pixels; over a range, less what is before the edge, and the photons still wanted."""
    x = np.arange(520, 540, 0.5)
    a, b = Scan(dice, 1, 'heated', x, 7.5, step=4), Scan(dice, 2, 'pristine', x[::-1][5:] + 0.02, 3.0)
    full, part, less, wanted, enough = ask(sets_of(a=a, b=b), "ratioOf(lessPreEdge(yieldOf('a', 'O')), lessPreEdge(yieldOf('b', 'O')))", "ratioOf(lessPreEdge(yieldOf('a', 'O')), lessPreEdge(yieldOf('b', 'O')), [531, 534])",
                                           "Object.assign(values, {preLo: 520, preHi: 528}), ratioOf(lessPreEdge(yieldOf('a', 'O')), lessPreEdge(yieldOf('b', 'O')), [531, 534])",
                                           "countsNeeded({ratio: 2, error: 0.2, na: 100, nb: 50}, 0.05)", "countsNeeded({ratio: 2, error: 0.2, na: 100, nb: 50}, 0.1)")
    back = {float(np.round(v - 0.02, 6)): k for k, v in enumerate(b.x)}
    i = np.array([k for k, v in enumerate(x) if float(v) in back])
    j = np.array([back[float(x[k])] for k in i])
    ya, yb, ea, eb = a.y[i] / 7.5, b.y[j] / 3, a.error[i] / 7.5, b.error[j] / 3
    check(full['x'] == list(x[i]) and np.allclose(full['ratio'], ya / yb, rtol=1e-12) and np.allclose(full['error'], ya / yb * np.hypot(ea / ya, eb / yb), rtol=1e-12), f'ratios at the {len(i)} points in common')
    inside = (x[i] >= 531) & (x[i] <= 534)
    ia, jb, n = i[inside], j[inside], inside.sum()

    def whole(pre_a=0, pre_b=0, var_a=0, var_b=0):
        sa, sb = ya[inside].sum() - n * pre_a, yb[inside].sum() - n * pre_b
        va, vb = (a.counts[ia] / a.q[ia] ** 2).sum() + n ** 2 * var_a, (b.counts[jb] / b.q[jb] ** 2).sum() + n ** 2 * var_b
        return sa / sb, sa / sb * np.hypot(va ** 0.5 / sa, vb ** 0.5 / sb)
    want = whole()
    check(np.allclose([part['sum']['ratio'], part['sum']['error']], want, rtol=1e-10) and part['sum']['na'] == a.counts[ia].sum() and part['sum']['n'] == n, f'together over a range {want[0]:.4f}({want[1]:.4f})')
    before = [((s.x >= 520) & (s.x <= 528)) for s in (a, b)]
    levels = [(s.counts[m].sum() / s.q[m].sum(), s.counts[m].sum() / s.q[m].sum() ** 2) for s, m in zip((a, b), before)]
    want = whole(levels[0][0], levels[1][0], levels[0][1], levels[1][1])
    check(np.allclose([less['sum']['ratio'], less['sum']['error']], want, rtol=1e-10), f'less what is before the edge, whose error the points have in common, {want[0]:.4f}({want[1]:.4f})')
    check(abs(wanted - 450) < 1e-9 and enough == 0, 'photons wanted for half the error: three times those that there are')


seed = int(os.environ.get('TESD_SEED', 7))
print(f'TESD_SEED={seed}')
dice = np.random.default_rng(seed)
for test in (test_one_scan, test_sums, test_ratio):
    test(dice)
sys.exit(conclusion())
