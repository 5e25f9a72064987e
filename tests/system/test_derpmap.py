"""derpmap lint, diff and convert: files, pipes, exit codes, both forms.

SPDX-License-Identifier: BSD-2-Clause
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess

import pytest
import yaml

from kit import daemon
from kit.daemon import clean_env, run

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors" / "derpmaps"
MAPS = sorted(path for path in VECTORS.iterdir()
              if path.suffix in (".json", ".yaml"))

GOOD = """{
  // a comment
  "Regions": {
    "900": {
      "RegionID": 900, "RegionCode": "own", "RegionName": "Own",
      "Nodes": [
        {"Name": "900a", "RegionID": 900, "HostName": "derp.example.com"},
        {"Name": "900b", "HostName": "derp2.example.com", "DERPPort": 8443,},
      ],
    },
  },
}
"""


@pytest.fixture(name="write")
def _write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)
    return write


def feed(args, text):
    return subprocess.run(
        [daemon.BINARY, *args], env=clean_env(), input=text, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
        check=False)


def lint(*paths):
    done = run(["derpmap", "lint", "--json", *paths])
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_every_real_map_is_linted():
    status, got = lint(*map(str, MAPS))
    assert status == 1  # one of them has no regions at all
    assert len(got) == len(MAPS) == 21
    assert [pathlib.Path(item["file"]).name for item in got
            if not item["ok"]] == ["kunish-null-regions.yaml"]
    for item in got:
        kind = "yaml" if item["file"].endswith(".yaml") else "hujson"
        assert item["syntax"] == kind
        assert item["warnings"] == sum(
            note["level"] == "warning" for note in item["notes"])


@pytest.mark.parametrize("path", MAPS, ids=lambda path: path.stem)
def test_convert_keeps_the_map(path, tmp_path):
    """To YAML and back to JSON: the same bytes, and nothing to complain of
    but what was there before."""
    done = run(["derpmap", "convert", "--json", str(path)])
    if path.name == "kunish-null-regions.yaml":
        assert done.returncode == 1 and done.stdout == ""
        assert "must be an object, got null" in done.stderr
        return
    assert done.returncode == 0
    as_yaml = run(["derpmap", "convert", str(path)])
    assert as_yaml.returncode == 0
    copy = tmp_path / "copy.yaml"
    copy.write_text(as_yaml.stdout, encoding="utf-8")
    again = run(["derpmap", "convert", "--json", str(copy)])
    assert (again.returncode, again.stdout) == (0, done.stdout)
    other = run(["derpmap", "diff", str(path), str(copy)])
    assert (other.returncode, other.stdout) == (0, "no difference\n")

    # A reader that knows only YAML sees the same regions.
    regions = yaml.safe_load(as_yaml.stdout)["regions"]
    assert ({str(key) for key in regions}
            == set(json.loads(done.stdout)["Regions"]))


def test_sha256_is_of_the_canonical_bytes(write):
    path = write("map.json", GOOD)
    _, (item,) = lint(path)
    canonical = (
        '{"Regions":{"900":{"RegionID":900,"RegionCode":"own",'
        '"RegionName":"Own","Nodes":[{"Name":"900a","RegionID":900,'
        '"HostName":"derp.example.com"},{"Name":"900b","RegionID":900,'
        '"HostName":"derp2.example.com","DERPPort":8443}]}}}')
    assert item["sha256"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert (item["regions"], item["nodes"], item["removals"]) == (1, 2, 0)


def test_lint_says_where_what_and_what_would_be_right(write):
    path = write("bad.json", GOOD.replace("8443", "84430"))
    done = run(["derpmap", "lint", path])
    assert done.returncode == 1 and done.stderr == ""
    first = done.stdout.splitlines()[0]
    assert first == (
        f"{path}:8:71: region dropped: Regions.900.Nodes[1].DERPPort: "
        "84430 is out of range, want 0 to 65535 (0 = 443)")
    assert done.stdout.splitlines()[-1].startswith(f"{path}: not ok, ")


def test_lint_of_a_good_file(write):
    path = write("map.json", GOOD)
    done = run(["derpmap", "lint", path])
    assert done.returncode == 0
    assert re.fullmatch(
        re.escape(path) + r": ok, 1 region, 2 nodes, sha256 [0-9a-f]{64}\n",
        done.stdout)


def test_what_cannot_be_read_is_an_error(write, tmp_path):
    good = write("map.json", GOOD)
    done = run(["derpmap", "lint", str(tmp_path / "none"), str(tmp_path),
                good])
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == f"{tmp_path}/none: error: No such file or directory"
    assert f"{tmp_path}: error: Is a directory" in lines
    assert lines[-1].startswith(f"{good}: ok")
    for command in (["diff", good], ["convert"]):
        done = run(["derpmap", *command, str(tmp_path / "none")])
        assert done.returncode == 1 and done.stdout == ""
        assert "No such file or directory" in done.stderr


def test_standard_input(write):
    done = feed(["derpmap", "lint", "-"], GOOD)
    assert done.returncode == 0
    assert done.stdout.startswith("stdin: ok, 1 region")
    done = feed(["derpmap", "convert", "-"], GOOD)
    assert yaml.safe_load(done.stdout)["regions"][900]["regioncode"] == "own"
    done = feed(["derpmap", "diff", write("map.json", GOOD), "-"], GOOD)
    assert done.stdout == "no difference\n"


def test_lines_of_a_hostile_file_stay_lines(write):
    path = write("evil.json", json.dumps({
        "\x1b[31m\nError: x": 1, "Regions": {"1": {
            "RegionCode": "c", "Nodes": [{"HostName": "a\x1b[2J\n"}]}}}))
    done = run(["derpmap", "lint", path])
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert all(line.startswith(path) for line in done.stdout.splitlines())


def test_too_large(tmp_path):
    path = tmp_path / "large.json"
    with open(path, "wb") as out:
        out.truncate(64 << 20)
    _, (item,) = lint(str(path))
    assert [note["message"] for note in item["notes"]] == [
        "the document is larger than 4194304 bytes"]


BEFORE = """
regions:
  1: {regioncode: a, nodes: [{name: 1a, hostname: h}]}
  2: {regioncode: b, nodes: [{name: 2a, hostname: h}, {name: 2b, hostname: h}]}
  3: {regioncode: c, nodes: [{name: 3a, hostname: h}]}
"""

AFTER = """
homeparams: {regionscore: {1: 0.5}}
regions:
  1: {regioncode: a, nodes: [{name: 1a, hostname: h}]}
  2: {regioncode: b, nodes: [{name: 2b, hostname: h},
                             {name: 2a, hostname: h, derpport: 8443}]}
  4: {regioncode: d, nodes: [{name: 4a, hostname: h}]}
"""


def test_diff(write):
    before = write("before.yaml", BEFORE)
    after = write("after.yaml", AFTER)
    done = run(["derpmap", "diff", before, after])
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout == (
        'region 2: changed\n'
        '    Nodes[2a].DERPPort: 0 -> 8443\n'
        '    Nodes: ["2a","2b"] -> ["2b","2a"]\n'
        'region 3: removed\n'
        'region 4: added\n'
        'HomeParams.RegionScore.1: not set -> 0.5\n'
        'regions: 1 added, 1 removed, 1 changed; '
        'clients reconnect that are connected to regions 2, 3\n')
    got = json.loads(run(["derpmap", "diff", "--json", before, after]).stdout)
    assert got["different"] is True
    assert (got["added"], got["removed"], got["changed"], got["reconnect"]
            ) == ([4], [3], [2], [2, 3])
    assert got["changes"][1] == {
        "change": "changed", "region": 2, "field": "Nodes[2a].DERPPort",
        "before": 0, "after": 8443}
    assert got["changes"][-1] == {
        "change": "added", "field": "HomeParams.RegionScore.1", "after": 0.5}


def test_diff_sees_meaning_not_writing(write):
    """Order of regions and keys, comments, syntax: nobody reconnects."""
    one = write("one.json", GOOD)
    two = write("two.yaml", """
# the same
regions:
  "900":
    nodes:
    - {hostname: derp.example.com, name: 900a}
    - {derpport: 8443, hostname: derp2.example.com, name: 900b}
    regionname: Own
    regioncode: own
""")
    done = run(["derpmap", "diff", one, two])
    assert (done.returncode, done.stdout) == (0, "no difference\n")
    got = json.loads(run(["derpmap", "diff", "--json", one, two]).stdout)
    assert got["different"] is False and got["changes"] == []


def test_diff_of_a_score_reconnects_nobody(write):
    done = run(["derpmap", "diff",
                write("one.yaml", "regions: {1: null}"),
                write("two.yaml", "regions: {1: null}\n"
                                  "homeparams: {regionscore: {1: 2}}")])
    assert done.stdout.endswith("; no client reconnects\n")


def test_a_map_with_a_fault_is_not_converted(write):
    path = write("bad.json", GOOD.replace("8443", "-1"))
    done = run(["derpmap", "convert", path])
    assert done.returncode == 1 and done.stdout == ""
    assert "Nodes[1].DERPPort: -1 is out of range" in done.stderr
    done = run(["derpmap", "diff", path, path])
    assert done.returncode == 1 and done.stdout == ""


def test_convert_says_what_it_leaves_out(write):
    path = write("map.json", GOOD.replace('"DERPPort"', '"DERPPrt"'))
    done = run(["derpmap", "convert", path])
    assert done.returncode == 0
    assert 'unknown field "DERPPrt" is left out, did you mean DERPPort?' in (
        done.stderr)


@pytest.mark.parametrize("args", [
    ["lint"], ["diff"], ["diff", "a"], ["diff", "a", "b", "c"],
    ["convert"], ["convert", "a", "b"], ["lint", "--nonsense", "a"],
    ["diff", "--json=maybe", "a", "b"]])
def test_a_wrong_call_is_2(args):
    done = run(["derpmap", *args])
    assert done.returncode == 2
    assert done.stdout == "" and done.stderr.startswith("Error: ")


@pytest.mark.parametrize("command", ["lint", "diff", "convert"])
def test_help(command):
    done = run(["derpmap", command, "--help"])
    assert done.returncode == 0
    assert f"Usage: ionscale derpmap {command} FILE... [flags]" in done.stdout
    assert "--json" in done.stdout and "--socket" not in done.stdout


def test_our_own_map_is_clean(server):
    one = server({"public_addr": "derp.example.com:443",
                  "stun_public_addr": "derp.example.com:3478"})
    printed = one.cli("system", "get-derp-map")
    done = feed(["derpmap", "lint", "-"], printed.stdout)
    assert done.returncode == 0
    assert "ids from 1000 on are reserved" in done.stdout
    assert ", 1 warning, " in done.stdout.splitlines()[-1]
    asked = one.cli("system", "get-derp-map", "--json")
    again = feed(["derpmap", "convert", "--json", "-"], asked.stdout)
    assert again.stdout == asked.stdout


def test_no_output_to_a_full_disk(write):
    path = write("map.json", GOOD)
    with open("/dev/full", "w", encoding="utf-8") as full:
        for command in (["lint", path], ["convert", path],
                        ["diff", path, path]):
            done = subprocess.run(
                [daemon.BINARY, "derpmap", *command], env=clean_env(),
                stdin=subprocess.DEVNULL, stdout=full,
                stderr=subprocess.PIPE, text=True, timeout=60, check=False)
            assert done.returncode == 1, command
            assert done.stderr.startswith("Error: "), command


def test_completion_offers_files(tmp_path):
    (tmp_path / "one.json").write_text("{}", encoding="utf-8")
    script = ROOT / "contrib" / "completion" / "ionscale.bash"
    ask = (f"source {script}; cd {tmp_path}; "
           f"COMP_WORDS=({daemon.BINARY} derpmap lint o); COMP_CWORD=3; "
           "_ionscale; echo ${COMPREPLY[@]}; "
           f"COMP_WORDS=({daemon.BINARY} derpmap l); COMP_CWORD=2; "
           "_ionscale; echo ${COMPREPLY[@]}")
    done = subprocess.run(
        ["/bin/bash", "-c", ask], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        env={**clean_env(), "PATH": os.environ["PATH"]})
    assert done.stdout == "one.json\nlint\n", done.stderr
