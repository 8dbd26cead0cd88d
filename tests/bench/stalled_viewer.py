#!/usr/bin/python3
"""What viewers cost tesd run: a scan of the twin of DASTARD, live; then fifty subscribers to everything join in its middle, and one that is stopped for a
minute. Memory and rates before, meanwhile and after are printed, and how soon the stalled one is correct again. By hand; loopback only.
    stalled_viewer.py [--stall S] [--pixels N] [--others N]"""
import argparse, glob, json, os, re, signal, socket, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tool'))
import zmq
from free_ports import free_port

tesd = os.environ.get('TESD', 'build/tesd')
arguments = argparse.ArgumentParser()
arguments.add_argument('--stall', type=float, default=60)
arguments.add_argument('--pixels', type=int, default=48)
arguments.add_argument('--others', type=int, default=50)
a = arguments.parse_args()
folder = tempfile.mkdtemp(prefix='tesd-stall-')
beamtime = ['--pixels', str(a.pixels), '--samples', '256', '--presamples', '64', '--rate', '20', '--calibration-s', '40', '--edges', 'o', '--conditions', 'a', '--scans', '1', '--points', '12', '--dwell', '0.5',
            '--bad-fraction', '0', '--noise-records', '300', '--seed', '7']
# A subscriber to everything: each heartbeat it says which newest states it has and what the heartbeat named.
VIEWER = '''
import json, sys, time, zmq
s = zmq.Context().socket(zmq.SUB); s.connect(sys.argv[1]); s.subscribe(b""); have = {}; begun = time.monotonic()
while True:
    topic, header, *blobs = s.recv_multipart(); h = json.loads(header); have[topic.decode()] = h["seq"]
    if topic == b"hb/":
        late = [t for t, q in h["last"].items() if have.get(t, 0) < q]
        print(json.dumps({"t": time.monotonic(), "age": time.monotonic() - begun, "behind": len(late), "of": len(h["last"]), "lag": time.time() - int(h["t_ns"]) * 1e-9}), flush=True)
'''


def router_calls(port):
    s = zmq.Context.instance().socket(zmq.REQ)
    s.linger, s.rcvtimeo = 0, 20000
    s.connect(f'tcp://127.0.0.1:{port}')

    def call(method, *params):
        s.send(json.dumps({'method': method, 'params': params, 'kwargs': {}}).encode())
        reply = json.loads(s.recv())
        if not reply['success']:
            sys.exit(f'{method}: {reply["response"]}')
        return reply['response']
    return call


def start():
    subprocess.run([tesd, 'simulate', '-o', f'{folder}/files', *beamtime], check=True, capture_output=True)
    runs = sorted(glob.glob(f'{folder}/files/*/*'))
    subprocess.run([tesd, 'calibrate', runs[1], '--noise', runs[0], '-o', f'{folder}/cal.h5'], check=True, capture_output=True)
    twin = subprocess.Popen([tesd, 'simulate', '--serve', 'tcp://127.0.0.1:*', *beamtime, '--records', 'synthesised', '--clock', 'real', '--write', f'{folder}/live', '--idle'], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)
    ports, stream, router = list(map(int, re.findall(r':(\d+)', twin.stdout.readline()))), free_port(), free_port()
    with open(f'{folder}/tesd.yaml', 'w') as f:
        f.write(f'ingest:\n  port: {ports[0] - 2}\ncontrol:\n  scan_port: -1\n  router: "tcp://127.0.0.1:{router}"\nstream:\n  endpoint: "tcp://127.0.0.1:{stream}"\n  photons: ""\n'
                f'calibration:\n  file: "{folder}/cal.h5"\noutput:\n  folder: "{folder}/out"\n')
    run = subprocess.Popen([tesd, 'run', '-c', f'{folder}/tesd.yaml'], stderr=open(f'{folder}/run.log', 'w'))
    for method, argument in ('SourceControl.Start', 'SimPulseSource'), ('SourceControl.WriteControl', {'Request': 'Stop', 'Path': '', 'WriteLJH22': False, 'WriteOFF': False, 'WriteLJH3': False}):
        with socket.create_connection(('127.0.0.1', ports[3]), timeout=20) as s:
            s.sendall(json.dumps({'method': method, 'params': [argument], 'id': 1}).encode())
            s.makefile().readline()
        time.sleep(2)
    return twin, run, f'tcp://127.0.0.1:{stream}', router_calls(router)


def memory_MiB(pid):
    with open(f'/proc/{pid}/status') as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read())[1]) / 1024


def measure(run, call, seconds, points, what):
    """Points of half a second for so long; memory, records and points per second, CPU."""
    stat = lambda: sum(map(int, open(f'/proc/{run.pid}/stat').read().rsplit(') ', 1)[1].split()[11:13])) / os.sysconf('SC_CLK_TCK')
    records = lambda: call('health')['records']
    begun, cpu, had, n = time.monotonic(), stat(), records(), 0
    while time.monotonic() - begun < seconds:
        call('scan_point_start', 500 + 0.1 * points[0], None, {'i0': 1000})
        time.sleep(0.5)
        call('scan_point_end')
        points[0], n = points[0] + 1, n + 1
    wall = time.monotonic() - begun
    print(f'{what:34s} RSS {memory_MiB(run.pid):6.1f} MiB   {(records() - had) / wall:7.1f} records/s   {n / wall:4.2f} points/s   CPU {100 * (stat() - cpu) / wall:5.1f} %', flush=True)


def viewer(endpoint):
    return subprocess.Popen([sys.executable, '-c', VIEWER, endpoint], stdout=subprocess.PIPE, text=True)


def main():
    twin, run, endpoint, call = start()
    viewers = []
    try:
        time.sleep(3)
        call('file_start')
        call('roi_set', {'O': [505, 535], 'C': [265, 290]})
        call('scan_start', 'mono', 'eV', 1, 'sample', {})
        points = [0]
        measure(run, call, 15, points, 'nobody looks')
        viewers = [viewer(endpoint)]
        stalled = viewers[0]
        stalled.stdout.readline()
        stalled.send_signal(signal.SIGSTOP)
        measure(run, call, a.stall, points, f'one stands still for {a.stall:.0f} s')
        woken = time.monotonic()
        stalled.send_signal(signal.SIGCONT)
        said = {'behind': 1, 'lag': 99}
        while said['behind'] or said['lag'] > 1.2 or said['t'] < woken:   # not by a heartbeat that waited in the queue
            said = json.loads(stalled.stdout.readline())
        print(f'it woke, and had all {said["of"]} newest states {said["t"] - woken:.2f} s later (a heartbeat is 1 s)', flush=True)
        viewers += [viewer(endpoint) for _ in range(a.others)]
        worst = 0
        for v in viewers[1:]:
            said = {'behind': 1}
            while said['behind']:
                said = json.loads(v.stdout.readline())
            worst = max(worst, said['age'])
        print(f'{a.others} joined in mid-scan: each said within {worst:.2f} s that it has all that the heartbeat names', flush=True)
        measure(run, call, 15, points, f'{a.others + 1} look')
    finally:
        for p in (*viewers, run, twin):
            p.kill()
            p.wait()


if __name__ == '__main__':
    main()
