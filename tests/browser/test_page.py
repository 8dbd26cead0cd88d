#!/usr/bin/python3
"""The page of tesd web in Chromium, driven over its debugging port: a live scan of the twin of DASTARD grows on it, cuts at the cursor are the data, a
window that is dragged is counted anew, a pixel opens, a stalled stream says how old it is, light and dark, desk and tablet, no error on the console.
Run by `make check-web`; 77 without Chromium. Screenshots go to TESD_SHOTS, or nowhere. Loopback only."""
import base64, glob, json, os, re, shutil, signal, subprocess, sys, tempfile, threading, time, urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
from free_ports import free_port
from websocket import WebSocket

tesd = os.environ.get('TESD', 'build/tesd')
chromium = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
if not chromium:
    print('skipped: no chromium')
    sys.exit(77)
folder = tempfile.mkdtemp(prefix='tesd-page-')
shots = os.environ.get('TESD_SHOTS')
failures = []
beamtime = ['--pixels', '12', '--samples', '256', '--presamples', '64', '--rate', '40', '--calibration-s', '40', '--edges', 'o', '--conditions', 'a', '--scans', '1', '--points', '12', '--dwell', '0.5',
            '--bad-fraction', '0', '--noise-records', '300', '--seed', '7']


def check(good, what):
    print(('ok      ' if good else 'FAILED  ') + what, flush=True)
    if not good:
        failures.append(what)


def until(good, limit_s=30):
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if good():
            return True
        time.sleep(0.1)
    return False


class Browser:
    """One page, by the DevTools protocol."""

    def __init__(self):
        port = free_port()
        self.process = subprocess.Popen([chromium, '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', f'--remote-debugging-port={port}', '--remote-allow-origins=*',
                                         f'--user-data-dir={folder}/profile', 'about:blank'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pages = []

        def listed():
            try:
                with urllib.request.urlopen(f'http://127.0.0.1:{port}/json', timeout=5) as r:
                    self.pages = [x for x in json.load(r) if x['type'] == 'page']
                return bool(self.pages)
            except OSError:
                return False
        if not until(listed):
            sys.exit('Chromium does not answer')
        self.socket, self.number, self.said = WebSocket(port, re.search(r'\d(/.*)', self.pages[0]['webSocketDebuggerUrl'].split('//')[1])[1], timeout=60), 0, []
        for domain in 'Page', 'Runtime', 'Log', 'Performance':
            self.do(f'{domain}.enable')

    def do(self, method, **params):
        self.number += 1
        self.socket.send(json.dumps({'id': self.number, 'method': method, 'params': params}))
        while True:
            m = json.loads(self.socket.receive())
            if m.get('id') == self.number:
                if 'error' in m:
                    raise RuntimeError(f'{method}: {m["error"]}')
                return m['result']
            if m.get('method') in ('Runtime.exceptionThrown', 'Log.entryAdded') or (m.get('method') == 'Runtime.consoleAPICalled' and m['params']['type'] == 'error'):
                self.said.append(json.dumps(m['params'])[:400])

    def js(self, text):
        r = self.do('Runtime.evaluate', expression=text, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in r:
            raise RuntimeError(f'{text}: {r["exceptionDetails"]}')
        return r['result'].get('value')

    def size(self, width, height, dark=False, touch=False):
        self.do('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.do('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])
        time.sleep(0.5)

    def mouse(self, kind, x, y):
        self.do('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', buttons=0 if kind == 'mouseMoved' and not self.down else 1, clickCount=1)
        self.down = kind == 'mousePressed' or (self.down and kind != 'mouseReleased')
    down = False

    def place(self, selector):
        return self.js(f'(() => {{ document.querySelector({json.dumps(selector)}).scrollIntoView({{block: "center"}}); const r = document.querySelector({json.dumps(selector)}).getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; }})()')

    def shot(self, name):
        if shots:
            os.makedirs(shots, exist_ok=True)
            with open(os.path.join(shots, name + '.png'), 'wb') as f:
                f.write(base64.b64decode(self.do('Page.captureScreenshot', captureBeyondViewport=True)['data']))

    def busy_s(self):
        return next(m['value'] for m in self.do('Performance.getMetrics')['metrics'] if m['name'] == 'TaskDuration')


def router_calls(port):
    import zmq
    s = zmq.Context.instance().socket(zmq.REQ)
    s.linger, s.rcvtimeo = 0, 20000
    s.connect(f'tcp://127.0.0.1:{port}')

    def call(method, *params, **kwargs):
        s.send(json.dumps({'method': method, 'params': params, 'kwargs': kwargs}).encode())
        reply = json.loads(s.recv())
        if not reply['success']:
            raise RuntimeError(f'{method}: {reply["response"]}')
        return reply['response']
    return call


def dastard(port, method, argument):
    import socket
    with socket.create_connection(('127.0.0.1', port), timeout=20) as s:
        s.sendall(json.dumps({'method': method, 'params': [argument], 'id': 1}).encode())
        return json.loads(s.makefile().readline())


def start():
    subprocess.run([tesd, 'simulate', '-o', f'{folder}/files', *beamtime], check=True, capture_output=True)
    runs = sorted(glob.glob(f'{folder}/files/*/*'))
    subprocess.run([tesd, 'calibrate', runs[1], '--noise', runs[0], '-o', f'{folder}/cal.h5'], check=True, capture_output=True)
    twin = subprocess.Popen([tesd, 'simulate', '--serve', 'tcp://127.0.0.1:*', *beamtime, '--records', 'synthesised', '--clock', 'real', '--write', f'{folder}/live', '--idle'], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)
    ports = list(map(int, re.findall(r':(\d+)', twin.stdout.readline())))
    stream, router = free_port(), free_port()
    with open(f'{folder}/tesd.yaml', 'w') as f:
        f.write(f'ingest:\n  port: {ports[0] - 2}\n  block_s: 0.1\ncontrol:\n  scan_port: -1\n  router: "tcp://127.0.0.1:{router}"\nstream:\n  endpoint: "tcp://127.0.0.1:{stream}"\n  photons: ""\n'
                f'calibration:\n  file: "{folder}/cal.h5"\noutput:\n  folder: "{folder}/out"\n')
    run = subprocess.Popen([tesd, 'run', '-c', f'{folder}/tesd.yaml'], stderr=open(f'{folder}/run.log', 'w'))
    web = subprocess.Popen([tesd, 'web', f'tcp://127.0.0.1:{stream}', '--listen', '127.0.0.1:0', '--control', f'tcp://127.0.0.1:{router}'], stdout=subprocess.PIPE, text=True)
    return twin, ports[3], run, web, web.stdout.readline().strip(), router


def live(b, url, call, control):
    b.size(1280, 800)
    begun = time.monotonic()
    b.do('Page.navigate', url=url)
    check(until(lambda: b.js('document.getElementById("age")?.textContent ?? ""') not in ('', 'connecting')), f'the page stands after {time.monotonic() - begun:.2f} s: {b.js("document.getElementById(`age`).textContent")}')
    check(b.js('document.getElementById("scan").textContent') == 'no scan yet', 'it works without a scan')
    b.shot('1_no_scan')
    dastard(control, 'SourceControl.Start', 'SimPulseSource')
    time.sleep(2)
    dastard(control, 'SourceControl.WriteControl', {'Request': 'Stop', 'Path': '', 'WriteLJH22': False, 'WriteOFF': False, 'WriteLJH3': False})
    time.sleep(1)
    call('file_start')
    call('roi_set', {'O': [505, 535]})
    call('scan_start', 'mono', 'eV', 3, 'sample <b>A</b>', {})
    points, first = 14, None
    busy, wall = b.busy_s(), time.monotonic()
    received = b.js('tesd.model.received')
    for k in range(points):
        call('scan_point_start', 524 + 2 * k, None, {'i0': 1000 + k})
        time.sleep(0.5)
        call('scan_point_end')
        if first is None and b.js('tesd.map.data !== null'):
            first = k
        if k == 7:
            b.shot('2_growing')
    updates, share = (b.js('tesd.model.received') - received) / (time.monotonic() - wall), (b.busy_s() - busy) / (time.monotonic() - wall)
    print(f'        {updates:.1f} states/s taken, main thread busy {100 * share:.0f} %')
    check(updates > 5 and share < 0.8, 'the browser keeps up')
    check(until(lambda: b.js('tesd.map.data && tesd.map.data.y.length') == points), f'the map has grown to {points} points, first seen at point {first}')
    check('<b>' in b.js('document.getElementById("scan").textContent') and b.js('document.querySelector("#scan b")') is None, 'names are shown as texts')


def cuts(b):
    x, y, w, h = b.place('#map')
    b.mouse('mouseMoved', x + 0.8 * w, y + 0.4 * h)
    got = b.js('''(() => { const c = tesd.cuts(), s = tesd.stateOf(tesd.newestScan(), 'rixs/map/'), n = s.arrays.emission_energy.values.length;
        const k = [...s.arrays.emission_energy.values].indexOf(c.x), r = [...s.arrays.incident_energy.values].indexOf(c.y);
        return [c.counts === s.arrays.counts.values[r * n + k], c.row.y.every((v, i) => v === s.arrays.counts.values[r * n + i]), c.column.y.every((v, i) => v === s.arrays.counts.values[i * n + k])]; })()''')
    check(got == [True, True, True], f'cuts at the cursor are the data: {got}')
    before = b.js('tesd.map.now.slice()')
    b.do('Input.dispatchMouseEvent', type='mouseWheel', x=x + 0.8 * w, y=y + 0.4 * h, deltaX=0, deltaY=-100)
    check(until(lambda: b.js('tesd.map.now[1] - tesd.map.now[0]') < before[1] - before[0]), 'the wheel zooms')
    b.js('document.getElementById("map").focus()')
    column = b.js('tesd.cuts().x')
    for key in 'ArrowRight', '0':
        b.do('Input.dispatchKeyEvent', type='keyDown', key=key, text=key if len(key) == 1 else '')
    check(until(lambda: b.js('tesd.map.now[1] - tesd.map.now[0]') >= before[1] - before[0] - 1e-6) and b.js('tesd.cuts().x') > column, 'so do keys, and arrows move the cursor')
    csv = b.js('tesd.columns("row").length')
    check(csv > 3000, f'a cut can be had as {csv} rows')


def drag_window(b):
    b.js('document.getElementById("roi").value = "O"; document.getElementById("roi").dispatchEvent(new Event("change"))')
    time.sleep(0.3)
    before = b.js('tesd.stateOf(tesd.newestScan(), "pfy/O/").arrays.counts.values.reduce((a, b) => a + b, 0)')
    x, y, w, h = b.place('#map')
    edge, target = b.js('tesd.map.X(535)'), b.js('tesd.map.X(515)')
    b.mouse('mouseMoved', x + edge, y + h / 2)
    b.mouse('mousePressed', x + edge, y + h / 2)
    for f in 0.3, 0.7, 1:
        b.mouse('mouseMoved', x + edge + f * (target - edge), y + h / 2)
    b.mouse('mouseReleased', x + target, y + h / 2)
    roi = lambda: b.js('tesd.stateOf(tesd.newestScan(), "pfy/O/").header.roi_eV')
    check(until(lambda: roi()[1] < 520), f'the window was dragged to {roi()}')
    after, inside = b.js('tesd.stateOf(tesd.newestScan(), "pfy/O/").arrays.counts.values.reduce((a, b) => a + b, 0)'), None
    check(after < 0.7 * before, f'and counted anew: {before} photons before, {after} now')


def looks(b, run, call):
    call('scan_end')
    pixels = b.js('tesd.model.other.size && [...tesd.model.other.keys()].filter(t => t.startsWith("pixel/")).length')
    if pixels:
        x, y, w, h = b.place('#array')
        b.mouse('mousePressed', x + 10, y + 10)
        b.mouse('mouseReleased', x + 10, y + 10)
        check(until(lambda: ':' in b.js('document.getElementById("pixel").textContent')), f'a pixel of {pixels} opens: {b.js("document.getElementById(`pixel`).textContent")[:80]!r}')
    b.shot('3_light')
    b.size(1280, 800, dark=True)
    b.shot('4_dark')
    dark = b.js('getComputedStyle(document.body).backgroundColor')
    check(dark == 'rgb(16, 19, 22)', f'dark where the desk is dark: {dark}')
    b.size(820, 1180, touch=True)
    b.shot('5_tablet')
    check(b.js('document.documentElement.scrollWidth <= window.innerWidth'), 'nothing sticks out on a tablet')
    b.size(1280, 800)
    run.send_signal(signal.SIGSTOP)
    check(until(lambda: 's old' in b.js('document.getElementById("age").textContent'), 15), f'a stalled stream says so: {b.js("document.getElementById(`age`).textContent")}')
    b.shot('6_stalled')
    run.send_signal(signal.SIGCONT)
    check(until(lambda: b.js('document.getElementById("age").textContent') == 'live'), 'and lives again')


def main():
    twin, control, run, web, url, router = start()
    b = None
    try:
        call = router_calls(router)
        b = Browser()
        live(b, url, call, control)
        cuts(b)
        drag_window(b)
        looks(b, run, call)
        check(not b.said, f'no error on the console: {b.said[:3]}')
    finally:
        for p in filter(None, (b and b.process, web, run, twin)):
            p.kill()
            p.wait()
        if failures:
            print(open(f'{folder}/run.log').read()[-2000:])
        shutil.rmtree(folder, ignore_errors=True)
    print(f'{len(failures)} failures' if failures else 'all good')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
