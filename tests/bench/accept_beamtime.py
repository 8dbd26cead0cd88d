"""Judge of products by truth: a beamtime of two conditions simulated at the level of photons, over seeds. Usage: accept_beamtime.py [SEEDS] [PIXELS]
The pull of the sPFY ratio of the 531/523 eV feature, metal PFYs of the two conditions, the shape of the yield at 20 counts/s and pixel, and the
resolution of the best pixels. The truth of a ratio is a beamtime without counting statistics: the same pixels, a hundred times the dwell."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
from checks import check, conclusion
from program import TESD, must

SEEDS, PIXELS = int(sys.argv[1]) if len(sys.argv) > 1 else 10, int(sys.argv[2]) if len(sys.argv) > 2 else 240
WINDOW = '530.5:531.5'


def tesd(*arguments):
    return must(TESD, *arguments).stdout


def simulate(path, seed, *more):
    tesd('simulate', '--photons', '-o', path, '--pixels', str(PIXELS), '--bad-fraction', '0', '--calibration-s', '1', '--seed', str(seed), *more)


def feature(path, out):
    """Ratio and error of the sPFY in the window, heated over pristine."""
    tesd('compare', path, '-o', out, '--incident', WINDOW, '--a', 'heated_O', '--b', 'pristine_O')
    with h5py.File(out) as f:
        g = f['entry/compare_heated_O_vs_pristine_O_pfy_O_522_525']
        return float(g['window_ratio'][()]), float(g['window_ratio_error'][()])


def metals(path, out):
    """Pull of the ratio of each metal's PFY, and chi2 of its shape, in the two conditions."""
    found = {}
    for metal in 'Mn', 'Co', 'Ni':
        tesd('compare', path, '-o', out, '--a', f'heated_{metal}', '--b', f'pristine_{metal}')
        with h5py.File(out) as f:
            g = f[f'entry/compare_heated_{metal}_vs_pristine_{metal}_pfy_{metal}_La']
            found[metal] = ((g['window_ratio'][()] - 1) / g['window_ratio_error'][()], g['shape_chi2'][()], g['shape_dof'][()])
    return found


def shape(path):
    """Yield of everything at each point over the truth's rate, as a ratio to its mean: worst and its error, joined to tenths of the rate's range."""
    with h5py.File(path) as f:
        e = f['entry']
        found, truth, counts = [], [], []
        for name in e:
            if name.startswith('pfy_') and name.endswith('_tfy'):
                number = name.split('_')[1]
                g = e[name]
                found.append(g['counts'][()] / g['live_time_s'][()] / g['pixel_weight'][()])
                truth.append(e[f'scan_{number}/true_rate_Hz'][()])
                counts.append(g['counts'][()])
        found, truth, counts = map(np.concatenate, (found, truth, counts))
        classes = np.array_split(np.argsort(truth), 6)
        ratio = np.array([np.sum(counts[c]) / np.sum(counts[c] / (found[c] / truth[c])) for c in classes])
        error = np.array([1 / np.sqrt(counts[c].sum()) for c in classes])
        mean = np.sum(ratio / error ** 2) / np.sum(1 / error ** 2)
        return ratio / mean - 1, error, truth


def main(folder):
    path, out = os.path.join(folder, 'b.nxs'), os.path.join(folder, 'c.nxs')
    simulate(path, 999, '--edges', 'o', '--scans', '1', '--dwell', '60', '--rate', '6')
    truth, truth_error = feature(path, out)
    print(f'truth: ratio {truth:.4f} +- {truth_error:.4f}')
    pulls, pulls_of_metals, chi2, dof = [], [], 0, 0
    for seed in range(1, SEEDS + 1):
        simulate(path, seed, '--edges', 'o,mn,co,ni', '--scans', '3', '--rate', '6')
        ratio, error = feature(path, out)
        pulls.append((ratio - truth) / np.hypot(error, truth_error))
        for pull, c, d in metals(path, out).values():
            pulls_of_metals.append(pull)
            chi2, dof = chi2 + c, dof + d
        print(f'seed {seed}: sPFY ratio {ratio:.4f} +- {error:.4f}, pull {pulls[-1]:+.2f}', flush=True)
    pulls, m = np.array(pulls), np.array(pulls_of_metals)
    check(abs(pulls.mean()) < 0.5 and 0.7 < pulls.std(ddof=1) < 1.3, f'sPFY ratio of the feature over {SEEDS} seeds: mean pull {pulls.mean():+.2f}, sd {pulls.std(ddof=1):.2f}')
    check(abs(m.mean()) < 0.5 and 0.7 < m.std(ddof=1) < 1.3, f'metal PFYs of the two conditions agree: mean pull {m.mean():+.2f}, sd {m.std(ddof=1):.2f} ({len(m)} ratios)')
    check(abs(chi2 - dof) < 4 * np.sqrt(2 * dof), f'and their shapes: chi2 {chi2:.0f} of {dof:.0f}')
    best_of(path, folder)
    simulate(path, 77, '--edges', 'o,co', '--scans', '4', '--rate', '20', '--dwell', '10')
    ratio, error, rates = shape(path)
    check(np.all(np.abs(ratio) < 0.003 + 3 * error) and np.max(error) < 0.002,
          f'shape of the yield at 20 counts/s and pixel (points of {rates.min():.0f} to {rates.max():.0f} /s): ' + ' '.join(f'{100 * r:+.2f}({100 * e:.2f})' for r, e in zip(ratio, error)) + ' %')


def best_of(path, folder):
    best = os.path.join(folder, 'best.nxs')
    tesd('merge', path, '-o', best, '--pixels', f'best:{PIXELS * 64 // 240}')
    widths = []
    for p in path, best:
        with h5py.File(p) as f:
            e = f['entry']
            used = e['sum_pristine_Co_rixs/pixels_used'][()].astype(bool)
            rms = float(np.sqrt(np.mean(e['pixels/resolution_eV'][()][used] ** 2)))
            g = e['sum_pristine_Co_elastic_yield']
            widths.append((float(g['fwhm_eV'][()]), float(g['fwhm_sigma_eV'][()]), rms, int(used.sum())))
    (a, sa, ta, na), (b, sb, tb, nb) = widths
    check(b < a and abs(b / a - tb / ta) < 4 * np.hypot(sa, sb) / a, f'elastic line of {na} pixels {a:.3f}({sa:.3f}) eV, of the best {nb} {b:.3f}({sb:.3f}); ratio {b / a:.3f}, by the truth of the pixels {tb / ta:.3f}')


with tempfile.TemporaryDirectory(prefix='tesd-beamtime-') as folder:
    main(folder)
sys.exit(conclusion())
