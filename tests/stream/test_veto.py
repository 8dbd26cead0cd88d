#!/usr/bin/python3
"""Vetoes across pixels through the whole program: showers of cosmic rays and large crosstalk are simulated with their truth. With the vetoes
the yield is that of the photons, and the same photons without live time taken out show too little; sampled live time agrees with
intervals on a steady beam; any number of workers gives the same bytes."""
import os, shutil, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py, numpy as np
import offspring

WIDE = 'roi:\n  - { name: wide, lo_eV: 450, hi_eV: 900 }\n'
ARRAY = 'veto:\n  array_pixels: 2\n  array_window_s: 5e-5\n'
NEIGHBOURS = 'veto:\n  neighbours: "2"\n  neighbour_above_eV: 150\n  neighbour_window_s: 2e-3\n'

def run(*args):
    return offspring.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True).stderr

def simulate(tesd, folder, *more):
    run(tesd, 'simulate', '-o', folder, '--seed', '3', '--pixels', '9', '--rate', '25', '--edges', 'co', '--conditions', 'a', '--scans', '1', '--points', '21', '--dwell', '4', '--move', '0.1',
        '--calibration-s', '40', '--noise-records', '300', '--bad-fraction', '0', '--samples', '500', '--presamples', '250', '--period', '4e-6', *more)
    day = [d for d in os.listdir(folder) if d.startswith('2')][0]
    return f'{folder}/{day}', os.path.join(folder, 'truth.h5')

def replay(tesd, day, config, out, workers=2):
    with open(out + '.yaml', 'w') as f:
        f.write(config + WIDE)
    run(tesd, 'replay', f'{day}/0001', '--noise', f'{day}/0000', '--logs', f'{day}/0001/logs', '-q', '-o', out, '-c', out + '.yaml', '--workers', str(workers))
    return out

class Yield:
    """Rate of the window over the whole scan, its relative error, and what the truth says."""
    def __init__(self, out, truth):
        with h5py.File(out) as f, h5py.File(truth) as t:
            e = f['entry']
            g, s = e['pfy_0001_wide'], e['scan_0001']
            channels = 2 * np.arange(len(t['pixels/sensitivity'])) + 1
            used = np.isin(channels, e['pixels/channel'][()][g['pixels_used'][()].astype(bool)])
            p = {k: t['photons'][k][()] for k in ('pixel', 'energy_eV', 'phase', 'scan', 'kind', 'point')}
            kinds = [k.decode() for k in t['photons/kind'].attrs['kind_names']]
            here = (p['phase'] == 0) & (p['scan'] == 1) & used[p['pixel']] & (p['energy_eV'] >= 450) & (p['energy_eV'] < 900) & (p['kind'] != kinds.index('shower'))
            self.dwell = s['dwell_s'][()]
            self.true = np.sum(np.bincount(p['point'][here], minlength=len(self.dwell)) / self.dwell)
            self.counts, self.live = g['counts'][()].astype(float), g['live_time_s'][()]
            self.rate = np.sum(self.counts / self.live)
            self.error = np.sqrt(np.sum(self.counts / self.live ** 2)) / self.rate
            times = s['grade_time_ns'][()]
            self.closed = bool(np.all(times >= 0) and np.array_equal(times.sum(axis=2), np.broadcast_to(np.round(self.dwell * 1e9).astype('i8'), times.shape[:2])))
            names = [n.decode() for n in e['pixels/cut_counts'].attrs['cut_names']]
            self.vetoed = int(e['pixels/cut_counts'][()].sum(axis=0)[names.index('veto')])
            self.ratio = s['live_time_ratio'][()] if 'live_time_ratio' in s else None
        self.off = self.rate / self.true - 1

def datasets(path):
    found = {}
    with h5py.File(path) as f:
        f.visititems(lambda n, o: found.__setitem__(n, o[()].tobytes()) if isinstance(o, h5py.Dataset) and not n.startswith('entry/process') else None)
    return found

def judge_showers(tesd, folder, check):
    day, truth = simulate(tesd, os.path.join(folder, 'showers'), '--showers', '20', '--shower-share', '0.5')
    plain = Yield(replay(tesd, day, '', f'{folder}/plain.nxs'), truth)
    veto = Yield(replay(tesd, day, ARRAY, f'{folder}/array.nxs', 1), truth)
    again = replay(tesd, day, ARRAY, f'{folder}/again.nxs', 7)
    both = Yield(replay(tesd, day, ARRAY + 'live_time:\n  method: array\n', f'{folder}/both.nxs'), truth)
    print(f'showers: without veto {100 * plain.off:+.2f} %, with it {100 * veto.off:+.2f} +- {100 * veto.error:.2f} %, sampled {100 * both.off:+.2f} % ({both.ratio.mean():.4f} of intervals)')
    check('showers spoil the yield', plain.off > 0.03)
    check('the array veto gives it back', abs(veto.off) < 0.002 + 3 * 1.1 * veto.error and veto.vetoed > 2000 and veto.closed)
    check('so does live time sampled at the array', abs(both.off) < 0.002 + 3 * 1.3 * veto.error and both.closed)
    check('one worker or seven: the same datasets', datasets(f'{folder}/array.nxs') == datasets(again))
    shutil.rmtree(os.path.join(folder, 'showers'))

def judge_crosstalk(tesd, folder, check):
    day, truth = simulate(tesd, os.path.join(folder, 'crosstalk'), '--crosstalk', '0.004')
    plain = Yield(replay(tesd, day, '', f'{folder}/plain.nxs'), truth)
    veto = Yield(replay(tesd, day, NEIGHBOURS, f'{folder}/neighbours.nxs'), truth)
    free, sigma = veto.live.sum() / plain.live.sum(), 1.1 * veto.error
    print(f'crosstalk: without veto {100 * plain.off:+.2f} %, with it {100 * veto.off:+.2f} +- {100 * sigma:.2f} %, live time left {free:.3f}')
    check('crosstalk costs photons', plain.off < -0.015)
    check('the neighbour veto costs live time instead', free < 0.9 and veto.vetoed > 1000 and veto.closed)
    check('and gives the yield back', abs(veto.off) < 0.002 + 3 * sigma)
    check('which without its cost would be too small', (1 + veto.off) * free - 1 < -3 * sigma - 0.05)

def main():
    tesd, folder, wrong = os.environ.get('TESD', 'build/tesd'), tempfile.mkdtemp(prefix='tesd_veto_'), []
    def check(what, good):
        print(('good: ' if good else 'FAILED: ') + what)
        wrong.extend([] if good else [what])
    try:
        judge_showers(tesd, folder, check)
        judge_crosstalk(tesd, folder, check)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if wrong else 0

if __name__ == '__main__':
    sys.exit(main())
