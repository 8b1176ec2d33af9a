#!/usr/bin/env python3
"""A TCP proxy that can be cut: the way between an edge and its gateway.

    proxy.py TARGET_PORT [--every 60 --first 15 --cut 10]    prints its port, then "cut" and "open"
"""
import argparse
import collections
import selectors
import socket
import sys
import threading
import time

CHUNK = 64 * 1024


class Proxy:
    """Forwards connections to a port of this machine until cut() closes them all."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.up_bytes = 0          # from the edge
        self.connections = 0
        self.delay = 0.0           # seconds that what comes back to the edge is held
        self._late = collections.deque()  # (when, edge's socket, bytes) of that
        self._open = True
        self._pairs = {}           # socket -> its other side
        self._waiting = {}         # socket -> bytes that its other side has not taken yet
        self._edges = set()        # sockets of the side that connected
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self):
        """Closes what is open and refuses what comes, as a dead router does."""
        with self._lock:
            self._open = False
            for one in list(self._pairs):
                self._drop(one)

    def restore(self):
        with self._lock:
            self._open = True

    def close(self):
        self.cut()
        self._stop = True
        self._thread.join()
        self._listener.close()
        self._selector.close()

    def _run(self):
        while not self._stop:
            with self._lock:
                self._deliver_late()
            for key, events in self._selector.select(0.005 if self._late else 0.05):
                with self._lock:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.fileobj in self._pairs:
                        if events & selectors.EVENT_WRITE:
                            self._flush(key.fileobj)
                        if events & selectors.EVENT_READ and key.fileobj in self._pairs:
                            self._forward(key.fileobj)

    def _accept(self):
        try:
            edge, _ = self._listener.accept()
        except OSError:
            return
        if not self._open:
            edge.close()
            return
        try:
            gateway = socket.create_connection(('127.0.0.1', self.target_port), timeout=2)
        except OSError:
            edge.close()
            return
        self.connections += 1
        for one, other in ((edge, gateway), (gateway, edge)):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs[one] = other
            self._waiting[one] = b''
            self._selector.register(one, selectors.EVENT_READ)
        self._edges.add(edge)

    def _forward(self, source):
        try:
            data = source.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self._drop(source)
            return
        if source in self._edges:
            self.up_bytes += len(data)
        target = self._pairs[source]
        if self.delay and target in self._edges:
            self._late.append((time.monotonic() + self.delay, target, data))
            return
        self._waiting[target] += data
        self._flush(target)

    def _deliver_late(self):
        while self._late and self._late[0][0] <= time.monotonic():
            _, target, data = self._late.popleft()
            if target in self._pairs:
                self._waiting[target] += data
                self._flush(target)

    def _flush(self, target):
        """Writes what waits for `target`; its other side is read again once all of it has gone."""
        try:
            while self._waiting[target]:
                sent = target.send(self._waiting[target])
                self._waiting[target] = self._waiting[target][sent:]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(target)
            return
        source = self._pairs[target]
        blocked = bool(self._waiting[target])
        self._want(target, True, blocked)
        self._want(source, not blocked, bool(self._waiting[source]))

    def _want(self, one, read, write):
        events = (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0)
        known = one in self._selector.get_map()
        if known and not events:  # it waits for its other side: nothing to be woken for
            self._selector.unregister(one)
        elif known:
            self._selector.modify(one, events)
        elif events:
            self._selector.register(one, events)

    def _drop(self, one):
        other = self._pairs.pop(one, None)
        for side in (one, other):
            if side is None:
                continue
            self._pairs.pop(side, None)
            self._waiting.pop(side, None)
            self._edges.discard(side)
            try:
                self._selector.unregister(side)
            except (KeyError, ValueError):
                pass
            side.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('target_port', type=int)
    parser.add_argument('--first', type=float, default=15)
    parser.add_argument('--every', type=float, default=60)
    parser.add_argument('--cut', type=float, default=10)
    arguments = parser.parse_args()
    proxy = Proxy(arguments.target_port)
    print(proxy.port, flush=True)
    start, number = time.monotonic(), 0
    while True:
        due = start + arguments.first + number * arguments.every
        time.sleep(max(0, due - time.monotonic()))
        proxy.cut()
        print('cut', flush=True)
        time.sleep(arguments.cut)
        proxy.restore()
        print('open', flush=True)
        number += 1


if __name__ == '__main__':
    sys.exit(main())
