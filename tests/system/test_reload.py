"""Reload in place: what changes is seen, nobody is lost.

SPDX-License-Identifier: BSD-2-Clause
"""

import os
import socket
import threading

import pytest

from kit import certs, proc, wire
from kit.clock import wait_until
from kit.http import Http
from kit.placement import CROSS, place, place_one
from kit.stun import Stun
from kit.traffic import Traffic


def generation(one):
    return one.status()["generation"]


def identity(one):
    """What a reload must leave alone: each process, by pid."""
    return sorted((item["role"], item["index"], item["pid"])
                  for item in one.processes())


def serves(one, leaf):
    client = one.connect()
    try:
        return client.stream.chain()[0] == leaf.der
    finally:
        client.close()


def test_fifty_reloads_under_traffic(server):
    """No session of any kind dropped, no packet lost, nothing grows."""
    one = server()
    who = identity(one)
    pairs = []
    for tls in (None, "1.2", "1.3"):
        pairs.append((one.client(tls=tls), one.client(tls=tls)))
    if one.workers > 1:
        pairs.append(tuple(place(one, CROSS, tls="1.2")))
        pairs.append(tuple(place(one, CROSS, tls="1.3")))
    idle = [one.client(tls=tls) for tls in (None, "1.2", "1.3")]
    before = one.counters()
    with Traffic(*pairs) as traffic:
        for number in range(50):
            one.write_conf({"derp": {"send_queue": 64 + number}})
            one.ask("reload")
            if number % 10 == 9:
                traffic.progress()
        traffic.progress()
    assert one.status()["configuration"]["derp"]["send_queue"] == 113
    assert all(client.fence() == [] for client in idle)
    now = one.counters()
    sent = sum(flow.sent for flow in traffic.flows)
    assert now["derp_packets_sent"] - before["derp_packets_sent"] == sent
    drops = [name for name in now if name.startswith(
        "derp_packets_dropped") and now[name] != before[name]]
    assert drops == []
    assert now['ionscale_reloads{outcome="ok"}'] == 50
    assert identity(one) == who


def test_one_reload_changes_rate_certificate_and_listener(server):
    """Each seen from outside, while the sessions from before live on."""
    one = server()
    first = certs.Cert()
    one.reconfigure({"tls": certs.install(one, first, "first")})
    pairs = [(one.client(tls=tls), one.client(tls=tls))
             for tls in ("1.2", "1.3")]
    old_addr = one.addr
    assert serves(one, first)
    with Traffic(*pairs) as traffic:
        second = certs.chain("rsa")
        one.reconfigure({
            "tls": certs.install(one, second, "second"),
            "derp": {"client_rate": 2000000},
            "listen_addr": "127.0.0.2:0",
            "http_listen_addr": "127.0.0.1:0",
        })
        traffic.progress()
        assert one.addr[0] == "127.0.0.2"
        assert serves(one, second)
        assert one.http(None, one.http_addr).get("/").status == 302
        assert one.counter(
            "derp_rate_limit_per_client_bytes_per_second") == 2000000

        def old_is_gone():
            try:
                socket.create_connection(old_addr, 1).close()
                return False
            except ConnectionError:
                return True
        wait_until(old_is_gone)
        newcomer = one.client()
        newcomer.roundtrip(one.client())
        traffic.progress()
    # Back to the listeners that the baseline knows.
    one.reconfigure({"http_listen_addr": None})


def test_ticket_rotation_follows_at_once(server):
    """A shorter period does not wait for the end of the old one."""
    one = server()
    one.reconfigure({"tls": {"ticket_rotation": "1s"}})
    before = generation(one)
    wait_until(lambda: generation(one) > before, 5)


def test_certificate_renewed_in_the_same_file(server):
    one = server()
    first, second = certs.Cert(), certs.Cert()
    one.reconfigure({"tls": certs.install(one, first)})
    client = one.client()
    assert serves(one, first)
    certs.install(one, second)
    assert serves(one, first)
    one.reconfigure()
    assert serves(one, second)
    assert client.is_open()


REFUSED = {
    "unknown_key": ({"derp": {"sendqueue": 1}}, "derp.send_queue"),
    "bad_value": ({"derp": {"send_queue": "x"}}, "derp.send_queue"),
    "no_certificate": (
        {"tls": {"cert_file": "/absent.crt", "key_file": "/absent.key"}},
        "/absent.crt"),
    "address": ({"listen_addr": "192.0.2.1:0"}, "192.0.2.1"),
    "state_dir": ({"state_dir": "/tmp/elsewhere"}, "state_dir"),
    "max_clients": ({"max_clients": 17}, "max_clients"),
    "user": ({"user": "daemon"}, "user"),
    "control_socket": ({"control_socket": "/tmp/other.sock"},
                       "control_socket"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_reload_changes_nothing(server, name):
    one = server()
    before = one.status()
    a, b = one.client(), one.client()
    conf, word = REFUSED[name]
    good = one.conf
    one.write_conf({**conf, "home": "page"})
    done = one.reload()
    assert done.returncode == 1
    assert word in done.stdout + done.stderr
    now = one.status()
    for part in ("generation", "configuration", "listeners",
                 "certificate"):
        assert now[part] == before[part], part
    assert one.http().get("/").body == b""
    a.roundtrip(b)
    assert one.counter("ionscale_reloads", outcome="refused") == 1
    # And the next good one is taken.
    one.conf = good
    one.reconfigure({"home": "page"})
    assert b"DERP" in one.http().get("/").body
    a.roundtrip(b)


def test_refused_reload_port_taken(server):
    taken = socket.create_server(("127.0.0.1", 0))
    addr = "127.0.0.1:%d" % taken.getsockname()[1]
    one = server()
    client = one.client()
    good = one.conf
    one.write_conf({"http_listen_addr": addr})
    done = one.reload()
    assert done.returncode == 1
    assert "http_listen_addr" in done.stderr and addr in done.stderr
    taken.close()
    one.conf = good
    one.reconfigure()
    assert client.is_open()


def test_broken_yaml_at_reload(server):
    one = server()
    client = one.client()
    one.write_conf(text="derp: [\n")
    done = one.reload()
    assert done.returncode == 1 and one.conf_path in done.stderr
    os.unlink(one.conf_path)
    done = one.reload()
    assert done.returncode == 1 and one.conf_path in done.stderr
    assert client.is_open()


def test_workers_up_and_down(server):
    """Up: one more serves. Down: its sessions drain, others stay."""
    one = server(workers=2)
    for tls in ("1.2", "1.3"):
        one.client(tls=tls)
    a, b = place(one, CROSS)
    with Traffic((a, b), (b, a)) as traffic:
        one.reconfigure({"workers": 3})
        wait_until(lambda: len(one.pids("worker")) == 3)
        traffic.progress()
        # The third worker gets its share of the newcomers.
        c = place_one(one, lambda index: index == 2)
        d = place_one(one, lambda index: index != 2)
        c.roundtrip(d)
        traffic.progress()
        third = one.pid("worker", 2)
        one.reconfigure({"workers": 2})
        # Sessions cannot move yet: the retired worker drains.
        states = {item["pid"]: item["state"] for item in one.processes()}
        assert states[third] == "draining"
        c.roundtrip(d)
        for _ in range(30):
            assert one.worker_of(one.client()) in (0, 1)
        traffic.progress()
        c.close()
        wait_until(lambda: not proc.alive(third))
        traffic.progress()


def test_fewer_workers_lose_nobody_who_comes(server):
    """Connections and STUN requests all through it are answered."""
    one = server(workers=4)
    stop = threading.Event()
    failures = []

    def ask(what):
        try:
            while not stop.is_set():
                what()
        except Exception as error:
            failures.append(error)

    def connect():
        http = Http(one.addr, None)
        try:
            assert http.get("/generate_204").status == 204
        finally:
            http.close()

    def stun():
        asked = Stun(one.stun_addr)
        try:
            asked.ask()
        finally:
            asked.close()

    threads = [threading.Thread(target=ask, args=(what,))
               for what in (connect, connect, stun, stun)]
    for thread in threads:
        thread.start()
    try:
        for workers in (1, 4) * 10:
            one.reconfigure({"workers": workers})
            wait_until(lambda: len(
                [item for item in one.processes("worker")
                 if item["state"] == "live"]) == workers)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures, failures


def test_workers_down_to_one_with_time_limit(server):
    one = server({"worker_shutdown_timeout": "1s"}, workers=2)
    a, b = place(one, CROSS)
    survivor, other = (a, b) if one.worker_of(a) == 0 else (b, a)
    survivor.roundtrip(other)
    one.reconfigure({"workers": 1})
    other.expect_closed()
    got = survivor.recv()
    assert got == (wire.PEER_GONE, other.public + b"\0")
    assert one.client().is_open()
    survivor.roundtrip(one.client())


def test_reload_while_logins_go_on(server):
    """Connections in every state of their start survive a reload."""
    one = server()
    public = one.server_public()
    silent = one.connect(tls=None)
    half = one.connect()
    half.stream.send(b"GET /derp HTTP/1.1\r\nHost: x\r\n")
    greeted = one.connect()
    greeted.upgrade()
    greeted.greet()
    cut = one.connect()
    cut.upgrade()
    cut.greet()
    info = wire.client_info(cut.key, public)
    cut.stream.send(info[:50])
    one.reconfigure({"derp": {"send_queue": 50}})
    assert silent.login().is_open()
    half.stream.send(b"Connection: Upgrade\r\nUpgrade: DERP\r\n\r\n")
    half.read_head()
    half.greet()
    half.stream.send(wire.client_info(half.key, public))
    assert half.recv().type == wire.SERVER_INFO
    greeted.stream.send(wire.client_info(greeted.key, public))
    assert greeted.recv().type == wire.SERVER_INFO
    cut.stream.send(info[50:])
    assert cut.recv().type == wire.SERVER_INFO


def test_queued_packets_survive_a_reload(server, placement):
    one = server({"derp": {"write_timeout": "60s"}})
    a, b = place(one, placement, rcvbuf=8192)
    count = 0
    while one.dropped("queue_head") == 0:
        for _ in range(8):
            a.send_packet(b.public, count.to_bytes(8, "big") + bytes(60000))
            count += 1
        assert a.fence() == []
    one.reconfigure({"derp": {"send_queue": 200}})
    got = []
    while not got or got[-1] != count - 1:
        got.append(int.from_bytes(b.recv_packet()[1][:8], "big"))
    assert got[-32:] == list(range(count - 32, count))


def test_slow_and_fast_reloads_do_not_overlap(server):
    """Twenty requests at the same time are all answered."""
    one = server()
    results = []

    def ask():
        results.append(one.reload().returncode)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0] * 20
    assert one.client().is_open()
