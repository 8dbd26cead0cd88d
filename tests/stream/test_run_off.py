#!/usr/bin/python3
"""tesd run beside a server that writes OFF files: followed while they grow they give what replay makes of them at the end; with the port as well, each photon counts once. Calibrations are learnt
from them as they grow."""
import glob, json, os, re, shutil, struct, sys, threading, time
import h5py, numpy, zmq
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import offspring
from live_pair import SUBSCRIPTIONS, Daemon, Rpc, Twin, check, feed, folder, run_all, tesd

SHORT = 1 << 5
beamtime = ['--pixels', '3', '--samples', '256', '--presamples', '64', '--rate', '80', '--calibration-s', '12', '--edges', 'o', '--conditions', 'a', '--scans', '1', '--points', '6',
            '--dwell', '0.5', '--noise-records', '100', '--seed', '7']
served_as = [*beamtime, '--records', 'synthesised', '--start', '2026-03-02T09:00:00', '--idle']


def products(path):
    """Everything that is made of records; photons by pixel and time."""
    out = {}
    with h5py.File(path) as f:
        f.visititems(lambda name, item: out.update({name: item[()]}) if isinstance(item, h5py.Dataset) and
                     name.startswith(('entry/photons/', 'entry/scan_', 'entry/rixs_', 'entry/loss_', 'entry/pfy_', 'entry/pixels/')) else None)
    order = numpy.lexsort((out['entry/photons/frame'], out['entry/photons/time_ns'], out['entry/photons/pixel']))
    return {k: v[order] if k.startswith('entry/photons/') else v for k, v in out.items()}


def make_calibrations():
    """Of LJH and of OFF files of the same records, by the twin's clock as fast as it goes: off.h5, ljh.h5."""
    twin = Twin(*served_as, '--clock', 'injected', '--block', '0.5', '--write', f'{folder}/first', '--files', 'both')
    rpc = Rpc(twin.control)
    rpc.good('SourceControl.Start', 'SimPulseSource')
    rpc.good('SimulatedClock.Advance', 60)
    twin.end()
    run = glob.glob(f'{folder}/first/*/*')[0]
    for kind in ('ljh', 'off'):
        offspring.run([tesd, 'calibrate', run, '--prefer', kind, '-o', f'{folder}/{kind}.h5'], check=True, capture_output=True)


def daemon(name, twin, calibration, mode, **ingest):
    return Daemon(name, twin, ingest={'block_s': 3, **ingest}, scan={'late_photon_s': 60}, calibration={'file': f'{folder}/{calibration}.h5'},
                  follow={'mode': mode, 'folder': f'{folder}/live', 'prefer': 'off', 'rest_s': 0.3, 'hold_s': 30}, output={'folder': f'{folder}/{name}'})


def check_same(name, made, replayed):
    other = [k for k in set(made) ^ set(replayed) if not re.search('/(extra_.*|tempK)$', k)]   # only a log has these
    check(not other, f'{name}: the same datasets {other[:5]}')
    differs = [k for k in made if k in replayed and made[k].tobytes() != replayed[k].tobytes() and not k.endswith('log_name')]
    check(not differs, f'{name}: rows, maps, spectra, live times as replay of the finished files, the same bytes: {differs}')


def points_of_the_scan():
    """Its log, and when the run begins: as simulate writes them."""
    offspring.run([tesd, 'simulate', '-o', f'{folder}/files', *beamtime], check=True, capture_output=True)
    run = sorted(glob.glob(f'{folder}/files/*/*'))[1]
    with open(glob.glob(f'{run}/*_experiment_state.txt')[0]) as f:
        return run, glob.glob(f'{run}/logs/scan*.json')[0], int(f.read().splitlines()[1].split(',')[0]) * 1e-9


def file_of(d):
    return products(glob.glob(f'{folder}/{d}/*/*/*_run????.nxs')[0])


def test_followed_is_replayed():
    """Files alone, and files beside the port with a calibration of OFF files: replay of the finished files, byte for byte."""
    logs, log, first_s = points_of_the_scan()
    twin = Twin(*served_as, '--clock', 'x20', '--write', f'{folder}/live', '--files', 'off', '--queue', '3', '--await', str(SUBSCRIPTIONS))
    daemons = only, both, port = daemon('only', twin, 'off', 'only'), daemon('both', twin, 'off', 'fill'), daemon('port', twin, 'ljh', 'fill', connections=1)
    for d in daemons:
        d.hears()
    Rpc(twin.control).good('SourceControl.Start', 'SimPulseSource')
    began = time.monotonic()
    feeders = [threading.Thread(target=feed, args=(d.control, log, (began, first_s), 20)) for d in (only, both)]
    for f in feeders:
        f.start()
    for d in daemons:
        d.wait_message('_run0000.nxs')
    for f in feeders:
        f.join()
    brought = port.figures()['tesd_records_received_total']
    check([d.end() for d in daemons] == [0, 0, 0], 'all end with 0')
    twin.end()
    written = glob.glob(f'{folder}/live/*/*')[0]
    check(len(glob.glob(f'{written}/*.off')) == 3 and not glob.glob(f'{written}/*.ljh'), 'three OFF files were written, and no other')
    offspring.run([tesd, 'replay', written, '--logs', logs, '--calibration', f'{folder}/off.h5', '-o', f'{folder}/replay.nxs', '-q'], check=True, capture_output=True)
    replayed = products(f'{folder}/replay.nxs')
    energies = replayed['entry/photons/energy_eV']
    check(numpy.isfinite(energies).sum() > 3000, f'{numpy.isfinite(energies).sum()} of {len(energies)} records have energies')
    check(len(set(replayed['entry/photons/grade'].tolist())) > 2, 'and are graded by what the basis tells of the pulse')
    check_same('the files alone', file_of('only'), replayed)
    check_same('the files beside the port', file_of('both'), replayed)
    check_filled(file_of('port'), replayed, brought)


def check_filled(filled, replayed, brought):
    """A calibration of samples: what the port lost has its row and its time from the file, and no energy; what it brought is measured."""
    key = [list(zip(*(p[f'entry/photons/{k}'].tolist() for k in ('pixel', 'frame', 'time_ns')))) for p in (filled, replayed)]
    check(key[0] == key[1], f'port and files: {len(key[0])} records of {len(key[1])}, each once')
    short, height = filled['entry/photons/cuts'] & SHORT != 0, filled['entry/photons/height']
    lost = int(filled['entry/pixels/lost_upstream'].sum())
    check(0 < short.sum() == len(short) - brought, f'{short.sum()} of {len(short)} came by file alone and are cut as short; the port brought {brought:.0f}')
    check((numpy.isnan(height) == short).all(), 'those and no others are without height')
    check(lost == 0, f'nothing is missing: {lost}')


def test_another_basis_is_told():
    """A calibration of OFF files that were made with other projectors than those that come: no energies, and it is said, where a replay leaves the files out."""
    twin = Twin(*served_as, '--seed', '8', '--clock', 'injected', '--block', '0.1', '--write', f'{folder}/other', '--files', 'off')
    d = Daemon('other', twin, calibration={'file': f'{folder}/off.h5'}, scan={'late_photon_s': 60}, output={'folder': f'{folder}/other_out'},
               follow={'mode': 'only', 'folder': f'{folder}/other', 'prefer': 'off', 'rest_s': 0.3})
    alarms = zmq.Context.instance().socket(zmq.SUB)
    alarms.connect(f'tcp://127.0.0.1:{d.stream}')
    alarms.subscribe(b'alarm/')
    d.hears()
    rpc = Rpc(twin.control)
    rpc.good('SourceControl.Start', 'SimPulseSource')
    rpc.good('SimulatedClock.Advance', 6)
    figures = d.wait_figure(lambda f: f['tesd_rows_total'] > 100)
    said, end = '', time.monotonic() + 20
    while 'other_basis' not in said and time.monotonic() < end:
        said = str([a for a in json.loads(alarms.recv_multipart()[1])['alarms'] if a['code'] == 'other_basis']) if alarms.poll(100) else said
    check('other_basis' in said, f'the alarm is raised: {said}')
    rpc.good('SourceControl.WriteControl', {'Request': 'Stop'})
    d.wait_message('_run0000.nxs')
    figures = d.figures()
    d.ask_losses()
    of_channels = re.findall(r'(chan\d+) .* other_basis (\d+)', d.messages())
    check(d.end() == 0, 'ends with 0')
    twin.end()
    with h5py.File(glob.glob(f'{folder}/other_out/*/*/*_run????.nxs')[0]) as f:
        energies, cuts, pixel = (f[f'entry/photons/{k}'][()] for k in ('energy_eV', 'cuts', 'pixel'))
    check(len(energies) > 100 and not numpy.isfinite(energies).any() and (cuts & SHORT != 0).all(), f'{len(energies)} records have their rows, {numpy.isfinite(energies).sum()} an energy')
    check(figures.get('tesd_records_other_basis_total') == len(energies) and sorted(int(n) for _, n in of_channels) == sorted(numpy.bincount(pixel).tolist()), f'they are counted, channel by channel: {of_channels}')
    check(d.messages().count('another basis') == 1, f'and said once: {[l for l in d.messages().splitlines() if "basis" in l]}')
    replayed = offspring.run([tesd, 'replay', glob.glob(f'{folder}/other/*/*')[0], '--calibration', f'{folder}/off.h5', '-o', f'{folder}/other.nxs', '-q'], capture_output=True, text=True)
    check(replayed.returncode == 3 and replayed.stderr.count('its basis is not that of') == 3, f'a replay leaves them out: {replayed.returncode}')


# ---- learning ----

def records_of_state(path, to, start_ns, end_ns):
    """Copy of an OFF 0.3 file with the records of that time alone; how many those are, and how many there were."""
    with open(path, 'rb') as f:
        data = f.read()
    json_end = data.index(b'\n}\n') + 3
    header = json.loads(data[:json_end])
    p = header['ModelInfo']['Projectors']
    begin, size = json_end + 16 * p['Rows'] * p['Cols'], 36 + 4 * header['NumberOfBases']
    records = [data[i:i + size] for i in range(begin, len(data) - size + 1, size)]
    kept = [r for r in records if start_ns <= struct.unpack_from('<q', r, 16)[0] // 1000 * 1000 < end_ns]   # stamps are floored to 1 us
    with open(to, 'wb') as f:
        f.write(data[:begin] + b''.join(kept))
    return len(kept), len(records)


def hears_of(d, stage, limit_s=20):
    """Whether learning came to that stage."""
    socket, end = zmq.Context.instance().socket(zmq.SUB), time.monotonic() + limit_s
    socket.connect(f'tcp://127.0.0.1:{d.stream}')
    socket.subscribe(b'cal/')
    said = ''
    while said != stage and time.monotonic() < end:
        if socket.poll(100):
            said = json.loads(socket.recv_multipart()[1])['stage']
    socket.close()
    return said == stage


def alone(run, to, start_ns, end_ns, from_ns):
    """The calibration as it was taken live, as a run of its own, with its records from from_ns on."""
    os.makedirs(to)
    name = os.path.basename(glob.glob(f'{run}/*_experiment_state.txt')[0])
    with open(f'{to}/{name}', 'w') as f:
        f.write(f'# unix time in nanoseconds, state label\n{start_ns}, CAL0\n{end_ns}, PAUSE\n')
    return [records_of_state(f, f'{to}/{os.path.basename(f)}', from_ns, end_ns) for f in sorted(glob.glob(f'{run}/*.off'))]


def datasets(path):
    """All of a calibration's file but how it came to be."""
    out = {}
    with h5py.File(path) as f:
        f.visititems(lambda name, item: out.update({name: item[()].tobytes() if hasattr(item[()], 'tobytes') else item[()]}) if isinstance(item, h5py.Dataset) and '/process/' not in f'/{name}' else None)
    return out


def rows_stand_still(d):
    before = -1
    while before != (now := d.figures()['tesd_rows_total']):
        before = now
        time.sleep(0.2)


def test_learns_from_coefficients():
    """No calibration at first: CAL0's coefficients teach the pixels, and what is learnt is what `tesd calibrate` makes of the files of these records. Records since its end get
    their energies, as a replay with that calibration gives them."""
    twin = Twin(*served_as, '--clock', 'injected', '--block', '0.005', '--write', f'{folder}/taught', '--files', 'off')
    d = Daemon('learns', twin, scan={'late_photon_s': 60}, follow={'mode': 'only', 'folder': f'{folder}/taught', 'prefer': 'off', 'rest_s': 0.3}, output={'folder': f'{folder}/learns'})
    d.hears()
    rpc = Rpc(twin.control)
    rpc.good('SourceControl.Start', 'SimPulseSource')
    d.wait_message('array of 3 channels')
    rpc.good('SimulatedClock.Advance', 1.005)   # a label without a time holds from the first record that comes; no other may come before it is known
    check(hears_of(d, 'calibration'), 'the state is known with its first record, so that none is missed')
    for _ in range(16):
        rpc.good('SimulatedClock.Advance', 1)
        rows_stand_still(d)   # who learns leaves out what comes faster than it can keep
    check(d.wait_message('calibration CAL0 is accepted: 3 good pixels, 0 before; filters are new'), 'CAL0 is learnt from coefficients')
    for _ in range(4):
        rpc.good('SimulatedClock.Advance', 1)
    rpc.good('SourceControl.WriteControl', {'Request': 'Stop'})
    d.wait_message('_run0000.nxs')
    check(d.end() == 0, 'ends with 0')
    twin.end()
    run = glob.glob(f'{folder}/taught/*/*')[0]
    with h5py.File(f'{folder}/learns/last_calibration.h5') as f:
        start_ns, end_ns = (int(f[f'tables/0000/{k}'][()]) for k in ('start_ns', 'end_ns'))
    live, differs = datasets(f'{folder}/learns/last_calibration.h5'), []
    # what of the first block (5 ms) had gone by before the label was heard is not learnt: nothing of it, the record that the state began with, or all
    for from_ns in (start_ns, start_ns + 1, start_ns + 5000000):
        name = f'{folder}/alone{from_ns - start_ns}'
        counts = alone(run, f'{name}/0000', start_ns, end_ns, from_ns)
        check(len(counts) == 3 and all(200 < kept < all_ for kept, all_ in counts), f'records of CAL0, of all in the files: {counts}')
        offspring.run([tesd, 'calibrate', f'{name}/0000', '-o', f'{name}.h5'], check=True, capture_output=True)
        files = datasets(f'{name}.h5')
        differs.append([k for k in set(live) | set(files) if live.get(k) != files.get(k) and k != 'tables/0000/end_ns'])   # files end with their last record
    check(len(live) > 20 and [] in differs, f'what was learnt live is what calibrate makes of the same records: {min(differs, key=len)} of {len(live)}')
    check_energies(glob.glob(f'{folder}/learns/*/*/*_run????.nxs')[0], run, f'{folder}/learns/last_calibration.h5', end_ns)


def check_energies(made, run, calibration, since_ns):
    offspring.run([tesd, 'replay', run, '--calibration', calibration, '-o', f'{folder}/taught.nxs', '-q'], check=True, capture_output=True)
    a, b = (products(p) for p in (made, f'{folder}/taught.nxs'))
    later = [p['entry/photons/time_ns'] >= since_ns for p in (a, b)]
    e = [p['entry/photons/energy_eV'][l] for p, l in zip((a, b), later)]
    known = numpy.isfinite(e[0])
    check(len(e[0]) == len(e[1]) > 200 and known.sum() > 200 and (known == numpy.isfinite(e[1])).all(), f'{len(e[0])} records since then, {known.sum()} with an energy, and {numpy.isfinite(e[1]).sum()} of the replay')
    off = numpy.abs(e[0] - e[1])[known & (a['entry/photons/time_ns'][later[0]] > since_ns + 10**9)]
    check(numpy.median(off) < 0.05 and numpy.percentile(off, 99) < 0.5, f'which differ by {numpy.median(off):.4f} eV (median), 99 % by less than {numpy.percentile(off, 99):.4f} eV, a second after it began')


make_calibrations()
run_all(*[t for t in (test_followed_is_replayed, test_another_basis_is_told, test_learns_from_coefficients) if len(sys.argv) < 2 or t.__name__ in sys.argv])
