"""WebSocket frames by hand, and a DERP client that speaks in them.

SPDX-License-Identifier: BSD-2-Clause
"""

import base64
import collections
import hashlib
import os
import struct
import time

from . import clock, wire
from .client import Client
from .transport import Closed, Timeout

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Message = collections.namedtuple("Message", "opcode payload")


def frame(opcode, payload=b"", fin=True, rsv=0, mask=True, length=None,
          width=None):
    """A client's frame; length and width may lie about the payload."""
    size = len(payload) if length is None else length
    if width is None:
        width = 0 if size < 126 else 2 if size < 65536 else 8
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if mask else 0
    if width == 0:
        head = bytes([first, bit | size])
    elif width == 2:
        head = bytes([first, bit | 126]) + struct.pack(">H", size)
    else:
        head = bytes([first, bit | 127]) + struct.pack(">Q", size)
    if not mask:
        return head + payload
    key = os.urandom(4)
    run = (key * (len(payload) // 4 + 1))[:len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(run, "big")
    return head + key + masked.to_bytes(len(payload), "big")


def close_frame(code=1000, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def parse(buf):
    """The server's whole frames, taken off buf; they must be plain."""
    found = []
    while len(buf) >= 2:
        assert buf[0] & 0x70 == 0, "reserved bits from the server"
        assert buf[0] & 0x80, "a fragment from the server"
        assert buf[1] & 0x80 == 0, "a masked frame from the server"
        size, at = buf[1], 2
        if size == 126:
            if len(buf) < 4:
                break
            size, at = struct.unpack(">H", buf[2:4])[0], 4
            assert size >= 126
        elif size == 127:
            if len(buf) < 10:
                break
            size, at = struct.unpack(">Q", buf[2:10])[0], 10
            assert size >= 65536
        if len(buf) < at + size:
            break
        found.append(Message(buf[0] & 15, bytes(buf[at:at + size])))
        del buf[:at + size]
    return found


def request(protocol="derp", key=None, version="13", extra=(),
            connection="Upgrade", upgrade="websocket", method="GET"):
    """The opening handshake; what is None is left out."""
    lines = [f"{method} /derp HTTP/1.1", "Host: derp.test",
             "Origin: https://elsewhere.test"]
    for name, value in (("Upgrade", upgrade), ("Connection", connection),
                        ("Sec-WebSocket-Version", version),
                        ("Sec-WebSocket-Key", key),
                        ("Sec-WebSocket-Protocol", protocol)):
        if value is not None:
            lines.append(f"{name}: {value}")
    return ("\r\n".join(lines + list(extra)) + "\r\n\r\n").encode()


class Messages:
    """The stream of a Client: each send is one binary message."""

    def __init__(self, lower, left):
        self.lower = lower
        self.buf = bytearray(left)
        self.queue = []
        self.controls = []
        self.version = lower.version

    @property
    def local(self):
        return self.lower.local

    def send(self, data, **options):
        self.lower.send(frame(BINARY, bytes(data)), **options)

    def next(self, limit=None):
        """The next frame of any kind."""
        end = time.monotonic() + (clock.LIMIT if limit is None else limit)
        while not self.queue:
            self.queue += parse(self.buf)
            if not self.queue:
                self.buf += self.lower.recv(max(end - time.monotonic(), 0))
        return self.queue.pop(0)

    def recv(self, limit=None):
        while True:
            got = self.next(limit)
            if got.opcode == BINARY:
                return got.payload
            self.controls.append(got)

    def close(self):
        self.lower.close()

    def reset(self):
        self.lower.reset()


class WsClient(Client):
    """A client in a browser."""

    def handshake(self, pipeline=b"", **options):
        """The HTTP part; returns the reply's head."""
        key = base64.b64encode(os.urandom(16)).decode()
        self.stream.send(request(key=key, **options) + pipeline)
        head = self.read_head()
        if head.startswith(b"HTTP/1.1 101 "):
            digest = hashlib.sha1(key.encode() + GUID).digest()
            assert (b"\r\nSec-WebSocket-Accept: "
                    + base64.b64encode(digest) + b"\r\n") in head
            self.stream = Messages(self.stream, self.buf)
            self.buf = bytearray()
        return head

    def login(self, info=None, fast=None, pipeline=b"", extra=()):
        head = self.handshake(extra=extra)
        assert head.startswith(b"HTTP/1.1 101 "), head
        self.greet()
        self.stream.send(wire.client_info(
            self.key, self.server_public, info) + pipeline)
        got = self.recv()
        assert got.type == wire.SERVER_INFO, got
        self.server_info = wire.box_open(
            got.payload, self.server_public, self.key.private)
        return self

    def raw(self, data, **options):
        """Bytes as they are, no frame around them."""
        self.stream.lower.send(data, **options)

    def expect_close(self, code, limit=None):
        """A Close with that code is next but for data; returns its reason."""
        while True:
            got = self.stream.next(limit)
            if got.opcode == CLOSE:
                break
        found = struct.unpack(">H", got.payload[:2])[0] \
            if got.payload else None
        assert found == code, got
        return got.payload[2:]

    def expect_end(self, limit=None):
        """The stream ends, and no frame comes before that."""
        try:
            got = self.stream.next(limit)
        except Closed:
            return
        except Timeout:
            raise AssertionError("still open") from None
        raise AssertionError(f"not the end: {got}")
