"""Keys as somebody at a beamline uses them: made by tesd keygen, demanded by tesd run; a reader reads, a controller controls, and no key, another
server's, a stranger's and one that has expired are refused, counted and logged. Loopback and free ports only."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import zmq
import offspring
from free_ports import free_port
from program import SLOW, TESD, Program


def key(path):
    """Public and secret key of a file of tesd keygen."""
    with open(path) as f:
        words = dict(line.rstrip('\n').split(': ', 1) for line in f if ': ' in line and line[0] != '#')
    return words['public-key'].encode(), words.get('secret-key', '').encode()


def client(kind, port, server=None, own=None):
    s = zmq.Context.instance().socket(kind)
    s.linger, s.rcvtimeo = 0, 20000 * SLOW
    if server:
        s.curve_serverkey = key(server)[0]
        s.curve_publickey, s.curve_secretkey = key(own)
    if kind == zmq.SUB:
        s.subscribe(b'hb/')
    s.connect(f'tcp://127.0.0.1:{port}')
    return s


def ask(socket, method):
    socket.send(json.dumps({'method': method}).encode())
    return json.loads(socket.recv())['response']


with Program() as p:
    for names in ('server', 'viewer', 'boss', 'stranger'), ('--expires', '2026-01-02', 'former'):
        p.good('keygen', '-o', p.path('keys'), *names)
    p.check(p.run('keygen', '-o', p.path('keys'), 'server').returncode == 1, 'a key is never written over another')
    p.check(p.run('keygen', '-o', p.path('keys'), '--expires', 'soon', 'x').returncode == 2, 'a day is a day')
    for name, folder in ('viewer', 'readers'), ('former', 'readers'), ('boss', 'controllers'):
        os.rename(p.path('keys', f'{name}.key'), p.path('keys', folder, f'{name}.key'))
    server, stream, router, photons = p.path('keys/server.key'), free_port(), free_port(), free_port()
    secret = {n: p.path('keys', f'{n}.secret') for n in ('viewer', 'boss', 'stranger', 'former')}
    with open(p.path('tesd.yaml'), 'w') as f:
        f.write(f'ingest:\n  port: {free_port(3)}\nkeys:\n  folder: "{p.path("keys")}"\ncontrol:\n  scan_port: -1\n  router: "tcp://*:{router}"\n'
                f'stream:\n  endpoint: "tcp://*:{stream}"\n  photons: "tcp://*:{photons}"\n')
    with open(p.path('run.log'), 'w') as log:
        run = offspring.start([TESD, 'run', '-c', p.path('tesd.yaml')], stderr=log)
    try:
        p.check(client(zmq.SUB, stream, server, secret['viewer']).recv_multipart()[0] == b'hb/', 'a reader reads')
        monitor = p.good('monitor', '--once', '--json', '--server-key', server, '--key', secret['viewer'], f'tcp://127.0.0.1:{stream}')
        p.check('boot' in json.loads(monitor.stdout), 'so does tesd monitor')
        boss = client(zmq.REQ, router, server, secret['boss'])
        before = ask(boss, 'health')['clients']
        p.check(before['accepted'] >= 3 and before['unknown_key'] == before['expired_key'] == before['no_key'] == 0, f'who may is counted: {before}')
        cases = (('unknown_key', 'a stranger', client(zmq.SUB, stream, server, secret['stranger'])), ('expired_key', 'a key that has expired', client(zmq.SUB, stream, server, secret['former'])),
                 ('no_key', 'no key', client(zmq.SUB, stream)), ('no_key', 'a key for another server', client(zmq.SUB, stream, p.path('keys/stranger.key'), secret['viewer'])),
                 ('unknown_key', 'a reader at the control port', client(zmq.DEALER, router, server, secret['viewer'])), ('no_key', 'no key, for photons', client(zmq.PULL, photons)))
        refused = {}

        def counted(counter, least):
            end = time.monotonic() + 20 * SLOW
            while ask(boss, 'health')['clients'][counter] < least and time.monotonic() < end:
                time.sleep(0.02)
            return ask(boss, 'health')['clients'][counter] >= least

        for counter, who, socket in cases:   # each tries again and again, and is counted every time
            refused[counter] = refused.get(counter, 0) + 1
            p.check(counted(counter, refused[counter]), f'{who} is refused and counted')
        p.check(not any(s.poll(0) for _, _, s in cases), 'and none of them heard a word')
        with open(p.path('run.log')) as log:
            said = log.read()
        p.check('is refused' in said, f'the log says so: {[line for line in said.splitlines() if "refused" in line][:1]}')
        # A folder in which every key has expired, and one that is gone: who knocks from now on is refused.
        for _, _, socket in cases:
            socket.close(0)
        with open(p.path('keys/readers/viewer.key'), 'a') as f:
            f.write('expires: 2026-01-02\n')
        time.sleep(1.1)   # the folder is looked at once a second at most
        before = ask(boss, 'health')['clients']
        late = client(zmq.SUB, stream, server, secret['viewer'])
        p.check(counted('expired_key', before['expired_key'] + 1), 'a reader whose folder has only keys that have expired is refused and counted')
        late.close(0)
        os.rename(p.path('keys/readers'), p.path('keys/before'))
        time.sleep(1.1)
        before = ask(boss, 'health')['clients']
        late = client(zmq.SUB, stream, server, secret['viewer'])
        p.check(counted('unknown_key', before['unknown_key'] + 1) and not late.poll(0), 'and so is one whose folder is gone; the controller goes on')
        late.close(0)
        run.terminate()
        p.check(run.wait(timeout=30 * SLOW) == 0, 'SIGTERM ends it with 0')
    finally:
        run.kill()
    os.rename(p.path('keys/server.secret'), p.path('keys/gone'))
    r = p.run('run', '-c', p.path('tesd.yaml'))
    p.check(r.returncode != 0 and 'tesd keygen' in r.stderr, f'without its own key it does not start: {r.stderr.strip()}')
    sys.exit(p.end())
