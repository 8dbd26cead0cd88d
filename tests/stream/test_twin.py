"""`tesd simulate --serve` against an independent client: what its publisher drops follows the shape measured on DASTARD, what it says it
sent is what it sent, it replies as measured, and the beamtime it serves is the one that `simulate -o` writes. Loopback, free ports."""
import collections, glob, json, os, shutil, struct, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import zmq
import offspring
from checks import check, conclusion
from twin import Rpc, Twin, tesd

context = zmq.Context()
folder = tempfile.mkdtemp(prefix='tesd-twin-')


class Client:
    """Status, summaries and records, the records over K connections split by channel index."""

    def __init__(self, twin, connections=1, channels=0, summaries=False):
        self.status, self.poller, self.data, self.summaries = self.subscriber(twin.status), zmq.Poller(), [], None
        self.status.subscribe(b'')
        for k in range(connections):
            s = self.subscriber(twin.records)
            for prefix in [b''] if connections == 1 else [struct.pack('<H', i) for i in range(k, channels, connections)]:
                s.subscribe(prefix)
            self.data.append(s)
        if summaries:
            self.summaries = self.subscriber(twin.summaries)
            self.summaries.subscribe(b'')
        for s in [self.status, *self.data] + ([self.summaries] if summaries else []):
            self.poller.register(s, zmq.POLLIN)
        self.records, self.messages, self.briefs, self.rates = collections.defaultdict(list), [], [], collections.Counter()
        time.sleep(0.3)   # subscriptions travel; nothing tells when they have arrived

    @staticmethod
    def subscriber(port):
        s = context.socket(zmq.SUB)
        s.rcvhwm, s.linger, s.rcvbuf = 0, 0, 8 << 20
        s.connect(f'tcp://127.0.0.1:{port}')
        return s

    def take(self, s, keep):
        while True:
            try:
                frames = s.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if s is self.status:
                topic, body = frames[0].decode(), json.loads(frames[1])
                self.messages.append((topic, body))
                if topic == 'TRIGGERRATE':
                    self.rates.update(dict(enumerate(body['CountsSeen'])))
            elif s is self.summaries:
                self.briefs.append(frames)
            else:
                self.records[struct.unpack_from('<H', frames[0])[0]].append(frames if keep else None)

    def listen(self, until, limit_s=20, keep=True):
        """Until `until` is true of the messages, and then for what is still on its way."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            ready = self.poller.poll(200)
            for s, _ in ready:
                self.take(s, keep)
            if not ready and until(self):
                return
        check(False, f'nothing ended after {limit_s} s')

    def advance(self, rpc, seconds, block_s=0.05, keep=True):
        """Lets simulated time pass block by block and takes each block's records before the next: one connection holds 100 at the sender."""
        for _ in range(round(seconds / block_s)):
            rpc.good('SimulatedClock.Advance', block_s)
            while ready := self.poller.poll(20):
                for s, _ in ready:
                    self.take(s, keep)

    def of(self, topic):
        return [body for t, body in self.messages if t == topic]

    def close(self):
        for s in [self.status, *self.data] + ([self.summaries] if self.summaries else []):
            s.close()


def stopped(client):
    states = [b['Running'] for b in client.of('STATUS')]
    return True in states and not states[-1]


def measure_loss(channels, connections, seconds=2):
    """Block by block: what a connection cannot hold of one is lost, however slow the machine is today."""
    twin = Twin('--pixels', str(channels), '--bad-fraction', '0', '--samples', '256', '--presamples', '64', '--all-together', '1', '--pool', '2', '--idle', '--clock', 'injected',
                '--await', str(1 if connections == 1 else channels))
    client, rpc = Client(twin, connections, channels), Rpc(twin.control)
    rpc.good('SourceControl.Start', 'SIMPULSESOURCE')
    client.advance(rpc, seconds, keep=False)
    rpc.call('SourceControl.Stop', '')
    client.listen(stopped, keep=False)
    code, out, _ = twin.end()
    sent, got = sum(client.rates.values()), sum(len(r) for r in client.records.values())
    check(code == 0 and f'served {sent} records' in out, f'{channels} channels: the sum of all TRIGGERRATE, {sent}, is what was sent')
    check(len(set(client.rates.values())) == 1, f'{channels} channels: each was sent {client.rates[0]} records')
    check(all(len(client.records[i]) <= client.rates[i] for i in range(channels)), f'{channels} channels: none got more than was sent')
    kept = [len(client.records[i]) / client.rates[i] for i in range(channels)]
    client.close()
    return 1 - got / sent, min(kept), max(kept)


def test_loss_table():
    table = [(c, k, *measure_loss(c, k)) for c, k in ((48, 1), (120, 1), (240, 1), (240, 32))]
    print('records per block | connections | lost | worst channel kept | best')
    for c, k, lost, worst, best in table:
        print(f'{c:17d} | {k:11d} | {100 * lost:5.1f} % | {100 * worst:5.1f} % | {100 * best:5.1f} %')
    lost = {(c, k): x for c, k, x, _, _ in table}
    check(lost[48, 1] == 0, '48 records in a block: nothing is lost')
    check(0.05 < lost[120, 1] < 0.2, '120 in a block: 20 of them do not fit, less what leaves meanwhile')
    check(0.3 < lost[240, 1] < 0.6, '240 in a block: 140 of them do not fit, less what leaves meanwhile')
    check(lost[240, 32] == 0, '240 in a block over 32 connections: nothing is lost')


beamtime = ['--pixels', '4', '--samples', '256', '--presamples', '64', '--rate', '15', '--calibration-s', '10', '--edges', 'o', '--conditions', 'a', '--feature', '0.1',
            '--scans', '1', '--points', '5', '--dwell', '0.5', '--noise-records', '4', '--seed', '7']


def records_of(path, n_samples=256):
    """(subframe count, us, samples) of an LJH 2.2 file without a torn record."""
    with open(path, 'rb') as f:
        data = f.read()
    data = data[data.index(b'#End of Header\n') + 15:]
    size = 16 + 2 * n_samples
    return [(*struct.unpack_from('<qq', data, i), data[i + 16:i + size]) for i in range(0, len(data) - size + 1, size)]


def test_same_beamtime():
    """Port, files written meanwhile and the files of simulate -o hold the same records."""
    offspring.run([tesd, 'simulate', '-o', f'{folder}/files', *beamtime], check=True, capture_output=True)
    twin = Twin(*beamtime, '--records', 'synthesised', '--clock', 'x20', '--start', '2026-03-02T09:00:00', '--write', f'{folder}/live', '--idle')
    client, rpc = Client(twin, summaries=True), Rpc(twin.control)
    rpc.good('SourceControl.Start', 'SimPulseSource')
    client.listen(stopped)
    check('over' in rpc.call('SourceControl.Start', 'SimPulseSource')['error'], 'a beamtime that is over does not start again')
    twin.end()
    names, total = client.of('CHANNELNAMES')[-1], 0
    check(names == ['chan1', 'chan3', 'chan5', 'chan7'], 'CHANNELNAMES is in index order, numbers are sparse')
    for index, name in enumerate(names):
        written = records_of(glob.glob(f'{folder}/live/20260302/0000/*_{name}.ljh')[0])
        planned = records_of(glob.glob(f'{folder}/files/20260302/0001/*_{name}.ljh')[0])
        heads = [struct.unpack('<HBBIIffqq', f[0]) for f in client.records[index]]
        sent = [(h[8] * 32 + index, h[7] // 1000, f[1]) for h, f in zip(heads, client.records[index])]
        check(all(h[:5] == (index, 0, 3, 64, 256) and abs(h[5] / 6.4e-6 - 1) < 1e-6 for h in heads), f'{name}: headers of 36 bytes say what they should')
        check(sent == written == planned and len(sent) > 200, f'{name}: {len(sent)} records on the port, in the growing file and in the file of simulate -o are the same')
        check(client.rates[index] == len(sent), f'{name}: TRIGGERRATE says {client.rates[index]}')
        total += len(sent)
    brief = struct.unpack('<HHIIfffffqq', client.briefs[0][0])
    check(len(client.briefs) == total and all(len(b[0]) == 48 and len(b) == 2 for b in client.briefs) and brief[2:4] == (64, 256), f'{total} summaries of 48 bytes and a second frame')
    with open(glob.glob(f'{folder}/live/20260302/0000/*_experiment_state.txt')[0]) as f:
        labels = [line.split(', ')[1].strip() for line in f.readlines()[1:]]
    check(labels == ['START', 'CAL0', 'PAUSE', 'SCAN1', 'PAUSE', 'CAL2', 'PAUSE', 'STOP'], f'labels of the plan: {labels}')
    check(client.of('STATELABEL') == labels[1:-1], 'STATELABEL has them too, without START and STOP')
    client.close()


def test_control():
    twin = Twin('--pixels', '6', '--bad-fraction', '0', '--samples', '128', '--presamples', '32', '--rate', '60', '--tdm', 'coupled', '--group', '1:3', '--auto', '5', '--torn', '20',
                '--external', '50', '--clock', 'injected')
    client, rpc = Client(twin), Rpc(twin.control)
    check(rpc.good('SourceControl.SendAllStatus', 'dummy') is False, 'SendAllStatus answers false')
    client.listen(lambda c: c.of('TRIGCOUPLING'))
    topics = {t for t, _ in client.messages}
    check({'NEWDASTARD', 'STATUS', 'CHANNELNAMES', 'TRIGGER', 'GROUPTRIGGER', 'TRIGCOUPLING', 'WRITING', 'DATADROP'} <= topics, f'a late joiner learns {sorted(topics)}')
    status, groups = client.of('STATUS')[-1], client.of('TRIGGER')[-1]
    check(status['Running'] and status['Nchannels'] == 12 and status['Nsamples'] == 128 and status['SamplePeriod'] == 6400, f'STATUS {status}')
    check(client.of('CHANNELNAMES')[-1][:4] == ['err1', 'chan1', 'err3', 'chan3'], 'error and feedback channels in turn')
    check(sorted(i for g in groups for i in g['ChannelIndices']) == list(range(12)) and [5] in [g['ChannelIndices'] for g in groups if g['AutoTrigger']], 'TRIGGER groups all channels')
    check(client.of('GROUPTRIGGER')[-1] == {'Connections': {'1': [3]}}, 'GROUPTRIGGER')
    check('not active' in rpc.call('SourceControl.SetExperimentStateLabel', {'Label': 'CAL0', 'WaitForError': True})['error'], 'no label outside writing')
    rpc.good('SourceControl.WriteControl', {'Request': 'Start', 'Path': f'{folder}/control', 'WriteLJH22': True})
    rpc.good('SourceControl.SetExperimentStateLabel', {'Label': 'CAL0', 'WaitForError': True})
    rpc.good('SourceControl.WriteComment', 'a remark')
    check(rpc.good('SourceControl.ReadComment', 0) == 'a remark\n', 'the comment is read back')
    check('Stop writing' in rpc.call('SourceControl.ConfigurePulseLengths', {'Nsamp': 256, 'Npre': 64})['error'], 'no new record length while writing')
    client.advance(rpc, 3.0)
    rpc.good('SourceControl.WriteControl', {'Request': 'Pause'})
    client.advance(rpc, 0.5)
    rpc.good('SourceControl.WriteControl', {'Request': 'Unpause SCAN1'})
    client.advance(rpc, 0.6)
    rpc.good('SourceControl.WriteControl', {'Request': 'Stop'})
    rpc.good('SourceControl.ConfigurePulseLengths', {'Nsamp': 256, 'Npre': 64})
    client.advance(rpc, 0.5)
    rpc.good('SourceControl.Stop', '')
    check('No source' in rpc.call('SourceControl.Stop', '')['error'], 'what is stopped cannot be stopped')
    client.listen(stopped)
    frames = {i: [struct.unpack('<HBBIIffqq', f[0]) for f in r] for i, r in client.records.items()}
    primary = [h[8] for h in frames[1]]
    check(len(primary) > 100 and [h[8] for h in frames[0]] == primary, 'the error channel follows its feedback')
    check(all(h[2] == 2 for h in frames[0]) and all(h[2] == 3 for h in frames[1]), 'error samples are i16, feedback u16')
    own = collections.Counter(h[8] for h in frames[3])
    check(all(own[f] for f in primary) and len(frames[3]) - client.rates[3] == len(primary), 'a receiver has its own records and those of its source')
    check(client.rates[0] == 0 and client.rates[1] == len(primary), 'TRIGGERRATE counts primary records only')
    steps = {b[8] - a[8] for a, b in zip(frames[5], frames[5][1:])}
    check(steps == {3200} and len(frames[5]) > 200, f'the auto channel fires every 3200 frames, none is lost: {steps}')
    check({h[4] for h in frames[1]} == {128, 256}, 'record lengths as configured')
    check(rpc.call('SourceControl.Nonsense', 1)['error'].startswith("rpc: can't find"), 'an unknown method is an error')
    try:
        rpc.call('SourceControl.SendAllStatus', 'dummy')
        check(False, 'the connection is dead after an unknown method')
    except (EOFError, ConnectionError):
        check(True, 'the connection is dead after an unknown method')
    rubbish = Rpc(twin.control)
    rubbish.socket.sendall(b'GET / HTTP/1.0\r\n\r\n')
    check(rubbish.socket.recv(10) == b'', 'rubbish is hung up on')
    check_written(client, primary)
    client.close()
    check(twin.end()[0] == 0, 'SIGTERM ends it cleanly')


def check_written(client, primary):
    path = glob.glob(f'{folder}/control/*/0000/*_chan1.ljh')[0]
    with open(path[:-len('chan1.ljh')] + 'experiment_state.txt') as f:
        labels = [line.split(', ')[1].strip() for line in f.readlines()[1:]]
    check(labels == ['START', 'CAL0', 'SCAN1', 'STOP'] and client.of('STATELABEL') == ['CAL0'], 'Unpause LABEL is in the file and sends no STATELABEL')
    inspected = json.loads(offspring.run([tesd, 'inspect', '--json', path], capture_output=True, text=True, check=True).stdout)
    inspected = inspected[0] if isinstance(inspected, list) else inspected
    check(inspected['torn'] >= 3 and inspected['records'] > 50, f"{inspected['records']} whole and {inspected['torn']} torn records are read back")
    with open(path[:-len('chan1.ljh')] + 'external_trigger.bin', 'rb') as f:
        counts = f.read().split(b'\n', 1)[1]
    check(len(counts) >= 8 * 100 and len(counts) % 8 == 0, f'{len(counts) // 8} external triggers are written')
    check(sum(b['NumberObservedInLastSecond'] for b in client.of('EXTERNALTRIGGER')) >= 150, 'EXTERNALTRIGGER tells them')


def test_trouble():
    """Restart, a drop, death and return; a second twin at the same place."""
    twin = Twin('--pixels', '2', '--bad-fraction', '0', '--samples', '128', '--presamples', '32', '--rate', '100', '--clock', 'x10', '--restart-after', '4', '--drop-after', '11',
                '--stall-after', '6', '--stall-for', '3', '--vanish-after', '12', '--vanish-for', '10', '--write', f'{folder}/trouble')
    client = Client(twin)   # first: nothing repeats a drop
    second = offspring.run([tesd, 'simulate', '--serve', f'tcp://127.0.0.1:{twin.records}', '--pixels', '1'], capture_output=True, text=True)
    check(second.returncode == 1 and 'in use' in second.stderr, f'a second one is refused: {second.stderr.strip()}')

    def begins(c):
        frames = [struct.unpack('<HBBIIffqq', f[0])[8] for f in c.records[0]]
        return sum(b < a for a, b in zip(frames, frames[1:]))

    end = time.monotonic() + 15
    while time.monotonic() < end and begins(client) < 2:
        for s, _ in client.poller.poll(100):
            client.take(s, True)
    code, _, err = twin.end()
    check(code == 0 and 'the server dies' in err, 'it dies and ends cleanly later')
    frames = [struct.unpack('<HBBIIffqq', f[0])[8] for f in client.records[0]]
    back = [i for i in range(1, len(frames)) if frames[i] < frames[i - 1]]
    check(len(back) == 2 and frames[back[0]] < 2e5, f'frames begin again after restart and return: {[frames[i] for i in back]}')
    check([b['Running'] for b in client.of('STATUS')].count(False) >= 1, 'STATUS says so')
    check({b['TotalObserved'] for b in client.of('DATADROP')} >= {1}, 'DATADROP is told')
    check(len(glob.glob(f'{folder}/trouble/*/*')) == 3, 'each begin writes a run of its own')
    client.close()


def test_refusals():
    for wrong in (['--serve', 'tcp://0.0.0.0:5502'], ['--serve', 'udp://127.0.0.1:1'], ['--serve', 'tcp://127.0.0.1:1'], ['--serve', 'tcp://127.0.0.1:*', '-o', 'x'],
                  ['--serve', 'tcp://127.0.0.1:*', '--group', '0:0'], ['--serve', 'tcp://127.0.0.1:*', '--clock', 'x0'], ['--serve', 'tcp://127.0.0.1:*', '--pixels', '2', '--auto', '7']):
        run = offspring.run([tesd, 'simulate', *wrong], capture_output=True, text=True, timeout=20)
        check(run.returncode == 2, f'{wrong} is wrong use: {run.stderr.splitlines()[0] if run.stderr else ""}')


try:
    for test in (test_refusals, test_control, test_same_beamtime, test_trouble, test_loss_table):
        begun = time.monotonic()
        test()
        print(f'---- {test.__name__}: {time.monotonic() - begun:.1f} s', flush=True)
finally:
    shutil.rmtree(folder, ignore_errors=True)
sys.exit(conclusion())
