#!/usr/bin/python3
"""accept_jumped_livetime.py [--pixels 24] [--seed 5] [--rates 20,60] [--triggers edge-multi,edge,edge-multi-single,edge-multi-isolated] [--methods interval] [--counts 230] [--keep DIR]
Whether the time in which pixels stand where their calibration does not hold is taken off their live time, for each trigger and grade, by the truth of simulated beamtimes: half of the
pixels jump for a third of the run, the first calibration is applied causally. Of every grade, counts of the pixels that jumped over (photons that came to each in each point x its share of live
time there); and the same of the pixels that did not, which have what else counts and live time differ by (photons that cuts take, pairs that are one). Records that single and isolated would not
have kept are taken out of a run with all of them. good: both agree within 0.3 % + 3 sigma, the points' times close, and taking jumped time as live would be far off. Exit 0 when all are good."""
import argparse, glob, os, shutil, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
import offspring
import vetoed_records

tesd = os.environ.get('TESD', os.path.join(os.path.dirname(__file__), '..', '..', 'build', 'tesd'))
SAMPLES, PRESAMPLES = 500, 125
GRADES = ('high', 'mid', 'tail', 'low')


def command(*words):
    done = offspring.run([tesd, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'{words}: {done.stderr[-2000:]}')


def simulate(folder, a, rate, trigger):
    """A scan of 40 points, of as many photons at every rate."""
    command('simulate', '-o', folder, '--pixels', a.pixels, '--bad-fraction', 0, '--seed', a.seed, '--samples', SAMPLES, '--presamples', PRESAMPLES, '--period', '4e-6', '--rate', rate, '--trigger', trigger,
            '--calibration-s', 1500 / rate, '--edges', 'co', '--conditions', 'a', '--scans', 1, '--points', 40, '--dwell', f'{a.photons / rate / 40:.2f}', '--move', 0.1, '--noise-records', 300,
            '--jumping', 0.5, '--jump-at', 0.4, '--jump-back', 0.73, '--jump-counts', a.counts)
    noise, pulses = sorted(glob.glob(f'{folder}/2*/*'))
    command('calibrate', pulses, '--noise', noise, '--state', 'CAL0', '-o', f'{folder}/cal.h5')
    return pulses


class Found:
    """Per pixel, point and grade: counts, and the photons that came times the live share."""
    def __init__(self, folder, out):
        with h5py.File(out) as f, h5py.File(f'{folder}/truth.h5') as t:
            e, p = f['entry'], f['entry/photons']
            s = e[[n for n in e if n.startswith('scan_')][0]]
            names = [n.decode() if isinstance(n, bytes) else n for n in e['pixels/cut_counts'].attrs['cut_names']]
            self.place = np.array([t['pixels/channel'][()].tolist().index(c) for c in e['pixels/channel'][()]])
            dwell = s['end_ns'][()] - s['start_ns'][()]
            shape = (len(self.place), len(dwell))
            point, cuts = p['point'][()], p['cuts'][()]
            here = (point >= 0) & (cuts == 0)
            at = p['pixel'][()].astype(int) * shape[1] + point
            self.counts = np.stack([np.bincount(at[here & (p['grade'][()] == g)], minlength=shape[0] * shape[1]).reshape(shape) for g in range(4)], axis=2)
            back = np.empty(len(self.place), int)
            back[self.place] = np.arange(len(self.place))
            tp, inside = t['photons/point'][()], t['photons/phase'][()] == 0
            true = np.bincount(back[t['photons/pixel'][()][inside]] * shape[1] + tp[inside], minlength=shape[0] * shape[1]).reshape(shape)
            time = s['grade_time_ns'][()]
            self.counts = np.where(time.sum(axis=0)[None, :, :4] > 0, self.counts, 0)   # a point that is too crowded for its trigger has no live time, and no yield
            self.refused = float((time[:, :, :5].sum(axis=(0, 2)) == 0).mean())
            self.close = bool(np.all(time >= 0) and np.all(time.sum(axis=2) == dwell))
            self.there = true[:, :, None] * (time[:, :, :4] / dwell[None, :, None])
            jumped = (cuts >> names.index('jumped') & 1).astype(bool)
            self.jumped_share = jumped[point >= 0].mean()
            self.jumps = t['pixels/jump_counts'][()][self.place] != 0
            self.good = np.array([v in (b'good', 'good') for v in e['pixels/verdict'][()]])
            start = int(t['settings/noise_start_end_ns'][1])
            away = [np.clip(np.minimum(s['end_ns'][()], start + b * 1e9) - np.maximum(s['start_ns'][()], start + a * 1e9), 0, None) / dwell for a, b in zip(t['pixels/jump_s'][()][self.place], t['pixels/jump_back_s'][()][self.place])]
            self.away = np.where(self.jumps[:, None], away, 0)

    def ratio(self, pixels, grade):
        n, d = self.counts[pixels, :, grade].sum(), self.there[pixels, :, grade].sum()
        return (n / d, np.sqrt(n) / d, n) if n > 0 and d > 0 else (np.nan, np.nan, n)


def judge(name, found):
    fine = found.close
    told = []
    jump, stay = found.jumps & found.good, ~found.jumps & found.good
    for g, grade in enumerate(GRADES):
        (a, a_sigma, n), (b, b_sigma, _) = found.ratio(jump, g), found.ratio(stay, g)
        if n < 2000 or not np.isfinite(a * b):
            continue
        off, sigma = a / b - 1, np.hypot(a_sigma / a, b_sigma / b)
        told.append(f'{grade} {100 * off:+.2f} +- {100 * sigma:.2f} (alone {100 * (a - 1):+.2f}, {100 * (b - 1):+.2f})')
        fine = fine and abs(off) < 0.003 + 3 * sigma
    away = found.away[jump].mean()
    fine = bool(fine and told and away > 0.1)
    print(f'{name}: {jump.sum()} pixels jump, away for {100 * away:.1f} % of the points, {100 * found.jumped_share:.1f} % of all records cut, {100 * found.refused:.0f} % of the points refused; counts over live photons against pixels that stay: '
          f'{", ".join(told)} %{"" if found.close else "; TIMES DO NOT CLOSE"}: {"good" if fine else "BAD"}', flush=True)
    return fine


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--pixels', type=int, default=24)
    p.add_argument('--seed', type=int, default=5)
    p.add_argument('--rates', default='20,60')
    p.add_argument('--triggers', default='edge-multi,edge,edge-multi-single,edge-multi-isolated')
    p.add_argument('--methods', default='interval', help='of live time: interval, array')
    p.add_argument('--counts', type=float, default=230, help='of height that pixels jump by')
    p.add_argument('--photons', type=float, default=12000, help='of a pixel in the scan')
    p.add_argument('--keep', help='work in this folder and keep it')
    a = p.parse_args()
    work, good = a.keep or tempfile.mkdtemp(), True
    os.makedirs(work, exist_ok=True)
    print(f'seed {a.seed}')
    for rate in map(float, a.rates.split(',')):
        runs = {}
        for trigger in a.triggers.split(','):
            recorded = 'edge' if trigger == 'edge' else 'edge-multi'
            folder = f'{work}/{rate:g}_{recorded}'
            if recorded not in runs:
                runs[recorded] = simulate(folder, a, rate, recorded)
            pulses = runs[recorded] if trigger == recorded else vetoed_records.copy_run(runs[recorded], f'{folder}/{trigger}/0001', trigger.endswith('isolated'))
            for method in a.methods.split(','):
                with open(f'{folder}/tesd.yaml', 'w') as f:
                    f.write(f'trigger:\n  mode: {trigger}\nlive_time:\n  method: {method}\n')
                command('replay', pulses, '--calibration', f'{folder}/cal.h5', '--logs', f'{pulses}/logs', '-o', f'{folder}/out.nxs', '-q', '-c', f'{folder}/tesd.yaml')
                good = judge(f'{trigger} {rate:g} counts/s, {method}', Found(folder, f'{folder}/out.nxs')) and good
    if not a.keep:
        shutil.rmtree(work)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
