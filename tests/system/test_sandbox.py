"""The sandbox: what holds in the processes of a running daemon.

SPDX-License-Identifier: BSD-2-Clause

Every call that a policy has an opinion on is tried by the unit test of the
policies; here a few are made by the daemon's own processes. Builds with
sanitizers or coverage counters only note what they would forbid.
"""

import ctypes
import errno
import os
import platform
import struct

import pytest

from kit import inject, proc
from kit.clock import wait_until
from kit.daemon import NOTED, _no_core

traced = pytest.mark.skipif(
    os.geteuid() != 0 or platform.machine() != "x86_64",
    reason="needs root and x86-64")

CONNECT, EXECVE, OPENAT, SOCKET = 42, 59, 257, 41
LANDLOCK_CREATE_RULESET, SECCOMP = 444, 317
WORD = "log" if NOTED else "full"


def children(one):
    return [item for item in one.processes() if item["role"] != "master"]


def lacking(*calls):
    """A kernel without some system calls, for the daemon to be."""
    def step(code, yes, no, value):
        return struct.pack("=HBBI", code, yes, no, value)
    program = step(0x20, 0, 0, 0)  # the number
    for number in calls:
        program += step(0x15, 0, 1, number)
        program += step(0x06, 0, 0, 0x00050000 | errno.ENOSYS)
    program += step(0x06, 0, 0, 0x7fff0000)
    text = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("@HP", len(program) // 8, ctypes.addressof(text))

    def before_exec():
        _no_core()
        assert text
        assert proc.LIBC.prctl(38, 1, 0, 0, 0) == 0  # no new privileges
        assert proc.LIBC.prctl(22, 2, head) == 0  # seccomp filter
    return before_exec


def test_sandbox_is_on_by_default(server):
    one = server()
    for item in children(one):
        status = proc.status(item["pid"])
        assert status["Seccomp"] == "2", item["role"]
        assert status["NoNewPrivs"] == "1", item["role"]
        assert item["sandbox"] == WORD
    assert one.processes("master")[0]["sandbox"] == "none"
    assert proc.status(one.process.pid)["Seccomp"] == "0"
    assert "sandbox" not in one.log()
    table = one.cli("status").stdout
    assert "SANDBOX" in table and WORD in table


def test_sandbox_off(server):
    one = server({"sandbox": "off"})
    for item in children(one):
        assert proc.status(item["pid"])["Seccomp"] == "0"
        assert item["sandbox"] == "none"
    a, b = one.client(), one.client()
    a.roundtrip(b)


def test_sandbox_survives_a_respawn(server):
    one = server()
    pid = one.pid("worker")
    one.allow(rf"\(pid {pid}\)")
    proc.kill(pid)

    def there():
        found = [item for item in one.processes("worker")
                 if item["index"] == 0 and item["state"] == "live"]
        return found and found[0]["pid"] != pid and found[0]
    assert wait_until(there, what="a new worker")["sandbox"] == WORD


@traced
@pytest.mark.parametrize("role", ["worker", "keeper"])
def test_no_file_can_be_opened(server, role):
    """Refused before the path is looked at; the process goes on."""
    one = server()
    got = inject.system_call(one.pid(role), OPENAT, -100, 0, os.O_RDONLY)
    assert got == -(errno.EFAULT if NOTED else errno.EACCES)
    a, b = one.client(), one.client()
    a.roundtrip(b)


@traced
@pytest.mark.parametrize("role", ["worker", "keeper"])
@pytest.mark.parametrize("number, arguments, harmless", [
    (EXECVE, (0, 0, 0), errno.EFAULT),
    (CONNECT, (-1, 0, 0), errno.EBADF),
    (SOCKET, (2, 99, 0), errno.EINVAL),
    (SOCKET, (10, 99, 0), errno.EINVAL),
], ids=["exec", "connect", "socket-ipv4", "socket-ipv6"])
def test_forbidden_call_ends_the_process(server, role, number, arguments,
                                         harmless):
    """The master says who asked for what, and fills the seat again."""
    one = server()
    pid = one.pid(role)
    got = inject.system_call(pid, number, *arguments)
    if NOTED:
        assert got == -harmless
        return
    assert got is None
    one.allow(rf"\(pid {pid}\)")
    one.wait_log(rf"alert .*{role} 0 \(pid {pid}\) killed by signal 31 ")
    one.wait_log(rf"black box of {role} 0 \(pid {pid}\): signal 31 SIGSYS: "
                 rf"system call {number} is forbidden here")
    one.wait_log(rf"{role} 0 is up \(pid (?!{pid}\b)\d+")
    a, b = one.client(), one.client()
    a.roundtrip(b)


@traced
@pytest.mark.parametrize("number, arguments, harmless", [
    (EXECVE, (0, 0, 0), errno.EFAULT),
    (CONNECT, (-1, 0, 0), errno.EBADF),
    (OPENAT, (-100, 0, 0), errno.EFAULT),
], ids=["exec", "connect", "open"])
def test_off_forbids_nothing(server, number, arguments, harmless):
    """So it was the sandbox that did."""
    one = server({"sandbox": "off"})
    assert inject.system_call(
        one.pid("worker"), number, *arguments) == -harmless


@pytest.mark.parametrize("calls, words, left", [
    ([LANDLOCK_CREATE_RULESET], "landlock: Function not implemented",
     "seccomp"),
    ([SECCOMP], "seccomp: Function not implemented", "landlock"),
    ([LANDLOCK_CREATE_RULESET, SECCOMP],
     "landlock: Function not implemented; seccomp: Function not implemented",
     "none"),
], ids=["landlock", "seccomp", "both"])
def test_a_kernel_that_lacks_something(daemons, calls, words, left):
    one = daemons()
    one.before_exec = lacking(*calls)
    one.start()
    line = f"the sandbox is incomplete, this kernel does not offer {words}\n"
    assert one.log().count(line) == one.log().count("sandbox") == 1
    for item in children(one):
        assert item["sandbox"] == ("log" if NOTED else left)
    a, b = one.client(), one.client()
    a.roundtrip(b)


@pytest.mark.parametrize("call, words", [
    (LANDLOCK_CREATE_RULESET, "landlock"), (SECCOMP, "seccomp")])
def test_required_refuses_such_a_kernel(daemons, call, words):
    one = daemons({"sandbox": "required"})
    one.before_exec = lacking(call)
    assert ("sandbox: required, but this kernel does not offer "
            f"{words}: Function not implemented\n") in one.refused()
