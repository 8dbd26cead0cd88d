"""What other programs make of a NeXus file of ours: h5py and h5dump read every product, silx' own validator takes each NXdata for a curve or an
image, and for the file there is something to show first."""
import os
import shutil
import subprocess

import h5py

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


def dump(path, names):
    """h5dump of all signals at once; what it complains of."""
    if shutil.which('h5dump') is None:
        return ''
    run = subprocess.run(['h5dump', *(w for n in names for w in ('-d', n)), path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors='replace', check=False)
    return '' if run.returncode == 0 else run.stderr[:300] or f'status {run.returncode}'


def readers_accept(p, path):
    """p: Program, or anything with check(ok, what)."""
    with h5py.File(path) as f:
        found = groups(f)
        bad = {n: why for n, g in found if (why := fault(g))}
        shown = silx_default(f) if SilxNXdata is not None else None
        first = SilxNXdata is None or shown is not None and shown.is_valid
        names = [f'/entry/{n}/{text(g.attrs["signal"])}' for n, g in found]
    said = dump(path, names)
    p.check(found and not bad and first and not said,
            f'{os.path.basename(path)}: h5py{", silx" if SilxNXdata else ""}{", h5dump" if shutil.which("h5dump") else ""} read {len(found)} NXdata as curves and images {dict(list(bad.items())[:4])} {said}')
