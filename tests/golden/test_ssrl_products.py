"""Products of a real experiment, SSRL 10-1, February 2020: six Co L scans summed; PFY, loss map and elastic line of each scan in one NeXus file and a
picture of each; each scan against the others; and one that is shifted by hand is flagged."""
import glob
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
data = os.path.abspath(os.path.join(os.environ.get('TESD_SHARED', '../shared'), 'data/real/ssrl_10_1_2020'))
if not os.path.isdir(data):
    print('skipped: no shared data')
    sys.exit(77)

import h5py
import numpy as np
from nexus_readers import readers_accept
from program import Program

SHIFT_EV = 0.5


def judged(path):
    with h5py.File(path) as f:
        g = f['entry/consistency_ad1_Co']
        return {k: g[k][()] for k in g if isinstance(g[k], h5py.Dataset)}


def check_file(p):
    with h5py.File(p.path('co.nxs')) as f:
        e = f['entry']
        for kind in 'rixs', 'loss', 'pfy_Co_L':
            first, _, rest = kind.partition('_')
            parts = np.sum([e[f'{first}_{k:04d}' + ('_' + rest if rest else '')]['counts'][()].astype(int) for k in range(6)], 0)
            total = e[f'sum_ad1_Co_{kind}/counts'][()]
            p.check(parts.shape == total.shape and np.array_equal(parts, total) and total.sum() > 3000, f'{kind}: the sum of six scans is their sum, {total.sum()} counts')
        m, x, edges = e['rixs_0002/counts'][()], e['rixs_0002/incident_energy'][()], e['rixs_0002/emission_energy'][()]
        cut, xes = e['cee_0002_line/counts'][()], e['xes_0002_edge/counts'][()]
        p.check(np.array_equal(cut, m[:, (edges >= 770) & (edges < 780)].sum(1)) and np.array_equal(xes, m[(x >= 779) & (x <= 781)].sum(0)) and 'sum_ad1_Co_cet_elastic' in e and xes.sum() > 50,
                'spectra and cuts that the config names are those of the map')
        lines = [(float(e[f'elastic_{k:04d}/emission_minus_incident_eV'][()]), float(e[f'elastic_{k:04d}/emission_minus_incident_sigma_eV'][()]), e[f'elastic_{k:04d}/reason'][()].decode()) for k in range(6)]
        p.check(all(np.isfinite(o) and abs(o + 0.3) < 4 * s + 0.3 if not why else np.isnan(o) for o, s, why in lines), 'elastic line of each scan, or why there is none: '
                + '; '.join(why or f'{o:+.2f}({s:.2f}) eV' for o, s, why in lines))
        y = e['sum_ad1_Co_elastic_yield']
        p.check(np.all(y['area_errors'][()] > 0) and 0 < y['area_measured'][()].sum() < len(y['area']), f'its area by incident energy, measured at {y["area_measured"][()].sum()} points of {len(y["area"])}')


def check_pictures(p):
    """--what all draws everything, 174 pictures; here those of three products."""
    os.mkdir(p.path('pictures'))
    for what in 'loss', 'pfy:Co_L', 'elastic_0003':
        p.good('export', 'co.nxs', '--what', what, '--format', 'png', '-o', 'pictures/co.png')
    made = {os.path.basename(x)[3:-4]: os.path.getsize(x) for x in glob.glob(p.path('pictures/*.png'))}
    wanted = ['sum_ad1_Co_loss', 'sum_ad1_Co_pfy_Co_L', 'elastic_0003'] + [f'{k}' for n in range(6) for k in (f'loss_{n:04d}', f'pfy_{n:04d}_Co_L')]
    p.check(set(wanted) <= set(made) and min(made.values()) > 4000, f'a picture of each: {len(made)}')


def check_repeats(p):
    j = judged(p.path('co.nxs'))
    p.check(not j['flags'].any() and len(j['flags']) == 6, f'each scan against the others: map chi2 {j["map_chi2"].round(0)} of {j["map_dof"]}, shifts {j["emission_shift_eV"].round(2)} eV, no flag')
    shutil.copy(p.path('co.nxs'), p.path('moved.nxs'))
    with h5py.File(p.path('moved.nxs'), 'r+') as f:
        energy = f['entry/photons/energy_eV']
        energy[...] = energy[()] + np.float32(SHIFT_EV) * (f['entry/photons/scan'][()] == 2)
    run = p.good('merge', 'moved.nxs', '-o', 'judged.nxs')
    j = judged(p.path('judged.nxs'))
    off, sigma = j['emission_shift_eV'][2], j['emission_shift_eV_errors'][2]
    p.check(j['flags'][2] & 8 and abs(off - SHIFT_EV) < 4 * sigma and 'FLAGGED' in run.stdout, f'scan 2 moved by {SHIFT_EV} eV of emission energy is flagged: {off:+.2f}({sigma:.2f}) eV; flags {j["flags"]}')


with Program() as p:
    with open(p.path('tesd.yaml'), 'w') as f:
        f.write('products:\n  xes: edge=779:781, above=800:805\n  cee: line=770:780\n  cet: elastic=-2:2\n')
    p.good('replay', *sorted(glob.glob(os.path.join(data, '*.off'))), '--logs', data, '-o', 'co.nxs', '-q', '-c', 'tesd.yaml')
    readers_accept(p, p.path('co.nxs'))
    check_file(p)
    check_pictures(p)
    check_repeats(p)
    sys.exit(p.end())
