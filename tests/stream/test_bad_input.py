"""Bad input: every case ends with the right exit status, a message that names file, place and remedy, and the rest done where that makes sense.
0 good, 1 the work failed, 2 wrong use or bad config, 3 input refused (the rest, if any, is processed). Never a crash."""
import glob
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
import offspring
from program import ROOT, TESD, Program


class Case:
    """A copy of the small beamtime to spoil, and the expectations on what tesd says about it."""

    def __init__(self, p, name):
        self.p, self.name = p, name
        self.folder = p.path('case', f"{len(os.listdir(p.path('case')))}_{re.sub(r'[^a-zA-Z]+', '_', name)}")
        shutil.copytree(p.path('made'), self.folder, copy_function=os.link)
        self.run_folder, self.noise = os.path.join(self.folder, 'run'), os.path.join(self.folder, 'noise')
        self.out = os.path.join(self.folder, 'out.nxs')

    def file(self, *parts):
        return os.path.join(self.run_folder, *parts)

    def spoil(self, path, change):
        """Replaces a file by change(its bytes); the original it was linked to stays."""
        with open(path, 'rb') as f:
            content = f.read()
        os.unlink(path)
        with open(path, 'wb') as f:
            f.write(change(content))

    def expect(self, code, *said, pulses=None, extra=(), command='replay', rows=None, unsaid=(), frozen=False, **more):
        """rows: pixels that must have photons in the output; None: there is no output. frozen: with a calibration that is there, where learning is not
        what is tried: it is nearly all of what a run costs."""
        known = ['--calibration', self.p.path('cal.h5')] if frozen else []
        arguments = [command, *(pulses if pulses is not None else [self.run_folder]), '-o', self.out, *known, *extra]
        run = self.p.run(*arguments, **more)
        wrong = [f'exit status {run.returncode}, not {code}'] if run.returncode != code else []
        wrong += [f'does not say /{s}/' for s in said if not re.search(s, run.stderr)]
        wrong += [f'says /{s}/' for s in unsaid if re.search(s, run.stderr)]
        made = os.path.exists(self.out)
        if made != (rows is not None):
            wrong.append('left an output' if made else 'made no output')
        elif made and command == 'replay':
            with h5py.File(self.out) as f:
                photons = f['entry/pixels/photons'][()]
                if int(np.count_nonzero(photons)) != rows:
                    wrong.append(f'photons of the pixels: {photons.tolist()}, {rows} of them should have some')
        wrong += [f'left {f}' for f in glob.glob(self.out + '*') if f != self.out]
        self.p.check(not wrong, f'{self.name}' + (f': {"; ".join(wrong)}\n{run.stderr}' if wrong else f' -> {code}: {run.stderr.strip().splitlines()[-1:]}'))
        return run


def write_off(ljh, path, tail=1.0, scale=1.0):
    """An OFF 0.3.0 file of an LJH file's records: basis constant, derivative, average pulse; plain least squares. tail: another basis, as of another day; scale: of the pulse's projector,
    which is not the basis' own then."""
    with open(ljh, 'rb') as f:
        content = f.read()
    end = re.search(rb'#End of Header\r?\n', content).end()
    value = lambda key: re.search(rb'%s: *([-\d.e]+)' % key, content[:end]).group(1)
    n, pre, period = int(value(b'Total Samples')), int(value(b'Presamples')), float(value(b'Timebase'))
    frames = np.frombuffer(content, np.dtype([('count', '<i8'), ('us', '<i8'), ('x', '<u2', n)]), offset=end, count=(len(content) - end) // (16 + 2 * n))
    divisions = int(re.search(rb'Subframe divisions: *(\d+)', content[:end]).group(1)) if b'Subframe divisions' in content[:end] else 1
    x = frames['x'].astype(float)
    mean = x[:, :pre - 4].mean(axis=1)
    pulse = (x - mean[:, None])[:400].mean(axis=0)
    pulse[:pre] = 0
    pulse = np.sign(pulse) * np.abs(pulse / pulse.max()) ** tail * pulse.max()
    basis = np.stack([np.ones(n), np.gradient(pulse / pulse.max()), pulse / pulse.max()], axis=1)
    projectors = np.linalg.pinv(basis) * np.array([[1], [1], [scale]])
    c = x @ projectors.T
    residual = (x - c @ basis.T).std(axis=1)
    head = {'ChannelIndex': 0, 'ChannelName': 'chan', 'ChannelNumberMatchingName': int(re.search(r'_chan(\d+)', path).group(1)), 'MaxPresamples': pre,
            'MaxSamples': n, 'FramePeriodSeconds': period, 'FileFormat': 'OFF', 'FileFormatVersion': '0.3.0', 'NumberOfBases': 3,
            'ModelInfo': {'Projectors': {'Rows': 3, 'Cols': n}, 'Basis': {'Rows': n, 'Cols': 3}}}
    with open(path, 'wb') as f:
        f.write(json.dumps(head, indent=1).encode() + b'\n' + projectors.astype('<f8').tobytes() + basis.astype('<f8').tobytes())
        for i, r in enumerate(frames):
            f.write(struct.pack('<iiqqfff3f', n, pre, int(r['count']) // divisions, int(r['us']) * 1000, mean[i], 0, residual[i], *c[i]))


def make_beamtime(p):
    p.good('simulate', '-o', p.path('sim'), '--pixels', '2', '--quick', '--edges', 'o', '--bad-fraction', '0', '--points', '5', '--dwell', '1', '--calibration-s', '30')
    day = glob.glob(p.path('sim', '2*'))[0]
    os.mkdir(p.path('made'))
    os.rename(os.path.join(day, '0001'), p.path('made', 'run'))
    os.rename(os.path.join(day, '0000'), p.path('made', 'noise'))
    os.mkdir(p.path('case'))
    for k, c in enumerate(('1', '3')):
        ljh = glob.glob(p.path('made', 'run', f'*_chan{c}.ljh'))[0]
        write_off(ljh, p.path(f'made_chan{c}.off'))
        write_off(ljh, p.path(f'other_chan{c}.off'), tail=1.02)
        write_off(ljh, p.path(f'misfit_chan{c}.off'), scale=1.05)
    p.good('calibrate', p.path('made', 'run'), '--noise', p.path('made', 'noise'), '-o', p.path('cal.h5'), '-q')


def pulse_files(p):
    case = lambda name: Case(p, name)
    first = 'r_chan1.ljh'

    case('a whole beamtime').expect(0, rows=2)
    c = case('a missing file beside a good one')
    c.expect(3, r'nosuch_chan5\.ljh.*No such file', pulses=[c.file(first), c.file('nosuch_chan5.ljh')], rows=1, frozen=True)
    c = case('a missing file alone')
    c.expect(3, r'nosuch_chan5\.ljh.*No such file', 'no pulse file could be used; name run folders', pulses=[c.file('nosuch_chan5.ljh')])
    c = case('a missing folder')
    c.expect(3, r'/nowhere.*No such file', pulses=[c.file('nowhere')])
    c = case('a folder without pulses')
    c.expect(3, r'logs.*no \*_chanN\.ljh.*name the run', pulses=[c.file('logs')])
    c = case('a folder without pulses beside a good one')
    c.expect(3, r'logs.*no \*_chanN\.ljh', pulses=[c.run_folder, c.file('logs')], rows=2, frozen=True)

    spoilt = (('empty', lambda b: b'', 'r_chan1.ljh: .*the file is empty'),
              ('header cut short', lambda b: b[:200], r'r_chan1.ljh:\d+: .*End of Header'),
              ('other text', lambda b: b'Dear diary\n' * 1000, 'r_chan1.ljh: .*neither an LJH nor an OFF'),
              ('zeros', lambda b: bytes(100000), 'r_chan1.ljh: .*neither an LJH nor an OFF'),
              ('noise', lambda b: np.random.default_rng(1).bytes(100000), 'r_chan1.ljh: .*neither an LJH nor an OFF'),
              ('an OFF header that is only a brace', lambda b: b'{' + bytes(5000), 'r_chan1.ljh: .*'),
              ('a JSON that is no OFF', lambda b: b'{"a": 1\n}\n' * 100, 'r_chan1.ljh: .*'),
              ('a negative record length', lambda b: re.sub(rb'Total Samples: \d+', b'Total Samples: -5', b), r'r_chan1.ljh:\d+: .*Total Samples'),
              ('a huge record length', lambda b: re.sub(rb'Total Samples: \d+', b'Total Samples: 4000000000', b), r'r_chan1.ljh:\d+: .*Total Samples'))
    for what, change, said in spoilt:
        c = case(f'a pulse file: {what}')
        c.spoil(c.file(first), change)
        c.expect(3, said, 'left out', rows=1, frozen=True)

    c = case('header only: a file that was just begun')
    c.spoil(c.file(first), lambda b: b[:b.index(b'#End of Header') + 16])
    c.expect(0, rows=1, frozen=True)
    c = case('half a record: a file that was just begun')
    c.spoil(c.file(first), lambda b: b[:b.index(b'#End of Header') + 900])
    c.expect(0, r'unfinished records', rows=1, frozen=True)
    c = case('cut in the middle of a record: growing, or a copy that broke off')
    c.spoil(c.file(first), lambda b: b[:-777])
    c.expect(0, r'unfinished records.*1 channel, the first is 1', rows=2, frozen=True)
    c = case('a hole of zeros in the middle')
    c.spoil(c.file(first), lambda b: b[:len(b) // 3] + bytes(len(b) // 3) + b[2 * (len(b) // 3):])
    c.expect(0, r'torn records.*tesd inspect', rows=2)
    c = case('records torn by a few bytes')
    c.spoil(c.file(first), lambda b: b[:1000000] + b[1000008:2000000] + b[2002056:])
    c.expect(0, r'torn records', rows=2, frozen=True)

    c = case('LJH under the name of an OFF file: told by its content')
    os.rename(c.file(first), c.file('r_chan1.off'))
    c.expect(0, rows=2, frozen=True)
    c = case('OFF under the name of an LJH file: told by its content')
    os.unlink(c.file(first))
    shutil.copy(p.path('made_chan1.off'), c.file(first))
    c.expect(0, rows=2)
    c = case('OFF files')
    for k in (1, 3):
        os.unlink(c.file(f'r_chan{k}.ljh'))
        shutil.copy(p.path(f'made_chan{k}.off'), c.file(f'r_chan{k}.off'))
    c.expect(0, rows=2)
    both = {k: (p.path(f'made_chan{k}.off'), p.path(f'other_chan{k}.off')) for k in (1, 3)}
    p.good('calibrate', both[1][0], both[3][0], '--logs', c.file('logs'), '-o', p.path('off_cal.h5'), '-q')
    c.expect(0, extra=['--calibration', p.path('off_cal.h5')], rows=2)
    c = case('OFF files of another basis than the calibration is for')
    known = ['--calibration', p.path('off_cal.h5'), '--logs', c.file('logs')]
    c.expect(3, r'other_chan1\.off: its basis is not that of the records that the calibration was learnt from.*left out', pulses=[both[1][1], both[3][0]], extra=known, rows=1)
    c.expect(3, 'other_chan1', 'other_chan3', pulses=[both[1][1], both[3][1]], extra=known, rows=0)
    c = case('OFF files of two bases in one channel')
    c.expect(3, r"other_chan1\.off: its basis is not that of the channel's first file", pulses=[both[1][0], both[1][1], both[3][0]], extra=['--logs', c.file('logs')], rows=2)
    c = case('OFF files whose projectors are not those of their basis')
    misfit = p.path('misfit_chan1.off')
    c.expect(3, r'misfit_chan1\.off: byte \d+: the matrices that end here do not belong together \(projectors x basis is off 1 by up to 0.05', pulses=[misfit, both[3][0]], extra=known, rows=1)
    c.expect(3, r'misfit_chan1\.off: byte \d+: the matrices', r'replay the run', pulses=[misfit, both[3][0]], extra=['--logs', c.file('logs')], rows=1)
    c = case('OFF files with a projector that is not a number')
    shutil.copy(p.path('made_chan1.off'), c.file('r_chan5.off'))
    c.spoil(c.file('r_chan5.off'), lambda b: b[:(i := b.index(b'\n}\n') + 3 + 8)] + struct.pack('<d', float('nan')) + b[i + 8:])
    c.expect(3, r'r_chan5.off: .*byte \d+.*row 0, column 1 of its projectors is not a number', 'left out', rows=2, frozen=True)
    c = case('OFF cut in the middle of its matrices')
    shutil.copy(p.path('made_chan1.off'), c.file('r_chan5.off'))
    c.spoil(c.file('r_chan5.off'), lambda b: b[:20000])
    c.expect(3, r'r_chan5.off: .*byte', 'left out', rows=2, frozen=True)
    c = case('OFF cut in the middle of a record')
    os.unlink(c.file(first))
    shutil.copy(p.path('made_chan1.off'), c.file('r_chan1.off'))
    c.spoil(c.file('r_chan1.off'), lambda b: b[:-11])
    c.expect(0, 'unfinished records', rows=2)

    # root keeps its place but not its right to read everything
    before = ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] if os.geteuid() == 0 else []
    c = case('a file that must not be read')
    c.spoil(c.file(first), lambda b: b)
    os.chmod(c.file(first), 0)
    c.expect(3, r'r_chan1\.ljh.*Permission denied', rows=1, before=before, frozen=True)
    c = case('a folder that must not be read')
    os.chmod(c.run_folder, 0)
    c.expect(3, r'/run.*Permission denied', before=before)


def duplicates(p):
    c = Case(p, 'the same file twice')
    c.expect(0, r'r_chan1\.ljh: named twice, counted once', pulses=[c.file('r_chan1.ljh'), c.file('r_chan1.ljh')], rows=1, frozen=True)
    c = Case(p, 'a folder and a file of it')
    c.expect(0, r'r_chan1\.ljh: named twice, counted once', pulses=[c.run_folder, c.file('r_chan1.ljh')], rows=2, frozen=True)
    c = Case(p, 'a copy under another name')
    shutil.copy(c.file('r_chan1.ljh'), c.file('copy_chan1.ljh'))
    c.expect(0, r'records came twice and are counted once', rows=2, frozen=True)
    c = Case(p, 'LJH and OFF of one channel')
    shutil.copy(p.path('made_chan1.off'), c.file('r_chan1.off'))
    c.expect(0, r'1 files? left out: the same channel and run .*--prefer', rows=2, frozen=True)
    c = Case(p, 'LJH and OFF of one channel, OFF preferred')
    shutil.copy(p.path('made_chan1.off'), c.file('r_chan1.off'))
    c.expect(0, r'1 files? left out: the same channel and run .*--prefer', extra=['--prefer', 'off'], rows=2)
    c = Case(p, 'LJH of one run and OFF of another run for one channel')
    shutil.copy(p.path('made_chan1.off'), c.file('other_chan1.off'))
    c.expect(3, r'chan1.*both samples \(LJH\) and coefficients \(OFF\).*give one kind', rows=2)


def logs(p):
    scan = 'logs/scan0001.json'

    def change(c, name, edit):
        def apply(content):
            d = json.loads(content)
            edit(d)
            return json.dumps(d, indent=1).encode()
        c.spoil(c.file(name), apply)

    c = Case(p, 'lists that differ by one: the shorter counts')
    change(c, scan, lambda d: d['epoch_time_end_s'].pop())
    c.expect(0, r'scan0001\.json.*epoch_time_end_s', rows=2, frozen=True)
    c = Case(p, 'lists that differ by more')
    change(c, scan, lambda d: d.__setitem__('epoch_time_end_s', d['epoch_time_end_s'][:2]))
    run = c.expect(3, r'scan0001\.json.*epoch_time_end_s', 'its scan will be missing', rows=2, frozen=True)
    p.check('scan    2' in run.stdout, 'and the other scan is there')
    c = Case(p, 'a log that was half written')
    c.spoil(c.file(scan), lambda b: b[:len(b) // 2])
    run = c.expect(3, r'scan0001\.json:\d+: ', 'its scan will be missing', rows=2, frozen=True)
    p.check('scan    2' in run.stdout, 'and the other scan is there')
    for what, text in (('empty', b''), ('no JSON', b'hello\n'), ('a list', b'[1, 2]'), ('deep', b'[' * 100000), ('a number too large', b'{"var_values": [1e999]}'),
                       ('NUL bytes', bytes(1000))):
        c = Case(p, f'a log: {what}')
        c.spoil(c.file(scan), lambda b: text)
        c.expect(3, r'scan0001\.json:?\d*:', 'its scan will be missing', rows=2, frozen=True)
    c = Case(p, 'a point that ends before it starts')
    change(c, scan, lambda d: d['epoch_time_end_s'].__setitem__(2, d['epoch_time_start_s'][2] - 1))
    c.expect(0, r'scan0001.*point 2 .*does not end after it starts; 1 of 5 points left out', rows=2, frozen=True)
    c = Case(p, 'a log that must exist')
    c.expect(3, r'/nologs: cannot be read as a folder of logs', extra=['--logs', c.file('nologs')], rows=2, frozen=True)
    c = Case(p, 'a YAML log with a syntax error')
    with open(c.file('logs', '20260302_001_log'), 'w') as f:
        f.write('---\n{sample: x, dtype: data\n---\nmono: [\n')
    c.expect(3, r'20260302_001_log:\d+: ', rows=2, frozen=True)


def states(p):
    state = glob.glob(p.path('made', 'run', '*_experiment_state.txt'))[0]
    name = os.path.basename(state)
    with open(state) as f:
        last = int(f.read().splitlines()[-1].split(',')[0])

    def without_calibrations(c):
        for f in glob.glob(c.file('logs', 'calibration*.json')):
            os.unlink(f)
        c.spoil(c.file(name), lambda b: re.sub(rb'\d+, CAL.*\n', b'', b))

    c = Case(p, 'no calibration state')
    without_calibrations(c)
    c.expect(0, r'no calibration state .*heights but no energies; give --logs DIR or --calibration', rows=0)
    c = Case(p, 'no calibration state for calibrate')
    without_calibrations(c)
    c.expect(3, r'no calibration state .*give --logs', command='calibrate')
    c = Case(p, 'no states, no logs')
    shutil.rmtree(c.file('logs'))
    os.unlink(c.file(name))
    c.expect(0, r'no calibration state .*heights but no energies', rows=0)
    c = Case(p, 'a calibration state without photons')
    c.spoil(c.file(name), lambda b: b.replace(b'%d, STOP\n' % last, b'%d, CAL9\n%d, STOP\n' % (last + 10**9, last + 2 * 10**9)))
    c.expect(0, r'CAL9: no photons in this calibration state', rows=2)
    c = Case(p, 'lines in the state file that are none')
    c.spoil(c.file(name), lambda b: b + b'not a line\n99, \n\xff\xfe, CAL3\n')
    c.expect(0, name + r':\d+: not "<ns>, <label>"; \d such lines are skipped', rows=2, frozen=True)
    c = Case(p, 'a state that is not there')
    c.expect(3, 'CAL77 is not among the states', command='calibrate', extra=['--state', 'CAL77'])


def settings(p):
    def config(c, text):
        with open(os.path.join(c.folder, 'tesd.yaml'), 'w') as f:
            f.write(text)
        return ['-c', os.path.join(c.folder, 'tesd.yaml')]

    for what, text, said in (('a ROI with lo >= hi', 'roi:\n  - {name: odd, lo_eV: 500, hi_eV: 400}\n', r'tesd\.yaml:2: .*lo_eV.*hi_eV'),
                             ('a ROI with lo = hi', 'roi:\n  - {name: odd, lo_eV: 500, hi_eV: 500}\n', r'tesd\.yaml:2: .*lo_eV.*hi_eV'),
                             ('a ROI with a name twice', 'roi:\n  - {name: a, lo_eV: 1, hi_eV: 2}\n  - {name: a, lo_eV: 1, hi_eV: 2}\n', r'tesd\.yaml:3: .*a'),
                             ('an unknown key', 'rixs:\n  emision_bin_eV: 0.5\n', r"tesd\.yaml:2: unknown key 'rixs\.emision_bin_eV'; is 'rixs\.emission_bin_eV' meant"),
                             ('a value out of range', 'rixs:\n  emission_bin_eV: -1\n', r'tesd\.yaml:2: .*emission_bin_eV'),
                             ('a config that is no YAML', 'rixs: [\n', r'tesd\.yaml:\d+: '),
                             ('a config of bytes', '\x00\x01\x02', r'tesd\.yaml:1: ')):
        c = Case(p, what)
        c.expect(2, said, extra=config(c, text))
        c = Case(p, what + ', check-config')
        run = p.run('check-config', config(c, text)[1])
        p.check(run.returncode == 2 and re.search(said, run.stderr) is not None, f'{c.name} -> {run.returncode}: {run.stderr.strip()}')
    c = Case(p, 'a config that is not there')
    c.expect(2, r'nosuch\.yaml: cannot be read: No such file', extra=['-c', 'nosuch.yaml'])
    c = Case(p, 'an unknown line table')
    c.expect(3, r"line table 'nonsense'.*there are: nslsii-mix.*Name one", extra=['--lines', 'nonsense'])
    c = Case(p, 'a line table with a bad row')
    with open(os.path.join(c.folder, 'bad.csv'), 'w') as f:
        f.write('line,energy_eV,unc_eV,use,excited_above_eV,components,source\nOKa,five,1,anchor,530,,me\n')
    c.expect(3, r'bad\.csv:2: ', extra=['--lines', os.path.join(c.folder, 'bad.csv')])
    with open(os.path.join(ROOT, 'config/lines/nslsii-mix.csv')) as f:
        table = f.read()
    nickel = table.splitlines().index(next(l for l in table.splitlines() if l.startswith('NiLa,'))) + 1

    def typed(name, change, code, *said, **more):
        """The mix's table with one thing changed; calibrating by it."""
        c = Case(p, name)
        path = os.path.join(c.folder, 'typed.csv')
        with open(path, 'w') as f:
            f.write(change(table))
        return c, c.expect(code, *said, command='calibrate', extra=['--noise', c.noise, '--lines', path], **more)

    bare = lambda t, line, energy: re.sub(rf'(?m)^{line},[^,]*,([^,]*),anchor,([^,]*),[^,]*,', rf'{line},{energy},\1,anchor,\2,,', t)
    typed('a line table with digits swapped', lambda t: t.replace('NiLa,848.85', 'NiLa,884.85'), 3, rf'typed\.csv:{nickel}: energy_eV 884\.85 of NiLa lies .*; see config/lines')
    typed('a line table with digits swapped and no profile', lambda t: bare(t, 'NiLa', '884.85'), 3, rf'typed\.csv:{nickel}: energy_eV 884\.85 of NiLa lies above excited_above_eV')
    for name, change, line in (('a line table with a wrong energy', lambda t: bare(t, 'NiLa', '484.85'), 'NiLa'),
                               ('a line that is not in the sample', lambda t: t + 'AlKa,676.8,0.5,anchor,700,,me\n', 'AlKa')):
        c, run = typed(name, change, 0, rows=2)
        p.check(run.stdout.count(f'line {line} not found') == 2 and run.stdout.count(' good ') >= 2, f'{name}: the pixels are good without it, and say so')
    typed('a table without a line of the sample', lambda t: re.sub(r'(?m)^OKa,.*\n', '', t), 0, rows=2)
    c, run = typed('a table of another sample', lambda t: re.sub(r'(?m)^(CKa|NKa|OKa|FeLa),.*\n', '', t), 1, r'2 have pulses enough but not the lines of table .*typed\.csv: is it the table of this sample', r'no calibration was written')
    p.check(' bad ' not in run.stdout and run.stdout.count('no table') >= 2, 'and no pixel is called bad for it')
    typed('a table that this incident energy does not excite', lambda t: table.splitlines()[1] + '\nSiKa,1739.9,0.1,anchor,1839,,me\nPKa,2013.7,0.1,anchor,2145,,me\n', 1,
          r'has 0 anchors that 1000 eV excites, at least 2 are needed')


def calibrations(p):
    c = Case(p, 'a calibration that fits')
    c.expect(0, extra=['--calibration', p.path('cal.h5')], rows=2)
    c = Case(p, 'a calibration that is a pulse file')
    c.expect(3, r'r_chan1\.ljh: is not an HDF5 file', extra=['--calibration', c.file('r_chan1.ljh')])
    c = Case(p, 'a calibration that is not there')
    c.expect(3, r'nosuch\.h5: .*No such file', extra=['--calibration', 'nosuch.h5'])
    c = Case(p, 'a calibration that is another HDF5 file')
    c.expect(3, r'truth\.h5: is not a calibration of tesd; .*tesd calibrate', extra=['--calibration', p.path('sim', 'truth.h5')])
    c = Case(p, 'a calibration cut short')
    shutil.copy(p.path('cal.h5'), os.path.join(c.folder, 'cut.h5'))
    c.spoil(os.path.join(c.folder, 'cut.h5'), lambda b: b[:len(b) // 2])
    c.expect(3, r'cut\.h5: ', extra=['--calibration', os.path.join(c.folder, 'cut.h5')])
    c = Case(p, 'a calibration of other channels')
    for k in (1, 3):
        os.rename(c.file(f'r_chan{k}.ljh'), c.file(f'r_chan10{k}.ljh'))
    c.expect(3, r'cal\.h5: holds none of the 2 channels of these pulses \(channel 101', extra=['--calibration', p.path('cal.h5')])
    c = Case(p, 'a calibration that lacks a channel')
    os.rename(c.file('r_chan1.ljh'), c.file('r_chan101.ljh'))
    c.expect(0, r'cal\.h5: does not hold 1 of the 2 channels of these pulses \(channel 101', extra=['--calibration', p.path('cal.h5')], rows=1)
    c = Case(p, 'a calibration of pulses for coefficients')
    for k in (1, 3):
        os.unlink(c.file(f'r_chan{k}.ljh'))
        shutil.copy(p.path(f'made_chan{k}.off'), c.file(f'r_chan{k}.off'))
    c.expect(0, r'records are coefficients \(OFF\), the filter is for samples \(LJH\), .*; give the run.s LJH files, or .*2 channels, the first is 1',
             r'scan 1 .*: no photons; no record is what the calibration.s filters are for', unsaid=('were the pulses',), extra=['--calibration', p.path('cal.h5')], rows=0)
    p.good('calibrate', c.run_folder, '--noise', c.noise, '-o', p.path('off.h5'), '-q')
    c = Case(p, 'a calibration of coefficients for pulses')
    c.expect(0, r'records are samples \(LJH\), the filter is for coefficients \(OFF\), .*; give the run.s OFF files \(--prefer off .*2 channels, the first is 1',
             r'scan 1 .*: no photons; no record is what', unsaid=('were the pulses',), extra=['--calibration', p.path('off.h5')], rows=0)
    c = Case(p, 'records of another length than the calibration has')
    p.good('simulate', '-o', p.path('short'), '--pixels', '2', '--quick', '--edges', 'o', '--bad-fraction', '0', '--points', '2', '--calibration-s', '5',
           '--samples', '512', '--presamples', '128')
    c.expect(0, 'records are of another length than the filter is for .*2 channels', pulses=glob.glob(p.path('short', '2*', '0001')), extra=['--calibration', p.path('cal.h5')], rows=0)


def outputs(p):
    c = Case(p, 'an output folder that is not there')
    c.out = os.path.join(c.folder, 'no', 'out.nxs')
    c.expect(1, r"out\.nxs: the folder .*/no' cannot be used: No such file or directory; make it first")
    c = Case(p, 'an output that is a folder')
    run = p.run('replay', c.run_folder, '-o', c.noise)
    p.check(run.returncode == 2 and 'is a folder; -o wants' in run.stderr and os.path.isdir(c.noise), f'{c.name} -> {run.returncode}: {run.stderr.strip()}')
    c = Case(p, 'an output that is the pulse file')
    before = os.path.getsize(c.file('r_chan1.ljh'))
    for command in ('replay', 'calibrate'):
        run = p.run(command, c.file('r_chan1.ljh'), '-o', c.file('r_chan1.ljh'))
        p.check(run.returncode == 2 and 'not written over' in run.stderr and os.path.getsize(c.file('r_chan1.ljh')) == before, f'{c.name}, {command} -> {run.returncode}: {run.stderr.strip()}')
    c = Case(p, 'an output that is a device')
    c.out = '/dev/full'
    run = p.run('replay', c.run_folder, '-o', c.out)
    p.check(run.returncode == 2 and 'not a regular file' in run.stderr and not os.path.isfile('/dev/full'), f'{c.name} -> {run.returncode}: {run.stderr.strip()}')
    c = Case(p, 'a picture of an unknown kind')
    c.expect(2, r'map\.gif: a picture.s name must end in \.png or \.svg', extra=['--plot', os.path.join(c.folder, 'map.gif')])
    c = Case(p, 'a picture in a folder that is not there')
    c.expect(1, r"map\.svg: the folder .*/no' cannot be used", extra=['--plot', os.path.join(c.folder, 'no', 'map.svg')], frozen=True)

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
    for command in ('replay', 'calibrate'):
        c = Case(p, f'files that may not grow, {command}')
        c.expect(1, r'out\.nxs: cannot write', command=command, preexec_fn=small_files, frozen=command == 'replay')
    for kib in (4, 64, 300):
        c = Case(p, f'a disk of {kib} KiB')
        mount = ['unshare', '-m', 'sh', '-c', f'mount -t tmpfs -o size={kib}k none "$0" && exec "$@"', c.noise]
        if offspring.run([*mount, 'true'], capture_output=True).returncode == 0:
            c.out = os.path.join(c.noise, 'out.nxs')
            c.expect(1, r'out\.nxs: cannot write .*No space left on device', before=mount, frozen=True)
    run = p.run('simulate', '-o', p.path('full'), '--pixels', '1', '--quick', '--calibration-s', '5', '--points', '2', preexec_fn=small_files)
    p.check(run.returncode == 1 and 'cannot be written' in run.stderr, f'a disk that fills up, simulate -> {run.returncode}: {run.stderr.strip()}')
    with open('/dev/full', 'w') as full:
        for arguments in (['--help'], ['inspect', p.path('cal.h5')], ['check-config', '--sample']):
            run = offspring.run([TESD, *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
            p.check(run.returncode == 1 and 'could not be written' in run.stderr, f'standard output full: {arguments} -> {run.returncode}: {run.stderr.strip()}')


def wrong_use(p):
    run = p.path('made', 'run')
    for arguments, said in ((['replay'], 'which pulses'), (['replay', run], '-o OUT.nxs is needed'), (['replay', run, '-o'], 'requires an argument'),
                            (['replay', run, '-o', 'x.nxs', '--bogus'], 'unrecognized option'), (['replay', run, '-o', 'x.nxs', '--speed', 'warp'], '--speed warp: max or realtime'),
                            (['replay', run, '-o', 'x.nxs', '--workers', '-3'], '--workers'), (['replay', run, '-o', 'x.nxs', '--workers', 'many'], '--workers many: a whole number'),
                            (['replay', run, '-o', 'x.nxs', '--prefer', 'csv'], '--prefer csv: ljh or off'), (['calibrate', run], '-o FILE.h5 is needed'),
                            (['inspect'], 'which file'), (['simulate'], '-o DIR'), (['simulate', '-o', 'x', '--pixels', '0'], '--pixels 0'), (['check-config'], '.'),
                            (['simulate', '-o', 'x', '--pixels', 'nan'], '--pixels nan'), ([], 'usage'), (['frobnicate'], "no command 'frobnicate'"), (['replay', 'x\x1b[2J\n', '-o', '']  , '.')):
        r = p.run(*arguments)
        p.check(r.returncode in ((2,) if '' not in arguments else (1, 2, 3)) and said in r.stderr and r.stdout == '', f'tesd {arguments} -> {r.returncode}: {r.stderr.strip().splitlines()[:1]}')
        p.check('\x1b' not in r.stderr, 'no control characters in messages')


def inspect(p):
    bad = {'empty_chan1.ljh': b'', 'text.json': b'{"a"', 'x.csv': b'a,b\n1,2\n', 'cut.h5': open(p.path('cal.h5'), 'rb').read()[:3000], 'y_experiment_state.txt': b'\xff' * 100,
           'brace_chan1.off': b'{', 'magic_chan1.ljh': b'#LJH Memorial File Format\r\n', 'z_external_trigger.bin': b'no newline'}
    for name, content in bad.items():
        with open(p.path(name), 'wb') as f:
            f.write(content)
        run = p.run('inspect', p.path(name))
        p.check((run.returncode == 3 and name in run.stderr) or name.startswith('y_'), f'inspect {name} -> {run.returncode}: {run.stderr.strip()}')
    run = p.run('inspect', p.path('nosuch'), p.path('cal.h5'), p.folder)
    p.check(run.returncode == 3 and 'nosuch' in run.stderr and 'cal.h5' in run.stdout, 'inspect goes on after a file that is not there')


if 'san-thread' in TESD:
    print('skipped: bad input is the business of the address sanitizer')
    sys.exit(77)
with Program() as program:
    make_beamtime(program)
    for f in glob.glob(program.path('made', 'run', '*_chan*.ljh')):
        os.rename(f, program.path('made', 'run', 'r_' + f.rsplit('_', 1)[1]))
    for part in (pulse_files, duplicates, logs, states, settings, calibrations, outputs, wrong_use, inspect):
        part(program)
    sys.exit(program.end())
