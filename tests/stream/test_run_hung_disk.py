#!/usr/bin/python3
"""A disk that answers nobody when a run begins, in the middle of its scan, and when it ends: a file system on a loop device is frozen and thawed. Analysis goes on,
an alarm says so, and in the end nothing is missing. Skipped where no file system can be mounted. Loopback and free ports only."""
import glob, os, re, shutil, signal, subprocess, sys, time
import h5py

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tool'))
from live_pair import SUBSCRIPTIONS, Daemon, Rpc, Twin, beamtime, check, feed, folder, make_calibration, run_all, tesd

SPEED = 10


def own_disk():
    """None where that is not allowed."""
    image, at = f'{folder}/image', f'{folder}/disk'
    os.makedirs(at)
    with open(image, 'wb') as f:
        f.truncate(128 << 20)
    for command in (['mkfs.ext4', '-q', image], ['mount', '-o', 'loop', image, at]):
        if shutil.which(command[0]) is None or subprocess.run(command, capture_output=True).returncode != 0:
            return None
    return at


def freeze(at, frozen):
    return subprocess.run(['fsfreeze', '-f' if frozen else '-u', at], capture_output=True).returncode == 0


def begin_on_hung_disk(run, at, rpc):
    """The run's folder cannot be made, nor any file in it: rows are counted all the same, and wait."""
    before = run.wait_figure(lambda f: f['tesd_pixels'] == 4)['tesd_rows_total']
    check(freeze(at, True), 'the disk answers nobody when the run begins')
    rpc.good('SourceControl.WriteControl', {'Request': 'Start', 'Path': f'{folder}/live', 'WriteLJH22': True})
    f = run.wait_figure(lambda f: f['tesd_writing'] == 1 and f['tesd_rows_total'] > before + 500)
    check(f['tesd_rows_total'] > before + 500 and not os.path.exists(f'{at}/20260302'), f'{before:.0f} to {f["tesd_rows_total"]:.0f} rows, and no folder')
    check(freeze(at, False), 'and now it does')


def end_on_hung_disk(run, at, feeder):
    """It ends when the disk answers again; meanwhile the service lives."""
    os.waitpid(feeder, 0)
    check(freeze(at, True), 'the disk answers nobody when the run ends')
    run.wait_figure(lambda f: f['tesd_source_running'] == 0)
    run.wait_message('files that are to be made there wait')
    check('_run0000.nxs' not in run.messages(), 'its file is not begun')
    check(freeze(at, False), 'and now it does')
    run.wait_message('the disk answers again')


def hang(run, at):
    run.wait_figure(lambda f: f['tesd_journal_accepted_total'] > 0 and f['tesd_raw_accepted_total'] > 0)   # their files are there
    check(freeze(at, True), 'the disk answers nobody')
    before = run.figures()['tesd_rows_total']
    f = run.wait_figure(lambda f: f['tesd_journal_failing'] + f['tesd_raw_failing'] == 2 and f['tesd_rows_total'] > before + 500)
    check(f['tesd_journal_failing'] + f['tesd_raw_failing'] == 2, f'the alarm is raised: {f["tesd_disk_failing"]:.0f} of journal, archive and raw get no answer')
    check(f['tesd_rows_total'] > before + 500, f'it analyses on: {before:.0f} to {f["tesd_rows_total"]:.0f} rows')
    check(freeze(at, False), 'the disk answers again')
    f = run.wait_figure(lambda f: f['tesd_disk_failing'] == 0)
    check(f['tesd_disk_failing'] == 0, 'and the alarm is over')


def everything_is_there(run, kept):
    figures = run.figures()
    lost = {k: figures[f'tesd_{k}'] for k in ('journal_lost_total', 'archive_lost_total', 'raw_lost_total', 'kept_lost_total')}
    whole, journal = f'{kept}/20260302_run0000.nxs', f'{kept}/20260302_run0000.journal'
    check(run.end() == 0, 'ends with 0')
    with h5py.File(whole) as f:
        rows = len(f['entry/photons/frame'])
    with h5py.File(sorted(glob.glob(f'{kept}/*_scan*.nxs'))[-1]) as f, h5py.File(whole) as g:
        scan, run_scan = ([h['entry'][k]['photons'][()] for k in h['entry'] if k.startswith('scan_')][0] for h in (f, g))
    made = subprocess.run([tesd, 'recover', journal, '-o', f'{folder}/recovered.nxs'], capture_output=True, text=True)
    journalled = int(re.search(r'(\d+) rows and', made.stdout)[1])
    check(all(v == 0 for v in lost.values()), f'nothing was lost: {lost}')
    check(0.5 * rows < journalled < 1.1 * rows, f'{rows} rows in the file of the run, {journalled} in the journal, which begins when the run is told: with rows from just before it')
    check((scan == run_scan).all(), f'photons of the points: {scan.tolist()} in the file of the scan, {run_scan.tolist()} in that of the run')


def play(disk):
    log, first_s = make_calibration()
    twin = Twin(*beamtime, '--records', 'synthesised', '--clock', f'x{SPEED}', '--start', '2026-03-02T09:00:00', '--idle', '--await', str(SUBSCRIPTIONS),
                '--queue', '100000')
    run = Daemon('hung', twin, calibration={'file': f'{folder}/cal.h5'}, output={'folder': disk}, record={'raw': True, 'flush_s': 0.1}, disk={'retry_s': 0.1}, journal={'flush_s': 0.05},
                 ingest={'block_s': SPEED / 2}, scan={'late_photon_s': 60})
    run.hears()
    rpc, kept = Rpc(twin.control), f'{disk}/20260302/0000'
    rpc.good('SourceControl.Start', 'SimPulseSource')
    began = time.monotonic()
    begin_on_hung_disk(run, disk, rpc)
    feeder = os.fork()
    if feeder == 0:
        feed(run.control, log, (began, first_s), SPEED)
        os._exit(0)
    try:
        hang(run, disk)
        end_on_hung_disk(run, disk, feeder)
        run.wait_message('_run0000.nxs')
        everything_is_there(run, kept)
    finally:
        freeze(disk, False)
        run.process.kill()
        twin.end()


def hung_disk():
    try:
        play(disk)
    finally:
        freeze(disk, False)
        subprocess.run(['umount', '-l', disk])


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))   # ended from outside, it still thaws and unmounts
disk = own_disk()
if disk is None:
    print('skipped: no file system can be mounted here')
    shutil.rmtree(folder)
    sys.exit(77)
run_all(hung_disk)
