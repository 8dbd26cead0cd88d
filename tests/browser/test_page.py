#!/usr/bin/python3
"""The page of tesd web in Chromium, driven by Playwright: a live scan of the twin of DASTARD grows on it, cuts at the cursor are the data, a
window that is dragged is counted anew, a pixel opens, a stalled stream says how old it is, light and dark, desk and tablet, no error on the console.
Arrays of 240 and of 1000 pixels at 10 updates a second: figures. Run by `make check-web`; 77 without Chromium or Playwright. Screenshots go to TESD_SHOTS, or nowhere. Loopback only."""
import csv, glob, json, os, re, shutil, signal, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
import zmq
import offspring
from browser import Browser, Missing, until
from free_ports import free_port

tesd = os.environ.get('TESD', 'build/tesd')
folder = tempfile.mkdtemp(prefix='tesd-page-')
shots = os.environ.get('TESD_SHOTS')
failures = []
beamtime = ['--pixels', '12', '--samples', '256', '--presamples', '64', '--rate', '40', '--calibration-s', '40', '--edges', 'o', '--conditions', 'a', '--scans', '1', '--points', '12', '--dwell', '0.5',
            '--bad-fraction', '0', '--noise-records', '300', '--seed', '7']


def check(good, what):
    print(('ok      ' if good else 'FAILED  ') + what, flush=True)
    if not good:
        failures.append(what)


def router_calls(port):
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
    offspring.run([tesd, 'simulate', '-o', f'{folder}/files', *beamtime], check=True, capture_output=True)
    runs = sorted(glob.glob(f'{folder}/files/*/*'))
    offspring.run([tesd, 'calibrate', runs[1], '--noise', runs[0], '-o', f'{folder}/cal.h5'], check=True, capture_output=True)
    twin = offspring.start([tesd, 'simulate', '--serve', 'tcp://127.0.0.1:*', *beamtime, '--calibration-s', '1000', '--records', 'synthesised', '--clock', 'real', '--write', f'{folder}/live', '--idle'], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)
    ports = list(map(int, re.findall(r':(\d+)', twin.stdout.readline())))
    stream, router = free_port(), free_port()
    with open(f'{folder}/tesd.yaml', 'w') as f:
        f.write(f'ingest:\n  port: {ports[0] - 2}\n  block_s: 0.1\ncontrol:\n  scan_port: -1\n  router: "tcp://127.0.0.1:{router}"\nstream:\n  endpoint: "tcp://127.0.0.1:{stream}"\n  photons: ""\n'
                f'calibration:\n  file: "{folder}/cal.h5"\noutput:\n  folder: "{folder}/out"\n')
    run = offspring.start([tesd, 'run', '-c', f'{folder}/tesd.yaml'], stderr=open(f'{folder}/run.log', 'w'))
    web = offspring.start([tesd, 'web', f'tcp://127.0.0.1:{stream}', '--listen', '127.0.0.1:0', '--control', f'tcp://127.0.0.1:{router}'], stdout=subprocess.PIPE, text=True)
    return twin, ports[3], run, web, web.stdout.readline().strip(), router


def first_plot(b, url):
    """A new window; seconds from when its page began to load until the map stood in it, by the page's own clock."""
    b.open(url)
    return b.js('new Promise(done => { const look = () => window.tesd && tesd.map.data !== null && tesd.map.box ? done(performance.now() / 1000) : requestAnimationFrame(look); look(); })')


def live(b, url, call, control):
    b.open(url)
    check(until(lambda: b.text('#age') != 'connecting'), f'the page stands: {b.text("#age")}')
    check(b.text('#scan') == 'no scan yet', 'it works without a scan')
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
    check(updates > 5 and share < 0.5, 'the browser keeps up')
    check(until(lambda: b.js('tesd.map.data && tesd.map.data.y.length') == points), f'the map has grown to {points} points, first seen at point {first}')
    check('<b>' in b.text('#scan') and b.js('document.querySelector("#scan b")') is None, 'names are shown as texts')
    check('free' in b.text('#disk'), f'the disk is told of: {b.text("#disk")}')


def is_rounded(text, value):
    """Is 0.49(2) this value?"""
    number = re.match(r'[\d.]+', text)[0]
    return abs(float(number) - value) <= 0.5001 * 10.0 ** -len(number.partition('.')[2])


def second_scan(b, call):
    """The same points again: two scans of a stream, side by side, and their sum."""
    before = b.js('tesd.newestSet()')
    call('scan_end')
    call('roi_set', {'O': [505, 535]})
    call('scan_start', 'mono', 'eV', 4, 'sample <b>A</b>', {})
    for k in range(14):
        call('scan_point_start', 524 + 2 * k, None, {'i0': 2000 + k})
        time.sleep(0.25)
        call('scan_point_end')
    check(until(lambda: b.js('tesd.newestSet()') != before and b.js('tesd.map.data?.name') == b.js('tesd.newestSet()') and b.js('tesd.map.data.y.length') == 14), 'the next scan is shown')
    names = [b.js('tesd.newestSet()'), before]
    two = f'{json.dumps(names)}.map(n => tesd.stateOf(n, "pfy/tfy/").arrays)'
    b.page.click('[data-view=compare]')
    until(lambda: b.js(f'{json.dumps(names)}.every(n => ["conditionA", "conditionB"].every(id => [...document.getElementById(id).options].some(o => o.value === n)))'))
    b.page.selectOption('#conditionA', names[0])
    b.page.selectOption('#conditionB', names[1])
    check(until(lambda: b.js('!!tesd.compare.boxes && tesd.columns("difference").length > 100')), 'two scans of the stream stand side by side with their difference')
    b.page.selectOption('#compareRoi', 'tfy')
    until(lambda: b.js('tesd.compared()?.sum.n') == 14)
    want, got = b.js(f'(() => {{ const [y, z] = {two}.map(a => a.yield.values.reduce((s, v) => s + v / a.pixel_weight.values[0], 0)); return [y / z, tesd.compared().sum]; }})()')   # of one moment: points still settle
    check(got['n'] == 14 and abs(got['ratio'] / want - 1) < 1e-9, f'the ratio of their yields by pixel_weight is {got["ratio"]:.4f} ± {got["error"]:.4f}')
    before_the_edge(b, two)
    total = next((n for n in b.js('[...document.getElementById("conditionA").options].map(o => o.value)') if n.startswith('sum of')), None)
    summed = b.js(f"""(() => {{ const y = tesd.yieldOf({json.dumps(total)}, 'tfy'), [a, b] = {two};
        return y && y.n === 2 && y.y.every((v, k) => {{ const q = s => s.i0.values[k] * s.live_time_s.values[k] * s.pixel_weight.values[0], w = (a.counts.values[k] + b.counts.values[k]) / (q(a) + q(b)); return Math.abs(v - w) <= 1e-12 * w; }}); }})()""")
    check(bool(summed), f'"{total}" is counts over exposures with the weight of the pixels')
    time.sleep(0.3)
    b.shot('7_two_scans')
    call('scan_end')
    check(until(lambda: b.js('document.querySelectorAll("#repeats td").length') == 12), f'the repeat is judged when it is over: {b.text("#repeatsText")}')
    told = b.js('[...tesd.model.other.get("consistency/").header.repeats]')
    shown = [b.js(f'document.querySelectorAll("#repeats tr")[{k + 1}].children[1].textContent') for k in (0, 1)]
    check(all(is_rounded(text, r['ratio']) for text, r in zip(shown, told)) and b.js('tesd.columns("repeats").length') == 3, f'with its rates: {shown}')
    b.shot('7_repeats')
    b.js('tesd.show("scan")')
    check(until(lambda: 'repeats of' in b.text('#repeatsNote')), f'and said below the yield: {b.text("#repeatsNote")!r}')


def before_the_edge(b, two):
    """What is constant before the edge is subtracted of both, and photons still wanted are told."""
    def put(**values):
        for name, value in values.items():
            b.page.fill(f'#{name}', str(value))
    hi = b.js(f'[...{two}[0].incident_energy.values].sort((p, q) => p - q)[2]') + 0.01
    put(preLo=0, preHi=hi, wantedError=0.01)
    want, got, free = b.js(f"""(() => {{ const less = {two}.map(a => {{ const q = k => a.i0.values[k] * a.live_time_s.values[k] * a.pixel_weight.values[0];
        const pre = [...a.counts.values.keys()].filter(k => a.incident_energy.values[k] <= {hi}), sum = f => pre.reduce((s, k) => s + f(k), 0);
        const level = sum(k => Number(a.counts.values[k])) / sum(q); return a.yield.values.reduce((s, v) => s + v / a.pixel_weight.values[0] - level, 0); }});
        const s = tesd.compared().sum; document.getElementById('preHi').value = ''; return [less[0] / less[1], s, tesd.compared().sum]; }})()""")
    check(abs(got['ratio'] / want - 1) < 1e-9 and got['error'] / abs(got['ratio']) > free['error'] / free['ratio'], f'less what is before the edge it is {got["ratio"]:.4f} ± {got["error"]:.4f}')
    put(preLo='', preHi='')
    needed = (free['na'] + free['nb']) * ((free['error'] / free['ratio'] / 1e-4) ** 2 - 1)

    def told():
        found = re.search('([0-9.e+]+) more wanted for 0.01 %', b.text('#verdict'))
        return found is not None and abs(float(found[1]) / needed - 1) < 0.06
    check(until(told), f'photons still wanted are told: {needed:.3g}')
    put(wantedError=1)


def cuts(b):
    box = b.js('tesd.map.box')
    b.at('#map', 0.3 * box['l'] + 0.7 * box['r'], 0.4 * box['b'])
    until(lambda: b.js('tesd.map.cursor !== null'))
    got = b.js('''(() => { const c = tesd.cuts(), s = tesd.stateOf(tesd.newestSet(), 'rixs/map/'), n = s.arrays.emission_energy.values.length;
        const k = [...s.arrays.emission_energy.values].indexOf(c.x), r = [...s.arrays.incident_energy.values].indexOf(c.y);
        return [c.counts === s.arrays.counts.values[r * n + k], c.row.y.every((v, i) => v === s.arrays.counts.values[r * n + i]), c.column.y.every((v, i) => v === s.arrays.counts.values[i * n + k])]; })()''')
    check(got == [True, True, True], f'cuts at the cursor are the data: {got}')
    before = b.js('tesd.map.now.slice()')
    b.page.mouse.wheel(0, -100)
    check(until(lambda: b.js('tesd.map.now[1] - tesd.map.now[0]') < before[1] - before[0]), 'the wheel zooms')
    b.page.focus('#map')
    column = b.js('tesd.cuts().x')
    for key in 'ArrowRight', '0':
        b.page.keyboard.press(key)
    check(until(lambda: b.js('tesd.map.now[1] - tesd.map.now[0]') >= before[1] - before[0] - 1e-6) and b.js('tesd.cuts().x') > column, 'so do keys, and arrows move the cursor')
    csv = b.js('tesd.columns("row").length')
    check(csv > 3000, f'a cut can be had as {csv} rows')


READOUT = '[...document.querySelectorAll("#pfy .readout, #spfy .readout")].map(r => r.hidden ? "" : r.textContent)'
VIEWS = '["pfy", "spfy", "ipfy"].map(id => document.getElementById(id).view ?? null)'


def told(b):
    """What the readouts of the yields say, each as (energy, yield, error)."""
    return [tuple(map(float, re.findall(r'[-\d.]+(?:e-?\d+)?', text))) for text in b.js(READOUT)]


def curves(b):
    """The yields' cursor is the map's, and the map's theirs; zoom by dragging and by keys, for all yields of the scan at once."""
    energy, wanted = b.js('''(() => { const e = tesd.cuts().y, of = r => { const y = tesd.yieldOf(tesd.shownSet(), document.getElementById(r).value), k = [...y.x].indexOf(e); return [e, y.y[k], y.error[k]]; };
        return [e, [of('roi'), of('sroi')]]; })()''')
    check(until(lambda: all(np.allclose(t, w, rtol=0.2) and t[0] == energy for t, w in zip(told(b), wanted))), f'at the map\'s {energy} eV the yields say {b.js(READOUT)}')
    b.at('#pfy', 200, 60)
    check(until(lambda: b.js('tesd.map.pointed !== null')) and abs(b.js('tesd.map.pointed') - told(b)[0][0]) <= 1.01, f'where a yield is pointed at the map shows: {b.js("tesd.map.pointed"):.2f} eV')
    b.page.mouse.move(5, 5)
    check(until(lambda: b.js('tesd.map.pointed === null') and told(b)[0][0] == energy), 'and when it is left, the yields are back at the map\'s cursor')
    b.drag('#pfy', (150, 60), (330, 60))
    until(lambda: None not in b.js(VIEWS))
    views = b.js(VIEWS)
    check(views[0] and views[0] == views[1] == views[2] and 524 < views[0][0] < views[0][1] < 550, f'dragged over, all yields of the scan show {views[0]}')
    check(until(lambda: b.js('(u => [u.scales.x.min, u.scales.x.max])(document.getElementById("pfy").chart)') == views[0]), 'and nothing beside it')
    b.page.mouse.dblclick(*b.place('#pfy', 200, 60))
    check(until(lambda: b.js(VIEWS) == [None] * 3), 'twice clicked, all of it')
    b.page.focus('#pfy')
    b.page.mouse.move(5, 5)
    b.page.keyboard.press('ArrowRight')
    first = until(lambda: told(b)[0]) and told(b)[0][0]
    b.page.keyboard.press('ArrowRight')
    check(until(lambda: told(b)[0][0] == told(b)[1][0] == first + 2), f'arrows go from point to point: {first} and {told(b)[0][0]} eV')
    b.page.keyboard.press('+')
    zoomed = until(lambda: b.js(VIEWS)[0] is not None)
    b.page.keyboard.press('0')
    check(zoomed and until(lambda: b.js(VIEWS)[0] is None), 'keys zoom')
    painted = b.js('''(() => { const c = document.querySelector("#pfy canvas"), d = new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer), n = new Map();
        d.forEach(v => n.set(v, (n.get(v) ?? 0) + 1)); return [[n.get(0xffffffff), n.get(0xffa36200)], d.length]; })()''')
    check(painted[0][0] > 0.5 * painted[1] and painted[0][1] > 200, f'the picture has its ground and its curve: {painted[0]} of {painted[1]} dots')


def drag_window(b):
    b.page.selectOption('#roi', 'O')
    time.sleep(0.3)
    before = b.js('tesd.stateOf(tesd.newestSet(), "pfy/O/").arrays.counts.values.reduce((a, b) => a + b, 0)')
    edge, target, y = b.js('tesd.map.X(535)'), b.js('tesd.map.X(515)'), b.js('tesd.map.box.b') / 3
    b.drag('#map', (edge, y), (target, y))
    roi = lambda: b.js('tesd.stateOf(tesd.newestSet(), "pfy/O/").header.roi_eV')
    check(until(lambda: roi()[1] < 520), f'the window was dragged to {roi()}')
    after, inside = b.js('tesd.stateOf(tesd.newestSet(), "pfy/O/").arrays.counts.values.reduce((a, b) => a + b, 0)'), None
    check(after < 0.7 * before, f'and counted anew: {before} photons before, {after} now')


def tablet(b, url):
    """A finger: touched, a yield says what is there; drawn along, it zooms."""
    b.open(url, viewport={'width': 820, 'height': 1180}, hasTouch=True, isMobile=True)
    check(until(lambda: b.js('!!window.tesd && !!document.getElementById("pfy").shown?.limits')), 'a tablet has the yields')
    b.shot('5_tablet')
    check(b.js('document.documentElement.scrollWidth <= window.innerWidth'), 'nothing sticks out on a tablet')
    x, y = b.place('#pfy', 300, 80)
    b.page.touchscreen.tap(x, y)
    check(until(lambda: told(b)[0]), f'a finger is told {b.js(READOUT)[0]}')
    for kind, to in ('touchStart', 0), ('touchMove', 40), ('touchMove', 120), ('touchMove', 200), ('touchEnd', None):
        b.session.send('Input.dispatchTouchEvent', {'type': kind, 'touchPoints': [] if to is None else [{'x': x + to, 'y': y}]})
    check(until(lambda: b.js(VIEWS)[0] is not None), f'and zooms to {b.js(VIEWS)[0]}')


def looks(b, run, url):
    pixels = b.js('[...tesd.model.other.keys()].filter(t => t.startsWith("pixel/")).length')
    b.page.keyboard.press('3')
    check(until(lambda: b.js('tesd.array.box !== null')), 'key 3 shows the array')
    box = b.js('tesd.array.box')
    b.page.click('#array', {'position': {'x': box['left'] + 1.5 * box['size'], 'y': box['top'] + 0.5 * box['size']}})
    check(until(lambda: b.js('tesd.detail()?.arrays.counts && tesd.detail().arrays.counts.values.reduce((a, b) => a + b, 0)') or 0), f'a pixel of {pixels} opens: {b.text("#pixel")[:80]!r}')
    have = b.js('Object.keys(tesd.detail()?.arrays ?? {})')
    check({'counts', 'curve_gain', 'anchor_gain', 'pulse', 'noise_psd'} <= set(have), f'with spectrum, curve, average pulse and noise: {have}')
    time.sleep(0.3)
    b.shot('8_pixel')
    b.js('tesd.show("scan")')
    b.shot('3_light')
    b.page.emulateMedia({'colorScheme': 'dark'})
    time.sleep(0.5)
    b.shot('4_dark')
    dark = b.js('getComputedStyle(document.body).backgroundColor')
    check(dark == 'rgb(11, 13, 15)', f'dark where the desk is dark: {dark}')
    tablet(b, url)
    b.open(url)
    until(lambda: b.text('#age') == 'live')
    run.send_signal(signal.SIGSTOP)
    check(until(lambda: 's old' in b.text('#age'), 15), f'a stalled stream says so: {b.text("#age")}')
    b.shot('6_stalled')
    run.send_signal(signal.SIGCONT)
    check(until(lambda: b.text('#age') == 'live'), 'and lives again')


def exports(b):
    """Every button that saves, clicked: what comes is what is seen."""
    def saved(selector, name):
        b.page.click(selector)
        check(until(lambda: os.path.exists(f'{b.saved}/{name}'), 10), f'{name} is saved')
        with open(f'{b.saved}/{name}', 'rb') as f:
            return f.read()
    for what in 'map', 'row', 'column', 'pfy':
        rows = list(csv.reader(saved(f'[data-csv={what}]', f'tesd_{what}.csv').decode().splitlines()))
        want = b.js(f'tesd.columns("{what}")')
        same = len(rows) == len(want) > 10 and all(float(x) == y for r, w in zip(rows[1:], want[1:]) for x, y in zip(r, w) if isinstance(y, (int, float)))
        check(same, f'{len(rows)} rows of {what} are the page\'s numbers')
    for what in 'map', 'pfy', 'spfy', 'ipfy':
        check(saved(f'[data-png={what}]', f'tesd_{what}.png')[:8] == b'\x89PNG\r\n\x1a\n', f'{what} is saved as a picture')


def file_numbers(path):
    """Of the file's sum with most photons: its name, its map, its widest yield per pixel of mean sensitivity, and its repeats."""
    with h5py.File(path) as f:
        e = f['entry']
        name = max((g for g in e if re.match(r'sum_.*_rixs$', g)), key=lambda g: e[g]['counts'][()].sum())[4:-5]
        y, j = e[f'sum_{name}_pfy_tfy'], e[f'consistency_{name}']
        return name, e[f'sum_{name}_rixs/counts'][()], y['yield'][()] / y['pixel_weight'][0], j['ratio'][()], j['flags'][()], e['pixels/channel'].shape[0]


def made_files():
    """Two finished files: of real scans and of the same with one moved, where they are at hand; else of two simulated conditions."""
    data, paths = os.path.join(os.environ.get('TESD_SHARED', '../shared'), 'data/real/ssrl_10_1_2020'), [f'{folder}/first.nxs', f'{folder}/second.nxs']
    if os.path.isdir(data):
        offspring.run([tesd, 'replay', *sorted(glob.glob(f'{data}/*.off')), '--logs', data, '-o', paths[0], '-q'], check=True, capture_output=True)
        shutil.copy(paths[0], f'{folder}/moved.nxs')
        with h5py.File(f'{folder}/moved.nxs', 'r+') as f:
            e = f['entry/photons/energy_eV']
            e[...] = e[()] + np.float32(0.5) * (f['entry/photons/scan'][()] == 2)
        offspring.run([tesd, 'merge', f'{folder}/moved.nxs', '-o', paths[1]], check=True, capture_output=True)
    else:
        for path, condition in zip(paths, ('pristine', 'heated')):
            offspring.run([tesd, 'simulate', '--photons', '-o', path, '--pixels', '24', '--edges', 'o', '--scans', '3', '--conditions', condition], check=True, capture_output=True)
    return paths


def two_files(b):
    """Finished files on the same page: their numbers, each beside the other, their repeats."""
    paths = made_files()
    web = offspring.start([tesd, 'web', *paths, '--listen', '127.0.0.1:0'], stdout=subprocess.PIPE, text=True)
    url = web.stdout.readline().strip()
    try:
        check((first := first_plot(b, url)) > 0, f'a file: first plot {first:.2f} s after loading began')
        check(b.text('#age') == 'file' and b.js('document.getElementById("stale").hidden'), 'it is a file, and has no age')
        (name, counts, first, ratio, _, pixels), (_, _, second, _, flags, _) = map(file_numbers, paths)
        sets = [f'{k} sum {name}' for k in ('first', 'second')]
        b.page.selectOption('#which', sets[0])
        check(until(lambda: b.js('tesd.map.data?.name') == sets[0]) and b.js('[...tesd.stateOf(tesd.map.data.name, "rixs/map/").arrays.counts.values]') == counts.ravel().tolist(), f'its map is that of the file, {counts.sum()} photons')
        b.shot('a_file')
        b.js('tesd.show("compare")')
        until(lambda: b.js(f'{json.dumps(sets)}.every(n => ["conditionA", "conditionB"].every(id => [...document.getElementById(id).options].some(o => o.value === n)))'))
        b.page.selectOption('#conditionA', sets[0])
        b.page.selectOption('#conditionB', sets[1])

        def compared_tfy():
            b.js("document.getElementById('compareRoi').value = 'tfy'")   # once its windows are listed
            return b.js('tesd.compared()?.roi') == 'tfy' and b.js(f'tesd.compared().names.join() === {json.dumps(",".join(sets))}')
        check(until(lambda: compared_tfy() and b.js('tesd.columns("difference").length > 100')), 'two files stand side by side with their difference')
        got, both = b.js('tesd.compared().sum'), np.isfinite(first) & np.isfinite(second)
        check(len(first) != len(second) or abs(got['ratio'] / (first[both].sum() / second[both].sum()) - 1) < 1e-9, f'the ratio of their yields is that of the files\' numbers: {got["ratio"]:.4f} ± {got["error"]:.4f}')
        check(b.js('[...document.querySelectorAll("#repeats tr")].slice(1).map(r => parseFloat(r.children[1].textContent))') == [round(r, 2) for r in ratio], f'repeats of the first: {b.text("#repeatsText")}')
        b.page.selectOption('#repeatsOf', f'consistency/second {name}/')
        check(until(lambda: b.js('document.querySelectorAll("#repeats td.odd").length') == sum(bin(f).count('1') for f in flags)), f'of the second: {b.text("#repeatsText")}')
        b.shot('a_files_compared')
        b.js('tesd.show("array")')
        until(lambda: b.js('tesd.array.box !== null'))
        b.page.focus('#array')
        b.page.keyboard.press('ArrowRight')
        check(until(lambda: b.js('tesd.detail()?.arrays.counts !== undefined')) and b.js('tesd.array.list.length') == pixels, f'a pixel of {pixels} opens: {b.js("Object.keys(tesd.detail()?.arrays ?? {})")}')
        time.sleep(0.3)
        b.shot('a_file_pixel')
    finally:
        b.page.goto('about:blank')
        web.kill()
        web.wait()


class MadeStream:
    """A scan of an array of any size as the stream tells it, with chosen numbers."""

    def __init__(self, pixels):
        self.socket, self.pixels, self.seq = zmq.Context.instance().socket(zmq.PUB), pixels, {}
        self.socket.linger = 0
        self.socket.sndhwm = 0
        self.port = self.socket.bind_to_random_port('tcp://127.0.0.1')
        self.x, self.e = np.linspace(520, 560, 243), np.arange(200.125, 1100, 0.25)
        shape = np.exp(-((self.e - 524) / 2) ** 2)[None, :] * (1 / (1 + np.exp(-(self.x - 530))))[:, None]
        self.counts = np.random.default_rng(1).poisson(0.02 + 12 * shape).astype('<u4')

    def send(self, topic, kind, arrays=(), **keys):
        self.seq[topic] = self.seq.get(topic, 0) + 1
        described = [{'name': n, 'role': 'aux', 'dtype': a.dtype.str, 'shape': list(a.shape), 'units': 'eV' if 'energy' in n else '', 'label': '', 'blob': k, 'codec': 'none'} for k, (n, a) in enumerate(arrays)]
        header = {'v': 1, 'kind': kind, 'seq': self.seq[topic], 'boot': 'made', 'run': 'r', 'scan': 1, 'point': 242, 't_ns': '1', 'start_ns': '0', 'accum': 'cumulative', 'state': 'live', 'sample': 's', 'label': 'SCAN1',
                  'n_points': 243, 'final_points': 243, 'cal': 'CAL0', 'snap': False, 'lost': {'upstream': 0, 'queue': 0, 'rejected': 0}, 'loss_fraction': 0.0, 'signal': '', 'axes': [], 'arrays': described, **keys}
        self.socket.send_multipart([topic.encode(), json.dumps(header).encode(), *(np.ascontiguousarray(a).tobytes() for _, a in arrays)])

    def step(self, k):
        """What 100 ms bring: all windows and the spectrum, a share of the pixels; every second the maps and the heartbeat."""
        ones, rois = np.ones(243), {'O': (505, 535), 'sPFY': (522, 525), 'C': (265, 290), 'N': (380, 402), 'Mn_L': (630, 670), 'Co_L': (765, 800), 'Ni_L': (840, 880), 'tfy': (None, None)}
        for name, (lo, hi) in rois.items():
            inside = (self.e >= (lo or 0)) & (self.e < (hi or 1e9))
            n = self.counts[:, inside].sum(axis=1).astype('<u4') + k
            points = [('yield', n / 2.0), ('yield_errors', np.sqrt(n) / 2), ('counts', n.astype('<u4')), ('incident_energy', self.x), ('i0', 2 * ones), ('live_time_s', ones), ('pixel_weight', np.array([1.0]))]
            self.send(f'pfy/{name}/', 'pfy', points, roi_eV=[lo, hi], normalised_by='i0 x live_time', title=name)
        self.send('xes/scan/', 'xes', [('counts', self.counts.sum(axis=0).astype('<u4')), ('emission_energy', self.e)])
        for n in range(self.pixels):
            if n % 50 == k % 50:
                self.send(f'pixel/{n}/', 'pixel', pixel=n, channel=n + 1, name=f'chan{n + 1}', rate_per_s=3 + n % 7, baseline_counts=1000.0 + n + 0.1 * k, residual=5.0, resolution_eV=1.4, verdict='bad' if n % 17 == 0 else 'good', reason='', records=k, photons=k)
        if k % 10 == 0:
            more = self.counts.copy()
            more[:, ::97] += k
            self.send('rixs/map/', 'rixs_map', [('counts', more), ('incident_energy', self.x), ('emission_energy', self.e), ('i0', 2 * ones), ('live_time_s', ones), ('pixel_weight', np.array([1.0]))], title='map')
            self.send('hb/', 'hb', last={**{f'pfy/{r}/': 1 for r in rois}, 'rixs/map/': 1}, rates={'messages': 100.0, 'bytes': 0, 'points': 1.0}, interval_ms=1000)


def many_pixels(b, pixels):
    """10 updates a second: how soon the first plot stands, and how busy the page's thread is in each view."""
    stream, stopped = MadeStream(pixels), threading.Event()
    web = offspring.start([tesd, 'web', f'tcp://127.0.0.1:{stream.port}', '--listen', '127.0.0.1:0'], stdout=subprocess.PIPE, text=True)
    url = web.stdout.readline().strip()

    def feed():
        k, due = 0, time.monotonic()
        while not stopped.is_set():
            stream.step(k)
            k, due = k + 1, due + 0.1
            time.sleep(max(0, due - time.monotonic()))
    thread = threading.Thread(target=feed)
    thread.start()
    try:
        time.sleep(2)
        first = first_plot(b, url)
        check(first < 3, f'{pixels} pixels: first plot {first:.2f} s after loading began (wanted < 1 s where the machine has time)')
        check(until(lambda: b.js('[...tesd.model.other.keys()].filter(t => t.startsWith("pixel/")).length') == pixels), f'all {pixels} pixels are there')
        for view in 'scan', 'compare', 'array':
            b.js(f'tesd.show("{view}")')
            time.sleep(1)
            busy, wall, received = b.busy_s(), time.monotonic(), b.js('tesd.model.received')
            draws = b.js('tesd.draws')
            time.sleep(4)
            seconds = time.monotonic() - wall
            share, states, drawn = (b.busy_s() - busy) / seconds, (b.js('tesd.model.received') - received) / seconds, (b.js('tesd.draws') - draws) / seconds
            print(f'        {pixels} pixels, {view}: {states:.0f} states/s, {drawn:.1f} draws/s, main thread busy {100 * share:.0f} % (wanted < 50 at 10 updates/s)')
            check(share < 0.5 and drawn > 4, f'{pixels} pixels, {view}: the page keeps up')
        b.shot(f'9_{pixels}_pixels')
        check(b.js('tesd.array.places.length') == pixels and b.js('tesd.array.box.size') >= 8, f'{pixels} pixels have room: {b.js("tesd.array.box.size"):.0f} px each')
    finally:
        b.page.goto('about:blank')   # a page without its server says so on the console, and rightly
        stopped.set()
        thread.join()
        web.kill()
        web.wait()
        stream.socket.close(0)


def main():
    try:
        b = Browser(f'{folder}/saved', shots)
    except Missing as why:
        print(f'skipped: {why}')
        return 77
    twin, control, run, web, url, router = start()
    try:
        call = router_calls(router)
        live(b, url, call, control)
        cuts(b)
        curves(b)
        exports(b)
        drag_window(b)
        second_scan(b, call)
        looks(b, run, url)
        two_files(b)
        for pixels in 240, 1000:
            many_pixels(b, pixels)
        check(not b.errors(), f'no error on the console: {b.errors()[:3]}')
    finally:
        b.close()
        for p in web, run, twin:
            p.kill()
            p.wait()
        if failures:
            print(open(f'{folder}/run.log').read()[-2000:])
        shutil.rmtree(folder, ignore_errors=True)
    print(f'{len(failures)} failures' if failures else 'all good')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
