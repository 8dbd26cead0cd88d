#!/usr/bin/python3
"""Runs recorded with the triggers that leave no trace of what they drop: a simulated run with every record has those taken out that edge-multi
single and isolated would have dropped. The yield is that of all photons, far from what the recorded ones alone say; crowded points are refused.
Once half of the pixels jump in the scan and do not count meanwhile: the yield is the same."""
import os, shutil, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py, numpy as np
import offspring, vetoed_records

SAMPLES, PRESAMPLES = 500, 250

def run(*args):
    return offspring.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True).stderr

def yield_against_truth(out, truth):
    with h5py.File(out) as f, h5py.File(truth) as t:
        e = f['entry']
        g, dwell = e['pfy_0001_wide'], e['scan_0001/dwell_s'][()]
        channels = 2 * np.arange(len(t['pixels/sensitivity'])) + 1
        used = np.isin(channels, e['pixels/channel'][()][g['pixels_used'][()].astype(bool)])
        p = {k: t['photons'][k][()] for k in ('pixel', 'energy_eV', 'phase', 'scan', 'point')}
        here = (p['phase'] == 0) & (p['scan'] == 1) & used[p['pixel']] & (p['energy_eV'] >= 450) & (p['energy_eV'] < 900)
        true = np.bincount(p['point'][here], minlength=len(dwell)) / dwell
        counts, live = g['counts'][()].astype(float), g['live_time_s'][()]
        good = live > 0
        rate = np.sum(counts[good] / live[good]) / np.sum(true[good]) - 1 if good.any() else np.nan
        return rate, np.sum(counts / dwell) / np.sum(true) - 1, 1.3 / np.sqrt(counts.sum()), good.mean()

def simulate(tesd, where, rate, *more):
    """Folder of the day."""
    run(tesd, 'simulate', '-o', where, '--seed', '5', '--pixels', '8', '--rate', str(rate), '--edges', 'co', '--conditions', 'a', '--scans', '1', '--points', '21', '--dwell', '3' if rate < 100 else '0.5', '--move', '0.1',
        '--calibration-s', '40' if rate < 100 else '8', '--noise-records', '300', '--bad-fraction', '0', '--samples', str(SAMPLES), '--presamples', str(PRESAMPLES), '--period', '4e-6', *more)
    return f'{where}/{[d for d in os.listdir(where) if d.startswith("2")][0]}'

def replay(tesd, where, day, name, *learning):
    """What it says."""
    pulses = vetoed_records.copy_run(f'{day}/0001', f'{where}/{name}/0001', name == 'isolated')
    with open(f'{where}/tesd.yaml', 'w') as f:
        f.write(f'trigger:\n  mode: edge-multi-{name}\nroi:\n  - {{ name: wide, lo_eV: 450, hi_eV: 900 }}\n')
    return run(tesd, 'replay', pulses, *learning, '--logs', f'{pulses}/logs', '-q', '-o', f'{where}/{name}.nxs', '-c', f'{where}/tesd.yaml')

def jumped_share(out):
    """Of the records."""
    with h5py.File(out) as f:
        names = [n.decode() if isinstance(n, bytes) else n for n in f['entry/pixels/cut_counts'].attrs['cut_names']]
        return np.mean(f['entry/photons/cuts'][()] >> names.index('jumped') & 1)

def check(tesd, where, rate, name, day, jumping, *learning):
    said = replay(tesd, where, day, name, *learning)
    out = f'{where}/{name}.nxs'
    off, plain, sigma, share = yield_against_truth(out, f'{where}/truth.h5')
    jumped = jumped_share(out)
    print(f'{name} {rate}/s: yield {100 * off:+.2f} +- {100 * sigma:.2f} %, recorded {100 * plain:+.1f} %, points with a yield {share:.2f}, records cut as jumped {100 * jumped:.1f} %')
    if rate < 100:
        good = abs(off) < 0.007 + 3 * sigma and plain < -0.03 and share == 1 and (jumped > 0.1 if jumping else jumped == 0)
    else:
        good = share < 1 and 'what it dropped cannot be told' in said
    if not good:
        print('FAILED: ' + name + '\n' + said)
    return good

def main():
    tesd, folder, wrong = os.environ.get('TESD', 'build/tesd'), tempfile.mkdtemp(prefix='tesd_lossy_'), 0
    try:
        for rate, jumping in ((20, False), (150, False), (20, True)):
            where = f'{folder}/{rate}{"_jumping" if jumping else ""}'
            day = simulate(tesd, where, rate, *(('--jumping', '0.5', '--jump-at', '0.45', '--jump-back', '0.8') if jumping else ()))
            learning = ['--noise', f'{day}/0000']
            if jumping:
                run(tesd, 'calibrate', f'{day}/0001', *learning, '--state', 'CAL0', '-o', f'{where}/cal.h5')
                learning = ['--calibration', f'{where}/cal.h5']
            wrong += sum(not check(tesd, where, rate, name, day, jumping, *learning) for name in ('single', 'isolated'))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if wrong else 0

if __name__ == '__main__':
    sys.exit(main())
