"""derp.sources: mistakes are found at the start, at -t and at a reload.

SPDX-License-Identifier: BSD-2-Clause
"""

import pytest
import yaml

from kit.daemon import run

WRONG = {
    "ftp://e.com/d.json": 'scheme: "ftp" is not supported',
    "example.com/derp.json": "scheme: is missing, did you mean https://",
    "git::https://e.com/r.git": "path: names no file, add //path/to/file",
    "git::https://e.com/r.git//d.json?ref=--help":
        "ref: must not begin with '-'",
    "s3::https://s3.amazonaws.com/bucket":
        "path: S3 needs a bucket and an object",
    "file://etc/x.json": "host: a file has none, write three slashes",
    "hg::https://e.com/r//d.json": 'getter: "hg" is not supported',
}

RIGHT = [
    "https://controlplane.tailscale.com/derpmap/default",
    "git::https://github.com/user/repo//path/to/file.json?ref=v1",
    "git@github.com:user/repo.git//d.json",
    "s3::https://bucket.s3.eu-west-1.amazonaws.com/d.json",
    "gcs::https://www.googleapis.com/storage/v1/bucket/derpmap.json",
    "/etc/ionscale/custom.json",
    {"url": "https://e.com/maps.tar.gz//prod/derp.json", "name": "mine"},
]


@pytest.fixture(name="check")
def _check(tmp_path):
    def check(sources):
        path = tmp_path / "conf.yaml"
        path.write_text(yaml.safe_dump({
            "listen_addr": "127.0.0.1:0", "stun_listen_addr": "127.0.0.1:0",
            "metrics_listen_addr": "127.0.0.1:0",
            "state_dir": str(tmp_path / "state"),
            "derp": {"sources": sources}}, width=1000), encoding="utf-8")
        return str(path), run(["server", "-t", "-c", str(path)])
    return check


def test_right_sources_pass_with_a_warning(check):
    path, done = check(RIGHT)
    assert done.returncode == 0, done.stderr
    assert f"{path}:2:3: derp.sources: not served by this version" in (
        done.stderr)
    assert "Error" not in done.stderr


@pytest.mark.parametrize("source", WRONG)
def test_a_wrong_source_is_an_error_with_its_place(check, source):
    path, done = check(["https://e.com/d.json", source])
    assert done.returncode == 1
    assert f"{path}:4:5: derp.sources: {WRONG[source]}" in done.stderr


def test_all_mistakes_at_once_and_no_secret(check):
    _, done = check(["https://SECRET@e.com:0/d", "x.json",
                     "git::https://SECRET@e.com/r"])
    assert done.returncode == 1
    assert done.stderr.count("derp.sources: ") == 4  # and the warning
    assert "SECRET" not in done.stderr + done.stdout


def test_a_reload_with_a_wrong_source_is_refused(server):
    one = server()
    with open(one.conf_path, encoding="utf-8") as old:
        text = old.read()
    conf = yaml.safe_load(text)
    conf.setdefault("derp", {})["sources"] = ["ftp://e.com/d.json"]
    with open(one.conf_path, "w", encoding="utf-8") as new:
        new.write(yaml.safe_dump(conf))
    done = one.cli("reload")
    assert done.returncode == 1
    assert 'scheme: "ftp" is not supported' in done.stderr
    with open(one.conf_path, "w", encoding="utf-8") as new:
        new.write(text)
    assert one.cli("reload").returncode == 0
