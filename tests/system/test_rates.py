"""Rate limits on what clients send: T48, T49.

SPDX-License-Identifier: BSD-2-Clause
"""

import os
import time

from kit import wire
from kit.clock import wait_until
from kit.placement import placed

FULL = 65568


def limit(rate, burst=None):
    derp = {"client_rate": rate}
    if burst is not None:
        derp["client_burst"] = burst
    return {"derp": derp}


def timed(a, b, count, size=wire.MAX_PACKET):
    """Seconds until count packets from a have reached b."""
    data = os.urandom(size)
    start = time.monotonic()
    for _ in range(count):
        a.send_packet(b.public, data)
    for _ in range(count):
        assert b.recv_packet() == (a.public, data)
    return time.monotonic() - start


def test_t48_second_frame_waits(server, placement):
    one = server(limit(FULL, FULL))
    with placed(one, placement) as (a, b):
        assert timed(a, b, 1) < 0.5
        assert one.counter("derp_rate_limit_per_client_waited") == 0
        took = timed(a, b, 1)
        assert 0.7 <= took <= 2
        assert one.counter("derp_rate_limit_per_client_waited") == 1
        assert one.dropped("queue_head") == 0


def test_t48_others_are_not_slowed(server):
    """One client waits; its worker's other clients do not."""
    one = server(limit(FULL, FULL), workers=1)
    a, b, c, d = (one.client() for _ in range(4))
    a.send_packet(b.public, bytes(65536))
    a.send_packet(b.public, bytes(65536))
    for number in range(50):
        c.send_packet(d.public, b"%d" % number)
        assert d.recv_packet(0.5) == (c.public, b"%d" % number)
    assert len(b.recv_packet()[1]) == 65536
    assert len(b.recv_packet()[1]) == 65536


def test_t48_waiting_ends_with_the_connection(server):
    """A client that dies while it waits is gone at once."""
    one = server(limit(100, 100))
    a = one.client()
    a.stream.send(wire.send_packet(a.public, bytes(60000)) * 3)
    assert one.is_registered(a.key)
    a.reset()
    wait_until(lambda: not one.is_registered(a.key), 5)


def test_t49_burst_is_raised(server):
    one = server(limit(1250000, 10))
    counters = one.counters()
    assert counters[
        "derp_rate_limit_per_client_bytes_per_second"] == 1250000
    assert counters["derp_rate_limit_per_client_burst_bytes"] == FULL
    a, b = one.client(), one.client()
    assert timed(a, b, 1) < 0.5
    assert one.counter("derp_rate_limit_per_client_waited") == 0


def test_t49_reload_turns_it_off_and_on(server, placement):
    """For clients that are connected, without ending their session."""
    one = server(limit(FULL, FULL))
    with placed(one, placement) as (a, b):
        assert timed(a, b, 2) >= 0.7
        one.reconfigure({"derp": {"client_rate": None,
                                  "client_burst": None}})
        assert timed(a, b, 20) < 0.7
        one.reconfigure(limit(FULL, FULL))
        # A new, full bucket: the first is free, the second waits.
        assert timed(a, b, 1) < 0.5
        assert timed(a, b, 1) >= 0.7


def test_t49_bad_values_at_reload_keep_the_old(server):
    one = server(limit(FULL, FULL))
    a, b = one.client(), one.client()
    for bad in ({"derp": {"client_rate": "fast"}},
                {"derp": {"client_rate": -5}}):
        one.write_conf(bad)
        done = one.reload()
        assert done.returncode == 1
        assert "client_rate" in done.stdout + done.stderr
    assert one.counter(
        "derp_rate_limit_per_client_bytes_per_second") == FULL
    assert timed(a, b, 2) >= 0.7
