"""The same beamtime twice, all pixels good and half of them bad: one dead, noisy, unlocked, saturated, without carbon, of double gain, and one whose lock
jumps in the middle of a scan. Learnt from everything, and with the first calibration alone, frozen. What the others publish does not change beyond the statistics of the photons that are missing: shapes and yields for a
pixel of given sensitivity. Sensitivities are the true ones also of the pixel that jumped; it counts in no scan that it spoilt.
    tests/stream/test_bad_pixels.py [PIXELS] [SEED]"""
import glob
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
from program import Program

PIXELS, SEED = (int(a) for a in (sys.argv[1:] + ['14', '3'][len(sys.argv) - 1:])[:2])
KINDS = {'dead', 'noisy', 'unlocked', 'saturated', 'lock_jump', 'no_carbon', 'double_gain'}
WINDOWS = ('O', 'O_522_525', 'C')   # not TFY, of which the contaminated pixel sees a part


class Beamtime:
    def __init__(self, p, name, bad, frozen=False):
        if not frozen:
            p.good('simulate', '-o', name, '--pixels', str(PIXELS), '--bad-fraction', str(bad), '--seed', str(SEED), '--samples', '400', '--presamples', '100', '--period', '5e-6',
                   '--calibration-s', '80', '--rate', '10', '--edges', 'o', '--conditions', 'pristine', '--feature', '0.05', '--scans', '6', '--points', '21',
                   '--noise-records', '300', timeout=300)
        noise, pulses = sorted(glob.glob(p.path(name, '2*', '*')))
        out, model = p.path(f'{name}.nxs'), ['--noise', noise]
        if frozen:
            model = ['--calibration', p.path('cal.h5')]
            p.good('calibrate', pulses, '--noise', noise, '--state', 'CAL0', '-o', model[1], timeout=300)
        self.said = p.good('replay', pulses, *model, '-o', out, timeout=300)
        with h5py.File(out) as f, h5py.File(p.path(name, 'truth.h5')) as t:
            e = f['entry']
            channels = t['pixels/channel'][()].tolist()
            place = [channels.index(c) for c in e['pixels/channel'][()]]
            self.all_kinds = t['pixels/kind'][()].astype(str)
            self.kind, self.truth, self.jump_s = self.all_kinds[place], t['pixels/sensitivity'][()][place], t['pixels/jump_s'][()][place]
            self.verdict, self.eps = e['pixels/verdict'][()].astype(str), e['pixels/sensitivity'][()]
            self.ph = {k: e['photons'][k][()] for k in ('pixel', 'frame', 'time_ns', 'energy_eV', 'cuts', 'scan')}
            self.pixel_in_truth = np.array(place)
            self.truth_rows = {k: t['photons'][k][()] for k in ('pixel', 'frame', 'energy_eV')}
            self.scans = sorted(k[5:] for k in e if k.startswith('scan_'))
            self.scan_ns = {s: (int(e[f'scan_{s}/start_ns'][0]), int(e[f'scan_{s}/end_ns'][-1])) for s in self.scans}
            self.pfy = {(s, w): {k: e[f'pfy_{s}_{w}'][k][()] for k in ('counts', 'yield', 'i0', 'live_time_s', 'pixels_used', 'pixel_weight')} for s in self.scans for w in WINDOWS}
            self.jumped_ns, self.grade_ns = e['pixels/jumped_ns'][()], {s: e[f'scan_{s}/grade_time_ns'][()] for s in self.scans}
            self.point_ns = {s: e[f'scan_{s}/start_ns'][()] for s in self.scans}
            self.cut_names = [n.decode() if isinstance(n, bytes) else n for n in e['pixels/cut_counts'].attrs['cut_names']]
            self.start_ns = int(self.ph['time_ns'].min())

    def errors(self):
        """Energy less truth of each row, NaN where it has none."""
        key = {k: i for i, k in enumerate(zip(self.truth_rows['pixel'].tolist(), self.truth_rows['frame'].tolist()))}
        row = np.array([key.get(k, -1) for k in zip(self.pixel_in_truth[self.ph['pixel']].tolist(), self.ph['frame'].tolist())])
        return np.where(row >= 0, self.ph['energy_eV'] - self.truth_rows['energy_eV'][row], np.nan)

    def seen(self, window, scans, true=False):
        """Counts of each point, and what divides them to a yield for a pixel of mean sensitivity (true: for one of true sensitivity 1), added over scans."""
        counts, exposure = 0, 0
        for s in scans:
            g = self.pfy[s, window]
            used = g['pixels_used'].astype(bool)
            sees = used & (self.kind != 'no_carbon') if window == 'C' else used
            counts = counts + g['counts'].astype(float)
            exposure = exposure + g['i0'] * g['live_time_s'] * (self.truth[sees].sum() if true else g['pixel_weight'][0])
        return counts, exposure


def sensitivities(p, b, name):
    used = np.any([b.pfy[s, 'O']['pixels_used'] for s in b.scans], axis=0).astype(bool) & (b.kind != 'no_carbon')
    ratio = b.eps[used] / b.truth[used]
    off = ratio / np.median(ratio) - 1
    p.check(np.abs(off).max() < 0.12, f'{name}: sensitivities of {used.sum()} pixels against the truth: ' + ' '.join(f'{k}{100 * o:+.1f}%' for k, o in zip(b.kind[used], off)))


def weights(p, b, name):
    wrong = [k for k, g in b.pfy.items() if abs(g['pixel_weight'][0] - b.eps[g['pixels_used'].astype(bool)].sum()) > 1e-9]
    p.check(not wrong, f'{name}: pixel_weight of {len(b.pfy)} yields is the sum of the sensitivities of the pixels used {wrong}')


def jumped_pixel(p, b):
    k = int(np.flatnonzero(b.kind == 'lock_jump')[0])
    jump_ns = b.start_ns + int(b.jump_s[k] * 1e9)
    inside = [s for s in b.scans if b.scan_ns[s][0] < jump_ns < b.scan_ns[s][1]]
    before = [s for s in b.scans if b.scan_ns[s][1] <= jump_ns]
    after = [s for s in b.scans if b.scan_ns[s][0] >= jump_ns]
    p.check(len(inside) == 1 and len(before) >= 3, f'the lock jumps inside scan {inside}, after scans {before}')
    used = {s: bool(b.pfy[s, 'O']['pixels_used'][k]) for s in b.scans}
    p.check(all(used[s] for s in before) and not any(used[s] for s in inside + after), f'the jumped pixel is used in the scans before and in no other: {used}')
    error = b.errors()
    mine = (b.ph['pixel'] == k) & (b.ph['scan'] >= 0) & (b.ph['cuts'] == 0) & np.isfinite(error)
    late = mine & (b.ph['time_ns'] >= jump_ns + 1_000_000_000)   # stamps jitter
    p.check(mine.sum() > 500 and late.sum() == 0, f'it has {mine.sum()} photons in the scans, {late.sum()} of them from after its jump')
    p.check(abs(np.median(error[mine])) < 1, f'their energies are {np.median(error[mine]):+.2f} eV off in the median')


def jumped_pixel_frozen(p, b):
    """Causal: it counts until it jumps, and its time with it."""
    k = int(np.flatnonzero(b.kind == 'lock_jump')[0])
    jump_ns, mine, bit = b.start_ns + int(b.jump_s[k] * 1e9), b.ph['pixel'] == k, b.cut_names.index('jumped')
    cut = (b.ph['cuts'] >> bit & 1).astype(bool)
    p.check(not cut[~mine].any() and not np.delete(b.jumped_ns, k).any(), f'none of {(~mine).sum()} records of pixels that stay is cut as jumped')
    after = mine & (b.ph['time_ns'] >= jump_ns + 1_000_000)
    passed = after & (b.ph['cuts'] == 0)
    p.check(after.sum() > 500 and passed.sum() <= 3 and not cut[mine & (b.ph['time_ns'] < jump_ns - 1_000_000)].any(), f'of {after.sum()} records after its jump {passed.sum()} count, and before it none is cut')
    p.check(b.jumped_ns[k] == b.ph['time_ns'][cut].min(), f'the file says when it jumped, {(b.jumped_ns[k] - jump_ns) * 1e-9:.2f} s later')
    late = np.concatenate([b.grade_ns[s][k, b.point_ns[s] > b.jumped_ns[k]] for s in b.scans])
    early = np.concatenate([b.grade_ns[s][k, b.point_ns[s] < jump_ns - 10**9] for s in b.scans])
    p.check(len(late) > 5 and (late[:, :5] == 0).all() and (early[:, 5] < 0.01 * early.sum(axis=1)).all(), f'it has no live time in the {len(late)} points behind its jump, and all in the {len(early)} before')


def yields(p, clean, bad):
    """The photons of the good pixels are the same in both, so given the clean array's counts those of the bad one are binomial."""
    for window in WINDOWS:
        (all_counts, all_exposure), (counts, exposure) = clean.seen(window, clean.scans, true=True), bad.seen(window, bad.scans, true=True)
        expected = all_counts * exposure / all_exposure
        ratio = counts.sum() / expected.sum()
        sigma = np.sqrt(1 / counts.sum() - 1 / all_counts.sum())
        p.check(abs(ratio - 1) < 4 * sigma + 0.005, f'{window}: yield with half of the pixels bad / with none: {ratio:.4f} +- {sigma:.4f} ({counts.sum():.0f} and {all_counts.sum():.0f} photons)')
        f = np.minimum(ratio * exposure / all_exposure, 0.99)
        chi2 = np.sum((counts - all_counts * f) ** 2 / (np.maximum(all_counts, 1) * f * (1 - f)))
        p.check(chi2 < len(f) + 4 * np.sqrt(2 * len(f)), f'{window}: the same shape, chi2 {chi2:.1f} for {len(f)} points')
    chi2, (all_counts, all_exposure) = 0, bad.seen('O', bad.scans)
    for s in bad.scans:
        counts, exposure = bad.seen('O', [s])
        expected = (all_counts * exposure / all_exposure).sum()
        chi2 += (counts.sum() - expected) ** 2 / expected
    p.check(chi2 < len(bad.scans) + 4 * np.sqrt(2 * len(bad.scans)), f'O: the published yields / pixel_weight of scans with and without the pixel that jumped agree, chi2 {chi2:.1f} for {len(bad.scans)} scans')


with Program() as p:
    clean, bad = Beamtime(p, 'clean', 0), Beamtime(p, 'bad', 0.5)
    p.check(set(bad.all_kinds) == KINDS | {'good'}, f'every kind of bad pixel is there: {sorted(set(bad.all_kinds))}')
    p.check(all(bad.verdict[bad.kind == 'double_gain'] == 'good'), 'a pixel of double gain is calibrated like any other')
    for b, name in ((clean, 'all good'), (bad, 'half bad')):
        sensitivities(p, b, name)
        weights(p, b, name)
    jumped_pixel(p, bad)
    yields(p, clean, bad)
    clean, bad = Beamtime(p, 'clean', 0, frozen=True), Beamtime(p, 'bad', 0.5, frozen=True)
    jumped_pixel_frozen(p, bad)
    yields(p, clean, bad)
    code = p.end()
sys.exit(code)
