"""`tesd export`: columns and matrices hold what the NeXus file holds, digit by digit; XDI is what Larch reads; what cannot be is said."""
import csv, io, os, re, sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
from program import Program

N_POINTS, N_BINS, N_PIXELS, N_ROWS = 7, 12, 3, 40000
rng = np.random.default_rng(20260302)
incident = np.array([529.0, 530.0, 530.5, 531.0, 532.0, 535.0, 540.0])
emission = 520.125 + 0.25 * np.arange(N_BINS)
counts = rng.integers(0, 50, (N_POINTS, N_BINS)).astype('u4')
i0, live = rng.uniform(1, 2, N_POINTS), rng.uniform(3, 4, N_POINTS)
COLUMNS = {'time_ns': 'i8', 'frame': 'i8', 'pixel': 'u2', 'height': 'f4', 'energy_eV': 'f4', 'energy_sigma_eV': 'f4', 'arrival': 'f4',
           'pretrigger_mean': 'f4', 'cuts': 'u4', 'grade': 'u1', 'flags': 'u1', 'scan': 'i4', 'point': 'i4', 'incident_eV': 'f4'}


def fixed(text):
    return np.array(text.encode(), dtype=f'S{max(1, len(text.encode()))}')


def data_group(entry, name, signal, axes, arrays, **attributes):
    g = entry.create_group(name)
    g.attrs['NX_class'] = fixed('NXdata')
    g.attrs['signal'] = fixed(signal)
    g.attrs['axes'] = np.array([a.encode() for a in axes])
    for key, value in attributes.items():
        g.attrs[key] = fixed(value) if isinstance(value, str) else value
    g['title'] = fixed('title of ' + name)
    for key, (value, units) in arrays.items():
        g[key] = value
        if units:
            g[key].attrs['units'] = fixed(units)
    return g


def make(path):
    """A file in our form that no C code wrote."""
    with h5py.File(path, 'w') as f:
        entry = f.create_group('entry')
        entry.attrs['NX_class'] = fixed('NXentry')
        entry['start_time'] = fixed('2026-03-02T09:00:00.000000Z')
        scan = entry.create_group('scan_0002')
        scan['sample'] = fixed('NMC, 200 \u00b0C\n"x"')
        yields = counts[:, :4].sum(1) / (i0 * live)
        yields[5] = np.nan
        pfy = {'incident_energy': (incident, 'eV'), 'yield': (yields, '1/(i0 s)'), 'yield_errors': (np.sqrt(yields), '1/(i0 s)'),
               'counts': (counts[:, :4].sum(1).astype('u4'), 'counts'), 'i0': (i0, ''), 'live_time_s': (live, 's'),
               'pixels_used': (np.array([1, 0, 1], 'u1'), ''), 'grades_used': (np.array([0], 'u1'), '')}
        for name in 'pfy_0002_O', 'sum_NMC_O_pfy_O':
            data_group(entry, name, 'yield', ['incident_energy'], pfy, normalised_by='i0 x live_time', roi_eV=np.array([520.0, 521.0]),
                       **({'scan_numbers': np.array([2, 5], 'i4')} if name[:3] == 'sum' else {}))
        data_group(entry, 'rixs_0002', 'counts', ['incident_energy', 'emission_energy'],
                   {'incident_energy': (incident, 'eV'), 'emission_energy': (emission, 'eV'), 'counts': (counts, 'counts'), 'i0': (i0, ''), 'live_time_s': (live, 's')})
        data_group(entry, 'broken_0002', 'absent', ['incident_energy'], {'incident_energy': (incident, 'eV')})
        photons = entry.create_group('photons')
        for name, kind in COLUMNS.items():
            column = rng.integers(0, 200, N_ROWS).astype(kind) if kind[0] in 'iu' else rng.normal(500, 100, N_ROWS).astype(kind)
            photons[name] = column + 1772442000000000000 if name == 'time_ns' else column
        photons['energy_eV'][17] = np.nan


def table(text):
    """Head lines and columns of a csv."""
    lines = text.splitlines()
    head = [l for l in lines if l.startswith('#')]
    rows = list(csv.reader(io.StringIO('\n'.join(lines[len(head):]))))
    return head, rows[0], np.array(rows[1:], dtype=float)


def check_curves(p, path):
    run = p.good('export', path, '--what', 'pfy:O', '--scan', '2')
    head, names, rows = table(run.stdout)
    with h5py.File(path) as f:
        g = f['entry/pfy_0002_O']
        want = np.column_stack([g[n][()] for n in ('incident_energy', 'yield', 'yield_errors', 'counts', 'i0', 'live_time_s')])
    p.check(names == ['incident_energy_eV', 'yield', 'yield_errors', 'counts', 'i0', 'live_time_s'], f'columns of a PFY: {names}')
    p.check(np.array_equal(rows, want, equal_nan=True), 'a PFY in csv is the file bit for bit')
    p.check('# Sample.name: NMC, 200 \u00b0C "x"' in head and '# pixels_used: 2 of 3' in head and '# emission_window_eV: 520 to 521' in head, 'its head says sample, pixels and window')
    text = p.good('export', path, '--what', 'pfy:O', '--sum', 'NMC_O', '--format', 'xdi').stdout
    body = np.array([l.split() for l in text.splitlines() if not l.startswith('#')], dtype=float)
    p.check(np.array_equal(body, np.delete(want, 5, 0)) and 'points_left_out: 1' in text, 'XDI holds the points that have a yield and counts the other')
    p.check('# Element.symbol: O\n# Element.edge: K\n' in text and '# Tesd.scans: 2 5' in text and '\n# energy mufluor ' in text, 'XDI names edge, scans and columns')
    p.good('export', path, '--what', 'pfy:O', '-o', p.path('o.csv'))
    p.check(sorted(n for n in os.listdir(p.folder) if n.startswith('o_')) == ['o_pfy_0002_O.csv', 'o_sum_NMC_O_pfy_O.csv'], 'several products make a file each')


FAMILY, KEY = re.compile(r'[A-Za-z_][A-Za-z0-9_]+$'), re.compile(r'[A-Za-z0-9_]+$')
EDGES = {'K', 'L', 'L1', 'L2', 'L3', 'M', 'M1', 'M2', 'M3', 'M4', 'M5'}


def xdi_faults(text):
    """What the reference library of XDI (XAS-Data-Interchange, lib/xdifile.c) would refuse or warn of; an independent reading of the same rules."""
    lines, faults, keys, mode, rows = text.splitlines(), [], {}, 'metadata', []
    if not re.match(r'# XDI/1\.\d+( |$)', lines[0]):
        faults.append('first line: ' + lines[0])
    for line in lines[1:]:
        body = line[1:].strip()
        if not line.startswith('#'):
            if mode != 'end':
                faults.append('data before the line of minus signs')
            rows.append(line.split())
        elif body.startswith('---'):
            mode = 'end'
        elif body.startswith('///'):
            mode = 'comment'
        elif mode == 'metadata':
            key, colon, value = body.partition(':')
            family, dot, name = key.strip().partition('.')
            if not (colon and dot and value.strip() and FAMILY.match(family) and KEY.match(name)):
                faults.append('not Family.key: value: ' + line)
            if key.lower() in keys:
                faults.append('twice: ' + line)
            keys[key.lower()] = value.strip()
    n = sum(k.startswith('column.') for k in keys)
    labels = [keys.get(f'column.{k + 1}', '').split(' ')[0] for k in range(n)]
    header = lines[next(k for k, l in enumerate(lines) if l[1:].strip().startswith('---')) + 1] if mode == 'end' else ''
    if not rows or any(len(r) != n for r in rows) or n > 128 or header[1:].split() != labels or len(set(labels)) != n:
        faults.append(f'{len(rows)} rows for {n} columns {labels}')
    try:
        faults.extend(['not a number'] if not np.all(np.isfinite(np.array(rows, float))) else [])
    except ValueError:
        faults.append('not a number')
    if 'energy' not in labels or ('element.edge' in keys) != ('element.symbol' in keys) or keys.get('element.edge', 'K') not in EDGES or not re.match('[A-Z][a-z]?$', keys.get('element.symbol', 'O')):
        faults.append('no energy column, or element and edge')
    if not re.match(r'\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d', keys.get('scan.start_time', '')):
        faults.append('start time')
    return faults


def check_xdi(p):
    """Every curve of a simulated beamtime against incident or emission energy, one scan without I0."""
    p.good('simulate', '--photons', '-o', 'ph.nxs', '--pixels', '8', '--bad-fraction', '0', '--edges', 'o,co', '--calibration-s', '1', '--scans', '1', '--rate', '25', '--points', '31')
    run = p.good('export', 'ph.nxs', '--what', 'all', '--format', 'xdi', '-o', 'all.xdi')
    made = sorted(n for n in os.listdir(p.folder) if n.startswith('all_') and n.endswith('.xdi'))
    bad = {}
    for name in made:
        with open(p.path(name), encoding='utf-8') as f:
            faults = xdi_faults(f.read())
        if faults and not ('consistency' in name or 'heights' in name or '_elastic.xdi' in name or re.search('elastic_[0-9]+.xdi', name)):   # no energies of photons
            bad[name] = faults
    p.check(len(made) > 60 and not bad, f'{len(made)} curves in XDI, by the rules of its reference library {dict(list(bad.items())[:3])}')
    p.check('rixs_0001 is left out: a map' in run.stderr, 'maps are left out, and said')
    with h5py.File(p.path('ph.nxs'), 'r+') as f:
        f['entry/pfy_0001_O/i0'][...] = np.nan
    text = p.good('export', 'ph.nxs', '--what', 'pfy:O', '--scan', '1', '--format', 'xdi').stdout
    p.check(not xdi_faults(text) and sum(not l.startswith('#') for l in text.splitlines()) == 31 and ' i0' not in text.split('#----')[1], 'a beamline without I0: no such column, every point')


def check_maps(p, path):
    _, names, rows = table(p.good('export', path, '--what', 'rixs').stdout)
    p.check(np.array_equal(rows[:, 0], incident) and np.array_equal(rows[:, 1:], counts) and np.array_equal(np.array(names[1:], float), emission), 'a map in csv is the file')
    for what, chosen in ('xes:530.6', [2]), ('xes:530-531', [1, 2, 3]), ('xes:530.25', [1]):
        head, _, rows = table(p.good('export', path, '--what', what).stdout)
        want = counts[chosen].sum(0)
        p.check(np.array_equal(rows, np.column_stack([emission, want, np.sqrt(want)])) and f'# points: {len(chosen)}' in head, f'{what} is the sum of rows {chosen}')


def check_photons(p, path):
    lines = p.good('export', path, '--what', 'photons').stdout.splitlines()
    with h5py.File(path) as f:
        p.check(lines[0] == ','.join(COLUMNS) and len(lines) == N_ROWS + 1, 'photons: a line each')
        rows = list(csv.reader(lines[1:]))
        for k, (name, kind) in enumerate(COLUMNS.items()):
            got = np.array([int(r[k]) if kind[0] in 'iu' else float(r[k]) for r in rows]).astype(kind)
            p.check(np.array_equal(got, f['entry/photons'][name][()], equal_nan=kind[0] == 'f'), f'photons: {name} reads back the same')


def check_refusals(p, path):
    cases = [(2, 'no such product', '--what', 'pfy:Zz'), (2, '2 products are meant', '--what', 'pfy:O'), (2, 'csv', '--what', 'photons', '--format', 'xdi'),
             (1, 'is a map', '--what', 'rixs', '--format', 'xdi'), (1, 'no point from', '--what', 'xes:600-601'), (1, 'no signal', '--what', 'broken'),
             (2, 'scan number', '--what', 'rixs', '--scan', 'x'), (2, 'csv, xdi, png or svg', '--what', 'rixs', '--format', 'xls'), (2, 'needed')]
    for code, said, *arguments in cases:
        run = p.run('export', path, *arguments)
        p.check(run.returncode == code and said in run.stderr, f'{" ".join(arguments)}: {run.returncode} {run.stderr.strip()}')
    with open(p.path('text.nxs'), 'w', encoding='utf-8') as f:
        f.write('no HDF5')
    run = p.run('export', p.path('text.nxs'), '--what', 'rixs')
    p.check(run.returncode == 3 and 'not an HDF5 file' in run.stderr, 'a text file is refused')
    run = p.run('export', path, '--what', 'rixs', '-o', p.path('none', 'x.csv'))
    p.check(run.returncode == 1 and 'No such file' in run.stderr, 'a folder that is not there is an error')


def check_larch(p, path):
    """An independent reader, where it is installed. Debian's Larch comes without its XDI library; its reader of columns goes by the same head."""
    try:
        from larch.io import read_ascii
    except ImportError:
        print('larch not asked: python3-xraylarch is not installed')
        return
    name = p.path('larch.xdi')
    p.good('export', path, '--what', 'pfy:O', '--scan', '2', '--format', 'xdi', '-o', name)
    group = read_ascii(name)
    p.check(np.array_equal(group.energy, np.delete(incident, 5)) and group.array_labels[:2] == ['energy', 'mufluor'], 'Larch reads energies and labels')


def main():
    with Program() as p:
        path = p.path('made.nxs')
        make(path)
        for check in check_curves, check_maps, check_photons, check_refusals, check_larch:
            check(p, path)
        check_xdi(p)
        return p.end()


if __name__ == '__main__':
    sys.exit(main())
