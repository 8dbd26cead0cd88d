"""A run with every record, as the triggers that leave no trace of what they drop would have kept it: edge-multi single a record when none stands in the
record length before it, isolated when none follows within its own either. Rules of the acquisition server on the list of triggers."""
import glob, os, shutil, struct
import numpy as np

DIVISIONS = 32   # of the simulator's subframes


def header_number(header, name):
    return int([line for line in header.decode('latin1').splitlines() if line.startswith(name + ':')][0].split(':')[1])


def copy_file(source, target, isolated):
    with open(source, 'rb') as f:
        data = f.read()
    start = data.index(b'\n', data.index(b'#End of Header')) + 1
    samples, presamples = (header_number(data[:start], name) for name in ('Total Samples', 'Presamples'))
    size = 16 + 2 * samples
    n = (len(data) - start) // size
    frames = np.array([struct.unpack_from('<q', data, start + i * size)[0] for i in range(n)]) // DIVISIONS
    before, after = np.diff(frames, prepend=frames[0] - 10**9), np.diff(frames, append=frames[-1] + 10**9)
    keep = (before >= samples) & (~isolated | (after >= samples - presamples))
    with open(target, 'wb') as f:
        f.write(data[:start] + b''.join(data[start + i * size:start + (i + 1) * size] for i in np.flatnonzero(keep)))


def copy_run(pulses, target, isolated):
    """Returns target, a folder that is made."""
    shutil.copytree(pulses, target, ignore=shutil.ignore_patterns('*.ljh'))
    for path in glob.glob(f'{pulses}/*.ljh'):
        copy_file(path, os.path.join(target, os.path.basename(path)), isolated)
    return target
