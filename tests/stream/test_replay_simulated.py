"""A simulated beamtime, calibrated and replayed by the built program, held against truth.h5: photons, energies, maps, yields, and the same
bytes whatever the order, the number of workers and the cutting of the files."""
import glob
import json
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
from program import SLOW, Program, datasets

SECTION = ('time_ns', 'frame', 'pixel', 'energy_eV', 'energy_sigma_eV', 'cuts', 'grade', 'flags', 'scan', 'point', 'incident_eV', 'height')
INSPECT_KEYS = ('path', 'format', 'version', 'channel', 'records', 'torn', 'tail_bytes', 'samples', 'presamples', 'sample_period_s', 'first_time_ns', 'last_time_ns')


class Result:
    """What the checks need of a NeXus file of tesd."""

    def __init__(self, path):
        self.all = datasets(path)
        self.photons = {k: self.all['entry/photons/' + k] for k in SECTION}
        with h5py.File(path) as f:
            self.default = f['entry'].attrs['default'].decode()
            self.roi = {n: tuple(g.attrs['roi_eV']) for n, g in f['entry'].items() if n.startswith('pfy_')}
        self.scans = sorted(int(k[11:15]) for k in self.all if re.fullmatch(r'entry/scan_\d{4}/start_ns', k))

    def __getitem__(self, name):
        return self.all['entry/' + name]


def read_truth(path):
    t = datasets(path)
    t['index'] = {(int(p), int(f)): i for i, (p, f, fate) in enumerate(zip(t['photons/pixel'], t['photons/frame'], t['photons/fate'])) if fate == 0}
    return t


def in_dwell(truth):
    """Photons of the truth that arrived inside a point, not on the way to the next."""
    point = np.maximum(np.searchsorted(truth['points/start_ns'], truth['photons/time_ns'], 'right') - 1, 0)
    return (truth['photons/time_ns'] >= truth['points/start_ns'][point]) & (truth['photons/time_ns'] < truth['points/end_ns'][point])


def match(result, truth):
    """Row in truth of every record, -1: a record without a photon of its own (test triggers, noise)."""
    ph = result.photons
    return np.array([truth['index'].get(key, -1) for key in zip(ph['pixel'].tolist(), ph['frame'].tolist())])


def check_energies(p, name, result, truth):
    rows, ph = match(result, truth), result.photons
    recorded = int(np.sum(truth['photons/fate'] == 0))
    found = len(np.unique(rows[rows >= 0]))
    p.check(found == recorded, f'{name}: {found} of the {recorded} recorded photons of the truth are there, by pixel and frame')
    good = (rows >= 0) & (ph['cuts'] == 0) & ((ph['flags'] & 3) == 0)
    p.check(np.mean(good[rows >= 0]) > 0.6, f'{name}: {100 * np.mean(good[rows >= 0]):.1f} % of them became photons inside the trusted range')
    error = ph['energy_eV'].astype(float) - truth['photons/energy_eV'][rows]
    limits = np.array([np.interp(700, truth['pixels/limit_energy_eV'], l) for l in truth['pixels/limit_fwhm_eV']])
    shifts, widths, pulls = [], [], []
    for k in range(len(truth['pixels/channel'])):
        e = error[good & (ph['pixel'] == k) & (truth['photons/energy_eV'][rows] > 400)]
        middle = np.median(e)
        shifts.append(middle)
        widths.append(2.3548 * 1.4826 * np.median(np.abs(e - middle)))
        pulls.append(1.4826 * np.median(np.abs(e / ph['energy_sigma_eV'][good & (ph['pixel'] == k) & (truth['photons/energy_eV'][rows] > 400)])))
    # calibrations of one minute: a line has 50 to 200 photons in the less sensitive pixels
    p.check(np.max(np.abs(shifts)) < 0.8 and np.median(np.abs(shifts)) < 0.25, f'{name}: median energy error per pixel, eV: ' + ' '.join(f'{s:+.2f}' for s in shifts))
    p.check(np.median(widths / limits) < 1.5 and np.max(widths / limits) < 2,
            f'{name}: robust FWHM of the energy error per pixel, in units of the filter limit at 700 eV: ' + ' '.join(f'{w:.2f}' for w in widths / limits))
    p.check(0.6 < np.median(pulls) < 1.6, f'{name}: robust sigma of error / energy_sigma_eV per pixel: ' + ' '.join(f'{w:.2f}' for w in pulls))


def check_points(p, name, result, truth):
    """Point and incident energy of every record by the truth's own table of points and the record's stamp."""
    ph = result.photons
    starts, ends = truth['points/start_ns'], truth['points/end_ns']
    k = np.searchsorted(starts, ph['time_ns'], 'right') - 1
    inside = (k >= 0) & (ph['time_ns'] < ends[np.maximum(k, 0)])
    first = dict(zip(truth['scans/number'].tolist(), truth['scans/first_row'].tolist()))
    is_scan = np.isin(truth['points/scan'][np.maximum(k, 0)], [n for n, c in zip(truth['scans/number'], truth['scans/calibration']) if not c])
    want_scan = np.where(inside & is_scan, truth['points/scan'][np.maximum(k, 0)].astype(int), -1)
    ok = np.array_equal(ph['point'] >= 0, want_scan >= 0)
    both = (ph['point'] >= 0) & (want_scan >= 0)
    ok &= bool(np.array_equal(ph['scan'][both], want_scan[both]))
    ok &= bool(np.array_equal(ph['point'][both], k[both] - np.array([first[s] for s in want_scan[both]])))
    p.check(ok, f'{name}: scan and point of all {len(k)} records are those of their stamps, {int(both.sum())} in points')
    incident = truth['points/incident_eV'][np.maximum(k, 0)]
    p.check(np.array_equal(ph['incident_eV'][both], incident[both].astype('f4')), f'{name}: and so is the incident energy')


def check_maps(p, name, result, truth):
    """Every map against the true energies of the same photons, in bins wider than the resolution."""
    ph, rows = result.photons, match(result, truth)
    chi2, n_bins, kept, total = 0.0, 0, 0, 0
    for s in result.scans:
        edges = result[f'rixs_{s:04d}/emission_energy_edges']
        counts = result[f'rixs_{s:04d}/counts']
        wide = np.add.reduceat(counts, np.arange(0, counts.shape[1], 20), axis=1)   # 5 eV
        mine = (ph['scan'] == s) & (ph['point'] >= 0) & (ph['cuts'] == 0) & (ph['grade'] == 0) & (rows >= 0)
        energy = truth['photons/energy_eV'][rows[mine]]
        true_map = np.histogram2d(ph['point'][mine], energy, [np.arange(counts.shape[0] + 1), edges[::20]])[0]
        chi2 += float(np.sum((wide - true_map) ** 2 / (np.maximum(true_map, wide) + 1)))
        n_bins += int(np.sum(true_map + wide > 0))
        kept += int(counts.sum())
        total += int(np.sum((truth['photons/scan'] == s) & in_dwell(truth)))
    p.check(chi2 < n_bins, f'{name}: maps against true energies: chi2 {chi2:.0f} in {n_bins} bins of 5 eV that hold photons')
    p.check(0.5 < kept / total <= 1, f'{name}: {kept} of {total} true photons of the points are in the maps')


def check_books(p, name, result):
    """records = photons + cut; photons = mapped + outside + between points + of pixels not used; maps and yields are counts of the columns."""
    ph = result.photons
    p.check(np.array_equal(result['pixels/records'], result['pixels/photons'] + result['pixels/cut_counts'].sum(axis=1)), f'{name}: records = photons + cut')
    p.check(int(result['pixels/records'].sum()) == len(ph['cuts']) and int(result['pixels/photons'].sum()) == int(np.sum(ph['cuts'] == 0)), f'{name}: a row for every record')
    wrong = []
    energy = ph['energy_eV'].astype(float)
    trusted = (ph['flags'] & 3) < 2
    for s in result.scans:
        mine = (ph['scan'] == s) & (ph['cuts'] == 0)
        points = mine & (ph['point'] >= 0)
        if int(mine.sum()) != int(result[f'scan_{s:04d}/photons'].sum() + result[f'scan_{s:04d}/moving'].sum()):
            wrong.append(f'scan {s}: photons and moving')
        for kind, x in (('rixs', energy), ('loss', ph['incident_eV'].astype(float) - energy)):
            edges = result[f'{kind}_{s:04d}/' + ('emission_energy_edges' if kind == 'rixs' else 'energy_loss_edges')]
            used = result[f'{kind}_{s:04d}/pixels_used'].astype(bool)
            counts = result[f'{kind}_{s:04d}/counts']
            select = points & used[ph['pixel']] & trusted & np.isin(ph['grade'], result[f'{kind}_{s:04d}/grades_used'])
            k = np.searchsorted(edges, x, 'right') - 1
            hit = select & (k >= 0) & (k < counts.shape[1])
            recount = np.zeros(counts.shape, int)
            np.add.at(recount, (ph['point'][hit], k[hit]), 1)
            if not np.array_equal(recount, counts):
                wrong.append(f'{kind} {s}')
            if int(counts.sum() + result[f'{kind}_{s:04d}/outside'].sum()) + int(np.sum(points & ~used[ph['pixel']])) != int(points.sum()):
                wrong.append(f'{kind} {s}: mapped + outside + unused')
        for group, (lo, hi) in result.roi.items():
            if int(group[4:8]) == s:
                select = points & result[f'{group}/pixels_used'].astype(bool)[ph['pixel']] & trusted & np.isin(ph['grade'], result[f'{group}/grades_used'])
                if not np.array_equal(np.bincount(ph['point'][select & (energy >= lo) & (energy < hi)], minlength=len(result[f'{group}/counts'])), result[f'{group}/counts']):
                    wrong.append(group)
    p.check(not wrong, f'{name}: maps, loss maps and yields are the counts of the photon columns {wrong}')


def window_share(truth, lo, hi, fwhm):
    from math import erf
    sigma = np.hypot(truth['feature/emission_fwhm_eV'], fwhm) / 2.3548
    centre = truth['feature/emission_eV']
    return (erf((hi - centre) / sigma / 2 ** 0.5) - erf((lo - centre) / sigma / 2 ** 0.5)) / 2


def yields_of(result, truth, edge, roi):
    """PFY of the two conditions summed over repeats: counts per I0 at each point, its variance, and the expected feature photons per I0."""
    out = {}
    for number, sample, e, cal, row, n in zip(*(truth['scans/' + k] for k in ('number', 'sample', 'edge', 'calibration', 'first_row', 'n_points'))):
        if cal or e.decode() != edge:
            continue
        i0 = truth['points/i0'][row:row + n]
        counts = result[f'pfy_{number:04d}_{roi}/counts'].astype(float)
        feature = truth['points/expected_photons'][row:row + n, 4]
        parts = np.array([counts / i0, np.maximum(counts, 1) / i0 ** 2, feature / i0])
        out[sample.decode()] = out.get(sample.decode(), 0) + parts
    return out


def check_conditions(p, name, result, truth):
    energies = result['pfy_%04d_O_522_525/incident_energy' % next(n for n, e in zip(truth['scans/number'], truth['scans/edge']) if e == b'o')]
    near = np.abs(energies - truth['feature/incident_eV']) < 1
    y = yields_of(result, truth, 'o', 'O_522_525')
    (a, va, fa), (b, vb, fb) = (y[k.decode()] for k in truth['feature/conditions'])
    excess, sigma = np.sum((b - a)[near]), np.sqrt(np.sum((va + vb)[near]))
    # expected_photons is for a pixel of sensitivity 1
    scans = [n for n, e, c in zip(truth['scans/number'], truth['scans/edge'], truth['scans/calibration']) if e == b'o' and not c]
    of_points = np.isin(truth['photons/scan'], scans) & in_dwell(truth)
    share = sum(int(result[f'rixs_{n:04d}/counts'].sum()) for n in scans) / int(of_points.sum())
    expected = np.sum((fb - fa)[near]) * truth['pixels/sensitivity'].sum() * share * window_share(truth, 522, 525, 1.8)
    p.check(abs(excess - expected) < 4 * sigma and excess > 4 * sigma,
            f'{name}: 522-525 eV yield at 531 eV grows from {truth["feature/conditions"][0].decode()} to {truth["feature/conditions"][1].decode()} '
            f'by {excess:.1f} +- {sigma:.1f}, simulated {expected:.1f}')
    y = yields_of(result, truth, 'co', 'Co_La')
    (a, va, _), (b, vb, _) = (y[k.decode()] for k in truth['feature/conditions'])
    chi2 = float(np.sum((a - b) ** 2 / (va + vb)))
    n = len(a)
    p.check(chi2 < n + 4 * np.sqrt(2 * n), f'{name}: the Co La yields of the two conditions agree: chi2 {chi2:.0f} in {n} points')


def same_bytes(p, name, one, path):
    other = datasets(path)
    told = ('entry/process/command_line', 'entry/process/input_files', 'entry/title')
    different = sorted(k for k in set(one.all) | set(other)
                       if k not in told and (k not in one.all or k not in other or np.asarray(one.all[k]).tobytes() != np.asarray(other[k]).tobytes()))
    p.check(not different, f'{name}: the same datasets byte for byte {different[:5]}')


def cut_in_two(folder, to):
    """Every LJH file as two files, cut between two records; their names sort the later part first."""
    shutil.copytree(folder, to)
    for path in glob.glob(os.path.join(to, '*.ljh')):
        with open(path, 'rb') as f:
            content = f.read()
        head = re.search(rb'#End of Header\r?\n', content).end()
        size = 16 + 2 * int(re.search(rb'Total Samples: (\d+)', content).group(1))
        middle = head + (len(content) - head) // size // 3 * size
        os.unlink(path)
        for part, data in (('z', content[:middle]), ('a', content[:head] + content[middle:])):
            with open(os.path.join(to, part + os.path.basename(path)), 'wb') as f:
                f.write(data)


def check_silx(p, path, result):
    try:
        import silx.io
        from silx.io.nxdata import get_default
    except ImportError:
        print('skipped: no python3-silx')
        return
    with silx.io.open(path) as f:
        shown = get_default(f)
        p.check(shown is not None and shown.is_valid and shown.signal.ndim == 2 and shown.signal[()].sum() > 0 and len(shown.axes) == 2 and result.default.endswith('rixs'),
                f'silx opens the file at {result.default}, a map of {tuple(shown.signal.shape)}')


def check_inspect(p, run):
    files = sorted(glob.glob(os.path.join(run, '*.ljh')))
    facts = json.loads(p.good('inspect', '--json', *files).stdout)
    p.check(len(facts) == len(files) and all(k in one for one in facts for k in INSPECT_KEYS), f'inspect --json has every key for {len(files)} files')
    p.check(all(one['first_time_ns'].isdigit() and one['path'] == f and one['torn'] == 0 and one['tail_bytes'] == 0 for one, f in zip(facts, files)), 'and plausible values')
    return sum(one['records'] for one in facts)


with Program() as program:
    p = program
    # Under a sanitizer a quarter of the pixels, rate and points: what is left out are the checks that need photons.
    size = ['--pixels', '8', '--rate', '25', '--calibration-s', '60'] if SLOW == 1 else ['--pixels', '3', '--rate', '12', '--calibration-s', '40', '--points', '8']
    p.good('simulate', '-o', p.path('sim'), '--quick', '--dwell', '1', '--bad-fraction', '0', '--seed', '5', '--feature', '0.03,0.6', *size, timeout=120)
    truth = read_truth(p.path('sim', 'truth.h5'))
    run, noise = (glob.glob(p.path('sim', '2*', k))[0] for k in ('0001', '0000'))
    records = check_inspect(p, run)

    p.good('calibrate', run, '--noise', noise, '-o', p.path('cal.h5'))
    p.good('replay', run, '--noise', noise, '-o', p.path('final.nxs'), '--plot', p.path('map.png'))
    p.good('replay', run, '--calibration', p.path('cal.h5'), '-o', p.path('prelim.nxs'))
    p.check(len(glob.glob(p.path('map*.png'))) == 4 and not glob.glob(p.path('*.part')), 'a picture for each sample and edge, nothing half-made left')
    final, prelim = Result(p.path('final.nxs')), Result(p.path('prelim.nxs'))
    p.check((final['process/state'], prelim['process/state']) == (b'final', b'prelim'), 'learnt from these records: final; applied: prelim')
    for name, result in (('final', final), ('prelim', prelim)):
        p.check(len(result.photons['cuts']) == records, f'{name}: as many rows as inspect counts records ({records})')
        check_points(p, name, result, truth)
        check_books(p, name, result)
        if SLOW == 1:
            check_energies(p, name, result, truth)
            check_maps(p, name, result, truth)
            check_conditions(p, name, result, truth)
    check_silx(p, p.path('final.nxs'), final)

    files = sorted(glob.glob(os.path.join(run, '*.ljh')))
    p.good('replay', *files[1::2], *reversed(files[::2]), '--noise', noise, '--workers', '1', '-o', p.path('other.nxs'))
    same_bytes(p, 'shuffled files on one worker', final, p.path('other.nxs'))
    cut_in_two(run, p.path('cut'))
    p.good('replay', p.path('cut'), '--noise', noise, '--workers', '2', '-o', p.path('other.nxs'))
    same_bytes(p, 'files cut in two', final, p.path('other.nxs'))
    p.good('replay', run, '--calibration', p.path('cal.h5'), '--workers', '1', '-o', p.path('again.nxs'))
    same_bytes(p, 'the kept calibration again, on one worker', prelim, p.path('again.nxs'))
    p.good('calibrate', *reversed(files), '--noise', noise, '--workers', '1', '-o', p.path('cal2.h5'))
    first, second = datasets(p.path('cal.h5')), datasets(p.path('cal2.h5'))
    p.check(set(first) == set(second) and all(np.asarray(first[k]).tobytes() == np.asarray(second[k]).tobytes() for k in first), 'calibrate gives the same whatever the order and workers')
    sys.exit(p.end())
