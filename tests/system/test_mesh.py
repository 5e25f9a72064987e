"""What whoever knows the mesh key may do.

SPDX-License-Identifier: BSD-2-Clause
"""

import pytest

from kit import wire
from kit.mesh import MESH_KEY, gone, info, member, write_key
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
