#!/usr/bin/python3
"""tesd run as a service: readiness, watchdog, reload, statistics, drain, refusals; rubbish on every port under load; DASTARD that dies and comes back."""
import ctypes, json, os, random, signal, socket, struct, sys, threading, time
import zmq
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import offspring
from live_pair import Daemon, Twin, check, folder, free_port, run_all, tesd

load = ['--pixels', '12', '--bad-fraction', '0', '--samples', '128', '--presamples', '32', '--rate', '100', '--pool', '2']


def test_service():
    twin = Twin(*load)
    run = Daemon('service', twin, environment={'WATCHDOG_USEC': '600000'})
    run.wait_message('array of 12 channels')
    run.wait_figure(lambda f: f['tesd_rows_total'] > 500)
    since = len(run.heard)
    check(run.wait_for('STATUS=running, 12 pixels', since=since), 'STATUS= says how it goes')
    since, began = len(run.heard), time.monotonic()
    run.wait_for('WATCHDOG=1', since=since, times=5)
    took = time.monotonic() - began
    check(took > 0.6, f'five pings of the watchdog in {took:.1f} s: a few in each 0.6 s, not more')
    hung(run)
    reload(run)
    losses = run.losses(lambda l: len(l) == 12 and all(c['received'] > 0 for c in l.values()))
    check(len(losses) == 12 and all(c['lost'] == 0 for c in losses.values()), 'SIGUSR1 tells the counters of each channel')
    check(run.end() == 0 and any('STOPPING=1' in h for h in run.heard), 'SIGTERM: STOPPING=1, exit 0')
    check(run.messages().count(' error: ') == 2, 'no error was said but those of the bad config')
    twin.end()


def hung(run, seize=0x4206, interrupt=0x4207, detach=17, every_thread=0x40000000):
    """One thread that stands still (a debugger's hold on it) silences the watchdog, whatever the others do."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for name in ('tesd-ingest', 'tesd-book'):
        task = next(int(t) for t in os.listdir(f'/proc/{run.process.pid}/task') if open(f'/proc/{run.process.pid}/task/{t}/comm').read().strip() == name)
        if ptrace(seize, task, None, None) != 0:
            print(f'skipped: no hold on a thread here: {os.strerror(ctypes.get_errno())}')
            return
        ptrace(interrupt, task, None, None)
        os.waitpid(task, every_thread)
        since = len(run.heard)
        time.sleep(1)
        pings = sum('WATCHDOG=1' in h for h in run.heard[since:])
        ptrace(detach, task, None, None)
        check(pings <= 1, f'{name} hangs for 1 s: {pings} pings of the watchdog, where a period is 0.6 s')
        run.wait_for('WATCHDOG=1', since=len(run.heard), times=3)


def reload(run):
    since = len(run.heard)
    run.settings['scan'] = {'late_photon_s': 3}
    run.settings['ingest']['connections'] = 8
    run.write_config()
    run.process.send_signal(signal.SIGHUP)
    run.wait_message('scan.late_photon_s: taken over')
    run.wait_message('ingest.connections: needs a restart')
    run.wait_for('READY=1', since=since)
    said = ' '.join(run.heard[since:])
    check(said.find('RELOADING=1') < said.find('READY=1') and 'RELOADING=1' in said, 'RELOADING=1, then READY=1')
    with open(run.config, 'a') as f:
        f.write('nonsense:\n  key: 1\n')
    run.process.send_signal(signal.SIGHUP)
    run.wait_message('the settings in force stay')
    check(run.process.poll() is None, 'a bad config changes nothing')
    run.write_config()


def rubbish(port, until, counts):
    """A port scanner's, HTTP, random frames, a claim of 1 GiB, again and again, 20 times at the least."""
    dice, last = random.Random(port), time.monotonic() + 60
    while time.monotonic() < until or counts.get(port, 0) < 20 and time.monotonic() < last:
        try:
            s = socket.create_connection(('127.0.0.1', port), timeout=1)
            s.settimeout(0.2)
            s.sendall(dice.choice([b'GET / HTTP/1.0\r\n\r\n', b'\x00' * 64, dice.randbytes(dice.randrange(1, 2000)), b'{"method":' * 50, b'[' * 5000,
                                   b'\xff' + struct.pack('>Q', 1 << 30) + b'\x7f' + b'\x03\x00NULL' + bytes(46),
                                   json.dumps({'method': 'Scan.PointStart', 'params': [{'time_ns': 'x', 'incident_eV': []}], 'id': 1}).encode()]))
            try:
                s.recv(1000)
            except OSError:
                pass
            s.close()
            counts[port] = counts.get(port, 0) + 1
        except OSError:
            pass


class Babbler(threading.Thread):
    """A server whose record and status ports send rubbish among ten good channels' worth of names."""

    def __init__(self):
        super().__init__(daemon=True)
        self.base, self.stop, self.sent = free_port(3), False, 0
        context = zmq.Context.instance()
        self.status, self.records = context.socket(zmq.PUB), context.socket(zmq.PUB)
        self.status.linger = self.records.linger = 0
        self.status.bind(f'tcp://127.0.0.1:{self.base + 1}')
        self.records.bind(f'tcp://127.0.0.1:{self.base + 2}')

    def run(self):
        dice, topics = random.Random(5), ['STATUS', 'CHANNELNAMES', 'TRIGGER', 'WRITING', 'TRIGGERRATE', 'GROUPTRIGGER', 'STATELABEL', 'ALIVE', 'NONSENSE', '\x01', '']
        bodies = ['{}', '[]', 'null', '1e999', '{"Running":3}', '[1,2,3]', '{"Connections":{"x":[-1]}}', '"' + 'x' * 3000 + '"', '[' * 3000, '{"HiTime":"never","Duration":-1,"CountsSeen":{}}']
        while not self.stop:
            self.status.send_multipart([dice.choice(topics).encode(), dice.choice(bodies).encode()] + [b'z'] * dice.choice([0, 0, 0, 1]))
            self.status.send_multipart([b'CHANNELNAMES', json.dumps([f'chan{i}' for i in range(10)]).encode()])
            for _ in range(20):
                index, n = dice.randrange(0, 30), dice.randrange(0, 50)
                good = struct.pack('<HBBIIffqq', index, dice.choice([0, 0, 0, 1]), dice.choice([3, 3, 2, 9]), dice.randrange(0, 60), n, dice.choice([1e-5, 0, float('nan')]), 1, dice.getrandbits(62),
                                   dice.getrandbits(62))
                head = dice.choice([good, good, good[:dice.randrange(2, 36)], dice.randbytes(36)])
                self.records.send_multipart([head, dice.randbytes(2 * n + dice.choice([0, 0, 0, 1]))] + [b''] * dice.choice([0, 0, 0, 1]))
                self.sent += 1
            time.sleep(0.002)
        self.status.close()
        self.records.close()


def test_rubbish(seconds=float(os.environ.get('TESD_RUBBISH_S', 2))):
    twin = Twin(*load)
    run = Daemon('rubbish', twin)
    run.wait_figure(lambda f: f['tesd_rows_total'] > 100)
    counts, until = {}, time.monotonic() + seconds
    threads = [threading.Thread(target=rubbish, args=(port, until, counts)) for port in (run.control, run.metrics, run.stream)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    before = run.figures()
    after = run.wait_figure(lambda f: f['tesd_rows_total'] > before['tesd_rows_total'] + 100)
    check(all(n >= 20 for n in counts.values()) and len(counts) == 3, f'rubbish knocked at control, metrics and stream: {sorted(counts.values())} times')
    check(after['tesd_records_lost_upstream'] == 0 and after['tesd_records_overload_total'] == 0, 'nothing was lost meanwhile')
    check(run.end() == 0, 'and it ends well')
    twin.end()


def test_babbler(seconds=float(os.environ.get('TESD_RUBBISH_S', 1))):
    babbler = Babbler()

    class Fake:
        records = babbler.base + 2
    run = Daemon('babbler', Fake)
    babbler.start()
    run.wait_message('array of 10 channels')
    f = run.wait_figure(lambda f: f['tesd_messages_refused_total'] > 300 and f['tesd_status_refused_total'] > 50)
    time.sleep(seconds)
    f = run.figures()
    check(f['tesd_messages_refused_total'] > 300, f"{f['tesd_messages_refused_total']:.0f} messages refused, {f['tesd_records_received_total']:.0f} taken, {f['tesd_status_refused_total']:.0f} status messages refused")
    check(run.process.poll() is None and run.end() == 0, 'it lives, and ends well')
    babbler.stop = True
    babbler.join()


def test_return():
    """The source restarts, DASTARD dies and is back: frames begin anew, the array is the same, nothing is lost on our side."""
    twin = Twin(*load, '--clock', 'x4', '--restart-after', '4', '--vanish-after', '8', '--vanish-for', '6')
    run = Daemon('return', twin)
    run.wait_message('array of 12 channels')
    f = run.wait_figure(lambda f: f['tesd_frame_restarts_total'] >= 24)
    check(f['tesd_frame_restarts_total'] == 24, 'two restarts of the frame counter in each of 12 channels')
    rows = f['tesd_rows_total']
    f = run.wait_figure(lambda f: f['tesd_rows_total'] > rows + 200 and f['tesd_acquisition_heard'] == 1)
    check(f['tesd_acquisition_heard'] == 1 and f['tesd_records_overload_total'] == 0, 'heard again')
    check(run.end() == 0, 'ends well')
    twin.end()


def test_refusals():
    for text, code in (('ingest:\n  port: 70000\n', 2), ('follow:\n  mode: sometimes\n', 2), ('stream:\n  endpoint: tcp://0.0.0.0:1\n', 1), ('output:\n  folder: /proc/nowhere/x\n', 1)):
        with open(f'{folder}/bad.yaml', 'w') as f:
            f.write(text)
        r = offspring.run([tesd, 'run', '-c', f'{folder}/bad.yaml'], capture_output=True, text=True, timeout=20)
        check(r.returncode == code and r.stderr, f'{text.split()[-1]}: {r.stderr.splitlines()[0] if r.stderr else ""}')


run_all(test_refusals, test_service, test_rubbish, test_babbler, test_return)
