"""The report in a real browser: a small beamtime is simulated and calibrated, and its page loaded by headless Chromium. No console error,
no request, and what a pixel's detail consists of is drawn, for a good pixel, one with a curve alone, and on paper."""
import glob, html.parser, os, re, shutil, sys, tempfile

browser = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
if not browser:
    print('skipped: no chromium')
    sys.exit(77)
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
from checks import check, conclusion
from program import TESD, must


class Page(html.parser.HTMLParser):
    """Counts elements and their classes inside each section; the text of every element with an id."""

    def __init__(self, text):
        super().__init__()
        self.section, self.counts, self.hidden_fault = None, {}, False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == 'section':
            self.section = values.get('id')
        if values.get('id') == 'fault':
            self.hidden_fault = 'hidden' in values
        for word in [tag, *(values.get('class') or '').split()]:
            self.counts[self.section, word] = self.counts.get((self.section, word), 0) + 1

    def count(self, section, word):
        return self.counts.get((section, word), 0)


def load(folder, url, *more):
    command = [browser, '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
               '--disable-component-update', '--disable-sync', f'--user-data-dir={folder}/profile', '--enable-logging=stderr', '--virtual-time-budget=5000',
               *more, url]
    done = must(*command, limit_s=120)
    said = [line for line in done.stderr.splitlines() if 'CONSOLE' in line]
    check(not said, f'nothing on the console of {url.rsplit("/", 1)[1]} {said[:2] if said else ""}')
    return done.stdout


def check_pixel(page, n_pixels):
    check(page.hidden_fault, 'the page met no error')
    check(page.count('array', 'cell') >= n_pixels, f'{n_pixels} pixels in the map')
    check(page.count('verdicts', 'tr') == n_pixels + 1, 'a row for every pixel in the verdict table')
    check(page.count('pixel', 'svg') >= 2, f'{page.count("pixel", "svg")} drawings of the pixel')


with tempfile.TemporaryDirectory() as folder:
    must(TESD, 'simulate', '--quick', '-o', f'{folder}/beamtime', '--pixels', '6', '--bad-fraction', '0', '--edges', 'co', '--points', '11')
    noise, pulses = sorted(glob.glob(f'{folder}/beamtime/*/000[01]'))
    report, later = f'{folder}/learnt.html', f'{folder}/loaded.html'
    must(TESD, 'calibrate', '-q', pulses, '--noise', noise, '-o', f'{folder}/cal.h5', '--report', report)
    must(TESD, 'replay', '-q', pulses, '--calibration', f'{folder}/cal.h5', '-o', f'{folder}/out.nxs', '--report', later)
    names = sorted(int(re.search(r'_chan(\d+)\.ljh', f).group(1)) for f in glob.glob(f'{pulses}/*.ljh'))

    first = Page(load(folder, f'file://{report}#chan{names[2]}', '--dump-dom'))
    check_pixel(first, 6)
    check(first.count('pixel', 'fit') >= 6, f'{first.count("pixel", "fit")} fitted windows')
    check(first.count('pixel', 'model') == first.count('pixel', 'fit'), 'a model in each')
    check(first.count('pixel', 'pull') > 20 * first.count('pixel', 'fit'), 'pulls below them')
    check(first.count('pixel', 'steps') > first.count('pixel', 'fit'), 'a spectrum')
    check(first.count('pixel', 'dot') > 20, 'anchors, leave-one-out errors and drift as points')
    check(first.count('print-pixels', 'article') == 0, 'nothing drawn for paper on the screen')

    second = Page(load(folder, f'file://{later}', '--dump-dom'))
    check_pixel(second, 6)
    check(second.count('pixel', 'fit') == 0 and second.count('pixel', 'dot') > 10, 'a loaded calibration shows its curve, but no spectrum')

    load(folder, f'file://{report}', '--no-pdf-header-footer', f'--print-to-pdf={folder}/report.pdf')
    check(os.path.getsize(f'{folder}/report.pdf') > 20000, 'it prints')

sys.exit(conclusion())
