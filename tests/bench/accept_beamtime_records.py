"""Judge of products by truth, from records: a beamtime of two conditions (O K and Mn, Co, Ni L, scans repeated) through simulate, calibrate, replay,
merge and compare. Usage: accept_beamtime_records.py [--pixels 240] [--seed 11] [--keep DIR]; about two million records, 3 GB of disk meanwhile.
What is asked: the sPFY ratio of the 531/523 eV feature within its error of that of a beamtime of photons with sixty times the counts; metal PFYs of the
two conditions; the shape of PFYs at 20 counts/s and pixel, narrow windows too, against the photons that truly came; two shards of the array merged are
one replay; the best pixels of a quarter resolve what the simulator's noise says they do."""
import argparse
import glob
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
from checks import check, conclusion
from program import TESD, must

WINDOW = '530.5:531.5'
POINTS, RATE = 31, 20


def tesd(*arguments):
    return must(TESD, *arguments).stdout


def ratio(path, out, edge, window, *more):
    tesd('compare', path, '-o', out, '--a', f'heated_{edge}', '--b', f'pristine_{edge}', *more)
    with h5py.File(out) as f:
        g = f[f'entry/compare_heated_{edge}_vs_pristine_{edge}_pfy_{window}']
        return tuple(float(g[k][()]) for k in ('window_ratio', 'window_ratio_error', 'shape_chi2', 'shape_dof'))


class Truth:
    """Photons of truth.h5 by scan, point and pixel of the file."""

    def __init__(self, path, entry):
        with h5py.File(path) as f:
            p = {k: f[f'photons/{k}'][()] for k in ('pixel', 'scan', 'point', 'energy_eV', 'time_ns')}
            row = {int(c): i for i, c in enumerate(f['pixels/channel'][()])}
            self.limit_eV = f['pixels/limit_fwhm_eV'][()][:, np.argmin(np.abs(f['pixels/limit_energy_eV'][()] - 775))]
        self.of_file = np.array([row[int(c)] for c in entry['pixels/channel'][()]])
        place = np.full(len(row), -1)
        place[self.of_file] = np.arange(len(self.of_file))
        inside = np.zeros(len(p['point']), bool)   # the truth's points last until the next one begins
        for name in (n for n in entry if n.startswith('scan_')):
            start, end = entry[name]['start_ns'][()], entry[name]['end_ns'][()]
            mine = (p['scan'] == int(name[5:])) & (p['point'] >= 0)
            k = p['point'][mine]
            inside[mine] = (p['time_ns'][mine] >= start[k]) & (p['time_ns'][mine] < end[k])
        self.pixel, self.scan, self.point, self.energy = (x[inside] for x in (place[p['pixel']], p['scan'], p['point'], p['energy_eV']))
        sigma, pixel = entry['photons/energy_sigma_eV'][()], entry['photons/pixel'][()]
        good = (entry['photons/cuts'][()] == 0) & (entry['photons/grade'][()] == 0) & np.isfinite(sigma)
        self.sigma = np.array([np.median(sigma[good & (pixel == i)]) if np.any(good & (pixel == i)) else np.nan for i in range(len(self.of_file))])

    def expected(self, scan, n_points, used, lo, hi):
        """Photons in the window as these pixels see them: true energies behind each pixel's own response. And the variance that is left: of the response."""
        mine = (self.scan == scan) & (self.pixel >= 0)
        mine[mine] = used[self.pixel[mine]]
        e, s, k = self.energy[mine].astype(float), self.sigma[self.pixel[mine]], self.point[mine]
        share = below((hi - e) / s) - below((lo - e) / s)
        return np.bincount(k, share, n_points), np.bincount(k, share * (1 - share), n_points)


def below(x):
    """Normal distribution, by a table: to 1e-7."""
    from math import erf
    grid = np.linspace(-8, 8, 32001)
    return np.interp(x, grid, below.table if hasattr(below, 'table') else below.__dict__.setdefault('table', np.array([0.5 * (1 + erf(g / 2 ** 0.5)) for g in grid])))


def shape(path, truth_path, window, edge):
    """Counts over live time against the photons that truly came, in classes of rate. Errors: of the thinning by dead time, and of the response."""
    with h5py.File(path) as f:
        e = f['entry']
        truth = Truth(truth_path, e)
        found, want, variance, rate = [], [], [], []
        for name in sorted(n for n in e if n.startswith('pfy_') and n.endswith('_' + window)):
            g, number = e[name], int(name.split('_')[1])
            x = g['incident_energy'][()]
            if not edge[0] <= x.mean() <= edge[1]:
                continue
            n, noise = truth.expected(number, len(x), g['pixels_used'][()].astype(bool), *g.attrs['roi_eV'])
            share = g['live_time_s'][()] / e[f'scan_{number:04d}/dwell_s'][()]
            found.append(g['counts'][()] / share)
            want.append(n)
            variance.append(n * (1 - share) / share + noise / share)
            rate.append(n)
    found, want, variance, rate = map(np.concatenate, (found, want, variance, rate))
    classes = np.array_split(np.argsort(rate), 5)
    r = np.array([found[c].sum() / want[c].sum() for c in classes])
    s = np.array([np.sqrt(variance[c].sum()) / want[c].sum() for c in classes])
    mean = np.sum(r / s ** 2) / np.sum(1 / s ** 2)
    text = ' '.join(f'{100 * (a / mean - 1):+.2f}({100 * b:.2f})' for a, b in zip(r, s))
    check(np.all(np.abs(r / mean - 1) < 0.003 + 3 * s) and np.max(s) < 0.02, f'shape of PFY {window} ({want.sum():.0f} photons): {text} %; all of them {100 * (mean - 1):+.2f} %')


def ratios(path, folder):
    photons, out = os.path.join(folder, 'truth.nxs'), os.path.join(folder, 'c.nxs')
    tesd('simulate', '--photons', '-o', photons, '--pixels', 240, '--bad-fraction', 0, '--calibration-s', 1, '--seed', 999, '--edges', 'o', '--scans', 1, '--dwell', 60, '--rate', 6, '--points', POINTS)
    truth, truth_error = ratio(photons, out, 'O', 'O_522_525', '--incident', WINDOW)[:2]
    os.remove(photons)
    r, s = ratio(path, out, 'O', 'O_522_525', '--incident', WINDOW)[:2]
    pull = (r - truth) / np.hypot(s, truth_error)
    check(abs(pull) < 2.5 and s < 0.1 * r and (r - 1) / s > 4, f'sPFY ratio of the feature {r:.4f} +- {s:.4f}, truth {truth:.4f} +- {truth_error:.4f}: pull {pull:+.2f}')
    for metal in 'Mn', 'Co', 'Ni':
        r, s, chi2, dof = ratio(path, out, metal, f'{metal}_La')
        check(abs(r - 1) < 3 * s and abs(chi2 - dof) < 4 * np.sqrt(2 * dof), f'{metal} La of the two conditions: ratio {r:.4f} +- {s:.4f}, shape chi2 {chi2:.0f} of {dof:.0f}')


def width(path, truth_path):
    """FWHM of (energy - true energy) of all grade 0 photons in maps of the first scan's pixels, by the middle 68 %; and the same of errors drawn with what noise
    alone allows each pixel."""
    with h5py.File(path) as f, h5py.File(truth_path) as t:
        e = f['entry']
        truth, used = Truth(truth_path, e), e['sum_pristine_Co_rixs/pixels_used'][()].astype(bool)
        p = {k: e[f'photons/{k}'][()] for k in ('pixel', 'frame', 'energy_eV', 'cuts', 'grade', 'scan')}
        good = (p['cuts'] == 0) & (p['grade'] == 0) & (p['scan'] >= 0) & used[p['pixel']]
        key = t['photons/pixel'][()].astype(np.int64) << 44 | t['photons/frame'][()].astype(np.int64)
        order = np.argsort(key)
        mine = truth.of_file[p['pixel'][good]].astype(np.int64) << 44 | p['frame'][good]
        at = order[np.minimum(np.searchsorted(key[order], mine), len(key) - 1)]
        true = t['photons/energy_eV'][()][at]
        near = (key[at] == mine) & (true > 700) & (true < 850)
        off = (p['energy_eV'][good] - true)[near].astype(float)
        lo, hi = np.percentile(off, (15.865, 84.135))
        drawn = np.random.default_rng(1).normal(0, truth.limit_eV[truth.of_file[p['pixel'][good]]][near])   # FWHM as if sigma: percentiles of it are 1 FWHM away
        return 1.17741 * (hi - lo), 1.6 * 1.17741 * (hi - lo) / 2 / np.sqrt(len(off)), np.diff(np.percentile(drawn, (15.865, 84.135)))[0] / 2, int(used.sum())


def best(path, truth_path, folder, n):
    out = os.path.join(folder, 'best.nxs')
    tesd('merge', path, '-o', out, '--pixels', f'best:{n}')
    (a, sa, ta, na), (b, sb, tb, nb) = width(path, truth_path), width(out, truth_path)
    check(b < a - 3 * np.hypot(sa, sb) and abs(b / a / (tb / ta) - 1) < 0.05,
          f'photons of 700 to 850 eV of {na} pixels: FWHM {a:.3f}({sa:.3f}) eV, of the best {nb} {b:.3f}({sb:.3f}), ratio {b / a:.3f}; by the noise of the pixels {ta:.3f} and {tb:.3f}, ratio {tb / ta:.3f}')


def shards(run, noise, folder):
    cal, whole, merged = (os.path.join(folder, n) for n in ('cal.h5', 'whole.nxs', 'merged.nxs'))
    tesd('calibrate', run, '--noise', noise, '-o', cal)
    files = sorted(glob.glob(os.path.join(run, '*.ljh')))
    tesd('replay', run, '--calibration', cal, '-q', '-o', whole)
    parts = []
    for k in range(2):
        parts.append(os.path.join(folder, f'part{k}.nxs'))
        tesd('replay', *files[k::2], '--logs', run, '--calibration', cal, '-q', '-o', parts[-1])
    tesd('merge', *parts, '-o', merged)
    with h5py.File(whole) as f, h5py.File(merged) as g:
        names = [n for n in f['entry'] if n.startswith(('rixs_', 'pfy_', 'sum_')) and 'counts' in f['entry'][n]]
        bad = [n for n in names if n not in g['entry'] or not np.array_equal(f['entry'][n]['counts'][()], g['entry'][n]['counts'][()])]
        n = len(f['entry/photons/time_ns'])
    check(not bad and names, f'two shards of {n} records merged: {len(names)} maps and yields are those of one replay {bad[:4]}')


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--pixels', type=int, default=240)
    a.add_argument('--seed', type=int, default=11)
    a.add_argument('--keep')
    a = a.parse_args()
    folder = a.keep or tempfile.mkdtemp(prefix='tesd-beamtime-')
    os.makedirs(folder, exist_ok=True)
    beam, path = os.path.join(folder, 'beam'), os.path.join(folder, 'all.nxs')
    try:
        if not os.path.exists(path):
            tesd('simulate', '-o', beam, '--force', '--pixels', a.pixels, '--samples', 500, '--presamples', 125, '--period', 4e-6, '--rate', RATE, '--calibration-s', 75, '--edges', 'o,mn,co,ni',
                 '--scans', 2, '--points', POINTS, '--dwell', 0.4, '--move', 0.05, '--noise-records', 500, '--seed', a.seed, '--bad-fraction', 0.1)
            noise, run = sorted(glob.glob(os.path.join(beam, '2*', '*')))[:2]
            tesd('replay', run, '--noise', noise, '-q', '-o', path)
        noise, run = sorted(glob.glob(os.path.join(beam, '2*', '*')))[:2]
        truth = os.path.join(beam, 'truth.h5')
        with h5py.File(path) as f:
            print(f'{len(f["entry/photons/time_ns"])} records, {int(np.sum(f["entry/photons/scan"][()] >= 0))} of them in scans')
        ratios(path, folder)
        for window, edge in ('tfy', (500, 900)), ('Co_La', (760, 810)), ('O_522_525', (500, 560)):
            shape(path, truth, window, edge)
        best(path, truth, folder, a.pixels * 64 // 240)
        shards(run, noise, folder)
    finally:
        if not a.keep:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(conclusion())


main()
