"""Processes that die: by SIGKILL under traffic, and by their own fault.

SPDX-License-Identifier: BSD-2-Clause

Each case says what must go on before it kills.
"""

import os
import random
import signal
import socket
import struct
import threading
import time

import pytest

from kit import proc, wire
from kit.clock import wait_until
from kit.daemon import default_workers
from kit.placement import CROSS, SAME, place, place_one
from kit.traffic import Traffic
from kit.transport import Closed, Timeout


def survivors(one, victim):
    """A pair that does not touch the victim's worker."""
    pair = []
    for _ in range(2):
        pair.append(place_one(one, lambda index: index != victim))
    return pair


root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def several():
    """These cases say something about more than one worker."""
    return max(2, default_workers())


def kill(one, pid, number=signal.SIGKILL):
    """End a child; the master's alert lines about it are no surprise."""
    one.allow(rf"\(pid {pid}\)")
    proc.kill(pid, number)


def frame_or_none(client):
    try:
        return client.recv(0.2)
    except Timeout:
        return None


def respawned(one, role, index, old):
    def there():
        found = [item for item in one.processes(role)
                 if item["index"] == index and item["pid"] != old
                 and item["state"] == "live"]
        return found and found[0]["pid"]
    return wait_until(there, what=f"a new {role} {index}")


def test_kill_worker(server):
    """Goes on: all that is between other workers' clients, the keeper's
    answers, STUN. Lost: the worker's own clients, of whom the others
    hear. Then: a new worker in its place, the port never closed."""
    one = server(workers=several())
    victims = [one.client() for _ in range(6)]
    victim = one.worker_of(victims[0])
    peer, other = survivors(one, victim)
    a = place_one(one, lambda index: index == victim)
    a.send_packet(peer.public, b"before")
    assert peer.recv_packet() == (a.public, b"before")
    lost = [client for client in victims + [a]
            if one.worker_of(client) == victim]
    pid = one.pid("worker", victim)
    before = one.counters()
    stun = one.stun()
    # peer must learn that a is gone; other never heard of a.
    kill(one, pid)
    assert peer.recv() == (wire.PEER_GONE, a.public + b"\0")
    with Traffic((other, peer), (peer, other)) as traffic:
        for client in lost:
            client.expect_closed()
        assert stun.ask()[0] == stun.local
        respawned(one, "worker", victim, pid)
        traffic.progress()
    now = one.counters()
    assert now["ionscale_worker_deaths"] == (
        before["ionscale_worker_deaths"] + 1)
    # Counters of the dead are kept.
    assert now["derp_accepts"] >= before["derp_accepts"]
    assert now["derp_packets_sent"] > before["derp_packets_sent"]
    newcomer = place_one(one, lambda index: index == victim, a.key)
    newcomer.roundtrip(peer)
    assert one.counter("derp_current_connections") == len(
        one.derp_list())
    one.wait_log(rf"worker.*\b{pid}\b")


def test_kill_worker_hands_a_key_to_its_heir(server):
    """A key with connections on two workers stays reachable."""
    one = server(workers=several())
    key = wire.Key()
    c1, c2 = place(one, CROSS, keys=[key, key])
    sender = place_one(
        one, lambda index: index != one.worker_of(c2))
    sender.send_packet(key.public, b"to c2")
    assert c2.recv_packet() == (sender.public, b"to c2")
    kill(one, one.pid("worker", one.worker_of(c2)))
    c2.expect_closed()

    def arrives():
        sender.send_packet(key.public, b"to c1")
        return frame_or_none(c1)
    assert wait_until(arrives) == (
        wire.RECV_PACKET, sender.public + b"to c1")
    assert one.is_registered(key)


def test_kill_every_worker_in_turn(server):
    """Four rounds of killing them all; the last state is clean."""
    one = server(workers=several())
    for _ in range(4):
        clients = [one.client() for _ in range(6)]
        for index in range(one.workers):
            pid = one.pid("worker", index)
            kill(one, pid)
            wait_until(lambda: not proc.alive(pid))
        for client in clients:
            client.expect_closed()
        wait_until(lambda: all(
            item["state"] == "live" for item in one.processes()))
        wait_until(lambda: len(one.pids("worker")) == one.workers)
        wait_until(lambda: one.derp_list() == [])
        a, b = one.client(), one.client()
        a.roundtrip(b)
        a.close()
        b.close()


def test_kill_the_only_worker(server):
    """Connections queue meanwhile and are served by the next one."""
    one = server(workers=1)
    a = one.client()
    pid = one.pid("worker")
    kill(one, pid)
    a.expect_closed()
    b, c = one.client(), one.client()
    b.roundtrip(c)
    assert one.pid("worker") != pid


def test_worker_that_keeps_dying_is_held_back(server):
    """Deaths right after ready slow the respawning down, and say so."""
    one = server(workers=1)
    one.allow(r"worker 0 died \d+ times")
    deaths = 0
    start = time.monotonic()
    last = None
    while time.monotonic() - start < 6:
        live = [item for item in one.processes("worker")
                if item["state"] == "live" and item["pid"] != last]
        if live:
            last = live[0]["pid"]
            kill(one, last)
            deaths += 1
        time.sleep(0.02)
    assert 2 <= deaths <= 30, deaths
    wait_until(lambda: [item for item in one.processes("worker")
                        if item["state"] == "live"
                        and item["pid"] != last], 30)
    one.client().roundtrip(one.client())


def test_kill_keeper(server):
    """Goes on: every session and packet. Pauses: the control socket,
    where a client queues until the new keeper is there."""
    one = server()
    a, b = one.client(), one.client()
    keeper = one.pid("keeper")
    before = one.counters()
    with Traffic((a, b), (b, a)) as traffic:
        traffic.progress()
        held = one.control()
        held.ask("status")
        kill(one, keeper)
        # This question is asked at once, whoever is there to answer.
        assert one.ask("status")["pid"] == one.process.pid
        with pytest.raises((EOFError, ConnectionError)):
            held.ask("status")
        held.close()
        traffic.progress()
        assert respawned(one, "keeper", 0, keeper) != keeper
        listed = {item["key"] for item in one.derp_list()}
        assert {a.key.text, b.key.text} <= listed
        traffic.progress()
    now = one.counters()
    sent = sum(flow.sent for flow in traffic.flows)
    assert now["derp_packets_sent"] - before["derp_packets_sent"] == sent
    assert one.client().is_open()
    one.reconfigure({"derp": {"send_queue": 44}})


def test_kill_master(server):
    """Nothing goes on: the children leave within a second or so, the
    ports are free, and a new start finds nothing in its way."""
    one = server()
    clients = [one.client(tls=tls) for tls in (None, "1.2", "1.3")]
    pids = one.pids()
    with Traffic((clients[1], clients[2])) as traffic:
        traffic.progress()
        traffic.flows[0].stopping.set()
    proc.kill(one.process.pid)
    start = time.monotonic()
    wait_until(lambda: not any(proc.alive(pid) for pid in pids), 5)
    assert time.monotonic() - start < 2
    one.process.wait()
    for client in clients:
        client.expect_closed()
    for addr in (one.addr, one.metrics_addr):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(addr, 1)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(one.stun_addr)
    udp.close()
    # The same ports again, and the same key.
    host, port = one.addr
    one.conf["listen_addr"] = f"{host}:{port}"
    public = clients[0].server_public
    one.start()
    assert one.client().server_public == public


@pytest.mark.parametrize("number", [
    signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
@pytest.mark.parametrize("role", ["worker", "keeper", "master"])
def test_fault_leaves_a_black_box_line(server, role, number):
    """The log names the role and the signal, with a backtrace."""
    one = server()
    a = one.client()
    pid = one.pid(role)
    index = one.worker_of(a) if role == "worker" else 0
    if role == "worker":
        pid = one.pid(role, index)
    name = signal.Signals(number).name
    if role == "master":
        one.allow("master")
        proc.kill(pid, number)
        assert one.process.wait() == -number
        wait_until(lambda: not proc.session_members(pid), 5)
        one.killed = True
        a.expect_closed()
    else:
        kill(one, pid, number)
        respawned(one, role, index, pid)
        assert one.client().is_open()
    one.wait_log(rf"alert .*{role}.*{name}|alert .*{name}.*{role}")
    one.wait_log(r"#\d+ \S*\+0x[0-9a-f]+")


def stop_in_mid_turn(pid):
    """SIGSTOP a busy process while it does not sleep in its loop."""
    sleeping = {"232", "281", "441"}  # epoll_wait and its kin, x86-64

    def stopped():
        proc.kill(pid, signal.SIGSTOP)
        wait_until(lambda: proc.status(pid)["State"][0] == "T")
        with open(f"/proc/{pid}/syscall") as call:
            if call.read().split()[0] not in sleeping:
                return True
        proc.kill(pid, signal.SIGCONT)
        return False
    wait_until(stopped, what="a moment in mid-turn")


@root
def test_hung_worker_is_ended_by_the_master(server):
    """In the middle of a turn for 10 s: SIGABRT, and a black box."""
    one = server(workers=2)
    a, b = place(one, SAME)
    home = one.worker_of(a)
    other = place_one(one, lambda index: index != home)
    pid = one.pid("worker", home)
    one.allow(rf"\(pid {pid}\)")
    stop = threading.Event()

    def load(sender, receiver):
        data = wire.send_packet(receiver.public, bytes(30000)) * 4
        try:
            while not stop.is_set():
                sender.stream.send(data, limit=3)
        except (Closed, Timeout):
            pass

    threads = [threading.Thread(target=load, args=(a, a)),
               threading.Thread(target=load, args=(b, b))]
    for thread in threads:
        thread.start()
    try:
        stop_in_mid_turn(pid)
        one.wait_log(rf"alert .*worker {home} \(pid {pid}\) has had work", 25)
        # A stopped process takes SIGABRT when it is continued.
        proc.kill(pid, signal.SIGCONT)
        respawned(one, "worker", home, pid)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    one.wait_log(rf"black box of worker {home} \(pid {pid}\).*SIGABRT")
    assert other.is_open()


def test_kill_random_processes_under_load(server):
    """Half a minute's worth of deaths in a few seconds; then clean."""
    one = server(workers=several())
    rng = random.Random(7)
    # Four of each at most: the fifth quick death would be held back.
    seats = [(item["role"], item["index"]) for item in one.processes()
             if item["role"] != "master"] * 4
    rng.shuffle(seats)
    for role, index in seats[:12]:
        pair = [one.client(), one.client()]
        try:
            pair[0].send_packet(pair[1].public, b"x")
        except Closed:
            pass
        victim = one.pid(role, index)
        kill(one, victim)
        wait_until(lambda: not proc.alive(victim))
        wait_until(lambda: all(
            item["state"] == "live" for item in one.processes())
            and len(one.pids()) == one.workers + 2, 30)
        for client in pair:
            client.close()
    a, b = one.client(), one.client()
    a.roundtrip(b)


CHANNEL_FD = 3
CHANNEL_HEAD = struct.Struct("<HHIQ")


def channel_message(kind, payload=b"", version=1, length=None):
    length = len(payload) if length is None else length
    return CHANNEL_HEAD.pack(kind, version, length, 0) + payload


WRONG_MESSAGES = {
    "unknown_type": channel_message(999),
    "type_0": channel_message(0),
    "of_the_master": channel_message(1, bytes(64)),
    "version": channel_message(999, version=9),
    "length_lies": channel_message(999, bytes(8), length=4096),
    "short": b"\1",
    "empty_payload_of_a_known_one": channel_message(13),
    "huge": channel_message(999, bytes(60000)),
}


@root
@pytest.mark.parametrize("names", [
    list(WRONG_MESSAGES)[:4], list(WRONG_MESSAGES)[4:]],
    ids=["types", "lengths"])
@pytest.mark.parametrize("role", ["worker", "keeper"])
def test_wrong_message_on_a_channel_kills_the_sender(server, role, names):
    """It alone: who talks nonsense to the master is replaced."""
    one = server(workers=several())
    a, b = (place_one(one, lambda index: index == 1) for _ in range(2))
    for name in names:
        pid = one.pid(role)
        one.allow(rf"\(pid {pid}\)")
        channel = proc.borrow_socket(pid, CHANNEL_FD)
        channel.send(WRONG_MESSAGES[name])
        channel.close()
        wait_until(lambda: not proc.alive(pid), what=f"the end: {name}")
        respawned(one, role, 0, pid)
        a.roundtrip(b)
    alerts = [line for line in one.log().splitlines()
              if " alert " in line and "master" in line]
    assert len(alerts) >= len(names)


@root
def test_descriptors_on_a_channel_are_not_kept(server):
    """A message with descriptors that no rule allows leaves none."""
    one = server()
    master = one.process.pid
    pid = one.pid("worker")
    one.allow(rf"\(pid {pid}\)")
    channel = proc.borrow_socket(pid, CHANNEL_FD)
    socket.send_fds(channel, [channel_message(11, bytes(16))],
                    [channel.fileno()] * 8)
    channel.close()
    wait_until(lambda: not proc.alive(pid))
    respawned(one, "worker", 0, pid)
    # finish() compares the master's descriptors with the start's.
    assert proc.alive(master)
