"""tesd web as a browser has it, without one: the page is whole, small and loads nothing from elsewhere; states over the WebSocket are those of the
file or of the stream, bit for bit; other sites' pages and unwanted requests are refused; a stream that stalls or starts anew is told. Loopback only."""
import glob
import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
import zmq
import offspring
from free_ports import free_port
from program import ROOT, SLOW, TESD, Program
from websocket import WebSocket


def serve(*arguments):
    process = offspring.start([TESD, 'web', *arguments, '--listen', '127.0.0.1:0'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    found = re.match(r'http://127\.0\.0\.1:(\d+)/$', line)
    if not found:
        sys.exit(f'no address: {line}{process.stderr.read()}')
    return process, int(found[1])


def get(port, path, **headers):
    c = http.client.HTTPConnection('127.0.0.1', port, timeout=20 * SLOW)
    c.request('GET', path, headers={'Host': f'127.0.0.1:{port}', **headers})
    r = c.getresponse()
    return r.status, r.read(), dict(r.getheaders())


def decode(data):
    n = int.from_bytes(data[:4], 'little')
    header, at, arrays = json.loads(data[4:4 + n]), (4 + n + 7) // 8 * 8, {}
    for a in header['arrays']:
        dtype = np.dtype(a['dtype'])
        count = int(np.prod(a['shape'], dtype=int))
        arrays[a['name']] = np.frombuffer(data, dtype, count, at).reshape(a['shape'])
        at += (count * dtype.itemsize + 7) // 8 * 8
    return header, arrays, at == len(data)


def news(socket, *wants):
    """All states that are new, by topic and set, and the last word."""
    states = {}
    while True:
        socket.send(json.dumps({'next': wants}) if wants else 'next')
        while not isinstance(message := socket.receive(), str):
            header, arrays, whole = decode(message)
            assert whole, header
            states[header['topic'], header['set']] = header, arrays
        said = json.loads(message)
        if not said['more']:
            return states, said


def until(good, limit_s=20):
    end = time.monotonic() + limit_s * SLOW
    while time.monotonic() < end:
        if good():
            return True
        time.sleep(0.05)
    return False


def refused(port, *headers):
    try:
        WebSocket(port, '/stream', headers).close()
        return False
    except ConnectionError:
        return True


def check_others_work(p, whole):
    """What is not ours is as its README says, and goes out with its licence."""
    folder = os.path.join(ROOT, 'daemon/client/page/uplot')
    with open(f'{folder}/README.md') as f:
        sums = dict(line.split()[::-1] for line in f if re.match('[0-9a-f]{64} ', line))
    for name, said in sums.items():
        with open(f'{folder}/{name}', 'rb') as f:
            text = f.read()
        p.check(hashlib.sha256(text).hexdigest() == said and text in whole, f'{name} is unchanged')
    with open(f'{folder}/LICENSE', 'rb') as f:
        p.check(len(sums) == 2 and f.read() in whole, 'its licence goes with it')


def check_page(p, port):
    whole = b''
    for path, kind in ('/', 'text/html'), ('/page.css', 'text/css'), ('/page.js', 'text/javascript'):
        status, body, headers = get(port, path)
        p.check(status == 200 and headers['Content-Type'].startswith(kind) and "default-src 'none'" in headers['Content-Security-Policy'], f'{path}: {len(body)} bytes of {headers["Content-Type"]}')
        whole += body
    ours = re.sub(rb'/\*! https://github.com/leeoniya/uPlot \(v[\d.]+\) \*/', b'', whole)   # a comment that says where it is from
    p.check(20000 < len(whole) < 300000 and len(ours) < len(whole) and not re.search(rb'https?://(?!\$)|//cdn|@import|\bimport\(|url\(', ours), f'the page is {len(whole)} bytes and names nothing outside')
    check_others_work(p, whole)
    p.check(get(port, '/etc/passwd')[0] == 404 and get(port, '/../x')[0] in (400, 404), 'there is nothing else')
    p.check(get(port, '/', Host='evil.example')[0] == 403, 'a name that is not ours is refused: somebody rebinds a name to this machine')
    p.check(refused(port, f'Host: 127.0.0.1:{port}', 'Origin: http://evil.example') and refused(port, 'Host: evil.example'), "other sites' pages have no states")
    WebSocket(port, '/stream', (f'Host: 127.0.0.1:{port}', f'Origin: http://127.0.0.1:{port}')).close()


def check_set(p, entry, states, name, group):
    """The products of a scan or a sum; how many arrays were compared."""
    parts, compared = (group[:-len('rixs')], '') if group.startswith('sum') else ('', group[len('rixs'):]), 0
    for kind, topic in ('rixs', 'rixs/map/'), ('loss', 'rixs/loss/'), *((f'{y}_{r}', f'{y}/{r}/') for y in ('pfy', 'ipfy') for r in ('O', 'C', 'tfy', 'O_522_525')):
        words = kind.split('_', 1)
        g = f'{parts[0]}{kind}' if parts[0] else f'{words[0]}{parts[1]}' + ''.join(f'_{w}' for w in words[1:])
        if g not in entry:
            continue
        for key in 'counts', 'yield', 'yield_errors', 'incident_energy', 'emission_energy', 'energy_loss', 'pixel_weight':
            if key in entry[g]:
                compared += 1
                if (topic, name) not in states or states[topic, name][1][key].astype(float).tobytes() != entry[g][key][()].astype(float).tobytes():
                    p.check(False, f'{g}/{key} is that of the file')
    return compared


def check_pixels(p, entry, states, socket):
    pixels = [t for t, _ in states if t.startswith('pixel/')]
    p.check(len(pixels) == len(entry['pixels/channel']), f'{len(pixels)} pixels')
    _, a = news(socket, 'detail/1/')[0]['detail/1/', '']
    photons = entry['photons']
    mine = (photons['pixel'][()] == 1) & (photons['cuts'][()] == 0)
    want, _ = np.histogram(photons['energy_eV'][()][mine].astype(float), np.arange(100, 1400.25, 0.5))
    p.check(np.array_equal(a['counts'], want) and want.sum() > 50, f'the spectrum of a pixel is counted from its {want.sum()} photons')
    anchors = entry['calibration_0000/anchor_energy_eV'][1] if 'calibration_0000' in entry else []
    last = entry[max(g for g in entry if g.startswith('calibration_'))]
    p.check(a['pulse'].tobytes() == last['average_pulse'][1].tobytes() and a['noise_psd'].tobytes() == last['noise_psd'][1].tobytes() and abs(np.max(a['pulse']) - 1) < 1e-6 and np.all(a['noise_psd'] > 0),
            f'its average pulse of {len(a["pulse"])} samples and its noise are those of the file')
    p.check('curve_gain' in a and len(a['anchor_gain']) == np.isfinite(anchors).sum(), f'its curve goes through {len(a.get("anchor_gain", []))} lines')


def check_file(p, out):
    process, port = serve(out, '--calibration', p.path('cal.h5'))
    _, a = news(WebSocket(port, '/stream'), 'detail/1/')[0]['detail/1/', '']
    p.check('pulse' in a and abs(np.max(np.abs(a['pulse'])) - 1) < 1e-6 and len(a['noise_psd']) == 129 and np.all(a['noise_psd'] > 0), 'with a calibration file, average pulse and noise are those of it')
    process.kill()
    process.wait()
    process, port = serve(out)
    check_page(p, port)
    states, said = news(socket := WebSocket(port, '/stream'))
    p.check(not any(t.startswith('pixel/') for t, _ in states) and states.update(news(socket, 'pixel/')[0]) is None, 'states of pixels come when they are asked for')
    p.check(said['age_ms'] == -2 and not said['control'], f'a file has no age, and is not controlled: {said}')
    p.check(not [t for t, _ in states if t.startswith(('rixs/', 'detail/'))], 'maps and details are given only to who asks')
    with h5py.File(out) as f:
        entry = f['entry']
        groups = {g: (re.match(r'sum_(.*)_rixs$', g) or re.match(r'rixs_(\d+)$', g)) for g in entry}
        sets = {(f'sum {m[1]}' if g.startswith('sum') else f'scan {int(m[1])}'): g for g, m in groups.items() if m}
        states.update(news(socket, *sets)[0])
        compared = sum(check_set(p, entry, states, name, group) for name, group in sets.items())
        p.check(compared > 60 and len(sets) > 1, f'{compared} arrays of {len(sets)} sets are those of the file, bit for bit')
        check_pixels(p, entry, states, socket)
    socket.send(json.dumps({'method': 'roi_set', 'params': [{'O': [1, 2]}]}))
    reply = json.loads(socket.receive())['reply']
    p.check(not reply['success'] and 'read-only' in reply['response'], f'nothing is changed: {reply}')
    for nonsense in ('', '{', 'x' * 20000, json.dumps([1]), json.dumps({'next': ['x' * 300]}), json.dumps({'next': ['x'] * 100})):
        try:
            s = WebSocket(port, '/stream')
            s.send(nonsense)
            s.receive()
        except ConnectionError:
            pass
    p.check(news(WebSocket(port, '/stream'))[1]['age_ms'] == -2, 'nonsense is survived')
    process.terminate()
    p.check(process.wait(timeout=20 * SLOW) == 0, 'SIGTERM ends it with 0')


class Stream:
    """A stream of our own making, so that it can stall and start anew."""

    def __init__(self, port, boot):
        self.socket, self.boot, self.seq = zmq.Context.instance().socket(zmq.PUB), boot, {}
        self.socket.linger = 0
        until(lambda: self.bound(port))

    def bound(self, port):
        try:
            self.socket.bind(f'tcp://127.0.0.1:{port}')
            return True
        except zmq.ZMQError:
            return False

    def send(self, topic, kind, scan=-1, arrays=(), **keys):
        self.seq[topic] = self.seq.get(topic, 0) + 1
        described = [{'name': n, 'role': 'aux', 'dtype': a.dtype.str, 'shape': list(a.shape), 'units': '', 'label': '', 'blob': k, 'codec': 'none'} for k, (n, a) in enumerate(arrays)]
        header = {'v': 1, 'kind': kind, 'seq': self.seq[topic], 'boot': self.boot, 'run': 'r', 'scan': scan, 'point': -1, 't_ns': '1', 'start_ns': '0', 'accum': 'cumulative', 'state': 'live',
                  'cal': '', 'snap': False, 'lost': {'upstream': 0, 'queue': 0, 'rejected': 0}, 'loss_fraction': 0.0, 'signal': '', 'axes': [], 'arrays': described, **keys}
        self.socket.send_multipart([topic.encode(), json.dumps(header).encode(), *(a.tobytes() for _, a in arrays)])


def check_stream(p):
    port, control = free_port(), zmq.Context.instance().socket(zmq.REP)
    control_port = control.bind_to_random_port('tcp://127.0.0.1')
    process, web = serve(f'tcp://127.0.0.1:{port}', '--control', f'tcp://127.0.0.1:{control_port}')
    socket = WebSocket(web, '/stream')
    states, said = news(socket)
    p.check(states == {} and said['age_ms'] == -1 and said['control'], f'no stream yet: {said}')
    stream, have = Stream(port, 'first'), {}

    def told(scan, value):
        stream.send('pfy/O/', 'pfy', scan, [('counts', np.array([value], '<u4')), ('yield', np.array([value / 3]))])
        have.update(news(socket)[0])
        return ('pfy/O/', f'scan {scan}') in have and have['pfy/O/', f'scan {scan}'][1]['counts'][0] == value
    p.check(until(lambda: told(3, 7)) and have['pfy/O/', 'scan 3'][1]['yield'][0] == 7 / 3, 'a state of the stream comes through')
    p.check(until(lambda: told(4, 9)), 'and one of the next scan')
    late, _ = news(WebSocket(web, '/stream'))
    p.check({('pfy/O/', 'scan 3'), ('pfy/O/', 'scan 4')} <= set(late), f'a page that is opened later has earlier scans too: {sorted(late)}')
    p.check(until(lambda: news(socket)[1]['age_ms'] > 300), 'a stream that is silent grows old')
    before = news(socket)[1]['generation']
    stream.socket.close(0)
    stream = Stream(port, 'second')
    p.check(until(lambda: told(1, 5)) and news(socket)[1]['generation'] != before, 'another start of the program is told')
    late, _ = news(WebSocket(web, '/stream'))
    p.check(set(late) == {('pfy/O/', 'scan 1')}, f'and what was before is forgotten: {sorted(late)}')

    request = json.dumps({'method': 'roi_set', 'params': [{'O': [505.0, 535.25]}]})
    socket.send(request)
    p.check(control.poll(10000 * SLOW) and control.recv().decode() == request, 'a window is passed on to the control port as it stands')
    control.send(b'{"response": null, "success": true}')
    p.check(json.loads(socket.receive()) == {'reply': {'response': None, 'success': True}}, 'and its reply to the page')
    socket.send(json.dumps({'method': 'file_start'}))
    p.check(not json.loads(socket.receive())['reply']['success'] and not control.poll(100), 'nothing else is')
    process.terminate()
    p.check(process.wait(timeout=20 * SLOW) == 0, 'SIGTERM ends it with 0')


with Program() as p:
    p.good('simulate', '-o', p.path('sim'), '--pixels', '2', '--quick', '--edges', 'o', '--bad-fraction', '0', '--points', '4', '--dwell', '0.5', '--calibration-s', '20', '--scans', '2')
    run, noise = (glob.glob(p.path('sim', '2*', k))[0] for k in ('0001', '0000'))
    p.good('replay', run, '--noise', noise, '-o', p.path('out.nxs'), '-q')
    p.good('calibrate', run, '--noise', noise, '-o', p.path('cal.h5'), '-q')
    check_file(p, p.path('out.nxs'))
    check_stream(p)
    p.check(p.run('web', p.path('sim/truth.h5'), '--listen', '127.0.0.1:0').returncode == 3, 'a file without products is refused')
    p.check(p.run('web', '--listen', 'nowhere').returncode == 2, 'an address needs a port')
    sys.exit(p.end())
