"""The command line: every command, tables, --json, errors, exit codes.

SPDX-License-Identifier: BSD-2-Clause
"""

import json
import re
import subprocess

import pytest
import yaml

from kit import daemon, proc, wire
from kit.clock import wait_until
from kit.daemon import clean_env, run


def columns(line):
    return re.split(r" {2,}", line.strip())


def test_status(server):
    one = server()
    client = one.client()
    done = one.cli("status")
    assert done.returncode == 0 and done.stderr == ""
    for word in ("master", "keeper", "worker", "listen_addr",
                 str(one.process.pid), str(one.addr[1]),
                 str(one.stun_addr[1])):
        assert word in done.stdout, word
    got = json.loads(one.cli("status", "--json").stdout)
    for key in ("version", "pid", "uptime_seconds", "generation",
                "config_file", "processes", "listeners",
                "control_socket", "state_dir", "public_key",
                "certificate", "configuration", "counters"):
        assert key in got, key
    assert got["pid"] == one.process.pid
    assert got["config_file"] == one.conf_path
    assert got["public_key"] == "nodekey:" + client.server_public.hex()
    assert got["certificate"]["source"] == "self-signed"
    assert got["configuration"]["workers"] == one.workers
    assert {item["name"] for item in got["listeners"]} == {
        "listen_addr", "stun_listen_addr", "metrics_listen_addr"}
    assert {item["name"]: item["proto"] for item in got["listeners"]}[
        "stun_listen_addr"] == "udp"


def test_derp_list(server):
    one = server()
    assert json.loads(one.cli("derp", "list", "--json").stdout) == []
    done = one.cli("derp", "list")
    assert done.returncode == 0
    clients = [one.client() for _ in range(3)]
    got = json.loads(one.cli("derp", "list", "--json").stdout)
    assert ({item["address"] for item in got}
            == {client.local for client in clients})
    done = one.cli("derp", "list")
    header, *rows = done.stdout.rstrip("\n").split("\n")
    assert len(rows) == 3
    assert columns(header)[0] == "KEY"
    for client in clients:
        assert any(client.local in row for row in rows)
        assert any(client.key.text[:20] in row for row in rows)


def test_map_json(server):
    one = server()
    done = one.cli("system", "get-derp-map", "--json")
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    pin = one.status()["certificate"]["pin"]
    node = got["Regions"]["1000"]["Nodes"][0]
    assert node["CertName"] == pin
    assert node.get("DERPPort", 443) == 443
    assert node["STUNPort"] == 3478
    # Two blanks, as ionscale prints it.
    assert done.stdout.startswith('{\n  "Regions": {\n    "1000": {\n')
    assert done.stdout.endswith("}\n")


def test_map_yaml(server):
    one = server()
    done = one.cli("system", "get-derp-map")
    assert done.returncode == 0, done.stderr
    got = yaml.safe_load(done.stdout)
    region = got["regions"][1000]
    assert region["regioncode"] == "ionscale"
    node = region["nodes"][0]
    assert node["stunport"] == 3478 and node["derpport"] == 443
    assert done.stdout.startswith(
        "regions:\n  1000:\n    regionid: 1000\n"
        "    regioncode: ionscale\n")
    assert "    nodes:\n    - name: ionscale\n" in done.stdout
    assert done.stdout.endswith("\n\n")


def test_map_uses_the_ports_really_bound(server):
    one = server({"public_addr": None, "stun_public_addr": None})
    got = json.loads(one.cli("system", "get-derp-map", "--json").stdout)
    node = got["Regions"]["1000"]["Nodes"][0]
    assert node["DERPPort"] == one.addr[1]
    assert node["STUNPort"] == one.stun_addr[1]


def test_map_with_two_hosts(server):
    """A STUN-only node beside the relay when the hosts differ."""
    one = server({"public_addr": "https://derp.example.com:443",
                  "stun_public_addr": "stun.example.com:3478"})
    got = json.loads(one.cli("system", "get-derp-map", "--json").stdout)
    nodes = got["Regions"]["1000"]["Nodes"]
    assert len(nodes) == 2
    by_host = {node["HostName"]: node for node in nodes}
    assert by_host["stun.example.com"]["STUNOnly"] is True
    assert by_host["derp.example.com"]["STUNPort"] == -1


def test_map_of_a_disabled_relay(server):
    one = server({"derp": {"server": {"disabled": True}}})
    done = one.cli("system", "get-derp-map", "--json")
    assert json.loads(done.stdout) == {"Regions": {}}
    assert one.cli("system", "get-derp-map").stdout == "regions: {}\n\n"


def test_map_follows_a_reload(server):
    one = server()
    one.reconfigure({"derp": {"server": {
        "region_id": 901, "region_code": "own", "region_name": "Mine"}}})
    got = json.loads(one.cli("system", "get-derp-map", "--json").stdout)
    region = got["Regions"]["901"]
    assert (region["RegionCode"], region["RegionName"]) == ("own", "Mine")


def test_reload_reopen(server):
    one = server()
    done = one.cli("reload")
    assert done.returncode == 0, done.stderr
    done = one.cli("reopen")
    assert done.returncode == 0, done.stderr
    assert one.client().is_open()


@pytest.mark.parametrize("command", ["stop", "quit"])
def test_stop_and_quit(server, command):
    one = server()
    done = one.cli(command)
    assert done.returncode == 0, done.stderr
    assert one.wait_exit() == 0


@pytest.mark.parametrize("command", ["stop", "quit"])
def test_stop_and_quit_without_a_keeper(server, command):
    """They find the master through the pid file."""
    one = server()
    keeper = one.pid("keeper")
    proc.kill(keeper, 19)
    try:
        done = run([command, "--config", one.conf_path])
        assert done.returncode == 0, done.stderr
    finally:
        if proc.alive(keeper):
            proc.kill(keeper, 18)
    assert one.wait_exit() == 0


def test_how_a_command_finds_the_daemon(server):
    one = server()
    path = one.path("control.sock")
    for args, env in (
            (["--socket", path], {}),
            ([f"--socket={path}"], {}),
            (["--addr", f"unix:{path}"], {}),
            (["--config", one.conf_path], {}),
            ([], {"IONSCALE_SOCKET": path}),
            (["--socket", path], {"IONSCALE_SOCKET": "/absent"})):
        done = run(["status", "--json", *args], env=clean_env(**env))
        assert done.returncode == 0, (args, env, done.stderr)
        assert json.loads(done.stdout)["pid"] == one.process.pid


@pytest.mark.parametrize("command", [
    ["status"], ["derp", "list"], ["system", "get-derp-map"],
    ["reload"], ["reopen"]])
def test_no_daemon_there(daemons, command):
    one = daemons()
    done = run([*command, "--socket", one.path("absent.sock")])
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert one.path("absent.sock") in done.stderr


def test_other_addr_is_an_error(server):
    one = server()
    done = run(["status", "--addr", "https://localhost:8443"])
    assert done.returncode == 1
    assert "https://localhost:8443" in done.stderr
    assert "unix:" in done.stderr
    done = one.cli("status", "--system-admin-key", "ab" * 32,
                   "--tls-skip-verify")
    assert done.returncode == 0
    assert done.stderr.count("\n") >= 1


def test_genkey():
    done = run(["genkey"])
    assert done.returncode == 0
    assert re.fullmatch(r"[0-9a-f]{64}\n", done.stdout)
    for flag in ("-n", "--no-newline"):
        again = run(["genkey", flag])
        assert re.fullmatch(r"[0-9a-f]{64}", again.stdout)
        assert again.stdout != done.stdout.strip()


def test_version(server):
    one = server()
    done = one.cli("version")
    assert done.returncode == 0
    assert re.search(r"Version: {7}\S+", done.stdout)
    assert done.stdout.startswith("\nClient:")
    assert "Server:" in done.stdout
    # Both are this program: made from one revision, or from no clone.
    found = re.findall(r"Git Revision:  (\S+)\n", done.stdout)
    assert len(found) in (0, 2) and len(set(found)) <= 1
    for revision in found:
        assert re.fullmatch(r"[0-9a-f]{12,40}(-dirty)?", revision)
    done = run(["version", "--socket", one.path("absent.sock")])
    assert done.returncode == 0
    assert "Error:" in done.stdout


@pytest.mark.parametrize("args", [
    ["stauts"], ["derp", "lst"], ["status", "--jsn"],
    ["status", "extra"], ["genkey", "--no-newline=maybe"],
    ["server", "-c"], ["server", "--nonsense"], ["status", "--socket"],
    ["\x1b[31m"],
])
def test_wrong_arguments(args):
    done = run(args)
    assert done.returncode != 0
    assert done.stderr != "" and "\x1b" not in done.stderr


def test_near_miss_is_named():
    assert "status" in run(["stauts"]).stderr


@pytest.mark.parametrize("args", [
    ["--help"], ["-h"], ["help"], ["server", "--help"],
    ["status", "-h"], ["derp"], ["derp", "--help"],
    ["derp", "list", "--help"],
    ["system", "get-derp-map", "-h"]])
def test_help(args):
    done = run(args)
    assert done.returncode == 0
    assert "Usage" in done.stdout or "usage" in done.stdout


def test_output_to_a_closed_pipe(server):
    """A reader that goes away early is no crash."""
    one = server()
    done = subprocess.run(
        f"{daemon.BINARY} status --socket {one.path('control.sock')} "
        "| head -c 1 >/dev/null; exit ${PIPESTATUS[0]}",
        shell=True, executable="/bin/bash", stderr=subprocess.PIPE)
    assert done.returncode in (0, 1, 141), done.stderr


def test_commands_while_many_run(server):
    one = server()
    started = [subprocess.Popen(
        [daemon.BINARY, "status", "--json", "--socket",
         one.path("control.sock")], stdout=subprocess.PIPE)
        for _ in range(20)]
    for each in started:
        out, _ = each.communicate(timeout=30)
        assert each.returncode == 0
        assert json.loads(out)["pid"] == one.process.pid


def test_derp_list_shows_a_client_only_while_it_is_there(server):
    one = server()
    key = wire.Key()
    client = one.client(key=key)
    assert key.text in one.cli("derp", "list", "--json").stdout
    client.close()
    wait_until(
        lambda: key.text not in one.cli("derp", "list", "--json").stdout)
