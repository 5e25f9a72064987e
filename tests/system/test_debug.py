"""The pages under /debug/, and what clients are told.

SPDX-License-Identifier: BSD-2-Clause
"""

import json
import re
import signal

import pytest

from kit import wire
from kit.clock import wait_until
from kit.placement import place
from kit.transport import Closed

PAGES = ("/debug/", "/debug/vars", "/debug/varz", "/debug/check",
         "/debug/traffic")


class Viewer:
    """A connection to /debug/traffic, read round by round."""

    def __init__(self, one, tls="1.3"):
        self.http = one.http(tls)
        self.http.stream.send(
            b"GET /debug/traffic HTTP/1.1\r\nHost: x\r\n\r\n")
        self.buf = b""
        self.head = self.until(b"\r\n\r\n")
        self.is_in = self.head.startswith(b"HTTP/1.1 200 OK\r\n")

    def until(self, end):
        while end not in self.buf:
            self.buf += self.http.stream.recv()
        got, _, self.buf = self.buf.partition(end)
        return got

    def round(self):
        found = {}
        while True:
            line = self.until(b"\n")
            if not line:
                return found
            item = json.loads(line)
            found[item["Key"]] = item

    def close(self):
        self.http.close()


def test_debug_page_names_the_others(server):
    one = server()
    got = one.http().get("/debug/")
    assert got.status == 200
    assert got.headers["Content-Type"] == "text/html; charset=utf-8"
    text = got.body.decode()
    links = re.findall(r'href="([^"]+)"', text)
    assert set(links) == set(PAGES) - {"/debug/"}
    for word in ("Uptime: ", "Version: " + one.status()["version"],
                 "Machine: ", "TLS hostname: 127.0.0.1",
                 "Mesh key: false"):
        assert word in text, word


@pytest.mark.parametrize("page", PAGES)
def test_debug_pages_are_guarded(server, page):
    one = server()
    http = one.http()
    got = http.get(page, headers=["X-Forwarded-For: 127.0.0.1"])
    assert (got.status, got.body) == (403, b"debug access denied\n")
    assert http.get(page, "POST").status == 405
    if page != "/debug/traffic":
        assert http.get(page).status == 200
        assert http.get(page, "HEAD").status == 200


def test_debug_pages_for_strangers(server, netns):
    net = netns()
    net.add_address("8.8.8.8")
    one = server({"listen_addr": "0.0.0.0:0"}, netns=net)
    for page in PAGES:
        with net:
            http = one.http(addr=("8.8.8.8", one.addr[1]),
                            source="8.8.8.8")
        got = http.get(page)
        assert (got.status, got.body) == (403, b"debug access denied\n")


def test_unknown_debug_pages(server):
    one = server()
    for page in ("/debug/pprof/", "/debug/gc", "/debug/vars/x"):
        got = one.http().get(page)
        assert (got.status, got.body) == (404, b"404 page not found\n")


def test_debug_vars(server, placement):
    one = server()
    a, b = place(one, placement)
    a.roundtrip(b)
    got = one.http().get("/debug/vars")
    assert got.headers["Content-Type"].startswith("application/json")
    found = json.loads(got.body)
    assert found["derp"]["gauge_current_connections"] == 2
    assert found["derp"]["packets_sent"] == 2
    assert found["derp_packets_received_kind"] == {
        "disco": 0, "other": 2}
    assert found["derp_packets_dropped"][
        'reason="queue_head",kind="other"'] == 0
    assert found["stun_requests"]["success"] == 0
    frames = found["derp_buffered_write_frames"]
    assert frames["0"] == 0 and frames["+Inf"] == frames["count"]
    for name in one.counters():
        name = name.partition("{")[0]
        name = re.sub("_(bucket|sum|count)$", "", name)
        short = name.removeprefix("derp_")
        assert ({name, "gauge_" + name} & set(found)
                or {short, "gauge_" + short} & set(found["derp"])), name


def test_debug_varz_is_metrics(server):
    one = server()
    got = one.http().get("/debug/varz")
    metrics = one.http(None, one.metrics_addr).get("/metrics")

    def names(body):
        return [line.rpartition(" ")[0] if line[0] != "#" else line
                for line in body.decode().splitlines()]
    assert names(got.body) == names(metrics.body)


def test_debug_check(server):
    """Duplicates, and clients that come and go, are consistent."""
    one = server()
    key = wire.Key()
    clients = [one.client(key) for _ in range(4)]
    clients += [one.client() for _ in range(6)]
    for count in range(10):
        http = one.http()
        got = http.get("/debug/check")
        assert (got.status, got.body) == (
            200, b"derp.Server ConsistencyCheck okay\n")
        http.close()
        clients[count].close()


def test_debug_traffic(server, placement):
    one = server()
    a, b = place(one, placement)
    idle = one.client()
    viewer = Viewer(one)
    assert viewer.is_in
    while viewer.round():
        pass
    a.send_packet(b.public, bytes(1000))
    assert b.recv_packet()[1] == bytes(1000)

    got = {}
    while len(got) < 2:
        got.update(viewer.round())
    assert set(got) == {a.key.text, b.key.text}
    assert (got[a.key.text]["Recv"], got[a.key.text]["Sent"]) == (1000, 0)
    assert (got[b.key.text]["Recv"], got[b.key.text]["Sent"]) == (0, 1000)
    while viewer.round():
        pass
    idle.send_packet(idle.public, b"x")
    assert idle.recv_packet()[1] == b"x"
    got = {}
    while not got:
        got = viewer.round()
    assert set(got) == {idle.key.text}
    viewer.close()


def test_debug_traffic_viewers_are_few(server):
    one = server(workers=1)
    viewers = [Viewer(one, tls) for tls in ("1.3", "1.2", "1.3", "1.3")]
    assert all(viewer.is_in for viewer in viewers)
    got = one.http().get("/debug/traffic")
    assert got.status == 503
    viewers.pop().close()

    def room():
        last = Viewer(one)
        viewers.append(last)
        return last.is_in
    wait_until(room)
    assert one.client().is_open()
    # What viewers say is not listened to; and they do not keep us.
    viewers[0].http.stream.send(b"GET / HTTP/1.1\r\n\r\n" * 10)
    assert viewers[0].round() == {}
    assert one.stop() == 0
    with pytest.raises(Closed):
        while True:
            viewers[0].round()


# -- what clients are told ---------------------------------------------


def frames_until_closed(client):
    return [(got.type, got.payload) for got in client.expect_closed()]


def test_stop_tells_clients_to_come_back(server):
    one = server()
    clients = [one.client(tls=tls) for tls in ("1.3", "1.2", None)]
    one.process.send_signal(signal.SIGTERM)
    for client in clients:
        (kind, payload), = frames_until_closed(client)
        assert kind == wire.RESTARTING and len(payload) == 8
        assert int.from_bytes(payload[:4], "big") < 2000
        assert int.from_bytes(payload[4:], "big") == 5000
    assert one.wait_exit() == 0


def test_quit_tells_clients_when(server):
    """They are told at once; and again when it is over."""
    one = server({"worker_shutdown_timeout": "1500ms"})
    client = one.client()
    one.process.send_signal(signal.SIGQUIT)
    got = client.recv()
    assert got.type == wire.HEALTH
    assert got.payload == (b"the relay is shutting down: this connection "
                           b"ends within 2 s")
    (kind, _), = frames_until_closed(client)
    assert kind == wire.RESTARTING
    assert one.wait_exit() == 0


def test_quit_without_a_limit_tells_nothing(server):
    one = server()
    client = one.client()
    one.process.send_signal(signal.SIGQUIT)
    one.wait_log("shutting down gracefully")
    assert client.fence() == []
    client.close()
    assert one.wait_exit() == 0


def test_two_devices_with_one_key_are_told(server, placement):
    """A copy of a machine; it takes 10 s before that is sure."""
    one = server()
    first, second = place(one, placement, keys=[wire.Key()] * 2)
    heard = {first: [], second: []}

    def both():
        for client in heard:
            heard[client] += client.fence()
        return all(heard.values())
    wait_until(both, 30, pause=0.2)
    for frames in heard.values():
        (kind, payload), = frames
        assert kind == wire.HEALTH
        assert b"another device with the same node key" in payload
    one.wait_log("in use by two devices at once")
    second.close()
    assert first.recv() == (wire.HEALTH, b"")
