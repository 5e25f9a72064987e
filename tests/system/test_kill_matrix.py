"""Random victims under load, and what everybody else notices: nothing.

SPDX-License-Identifier: BSD-2-Clause

Lanes of numbered packets run from every worker to every worker, itself
included. A round kills one process. Lanes that it had no part in lose no
packet; of the others the end that lives keeps its connection, has got
everything in order, and hears of the end that died. Then the books must
balance: clients, gauges, descriptors and memory.

IONSCALE_TEST_ROUNDS is how often this is done, and IONSCALE_TEST_SEED
chooses other victims at other moments.
"""

import collections
import os
import random
import re
import time

import pytest

from kit import clock, proc, wire
from kit.clock import wait_until
from kit.daemon import SANITIZED, default_workers
from kit.placement import place_one
from kit.traffic import Flow

ROUNDS = int(os.environ.get("IONSCALE_TEST_ROUNDS", "12"))
SEED = int(os.environ.get("IONSCALE_TEST_SEED", "7"))

# Who dies this soon after its start is counted; the fifth time in a
# minute its seat stays empty for a while (test_kill.py has that).
QUICK = 2.5
QUICK_MOST = 4
QUICK_WINDOW = 70

# KiB that a process that lives through all rounds may grow, at most.
GROWTH = 1024 if not SANITIZED else 65536


class Lane(Flow):
    """A flow between two workers; it may lose one end or both."""

    def __init__(self, ends, a, b):
        super().__init__(a, b, pause=0.004)
        self.ends = ends
        self.parted = False
        self.heard = False

    def take(self, got):
        if got == (wire.PEER_GONE, self.a.public + b"\0"):
            self.heard = True
            return
        assert not self.heard, "a packet from the dead"
        super().take(got)

    def _done(self):
        return self.parted or super()._done()

    def part(self):
        """Stop both threads, whatever is still on its way."""
        self.parted = True
        self.stopping.set()
        for thread in self.threads:
            thread.join(clock.LIMIT)
            assert not thread.is_alive()


class Matrix:
    def __init__(self, one, rng):
        self.one, self.rng = one, rng
        self.lanes = []
        self.workers = range(one.workers)
        self.kinds = {}     # role -> descriptors by kind, nobody there
        self.quick = collections.defaultdict(list)  # seat -> times
        self.since = {}     # pid -> when it was first seen live

    # -- lanes ---------------------------------------------------------

    def fill(self):
        """A running lane between any two workers that lack one."""
        there = {lane.ends for lane in self.lanes}
        for ends in [(i, j) for i in self.workers for j in self.workers]:
            if ends not in there:
                a, b = (self.client(index) for index in ends)
                self.lanes.append(Lane(ends, a, b).start())

    def client(self, index):
        return place_one(self.one, lambda found: found == index,
                         tls=self.rng.choice([None, "1.2", "1.3"]))

    def settle(self, lane, dead):
        """A lane that lost something: what lives is whole."""
        if lane.ends[0] == dead != lane.ends[1]:
            wait_until(
                lambda: lane.heard or not lane.threads[1].is_alive(),
                what="word of the sender's end")
            assert lane.heard, lane.error
        lane.part()
        for client, index in zip((lane.a, lane.b), lane.ends):
            if index == dead:
                client.expect_closed()
            else:
                left = [got for got in client.fence()
                        if got.type != wire.KEEP_ALIVE]
                assert all(got.type == wire.PEER_GONE for got in left), left
            self.one.clients.remove(client)
            client.close()
        self.lanes.remove(lane)

    # -- victims -------------------------------------------------------

    def pick(self):
        """A process whose death will not be one too many."""
        def choice():
            now = time.monotonic()
            found = []
            for item in self.one.processes():
                seat = item["role"], item["index"]
                recent = [at for at in self.quick[seat]
                          if now - at < QUICK_WINDOW]
                born = self.since.setdefault(item["pid"], now)
                if item["role"] == "master" or item["state"] != "live":
                    continue
                if now - born > QUICK or len(recent) < QUICK_MOST:
                    found.append(item)
            return found and self.rng.choice(found)
        item = wait_until(choice, 30, "somebody to kill")
        now = time.monotonic()
        if now - self.since[item["pid"]] <= QUICK:
            self.quick[item["role"], item["index"]].append(now)
        return item

    def round(self):
        victim = self.pick()
        self.one.allow(rf"\(pid {victim['pid']}\)")
        enough = self.rng.randrange(1, 30)
        wait_until(lambda: all(
            lane.received >= enough for lane in self.lanes))
        proc.kill(victim["pid"])
        dead = victim["index"] if victim["role"] == "worker" else None
        for lane in list(self.lanes):
            if dead in lane.ends:
                self.settle(lane, dead)
        for lane in self.lanes:
            lane.progress()
        wait_until(lambda: self.replaced(victim), 20, "a replacement")
        self.fill()
        wait_until(self.balanced, what="balance")

    def replaced(self, victim):
        now = self.one.processes()
        assert all(item["state"] == "live" for item in now), now
        seats = [(item["role"], item["index"]) for item in now]
        assert (victim["role"], victim["index"]) in seats, seats
        assert victim["pid"] not in [item["pid"] for item in now]
        return True

    # -- the books -----------------------------------------------------

    def balanced(self):
        """Clients, gauges and descriptors are those of our lanes."""
        expected = collections.Counter()
        for lane in self.lanes:
            for client, index in zip((lane.a, lane.b), lane.ends):
                expected[client.key.text, index, client.local] += 1
        listed = collections.Counter(
            (item["key"], item["worker"], item["address"])
            for item in self.one.derp_list())
        assert listed == expected
        counters = self.one.counters()
        clients = 2 * len(self.lanes)
        for name in ("derp_current_connections", "derp_clients_total",
                     "derp_clients_local"):
            assert counters[name] == clients, (name, counters[name])
        for item in self.one.processes():
            here = sum(number for (_, index, _), number in expected.items()
                       if index == item["index"])
            self.check_descriptors(
                item, here if item["role"] == "worker" else 0)
        return True

    def check_descriptors(self, item, clients):
        now = descriptors(item["pid"])
        now["socket"] -= clients
        before = self.kinds.setdefault(item["role"], now)
        assert now == before, (item, before, now)


def descriptors(pid):
    """How many descriptors of each kind a process has."""
    kinds = collections.Counter()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            continue
        kinds[re.split(r":\[| \(|\d", target)[0]] += 1
    return kinds


def private_memory(pid):
    return int(proc.status(pid)["RssAnon"].split()[0])


@pytest.mark.timeout(100 + 20 * ROUNDS * clock.SLOW)
def test_kill_matrix(server):
    """Nobody but the victim's own clients notices; the books balance."""
    one = server(workers=max(2, default_workers()))
    matrix = Matrix(one, random.Random(SEED))
    wait_until(matrix.balanced)
    matrix.fill()
    wait_until(matrix.balanced)
    before = one.counters()
    master = private_memory(one.process.pid)
    try:
        for number in range(ROUNDS):
            matrix.round()
        for lane in matrix.lanes:
            lane.finish()
    except BaseException:
        print(f"seed {SEED}, round {number} of {ROUNDS}")
        for lane in matrix.lanes:
            lane.abandon()
        raise
    wait_until(matrix.balanced)
    now = one.counters()
    deaths = (now["ionscale_worker_deaths"]
              - before["ionscale_worker_deaths"])
    assert 0 < deaths <= ROUNDS
    for client in one.clients:
        client.close()
    matrix.lanes = []
    wait_until(matrix.balanced, what="balance when all have left")
    grown = private_memory(one.process.pid) - master
    assert grown < GROWTH, f"the master has grown by {grown} KiB"
