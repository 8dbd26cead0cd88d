"""Rows of a scan in two files side by side: which photons one counts in a window and the other does not, and why; for judges that explain what they find."""
import h5py
import numpy as np

GRADES = ('high', 'mid', 'tail', 'low', 'none')


class Rows:
    """Of one scan, by (channel, time); and the windows of its yields."""

    def __init__(self, path, scan):
        with h5py.File(path) as f:
            entry, photons = f['entry'], f['entry/photons']
            here = photons['scan'][()] == scan
            column = {name: photons[name][()][here] for name in ('time_ns', 'pixel', 'point', 'energy_eV', 'cuts', 'grade')}
            column['channel'] = entry['pixels/channel'][()][column['pixel']]
            self.cut_names = [n.decode() for n in entry['pixels/cut_counts'].attrs['cut_names']]
            self.grade_time_ns = entry[f'scan_{scan:04d}/grade_time_ns'][()]   # pixel, point, grade
            self.calibrations = [entry[g]['id'][()].decode() for g in entry if g.startswith('calibration_')]
            self.windows = {}
            for g in entry:
                if g.startswith(f'pfy_{scan:04d}_'):
                    y = entry[g]
                    self.windows[g[9:]] = (*y.attrs['roi_eV'], sorted(set(y['grades_used'][()].tolist())), y['counts'][()].astype(int))
        order = np.lexsort((column['time_ns'], column['channel']))
        self.column = {name: values[order] for name, values in column.items()}
        self.key = list(zip(self.column['channel'].tolist(), self.column['time_ns'].tolist()))
        self.at = {key: i for i, key in enumerate(self.key)}

    def counted(self, window):
        """By row: whether it is a count of the window."""
        lo, hi, grades, _ = self.windows[window]
        c = self.column
        energy = c['energy_eV'].astype(float)
        return (c['cuts'] == 0) & np.isin(c['grade'], grades) & (c['point'] >= 0) & (energy >= lo) & (energy < hi)

    def live_ns(self, window):
        """Of all pixels and points, in which a photon of the window would have counted."""
        return int(self.grade_time_ns[:, :, self.windows[window][2]].sum())

    def say(self, key):
        i = self.at.get(key)
        if i is None:
            return 'no such row'
        c = self.column
        cuts = [name for k, name in enumerate(self.cut_names) if c['cuts'][i] >> k & 1]
        return f'{c["energy_eV"][i]:.5f} eV, {GRADES[c["grade"][i]]}{", cut: " + " ".join(cuts) if cuts else ""}'


def unlike(a, b):
    """Keys of rows that one has and the other has not, or with another grade or other cuts; of those with another energy, bit by bit."""
    rows, energies = [], []
    for key in sorted(set(a.at) | set(b.at)):
        i, j = a.at.get(key), b.at.get(key)
        if i is None or j is None or any(a.column[n][i] != b.column[n][j] for n in ('cuts', 'grade', 'point')):
            rows.append(key)
        elif a.column['energy_eV'][i].tobytes() != b.column['energy_eV'][j].tobytes():
            energies.append(key)
    return rows, energies


def explain(a, b, window, most=6):
    """Lines: the photons that one counts in the window and the other does not."""
    of_a, of_b = ({x.key[i] for i in np.nonzero(x.counted(window))[0]} for x in (a, b))
    lines = []
    for key in sorted(of_a ^ of_b)[:most]:
        point = (a if key in a.at else b).column['point'][(a if key in a.at else b).at[key]]
        lines.append(f'          {window}, point {point}, channel {key[0]}, {key[1]} ns: told {a.say(key)}; there {b.say(key)}')
    return lines, len(of_a ^ of_b)
