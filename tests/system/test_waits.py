"""What takes long, side by side: T16, T53 and the HTTP deadlines.

SPDX-License-Identifier: BSD-2-Clause

One daemon, started once; every case begins at its start and is only
looked at in its own test. The group keeps them on one runner.
"""

import threading
import time

import pytest

from kit import daemon, transport, wire
from kit.transport import Closed

pytestmark = [pytest.mark.xdist_group("waits"), pytest.mark.timeout(240)]


class Case(threading.Thread):
    """Collects what comes, and when, in the background.

    client is anything with recv(): a DERP client or a bare stream.
    """

    def __init__(self, client, limit):
        super().__init__(daemon=True)
        self.client = client
        self.limit = limit
        self.seen = []
        self.ended = None
        self.begun = time.monotonic()

    def after(self):
        return time.monotonic() - self.begun

    def run(self):
        try:
            while self.after() < self.limit:
                try:
                    got = self.client.recv(self.limit - self.after())
                except transport.Timeout:
                    return
                self.seen.append((self.after(), got))
        except Closed:
            self.ended = self.after()


@pytest.fixture(scope="module")
def waits():
    one = daemon.Daemon().start()
    cases = {}

    def case(name, client, limit):
        cases[name] = Case(client, limit)
        cases[name].start()

    for tls in (None, "1.2", "1.3"):
        client = one.client(tls=tls)
        case(f"idle-{tls}", client, 133)
        # Logged in, upgraded, connected: and then nothing.
        client = one.connect(tls=tls)
        client.upgrade()
        client.greet()
        case(f"greeted-{tls}", client, 20)
        client = one.connect(tls=tls)
        client.upgrade()
        client.greet()
        info = wire.client_info(client.key, client.server_public)
        client.stream.send(info[:-1])
        case(f"info-cut-{tls}", client, 20)
        stream = transport.connect(one.addr, tls)
        one.clients.append(stream)
        case(f"silent-{tls}", stream, 45)
        http = one.http(tls)
        assert http.get("/generate_204").status == 204
        case(f"between-requests-{tls}", http.stream, 45)
        http = one.http(tls)
        http.stream.send(b"GET /generate_204 HTTP/1.1\r\nHost:")
        case(f"head-cut-{tls}", http.stream, 45)
        http = one.http(tls)
        http.stream.send(b"POST /generate_204 HTTP/1.1\r\nHost: x\r\n"
                         b"Content-Length: 100\r\n\r\nabc")
        case(f"body-cut-{tls}", http.stream, 45)
    stream = transport.Plain(one.addr)
    one.clients.append(stream)
    stream.send(b"\x16\x03\x01\x02\x00")
    case("handshake-cut", stream, 45)
    dripping = transport.Plain(one.addr)
    one.clients.append(dripping)
    case("head-drip", dripping, 45)
    busy = one.client()
    case("busy", busy, 133)
    stop = threading.Event()

    def talk():
        try:
            while not stop.wait(0.1):
                busy.send_packet(busy.public, b"busy")
        except Closed:
            pass

    def drip():
        try:
            for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 400:
                if stop.wait(0.25):
                    return
                dripping.send(bytes([byte]))
        except Closed:
            pass

    helpers = [threading.Thread(target=talk), threading.Thread(target=drip)]
    for helper in helpers:
        helper.start()
    failed = [True]
    yield cases, failed
    stop.set()
    for helper in helpers:
        helper.join()
    one.finish(failed[0])


def finished(waits, name):
    case = waits[0][name]
    case.join()
    return case


TLS = [None, "1.2", "1.3"]


@pytest.mark.parametrize("state", ["greeted", "info-cut"])
@pytest.mark.parametrize("tls", TLS)
def test_t16_slow_login(waits, state, tls):
    case = finished(waits, f"{state}-{tls}")
    assert case.ended is not None and 9.5 <= case.ended <= 13
    assert case.seen == []


@pytest.mark.parametrize("state", [
    "silent", "between-requests", "head-cut", "body-cut"])
@pytest.mark.parametrize("tls", TLS)
def test_http_deadlines(waits, state, tls):
    """30 s for each request, its body, and the time between two."""
    case = finished(waits, f"{state}-{tls}")
    assert case.ended is not None and 28 <= case.ended <= 40


@pytest.mark.parametrize("state", ["handshake-cut", "head-drip"])
def test_deadline_is_not_moved_by_progress(waits, state):
    case = finished(waits, state)
    assert case.ended is not None and 28 <= case.ended <= 40


def keepalives(case):
    return [when for when, frame in case.seen
            if frame == (wire.KEEP_ALIVE, b"")]


@pytest.mark.parametrize("tls", TLS)
def test_t53_keepalive(waits, tls):
    """Empty frames, 60 to 65 s apart, and nothing else."""
    case = finished(waits, f"idle-{tls}")
    assert case.ended is None
    ticks = keepalives(case)
    assert len(ticks) == len(case.seen) == 2
    assert 59.5 <= ticks[0] <= 66.5
    assert 59.5 <= ticks[1] - ticks[0] <= 66.5


def test_t53_keepalive_while_busy(waits):
    case = finished(waits, "busy")
    assert case.ended is None
    ticks = keepalives(case)
    assert len(ticks) == 2 and 59.5 <= ticks[0] <= 66.5
    packets = [f for _, f in case.seen if f.type == wire.RECV_PACKET]
    assert len(packets) > 600


def test_t53_keepalives_are_spread(waits):
    """The periods differ from client to client."""
    first = {keepalives(finished(waits, name))[0]
             for name in ("idle-None", "idle-1.2", "idle-1.3", "busy")}
    assert max(first) - min(first) > 0.02
    waits[1][0] = False
