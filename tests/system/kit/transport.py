"""A byte stream to the daemon: plain TCP or TLS over memory BIOs.

SPDX-License-Identifier: BSD-2-Clause

TLS runs on an SSLObject with its own lock, so that one thread may send
while another receives, and so that a test decides which bytes share a
segment.
"""

import _ssl
import random
import select
import socket
import ssl
import struct
import threading
import time

from . import clock


class Closed(Exception):
    """The peer ended the stream (how says in which way)."""

    def __init__(self, how):
        super().__init__(how)
        self.how = how


class Timeout(Exception):
    """Nothing came before the deadline."""


VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def tls_context(version=None, alpn=None):
    """A client context that takes any certificate."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    if version is not None:
        ctx.minimum_version = ctx.maximum_version = VERSIONS[version]
    if alpn is not None:
        ctx.set_alpn_protocols(alpn)
    return ctx


def free_port(kind):
    """A port of 127.0.0.1 that is free, and that no other test is given
    by chance: it lies below those that the kernel hands out itself."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Plain:
    """A TCP connection. addr is (host, port)."""

    is_tls = False
    version = None

    def __init__(self, addr, source=None, rcvbuf=None):
        family = socket.AF_INET6 if ":" in addr[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if rcvbuf is not None:
            self.sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if source is not None:
            self.sock.bind((source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(clock.LIMIT)
        self.sock.connect(addr)

    @property
    def local(self):
        """Our own ip:port as the daemon shows it."""
        host, port = self.sock.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def send(self, data, limit=None):
        """Send all of data or raise Closed or Timeout."""
        self._send_raw(data, limit)

    def _send_raw(self, data, limit=None):
        end = time.monotonic() + (limit or clock.LIMIT)
        view = memoryview(data)
        while view:
            left = end - time.monotonic()
            if left <= 0:
                raise Timeout("sending stalled")
            if self.sock.fileno() < 0:
                raise Closed("closed by another thread of the test")
            room = select.poll()
            room.register(self.sock, select.POLLOUT)
            if not room.poll(left * 1000):
                raise Timeout("sending stalled")
            try:
                view = view[self.sock.send(view, socket.MSG_DONTWAIT):]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Closed(str(error)) from None

    def recv(self, limit=None):
        """At least one byte, or raise Closed or Timeout."""
        return self._recv_raw(clock.LIMIT if limit is None else limit)

    def _recv_raw(self, limit):
        try:
            self.sock.settimeout(max(limit, 0.000001))
            data = self.sock.recv(262144)
        except (TimeoutError, BlockingIOError):
            raise Timeout("nothing received") from None
        except OSError as error:
            raise Closed(str(error)) from None
        if not data:
            raise Closed("eof")
        return data

    def recv_until_closed(self, limit=None):
        """Everything up to the end of the stream, and how it ended."""
        got = b""
        end = time.monotonic() + (limit or clock.LIMIT)
        while True:
            try:
                got += self.recv(max(end - time.monotonic(), 0.001))
            except Closed as closed:
                return got, closed.how

    def close(self):
        self.sock.close()

    def reset(self):
        """End with a RST, as a crashing client does."""
        self.sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Tls(Plain):
    """TLS over TCP. version pins it; sni None sends none."""

    is_tls = True

    def __init__(self, addr, version=None, sni=None, alpn=None, ctx=None,
                 session=None, **options):
        super().__init__(addr, **options)
        self.lock = threading.Lock()
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.ctx = ctx or tls_context(version, alpn)
        self.tls = self.ctx.wrap_bio(
            self.incoming, self.outgoing, server_hostname=sni,
            session=session)
        try:
            self._handshake()
        except BaseException:
            self.sock.close()
            raise

    def _handshake(self):
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._push()
                self._feed(clock.LIMIT)
            except ssl.SSLError:
                self._push()
                raise
        self._push()
        self.version = {"TLSv1.2": "1.2", "TLSv1.3": "1.3"}[
            self.tls.version()]

    def _push(self):
        with self.lock:
            data = self.outgoing.read()
        if data:
            self._send_raw(data)

    def _feed(self, limit):
        try:
            data = self._recv_raw(limit)
        except Closed:
            with self.lock:
                self.incoming.write_eof()
            raise
        with self.lock:
            self.incoming.write(data)

    def seal(self, data):
        """data as TLS records, to be sent by hand with send_sealed."""
        with self.lock:
            view = memoryview(data)
            while view:
                view = view[self.tls.write(view):]
            return self.outgoing.read()

    def send(self, data, limit=None):
        self._send_raw(self.seal(data), limit)

    def send_sealed(self, data, limit=None):
        self._send_raw(data, limit)

    def recv(self, limit=None):
        end = time.monotonic() + (clock.LIMIT if limit is None else limit)
        while True:
            with self.lock:
                try:
                    data = self.tls.read(262144)
                    reply = self.outgoing.read()
                except ssl.SSLWantReadError:
                    data, reply = None, self.outgoing.read()
                except ssl.SSLZeroReturnError:
                    raise Closed("close_notify") from None
                except ssl.SSLError as error:
                    raise Closed(str(error)) from None
            if reply:
                self._send_raw(reply)
            if data == b"":
                raise Closed("close_notify")
            if data:
                return data
            self._feed(end - time.monotonic())

    def chain(self):
        """The certificates the daemon sent, DER, in order; none when
        a ticket was resumed."""
        certs = self.tls._sslobj.get_unverified_chain() or []
        return [cert.public_bytes(_ssl.ENCODING_DER) for cert in certs]


def connect(addr, tls="1.3", **options):
    """tls is None for plain, or "1.2", "1.3", "any"."""
    if tls is None:
        return Plain(addr, **options)
    return Tls(addr, None if tls == "any" else tls, **options)
