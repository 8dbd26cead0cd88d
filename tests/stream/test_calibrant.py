"""tesd calibrate --calibrant on a simulated mix whose lines lie elsewhere than the seed table has them: the new table holds the truth within
its errors, and can be used by name."""
import glob
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
from program import ROOT, Program

SEED = os.path.join(ROOT, 'config/lines/nslsii-mix.csv')
MOVED = {'CKa': 1.1, 'NKa': -0.8, 'OKa': 0.6, 'FeLa': -1.4, 'FeLb': -1.4, 'NiLa': 2.0, 'NiLb': 2.0, 'CuLa': 1.5}


def read_table(path):
    rows = [line.rstrip('\n').split(',') for line in open(path) if line[0] != '#']
    return {r[0]: r for r in rows[1:]}


def moved_table(path):
    """The seed table with the lines of MOVED elsewhere, centre of the profile and all."""
    with open(SEED) as seed, open(path, 'w') as out:
        for line in seed:
            f = line.split(',')
            if f[0] in MOVED:
                f[1] = f'{float(f[1]) + MOVED[f[0]]:.3f}'
                parts = f[5].split(':')
                if len(parts) > 1:
                    f[5] = ':'.join([parts[0], f'{float(parts[1]) + MOVED[f[0]]:.3f}', *parts[2:]])
            out.write(','.join(f))


with Program() as p:
    moved_table(p.path('mine.csv'))
    p.good('simulate', '-o', 'run', '--lines', p.path('mine.csv'), '--pixels', '6', '--scans', '0', '--calibration-s', '150', '--rate', '10', '--bad-fraction', '0',
           '--calibrant', '335,470,600,670,790,1040', '--samples', '500', '--presamples', '125', '--noise-records', '300', '--seed', '5')
    noise, pulses = sorted(glob.glob(p.path('run', '2*', '*')))
    said = p.good('calibrate', '--calibrant', '--mono-unc', '0.02', pulses, '--noise', noise, '-o', 'found.csv')
    found, seed = read_table(p.path('found.csv')), read_table(SEED)
    pulls = []
    for name, by in MOVED.items():
        energy, unc = float(found[name][1]), float(found[name][2])
        off = energy - float(seed[name][1]) - by
        pulls.append(off / unc)
        p.check(abs(off) < 3 * unc and unc < 0.4, f'{name} moved by {by:+.2f} eV: found {energy - float(seed[name][1]):+.3f} +- {unc:.3f} eV')
    rms = (sum(x * x for x in pulls) / len(pulls)) ** 0.5
    p.check(rms < 1.7, f'rms of (found - true) / error: {rms:.2f}')
    p.check(found['CoLa'][3] == 'check' and 'not seen' in found['CoLa'][6], 'a line that the mix does not have is kept for comparison and says so')
    p.check('found.csv' in said.stdout, 'the table is named at the end')
    p.good('calibrate', pulses, '--noise', noise, '--lines', p.path('found.csv'), '--state', 'CAL0', '-o', 'cal.h5')
    again = p.run('calibrate', '--calibrant', pulses, '--noise', noise, '-o', 'found.csv')
    p.check(again.returncode == 2 and 'not written over' in again.stderr, 'a table that exists is not written over')
    few = p.run('calibrate', '--calibrant', pulses + '/logs', '-o', 'few.csv')
    p.check(few.returncode == 3 and not os.path.exists(p.path('few.csv')), 'without pulses there is no table')
    p.good('simulate', '-o', 'one', '--quick', '--pixels', '2', '--scans', '0', '--calibration-s', '60', '--samples', '500', '--presamples', '125', '--noise-records', '100')
    noise, pulses = sorted(glob.glob(p.path('one', '2*', '*')))
    one = p.run('calibrate', '--calibrant', pulses, '--noise', noise, '-o', 'one.csv')
    p.check(one.returncode == 1 and 'different energies' in one.stderr + one.stdout, 'one mono energy is not enough: ' + one.stderr.strip().split('\n')[-1][:160])
    sys.exit(p.end())
