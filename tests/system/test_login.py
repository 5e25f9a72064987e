"""From the upgrade request to ServerInfo: T03 to T16, T38 to T40, T61.

SPDX-License-Identifier: BSD-2-Clause
"""

import nacl.bindings
import pytest

from kit import transport, wire
from kit.client import meta_server_key, upgrade_request
from kit.clock import wait_until
from kit.placement import placed

ALL_TLS = [None, "1.2", "1.3"]


def switching(public):
    """The 101 block of a relay, byte for byte."""
    return (b"HTTP/1.1 101 Switching Protocols\r\n"
            b"Upgrade: DERP\r\nConnection: Upgrade\r\n"
            b"Derp-Version: 2\r\nDerp-Public-Key: "
            + public.hex().encode() + b"\r\n\r\n")


@pytest.mark.parametrize("tls", ALL_TLS)
def test_t04_normal_start(server, tls):
    one = server()
    client = one.connect(tls=tls)
    head = client.upgrade()
    public = client.greet()
    assert head == switching(public)


@pytest.mark.parametrize("request_as", [
    dict(upgrade="dErP"), dict(upgrade="derp"), dict(upgrade="DERP")])
def test_t05_upgrade_any_case(server, request_as):
    one = server()
    client = one.connect()
    head = client.upgrade(**request_as)
    assert head == switching(client.greet())


def test_t05_header_names_any_case(server):
    one = server()
    client = one.connect()
    client.stream.send(b"GET /derp HTTP/1.1\r\nhOsT: x\r\n"
                       b"cONNECTION: upgrade\r\nuPGRADE: derp\r\n\r\n")
    head = client.read_head()
    assert head == switching(client.greet())


def test_t06_legacy_websocket(server):
    one = server()
    client = one.connect()
    head = client.upgrade(upgrade="WebSocket")
    assert head == switching(client.greet())


@pytest.mark.parametrize("tls", ALL_TLS)
def test_t07_fast_start(server, tls):
    one = server()
    public = one.server_public()
    client = one.connect(tls=tls)
    client.stream.send(upgrade_request(fast=True)
                       + wire.client_info(client.key, public))
    first = client.stream.recv()
    assert first[0] == wire.SERVER_KEY
    client.buf += first
    assert client.greet() == public
    assert client.recv().type == wire.SERVER_INFO


@pytest.mark.parametrize("value", ["true", "0", "11", "1, 1"])
def test_t07_fast_start_means_exactly_1(server, value):
    one = server()
    client = one.connect()
    head = client.upgrade(extra=[f"Derp-Fast-Start: {value}"])
    assert head == switching(client.greet())


@pytest.mark.parametrize("tls", ALL_TLS)
def test_t08_pipelining(server, tls):
    one = server()
    public = one.server_public()
    client = one.connect(tls=tls)
    data = (upgrade_request(fast=True)
            + wire.client_info(client.key, public)
            + wire.frame(wire.NOTE_PREFERRED, b"\1")
            + wire.send_packet(client.public, b"to myself"))
    client.stream.send(data)
    assert client.greet() == public
    assert client.recv().type == wire.SERVER_INFO
    assert client.recv_packet() == (client.public, b"to myself")
    assert one.counter("derp_current_home_connections") == 1


@pytest.mark.parametrize("tls", ALL_TLS)
def test_t08_pipelined_behind_normal_start(server, tls):
    """Bytes behind the blank line are DERP also when a 101 comes."""
    one = server()
    public = one.server_public()
    client = one.connect(tls=tls)
    client.stream.send(upgrade_request()
                       + wire.client_info(client.key, public)
                       + wire.send_packet(client.public, b"early"))
    assert client.read_head() == switching(public)
    assert client.greet() == public
    assert client.recv().type == wire.SERVER_INFO
    assert client.recv_packet() == (client.public, b"early")


@pytest.mark.parametrize("tls", ALL_TLS)
def test_t08_byte_by_byte(server, tls):
    one = server()
    public = one.server_public()
    client = one.connect(tls=tls)
    for byte in (upgrade_request(fast=True)
                 + wire.client_info(client.key, public)
                 + wire.send_packet(client.public, b"slow")):
        client.stream.send(bytes([byte]))
    client.greet()
    assert client.recv().type == wire.SERVER_INFO
    assert client.recv_packet() == (client.public, b"slow")


@pytest.mark.parametrize("tls", ALL_TLS)
def test_t12_server_greeting(server, tls):
    one = server()
    client = one.connect(tls=tls)
    client.upgrade()
    got = client.recv()
    assert got.type == wire.SERVER_KEY and len(got.payload) == 40
    assert got.payload[:8] == wire.MAGIC
    public = got.payload[8:]
    chain = one.connect(tls="1.3").stream.chain()
    assert meta_server_key(chain) == public


KEY_A = wire.Key(bytes.fromhex(
    "202122232425262728292a2b2c2d2e2f"
    "303132333435363738393a3b3c3d3e7f"))
KEY_S = wire.Key(bytes.fromhex(
    "000102030405060708090a0b0c0d0e0f"
    "101112131415161718191a1b1c1d1e5f"))
VECTOR_INFO = bytes.fromhex(
    "0200000068358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2"
    "cd166254a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b717de701d87"
    "b44c624c5baf9ced5eb7637290998345c4f87919ad718cb15f3acbc7681a0deb13"
    "a91b1cc6e58f566b0057")


def test_t13_our_box_is_the_vectors_box():
    assert wire.client_info(
        KEY_A, KEY_S.public, nonce=bytes(range(0xA0, 0xB8))) == VECTOR_INFO


@pytest.mark.parametrize("tls", ALL_TLS)
def test_t13_login(server, tls):
    one = server()
    client = one.client(key=KEY_A, tls=tls)
    assert client.server_info == b'{"version":2}'
    assert client.fence() == []


# What crypto_box derives from a small-order point, which makes the X25519
# result all zero: crypto_core_hsalsa20(16 zeros, 32 zeros) of libsodium.
SMALL_ORDER_SECRET = bytes.fromhex(
    "351f86faa3b988468a850122b65b0acece9c4826806aeee63de9c0da2bd7f91e")


def bad_logins():
    def sealed(info):
        return lambda key, public: wire.client_info(key, public, info)

    def zero_key(key, public):
        return wire.frame(wire.CLIENT_INFO, bytes(32) + bytes(40 + 32))

    def small_order(point):
        """A box that opens for all who do not look at the point."""
        def make(key, public):
            nonce = bytes(24)
            return wire.frame(
                wire.CLIENT_INFO, point + nonce
                + nacl.bindings.crypto_box_afternm(
                    wire.INFO_PLAIN, nonce, SMALL_ORDER_SECRET))
        return make

    def corrupted(key, public):
        good = bytearray(wire.client_info(key, public))
        good[5 + 32 + 24] ^= 1
        return bytes(good)

    def other_server(key, public):
        return wire.client_info(key, KEY_S.public)

    def long(size):
        return lambda key, public: wire.header(
            wire.CLIENT_INFO, size) + key.public + bytes(64)

    return [
        ("type_04_first", lambda key, public: wire.send_packet(
            public, bytes(64))),
        ("ping_first", lambda key, public: wire.frame(wire.PING, bytes(8))),
        ("len_55", lambda key, public: wire.frame(
            wire.CLIENT_INFO, key.public + bytes(23))),
        ("len_0", lambda key, public: wire.frame(wire.CLIENT_INFO)),
        ("len_262145", long(262145)),
        ("len_max", long(0xFFFFFFFF)),
        ("tag", corrupted),
        ("other_server_key", other_server),
        ("json_list", sealed(b"[]")),
        ("json_text", sealed(b'"x"')),
        ("not_json", sealed(b"hello")),
        ("json_empty", sealed(b"")),
        ("version_text", sealed(b'{"version":"2"}')),
        ("version_float", sealed(b'{"version":1.5}')),
        ("bool_int", sealed(b'{"CanAckPings":1}')),
        ("prober_text", sealed(b'{"IsProber":"yes"}')),
        ("app_name_int", sealed(b'{"AppName":1}')),
        ("mesh_short", sealed(b'{"meshKey":"abcdefg"}')),
        ("mesh_68", sealed(b'{"meshKey":"' + b"ab" * 34 + b'"}')),
        ("mesh_empty", sealed(b'{"meshKey":""}')),
        ("mesh_null", sealed(b'{"meshKey":null}')),
        ("mesh_int", sealed(b'{"meshKey":1}')),
        ("mesh_not_hex", sealed(b'{"meshKey":"' + b"xy" * 32 + b'"}')),
        ("trailing", sealed(b'{"version":2} x')),
        ("zero_key", zero_key),
        ("small_order_zero", small_order(bytes(32))),
        ("small_order_one", small_order(b"\1" + bytes(31))),
        ("small_order_p_minus_1", small_order(
            b"\xec" + b"\xff" * 30 + b"\x7f")),
    ]


@pytest.mark.parametrize(
    "make", [case[1] for case in bad_logins()],
    ids=[case[0] for case in bad_logins()])
def test_t14_bad_login(server, make):
    one = server()
    witness = one.client()
    client = one.connect()
    client.upgrade()
    client.greet()
    try:
        client.stream.send(make(client.key, client.server_public))
    except transport.Closed:
        pass
    assert client.expect_closed() == []
    assert not one.is_registered(client.key)
    assert one.counter("derp_current_connections") == 1
    assert witness.is_open()


LENIENT = [
    b"{}", b"null", b'{"Version":5,"MeshKey":"' + b"ab" * 32 + b'"}',
    b'{"version":null}', b'{"version":1,"version":2,"VERSION":3}',
    b'{"later":{"a":[1,2,{"b":null}]},"version":2}',
    b'{"version":2}  \n\t', b'  {"version":-7}',
    b'{"canackpings":true,"ISPROBER":false,"appname":"x"}',
]


@pytest.mark.parametrize("info", LENIENT)
def test_t15_lenient_json(server, info):
    one = server()
    client = one.client(info=info)
    assert client.server_info == b'{"version":2}'
    assert client.is_open()


def test_t15_largest_client_info(server):
    one = server()
    room = wire.MAX_CLIENT_INFO - 32 - 40 - len('{"a":""}')
    client = one.client(info=b'{"a":"' + b"x" * room + b'"}')
    assert client.is_open()


@pytest.mark.parametrize("kind, payload", [
    (wire.WATCH_CONNS, b""),
    (wire.CLOSE_PEER, None),
    (wire.FORWARD_PACKET, None),
], ids=["watch", "close_peer", "forward"])
def test_t38_privilege(server, placement, kind, payload):
    one = server()
    with placed(one, placement, packets=False) as (a, target):
        if kind == wire.CLOSE_PEER:
            payload = target.public
        elif kind == wire.FORWARD_PACKET:
            payload = a.public + target.public + b"forged"
        a.send(kind, payload)
        assert a.expect_closed() == []
        assert target.fence() == []


def test_t39_wrong_mesh_key(server):
    one = server()
    client = one.client(info={"meshKey": "17" * 32, "version": 2})
    assert client.is_open()
    client.send(wire.WATCH_CONNS)
    assert client.expect_closed() == []


@pytest.mark.parametrize("mesh", ["42" * 32, "00" * 32])
def test_t40_no_server_mesh_key(server, mesh):
    one = server()
    client = one.client(info={"meshKey": mesh, "version": 2})
    assert client.is_open()
    client.send(wire.WATCH_CONNS)
    assert client.expect_closed() == []


def test_t61_five_logins_one_key(server):
    one = server()
    key = wire.Key()
    clients = [one.client(key=key, tls=tls)
               for tls in ("1.3", "1.2", None, "1.3", "1.3")]
    assert len({client.server_public for client in clients}) == 1
    assert all(client.is_open() for client in clients)
    assert one.counter("derp_current_dup_client_conns") == 5


def test_second_client_info_is_ignored(server):
    one = server()
    client = one.client()
    client.stream.send(wire.client_info(wire.Key(), client.server_public))
    assert client.fence() == []


def test_server_key_survives_a_restart(server):
    one = server()
    client = one.client()
    public = client.server_public
    client.close()
    wait_until(lambda: one.derp_list() == [])
    assert one.stop() == 0
    one.start()
    assert one.client().server_public == public
