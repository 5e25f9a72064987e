"""Log lines: text and JSON, to stderr or a file, reopened.

SPDX-License-Identifier: BSD-2-Clause
"""

import json
import os
import re
import signal

import pytest

from kit.clock import wait_until

LINE = re.compile(
    r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
    r"(alert|err|warn|notice|info|debug) \d+/(master|keeper|worker\d+) .")


def lines(text):
    return [line for line in text.splitlines() if line]


def test_text_to_stderr(server):
    one = server()
    one.client().fence()
    assert one.stop() == 0
    for line in lines(one.log()):
        assert LINE.match(line), line
    assert os.path.getsize(one.path("stdout")) == 0


def test_json_to_stderr(server):
    one = server({"logging": {"format": "json", "level": "debug"}})
    one.client().fence()
    assert one.stop() == 0
    found = [json.loads(line) for line in lines(one.log())]
    assert found
    for entry in found:
        assert {"ts", "level", "msg", "pid", "process"} <= set(entry), entry


@pytest.mark.parametrize("how", ["signal", "command"])
def test_file_and_reopen(server, how):
    """After a reopen every process writes to the new file only."""
    one = server({"logging": {"file": None, "level": "debug"}})
    one.write_conf({"logging": {"file": one.path("own.log")}})
    assert one.reload().returncode == 0
    one.take_baseline()
    one.client().fence()
    wait_until(lambda: "worker" in open(one.path("own.log")).read())
    os.rename(one.path("own.log"), one.path("old.log"))
    if how == "signal":
        one.process.send_signal(signal.SIGUSR1)
    else:
        assert one.cli("reopen").returncode == 0
    wait_until(lambda: os.path.exists(one.path("own.log")))
    settled = os.path.getsize(one.path("old.log"))

    def all_write():
        one.client().fence()
        return "worker" in open(one.path("own.log")).read()
    wait_until(all_write)
    assert os.stat(one.path("own.log")).st_mode & 0o777 == 0o640
    for line in lines(open(one.path("own.log")).read()):
        assert LINE.match(line), line
    # The old file may still have got lines of the moment of change.
    settled = os.path.getsize(one.path("old.log"))
    for _ in range(5):
        one.client().fence()
    assert os.path.getsize(one.path("old.log")) == settled


def test_file_from_the_start(daemons):
    one = daemons()
    one.conf["logging"] = {"file": one.path("own.log")}
    one.start()
    assert "master" in open(one.path("own.log")).read()
    assert one.stop() == 0
    assert LINE.match(lines(open(one.path("own.log")).read())[-1])


def test_unwritable_file_is_refused_at_start_and_reload(server, daemons):
    one = daemons({"logging": {"file": "/absent/dir/x.log"}})
    assert "/absent/dir/x.log" in one.refused()
    one = server()
    one.write_conf({"logging": {"file": "/absent/dir/x.log"}})
    done = one.reload()
    assert done.returncode == 1
    assert "/absent/dir/x.log" in done.stdout + done.stderr


def test_level_changes_at_reload(server):
    one = server({"logging": {"level": "err"}})
    one.client().fence()
    assert "worker" not in one.log()
    one.reconfigure({"logging": {"level": "debug"}})
    one.client().fence()
    one.wait_log(r"worker\d")


def test_peers_cannot_flood_the_log(server):
    """500 broken logins make a bounded number of lines."""
    one = server()
    for _ in range(500):
        client = one.connect(tls=None)
        client.upgrade()
        client.stream.send(b"\x02\0\0\0\1x")
        client.close()
    one.client().fence()
    warned = [line for line in lines(one.log())
              if re.search(r"Z (warn|err) ", line)]
    assert len(warned) < 300


def test_log_lines_hold_no_keys_and_no_control_bytes(server):
    one = server({"logging": {"level": "debug"}})
    client = one.client()
    client.fence()
    http = one.http(None)
    try:
        http.stream.send(b"GET /\x1b[31mred HTTP/1.1\r\n\r\n")
    except Exception:
        pass
    http.expect_closed()
    client.close()
    assert one.stop() == 0
    assert client.public.hex() not in one.log()
    assert "\x1b" not in one.log()
