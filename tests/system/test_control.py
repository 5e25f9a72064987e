"""The control socket: who may, what it answers, what it survives.

SPDX-License-Identifier: BSD-2-Clause
"""

import grp
import json
import os
import socket
import stat
import struct

import pytest

from kit import proc, wire
from kit.control import HEAD, REPLY, REQUEST, VERSION, Control, Refused
from kit.clock import wait_until
from kit.placement import place


def body(cmd="status"):
    return json.dumps({"cmd": cmd, "args": {}}).encode()


GOOD = HEAD.pack(REQUEST, VERSION, len(body()), 7) + body()

WRONG = {
    "type_reply": HEAD.pack(REPLY, VERSION, 2, 1) + b"{}",
    "type_0": HEAD.pack(0, VERSION, 2, 1) + b"{}",
    "type_65535": HEAD.pack(65535, VERSION, 2, 1) + b"{}",
    "version": HEAD.pack(REQUEST, VERSION + 1, len(body()), 1) + body(),
    "length_max": HEAD.pack(REQUEST, VERSION, 0xFFFFFFFF, 1),
    "length_over": HEAD.pack(REQUEST, VERSION, (1 << 20) + 1, 1),
    "not_json": HEAD.pack(REQUEST, VERSION, 5, 1) + b"hello",
    "empty": HEAD.pack(REQUEST, VERSION, 0, 1),
    "list": HEAD.pack(REQUEST, VERSION, 2, 1) + b"[]",
    "no_cmd": HEAD.pack(REQUEST, VERSION, 2, 1) + b"{}",
    "cmd_number": HEAD.pack(REQUEST, VERSION, 9, 1) + b'{"cmd":1}',
    "cmd_empty": HEAD.pack(REQUEST, VERSION, 10, 1) + b'{"cmd":""}',
    "cmd_long": HEAD.pack(REQUEST, VERSION, 5010, 1)
                + b'{"cmd":"' + b"x" * 5000 + b'"}',
    "deep": HEAD.pack(REQUEST, VERSION, 4000, 1) + b"[" * 4000,
    "zeros": bytes(200),
    "text": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}


def answer_or_end(control):
    """What comes back: a reply that says no, or the end."""
    try:
        kind, version, size, req = HEAD.unpack(
            control.recv_exact(HEAD.size))
    except (EOFError, ConnectionError):
        return None
    assert (kind, version) == (REPLY, VERSION)
    return json.loads(control.recv_exact(size))


@pytest.mark.parametrize("name", WRONG)
def test_wrong_message_closes_that_client(server, name):
    one = server()
    keeper = one.pid("keeper")
    witness = one.control()
    witness.ask("status")
    bad = one.control()
    bad.send_raw(WRONG[name])
    reply = answer_or_end(bad)
    if name in ("empty", "list", "no_cmd", "cmd_number", "cmd_empty",
                "cmd_long", "not_json", "deep"):
        # A frame that is sound may be told what is wrong with it.
        assert reply is None or reply["ok"] is False
    else:
        assert reply is None
    assert witness.ask("status")["pid"] == one.process.pid
    assert one.pid("keeper") == keeper
    assert one.client().is_open()
    bad.close()
    witness.close()


def test_unknown_command(server):
    one = server()
    with one.control() as control:
        for cmd in ("destroy", "status ", "derp", "x" * 60):
            with pytest.raises(Refused):
                control.ask(cmd)
        assert control.ask("status")["pid"] == one.process.pid


def test_unknown_arguments_are_refused_or_ignored(server):
    one = server()
    with one.control() as control:
        try:
            control.ask("status", nonsense=1)
        except Refused:
            pass
        assert control.ask("status")["pid"] == one.process.pid


def test_request_numbers_come_back(server):
    one = server()
    with one.control() as control:
        for req in (0, 1, 2**63, 2**64 - 1):
            control.send_raw(HEAD.pack(
                REQUEST, VERSION, len(body()), req) + body())
            got = HEAD.unpack(control.recv_exact(HEAD.size))
            control.recv_exact(got[2])
            assert got[3] == req


def test_byte_by_byte_and_pipelined(server):
    one = server()
    with one.control() as control:
        for byte in GOOD:
            control.send_raw(bytes([byte]))
        assert answer_or_end(control)["ok"] is True
        control.send_raw(GOOD * 5)
        for _ in range(5):
            assert answer_or_end(control)["ok"] is True


def test_silent_and_half_clients_do_not_hold_it_up(server):
    one = server()
    held = [one.control() for _ in range(20)]
    for number, control in enumerate(held):
        control.send_raw(GOOD[:number])
    assert one.ask("status")["pid"] == one.process.pid
    for control in held:
        control.close()


def test_many_control_clients(server):
    """More than are served at once: they wait, and are forgotten
    when they go."""
    one = server()
    held = []
    for _ in range(300):
        try:
            held.append(Control(one.control_path, patient=False))
        except OSError:
            break
    assert len(held) > 32
    for control in held:
        control.close()
    assert one.ask("status")["pid"] == one.process.pid


def test_client_that_does_not_read_replies(server):
    """Thousands of questions, no answer taken: it alone suffers."""
    one = server()
    control = one.control()
    control.sock.settimeout(2)
    try:
        for _ in range(3000):
            control.send_raw(GOOD)
    except (TimeoutError, OSError):
        pass
    assert one.ask("status")["pid"] == one.process.pid
    assert proc.alive(one.pid("keeper"))
    control.close()


def test_descriptors_sent_along_are_not_kept(server):
    one = server()
    keeper = one.pid("keeper")
    control = one.control()
    control.ask("status")
    before = proc.fd_count(keeper)
    rights = struct.pack("8i", *[control.sock.fileno()] * 8)
    for _ in range(20):
        control.sock.sendmsg(
            [GOOD], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        answer_or_end(control)
    assert proc.fd_count(keeper) <= before
    control.close()


def test_socket_mode(server):
    one = server()
    mode = os.stat(one.path("control.sock")).st_mode
    assert stat.S_ISSOCK(mode) and mode & 0o777 == 0o600


def test_control_group(server):
    one = server({"control_group": "daemon"})
    info = os.stat(one.path("control.sock"))
    assert info.st_mode & 0o777 == 0o660
    if os.geteuid() == 0:
        assert info.st_gid == grp.getgrnam("daemon").gr_gid


def test_derp_list_says_who_is_where(server, placement):
    one = server()
    a, b = place(one, placement)
    a.send_packet(b.public, b"12345")
    assert b.recv_packet()[1] == b"12345"
    a.send(wire.NOTE_PREFERRED, b"\1")
    a.fence()
    b.fence()  # its worker has ended the turn that the packet left in
    listed = {item["key"]: item for item in one.derp_list()}
    workers = {item["index"]: item for item in one.processes("worker")}
    for client in (a, b):
        item = listed[client.key.text]
        assert item["address"] == client.local
        assert item["pid"] == workers[item["worker"]]["pid"]
        assert item["slot"] == workers[item["worker"]]["slot"]
        assert item["active"] is True
        assert item["connected_at"] > 1_600_000_000
    assert listed[a.key.text]["packets_received"] == 1
    assert listed[a.key.text]["bytes_received"] == 5
    assert listed[b.key.text]["packets_sent"] == 1
    assert listed[b.key.text]["bytes_sent"] == 5
    assert listed[b.key.text]["drops"] == 0
    assert "preferred" in listed[a.key.text]["flags"]
    assert len({item["conn"] for item in listed.values()}) == 2
    assert sum(item["clients"] for item in one.processes("worker")) == 2


def test_derp_list_of_duplicates(server):
    one = server()
    key = wire.Key()
    c1, c2 = one.client(key=key), one.client(key=key)

    def listed():
        return {item["address"]: item for item in one.derp_list()}
    assert listed()[c1.local]["active"] is False
    assert listed()[c2.local]["active"] is True
    wait_until(lambda: listed()[c1.local]["flags"] == ["dup"])
    c1.fence()
    assert listed()[c1.local]["active"] is True
    assert listed()[c2.local]["active"] is False


def test_derp_list_of_many(server):
    """More than fits into one message of a small buffer."""
    one = server()
    clients = [one.client(tls=None) for _ in range(400)]
    listed = {item["key"] for item in one.derp_list()}
    assert listed == {client.key.text for client in clients}


def test_status_while_clients_come_and_go(server):
    one = server()
    with one.control() as control:
        for _ in range(100):
            client = one.client(tls=None)
            assert control.ask("status")["pid"] == one.process.pid
            client.close()
            control.ask("derp list")
