#!/usr/bin/python3
"""accept_livetime.py [--seeds N] [--pixels N] [--rates 20,60] [--dwell S] [--formats long,short] [--triggers edge-multi,edge] [--folder DIR]
Yields through the whole program against the truth of simulated beamtimes: simulate -> replay -> step of the PFY over the Co L edge, where the
rate rises about threefold, for both triggers. Prints the bias of the step with live time and with pile-up merely dropped, and the spread
of the pulls. Exit 0 when the step is right within 0.3 % + 3 sigma and the pulls have the width they claim. TESD names the program."""
import argparse, os, shutil, subprocess, sys
import h5py, numpy as np

# From below O K to above the incident energies: no line, elastic or not, lies on an end, and few sums of two photons fall into it.
CONFIG = 'roi:\n  - { name: wide, lo_eV: 450, hi_eV: 900 }\n'
WINDOWS = ('wide',)

def run(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

FORMATS = {'long': (), 'short': ('--samples', '500', '--presamples', '125', '--period', '4e-6')}

def simulate_and_replay(tesd, folder, seed, rate, trigger, pixels, points, dwell, calibration_s, form='long'):
    """Names of the NeXus file and the truth; the records are removed."""
    shutil.rmtree(folder, ignore_errors=True)
    run(tesd, 'simulate', '-o', folder, '--seed', str(seed), '--pixels', str(pixels), '--rate', str(rate), '--trigger', trigger, '--edges', 'co', '--conditions', 'a',
        '--scans', '1', '--points', str(points), '--dwell', str(dwell), '--move', '0.1', '--calibration-s', str(calibration_s), '--noise-records', '300', '--bad-fraction', '0', *FORMATS[form])
    day = [d for d in os.listdir(folder) if d.startswith('2')][0]
    out = os.path.join(folder, 'out.nxs')
    config = os.path.join(folder, 'tesd.yaml')
    with open(config, 'w') as f:
        f.write(CONFIG)
    run(tesd, 'replay', f'{folder}/{day}/0001', '--noise', f'{folder}/{day}/0000', '--logs', f'{folder}/{day}/0001/logs', '-q', '-o', out, '-c', config)
    shutil.rmtree(os.path.join(folder, day))
    return out, os.path.join(folder, 'truth.h5')

class Scan:
    """Counts and live times of one scan beside its truth, per point, windows together."""
    def __init__(self, out, truth):
        with h5py.File(out) as f, h5py.File(truth) as t:
            e = f['entry']
            scan = [n for n in e if n.startswith('scan_')][0]
            number = int(scan[5:])
            groups = [e[f'pfy_{number:04d}_{w}'] for w in WINDOWS]
            tfy = e[f'pfy_{number:04d}_tfy']
            used = tfy['pixels_used'][()].astype(bool)
            channels = 2 * np.arange(len(t['pixels/sensitivity'])) + 1
            usable = np.isin(channels, e['pixels/channel'][()][used])
            p = {k: t['photons'][k][()] for k in ('pixel', 'energy_eV', 'point', 'phase', 'scan')}
            here = (p['phase'] == 0) & (p['scan'] == number) & usable[p['pixel']]
            inside = sum(((p['energy_eV'] >= g.attrs['roi_eV'][0]) & (p['energy_eV'] < g.attrs['roi_eV'][1])).astype(int) for g in groups) > 0
            self.dwell = e[scan]['dwell_s'][()]
            self.counts = sum(g['counts'][()].astype(float) for g in groups)
            self.live = groups[0]['live_time_s'][()]
            self.true = np.bincount(p['point'][here & inside], minlength=len(self.dwell)).astype(float)
            scans = t['scans']
            row = int(scans['first_row'][()][scans['number'][()] == number][0])
            expected = t['points/expected_photons'][()][row:row + len(self.dwell)].sum(axis=1)
            self.expected = expected * t['pixels/sensitivity'][()][usable].sum()
            i0 = tfy['i0'][()] if b'i0' in tfy.attrs['normalised_by'] else 1
            self.tfy, self.tfy_error = tfy['yield'][()] * i0, tfy['yield_errors'][()] * i0
            self.i0_share = np.where(np.isfinite(e[scan]['i0_sigma'][()]), e[scan]['i0_sigma'][()] / e[scan]['i0'][()], 0)
            grade_time = e[scan]['grade_time_ns'][()]
            self.rows_close = bool(np.all(grade_time >= 0) and np.all(grade_time.sum(axis=2) == np.round(self.dwell * 1e9).astype('i8')))
            self.chi2 = float(e[scan].attrs['chi2_grades'])

def step_of(scans, of):
    """Mean rate of busy points over that of quiet ones, and its relative error; busy: more than half-way up in expected rate. Rates are
    averaged, not counts and times apart: within each class busier points have less live time."""
    rates, variances = ([], []), ([], [])
    for s in scans:
        expected = s.expected / s.dwell
        top = expected > (expected.min() + expected.max()) / 2
        counts, time = of(s)
        for side in (0, 1):
            here = top == bool(side)
            rates[side].extend(counts[here] / time[here])
            variances[side].extend(counts[here] / time[here] ** 2)
    quiet, busy = np.mean(rates[0]), np.mean(rates[1])
    return busy / quiet, np.sqrt(np.sum(variances[0]) / np.sum(rates[0]) ** 2 + np.sum(variances[1]) / np.sum(rates[1]) ** 2)

def pulls_of(scans):
    """Errors without what I0 adds, since the simulated I0 is noisy and the expected counts are not."""
    out = []
    for s in scans:
        error = np.sqrt(np.maximum(s.tfy_error ** 2 - (s.tfy * s.i0_share) ** 2, 0))
        rate = s.expected / s.dwell
        scale = np.sum(s.tfy * rate / error ** 2) / np.sum(rate ** 2 / error ** 2)
        out.extend((s.tfy - scale * rate) / error * np.sqrt(len(rate) / (len(rate) - 1)))
    return np.array(out)

def judge(name, scans):
    true = step_of(scans, lambda s: (s.true, s.dwell))[0]
    live, sigma = step_of(scans, lambda s: (s.counts, s.live))
    dropped = step_of(scans, lambda s: (s.counts, s.dwell))[0]
    pulls = pulls_of(scans)
    width, width_sigma = pulls.std(), np.sqrt(0.5 / len(pulls))
    share = sum(s.live.sum() for s in scans) / sum(s.dwell.sum() for s in scans)
    bias = live / true - 1
    level = sum((s.counts / s.live).sum() for s in scans) / sum((s.true / s.dwell).sum() for s in scans) - 1
    good = abs(bias) < 0.003 + 3 * sigma and abs(width - 1) < 0.05 + 3 * width_sigma and all(s.rows_close for s in scans)
    print(f'{name}: step {true:.2f}, live-time-corrected {100 * bias:+.2f} +- {100 * sigma:.2f} %, pile-up merely dropped {100 * (dropped / true - 1):+.1f} %, live {share:.2f}, '
          f'level {100 * level:+.2f} %, pull sd {width:.3f} +- {width_sigma:.3f}, chi2 over grades {np.mean([s.chi2 for s in scans]):.1f} of 3: {"good" if good else "BAD"}', flush=True)
    return good, bias, dropped / true - 1

def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--seeds', type=int, default=3)
    a.add_argument('--pixels', type=int, default=24)
    a.add_argument('--rates', default='20,60')
    a.add_argument('--points', type=int, default=61)
    a.add_argument('--dwell', type=float, default=0, help='0: as many photons at every rate, 120 per pixel and point')
    a.add_argument('--formats', default='long,short')
    a.add_argument('--triggers', default='edge-multi,edge')
    a.add_argument('--folder', default='/tmp/tesd_accept_livetime')
    o = a.parse_args()
    tesd, good = os.environ.get('TESD', 'build/tesd'), True
    for form in o.formats.split(','):
        for trigger in o.triggers.split(','):
            for rate in (float(r) for r in o.rates.split(',')):
                dwell = o.dwell or 120 / rate
                scans = [Scan(*simulate_and_replay(tesd, o.folder, seed, rate, trigger, o.pixels, o.points, dwell, max(20, 1500 / rate), form)) for seed in range(1, o.seeds + 1)]
                good = judge(f'{form} records, {trigger} {rate:g}/s', scans)[0] and good
    shutil.rmtree(o.folder, ignore_errors=True)
    return 0 if good else 1

if __name__ == '__main__':
    sys.exit(main())
