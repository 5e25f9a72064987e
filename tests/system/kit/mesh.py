"""Relays with a mesh key, and clients that present it.

SPDX-License-Identifier: BSD-2-Clause
"""

import socket
import struct

from . import wire
from .placement import place_one

MESH_KEY = "0123456789abcdef" * 4

REGULAR = 0x01
MESH = 0x02
PROBER = 0x04
NOT_IDEAL = 0x08


def write_key(one, text=MESH_KEY):
    """Give a daemon that is not started a mesh key file; returns it."""
    one.conf.setdefault("derp", {})["mesh_key_file"] = one.write(
        "mesh.key", text)
    return one


def info(key=MESH_KEY, **more):
    """A ClientInfo with the mesh key."""
    return {"meshKey": key, "version": 2, "CanAckPings": False, **more}


def member(one, key=MESH_KEY, accept=lambda index: True, node=None, **more):
    """A client that has logged in with the mesh key."""
    return place_one(one, accept, node, info=info(key, **more))


def present(client, flags=REGULAR):
    """The PeerPresent frame that announces a client of the tests."""
    host, port = client.local.rsplit(":", 1)
    ip = b"\0" * 10 + b"\xff\xff" + socket.inet_aton(host)
    return wire.Frame(wire.PEER_PRESENT, client.public + ip
                      + struct.pack(">HB", int(port), flags))


def gone(key, reason=wire.GONE_DISCONNECTED):
    """The PeerGone frame of a key."""
    return wire.Frame(wire.PEER_GONE, key + bytes([reason]))
