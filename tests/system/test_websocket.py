"""DERP in a WebSocket, as a browser speaks it: T09.

SPDX-License-Identifier: BSD-2-Clause
"""

import os
import struct

import pytest

from kit import wire
from kit import websocket as ws
from kit.client import Client
from kit.clock import wait_until
from kit.placement import SAME, check, place_one
from kit.transport import Closed
from kit.websocket import WsClient

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def browser(one, **options):
    return one.client(kind=WsClient, **options)


def pair(one, placement, first, second):
    """Two clients of those kinds where the placement wants them."""
    a = place_one(one, lambda index: True, kind=first)
    here = one.worker_of(a)
    b = place_one(
        one, lambda index: (index == here) == (placement == SAME),
        kind=second)
    check(one, placement, [a, b])
    return a, b


def registered(one):
    return one.counter("derp_current_connections")


@pytest.mark.parametrize("tls", [None, "1.2", "1.3"])
def test_t09_websocket(server, tls):
    one = server()
    a = one.connect(kind=WsClient, tls=tls)
    a.stream.send(ws.request(
        key=KEY, extra=["Sec-WebSocket-Extensions: permessage-deflate",
                        "Derp-Fast-Start: 1", "Ideal-Node: other"]))
    assert a.read_head().decode() == (
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {ACCEPT}\r\n"
        "Sec-WebSocket-Protocol: derp\r\n\r\n")
    a.stream = ws.Messages(a.stream, a.buf)
    a.buf = bytearray()
    public = a.greet()
    a.stream.send(wire.client_info(a.key, public))
    assert a.recv().type == wire.SERVER_INFO
    assert a.fence() == []
    counters = one.counters()
    assert counters["derp_websocket_accepts"] == 1
    assert counters["derp_accepts"] == 1
    assert counters["derp_current_connections"] == 1
    assert counters["derp_current_notideal_connections"] == 0
    assert [c["address"] for c in one.derp_list()] == [a.local]


@pytest.mark.parametrize("first, second", [
    (WsClient, WsClient), (WsClient, Client), (Client, WsClient)])
def test_t09_pairs(server, placement, first, second):
    one = server()
    a, b = pair(one, placement, first, second)
    before = one.counter("ionscale_fabric_packets")
    a.roundtrip(b)
    for size in (0, 1, 85, 89, 125, 1400, 32768, 65498, wire.MAX_PACKET):
        a.roundtrip(b, os.urandom(size))
    for number in range(20):
        a.send_packet(b.public, bytes([number]) * 1000)
    for number in range(20):
        assert b.recv_packet() == (a.public, bytes([number]) * 1000)
    moved = one.counter("ionscale_fabric_packets") - before
    assert (moved > 0) == (placement != SAME)
    b.close()
    assert a.recv() == (wire.PEER_GONE, b.public + b"\0")


def every_byte(data):
    return b"".join(ws.frame(ws.BINARY, bytes([byte])) for byte in data)


def fragments(data):
    """One message, a fragment a byte, with pings and empty ones between."""
    out = ws.frame(ws.BINARY, b"", fin=False)
    for byte in data:
        out += ws.frame(ws.CONT, bytes([byte]), fin=False)
        out += ws.frame(ws.PING, b"between")
        out += ws.frame(ws.CONT, b"", fin=False)
    return out + ws.frame(ws.CONT)


def halves(data):
    middle = len(data) // 2
    return (ws.frame(ws.BINARY) + ws.frame(ws.BINARY, data[:middle])
            + ws.frame(ws.PONG, b"nobody asked")
            + ws.frame(ws.BINARY, data[middle:]))


@pytest.mark.parametrize("split", [every_byte, fragments, halves])
@pytest.mark.parametrize("tcp", ["whole", "bytes"])
def test_t09_login_split_and_merged(server, split, tcp):
    one = server()
    a = one.connect(kind=WsClient, tls=None)
    a.handshake()
    public = a.greet()
    packet = os.urandom(50)
    data = split(wire.client_info(a.key, public)
                 + wire.frame(wire.NOTE_PREFERRED, b"\1")
                 + wire.send_packet(a.public, packet))
    step = len(data) if tcp == "whole" else 1
    for at in range(0, len(data), step):
        a.raw(data[at:at + step])
    assert a.recv().type == wire.SERVER_INFO
    assert a.recv_packet() == (a.public, packet)
    assert one.counter("derp_current_home_connections") == 1
    if split is fragments:
        assert set(a.stream.controls) == {ws.Message(ws.PONG, b"between")}


def test_t09_login_behind_the_handshake(server):
    """What shares a segment with the request belongs to the WebSocket."""
    one = server()
    public = one.server_public()
    a = one.connect(kind=WsClient)
    info = ws.frame(ws.BINARY, wire.client_info(a.key, public))
    a.handshake(pipeline=info + ws.frame(ws.PING, b"early"))
    assert a.greet() == public
    assert a.recv().type == wire.SERVER_INFO
    a.fence()
    assert a.stream.controls == [ws.Message(ws.PONG, b"early")]


def test_t09_one_message_of_many_packets(server):
    one = server()
    a = browser(one)
    sent = [os.urandom(1000) for _ in range(25)]
    a.stream.send(b"".join(wire.send_packet(a.public, p) for p in sent))
    for packet in sent:
        assert a.recv_packet() == (a.public, packet)


BAD = {
    "text": (ws.frame(ws.TEXT, b"hello"), 1003),
    "text-empty": (ws.frame(ws.TEXT), 1003),
    "text-fragment": (ws.frame(ws.TEXT, b"hel", fin=False), 1003),
    "unmasked": (ws.frame(ws.BINARY, b"hello", mask=False), 1002),
    "rsv1": (ws.frame(ws.BINARY, b"hello", rsv=4), 1002),
    "rsv3": (ws.frame(ws.PING, b"", rsv=1), 1002),
    "opcode3": (ws.frame(3, b"hello"), 1002),
    "opcode7": (ws.frame(7), 1002),
    "opcode11": (ws.frame(11, b"hello"), 1002),
    "opcode15": (ws.frame(15), 1002),
    "ping-fragment": (ws.frame(ws.PING, b"x", fin=False), 1002),
    "ping-126": (ws.frame(ws.PING, bytes(126)), 1002),
    "close-fragment": (ws.frame(ws.CLOSE, b"\3\350", fin=False), 1002),
    "stray-continuation": (ws.frame(ws.CONT, b"x"), 1002),
    "message-in-message": (ws.frame(ws.BINARY, b"\6\0\0\0\0", fin=False)
                           + ws.frame(ws.BINARY, b"x"), 1002),
    "not-shortest-16": (ws.frame(ws.BINARY, bytes(125), width=2), 1002),
    "not-shortest-64": (ws.frame(ws.BINARY, bytes(125), width=8), 1002),
    "2^63": (ws.frame(ws.BINARY, b"", length=1 << 63, width=8), 1002),
    "2^64-1": (ws.frame(ws.BINARY, b"", length=(1 << 64) - 1, width=8), 1002),
    "2^63-1": (ws.frame(ws.BINARY, b"", length=(1 << 63) - 1, width=8), 1009),
    "too-long": (ws.frame(ws.BINARY, b"", length=1048577, width=8), 1009),
    "too-long-sum": (
        ws.frame(ws.BINARY, wire.frame(0x99, bytes(1048571)), fin=False)
        + ws.frame(ws.CONT, b"x"), 1009),
}


@pytest.mark.parametrize("name", BAD)
def test_t09_violations(server, name):
    """Out of the directory at once; then our Close, then only theirs."""
    data, code = BAD[name]
    one = server()
    witness, a = one.client(), browser(one)
    a.raw(data)
    assert a.expect_close(code) != b""
    wait_until(lambda: registered(one) == 1)
    assert not one.is_registered(a.key)
    assert witness.is_open()
    one.wait_log("websocket: the client sent a")
    a.reset()


@pytest.mark.parametrize("name", ["text", "opcode3", "ping-126", "unmasked"])
def test_t09_our_close_waits_for_theirs(server, name):
    data, code = BAD[name]
    one = server()
    a = browser(one)
    a.raw(data)
    a.expect_close(code)
    a.raw(ws.frame(ws.BINARY, b"still talking") + ws.frame(ws.PING, b"?"))
    a.raw(ws.close_frame(1000))
    a.expect_end()


def test_t09_no_close_in_return(server):
    """A client that never answers our Close is let go after a while."""
    one = server()
    silent, noisy = browser(one), browser(one)
    silent.raw(ws.frame(ws.TEXT, b"x"))
    noisy.raw(ws.frame(ws.TEXT, b"x"))
    silent.expect_close(1003)
    noisy.expect_close(1003)
    wait_until(lambda: registered(one) == 0)
    try:
        for _ in range(1000):
            noisy.raw(ws.frame(ws.BINARY, bytes(65536)))
    except Closed:
        pass
    else:
        raise AssertionError("64 MB were read after the close")
    silent.expect_end(limit=10)


@pytest.mark.parametrize("payload, answer", [
    (b"", None), (struct.pack(">H", 1000), 1000),
    (struct.pack(">H", 1001) + b"going", 1001),
    (struct.pack(">H", 3000), 3000), (struct.pack(">H", 4999) + b"x", 4999),
    (b"\3", 1002), (struct.pack(">H", 999), 1002),
    (struct.pack(">H", 1005), 1002), (struct.pack(">H", 1006), 1002),
    (struct.pack(">H", 1015), 1002), (struct.pack(">H", 2999), 1002),
    (struct.pack(">H", 5000), 1002), (struct.pack(">H", 1000) + b"\xff", 1007),
])
def test_t09_close_from_the_client(server, payload, answer):
    one = server()
    a = browser(one)
    # what is sent before the Close counts, what comes behind it does not
    a.raw(ws.frame(ws.BINARY, wire.send_packet(a.public, b"last"))
          + ws.frame(ws.CLOSE, payload)
          + ws.frame(ws.BINARY, wire.send_packet(a.public, b"late")))
    a.expect_close(answer)
    a.expect_end()
    wait_until(lambda: registered(one) == 0)
    assert one.counter("derp_packets_received") == 1


def test_t09_derp_error_closes_normally(server):
    one = server()
    a = browser(one)
    a.send(wire.SEND_PACKET, bytes(31))
    a.expect_close(1000)
    wait_until(lambda: registered(one) == 0)
    a.raw(ws.close_frame())
    a.expect_end()
    b = one.connect(kind=WsClient)
    b.handshake()
    b.greet()
    b.send(wire.PING, bytes(8))
    b.expect_close(1000)
    b.raw(ws.close_frame())
    b.expect_end()


def test_t09_abrupt_ends(server):
    one = server()
    clients = [browser(one) for _ in range(4)]
    clients[0].raw(ws.frame(ws.BINARY, b"half")[:5])
    clients[0].close()
    clients[1].reset()
    clients[2].raw(ws.frame(ws.BINARY, b"\4\0\0", fin=False))
    clients[2].reset()
    clients[3].raw(ws.frame(ws.TEXT, b"x"))
    clients[3].close()
    wait_until(lambda: registered(one) == 0)


def test_t09_pings(server):
    one = server()
    a = browser(one)
    for payload in (b"", b"abc", os.urandom(125)):
        a.raw(ws.frame(ws.PING, payload))
        assert a.stream.next() == (ws.PONG, payload)
    a.raw(b"".join(ws.frame(ws.PING, struct.pack(">I", number))
                   for number in range(5000)))
    got = []
    while got[-1:] != [4999]:
        message = a.stream.next()
        assert message.opcode == ws.PONG
        got.append(struct.unpack(">I", message.payload)[0])
    assert got == sorted(set(got))
    assert a.fence() == []


def test_t09_pings_of_one_who_does_not_read(server):
    """Pings of a client that reads nothing pile up nowhere."""
    one = server()
    witness, a = one.client(), browser(one, rcvbuf=4096)
    for _ in range(40):
        a.raw(ws.frame(ws.PING, bytes(125)) * 1000)
    assert witness.fence() == []
    for _ in range(400):
        witness.send_packet(a.public, bytes(60000))
    witness.fence()
    wait_until(lambda: one.counter("derp_sclient_write_timeouts") == 1)
    assert witness.is_open()


def test_t09_who_does_not_speak_derp(server):
    one = server()
    a = one.connect(kind=WsClient)
    head = a.handshake(protocol="xderp, derp2")
    assert b"Sec-WebSocket-Protocol" not in head
    reason = a.expect_close(1008)
    assert reason == b"client must speak the derp subprotocol"
    a.raw(ws.close_frame(1008))
    a.expect_end()
    counters = one.counters()
    assert counters["derp_websocket_accepts"] == 0
    assert counters["derp_accepts"] == 0


@pytest.mark.parametrize("protocol, chosen", [
    ("derp", "derp"), ("chat, derp", "derp"), ("chat,derp,Derp", "derp"),
    ("xderp, DERP", "DERP"), ("DERP, derp", "derp")])
def test_t09_subprotocols(server, protocol, chosen):
    one = server()
    a = one.connect(kind=WsClient)
    head = a.handshake(protocol=protocol)
    assert f"\r\nSec-WebSocket-Protocol: {chosen}\r\n".encode() in head
    a.greet()


@pytest.mark.parametrize("change, status", [
    (dict(connection=None), 426), (dict(connection="keep-alive"), 426),
    (dict(method="POST"), 405), (dict(method="HEAD"), 405),
    (dict(version=None), 400), (dict(version="8"), 400),
    (dict(version="013"), 400),
    (dict(key=None), 400), (dict(key=""), 400), (dict(key="short"), 400),
    (dict(key=KEY[:-1]), 400), (dict(key=KEY[:-2] + "AA"), 400),
    (dict(key="!" + KEY[1:]), 400),
    (dict(extra=[f"Sec-WebSocket-Key: {KEY}"]), 400),
    (dict(extra=["Content-Length: 5"]), 400),
])
def test_t09_bad_handshake(server, change, status):
    one = server()
    http = one.http()
    raw = ws.request(**{**dict(key=KEY), **change})
    got = http.ask(raw, head_only=change.get("method") == "HEAD")
    assert got.status == status, got
    if "version" in change:
        assert got.headers["Sec-WebSocket-Version"] == "13"
    assert "Sec-WebSocket-Accept" not in got.headers
    http.expect_closed()
    assert one.counter("derp_websocket_accepts") == 0


def test_t09_connection_list_and_case(server):
    one = server()
    a = one.connect(kind=WsClient)
    head = a.handshake(connection="keep-alive, upgrade", upgrade="WebSocket")
    assert head.startswith(b"HTTP/1.1 101 ")
    a.greet()


def test_t09_reload_and_end(server):
    """A reload leaves the session alone; the daemon's end closes it."""
    one = server()
    a, b = browser(one), one.client()
    a.roundtrip(b)
    one.reconfigure({"derp": {"client_rate": 1000000}})
    a.roundtrip(b)
    one.end(15)
    a.expect_close(1000)
    one.wait_exit()


def test_t09_rate_limit(server):
    """The limit counts what is in the messages and stops the reading."""
    one = server({"derp": {"client_rate": 200000}})
    a = browser(one)
    sent = [os.urandom(20000) for _ in range(8)]
    a.stream.send(b"".join(wire.send_packet(a.public, p) for p in sent))
    for packet in sent:
        assert a.recv_packet() == (a.public, packet)
    assert one.counter("derp_rate_limit_per_client_waited") > 0
