"""What happens in scans and should not pass in silence: I0 missing, zero, negative; a point without photons; a point taken again at the same
energy; energies going down; a scan aborted in the middle; a clock that steps by 2 s. Each has its documented result (doc/odd-scans.md)."""
import glob
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
from program import Program

POINTS = 24


def edit(run, number, change):
    path = os.path.join(run, 'logs', f'scan{number:04d}.json')
    with open(path) as f:
        log = json.load(f)
    change(log)
    with open(path, 'w') as f:
        json.dump(log, f)


def replay(p, run, out):
    return p.good('replay', run, '--calibration', 'cal.h5', '-o', out, '-c', 'small.yaml')


def check_i0(p, run):
    def change(log):
        del log['point_extras']['3']['i0']
        log['point_extras']['4']['i0'] = 0
        log['point_extras']['5']['i0'] = -1.25
        log['epoch_time_end_s'][7] = log['epoch_time_start_s'][7] + 1e-5   # too short for a photon
    edit(run, 1, change)
    replay(p, run, 'odd.nxs')
    with h5py.File(p.path('odd.nxs')) as f, h5py.File(p.path('plain.nxs')) as h:
        g, plain = f['entry/pfy_0001_tfy'], h['entry/pfy_0001_tfy']
        y, counts = g['yield'][()], g['counts'][()]
        p.check(np.all(np.isnan(y[3:6])) and np.array_equal(counts[3:6], plain['counts'][3:6]) and np.all(counts[3:6] > 0), 'I0 missing, zero or negative: no yield, and the counts stay')
        p.check(np.all(np.isfinite(np.delete(y, [3, 4, 5]))) and g.attrs['normalised_by'] == b'i0 x live_time', 'all other points have their yield by I0')
        p.check(counts[7] == 0 and (np.isnan(y[7]) or (y[7] == 0 and g['yield_errors'][7] > 0)), f'a point without photons: {y[7]} +- {g["yield_errors"][7]:.3g}')
        s = f['entry/sum_pristine_O_pfy_tfy'] if 'sum_pristine_O_pfy_tfy' in f['entry'] else None
        p.check(s is not None and len(s['counts']) == POINTS, 'the scan is summed with its repeat')
        if s is not None:
            both = f['entry/pfy_0002_tfy/counts'][()].astype(int) + counts
            p.check(np.array_equal(s['counts'][()], both) and np.all(np.isnan(s['yield'][3:6])) and np.all(np.isfinite(s['yield'][10:])),
                    'where one repeat had no I0 the sum has counts and no yield: exposure is not known')


def check_again(p, run):
    def change(log):
        log['var_values'][9] = log['var_values'][8]
    edit(run, 1, change)
    replay(p, run, 'again.nxs')
    with h5py.File(p.path('again.nxs')) as f, h5py.File(p.path('plain.nxs')) as h:
        x, counts = f['entry/pfy_0001_tfy/incident_energy'][()], f['entry/pfy_0001_tfy/counts'][()]
        p.check(x[8] == x[9] and counts[8] > 0 and np.array_equal(counts, h['entry/pfy_0001_tfy/counts'][()]), 'a point taken again at the same energy is a point of its own')
        p.check(sum(n.endswith('_rixs') for n in f['entry'] if n.startswith('sum_')) == 2, 'and a scan whose set points are off by more than half a step is not summed with the other')


def check_down(p, run):
    def change(log):
        log['var_values'] = log['var_values'][::-1]
    edit(run, 2, change)
    replay(p, run, 'down.nxs')
    with h5py.File(p.path('down.nxs')) as f:
        x = f['entry/scan_0002/incident_eV'][()]
        s, a, b = (f[f'entry/{n}/counts'][()] for n in ('sum_pristine_O_pfy_tfy', 'pfy_0001_tfy', 'pfy_0002_tfy'))
        p.check(np.all(np.diff(x) < 0) and np.array_equal(s, a + b[::-1]), 'energies going down: points pair by energy')


def check_aborted(p, run):
    def change(log):
        for key in 'var_values', 'epoch_time_start_s', 'epoch_time_end_s':
            log[key] = log[key][:POINTS // 2]
        log['_ended'] = False
    edit(run, 2, change)
    replay(p, run, 'aborted.nxs')
    with h5py.File(p.path('aborted.nxs')) as f, h5py.File(p.path('plain.nxs')) as h:
        a, b = f['entry/pfy_0002_tfy/counts'][()], h['entry/pfy_0002_tfy/counts'][()]
        groups = sorted(n[4:-5] for n in f['entry'] if n.startswith('sum_pristine') and n.endswith('_rixs'))
        p.check(np.array_equal(a, b[:POINTS // 2]) and len(groups) == 2, f'a scan aborted in the middle keeps its points and is a group of its own: {groups}')


def check_clock(p, run):
    """All stamps after the middle of the first scan are 2 s late: told, and no photon counts twice or in a time when the pixel was not seen."""
    with h5py.File(p.path('plain.nxs')) as h:
        from_us = int(h['entry/scan_0001/start_ns'][POINTS // 2] // 1000)
    for path in glob.glob(os.path.join(run, '*.ljh')):
        with open(path, 'rb') as f:
            raw = bytearray(f.read())
        start = raw.index(b'\n', raw.index(b'#End of Header')) + 1
        samples = int(next(l for l in raw[:start].decode().splitlines() if l.startswith('Total Samples')).split(':')[1])
        rows = np.frombuffer(raw, dtype=[('frame', '<i8'), ('us', '<i8'), ('x', '<u2', samples)], offset=start).copy()
        rows['us'][rows['us'] >= from_us] += 2000000
        with open(path, 'wb') as f:
            f.write(raw[:start] + rows.tobytes())
    said = replay(p, run, 'clock.nxs')
    with h5py.File(p.path('clock.nxs')) as f, h5py.File(p.path('plain.nxs')) as h:
        a, b = f['entry/pfy_0001_tfy'], h['entry/pfy_0001_tfy']
        middle, step = POINTS // 2, 2
        same = np.array_equal(a['counts'][:middle], b['counts'][:middle])
        p.check(same and 'disagree' in said.stderr and f['entry/process/counters/stamp_disagreements'][()] > 0, 'a clock that steps by 2 s: told, and what came before is as it was')
        p.check(a['counts'][middle:middle + step].sum() <= b['counts'][middle:middle + step].sum() and len(f['entry/photons/frame']) == len(h['entry/photons/frame']),
                'the stamp counts: the points of the lost 2 s have fewer photons, every record has its row')
        times = f['entry/scan_0001/grade_time_ns'][()]
        dwell = f['entry/scan_0001/end_ns'][()] - f['entry/scan_0001/start_ns'][()]
        p.check(np.array_equal(times.sum(axis=2), np.broadcast_to(dwell, times.shape[:2])) and np.all(times >= 0), 'and live time still sums to the dwell')


with Program() as p:
    with open(p.path('small.yaml'), 'w') as f:
        f.write('rixs:\n  emission_lo_eV: 500\n  emission_hi_eV: 540\nroi:\n  - { name: O, lo_eV: 505, hi_eV: 535 }\n')
    p.good('simulate', '-o', 'one', '--pixels', '2', '--edges', 'o', '--conditions', 'pristine', '--feature', '0.03', '--scans', '2', '--points', str(POINTS), '--dwell', '1.2', '--rate', '12',
           '--calibration-s', '90', '--noise-records', '200', '--bad-fraction', '0', '--samples', '400', '--presamples', '100')
    day = next(d for d in os.listdir(p.path('one')) if d.isdigit())
    plain, noise = p.path('one', day, '0001'), p.path('one', day, '0000')
    p.good('calibrate', plain, '--noise', noise, '-o', 'cal.h5', '-q')
    replay(p, plain, 'plain.nxs')
    for check in check_i0, check_again, check_down, check_aborted, check_clock:
        run = p.path(check.__name__, '0001')
        shutil.copytree(plain, run)
        check(p, run)
    sys.exit(p.end())
