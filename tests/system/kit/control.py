"""The control socket, spoken without the daemon's own command line.

SPDX-License-Identifier: BSD-2-Clause
"""

import json
import socket
import struct

from . import clock

REQUEST = 1
REPLY = 2
PART = 3
VERSION = 1
HEAD = struct.Struct("<HHIQ")


class Refused(Exception):
    """The daemon answered with an error; lines holds the details."""

    def __init__(self, reply):
        super().__init__(reply.get("error"))
        self.lines = reply.get("lines", [])


class Control:
    def __init__(self, path, patient=True):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(clock.LIMIT)
        self.req = 0
        if patient:
            clock.wait_until(lambda: self._connect(path),
                             what="room in the control socket's queue")
        else:
            self.sock.connect(path)

    def _connect(self, path):
        try:
            self.sock.connect(path)
            return True
        except BlockingIOError:
            return False

    def send_raw(self, data):
        self.sock.sendall(data)

    def recv_exact(self, size):
        got = b""
        while len(got) < size:
            part = self.sock.recv(size - len(got))
            if not part:
                raise EOFError("control socket closed")
            got += part
        return got

    def ask(self, cmd, **args):
        """Run one command and return its result, or raise Refused."""
        self.req += 1
        body = json.dumps({"cmd": cmd, "args": args}).encode()
        self.send_raw(HEAD.pack(REQUEST, VERSION, len(body), self.req)
                      + body)
        rows = []
        while True:
            kind, version, size, req = HEAD.unpack(
                self.recv_exact(HEAD.size))
            assert (version, req) == (VERSION, self.req)
            reply = json.loads(self.recv_exact(size))
            if kind != PART:
                break
            rows += reply
        assert kind == REPLY
        if not reply["ok"]:
            raise Refused(reply)
        result = reply.get("result")
        return rows + result if rows else result

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
