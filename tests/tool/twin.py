"""The twin of DASTARD (`tesd simulate --serve`) on ports of its own, and a client of its JSON-RPC."""
import json, os, re, socket, subprocess, sys

import offspring
from checks import check

tesd = os.environ.get('TESD', 'build/tesd')
SLOW = 4 if 'san-' in tesd else 1   # limits of patience; nothing waits for them when all is well


class Twin:
    def __init__(self, *arguments):
        self.process = offspring.start([tesd, 'simulate', '--serve', 'tcp://127.0.0.1:*', *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        ports = re.match(r'records tcp://127\.0\.0\.1:(\d+)  status .*:(\d+)  summaries .*:(\d+)  control .*:(\d+)$', line)
        if not ports:
            sys.exit(f'no ports: {line}{self.process.stderr.read()}')
        self.records, self.status, self.summaries, self.control = map(int, ports.groups())

    def end(self):
        self.process.terminate()
        out, err = self.process.communicate(timeout=30 * SLOW)
        return self.process.returncode, out, err


class Rpc:
    def __init__(self, port):
        self.socket, self.number, self.bytes = socket.create_connection(('127.0.0.1', port), timeout=30 * SLOW), 0, b''

    def call(self, method, argument):
        self.number += 1
        self.socket.sendall(json.dumps({'method': method, 'params': [argument], 'id': self.number}).encode())
        while b'\n' not in self.bytes:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.bytes += more
        line, self.bytes = self.bytes.split(b'\n', 1)
        reply = json.loads(line)
        assert reply['id'] == self.number
        return reply

    def good(self, method, argument):
        reply = self.call(method, argument)
        check(reply['error'] is None, f'{method} {json.dumps(argument)[:60]}: {reply}')
        return reply['result']
