"""Many clients: held idle, and coming and going at a rate.

SPDX-License-Identifier: BSD-2-Clause

One daemon with the defaults, one load generator (crowd.c). Exit status 1
if a login failed, a client was dropped, or something was not given back.
"""

import argparse
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))

from kit import daemon, proc  # noqa: E402
from kit.clock import wait_until  # noqa: E402

MIB = 1 << 20

# Server and generator come before whatever else the machine does; where the
# kernel groups processes by session, the group's priority is what counts.
FIRST = ["sh", "-c", "echo -10 2>/dev/null > /proc/self/autogroup; "
         'exec nice -n -10 "$@"', "sh"]


def memory(pids):
    """Proportional set size of all processes, in bytes."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as lines:
            total += 1024 * sum(int(line.split()[1]) for line in lines
                                if line.startswith("Pss:"))
    return total


def usage(pids):
    """CPU seconds, and how often a process went to sleep by itself."""
    cpu, sleeps = 0, 0
    for pid in pids:
        with open(f"/proc/{pid}/schedstat") as stat:
            cpu += int(stat.read().split()[0])
        sleeps += int(proc.status(pid)["voluntary_ctxt_switches"])
    return cpu / 1e9, sleeps


class Server(daemon.Daemon):
    def command(self):
        return FIRST + super().command()


class Crowd:
    """The generator at work; last() is its latest line."""

    def __init__(self, program, one, tls, **options):
        command = FIRST + [
            program, "--to", "%s:%d" % one.addr, "--server-key",
            one.status()["public_key"].removeprefix("nodekey:")]
        for key, value in options.items():
            command += [f"--{key}", str(value)]
        if not tls:
            command.append("--plain")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, start_new_session=True)

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            sys.exit(f"scale: crowd ended with {self.process.wait()}")
        return json.loads(text)

    def finish(self):
        """Have everybody leave: how many were dropped before."""
        self.process.stdin.close()
        lost = self.line()["lost"]
        self.process.wait()
        return lost


class Books:
    """What must be as it was when everybody has left."""

    def __init__(self, one):
        self.one = one
        self.pids = one.pids()
        self.descriptors = self.count()

    def count(self):
        return {pid: proc.fd_count(pid) for pid in self.pids}

    def settled(self):
        assert self.one.derp_list() == []
        assert self.one.counter("derp_current_connections") == 0
        now = self.count()
        assert now == self.descriptors, (self.descriptors, now)
        return True


def held(one, args):
    """--clients idle clients for --idle seconds."""
    books = Books(one)
    before = memory(books.pids)
    crowd = Crowd(args.crowd, one, True, count=args.clients, rate=args.rate,
                  keep=args.clients, sources=args.sources)
    result = crowd.line()
    wait_until(lambda: one.counter("derp_current_connections")
               == result["logins"], what="all clients counted")
    listed = len(one.derp_list())
    full = memory(books.pids)
    start, first = time.monotonic(), usage(books.pids)
    time.sleep(args.idle)
    seconds, last = time.monotonic() - start, usage(books.pids)
    lost = crowd.finish()
    wait_until(books.settled, 60, "an empty server")
    after = memory(books.pids)
    return {
        "clients": result["logins"], "listed": listed,
        "failures": result["failed"] + result["lost"] + lost,
        "logins_per_second": result["per_second"],
        "login_p50_ms": result["p50_us"] / 1e3,
        "login_p99_ms": result["p99_us"] / 1e3,
        "memory_before_mib": before / MIB,
        "memory_held_mib": full / MIB,
        "memory_after_mib": after / MIB,
        "kib_per_client": (full - before) / 1024 / max(listed, 1),
        "idle_cpu_percent": 100 * (last[0] - first[0]) / seconds,
        "idle_wakeups_per_second": (last[1] - first[1]) / seconds,
    }


def churn(one, args):
    """--rate logins a second for --seconds; the newest 1,000 stay."""
    books = Books(one)
    before = memory(books.pids)
    start, first = time.monotonic(), usage(books.pids)
    accepted = one.counter("derp_accepts")
    crowd = Crowd(args.crowd, one, not args.plain, rate=args.rate,
                  count=args.rate * args.seconds, keep=1000,
                  sources=args.sources)
    result = crowd.line()
    seconds, last = time.monotonic() - start, usage(books.pids)
    accepted = one.counter("derp_accepts") - accepted
    lost = crowd.finish()
    wait_until(books.settled, 60, "an empty server")
    return {
        "logins": result["logins"], "accepted": accepted,
        "failures": result["failed"] + result["lost"] + lost,
        "logins_per_second": result["per_second"],
        "login_p50_ms": result["p50_us"] / 1e3,
        "login_p99_ms": result["p99_us"] / 1e3,
        "server_cpu_percent": 100 * (last[0] - first[0]) / seconds,
        "server_us_per_login":
            1e6 * (last[0] - first[0]) / max(result["logins"], 1),
        "memory_before_mib": before / MIB,
        "memory_after_mib": memory(books.pids) / MIB,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crowd", required=True)
    parser.add_argument("--out")
    parser.add_argument("--clients", type=int, default=10000)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--idle", type=int, default=30)
    parser.add_argument("--sources", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--plain", action="store_true",
                        help="the coming and going without TLS")
    args = parser.parse_args()
    one = Server(workers=args.workers)
    results = {}
    try:
        one.start()
        for name, case in (("held", held), ("churn", churn),
                           ("held again", held)):
            results[name] = case(one, args)
            print(name)
            for key, value in results[name].items():
                print(f"    {key:26} {value:12.4g}"
                      if isinstance(value, float)
                      else f"    {key:26} {value:12}", flush=True)
        one.finish()
    finally:
        one.kill_all()
    if args.out:
        with open(args.out, "w") as out:
            json.dump(results, out, indent=1)
    failures = sum(result["failures"] for result in results.values())
    print(f"{failures} failures")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
