#!/usr/bin/python3
"""Rates through the whole program at 60 photons/s per pixel, both triggers, and a pixel that dies in mid-scan; and at 40 photons/s with the triggers that
leave no trace of what they drop, by a frozen calibration too. A short form of tests/bench/accept_livetime.py."""
import os, shutil, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'bench'))
import accept_livetime as accept
from defined_live_time import Windows, closed_form
import h5py, numpy as np

def main():
    tesd = os.environ.get('TESD', 'build/tesd')
    folder = tempfile.mkdtemp(prefix='tesd_livetime_')
    wrong = 0
    try:
        for trigger in ('edge-multi', 'edge'):
            out, truth = accept.simulate_and_replay(tesd, os.path.join(folder, trigger), 3, 60, trigger, 8, 31, 1.5, 30)
            good, bias, dropped = accept.judge(f'{trigger} 60/s', [accept.read_scan(out, truth)])
            if not good or abs(dropped) < 0.2:
                wrong += 1
                print(f'FAILED: {trigger}: bias {bias}, dropped {dropped}')
        for trigger in ('edge-multi-single', 'edge-multi-isolated'):
            for frozen in (True, False):
                wrong += not vetoed_records_tell_the_rate(tesd, os.path.join(folder, trigger), trigger, frozen)
        wrong += not a_dead_pixel_leaves_counts_and_live_time(tesd, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if wrong else 0

def vetoed_records_tell_the_rate(tesd, folder, trigger, frozen):
    """A record with a second pulse counted as any other under a frozen calibration (single: 6 % too much), what came before an isolated one without a record was
    not (1 % too little), and the closed form took it for rarer than it is."""
    name = f'{trigger} 40/s, {"frozen" if frozen else "two-sided"}'
    out, truth = accept.simulate_and_replay(tesd, folder, 3, 40, trigger, 8, 31, 3, 30, 'short', frozen)
    scans, unsettled = [accept.read_scan(out, truth, trigger)], sensitivities_unsettled(out, trigger == 'edge-multi-isolated')
    accept.judge(name, scans)
    biases = {'level': accept.level_bias(scans, accept.by_definition), 'step': accept.step_bias(scans, accept.by_definition)}
    wrong = {what: bias for what, bias in biases.items() if not abs(bias[0]) < 0.003 + 3 * bias[1]}
    refused = np.mean(scans[0].live == 0)   # at the top of the edge, in bright points
    if wrong or refused > 0.1 or not unsettled < 1e-3:
        print(f'FAILED: {name}: {wrong}, of the points {refused:.2f} refused, live times off by {unsettled}')
    return not wrong and refused <= 0.1 and unsettled < 1e-3

def sensitivities_unsettled(out, isolated):
    """By how much live times of the file differ from those that its own sensitivities and records give: each was found from the other, in turn."""
    with h5py.File(out) as f:
        e = f['entry']
        s, point, eps = e['scan_0001'], e['photons/point'][()], e['pixels/sensitivity'][()]
        windows = [Windows(500, 125, 4000., peak_s / 0.9 * 1e9, False) for peak_s in s['unresolved_s'][()]]
        for w, tail_s in zip(windows, s['tail_s'][()]):
            w.isolated = w.post + tail_s * 1e9
        recorded = np.bincount(point[point >= 0], minlength=len(s['dwell_s'])).astype(float)
        live = s['grade_time_ns'][:, :, 0].T * 1e-9
        return np.max(np.abs(live / closed_form(recorded, s['dwell_s'][()], eps, windows, isolated) - 1)[live[:, 0] > 0])

def cut_file(path, share):
    """A channel that stops: whole records kept. The header ends at its own marker."""
    data = open(path, 'rb').read()
    start = data.index(b'#End of Header') + len(b'#End of Header')
    start = data.index(b'\n', start) + 1
    text = data[:start].decode('latin-1')
    samples = int([l for l in text.splitlines() if l.startswith('Total Samples')][0].split(':')[1])
    size = 16 + 2 * samples
    keep = int(share * ((len(data) - start) // size))
    open(path, 'wb').write(data[:start + keep * size])

def a_dead_pixel_leaves_counts_and_live_time(tesd, folder):
    where = os.path.join(folder, 'dead')
    accept.run(tesd, 'simulate', '-o', where, '--seed', '4', '--pixels', '6', '--rate', '30', '--edges', 'co', '--conditions', 'a', '--scans', '1', '--points', '21', '--dwell', '2',
               '--move', '0.1', '--calibration-s', '60', '--noise-records', '300', '--bad-fraction', '0')
    day = [d for d in os.listdir(where) if d.startswith('2')][0]
    pulses = f'{where}/{day}/0001'
    victim = sorted(n for n in os.listdir(pulses) if n.endswith('.ljh'))[2]
    cut_file(os.path.join(pulses, victim), 0.45)
    out = os.path.join(where, 'out.nxs')
    accept.run(tesd, 'replay', pulses, '--noise', f'{where}/{day}/0000', '--logs', f'{pulses}/logs', '-q', '-o', out)
    with h5py.File(out) as f:
        e = f['entry']
        channel = int(victim.split('_chan')[1].split('.')[0])
        pixel = list(e['pixels/channel'][()]).index(channel)
        ph = {k: e['photons'][k][()] for k in ('pixel', 'flags', 'time_ns', 'point', 'cuts')}
        scan = [n for n in e if n.startswith('scan_')][0]
        mine = ph['pixel'] == pixel
        flagged = np.flatnonzero(ph['flags'] & 4)
        last = ph['time_ns'][mine].max()
        times, start, end = e[scan]['grade_time_ns'][()], e[scan]['start_ns'][()], e[scan]['end_ns'][()]
        dead = times[pixel, :, 5]
        after = np.clip(end - np.maximum(start, last), 0, None)
        others = np.delete(times[:, :, 5], pixel, axis=0)
        checks = {
            'one record is flagged, the last of the pixel that died': len(flagged) == 1 and mine[flagged[0]] and ph['time_ns'][flagged[0]] == last,
            'all time after it is dead, to the ns': np.array_equal(dead, after) and dead.sum() > 0,
            'nobody else died': not others.any(),
            'rows sum to the dwell': np.array_equal(times.sum(axis=2), np.broadcast_to(end - start, times.shape[:2])),
            'the counter says so': int(e['process/counters/pixel_deaths'][()]) == 1,
        }
    for what, good in checks.items():
        print(('good: ' if good else 'FAILED: ') + what)
    return all(checks.values())

if __name__ == '__main__':
    sys.exit(main())
