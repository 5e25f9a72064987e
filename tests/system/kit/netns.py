"""A network namespace of a test's own.

SPDX-License-Identifier: BSD-2-Clause

Inside the with block this thread makes its sockets and processes there.
"""

import ctypes
import os
import subprocess
import uuid

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def _setns(fd):
    if LIBC.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Netns:
    def __init__(self):
        self.name = "ionscale-" + uuid.uuid4().hex[:10]
        self._ip("netns", "add", self.name)
        self._ip("-n", self.name, "link", "set", "lo", "up")

    @staticmethod
    def _ip(*args):
        subprocess.run(["ip", *args], check=True)

    def add_address(self, address, device="lo", bits=None):
        bits = bits or (128 if ":" in address else 32)
        extra = ["nodad"] if ":" in address else []
        self._ip("-n", self.name, "address", "add", f"{address}/{bits}",
                 "dev", device, *extra)

    def add_device(self, name):
        """A device that is up and leads nowhere."""
        self._ip("-n", self.name, "link", "add", name, "type", "veth",
                 "peer", "name", name + "-end")
        for end in (name, name + "-end"):
            self._ip("-n", self.name, "link", "set", end, "up")

    def add_default_route(self, device):
        self._ip("-n", self.name, "route", "add", "default", "dev", device)

    def __enter__(self):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            _setns(there)
        finally:
            os.close(there)

    def __exit__(self, *_):
        _setns(self.home)
        os.close(self.home)

    def delete(self):
        self._ip("netns", "delete", self.name)
