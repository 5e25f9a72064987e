"""What stands in contrib/ fits what the daemon exports.

SPDX-License-Identifier: BSD-2-Clause
"""

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from kit.daemon import ROOT

GRAFANA = os.path.join(ROOT, "contrib", "grafana", "ionscale.json")
RULES = os.path.join(ROOT, "contrib", "prometheus", "ionscale.rules.yml")
UNIT = os.path.join(ROOT, "contrib", "systemd", "ionscale.service")

# Words of the query language that are not metrics.
WORDS = {"by", "and", "or", "unless", "on", "without", "bool", "offset"}
# What the scraper adds: its own metric, and its labels.
SCRAPER = {"up"}
SCRAPER_LABELS = {"job", "instance"}


def exported(one):
    """name -> label names, of everything that a scrape shows."""
    got = one.http(None, one.metrics_addr).get("/metrics")
    found = {}
    for line in got.body.decode().splitlines():
        if line.startswith("#"):
            continue
        name, _, labels = line.rpartition(" ")[0].partition("{")
        found.setdefault(name, set()).update(
            re.findall(r'([a-z_]+)="', labels))
    return found


def metrics_of(expr):
    """The metrics of a query, each with the labels that it selects by."""
    found = {}
    expr = re.sub(r"\bby \([a-z_, ]*\)", " ", expr)
    expr = re.sub(r"\[[^]]*\]", " ", expr)
    for name, labels in re.findall(
            r"\b([a-z_][a-z0-9_]*)\b(?![\s]*\()(\{[^}]*\})?", expr):
        if name not in WORDS:
            found.setdefault(name, set()).update(
                re.findall(r'([a-z_]+)[=!]', labels))
        expr = expr.replace(labels, " ") if labels else expr
    return {name: labels for name, labels in found.items()
            if not re.search(r'["$]' + name + r"\b", expr)}


def check(expr, known, where):
    metrics = metrics_of(expr)
    assert metrics, f"{where}: no metric in {expr}"
    for name, labels in metrics.items():
        if name in SCRAPER:
            continue
        assert name in known, f"{where}: {name} is not exported"
        wrong = labels - known[name] - SCRAPER_LABELS
        assert not wrong, f"{where}: {name} has no labels {wrong}"
    grouped = re.findall(r"\bby \(([a-z_, ]*)\)", expr)
    for label in re.split(r"[, ]+", " ".join(grouped).strip()):
        assert not label or label in SCRAPER_LABELS.union(
            *(known.get(name, set()) for name in metrics)), (
            f"{where}: by {label}")
    return metrics


def dashboard_targets():
    with open(GRAFANA) as file:
        board = json.load(file)
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target["legendFormat"]
    for note in board["annotations"]["list"]:
        yield note["name"], note["expr"], ""


def test_the_reader_of_queries():
    """It finds what it has to find, or the rest proves nothing."""
    assert metrics_of('sum by (a) (rate(x_y{b="c",d=~"e|f"}[5m])) > 0.1'
                      ' and z / 5e8 > 2') == {
        "x_y": {"b", "d"}, "z": set()}
    with pytest.raises(AssertionError, match="not exported"):
        check("rate(derp_packets_sentt[5m])", {"derp_packets_sent": set()},
              "x")
    with pytest.raises(AssertionError, match="no labels"):
        check('derp_x{why="1"}', {"derp_x": {"reason"}}, "x")
    with pytest.raises(AssertionError, match="by why"):
        check("sum by (why) (derp_x)", {"derp_x": {"reason"}}, "x")


def test_dashboard(server):
    known = exported(server())
    seen = set()
    for title, expr, legend in dashboard_targets():
        metrics = check(expr, known, title)
        seen |= set(metrics)
        for label in re.findall(r"\{\{(\w+)\}\}", legend):
            assert label in SCRAPER_LABELS.union(
                *(known[name] for name in metrics)), (title, label)
    # What an operator looks for first is there.
    assert {"derp_current_connections", "derp_packets_dropped",
            "ionscale_process_open_fds", "ionscale_logins",
            "ionscale_worker_deaths"} <= seen


def test_dashboard_panels():
    with open(GRAFANA) as file:
        board = json.load(file)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    places = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in places, panel["title"]
                places.add((x, y))


def test_alert_rules(server):
    known = exported(server())
    with open(RULES) as file:
        groups = yaml.safe_load(file)["groups"]
    names = []
    for rule in groups[0]["rules"]:
        names.append(rule["alert"])
        metrics = check(rule["expr"], known, rule["alert"])
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
        text = " ".join(rule["annotations"].values())
        for label in re.findall(r"\$labels\.(\w+)", text):
            assert label in SCRAPER_LABELS.union(
                *(known.get(name, set()) for name in metrics)), (
                rule["alert"], label)
    assert len(set(names)) == len(names) > 5


@pytest.mark.skipif(not shutil.which("systemd-analyze"),
                    reason="needs systemd-analyze")
def test_unit_file(tmp_path):
    """systemd finds nothing wrong with the unit."""
    with open(UNIT) as file:
        text = file.read()
    text = re.sub(r"^(Exec\w+=)\S+", r"\1/bin/true", text, flags=re.M)
    copy = tmp_path / "ionscale.service"
    copy.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ours = [line for line in done.stdout.splitlines()
            if "ionscale" in line]
    assert not ours, "\n".join(ours)


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_revision_of_the_sources(tmp_path):
    """Of a clone, and of nothing else."""
    file = tmp_path / "revision.c"

    def revision(tree):
        subprocess.run([os.path.join(ROOT, "auto", "revision"), str(tree),
                        str(file)], check=True)
        return re.search(r'ion_revision\[\] = "(.*)";', file.read_text())[1]

    def git(*args):
        subprocess.run(
            ["git", "-C", str(tree), "-c", "user.name=x", "-c",
             "user.email=x@example.com", *args], check=True,
            stdout=subprocess.DEVNULL)
    tree = tmp_path / "tree"
    inner = tree / "inner"
    inner.mkdir(parents=True)
    (tree / "a.c").write_text("int a;\n")
    assert revision(tree) == ""
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    clean = revision(tree)
    assert re.fullmatch("[0-9a-f]{12}", clean)
    before = file.stat().st_mtime_ns
    assert revision(tree) == clean
    assert file.stat().st_mtime_ns == before
    (tree / "new.c").write_text("int b;\n")
    assert revision(tree) == clean
    (tree / "a.c").write_text("int c;\n")
    assert revision(tree) == clean + "-dirty"
    # Unpacked inside of somebody's repository.
    assert revision(inner) == ""
