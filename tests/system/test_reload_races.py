"""Reload in place: deaths, ends and late answers in the middle of a round.

SPDX-License-Identifier: BSD-2-Clause

A worker that is stopped owes its answer, and so holds the round open for
as long as a test needs.
"""

import contextlib
import re
import signal
import socket
import subprocess

import pytest

from kit import clock, daemon, proc, transport
from kit.clock import wait_until

ROUND = {"home": "page"}


@contextlib.contextmanager
def in_round(one, conf=None):
    """In the middle of a reload: everybody but worker 0 has answered."""
    slow = one.pid("worker")
    one.write_conf(conf or ROUND)
    proc.kill(slow, signal.SIGSTOP)
    try:
        one.notified.clear()
        one.process.send_signal(signal.SIGHUP)
        one.wait_notify("RELOADING=1")
        yield slow
    finally:
        with contextlib.suppress(ProcessLookupError):
            proc.kill(slow, signal.SIGCONT)


def ups(one):
    """How many processes have come up so far."""
    return len(re.findall(r" is up \(pid ", one.log()))


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
def test_an_end_in_a_round_starts_nobody(server, number):
    one = server()
    before = ups(one)
    with in_round(one):
        one.process.send_signal(number)
        one.wait_notify("STOPPING=1")
    assert one.wait_exit() == 0
    assert ups(one) == before
    assert "ionscale is ending" in one.log()
    assert "did not end in time" not in one.log()


def test_a_command_hears_that_the_end_came_first(server):
    """Its reload waits for the round to be over, and there is no more."""
    one = server()
    with in_round(one):
        command = subprocess.Popen(
            [daemon.BINARY, "reload", "--socket", one.control_path],
            env=daemon.clean_env(), text=True, stderr=subprocess.PIPE)
        one.wait_log("reload asked for by a command")
        one.process.send_signal(signal.SIGQUIT)
        one.wait_notify("STOPPING=1")
        _, text = command.communicate(timeout=clock.LIMIT)
    assert command.returncode == 1
    assert "ionscale is ending" in text
    assert one.wait_exit() == 0


def test_who_starts_in_a_round_gets_its_outcome(server):
    """A worker dies in the round; its successor ends up with the rest."""
    one = server(workers=max(2, daemon.default_workers()))
    one.allow(r"worker 1 \(pid \d+\) killed by signal 9")
    survivors = {item["index"]: item["pid"] for item in one.processes("worker")
                 if item["index"] != 1}
    client = one.client()
    with in_round(one):
        victim = one.pid("worker", 1)
        lost = one.worker_of(client) == 1
        proc.kill(victim)
        wait_until(lambda: one.pid("worker", 1) != victim)
        one.wait_log(rf"(?s)pid {victim}\) killed.*worker 1 is up")
    one.wait_log("configuration reloaded")

    def all_have_it():
        for _ in range(20 * one.workers):
            assert one.http().get("/").body != b""
        return True
    wait_until(all_have_it)
    for index, pid in survivors.items():
        assert one.pid("worker", index) == pid
    assert lost or client.is_open()


def test_header_limit_shrinks_under_half_a_head(server):
    """A head that was within the old limit is refused, and no more."""
    one = server({"http": {"max_header": 16384}})
    http = one.http(None)
    http.stream.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 10000)
    assert one.http(None).get("/generate_204").status == 204
    one.reconfigure({"http": {"max_header": 4096}})
    http.stream.send(b"y")
    assert http.response().status == 431


def listening(addr):
    """How many sockets listen on an IPv4 address."""
    return count_rows("/proc/net/tcp", addr, "0A")


def bound(addr):
    """How many UDP sockets have an IPv4 address, and so its datagrams."""
    return count_rows("/proc/net/udp", addr, "07")


def count_rows(path, addr, state):
    want = ":%04X" % addr[1]
    with open(path) as table:
        rows = [line.split() for line in table]
    return sum(row[1].endswith(want) and row[3] == state for row in rows[1:])


def test_new_sockets_serve_when_all_are_ready(server):
    """Not before: a reload that is refused would take with it what came."""
    one = server()
    count = one.workers
    with in_round(one, {"workers": count + 2}):
        assert listening(one.addr) == count
        assert bound(one.stun_addr) == count
    one.wait_log("configuration reloaded")
    wait_until(lambda: len(one.pids("worker")) == count + 2)
    assert listening(one.addr) == count + 2
    assert bound(one.stun_addr) == count + 2
    for _ in range(30):
        assert one.http(None).get("/generate_204").status == 204
        one.stun().ask()
    # Back to the descriptors that the baseline knows.
    one.reconfigure({"workers": count})
    wait_until(lambda: len(one.pids("worker")) == count)


def test_a_new_listener_of_a_worker_that_is_ready(server):
    """The rest has not answered yet: nobody serves the new port."""
    one = server()
    addr = ("127.0.0.1", transport.free_port(socket.SOCK_DGRAM))
    with in_round(one, {"stun_listen_addr": "%s:%d" % addr}):
        assert bound(addr) == 0
    one.wait_log("configuration reloaded")
    for _ in range(20):
        one.stun(addr).ask()
