"""The servers under load: ionscale, and upstream's derper as reference.

SPDX-License-Identifier: BSD-2-Clause

Each runs in a network namespace of its own and on one processor. A server
is started anew for every measurement, so that none inherits a heap.
"""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))

from kit import daemon, proc  # noqa: E402
from kit.clock import wait_until  # noqa: E402

ADDRESS = "127.0.0.1"
TLS_PORT = 8443
HTTP_PORT = 8080
STUN_PORT = 3478


# Server and generator come before whatever else the machine does.
PRIORITY = -10


def pinned(core, *command):
    """A command on one processor, and first there.

    Where the kernel groups processes by session, the group's priority is
    what counts; the command must lead a session of its own.
    """
    own_group = (f"echo {PRIORITY} 2>/dev/null > /proc/self/autogroup; "
                 'exec "$@"')
    return ["sh", "-c", own_group, "sh", "nice", "-n", str(PRIORITY),
            "taskset", "-c", str(core), *map(str, command)]


class Pinned(daemon.Daemon):
    """Our daemon on one processor."""

    core = 0
    binary = daemon.BINARY

    def command(self):
        return pinned(self.core, self.binary, *super().command()[1:])


class Ionscale:
    name = "ionscale"
    binary = daemon.BINARY

    def __init__(self, core, netns, workers):
        self.daemon = Pinned(
            {"listen_addr": f"{ADDRESS}:{TLS_PORT}",
             "stun_listen_addr": f"{ADDRESS}:{STUN_PORT}"},
            workers=workers, netns=netns)
        self.daemon.core = core
        self.daemon.binary = self.binary

    def __enter__(self):
        self.daemon.start()
        return self

    def __exit__(self, kind, *_):
        self.daemon.finish(failed=kind is not None)

    def pids(self):
        return proc.session_members(self.daemon.process.pid)

    def worker_of(self):
        """The worker of every client, by its key in hex."""
        return {item["key"].partition(":")[2]: item["worker"]
                for item in self.daemon.derp_list()}


class Other(Ionscale):
    """Another build of ours, to compare a change with what was before."""

    name = "other"


class Derper:
    name = "derper"
    binary = None

    def __init__(self, core, netns, workers):
        del workers  # it is one process with threads
        self.core = core
        self.netns = netns
        self.process = None

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="ionscale-bench-")
        self.log = os.path.join(self.dir.name, "log")
        command = pinned(
            self.core, self.binary, "-a", f"{ADDRESS}:{TLS_PORT}",
            "-certmode", "manual", "-certdir", self.dir.name, "-hostname",
            ADDRESS, "-c", os.path.join(self.dir.name, "derper.key"),
            "-http-port", HTTP_PORT, "-stun-port", STUN_PORT)
        env = {key: value for key, value in os.environ.items()
               if not key.startswith("TS_")}
        with open(self.log, "wb") as log, self.netns:
            self.process = subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True)
        try:
            wait_until(self._serves, 20, "derper serves")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _serves(self):
        assert self.process.poll() is None, "derper has ended"
        with open(self.log) as log:
            text = log.read()
        return "serving on" in text

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.dir.cleanup()

    def pids(self):
        return [self.process.pid]


def memory(pids):
    """KiB that the processes hold in all, shared pages counted once."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as lines:
            total += sum(int(line.split()[1]) for line in lines
                         if line.startswith("Pss:"))
    return total
