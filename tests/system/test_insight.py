"""What an operator sees of the traffic: stats, derp top, traffic, kick.

SPDX-License-Identifier: BSD-2-Clause
"""

import contextlib
import json
import os
import pty
import signal
import subprocess
import threading

import pytest

from kit import clock, daemon, wire
from kit.clock import wait_until
from kit.control import Refused
from kit.daemon import clean_env
from kit.placement import place
from kit.transport import Closed


@contextlib.contextmanager
def running(one, *args, stdout=subprocess.PIPE):
    """A command that goes on, ended at the latest with the block."""
    process = subprocess.Popen(
        [daemon.BINARY, *args, "--socket", one.control_path],
        env=clean_env(), stdin=subprocess.DEVNULL, stdout=stdout,
        stderr=subprocess.PIPE, text=True)
    limit = threading.Timer(60 * clock.SLOW, process.kill)
    limit.start()
    try:
        yield process
    finally:
        limit.cancel()
        process.kill()
        process.wait()
        process.stderr.close()
        if process.stdout:
            process.stdout.close()


@contextlib.contextmanager
def traffic(a, b):
    """Packets between two clients, for as long as the block takes."""
    over = threading.Event()

    def run():
        while not over.is_set():
            a.roundtrip(b)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# -- stats -------------------------------------------------------------


def values_of(stats, name):
    """name{labels} -> value of one metric of stats --json."""
    metric = next(item for item in stats["metrics"]
                  if item["name"] == name)
    return {json.dumps(value.get("labels", {})): value
            for value in metric["values"]}


def test_stats_are_the_counters(server, placement):
    one = server()
    a, b = place(one, placement)
    a.roundtrip(b)
    got = json.loads(one.cli("stats", "--json").stdout)
    flat = set()
    for metric in got["metrics"]:
        assert metric["type"] in (
            "counter", "gauge", "untyped", "histogram")
        assert metric["help"]
        for value in metric["values"]:
            labels = ",".join(f'{key}="{text}"' for key, text
                              in value.get("labels", {}).items())
            name = value.get("name", metric["name"])
            flat.add(name + ("{" + labels + "}" if labels else ""))
    assert flat == set(one.counters())
    assert values_of(got, "derp_packets_sent")["{}"]["value"] == 2
    assert "per_second" not in values_of(got, "derp_packets_sent")["{}"]


def test_stats_for_people(server):
    one = server()
    a = one.client()
    a.roundtrip(a)
    done = one.cli("stats")
    assert done.returncode == 0 and done.stderr == ""
    groups = [group.split("\n")
              for group in done.stdout.rstrip("\n").split("\n\n")]
    heads = [group[0].split("  ")[0] for group in groups]
    assert heads == ["RELAY", "TLS AND HTTP", "PROCESSES", "INSTANCE"]
    lines = {line.split()[0]: line.split()[1] for group in groups
             for line in group[1:]}
    assert lines["derp_packets_sent"] == "2"
    assert "derp_got_ping" not in lines
    assert not any("_bucket" in name for name in lines)


def test_stats_rates(server):
    one = server()
    a, b = one.client(), one.client()
    before = one.counter("derp_packets_sent")
    with traffic(a, b):
        done = one.cli("stats", "--interval", "200ms", "--json")
    after = one.counter("derp_packets_sent")
    got = json.loads(done.stdout)
    rate = values_of(got, "derp_packets_sent")["{}"]["per_second"]
    assert 0 < rate * 0.2 <= after - before
    assert values_of(got, "derp_bytes_sent")["{}"]["per_second"] > rate
    assert "per_second" not in values_of(
        got, "derp_current_connections")["{}"]
    done = one.cli("stats", "--interval", "100ms")
    line = next(line for line in done.stdout.split("\n")
                if line.startswith("derp_packets_sent "))
    assert line.split()[2] == "0.0"


def test_wrong_intervals(server):
    one = server()
    for text in ("1", "0s", "99ms", "31s", "-1s", "soon"):
        for command in (["stats"], ["derp", "top"], ["derp", "traffic"]):
            done = one.cli(*command, "--interval", text)
            assert done.returncode == 1
            assert "right is 100ms to 30s" in done.stderr


# -- derp top ----------------------------------------------------------


def test_top_once(server, placement):
    one = server()
    a, b = place(one, placement)
    idle = one.client()
    with traffic(a, b):
        done = one.cli("derp", "top", "--once", "--interval", "300ms")
    assert done.returncode == 0 and done.stderr == ""
    assert "\033" not in done.stdout
    first, empty, head, *rows = done.stdout.rstrip("\n").split("\n")
    assert "3 connections" in first and empty == ""
    assert head.split()[:3] == ["KEY", "WORKER", "ADDRESS"]
    assert {row.split()[0] for row in rows[:2]} == {
        a.key.text[:20], b.key.text[:20]}
    assert rows[2].split()[0] == idle.key.text[:20]
    assert rows[2].split()[3:] == ["0"] * 5


def test_top_json(server):
    one = server()
    a, b = one.client(), one.client()
    with traffic(a, b):
        done = one.cli("derp", "top", "--once", "--json")
    got = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert got["seconds"] >= 1 and got["connections"] == 2
    assert {item["key"] for item in got["clients"]} == {
        a.key.text, b.key.text}
    for item in got["clients"]:
        assert item["packets_received_per_second"] > 0
        assert item["packets_sent_per_second"] > 0
        assert item["drops_per_second"] == 0
    total = sum(item["bytes_received_per_second"]
                for item in got["clients"])
    assert abs(got["bytes_received_per_second"] - total) < 1e-3 * total


def test_top_sorted_and_cut(server):
    """Many small packets or a few large ones: it depends on the order."""
    one = server()
    many, large = one.client(), one.client()

    def both():
        while not over.is_set():
            for _ in range(20):
                many.send_packet(many.public, b"x")
            large.send_packet(large.public, bytes(30000))
            for _ in range(20):
                many.recv_packet()
            large.recv_packet()
    over = threading.Event()
    thread = threading.Thread(target=both)
    thread.start()
    try:
        for order, first in (("bytes", large), ("packets", many)):
            done = one.cli("derp", "top", "--once", "--sort", order,
                           "--rows", "1", "--interval", "200ms")
            rows = done.stdout.rstrip("\n").split("\n")[3:]
            assert [row.split()[0] for row in rows] == [
                first.key.text[:20]], order
    finally:
        over.set()
        thread.join()
    for wrong in (("--sort", "name"), ("--rows", "0"), ("--rows", "x")):
        done = one.cli("derp", "top", "--once", *wrong)
        assert done.returncode == 1 and "right is" in done.stderr


def test_top_drops(server):
    """Whose packets are dropped stands first when asked for."""
    one = server({"derp": {"write_timeout": "60s"}})
    a, stuck = one.client(), one.client(rcvbuf=8192)
    while one.dropped("queue_head") == 0:
        for _ in range(16):
            a.send_packet(stuck.public, bytes(60000))
        a.fence()

    def flood():
        while not over.is_set():
            a.send_packet(stuck.public, bytes(60000))
            a.fence()
    over = threading.Event()
    thread = threading.Thread(target=flood)
    thread.start()
    try:
        done = one.cli("derp", "top", "--once", "--sort", "drops", "--json",
                       "--rows", "1")
    finally:
        over.set()
        thread.join()
    got = json.loads(done.stdout)["clients"]
    assert [item["key"] for item in got] == [stuck.key.text]
    assert got[0]["drops_per_second"] > 0


def test_top_goes_on_in_a_pipe(server):
    one = server()
    one.client()
    with running(one, "derp", "top", "--json", "--interval",
                 "100ms") as process:
        for _ in range(3):
            assert json.loads(process.stdout.readline())["connections"] == 1
        process.stdout.close()
        process.stdout = None
        process.wait(clock.LIMIT)  # nobody reads: it ends
    with running(one, "derp", "top", "--interval", "100ms") as process:
        screens = 0
        while screens < 3:
            line = process.stdout.readline()
            assert "\033" not in line
            screens += "1 connections" in line


def test_top_on_a_terminal(server):
    one = server()
    one.client()
    ours, theirs = pty.openpty()
    try:
        with running(one, "derp", "top", "--interval", "100ms",
                     stdout=theirs) as process:
            text = b""
            while text.count(b"\033[H\033[2J") < 3:
                text += os.read(ours, 4096)
            assert b"KEY" in text
            process.send_signal(signal.SIGINT)
            assert process.wait(clock.LIMIT) == -signal.SIGINT
    finally:
        os.close(ours)
        os.close(theirs)


def test_top_says_when_the_daemon_ends(daemons):
    one = daemons().start()
    with running(one, "derp", "top", "--json", "--interval",
                 "100ms") as process:
        json.loads(process.stdout.readline())
        assert one.stop() == 0
        assert process.wait(clock.LIMIT) == 1
        assert process.stderr.read().startswith("Error: ")


# -- derp traffic ------------------------------------------------------


def test_traffic_rounds(server, placement):
    """Whoever had traffic since the last round, and nobody else."""
    one = server()
    a, b = place(one, placement)
    idle = one.client()
    a.send_packet(b.public, bytes(1000))
    assert b.recv_packet()[0] == a.public
    b.fence()
    wait_until(lambda: sum(
        item["bytes_sent"] for item in one.derp_list()) == 1000)
    with running(one, "derp", "traffic", "--interval", "100ms") as process:
        def round_():
            lines = iter(process.stdout.readline, "\n")
            return {item["Key"]: item for item in map(json.loads, lines)}
        got = round_()
        assert set(got) == {a.key.text, b.key.text}
        assert got[a.key.text]["Recv"] == got[b.key.text]["Sent"] == 1000
        while round_():
            pass
        idle.send_packet(idle.public, bytes(10))
        assert idle.recv_packet()[1] == bytes(10)
        got = {}
        while not got or got[idle.key.text]["Sent"] == 0:
            got = round_()
            assert set(got) <= {idle.key.text}
        assert got[idle.key.text]["Recv"] == 10


# -- derp kick ---------------------------------------------------------


def is_closed(client):
    try:
        client.fence()
        return False
    except Closed:
        return True


def test_kick_ends_all_connections_of_a_key(server):
    one = server()
    key = wire.Key()
    same = [one.client(key) for _ in range(5)]
    other = one.client()
    other.send_packet(key.public, b"who")
    done = one.cli("derp", "kick", key.text)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"5 connections of {key.text} ended.\n"
    # The command waited: they have left.
    assert not one.is_registered(key)
    for client in same:
        client.expect_closed()
    assert other.is_open()
    again = one.client(key)
    got = json.loads(one.cli("derp", "kick", "--json", key.text).stdout)
    assert got == {"key": key.text, "connections": 1}
    assert is_closed(again)
    one.wait_log(r" derp .*closing: kicked by a command")


def test_kick_tells_the_peers(server, placement):
    one = server()
    a, b = place(one, placement)
    a.send_packet(b.public, b"hello")
    b.recv_packet()
    assert one.cli("derp", "kick", a.key.text).returncode == 0
    assert b.recv() == (wire.PEER_GONE, a.public + b"\0")


def test_kick_by_the_first_digits(server):
    one = server()
    a, b = one.client(), one.client()
    shown = a.key.text[:20]
    assert shown in one.cli("derp", "list").stdout
    done = one.cli("derp", "kick", shown)
    assert done.returncode == 0 and a.key.text in done.stdout
    assert is_closed(a) and b.is_open()
    bare = b.key.text[len("nodekey:"):]
    assert one.cli("derp", "kick", bare[:8].upper()).returncode == 0
    assert is_closed(b)


def test_kick_of_nobody(server):
    one = server()
    a = one.client()
    stranger = wire.Key()
    done = one.cli("derp", "kick", stranger.text)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == (f"Error: no client with the key {stranger.text} "
                           "is connected\n")
    for wrong in (a.key.text[:15], a.key.text + "0", "nodekey:", "x" * 64,
                  a.key.text.replace("nodekey", "mkey"), "\033[2J"):
        done = one.cli("derp", "kick", wrong)
        assert done.returncode == 1, wrong
        assert "not a client's key" in done.stderr
        assert "\033" not in done.stderr
    done = one.cli("derp", "kick")
    assert done.returncode == 1 and "needs a KEY" in done.stderr
    assert a.is_open()


def test_kick_on_the_control_socket(server):
    """Arguments that are missing, too many or of another kind."""
    one = server()
    for args, why in (({}, "needs a text 'key'"),
                      ({"key": 1}, "needs a text 'key'"),
                      ({"key": None}, "needs a text 'key'"),
                      ({"key": "x", "more": "y"}, "no argument 'more'")):
        with one.control() as control, pytest.raises(
                Refused, match=why):
            control.ask("derp kick", **args)


def test_kick_reaches_a_draining_worker(server):
    one = server(workers=2)
    client = one.client()
    while one.worker_of(client) != 1:
        client = one.client()
    one.reconfigure({"workers": 1})
    assert one.worker_of(client) == 1
    assert one.cli("derp", "kick", client.key.text).returncode == 0
    assert is_closed(client)
    wait_until(lambda: len(one.processes("worker")) == 1)
