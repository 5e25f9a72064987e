"""Where the daemon listens, and which address it calls its own.

SPDX-License-Identifier: BSD-2-Clause
"""

import json
import os
import re
import shutil
import socket
import subprocess

import pytest

from kit import daemon, transport
from kit.stun import Stun


def the_map(one):
    got = json.loads(one.cli("system", "get-derp-map", "--json").stdout)
    return got["Regions"]["1000"]["Nodes"]


def test_plain_and_tls_on_one_port(server):
    """The first byte decides, whenever it comes."""
    one = server()
    silent = [transport.Plain(one.addr) for _ in range(3)]
    assert one.http(None).get("/generate_204").status == 204
    assert one.http("1.2").get("/generate_204").status == 204
    assert one.http("1.3").get("/generate_204").status == 204
    a, b = one.client(tls=None), one.client(tls="1.3")
    a.roundtrip(b)
    for stream in silent:
        stream.close()


def test_wildcard_is_dual_stack(server):
    one = server({"listen_addr": ":0"})
    port = one.addr[1]
    clients = []
    for host in ("127.0.0.1", "::1", "127.0.0.9"):
        one.addr = (host, port)
        clients.append(one.client())
    clients[0].roundtrip(clients[1])
    clients[1].roundtrip(clients[2])
    # An IPv4 client is shown as one.
    shown = {item["address"] for item in one.derp_list()}
    assert shown == {client.local for client in clients}


def test_ipv6_listener(server):
    one = server({"listen_addr": "[::1]:0"})
    a, b = one.client(), one.client()
    a.roundtrip(b)
    assert one.addr[0] == "::1"
    assert all(item["address"].startswith("[::1]:")
               for item in one.derp_list())


def test_listeners_can_be_off(server):
    one = server({"stun_listen_addr": "", "metrics_listen_addr": ""})
    assert set(one.addrs) == {"listen_addr"}
    one.client().roundtrip(one.client())


def test_two_daemons_side_by_side(server):
    one, two = server(), server()
    assert one.addr != two.addr
    a, b = one.client(), two.client()
    assert a.server_public != b.server_public
    a.send_packet(b.public, b"x" * 100)
    a.fence()
    assert one.dropped("unknown_dest") == 1


def test_own_address_from_the_default_route(server, netns):
    """The source address towards the world, of both families."""
    net = netns()
    net.add_device("uplink")
    net.add_address("192.0.2.7", "uplink", 24)
    net.add_default_route("uplink")
    one = server({"listen_addr": ":0", "public_addr": None,
                  "stun_listen_addr": ":0", "stun_public_addr": None},
                 netns=net)
    node, = the_map(one)
    assert node["HostName"] == node["IPv4"] == "192.0.2.7"
    assert node["IPv6"] == "none"
    assert node["DERPPort"] == one.addr[1]
    assert node["STUNPort"] == one.stun_addr[1]
    assert node["CertName"] == one.status()["certificate"]["pin"]
    one.wait_log(r"192\.0\.2\.7.*uplink.*public_addr|"
                 r"public_addr.*192\.0\.2\.7.*uplink|"
                 r"192\.0\.2\.7.*public_addr.*uplink")


def test_own_address_without_a_route(server, netns):
    """The first interface that is up; else 127.0.0.1."""
    net = netns()
    conf = {"listen_addr": ":0", "public_addr": None,
            "stun_public_addr": None}
    one = server(conf, netns=net)
    assert the_map(one)[0]["HostName"] == "127.0.0.1"
    net.add_device("lan")
    net.add_address("10.9.8.7", "lan", 24)
    one = server(conf, netns=net)
    assert the_map(one)[0]["HostName"] == "10.9.8.7"


def test_certificate_stays_when_the_own_address_changes(server, netns):
    """Under an IP-literal host name the pin is what clients check."""
    net = netns()
    net.add_device("lan")
    net.add_address("10.9.8.7", "lan", 24)
    one = server({"listen_addr": ":0", "public_addr": None,
                  "stun_public_addr": None}, netns=net)
    pin = the_map(one)[0]["CertName"]
    assert one.stop() == 0
    net.add_device("other")
    net.add_address("192.0.2.7", "other", 24)
    net.add_default_route("other")
    one.start()
    node, = the_map(one)
    assert node["HostName"] == "192.0.2.7"
    assert node["CertName"] == pin


def test_certificate_is_remade_when_the_name_changes(server):
    one = server({"public_addr": "https://one.example.com:443"})
    before = one.status()["certificate"]["pin"]
    assert one.stop() == 0
    one.conf["public_addr"] = "https://two.example.com:443"
    one.start()
    assert one.status()["certificate"]["pin"] != before
    one.wait_log(r" warn .*two\.example\.com|warn .*certificate")


def test_started_by_an_ordinary_user(daemons):
    """No root: same relay, its own state directory, no complaint."""
    if os.geteuid() != 0:
        pytest.skip("the other tests are this one already")
    one = daemons({"state_dir": None, "control_socket": None,
                   "pid_file": None})
    os.chmod(one.dir, 0o777)
    # The program may lie where this user cannot go.
    program = one.path("ionscale")
    shutil.copy(daemon.BINARY, program)
    one.env["XDG_STATE_HOME"] = one.path("home")
    one.env["HOME"] = one.path("home")
    one.command = lambda: [
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
        program, "server", "-c", one.conf_path]
    state = one.path("home/ionscale")
    one.control_path = state + "/control.sock"
    one.start()
    assert one.status()["state_dir"] == state
    for pid in one.pids():
        assert os.stat(f"/proc/{pid}").st_uid in (0, 65534)
    a, b = one.client(), one.client()
    a.roundtrip(b)
    assert os.path.exists(state + "/ionscale.pid")


def test_low_port_without_the_right(daemons, netns):
    """Port 443 as an ordinary user names what would allow it."""
    net = netns()
    one = daemons({"listen_addr": "127.0.0.1:443", "state_dir": None,
                   "control_socket": None, "pid_file": None}, netns=net)
    with net, open("/proc/sys/net/ipv4/ip_unprivileged_port_start",
                   "w") as start:
        start.write("1024")
    os.chmod(one.dir, 0o777)
    program = one.path("ionscale")
    shutil.copy(daemon.BINARY, program)
    one.env["XDG_STATE_HOME"] = one.path("home")
    one.command = lambda: [
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
        "--bounding-set=-all", program, "server", "-c", one.conf_path]
    log = one.refused()
    assert re.search(r"listen_addr.*127\.0\.0\.1:443", log)
    assert "setcap" in log and "AmbientCapabilities" in log


def test_port_that_another_instance_holds(server, daemons):
    """Sharing a port is for our own workers, not for two daemons."""
    one = server()
    taken = "%s:%d" % one.addr
    two = daemons({"listen_addr": taken})
    log = two.refused()
    assert re.search(rf"listen_addr.*{re.escape(taken)}.*in use", log)
    assert one.client().is_open()


def test_connections_in_the_backlog_are_served(server):
    """A burst larger than one turn's worth of accepts."""
    one = server()
    streams = [transport.Plain(one.addr) for _ in range(400)]
    for stream in streams:
        stream.send(b"GET /generate_204 HTTP/1.1\r\nHost: x\r\n\r\n")
    for stream in streams:
        assert stream.recv().startswith(b"HTTP/1.1 204 ")
        stream.close()
    assert one.client().is_open()


def run_checks(one, ask, count=10):
    """Run server -t count times, and ask() as often as fits beside it."""
    def check():
        return subprocess.Popen(
            [daemon.BINARY, "server", "-t", "-c", one.conf_path],
            env=daemon.clean_env(), stderr=subprocess.PIPE, text=True)

    for _ in range(count):
        with check() as running:
            while running.poll() is None:
                ask()
            assert running.returncode == 0, running.stderr.read()


def test_check_takes_no_connections(server):
    """server -t beside a running daemon loses none of its clients."""
    port = transport.free_port(socket.SOCK_STREAM)
    one = server({"listen_addr": f"127.0.0.1:{port}"})

    def ask():
        http = one.http(None)
        assert http.get("/generate_204").status == 204
        http.close()
    run_checks(one, ask)


@pytest.mark.parametrize("host", ["127.0.0.1", ""])
def test_check_takes_no_datagrams(server, host):
    """Nor does it take STUN requests, which come from many ports."""
    one = server({"stun_listen_addr":
                  f"{host}:{transport.free_port(socket.SOCK_DGRAM)}"})
    one.stun_addr = ("127.0.0.1", one.stun_addr[1])

    def ask():
        stuns = [Stun(one.stun_addr) for _ in range(20)]
        for stun in stuns:
            stun.ask()
            stun.close()
    run_checks(one, ask)


def test_check_names_who_else_has_the_port(server):
    """The running daemon's port is fine, a stranger's is not."""
    one = server()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        taken = "127.0.0.1:%d" % other.getsockname()[1]
        one.write_conf({"stun_listen_addr": taken})
        checked = daemon.run(["server", "-t", "-c", one.conf_path])
        refused = one.reload()
    for done in (checked, refused):
        assert done.returncode == 1
        assert (f"stun_listen_addr: cannot bind {taken}: address already in "
                "use" in done.stderr)
    assert f"in use by pid {os.getpid()} " in checked.stderr


def test_stun_address_narrows_and_widens(server):
    """One port, from every address to one of them and back."""
    port = transport.free_port(socket.SOCK_DGRAM)
    one = server({"stun_listen_addr": f":{port}"})
    for addr in (f"127.0.0.1:{port}", f"127.0.0.2:{port}", f":{port}"):
        one.write_conf({"stun_listen_addr": addr})
        checked = daemon.run(["server", "-t", "-c", one.conf_path])
        assert checked.returncode == 0, checked.stderr
        one.reconfigure()
        host = addr.rpartition(":")[0] or "127.0.0.1"
        for _ in range(20):
            one.stun((host, port)).ask()
