#!/usr/bin/python3
"""What viewers cost tesd run: a scan of the twin of DASTARD, live. One subscriber to everything reads, then stands still (SIGSTOP) for as long, and so on in
turns: memory, rates and CPU of each turn, so that what a growing scan costs is not taken for the stall's. How soon the one that stood still is correct again.
Then fifty join in the middle of the scan at once: how soon each has a state of every topic that the heartbeat names. Printed, by hand; loopback only.
    stalled_viewer.py [--stall S] [--turns N] [--pixels N] [--others N]"""
import argparse, glob, json, os, re, shutil, signal, socket, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tool'))
import zmq
import offspring
from free_ports import free_port

tesd = os.environ.get('TESD', 'build/tesd')
arguments = argparse.ArgumentParser()
arguments.add_argument('--stall', type=float, default=60)
arguments.add_argument('--turns', type=int, default=2)
arguments.add_argument('--pixels', type=int, default=48)
arguments.add_argument('--others', type=int, default=50)
a = arguments.parse_args()
folder = tempfile.mkdtemp(prefix='tesd-stall-')
beamtime = ['--pixels', str(a.pixels), '--samples', '256', '--presamples', '64', '--rate', '20', '--calibration-s', '40', '--edges', 'o', '--conditions', 'a', '--scans', '1', '--points', '12', '--dwell', '0.5',
            '--bad-fraction', '0', '--noise-records', '300', '--seed', '7']
# A subscriber to everything: each heartbeat it says which newest states it has and what the heartbeat named.
VIEWER = '''
import json, sys, time, zmq
s = zmq.Context().socket(zmq.SUB); s.connect(sys.argv[1]); s.subscribe(b""); have = {}
while True:
    topic, header, *blobs = s.recv_multipart(); h = json.loads(header); have[topic.decode()] = h["seq"]
    if topic == b"hb/":
        print(json.dumps({"t": time.monotonic(), "behind": sum(have.get(t, 0) < q for t, q in h["last"].items()), "of": len(h["last"]), "sent": int(h["t_ns"]) * 1e-9}), flush=True)
'''
# Many of them in one process, connected at one moment: when each has had a state of every topic, seconds after it began to connect.
JOINERS = '''
import json, sys, time, zmq
many, first, last = int(sys.argv[2]), {}, None
sockets, begun, poller = [], [], zmq.Poller()
for k in range(many):
    s = zmq.Context.instance().socket(zmq.SUB); s.rcvhwm = 0; s.subscribe(b""); begun.append(time.monotonic()); s.connect(sys.argv[1]); poller.register(s, zmq.POLLIN); sockets.append(s)
number = {s: k for k, s in enumerate(sockets)}; had = [{} for _ in sockets]; end = time.monotonic() + 6
while time.monotonic() < end:
    for s, _ in poller.poll(100):
        k = number[s]; frames = s.recv_multipart(copy=False); topic = bytes(frames[0]).decode()
        had[k].setdefault(topic, time.monotonic() - begun[k])
        if topic == "hb/": last = json.loads(bytes(frames[1]))["last"]
print(json.dumps({"topics": len(last), "complete": sorted(max(h.get(t, 99) for t in last) for h in had)}))
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
    offspring.run([tesd, 'simulate', '-o', f'{folder}/files', *beamtime], check=True, capture_output=True)
    runs = sorted(glob.glob(f'{folder}/files/*/*'))
    offspring.run([tesd, 'calibrate', runs[1], '--noise', runs[0], '-o', f'{folder}/cal.h5'], check=True, capture_output=True)
    twin = offspring.start([tesd, 'simulate', '--serve', 'tcp://127.0.0.1:*', *beamtime, '--calibration-s', str(int(90 + 2 * a.turns * a.stall)), '--records', 'synthesised', '--clock', 'real', '--write', f'{folder}/live', '--idle'], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)
    ports, stream, router = list(map(int, re.findall(r':(\d+)', twin.stdout.readline()))), free_port(), free_port()
    with open(f'{folder}/tesd.yaml', 'w') as f:
        f.write(f'ingest:\n  port: {ports[0] - 2}\ncontrol:\n  scan_port: -1\n  router: "tcp://127.0.0.1:{router}"\nstream:\n  endpoint: "tcp://127.0.0.1:{stream}"\n  photons: ""\n'
                f'calibration:\n  file: "{folder}/cal.h5"\noutput:\n  folder: "{folder}/out"\n')
    run = offspring.start([tesd, 'run', '-c', f'{folder}/tesd.yaml'], stderr=open(f'{folder}/run.log', 'w'))
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
    """Points of half a second for so long; memory at the end and its growth, records and points per second, CPU."""
    stat = lambda: sum(map(int, open(f'/proc/{run.pid}/stat').read().rsplit(') ', 1)[1].split()[11:13])) / os.sysconf('SC_CLK_TCK')
    records = lambda: call('health')['records']
    begun, cpu, had, n, memory = time.monotonic(), stat(), records(), 0, memory_MiB(run.pid)
    most = memory
    while time.monotonic() - begun < seconds:
        call('scan_point_start', 500 + 0.1 * points[0], None, {'i0': 1000})
        time.sleep(0.5)
        call('scan_point_end')
        points[0], n, most = points[0] + 1, n + 1, max(most, memory_MiB(run.pid))
    wall = time.monotonic() - begun
    print(f'{what:26s} RSS {memory_MiB(run.pid):6.1f} MiB, at most {most:6.1f}, grown by {memory_MiB(run.pid) - memory:5.1f}   {(records() - had) / wall:7.1f} records/s   {n / wall:4.2f} points/s   '
          f'CPU {100 * (stat() - cpu) / wall:5.1f} %', flush=True)


def viewer(endpoint):
    return offspring.start([sys.executable, '-c', VIEWER, endpoint], stdout=subprocess.PIPE, text=True)


def turn(run, call, endpoint, points):
    """One reads, then the same one stands still; when it is right again."""
    v = viewer(endpoint)
    try:
        v.stdout.readline()
        said, since = [], []
        threading.Thread(target=lambda: [said.append(json.loads(x)) for x in iter(v.stdout.readline, '')], daemon=True).start()
        measure(run, call, a.stall, points, 'one reads')
        v.send_signal(signal.SIGSTOP)
        measure(run, call, a.stall, points, 'one stands still')
        woken, clock, n = time.monotonic(), time.time(), len(said)
        v.send_signal(signal.SIGCONT)
        while not since or since[-1]['behind']:   # not by a heartbeat that waited in the queue
            time.sleep(0.005)
            since = [x for x in said[n:] if x['sent'] >= clock]
        print(f'it woke; heartbeat {len(since)} of those sent since came {since[-1]["t"] - woken:.2f} s later, and with it all {since[-1]["of"]} newest states were there', flush=True)
    finally:
        v.kill()
        v.wait()


def main():
    twin, run, endpoint, call = start()
    try:
        time.sleep(3)
        call('file_start')
        call('roi_set', {'O': [505, 535], 'C': [265, 290]})
        call('scan_start', 'mono', 'eV', 1, 'sample', {})
        points = [0]
        measure(run, call, min(30, a.stall), points, 'nobody looks')
        for _ in range(a.turns):
            turn(run, call, endpoint, points)
        joiners = offspring.start([sys.executable, '-c', JOINERS, endpoint, str(a.others)], stdout=subprocess.PIPE, text=True)
        measure(run, call, 8, points, f'{a.others} join')
        said = json.loads(joiners.communicate()[0])
        print(f'{a.others} joined at once in mid-scan: all {said["topics"]} topics were there after {said["complete"][len(said["complete"]) // 2]:.2f} s (median), {said["complete"][-1]:.2f} s (the last)', flush=True)
    finally:
        for p in (run, twin):
            p.kill()
            p.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    main()
