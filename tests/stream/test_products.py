"""Products beside maps and PFY, from simulated photons: what numpy counts from the photons; repeats that agree and a shifted one that is
flagged; two conditions against their truth; pictures; and every NXdata by h5dump and silx' own validator where they are installed."""
import os
import shutil
import sys
from math import erf

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
from nexus_readers import readers_accept
from program import Program


def photons(entry, scan):
    ph = {k: entry['photons'][k][()] for k in ('scan', 'point', 'cuts', 'flags', 'grade', 'energy_eV', 'incident_eV')}
    good = (ph['scan'] == scan) & (ph['point'] >= 0) & (ph['cuts'] == 0) & ((ph['flags'] & 3) < 2) & (ph['grade'] == 0)
    return ph['point'][good], ph['energy_eV'][good].astype(float), ph['incident_eV'][good].astype(float)


def check_cuts(p):
    p.good('merge', 'ph.nxs', '-o', 'cuts.nxs', '--xes', 'feature=530.5:531.5', '--cee', 'line=522:526', '--cet', 'dd=1:5', '--ipfy', 'main=523:527', '--ipfy', 'less=515:530-560:600')
    readers_accept(p, p.path('cuts.nxs'))
    with h5py.File(p.path('cuts.nxs')) as f:
        e = f['entry']
        point, energy, incident = photons(e, 1)
        n = len(e['scan_0001/incident_eV'])
        live, i0, sigma = e['rixs_0001/live_time_s'][()], e['rixs_0001/i0'][()], e['scan_0001/i0_sigma'][()]
        g, edges = e['xes_0001_feature'], e['rixs_0001/emission_energy_edges'][()]
        inside = (incident >= 530.5) & (incident <= 531.5)
        want = np.histogram(energy[inside], edges)[0]
        p.check(np.array_equal(g['counts'][()], want) and want.sum() > 100, f'XES over a range: {want.sum()} photons, as numpy counts them')
        rows = (e['scan_0001/incident_eV'][()] >= 530.5) & (e['scan_0001/incident_eV'][()] <= 531.5)
        p.check(np.isclose(g['exposure'][()], np.sum((i0 * live)[rows])) and np.allclose(g['intensity'][()], want / g['exposure'][()] / 0.25), 'and over its exposure')
        for name, value, lo, hi in (('cee_0001_line', energy, 522, 526), ('cet_0001_dd', incident - energy, 1, 5)):
            g = e[name]
            want = np.bincount(point[(value >= lo) & (value < hi)], minlength=n)
            q = i0 * live
            errors = np.hypot(np.where(want < 10, np.sqrt(want + 0.75) + 1, np.sqrt(want)) / q, want / q * sigma / i0)
            p.check(np.array_equal(g['counts'][()], want) and np.allclose(g['yield'][()], want / q) and np.allclose(g['yield_errors'][()], errors) and tuple(g.attrs['roi_eV']) == (lo, hi),
                    f'{name}: counts, yield and errors')
        g, counts = e['ipfy_0003_O'], e['pfy_0003_O/counts'][()]
        q = e['pfy_0003_O/i0'][()] * e['pfy_0003_O/live_time_s'][()]
        want = np.where(counts >= 25, q / np.maximum(counts, 1), np.nan)
        p.check(np.allclose(g['yield'][()], want, equal_nan=True) and np.isfinite(want).sum() > 10 and 'ipfy_0001_O' not in e,
                'inverse PFY of O while the mono crosses Co, none below 25 counts, none of O at O')
        g, counts, cee = e['ipfy_0003_main'], e['ipfy_0003_main/counts'][()], np.sum(e['rixs_0003/counts'][()][:, (edges[:-1] >= 523) & (edges[1:] <= 527)], 1)
        want = np.where(counts >= 25, e['rixs_0003/i0'][()] * e['rixs_0003/live_time_s'][()] / np.maximum(counts, 1), np.nan)
        p.check(np.array_equal(counts, cee) and np.allclose(g['yield'][()], want, equal_nan=True) and 'sum_pristine_Co_ipfy_main' in e, 'inverse PFY of a window of its own')
        g, rows = e['ipfy_0003_less'], lambda lo, hi: np.sum(e['rixs_0003/counts'][()][:, (edges[:-1] >= lo) & (edges[1:] <= hi)], 1)
        counts, beside, share = rows(515, 530), rows(560, 600), 15 / 40
        left, variance = counts - share * beside, counts + share ** 2 * beside
        want = np.where((left > 0) & (left ** 2 >= 25 * variance), e['rixs_0003/i0'][()] * e['rixs_0003/live_time_s'][()] / np.where(left > 0, left, 1), np.nan)
        p.check(np.array_equal(g['background_counts'][()], beside) and beside.sum() > 0 and np.isfinite(want).sum() > 10 and np.allclose(g['yield'][()], want, equal_nan=True)
                and np.isclose(g.attrs['background_share'], share) and tuple(g.attrs['background_eV']) == (560, 600), 'and less its background, by the window beside it')
        rate, per_i0 = e['scan_0001/true_rate_Hz'][()], e['extra_0001_true_rate_Hz/value_per_i0'][()]
        p.check(np.allclose(per_i0, rate / i0), 'columns of the log are carried along and divided by I0')
        parts = [(e[f'scan_{k:04d}/true_rate_Hz'][()], e[f'rixs_{k:04d}/i0'][()], e[f'rixs_{k:04d}/live_time_s'][()]) for k in e['sum_pristine_Co_rixs'].attrs['scan_numbers']]
        want = sum(v * lt for v, _, lt in parts) / sum(q * lt for _, q, lt in parts)
        p.check(np.allclose(e['sum_pristine_Co_extra_true_rate_Hz/value_per_i0'][()], want), f'of {len(parts)} repeats the sums are divided')
        g = e['elastic_0003_Co_L']
        counts = e['elastic_0003_yield/counts'][()]
        p.check(np.nansum(g['yield'][()]) > 0 and counts.sum() > 100 and np.all(g['yield_masked'][()] <= e['pfy_0003_Co_L/yield'][()] * 1.3 + 1), 'PFY without the elastic line')


def check_elastic_truth(p):
    """Where the mono stands inside a window of no fluorescence, the elastic line alone is there: subtracted, nothing is left."""
    p.good('merge', 'ph.nxs', '-o', 'elastic.nxs', '--roi', 'below=764:774')
    with h5py.File(p.path('elastic.nxs')) as f:
        g, scan = f['entry/sum_pristine_Co_elastic_below'], f['entry/scan_0003']
        mine = (scan['incident_eV'][()] > 766) & (scan['incident_eV'][()] < 772)
        left, error = g['yield'][()][mine], g['yield_errors'][()][mine]
        raw = f['entry/sum_pristine_Co_pfy_below/yield'][()][mine]
        p.check(abs(left.sum()) < 5 * np.sqrt(np.sum(error ** 2)) and left.sum() < 0.3 * raw.sum(), f'elastic line subtracted before the edge: {left.sum():.2f} left of {raw.sum():.2f}')


def check_consistency(p):
    with h5py.File(p.path('ph.nxs')) as f:
        flags = {n: g['flags'][()].tolist() for n, g in f['entry'].items() if n.startswith('consistency_')}
    p.check(len(flags) == 4 and not any(sum(v) for v in flags.values()), f'repeats of one sample agree: {flags}')
    shutil.copy(p.path('ph.nxs'), p.path('shifted.nxs'))
    with h5py.File(p.path('shifted.nxs'), 'r+') as f:
        energy = f['entry/photons/energy_eV']
        energy[...] = energy[()] + np.float32(0.4) * (f['entry/photons/scan'][()] == 2)
    run = p.good('merge', 'shifted.nxs', '-o', 'judged.nxs')
    with h5py.File(p.path('judged.nxs')) as f:
        g = f['entry/consistency_pristine_O']
        p.check(all(v & 8 for v in g['flags'][()]) and 'FLAGGED' in run.stdout and abs(np.diff(g['emission_shift_eV'][()])[0] - 0.8) < 0.4,
                f'a scan shifted by 0.4 eV of emission is flagged, it against the other and the other against it: {g["emission_shift_eV"][()].round(2)} eV')
        others = [n for n, g in f['entry'].items() if n.startswith('consistency_') and g['flags'][()].any()]
        p.check(others == ['consistency_pristine_O'], f'and no other: {others}')


def true_ratio(incident, resolution_eV, strengths=(0.3, 0.03), window=(522, 525)):
    """Of the yields of two conditions in the window, summed over incident energies: O K fluorescence and the feature as calib/rixs_sim.c emits them, seen
    with the detector's resolution (1.4 eV at 700 eV, as simulate_photons.c smears). What else falls into the window is 4e-4 of it."""
    def absorbed(e):
        return sum(h * np.exp(-4 * np.log(2) * ((e - c) / w) ** 2) for c, w, h in ((529.2, 1.0, 0.55), (530.6, 1.3, 0.40), (532.6, 1.6, 0.15), (538.5, 4.5, 0.7)))

    def seen_in_window(centre, fwhm):
        s = 2.3548 / np.sqrt(2) / np.hypot(fwhm, resolution_eV * np.sqrt(0.5 + 0.5 * centre / 700))
        return (erf((window[1] - centre) * s) - erf((window[0] - centre) * s)) / 2
    escapes = 1 / (0.85 + 0.026 + 0.6 * absorbed(incident))
    fluorescence = escapes * absorbed(incident) * (0.72 * seen_in_window(525.1, 3.3) + 0.28 * seen_in_window(521.7, 4.2))
    feature = escapes * absorbed(531) * np.exp(-0.5 * ((incident - 531) / 0.5) ** 2) * seen_in_window(523, 1.2)
    return np.divide(*((fluorescence + s * feature).sum() for s in strengths))


def check_compare(p):
    run = p.good('compare', 'ph.nxs', '-o', 'c.nxs', '--incident', '530.5:531.5', '--wanted', '0.01', '--a', 'heated_O', '--b', 'pristine_O')
    with h5py.File(p.path('c.nxs')) as f, h5py.File(p.path('ph.nxs')) as h:
        g = f['entry/compare_heated_O_vs_pristine_O_pfy_O_522_525']
        a, b = (h[f'entry/sum_{s}_O_pfy_O_522_525'] for s in ('heated', 'pristine'))
        ya, yb = (x['counts'][()] / (x['i0'][()] * x['live_time_s'][()] * x['pixel_weight'][()]) for x in (a, b))
        mine = (a['incident_energy'][()] >= 530.5) & (a['incident_energy'][()] <= 531.5)
        ratio, error = ya[mine].sum() / yb[mine].sum(), g['window_ratio_error'][()]
        truth, poisson = true_ratio(a['incident_energy'][()][mine], 1.4), ratio * np.sqrt(sum(1 / x['counts'][()][mine].sum() for x in (a, b)))
        p.check(np.isclose(g['window_ratio'][()], ratio) and poisson < error < 1.5 * poisson and abs(ratio - truth) < 4 * error and truth > 1.4,
                f'sPFY of two conditions at 531 eV: {ratio:.3f} +- {error:.3f} (sqrt N alone {poisson:.3f}), as numpy divides it; the truth is {truth:.3f}')
        metal = [float(x) for x in f['entry/compare_heated_O_vs_pristine_O_pfy_tfy/ratio'][()] if np.isfinite(x)]
        p.check(len(metal) > 10 and g['window_counts_needed'][()] > 0 and 'still needed' in run.stdout, 'counts that a ratio still needs are told')
        m = f['entry/compare_heated_O_vs_pristine_O_rixs']
        qa, qb = (h[f'entry/sum_{s}_O_rixs'] for s in ('heated', 'pristine'))
        want = [x['counts'][()] / (x['i0'][()] * x['live_time_s'][()] * x['pixel_weight'][()])[:, None] for x in (qa, qb)]
        p.check(np.allclose(m['difference'][()], want[0] - want[1]), 'the difference map is that of the two maps over their exposures')
    run = p.run('compare', 'ph.nxs', '--by', 'nothing')
    p.check(run.returncode == 3 and 'no such PFY' in run.stderr, 'a PFY that is not there')
    p.good('compare', 'ph.nxs', '--by', 'tfy', '--pre-edge', '520:526', '--a', 'heated_O', '--b', 'pristine_O')
    readers_accept(p, p.path('c.nxs'))


def check_pictures(p):
    for k, what in enumerate(('rixs', 'loss', 'pfy:O', 'xes:all', 'elastic_0003_Co_L', 'ipfy_0003_O', 'consistency_pristine_O', 'heights')):
        extra = ('--scan', '3') if what in ('rixs', 'loss', 'pfy:O', 'xes:all') and k < 3 else ()
        for ending, magic in (('png', b'\x89PNG'), ('svg', b'<?xml'))[:2 if k == 0 else 1]:
            run = p.run('export', 'ph.nxs', '--what', 'xes_0001_all' if what == 'xes:all' else what, '--format', ending, '-o', f'x.{ending}', *extra)
            good = run.returncode == 0
            with open(p.path(f'x.{ending}'), 'rb') as f:
                good = good and f.read(5).startswith(magic[:4])
            p.check(good, f'{what} as {ending} {run.stderr.strip()[-120:] if not good else ""}')
    run = p.run('export', 'ph.nxs', '--what', 'pfy:O', '--format', 'png')
    p.check(run.returncode == 2 and 'FILE.png' in run.stderr, 'a picture needs a file')


with Program() as p:
    p.good('simulate', '--photons', '-o', 'ph.nxs', '--pixels', '20', '--bad-fraction', '0', '--edges', 'o,co', '--calibration-s', '1', '--scans', '2', '--rate', '25', '--points', '41',
           '--feature', '0.03,0.3')
    readers_accept(p, p.path('ph.nxs'))
    check_cuts(p)
    check_elastic_truth(p)
    check_consistency(p)
    check_compare(p)
    check_pictures(p)
    sys.exit(p.end())
