"""What /proc says about the daemon's processes.

SPDX-License-Identifier: BSD-2-Clause
"""

import ctypes
import os
import signal
import socket

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_PIDFD_GETFD = 438


def session_members(leader):
    """The processes of a session, zombies left out."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(name))
    return found


def alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def fd_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def max_fds(pid):
    """The soft limit on a process's descriptors."""
    with open(f"/proc/{pid}/limits") as lines:
        return next(int(line.split()[3]) for line in lines
                    if line.startswith("Max open files"))


def status(pid):
    """/proc/PID/status as a dictionary."""
    with open(f"/proc/{pid}/status") as lines:
        return {key: value.strip() for key, value in
                (line.rstrip("\n").split(":", 1) for line in lines)}


def kill(pid, number=signal.SIGKILL):
    os.kill(pid, number)


def borrow_socket(pid, fd):
    """Another process's socket, as ours; needs the right to trace it."""
    pidfd = os.pidfd_open(pid)
    try:
        got = LIBC.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0)
    finally:
        os.close(pidfd)
    if got < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return socket.socket(fileno=got)
