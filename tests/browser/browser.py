"""Chromium without a window, driven by Playwright: its Node library (playwright-core, of the version in package.json, fetched by `make
check-web`) with the archive's Chromium, told what to do by browser.js, so that a test is one script in the language of all others."""
import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import offspring

HERE = os.path.dirname(os.path.abspath(__file__))
chromium = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')


class Missing(Exception):
    """What a browser is driven by is not on this machine."""


def until(good, limit_s=30):
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if good():
            return True
        time.sleep(0.05)
    return False


class Remote:
    """An object of browser.js: page.mouse.move(1, 2) is what it is there."""

    def __init__(self, browser, on, call=''):
        self.browser, self.on, self.call = browser, on, call

    def __getattr__(self, word):
        return Remote(self.browser, self.on, f'{self.call}.{word}' if self.call else word)

    def __call__(self, *args):
        self.browser.process.stdin.write(json.dumps({'on': self.on, 'call': self.call, 'args': args}) + '\n')
        self.browser.process.stdin.flush()
        told = json.loads(self.browser.process.stdout.readline() or '{"error": "the browser is gone"}')
        if 'error' in told:
            raise RuntimeError(f'{self.call}{args}: {told["error"]}')
        return told.get('value')


class Browser:
    """One page. `saved`: the folder of what is downloaded; shots: that of screenshots, or none."""

    def __init__(self, saved, shots=None):
        node = shutil.which('node') or shutil.which('nodejs')
        if not chromium or not node:
            raise Missing('no chromium' if not chromium else 'no node')
        self.saved, self.shots = saved, shots
        self.process = offspring.start([node, f'{HERE}/browser.js', chromium, saved], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline():
            raise Missing('no playwright-core, which make check-web fetches' if self.process.wait() == 77 else 'Chromium does not start')
        self.page, self.session, self.itself = (Remote(self, on) for on in ('page', 'session', 'self'))

    def open(self, url, **context):
        """A new window with Playwright's settings of a context."""
        self.itself.open({'viewport': {'width': 1280, 'height': 800}, **context})
        self.page.goto(url)

    def js(self, text):
        return self.page.evaluate(text)

    def text(self, selector):
        return self.page.textContent(selector)

    def place(self, selector, x, y):
        """Where on the page a place of an element is, in pixels."""
        box = self.js(f'(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: "nearest"}}); return e.getBoundingClientRect().toJSON(); }})()')
        return box['x'] + x, box['y'] + y

    def at(self, selector, x, y):
        self.page.mouse.move(*self.place(selector, x, y))

    def drag(self, selector, start, end):
        self.at(selector, *start)
        self.page.mouse.down()
        for f in 0.3, 0.7, 1:
            self.at(selector, *(a + f * (b - a) for a, b in zip(start, end)))
        self.page.mouse.up()

    def shot(self, name):
        if self.shots:
            self.page.screenshot({'path': os.path.join(self.shots, name + '.png'), 'fullPage': True})

    def busy_s(self):
        """Processor time that the page's main thread has had."""
        return next(m['value'] for m in self.session.send('Performance.getMetrics')['metrics'] if m['name'] == 'TaskDuration')

    def errors(self):
        return self.itself.errors()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
