"""tesd replay --publish as a subscriber sees it: pfy/, rixs/, run/ and hb/ at both speeds, the final yields bit for bit those of the file,
and doc/subscribe.py and doc/subscribe.c print them, bit for bit."""
import glob
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
import zmq
import offspring
from program import ROOT, SLOW, TESD, Program

PATIENCE_S = 60 * SLOW


def arrays_of(header, blobs):
    return {a['name']: np.frombuffer(blobs[a['blob']], a['dtype']).reshape(a['shape']) for a in header['arrays'] if a['codec'] == 'none'}


def listen(endpoint, process):
    """All messages until the program has ended and nothing is left."""
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.setsockopt(zmq.RECONNECT_IVL, 5)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 5)
    socket.subscribe(b'')
    socket.connect(endpoint)
    messages, end = [], time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if socket.poll(100):
            topic, header, *blobs = socket.recv_multipart()
            messages.append((topic.decode(), json.loads(header), blobs))
        elif process.poll() is not None:
            break
    socket.close(0)
    return messages


def replay(p, name, run, noise, *more):
    """Replays with --publish under a subscriber and doc/subscribe.py; returns what came and the file."""
    endpoint, out = f'ipc://{p.path(name + ".ipc")}', p.path(name + '.nxs')
    with open(p.path(name + '.yaml'), 'w') as f:
        f.write(f'stream:\n  endpoint: "{endpoint}"\n')
    readers = [offspring.start(command, stdout=open(p.path(f'{name}-{k}.txt'), 'w'), text=True) for k, command in enumerate((
        ['/usr/bin/python3', '-u', os.path.join(ROOT, 'doc/subscribe.py'), '--final', endpoint, 'O'], [p.path('subscribe'), endpoint, 'O']))]
    process = offspring.start([TESD, 'replay', run, '--noise', noise, '-o', out, '-c', p.path(name + '.yaml'), '--publish', *more],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    messages = listen(endpoint, process)
    said = process.communicate(timeout=PATIENCE_S)[1]
    p.check(process.returncode == 0 and 'Sanitizer' not in said, f'{name}: ends well ({process.returncode}) {said if process.returncode else ""}')
    for k, reader in enumerate(readers):
        check_printed(p, f'{name}: subscribe.{"py" if k == 0 else "c"}', p.path(f'{name}-{k}.txt'), out)
        reader.kill()
        reader.wait()
    return messages, out


def last_printed(path):
    """The last spectrum of the output, bit by bit."""
    with open(path) as f:
        lines = f.read().split('# ')[-1].splitlines()[1:]
    return np.array([[float(x) for x in line.split()] for line in lines if len(line.split()) == 3])


def check_printed(p, what, path, out):
    """At the end of the last scan an example prints what the file holds: its text is on its way for a moment."""
    with h5py.File(out) as f:
        group = f['entry'][max(n for n in f['entry'] if n.startswith('pfy_') and n.endswith('_O'))]
        want = np.array([group[n][()] for n in ('incident_energy', 'yield', 'yield_errors')]).T
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and last_printed(path).tobytes() != want.tobytes():
        time.sleep(0.05)
    got = last_printed(path)
    p.check(got.tobytes() == want.tobytes(), f'{what} printed the PFY of the file, {len(want)} points, bit for bit{"" if got.tobytes() == want.tobytes() else f": {got} {want}"}')


def check_messages(p, name, messages, out):
    kinds = {}
    for topic, header, blobs in messages:
        kinds.setdefault(topic.split('/')[0] + '/' + (topic.split('/')[1] if topic.startswith('rixs') else ''), []).append(header)
        if header['v'] != 1 or not topic.endswith('/') or len(blobs) < len({a['blob'] for a in header['arrays']}) or header['state'] != 'replay':
            p.check(False, f'{name}: a message of stream v1: {topic} {header}')
    p.check(all(k in kinds for k in ('hb/', 'pfy/', 'rixs/map', 'rixs/row', 'run/')), f'{name}: ' + ' '.join(f'{k} {len(v)}' for k, v in sorted(kinds.items())))
    last = kinds['hb/'][-1]['last']
    newest = {}
    for topic, header, _ in messages:
        newest[topic] = max(newest.get(topic, 0), header['seq'])
    p.check(all(newest.get(t) == s for t, s in last.items()), f'{name}: the last heartbeat names the newest state of every topic, and each has come')
    with h5py.File(out) as f:
        entry = f['entry']
        scans = sorted(int(n[5:]) for n in entry if n.startswith('scan_'))
        compared, different, finals = 0, [], {}
        for topic, header, blobs in messages:
            n = header['point'] + 1
            a = arrays_of(header, blobs)
            if topic.startswith('pfy/'):
                group = entry[f'pfy_{header["scan"]:04d}_{topic.split("/")[1]}']
                for key in ('yield', 'yield_errors', 'counts', 'incident_energy'):
                    want = group[key][()]
                    compared += 1
                    if a[key].dtype != want.dtype or a[key].tobytes() != want[:len(a[key])].tobytes() or len(a[key]) not in (n, len(want)):
                        different.append((topic, header['scan'], header['point'], key))
            elif topic == 'rixs/map/' and n == header['n_points']:
                compared += 1
                if a['counts'].tobytes() != entry[f'rixs_{header["scan"]:04d}/counts'][()].tobytes():
                    different.append((topic, header['scan']))
            if header['scan'] >= 0 and n == header['n_points']:
                finals.setdefault(topic, set()).add(header['scan'])
        p.check(compared > 0 and not different, f'{name}: {compared} arrays compared with the file bit for bit {different[:5]}')
        roi = {n.split('_', 2)[2] for n in entry if n.startswith('pfy_')}
        p.check(all(scans[-1] in finals.get(f'pfy/{r}/', ()) for r in roi), f'{name}: the end of the last scan came for all {len(roi)} regions')
        p.check(finals.get('rixs/map/', set()) >= {scans[-1]}, f'{name}: and its map')
    return finals, scans


with Program() as p:
    offspring.run([os.environ.get('CC', 'cc'), os.path.join(ROOT, 'doc/subscribe.c'), '-Wall', '-Wextra', '-Werror', '-o', p.path('subscribe'), '-lzmq', '-ljansson'], check=True)
    p.good('simulate', '-o', p.path('sim'), '--pixels', '2', '--quick', '--edges', 'o', '--bad-fraction', '0', '--points', '4', '--dwell', '0.5', '--calibration-s', '30')
    run, noise = (glob.glob(p.path('sim', '2*', k))[0] for k in ('0001', '0000'))
    messages, out = replay(p, 'max', run, noise, '--speed', 'max')
    check_messages(p, 'max', messages, out)
    messages, out = replay(p, 'realtime', run, noise, '--speed', 'realtime')
    finals, scans = check_messages(p, 'realtime', messages, out)
    p.check(all(finals.get(f'pfy/{r}/') == set(scans) for r in ('O', 'tfy')), f'realtime: the ends of all scans {scans} came')
    seen = {(h['scan'], h['point']) for t, h, _ in messages if t == 'pfy/O/'}
    p.check(seen == {(s, i) for s in scans for i in range(4)}, f'realtime: a yield for every point: {sorted(seen)}')

    with open(p.path('open.yaml'), 'w') as f:
        f.write('stream:\n  endpoint: "tcp://0.0.0.0:5560"\n')
    r = p.run('replay', run, '--noise', noise, '-o', p.path('x.nxs'), '-c', p.path('open.yaml'), '--publish')
    p.check(r.returncode in (1, 2) and '0.0.0.0' in r.stderr, f'an endpoint open to others is refused -> {r.returncode}: {r.stderr.strip()}')
    sys.exit(p.end())
