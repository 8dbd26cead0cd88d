"""The whole of `tesd replay` on a real experiment: SSRL 10-1, February 2020, four pixels, two calibrations, six Co L scans.
The numbers are those of two independent programs on the same files (integers) and of a measured reference analysis (widths, sums)."""
import glob, math, os, sys, tempfile

shared = os.environ.get('TESD_SHARED', '../shared')
data = os.path.join(shared, 'data/real/ssrl_10_1_2020')
if not os.path.isdir(data):
    print('skipped: no shared data')
    sys.exit(77)

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
import offspring
from checks import check, conclusion
from program import TESD, datasets, must


def replay(files, out, *more):
    return must(TESD, 'replay', *files, '--logs', data, '-o', out, *more)


def cut_names(path):
    with h5py.File(path, 'r') as f:
        return [n.decode() if isinstance(n, bytes) else n for n in f['entry/pixels/cut_counts'].attrs['cut_names']]


def gauss_in_bins(edges, area, centre, sigma):
    z = (edges - centre) / (sigma * math.sqrt(2))
    return area * np.diff([math.erf(v) for v in z]) / 2


def fit_gauss(energies, centre, half_width, bin_eV=0.4):
    """Poisson maximum likelihood of one Gauss and a constant, integrated over bins: centre and FWHM, eV. Fisher scoring."""
    edges = np.arange(centre - half_width, centre + half_width + bin_eV / 2, bin_eV)
    n = np.histogram(energies, edges)[0].astype(float)
    p = np.array([n.sum() * 0.8, edges[np.argmax(n)] + bin_eV / 2, 1.3, max(n.sum() * 0.2 / len(n), 0.1)])
    model = lambda q: gauss_in_bins(edges, q[0], q[1], abs(q[2])) + max(q[3], 1e-6)
    likelihood = lambda q: np.sum(model(q) - n * np.log(model(q)))
    for _ in range(200):
        m, step = model(p), np.array([1e-3 * p[0] + 1e-3, 1e-3, 1e-3, 1e-3 * p[3] + 1e-4])
        jac = np.array([(model(p + np.eye(4)[k] * step[k]) - m) / step[k] for k in range(4)]).T
        move = np.linalg.solve(jac.T @ (jac / m[:, None]) + 1e-9 * np.eye(4), jac.T @ (n / m - 1))
        while likelihood(p + move) > likelihood(p) + 1e-9 and np.abs(move).max() > 1e-7:
            move /= 2
        p = p + move
        if np.abs(move[1:3]).max() < 1e-5:
            break
    return p[1], 2.3548 * abs(p[2])


def fit_few(values, reach):
    """The same without bins, of values within +-reach: expectation and maximum in turn."""
    x, share, centre, sigma = values[np.abs(values) < reach], 0.8, 0.0, 1.2
    for _ in range(500):
        line = share * np.exp(-0.5 * ((x - centre) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
        weight = line / (line + (1 - share) / (2 * reach))
        share, centre = weight.mean(), np.sum(weight * x) / weight.sum()
        sigma = math.sqrt(np.sum(weight * (x - centre) ** 2) / weight.sum())
    return centre, 2.3548 * sigma


def top_of(energy, counts, around, half_width):
    """Maximum of a lightly smoothed spectrum near `around`: parabola through its top, eV."""
    smooth = np.convolve(counts, np.ones(5) / 5, 'same')
    near = np.abs(energy - around) < 2.5
    x0 = energy[near][np.argmax(smooth[near])]
    sel = np.abs(energy - x0) <= half_width
    a, b, _ = np.polyfit(energy[sel] - x0, smooth[sel], 2)
    return x0 - b / (2 * a)


files = sorted(glob.glob(os.path.join(data, '*.off')))
with tempfile.TemporaryDirectory() as tmp:
    out = os.path.join(tmp, 'co.nxs')
    said = replay(files, out)
    again, shuffled = os.path.join(tmp, 'again.nxs'), os.path.join(tmp, 'shuffled.nxs')
    replay(files, again, '--workers', '1')
    replay([files[i] for i in (2, 0, 3, 1)], shuffled)
    one = datasets(out)

    def same(path):
        other = datasets(path)
        skip = ('entry/process/command_line',)
        return set(one) == set(other) and all(np.asarray(one[k]).tobytes() == np.asarray(other[k]).tobytes() for k in one if k not in skip)
    check(same(again), 'a second replay with another number of workers gives the same datasets byte for byte')
    check(same(shuffled), 'shuffled order of the files gives the same datasets byte for byte')

    ph = {k[len('entry/photons/'):]: v for k, v in one.items() if k.startswith('entry/photons/')}
    channels = one['entry/pixels/channel']
    check(list(channels) == [1, 3, 7, 9] and len(ph['time_ns']) == 42430, '4 pixels, 42,430 records')
    inside = ph['point'] >= 0
    check([int(np.sum(inside & (ph['pixel'] == p))) for p in range(4)] == [2654, 3551, 2454, 5020], 'records in the dwell windows by channel')
    scans = sorted(int(k.split('_')[1].split('/')[0]) for k in one if k.startswith('entry/scan_') and k.endswith('/start_ns'))
    check(len(scans) == 6 and all(len(one[f'entry/scan_{s:04d}/start_ns']) == 243 for s in scans), 'six scans of 243 points')
    by_start = sorted(scans, key=lambda s: one[f'entry/scan_{s:04d}/start_ns'][0])
    check([int(np.sum(inside & (ph['scan'] == s))) for s in by_start] == [2274, 2313, 2264, 2298, 2247, 2283], 'records in the dwell windows by scan')

    # the peer's rule: windows of whole seconds. And its residual cut with 0-999 eV, for both rules
    residual = list(cut_names(out)).index('residual')
    kept = ((ph['cuts'] >> residual) & 1 == 0) & (ph['energy_eV'] >= 0) & (ph['energy_eV'] <= 999)
    expected = {('ns', 'raw'): ([2654, 3551, 2454, 5020], [2274, 2313, 2264, 2298, 2247, 2283]),
                ('floor', 'raw'): ([2642, 3528, 2513, 5023], [2285, 2355, 2296, 2267, 2234, 2269]),
                ('ns', 'cut'): ([2637, 3519, 2430, 4972], [2256, 2290, 2240, 2282, 2221, 2269]),
                ('floor', 'cut'): ([2624, 3497, 2487, 4969], [2265, 2333, 2273, 2249, 2206, 2251])}
    for (rule, which), (by_channel, by_scan) in expected.items():
        select = kept if which == 'cut' else np.ones(len(kept), bool)
        got_channel, got_scan = [0] * 4, []
        for s in by_start:
            start, end = (one[f'entry/scan_{s:04d}/{k}_ns'] for k in ('start', 'end'))
            if rule == 'floor':
                start, end = start // 10**9 * 10**9, end // 10**9 * 10**9
            k = np.searchsorted(start, ph['time_ns'], 'right') - 1
            hit = select & (k >= 0) & (ph['time_ns'] < end[np.maximum(k, 0)])
            got_scan.append(int(hit.sum()))
            got_channel = [g + int(np.sum(hit & (ph['pixel'] == p))) for p, g in enumerate(got_channel)]
        check((got_channel, got_scan) == (by_channel, by_scan), f'{rule} windows, {which}: {got_channel} {got_scan}')

    # calibrations: centres of the six anchors in raw filter units against the measured ones
    centres = {1: (4413.5, 6019.6, 7772.4, 9992.6, 11628.5, 12452.5), 3: (3819.2, 5302.6, 6916.8, 8926.4, 10438.6, 11213.3),
               7: (3189.6, 4476.9, 5912.0, 7729.6, 9110.7, 9812.6), 9: (4573.1, 6192.2, 7970.1, 10195.6, 11872.6, 12722.3)}
    shifts = {1: (-30, -24, -15, -30, -38, -32), 3: (7, 0, -10, -14, -19, -24), 7: (-5, -9, -10, -15, -19, -23), 9: (200, 225, 247, 239, 246, 248)}
    names = ['CKa', 'NKa', 'OKa', 'FeLa', 'NiLa', 'CuLa']
    cals = sorted({k.split('/')[1] for k in one if k.startswith('entry/calibration_')}, key=lambda c: one[f'entry/{c}/start_ns'])
    check(len(cals) == 2, 'two calibrations')
    found = []
    for c in cals:
        lines = [[v.decode().strip('\0 ') if isinstance(v, bytes) else v for v in row] for row in one[f'entry/{c}/line']]
        heights = one[f'entry/{c}/line_height']
        found.append([[heights[p][lines[p].index(n)] if n in lines[p] else np.nan for n in names] for p in range(4)])
    worst = max(abs(found[0][p][k] - centres[ch][k]) for p, ch in enumerate(channels) for k in range(6))
    check(worst <= 20, f'anchors of the first calibration within 20 units (worst {worst:.1f})')
    worst = max(abs(found[1][p][k] - found[0][p][k] - shifts[ch][k]) for p, ch in enumerate(channels) for k in range(6))
    check(worst <= 25, f'shifts of the second calibration within 25 units (worst {worst:.1f})')
    jumped = list(one[f'entry/{cals[1]}/jumped'])
    check([bool(j) for j in jumped] == [False, False, False, True], f'the jump of channel 9, and of no other, is reported ({jumped})')
    check('jump' in said.stdout + said.stderr, 'and said in the output')

    # widths of the stack in the first calibration
    t0, t1 = one[f'entry/{cals[0]}/start_ns'], one[f'entry/{cals[0]}/end_ns']
    cal1 = (ph['time_ns'] >= t0) & (ph['time_ns'] < t1) & (ph['cuts'] == 0)
    elastic, nila = fit_gauss(ph['energy_eV'][cal1], 1000.5, 6.5), fit_gauss(ph['energy_eV'][cal1], 848.9, 6.5)
    check(elastic[1] <= 3.05, f'stacked elastic line at 1000 eV: {elastic[0]:.2f} eV, FWHM {elastic[1]:.2f} eV')
    check(nila[1] <= 3.35, f'stacked Ni La: {nila[0]:.2f} eV, FWHM {nila[1]:.2f} eV')

    singles = [fit_gauss(ph['energy_eV'][cal1 & (ph['pixel'] == p)], 1000.5, 6.5)[0] for p in range(4)]
    check(all(999.5 <= v <= 1001.7 for v in singles), 'elastic line of single pixels, extrapolated to 1000 eV: ' + ' '.join(f'{v:.2f}' for v in singles))
    near = inside & (ph['cuts'] == 0) & (ph['incident_eV'] > 796.5)
    # 150 photons: in bins of 0.5 eV their width goes from 2.4 to 3.3 eV by where the bins begin
    e800 = fit_few(ph['energy_eV'][near] - ph['incident_eV'][near].astype(float), 7)
    check(e800[1] <= 2.9, f'elastic line near 800 eV in the scans, stacked: {e800[0]:+.2f} eV from the mono, FWHM {e800[1]:.2f} eV')

    # sums over windows, all grades
    e, pt = ph['energy_eV'], inside & (ph['cuts'] == 0) & ((ph['flags'] & 3) < 2)
    for lo, hi, want in ((763, 800, 4851), (768, 784, 3581), (505, 535, 5217)):
        got = int(np.sum(pt & (e >= lo) & (e < hi)))
        check(abs(got / want - 1) <= 0.01, f'counts in {lo}-{hi} eV: {got} (measured elsewhere {want})')
    incident = one[f'entry/scan_{by_start[0]:04d}/incident_eV']
    la = pt & (e >= 763) & (e < 800)
    summed = np.bincount(ph['point'][la], minlength=243).astype(float)
    l3, l2 = top_of(incident, summed, 780.3, 1.2), top_of(incident, summed, 794.6, 1.6)
    check(abs(l3 - 780.29) <= 0.15, f'L3 maximum at {l3:.2f} eV')
    check(abs(l2 - 794.56) <= 0.3, f'L2 maximum at {l2:.2f} eV')

    checker = os.path.join(shared, 'tools/check_nexus.py')
    if os.path.exists(checker):
        run = offspring.run(['/usr/bin/python3', checker, out], capture_output=True, text=True)
        check(run.returncode == 0 and not run.stdout, 'check_nexus.py is silent ' + run.stdout[:2000])

sys.exit(conclusion())
