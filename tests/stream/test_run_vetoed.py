#!/usr/bin/python3
"""`tesd run` under triggers that give a pulse inside the record of another none of its own: a record that shows one counts in no map and has grade low, in
the run's file, in the one made of its journal and in that of replay --calibration alike. The twin's edge-multi records serve as well as those of such a
trigger: what is compared is what is made of them."""
import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py, numpy as np
import offspring
from live_pair import SUBSCRIPTIONS, Daemon, Rpc, Twin, beamtime, check, feed, folder, make_calibration, run_all, tesd

NAMES = ('entry/photons/', 'entry/scan_', 'entry/rixs_', 'entry/pfy_', 'entry/pixels/')


def datasets(path):
    """Photons in the order of the replay's."""
    out = {}
    with h5py.File(path) as f:
        f.visititems(lambda name, item: out.update({name: item[()]}) if isinstance(item, h5py.Dataset) and name.startswith(NAMES) else None)
    order = np.lexsort((out['entry/photons/frame'], out['entry/photons/pixel']))
    return {k: v[order] if k.startswith('entry/photons/') else v for k, v in out.items()}


def compare(what, made, replayed):
    other = [k for k in made if k in replayed and not k.endswith('log_name') and made[k].tobytes() != replayed[k].tobytes()]
    check(not other, f'{what}: the same bytes as the replay, but for {other}')


def measure(mode, log, first_s):
    """By port, by journal, by files."""
    twin = Twin(*beamtime, '--records', 'synthesised', '--clock', 'x20', '--start', '2026-03-02T09:00:00', '--write', f'{folder}/{mode}_live', '--idle', '--await', str(SUBSCRIPTIONS), '--queue', '100000')
    run = Daemon(mode, twin, ingest={'block_s': 10, 'workers': 2}, scan={'late_photon_s': 60}, trigger={'mode': mode}, calibration={'file': f'{folder}/cal.h5'}, output={'folder': f'{folder}/{mode}'})
    Rpc(twin.control).good('SourceControl.Start', 'SimPulseSource')
    feed(run.control, log, (time.monotonic(), first_s), 20)
    run.wait_message('_run0000.nxs')
    check(run.end() == 0, 'SIGTERM ends it with 0')
    twin.end()
    made = f'{folder}/{mode}/20260302/0000/20260302_run0000'
    offspring.run([tesd, 'recover', f'{made}.journal', '-o', f'{folder}/{mode}_again.nxs'], check=True, capture_output=True)
    offspring.run([tesd, 'replay', f'{folder}/{mode}_live/20260302/0000', '--logs', os.path.dirname(os.path.dirname(log)), '--calibration', f'{folder}/cal.h5', '-c', run.config, '-o', f'{folder}/{mode}_replay.nxs', '-q'],
                  check=True, capture_output=True)
    return datasets(f'{made}.nxs'), datasets(f'{folder}/{mode}_again.nxs'), datasets(f'{folder}/{mode}_replay.nxs')


def followed(d):
    """Rows that another record of the pixel follows within their own, where it can be told from their own rise and is long enough in it."""
    pixel, time_ns, post_ns = d['entry/photons/pixel'], d['entry/photons/time_ns'], (256 - 64) * 6400
    gap_ns = np.where(pixel[1:] == pixel[:-1], time_ns[1:] - time_ns[:-1], post_ns)
    return np.append((gap_ns > 0.3 * post_ns) & (gap_ns < 0.95 * post_ns), False)


def test_vetoed_is_replayed():
    log, first_s = make_calibration()
    for mode in ('edge-multi-single', 'edge-multi-isolated'):
        made, again, replayed = measure(mode, log, first_s)
        compare(f'{mode}: the run', made, replayed)
        compare(f'{mode}: its journal', again, replayed)
        grade, behind = made['entry/photons/grade'], followed(made)
        check(behind.sum() > 50 and (grade[behind] == 3).mean() > 0.95, f'{mode}: of {behind.sum()} records that show another pulse {(grade[behind] == 3).sum()} have grade low; of all {len(grade)}, {(grade == 3).sum()}')


run_all(test_vetoed_is_replayed)
