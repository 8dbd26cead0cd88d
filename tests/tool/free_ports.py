"""Ports that nobody has: below the range from which outgoing connections get theirs, so that a port found free is still free when it is
bound a moment later; tests that run side by side begin their search far from each other."""
import os, socket


def search_range():
    with open('/proc/sys/net/ipv4/ip_local_port_range') as f:
        low, high = map(int, f.read().split())
    return (10000, low) if low > 12000 else (high + 1, 65500)


first, beyond = search_range()
next_port = first + os.getpid() * 97 % (beyond - first - 100)


def free_port(n=1):
    """The first of n ports in a row; another one at each call."""
    global next_port
    for _ in range(beyond - first):
        base = next_port if next_port + n <= beyond else first
        next_port = base + n
        held = []
        try:
            for k in range(n):
                held.append(socket.socket())
                held[-1].bind(('127.0.0.1', base + k))
            return base
        except OSError:
            continue
        finally:
            for s in held:
                s.close()
    raise OSError('no free ports')
