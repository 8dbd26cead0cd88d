#!/usr/bin/python3
"""A disk that answers nobody when the array becomes known and a run begins, in the middle of its scan, and when it ends: a file system on a loop device is frozen and
thawed, with io_uring and with pwrite. Rows and maps go on, an alarm says so, and in the end nothing is missing. So it is with calibrations on a disk that lets nobody
read, played by a pipe that nobody writes to: at the start, when a client chooses one, when new settings name one. Skipped where no file system can be mounted.
Loopback and free ports only."""
import glob, json, os, re, shutil, signal, sys, time
import h5py, zmq

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tool'))
import offspring
from live_pair import SLOW, SUBSCRIPTIONS, Beam, Daemon, Rpc, Twin, check, folder, make_calibration, run_all, tesd

BLOCK_S = 0.2
ENGINES = 'uring', 'pwrite'
beamtime = ['--pixels', '4', '--samples', '256', '--presamples', '64', '--rate', '80', '--calibration-s', '12', '--edges', 'o', '--conditions', 'a', '--scans', '1', '--points', '8',
            '--dwell', '1.5', '--noise-records', '100', '--seed', '7']


def own_disk():
    """None where that is not allowed."""
    image, at = f'{folder}/image', f'{folder}/disk'
    os.makedirs(at)
    with open(image, 'wb') as f:
        f.truncate(128 << 20)
    for command in (['mkfs.ext4', '-q', image], ['mount', '-o', 'loop', image, at]):
        if shutil.which(command[0]) is None or offspring.run(command, capture_output=True).returncode != 0:
            return None
    return at


def freeze(at, frozen):
    return offspring.run(['fsfreeze', '-f' if frozen else '-u', at], capture_output=True).returncode == 0


class HungFile:
    """A calibration that lets nobody read it, until it answers."""

    def __init__(self, name):
        self.path = f'{folder}/{name}'
        os.mkfifo(self.path)

    def answers(self):
        """Whoever has begun to read it gets the calibration, and it is a file from now on."""
        with open(f'{folder}/cal.h5', 'rb') as f, open(self.path, 'wb') as pipe:
            pipe.write(f.read())
        shutil.copy(f'{folder}/cal.h5', f'{self.path}.copy')
        os.rename(f'{self.path}.copy', self.path)


class Kept:
    """A tesd run that keeps everything on that disk; its stream and its control port."""

    def __init__(self, engine, disk, twin, calibration):
        self.engine, self.output, self.router = engine, f'{disk}/{engine}', f'ipc://{folder}/{engine}.control'
        self.run = Daemon(engine, twin, control={'router': self.router}, calibration={'file': calibration}, output={'folder': self.output}, record={'raw': True, 'flush_s': 0.1}, journal={'flush_s': 0.05},
                          disk={'engine': 'auto' if engine == 'uring' else engine, 'retry_s': 0.1, 'patience_s': 0.3}, ingest={'block_s': 0.5}, scan={'late_photon_s': 60})
        self.stream = zmq.Context.instance().socket(zmq.SUB)
        self.stream.subscribe(b'pfy/')
        self.stream.connect(f'tcp://127.0.0.1:{self.run.stream}')
        self.run.hears()
        self.client = zmq.Context.instance().socket(zmq.DEALER)
        self.client.connect(self.router)

    def ask(self, method, *params):
        self.client.send(json.dumps({'method': method, 'params': params}).encode())

    def reply(self):
        check(self.client.poll(20000 * SLOW), f'{self.engine}: a reply comes')
        return json.loads(self.client.recv())

    def chooses(self, name):
        """As a client does who is told that the disk does not answer, which a busy one may not within so short a patience: once more."""
        end = time.monotonic() + 20 * SLOW
        while True:
            self.ask('calibration_use', name)
            said = self.reply()
            if said['success'] or time.monotonic() > end:
                return said
            time.sleep(0.1)

    def publishes(self):
        while self.stream.poll(0):
            self.stream.recv_multipart()
        check(self.stream.poll(20000), f'{self.engine}: and spectra are published')


def rows_come(beam, what, good):
    """While the disk is silent, until everyone is as he should be and has got two hundred rows more."""
    before, end = [k.run.figures()['tesd_rows_total'] for k in beam.kept], time.monotonic() + 20 * SLOW
    for k, b in zip(beam.kept, before):
        while True:
            beam.goes_on(BLOCK_S)
            f = k.run.figures()
            fine = good(f) and f['tesd_rows_total'] > b + 200
            if fine or time.monotonic() > end:
                break
            time.sleep(0.1)
        check(fine, f'{k.engine}: {what}, {b:.0f} to {f["tesd_rows_total"]:.0f} rows; {f["tesd_disk_failing"]:.0f} of journal, archive and raw get no answer')


def begin_on_hung_disk(beam, at, hung):
    """Neither the file of its pulses nor the run's folder can be made, nor any file in it: rows are counted all the same, and wait."""
    check(freeze(at, True), 'the disk answers nobody when the array becomes known')
    beam.rpc.good('SourceControl.Start', 'SimPulseSource')
    rows_come(beam, 'the array is known', lambda f: f['tesd_pixels'] == 4)
    calibration_comes_late(beam, hung)
    beam.rpc.good('SourceControl.WriteControl', {'Request': 'Start', 'Path': f'{folder}/live', 'WriteLJH22': True})
    rows_come(beam, 'a run begins', lambda f: f['tesd_writing'] == 1 and f['tesd_journal_failing'] + f['tesd_raw_failing'] == 2)
    check(not any(os.path.exists(f'{k.output}/20260302') for k in beam.kept), 'and has no folder')
    check(freeze(at, False), 'and now it does')


def calibration_comes_late(beam, hung):
    """The array began without it; it is in force as soon as it can be read."""
    k = beam.kept[1]
    figures = k.run.figures()
    check(figures['tesd_good_pixels'] == 0 and 'begins without energies' in k.run.messages(), f'{k.engine}: the array is there without the calibration that cannot be read')
    hung.answers()
    check(k.run.wait_figure(lambda f: f['tesd_good_pixels'] > 0)['tesd_good_pixels'] > 0, f'{k.engine}: which comes into force when it can')


def choose_on_hung_disk(beam):
    """A client is told that the disk does not answer, others are served meanwhile; what new settings name comes into force when it can be read."""
    k, chosen, named = beam.kept[0], HungFile('chosen.h5'), HungFile('named.h5')
    k.ask('calibration_use', 'chosen.h5')
    k.ask('calibration_list')
    check({'chosen.h5', 'named.h5', 'cal.h5'} <= set(k.reply()['response']['choices']), f'{k.engine}: while a calibration cannot be read, the list is told')
    rows_come(beam, 'calibrations cannot be read', lambda f: f['tesd_good_pixels'] > 0)
    refused = k.reply()
    check(not refused['success'] and 'does not answer' in refused['response'], f'{k.engine}: {refused["response"]}')
    said = k.chooses('cal.h5')
    check(said['success'], f'{k.engine}: one that can be read is chosen meanwhile: {said["response"]}')
    k.run.settings['calibration']['file'] = named.path
    k.run.write_config()
    k.run.process.send_signal(signal.SIGHUP)
    k.run.wait_message('calibration.file: taken over')
    for h in (chosen, named):
        h.answers()
    check(k.run.wait_message(f'in force: {named.path}'), f'{k.engine}: what new settings name is in force when it can be read')
    said = k.chooses('chosen.h5')
    check(said['success'], f'{k.engine}: and that one when it can: {said["response"]}')


def hang(beam, at):
    beam.reaches(beam.middle_s)
    for k in beam.kept:   # their files are there
        k.run.wait_figure(lambda f: f['tesd_journal_accepted_total'] > 0 and f['tesd_raw_accepted_total'] > 0 and f['tesd_disk_failing'] == 0 and f['tesd_scanning'] == 1)
    check(freeze(at, True), 'the disk answers nobody in the middle of the scan')
    rows_come(beam, 'the scan goes on', lambda f: f['tesd_scanning'] == 1 and f['tesd_journal_failing'] + f['tesd_raw_failing'] == 2)
    for k in beam.kept:
        k.publishes()
    beam.kept[0].ask('calibration_use', 'cal.h5')
    refused = beam.kept[0].reply()
    check(not refused['success'] and 'counted anew from there' in refused['response'], f'{beam.kept[0].engine}: {refused["response"]}')
    check(freeze(at, False), 'the disk answers again')
    for k in beam.kept:
        check(k.run.wait_figure(lambda f: f['tesd_disk_failing'] == 0)['tesd_disk_failing'] == 0, f'{k.engine}: and the alarm is over')
    choose_on_hung_disk(beam)


def end_on_hung_disk(beam, at):
    """It ends when the disk answers again; meanwhile the service lives."""
    beam.reaches(beam.end_s + 2)
    check(freeze(at, True), 'the disk answers nobody when the run ends')
    said = [len(k.run.messages()) for k in beam.kept]
    beam.rpc.good('SourceControl.Stop', '')
    for k, before in zip(beam.kept, said):
        k.run.wait_figure(lambda f: f['tesd_source_running'] == 0)
        k.run.wait_message('files that are to be made there wait', since=before)
        check('_run0000.nxs' not in k.run.messages(), f'{k.engine}: its file is not begun')
    check(freeze(at, False), 'and now it does')
    for k, before in zip(beam.kept, said):
        k.run.wait_message('the disk answers again', since=before)
        k.run.wait_message('_run0000.nxs')


def recorded(path):
    """Of the account of raw records: in files, left out."""
    with open(path) as f:
        rows = [l.split() for l in f if l[0].isdigit()]
    return sum(int(r[2]) for r in rows), sum(int(r[3]) for r in rows)


def everything_is_there(k):
    figures, at = k.run.figures(), f'{k.output}/20260302/0000'
    lost = {name: figures[f'tesd_{name}'] for name in ('journal_lost_total', 'archive_lost_total', 'kept_lost_total')}
    whole, journal = f'{at}/20260302_run0000.nxs', f'{at}/20260302_run0000.journal'
    check(k.run.end() == 0, f'{k.engine}: ends with 0')
    with h5py.File(whole) as f:
        rows = len(f['entry/photons/frame'])
    with h5py.File(sorted(glob.glob(f'{at}/*_scan*.nxs'))[-1]) as f, h5py.File(whole) as g:
        scan, run_scan = ([h['entry'][n]['photons'][()] for n in h['entry'] if n.startswith('scan_')][0] for h in (f, g))
    made = offspring.run([tesd, 'recover', journal, '-o', f'{folder}/recovered_{k.engine}.nxs'], capture_output=True, text=True)
    journalled = int(re.search(r'(\d+) rows and', made.stdout)[1])
    check(all(v == 0 for v in lost.values()), f'{k.engine}: nothing was lost: {lost}')
    check(0.5 * rows < journalled < 1.1 * rows, f'{k.engine}: {rows} rows in the file of the run, {journalled} in the journal, which begins when the run is told: with rows from just before it')
    check((scan == run_scan).all(), f'{k.engine}: photons of the points: {scan.tolist()} in the file of the scan, {run_scan.tolist()} in that of the run')
    kept, left_out = recorded(f'{at}/20260302_run0000_recorded.txt')
    check(kept > 0.5 * rows and left_out == figures['tesd_raw_lost_total'] + figures['tesd_raw_not_given_total'], f'{k.engine}: {kept} raw records, and {left_out} that found no room while their files could not be made, which is said')


def play(disk):
    log, first_s = make_calibration(beamtime)
    twin = Twin(*beamtime, '--records', 'synthesised', '--clock', 'injected', '--block', str(BLOCK_S), '--start', '2026-03-02T09:00:00', '--idle', '--await',
                str(SUBSCRIPTIONS), '--queue', '100000')
    hung = HungFile('late.h5')
    kept = [Kept(e, disk, twin, calibration) for e, calibration in zip(ENGINES, (f'{folder}/cal.h5', hung.path))]
    try:
        beam = Beam(Rpc(twin.control), [k.run for k in kept], log, first_s)
        beam.kept = kept
        begin_on_hung_disk(beam, disk, hung)
        hang(beam, disk)
        end_on_hung_disk(beam, disk)
        for k in kept:
            everything_is_there(k)
    finally:
        freeze(disk, False)
        for k in kept:
            k.run.process.kill()
        twin.end()


def hung_disk():
    try:
        play(disk)
    finally:
        freeze(disk, False)
        offspring.run(['umount', '-l', disk])


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))   # ended from outside, it still thaws and unmounts
disk = own_disk()
if disk is None:
    print('skipped: no file system can be mounted here')
    shutil.rmtree(folder)
    sys.exit(77)
run_all(hung_disk)
