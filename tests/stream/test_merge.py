"""`tesd merge`: shards of one array and repeated scans give what one replay of all the records gives; photons counted anew on other axes,
windows and pixels are what numpy counts; and what must not be summed is refused with the reason."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
from program import Program, datasets

OWN = ('entry/process/', 'entry/monitor_', 'entry/title')   # of the making; and products that need the records


CONFIG = 'roi:\n  - { name: O, lo_eV: 505, hi_eV: 535 }\nrixs:\n  emission_lo_eV: 500\n  emission_hi_eV: 540\n'   # small files


def simulate(p, name, *more):
    p.good('simulate', '-o', name, '--pixels', '4', '--edges', 'o', '--scans', '1', '--points', '32', '--dwell', '5', '--move', '0.2', '--rate', '5', '--calibration-s', '150',
           '--noise-records', '200', '--bad-fraction', '0', '--samples', '400', '--presamples', '100', *more)
    day = next(d for d in os.listdir(p.path(name)) if d.isdigit())
    return p.path(name, day, '0001'), p.path(name, day, '0000')


def channels(run, wanted):
    return [os.path.join(run, f) for f in sorted(os.listdir(run)) if f.endswith('.ljh') and int(f.split('_chan')[1][:-4]) in wanted]


def differing(a, b, skip=()):
    a, b = datasets(a), datasets(b)
    names = [n for n in set(a) | set(b) if not n.startswith(OWN) and not n.startswith(tuple(skip))]
    return sorted(n for n in names if n not in a or n not in b or np.asarray(a[n]).tobytes() != np.asarray(b[n]).tobytes())


def refused(p, what, reason, *arguments):
    run = p.run('merge', *arguments, '-o', p.path('no.nxs'))
    said = run.stderr.strip()
    p.check(run.returncode == 3 and all(r in said for r in reason) and not os.path.exists(p.path('no.nxs')), f'{what}: refused, "{said[:230]}"')


def check_shards(p, run):
    p.good('replay', run, '--calibration', 'cal.h5', '-o', 'all.nxs', '-q', '-c', 'small.yaml')
    p.good('replay', *channels(run, (1, 5)), '--logs', run, '--calibration', 'cal.h5', '-o', 's1.nxs', '-q', '-c', 'small.yaml')
    p.good('replay', *channels(run, (3, 7)), '--logs', run, '--calibration', 'cal.h5', '-o', 's2.nxs', '-q', '-c', 'small.yaml')
    p.good('merge', 's1.nxs', 's2.nxs', '-o', 'm.nxs')
    p.good('merge', 's2.nxs', 's1.nxs', '-o', 'turned.nxs')
    p.check(not differing(p.path('m.nxs'), p.path('turned.nxs')), 'shards in the other order: the same bytes')
    # A shard does not know when the others' first and last records came, so a grade beside the ends of the run may be none in it, and
    # the calibrations' time differs by as much. Scans of 300 s and more do not ask calibrations.
    other = differing(p.path('all.nxs'), p.path('m.nxs'), skip=('entry/pixels/calibration_',))
    with h5py.File(p.path('all.nxs')) as f, h5py.File(p.path('m.nxs')) as g:
        a, b = f['entry/photons/grade'][()], g['entry/photons/grade'][()]
        inside = f['entry/photons/scan'][()] >= 0
    p.check(set(other) <= {'entry/photons/grade'} and np.array_equal(a[inside], b[inside]) and np.sum(a != b) <= 8,
            f'two shards are one replay byte for byte: photons, maps, yields, live times, calibrations (other: {other}, {np.sum(a != b)} grades at the ends of the run)')


def check_repeats(p, run, again):
    p.good('replay', again, '--calibration', 'cal.h5', '-o', 'again.nxs', '-q', '-c', 'small.yaml')
    p.good('replay', run, again, '--calibration', 'cal.h5', '-o', 'both.nxs', '-q', '-c', 'small.yaml')
    p.good('merge', 'all.nxs', 'again.nxs', '-o', 'm2.nxs')
    a, b = datasets(p.path('both.nxs')), datasets(p.path('m2.nxs'))
    sums = [n for n in a if n.startswith('entry/sum_')]
    same = [n for n in sums if n in b and np.asarray(a[n]).tobytes() == np.asarray(b[n]).tobytes()]
    p.check(len(sums) > 50 and len(same) == len(sums), f'repeats in two files: {len(same)} of {len(sums)} datasets of the sums are those of one replay')
    one = datasets(p.path('all.nxs'))
    name = 'entry/sum_pristine_O_pfy_O/'
    twice = np.allclose(b[name + 'live_time_s'], one[name + 'live_time_s'] * 2, rtol=0.02) and np.array_equal(b[name + 'i0'] > 0, one[name + 'i0'] > 0)
    ratio = np.nansum(b[name + 'yield']) / np.nansum(one[name + 'yield'])
    p.check(twice and abs(ratio - 1) < 0.05, f'the sum of two has twice the live time and the yield of one (x {ratio:.3f})')


def check_anew(p):
    p.good('merge', 'all.nxs', '-o', 'same.nxs')
    p.check(not differing(p.path('all.nxs'), p.path('same.nxs')), 'one file counted anew with nothing changed: the same bytes')
    p.good('merge', 'all.nxs', '-o', 'anew.nxs', '--emission', '500:560:0.1', '--loss', '-5:30:0.5', '--roi', 'feature=522:525', '--roi', 'wide=505:535')
    with h5py.File(p.path('anew.nxs')) as f:
        e = f['entry']
        ph = {k: e['photons'][k][()] for k in ('scan', 'point', 'cuts', 'flags', 'grade', 'energy_eV', 'incident_eV', 'pixel')}
        good = (ph['scan'] == 1) & (ph['point'] >= 0) & (ph['cuts'] == 0) & ((ph['flags'] & 3) < 2) & (ph['grade'] == 0)
        energy = ph['energy_eV'].astype(float)
        want = np.histogram2d(ph['point'][good], energy[good], [np.arange(33), 500 + 0.1 * np.arange(601)])[0]
        p.check(np.array_equal(e['rixs_0001/counts'][()], want) and want.sum() > 500, f'another emission axis: what numpy counts from the photons ({want.sum():.0f})')
        loss = ph['incident_eV'].astype(float) - energy
        want = np.histogram2d(ph['point'][good], loss[good], [np.arange(33), -5 + 0.5 * np.arange(71)])[0]
        p.check(np.array_equal(e['loss_0001/counts'][()], want), 'another loss axis')
        mine = good & (energy >= 522) & (energy < 525)
        p.check(np.array_equal(e['pfy_0001_feature/counts'][()], np.bincount(ph['point'][mine], minlength=32)) and 'pfy_0001_O' not in e, 'other windows instead of those of the file')
    resolutions = datasets(p.path('all.nxs'))['entry/scan_0001/resolution_eV']
    best = set(np.argsort(resolutions)[:2])
    with open(p.path('best.yaml'), 'w') as f:
        f.write(CONFIG + '  best_pixels: 2\n')
    p.good('merge', 'all.nxs', '-o', 'best.nxs', '--pixels', 'best:2')
    used = datasets(p.path('best.nxs'))['entry/rixs_0001/pixels_used']
    p.check(np.isfinite(resolutions).sum() >= 2 and set(np.flatnonzero(used)) == best, f'--pixels best:2 takes the two of the finest resolution, {np.round(resolutions, 2)} eV')
    p.good('replay', p.run_folder, '-c', 'best.yaml', '--calibration', 'cal.h5', '-o', 'best_replay.nxs', '-q')
    p.check(not differing(p.path('best.nxs'), p.path('best_replay.nxs')), 'and that is what a replay with rixs.best_pixels 2 gives, byte for byte')
    p.good('merge', 'all.nxs', '-o', 'list.nxs', '--pixels', '3, 5-7')
    p.check(list(datasets(p.path('list.nxs'))['entry/loss_0001/pixels_used']) == [0, 1, 1, 1], 'a list of channels')


def check_owing_shards(p, run):
    """Parts of an array whose counts or live times owe something to pixels of the other part; each alone may be counted anew."""
    for name, more, reason in (('veto', 'veto:\n  array_pixels: 2\n', 'vetoed by events of other pixels'), ('sampled', 'live_time:\n  method: array\n', 'sampled at the events'),
                               ('lossy', 'trigger:\n  mode: edge-multi-single\n', 'leaves no trace')):
        with open(p.path('owing.yaml'), 'w') as f:
            f.write(CONFIG + more)
        p.good('replay', *channels(run, (1, 5)), '--logs', run, '--calibration', 'cal.h5', '-o', 'owing.nxs', '-q', '-c', 'owing.yaml')
        refused(p, f'a shard that owes the others ({name})', (reason, 'replay all channels together'), 'owing.nxs', 's2.nxs')
        refused(p, 'in the other order too', (reason,), 's2.nxs', 'owing.nxs')
        p.good('merge', 'owing.nxs', '-o', 'same.nxs')
        p.check(not differing(p.path('owing.nxs'), p.path('same.nxs'), skip=('entry/pixels/calibration_', 'entry/scan_0001/live_time_', 'entry/scan_0002/live_time_')), 'it counts anew alone')


def check_refusals(p, run):
    refused(p, 'a file twice', ('channel 1', 'count twice'), 'all.nxs', 'all.nxs')
    refused(p, 'a shard and the whole', ('channel', 'count twice'), 's1.nxs', 'all.nxs')
    p.good('merge', 's2.nxs', '-o', 'fine.nxs', '--emission', '500:540:0.5')
    refused(p, 'another axis', ('emission axis', '0.5', '--emission'), 's1.nxs', 'fine.nxs')
    p.good('merge', 's1.nxs', 'fine.nxs', '-o', 'mended.nxs', '--emission', '500:540:0.25')
    p.check(not differing(p.path('m.nxs'), p.path('mended.nxs')), 'both counted anew on one axis: as if it had always been so')
    p.good('merge', 's2.nxs', '-o', 'windows.nxs', '--roi', 'a=500:510')
    refused(p, 'other windows', ('windows', '--roi'), 's1.nxs', 'windows.nxs')
    for name, change, reason in (('sample', lambda e: rewrite(e['scan_0001'], 'sample', b'pristinf'), ('another sample',)),
                                 ('i0', lambda e: e['scan_0001/i0'].__setitem__(3, 0.25), ('I0',)),
                                 ('times', lambda e: e['scan_0001/end_ns'].__setitem__(3, e['scan_0001/end_ns'][3] - 1000), ('times',)),
                                 ('lines', lambda e: [rewrite(g, 'line_table_text', b'%' + g['line_table_text'][()][1:]) for n, g in e.items() if n.startswith('calibration_')],
                                  ('line table', 'another text'))):
        shutil.copy(p.path('s2.nxs'), p.path('other.nxs'))
        with h5py.File(p.path('other.nxs'), 'r+') as f:
            change(f['entry'])
        refused(p, f'other {name}', reason, 's1.nxs', 'other.nxs')
    shutil.copy(p.path('again.nxs'), p.path('other.nxs'))
    with h5py.File(p.path('other.nxs'), 'r+') as f:
        rewrite(f['entry/scan_0001'], 'sample', b'somebody')
        rewrite(f['entry/scan_0002'], 'sample', b'somebod2')
    refused(p, 'another sample', ('nothing in it repeats', 'the sample is', '"somebody"', '"pristine"', '--apart'), 'all.nxs', 'other.nxs')
    p.good('merge', 'all.nxs', 'other.nxs', '-o', 'apart.nxs', '--apart')
    with h5py.File(p.path('apart.nxs')) as f:
        p.check({n.split('_rixs')[0] for n in f['entry'] if n.startswith('sum_') and n.endswith('_rixs')} == {'sum_pristine_O', 'sum_heated_O', 'sum_somebody_O', 'sum_somebod2_O'},
                '--apart: four groups beside each other')
    shutil.copy(p.path('again.nxs'), p.path('other.nxs'))
    with h5py.File(p.path('other.nxs'), 'r+') as f:
        for n in 'scan_0001', 'scan_0002':
            f['entry'][n]['incident_eV'][10] += 0.4 * np.diff(f['entry'][n]['incident_eV'][9:11])[0] + 0.2
    refused(p, 'set points further apart than half a step', ('set point 10', 'half a step'), 'all.nxs', 'other.nxs')
    shutil.copy(p.path('s2.nxs'), p.path('other.nxs'))
    with h5py.File(p.path('other.nxs'), 'r+') as f:
        del f['entry/photons/energy_eV']
    refused(p, 'a damaged file', ('other.nxs',), 's1.nxs', 'other.nxs')
    run_ = p.run('merge', 'all.nxs', '-o', 'x.nxs', '--emission', '200:1100:0.7')
    p.check(run_.returncode == 2 and 'whole number of bins' in run_.stderr, 'bins that do not fit')


def rewrite(group, name, text):
    del group[name]
    group[name] = np.array(text, dtype=f'S{len(text)}')


with Program() as p:
    with open(p.path('small.yaml'), 'w') as f:
        f.write(CONFIG)
    run, noise = simulate(p, 'one')
    again, _ = simulate(p, 'two', '--start', '2026-03-02T12:00:00')
    p.run_folder = run
    p.good('calibrate', run, '--noise', noise, '-o', 'cal.h5', '-q')
    check_shards(p, run)
    check_repeats(p, run, again)
    check_anew(p)
    check_refusals(p, run)
    check_owing_shards(p, run)
    sys.exit(p.end())
