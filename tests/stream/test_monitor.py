"""`tesd monitor` against a publisher: what it prints is what was published, at 80 x 24 and at 200 x 60 in a terminal of its own; it sees a restart
and a silence, and gives the terminal back. The publisher is a ZeroMQ socket here, so that times and numbers are chosen."""
import fcntl, json, os, pty, select, signal, struct, subprocess, sys, termios, time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import numpy as np
import zmq
import offspring
from program import SLOW, TESD, Program

incident = np.linspace(520.0, 560.0, 81)
yields = np.exp(-((incident - 531) / 4) ** 2) + 0.1


def header(kind, boot, seq, arrays=(), **more):
    return {'v': 1, 'kind': kind, 'seq': seq, 'boot': boot, 'run': 'r', 'scan': 7, 'point': 80, 't_ns': '1603372047300000000', 'start_ns': '1603371671000000000', 'accum': 'cumulative',
            'sample': 'heated', 'label': 'SCAN7', 'n_points': 81, 'state': 'live', 'cal': 'CAL0', 'snap': False, 'lost': {'upstream': 12, 'queue': 0, 'rejected': 0},
            'loss_fraction': 0.000249, 'signal': '', 'axes': [], **more,
            'arrays': [{'name': n, 'role': 'aux', 'dtype': a.dtype.str, 'shape': list(a.shape), 'units': '', 'label': '', 'blob': k, 'codec': 'none'} for k, (n, a) in enumerate(arrays)]}


class Publisher:
    def __init__(self):
        self.socket = zmq.Context.instance().socket(zmq.XPUB)
        self.socket.xpub_verbose = 1
        self.endpoint = f'tcp://127.0.0.1:{self.socket.bind_to_random_port("tcp://127.0.0.1")}'
        self.boot, self.seq = 'boot-one', 1

    def send(self, topic, kind, arrays=(), **more):
        blobs = [np.ascontiguousarray(a).tobytes() for _, a in arrays]
        self.socket.send_multipart([topic.encode(), json.dumps(header(kind, self.boot, self.seq, arrays, **more)).encode(), *blobs])

    def say(self):
        """Everything once, as after a subscription."""
        self.send('hb/', 'hb', last={}, rates={'points': 0.8}, interval_ms=1000)
        counts = (100 * yields).astype('u4')
        self.send('pfy/O/', 'pfy', [('yield', yields), ('yield_errors', yields / 10), ('counts', counts), ('incident_energy', incident)], title='PFY O, heated, scan 7',
                  roi_eV=[505.0, 535.0])
        for k in range(3):
            self.send(f'pixel/{k}/', 'pixel', name=f'chan{2 * k + 1}', rate_per_s=3.25, verdict='good' if k else 'bad: no line C', reason='', lost=0)
        self.seq += 1

    def serve(self, seconds, until=lambda: False):
        end = time.monotonic() + seconds * SLOW
        while time.monotonic() < end and not until():
            if self.socket.poll(20):
                self.socket.recv()
                self.say()


def check_once(p, publisher):
    run = offspring.start([TESD, 'monitor', publisher.endpoint, '--once', '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    publisher.serve(10, lambda: run.poll() is not None)
    out, err = run.communicate(timeout=10 * SLOW)
    if not p.check(run.returncode == 0, f'--once --json ends well: {run.returncode} {err}'):
        return
    said = json.loads(out)
    pfy = said['pfy'][0]
    p.check(np.array_equal(pfy['yield'], yields) and np.array_equal(pfy['incident_energy'], incident), 'its spectrum is the published one bit for bit')
    p.check(said['lost']['upstream'] == 12 and said['sample'] == 'heated' and len(said['pixels']) == 3 and 0 <= said['silence_s'] < 5, 'run, losses and pixels are there')
    run = p.run('monitor', 'tcp://127.0.0.1:9', '--once', '--wait', '0.3')
    p.check(run.returncode == 1 and 'no stream there' in run.stderr, 'a port without a stream is said')
    run = p.run('monitor', 'no endpoint', '--once')
    p.check(run.returncode == 2 and 'tcp://127.0.0.1:5560' in run.stderr, f'a wrong endpoint is wrong use: {run.stderr.strip()}')


class Terminal:
    """The program on a pseudo-terminal, and the screen it draws: it writes lines from the top, so the last page is what stands after 'home'."""

    def __init__(self, columns, rows, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM='xterm', LC_ALL='C.UTF-8')
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
            os.execv(TESD, [TESD, 'monitor', *arguments])
        self.bytes = b''

    def read(self):
        while select.select([self.fd], [], [], 0)[0]:
            try:
                more = os.read(self.fd, 65536)
            except OSError:
                return
            if not more:
                return
            self.bytes += more

    def page(self):
        """Lines of the last whole page, without colours."""
        pages = [x for x in self.bytes.decode('utf-8', 'replace').split('\033[H') if x.rstrip().endswith('\033[J')]
        if not pages:
            return []
        text = pages[-1].split('\033[J')[0].replace('\033[K', '')
        for code in '\033[0m', '\033[1m', '\033[1;31m', '\033[2m':
            text = text.replace(code, '')
        return text.split('\r\n')


def check_terminal(p, publisher, columns, rows):
    t = Terminal(columns, rows, publisher.endpoint)
    publisher.serve(10, lambda: (t.read(), any('pixels: 2 of 3 good' in l for l in t.page()))[1])
    page = t.page()
    p.check(any('PFY O' in l and '531.00' in l for l in page) and any('12' in l and 'upstream' in l for l in page), f'{columns} x {rows}: spectrum and losses are shown')
    p.check(0 < len(page) <= rows and max(map(len, page)) <= columns, f'{columns} x {rows}: {len(page)} lines of at most {max(map(len, page), default=0)} characters')
    p.check(any('\u2588' * 3 in l for l in page) and not any('\033' in l for l in page), f'{columns} x {rows}: a curve is drawn')
    if columns == 80:
        publisher.boot, publisher.seq = 'boot-two', 1
        publisher.send('hb/', 'hb', last={}, rates={}, interval_ms=1000)
        end = time.monotonic() + 8 * SLOW
        while time.monotonic() < end and not any('SILENT' in l for l in t.page()):
            time.sleep(0.1)
            t.read()
        page = t.page()
        p.check(any('SILENT for' in l for l in page), 'a stream that stopped is said to be silent')
        p.check(not any('PFY O' in l for l in page), 'a restart of the program forgets what came before')
    os.write(t.fd, b'q')
    end = time.monotonic() + 5 * SLOW
    status = None
    while time.monotonic() < end and status is None:
        t.read()
        pid, code = os.waitpid(t.pid, os.WNOHANG)
        status = os.waitstatus_to_exitcode(code) if pid else None
        time.sleep(0.02)
    if status is None:
        os.kill(t.pid, signal.SIGKILL)
        os.waitpid(t.pid, 0)
    t.read()
    p.check(status == 0 and t.bytes.rstrip().endswith(b'\033[?1049l'), f'q leaves ({status}) and gives the screen back')
    os.close(t.fd)


def main():
    with Program() as p:
        publisher = Publisher()
        check_once(p, publisher)
        if os.path.exists('/dev/pts/ptmx'):
            for size in (80, 24), (200, 60):
                check_terminal(p, publisher, *size)
        else:
            print('skipped: what a terminal shows: no pseudo-terminals here')
        publisher.socket.close(0)
        return p.end()


if __name__ == '__main__':
    sys.exit(main())
