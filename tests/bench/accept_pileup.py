#!/usr/bin/python3
"""How many piled-up records pass as good ones, and how many good ones are lost, judged by the truth of `tesd simulate`.

    tests/bench/accept_pileup.py [--pixels 24] [--rate 20] [--seconds 80] [--seed 1] [--keep DIR]

Two record formats, 500 x 4 us (half of it pretrigger) and 1024 x 6.4 us (a quarter). Energies are those of the file through a smooth
curve per pixel fitted to truth, so that the calibration plays no part; heights would not do, since what the tail of an earlier pulse adds is taken out
of the energy. Accepted is a record without a cut that has an energy. It is wrong when it is more than 4 sigma + 0.3 eV from the photon
that fired it (sigma: of the pixel's isolated records), or has no photon. Clean: no other photon of the pixel from 8 ms before the
trigger to the record's end. Targets at 20 counts/s: wrong <= 0.4 % of the accepted, lost <= 0.5 % of the clean; exit 0 when both are kept."""
import argparse, glob, os, shutil, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
import offspring

tesd = os.environ.get('TESD', 'build/tesd')
FORMATS = {'500 x 4 us': (500, 250, 4e-6), '1024 x 6.4 us': (1024, 256, 6.4e-6)}


def run(*words):
    done = offspring.run([tesd, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'{" ".join(map(str, words))}: {done.stdout}{done.stderr}')


def simulate(folder, shape, a):
    n, presamples, period = shape
    if os.path.isdir(folder):
        return
    run('simulate', '-o', folder, '--samples', n, '--presamples', presamples, '--period', period, '--pixels', a.pixels, '--rate', a.rate,
        '--calibration-s', a.seconds, '--edges', 'co', '--scans', 1, '--conditions', 'pristine', '--feature', 0.03, '--points', 41, '--dwell', 1,
        '--bad-fraction', 0, '--noise-records', 600, '--seed', a.seed)


def replay(folder, out):
    day = glob.glob(folder + '/2*')[0]
    run('replay', day + '/0001', '--noise', day + '/0000', '-q', '-o', out)


def read(path, group):
    with h5py.File(path, 'r') as f:
        g = f[group]
        names = {k: [t.decode() if isinstance(t, bytes) else t for t in g[k].attrs[f'{k}_names']] for k in g if f'{k}_names' in g[k].attrs}
        return {k: g[k][:] for k in g if isinstance(g[k], h5py.Dataset)}, names


def previous_and_next(frame, others):
    """Distance in frames to the photon before and after among others (sorted), the nearest (itself) left out."""
    at = np.searchsorted(others, frame)
    before = np.full(len(frame), np.inf)
    after = np.full(len(frame), np.inf)
    for shift in (-2, -1, 0, 1):
        k = at + shift
        ok = (k >= 0) & (k < len(others))
        gap = np.where(ok, others[np.clip(k, 0, len(others) - 1)] - frame, np.inf)
        itself = np.abs(gap) < 2.5
        before = np.where(ok & ~itself & (gap < 0), np.minimum(before, -gap), before)
        after = np.where(ok & ~itself & (gap > 0), np.minimum(after, gap), after)
    return before, after


def through_truth(energy, true, good):
    """A polynomial of the fifth degree in the file's energy, fitted robustly to the good ones."""
    x = energy / np.median(energy[good]) - 1
    m = np.stack([x**i for i in range(6)], 1)
    use = good.copy()
    for _ in range(5):
        fit = np.linalg.lstsq(m[use], true[use], rcond=None)[0]
        left = true - m @ fit
        sigma = np.subtract(*np.percentile(left[use], [75, 25])) / 1.349
        use = good & (np.abs(left) < 4 * sigma)
    return m @ fit, sigma


def judge_pixel(rows, truth, shape, share):
    n, presamples, period = shape
    photons = np.sort(truth['time'])
    before, after = previous_and_next(rows['true_time'], photons)
    share['before'] = before * period
    clean = rows['photon'] & (before * period > 8e-3) & (after > n - presamples) & ~rows['merged']
    found = rows['energy_eV'].astype(float)
    taken = (rows['cuts'] == 0) & np.isfinite(found)
    fitted = clean & taken
    energy, sigma = through_truth(found, rows['true_energy'], fitted)
    off = ~(np.abs(energy - rows['true_energy']) <= 4 * sigma + 0.3) | ~rows['photon']
    return dict(clean=clean, taken=taken, wrong=off, inside=after <= n - presamples, tail=before * period <= 6 * 480e-6, before=before * period, sigma=sigma,
                error=energy - rows['true_energy'])


def judge(folder, out, shape):
    rows, names = read(out, 'entry/photons')
    truth, kinds = read(folder + '/truth.h5', 'photons')
    fates = kinds['fate']
    with h5py.File(out, 'r') as f:
        cut_names = [t.decode() if isinstance(t, bytes) else t for t in f['entry/pixels/cut_counts'].attrs['cut_names']]
    total = {}
    for pixel in np.unique(truth['pixel']):
        r = {k: v[rows['pixel'] == pixel] for k, v in rows.items()}
        t = {k: v[truth['pixel'] == pixel] for k, v in truth.items()}
        t['time'] = t['arrival_frame'] if 'arrival_frame' in t else true_frames(t)
        fired = t['fate'] == fates.index('recorded')
        order = np.argsort(t['frame'][fired])
        frames = t['frame'][fired][order]
        at = np.clip(np.searchsorted(frames, r['frame']), 0, len(frames) - 1)
        r['photon'] = frames[at] == r['frame']
        r['true_energy'] = np.where(r['photon'], t['energy_eV'][fired][order][at], np.nan)
        r['true_time'] = np.where(r['photon'], t['time'][fired][order][at], r['frame'])
        r['merged'] = np.isin(r['frame'], t['frame'][t['fate'] == fates.index('merged')])
        found = judge_pixel(r, t, shape, {})
        found.update(cuts=r['cuts'], merged=r['merged'], photon=r['photon'], residual=r.get('residual', r['cuts']))
        for k, v in found.items():
            if np.ndim(v):
                total.setdefault(k, []).append(v)
    return {k: np.concatenate(v) for k, v in total.items()}, cut_names


def true_frames(t):
    """Arrival on the frame axis from the times of photons that fired a record: their frame is within a sample or two of it."""
    fired = t['record'] >= 0
    period_ns = np.polyfit(t['frame'][fired].astype(float), (t['time_ns'][fired] - t['time_ns'][0]).astype(float), 1)
    return ((t['time_ns'] - t['time_ns'][0]).astype(float) - period_ns[1]) / period_ns[0]


def report(name, f, cut_names):
    taken, clean = f['taken'], f['clean']
    wrong = taken & f['wrong']
    percent = lambda a, b: 100 * a.sum() / max(1, b.sum())
    print(f'{name}: {len(taken)} records, {percent(clean, taken | ~taken):.1f} % clean')
    print(f'  wrong among the accepted {percent(wrong, taken):.2f} % ({wrong.sum()} of {taken.sum()}); before any cut {percent(f["wrong"], f["wrong"] | True):.2f} %')
    quiet = taken & ~f['tail']
    print(f'    of those without a photon in the 6 tau before: {percent(wrong & ~f["tail"], quiet):.2f} %;  unresolved pairs alone {percent(wrong & f["merged"], taken):.2f} %, '
          f'second photon inside {percent(wrong & f["inside"] & ~f["merged"], taken):.2f} %, tails {percent(wrong & f["tail"] & ~f["inside"] & ~f["merged"], taken):.2f} %, '
          f'no neighbour {percent(wrong & ~f["tail"] & ~f["inside"] & ~f["merged"], taken):.2f} %')
    print(f'  clean records lost {percent(clean & ~taken, clean):.2f} %:', ', '.join(
        f'{cut_names[c]} {percent(clean & (f["cuts"] >> c & 1 > 0), clean):.2f}' for c in range(len(cut_names)) if (clean & (f['cuts'] >> c & 1 > 0)).any()))
    pretrigger = f['cuts'] >> cut_names.index('pretrigger') & 1 > 0
    print(f'  pretrigger cuts: {percent(pretrigger, pretrigger | True):.2f} % of all; {percent(pretrigger & f["tail"], pretrigger):.1f} % of them have a photon in the 6 tau before, '
          f'{percent(pretrigger & (f["before"] < 8e-3), pretrigger):.1f} % in the 8 ms before')
    good = percent(wrong, taken) <= 0.4 and percent(clean & ~taken, clean) <= 0.5
    print('  good' if good else '  BAD', flush=True)
    return good


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (('pixels', 24), ('rate', 20), ('seconds', 80), ('seed', 1)):
        p.add_argument('--' + name, type=type(value), default=value)
    p.add_argument('--keep', help='folder for simulations, used again when they are there')
    a = p.parse_args()
    top = a.keep or tempfile.mkdtemp(prefix='tesd-accept-')
    os.makedirs(top, exist_ok=True)
    print(f'{a.pixels} pixels, {a.rate} counts/s, seed {a.seed}')
    good = True
    for name, shape in FORMATS.items():
        folder = f'{top}/{shape[0]}'
        simulate(folder, shape, a)
        replay(folder, folder + '.nxs')
        good = report(name, *judge(folder, folder + '.nxs', shape)) and good
    if not a.keep:
        shutil.rmtree(top)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
