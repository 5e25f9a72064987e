"""A network namespace of a test's own.

SPDX-License-Identifier: BSD-2-Clause

Inside the with block this thread makes its sockets and processes there. The
namespace has no name and ends with its last holder; named ones need a mount
of their own, which a chroot may not allow.
"""

import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def _check(result, call):
    if result != 0:
        raise OSError(ctypes.get_errno(), call)


def _own():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


class Netns:
    def __init__(self):
        self.homes = []
        home = _own()
        try:
            _check(LIBC.unshare(CLONE_NEWNET), "unshare")
            self.there = _own()
            _check(LIBC.setns(home, CLONE_NEWNET), "setns")
        finally:
            os.close(home)
        self._ip("link", "set", "lo", "up")

    def _ip(self, *args):
        with self:
            subprocess.run(["ip", *args], check=True)

    def add_address(self, address, device="lo", bits=None):
        bits = bits or (128 if ":" in address else 32)
        extra = ["nodad"] if ":" in address else []
        self._ip("address", "add", f"{address}/{bits}", "dev", device, *extra)

    def add_device(self, name):
        """A device that is up and leads nowhere."""
        self._ip("link", "add", name, "type", "veth",
                 "peer", "name", name + "-end")
        for end in (name, name + "-end"):
            self._ip("link", "set", end, "up")

    def add_default_route(self, device):
        self._ip("route", "add", "default", "dev", device)

    def __enter__(self):
        self.homes.append(_own())
        _check(LIBC.setns(self.there, CLONE_NEWNET), "setns")

    def __exit__(self, *_):
        home = self.homes.pop()
        _check(LIBC.setns(home, CLONE_NEWNET), "setns")
        os.close(home)

    def delete(self):
        os.close(self.there)
