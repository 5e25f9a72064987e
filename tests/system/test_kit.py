"""The tests' own promise: whatever a daemon leaves behind is noticed.

SPDX-License-Identifier: BSD-2-Clause
"""

import pytest

from kit import clock, daemon, placement, proc
from kit.client import Client
from kit.clock import wait_until
from kit.control import Control


@pytest.fixture
def one(monkeypatch):
    """A daemon that a test may spoil; its end is the test's own."""
    made = daemon.Daemon().start()
    yield made, monkeypatch
    made.kill_all()


def found(made, monkeypatch):
    """What finish() complains about, with little patience."""
    monkeypatch.setattr(clock, "LIMIT", 1)
    with pytest.raises(AssertionError) as caught:
        made.finish()
    return str(caught.value)


def test_clean_end_is_silent(one):
    made, _ = one
    made.client().fence()
    made.finish()


def test_alert_is_noticed(one):
    made, monkeypatch = one
    pid = made.pid("worker")
    proc.kill(pid)
    made.wait_log(rf"alert .*{pid}")
    assert "_check_log" in found(made, monkeypatch)


def test_declared_alert_must_come(one):
    made, monkeypatch = one
    made.allow("never said")
    assert "no alert matches" in found(made, monkeypatch)


def test_client_left_is_noticed(one):
    made, monkeypatch = one
    stray = Client(made.addr).login()
    assert "_check_empty" in found(made, monkeypatch)
    stray.close()


def test_descriptor_left_is_noticed(one):
    made, monkeypatch = one
    stray = Control(made.control_path)
    assert stray.ask("status")
    stray2 = Control(made.control_path)
    assert stray2.ask("status")
    assert "_check_descriptors" in found(made, monkeypatch)
    stray.close()
    stray2.close()


def test_exit_code_is_noticed(one):
    made, monkeypatch = one
    made.process.kill()
    made.process.wait()
    wait_until(lambda: not proc.session_members(made.process.pid))
    assert "control.sock left" in found(made, monkeypatch)


def test_placement_is_checked(one):
    made, _ = one
    clients = placement.place(made, placement.SAME)
    if made.workers > 1:
        with pytest.raises(AssertionError):
            placement.check(made, placement.CROSS, clients)
    with pytest.raises(AssertionError):
        with placement.placed(made, placement.SAME) as (a, b):
            home = made.worker_of(a)
            other = placement.place_one(
                made, lambda index: (index != home) == (made.workers > 1))
            other.roundtrip(b)
            assert made.workers > 1, "one worker has no fabric"
    made.finish()
