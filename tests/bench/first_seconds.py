#!/usr/bin/python3
"""first_seconds.py [--pixels 16] [--seeds 31,32] [--rate 3] [--samples 400] [--starts 6]
How far energies of a run's first seconds are off where the calibration was there before, since the causal baseline of each pixel is not known yet. The same records by `tesd replay --calibration`
as one run that began with the calibration, and as runs that begin at moments of the scans, more than 20 s behind it; the second is what a run's file and a daemon that has just begun
give, the first what a daemon that has followed the pixels for longer tells. By the time since the run began: difference of the two in eV and in the photon's own sigma, and the errors of both against the
truth. Exit 0 when beyond the first second the difference widens no photon's error by more than a tenth (rms over sigma below 0.46)."""
import argparse, glob, os, re, shutil, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
import offspring

tesd = os.environ.get('TESD', os.path.join(os.path.dirname(__file__), '..', '..', 'build', 'tesd'))
EDGES_S = (0, 0.5, 1, 2, 4, 8, 16, 32, 60)


def command(*words):
    done = offspring.run([tesd, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'{words}: {done.stderr[-2000:]}')


def cut_run(run, to, from_ns, until_ns):
    """A run of its own with the records of that time, and the logs of the whole."""
    os.makedirs(to)
    for path in glob.glob(f'{run}/*.ljh'):
        with open(path, 'rb') as f:
            data = f.read()
        end = re.search(rb'#End of Header\r?\n', data).end()
        n = int(re.search(rb'Total Samples: *(\d+)', data[:end])[1])
        records = np.frombuffer(data, np.dtype([('count', '<i8'), ('us', '<i8'), ('x', '<u2', n)]), offset=end, count=(len(data) - end) // (16 + 2 * n))
        keep = records[(records['us'] * 1000 >= from_ns) & (records['us'] * 1000 < until_ns)]
        with open(f'{to}/{os.path.basename(path)}', 'wb') as f:
            f.write(data[:end] + keep.tobytes())


def rows_of(path, truth):
    with h5py.File(path) as f:
        p = f['entry/photons']
        channel = f['entry/pixels/channel'][()][p['pixel'][()]]
        rows = {(c, n): (t, e, s) for c, n, t, e, s, cut in zip(channel.tolist(), p['frame'][()].tolist(), p['time_ns'][()].tolist(), p['energy_eV'][()].tolist(), p['energy_sigma_eV'][()].tolist(), p['cuts'][()].tolist()) if cut == 0}
    return {k: (*v, truth[k]) for k, v in rows.items() if k in truth}


def measure(a, seed, folder):
    command('simulate', '-o', f'{folder}/b', '--pixels', a.pixels, '--bad-fraction', 0, '--seed', seed, '--samples', a.samples, '--presamples', a.samples // 4, '--period', '5e-6', '--rate', a.rate,
            '--calibration-s', round(1500 / a.rate), '--edges', 'o', '--scans', 2, '--points', 41, '--dwell', 1.2)
    noise, run = sorted(glob.glob(f'{folder}/b/2*/*'))
    command('calibrate', run, '--noise', noise, '--state', 'CAL0', '-o', f'{folder}/cal.h5')
    command('replay', run, '--calibration', f'{folder}/cal.h5', '-o', f'{folder}/warm.nxs', '-q')
    with h5py.File(f'{folder}/b/truth.h5') as t:
        p, channel = t['photons'], t['pixels/channel'][()]
        truth = {k: e for k, e in zip(zip(channel[p['pixel'][()]].tolist(), p['frame'][()].tolist()), p['energy_eV'][()].tolist())}
    with h5py.File(f'{folder}/warm.nxs') as f:
        scans = [f['entry'][k] for k in f['entry'] if re.fullmatch(r'scan_\d+', k)]
        first_ns, last_ns = min(s['start_ns'][0] for s in scans), max(s['end_ns'][-1] for s in scans)
    with h5py.File(f'{folder}/cal.h5') as f:
        first_ns = max(first_ns, int(f['tables/0000/end_ns'][()]) + 25 * 10**9)
    warm, out = rows_of(f'{folder}/warm.nxs', truth), []
    for k in range(a.starts):
        start_ns = first_ns + int((last_ns - first_ns - 60e9) * k / max(a.starts - 1, 1))
        cut_run(run, f'{folder}/c{k}/0001', start_ns, start_ns + 60 * 10**9)
        command('replay', f'{folder}/c{k}/0001', '--calibration', f'{folder}/cal.h5', '--logs', f'{run}/logs', '-o', f'{folder}/c{k}.nxs', '-q')
        for key, (t, e, s, true) in rows_of(f'{folder}/c{k}.nxs', truth).items():
            if key in warm:
                out.append(((t - start_ns) * 1e-9, e - warm[key][1], s, e - true, warm[key][1] - true))
    return np.array(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--pixels', type=int, default=16)
    parser.add_argument('--seeds', default='31,32')
    parser.add_argument('--rate', type=float, default=3)
    parser.add_argument('--samples', type=int, default=400)
    parser.add_argument('--starts', type=int, default=6)
    a = parser.parse_args()
    all_rows = []
    for seed in a.seeds.split(','):
        folder = tempfile.mkdtemp(prefix='tesd-first-')
        try:
            all_rows.append(measure(a, int(seed), folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    t, off, sigma, cold, warm = np.concatenate(all_rows).T
    print(f'{a.pixels} pixels, {a.rate:g}/s, {a.samples} samples, seeds {a.seeds}, {a.starts} starts each: {len(t)} photons; sigma {np.median(sigma):.3f} eV')
    late = 0
    for lo, hi in zip(EDGES_S, EDGES_S[1:]):
        m = (t >= lo) & (t < hi) & np.isfinite(off) & np.isfinite(sigma) & (np.abs(cold) < 20) & (np.abs(warm) < 20)
        width = lambda x: np.percentile(np.abs(x), 68.27)
        if m.sum() < 10:
            continue
        part = np.sqrt(np.mean((off[m] / sigma[m]) ** 2))
        late = max(late, part) if lo >= 1 else late
        print(f'{lo:4g} to {hi:2g} s: {m.sum():6d} photons, off by rms {np.sqrt(np.mean(off[m] ** 2)):.4f} eV, largest {np.abs(off[m]).max():.3f}; of sigma rms {part:.3f}, beyond it {np.mean(np.abs(off[m]) > sigma[m]):.4f}; '
              f'errors over sigma {width(cold[m] / sigma[m]):.3f}, followed for longer {width(warm[m] / sigma[m]):.3f}')
    sys.exit(0 if late < 0.46 else 1)


main()
