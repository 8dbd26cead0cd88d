"""Is the energy calibration right, on a simulated beamtime whose truth is known?  Whole path: tesd simulate, tesd replay, truth.h5.
Every record of a calibration is joined with its photon. A curve is wrong when the records of some line (30 at least) lie more than 2 eV off their
true energies in the median. Calibratable are pixels that see the mix: good ones, those that lock at another point during the run, those that see
no carbon. 'At anchors' and 'held out' are medians over the good pixels, of the median error per pixel at the lines of the mix and at energies in
between (scans' photons of the first calibration's curve). Usage: accept_calibration.py [--pixels 240] [--bad 0.4] [--seeds 1] [--seconds 300] [--rate 6] [--keep DIR]"""
import argparse, glob, os, shutil, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
import offspring

tesd = os.environ.get('TESD', 'build/tesd')
calibratable = ('good', 'lock_jump', 'no_carbon', 'double_gain')
anchors = {'CKa': 278.21, 'NKa': 392.25, 'OKa': 524.45, 'FeLa': 705.01, 'NiLa': 848.85, 'CuLa': 926.98}


def command(*args):
    run = offspring.run([tesd, *map(str, args)], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f'tesd {args[0]} ended with {run.returncode}:\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}')
    return run.stdout


def joined(nxs, truth):
    """Photon rows with their true energies, per truth pixel; verdicts of both calibrations by truth pixel."""
    with h5py.File(nxs) as f:
        rows = {k: f['entry/photons'][k][()] for k in ('time_ns', 'frame', 'pixel', 'energy_eV', 'cuts', 'flags')}
        channel = f['entry/pixels/channel'][()]
        names = sorted(k for k in f['entry'] if k.startswith('calibration_'))
        tables = [dict(start=int(f['entry'][k]['start_ns'][()]), end=int(f['entry'][k]['end_ns'][()]), verdict=f['entry'][k]['verdict'][()].astype(str),
                       reason=f['entry'][k]['reason'][()].astype(str), has=np.isfinite(f['entry'][k]['anchor_height'][()][:, 0]), remark=f['entry'][k]['remark'][()]) for k in names]
    with h5py.File(truth) as f:
        t = {k: f['photons'][k][()] for k in ('pixel', 'energy_eV', 'frame')}
        kinds, of_channel = f['pixels/kind'][()].astype(str), {int(c): i for i, c in enumerate(f['pixels/channel'][()])}
    place = np.array([of_channel[int(c)] for c in channel])
    rows['file_pixel'] = rows['pixel'].copy()
    rows['pixel'] = place[rows['pixel']]
    key, wanted = ((a['pixel'].astype(np.int64) << 44) | a['frame'].astype(np.int64) for a in (t, rows))
    order = np.argsort(key)
    at = order[np.minimum(np.searchsorted(key[order], wanted), len(key) - 1)]
    rows['true_eV'] = np.where(key[at] == wanted, t['energy_eV'][at], np.nan)
    return rows, tables, kinds, place


def judge(seed, a, folder):
    command('simulate', '-o', folder, '--pixels', a.pixels, '--bad-fraction', a.bad, '--seed', seed, '--samples', 500, '--presamples', 250, '--period', 4e-6,
            '--calibration-s', a.seconds, '--rate', a.rate, '--scans', 1, '--edges', 'o,co', '--conditions', 'pristine', '--feature', '0.03', '--points', 15, '--force')
    noise, run = sorted(glob.glob(os.path.join(folder, '2*', '*')))[:2]
    nxs = os.path.join(folder, 'out.nxs')
    command('replay', run, '--noise', noise, '-q', '-o', nxs)
    rows, tables, kinds, place = joined(nxs, os.path.join(folder, 'truth.h5'))
    ok = (rows['cuts'] == 0) & np.isfinite(rows['energy_eV']) & np.isfinite(rows['true_eV'])
    off = rows['energy_eV'].astype(float) - rows['true_eV']
    wrong, good, able, at_anchor, between = [], 0, 0, {k: [] for k in anchors}, []
    count = {}
    for n, t in enumerate(tables):
        inside = ok & (rows['time_ns'] >= t['start']) & (rows['time_ns'] < t['end'])
        for i, p in enumerate(place):
            v, kind = t['verdict'][i], kinds[p]
            count[kind, v] = count.get((kind, v), 0) + 1
            able += kind in calibratable
            good += kind in calibratable and v == 'good'
            if v != 'good' or not t['has'][i]:
                continue
            mine = inside & (rows['file_pixel'] == i)
            for line, e in anchors.items():
                near = mine & (np.abs(rows['true_eV'] - e) < 8) & ((rows['flags'] & 3) == 0)
                if near.sum() < 30:
                    continue
                m = float(np.median(off[near]))
                at_anchor[line].append(m)
                if abs(m) > 2:
                    wrong.append((int(p), kind, n, line, round(m, 2)))
            # where no anchor is: photons of the scans and of check lines, by this pixel's curve nearest in time
            free = ok & (rows['file_pixel'] == i) & ((rows['flags'] & 3) == 0) & (n == 0) & (rows['true_eV'] > 500)
            for e in anchors.values():
                free &= np.abs(rows['true_eV'] - e) > 15
            if free.sum() >= 30:
                between.append(float(np.median(off[free])))
    print(f'seed {seed}: ' + ', '.join(f'{k} {v} {n}' for (k, v), n in sorted(count.items())))
    print(f'  wrong curves among the good: {len(wrong)} {wrong[:5]}; calibratable called good: {good} of {able} = {100 * good / max(able, 1):.1f} %')
    print('  at anchors, median over pixels: ' + ' '.join(f'{k} {np.median(v):+.3f}' for k, v in at_anchor.items() if v) + f' eV; held out: {np.median(between) if between else np.nan:+.3f} eV ({len(between)} pixels)')
    for t in tables:
        if t['remark']:
            print('  remark:', t['remark'].decode() if isinstance(t['remark'], bytes) else t['remark'])
    for i, p in enumerate(place):
        for t in tables:
            if kinds[p] in calibratable and t['verdict'][i] != 'good':
                print(f'  pixel {p} {kinds[p]}: {t["verdict"][i]} {t["reason"][i]}')
    worst = max(abs(np.median(v)) for v in at_anchor.values() if v)
    return not wrong and good >= 0.97 * able and worst <= 0.05 and between and abs(np.median(between)) <= 0.1


parser = argparse.ArgumentParser()
parser.add_argument('--pixels', type=int, default=240)
parser.add_argument('--bad', type=float, default=0.4)
parser.add_argument('--seeds', default='1')
parser.add_argument('--seconds', type=float, default=300)
parser.add_argument('--rate', type=float, default=6)
parser.add_argument('--keep', default=None)
a = parser.parse_args()
fine = True
for seed in a.seeds.split(','):
    folder = os.path.join(a.keep, f'seed{seed}') if a.keep else tempfile.mkdtemp(prefix='tesd-calibration-')
    fine &= judge(seed, a, folder)
    if not a.keep:
        shutil.rmtree(folder)
print('passed' if fine else 'FAILED')
sys.exit(0 if fine else 1)
