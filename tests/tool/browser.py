"""Chromium without a window, driven over its DevTools protocol: the same that Playwright speaks to Chromium, by the WebSocket client that the tests
have anyway. Playwright is in no package archive (npm or PyPI only, with a Node of its own, and it wants its own build of the browser); with this the test runs
wherever the archive's Chromium is installed."""
import base64, json, os, re, shutil, subprocess, sys, time, urllib.request

from free_ports import free_port
from websocket import WebSocket

chromium = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')


def until(good, limit_s=30):
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if good():
            return True
        time.sleep(0.05)
    return False


class Browser:
    """One page, by the DevTools protocol."""

    def __init__(self, folder, shots=None):
        self.shots, self.down = shots, False
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
        for domain in 'Page', 'Runtime', 'Log':
            self.do(f'{domain}.enable')
        self.do('Performance.enable', timeDomain='threadTicks')   # processor time of the page's thread: what others do on the machine is not in it

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

    def place(self, selector):
        return self.js(f'(() => {{ document.querySelector({json.dumps(selector)}).scrollIntoView({{block: "center"}}); const r = document.querySelector({json.dumps(selector)}).getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; }})()')

    def shot(self, name):
        if self.shots:
            os.makedirs(self.shots, exist_ok=True)
            with open(os.path.join(self.shots, name + '.png'), 'wb') as f:
                f.write(base64.b64decode(self.do('Page.captureScreenshot', captureBeyondViewport=True)['data']))

    def busy_s(self):
        """Processor time that the page's main thread has had."""
        return next(m['value'] for m in self.do('Performance.getMetrics')['metrics'] if m['name'] == 'TaskDuration')
