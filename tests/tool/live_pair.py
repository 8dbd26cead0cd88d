"""The twin of DASTARD and tesd run beside each other, for tests: free ports, a fake NOTIFY_SOCKET, messages, /metrics."""
import glob, json, os, re, select, shutil, signal, socket, sys, tempfile, threading, time
import offspring
from checks import check, conclusion, failures
from free_ports import free_port
from twin import SLOW, Rpc, Twin, tesd

SUBSCRIPTIONS = 1024                # of tesd run to the record port: a source that starts with them loses nothing to a late one
folder = tempfile.mkdtemp(prefix='tesd-run-')


class Daemon:
    """tesd run with its own ports, a fake NOTIFY_SOCKET and its messages."""

    def __init__(self, name, twin, environment=None, **settings):
        self.control, self.metrics, self.stream, self.config = free_port(), free_port(), free_port(), f'{folder}/{name}.yaml'
        self.settings = {'ingest': {'port': twin.records - 2, **settings.pop('ingest', {})}, 'control': {'port': self.control, 'scan_port': -1, 'router': '', **settings.pop('control', {})}, 'metrics': {'port': self.metrics},
                         'stream': {'endpoint': f'tcp://127.0.0.1:{self.stream}', 'photons': ''}, **settings}
        self.write_config()
        self.notes = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notes.bind(f'{folder}/{name}.notify')
        self.heard, self.listening = [], True
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()
        self.log = open(f'{folder}/{name}.log', 'w+')
        self.process = offspring.start([tesd, 'run', '-c', self.config], stderr=self.log, env={**os.environ, 'NOTIFY_SOCKET': f'{folder}/{name}.notify', **(environment or {})})
        self.wait_for('READY=1')

    def write_config(self):
        with open(self.config, 'w') as f:
            for section, values in self.settings.items():
                f.write(f'{section}:\n' + ''.join(f'  {k}: {json.dumps(v)}\n' for k, v in values.items()))

    def wait_for(self, text, limit_s=40, since=0, times=1):
        end = time.monotonic() + limit_s * SLOW
        while time.monotonic() < end and self.process.poll() is None:
            if sum(text in h for h in self.heard[since:]) >= times:
                return True
            time.sleep(0.02)
        check(False, f'{text} is told: {self.heard[-3:]} {self.messages()[-500:]}')
        return False

    def listen(self):
        while (ready := select.select([self.notes], [], [], 0.2 if self.listening else 0)[0]) or self.listening:
            if ready:
                self.heard.append(self.notes.recv(4096).decode())

    def messages(self):
        with open(self.log.name) as f:
            return f.read()

    def wait_message(self, text, limit_s=60, since=0):
        end = time.monotonic() + limit_s * SLOW
        while time.monotonic() < end:
            if text in self.messages()[since:]:
                return True
            time.sleep(0.05)
        check(False, f'"{text}" is said: {self.messages()[-600:]}')
        return False

    def figures(self):
        s = socket.create_connection(('127.0.0.1', self.metrics), timeout=10 * SLOW)
        s.sendall(b'GET /metrics HTTP/1.0\r\n\r\n')
        page = b''
        while more := s.recv(65536):
            page += more
        s.close()
        return {l.split()[0]: float(l.split()[1]) for l in page.decode().split('\r\n\r\n', 1)[1].splitlines() if l and l[0] != '#'}

    def wait_figure(self, good, limit_s=40):
        end = time.monotonic() + limit_s * SLOW
        while time.monotonic() < end:
            f = self.figures()
            if good(f):
                return f
            time.sleep(0.05)
        check(False, f'figures: {f}')
        return f

    def hears(self):
        """The source's state is known, so that its start is not missed: then every record is accounted for."""
        return self.wait_figure(lambda f: f['tesd_status_messages_total'] >= 3)

    def ask_losses(self):
        """Per channel, by SIGUSR1: the lines behind the sum, as many as it has by then."""
        before = len(self.messages())
        self.process.send_signal(signal.SIGUSR1)
        end, size = time.monotonic() + 10 * SLOW, -1
        while time.monotonic() < end:
            said = self.messages()[before:]
            if 'records received' in said and len(said) == size:
                break
            size = len(said)
            time.sleep(0.1)
        return {m[1]: dict(zip(('sent', 'received', 'lost', 'port', 'file', 'overload'), map(int, m.groups()[1:])))
                for m in re.finditer(r'(chan\d+) sent (\d+) received (\d+) lost (\d+) port (\d+) file (\d+) overload (\d+)', said)}

    def losses(self, good, limit_s=20):
        """The same as soon as it is as it should be, or as it is in the end."""
        end = time.monotonic() + limit_s * SLOW
        while not good(losses := self.ask_losses()) and time.monotonic() < end:
            continue
        return losses

    def end(self, limit_s=60):
        self.process.terminate()
        code = self.process.wait(timeout=limit_s * SLOW)
        self.listening = False
        self.listener.join()   # it takes what was told before the end
        return code


def finish():
    """Says what went wrong; the exit status."""
    if failures:
        for name in sorted(os.listdir(folder)):
            if name.endswith('.log'):
                print(open(f'{folder}/{name}').read()[-3000:])
    if not os.environ.get('TESD_KEEP'):
        shutil.rmtree(folder, ignore_errors=True)
    return conclusion()


beamtime = ['--pixels', '4', '--samples', '256', '--presamples', '64', '--rate', '40', '--calibration-s', '30', '--edges', 'o', '--conditions', 'a', '--feature', '0.1',
            '--scans', '1', '--points', '12', '--dwell', '0.5', '--noise-records', '300', '--seed', '7']


def make_calibration(arguments=beamtime):
    """Of the beamtime: FOLDER/cal.h5. Its scan's log, and when the run began."""
    offspring.run([tesd, 'simulate', '-o', f'{folder}/files', *arguments], check=True, capture_output=True)
    runs = sorted(glob.glob(f'{folder}/files/*/*'))
    offspring.run([tesd, 'calibrate', runs[1], '--noise', runs[0], '-o', f'{folder}/cal.h5'], check=True, capture_output=True)
    with open(glob.glob(f'{runs[1]}/*_experiment_state.txt')[0]) as f:
        first_s = int(f.read().splitlines()[1].split(',')[0]) * 1e-9
    return glob.glob(f'{runs[1]}/logs/scan*.json')[0], first_s


def feed(control, path, started, speed):
    """The scan's points as a scan server would tell them: each some 10 ms after it happened, on the twin's clock."""
    with open(path) as f:
        log = json.load(f)
    rpc, starts, ends = Rpc(control), log['epoch_time_start_s'], log['epoch_time_end_s']
    values, extras = log['var_values'], log['point_extras']
    first = starts[0] - 1
    def at(t):
        pause = started[0] + (t - started[1]) / speed + 0.01 - time.monotonic()   # late on a slow machine: the daemon waits, scan.late_photon_s
        time.sleep(max(pause, 0))
        return str(round(t * 1e9))
    rpc.good('Scan.Start', {'number': log['scan_num'], 'sample': log['sample_desc'], 'var_name': log['var_name'], 'var_unit': log['var_unit'], 'log_name': os.path.basename(path),
                            'time_ns': at(first)})
    for k, (a, b) in enumerate(zip(starts, ends)):
        i0 = extras[str(k)]
        rpc.call('Scan.PointStart', {'incident_eV': values[k], 'time_ns': at(a)})
        rpc.call('Scan.PointEnd', {'i0': i0['i0'], 'i0_sigma': i0['i0_sigma'], 'time_ns': at(b)})
    rpc.good('Scan.End', {'time_ns': at(ends[-1])})


class Beam:
    """A twin's injected clock, which goes on when it is told to, and the scan of that log as a scan server tells it to the daemons: of each moment when it is over."""
    STEP_S = 0.4

    def __init__(self, rpc, runs, log, first_s):
        self.rpc, self.now_s, self.set_s = rpc, first_s, 0   # set_s: by how much the clock was set
        self.links = [Rpc(run.control) for run in runs]
        with open(log) as f:
            log = json.load(f)
        starts, ends = log['epoch_time_start_s'], log['epoch_time_end_s']
        self.scan = {'number': log['scan_num'], 'sample': log['sample_desc'], 'var_name': log['var_name'], 'var_unit': log['var_unit'], 'log_name': f'scan{log["scan_num"]:04d}.json'}
        self.events = [(starts[0] - 1, 'Scan.Start', self.scan)]
        for k, (a, b, value) in enumerate(zip(starts, ends, log['var_values'])):
            i0 = log['point_extras'][str(k)]
            self.events += [(a, 'Scan.PointStart', {'incident_eV': value}), (b, 'Scan.PointEnd', {'i0': i0['i0'], 'i0_sigma': i0['i0_sigma']})]
        self.events.append((ends[-1], 'Scan.End', {}))
        self.middle_s, self.end_s = starts[len(starts) // 2], ends[-1]

    def goes_on(self, seconds):
        self.rpc.call('SimulatedClock.Advance', seconds)
        self.now_s += seconds
        while self.events and self.events[0][0] < self.now_s + self.set_s:
            at, verb, what = self.events.pop(0)
            for link in self.links:
                link.good(verb, {**what, 'time_ns': str(round(at * 1e9))})

    def scan_again(self, number):
        """What is left of the scan, as another one."""
        while self.events[0][1] == 'Scan.PointEnd':
            self.events.pop(0)
        self.events.insert(0, (self.now_s + self.set_s, 'Scan.Start', {**self.scan, 'number': number, 'log_name': f'scan{number:04d}.json'}))

    def reaches(self, at_s):
        while self.now_s < at_s:
            self.goes_on(self.STEP_S)

    def clock_is_set(self, later_s):
        self.rpc.good('SimulatedClock.Set', later_s)
        self.set_s += later_s


def run_all(*tests):
    try:
        for test in tests:
            begun = time.monotonic()
            test()
            print(f'---- {test.__name__}: {time.monotonic() - begun:.1f} s', flush=True)
    finally:
        code = finish()
    sys.exit(code)
