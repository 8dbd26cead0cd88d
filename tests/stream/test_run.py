#!/usr/bin/python3
"""tesd run against the twin of DASTARD: the same beamtime live (20 x real time) and by replay --calibration gives the same bytes; losses are
counted per channel, and files fill them in. Loopback and free ports only."""
import collections, glob, json, os, re, signal, subprocess, sys, threading, time
import h5py, numpy, zmq
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import offspring
from live_pair import SUBSCRIPTIONS, Daemon, Rpc, Twin, beamtime, check, feed, folder, run_all, tesd

context = zmq.Context()


def datasets(path, names):
    out = {}
    with h5py.File(path) as f:
        def keep(name, item):
            if isinstance(item, h5py.Dataset) and name.startswith(names):
                out[name] = item[()]
        f.visititems(keep)
    return out


def sorted_photons(d):
    order = numpy.lexsort((d['entry/photons/frame'], d['entry/photons/time_ns'], d['entry/photons/pixel']))
    return {k: v[order] for k, v in d.items() if k.startswith('entry/photons/')}


class Listener(threading.Thread):
    """The stream's PFY of one region: (wall time, counts of all points, final points)."""

    def __init__(self, port, topic):
        super().__init__(daemon=True)
        self.socket, self.states, self.events, self.alarms, self.stop = context.socket(zmq.SUB), [], [], {}, False
        self.socket.connect(f'tcp://127.0.0.1:{port}')
        for t in (topic, 'run/', 'alarm/'):
            self.socket.subscribe(t.encode())

    def run(self):
        while not self.stop:
            if not self.socket.poll(100):
                continue
            topic, header, *blobs = self.socket.recv_multipart()
            h = json.loads(header)
            if topic == b'alarm/':
                self.alarms |= {a['code']: a['text'] for a in h['alarms']}
                continue
            if topic == b'run/':
                self.events.append(h.get('event'))
                continue
            arrays = {a['name']: numpy.frombuffer(blobs[a['blob']], a['dtype']) for a in h['arrays']}
            self.states.append((time.monotonic(), arrays['counts'].copy(), h['final_points'], h['n_points']))
        self.socket.close()


# Everything that comes, in a process of its own that can be stopped: at each heartbeat, when it was sent, how many states it names that are not here, and the PFY.
VIEWER = '''
import json, struct, sys, zmq
s = zmq.Context().socket(zmq.SUB); s.connect(sys.argv[1]); s.subscribe(b""); have = {}; total = None
while True:
    topic, header, *blobs = s.recv_multipart(); h = json.loads(header); have[topic.decode()] = h["seq"]
    if topic == b"pfy/O/": total = next(sum(struct.unpack(f"<{len(blobs[a['blob']]) // 4}I", blobs[a["blob"]])) for a in h["arrays"] if a["name"] == "counts")
    if topic == b"hb/": print(json.dumps({"sent": int(h["t_ns"]), "lacks": [t for t, q in h["last"].items() if have.get(t, 0) < q], "total": total}), flush=True)
'''


class StalledViewer:
    """A viewer that is stopped before the scan and woken behind its end."""

    def __init__(self, port):
        self.process = offspring.start([sys.executable, '-c', VIEWER, f'tcp://127.0.0.1:{port}'], stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        self.process.send_signal(signal.SIGSTOP)

    def wake(self):
        """What it knew at the first heartbeats that were sent since, until it lacked nothing."""
        woken, knew = time.time_ns(), []
        self.process.send_signal(signal.SIGCONT)
        while not knew or (knew[-1]['lacks'] and len(knew) < 10):
            said = json.loads(self.process.stdout.readline())
            knew += [said] if said['sent'] >= woken else []
        self.process.kill()
        self.process.wait()
        return knew


def test_live_is_replay():
    """Photons and maps of a run, made while it was measured, are those of replay --calibration, byte for byte; also of a pixel that jumps in the scan and comes back."""
    source = [*beamtime, '--jumping', '0.34', '--jump-at', '0.48', '--jump-back', '0.53']
    offspring.run([tesd, 'simulate', '-o', f'{folder}/files', *source], check=True, capture_output=True)
    runs = sorted(glob.glob(f'{folder}/files/*/*'))
    offspring.run([tesd, 'calibrate', runs[1], '--noise', runs[0], '--state', 'CAL0', '-o', f'{folder}/cal.h5'], check=True, capture_output=True)
    twin = Twin(*source, '--records', 'synthesised', '--clock', 'x20', '--start', '2026-03-02T09:00:00', '--write', f'{folder}/live', '--idle', '--await', str(SUBSCRIPTIONS),
                '--queue', '100000')   # nothing is lost when the machine stands still for a moment
    # 20 times as fast, what is on its way between sockets and threads takes 20 times as long; on a busy machine half a second
    run = Daemon('same', twin, ingest={'block_s': 10, 'workers': 2}, scan={'late_photon_s': 60}, calibration={'file': f'{folder}/cal.h5'}, output={'folder': f'{folder}/out'})
    listener, stalled = Listener(run.stream, 'pfy/O/'), StalledViewer(run.stream)
    listener.start()
    rpc = Rpc(twin.control)
    rpc.good('SourceControl.Start', 'SimPulseSource')
    began = time.monotonic()
    with open(glob.glob(f'{runs[1]}/*_experiment_state.txt')[0]) as f:
        first_s = int(f.read().splitlines()[1].split(',')[0]) * 1e-9
    feed(run.control, glob.glob(f'{runs[1]}/logs/scan*.json')[0], (began, first_s), 20)
    run.wait_message('_run0000.nxs')
    knew = stalled.wake()
    listener.stop = True
    check(run.end() == 0, 'SIGTERM ends it with 0')
    twin.end()
    listener.join()
    made = glob.glob(f'{folder}/out/20260302/0000/*_run????.nxs')
    check(len(made) == 1, f'the run has its file: {made}')
    written = f'{folder}/live/20260302/0000'
    offspring.run([tesd, 'replay', written, '--logs', runs[1], '--calibration', f'{folder}/cal.h5', '-o', f'{folder}/replay.nxs', '-q'], check=True, capture_output=True)
    compare(made[0], f'{folder}/replay.nxs', listener)
    # the first heartbeat may meet a queue that is just being emptied, and the second is the maps' turn
    check(len(knew) <= 3 and not knew[-1]['lacks'] and knew[-1]['total'] == listener.states[-1][1].sum(),
          f'a viewer that stood still all the while had every state, and the PFY of {knew[-1]["total"]} counts, at heartbeat {len(knew)} after it woke; what the first named and was not there: {knew[0]["lacks"]}')


def told_of(baseline, source, calibration):
    """The alarms of a beamtime in which one pixel of eight jumps at a fifth of the run, and which it was."""
    twin = Twin(*source, '--jump-baseline', str(baseline), '--records', 'synthesised', '--clock', 'x20', '--start', '2026-03-02T09:00:00', '--idle', '--await', str(SUBSCRIPTIONS), '--queue', '100000')
    run = Daemon(f'jumps{baseline}', twin, ingest={'block_s': 10}, calibration={'file': calibration})
    listener = Listener(run.stream, 'pfy/O/')
    listener.start()
    Rpc(twin.control).good('SourceControl.Start', 'SimPulseSource')
    end = time.monotonic() + 40
    while not {'pixels_jumped', 'pixels_shifted'} & set(listener.alarms) and time.monotonic() < end:
        time.sleep(0.1)
    listener.stop = True
    check(run.end() == 0, 'ends with 0')
    twin.end()
    listener.join()
    return {c: t for c, t in listener.alarms.items() if c.startswith('pixels_')}


def test_jumps_are_told():
    """With a step of the baseline a pixel's photons do not count any more, without one they do; an alarm names it either way."""
    source = [*beamtime, '--pixels', '8', '--bad-fraction', '0', '--jumping', '0.13', '--jump-at', '0.2']
    offspring.run([tesd, 'simulate', '-o', f'{folder}/steady', *source, '--jump-at', '1'], check=True, capture_output=True)
    runs = sorted(glob.glob(f'{folder}/steady/*/*'))
    offspring.run([tesd, 'calibrate', runs[1], '--noise', runs[0], '-o', f'{folder}/steady.h5'], check=True, capture_output=True)
    with h5py.File(f'{folder}/steady/truth.h5') as f:
        size = f['pixels/jump_counts'][()]
        k = int(numpy.flatnonzero(size)[0])
        channel, sign = int(f['pixels/channel'][k]), '+' if size[k] > 0 else '-'
    jumped, shifted = (told_of(baseline, source, f'{folder}/steady.h5') for baseline in (3, 0))
    check(list(jumped) == ['pixels_jumped'] and f': channel {channel} since 09:00:1' in jumped['pixels_jumped'] and jumped['pixels_jumped'].count('channel') == 1, f'channel {channel}: {jumped}')
    check(list(shifted) == ['pixels_shifted'] and f': channel {channel} by {sign}' in shifted['pixels_shifted'] and shifted['pixels_shifted'].count('channel') == 1, f'channel {channel}, {sign}: {shifted}')


def compare(made, replayed, listener):
    names = ('entry/photons/', 'entry/scan_', 'entry/rixs_', 'entry/loss_', 'entry/pfy_', 'entry/pixels/')
    a, b = datasets(made, names), datasets(replayed, names)
    other = [k for k in set(a) ^ set(b) if not re.search('/(extra_.*|tempK)$', k)]   # only a log has the point's further values
    check(not other, f'the same datasets: {other[:5]}')
    pa, pb = sorted_photons(a), sorted_photons(b)
    check(len(pa['entry/photons/frame']) > 5000, f"{len(pa['entry/photons/frame'])} photons")
    where = [set(zip(*(p[f'entry/photons/{k}'].tolist() for k in ('pixel', 'time_ns')))) for p in (pa, pb)]
    check(where[0] == where[1], f'the same records; in the run alone {sorted(where[0] - where[1])[:30]}, in the replay alone {sorted(where[1] - where[0])[:30]} of {min(w[1] for w in where[1])}..{max(w[1] for w in where[1])}')
    for k in sorted(pa):
        check(pa[k].tobytes() == pb[k].tobytes(), f'{k}: the same bytes')
    jumped = a['entry/photons/cuts'] >> 11 & 1
    check(50 < jumped.sum() < len(jumped) / 10 and (a['entry/pixels/jumped_ns'] != 0).sum() == 1, f'{jumped.sum()} records of one pixel are cut as jumped')
    other = [k for k in a if not k.startswith('entry/photons/') and k in b and a[k].tobytes() != b[k].tobytes() and not k.endswith('log_name')]
    check(not other, f'maps, spectra, live times and pixel tables: the same bytes {other}')
    check(listener.events[:1] == ['start'] and 'end' in listener.events, f'run/ told start and end: {collections.Counter(listener.events)}')
    k = next(x for x in a if re.match(r'entry/pfy_\d+_O/counts$', x))
    last = listener.states[-1]
    check(last[2] == last[3] == len(a[k]), f'all {last[2]} points became final')
    check((last[1] == a[k]).all(), f'the final published PFY is that of the file: {last[1].sum()} of {a[k].sum()} counts')
    growing = {s[1].sum() for s in listener.states if s[2] < 12}
    check(len(growing) > 1 and max(growing) > 0, f'it grew while the scan ran: {sorted(growing)} counts')
    check(any(s[2] < s[3] for s in listener.states), 'points were shown before they were final')


def settled(run, served, all_come):
    """Whether losses are those of the end: what was sent is known before the last of it has come through sockets and queues, and counts as lost till then."""
    before = []

    def asked(losses):
        before.append(sum(c['port'] for c in losses.values()))
        return (len(before) > 1 and before[-1] == before[-2] == run.figures()['tesd_records_received_total'] and sum(c['sent'] for c in losses.values()) == served
                and all(c['sent'] == c['port'] + c['lost'] for c in losses.values()) and (not all_come or before[-1] == served))
    return asked


def measure_loss(connections, blocks=75):
    """240 records a block, 50 blocks/s: what tesd says against what the twin sent and what came."""
    twin = Twin('--pixels', '240', '--bad-fraction', '0', '--samples', '256', '--presamples', '64', '--all-together', '1', '--pool', '2', '--idle', '--block', '0.02',
                '--await', str(SUBSCRIPTIONS), *(['--write', f'{folder}/lossy'] if connections == 1 else []))
    run = Daemon(f'loss{connections}', twin, ingest={'connections': connections}, output={'folder': f'{folder}/lost' if connections == 1 else ''})
    run.hears()
    rpc = Rpc(twin.control)
    rpc.good('SourceControl.Start', 'SIMPULSESOURCE')
    run.wait_figure(lambda f: f['tesd_records_received_total'] >= (0.3 if connections == 1 else 0.9) * 240 * blocks)
    rpc.good('SourceControl.Stop', '')
    run.wait_figure(lambda f: f['tesd_source_running'] == 0)
    code, out, _ = twin.end()
    served = int(re.search(r'served (\d+) records', out)[1])
    losses = run.losses(settled(run, served, connections > 1))
    figures = run.wait_figure(lambda f: f['tesd_records_received_total'] == sum(c['port'] for c in losses.values()))
    if connections == 1:
        run.wait_message('_run0000.nxs')
    check(run.end() == 0, f'K={connections}: ends with 0')
    if connections == 1:
        with h5py.File(glob.glob(f'{folder}/lost/*/*/*_run????.nxs')[0]) as f:
            said = {n.decode(): (int(r), int(l)) for n, r, l in zip(f['entry/pixels/name'][()], f['entry/pixels/records'][()], f['entry/pixels/lost_upstream'][()])}
        told = {n: (c['port'], c['lost']) for n, c in losses.items() if c['port'] > 0}
        check(said == told, f'K=1: the run\'s file says of every pixel what came and what was lost: {len(said)} pixels, {sum(l for _, l in said.values())} lost')
    return losses, served, figures


def test_losses():
    for connections in (1, 32):
        losses, served, figures = measure_loss(connections)
        sent, lost, port = (sum(c[k] for c in losses.values()) for k in ('sent', 'lost', 'port'))
        print(f'K={connections}: served {served}, sent {sent}, lost {lost} ({100 * lost / served:.1f} %), by overload {figures["tesd_records_overload_total"]:.0f}')
        check(len(losses) == 240 and sent == served, f'K={connections}: {sent} records are known to have been sent, all of {served}')
        check(all(c['sent'] == c['port'] + c['lost'] for c in losses.values()), f'K={connections}: in every channel sent = received + lost, exactly')
        check(port == figures['tesd_records_received_total'], f'K={connections}: {port} came')
        check(figures['tesd_records_overload_total'] == 0, f'K={connections}: none refused here')
        check(lost > 0.3 * sent if connections == 1 else lost == 0, f'K={connections}: {lost} lost')


def test_follow_completes():
    """One connection loses most; the files that the twin writes meanwhile fill it in, and the run's file is that of replay."""
    twin = Twin('--pixels', '120', '--bad-fraction', '0', '--samples', '256', '--presamples', '64', '--all-together', '1', '--pool', '2', '--block', '0.02', '--write', f'{folder}/filled', '--idle',
                '--await', str(SUBSCRIPTIONS))
    run = Daemon('follow', twin, ingest={'connections': 1}, output={'folder': f'{folder}/followed'}, follow={'mode': 'fill'})
    run.hears()
    rpc = Rpc(twin.control)
    rpc.good('SourceControl.Start', 'SIMPULSESOURCE')
    run.wait_figure(lambda f: f['tesd_records_received_total'] > 8000)
    rpc.good('SourceControl.Stop', '')
    run.wait_message('_run0000.nxs')
    losses = run.losses(lambda l: l and all(c['sent'] == c['port'] + c['file'] for c in l.values()))
    figures = run.figures()
    check(run.end() == 0, 'ends with 0')
    twin.end()
    sent, lost, port, file = (sum(c[k] for c in losses.values()) for k in ('sent', 'lost', 'port', 'file'))
    check(lost == 0 and sent == port + file and file > 0.02 * sent, f'sent {sent} = by port {port} + filled from files {file}, lost {lost}')
    check(figures['tesd_records_duplicate_total'] > 0.5 * port, f'{figures["tesd_records_duplicate_total"]:.0f} came both ways and count once')
    with h5py.File(glob.glob(f'{folder}/followed/*/*/*_run????.nxs')[0]) as f:
        frames = f['entry/photons/frame'][()]
        pixels = f['entry/photons/pixel'][()]
    check(len(frames) == sent and len(set(zip(pixels.tolist(), frames.tolist()))) == sent, f'the file has {len(frames)} rows, each record once')


run_all(*[t for t in (test_losses, test_follow_completes, test_live_is_replay, test_jumps_are_told) if t.__name__ in (sys.argv[1:] or [t.__name__])])
