#!/usr/bin/python3
"""make soak: tesd run under load, by hand: how fast without loss on our side, what it costs beside the bare receive, how memory goes, how late
a record is in the published PFY. Figures are printed; nothing here passes or fails by an absolute time. With --long memory is judged: it is flat when what it
grows by in the second half is no more than twice its error, or is FLAT_MIB a minute at most, the error being less than KNOWN_MIB; else, or above MOST_MIB, the exit code is 1.
    soak.py [RATE ...] [--seconds S] [--turns N] [--long S] [--pixels N] [--points N] [--dwell S]"""
import argparse, glob, json, os, re, socket, statistics, subprocess, sys, tempfile, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tool'))
import offspring
from free_ports import free_port

tesd = os.environ.get('TESD', 'build/tesd')
here = os.path.dirname(tesd) + '/tests/bench/'
TICK_S = 0.5   # between two looks at memory
FLAT_MIB, KNOWN_MIB, MOST_MIB = 0.1, 1, 400e6 / 2**20
arguments = argparse.ArgumentParser()
arguments.add_argument('rates', nargs='*', type=float, default=[24000, 100000])
arguments.add_argument('--seconds', type=float, default=8)
arguments.add_argument('--turns', type=int, default=3, help='how often tesd run and the bare receive are measured, in turn')
arguments.add_argument('--long', type=float, default=0, help='the first rate for so long, memory watched')
arguments.add_argument('--pixels', type=int, default=240)
arguments.add_argument('--points', type=int, default=60, help='in a scan; 0: one scan, however long')
arguments.add_argument('--dwell', type=float, default=1, help='s, of a point')
arguments.add_argument('--workers', type=int, default=0, help='ingest.workers: threads that analyse beside the one that receives')
arguments.add_argument('--folder', default=None, help='where the simulated beamtime and its calibration are kept between calls')
a = arguments.parse_args()
folder = a.folder or tempfile.mkdtemp(prefix='tesd-soak-')


def prepare():
    if not glob.glob(f'{folder}/2*'):
        offspring.run([tesd, 'simulate', '-o', folder, '--pixels', str(a.pixels), '--bad-fraction', '0', '--samples', '1024', '--presamples', '256', '--rate', '20', '--trigger', 'edge',
                        '--calibration-s', '20', '--edges', 'o', '--conditions', 'a', '--scans', '1', '--points', '2', '--dwell', '0.5', '--noise-records', '60', '--seed', '3'],
                       check=True, capture_output=True)
    runs = sorted(glob.glob(f'{folder}/2*/*'))
    if not os.path.exists(f'{folder}/cal.h5'):
        offspring.run([tesd, 'calibrate', runs[1], '--noise', runs[0], '-o', f'{folder}/cal.h5'], check=True, capture_output=True)
    return runs[1]


def cpu_of(pid):
    """CPU seconds by thread name."""
    out = {}
    for task in glob.glob(f'/proc/{pid}/task/*'):
        try:
            name, stat = open(f'{task}/comm').read().strip(), open(f'{task}/stat').read().rsplit(') ', 1)[1].split()
        except OSError:
            continue
        out[name] = out.get(name, 0) + (int(stat[11]) + int(stat[12])) / os.sysconf('SC_CLK_TCK')
    return out


def memory_of(pid):
    """Anonymous MiB."""
    return int(re.search(r'RssAnon:\s+(\d+)', open(f'/proc/{pid}/status').read())[1]) / 1024


def figures(port):
    s = socket.create_connection(('127.0.0.1', port), timeout=10)
    s.sendall(b'GET /metrics HTTP/1.0\r\n\r\n')
    page = b''
    while more := s.recv(65536):
        page += more
    return {l.split()[0]: float(l.split()[1]) for l in page.decode().split('\r\n\r\n', 1)[1].splitlines() if l and l[0] != '#'}


def percentile(f, share):
    buckets = sorted((float(m[1]), v) for k, v in f.items() if (m := re.match(r'tesd_latency_seconds_bucket\{le="([0-9.e-]+)"\}', k)))
    total = f['tesd_latency_seconds_count']
    return next((le for le, v in buckets if v >= share * total), float('inf')) if total else float('nan')


def feed_points(port, stop):
    s = socket.create_connection(('127.0.0.1', port), timeout=300)   # the whole may be stopped for a while
    def call(method, argument):
        s.sendall(json.dumps({'method': method, 'params': [argument], 'id': 1}).encode())
        return json.loads(s.recv(4096))
    k = 0
    while not stop.is_set():
        if k == 0 or (a.points and k % a.points == 0):
            if k > 0:
                call('Scan.End', {})
            while call('Scan.Start', {'number': 1 + (k // a.points if a.points else 0), 'sample': 'soak'})['error'] and not stop.is_set():
                time.sleep(0.2)
        call('Scan.PointStart', {'incident_eV': 520 + 0.1 * (k % (a.points or 300))})
        time.sleep(a.dwell)
        call('Scan.PointEnd', {'i0': 1})
        k += 1
    call('Scan.End', {})


def growth(memory):
    """MiB a minute over the second half, and its standard error from ten pieces of it: neighbours in time are not independent."""
    half = memory[len(memory) // 2:]
    n = len(half) // 10
    if n < 2:
        return float('nan'), float('nan')
    y = [statistics.mean(half[i * n:(i + 1) * n]) for i in range(10)]
    t = [(i - 4.5) * n * TICK_S / 60 for i in range(10)]
    slope = sum(u * v for u, v in zip(t, y)) / sum(u * u for u in t)
    rest = sum((v - statistics.mean(y) - slope * u) ** 2 for u, v in zip(t, y))
    return slope, (rest / 8 / sum(u * u for u in t)) ** 0.5


def judge_memory(memory):
    slope, error = growth(memory)
    verdict = 'too short to say' if not error < KNOWN_MIB else 'flat' if slope <= max(2 * error, FLAT_MIB) else 'NOT FLAT'
    grows = f'; in the second half it grows by {slope:.2f} +- {error:.2f} MiB a minute: {verdict}' if a.long else ''
    print(f'         anonymous memory: first {memory[min(4, len(memory) - 1)]:.0f}, most {max(memory):.0f}, last {memory[-1]:.0f} MiB{grows}', flush=True)
    if a.long:
        print('         means of half minutes: ' + ' '.join(f'{statistics.mean(memory[i:i + round(30 / TICK_S)]):.0f}' for i in range(0, len(memory), round(30 / TICK_S))), flush=True)
    return verdict == 'flat' and max(memory) < MOST_MIB


def run(pulses, rate, seconds):
    base, control, metrics, stream = free_port(3), free_port(), free_port(), free_port()
    config = f'{folder}/soak.yaml'
    with open(config, 'w') as f:
        f.write(f'ingest:\n  port: {base}\n  workers: {a.workers}\ncontrol:\n  port: {control}\n  scan_port: -1\n  router: ""\nmetrics:\n  port: {metrics}\nstream:\n  endpoint: tcp://127.0.0.1:{stream}\n  photons: ""\n'
                f'calibration:\n  file: {folder}/cal.h5\ntrigger:\n  mode: edge\n')
    daemon = offspring.start([tesd, 'run', '-c', config], stderr=open(f'{folder}/soak.log', 'w'))
    while daemon.poll() is None:   # its calibration is read, its sockets are open
        time.sleep(0.1)
        try:
            figures(metrics)
            break
        except (OSError, IndexError):
            continue
    if daemon.poll() is not None:
        sys.exit(f'tesd run ended: {open(f"{folder}/soak.log").read().strip()}')
    sender = offspring.start([here + 'live_sender', str(base), str(a.pixels), '1024', str(rate), str(seconds), pulses], stdout=subprocess.PIPE, text=True)
    stop, memory = threading.Event(), []
    while sender.poll() is None:   # records flow: from here on it is steady
        time.sleep(0.1)
        try:
            if figures(metrics)['tesd_rows_total'] > rate:
                break
        except (OSError, IndexError, KeyError):
            continue
    before, cpu_before = figures(metrics), cpu_of(daemon.pid)
    if os.environ.get('TESD_PERF'):
        offspring.start(['perf', 'record', '-q', '-e', 'cpu-clock', '-o', os.environ['TESD_PERF'], '-F', '2000', '-p', str(daemon.pid), '--', 'sleep', str(seconds - 1)])
    feeder = threading.Thread(target=feed_points, args=(control, stop))
    feeder.start()
    while sender.poll() is None:
        time.sleep(TICK_S)
        memory.append(memory_of(daemon.pid))
    sent = int(re.search(r'sent (\d+)', sender.stdout.read())[1])
    while (f := figures(metrics))['tesd_records_received_total'] < sent and daemon.poll() is None:
        time.sleep(0.1)
    cpu = {k: v - cpu_before.get(k, 0) for k, v in cpu_of(daemon.pid).items()}
    time.sleep(1)
    stop.set()
    feeder.join()
    f = figures(metrics)
    daemon.terminate()
    daemon.wait()
    got = f['tesd_records_received_total'] - before['tesd_records_received_total']
    total = sum(cpu.values()) / got * 1e6
    print(f'{rate:8.0f} records/s for {seconds:.0f} s: sent {sent}, received {f["tesd_records_received_total"]:.0f}, analysed {f["tesd_rows_total"]:.0f}, refused by overload {f["tesd_records_overload_total"]:.0f}')
    print(f'         CPU {total:.3f} us a record: ' + ', '.join(f'{k} {v / got * 1e6:.3f}' for k, v in sorted(cpu.items(), key=lambda x: -x[1])[:5]))
    print(f'         latency to the published PFY: p50 <= {1e3 * percentile(f, 0.5):.1f} ms, p99 <= {1e3 * percentile(f, 0.99):.1f} ms')
    good = judge_memory(memory)
    return total, sum(v for k, v in cpu.items() if k in ('tesd-ingest', 'tesd-book') or k.startswith('tesd-work')) / got * 1e6, good


def null(pulses, rate, seconds):
    base = free_port(3)
    sender = offspring.start([here + 'live_sender', str(base), str(a.pixels), '1024', str(rate), str(seconds), pulses], stdout=subprocess.DEVNULL)
    out = offspring.run([here + 'live_null', str(base), str(a.pixels), '32', str(seconds + 4)], capture_output=True, text=True).stdout
    sender.wait()
    print('         ' + out.strip())
    return float(re.search(r'([0-9.]+) us of CPU', out)[1]), float(re.search(r'its thread ([0-9.]+)', out)[1])


pulses = prepare()
if a.long:
    sys.exit(0 if run(pulses, a.rates[0], a.long)[2] else 1)
else:
    for rate in a.rates:
        tesd_run, bare = [], []
        for _ in range(a.turns):
            tesd_run.append(run(pulses, rate, a.seconds))
            bare.append(null(pulses, rate, a.seconds))
        middle = lambda which, k: statistics.median(x[k] for x in which)
        whole, null_whole, after = middle(tesd_run, 0), middle(bare, 0), middle(tesd_run, 1) - middle(bare, 1)
        # How the I/O thread of ZeroMQ falls into step with its sender makes a process cost half as much or twice: the second figure leaves it out.
        print(f'         medians of {a.turns}: tesd run {whole:.2f} us a record, the bare receive {null_whole:.2f}: after it {100 * (whole - null_whole) / whole:.0f} % of tesd run')
        print(f'         by threads: ingest{" and its workers" if a.workers else ""} and book less the bare receive\'s own thread {after:.2f} us, {100 * after / whole:.0f} % of tesd run', flush=True)
