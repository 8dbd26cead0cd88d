#!/usr/bin/python3
"""accept_grades.py [--pixels 16] [--rates 20,60] [--seed 5] [--formats short,long] [--triggers edge-multi] [--keep DIR]
What the energies of each grade are worth, by the truth of simulated beamtimes: photons that another one follows (mid), that stand on the tail of an
earlier one (tail), or both (low), beside the isolated ones (high). Per grade: bias against the isolated photons of the same pixel and energy, width of
error / energy_sigma_eV, share that is off by more than 4 sigma + 0.3 eV, share lost to cuts. Through truth: a curve per pixel and calibration,
fitted to its isolated photons, takes the place of the pixel's own. Two chains: learnt from everything, and a frozen model applied causally.
Exit 0 when grades mid and tail, where wide windows count them, are within 0.25 of a sigma, have pulls of 0.9-1.15 and lose no more than isolated
ones + 1 %."""
import argparse, os, shutil, sys, tempfile

import h5py
import numpy as np

import accept_resolution as base

GRADES = ('high', 'mid', 'tail', 'low')


def curve_through(x, true, keep):
    """x -> energy, fitted to those kept."""
    u = (x - np.median(x[keep])) / np.std(x[keep])
    for _ in range(base.ROUNDS):
        error = np.polyval(np.polyfit(u[keep], true[keep], base.DEGREE), u) - true
        keep = keep & (np.abs(error) < 4 * 1.4826 * np.median(np.abs(error[keep])))
    return error


def judge(nxs, truth, causal):
    """Rows of good pixels: error, sigma, grade, cuts."""
    rows, good, _, _ = base.load(nxs, truth, causal)
    with h5py.File(nxs) as f:
        rows['grade'] = f['entry/photons/grade'][()]
    rows['error'], band = np.full(len(rows['grade']), np.nan), (rows['true_eV'] > base.BAND[0]) & (rows['true_eV'] < base.BAND[1])
    for pixel in good:
        for c in np.unique(rows['calibration']):
            part = (rows['pixel'] == pixel) & (rows['calibration'] == c) & (rows['true_eV'] > 250) & (rows['true_eV'] < 1010) & np.isfinite(rows['energy_eV'])
            fine = (rows['grade'][part] == 0) & (rows['cuts'][part] == 0)
            if fine.sum() > 200:
                rows['error'][part] = curve_through(rows['energy_eV'][part].astype(float), rows['true_eV'][part], fine)
    rows['sigma'] = np.sqrt(np.maximum(rows['energy_sigma_eV'].astype(float) ** 2 - rows['curve_sigma_eV'] ** 2, 1e-4))
    rows['judged'] = band & np.isin(rows['pixel'], good)
    return rows


def wide_grades(nxs):
    with h5py.File(nxs) as f:
        name = next(k for k in f['entry'] if k.startswith('pfy_') and k.endswith('_tfy'))
        return [int(g) for g in f['entry'][name]['grades_used'][()]]


def report(name, rows, counted):
    ok, lost_high = True, None
    for grade in range(len(GRADES)):
        here = rows['judged'] & (rows['grade'] == grade)
        kept = here & (rows['cuts'] == 0) & np.isfinite(rows['error'])
        lost = np.mean(rows['cuts'][here] != 0) if here.any() else 0
        lost_high = lost if grade == 0 else lost_high
        if kept.sum() < 100:
            continue
        pull = rows['error'][kept] / rows['sigma'][kept]
        off = np.mean(np.abs(rows['error'][kept]) > 4 * rows['sigma'][kept] + 0.3)
        bias, width = np.median(pull), base.width(pull)
        fine = grade == 0 or grade not in counted or (abs(bias) < 0.25 and 0.9 < width < 1.15 and lost < lost_high + 0.01)
        ok = ok and fine
        print(f'{name}, {GRADES[grade]:4}: {kept.sum():7d} photons, {100 * np.mean(here[rows["judged"]]):5.1f} % of all; bias {bias:+.3f} sigma ({np.median(rows["error"][kept]):+.3f} eV), pull {width:.3f}, '
              f'sigma {np.median(rows["sigma"][kept]):.3f} eV, wrong {100 * off:.2f} %, lost {100 * lost:.2f} %{", counted in wide windows" if grade in counted else ""}{"" if fine else ": BAD"}', flush=True)
    return ok


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--pixels', type=int, default=16)
    a.add_argument('--rates', default='20,60')
    a.add_argument('--seed', type=int, default=5)
    a.add_argument('--formats', default='short,long')
    a.add_argument('--triggers', default='edge-multi')
    a.add_argument('--keep', help='work in this folder and keep it; what is there is used again')
    a = a.parse_args()
    work, good = a.keep or tempfile.mkdtemp(), True
    for shape, trigger, rate in ((s, t, float(r)) for s in a.formats.split(',') for t in a.triggers.split(',') for r in a.rates.split(',')):
        folder = os.path.join(work, f'{shape}_{trigger}_{rate:g}')
        if not os.path.isdir(folder):
            os.makedirs(work, exist_ok=True)
            base.simulate(folder, shape, rate, a.seed, a.pixels, gain_step=0, more=('--scans', 1, '--points', 41, '--dwell', 40 / rate, '--calibration-s', round(1200 / rate), '--trigger', trigger))
        day = os.path.join(folder, next(n for n in os.listdir(folder) if n.startswith('2')))
        run, noise, nxs, cal = os.path.join(day, '0001'), os.path.join(day, '0000'), os.path.join(folder, 'out.nxs'), os.path.join(folder, 'cal.h5')
        base.command('replay', run, '--noise', noise, '-o', nxs)
        good = report(f'{shape} {trigger} {rate:g}/s learnt', judge(nxs, folder + '/truth.h5', False), wide_grades(nxs)) and good
        base.command('calibrate', run, '--noise', noise, '-o', cal)
        base.command('replay', run, '--calibration', cal, '-o', nxs)
        good = report(f'{shape} {trigger} {rate:g}/s frozen', judge(nxs, folder + '/truth.h5', True), wide_grades(nxs)) and good
    if not a.keep:
        shutil.rmtree(work)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
