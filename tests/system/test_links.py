"""Mesh links to other relays of the region.

SPDX-License-Identifier: BSD-2-Clause
"""

import itertools
import json
import os
import signal
import struct

import pytest

from kit import certs, proc, wire
from kit.clock import wait_until
from kit.mesh import MESH_KEY, gone, member, write_key
from kit.region import (FakeRelay, Region, exchange, links, reach, target,
                        wait_link)


@pytest.fixture
def region(daemons):
    made = Region(daemons)
    yield made
    made.part()


@pytest.fixture
def meshed(daemons, tmp_path):
    """meshed(conf=...): a daemon that meshes with a relay made by hand."""
    relays, started = [], []

    def start(conf=None, **options):
        relay = FakeRelay(str(tmp_path))
        relays.append(relay)
        one = write_key(daemons(conf, **options))
        one.conf["derp"]["mesh_with"] = [relay.target]
        started.append(one)
        return one.start(), relay

    yield start
    for one in started:
        if one.process is not None and one.process.poll() is None:
            one.reconfigure({"derp": {"mesh_with": []}})
    for relay in relays:
        relay.close()


def public_of(one):
    """A relay's own public key."""
    return bytes.fromhex(one.status()["public_key"].removeprefix("nodekey:"))


@pytest.mark.parametrize("count", [2, 3])
def test_any_pair(region, count):
    nodes = region.start(count)
    clients = [node.client() for node in nodes]
    for left, right in itertools.combinations(range(count), 2):
        exchange(clients[left], clients[right])
    counters = nodes[0].counters()
    assert counters["derp_packets_forwarded_out"] >= count - 1
    assert counters["derp_packets_forwarded_in"] >= count - 1
    assert counters["ionscale_mesh_links{state=\"up\"}"] == count - 1
    assert counters["derp_clients_remote"] >= count - 1


def test_peers_that_come_and_go(region):
    here, there = region.start(2)
    left = here.client()
    for _ in range(3):
        right = there.client()
        exchange(left, right)
        right.close()
        assert left.recv() == gone(right.public)
        left.send_packet(right.public, wire.disco())
        assert left.recv() == gone(right.public, wire.GONE_NOT_HERE)


def test_t44_mesh_out(meshed):
    one, relay = meshed()
    public, info = relay.accept()
    assert public == public_of(one)
    assert json.loads(info)["meshKey"] == MESH_KEY
    assert relay.recv() == (wire.WATCH_CONNS, b"")
    key = wire.Key()
    relay.present(key.public)
    sender = one.client()
    wait_link(one, relay.port, keys=1)
    for data in (b"data", b"", b"\x5a" * wire.MAX_PACKET):
        sender.send_packet(key.public, data)
        assert relay.recv() == (
            wire.FORWARD_PACKET, sender.public + key.public + data)
    # a connection of ours comes first, and the link again when it leaves
    local = one.client(key)
    sender.roundtrip(local)
    local.close()
    wait_until(lambda: not one.is_registered(key), what="it has left")
    sender.send_packet(key.public, b"again")
    assert relay.recv() == (
        wire.FORWARD_PACKET, sender.public + key.public + b"again")
    assert one.counter("derp_packets_forwarded_out") == 4


def test_t46_mesh_reconnect(meshed):
    one, relay = meshed()
    relay.accept()
    key = wire.Key()
    relay.present(key.public)
    wait_link(one, relay.port, keys=1)
    relay.hang_up()
    lost = wait_link(one, relay.port, "waiting", keys=0)
    assert lost["error"] != ""
    sender = one.client()
    sender.send_packet(key.public, wire.disco())
    assert sender.recv() == gone(key.public, wire.GONE_NOT_HERE)
    relay.accept()
    assert relay.recv() == (wire.WATCH_CONNS, b"")
    relay.present(key.public)
    wait_link(one, relay.port, keys=1, error="")
    sender.send_packet(key.public, b"back")
    assert relay.recv() == (
        wire.FORWARD_PACKET, sender.public + key.public + b"back")


def test_t47_self_mesh(region):
    one, = region.start(1)
    one.reconfigure({"derp": {"mesh_with": [target(one)]}})
    wait_link(one, one.addr[1], "self")
    wait_until(lambda: one.derp_list() == [], what="no link to itself")
    client = one.client()
    client.send_packet(client.public, b"to myself")
    assert client.recv_packet() == (client.public, b"to myself")
    assert one.counter("derp_packets_forwarded_out") == 0


def test_local_and_remote(region):
    """A key that is on two relays: each prefers its own connection."""
    here, there = region.start(2)
    sender, key = here.client(), wire.Key()
    remote = there.client(key)
    exchange(sender, remote)
    local = here.client(key)
    sender.roundtrip(local)
    reach(remote, sender)
    remote.send_packet(sender.public, b"from there")
    assert sender.recv_packet() == (key.public, b"from there")
    local.close()
    wait_until(lambda: not here.is_registered(key), what="it has left")
    sender.send_packet(key.public, b"to there")
    assert remote.recv_packet() == (sender.public, b"to there")
    assert sender.fence() == []
    remote.close()
    assert sender.recv() == gone(key.public)


def test_link_is_cut(region):
    """The other relay throws our link out: PeerGone, and back again."""
    here, there = region.start(2)
    left, right = here.client(), there.client()
    exchange(left, right)
    cutter = member(there)
    cutter.send(wire.CLOSE_PEER, public_of(here))
    assert left.recv() == gone(right.public)
    cutter.close()
    wait_link(here, there.addr[1])
    exchange(left, right)


def test_node_is_killed(region):
    """One relay of three dies: the others miss its clients alone."""
    first, second, third = region.start(3)
    a, b, c = first.client(), second.client(), third.client()
    exchange(a, c)
    exchange(a, b)
    third.kill_all()
    third.process = None
    assert a.recv() == gone(c.public)
    wait_link(first, third.addr[1], "waiting", keys=0)
    a.roundtrip(b)
    assert links(first)[second.addr[1]]["state"] == "up"
    assert a.fence() == [] and b.fence() == []


def test_owner_is_killed(region):
    """The worker that holds the links dies: another one dials."""
    here, there = region.start(2)
    port = there.addr[1]
    here.allow(r"killed by signal 9")
    before = wait_link(here, port)
    os.kill(here.pid("worker", before["worker"]), signal.SIGKILL)
    wait_until(lambda: here.log().count("linked with") >= 2, 20,
               "another link")
    # whoever took over, in the end it is the lowest index again
    wait_link(here, port, worker=0)
    wait_until(lambda: len(here.status()["mesh"]) == 1, what="one link")
    left, right = here.client(), there.client()
    exchange(left, right)


def test_reload(region):
    """Targets come and go; a link that stays is not touched."""
    first, second, third = region.start(3)
    since = wait_link(first, second.addr[1])["since"]
    a, c = first.client(), third.client()
    exchange(a, c)
    first.reconfigure({"derp": {"mesh_with": [target(second)]}})
    assert a.recv() == gone(c.public)
    wait_until(lambda: list(links(first)) == [second.addr[1]],
               what="one link")
    first.reconfigure({"derp": {"mesh_with": [
        target(third), target(second)]}})
    wait_link(first, third.addr[1])
    exchange(a, c)
    assert links(first)[second.addr[1]]["since"] == since
    assert first.log().count(
        f"linked with 127.0.0.1:{second.addr[1]}") == 1


def test_names_and_authorities(daemons, tmp_path):
    """Without a pin the machine's authorities are asked, for the name."""
    root = certs.Cert("test root", ca=True)
    there = write_key(daemons())
    there.conf["tls"] = certs.install(
        there, certs.Cert("localhost", issuer=root))
    there.start()
    path = tmp_path / "root.pem"
    path.write_bytes(root.pem())
    here = write_key(daemons(env={"SSL_CERT_FILE": str(path)}))
    port = there.addr[1]
    here.conf["derp"]["mesh_with"] = [
        f"localhost:{port}/127.0.0.1", f"127.0.0.1:{port}"]
    here.start()

    def settled():
        found = {item["target"]: item for item in here.status()["mesh"]}
        good = found[f"localhost:{port}/127.0.0.1"]
        bad = found[f"127.0.0.1:{port}"]
        assert good["state"] == "up", good
        assert "IP address mismatch" in bad["error"], bad
        return True
    wait_until(settled, 20, "one link up, one refused")
    here.reconfigure({"derp": {"mesh_with": []}})


@pytest.mark.parametrize("entry, why", [
    ("127.0.0.1:1#" + "sha256-raw:" + "00" * 32, "connect to 127.0.0.1"),
    ("does-not-exist.invalid#sha256-raw:" + "00" * 32, "resolve"),
])
def test_no_way_there(daemons, entry, why):
    one = write_key(daemons())
    one.conf["derp"]["mesh_with"] = [entry]
    one.start()

    def said():
        item, = one.status()["mesh"]
        assert item["state"] in ("waiting", "dialling"), item
        assert why in item["error"], item
        return True
    wait_until(said, 20, why)
    assert "LAST ERROR" in one.cli("status").stdout
    one.reconfigure({"derp": {"mesh_with": []}})


def test_another_certificate(region, daemons):
    one, = region.start(1)
    other = write_key(daemons()).start()
    one.reconfigure({"derp": {"mesh_with": [
        target(other, "sha256-raw:" + "11" * 32)]}})
    wait_until(lambda: "not the pinned one" in links(one)[
        other.addr[1]]["error"], what="the reason")


@pytest.mark.parametrize("entries, why", [
    (["a/b/c"], '"b/c" is not a host to dial'),
    (["a:0"], "has no port"),
    (["a", "A:443"], "is listed twice"),
    (["a#sha256:00"], "is not a pin"),
    ([f"r{i}" for i in range(33)], "33 relays are listed"),
])
def test_bad_targets(daemons, entries, why):
    one = write_key(daemons())
    one.conf["derp"]["mesh_with"] = entries
    said = one.refused()
    assert "ionscale.yaml:" in said and "derp.mesh_with: " in said
    assert why in said


def test_no_mesh_key(daemons):
    one = daemons({"derp": {"mesh_with": ["a#sha256-raw:" + "00" * 32]}})
    assert "derp.mesh_key_file too" in one.refused()


def test_no_authorities(daemons):
    one = write_key(daemons(env={"SSL_CERT_FILE": "/nonexistent"}))
    one.conf["derp"]["mesh_with"] = ["derp.example.com"]
    said = one.refused()
    assert "/nonexistent" in said and "pin every relay" in said


def test_flood_of_keys(meshed):
    """A relay that has millions of clients: bounded, and counted."""
    one, relay = meshed({"max_clients": 100})
    relay.accept()
    left, right = one.client(), one.client()
    frames = 200000
    relay.present(left.public, right.public)
    for start in range(0, frames, 2000):
        relay.present(*(struct.pack("<QQ", 7, n) + bytes(16)
                        for n in range(start, start + 2000)))
    wait_until(lambda: one.counter("ionscale_mesh_refused") == frames - 98,
               60, "all are refused but those that have room")
    assert links(one)[relay.port]["keys"] == 100
    left.roundtrip(right)
    assert one.counter("derp_packets_forwarded_out") == 0
    more = one.client()
    left.roundtrip(more)
    first = struct.pack("<QQ", 7, 0) + bytes(16)
    relay.recv()  # WatchConns
    left.send_packet(first, b"through")
    assert relay.recv() == (
        wire.FORWARD_PACKET, left.public + first + b"through")
    relay.hang_up()
    wait_link(one, relay.port, "waiting", keys=0)
    left.roundtrip(right)
    assert left.fence() == []


def test_garbage(meshed):
    """Frames that mean nothing, and bytes that are no frames."""
    one, relay = meshed()
    relay.accept()
    for kind in range(256):
        relay.send(kind, os.urandom(kind % 32))
    wait_link(one, relay.port, keys=0)
    for _ in range(3):
        relay.stream.sendall(b"\xa5" * 4096)
        wait_link(one, relay.port, "waiting")
        relay.accept()
    wait_link(one, relay.port)
    assert one.client().is_open()


def test_no_descriptor_is_lost(meshed):
    """Links that come and go leave nothing behind."""
    one, relay = meshed()
    relay.accept()
    wait_link(one, relay.port)
    pid = one.pid("worker")
    before = proc.fd_count(pid)
    relay.hang_up()
    relay.accept()
    wait_link(one, relay.port)
    wait_until(lambda: proc.fd_count(pid) == before,
               what="as many descriptors as before")
