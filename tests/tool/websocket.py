"""A WebSocket client in a few lines (RFC 6455), for tests: texts are str, binary messages bytes."""
import base64, os, socket, struct


class WebSocket:
    def __init__(self, port, path, headers=(), timeout=30):
        self.socket, self.bytes = socket.create_connection(('127.0.0.1', port), timeout=timeout), b''
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f'GET {path} HTTP/1.1', 'Upgrade: websocket', 'Connection: Upgrade', f'Sec-WebSocket-Key: {key}', 'Sec-WebSocket-Version: 13',
                 *(headers or (f'Host: 127.0.0.1:{port}',)), '', '']
        self.socket.sendall('\r\n'.join(lines).encode())
        head = b''
        while b'\r\n\r\n' not in head:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError(head)
            head += more
        head, self.bytes = head.split(b'\r\n\r\n', 1)
        if b' 101 ' not in head.split(b'\r\n')[0]:
            raise ConnectionError(head.split(b'\r\n')[0].decode())

    def take(self, n):
        while len(self.bytes) < n:
            more = self.socket.recv(1 << 20)
            if not more:
                raise ConnectionError('closed')
            self.bytes += more
        out, self.bytes = self.bytes[:n], self.bytes[n:]
        return out

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack('>H', len(data)) if len(data) < 65536 else bytes([0x80 | 127]) + struct.pack('>Q', len(data))
        self.socket.sendall(b'\x81' + size + mask + bytes(b ^ mask[k % 4] for k, b in enumerate(data)))

    def receive(self):
        data, kind = b'', None
        while True:
            first, second = self.take(2)
            n = second & 127
            n = struct.unpack('>H', self.take(2))[0] if n == 126 else struct.unpack('>Q', self.take(8))[0] if n == 127 else n
            part, code = self.take(n), first & 15
            if code == 8:
                raise ConnectionError('closed')
            if code in (9, 10):
                continue
            kind, data = code if code else kind, data + part
            if first & 128:
                return data.decode() if kind == 1 else data

    def close(self):
        self.socket.close()
