"""Every data set of the neighbours' formats that tesd can read, replayed whole: exit status, records found, what is said, and a file that the
independent checker finds nothing wrong with. Numbers are those of the descriptions that came with the data."""
import glob
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import offspring
from program import Program

shared = os.path.abspath(os.environ.get('TESD_SHARED', '../shared'))
data, checker = os.path.join(shared, 'data'), os.path.join(shared, 'tools/check_nexus.py')
if not os.path.isdir(data):
    print('skipped: no shared data')
    sys.exit(77)

import h5py

bessy, regress, simpulse = (os.path.join(data, *parts) for parts in (('real', 'bessy_4219'), ('real', 'regress_c1'), ('dastard_simpulse',)))
no_calibration = 'no calibration state .*heights but no energies'

# name, arguments, exit status, records by channel, what is said
SETS = (
    ('bessy', [bessy, '--noise', os.path.join(bessy, 'noise')], 0, {4219: 151}, [no_calibration]),
    ('bessy, the noise run as pulses', [os.path.join(bessy, 'noise')], 0, {4219: 3352}, [no_calibration]),
    ('bessy, both runs as pulses', [bessy, os.path.join(bessy, 'noise')], 0, {4219: 3503}, [no_calibration]),
    ('regress', [os.path.join(regress, 'regress_chan1.ljh'), '--noise', os.path.join(regress, 'regress_noise_chan1.ljh')], 0, {1: 300}, [no_calibration]),
    ('regress, DASTARD style', [os.path.join(regress, 'regress_dastard_chan1.ljh')], 0, {1: 10}, [no_calibration]),
    ('ebit, OFF 0.3', [os.path.join(data, 'real', 'ebit_c1')], 0, {1: 69235}, [no_calibration]),
    ('simpulse, LJH', [os.path.join(simpulse, '20261122', '0000')], 0, dict.fromkeys((0, 1, 2, 17, 30, 60, 100, 239), 246), ['CAL0: .*too few pulses', '8 files left out']),
    ('simpulse, OFF', [os.path.join(simpulse, '20261122', '0000'), '--prefer', 'off'], 0, dict.fromkeys((0, 1, 2, 17, 30, 60, 100, 239), 246), ['8 files left out']),
    ('torn', [os.path.join(simpulse, 'torn', 'torn_chan0.ljh')], 0, {0: 1034}, ['2 torn records', '24 bytes of unfinished records']),
    ('OFF 0.2, a dummy', [os.path.join(data, 'real', 'off_v020_tiny')], 0, {1: 1}, []),
    ('noise 2018, LJH 2.2.0 named .noi', [os.path.join(data, 'real', 'noise_20181018_c13')], 0, {13: 1361}, [no_calibration]),
    ('noise 2023', [os.path.join(data, 'real', 'noise_20230626_4102')], 0, {4102: 610}, [no_calibration]),
    ('noise 2024', [os.path.join(data, 'real', 'noise_20241005_c2')], 0, {2: 1024}, [no_calibration]),
    ('products of another program, no pulses', [os.path.join(data, 'real', 'mnka_20230626_4102')], 3, None, [r'no \*_chanN\.ljh']),
    ('ssrl 10-1', [os.path.join(data, 'real', 'ssrl_10_1_2020')], 0, {1: 6696, 3: 12136, 7: 12566, 9: 11032}, []),
)


ebit, noises = os.path.join(data, 'real', 'ebit_c1'), tuple(os.path.join(data, 'real', n) for n in ('noise_20181018_c13', 'noise_20230626_4102', 'noise_20241005_c2'))
# name, arguments of calibrate, exit status, what is said: no lines that the table has, or no pulses at all. Never a curve.
CALIBRATIONS = (
    ('ebit, no state', [ebit], 3, ['no calibration state']),
    ('ebit, all records', [ebit, '--state', 'all'], 1, ['no pixel could be calibrated', 'chan1 +ambiguous']),
    ('bessy', [bessy, '--noise', os.path.join(bessy, 'noise'), '--state', 'all'], 1, [r'too few pulses \(150, 200 are needed\)']),
    ('regress', [os.path.join(regress, 'regress_chan1.ljh'), '--noise', os.path.join(regress, 'regress_noise_chan1.ljh'), '--state', 'all'], 1, ['the lines of the table were not found']),
    ('OFF 0.2, a dummy', [os.path.join(data, 'real', 'off_v020_tiny'), '--state', 'all'], 3, ['holds no pulse shape']),
    *((f'{os.path.basename(n)} as pulses', [n, '--state', 'all'], 3, ['holds no photons', r'[01] usable pulses in \d+ records, 50 are needed']) for n in (*noises, os.path.join(bessy, 'noise'))),
)


def calibrate(p, name, arguments, code, said):
    out = p.path('cal.h5')
    run = p.run('calibrate', *arguments, '-o', out, timeout=120)
    missing = [s for s in said if not re.search(s, run.stderr + run.stdout)]
    p.check(run.returncode == code and not missing and not os.path.exists(out), f'calibrate {name} -> {run.returncode} {missing}' + ('' if run.returncode == code else '\n' + run.stderr))


def replay(p, name, arguments, code, records, said):
    out = p.path('out.nxs')
    run = p.run('replay', *arguments, '-o', out, timeout=120)
    missing = [s for s in said if not re.search(s, run.stderr)]
    if not p.check(run.returncode == code and not missing, f'{name} -> {run.returncode} {missing}' + ('' if run.returncode == code else '\n' + run.stderr)):
        return
    if records is None:
        p.check(not os.path.exists(out), f'{name}: no file is made')
        return
    with h5py.File(out) as f:
        found = dict(zip(f['entry/pixels/channel'][()].tolist(), f['entry/pixels/records'][()].tolist()))
    p.check(found == records, f'{name}: records by channel {found}')
    checked = offspring.run(['/usr/bin/python3', checker, out], capture_output=True, text=True)
    p.check(checked.returncode == 0 and not checked.stdout, f'{name}: the independent checker is silent {checked.stdout[:1000]}')
    os.unlink(out)


with Program() as p:
    for one in SETS:
        replay(p, *one)
    for one in CALIBRATIONS:
        calibrate(p, *one)
    files = [f for f in glob.glob(os.path.join(data, '**', '*'), recursive=True)
             if os.path.isfile(f) and f.endswith(('.ljh', '.off', '.noi', '_log', '_experiment_state.txt', '_external_trigger.bin')) or '/logs/' in f or '/lines/' in f]
    run = p.run('inspect', '--json', *files)
    facts = json.loads(run.stdout)
    p.check(run.returncode == 0 and len(facts) == len(files), f'inspect knows all {len(files)} files {run.stderr}')
    torn = [one for one in facts if one['path'].endswith('torn_chan0.ljh')]
    p.check([(t['records'], t['torn'], t['tail_bytes']) for t in torn] == [(1034, 2, 24)], f'torn file: {[(t["records"], t["torn"], t["tail_bytes"]) for t in torn]}')
    sys.exit(p.end())
