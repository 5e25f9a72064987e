"""DERP frames, keys and the NaCl box.

SPDX-License-Identifier: BSD-2-Clause
"""

import collections
import json
import os
import struct

import nacl.bindings

SERVER_KEY = 0x01
CLIENT_INFO = 0x02
SERVER_INFO = 0x03
SEND_PACKET = 0x04
RECV_PACKET = 0x05
KEEP_ALIVE = 0x06
NOTE_PREFERRED = 0x07
PEER_GONE = 0x08
PEER_PRESENT = 0x09
FORWARD_PACKET = 0x0A
WATCH_CONNS = 0x10
CLOSE_PEER = 0x11
PING = 0x12
PONG = 0x13
HEALTH = 0x14
RESTARTING = 0x15

MAGIC = b"DERP\xf0\x9f\x94\x91"
DISCO_MAGIC = b"TS\xf0\x9f\x92\xac"
MAX_PACKET = 65536
MAX_CLIENT_INFO = 262144
GONE_DISCONNECTED = 0
GONE_NOT_HERE = 1

Frame = collections.namedtuple("Frame", "type payload")


def frame(kind, payload=b""):
    """Encode one frame."""
    return struct.pack(">BI", kind, len(payload)) + payload


def header(kind, length):
    """Encode a frame header alone, whatever follows it."""
    return struct.pack(">BI", kind, length)


def send_packet(dst, data):
    return frame(SEND_PACKET, dst + data)


def parse(buf):
    """Split whole frames off the front of a bytearray, in place."""
    frames = []
    while len(buf) >= 5:
        kind, length = struct.unpack_from(">BI", buf)
        if len(buf) < 5 + length:
            break
        frames.append(Frame(kind, bytes(buf[5:5 + length])))
        del buf[:5 + length]
    return frames


class Key:
    """A node key pair."""

    def __init__(self, private=None):
        if private is None:
            raw = bytearray(os.urandom(32))
            raw[0] &= 248
            raw[31] = (raw[31] & 127) | 64
            private = bytes(raw)
        self.private = private
        self.public = nacl.bindings.crypto_scalarmult_base(private)

    @property
    def text(self):
        return "nodekey:" + self.public.hex()


def box_seal(message, peer_public, private, nonce=None):
    """nonce | tag | ciphertext, as it travels."""
    nonce = nonce or os.urandom(24)
    return nonce + nacl.bindings.crypto_box(
        message, nonce, peer_public, private)


def box_open(sealed, peer_public, private):
    return nacl.bindings.crypto_box_open(
        sealed[24:], sealed[:24], peer_public, private)


INFO_PLAIN = b'{"version":2,"CanAckPings":true}'


def client_info(key, server_public, info=None, nonce=None):
    """The ClientInfo frame of a key; info is a dict or raw JSON bytes."""
    if info is None:
        text = INFO_PLAIN
    elif isinstance(info, bytes):
        text = info
    else:
        text = json.dumps(info, separators=(",", ":")).encode()
    return frame(CLIENT_INFO, key.public + box_seal(
        text, server_public, key.private, nonce))


def disco(size=62, fill=b"\0"):
    """A packet that counts as disco: magic, a key, a nonce."""
    body = DISCO_MAGIC + os.urandom(32) + bytes(24)
    return body + fill * (size - len(body))
