"""Start, signals, the pid file's lock, and the end.

SPDX-License-Identifier: BSD-2-Clause
"""

import base64
import os
import pty
import re
import signal
import socket

import pytest

from kit import daemon, proc, wire
from kit.clock import wait_until


def test_ready_means_ready(server):
    """When READY=1 comes, every address answers."""
    one = server({"http_listen_addr": "127.0.0.1:0"})
    assert one.http(None).get("/generate_204").status == 204
    assert one.http().get("/generate_204").status == 204
    assert one.http(None, one.http_addr).get("/generate_204").status == 204
    assert one.http(None, one.metrics_addr).get("/metrics").status == 200
    assert one.stun().ask()[0]
    assert "READY=1" in one.notified


def test_processes_and_their_roles(server):
    one = server()
    roles = [item["role"] for item in one.processes()]
    assert sorted(roles) == (["keeper", "master"]
                             + ["worker"] * one.workers)
    assert one.pid("master") == one.process.pid == one.status()["pid"]
    assert sorted(one.pids()) == sorted(
        proc.session_members(one.process.pid))
    for item in one.processes():
        with open(f"/proc/{item['pid']}/cmdline") as title:
            assert item["role"] in title.read()


def test_pid_file_and_lock(server, daemons):
    one = server()
    with open(one.path("ionscale.pid")) as pid:
        assert int(pid.read()) == one.process.pid
    # A second daemon on the same pid file is refused and harms nothing.
    second = daemons({"pid_file": one.path("ionscale.pid"),
                      "control_socket": one.path("control.sock")})
    log = second.refused()
    assert re.search(rf"ionscale\.pid.*{one.process.pid}|"
                     rf"{one.process.pid}.*ionscale\.pid", log)
    assert one.status()["pid"] == one.process.pid
    assert one.client().is_open()


def test_stale_files_are_replaced(server):
    """After kill -9 of everybody a new start needs no help."""
    one = server()
    one.client()
    for pid in one.pids():
        proc.kill(pid)
    one.process.wait()
    wait_until(lambda: not proc.session_members(one.process.pid))
    assert os.path.exists(one.path("control.sock"))
    one.start()
    assert one.client().is_open()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_fast_stop(server, number):
    """Sessions end at once; the exit code says all is well."""
    one = server()
    clients = [one.client(tls=tls) for tls in (None, "1.2", "1.3")]
    assert one.end(number) == 0
    for client in clients:
        client.expect_closed()
    assert "STOPPING=1" in one.notified or one.wait_notify("STOPPING=1")


def test_graceful_stop_waits_for_sessions(server):
    one = server()
    a, b = one.client(), one.client()
    one.process.send_signal(signal.SIGQUIT)
    one.wait_notify("STOPPING=1")
    # No new work, but the old goes on.
    def closed():
        try:
            socket.create_connection(one.addr, 1).close()
            return False
        except ConnectionError:
            return True
    wait_until(closed)
    a.roundtrip(b)
    assert one.process.poll() is None
    a.close()
    assert b.recv() == (wire.PEER_GONE, a.public + b"\0")
    assert b.is_open()
    assert one.process.poll() is None
    b.close()
    assert one.wait_exit() == 0


def test_graceful_stop_ends_at_its_time_limit(server):
    one = server({"worker_shutdown_timeout": "1s"})
    client = one.client()
    assert one.end(signal.SIGQUIT) == 0
    client.expect_closed()


def test_fast_stop_overtakes_a_graceful_one(server):
    one = server()
    client = one.client()
    one.process.send_signal(signal.SIGQUIT)
    one.wait_notify("STOPPING=1")
    assert client.is_open()
    assert one.end(signal.SIGTERM) == 0
    client.expect_closed()


def test_second_term_kills(server):
    """Even a child that does not listen any more is taken along."""
    one = server()
    worker, keeper = one.pid("worker"), one.pid("keeper")
    proc.kill(worker, signal.SIGSTOP)
    one.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not proc.alive(keeper))
    assert one.process.poll() is None
    one.process.send_signal(signal.SIGTERM)
    one.wait_exit(5)
    assert not proc.alive(worker)


def test_hup_reloads(server):
    one = server()
    client = one.client()
    before = one.status()["generation"]
    one.write_conf({"derp": {"send_queue": 99}})
    one.process.send_signal(signal.SIGHUP)
    wait_until(lambda: one.status()["generation"] > before)
    assert one.status()["configuration"]["derp"]["send_queue"] == 99
    assert client.is_open()
    one.wait_notify("RELOADING=1")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_signal_as_soon_as_the_pid_is_known(daemons, number):
    """Whoever reads the pid file may signal; a start survives that."""
    one = daemons()
    launch = one.launch

    def launch_and_signal():
        launch()
        wait_until(lambda: os.path.exists(one.path("ionscale.pid")),
                   pause=0.0002)
        one.process.send_signal(number)
    one.launch = launch_and_signal
    one.start()
    one.wait_log("configuration reloaded" if number == signal.SIGHUP
                 else "nothing to reopen")
    one.client().roundtrip(one.client())


def test_usr2_is_one_line(server):
    one = server()
    one.process.send_signal(signal.SIGUSR2)
    one.wait_log(r"(?i)upgrade.*not")
    assert one.client().is_open()


@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGWINCH])
def test_ignored_signals(server, number):
    one = server()
    client = one.client()
    for pid in one.pids():
        proc.kill(pid, number)
    assert client.is_open()
    assert len(one.pids()) == one.workers + 2


def test_children_ignore_the_terminals_signals(server):
    """Ctrl-C reaches the whole group; the master decides alone."""
    one = server()
    client = one.client()
    for pid in one.pids():
        if pid != one.process.pid:
            proc.kill(pid, signal.SIGINT)
            proc.kill(pid, signal.SIGHUP)
    assert client.is_open()
    assert len(one.pids()) == one.workers + 2


def test_storm_of_signals(server):
    one = server()
    a, b = one.client(), one.client()
    for _ in range(30):
        one.process.send_signal(signal.SIGHUP)
        one.process.send_signal(signal.SIGUSR1)
        a.roundtrip(b)
    wait_until(lambda: one.status()["generation"] > 1)
    assert len(one.pids()) == one.workers + 2


def test_start_without_a_configuration_prints_how_to_go_on(daemons):
    """The terminal's banner: where, what, which command is next."""
    one = daemons()
    leader, terminal = pty.openpty()
    # As quickstart runs it, but on ports that are free for certain.
    text = (f"listen_addr: 127.0.0.1:0\nstun_listen_addr: 127.0.0.1:0\n"
            f"metrics_listen_addr: 127.0.0.1:0\nworkers: 2\n"
            f"state_dir: {one.path('state')}\n"
            f"control_socket: {one.path('control.sock')}\n"
            f"pid_file: {one.path('ionscale.pid')}\n")
    one.env["IONSCALE_CONFIG_BASE64"] = base64.b64encode(
        text.encode()).decode()
    one.command = lambda: [daemon.BINARY, "server"]
    one.stdio = terminal
    one.launch()
    os.close(terminal)
    shown = ""

    def banner():
        nonlocal shown
        shown += os.read(leader, 65536).decode()
        return "Ctrl-C stops" in shown
    wait_until(banner)
    one.read_ports()
    one.take_baseline()
    for pattern in (
            rf"ionscale \S+: running without a configuration file "
            rf"\(master {one.process.pid}, 2 workers, keeper\)",
            rf"relay https\+http \S+:{one.addr[1]}",
            rf"STUN udp \S+:{one.stun_addr[1]}",
            rf"state {re.escape(one.path('state'))}",
            rf"control {re.escape(one.path('control.sock'))}",
            r"certificate self-signed, pin sha256-raw:[0-9a-f]{64}",
            r"next: \S+/ionscale status, \S+/ionscale derp list"):
        assert re.search(pattern, shown), (pattern, shown)
    plain = shown.replace("\r\n", "\n")
    assert "DERP map: " + one.cli(
        "system", "get-derp-map", "--json").stdout.rstrip("\n") in plain
    os.close(leader)
