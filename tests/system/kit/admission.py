"""A service that says who may use the relay: well, badly, or not at all.

SPDX-License-Identifier: BSD-2-Clause

Every connection is one thread that reads requests, byte by byte as they
come, and lets `behave` answer: a function (connection, request) that
returns whether the connection goes on. Request bytes are kept as they
came.
"""

import json
import socket
import ssl
import threading

from . import wire


class Request:
    def __init__(self, head, body):
        self.head = head
        self.body = body

    @property
    def line(self):
        return self.head.split(b"\r\n")[0]

    @property
    def headers(self):
        lines = self.head.split(b"\r\n")[1:]
        return {name.strip().lower(): value.strip()
                for name, _, value in
                (line.partition(b":") for line in lines if line)}

    @property
    def key(self):
        return json.loads(self.body)["NodePublic"]

    @property
    def source(self):
        return json.loads(self.body)["Source"]


def response(body, status="200 OK", extra=()):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *extra]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def answer(body, status="200 OK", extra=()):
    """Always the same response."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()

    def behave(conn, _request):
        conn.sendall(response(body, status, extra))
        return True
    return behave


allow = answer({"Allow": True})
deny = answer({"Allow": False})


def by_key(keys):
    """Allow these keys and no others."""
    names = {key.text for key in keys}

    def behave(conn, request):
        say = allow if request.key in names else deny
        return say(conn, request)
    return behave


def raw(data):
    """Send these bytes, whatever they are, and close."""
    def behave(conn, _request):
        conn.sendall(data)
        return False
    return behave


def reset(conn, _request):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    b"\1\0\0\0\0\0\0\0")
    return False


class AdmissionServer:
    """Listens on loopback until close(); `behave` may be changed."""

    def __init__(self, behave=allow, tls=None, path=None):
        self.behave = behave
        self.tls = tls
        self.requests = []
        self.connections = 0
        self.released = threading.Event()  # what hangs goes on
        self.lock = threading.Lock()
        if path is not None:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.bind(path)
        else:
            self.sock = socket.socket()
            self.sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind(("127.0.0.1", 0))
            self.port = self.sock.getsockname()[1]
        self.sock.listen(1024)
        self.open = set()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def url(self, path="/verify", host="127.0.0.1"):
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{host}:{self.port}{path}"

    def hang(self, conn, _request):
        """Say nothing until the test is over or lets it go on."""
        self.released.wait()
        return False

    def drip(self, head, byte):
        """The head at once, then a byte now and then, for ever."""
        def behave(conn, _request):
            conn.sendall(head)
            while not self.released.wait(0.2):
                conn.sendall(byte)
            return False
        return behave

    def pour(self, head):
        """The head, then as many bytes as are taken, up to 1 GiB."""
        block = b" " * 65536

        def behave(conn, _request):
            conn.sendall(head)
            for _ in range(16384):
                if self.released.is_set():
                    break
                conn.sendall(block)
            return False
        return behave

    def _accept(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.add(conn)
            threading.Thread(
                target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, plain):
        conn = plain
        try:
            if self.tls:
                conn = self.tls.wrap_socket(plain, server_side=True)
            data = b""
            while True:
                request, data = self._read(conn, data)
                if request is None:
                    break
                with self.lock:
                    self.requests.append(request)
                if not self.behave(conn, request):
                    break
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            conn.close()
            with self.lock:
                self.open.discard(plain)

    @staticmethod
    def _read(conn, data):
        while b"\r\n\r\n" not in data:
            more = conn.recv(65536)
            if not more:
                return None, b""
            data += more
        head, _, data = data.partition(b"\r\n\r\n")
        request = Request(head, b"")
        length = int(request.headers.get(b"content-length", b"0"))
        while len(data) < length:
            more = conn.recv(65536)
            if not more:
                return None, b""
            data += more
        request.body, data = data[:length], data[length:]
        return request, data

    def close(self):
        self.released.set()
        self.sock.close()
        with self.lock:
            for conn in self.open:
                try:
                    conn.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def try_login(one, key=None, limit=None, **options):
    """Log in as far as the relay lets us: (client, refusal).

    refusal is None for a client that is in, else the text of the health
    frame that it was sent away with, or "" without one.
    """
    client = one.connect(key, **options)
    head = client.upgrade()
    assert head.startswith(b"HTTP/1.1 101 "), head
    client.greet()
    client.stream.send(wire.client_info(client.key, client.server_public))
    return client, outcome(client, limit)


def outcome(client, limit=None):
    """What becomes of a login whose ClientInfo has been sent."""
    from .transport import Closed
    text = ""
    while True:
        try:
            got = client.recv(limit)
        except Closed:
            return text
        if got.type == wire.SERVER_INFO:
            return None
        assert got.type == wire.HEALTH, got
        text = got.payload.decode()
