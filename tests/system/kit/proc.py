"""What /proc says about the daemon's processes.

SPDX-License-Identifier: BSD-2-Clause
"""

import os
import signal


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


def status(pid):
    """/proc/PID/status as a dictionary."""
    with open(f"/proc/{pid}/status") as lines:
        return {key: value.strip() for key, value in
                (line.rstrip("\n").split(":", 1) for line in lines)}


def kill(pid, number=signal.SIGKILL):
    os.kill(pid, number)
