"""Floods: each bounded and counted, and an innocent pair loses nothing.

SPDX-License-Identifier: BSD-2-Clause

One worker, so that the pair shares it with the flood. The measure is
numbers, not time: while the flood runs, every packet of the pair arrives,
and the pair goes on for as long as the flood does.
"""

import collections
import os
import socket
import threading

import pytest

from kit import proc, transport, wire
from kit.clock import LIMIT, wait_until
from kit.daemon import SANITIZED
from kit.stun import Stun, request
from kit.traffic import Traffic

THREADS = 4
BATCHES = 10    # of 20 packets of the pair, at least, during each flood

# KiB by which a flood may make the worker grow.
GROWTH = 32768 if not SANITIZED else 1 << 20


class Flood:
    """step() again and again in several threads; counts the steps."""

    def __init__(self, step, threads=THREADS):
        self.step = step
        self.stopping = threading.Event()
        self.counts = [0] * threads
        self.error = None
        self.threads = [threading.Thread(target=self._run, args=(i,))
                        for i in range(threads)]

    def _run(self, index):
        try:
            while not self.stopping.is_set():
                self.counts[index] += self.step()
        except Exception as error:
            self.error = error

    @property
    def count(self):
        return sum(self.counts)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(LIMIT)
            assert not thread.is_alive()
        if self.error is not None:
            raise self.error


@pytest.fixture
def innocent(server):
    """innocent(flood, at_least): the pair's packets during a flood."""
    one = server(workers=1)

    def watch(flood, at_least):
        a, b = one.client(), one.client()
        pid = one.pid("worker")
        before = private_memory(pid)
        with Traffic((a, b), (b, a)) as traffic, flood:
            rounds = 0
            while rounds < BATCHES or flood.count < at_least:
                assert flood.error is None, flood.error
                traffic.progress()
                rounds += 1
            grown = private_memory(pid) - before
        assert grown < GROWTH, f"the worker has grown by {grown} KiB"
        assert one.pid("worker") == pid
    watch.one = one
    return watch


def private_memory(pid):
    return int(proc.status(pid)["RssAnon"].split()[0])


def test_flood_of_logins(innocent):
    """Each is answered and counted; none outlives its connection."""
    one = innocent.one

    def login():
        client = one.connect(tls=None)
        one.clients.remove(client)
        client.login()
        client.reset()
        return 1
    flood = Flood(login)
    innocent(flood, 300)
    assert one.counter("ionscale_logins", outcome="ok") == flood.count + 2
    wait_until(lambda: one.counter("derp_current_connections") == 2)


def test_flood_of_half_open_handshakes(innocent):
    """Some say nothing, some half a ClientHello; all are let go."""
    one = innocent.one
    hello = bytes.fromhex("16030100c8010000c40303") + bytes(90)
    held = collections.deque()

    def connect():
        silent = transport.Plain(one.addr)
        half = transport.Plain(one.addr)
        half.send(hello)
        held.append((silent, half))
        if len(held) > 150:
            for stream in held.popleft():
                stream.close()
        return 1
    flood = Flood(connect, threads=1)
    innocent(flood, 600)
    assert len(held) >= 150
    for pair in held:
        for stream in pair:
            stream.close()
    wait_until(lambda: one.counter(
        "ionscale_handshakes", outcome="failed") == flood.count)
    wait_until(lambda: proc.fd_count(one.pid("worker"))
               <= one.baseline[one.pid("worker")] + 2)


def test_flood_of_requests(innocent):
    """Answers that nobody reads: the worker stops reading, not growing."""
    one = innocent.one
    ask = b"GET /derp/probe HTTP/1.1\r\nHost: derp.test\r\n\r\n" * 100
    mine = threading.local()
    stuck = []

    def send():
        if not hasattr(mine, "stream"):
            mine.stream = transport.Plain(one.addr, rcvbuf=4096)
        try:
            mine.stream.send(ask, limit=0.5)
        except transport.Timeout:
            # Full in both directions, and still open; on to the next one.
            stuck.append(mine.stream)
            del mine.stream
            return 1
        return 0
    flood = Flood(send)
    innocent(flood, 4)
    assert one.counter("ionscale_http_requests") > 4 * 1000
    for stream in stuck:
        stream.close()


def test_flood_of_bad_requests(innocent):
    """Refused, counted, closed."""
    one = innocent.one

    def send():
        stream = transport.Plain(one.addr)
        stream.send(b"GET / HTTP/9.9\r\nno colon\r\n\r\n")
        stream.recv_until_closed()
        stream.close()
        return 1
    flood = Flood(send)
    innocent(flood, 500)
    assert one.counter("ionscale_http_errors") >= flood.count


@pytest.mark.parametrize("kind", ["good", "bad"])
def test_flood_of_stun(innocent, kind):
    """Answered or dropped, each counted, unless the kernel dropped it."""
    one = innocent.one
    packets = [request() if kind == "good" else os.urandom(60)
               for _ in range(64)]
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
               for _ in range(THREADS)]
    name = "success" if kind == "good" else "not_stun"

    def send():
        sock = sockets[0]
        for packet in packets:
            sock.sendto(packet, one.stun_addr)
        return len(packets)
    flood = Flood(send)
    innocent(flood, 20000)
    for sock in sockets:
        sock.close()
    stun = Stun(one.stun_addr)
    one.clients.append(stun)

    def answered():
        try:
            return stun.ask()[0] == stun.local
        except (TimeoutError, AssertionError):
            return False
    wait_until(answered)
    counted = one.counter("stun_requests", disposition=name)
    assert 0 < counted <= flood.count + 2


def test_flood_of_frames(innocent):
    """To nobody: all dropped and counted, and nobody else's are."""
    one = innocent.one
    nobody = wire.Key().public
    data = wire.send_packet(nobody, bytes(1000)) * 20
    clients = [one.client(tls=None) for _ in range(THREADS)]
    mine = threading.local()
    left = list(clients)

    def send():
        if not hasattr(mine, "client"):
            mine.client = left.pop()
        mine.client.stream.send(data)
        return 20
    flood = Flood(send)
    innocent(flood, 20000)
    wait_until(lambda: one.dropped("unknown_dest") == flood.count)
    for client in clients:
        assert client.is_open()
    drops = {name: number for name, number in one.counters().items()
             if name.startswith("derp_packets_dropped") and number}
    assert list(drops.values()) == [flood.count], drops
