"""How close the energies of `tesd replay` come to the limit that noise sets, on a simulated beamtime whose truth is known.
Width / limit: quartile width of (energy - true energy) / limit of that pixel at that energy, per pixel, isolated records at 500-950 eV.
'through truth': a smooth curve per pixel and calibration, fitted to truth, takes the place of the pixel's own energy curve, so that only the
filter and the corrections are judged. 'own curve': energies as they are. Ratios below 1 are no error: a record's limit does not know what
the records around it know. The pull divides by energy_sigma_eV; through truth the error of the pixel's curve is gone from the energies, so it is
taken out of the sigma as well (noise and corrections are left). Three chains: learnt from everything on both sides, the same with analysis.neighbours, and a frozen model applied causally.
Usage: accept_resolution.py [--pixels 24] [--rate 3] [--seeds 11,12] [--formats short,long] [--keep DIR]. 240 long pixels: 2.2 GB, 3 min of two cores"""
import argparse, os, glob, shutil, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
import offspring

tesd = os.environ.get('TESD', 'build/tesd')
formats = {'short': (500, 250, 4e-6), 'long': (1024, 256, 6.4e-6)}
BAND = (500, 950)
ISOLATED_S = 10e-3     # to the pulse before, from the record's start
DEGREE, ROUNDS = 6, 6  # of the curve through truth: it takes the place of a spline through up to six anchors, which a quartic cannot follow


def command(*args):
    run = offspring.run([tesd, *map(str, args)], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f'tesd {args[0]} ended with {run.returncode}:\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}')
    return run.stdout


def simulate(folder, shape, rate, seed, pixels, gain_step=5e-4, more=()):
    samples, presamples, period = formats[shape]
    command('simulate', '-o', folder, '--pixels', pixels, '--samples', samples, '--presamples', presamples, '--period', period, '--rate', rate,
            '--gain-step', gain_step, '--bad-fraction', 0, '--seed', seed, *more)
    noise, run = sorted(glob.glob(os.path.join(folder, '2*', '*')))[:2]
    return noise, run, os.path.join(folder, 'truth.h5')


class Calibration:
    """What calibration_NNNN says of the pixels' curves."""
    def __init__(self, group):
        self.start_ns, self.end_ns = int(group['start_ns'][()]), int(group['end_ns'][()])
        self.height, self.gain, self.covariance = (group[k][()] for k in ('anchor_height', 'anchor_gain', 'gain_covariance'))

    def sigma(self, pixel, height):
        """eV: of the pixel's curve E = p / g(p), from the errors of the anchors' gains."""
        n = int(np.isfinite(self.height[pixel]).sum())
        if n < 2:   # no curve in this calibration
            return np.full(len(height), np.nan)
        weights, gain = natural_spline(self.height[pixel, :n], height), self.gain[pixel, :n]
        return height / (weights @ gain) ** 2 * np.sqrt(np.einsum('ij,jk,ik->i', weights, self.covariance[pixel, :n, :n], weights))


def natural_spline(x, at):
    """Weights of the values at x in the natural cubic spline through them, continued straight, at each of `at`."""
    n, h = len(x), np.diff(x)
    bend, rise = np.eye(n), np.zeros((n, n))     # bend @ second derivatives = rise @ values
    for i in range(1, n - 1):
        bend[i, i - 1:i + 2] = h[i - 1] / 6, (h[i - 1] + h[i]) / 3, h[i] / 6
        rise[i, i - 1:i + 2] = 1 / h[i - 1], -1 / h[i - 1] - 1 / h[i], 1 / h[i]
    second, value = np.linalg.solve(bend, rise), np.eye(n)
    k = np.clip(np.searchsorted(x, at) - 1, 0, n - 2)
    inside = np.clip(at, x[0], x[-1])
    a, b, width = ((x[k + 1] - inside) / h[k])[:, None], ((inside - x[k]) / h[k])[:, None], h[k][:, None]
    slope = (value[k + 1] - value[k]) / width + width / 6 * ((1 - 3 * a**2) * second[k] + (3 * b**2 - 1) * second[k + 1])
    return a * value[k] + b * value[k + 1] + width**2 / 6 * ((a**3 - a) * second[k] + (b**3 - b) * second[k + 1]) + (at - inside)[:, None] * slope


def curve_sigma(tables, rows, causal):
    """As calib/calibration_pair.h combines calibrations: the latest, or the two around the time by its distance from their middles."""
    out, middle = np.full(len(rows['time_ns']), np.nan), np.array([(t.start_ns + t.end_ns) / 2 for t in tables])
    for pixel in np.unique(rows['pixel']):
        mine = np.flatnonzero((rows['pixel'] == pixel) & (rows['cuts'] == 0) & (rows['height'] > 0))
        time, height = rows['time_ns'][mine], rows['height'][mine].astype(float)
        sigma = np.array([t.sigma(pixel, height) for t in tables])
        if causal or len(tables) == 1:
            latest = np.searchsorted([t.start_ns for t in tables], time, 'right').clip(1) - 1
            out[mine] = sigma[latest, np.arange(len(mine))]
        else:
            first = np.clip(np.searchsorted(middle, time) - 1, 0, len(tables) - 2)
            share = np.clip((time - middle[first]) / (middle[first + 1] - middle[first]), 0, 1)
            at = np.arange(len(mine))
            out[mine] = np.hypot((1 - share) * sigma[first, at], share * sigma[first + 1, at])
    return out


def load(nxs, truth, causal):
    """Rows of the photon table joined with truth by pixel and frame, and what is known of the pixels."""
    with h5py.File(nxs) as f:
        rows = {k: f['entry/photons'][k][()] for k in ('time_ns', 'frame', 'pixel', 'height', 'energy_eV', 'energy_sigma_eV', 'cuts')}
        good, channel = f['entry/pixels/verdict'][()].astype(str) == 'good', f['entry/pixels/channel'][()]
        tables = sorted((Calibration(f['entry'][k]) for k in f['entry'] if k.startswith('calibration_')), key=lambda t: t.start_ns)
        starts = np.array([t.start_ns for t in tables])
        rows['curve_sigma_eV'] = curve_sigma(tables, rows, causal)
    with h5py.File(truth) as f:
        t = {k: f['photons'][k][()] for k in ('time_ns', 'pixel', 'energy_eV', 'frame', 'record')}
        limits, at = f['pixels/limit_fwhm_eV'][()], f['pixels/limit_energy_eV'][()]
        kinds, of_channel = f['pixels/kind'][()].astype(str), {int(c): i for i, c in enumerate(f['pixels/channel'][()])}
        period, n, p = (float(f['settings'][k][()]) for k in ('sample_period_s', 'n_samples', 'n_presamples'))
    place = np.array([of_channel[int(c)] for c in channel])   # a dead pixel has truth and no file
    rows['pixel'] = place[rows['pixel']]
    good = [p for p, ok in zip(place, good) if ok and kinds[p] == 'good']
    same = t['pixel'][1:] == t['pixel'][:-1]
    gap = np.where(same, np.diff(t['time_ns']) * 1e-9, np.inf)
    before, after = np.append(np.inf, gap), np.append(gap, np.inf)
    isolated = (before > p * period + ISOLATED_S) & (after > (n - p) * period + 1e-4) & (t['record'] >= 0)
    key = (t['pixel'].astype(np.int64) << 44) | t['frame'].astype(np.int64)
    order = np.argsort(key)
    wanted = (rows['pixel'].astype(np.int64) << 44) | rows['frame'].astype(np.int64)
    place = order[np.minimum(np.searchsorted(key[order], wanted), len(key) - 1)]
    hit = key[place] == wanted
    rows['true_eV'] = np.where(hit, t['energy_eV'][place], np.nan)
    rows['isolated'] = hit & isolated[place]
    rows['calibration'] = np.maximum(np.searchsorted(starts, rows['time_ns'], 'right'), 1)
    return rows, good, limits, at


def width(x):
    """Standard deviation of a Gaussian with the same quartiles."""
    return (np.quantile(x, 0.75) - np.quantile(x, 0.25)) / 1.3489795


def errors_through_truth(x, true):
    u, keep = (x - np.median(x)) / np.std(x), np.ones(len(x), bool)
    for _ in range(ROUNDS):
        error = np.polyval(np.polyfit(u[keep], true[keep], DEGREE), u) - true
        keep = np.abs(error) < 4 * 1.4826 * np.median(np.abs(error[keep]))
    return error


def with_neighbours(folder):
    config = os.path.join(folder, 'neighbours.yaml')
    with open(config, 'w') as f:
        f.write('analysis:\n  neighbours: true\n')
    return ('-c', config)


def judge(nxs, truth, causal=False):
    """Per good pixel: width / limit through truth and by its own curve, and the width of error / energy_sigma_eV for both."""
    rows, good, limits, at = load(nxs, truth, causal)
    found = []
    for pixel in good:
        use = (rows['pixel'] == pixel) & (rows['cuts'] == 0) & rows['isolated'] & (rows['true_eV'] > 250) & (rows['true_eV'] < 1010)
        through, own = np.full(len(use), np.nan), rows['energy_eV'] - rows['true_eV']
        for c in np.unique(rows['calibration'][use]):
            part = use & (rows['calibration'] == c)
            if part.sum() > 50:
                through[part] = errors_through_truth(rows['energy_eV'][part].astype(float), rows['true_eV'][part])
        band = use & np.isfinite(through) & (rows['true_eV'] > BAND[0]) & (rows['true_eV'] < BAND[1])
        limit = np.interp(rows['true_eV'][band], at, limits[pixel]) / 2.3548200
        sigma = rows['energy_sigma_eV'][band].astype(float)
        without_curve = np.sqrt(np.maximum(sigma**2 - rows['curve_sigma_eV'][band]**2, 0))
        found.append((width(through[band] / limit), width(own[band] / limit), width(through[band] / without_curve), width(own[band] / sigma)))
    return np.array(found)


def report(name, found):
    columns = zip(('through truth', 'own curve', 'pull through truth', 'pull own curve'), found.T)
    print(f'{name}: {len(found)} pixels; ' + '; '.join(f'{k} {np.median(v):.3f} (p95 {np.quantile(v, 0.95):.3f})' for k, v in columns), flush=True)


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--pixels', type=int, default=24)
    a.add_argument('--rate', type=float, default=3)
    a.add_argument('--seeds', default='11,12')
    a.add_argument('--formats', default='short,long')
    a.add_argument('--keep', help='work in this folder and keep it')
    a = a.parse_args()
    # the same number of photons whatever the rate
    more = () if a.rate <= 6 else ('--scans', 1, '--points', 41, '--calibration-s', round(max(60, 900 / a.rate)))
    most = {'through truth': 1.03, 'own curve': 1.07, 'neighbours': 0.99} if a.rate <= 6 else {'through truth': 1.07, 'own curve': 1.10, 'neighbours': 1.07}
    work, failed = a.keep or tempfile.mkdtemp(), False
    for shape in a.formats.split(','):
        learnt, neighbours, frozen = [], [], []
        for seed in map(int, a.seeds.split(',')):
            folder = os.path.join(work, f'{shape}_{seed}')
            noise, run, truth = simulate(folder, shape, a.rate, seed, a.pixels, more=more)
            nxs, cal = os.path.join(folder, 'out.nxs'), os.path.join(folder, 'cal.h5')
            command('replay', run, '--noise', noise, '-o', nxs)
            learnt.append(judge(nxs, truth))
            report(f'{shape}, {a.rate:g} counts/s, seed {seed}, learnt', learnt[-1])
            told = command('replay', run, '--noise', noise, '-o', nxs, *with_neighbours(folder))
            print(next(line for line in told.splitlines() if line.startswith('neighbour mode')))
            neighbours.append(judge(nxs, truth))
            report(f'{shape}, {a.rate:g} counts/s, seed {seed}, neighbours', neighbours[-1])
            command('calibrate', run, '--noise', noise, '-o', cal)
            command('replay', run, '--calibration', cal, '-o', nxs)
            frozen.append(judge(nxs, truth, causal=True))
            report(f'{shape}, {a.rate:g} counts/s, seed {seed}, frozen, causal', frozen[-1])
            if not a.keep:
                shutil.rmtree(folder)
        all_learnt = np.concatenate(learnt)
        report(f'{shape}, all seeds, learnt', all_learnt)
        report(f'{shape}, all seeds, neighbours', np.concatenate(neighbours))
        report(f'{shape}, all seeds, frozen, causal', np.concatenate(frozen))
        median = np.median(all_learnt, axis=0)
        known, causal = np.median(np.concatenate(neighbours), axis=0), np.median(np.concatenate(frozen), axis=0)
        ok = median[0] <= most['through truth'] and np.quantile(all_learnt[:, 0], 0.95) <= 1.10 and median[1] <= most['own curve'] and known[0] <= most['neighbours']
        ok = ok and all(0.97 <= pull <= 1.06 for of in (median, known, causal) for pull in of[2:])
        failed = failed or not ok
        print(f'{shape}: {"ok" if ok else "FAILED"} (median through truth <= {most["through truth"]}, p95 <= 1.10, own curve <= {most["own curve"]}; neighbours <= {most["neighbours"]}; all pulls 0.97-1.06)')
    if not a.keep:
        shutil.rmtree(work)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
