#!/usr/bin/python3
"""tesd run's port 4000 played by a client that knows the scan server's protocol alone, against the twin of DASTARD: a run in SPEC's order and one in
ophyd's, a connection for each call; every count it was told is that of the run's file; logs are where and as the old server wrote them; twenty
clients at once and rubbish on the port change nothing. Loopback and free ports only."""
import glob, json, os, re, shutil, socket, subprocess, sys, tempfile, threading, time
import h5py, numpy
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
from free_ports import free_port

tesd = os.environ.get('TESD', 'build/tesd')
SLOW = 10 if 'san-' in tesd else 1
folder = tempfile.mkdtemp(prefix='tesd-scan-')
failures, begun = [], time.monotonic()
beamtime = ['--pixels', '4', '--samples', '256', '--presamples', '64', '--rate', '40', '--calibration-s', '40', '--edges', 'o', '--conditions', 'a', '--feature', '0.1',
            '--scans', '1', '--points', '12', '--dwell', '0.5', '--noise-records', '300', '--seed', '7']


def check(good, what):
    print(('ok      ' if good else 'FAILED  ') + what + f' ({time.monotonic() - begun:.1f} s)', flush=True)
    if not good:
        failures.append(what)
    return good


def start_twin():
    p = subprocess.Popen([tesd, 'simulate', '--serve', 'tcp://127.0.0.1:*', *beamtime, '--records', 'synthesised', '--clock', 'real', '--write', f'{folder}/live', '--idle'],
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


def start_daemon(base, scan_port):
    with open(f'{folder}/tesd.yaml', 'w') as f:
        f.write(f'ingest:\n  port: {base}\n  block_s: 0.2\ncontrol:\n  scan_port: {scan_port}\n  wait_s: 20\n  user_folder: "{folder}/user"\n  beamtime: "b7"\n'
                f'stream:\n  endpoint: "tcp://127.0.0.1:{free_port()}"\ncalibration:\n  file: "{folder}/cal.h5"\noutput:\n  folder: "{folder}/out"\n')
    return subprocess.Popen([tesd, 'run', '-c', f'{folder}/tesd.yaml'], stderr=open(f'{folder}/run.log', 'w'))


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
    check(b.call('state') == 'file_open' and b.call('filename').endswith('.ljh'), f'a file is open: {b.call("filename")}')
    b.fails('this needs no_file', 'file_start')
    first = b.call('scan_num')
    b.call('calibration_start', 'mono', 'eV', 'mix', 'mixv1', *([] if ophyd else ['ssrl_10_1_mix_cal']))
    for k in range(2):
        b.call('scan_point_start', 1000.0 + k)
        b.call('scan_point_end')
    b.call('scan_end', _try_post_processing=False)
    # Edges between lines: in a run's first seconds its baseline is still being found, while the live one has been followed for longer.
    b.call('roi_set', {'O': [450, 600], 'all of it': [200, 960]})
    told[first + 1] = []
    new_order = lambda: b.call('scan_start', 'mono', 'eV', 3, 'sample A', {'start_energy': 528})
    old_order = lambda: b.call('scan_start', 'mono', 'eV', first + 1, 3, 'sample A', {}, 'none')
    scan(b, new_order if ophyd else old_order, 5, 0.3, told[first + 1])
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


def check_logs(told):
    user = glob.glob(f'{folder}/user/beamtime_b7/*/scan*.json')
    beside = glob.glob(f'{folder}/live/*/*/logs/scan*.json')
    check(len(user) == len(beside) == 2 and len(glob.glob(f'{folder}/user/beamtime_b7/*/calibration*.json')) == 2, f'logs beside the run and for the user: {len(beside)}, {len(user)}')
    numbers = sorted(int(re.search(r'scan(\d+)\.json', p)[1]) for p in user)
    check(numbers == sorted(told), f'scans are counted through the day: {numbers}')
    with open(user[0]) as f:
        log = json.load(f)
    fields = {'var_name', 'var_unit', 'scan_num', 'beamtime_id', 'sample_id', 'sample_desc', 'extra', 'data_path', 'drift_correction_plan', 'user_output_dir', 'point_extras',
              'var_values', 'epoch_time_start_s', 'epoch_time_end_s', 'roi', '_ended', 'cal_number', 'calibration'}
    check(set(log) == fields and log['_ended'] and log['var_values'] == [528, 529, 530, 531, 532], f'a log has the fields of the old server: {set(log) ^ fields}')
    with open(glob.glob(f'{folder}/live/*/0001/*_experiment_state.txt')[0]) as f:
        states = f.read()
    check(all(re.search(rf'\b{w}', states) for w in ('CAL', 'SCAN', 'PAUSE', 'STOP')), f'labels reached the acquisition: {states.split()[-8:]}')


def crowd(b):
    """Twenty clients ask what they like, for a second."""
    wrong = []

    def client(k):
        end = time.monotonic() + 1
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


def main():
    subprocess.run([tesd, 'simulate', '-o', f'{folder}/files', *beamtime], check=True, capture_output=True)
    runs = sorted(glob.glob(f'{folder}/files/*/*'))
    subprocess.run([tesd, 'calibrate', runs[1], '--noise', runs[0], '-o', f'{folder}/cal.h5'], check=True, capture_output=True)
    twin, base, control = start_twin()
    scan_port = free_port()
    run = start_daemon(base, scan_port)
    b = Beamline(scan_port)
    try:
        def answers():
            try:
                return b.call('state') == 'no_file'
            except OSError:
                return False
        check(until(answers), 'the port answers')
        check(dastard(control, 'SourceControl.Start', 'SimPulseSource')['error'] is None, 'the source runs')
        time.sleep(2)
        stop = {'Request': 'Stop', 'Path': '', 'WriteLJH22': False, 'WriteOFF': False, 'WriteLJH3': False}
        check(dastard(control, 'SourceControl.WriteControl', stop)['error'] is None, 'the twin writes no longer, but knows where to')
        time.sleep(0.5)
        told = play(b, ophyd=False)
        told.update(play(b, ophyd=True))
        rubbish(b)
        b.call('file_start')
        crowd(b)
        b.call('set_noise_triggers')
        b.call('set_pulse_triggers')
        b.call('file_end')
        runs_made = lambda: sorted(glob.glob(f'{folder}/out/*/*/*_run????.nxs'))
        check(until(lambda: len(runs_made()) >= 4), f'the runs have their files: {runs_made()}')
        for path, number in zip(runs_made()[1:3], sorted(told)):
            compare({number: told[number]}, path)
        check_logs(told)
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
