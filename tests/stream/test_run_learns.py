#!/usr/bin/python3
"""tesd run without a calibration learns one from the first calibration state, while the scan that follows is measured: the scan is counted anew
with it, in stream, scan file and run file, and the next start has it. The twin's clock stands still until what is waited for has been said, so
that no race decides. Judged by a replay of what the twin wrote with the calibration that was learnt. Loopback only."""
import glob, json, os, re, sys, threading, time
import h5py, numpy, zmq
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import offspring
from live_pair import Daemon, Rpc, Twin, check, folder, run_all, tesd

beamtime = ['--pixels', '4', '--bad-fraction', '0', '--samples', '256', '--presamples', '64', '--rate', '50', '--calibration-s', '20', '--edges', 'o', '--conditions', 'a', '--feature', '0.1',
            '--scans', '1', '--points', '8', '--dwell', '1', '--noise-records', '200', '--seed', '7']
STEP_S = 1.0   # of data at a time: no more records of a channel than DASTARD's queue holds


class Clock:
    """The twin's: time passes here alone. Events of the scan are told as the data pass them."""

    def __init__(self, twin, start_s, run, events):
        self.rpc, self.run, self.control, self.events, self.now_s = Rpc(twin.control), run, Rpc(run.control), list(events), start_s

    def advance(self, to_s):
        while self.now_s < to_s:
            self.rpc.call('SimulatedClock.Advance', STEP_S)
            self.now_s += STEP_S
            self.tell(self.now_s)

    def tell(self, until_s):
        while self.events and self.events[0][1]['time_ns'] < until_s * 1e9:
            method, argument = self.events.pop(0)
            reply = self.control.call(method, {**argument, 'time_ns': str(argument['time_ns'])})
            if reply['error'] is not None:
                check(False, f'{method}: {reply}')


def events_of(log):
    """As a scan server tells them."""
    ns = lambda t: round(t * 1e9)
    yield 'Scan.Start', {'number': log['scan_num'], 'sample': log['sample_desc'], 'var_name': log['var_name'], 'var_unit': log['var_unit'], 'time_ns': ns(log['epoch_time_start_s'][0] - 0.1)}
    for k, (a, b) in enumerate(zip(log['epoch_time_start_s'], log['epoch_time_end_s'])):
        yield 'Scan.PointStart', {'incident_eV': log['var_values'][k], 'time_ns': ns(a)}
        yield 'Scan.PointEnd', {'i0': log['point_extras'][str(k)]['i0'], 'time_ns': ns(b)}
    yield 'Scan.End', {'time_ns': ns(log['epoch_time_end_s'][-1])}


class Listener(threading.Thread):
    """The newest header of each topic, and all that were told of cal/."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.socket, self.last, self.cal, self.alarms, self.stop = zmq.Context.instance().socket(zmq.SUB), {}, [], set(), False
        self.socket.connect(f'tcp://127.0.0.1:{port}')
        for topic in ('cal/', 'alarm/', 'pixel/', 'disk/', 'detail/2/', 'hb/', 'pfy/'):
            self.socket.subscribe(topic.encode())
        self.start()

    def run(self):
        while not self.stop:
            if self.socket.poll(100):
                topic, header, *blobs = self.socket.recv_multipart()
                h = json.loads(header)
                self.last[topic.decode()] = h
                if topic == b'cal/':
                    self.cal.append(h)
                if topic == b'alarm/':
                    self.alarms |= {a['code'] for a in h['alarms']}
        self.socket.close()


def wait_until(condition, limit_s=20):
    end = time.monotonic() + limit_s
    while time.monotonic() < end and not condition():
        time.sleep(0.02)
    return bool(condition())


def check_stream(run, stream):
    """cal/, alarm/ and pixel/ as doc/stream.md has them, and as the monitor shows them."""
    check(any(not h['id'] and h['learning'] and h['stage'] == 'calibration' for h in stream.cal), f'cal/ says that a calibration is taken: {[(h["id"], h["stage"]) for h in stream.cal]}')
    ok = wait_until(lambda: stream.cal and stream.cal[-1]['stage'] == '' and stream.cal[-1]['id'])
    cal = stream.cal[-1]
    check(ok and re.fullmatch(r'CAL0-[0-9a-f]{8}', cal['id']) and cal['n_good'] == cal['n_pixels'] == 4 and cal['verdicts']['good'] == 4 and not cal['learning'],
          f'and which one is in force: {cal["id"]}, {cal["verdicts"]}')
    check(cal['pixels']['verdict'] == ['good'] * 4 and all(x is None or 0.5 < x < 6 for x in cal['pixels']['resolution_eV']), f'with every pixel: {cal["pixels"]}')
    told = lambda k: stream.last.get(f'pixel/{k}/', {'verdict': '', 'photons': 0})
    # the window of the first message that says good can lie before the first record that was measured with the calibration
    check(wait_until(lambda: all(told(k)['verdict'] == 'good' and told(k)['photons'] > 0 for k in range(4))), 'pixel/ follows each pixel')
    p = stream.last['pixel/2/']
    check(p['pixel'] == 2 and p['name'] == 'chan5' and p['channel'] == 5 and p['records'] > 500 and 0 < p['photons'] <= p['records'] and p['lost'] == 0 and p['accum'] == 'window', f'{p}')
    have = lambda: {a['name'] for a in stream.last.get('detail/2/', {'arrays': []})['arrays']}
    check(wait_until(lambda: {'counts', 'curve_gain', 'anchor_gain', 'pulse'} <= have()), f'detail/ of a pixel that is asked for has spectrum, curve and pulse: {sorted(have())}')
    def well():   # a busy disk may have been late to answer: then that it is over is told
        disk = stream.last.get('disk/') or {'free_bytes': 0, 'sinks': []}
        return disk['free_bytes'] and {x['name'] for x in disk['sinks']} >= {'journal', 'archive'} and not any(x['failing'] for x in disk['sinks'])

    check(wait_until(well),
          f'disk/ says what room there is, and that all is well: {stream.last.get("disk/")}')
    with open(os.path.join(os.path.dirname(__file__), '../../doc/stream.md')) as f:
        shown = json.loads(f.read().split('### `disk/`')[1].split('```json')[1].split('```')[0])
    usual = {'sample', 'label', 'n_points', 'final_points'}   # while a scan is under way
    check(set(shown) == set(stream.last['disk/']) - usual, f'as the document shows it: {set(shown) ^ set(stream.last["disk/"])}')
    check('no_calibration' in stream.alarms, f'alarm/ said that there were no energies: {stream.alarms}')
    # records that come after the clock stood still may be late: that alarm stays half a minute
    now = lambda: {a['code'] for a in stream.last['alarm/']['alarms']} - {'late_records'}
    check(wait_until(lambda: now() == set()), f'and it is over: {now()}')
    check(wait_until(lambda: stream.last['hb/']['cal'] == cal['id']), 'every message carries the id')
    said = json.loads(offspring.run([tesd, 'monitor', f'tcp://127.0.0.1:{run.stream}', '--once', '--json'], check=True, capture_output=True).stdout)
    check(said['cal'] == cal['id'] and len(said['pixels']) == 4 and said['alarms'] == stream.last['alarm/']['alarms'], f'tesd monitor has all of it: {said["cal"]}, {len(said["pixels"])} pixels')
    return cal['id']


def photons_of(path):
    """Photons in points of the scan: their frames and energies, by pixel and time."""
    with h5py.File(path) as f:
        c = {k: f[f'entry/photons/{k}'][()] for k in ('pixel', 'time_ns', 'frame', 'point', 'energy_eV', 'cuts')}
    order = numpy.lexsort((c['frame'], c['time_ns'], c['pixel']))
    inside = order[((c['point'] >= 0) & (c['cuts'] == 0))[order]]
    return c['pixel'][inside], c['frame'][inside], c['energy_eV'][inside]


def check_files(runs, named):
    last = f'{folder}/out/last_calibration.h5'
    made = glob.glob(f'{folder}/out/20260302/0000/*_run????.nxs')[0]
    offspring.run([tesd, 'replay', f'{folder}/live/20260302/0000', '--logs', runs[1], '--calibration', last, '-o', f'{folder}/replay.nxs', '-q'], check=True, capture_output=True)
    (pixel, frame, energy), (again_pixel, again_frame, again_energy) = photons_of(made), photons_of(f'{folder}/replay.nxs')
    same = len(pixel) == len(again_pixel) and numpy.array_equal(pixel, again_pixel) and numpy.array_equal(frame, again_frame)
    check(same and len(pixel) > 500, f'no photon of the scan is without energy in the run\'s file: {len(pixel)}, and {len(again_pixel)} when it is replayed with the calibration')
    # heights from before the calibration's end are not known with its filters, so that the causal baseline begins there, and in the replay at the start
    off = numpy.abs(energy - again_energy) if same else numpy.array([numpy.nan])
    check(numpy.median(off) < 0.05 and off.max() < 1, f'their energies differ by {numpy.median(off):.3f} eV (median), {off.max():.3f} eV at most')
    offspring.run([tesd, 'recover', glob.glob(f'{folder}/out/20260302/0000/*.journal')[0], '-o', f'{folder}/recovered.nxs'], check=True, capture_output=True)
    back_pixel, back_frame, back_energy = photons_of(f'{folder}/recovered.nxs')
    check(numpy.array_equal(back_pixel, pixel) and numpy.array_equal(back_frame, frame) and numpy.array_equal(back_energy, energy),
          f'the file made of the journal alone has the same photons: {len(back_pixel)}')
    line = numpy.median(energy[(energy > 515) & (energy < 532)])
    check(abs(line - 524.5) < 1, f'O K fluorescence at {line:.2f} eV')
    with h5py.File(glob.glob(f'{folder}/out/20260302/0000/*_scan*.nxs')[0]) as f, h5py.File(made) as g:
        kept, final = (x['entry/rixs_0001/counts'][()].astype(int) for x in (f, g))
        points = f['entry/scan_0001/photons'][()]
    check(kept.shape == final.shape and abs(kept.sum() - final.sum()) < 0.01 * final.sum(), f'the file of the scan has {kept.sum()} counts in its map, the run\'s {final.sum()}')
    ids = [h5py.File(path)['entry/calibration_0000/id'][()].decode() for path in (made, f'{folder}/replay.nxs')]
    check(ids == [named, named], f'files name the calibration as the stream does: {ids}')
    check((points[:len(points) // 2] > 0).all(), 'also in the points that were measured before anything had been learnt')


def test_learns():
    offspring.run([tesd, 'simulate', '-o', f'{folder}/files', *beamtime], check=True, capture_output=True)
    runs = sorted(glob.glob(f'{folder}/files/*/*'))
    with open(glob.glob(f'{runs[1]}/*_experiment_state.txt')[0]) as f:
        states = [(int(l.split(',')[0]) * 1e-9, l.split(',')[1].strip()) for l in f.read().splitlines()[1:]]
    with open(glob.glob(f'{runs[1]}/logs/scan*.json')[0]) as f:
        log = json.load(f)
    twin = Twin(*beamtime, '--records', 'synthesised', '--clock', 'injected', '--start', '2026-03-02T09:00:00', '--write', f'{folder}/live', '--idle')
    run = Daemon('learns', twin, scan={'late_photon_s': 60}, output={'folder': f'{folder}/out'})
    stream = Listener(run.stream)
    clock = Clock(twin, states[0][0], run, events_of(log))
    clock.rpc.good('SourceControl.Start', 'SimPulseSource')
    run.wait_message('array of 4 channels')
    starts, ends = log['epoch_time_start_s'], log['epoch_time_end_s']
    cal_end = next(t for t, label in states if label == 'PAUSE')
    clock.advance(cal_end - 1)
    clock.tell(starts[0] + 0.1)   # the scan is told ahead: it runs before anything can have been learnt
    clock.advance(ends[4] + 0.2)
    check(run.wait_message('calibration CAL0 is accepted: 4 good pixels, 0 before; filters are new'), 'CAL0 is learnt while the scan is measured')
    check(run.wait_message('are counted anew'), 'and the scan that runs is counted anew')
    anew = re.search(r'scan 1: (\d+) records since calibration CAL0 are counted anew', run.messages())
    check(anew and int(anew[1]) > 20 and 'could not be measured' not in run.messages(), f'{anew and anew[0]}')
    clock.advance(ends[-1] + 2)
    clock.rpc.good('SourceControl.WriteControl', {'Request': 'Stop'})
    run.wait_message('_run0000.nxs')
    named = check_stream(run, stream)
    check(run.figures()['tesd_records_lost_upstream'] == 0, 'nothing was lost on the way')
    check(run.end() == 0, 'ends with 0')
    stream.stop = True
    check_files(runs, named)
    later = Daemon('later', twin, output={'folder': f'{folder}/out'})
    check(later.wait_message('last_calibration.h5: the last calibration that was learnt is in force'), 'the calibration is kept')
    check(later.wait_figure(lambda f: f['tesd_good_pixels'] == 4)['tesd_good_pixels'] == 4, 'and the next start has it')
    check(later.end() == 0, 'ends with 0')
    twin.end()


run_all(test_learns)
