"""What other programs make of a NeXus file of ours: h5py and h5dump read every product, silx' own validator takes each NXdata for a curve or an
image, for the file there is something to show first, and what is in it stands in doc/nexus.md."""
import os
import re
import shutil
import subprocess

import h5py
import offspring

try:
    from silx.io.nxdata import NXdata as SilxNXdata, get_default as silx_default
except ImportError:
    SilxNXdata = None
    print('silx is not installed: its validator is not asked')
if shutil.which('h5dump') is None:
    print('h5dump is not installed: it is not asked')


def text(x):
    return x.decode() if isinstance(x, bytes) else x


def groups(f):
    return [(n, g) for n, g in f['entry'].items() if isinstance(g, h5py.Group) and text(g.attrs.get('NX_class', b'')) == 'NXdata']


def fault(g):
    """What is wrong with an NXdata; '' when nothing is. A scan of one point has an axis of one value, which silx takes for a scalar."""
    if text(g.attrs.get('signal', '')) not in g:
        return 'no signal'
    signal, axes = g[text(g.attrs['signal'])], [text(a) for a in g.attrs['axes']]
    if len(axes) != signal.ndim or any(a not in g or g[a].shape != (signal.shape[k],) for k, a in enumerate(axes)):
        return 'axes do not fit the signal'
    if 'title' not in g or signal[()].shape != signal.shape:
        return 'no title, or not readable'
    if SilxNXdata is None or min(signal.shape, default=0) < 2:
        return ''
    x = SilxNXdata(g)
    return '' if x.is_valid and (x.is_image if signal.ndim == 2 else x.is_curve) else f'silx: {x.issues or "neither curve nor image"}'


def shows_first(f):
    """Whether silx finds something to show. Of a scan of one point there are only what it takes for scalars."""
    shown = silx_default(f) if SilxNXdata is not None else None
    if SilxNXdata is None or shown is not None and shown.is_valid:
        return True
    first = f['entry'].get(text(f['entry'].attrs.get('default', '')))
    return first is not None and not fault(first) and min(first[text(first.attrs['signal'])].shape) < 2


def dump(path, names):
    """h5dump of all signals at once; what it complains of."""
    if shutil.which('h5dump') is None:
        return ''
    run = offspring.run(['h5dump', *(w for n in names for w in ('-d', n)), path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors='replace', check=False)
    return '' if run.returncode == 0 else run.stderr[:300] or f'status {run.returncode}'


def documented():
    """Of each section of doc/nexus.md: a pattern of the groups that it describes, and the names in it. Yields and maps share the common names."""
    with open(os.path.join(os.path.dirname(__file__), '..', '..', 'doc', 'nexus.md'), encoding='utf-8') as page:
        sections = page.read().split('\n### ')[1:]
    common = {'title', 'i0', 'live_time_s', 'pixels_used', 'pixel_weight', 'grades_used', 'incident_energy', 'emission_energy', 'emission_energy_edges'}
    for section in sections:
        heading, _, body = section.partition('\n')
        names = '|'.join(re.findall(r'`([^`]+)`', heading))
        pattern = re.sub('NNNN', r'\\d+', re.sub('GROUP|NAME', r'\\w+', names.replace('_*', r'_\w+')))
        yield re.compile(f'({pattern})$'), common | set(re.findall(r'`(\w+)`', body))


def undocumented(f):
    """Groups and columns of the file that doc/nexus.md does not name. A scan also has the columns of its log, whatever they are called."""
    page = list(documented())
    missing = []
    for name, group in f['entry'].items():
        if not isinstance(group, h5py.Group):
            missing += [] if name in page[0][1] else [name]
            continue
        known = [names for pattern, names in page if pattern.match(name)]
        if not known:
            missing.append(name)
        elif not name.startswith('scan_'):
            missing += [f'{name}/{column}' for column in group if column not in set().union(*known)]
    return missing


def readers_accept(p, path):
    """p: Program, or anything with check(ok, what)."""
    with h5py.File(path) as f:
        found = groups(f)
        bad = {n: why for n, g in found if (why := fault(g))}
        first = shows_first(f)
        unknown = undocumented(f)
        names = [f'/entry/{n}/{text(g.attrs["signal"])}' for n, g in found]
    said = dump(path, names)
    p.check(found and not bad and first and not said,
            f'{os.path.basename(path)}: h5py{", silx" if SilxNXdata else ""}{", h5dump" if shutil.which("h5dump") else ""} read {len(found)} NXdata as curves and images {dict(list(bad.items())[:4])} {said}')
    p.check(not unknown, f'{os.path.basename(path)}: doc/nexus.md names every group and column{"" if not unknown else ", but not " + ", ".join(unknown[:8])}')
