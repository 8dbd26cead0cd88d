#!/usr/bin/python3
"""What tesd run keeps while it runs: journal, files of scans, raw records. All of them agree with the run's own file; after kill -9 in the middle of
a scan they give what was there; on a disk that is filled to its last byte the service goes on, says so, resumes and accounts for the gap.
TESD_KILLS=50 kills that often (make soak). Loopback and free ports only."""
import glob, os, random, re, sys, time, types
import h5py, numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tool'))
import offspring
from live_pair import SUBSCRIPTIONS, Daemon, Rpc, Twin, beamtime, check, feed, folder, make_calibration, run_all, tesd
from nexus_readers import readers_accept

checker = os.path.join(os.environ.get('TESD_SHARED', os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../shared')), 'tools/check_nexus.py')


def accepted(path, what):
    if os.path.exists(checker):
        run = offspring.run(['/usr/bin/python3', checker, path], capture_output=True, text=True)
        check(run.returncode == 0, f'{what}: the checker is silent {run.stdout[:600]}')
    readers_accept(types.SimpleNamespace(check=check), path)


def start(name, speed=20, out=None, memory_MiB=96):
    """Half a second of patience for what is on its way: 10 s of data at 20 times the speed."""
    out = out or f'{folder}/{name}'
    twin = Twin(*beamtime, '--records', 'synthesised', '--clock', f'x{speed}', '--start', '2026-03-02T09:00:00', '--write', f'{folder}/live_{name}', '--idle',
                '--await', str(SUBSCRIPTIONS), '--queue', '100000')
    run = Daemon(name, twin, calibration={'file': f'{folder}/cal.h5'}, output={'folder': out}, record={'raw': True, 'flush_s': 0.1, 'memory_MiB': memory_MiB}, disk={'retry_s': 0.1},
                 journal={'flush_s': 0.05}, ingest={'block_s': min(speed / 2, 10)}, scan={'late_photon_s': 60})
    Rpc(twin.control).good('SourceControl.Start', 'SimPulseSource')
    return twin, run, f'{out}/20260302/0000', time.monotonic()


def recover(*inputs, to):
    made = offspring.run([tesd, 'recover', *inputs, '-o', to], capture_output=True, text=True)
    check(made.returncode == 0, f'tesd recover {os.path.basename(inputs[0])}: {made.stdout.strip()} {made.stderr.strip()[-400:]}')
    return made.stdout


def photons(path):
    with h5py.File(path) as f:
        d = {k: v[()] for k, v in f['entry/photons'].items()}
    order = numpy.lexsort((d['frame'], d['time_ns'], d['pixel']))
    return {k: v[order] for k, v in d.items()}


def keys(p):
    return list(zip(p['pixel'].tolist(), p['time_ns'].tolist(), p['frame'].tolist()))


def missing_since_its_first(whole, part):
    """Of every pixel the part should have all records from its first one on: what came before came before the run was told. How many it lacks."""
    missing = 0
    for pixel in set(part['pixel'].tolist()):
        times = part['time_ns'][part['pixel'] == pixel]
        mine = whole['time_ns'][whole['pixel'] == pixel]
        missing += numpy.count_nonzero(mine >= times[0]) - len(times)
    return missing


def test_all_agree(log, first_s):
    twin, run, kept, began = start('agree')
    feed(run.control, log, (began, first_s), 20)
    run.wait_message('_run0000.nxs')
    rows = len(photons(f'{kept}/20260302_run0000.nxs')['frame'])
    not_given = run.wait_figure(lambda f: f['tesd_rows_total'] >= rows)['tesd_raw_not_given_total']
    check(run.end() == 0, 'ends with 0')
    twin.end()
    whole, scan, journal = f'{kept}/20260302_run0000.nxs', glob.glob(f'{kept}/*_scan*.nxs'), f'{kept}/20260302_run0000.journal'
    check(len(scan) == 1 and os.path.exists(journal), f'a file for the scan and a journal are there: {sorted(os.listdir(kept))}')
    a = photons(whole)
    # the journal gives the run's file again, but for records that came before the word that the run had begun
    recover(journal, to=f'{folder}/recovered.nxs')
    accepted(f'{folder}/recovered.nxs', 'made from the journal')
    b = photons(f'{folder}/recovered.nxs')
    there = set(keys(b))
    same = numpy.array([k in there for k in keys(a)])
    check(set(keys(b)) <= set(keys(a)) and len(there) == len(b['frame']), f'{len(b["frame"])} of {len(a["frame"])} records are in the journal, each once')
    check(missing_since_its_first(a, b) == 0 and same.mean() > 0.5, f'{100 * same.mean():.2f} %: those missing came before the run was told')
    for k in ('energy_eV', 'height', 'cuts', 'arrival', 'scan', 'point', 'incident_eV'):
        check(a[k][same].tobytes() == b[k].tobytes(), f'journal: {k} has the same bytes')
    with h5py.File(whole) as f, h5py.File(f'{folder}/recovered.nxs') as g, h5py.File(scan[0]) as s:
        n = [k for k in f['entry'] if k.startswith('rixs_')][0][5:]
        m = [k for k in s['entry'] if k.startswith('rixs_')][0][5:]
        for k in ('rixs_{}/counts', 'pfy_{}_O/counts', 'scan_{}/photons', 'scan_{}/grade_time_ns'):
            x, y, z = f['entry'][k.format(n)][()], g['entry'][k.format(n)][()], s['entry'][k.format(m)][()]
            check(x.tobytes() == y.tobytes(), f'journal: {k} has the same bytes')
            check(x.shape == z.shape and (x == z).all(), f'scan file: {k} is the same ({x.sum()} and {z.sum()})')
        state = g['entry/process/state'][()]
        check(state == b'recovered', f'state {state}')
    accepted(scan[0], 'the file of the scan')
    # raw records: LJH that replay reads; the same heights
    raw = glob.glob(f'{kept}/*.ljh')
    check(len(raw) == 4, f'{len(raw)} raw files')
    offspring.run([tesd, 'replay', *raw, '--calibration', f'{folder}/cal.h5', '-o', f'{folder}/raw.nxs', '-q'], check=True, capture_output=True)
    r = photons(f'{folder}/raw.nxs')
    have = {k: i for i, k in enumerate(keys(a))}
    at = numpy.array([have.get(k, -1) for k in keys(r)])
    check(len(at) > 0.5 * len(a['frame']) and (at >= 0).all(), f'{len(at)} raw records, all of them known')
    check(missing_since_its_first(a, r) <= not_given, f'since the first {missing_since_its_first(a, r)} are left out; {not_given:.0f} are known to be')
    check(a['height'][at].tobytes() == r['height'].tobytes(), 'their heights are those of the run, byte for byte')
    with open(f'{kept}/20260302_run0000_recorded.txt') as f:
        counts = [line.split() for line in f if line[0] != '#' and not line.startswith('gap')]
    check(sum(int(c[2]) for c in counts) == len(at) and sum(int(c[3]) for c in counts) <= not_given, f'the account says the same: {counts}')


def scan_is_there(kept, points):
    """Of a killed run: the number of whole points of its scan file, or 0."""
    made = glob.glob(f'{kept}/*_scan*.nxs')
    if not made:
        check(points == 0, f'{points} points were final and there is no file')
        return 0
    recover(*made, to=f'{folder}/scan.nxs')
    accepted(f'{folder}/scan.nxs', 'the scan after the kill')
    with h5py.File(f'{folder}/scan.nxs') as f:
        n = sum(len(f['entry'][k]['photons']) for k in f['entry'] if k.startswith('scan_'))
    check(n >= points, f'{n} points are there; {points} were final')
    p = photons(f'{folder}/scan.nxs')
    check(len(set(keys(p))) == len(p['frame']), f'{len(p["frame"])} rows, none twice')
    return n


def test_killed(log, first_s):
    kills = int(os.environ.get('TESD_KILLS', 1))
    dice = random.Random(int(os.environ.get('TESD_SEED', 20260302)))
    for k in range(kills):
        twin, run, kept, began = start(f'killed{k}', speed=40 if kills > 1 else 20)
        pid = os.fork()
        if pid == 0:
            try:
                feed(run.control, log, (began, first_s), 40 if kills > 1 else 20)
            except (OSError, EOFError, ValueError):
                pass   # the daemon is gone
            os._exit(0)
        if kills > 1:
            time.sleep(dice.uniform(0.5, 2.4))
        else:   # in the middle of the scan
            run.wait_figure(lambda f: f['tesd_archive_points'] > 0)
        try:
            points = int(run.figures()['tesd_archive_points'])
        except (OSError, IndexError, KeyError):
            points = 0
        run.process.kill()
        run.process.wait()
        run.listening = False
        os.waitpid(pid, 0)
        twin.end()
        scan_is_there(kept, points)
        journal = f'{kept}/20260302_run0000.journal'
        if not os.path.exists(journal):
            print('killed before the run was told')
            continue
        said = recover(journal, to=f'{folder}/killed.nxs') if os.path.getsize(journal) > 8192 else 'its first block is not written yet'
        raw = glob.glob(f'{kept}/*.ljh')
        if raw and 'rows and' in said:
            offspring.run([tesd, 'replay', *raw, '--calibration', f'{folder}/cal.h5', '-o', f'{folder}/raw.nxs', '-q'], check=True, capture_output=True)
            p, r = photons(f'{folder}/killed.nxs'), photons(f'{folder}/raw.nxs')
            check(len(set(keys(p))) == len(p['frame']), f'kill {k + 1}: {len(p["frame"])} journalled photons, none twice; {len(r["frame"])} raw records')
            check(numpy.all(numpy.diff(r['frame'])[numpy.diff(r['pixel']) == 0] > 0), 'no raw record twice')


def fill():
    with open(f'{disk}/filler', 'ab', buffering=0) as f:
        n = 65536
        while n:
            try:
                f.write(b'\0' * n)
            except OSError:
                n //= 2


def test_full_disk(log, first_s):
    """In a user namespace, on a small tmpfs."""
    twin, run, kept, began = start('full', out=os.path.abspath(disk), memory_MiB=1)
    pid = os.fork()
    if pid == 0:
        feed(run.control, log, (began, first_s), 20)
        os._exit(0)
    for _ in range(2000):   # until the run is being kept
        if any(os.path.getsize(p) > 8192 for p in glob.glob(f'{kept}/*.journal')) and glob.glob(f'{kept}/*.ljh'):
            break
        time.sleep(0.01)
    fill()
    figures = run.wait_figure(lambda f: f['tesd_disk_failing'] > 0)
    check(figures['tesd_disk_failing'] > 0, f'the alarm is raised: {figures["tesd_disk_failing"]:.0f} of journal, archive and raw fail')
    before = figures['tesd_rows_total']
    figures = run.wait_figure(lambda f: f['tesd_rows_total'] > before + 1000 and f['tesd_raw_lost_total'] > 0)
    check(run.process.poll() is None and figures['tesd_rows_total'] > before, f'it analyses on: {before:.0f} to {figures["tesd_rows_total"]:.0f} rows')
    os.unlink(f'{disk}/filler')
    figures = run.wait_figure(lambda f: f['tesd_disk_failing'] == 0)
    check(figures['tesd_disk_failing'] == 0, 'and is over when there is space again')
    os.waitpid(pid, 0)
    run.wait_message('_run0000.nxs')
    figures = run.figures()
    check(run.end() == 0, 'ends with 0')
    twin.end()
    said = recover(f'{kept}/20260302_run0000.journal', to=f'{folder}/full.nxs')
    lost = int(m[1]) if (m := re.search(r'(\d+) rows that the disk had not taken', said)) else 0
    check(lost == figures['tesd_journal_lost_total'], f'the journal knows of {lost} rows it lacks, and so does the service')
    accepted(f'{folder}/full.nxs', 'made from the journal')
    with open(f'{kept}/20260302_run0000_recorded.txt') as f:
        lines = [line.split() for line in f]
    gone, gaps = sum(int(w[3]) for w in lines if len(w) == 5 and w[0] != 'gap' and w[0] != '#'), sum(int(w[4]) for w in lines if w[0] == 'gap')
    refused, not_given = figures['tesd_raw_lost_total'], figures['tesd_raw_not_given_total']   # by the disk; by the ring before it, whose last may come too late to be told
    check(gone == gaps and 0 < refused <= gone <= refused + not_given,
          f'{gone} raw records are missing, {gaps} in {sum(w[0] == "gap" for w in lines)} gaps of the account; {refused:.0f} and {not_given:.0f} are known')
    raw = glob.glob(f'{kept}/*.ljh')
    offspring.run([tesd, 'replay', *raw, '--calibration', f'{folder}/cal.h5', '-o', f'{folder}/raw.nxs', '-q'], check=True, capture_output=True)
    p, r = set(keys(photons(f'{folder}/full.nxs'))), keys(photons(f'{folder}/raw.nxs'))
    refused = figures['tesd_records_overload_total']   # recorded, but not analysed: a machine too busy for the rate, which is counted
    check(len(set(r)) == len(r) and len(set(r) - p) <= refused, f'{len(r)} raw records of {len(p)} rows, none twice, {len(set(r) - p)} strange where {refused:.0f} were refused')
    scan = glob.glob(f'{kept}/*_scan*.nxs')
    accepted(sorted(scan)[-1], 'the file of the scan')
    print(f'lost: journal {lost}, archive {figures["tesd_archive_lost_total"]:.0f}, raw {figures["tesd_raw_lost_total"]:.0f}; scan files {len(scan)}')


def in_namespace():
    made = offspring.run(['unshare', '-Urm', 'true'], capture_output=True)
    if made.returncode != 0:
        print('skipped: no user namespace here, so no small disk to fill')
        return
    os.makedirs(f'{folder}/small')
    inner = offspring.run(['unshare', '-Urm', '--propagation', 'private', 'sh', '-c', f'mount -t tmpfs -o size=24m tesd {folder}/small && exec {" ".join(offspring.WITH_ME)} /usr/bin/python3 {os.path.abspath(__file__)} inner'],
                           env={**os.environ, 'TESD_SMALL': f'{folder}/small', 'TESD': os.path.abspath(tesd)}, capture_output=True, text=True)
    print(inner.stdout + inner.stderr)
    check(inner.returncode == 0, 'the disk that was filled')


inner = sys.argv[1:] == ['inner']
disk = os.environ['TESD_SMALL'] if inner else None
prepared = make_calibration()


def all_agree():
    test_all_agree(*prepared)


def killed():
    test_killed(*prepared)


def full_disk():
    test_full_disk(*prepared)


run_all(full_disk) if inner else run_all(all_agree, killed, in_namespace)
