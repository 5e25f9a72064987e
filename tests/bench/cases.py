"""What is measured, and what the ratio is meant to reach.

SPDX-License-Identifier: BSD-2-Clause

A ratio is ionscale's figure by derper's in the same round. `best` says
which way is better; a target is reached at or beyond it.
"""

from dataclasses import dataclass

# Packets of a pair on their way: as many as either relay queues, so that
# nothing is lost.
WINDOW = 32
PAIRS = 10


@dataclass(frozen=True)
class Case:
    name: str
    text: str
    kind: str  # of load
    args: tuple
    figures: tuple  # of Figure
    workers: int = 1
    placement: str = ""  # "same" or "cross": ionscale only

    @property
    def is_own(self):
        return self.placement != ""


@dataclass(frozen=True)
class Figure:
    key: str
    unit: str
    best: str = "low"
    target: float | None = None

    def reached(self, ratio):
        if self.target is None or ratio is None:
            return None
        if self.best == "low":
            return ratio <= self.target
        return ratio >= self.target


LATENCY = (Figure("p50_us", "p50 us"), Figure("p99_us", "p99 us"))


def _dense(size, pairs, window, per_record, figures):
    return Case(
        f"dense-{size}-{pairs}-{window}-{per_record}",
        f"{size} B, {pairs} pair{'s' if pairs > 1 else ''}, window {window}, "
        f"{per_record} per record",
        "relay",
        ("--size", size, "--pairs", pairs, "--per-record", per_record,
         "--window", window),
        figures)


def _aim(window, per_record, target):
    """The target, for the loads that derper's reference figures are of."""
    return target if (window, per_record) == (16, 8) else None


def _large(pairs, window, per_record):
    return _dense(
        1400, pairs, window, per_record,
        (Figure("cpu_per_gib", "CPU s/GiB",
                target=_aim(window, per_record, 0.3)), *LATENCY))


def _small(pairs, window, per_record):
    return _dense(
        100, pairs, window, per_record,
        (Figure("packets_per_cpu", "packets/CPU s", "high",
                _aim(window, per_record, 4)),))


def _paced(rate, figures):
    return Case(
        f"paced-{rate}", f"1400 B, {PAIRS} pairs, {rate}/s in all",
        "relay", ("--size", 1400, "--pairs", PAIRS, "--rate", rate),
        figures)


def _placed(placement):
    return Case(
        f"{placement}-worker",
        f"1400 B, {PAIRS} pairs, 8 per record, {placement} worker of two",
        "relay",
        ("--size", 1400, "--pairs", PAIRS, "--per-record", 8,
         "--window", WINDOW, "--candidates", 8 * PAIRS),
        (Figure("cpu_per_gib", "CPU s/GiB"), *LATENCY),
        workers=2, placement=placement)


# Flat out: window and frames per record.
LOADS = ((16, 8), (32, 8), (32, 1))

CASES = (
    *(_large(pairs, *load) for pairs in (1, PAIRS) for load in LOADS),
    *(_small(pairs, *load) for pairs in (1, PAIRS) for load in LOADS),
    _paced(20000, (Figure("us_per_packet", "CPU us/packet"), *LATENCY)),
    _paced(50000, (Figure("us_per_packet", "CPU us/packet", target=0.6),
                   *LATENCY)),
    Case("innocent", "a pair beside 20 flooded clients that do not read",
         "relay",
         ("--size", 1400, "--pairs", 1, "--per-record", 1, "--window",
          WINDOW, "--stalled", 20),
         (Figure("packets_per_second", "packets/s", "high", 20), *LATENCY)),
    Case("login", "logins one after the other", "login", ("--count", 1000),
         (Figure("us_per_login", "CPU us/login", target=0.4),)),
    Case("idle", "2000 idle clients", "idle", ("--count", 2000),
         (Figure("kib_per_client", "KiB/client", target=0.4),)),
    Case("stun", "STUN, IPv4", "stun", (),
         (Figure("replies_per_cpu", "replies/CPU s", "high", 1.3),)),
    _placed("same"),
    _placed("cross"),
)
