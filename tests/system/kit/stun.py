"""STUN as the clients of a relay speak it.

SPDX-License-Identifier: BSD-2-Clause
"""

import os
import socket
import struct
import zlib

from . import clock

COOKIE = 0x2112A442
SOFTWARE = 0x8022
FINGERPRINT = 0x8028


def attribute(kind, value):
    return (struct.pack(">HH", kind, len(value)) + value
            + bytes(-len(value) % 4))


def fingerprint(message):
    crc = zlib.crc32(message) ^ 0x5354554E
    return attribute(FINGERPRINT, struct.pack(">I", crc))


def request(txid=None, attributes=None, kind=1, cookie=COOKIE,
            trailer=fingerprint, length=None):
    """A binding request; every part of it can be made wrong."""
    txid = txid or os.urandom(12)
    body = attributes
    if body is None:
        body = attribute(SOFTWARE, b"tailnode")
    size = len(body) + 8 if length is None else length
    head = struct.pack(">HHI", kind, size, cookie) + txid
    return head + body + trailer(head + body)


def parse_reply(data, txid):
    """(ip, port) of a reply, checked in full."""
    kind, length, cookie = struct.unpack_from(">HHI", data)
    assert kind == 0x0101 and cookie == COOKIE, data.hex()
    assert data[8:20] == txid and length == len(data) - 20
    attr, size, family = struct.unpack_from(">HHH", data, 20)
    assert attr == 0x0020 and size == length - 4, data.hex()
    port = struct.unpack_from(">H", data, 26)[0] ^ (COOKIE >> 16)
    mask = struct.pack(">I", COOKIE) + txid
    raw = bytes(a ^ b for a, b in zip(data[28:], mask))
    assert (family, len(raw)) in ((1, 4), (2, 16)), data.hex()
    return socket.inet_ntop(
        socket.AF_INET if family == 1 else socket.AF_INET6, raw), port


class Stun:
    """A UDP socket connected to nothing, so that it sees who answers."""

    def __init__(self, addr, bind=None):
        self.addr = addr
        family = socket.AF_INET6 if ":" in addr[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.settimeout(clock.LIMIT)
        if bind is None:
            bind = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self.sock.bind((bind, 0))

    @property
    def local(self):
        return self.sock.getsockname()[:2]

    def send(self, data):
        self.sock.sendto(data, self.addr)

    def recv(self):
        """(datagram, (host, port) of the sender)."""
        data, sender = self.sock.recvfrom(2048)
        return data, sender[:2]

    def ask(self, **parts):
        """A good request and its reply: our address as seen there."""
        txid = os.urandom(12)
        self.send(request(txid, **parts))
        data, sender = self.recv()
        return parse_reply(data, txid), sender

    def close(self):
        self.sock.close()
