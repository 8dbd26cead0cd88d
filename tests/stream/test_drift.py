"""Gains that drift between two calibrations, judged by the true energy of every photon: a steady drift is gone by interpolation, a bow that two
calibrations cannot see is held by a line of the sample, and where there is no drift the line lock changes nothing (the same code again, so not under a sanitizer).
    tests/stream/test_drift.py [PIXELS] [CALIBRATION_S]      more pixels and longer calibrations: sharper numbers"""
import glob
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
import offspring
from program import ROOT, SLOW, Program

PIXELS, CALIBRATION_S = (int(a) for a in (sys.argv[1:] + ['6', '200'][len(sys.argv) - 1:])[:2])
LOCK = 'calibration: {line_lock: OKa}\n'


def calibrations(nxs):
    """Middles of the calibrations, ns."""
    with h5py.File(nxs) as f:
        return sorted((int(f['entry'][k]['start_ns'][()]) + int(f['entry'][k]['end_ns'][()])) / 2 for k in f['entry'] if k.startswith('calibration_'))


def errors(nxs, truth_path, cals):
    """Energy less truth of photons of grade high in the scans, with time as a share of the run between the first and the last calibration."""
    with h5py.File(nxs) as f:
        ph = {k: f['entry/photons'][k][()] for k in ('pixel', 'frame', 'energy_eV', 'energy_sigma_eV', 'cuts', 'grade', 'time_ns', 'scan')}
    with h5py.File(truth_path) as f:
        t = {k: f['photons'][k][()] for k in ('pixel', 'frame', 'energy_eV', 'fate')}
    index = {key: i for i, key in enumerate(zip(t['pixel'].tolist(), t['frame'].tolist())) if t['fate'][i] == 0}
    row = np.array([index.get(key, -1) for key in zip(ph['pixel'].tolist(), ph['frame'].tolist())])
    good = (row >= 0) & (ph['cuts'] == 0) & (ph['grade'] == 0) & (ph['scan'] >= 0)
    true = t['energy_eV'][row]
    good &= (true > 450) & (true < 950)
    relative = (ph['energy_eV'].astype(float) - true) / true * 750   # a gain error as eV at 750 eV
    along = (ph['time_ns'] - cals[0]) / (cals[-1] - cals[0])
    return {'error': relative[good], 'along': along[good], 'pixel': ph['pixel'][good], 'pull': ((ph['energy_eV'] - true) / ph['energy_sigma_eV'])[good]}


def clean(p, *files):
    """The outside checker of NeXus files, where it is at hand, says nothing about them."""
    checker = os.path.join(os.environ.get('TESD_SHARED', os.path.join(ROOT, '../shared')), 'tools/check_nexus.py')
    if os.path.exists(checker):
        said = offspring.run(['/usr/bin/python3', checker, *files], capture_output=True, text=True)
        p.check(said.returncode == 0 and not said.stdout, f'check_nexus.py is silent about {len(files)} files, with two calibrations, line-locked, and frozen {said.stdout[:500]}')


def by_pixel(e, lo, hi):
    sel = (e['along'] >= lo) & (e['along'] < hi)
    return np.array([np.median(e['error'][sel & (e['pixel'] == p)]) for p in np.unique(e['pixel'])])


def run(p, name, gains, alone=False):
    p.good('simulate', '-o', name, '--pixels', str(PIXELS), '--edges', 'co,ni', '--conditions', 'oxide', '--feature', '0.05', '--scans', '3', '--points', '41', '--dwell', '2',
           '--rate', '9', '--calibration-s', str(CALIBRATION_S), '--bad-fraction', '0', '--samples', '500', '--presamples', '125', '--noise-records', '300', '--seed', '21', *gains,
           timeout=300)
    noise, pulses = sorted(glob.glob(p.path(name, '2*', '*')))
    truth = p.path(name, 'truth.h5')
    with open(p.path('lock.yaml'), 'w') as f:
        f.write(LOCK)
    plain, lock, early, frozen = (p.path(f'{name}_{k}') for k in ('plain.nxs', 'lock.nxs', 'early.h5', 'frozen.nxs'))
    p.good('replay', pulses, '--noise', noise, '-o', plain, timeout=300)
    cals = calibrations(plain)
    found = {'plain': errors(plain, truth, cals)}
    p.good('replay', '-c', p.path('lock.yaml'), pulses, '--noise', noise, '-o', lock, timeout=300)
    found['lock'] = errors(lock, truth, cals)
    if alone:
        p.good('calibrate', pulses, '--noise', noise, '--state', 'CAL0', '-o', early, timeout=300)
        said = p.good('replay', '-c', p.path('lock.yaml'), pulses, '--calibration', early, '-o', frozen, timeout=300)
        p.check('frozen calibration' in said.stderr, f'{name}: a frozen calibration is not locked, and says so')
        found['first calibration alone'] = errors(frozen, truth, cals)
        clean(p, plain, lock, frozen)
    with h5py.File(lock) as f:
        g = f['entry/lock_OKa']
        found['locked'], found['reason'] = g['stretch_locked'][()], [r.decode() for r in g['stretch_reason'][()]]
        found['shift'] = g['shift_eV'][()] if 'shift_eV' in g else np.zeros((1, 1))
    for k in [k for k in ('first calibration alone', 'plain', 'lock') if k in found]:
        mid = by_pixel(found[k], 0.4, 0.6)
        print(f'  {name}, {k}: mid-scan error at 750 eV, median over pixels {np.median(mid):+.3f}, rms over pixels {np.sqrt(np.mean(mid ** 2)):.3f} eV')
    return found


def steps(p, name, *more):
    """Gain steps that `calibrate` finds, as seconds since the run's begin."""
    p.good('simulate', '-o', name, '--bad-fraction', '0', *more, timeout=300)
    noise, pulses = sorted(glob.glob(p.path(name, '2*', '*')))
    p.good('calibrate', pulses, '--noise', noise, '-o', p.path(name, 'cal.h5'), timeout=300)
    with h5py.File(p.path(name, 'cal.h5')) as f, h5py.File(p.path(name, 'truth.h5')) as t:
        table, start_ns = f['tables/0000'], t['settings/noise_start_end_ns'][()][1]
        n, at = (table[next(k for k in found if k.endswith(part))][()] for part in ('correction.n_steps', 'correction.step_time_ns') for found in [names(table)])
    return [round((ns - start_ns) * 1e-9, 1) for ns in np.atleast_2d(at)[0][:n.flat[0]]]


def names(group):
    found = []
    group.visit(found.append)
    return found


with Program() as p:
    # two calibrations of 20 s hardly know the slope of the baseline: a step in the pause behind the first one would do as well
    made_up = steps(p, 'short', '--pixels', '16', '--rate', '60', '--seed', '214', '--scans', '1', '--points', '41', '--dwell', '0.6666666666666666', '--calibration-s', '20')
    p.check(made_up == [], f'no gain step is made up where there is none: {made_up}')
    drift = run(p, 'drift', ('--gain-drift', '0.004'), alone=True)
    alone, mid = np.median(by_pixel(drift['first calibration alone'], 0.4, 0.6)), np.median(by_pixel(drift['plain'], 0.4, 0.6))
    p.check(abs(mid) < 0.1 and abs(alone) > 0.8, f'a drift of 3 eV between the calibrations: {mid:+.3f} eV in mid-scan, with the first calibration alone {alone:+.2f}')
    bow = run(p, 'bow', ('--gain-bow', '0.004'))
    p.check(all(bow['locked']), f'a bow of 3 eV: locked ({bow["reason"]})')
    spread = [np.std([np.median(by_pixel(bow[k], lo, lo + 0.1)) for lo in (0.25, 0.35, 0.45, 0.55, 0.65)]) for k in ('plain', 'lock')]
    middle = [abs(np.median(by_pixel(bow[k], 0.4, 0.6))) for k in ('plain', 'lock')]
    p.check(middle[1] < 0.8 * middle[0] and spread[1] < 0.6 * spread[0],
            f'and helps: mid-scan {middle[0]:.2f} -> {middle[1]:.2f} eV, movement through the scans rms {spread[0]:.3f} -> {spread[1]:.3f} eV')
    if SLOW == 1:
        none = run(p, 'none', ())
        change = np.abs(none['shift']).max()
        mids = [by_pixel(none[k], 0.2, 0.8) for k in ('plain', 'lock')]
        p.check(np.max(np.abs(mids[1] - mids[0])) < 0.15, f'without a drift no pixel changes by more than {np.max(np.abs(mids[1] - mids[0])):.3f} eV (largest shift {change:.3f} eV)')
    sys.exit(p.end())
