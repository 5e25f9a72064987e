"""HTTP/1.1 spoken by hand: what is sent is what the test says.

SPDX-License-Identifier: BSD-2-Clause
"""

import collections

from . import transport

Response = collections.namedtuple(
    "Response", "status reason headers body head")


class Headers:
    """Response headers in order; [] finds the first, any case."""

    def __init__(self, lines):
        self.items = [tuple(part.strip() for part in line.split(":", 1))
                      for line in lines]

    def __getitem__(self, name):
        return self.all(name)[0]

    def __contains__(self, name):
        return bool(self.all(name))

    def get(self, name, default=None):
        return (self.all(name) or [default])[0]

    def all(self, name):
        return [value for key, value in self.items
                if key.lower() == name.lower()]


class Http:
    """One connection; requests are raw bytes or made by get()."""

    def __init__(self, addr, tls="1.3", **options):
        self.stream = transport.connect(addr, tls, **options)
        self.buf = bytearray()

    def ask(self, raw, head_only=False):
        """Send raw bytes and read one response."""
        self.stream.send(raw)
        return self.response(head_only)

    def get(self, path, method="GET", headers=(), host="derp.test",
            body=b""):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        raw = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
        return self.ask(raw, head_only=method == "HEAD")

    def response(self, head_only=False, limit=None):
        while b"\r\n\r\n" not in self.buf:
            self.buf += self.stream.recv(limit)
        end = self.buf.index(b"\r\n\r\n") + 4
        head = bytes(self.buf[:end])
        del self.buf[:end]
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        version, status, reason = (first.split(" ", 2) + [""])[:3]
        assert version in ("HTTP/1.0", "HTTP/1.1"), first
        headers = Headers(lines)
        body = b""
        status = int(status)
        if not head_only and status >= 200 and status not in (204, 304):
            body = self._body(headers)
        return Response(status, reason, headers, body, head)

    def _body(self, headers):
        if "Content-Length" not in headers:
            assert headers.get("Connection", "").lower() == "close"
            rest, _ = self.stream.recv_until_closed()
            return bytes(self.buf) + rest
        size = int(headers["Content-Length"])
        while len(self.buf) < size:
            self.buf += self.stream.recv()
        body = bytes(self.buf[:size])
        del self.buf[:size]
        return body

    def expect_closed(self, limit=None):
        """The daemon ends the connection; returns what it still sent."""
        rest, _ = self.stream.recv_until_closed(limit)
        return bytes(self.buf) + rest

    def close(self):
        self.stream.close()
