"""Packets from client to client: T17 to T28, T32 to T34, T52, T60.

SPDX-License-Identifier: BSD-2-Clause
"""

import hashlib
import os
import threading
import time

import pytest

from kit import wire
from kit.clock import wait_until
from kit.placement import CROSS, SAME, place, place_one, placed
from kit.transport import Closed, Timeout


def gone(key, reason):
    return wire.Frame(wire.PEER_GONE, key + bytes([reason]))


def test_t17_relay(server, placement):
    one = server()
    with placed(one, placement, 3) as (a, b, c):
        before = one.counters()
        a.send_packet(b.public, b"hello 0->1\n")
        assert b.recv_packet() == (a.public, b"hello 0->1\n")
        assert a.fence() == [] and c.fence() == []
        b.send_packet(c.public, b"on")
        assert c.recv_packet() == (b.public, b"on")
        now = one.counters()
        moved = {name: now[name] - before[name] for name in (
            "derp_packets_received", "derp_packets_sent",
            "derp_bytes_received", "derp_bytes_sent")}
        assert moved == {
            "derp_packets_received": 2, "derp_packets_sent": 2,
            "derp_bytes_received": 13, "derp_bytes_sent": 13}


def test_t18_self_send(server):
    one = server()
    a = one.client()
    a.send_packet(a.public, b"x" * 100)
    got = a.recv()
    assert got.type == wire.RECV_PACKET and len(got.payload) == 132


def test_t18_empty_packet(server, placement):
    one = server()
    with placed(one, placement) as (a, b):
        a.send_packet(b.public, b"")
        assert b.recv() == (wire.RECV_PACKET, a.public)


def test_t19_size_limit(server, placement):
    one = server()
    with placed(one, placement) as (a, b):
        data = os.urandom(wire.MAX_PACKET)
        a.send_packet(b.public, data)
        assert b.recv_packet() == (a.public, data)
        try:
            a.send_packet(b.public, data + b"x")
        except Closed:
            pass
        assert a.expect_closed() == []
        got = b.fence()
        assert [f for f in got if f.type != wire.PEER_GONE] == []


@pytest.mark.parametrize("kind, size", [
    (wire.SEND_PACKET, 31), (wire.SEND_PACKET, 0),
    (wire.NOTE_PREFERRED, 0), (wire.NOTE_PREFERRED, 2),
    (wire.WATCH_CONNS, 1), (wire.CLOSE_PEER, 33), (wire.CLOSE_PEER, 31),
    (wire.FORWARD_PACKET, 63),
    (wire.PING, 7), (wire.PING, 0), (wire.PING, 1001),
    (wire.PING, 0xFFFFFFFF), (wire.SEND_PACKET, 0xFFFFFFFF),
])
def test_t20_wrong_length(server, kind, size):
    one = server()
    witness, a = one.client(), one.client()
    a.stream.send(wire.header(kind, size) + bytes(min(size, 2000)))
    assert a.expect_closed() == []
    wait_until(lambda: one.counter("derp_current_connections") == 1)
    assert witness.is_open()


@pytest.mark.parametrize("tls", [None, "1.2", "1.3"])
def test_t21_unknown_frames(server, tls):
    one = server()
    a = one.client(tls=tls)
    a.send(0x99, bytes(200000))
    a.send(wire.PONG, bytes(8))
    a.send(0xFF, b"")
    for kind in (0x00, wire.SERVER_KEY, wire.CLIENT_INFO,
                 wire.SERVER_INFO, wire.RECV_PACKET, wire.KEEP_ALIVE,
                 wire.PEER_GONE, wire.PEER_PRESENT, 0x14, 0x15):
        a.send(kind, os.urandom(77))
    assert a.fence() == []


def test_t22_ping(server):
    one = server()
    a = one.client()
    a.send(wire.PING, b"\1\2\3\4\5\6\7\x2a")
    assert a.recv() == (wire.PONG, b"\1\2\3\4\5\6\7\x2a")
    a.send(wire.PING, bytes(range(100)))
    assert a.recv() == (wire.PONG, bytes(range(8)))
    a.send(wire.PING, bytes(range(250)) * 4)
    assert a.recv() == (wire.PONG, bytes(range(8)))
    assert one.counter("derp_got_ping") == 3
    assert one.counter("derp_sent_pong") == 3


def test_t23_ping_flood(server):
    one = server()
    a = one.client()
    sent = [number.to_bytes(8, "big") for number in range(1000)]
    a.stream.send(b"".join(wire.frame(wire.PING, data) for data in sent))
    last = b"\xff" * 8
    got = []
    while last not in got:
        a.send(wire.PING, last)
        got.append(a.recv().payload)
    pongs = [data for data in got if data != last]
    assert 1 <= len(pongs) <= 1000
    assert pongs == sorted(pongs) and set(pongs) <= set(sent)
    assert len(set(pongs)) == len(pongs)


def test_t24_unknown_dest_data(server):
    one = server()
    a = one.client()
    a.send_packet(wire.Key().public, b"t" * 39)
    assert a.fence() == []
    assert one.dropped("unknown_dest") == 1
    assert one.dropped("unknown_dest", "disco") == 0
    assert one.counter("derp_bytes_dropped", reason="unknown_dest",
                       kind="other") == 39


@pytest.mark.parametrize("data, is_disco", [
    (wire.disco(62), True), (wire.disco(1000), True),
    (wire.disco(62)[:61], False), (b"t" + wire.disco(62)[1:], False),
], ids=["shortest", "long", "too_short", "other_magic"])
def test_t25_unknown_dest_disco(server, data, is_disco):
    one = server()
    a = one.client()
    absent = wire.Key().public
    a.send_packet(absent, data)
    kind = "disco" if is_disco else "other"
    if is_disco:
        assert a.recv() == gone(absent, wire.GONE_NOT_HERE)
    assert a.fence() == []
    assert one.dropped("unknown_dest", kind) == 1
    assert one.counter("derp_peer_gone_not_here_frames") == int(is_disco)
    assert one.counter("derp_packets_received_kind", kind=kind) == 1


def test_t26_not_here_limiter(server):
    one = server()
    a = one.client()
    keys = [wire.Key().public for _ in range(6)]
    # Data in between neither answers nor takes from the bucket.
    a.stream.send(b"".join(
        wire.send_packet(key, b"data") + wire.send_packet(key, wire.disco())
        for key in keys))
    start = time.monotonic()
    answers = [a.recv() for _ in range(3)]
    assert set(answers) <= {gone(key, wire.GONE_NOT_HERE) for key in keys}
    assert len(set(answers)) == 3
    assert a.fence() == []
    assert one.dropped("unknown_dest", "disco") == 6
    # One a second: ask until it is answered.
    answered = []
    while not answered:
        assert time.monotonic() < start + 10
        a.send_packet(keys[5], wire.disco())
        answered = a.fence()
    assert answered == [gone(keys[5], wire.GONE_NOT_HERE)]
    assert time.monotonic() - start >= 0.9


def test_t27_peer_gone(server, placement):
    one = server()
    with placed(one, placement, 3) as (a, b, c):
        a.send_packet(b.public, b"to b")
        assert b.recv_packet() == (a.public, b"to b")
        b.send_packet(c.public, b"to c")
        assert c.recv_packet() == (b.public, b"to c")
        b.close()
        assert c.recv() == gone(b.public, wire.GONE_DISCONNECTED)
        assert a.fence() == []
        a.send_packet(c.public, b"fence")
        assert c.recv_packet() == (a.public, b"fence")
        assert one.counter("derp_peer_gone_disconnected_frames") == 1


def test_t27_closing_a_receiver_tells_nobody(server, placement):
    one = server()
    with placed(one, placement, 3) as (a, b, c):
        b.send_packet(c.public, b"to c")
        assert c.recv_packet() == (b.public, b"to c")
        c.close()
        wait_until(lambda: not one.is_registered(c.key))
        a.send_packet(b.public, b"fence")
        assert b.recv_packet() == (a.public, b"fence")
        assert a.fence() == [] and b.fence() == []
        assert one.counter("derp_peer_gone_disconnected_frames") == 0


def test_t27_gone_comes_after_the_packets(server, placement):
    """What was sent before leaving arrives before the news of it."""
    one = server()
    with placed(one, placement) as (a, b):
        data = [f"{number}".encode() for number in range(20)]
        a.stream.send(b"".join(
            wire.send_packet(b.public, part) for part in data))
        a.close()
        for part in data:
            assert b.recv_packet() == (a.public, part)
        assert b.recv() == gone(a.public, wire.GONE_DISCONNECTED)


def test_t27_returning_source_is_reported_again(server, placement):
    """Each time a source comes back, sends and leaves, we hear of it."""
    one = server()
    key = wire.Key()
    with placed(one, placement, keys=[wire.Key(), key]) as (b, a):
        for _ in range(3):
            a.send_packet(b.public, b"x")
            assert b.recv_packet() == (key.public, b"x")
            a.close()
            assert b.recv() == gone(key.public, wire.GONE_DISCONNECTED)
            home = one.worker_of(b)
            a = place_one(one, lambda index: (index == home)
                          == (placement == SAME), key)


def test_t28_home_stats(server):
    one = server()
    a = one.client()

    def home():
        return one.counter("derp_current_home_connections")

    for value, expected in ((1, 1), (1, 1), (0, 0), (0, 0), (7, 1)):
        a.send(wire.NOTE_PREFERRED, bytes([value]))
        a.fence()
        assert home() == expected
    a.close()
    wait_until(lambda: home() == 0)


def controls(one):
    return one.counter("ionscale_fabric_controls")


def test_t32_dup_replace(server, placement):
    one = server()
    key = wire.Key()
    before = controls(one)
    c1, c2 = place(one, placement, keys=[key, key])
    sender = one.client()
    assert one.counter("derp_current_dup_client_keys") == 1
    assert one.counter("derp_current_dup_client_conns") == 2
    assert one.counter("derp_clients_total") == 2
    assert one.counter("derp_current_connections") == 3
    if placement == CROSS:
        assert controls(one) > before
    for number in range(5):
        sender.send_packet(key.public, b"%d" % number)
        assert c2.recv_packet() == (sender.public, b"%d" % number)
    # Any frame of its own would make c1 the active one: it only reads.
    with pytest.raises(Timeout):
        c1.recv(0.01)
    c1.close()
    wait_until(lambda: one.counter("derp_current_dup_client_conns") == 0)
    assert one.counter("derp_current_dup_client_keys") == 0
    sender.send_packet(key.public, b"after")
    assert c2.recv_packet() == (sender.public, b"after")


def test_t32_total_counts_what_joined(server):
    """The total counts connections that came to a key that was there."""
    one = server()
    key = wire.Key()
    clients = [one.client(key=key) for _ in range(3)]
    assert one.counter("derp_total_dup_client_conns") == 2
    assert one.counter("derp_current_dup_client_conns") == 3
    assert clients[0].is_open()


def test_t33_dup_last_writer(server, placement):
    one = server()
    key = wire.Key()
    c1, c2 = place(one, placement, keys=[key, key])
    sender = one.client()

    def goes_to(client, data):
        sender.send_packet(key.public, data)
        assert client.recv_packet() == (sender.public, data)

    goes_to(c2, b"newest")
    for kind, payload in ((wire.NOTE_PREFERRED, b"\0"), (0x77, b""),
                          (wire.PONG, bytes(8))):
        for client in (c1, c2):
            # The frame makes it active; the fence says it was read.
            client.send(kind, payload)
            assert client.fence() == []
            goes_to(client, bytes([kind]))
    c2.close()
    wait_until(lambda: one.counter("derp_current_connections") == 2)
    goes_to(c1, b"heir")


def test_t33_three_connections(server):
    """The last to leave is succeeded by the one that spoke last."""
    one = server()
    key = wire.Key()
    c1, c2, c3 = (one.client(key=key) for _ in range(3))
    sender = one.client()
    for client in (c1, c2, c3):
        client.fence()
    sender.send_packet(key.public, b"three")
    assert c3.recv_packet() == (sender.public, b"three")
    c1.fence()
    c3.fence()
    c3.close()
    wait_until(lambda: one.counter("derp_current_connections") == 3)
    sender.send_packet(key.public, b"one")
    assert c1.recv_packet() == (sender.public, b"one")
    assert one.counter("derp_current_dup_client_conns") == 2
    c1.close()
    wait_until(lambda: one.counter("derp_current_connections") == 2)
    sender.send_packet(key.public, b"two")
    assert c2.recv_packet() == (sender.public, b"two")


def test_t34_dup_gone(server, placement):
    one = server()
    key = wire.Key()
    c1, c2 = place(one, placement, keys=[key, key])
    a = one.client()
    c1.send_packet(a.public, b"from c1")
    assert a.recv_packet() == (key.public, b"from c1")
    c2.send_packet(a.public, b"from c2")
    assert a.recv_packet() == (key.public, b"from c2")
    c1.close()
    wait_until(lambda: one.counter("derp_current_connections") == 2)
    assert a.fence() == []
    c2.close()
    assert a.recv() == gone(key.public, wire.GONE_DISCONNECTED)
    assert a.fence() == []


def test_dup_beyond_64_is_refused(server):
    """A key has room for 64 connections; the others go on."""
    one = server()
    key = wire.Key()
    clients = [one.client(key=key) for _ in range(64)]
    late = one.connect(key=key)
    late.upgrade()
    late.greet()
    late.stream.send(wire.client_info(key, late.server_public))
    assert late.expect_closed() == []
    assert one.counter("derp_current_connections") == 64
    assert clients[0].is_open() and clients[63].is_open()


def test_t52_not_ideal(server):
    one = server()
    ideal = one.client(extra=["Ideal-Node: "])
    assert one.counter("derp_current_notideal_connections") == 0
    a = one.client(extra=["Ideal-Node: 1a"])
    assert one.counter("derp_current_notideal_connections") == 1
    prober = one.client(extra=["Ideal-Node: 1a"],
                        info={"version": 2, "IsProber": True})
    assert one.counter("derp_current_notideal_connections") == 2
    flags = {item["key"]: item["flags"] for item in one.derp_list()}
    assert flags[ideal.key.text] == []
    assert flags[a.key.text] == ["not_ideal"]
    assert sorted(flags[prober.key.text]) == ["not_ideal", "prober"]
    a.close()
    wait_until(
        lambda: one.counter("derp_current_notideal_connections") == 1)


@pytest.mark.parametrize("tls", [None, "1.2", "1.3"])
def test_t60_order_and_throughput(server, placement, tls):
    """100 MB over TLS 1.3, 20 MB otherwise, at most 30 in flight."""
    one = server()
    count = 100_000_000 // 65536 if tls == "1.3" else 320
    with placed(one, placement, tls=tls) as (a, b):
        window = threading.Semaphore(30)
        base = os.urandom(65528)
        sent, got = hashlib.sha256(), hashlib.sha256()
        failure = []

        def send():
            for number in range(count):
                if not window.acquire(timeout=30):
                    failure.append(f"window shut at {number}")
                    return
                data = number.to_bytes(8, "big") + base
                sent.update(data)
                a.send_packet(b.public, data)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            for number in range(count):
                source, data = b.recv_packet()
                window.release()
                assert source == a.public
                assert int.from_bytes(data[:8], "big") == number
                got.update(data)
        finally:
            sender.join()
        assert not failure
        assert got.digest() == sent.digest()


def test_relay_between_plain_tls12_and_tls13(server):
    one = server()
    clients = [one.client(tls=tls) for tls in (None, "1.2", "1.3")]
    for a in clients:
        for b in clients:
            if a is not b:
                a.roundtrip(b)


def test_many_clients_all_pairs(server):
    """60 clients send to each other one packet each."""
    one = server()
    clients = [one.client() for _ in range(60)]
    for a in clients:
        for b in clients:
            if b is not a:
                a.send_packet(b.public, a.public)
        # Under the queue bound of every receiver: one packet each.
        for b in clients:
            if b is not a:
                assert b.recv_packet() == (a.public, a.public)
    total = 60 * 59
    assert one.counter("derp_packets_received") == total
    assert one.counter("derp_packets_sent") == total
