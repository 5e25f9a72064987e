"""What whoever knows the mesh key may do.

SPDX-License-Identifier: BSD-2-Clause
"""

import json
import os
import signal

import pytest

from kit import wire
from kit.clock import wait_until
from kit.mesh import (MESH, MESH_KEY, NOT_IDEAL, PROBER, gone, info, member,
                      present, write_key)
from kit.placement import CROSS, SAME, place_one


@pytest.fixture
def mesh(daemons):
    """mesh(conf=...): a started daemon that has a mesh key."""

    def start(conf=None, **options):
        return write_key(daemons(conf, **options)).start()

    return start


def beside(one, placement, client):
    """Which workers are right for whoever talks to that client."""
    where = one.worker_of(client)
    return lambda index: (index == where) == (placement == SAME)


def test_t41_close_peer(mesh, placement):
    one = mesh()
    bystander, first = one.client(), one.client()
    twin = place_one(one, beside(one, placement, first), first.key)
    closer = member(one, accept=beside(one, placement, first))
    closer.send(wire.CLOSE_PEER, wire.Key().public)  # nobody's
    assert closer.fence() == []
    assert first.is_open() and twin.is_open()
    closer.send(wire.CLOSE_PEER, first.public)
    assert first.expect_closed() == []
    assert twin.expect_closed() == []
    assert closer.fence() == []
    assert bystander.fence() == []
    # members are no exception, and one may mean itself
    second = member(one, accept=beside(one, placement, closer))
    closer.send(wire.CLOSE_PEER, second.public)
    assert second.expect_closed() == []
    closer.send(wire.CLOSE_PEER, closer.public)
    assert closer.expect_closed() == []
    assert [row["key"] for row in one.derp_list()] == [bystander.key.text]


def test_t42_forward_in(mesh, placement):
    one = mesh()
    source, receiver = wire.Key(), one.client()
    peer = member(one, accept=beside(one, placement, receiver))
    for data in (b"payload", b"", b"\x5a" * wire.MAX_PACKET):
        peer.send(wire.FORWARD_PACKET,
                  source.public + receiver.public + data)
        assert receiver.recv_packet() == (source.public, data)
    assert peer.fence() == []
    assert one.counter("derp_packets_forwarded_in") == 3
    assert one.counter("derp_packets_received") == 0
    assert (one.counter("ionscale_fabric_packets") > 0) == (
        placement == CROSS)


def test_t43_forward_miss(mesh):
    one = mesh()
    peer, other = member(one), member(one)
    source, missing = wire.Key().public, wire.Key().public
    peer.send(wire.FORWARD_PACKET, source + missing + b"data")
    assert peer.fence() == []
    peer.send(wire.FORWARD_PACKET, source + missing + wire.disco(70))
    assert peer.recv() == gone(missing, wire.GONE_NOT_HERE)
    assert peer.fence() == []
    assert other.fence() == []
    assert one.dropped("unknown_dest_on_fwd", "other") == 1
    assert one.dropped("unknown_dest_on_fwd", "disco") == 1
    assert one.counter("derp_packets_forwarded_out") == 0


def test_t48_mesh_is_not_limited(mesh):
    one = mesh({"derp": {"client_rate": 65568, "client_burst": 65568}})
    peer, receiver = member(one), one.client()
    source = wire.Key().public
    data = b"\xa5" * wire.MAX_PACKET
    for _ in range(160):
        peer.send(wire.FORWARD_PACKET, source + receiver.public + data)
        assert receiver.recv_packet() == (source, data)
    assert one.counter("derp_rate_limit_per_client_waited") == 0


@pytest.mark.parametrize("text", [
    MESH_KEY, MESH_KEY.upper(), f"  {MESH_KEY}\n\n"],
    ids=["lower", "upper", "blanks"])
def test_t62_mesh_key_file(daemons, text):
    one = write_key(daemons(), text).start()
    peer = member(one)
    victim = one.client()
    peer.send(wire.CLOSE_PEER, victim.public)
    assert victim.expect_closed() == []


@pytest.mark.parametrize("text", [
    MESH_KEY[1:], MESH_KEY + "0", "badf00d", "", "00" * 32],
    ids=["63", "65", "bad", "empty", "zeros"])
def test_t62_bad_mesh_key_file(daemons, text):
    one = write_key(daemons(), text)
    said = one.refused()
    assert "derp.mesh_key_file: " in said and "64 hex digits" in said
    assert MESH_KEY[1:] not in said


def test_missing_mesh_key_file(daemons):
    one = daemons()
    one.conf["derp"] = {"mesh_key_file": one.path("not-there")}
    assert "derp.mesh_key_file: cannot read" in one.refused()


def test_a_new_key_is_for_new_logins(mesh):
    one = mesh()
    old = member(one)
    one.write("mesh.key", "17" * 32)
    assert one.reload().returncode == 0
    late = one.client(info=info())
    late.send(wire.WATCH_CONNS)
    assert late.expect_closed() == []
    for peer in (member(one, key="17" * 32), old):
        victim = one.client()
        peer.send(wire.CLOSE_PEER, victim.public)
        assert victim.expect_closed() == []
    # a bad file changes nothing
    one.write("mesh.key", "badf00d")
    done = one.reload()
    assert done.returncode == 1 and "derp.mesh_key_file" in done.stderr
    peer, victim = member(one, key="17" * 32), one.client()
    peer.send(wire.CLOSE_PEER, victim.public)
    assert victim.expect_closed() == []


def test_the_key_stands_nowhere(mesh):
    one = mesh()
    peer = member(one)
    one.wait_log("mesh member logged in")
    assert one.reload().returncode == 0
    for text in (one.log(), str(one.status()), str(one.derp_list())):
        assert MESH_KEY not in text
    assert [row["flags"] for row in one.derp_list()] == [["mesh"]]
    assert peer.is_open()


@pytest.mark.parametrize("kind, length", [
    (wire.CLOSE_PEER, 31),
    (wire.CLOSE_PEER, 33),
    (wire.FORWARD_PACKET, 63),
    (wire.FORWARD_PACKET, 64 + wire.MAX_PACKET + 1),
    (wire.WATCH_CONNS, 1),
], ids=["close-31", "close-33", "forward-63", "forward-65601", "watch-1"])
def test_t20_wrong_lengths(mesh, kind, length):
    one = mesh(workers=1)
    peer = member(one)
    peer.stream.send(wire.header(kind, length))
    assert peer.expect_closed() == []
    assert member(one).is_open()


# -- watchers ----------------------------------------------------------

def recv_all(client, count):
    """The next count frames, in no order that matters."""
    return sorted(client.recv() for _ in range(count))


def watch(client):
    client.send(wire.WATCH_CONNS)
    return client


def test_t35_watch_flood(mesh, placement):
    one = mesh()
    first = one.client()
    second = place_one(one, beside(one, placement, first))
    watcher = watch(member(one, accept=beside(one, placement, first)))
    everybody = sorted([present(watcher, MESH), present(first),
                        present(second)])
    assert recv_all(watcher, 3) == everybody
    assert watcher.fence() == []
    assert one.counter("derp_watchers") == 1
    watch(watcher)
    assert recv_all(watcher, 3) == everybody
    assert watcher.fence() == []
    assert one.counter("derp_watchers") == 1
    assert one.counter("derp_mesh_update_batch_size_sum") == 6


def test_t36_watch_stream(mesh, placement):
    one = mesh()
    first = one.client()
    watcher = watch(member(one, accept=beside(one, placement, first)))
    assert recv_all(watcher, 2) == sorted(
        [present(watcher, MESH), present(first)])
    late = place_one(one, beside(one, placement, watcher))
    got = watcher.recv()
    while got != present(late):  # those that landed elsewhere before
        assert got.type in (wire.PEER_PRESENT, wire.PEER_GONE)
        got = watcher.recv()
    first.close()
    one.clients.remove(first)
    while watcher.recv() != gone(first.public):
        pass
    assert watcher.fence() == []
    other = watch(member(one))
    assert watcher.recv() == present(other, MESH)
    assert recv_all(other, 3) == sorted(
        [present(watcher, MESH), present(other, MESH), present(late)])
    assert watcher.fence() == [] and other.fence() == []
    assert one.counter("derp_watchers") == 2


def test_t37_watch_dup(mesh):
    one = mesh()
    watcher = watch(member(one))
    assert watcher.recv() == present(watcher, MESH)
    key = wire.Key()
    twins = []
    for _ in range(4):
        twins.append(one.client(key=key))
        assert watcher.recv() == present(twins[-1])
    for twin in twins:
        assert watcher.fence() == []
        one.clients.remove(twin)
        twin.close()
    assert watcher.recv() == gone(key.public)
    assert watcher.fence() == []


def test_t52_not_ideal(mesh):
    one = mesh()
    watcher = watch(member(one))
    assert watcher.recv() == present(watcher, MESH)
    for more, extra, flags in (
            ({}, ("Ideal-Node: 1a",), NOT_IDEAL),
            ({"IsProber": True}, ("Ideal-Node: 1a",), NOT_IDEAL | PROBER),
            ({"IsProber": True}, (), PROBER)):
        client = one.client(info={"version": 2, **more}, extra=extra)
        assert watcher.recv() == present(client, flags)


def test_own_key_watches_nothing(mesh):
    """A relay that is connected to itself hears nothing at all."""
    one = mesh()
    watcher = watch(member(one))
    assert watcher.recv() == present(watcher, MESH)
    with open(one.path("state/derp.key")) as file:
        text = json.load(file)["PrivateKey"].removeprefix("privkey:")
    own = watch(member(one, node=wire.Key(bytes.fromhex(text))))
    assert own.fence() == []
    client = one.client()
    assert recv_all(watcher, 2) == sorted(
        [present(own, MESH), present(client)])
    watch(own)
    assert own.fence() == []
    assert one.counter("derp_watchers") == 1


def test_watch_over_a_death(mesh):
    """Clients of a worker that dies have left; nobody else has."""
    one = mesh(workers=3)
    watcher = watch(member(one))
    assert watcher.recv() == present(watcher, MESH)
    where = one.worker_of(watcher)
    there, lost = {}, []
    for _ in range(30):
        client = one.client()
        assert watcher.recv() == present(client)
        there[client.public] = one.worker_of(client)
    victim = (where + 1) % 3
    one.allow("worker")
    os.kill(one.pid("worker", victim), signal.SIGKILL)
    for _ in range(sum(index == victim for index in there.values())):
        lost.append(watcher.recv())
    assert sorted(lost) == sorted(
        gone(key) for key, index in there.items() if index == victim)
    wait_until(lambda: len(one.processes("worker")) == 3 and all(
        item["state"] == "live" for item in one.processes("worker")))
    assert watcher.fence() == []
    late = [one.client() for _ in range(6)]
    assert recv_all(watcher, 6) == sorted(present(item) for item in late)


def test_slow_watcher_hurts_nobody(mesh):
    """One that reads nothing while hundreds come and go."""
    one = mesh()
    slow, watcher = watch(member(one)), watch(member(one))
    recv_all(watcher, 2)
    a, b = one.client(), one.client()
    recv_all(watcher, 2)
    for _ in range(100):
        client = one.client(tls=None)
        assert watcher.recv() == present(client)
        one.clients.remove(client)
        client.close()
        assert watcher.recv() == gone(client.public)
        a.roundtrip(b)
    watch(slow)  # it reads only now
    names = {frame.payload[:32] for frame in slow.fence()}
    assert {a.public, b.public} <= names
