"""Receivers that do not read: T29, T30, T31.

SPDX-License-Identifier: BSD-2-Clause
"""

import time

from kit import transport, wire
from kit.clock import wait_until
from kit.placement import place


def fill(one, sender, receiver, kind="other"):
    """Send to a receiver that does not read until its queue overflows.

    Returns how many packets were sent; the numbers are their first
    eight bytes.
    """
    before = one.dropped("queue_head", kind)
    count = 0
    while one.dropped("queue_head", kind) == before:
        for _ in range(16):
            sender.send_packet(receiver.public, numbered(count, 60000))
            count += 1
        assert sender.fence() == []
        assert count < 4000, "the queue never overflows"
    return count


def numbered(number, size=8):
    return number.to_bytes(8, "big") + bytes(size - 8)


def number_of(data):
    return int.from_bytes(data[:8], "big")


def settled(one, count):
    """All count packets were read and each was queued or dropped."""
    wait_until(lambda: one.counter("derp_packets_received") == count)
    last = [None]

    def quiet():
        now = one.dropped("queue_head")
        same, last[0] = now == last[0], now
        return same
    wait_until(quiet)


def test_t29_freeze(server, placement):
    """How fast it goes is the machine's; what must hold is not.

    Every packet for C is followed by one for B, and the next round waits
    for B's: what was queued for C while it took nothing has its twin
    that B received meanwhile.
    """
    one = server()
    a, b, c = place(one, placement, 3, rcvbuf=8192)
    start = time.monotonic()
    got = []

    def c_is_gone_after_a_round():
        done = len(got)
        for number in range(done, done + 8):
            a.send_packet(c.public, bytes(16384))
            a.send_packet(b.public, numbered(number))
        for _ in range(8):
            got.append(number_of(b.recv_packet()[1]))
        return not one.is_registered(c.key)

    wait_until(c_is_gone_after_a_round, 15,
               "the end of the client that does not read", pause=0.002)
    assert time.monotonic() - start >= 1.9
    assert got == list(range(len(got)))
    assert one.counter("derp_sclient_write_timeouts") == 1
    assert one.dropped("gone_disconnected") > 0
    c.expect_closed()
    a.fence()
    a.roundtrip(b)


def test_t30_queue_eviction(server, placement):
    one = server({"derp": {"write_timeout": "60s"}})
    a, b = place(one, placement, rcvbuf=8192)
    filled = fill(one, a, b)
    total = filled + 200
    for number in range(filled, total):
        a.send_packet(b.public, numbered(number))
    settled(one, total)
    got = []
    while not got or got[-1] != total - 1:
        source, data = b.recv_packet()
        got.append(number_of(data))
    assert got == sorted(set(got))
    gap = got[-32] - 1
    assert got[-32:] == list(range(total - 32, total))
    assert gap not in got
    assert got[:-32] == list(range(len(got) - 32))
    assert one.dropped("queue_head") == total - len(got)
    assert one.dropped("queue_tail") == 0
    assert b.fence() == []


def test_t31_queue_separation(server, placement):
    one = server({"derp": {"write_timeout": "60s"}})
    a, b = place(one, placement, rcvbuf=8192)
    count = fill(one, a, b)
    discos = [wire.disco(80) for _ in range(10)]
    for data in discos:
        a.send_packet(b.public, data)
    a.send_packet(b.public, numbered(count))
    settled(one, count + 11)
    got = []
    while number_of(got[-1] if got else bytes(8)) != count:
        got.append(b.recv_packet()[1])
    late = [f.payload[32:] for f in b.fence()]
    assert [data for data in got + late
            if data.startswith(wire.DISCO_MAGIC)] == discos
    assert one.dropped("queue_head", "disco") == 0


def test_disco_queue_evicts_too(server):
    one = server({"derp": {"write_timeout": "60s"}})
    a, b = one.client(), one.client(rcvbuf=8192)
    count = fill(one, a, b)
    for number in range(40):
        a.send_packet(b.public, wire.disco(62) + bytes([number]))
    wait_until(lambda: one.counter("derp_packets_received") == count + 40)
    assert one.dropped("queue_head", "disco") == 8
    wanted = list(range(8, 40))
    got = []
    while got != wanted:
        data = b.recv_packet()[1]
        if data.startswith(wire.DISCO_MAGIC):
            got.append(data[62])
            assert got == wanted[:len(got)]


def test_send_queue_key(server):
    """derp.send_queue sets how many packets wait per class."""
    one = server({"derp": {"write_timeout": "60s", "send_queue": 100}})
    a, b = one.client(), one.client(rcvbuf=8192)
    filled = fill(one, a, b)
    total = filled + 300
    for number in range(filled, total):
        a.send_packet(b.public, numbered(number))
    settled(one, total)
    got = []
    while not got or got[-1] != total - 1:
        got.append(number_of(b.recv_packet()[1]))
    assert got[-100:] == list(range(total - 100, total))
    assert total - 101 not in got


def test_sender_is_not_stalled_by_a_full_receiver(server, placement):
    """While B does not read, A goes on with others at full speed."""
    one = server({"derp": {"write_timeout": "60s"}})
    a, b, c = place(one, placement, 3)
    b.stream.sock.setsockopt(
        transport.socket.SOL_SOCKET, transport.socket.SO_RCVBUF, 4096)
    fill(one, a, b)
    for number in range(300):
        a.send_packet(b.public, bytes(30000))
        a.send_packet(c.public, numbered(number))
        assert c.recv_packet() == (a.public, numbered(number))


def test_sixteen_packets_in_one_write_arrive(server, placement):
    """A burst below the queue bound is never cut."""
    one = server()
    a, b = place(one, placement)
    for _ in range(20):
        a.stream.send(b"".join(
            wire.send_packet(b.public, numbered(n, 1200))
            for n in range(30)))
        assert [number_of(b.recv_packet()[1])
                for _ in range(30)] == list(range(30))
