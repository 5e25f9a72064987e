"""Counters: as Prometheus text, in status, and that they are right.

SPDX-License-Identifier: BSD-2-Clause
"""

import os
import re
import time

from kit import proc, wire
from kit.clock import wait_until
from kit.placement import place

SAMPLE = re.compile(
    r'^([a-z_][a-z0-9_]*)(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? '
    r"(-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?)$")


def scrape(one, http=None):
    """The samples and the types of one scrape, checked line by line."""
    got = (http or one.http(None, one.metrics_addr)).get("/metrics")
    assert got.status == 200
    assert got.headers["Content-Type"].startswith(
        "text/plain; version=0.0.4")
    samples, types, helps = {}, {}, set()
    for line in got.body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, name
            types[name] = kind
        elif line.startswith("# HELP "):
            helps.add(line.split(" ")[2])
        else:
            found = SAMPLE.match(line)
            assert found, line
            name = found[1] + (found[2] or "")
            assert name not in samples, name
            described = re.sub(r"_(bucket|sum|count)$", "", found[1])
            assert found[1] in types or types[described] == "histogram", (
                f"{found[1]} before its type")
            samples[name] = float(found[4])
    assert helps == set(types)
    assert got.body.endswith(b"\n")
    return samples, types


def test_metrics_equal_status(server, placement):
    one = server()
    a, b = place(one, placement)
    a.roundtrip(b)
    a.send_packet(wire.Key().public, wire.disco())
    a.recv()
    one.stun().ask()

    def equal():
        status = one.counters()
        samples, _ = scrape(one)
        assert set(samples) == set(status), (
            set(samples) ^ set(status))
        differ = {name for name in samples
                  if samples[name] != status[name]}
        # The scrape itself is a request, and takes time.
        return not {name for name in differ
                    if not name.startswith(("ionscale_http", "uptime"))}
    wait_until(equal)


def test_metrics_types(server):
    one = server()
    _, types = scrape(one)
    for name, kind in {
            "derp_accepts": "counter",
            "derp_current_connections": "gauge",
            "derp_current_home_connections": "gauge",
            "derp_current_notideal_connections": "gauge",
            "derp_clients_total": "gauge", "derp_clients_local": "gauge",
            "derp_clients_remote": "gauge",
            "derp_current_dup_client_keys": "gauge",
            "derp_current_dup_client_conns": "gauge",
            "derp_total_dup_client_conns": "counter",
            "derp_bytes_received": "counter",
            "derp_bytes_sent": "counter",
            "derp_packets_received": "counter",
            "derp_packets_sent": "counter",
            "derp_packets_received_kind": "counter",
            "derp_packets_dropped": "counter",
            "derp_bytes_dropped": "counter",
            "derp_peer_gone_disconnected_frames": "counter",
            "derp_peer_gone_not_here_frames": "counter",
            "derp_got_ping": "counter", "derp_sent_pong": "counter",
            "derp_home_moves_in": "counter",
            "derp_home_moves_out": "counter",
            "derp_sclient_write_timeouts": "counter",
            "derp_unknown_frames": "counter",
            "derp_average_queue_duration_ms": "untyped",
            "stun_requests": "counter", "stun_addrfamily": "counter",
            "derper_tls_request_version": "counter",
            "derper_tls_active_version": "gauge",
            "ionscale_fabric_packets": "counter",
            "ionscale_worker_deaths": "counter"}.items():
        assert types.get(name) == kind, (name, types.get(name))


# Every metric that derper exports, as its dashboards ask for them.
DERPER = {
    "bootstrap_dns_requests": "counter",
    "bootstrap_dns_unpublished_misses": "counter",
    "derp_accepts": "counter",
    "derp_average_queue_duration_ms": "untyped",
    "derp_buffered_write_frames": "histogram",
    "derp_bytes_dropped": "counter",
    "derp_bytes_received": "counter",
    "derp_bytes_sent": "counter",
    "derp_clients_local": "gauge",
    "derp_clients_remote": "gauge",
    "derp_clients_total": "gauge",
    "derp_current_connections": "gauge",
    "derp_current_dup_client_conns": "gauge",
    "derp_current_dup_client_keys": "gauge",
    "derp_current_file_descriptors": "gauge",
    "derp_current_home_connections": "gauge",
    "derp_current_notideal_connections": "gauge",
    "derp_got_ping": "counter",
    "derp_home_moves_in": "counter",
    "derp_home_moves_out": "counter",
    "derp_memstats_sys0": "gauge",
    "derp_mesh_update_batch_size": "histogram",
    "derp_mesh_update_loop_count": "histogram",
    "derp_multiforwarder_created": "counter",
    "derp_multiforwarder_deleted": "counter",
    "derp_packet_forwarder_delete_other_value": "counter",
    "derp_packets_dropped": "counter",
    "derp_packets_forwarded_in": "counter",
    "derp_packets_forwarded_out": "counter",
    "derp_packets_received": "counter",
    "derp_packets_received_kind": "counter",
    "derp_packets_sent": "counter",
    "derp_peer_gone_disconnected_frames": "counter",
    "derp_peer_gone_not_here_frames": "counter",
    "derp_rate_limit_per_client_burst_bytes": "untyped",
    "derp_rate_limit_per_client_bytes_per_second": "untyped",
    "derp_rate_limit_per_client_waited": "counter",
    "derp_sclient_write_timeouts": "counter",
    "derp_sent_pong": "counter",
    "derp_tcp_rtt": "counter",
    "derp_total_dup_client_conns": "counter",
    "derp_unknown_frames": "counter",
    "derp_watchers": "gauge",
    "derp_websocket_accepts": "counter",
    "derper_tls_active_version": "gauge",
    "derper_tls_request_version": "counter",
    "node_boot_time_seconds": "gauge",
    "process_start_unix_time": "gauge",
    "stun_addrfamily": "counter",
    "stun_requests": "counter",
    "tls_listener_accepted_connections": "counter",
    "tls_listener_rejected_connections": "counter",
    "uptime_sec": "counter",
    "version": "gauge",
}

# Those that come with published names; of the right type if they are there.
DERPER_MORE = {
    "bootstrap_dns_published_hits": "counter",
    "bootstrap_dns_published_misses": "counter",
    "bootstrap_dns_queried_domains": "counter",
    "bootstrap_dns_unpublished_hits": "counter",
    "bootstrap_dns_unpublished_percent_misses": "counter",
}

# What says something about Go's runtime says nothing about us: there is no
# garbage collector, no goroutine and no such version here.
DERPER_GO = ("go_sync_mutex_wait_seconds", "go_version", "goroutines",
             "memstats_")

# Ours: the name, and the labels of its samples.
OURS = {
    "ionscale_fabric_bytes": set(),
    "ionscale_fabric_controls": set(),
    "ionscale_fabric_full": set(),
    "ionscale_fabric_packets": set(),
    "ionscale_handshakes": {"outcome"},
    "ionscale_http_errors": set(),
    "ionscale_http_requests": set(),
    "ionscale_keeper_deaths": set(),
    "ionscale_logins": {"outcome"},
    "ionscale_process_cpu_seconds": {"process"},
    "ionscale_process_max_fds": {"process"},
    "ionscale_process_open_fds": {"process"},
    "ionscale_process_resident_bytes": {"process"},
    "ionscale_reloads": {"outcome"},
    "ionscale_worker_bytes_received": {"process"},
    "ionscale_worker_bytes_sent": {"process"},
    "ionscale_worker_connections": {"process"},
    "ionscale_worker_deaths": set(),
    "ionscale_worker_packets_dropped": {"process"},
    "ionscale_worker_packets_received": {"process"},
    "ionscale_worker_packets_sent": {"process"},
}


def test_every_metric_of_the_reference(server):
    one = server()
    samples, types = scrape(one)
    assert {name: types.get(name) for name in DERPER} == DERPER
    for name, kind in DERPER_MORE.items():
        assert types.get(name, kind) == kind, name
    assert not [name for name in types if name.startswith(DERPER_GO)]
    version = one.status()["version"]
    assert samples[f'version{{version="{version}"}}'] == 1
    with open("/proc/stat") as stat:
        boot = next(int(line.split()[1]) for line in stat
                    if line.startswith("btime "))
    assert abs(samples["node_boot_time_seconds"] - boot) <= 2


def test_our_own_metrics(server):
    one = server()
    samples, types = scrape(one)
    for name, labels in OURS.items():
        assert name in types, name
        found = [key for key in samples
                 if key.partition("{")[0] == name]
        for key in found:
            assert set(re.findall(r'([a-z_]+)="', key)) == labels, key
        assert len(found) >= 1
    assert not [name for name in types if not name.startswith("ionscale_")
                and name not in DERPER and name not in DERPER_MORE]


def test_all_drop_counters_exist_from_the_start(server):
    one = server()
    counters = one.counters()
    for reason in ("unknown_dest", "unknown_dest_on_fwd",
                   "gone_disconnected", "queue_head", "queue_tail",
                   "write_error", "dup_client"):
        for kind in ("disco", "other"):
            label = f'{{reason="{reason}",kind="{kind}"}}'
            assert counters["derp_packets_dropped" + label] == 0
            assert counters["derp_bytes_dropped" + label] == 0


def test_frames_per_send_are_a_histogram(server):
    """Buckets hold those below them; the last one is the count."""
    one = server()
    a = one.client()
    for _ in range(3):
        a.roundtrip(a)
    samples, types = scrape(one)
    assert types["derp_buffered_write_frames"] == "histogram"
    limits = [*map(str, range(11)), "15", "20", "25", "50", "100", "+Inf"]
    buckets = [samples[f'derp_buffered_write_frames_bucket{{le="{limit}"}}']
               for limit in limits]
    assert buckets == sorted(buckets)
    assert buckets[0] == 0 and buckets[1] >= 3
    assert buckets[-1] == samples["derp_buffered_write_frames_count"]
    assert samples["derp_buffered_write_frames_sum"] >= buckets[-1]


def test_tls_version_gauges(server):
    one = server()
    clients = [one.client(tls=tls) for tls in ("1.2", "1.2", "1.3", None)]
    assert one.counter("derper_tls_active_version", version="1.2") == 2
    assert one.counter("derper_tls_active_version", version="1.3") == 1
    assert one.counter("derper_tls_request_version", version="1.2") == 2
    clients[0].close()
    wait_until(lambda: one.counter(
        "derper_tls_active_version", version="1.2") == 1)


def test_home_moves(server):
    """A change counts as a move when the session is older than 5 s."""
    one = server()
    a, late = one.client(), one.client()
    begun = time.monotonic()
    a.send(wire.NOTE_PREFERRED, b"\1")
    a.fence()
    assert one.counter("derp_home_moves_in") == 0

    def old_enough():
        return time.monotonic() - begun > 5.2
    wait_until(old_enough)
    late.send(wire.NOTE_PREFERRED, b"\1")
    late.fence()
    a.send(wire.NOTE_PREFERRED, b"\0")
    a.fence()
    assert one.counter("derp_home_moves_in") == 1
    assert one.counter("derp_home_moves_out") == 1


def test_gone_disconnected_counts_what_was_queued(server, placement):
    """Every packet is counted once: sent, pushed out, or gone with B.

    Not 32 of the last kind: what the fabric still held goes with B too.
    """
    one = server({"derp": {"write_timeout": "60s"}})
    a, b = place(one, placement, rcvbuf=8192)
    sent = 0
    while one.dropped("queue_head") == 0:
        for _ in range(16):
            a.send_packet(b.public, bytes(60000))
            sent += 1
        a.fence()
    b.reset()
    wait_until(lambda: not one.is_registered(b.key))

    def accounted():
        gone = one.dropped("gone_disconnected")
        assert gone > 0
        assert sent == (one.counter("derp_packets_sent") + gone
                        + one.dropped("queue_head")), one.counters()
        return True
    wait_until(accounted)


def test_logins_by_outcome(server):
    one = server()
    client = one.client()
    bad = one.connect()
    bad.upgrade()
    bad.greet()
    bad.send(wire.CLIENT_INFO, bytes(100))
    bad.expect_closed()
    assert one.counter("ionscale_logins", outcome="ok") == 1
    assert one.counter("ionscale_logins", outcome="failed") == 1
    assert one.counter("derp_accepts") == 2
    assert client.is_open()


def test_metrics_listener_serves_nothing_else(server):
    one = server()
    http = one.http(None, one.metrics_addr)
    assert http.get("/nothing").status == 404
    got = one.http(None, one.metrics_addr).get(
        "/derp", headers=["Connection: Upgrade", "Upgrade: DERP"])
    assert got.status == 404
    assert one.http(None).get("/metrics").status != 200


def test_metrics_method(server):
    one = server()
    http = one.http(None, one.metrics_addr)
    assert http.get("/metrics", "HEAD").status == 200
    assert http.get("/metrics", "POST").status == 405


def by_process(samples, name):
    """The values of a metric of every process, by the process's name."""
    return {re.search('process="(.*)"', key)[1]: value
            for key, value in samples.items()
            if key.startswith(name + "{")}


def process_name(item):
    """How a process of status is called in a label."""
    name = item["role"]
    if name == "worker":
        name += str(item["index"])
        if item["state"] == "draining":
            name += "-draining"
    return name


def test_descriptors_by_process(server):
    """What is told about each process is what the system knows of it."""
    one = server()
    pids = {process_name(item): item["pid"] for item in one.processes()}
    assert len(pids) == one.workers + 2
    http = one.http(None, one.metrics_addr)

    def true():
        samples, types = scrape(one, http)
        open_fds = by_process(samples, "ionscale_process_open_fds")
        assert open_fds == {
            name: proc.fd_count(pid) for name, pid in pids.items()}
        assert samples["derp_current_file_descriptors"] == sum(
            open_fds.values())
        assert types["derp_current_file_descriptors"] == "gauge"
        return samples["derp_current_file_descriptors"]
    before = wait_until(true)
    for _ in range(50):
        one.client(tls=None)
    assert wait_until(true) == before + 50
    samples, types = scrape(one, http)
    limits = by_process(samples, "ionscale_process_max_fds")
    assert limits == {name: proc.max_fds(pid) for name, pid in pids.items()}
    assert types["ionscale_process_open_fds"] == "gauge"


def test_memory_and_time_by_process(server):
    one = server()
    pids = {process_name(item): item["pid"] for item in one.processes()}
    tick = os.sysconf("SC_CLK_TCK")

    def ticks(pid):
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    begun = {name: ticks(pid) / tick for name, pid in pids.items()}

    def true():
        samples, types = scrape(one)
        cpu = by_process(samples, "ionscale_process_cpu_seconds")
        memory = by_process(samples, "ionscale_process_resident_bytes")
        assert types["ionscale_process_cpu_seconds"] == "counter"
        for name, pid in pids.items():
            assert begun[name] - 1 / tick <= cpu[name]
            assert cpu[name] <= ticks(pid) / tick + 2 / tick
            real = int(proc.status(pid)["VmRSS"].split()[0]) * 1024
            assert abs(memory[name] - real) < 0.1 * real
        at_start = samples["derp_memstats_sys0"]
        assert 0.5 * sum(memory.values()) < at_start < 1.5 * sum(
            memory.values())
        assert types["derp_memstats_sys0"] == "gauge"
        return True
    wait_until(true)


def test_draining_worker_has_a_name_of_its_own(server):
    one = server(workers=2)
    client = one.client()
    while one.worker_of(client) != 1:
        client = one.client()
    one.reconfigure({"workers": 1})
    pid = next(item["pid"] for item in one.processes("worker")
               if item["state"] == "draining")

    http = one.http(None, one.metrics_addr)

    def named():
        samples, _ = scrape(one, http)
        open_fds = by_process(samples, "ionscale_process_open_fds")
        assert set(open_fds) == {
            "master", "keeper", "worker0", "worker1-draining"}
        assert open_fds["worker1-draining"] == proc.fd_count(pid)
        return True
    wait_until(named)
    one.reconfigure({"workers": 2})

    def both():
        samples, _ = scrape(one, http)
        return {"worker1", "worker1-draining"} < set(
            by_process(samples, "ionscale_process_open_fds"))
    wait_until(both)


def test_traffic_by_worker(server, placement):
    """Each worker's share; together they are the instance's numbers."""
    one = server()
    a, b = place(one, placement)
    for _ in range(10):
        a.roundtrip(b)
    a.send_packet(wire.Key().public, wire.disco())
    a.recv()
    samples, types = scrape(one)
    at = {f"worker{one.worker_of(client)}" for client in (a, b)}
    for what, whole in (
            ("connections", "derp_current_connections"),
            ("packets_received", "derp_packets_received"),
            ("packets_sent", "derp_packets_sent"),
            ("bytes_received", "derp_bytes_received"),
            ("bytes_sent", "derp_bytes_sent")):
        shares = by_process(samples, "ionscale_worker_" + what)
        assert set(shares) == {
            f"worker{index}" for index in range(one.workers)}
        assert {name for name in shares if shares[name] > 0} == at
        assert sum(shares.values()) == samples[whole]
    drops = by_process(samples, "ionscale_worker_packets_dropped")
    assert sum(drops.values()) == 1
    assert drops[f"worker{one.worker_of(a)}"] == 1
    assert types["ionscale_worker_packets_sent"] == "counter"
    assert types["ionscale_worker_connections"] == "gauge"


def test_a_new_worker_begins_with_nothing(server):
    """The slot's counters go on; the share of its next owner does not."""
    one = server(workers=1)
    a = one.client()
    for _ in range(10):
        a.roundtrip(a)
    for _ in range(2):
        one.allow(r"worker 0 \(pid \d+\) killed by signal 9")
        pid = one.pid("worker")
        proc.kill(pid)

        def another():
            live = [item["pid"] for item in one.processes("worker")
                    if item["state"] == "live"]
            return live and live != [pid]
        wait_until(another)
    a = one.client()
    a.roundtrip(a)
    samples, _ = scrape(one)
    assert samples["derp_packets_sent"] == 22
    assert samples['ionscale_worker_packets_sent{process="worker0"}'] == 2
