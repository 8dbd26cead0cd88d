#!/usr/bin/python3
"""accept_jumps.py [--pixels 48] [--seed 5] [--rates 3,60] [--counts 230,60,40,25] [--baseline 3] [--hours 0.5] [--keep DIR]
What a frozen calibration makes of pixels that jump, by the truth of simulated beamtimes. A third of the pixels lock at another point for a third of the run; the first
calibration alone is applied causally to two edges and two conditions of the sample. Per rate and size: records cut of those that came meanwhile, good pulses that passed
before, energies of those that passed, records cut in pixels that stand where they stood and of those that came back. Exit 0 when no pixel that did not jump has a record cut, and of
jumps of 60 counts of height or more (5 eV) 99 % of the photons are cut, none earlier than the jump or later than a dozen pulses behind the return."""
import argparse, glob, os, shutil, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
import offspring

tesd = os.environ.get('TESD', os.path.join(os.path.dirname(__file__), '..', '..', 'build', 'tesd'))


def command(*words):
    done = offspring.run([tesd, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'{words}: {done.stderr[-2000:]}')


def simulate(folder, a, rate, counts):
    """Length as asked for: calibrations of 1,500 photons each, what is left goes to the scans of two edges and two conditions."""
    calibration = 1500 / rate
    points, scans = 41, 2
    dwell = max((3600 * a.hours - 2 * calibration) / (points * scans * 4) - 0.2, 0.2)
    jumps = ('--jumping', 0.33, '--jump-at', 0.4, '--jump-back', 0.73, '--jump-counts', counts, '--jump-baseline', a.baseline) if counts else ()
    command('simulate', '-o', folder, '--pixels', a.pixels, '--bad-fraction', 0, '--seed', a.seed, '--samples', 400, '--presamples', 100, '--period', '5e-6', '--rate', rate, '--calibration-s', calibration,
            '--edges', 'co,o', '--scans', scans, '--points', points, '--dwell', f'{dwell:.2f}', '--move', 0.2, '--gain-step', 0.0005, '--gain-drift', 0.001, *jumps)
    noise, pulses = sorted(glob.glob(f'{folder}/2*/*'))
    command('calibrate', pulses, '--noise', noise, '--state', 'CAL0', '-o', f'{folder}/cal.h5')
    command('replay', pulses, '--calibration', f'{folder}/cal.h5', '-o', f'{folder}/out.nxs', '-q')


class Rows:
    def __init__(self, folder):
        with h5py.File(f'{folder}/out.nxs') as f, h5py.File(f'{folder}/truth.h5') as t:
            e, p = f['entry'], f['entry/photons']
            names = [n.decode() if isinstance(n, bytes) else n for n in e['pixels/cut_counts'].attrs['cut_names']]
            place = [t['pixels/channel'][()].tolist().index(c) for c in e['pixels/channel'][()]]
            self.pixel, self.time_s, cuts = p['pixel'][()], p['time_ns'][()] * 1e-9, p['cuts'][()]
            self.jumped, self.counts, self.other = (cuts >> names.index('jumped') & 1).astype(bool), cuts == 0, (cuts & ~(1 << names.index('jumped'))) != 0
            self.energy = p['energy_eV'][()]
            self.good = np.array([v in (b'good', 'good') for v in e['pixels/verdict'][()]])
            size = t['pixels/jump_counts'][()][place]
            start = int(t['settings/noise_start_end_ns'][1]) * 1e-9   # of the pulses
            self.from_s, self.to_s = (np.where(size != 0, start + t[f'pixels/{k}'][()][place], np.inf) for k in ('jump_s', 'jump_back_s'))
            key = {k: i for i, k in enumerate(zip(t['photons/pixel'][()].tolist(), t['photons/frame'][()].tolist()))}
            true = t['photons/energy_eV'][()]
            row = np.array([key.get(k, -1) for k in zip(np.array(place)[self.pixel].tolist(), p['frame'][()].tolist())])
            self.error = np.where(row >= 0, self.energy - true[row], np.nan)
            self.hours = len(place) * (self.time_s.max() - self.time_s.min()) / 3600


def judge(name, r, counts):
    """Stamps jitter by 60 us: 50 ms on either side of a jump belong to neither."""
    jumps, away = np.isfinite(r.from_s[r.pixel]), (r.time_s > r.from_s[r.pixel] + 0.05) & (r.time_s < r.to_s[r.pixel] - 0.05)
    early, back = jumps & (r.time_s < r.from_s[r.pixel] - 0.05), jumps & (r.time_s > r.to_s[r.pixel] + 0.05)
    wrong = r.jumped & ~jumps
    print(f'{name}: {r.hours:.0f} pixel x hours, {len(r.pixel)} records, {np.isfinite(r.from_s).sum()} pixels jump; of the others {wrong.sum()} of {(~jumps).sum()} records cut in {len(np.unique(r.pixel[wrong]))} pixels', flush=True)
    fine = not wrong.any()
    if not counts:
        return fine
    usable = r.good[r.pixel]
    photons = away & usable & ~r.other
    passed, before, after = [], 0, []
    for k in np.flatnonzero(np.isfinite(r.from_s) & r.good):
        mine = np.flatnonzero(photons & (r.pixel == k))
        cut = r.jumped[mine]
        passed.append(int(np.argmax(cut)) if cut.any() else len(cut))
        late = np.flatnonzero(back & (r.pixel == k) & ~r.other)
        after.append(int(np.argmin(r.jumped[late])) if len(late) and not r.jumped[late].all() else len(late))
    off, left = np.nanmedian(np.abs(r.error[photons])), photons & r.counts
    share = r.jumped[photons].mean()
    print(f'  heights by {counts:g}, energies by {off:.1f} eV: {100 * share:.2f} % of {photons.sum()} photons cut, good pulses that pass first: median {np.median(passed):.0f}, at most {max(passed)}; '
          f'{left.sum()} counted; before the jump {(r.jumped & early).sum()} cut; after the return the first {max(after)} at most', flush=True)
    if counts >= 60:
        fine = fine and share > 0.99 and not (r.jumped & early).any() and max(after) <= 12
    return fine


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--pixels', type=int, default=48)
    a.add_argument('--seed', type=int, default=5)
    a.add_argument('--rates', default='3,60')
    a.add_argument('--counts', default='230,60,40,25', help='0: none jumps')
    a.add_argument('--baseline', type=float, default=3)
    a.add_argument('--hours', type=float, default=0.5)
    a.add_argument('--keep', help='work in this folder and keep it')
    a = a.parse_args()
    work, good = a.keep or tempfile.mkdtemp(), True
    print(f'seed {a.seed}')
    for rate in map(float, a.rates.split(',')):
        for counts in map(float, a.counts.split(',')):
            folder = f'{work}/{rate:g}_{counts:g}'
            simulate(folder, a, rate, counts)
            good = judge(f'{rate:g} counts/s', Rows(folder), counts) and good
            if not a.keep:
                shutil.rmtree(folder)
    if not a.keep:
        shutil.rmtree(work)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
