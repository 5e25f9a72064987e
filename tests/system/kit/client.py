"""A DERP client that does what it is told and nothing by itself.

SPDX-License-Identifier: BSD-2-Clause
"""

import os
import time

from cryptography import x509
from cryptography.x509.oid import NameOID

from . import clock, transport, wire
from .transport import Closed, Timeout


def meta_server_key(chain):
    """The server key that a meta-certificate names, or None."""
    for der in chain:
        at = der.find(b"derpkey")
        if at >= 0 and b"derpkey" in der[:120]:
            return bytes.fromhex(der[at + 7:at + 71].decode())
    return None


def common_name(der):
    """The subject CN of a certificate in DER."""
    cert = x509.load_der_x509_certificate(der)
    return cert.subject.get_attributes_for_oid(
        NameOID.COMMON_NAME)[0].value


def upgrade_request(fast=False, upgrade="DERP", path="/derp", extra=(),
                    host="derp.test"):
    """The request that asks for DERP, as the usual client writes it."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}",
             "User-Agent: Go-http-client/1.1", "Connection: Upgrade"]
    if fast:
        lines.append("Derp-Fast-Start: 1")
    lines += list(extra)
    if upgrade is not None:
        lines.append(f"Upgrade: {upgrade}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Client:
    """One connection to the relay, from the socket up."""

    def __init__(self, addr, key=None, tls="1.3", **options):
        self.key = key or wire.Key()
        self.stream = transport.connect(addr, tls, **options)
        self.buf = bytearray()
        self.frames = []
        self.server_public = None
        self.server_info = None

    @property
    def public(self):
        return self.key.public

    @property
    def local(self):
        return self.stream.local

    # -- start ---------------------------------------------------------

    def upgrade(self, **request):
        """Normal start up to the end of the 101 block; returns it."""
        self.stream.send(upgrade_request(**request))
        return self.read_head()

    def read_head(self):
        """An HTTP response head; what follows stays for frames."""
        while b"\r\n\r\n" not in self.buf:
            self.buf += self.stream.recv()
        end = self.buf.index(b"\r\n\r\n") + 4
        head = bytes(self.buf[:end])
        del self.buf[:end]
        return head

    def greet(self):
        """Read the ServerKey frame."""
        got = self.recv()
        assert got.type == wire.SERVER_KEY, got
        assert got.payload[:8] == wire.MAGIC and len(got.payload) == 40
        self.server_public = got.payload[8:]
        return self.server_public

    def login(self, info=None, fast=None, pipeline=b"", extra=()):
        """Log in; fast start whenever the meta-certificate allows it."""
        public = None
        if fast is not False and self.stream.version == "1.3":
            public = meta_server_key(self.stream.chain())
        if fast or public is not None:
            self.stream.send(
                upgrade_request(fast=True, extra=extra)
                + wire.client_info(self.key, public, info) + pipeline)
            assert self.greet() == public
        else:
            head = self.upgrade(extra=extra)
            assert head.startswith(b"HTTP/1.1 101 "), head
            self.greet()
            self.stream.send(wire.client_info(
                self.key, self.server_public, info) + pipeline)
        got = self.recv()
        assert got.type == wire.SERVER_INFO, got
        self.server_info = wire.box_open(
            got.payload, self.server_public, self.key.private)
        return self

    # -- frames --------------------------------------------------------

    def send(self, kind, payload=b"", **options):
        self.stream.send(wire.frame(kind, payload), **options)

    def send_packet(self, dst, data, **options):
        self.stream.send(wire.send_packet(dst, data), **options)

    def ping(self, data=None):
        data = data or os.urandom(8)
        self.send(wire.PING, data)
        return data[:8]

    def recv(self, limit=None):
        """The next frame, keep-alives included."""
        end = time.monotonic() + (clock.LIMIT if limit is None else limit)
        while not self.frames:
            self.frames += wire.parse(self.buf)
            if self.frames:
                break
            self.buf += self.stream.recv(max(end - time.monotonic(), 0))
        return self.frames.pop(0)

    def recv_packet(self, limit=None):
        """The next frame, which must be a packet: (source, data)."""
        got = self.recv(limit)
        assert got.type == wire.RECV_PACKET, got
        return got.payload[:32], got.payload[32:]

    def fence(self, limit=None):
        """Everything the daemon had for us before it read this ping."""
        token = self.ping()
        before = []
        while True:
            got = self.recv(limit)
            if got == (wire.PONG, token):
                return before
            before.append(got)

    def roundtrip(self, other, data=None):
        """One packet each way between us and other."""
        data = data or os.urandom(24)
        self.send_packet(other.public, data)
        assert other.recv_packet() == (self.public, data)
        other.send_packet(self.public, data)
        assert self.recv_packet() == (other.public, data)

    def expect_closed(self, limit=None):
        """The daemon ends this connection; returns the frames before."""
        frames = []
        while True:
            try:
                frames.append(self.recv(limit))
            except Closed:
                return frames
            except Timeout:
                raise AssertionError(
                    f"still open; frames so far: {frames}") from None

    def is_open(self):
        """True if a ping comes back."""
        try:
            self.fence()
            return True
        except (Closed, Timeout):
            return False

    def close(self):
        self.stream.close()

    def reset(self):
        self.stream.reset()
