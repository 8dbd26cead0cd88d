#!/usr/bin/python3
"""Recorded messages of the real DASTARD over the port, its LJH files, and a growing copy of them followed: the same rows (time, frame, height,
arrival, baseline, cuts); the auto-triggered and the group-triggered channel are recognised. Needs the shared data (TESD_SHARED)."""
import glob, json, os, shutil, struct, sys, time
import h5py, numpy, zmq
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import offspring
from live_pair import Daemon, check, folder, free_port, run_all, tesd

shared = os.environ.get('TESD_SHARED') or os.path.join(os.path.dirname(__file__), '..', '..', '..', 'shared')
source = f'{shared}/data/dastard_simpulse/20261122/0000'
if not os.path.isdir(source):
    print(f'skipped: no {source}')
    sys.exit(77)
columns = ('time_ns', 'height', 'arrival', 'pretrigger_mean', 'cuts')
SECONDARY = 1 << 4


def messages():
    with open(f'{shared}/data/dastard_simpulse.zmq.bin', 'rb') as f:
        data = f.read()
    at = 0
    while at < len(data):
        frames = []
        for _ in range(2):
            n, = struct.unpack_from('<I', data, at)
            frames.append(data[at + 4:at + 4 + n])
            at += 4 + n
        yield frames


class Server:
    """Says what the recorded server said while it wrote, and repeats its records."""

    def __init__(self):
        self.base, context = free_port(3), zmq.Context.instance()
        self.status, self.port = context.socket(zmq.PUB), context.socket(zmq.PUB)
        self.port.sndhwm = 0
        self.status.bind(f'tcp://127.0.0.1:{self.base + 1}')
        self.port.bind(f'tcp://127.0.0.1:{self.base + 2}')
        self.records = self.base + 2
        self.last = {}
        with open(f'{shared}/data/dastard_simpulse.status.jsonl') as f:
            for line in f:
                m = json.loads(line)
                if m['topic'] not in ('WRITING', 'STATUS') or m['body'].get('Active') or m['body'].get('Running'):
                    self.last[m['topic']] = m['body']
        self.last['WRITING'] = {**self.last['WRITING'], 'ExperimentStateLabel': 'START', 'ExperimentStateLabelUnixNano': 0}

    def say(self, topic, **changes):
        self.status.send_multipart([topic.encode(), json.dumps({**self.last[topic], **changes} if changes else self.last[topic]).encode()])

    def begin(self):
        for topic in ('CHANNELNAMES', 'STATUS', 'TRIGGER', 'GROUPTRIGGER', 'WRITING'):
            self.say(topic)

    def end(self):
        self.say('WRITING', Active=False, FilenamePattern='')


def rows(path):
    """(channel, frame) -> the columns."""
    with h5py.File(path) as f:
        channels = f['entry/pixels/channel'][()]
        p = f['entry/photons']
        key = zip(channels[p['pixel'][()]].tolist(), p['frame'][()].tolist())
        data = {c: p[c][()] for c in columns}
    data['cuts'] = data['cuts'] & ~numpy.uint32(SECONDARY)
    values = list(zip(*[data[c].view(f'u{data[c].itemsize}').tolist() for c in columns]))
    return dict(zip(key, values)), path


def made(name):
    return glob.glob(f'{folder}/{name}/*/*/*_run????.nxs')[0]


def by_port():
    server = Server()
    run = Daemon('port', server, calibration={'file': f'{folder}/cal.h5'}, output={'folder': f'{folder}/port'})
    time.sleep(0.7)
    server.begin()
    run.wait_message('array of 240 channels')
    time.sleep(0.3)
    for k, m in enumerate(messages()):
        server.port.send_multipart(m)
        if k % 500 == 0:
            time.sleep(0.01)
    run.wait_figure(lambda f: f['tesd_records_received_total'] == 20000)
    server.end()
    run.wait_message('_run0000.nxs')
    check(run.end() == 0, 'port: ends with 0')
    return rows(made('port'))


def by_growing_files():
    server = Server()
    os.makedirs(f'{folder}/growing')
    run = Daemon('grow', server, calibration={'file': f'{folder}/cal.h5'}, output={'folder': f'{folder}/grow'}, follow={'mode': 'only', 'folder': f'{folder}/growing', 'rest_s': 0.4})
    time.sleep(0.7)
    server.begin()
    run.wait_message('array of 240 channels')
    files = {f'{folder}/growing/{os.path.basename(p)}': open(p, 'rb').read() for p in glob.glob(f'{source}/*.ljh')}
    for share in (0.003, 0.3, 0.61, 1):   # the first cut is inside the header
        for path, data in files.items():
            with open(path, 'ab') as f:
                f.write(data[f.tell():int(share * len(data))])
        time.sleep(0.15)
    run.wait_figure(lambda f: f['tesd_rows_total'] == 1968)
    server.end()
    run.wait_message('_run0000.nxs')
    check(run.end() == 0, 'follow: ends with 0')
    return rows(made('grow'))


def test_same_rows():
    offspring.run([tesd, 'calibrate', source, '--lines', 'none', '-o', f'{folder}/cal.h5'], check=True, capture_output=True)
    live, live_path = by_port()
    os.makedirs(f'{folder}/files')
    for p in glob.glob(f'{source}/*.ljh'):
        shutil.copy(p, f'{folder}/files')
    shutil.copy(glob.glob(f'{folder}/port/*/*/*_acquisition.json')[0], f'{folder}/files')
    offspring.run([tesd, 'replay', f'{folder}/files', '--calibration', f'{folder}/cal.h5', '-o', f'{folder}/files.nxs', '-q'], check=True, capture_output=True)
    files, _ = rows(f'{folder}/files.nxs')
    grown, _ = by_growing_files()
    check(len(files) == 1968 and set(files) <= set(live), f'{len(files)} records of the files, all of them among the {len(live)} of the port')
    check(all(live[k] == files[k] for k in files), 'port and LJH: the same time, height, arrival, baseline and cuts')
    check(grown == files, 'followed while it grew and LJH: the same')
    with h5py.File(live_path) as f:
        channels = f['entry/pixels/channel'][()]
        cuts, channel = f['entry/photons/cuts'][()], channels[f['entry/photons/pixel'][()]]
    share = {c: float(numpy.mean((cuts[channel == c] & SECONDARY) != 0)) for c in channels.tolist()}
    check(share[30] == 1, 'channel 30 is group-triggered: all its records are secondary')
    check(all(share[c] == 0 for c in share if c not in (30, 60)), f'and nobody else: {share}')
    with open(glob.glob(f'{folder}/port/*/*/*_acquisition.json')[0]) as f:
        groups = json.load(f)['TRIGGER']
    check([g['ChannelIndices'] for g in groups if g['AutoTrigger']] == [[60]], 'the status kept beside the run has the auto trigger of channel 60 alone')


run_all(test_same_rows)
