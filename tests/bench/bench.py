"""make bench: the same load on ionscale and on derper, in one run.

SPDX-License-Identifier: BSD-2-Clause

Every round measures every case on every server, in rotating order. What
counts is the ratio inside a round; the table has the medians and, beside a
ratio, its range. Absolute figures are this machine's.
"""

import argparse
import datetime
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys

import servers
from cases import CASES
from kit.netns import Netns

LIMIT = 120  # seconds that a measurement may take
ALONE = 0.95  # of a processor, to count as undisturbed


class Bench:
    def __init__(self, options, cores):
        self.options = options
        self.server_core, self.load_core = cores
        self.kinds = [servers.Ionscale]
        if options.other:
            servers.Other.binary = options.other
            self.kinds.append(servers.Other)
        if options.derper:
            servers.Derper.binary = options.derper
            self.kinds.append(servers.Derper)
        self.netns = {kind.name: Netns() for kind in self.kinds}
        self.results = []

    def close(self):
        for one in self.netns.values():
            one.delete()

    # -- one measurement -----------------------------------------------

    def popen(self, case, server, args):
        port = (servers.STUN_PORT if case.kind == "stun"
                else servers.TLS_PORT)
        command = servers.pinned(
            self.load_core, self.options.load, case.kind,
            "--to", f"{servers.ADDRESS}:{port}",
            "--pids", ",".join(map(str, server.pids())),
            "--duration", f"{self.options.duration}s", *args)
        with self.netns[server.name]:
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True, start_new_session=True)

    def measure(self, case, kind):
        with kind(self.server_core, self.netns[kind.name],
                  case.workers) as server:
            before = servers.memory(server.pids())
            load = self.popen(case, server, case.args)
            try:
                result = self.talk(case, server, load)
            finally:
                load.kill()
                load.wait()
            if case.kind == "idle":
                result["kib_per_client"] = (
                    (result.pop("memory") - before) / result["clients"])
        return result

    def talk(self, case, server, load):
        line = json.loads(load.stdout.readline() or "null")
        if line is None:
            raise SystemExit(f"bench: {case.name} on {server.name}: "
                             "the load generator failed")
        if case.kind == "idle":
            line["memory"] = servers.memory(server.pids())
            load.stdin.close()
        elif case.placement:
            for pair in choose(case, line["keys"], server.worker_of()):
                load.stdin.write("%d %d\n" % pair)
            load.stdin.flush()
            line = json.loads(load.stdout.readline())
        load.wait(LIMIT)
        return line

    # -- all of them ---------------------------------------------------

    def run(self, cases):
        for number in range(self.options.rounds):
            for case in cases:
                kinds = [kind for kind in self.kinds
                         if kind is not servers.Derper or not case.is_own]
                shift = number % len(kinds)
                for kind in kinds[shift:] + kinds[:shift]:
                    result = self.measure(case, kind)
                    self.results.append(
                        {"round": number, "case": case.name,
                         "server": kind.name, "result": result})
                    progress(number, case, kind, result)

    def values(self, case, figure, server):
        return {item["round"]: item["result"][figure.key]
                for item in self.results
                if item["case"] == case.name and item["server"] == server}


def progress(number, case, kind, result):
    seen = " ".join(f"{figure.key}={result[figure.key]:.6g}"
                    for figure in case.figures)
    lost = result.get("lost")
    print(f"round {number + 1}: {case.name} {kind.name}: {seen}"
          + (f" lost={lost}" if lost else ""), file=sys.stderr, flush=True)


def choose(case, keys, worker_of):
    """Pairs of clients that sit as the case wants them."""
    free = {}
    for index, key in enumerate(keys):
        free.setdefault(worker_of[key], []).append(index)
    groups = list(free.values())
    wanted = case.args[case.args.index("--pairs") + 1]
    pairs = []
    while len(pairs) < wanted:
        groups.sort(key=len, reverse=True)
        if case.placement == "same":
            pair = (groups[0].pop(), groups[0].pop())
        else:
            pair = (groups[0].pop(), groups[1].pop())
        pairs.append(pair)
    return pairs


# -- the table ---------------------------------------------------------

def short(value):
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def compare(ours, theirs):
    """The ratios of each round, their median, and their range as text."""
    ratios = [ours[number] / theirs[number] for number in ours
              if theirs.get(number)]
    span = (f" ({min(ratios):.3g}-{max(ratios):.3g})"
            if len(ratios) > 1 else "")
    return ratios, statistics.median(ratios) if ratios else None, span


def other_table(bench, cases):
    """What changed between two builds of ours, each beside derper too."""
    lines = ["", "| load | figure | ionscale | other build | ratio "
             "| ionscale by derper | other by derper |",
             "| --- | --- | ---: | ---: | --- | --- | --- |"]
    for case in cases:
        for figure in case.figures:
            ours, other, theirs = (
                bench.values(case, figure, name)
                for name in ("ionscale", "other", "derper"))
            _, ratio, span = compare(ours, other)
            cells = [case.text, figure.unit,
                     short(statistics.median(ours.values())),
                     short(statistics.median(other.values())),
                     short(ratio) + span,
                     short(compare(ours, theirs)[1]),
                     short(compare(other, theirs)[1])]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def row(bench, case, figure):
    ours = bench.values(case, figure, "ionscale")
    theirs = bench.values(case, figure, "derper")
    ratios, ratio, span = compare(ours, theirs)
    reached = figure.reached(ratio)
    entry = {
        "case": case.name, "text": case.text, "figure": figure.key,
        "unit": figure.unit,
        "ionscale": statistics.median(ours.values()),
        "derper": statistics.median(theirs.values()) if theirs else None,
        "ratio": ratio, "ratio_range": [min(ratios), max(ratios)]
        if ratios else None,
        "target": figure.target, "best": figure.best, "reached": reached,
    }
    sign = "<=" if figure.best == "low" else ">="
    goal = "" if figure.target is None else f"{sign} {figure.target:g}"
    if reached is not None:
        goal += ", reached" if reached else ", missed"
    text = (f"| {case.text} | {figure.unit} | {short(entry['ionscale'])} "
            f"| {short(entry['derper'])} | {short(ratio)}{span} | {goal} |")
    return entry, text


def machine():
    model = ""
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    with open("/proc/meminfo") as lines:
        memory = int(lines.readline().split()[1]) // 1048576
    return {"processor": model, "processors": os.cpu_count(),
            "memory_gib": memory, "kernel": platform.release(),
            "date": datetime.date.today().isoformat()}


def doubts(bench):
    """Runs in which something else used the generator's processor."""
    shares = [item["result"]["generator_busy"] for item in bench.results
              if "generator_busy" in item["result"]]
    disturbed = sum(share < ALONE for share in shares)
    if not disturbed:
        return []
    return ["", f"In {disturbed} of {len(shares)} runs the generator had "
                f"less than {ALONE:.0%} of its processor (down to "
                f"{min(shares):.0%}): something else was running."]


def report(bench, cases):
    about = machine()
    rows = [row(bench, case, figure)
            for case in cases for figure in case.figures]
    lines = [
        f"{about['date']}, {about['processor']}, {about['processors']} "
        f"processors, Linux {about['kernel']}; server and generator on one "
        f"processor each; medians of {bench.options.rounds} rounds.", "",
        "| load | figure | ionscale | derper | ratio | target |",
        "| --- | --- | ---: | ---: | ---: | --- |",
        *(text for _, text in rows), *doubts(bench)]
    if bench.options.other:
        lines += other_table(bench, cases)
    os.makedirs(bench.options.out, exist_ok=True)
    table = "\n".join(lines) + "\n"
    with open(os.path.join(bench.options.out, "table.md"), "w") as out:
        out.write(table)
    with open(os.path.join(bench.options.out, "bench.json"), "w") as out:
        json.dump({"machine": about, "rounds": bench.options.rounds,
                   "duration_seconds": bench.options.duration,
                   "table": [entry for entry, _ in rows],
                   "runs": bench.results}, out, indent=2)
    print(table)


def parse():
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--load", required=True, help="the generator")
    parser.add_argument("--out", required=True, help="folder for results")
    parser.add_argument("--derper", help="upstream's program")
    parser.add_argument("--other", help="another build of ours")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duration", type=int, default=3)
    parser.add_argument("pattern", nargs="?", default="")
    return parser.parse_args()


def main():
    options = parse()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("bench: two processors are needed, one for the "
                         "server and one for the generator")
    cases = [case for case in CASES if re.search(options.pattern, case.name)]
    if not cases:
        raise SystemExit(f"bench: no case with {options.pattern!r}; there "
                         "are " + " ".join(case.name for case in CASES))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    bench = Bench(options, cores[:2])
    try:
        bench.run(cases)
        report(bench, cases)
    finally:
        bench.close()


if __name__ == "__main__":
    main()
