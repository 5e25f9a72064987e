"""Relays that mesh with each other, and one that only pretends to.

SPDX-License-Identifier: BSD-2-Clause
"""

import contextlib
import hashlib
import os
import socket
import ssl

from . import certs, clock, wire
from .clock import wait_until
from .mesh import write_key


def target(one, pin=None):
    """A daemon as an entry of derp.mesh_with; its port must be known."""
    pin = pin or one.status()["certificate"]["pin"]
    return f"127.0.0.1:{one.addr[1]}#{pin}"


def links(one):
    """The links of a daemon by the port of the relay they lead to."""
    return {int(item["target"].split("/")[0].rsplit(":", 1)[1]): item
            for item in one.status()["mesh"]}


def wait_link(one, port, state="up", **more):
    """Wait for a link's state; returns it as `status` shows it."""
    def reached():
        link = links(one).get(port)
        assert link and link["state"] == state, link
        for key, value in more.items():
            assert link[key] == value, link
        return link
    return wait_until(reached, 20, f"a link to {port} that is {state}")


class Region:
    """Daemons that all mesh with all."""

    def __init__(self, daemons):
        self.daemons = daemons
        self.nodes = []

    def start(self, count, conf=None, **options):
        for _ in range(count):
            self.nodes.append(
                write_key(self.daemons(conf, **options)).start())
        self.join(self.nodes)
        return self.nodes

    def join(self, nodes):
        """Have them mesh, and wait until they do."""
        for one in nodes:
            one.reconfigure({"derp": {"mesh_with": [
                target(other) for other in nodes if other is not one]}})
        for one in nodes:
            for other in nodes:
                if other is not one:
                    wait_link(one, other.addr[1])

    def part(self):
        """No mesh any more: what finish() finds then is all of theirs."""
        for one in self.nodes:
            if one.process is not None and one.process.poll() is None:
                one.reconfigure({"derp": {"mesh_with": []}})


def reach(source, dest):
    """Wait until packets get from a client to one of another relay; none is
    on its way then."""
    def arrived():
        source.send_packet(dest.public, b"are you there")
        return any(got.type == wire.RECV_PACKET
                   and got.payload[:32] == source.public
                   for got in dest.fence())
    wait_until(arrived, what=f"{dest.key.text} is reached")
    last = os.urandom(16)
    source.send_packet(dest.public, last)
    while dest.recv_packet() != (source.public, last):
        pass


def exchange(left, right):
    """A packet each way between clients of two daemons, as soon as both
    daemons know of both."""
    reach(left, right)
    reach(right, left)
    left.roundtrip(right)


class FakeRelay:
    """A relay made by hand, which a daemon's link logs in to."""

    def __init__(self, directory):
        cert = certs.Cert("127.0.0.1")
        self.pin = "sha256-raw:" + hashlib.sha256(cert.der).hexdigest()
        self.key = wire.Key()
        paths = []
        for name, data in (("fake.crt", cert.pem()),
                           ("fake.key", cert.key_pem())):
            paths.append(f"{directory}/{name}")
            with open(paths[-1], "wb") as out:
                out.write(data)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*paths)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(clock.LIMIT)
        self.port = self.listener.getsockname()[1]
        self.stream = None
        self.buf = bytearray()

    @property
    def target(self):
        return f"127.0.0.1:{self.port}#{self.pin}"

    def accept(self):
        """Take a link in; returns what its ClientInfo says."""
        self.hang_up()
        raw, _ = self.listener.accept()
        raw.settimeout(clock.LIMIT)
        self.stream = self.context.wrap_socket(raw, server_side=True)
        self.buf = bytearray()
        while b"\r\n\r\n" not in self.buf:
            self.buf += self._read()
        del self.buf[:self.buf.index(b"\r\n\r\n") + 4]
        self.stream.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\n"
            b"Connection: Upgrade\r\n\r\n"
            + wire.frame(wire.SERVER_KEY, wire.MAGIC + self.key.public))
        got = self.recv()
        assert got.type == wire.CLIENT_INFO, got
        public = got.payload[:32]
        info = wire.box_open(got.payload[32:], public, self.key.private)
        self.send(wire.SERVER_INFO, wire.box_seal(
            b'{"version":2}', public, self.key.private))
        return public, info

    def _read(self):
        data = self.stream.recv(65536)
        assert data, "the link has ended"
        return data

    def recv(self):
        """The next frame from the link."""
        while True:
            frames = wire.parse(self.buf)
            if frames:
                assert len(frames) == 1, frames
                return frames[0]
            self.buf += self._read()

    def send(self, kind, payload=b""):
        self.stream.sendall(wire.frame(kind, payload))

    def present(self, *keys):
        self.stream.sendall(b"".join(
            wire.frame(wire.PEER_PRESENT, key + bytes(18) + b"\1")
            for key in keys))

    def hang_up(self):
        if self.stream is not None:
            with contextlib.suppress(OSError):
                self.stream.close()
            self.stream = None

    def close(self):
        self.hang_up()
        self.listener.close()
