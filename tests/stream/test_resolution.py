"""A short form of tests/bench/accept_resolution.py for every day: small, with loose limits that the filter alone does not keep. A sanitizer looks at
the code, which is the same for short and long records: it gets the short ones."""
import os, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'bench'))
sys.dont_write_bytecode = True
import accept_resolution as resolution
import numpy as np

failures = 0
shapes = (('short', 1.03), ('long', 1.06))[:1 if 'san-' in resolution.tesd else 2]


def check(name, found, most, most_own):
    global failures
    resolution.report(name, found)
    median, worst = np.median(found, axis=0), np.quantile(found[:, 0], 0.95)
    ok = len(found) >= 7 and median[0] <= most and worst <= 1.15 and median[1] <= most_own and 0.93 <= median[3] <= 1.1
    print(('ok      ' if ok else 'FAILED  ') + f'median through truth <= {most}, p95 <= 1.15, own curve <= {most_own}, pull 0.93-1.1')
    failures += not ok


def check_told(told, wanted, pixels):
    global failures
    line = next((line for line in told.splitlines() if line.startswith('neighbour mode: ')), 'neighbour mode: 0')
    ok = wanted in line and int(line.split()[2]) >= pixels
    print(('ok      ' if ok else 'FAILED  ') + line)
    failures += not ok


with tempfile.TemporaryDirectory() as work:
    for shape, most in shapes:
        noise, run, truth = resolution.simulate(os.path.join(work, shape), shape, 6, 3, 8, gain_step=1e-3, more=('--calibration-s', 200))
        nxs, cal = os.path.join(work, shape + '.nxs'), os.path.join(work, shape + '.h5')
        resolution.command('replay', run, '--noise', noise, '-o', nxs)
        check(f'{shape} records, learnt', resolution.judge(nxs, truth), most, most + 0.05)
        told = resolution.command('replay', run, '--noise', noise, '-o', nxs, *resolution.with_neighbours(work))
        check(f'{shape} records, neighbours', resolution.judge(nxs, truth), most - 0.02, most + 0.03)
        check_told(told, 'mains at ', 7)
        resolution.command('calibrate', run, '--noise', noise, '-o', cal)
        resolution.command('replay', run, '--calibration', cal, '-o', nxs)
        check(f'{shape} records, frozen and causal', resolution.judge(nxs, truth), most + 0.02, most + 0.07)
    # mains that nobody can follow: the mode says so, and nothing gets worse or less honest
    noise, run, truth = resolution.simulate(os.path.join(work, 'wild'), 'short', 6, 3, 8, more=('--calibration-s', 200, '--mains-wander', 3))
    told = resolution.command('replay', run, '--noise', noise, '-o', nxs, *resolution.with_neighbours(work))
    check_told(told, 'no mains that could be followed', 0)
    check('short records, mains that cannot be followed', resolution.judge(nxs, truth), 1.03, 1.08)
sys.exit(1 if failures else 0)
