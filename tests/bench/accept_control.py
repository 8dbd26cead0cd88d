"""Judge of port 4000: a client that knows the scan server's protocol alone plays a whole beamtime against `tesd run` and the twin of DASTARD, in SPEC's
order (old arguments) and in ophyd's (new ones), a connection for each call: a calibration of 90 points, learn, ROIs, 3 scans of 200 points, a second
calibration, learn. Twenty other clients ask all the while. Every count that was told is that of the PFY of the scan's file (its calibration and grades); a replay with the calibration
that was kept has the same rows, energies bit by bit; the run's file has the same grades, cuts and live time, and counts that differ where energies learnt anew cross a window's
edge alone. Each photon that differs is told. Logs are compared with what was played. Then rubbish for a minute: malformed, oversized, half and joined requests. Usage:
accept_control.py [--points 200] [--dwell 0.1] [--wait 0.27] [--rubbish 60] [--order spec|ophyd] [--seed 1]. Real time, 5.5 minutes for each order, 2.5 with 40 points; it
must not be stopped meanwhile. Nothing in it depends on how fast the machine is, but the twin's second calibration must not be over before it is played: --wait gives a point
longer. tests/stream/test_scan_server.py is the short form, with the control port as well."""
import argparse
import glob
import json
import os
import random
import re
import shutil
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'stream'))
import h5py
import numpy as np
import offspring
import test_scan_server as short
from test_scan_server import check, folder, tesd
from told_rows import Rows, explain, unlike

CAL_POINTS, SCANS, MOVE_S = 90, 3, 0.02


def start(name, port, base):
    router, stream = short.free_port(), short.free_port()
    with open(f'{folder}/{name}.yaml', 'w') as f:
        f.write(f'ingest:\n  port: {base}\n  block_s: 0.05\ncontrol:\n  scan_port: {port}\n  router: "tcp://127.0.0.1:{router}"\n  wait_s: 20\n  user_folder: "{folder}/user_{name}"\n  beamtime: "b9"\n'
                f'stream:\n  endpoint: "tcp://127.0.0.1:{stream}"\n  photons: ""\noutput:\n  folder: "{folder}/out_{name}"\n')
    return offspring.start([tesd, 'run', '-c', f'{folder}/{name}.yaml'], stderr=open(f'{folder}/{name}.log', 'w'))


class Crowd:
    """Twenty clients that ask and change nothing."""

    def __init__(self, beamline):
        self.stop, self.asked, self.wrong = False, 0, []
        self.threads = [threading.Thread(target=self.ask, args=(beamline, k), daemon=True) for k in range(20)]
        for t in self.threads:
            t.start()

    def ask(self, b, k):
        dice = random.Random(k)
        while not self.stop:
            try:
                what = dice.choice(['state', 'roi_get', 'scan_str', 'next_scan_num', 'filename', 'commCheck'])
                reply = b.call(what)
                self.asked += 1
                if what == 'state' and reply not in ('no_file', 'file_open', 'scan', 'scan_point'):
                    self.wrong.append(reply)
            except (OSError, ValueError, RuntimeError) as e:
                self.wrong.append(repr(e))
            time.sleep(dice.uniform(0.2, 0.6))

    def end(self):
        self.stop = True
        for t in self.threads:
            t.join()
        check(not self.wrong and self.asked > 100, f'twenty clients asked {self.asked} times meanwhile, all were answered: {self.wrong[:3]}')


class Played:
    """What was played and told: for each scan its number, values, times and counts."""

    def __init__(self, b, old, dwell_s, points, kept):
        self.b, self.old, self.dwell_s, self.points, self.scans, self.calibrations, self.ids, self.kept = b, old, dwell_s, points, {}, [], [], kept

    def calibration(self, plan_begin, plan_s):
        b = self.b
        while time.time() < plan_begin:
            time.sleep(0.1)
        number = b.call('scan_num')
        if self.old:
            b.call('calibration_start', 'mono', 'eV', number, 4, 'mixv1', 'ssrl_10_1_mix_cal')   # a number in fourth place: the older order
        else:
            b.call('calibration_start', 'mono', 'eV', 'mix', 'mixv1')
        end = min(plan_begin, time.time()) + plan_s - 1
        for k in range(CAL_POINTS):
            b.call('scan_point_start', 980.0)
            time.sleep(max(0.0, (end - time.time()) / (CAL_POINTS - k) - 0.01))
            b.call('scan_point_end')
        b.call('scan_end', _try_post_processing=False)
        check(b.call('cal_number') == number, f'calibration {number}: {CAL_POINTS} points')
        b.call('calibration_learn_from_last_data')
        kept = glob.glob(f'{self.kept}/CAL{number}-*.h5')
        self.ids += [os.path.basename(k)[:-3] for k in kept]
        check(b.call('calibration_state') == 'calibrated' and len(kept) == 1, f'is learnt, and kept as {self.ids[-1:]}')
        self.calibrations.append(number)

    def scan(self):
        b, told, times = self.b, [], []
        number, values = b.call('scan_num'), [round(522 + 30 * k / self.points, 3) for k in range(self.points)]
        if self.old:
            b.call('scan_start', 'mono', 'eV', number, 3, 'sample A', {}, 'none')
        else:
            b.call('scan_start', 'mono', 'eV', 3, 'sample A', {'start_energy': values[0]})
        for k, value in enumerate(values):
            begin = b.call('scan_point_start', value, None, {'i0': 1 + k / 100})
            time.sleep(self.dwell_s)
            times.append((begin, b.call('scan_point_end')))
            told.append(b.call('roi_save_counts' if self.old else 'roi_get_counts'))
            time.sleep(MOVE_S)
        b.call('scan_end')
        self.scans[number] = dict(values=values, times=times, told=told)
        print(f'        scan {number}: {len(told)} points, {sum(t["O"] for t in told)} counts in O, {(times[-1][1] - times[0][0]) / len(told):.2f} s a point', flush=True)


def compare_scan(number, s, path):
    """The scan's own file has the calibration and the grades that were in force when the counts were told."""
    with h5py.File(path) as f:
        entry = f['entry']
        for name in 'O', 'narrow', 'tfy':
            group = f'pfy_{number:04d}_{name}'
            have, there = [t[name] for t in s['told']], entry[group]['counts'][()] if group in entry else np.array([])
            different = [] if len(have) != len(there) else np.nonzero(np.array(have) != there)[0].tolist()
            check(len(have) == len(there) and not different and sum(have) > len(have) / 8,
                  f'{group}: {sum(have)} counts told at {len(have)} points, those of the file but at {[(k, have[k], int(there[k])) for k in different[:5]]}')


def told_of(s):
    return {w: np.array([t[w] for t in s['told']]) for w in ('O', 'narrow', 'tfy')}


def compare(what, s, own, there, wrong, limits=None):
    """Counts that were told against those of another file; what differs is told photon by photon. limits: of the change of each window's sum; None: nothing may
    differ."""
    told = told_of(s)
    differ = {w: int((told[w] != there.windows[w][3]).sum()) for w in told}
    good = not wrong and all(abs(int(there.windows[w][3].sum()) - told[w].sum()) <= limits[w] if limits else differ[w] == 0 for w in told)
    sums = ', '.join(f'{w} {told[w].sum()} told, {int(there.windows[w][3].sum())} there, {differ[w]} points differ' for w in told)
    if not check(good, f'{what}: {sums}{": " + wrong if wrong else ""}'):
        for w in told:
            lines, n = explain(own, there, w)
            print('\n'.join(lines + ([f'          ... of {n} photons'] if n > len(lines) else [])), flush=True)


def own_file(path, number):
    return path.replace('.nxs', f'_scan{number:04d}.nxs')


def compare_replay(name, played, path):
    """The calibration that counts were told with is kept under its id, and a replay of the acquisition's files with it tells them again: every row has the same
    energy, bit by bit, and the same grade and cuts."""
    kept, run = f'{folder}/out_{name}/{played.ids[0]}.h5', sorted(glob.glob(f'{folder}/live/*/*'))[-1]
    if not check(os.path.exists(kept), f'the calibration of the scans is kept: {os.path.basename(kept)}'):
        return
    for sidecar in glob.glob(os.path.join(os.path.dirname(path), '*_acquisition.json')):   # how records were triggered: files do not say
        shutil.copy(sidecar, run)
    with open(f'{folder}/windows.yaml', 'w') as f:
        f.write('roi:\n  - { name: O, lo_eV: 450, hi_eV: 600 }\n  - { name: narrow, lo_eV: 522, hi_eV: 525.5 }\n  - { name: tfy, lo_eV: 200, hi_eV: 1600 }\n')
    offspring.run([tesd, 'replay', run, '-c', f'{folder}/windows.yaml', '--calibration', kept, '-o', f'{folder}/told.nxs', '-q'], check=True, capture_output=True)
    for n, s in played.scans.items():
        own, there = Rows(own_file(path, n), n), Rows(f'{folder}/told.nxs', n)
        rows, energies = unlike(own, there)
        wrong = f'{len(rows)} of {len(own.key)} rows have other grades or cuts, {len(energies)} other energies: {[(k, own.say(k), there.say(k)) for k in (rows + energies)[:4]]}'
        compare(f'scan {n} in a replay with {played.ids[0]}', s, own, there, wrong if rows or energies else '')


def isolation(name, cal):
    with h5py.File(f'{folder}/out_{name}/{cal}.h5') as f:
        return max(f['channels'][c]['model/isolation_decays'][()].item() for c in f['channels'])


def compare_run(name, played, path):
    """The run's file is made with the calibration in force at the run's end, here another one with the same filters: energies are learnt anew, so that photons near a window's
    edge change sides. How long a photon must have been alone stays, unless the second calibration shows that tails reach further: then fewer count, over less live time."""
    before, after = (isolation(name, cal) for cal in played.ids)
    for number, s in played.scans.items():
        own, there = Rows(own_file(path, number), number), Rows(path, number)
        rows, energies = unlike(own, there)
        wrong = []
        if after <= before and rows:
            wrong.append(f'{len(rows)} of {len(own.key)} rows have other grades or cuts: {[(k, own.say(k), there.say(k)) for k in rows[:4]]}')
        if after <= before and not np.array_equal(own.grade_time_ns, there.grade_time_ns):
            wrong.append('another live time')
        if after < before:
            wrong.append(f'photons were isolated after {before:.0f} decay times, and are after {after:.0f}')
        told, limits = told_of(s), {}
        for w in told:
            lost = told[w].sum() * abs(1 - there.live_ns(w) / own.live_ns(w))
            limits[w] = 0.02 * told[w].sum() + 3 + lost + 3 * lost ** 0.5
        live = there.live_ns('tfy') / own.live_ns('tfy')
        compare(f'scan {number} in the run\'s file, {len(energies)} of {len(own.key)} energies learnt anew, live time {live:.4f} of what it was', s, own, there, '; '.join(wrong), limits)
        check(played.ids[0] in own.calibrations and played.ids[1] not in own.calibrations and played.ids[1] in there.calibrations, f'the scan\'s file names {played.ids[0]}, the run\'s {played.ids[1]}')
        with h5py.File(path) as f:
            check(np.array_equal(f[f'entry/scan_{number:04d}/i0'][()], 1 + np.arange(len(s['told'])) / 100), 'I0 came along')
    with h5py.File(path) as f:
        check(all(f'calibration_{n:04d}' in f['entry'] for n in played.calibrations), f'both calibrations are in the file: {played.calibrations}')


def check_logs(name, played):
    by = {int(re.search(r'(\d+)\.json', p)[1]): p for p in glob.glob(f'{folder}/user_{name}/beamtime_b9/*/*.json')}
    check(sorted(by) == sorted([*played.scans, *played.calibrations]), f'logs are numbered as the scans were: {sorted(by)}')
    for number, s in played.scans.items():
        with open(by[number]) as f:
            log = json.load(f)
        check(log['var_values'] == s['values'] and log['scan_num'] == number and log['_ended'] and not log['calibration'] and log['var_name'] == 'mono' and log['var_unit'] == 'eV'
              and log['sample_id'] == 3 and log['sample_desc'] == 'sample A' and log['epoch_time_start_s'] == [t[0] for t in s['times']] and log['epoch_time_end_s'] == [t[1] for t in s['times']]
              and log['point_extras'][str(7)] == {'i0': 1.07} and 'O' in log['roi'], f'the log of scan {number} is what was played')
    for number in played.calibrations:
        with open(by[number]) as f:
            log = json.load(f)
        check(log['calibration'] and log['scan_num'] == number and 'cal_number' not in log and len(log['var_values']) == CAL_POINTS, f'and that of calibration {number}')


REQUESTS = [{'method': 'state'}, {'method': 'roi_get', 'params': []}, {'method': 'scan_point_start', 'params': [1e400, 'x', []]}, {'method': 'roi_set', 'params': [{'O': [1, None]}]},
            {'method': 'scan_start', 'params': ['mono', 'eV', 3, 4, {}, 5, 6, 7, 8, 9]}, {'method': 'scan_num', 'params': [-1]}, {'method': '__class__'}, {'method': 'calibration_use', 'params': ['../x']},
            {'method': 'file_end'}, {'method': 'scan_end', 'kwargs': {'no_such': 1}}, {'method': 'roi_get_counts', 'kwargs': []}]


def one_piece(dice):
    text = json.dumps(dice.choice(REQUESTS)).encode()
    kind = dice.randrange(7)
    if kind == 0:
        return text[:dice.randrange(1, len(text))]
    if kind == 1:
        return text * dice.randrange(2, 30)
    if kind == 2:
        return b'{"method": "state", "params": ["' + b'x' * dice.randrange(1000, 300000) + b'"]}'
    if kind == 3:
        return dice.randbytes(dice.randrange(1, 4000))
    if kind == 4:
        broken = bytearray(text)
        for _ in range(dice.randrange(1, 5)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        return bytes(broken)
    return (b'[' if kind == 5 else b'{"a":') * dice.randrange(10, 20000)


def rubbish(b, seconds, seed):
    dice, sent, replies, bad = random.Random(seed), 0, 0, []
    before, end = b.call('state'), time.monotonic() + seconds
    while time.monotonic() < end or sent < 50:
        with socket.create_connection(('127.0.0.1', b.port), timeout=20) as s:
            s.settimeout(0.05)
            try:
                s.sendall(one_piece(dice))
                got = s.recv(65536)
                replies += len(got) > 0
                if got:
                    answer, _ = json.JSONDecoder().raw_decode(got.decode())
                    if set(answer) != {'response', 'success'} or len(json.dumps(answer)) > 1100:
                        bad.append(got[:200])
            except (socket.timeout, ConnectionError):
                pass
            except ValueError:
                bad.append(got[:200])
        sent += 1
        if sent % 50 == 0 and b.call('state') != before:
            bad.append(b'the state changed')
    check(not bad and b.call('state') == before and replies > sent / 4, f'{seconds:.0f} s of rubbish, seed {seed}: {sent} pieces, {replies} answered with what is wrong, none did anything: {bad[:3]}')


def play(name, a, results):
    points, old = a.points, name == 'spec'
    cal_s, second_s, plan_s = 60.0, 30.0, SCANS * points * (a.dwell + a.wait)
    short.beamtime = ['--pixels', '4', '--bad-fraction', '0', '--samples', '256', '--presamples', '64', '--rate', '50', '--calibration-s', str(int(cal_s)), '--edges', 'o', '--conditions', 'a',
                      '--feature', '0.1', '--scans', '1', '--points', '20', '--dwell', str(plan_s / 20 - 0.35), '--seed', '7', '--noise-records', '200']
    twin, base, control = short.start_twin()
    port = short.free_port()
    run = start(name, port, base)
    b = short.Beamline(port)
    crowd = None
    try:
        def answers():
            try:
                return b.call('state') == 'no_file'
            except OSError:
                return False
        if not check(short.until(answers), f'{name}: the port answers'):
            return
        crowd = Crowd(b)
        check(short.dastard(control, 'SourceControl.Start', 'SimPulseSource')['error'] is None, 'the source runs')
        begin = time.time()
        time.sleep(2)
        stop = {'Request': 'Stop', 'Path': '', 'WriteLJH22': False, 'WriteOFF': False, 'WriteLJH3': False}
        check(short.dastard(control, 'SourceControl.WriteControl', stop)['error'] is None, 'nothing is written yet')
        b.call('file_start') if old else b.call('file_start', f'{folder}/live', True, False)
        b.call('scan_num', 10)   # the twin tells labels of its own: CAL0, SCAN1, ...
        p = Played(b, old, a.dwell, points, f'{folder}/out_{name}')
        p.calibration(begin, cal_s)
        b.call('roi_set', {'O': [450, 600], 'narrow': [522, 525.5]})
        for _ in range(SCANS):
            p.scan()
        p.calibration(begin + cal_s + plan_s + 12, second_s)   # the twin's pauses in between, and its own label
        b.call('file_end')
        made = lambda: sorted(glob.glob(f'{folder}/out_{name}/*/*/*_run????.nxs'))
        held = lambda path: [n for n in h5py.File(path)['entry'] if n.startswith('scan_')]
        check(short.until(lambda: any(held(m) for m in made()), 60), f'the run has its file: {made()}')
        path = next(m for m in made() if held(m))
        for number, s in p.scans.items():
            compare_scan(number, s, own_file(path, number))
        compare_replay(name, p, path)
        compare_run(name, p, path)
        check_logs(name, p)
        if a.rubbish > 0 and not results['rubbish']:
            results['rubbish'] = True
            rubbish(b, a.rubbish, a.seed)
        crowd.end()
        run.terminate()
        check(run.wait(timeout=60) == 0, 'SIGTERM ends it with 0')
    finally:
        for x in run, twin:
            x.kill()
        if short.failures:
            print(open(f'{folder}/{name}.log').read()[-3000:])


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--points', type=int, default=200)
    a.add_argument('--dwell', type=float, default=0.1)
    a.add_argument('--wait', type=float, default=0.27)   # for a point's counts and the next one; a busy machine needs more
    a.add_argument('--rubbish', type=float, default=60)
    a.add_argument('--order', choices=('spec', 'ophyd'))
    a.add_argument('--seed', type=int, default=1)
    a = a.parse_args()
    results = {'rubbish': False}
    try:
        for name in [a.order] if a.order else ['spec', 'ophyd']:
            play(name, a, results)
    finally:
        if not os.environ.get('TESD_KEEP'):
            shutil.rmtree(folder, ignore_errors=True)
    print(f'{len(short.failures)} failures' if short.failures else 'all good')
    return 1 if short.failures else 0


if __name__ == '__main__':
    sys.exit(main())
