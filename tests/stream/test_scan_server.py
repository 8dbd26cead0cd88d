#!/usr/bin/python3
"""tesd run's port 4000 played by a client that knows the scan server's protocol alone, against the twin of DASTARD: a run in SPEC's order and one in
ophyd's, a connection for each call; every count it was told is that of the run's file; logs are where and as the old server wrote them; twenty
clients at once and rubbish on the port change nothing. Then a run by the control port (doc/control.md): a REQ client is answered as on port 4000,
windows and axes are changed in the middle of a scan, and what is told is what the file holds. Loopback and free ports only."""
import glob, json, os, re, shutil, socket, subprocess, sys, tempfile, threading, time
import h5py, numpy, zmq
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import offspring
from free_ports import free_port

tesd = os.environ.get('TESD', 'build/tesd')
SLOW = 10 if 'san-' in tesd else 1
folder = tempfile.mkdtemp(prefix='tesd-scan-')
DWELL_S = 0.12
failures, begun = [], time.monotonic()
beamtime = ['--pixels', '4', '--samples', '256', '--presamples', '64', '--rate', '120', '--calibration-s', '16', '--edges', 'o', '--conditions', 'a', '--feature', '0.1',
            '--scans', '1', '--points', '12', '--dwell', '0.5', '--noise-records', '300', '--seed', '7']


def check(good, what):
    print(('ok      ' if good else 'FAILED  ') + what + f' ({time.monotonic() - begun:.1f} s)', flush=True)
    if not good:
        failures.append(what)
    return good


def start_twin():
    p = offspring.start([tesd, 'simulate', '--serve', 'tcp://127.0.0.1:*', *beamtime, '--records', 'synthesised', '--clock', 'real', '--write', f'{folder}/live', '--idle'],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    ports = re.match(r'records tcp://127\.0\.0\.1:(\d+)  status .*:(\d+)  summaries .*:(\d+)  control .*:(\d+)$', p.stdout.readline())
    return p, int(ports[1]) - 2, int(ports[4])


def dastard(port, method, argument):
    with socket.create_connection(('127.0.0.1', port), timeout=20) as s:
        s.sendall(json.dumps({'method': method, 'params': [argument], 'id': 1}).encode())
        return json.loads(s.makefile().readline())


class Beamline:
    """A connection for each call, one recv of 1024 bytes, as ophyd's client does it."""

    def __init__(self, port):
        self.port = port

    def raw(self, *pieces, pause=0.0, limit=1024):
        with socket.create_connection(('127.0.0.1', self.port), timeout=20 * SLOW) as s:
            for piece in pieces:
                s.sendall(piece)
                time.sleep(pause)
            return s.recv(limit)

    def call(self, method, *params, **kwargs):
        request = {'method': method, 'params': list(params), **({'kwargs': kwargs} if kwargs else {})}
        reply = json.loads(self.raw(json.dumps(request).encode()))
        if not reply['success']:
            raise RuntimeError(f'{method}: {reply["response"]}')
        return reply['response']

    def fails(self, said, method, *params):
        try:
            check(False, f'{method} should have failed: {self.call(method, *params)}')
        except RuntimeError as e:
            check(said in str(e), f'{method} is refused: {e}')


def start_daemon(base, scan_port, router, stream, metrics):
    with open(f'{folder}/tesd.yaml', 'w') as f:
        f.write(f'ingest:\n  port: {base}\n  block_s: 0.06\ncontrol:\n  scan_port: {scan_port}\n  router: "tcp://127.0.0.1:{router}"\n  wait_s: 20\n  user_folder: "{folder}/user"\n  beamtime: "b7"\n'
                f'stream:\n  endpoint: "tcp://127.0.0.1:{stream}"\n  photons: ""\ncalibration:\n  file: "{folder}/cal.h5"\noutput:\n  folder: "{folder}/out"\n'
                f'metrics:\n  port: {metrics}\n')
    return offspring.start([tesd, 'run', '-c', f'{folder}/tesd.yaml'], stderr=open(f'{folder}/run.log', 'w'))


def analysed(metrics):
    """Records, so far."""
    with socket.create_connection(('127.0.0.1', metrics), timeout=20 * SLOW) as s:
        s.sendall(b'GET /metrics HTTP/1.0\r\n\r\n')
        return float(re.search(r'\ntesd_rows_total (\S+)', s.makefile().read())[1])


def until(good, limit_s=30):
    end = time.monotonic() + limit_s * SLOW
    while time.monotonic() < end:
        if good():
            return True
        time.sleep(0.1)
    return False


def scan(b, start, n, dwell, told):
    """Points of a scan; the counts told at each."""
    start()
    for k in range(n):
        b.call('scan_point_start', 528 + k, None, {'i0': 1.5 + k, 'i0_sigma': 0.1})
        time.sleep(dwell)
        b.call('scan_point_end')
        told.append(b.call('roi_get_counts' if k % 2 else 'roi_save_counts'))
    b.call('scan_end')


def play(b, ophyd):
    """One run; counts of its scans by number."""
    told = {}
    b.call('file_start', f'{folder}/live', True, False) if ophyd else b.call('file_start')
    check(b.call('state') == 'file_open' and b.call('filename').endswith('_chan1.off'), f'a file is open: {b.call("filename")}')
    b.fails('this needs no_file', 'file_start')
    first = b.call('scan_num')
    b.call('calibration_start', 'mono', 'eV', 'mix', 'mixv1', *([] if ophyd else ['ssrl_10_1_mix_cal']))
    for k in range(2):
        b.call('scan_point_start', 1000.0 + k)
        time.sleep(DWELL_S)
        b.call('scan_point_end')
        counts = b.call('roi_get_counts', fast=True)   # ophyd's detector asks at every point, whatever is measured
        check(set(counts) == {'tfy'} and counts['tfy'] > 0, f'a point of a calibration has counts: {counts}')
    b.call('scan_end', _try_post_processing=False)
    b.fails('calibration.file freezes the calibration', 'calibration_learn_from_last_data')
    b.call('calibration_load_from_disk')
    check(b.call('calibration_state') == 'calibrated', 'the calibration that the config names is loaded')
    # Edges between lines: in a run's first seconds its baseline is still being found, while the live one has been followed for longer.
    b.call('roi_set', {'O': [450, 600], 'all of it': [200, 960]})
    told[first + 1] = []
    new_order = lambda: b.call('scan_start', 'mono', 'eV', 3, 'sample A', {'start_energy': 528})
    old_order = lambda: b.call('scan_start', 'mono', 'eV', first + 1, 3, 'sample A', {}, 'none')
    scan(b, new_order if ophyd else old_order, 5, DWELL_S, told[first + 1])
    b.fails('this needs scan_point', 'scan_point_end')
    b.call('file_end')
    return told


def compare(told, path):
    with h5py.File(path) as f:
        entry = f['entry']
        for number, counts in told.items():
            for name in 'O', 'all of it', 'tfy':
                have = [c[name] for c in counts]
                group = f'pfy_{number:04d}_{name.replace(" ", "_")}'
                if check(group in entry, f'{os.path.basename(path)} has {group}'):
                    check(have == list(entry[group]['counts'][()]), f'{group}: told {have}, in the file {list(entry[group]["counts"][()])}')
            check(sum(c['all of it'] for c in counts) > 50, f'scan {number} has {sum(c["all of it"] for c in counts)} counts')
            check(numpy.array_equal(entry[f'scan_{number:04d}/i0'][()], 1.5 + numpy.arange(len(counts))), 'I0 came along with the points')


def check_logs(told, router_scans):
    user = glob.glob(f'{folder}/user/beamtime_b7/*/scan*.json')
    beside = glob.glob(f'{folder}/live/*/*/logs/scan*.json')
    check(len(user) == len(beside) == 6 and len(glob.glob(f'{folder}/user/beamtime_b7/*/calibration*.json')) == 2, f'logs beside the run and for the user: {len(beside)}, {len(user)}')
    numbers = sorted(int(re.search(r'scan(\d+)\.json', p)[1]) for p in user)
    check(numbers == sorted([*told, *router_scans]), f'scans are counted through the day: {numbers}')
    with open(sorted(user)[0]) as f:
        log = json.load(f)
    fields = {'var_name', 'var_unit', 'scan_num', 'beamtime_id', 'sample_id', 'sample_desc', 'extra', 'data_path', 'drift_correction_plan', 'user_output_dir', 'point_extras',
              'var_values', 'epoch_time_start_s', 'epoch_time_end_s', 'roi', '_ended', 'cal_number', 'calibration'}
    check(set(log) == fields and log['_ended'] and log['var_values'] == [528, 529, 530, 531, 532], f'a log has the fields of the old server: {set(log) ^ fields}')
    with open(glob.glob(f'{folder}/live/*/0001/*_experiment_state.txt')[0]) as f:
        states = f.read()
    check(all(re.search(rf'\b{w}', states) for w in ('CAL', 'SCAN', 'PAUSE', 'STOP')), f'labels reached the acquisition: {states.split()[-8:]}')


def crowd(b):
    """Twenty clients ask what they like, for a moment."""
    wrong = []

    def client(k):
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            try:
                state, rois = b.call('state'), b.call('roi_get')
                if state != 'file_open' or 'tfy' not in rois:
                    wrong.append((state, rois))
            except (OSError, ValueError, RuntimeError) as e:
                wrong.append(repr(e))

    threads = [threading.Thread(target=client, args=(k,)) for k in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check(not wrong, f'twenty clients at once are served: {wrong[:3]}')


def rubbish(b):
    cases = [(b'GET / HTTP/1.1\r\n\r\n', b'JSON Parse Exception'), (b'\x00\x01\x02', b'JSON Parse Exception'), (b'{"method": "nope"}', b'does not exit'), (b'{"params": 3}', b'method key'),
             (b'{"method": "state", "params": {"a": 1}}', b'args must be a list'), (b'{' * 5000 + b'}' * 5000, b'JSON Parse Exception')]
    for sent, said in cases:
        got = b.raw(sent)
        check(said in got and len(got) < 1024, f'{sent[:30]!r}: {got[:80]!r}')
    check(json.loads(b.raw(b'{"method": "st', b'ate"}', pause=0.1))['success'], 'a request in two pieces')
    both = b.raw(b'{"method": "state"} {"method": "scan_str"}\n', pause=0.3, limit=4096)
    check(both.count(b'"success": true') == 2, f'two requests in one piece have two replies: {both!r}')
    idle = [socket.create_connection(('127.0.0.1', b.port)) for _ in range(80)]
    for s in idle[:70]:
        s.sendall(b'{"method": "sta')
    check(b.call('state') == 'no_file', 'connections left half open lock nobody out')
    for s in idle:
        s.close()


class Router:
    """A REQ client: `call` as on port 4000, `ask` for a whole reply and its frames."""

    def __init__(self, port):
        self.socket = zmq.Context.instance().socket(zmq.REQ)
        self.socket.linger = 0
        self.socket.rcvtimeo = 20000 * SLOW
        self.socket.connect(f'tcp://127.0.0.1:{port}')

    def ask(self, method, *params, **kwargs):
        self.socket.send(json.dumps({'method': method, 'params': list(params), 'kwargs': kwargs}).encode())
        reply, *frames = self.socket.recv_multipart()
        return json.loads(reply), frames

    def call(self, method, *params, **kwargs):
        reply, _ = self.ask(method, *params, **kwargs)
        if not reply['success']:
            raise RuntimeError(f'{method}: {reply["response"]}')
        return reply['response']


class Stream:
    """Newest states by topic, and every change that was told."""

    def __init__(self, port):
        self.socket, self.states, self.changes = zmq.Context.instance().socket(zmq.SUB), {}, []
        self.socket.linger = 0
        self.socket.subscribe(b'')
        self.socket.connect(f'tcp://127.0.0.1:{port}')

    def until(self, good, what, limit_s=10):
        end = time.monotonic() + limit_s * SLOW
        while time.monotonic() < end:
            if good():
                return check(True, what)
            if self.socket.poll(50):
                topic, header, *blobs = self.socket.recv_multipart()
                header = json.loads(header)
                if topic == b'control/' and not header['snap']:
                    self.changes.append(header['change'])
                self.states[topic.decode()] = header, {a['name']: numpy.frombuffer(blobs[a['blob']], a['dtype']).reshape(a['shape']) for a in header['arrays']}
        return check(False, what + f': {sorted(self.states)} {self.changes}')


def play_router(r, stream):
    """A run by the control port alone; windows and axes change in the middle of its scan. Counts told by point and window."""
    r.call('file_start')
    number = r.call('scan_num')
    r.call('roi_set', {'O': [450, 600]})
    r.call('scan_start', 'mono', 'eV', 3, 'sample B', {})
    points = 4
    for k in range(points):
        r.call('scan_point_start', 528 + k, None, {'i0': 1.5 + k})
        time.sleep(DWELL_S)
        r.call('scan_point_end')
        if k == 1:
            before = r.call('counts', wait_s=20)
            check(before['final'] and before['point'] == 1 and before['cal'] and before['grades']['O_522_525'] == [0] and 0 in before['grades']['O'] and before['i0'] == 2.5, f'counts with all that belongs to them: {before}')
            plain = r.call('roi_get_counts')
            check(all(plain[n] == before['counts'][n] for n in plain), f'which are those that port 4000 tells: {plain}')
            r.call('roi_set', {'O': [450, 600], 'all of it': [200, 960], 'later': [220, 700]})
            axes = r.call('axes_set', emission=[250, 950, 0.5])
            check(axes['emission'] == [250, 950, 0.5], f'axes of the running scan: {axes}')
            again = r.call('counts', number, 1)
            check(again['counts']['O'] == before['counts']['O'] and again['counts']['later'] > 0, f'the point has counts in a window that came after it: {again["counts"]}')
            check(r.call('calibration_use', 'cal2.h5') == 'cal2.h5', 'another calibration is chosen in the middle of the scan')
            other = r.call('counts', number, 1)
            check(other['cal'] != again['cal'] and sum(other['counts'].values()) > 0, f'and the scan is counted anew with it: {other}')
            refused, _ = r.ask('calibration_use', 'other.h5')
            check(not refused['success'] and 'filters' in refused['response'], f'not with other filters: {refused["response"]}')
    told = [r.call('counts', number, k, 20) for k in range(points)]
    r.call('scan_end')
    stream.until(lambda: stream.states.get('rixs/map/', ({'scan': -1},))[0].get('n_points') == points and stream.states['rixs/map/'][1]['counts'].shape == (points, 1400),
                 'the published map has the new axis, and all points')
    stream.until(lambda: 'pfy/later/' in stream.states, 'the new window is published')
    reply, frames = r.ask('snapshot', 'pfy/')
    topics = [t['topic'] for t in reply['response']['topics']]
    check('pfy/later/' in topics and sum(t['frames'] for t in reply['response']['topics']) == len(frames) and frames[0].decode() == topics[0], f'a snapshot: {topics}')
    check(r.call('calibration_use', 'cal2.h5') == 'cal2.h5' and r.call('calibration_list')['choices'] == ['cal.h5', 'cal2.h5', 'other.h5'], 'a calibration is chosen by its name')
    refused, _ = r.ask('calibration_use', '../cal.h5')
    check(not refused['success'], f'and by nothing else: {refused["response"]}')
    health = r.call('health')
    check(health['beamline']['state'] == 'file_open' and health['good_pixels'] > 0 and not health['disk']['journal']['failing'], f'health: {health}')
    with open(os.path.join(os.path.dirname(__file__), '../../doc/stream.md')) as f:
        example = json.loads(re.search(r'### `control/`\n.*?```json\n(.*?)```', f.read(), re.S)[1])
    example['loss_fraction'] = stream.states['control/'][0]['loss_fraction']
    got = {k: v for k, v in stream.states['control/'][0].items() if k not in ('sample', 'label', 'n_points', 'final_points')}   # there within a scan
    check(shape(got) == shape(example), f'a change is told as the document shows: {got}')
    check_document(r)   # behind the scan
    r.call('calibration_use', 'cal2.h5')   # which the document's example left
    r.call('file_end')
    stream.until(lambda: {'file_start', 'scan_start', 'roi_set', 'axes_set', 'calibration_use', 'file_end'} <= set(stream.changes), 'changes are told on the stream')
    return number, told


def play_oddities(r):
    """What should not pass in silence (doc/odd-scans.md), in one scan with energies going down; told counts and the scan's file."""
    def refused(said, method, *params):
        reply, _ = r.ask(method, *params)
        check(not reply['success'] and said in reply['response'], f'{method}{list(params)} is refused: {reply["response"]}')

    number, told = r.call('scan_num'), []
    r.call('scan_start', 'mono', 'eV', 3, 'odd', {})
    for k, extra in enumerate([None, {'i0': 0}, {'i0': -1.25}, {'i0': 2.0}, {'i0': 2.0}]):
        begin = r.call('scan_point_start', [535, 534, 533, 532, 532][k], None, extra)   # the fifth is the fourth once more
        if k == 1:
            refused('this needs scan', 'scan_point_start', 533)
            refused('this needs scan', 'scan_end')
            refused('ends before its start', 'scan_point_end', begin - 2)   # a clock that was set back
        time.sleep(DWELL_S)
        end = r.call('scan_point_end', *([begin + 2e-6] if k == 3 else []))   # too short for a photon
        told.append(r.call('counts', wait_s=20))
    refused('before the last one ended', 'scan_point_start', 531, end - 2)
    check(r.call('state') == 'scan', 'and the scan goes on')
    r.call('scan_point_start', 531, None, {'i0': 2.0})
    refused('this needs file_open', 'scan_start', 'mono', 'eV', 3, 'another', {})
    r.call('scan_point_end')   # given up in the middle: a point that has begun ends, then the scan
    r.call('scan_end')
    check(all(t['final'] for t in told) and told[3]['counts']['tfy'] == 0 and min(told[k]['counts']['tfy'] for k in (0, 1, 2, 4)) > 0, f'counts are told: {[t["counts"]["tfy"] for t in told]}')
    return number, [t['counts']['tfy'] for t in told]


def compare_oddities(odd, paths):
    number, told = odd
    for path in paths:
        with h5py.File(path) as f:
            g, scan = f[f'entry/pfy_{number:04d}_tfy'], f[f'entry/scan_{number:04d}']
            y, counts = g['yield'][()], g['counts'][()]
            what = os.path.basename(path)
            check(list(counts[:5]) == told and len(counts) == 6, f'{what}: every count is there: {list(counts)}')
            check(numpy.all(numpy.isnan(y[:3])) and numpy.isfinite(y[4]) and (numpy.isnan(y[3]) or y[3] == 0), f'{what}: no yield without I0, nor where it is zero or negative: {y}')
            check(list(scan['incident_eV'][()]) == [535, 534, 533, 532, 532, 531], f'{what}: energies as they were taken')


def play_repeats(r, stream):
    """The same scan twice: when the second is final they have been compared."""
    numbers = []
    for _ in range(2):
        numbers.append(r.call('scan_num'))
        r.call('scan_start', 'mono', 'eV', 3, 'sample B twice', {})
        for k in range(2):
            r.call('scan_point_start', 528 + k, None, {'i0': 2.0})
            time.sleep(DWELL_S)
            r.call('scan_point_end')
        r.call('scan_end')
    stream.until(lambda: 'consistency/' in stream.states, 'repeats are compared')
    said = stream.states.get('consistency/', ({'repeats': [], 'by_i0': None, 'sample': None},))[0]
    check([x['scan'] for x in said['repeats']] == numbers and said['by_i0'] is True and said['sample'] == 'sample B twice' and all(x['points'] == 2 for x in said['repeats']),
          f'by I0, each with the other: {said["repeats"]}')
    return numbers


def shape(value):
    """What kinds of JSON stand where; names of windows and texts are free, an absent i0 is null."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()} if not {'tfy'} & set(value) else 'by window'
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return 'number' if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def check_document(r):
    """Requests of doc/control.md, as they stand there, behind a scan: replies have the shape that the document shows."""
    with open(os.path.join(os.path.dirname(__file__), '../../doc/control.md')) as f:
        text = f.read()
    pairs = re.findall(r'```request\n(.*?)```\n```reply\n(.*?)```', text, re.S)
    check(len(pairs) >= 6, f'{len(pairs)} examples in the document')
    for request, reply in pairs:
        r.socket.send(request.encode())
        got, want = json.loads(r.socket.recv_multipart()[0]), json.loads(reply)
        name = json.loads(request)['method']
        check(shape(got) == shape(want), f'{name} is answered as the document says: {got}')
    listed = set(re.findall(r'`([a-zA-Z_0-9]+)`', text.split('## Methods of port 4000')[1].split('A method')[0])) | {m for line in re.findall(r'^### (.*)$', text, re.M) for m in re.findall(r'`(\w+)\(', line)}
    have = set(r.call('methods'))
    check(have == listed, f'the document lists the methods: {have ^ listed}')


def energies(path, number):
    """Of the scan's rows, by pixel and frame."""
    with h5py.File(path) as f:
        rows = f['entry/photons']
        mine = rows['scan'][()] == number
        return dict(zip(zip(rows['pixel'][mine].tolist(), rows['frame'][mine].tolist()), rows['energy_eV'][mine].tolist()))


def compare_choice(number, path):
    """The scan that was counted anew in the middle has, bit for bit, what the run's file has, made by the code of replay from the run's first record on. Files of the
    acquisition begin some records later or earlier, so a replay of them finds its baseline a little otherwise in the first seconds."""
    run = sorted(glob.glob(f'{folder}/live/*/*'))[-2]
    offspring.run([tesd, 'replay', run, '--calibration', f'{folder}/cal2.h5', '-o', f'{folder}/again.nxs', '-q'], check=True, capture_output=True)
    scan = energies(path.replace('.nxs', f'_scan{number:04d}.nxs'), number)
    for what, other, least_eV in ('the run\'s file', path, 0), ('a replay', f'{folder}/again.nxs', 0.5):
        there = energies(other, number)
        off_eV = max((0 if scan[k] == there[k] or scan[k] != scan[k] else abs(scan[k] - there[k]) for k in scan if k in there), default=9)
        check(len(scan) > 100 and scan.keys() == there.keys() and off_eV <= least_eV, f'{len(scan)} rows of the scan are those of {what}, energies differ by {off_eV:.3f} eV')


def other_calibrations():
    """One with the same filters and a curve that is 0.2 % higher, and one with another noise in its filters."""
    for name in 'cal2', 'other':
        shutil.copy(f'{folder}/cal.h5', f'{folder}/{name}.h5')
        with h5py.File(f'{folder}/{name}.h5', 'r+') as f:
            for table in f['tables'].values():
                table['curves/energy_eV'][...] = table['curves/energy_eV'][()] * 1.002
                table['lines/residual_eV'][...] = table['lines/residual_eV'][()] + 0.01
            for channel in f['channels'].values():
                if name == 'other' and 'model' in channel:
                    channel['model/noise_sigma'][...] = channel['model/noise_sigma'][()] * 1.1


def compare_router(number, told, path):
    compare_choice(number, path)
    with h5py.File(path) as f:
        entry = f['entry']
        for name in 'O', 'all_of_it', 'later', 'tfy':
            have = [t['counts'][name] for t in told]
            check(all(t['final'] for t in told) and have == list(entry[f'pfy_{number:04d}_{name}/counts'][()]), f'{name}: told {have}, in the file {list(entry[f"pfy_{number:04d}_{name}/counts"][()])}')
        check(entry[f'rixs_{number:04d}/counts'].shape == (4, 1400), f'the map has the axis that was set: {entry[f"rixs_{number:04d}/counts"].shape}')


def main():
    offspring.run([tesd, 'simulate', '-o', f'{folder}/files', *beamtime], check=True, capture_output=True)
    runs = sorted(glob.glob(f'{folder}/files/*/*'))
    offspring.run([tesd, 'calibrate', runs[1], '--noise', runs[0], '-o', f'{folder}/cal.h5'], check=True, capture_output=True)
    other_calibrations()
    twin, base, control = start_twin()
    scan_port, router, stream_port, metrics = (free_port() for _ in range(4))
    run = start_daemon(base, scan_port, router, stream_port, metrics)
    b = Beamline(scan_port)
    try:
        def answers():
            try:
                return b.call('state') == 'no_file'
            except OSError:
                return False
        check(until(answers), 'the port answers')
        check(dastard(control, 'SourceControl.Start', 'SimPulseSource')['error'] is None, 'the source runs')
        check(until(lambda: analysed(metrics) > 200), 'the first run has records')
        stop = {'Request': 'Stop', 'Path': '', 'WriteLJH22': False, 'WriteOFF': False, 'WriteLJH3': False}
        check(dastard(control, 'SourceControl.WriteControl', stop)['error'] is None, 'the twin writes no longer, but knows where to')
        time.sleep(0.2)
        told = play(b, ophyd=False)
        told.update(play(b, ophyd=True))
        rubbish(b)
        stream = Stream(stream_port)
        number, told_router = play_router(Router(router), stream)
        b.call('file_start')
        odd = play_oddities(Router(router))
        more = [odd[0], *play_repeats(Router(router), stream)]
        crowd(b)
        b.call('set_noise_triggers')
        b.call('set_pulse_triggers')
        b.call('file_end')
        check(dastard(control, 'SourceControl.Stop', '')['error'] is None, 'the source stops')   # or the last run's file would wait for what may still come
        runs_made = lambda: sorted(glob.glob(f'{folder}/out/*/*/*_run????.nxs'))
        check(until(lambda: len(runs_made()) >= 5), f'the runs have their files: {runs_made()}')
        for path, n in zip(runs_made()[1:3], sorted(told)):
            compare({n: told[n]}, path)
        compare_router(number, told_router, runs_made()[3])
        compare_oddities(odd, [runs_made()[4].replace('.nxs', f'_scan{odd[0]:04d}.nxs'), runs_made()[4]])
        check_logs(told, [number, *more])
        run.terminate()
        check(run.wait(timeout=60 * SLOW) == 0, 'SIGTERM ends it with 0')
    finally:
        for p in run, twin:
            p.kill()
        if failures:
            print(open(f'{folder}/run.log').read()[-3000:])
        if not os.environ.get('TESD_KEEP'):
            shutil.rmtree(folder, ignore_errors=True)
    print(f'{len(failures)} failures' if failures else 'all good')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
