"""Fixtures of the system tests.

SPDX-License-Identifier: BSD-2-Clause
"""

import os

import pytest

from kit import daemon
from kit.netns import Netns
from kit.placement import CROSS, SAME


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Let the fixtures know whether the test itself passed."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.call_failed = report.failed
        if report.failed and getattr(item, "daemons", None):
            for one in item.daemons:
                report.sections.append(("daemon log", one.log()[-20000:]))


@pytest.fixture
def daemons(request):
    """Make daemons that are held to leave nothing behind."""
    made = []
    request.node.daemons = made

    def make(conf=None, **options):
        one = daemon.Daemon(conf, **options)
        made.append(one)
        return one

    yield make
    failed = getattr(request.node, "call_failed", True)
    problems = []
    for one in reversed(made):
        try:
            one.finish(failed)
        except AssertionError as error:
            problems.append(str(error))
    assert not problems, "\n".join(problems)


@pytest.fixture
def server(daemons):
    """server(conf=..., workers=...): a started daemon."""

    def start(conf=None, **options):
        return daemons(conf, **options).start()

    return start


@pytest.fixture
def netns():
    """Make network namespaces, gone after the test; needs root."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    made = []

    def make():
        made.append(Netns())
        return made[-1]

    yield make
    for one in made:
        one.delete()


def pytest_collection_modifyitems(items):
    """What waits for minutes begins first; the rest runs beside it."""
    items.sort(key=lambda item: item.get_closest_marker(
        "xdist_group") is None)


def pytest_generate_tests(metafunc):
    """Every pair case runs on one worker, and across where there are."""
    if "placement" in metafunc.fixturenames:
        wanted = [SAME]
        if daemon.default_workers() >= 3:
            wanted.append(CROSS)
        metafunc.parametrize("placement", wanted)
