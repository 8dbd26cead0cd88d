#!/usr/bin/python3
"""What may happen in the middle of a scan: the source stops and comes back, with a frame counter that begins anew or goes on; the acquisition's clock is set forward or
back, also while the source is away; tesd run is killed and comes back, the clock set back meanwhile. By the twin's injected clock; what tesd run makes of it is what replay
makes of the files, and where nobody wrote files what the journal had, each record once. Loopback and free ports only."""
import concurrent.futures, glob, json, os, re, sys, time
import h5py, numpy, zmq

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tool'))
import offspring
from live_pair import SLOW, SUBSCRIPTIONS, Beam, Daemon, Rpc, Twin, check, folder, make_calibration, run_all, tesd

PIXELS = 3
beamtime = ['--pixels', str(PIXELS), '--bad-fraction', '0', '--samples', '256', '--presamples', '64', '--rate', '30', '--calibration-s', '12', '--edges', 'o', '--conditions', 'a', '--scans', '1',
            '--points', '8', '--dwell', '1', '--noise-records', '100', '--seed', '7']
log, first_s = make_calibration(beamtime)


class Session:
    """A twin, a tesd run and its alarms."""

    def __init__(self, name, until_s=None, settings={}, **twin_settings):
        self.name, self.written, self.settings = name, f'{folder}/{name}', settings
        more = [w for k, v in twin_settings.items() for w in ('--' + k.replace('_', '-'), str(v))]
        self.twin = Twin(*beamtime, '--records', 'synthesised', '--clock', 'injected', '--block', '0.2', '--start', '2026-03-02T09:00:00', '--write', self.written, '--idle', '--await',
                         str(SUBSCRIPTIONS), '--queue', '100000', *more)
        self.begin(name)
        self.beam = Beam(Rpc(self.twin.control), [self.run], log, first_s)
        self.beam.rpc.good('SourceControl.Start', 'SimPulseSource')
        self.beam.reaches(until_s or self.beam.middle_s)

    def begin(self, name):
        self.run = Daemon(name, self.twin, calibration={'file': f'{folder}/cal.h5'}, output={'folder': f'{folder}/{self.name}_out'}, ingest={'block_s': 1}, scan={'late_photon_s': 60},
                          **self.settings)
        self.alarms = zmq.Context.instance().socket(zmq.SUB)
        self.alarms.subscribe(b'alarm/')
        self.alarms.connect(f'tcp://127.0.0.1:{self.run.stream}')
        self.run.hears()

    def alarm(self, code):
        end = time.monotonic() + 20 * SLOW
        while time.monotonic() < end:
            if self.alarms.poll(100):
                said = [a for a in json.loads(self.alarms.recv_multipart()[1])['alarms'] if a['code'] == code]
                if said:
                    return said[0]['text']
        return None

    def finish(self, n_runs=1):
        """Figures once all records are rows, the files of the runs, and replay of what the acquisition wrote."""
        self.beam.reaches(self.beam.end_s - self.beam.set_s + 2)
        self.beam.rpc.call('SourceControl.Stop', '')   # unless the beamtime is over, as it is when a clock was set back
        for k in range(n_runs):
            self.run.wait_message(f'_run{k:04d}.nxs')
        figures = self.run.figures()
        self.run.ask_losses()
        check(self.run.end() == 0, f'{self.name}: ends with 0')
        served = int(re.search(r'served (\d+) records', self.twin.end()[1])[1])
        check(figures['tesd_rows_total'] == served and figures['tesd_records_lost_upstream'] == 0 and figures['tesd_records_duplicate_total'] == 0,
              f'{self.name}: {figures["tesd_rows_total"]:.0f} rows of {served} records; {figures["tesd_records_lost_upstream"]:.0f} lost, {figures["tesd_records_duplicate_total"]:.0f} taken for another: '
              f'{[l for l in self.run.messages().splitlines() if " sent " in l]}')
        files = [glob.glob(f'{folder}/{self.name}_out/*/{k:04d}/*_run????.nxs')[0] for k in range(n_runs)]
        for path in files:
            self.every_photon_is_where_its_stamp_is(path)
        return figures, files

    def every_photon_is_where_its_stamp_is(self, path):
        with h5py.File(path) as f:
            rows = {k: f[f'entry/photons/{k}'][()] for k in ('time_ns', 'scan', 'point')}
            scan = next(f['entry'][k] for k in f['entry'] if k.startswith('scan_'))
            start, end = scan['start_ns'][()], scan['end_ns'][()]
        k = numpy.clip(numpy.searchsorted(start, rows['time_ns'], 'right') - 1, 0, None)
        point = numpy.where((rows['time_ns'] >= start[k]) & (rows['time_ns'] < end[k]), k, -1)
        inside = rows['scan'] >= 0
        check(inside.sum() > 50 and (rows['point'][inside] == point[inside]).all() and (point[~inside] == -1).all(), f'{self.name}: {inside.sum()} photons of the scan, each in the point of its stamp')

    def replay(self, runs):
        made = f'{folder}/{self.name}_{runs[0]}.nxs'
        offspring.run([tesd, 'replay', *(f'{self.written}/20260302/{k:04d}' for k in runs), '--logs', os.path.dirname(log), '--calibration', f'{folder}/cal.h5', '-o', made, '-q'], check=True, capture_output=True)
        return made


def products(path):
    """Everything made of records; photons by pixel, time and frame. Without what the log alone has, or knows by another name."""
    out = {}
    with h5py.File(path) as f:
        f.visititems(lambda name, item: out.update({name: item[()]}) if isinstance(item, h5py.Dataset) and
                     name.startswith(('entry/photons/', 'entry/scan_', 'entry/rixs_', 'entry/pfy_', 'entry/pixels/')) and not re.search('/(extra_.*|tempK|log_name)$', name) else None)
    order = numpy.lexsort((out['entry/photons/frame'], out['entry/photons/time_ns'], out['entry/photons/pixel']))
    return {k: v[order] if k.startswith('entry/photons/') else v for k, v in out.items()}


def shorter(have, want):
    """As many points of it as the other has before its last, which the run's end cut short."""
    n = len(have['entry/scan_0001/photons']) - 1
    cut = lambda v, points: v if v.ndim == 0 else v[:n] if v.shape[0] == points else v[:, :n] if v.ndim > 1 and v.shape[1] == points else v
    return [{k: cut(v, len(d['entry/scan_0001/photons'])) for k, v in d.items() if k != 'entry/pixels/live_time_s' and 'entry/photons/' not in k or k.split('/')[-1] in ('frame', 'time_ns', 'height', 'energy_eV', 'cuts')}
            for d in (have, want)]


def check_same(name, live, replayed, cut_short=False):
    a, b = products(live), products(replayed)
    if cut_short:
        a, b = shorter(a, b)
    differs = sorted(k for k in a.keys() | b.keys() if k not in a or k not in b or a[k].tobytes() != b[k].tobytes())
    check(not differs, f'{name}: {len(a["entry/photons/frame"])} rows, maps and live times are those of a replay, the same bytes: {differs}')


def scan_has_the_rows_of_its_run(name, run_file, least, maps=True):
    """The scan's own file has the rows that the run's file has of it, in the same points, with the same grades, grade times and maps (its live times are not yet weighted by the
    sensitivities of the pixels, which the run's end tells). A run that begins in mid-scan (maps False) has maps of the whole scan as it is published, and other grades of its first rows."""
    made = glob.glob(os.path.join(os.path.dirname(run_file), '*_scan????.nxs'))
    columns = ('pixel', 'frame', 'time_ns', 'point', 'incident_eV', *(['height', 'energy_eV', 'cuts', 'grade'] if maps else []))
    have, others = [], []
    for path in made + [run_file]:
        with h5py.File(path) as f:
            rows = numpy.rec.fromarrays([f[f'entry/photons/{k}'][()] for k in columns], names=columns)[f['entry/photons/scan'][()] >= 0]
            have.append(rows[numpy.lexsort((rows.time_ns, rows.frame, rows.pixel))])
            found = {}
            f.visititems(lambda n, item: found.update({n: item[()]}) if isinstance(item, h5py.Dataset) and re.search('/(scan_.*/(start_ns|end_ns|photons|moving|grade_time_ns)|(rixs|loss|pfy)_.*/counts)$', n) else None)
            others.append(found)
    check(len(made) == 1 and len(have[0]) == len(have[-1]) > least, f'{name}: {[os.path.basename(m) for m in made]}: {[len(h) for h in have[:-1]]} rows, of {len(have[-1])} that the run\'s file has of the scan')
    check(have[0].tobytes() == have[-1].tobytes(), f'{name}: the same ones: {[c for c in columns if have[0][c].tobytes() != have[-1][c].tobytes()]}')
    other = sorted(k for k in others[0].keys() | others[-1].keys() if k not in others[0] or k not in others[-1] or others[0][k].tobytes() != others[-1][k].tobytes())
    if maps:
        check(not other, f'{name}: and points, grade times, maps: {other}')


def writing_stops(name, later_s, goes_on):
    """The acquisition stops writing in mid-scan, in a point or between two, and sends on, or nothing more comes."""
    s = Session(name)
    s.beam.goes_on(later_s)
    s.beam.rpc.good('SourceControl.WriteControl', {'Request': 'Stop'})
    if goes_on:
        s.beam.goes_on(2)
    s.run.wait_message('_run0000.nxs')
    s.beam.reaches(s.beam.end_s + 2)
    check(s.run.end() == 0, f'{name}: ends with 0')
    s.twin.end()
    check('are in no file' not in s.run.messages(), f'{name}: no row is said to be lost')
    scan_has_the_rows_of_its_run(name, glob.glob(f'{folder}/{name}_out/*/0000/*_run0000.nxs')[0], 200)


def source_comes_back(name, goes_on, set_s=0):
    s = Session(name, frames_go_on=int(goes_on))
    s.beam.rpc.good('SourceControl.Stop', '')
    late = s.run.wait_figure(lambda f: f['tesd_source_running'] == 0 and f['tesd_scanning'] == 1 and f['tesd_rows_total'] >= f['tesd_records_received_total'])['tesd_photons_late_total']
    s.beam.clock_is_set(set_s)
    s.beam.goes_on(0.6)
    s.beam.rpc.good('SourceControl.Start', 'SimPulseSource')
    figures, files = s.finish(2)   # the acquisition begins another run
    check(figures['tesd_frame_restarts_total'] == (0 if goes_on else PIXELS), f'{name}: {figures["tesd_frame_restarts_total"]:.0f} restarts of the frame counter')
    if set_s == 0:
        check(figures['tesd_stamp_steps_total'] == 0 and figures['tesd_photons_late_total'] == late, f'{name}: no clock was set, nothing came too late')
    with h5py.File(files[0]) as f, h5py.File(files[1]) as g:
        first, second = (h[next(f'entry/{k}/photons' for k in h['entry'] if k.startswith('scan_'))][()] for h in (f, g))
    check(first[0] > 0 and second[-1] > 0, f'{name}: photons of the points before and after: {first.tolist()}, {second.tolist()}')
    scan_has_the_rows_of_its_run(f'{name}, first run', files[0], 20)
    scan_has_the_rows_of_its_run(f'{name}, second run', files[1], 20, maps=False)
    for k in range(2):
        check_same(f'{name}, run {k}', files[k], s.replay([k]), cut_short=k == 0)


def clock_is_set(name, by_s, at_s=None):
    s = Session(name, at_s)
    s.beam.clock_is_set(by_s)
    s.beam.goes_on(0.6)
    text = s.alarm('clock_set')
    check(text is not None and f'{"forward" if by_s > 0 else "back"} by {abs(by_s):.3f} s' in text, f'{name}: it is told: {text}')
    figures, files = s.finish()
    check(figures['tesd_stamp_steps_total'] == PIXELS and figures['tesd_frame_restarts_total'] == 0, f'{name}: seen once in every pixel: {figures["tesd_stamp_steps_total"]:.0f}')
    check_same(name, files[0], s.replay([0]))


def rows_of(path):
    """Pixel, frame, stamp, height, energy and cuts of every row of a file, in order; photons of its scans."""
    with h5py.File(path) as f:
        columns = {k: f[f'entry/photons/{k}'][()] for k in ('pixel', 'frame', 'time_ns', 'height', 'energy_eV', 'cuts')}
        scans = {k: f[f'entry/{k}/photons'][()].sum() for k in f['entry'] if k.startswith('scan_')}
    rows = numpy.rec.fromarrays(columns.values(), names=list(columns))
    return rows[numpy.lexsort((rows.time_ns, rows.frame, rows.pixel))], scans


def daemon_comes_back(name, by_s, follows, port_first=False):
    """In the middle of the run: killed where files tell the rest, before the port says anything or after; ended where nobody has what is sent meanwhile, and the run's file says
    so by a gap."""
    s = Session(name, settings={'follow': {'mode': 'fill'}} if follows else {})
    had = s.run.wait_figure(lambda f: f['tesd_scanning'] == 1 and f['tesd_journal_accepted_total'] >= f['tesd_rows_total'] >= f['tesd_records_received_total'] - f['tesd_records_duplicate_total'] > 0)['tesd_rows_total']
    time.sleep(1)   # what the journal has not written yet is lost by a kill, and so would be the scan
    if follows:
        s.run.process.kill()
        s.run.process.wait()
        before = 0
    else:
        check(s.run.end() == 0, f'{name}: ends with 0')
        scan_has_the_rows_of_its_run(f'{name}, ended', glob.glob(f'{folder}/{name}_out/*/0000/*_run0000.nxs')[0], 20)
        before = len(rows_of(glob.glob(f'{folder}/{name}_out/*/0000/*_run0000.nxs')[0])[0])
    s.beam.links = []
    s.beam.clock_is_set(by_s)
    s.beam.goes_on(1)
    files, aside = f'{s.written}/20260302/0000', f'{s.written}/aside'
    if port_first:
        os.rename(files, aside)   # the acquisition writes on, but nobody finds them
    s.begin(f'{name}_again')
    s.run.wait_figure(lambda f: f['tesd_pixels'] == PIXELS)
    if port_first:   # of the clock's new times
        s.beam.goes_on(0.4)
        s.run.wait_figure(lambda f: f['tesd_rows_total'] >= 10)
        os.rename(aside, files)
    if follows:   # of the clock's old times
        s.run.wait_figure(lambda f: f['tesd_rows_total'] >= had)
    s.beam.links = [Rpc(s.run.control)]
    s.beam.scan_again(2)
    s.beam.reaches(s.beam.end_s - by_s + 2)
    s.beam.rpc.call('SourceControl.Stop', '')
    s.run.wait_message('_run0000.nxs')
    figures = s.run.figures()
    check(s.run.end() == 0, f'{name}: and once more')
    served = int(re.search(r'served (\d+) records', s.twin.end()[1])[1])
    path = glob.glob(f'{folder}/{name}_out/*/0000/*_run0000.nxs')[0]
    rows, scans = rows_of(path)
    replayed, _ = rows_of(s.replay([0]))
    check(figures['tesd_records_lost_upstream'] == 0, f'{name}: no loss is told that was none')
    check(len(scans) == 2 and all(n > 20 for n in scans.values()), f'{name}: photons of the scan before and of the one after: {scans}')
    if follows:
        check(figures['tesd_rows_total'] == served == len(replayed) == len(rows), f'{name}: {figures["tesd_rows_total"]:.0f} rows of {served} records, {len(rows)} in the file, {len(replayed)} in the replay')
        check(rows.tobytes() == replayed.tobytes(), f'{name}: with the same heights, energies and cuts')
    else:
        check(before > 500 and len(rows) == before + figures['tesd_rows_total'] and 0 < served - len(rows) < 400, f'{name}: {before} rows and {figures["tesd_rows_total"]:.0f} are {len(rows)}; of {served} records the others came while nobody was there')
        found = numpy.isin(replayed[['pixel', 'frame', 'time_ns']].astype('u2,i8,i8'), rows[['pixel', 'frame', 'time_ns']].astype('u2,i8,i8'))
        check(found.sum() == len(rows), f'{name}: each of them is a record of the files, and none is there twice')
        check(f'{before} records and 1 scans of it' in s.run.messages(), f'{name}: and it is said')


cases = [(writing_stops, 'stops', 0.7, True), (writing_stops, 'falls_silent', 0.7, False), (writing_stops, 'between', 1.1, True), (writing_stops, 'between_silent', 1.1, False),
         (source_comes_back, 'anew', False), (source_comes_back, 'on', True), (source_comes_back, 'anew_back', False, -3), (clock_is_set, 'forward', 2.37), (clock_is_set, 'back', -2), (clock_is_set, 'before_run', -7, first_s + 4),
         (daemon_comes_back, 'files_first', -2, True), (daemon_comes_back, 'port_first', -2, True, True), (daemon_comes_back, 'journal', -2, False)]


def test_interruptions():
    """Each with a twin and a daemon of its own, all at once."""
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        for done in [pool.submit(*c) for c in cases]:
            done.result()


if len(sys.argv) > 1:
    cases = [c for c in cases if c[1] in sys.argv]

run_all(test_interruptions)
