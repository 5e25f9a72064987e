"""Numbered packets from client to client, for as long as a block runs.

SPDX-License-Identifier: BSD-2-Clause

The sender keeps at most `window` packets on the way, far below the queue
bound, so that every missing one is a loss of the daemon's.
"""

import threading

from . import clock, transport, wire

WINDOW = 16


class Flow:
    """Packets from a to b, in order, each counted."""

    def __init__(self, a, b, size=200, window=WINDOW, pause=0.001):
        self.a, self.b = a, b
        self.data = bytes(size)
        self.pause = pause
        self.room = threading.Semaphore(window)
        self.window = window
        self.stopping = threading.Event()
        self.sent = self.received = 0
        self.error = None
        self.threads = [threading.Thread(target=self._send),
                        threading.Thread(target=self._receive)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def _send(self):
        try:
            while not self.stopping.is_set():
                if not self.room.acquire(timeout=0.1):
                    continue
                self.a.send_packet(
                    self.b.public,
                    self.sent.to_bytes(8, "big") + self.data)
                self.sent += 1
                self.stopping.wait(self.pause)
        except Exception as error:
            self.error = self.error or error

    def _receive(self):
        try:
            while not (self.stopping.is_set() and self._done()):
                try:
                    got = self.b.recv(0.2)
                except transport.Timeout:
                    continue
                if got.type != wire.KEEP_ALIVE:
                    self.take(got)
        except Exception as error:
            self.error = self.error or error

    def take(self, got):
        """A frame has come: it must be the next packet."""
        assert got.type == wire.RECV_PACKET, got
        assert got.payload[:32] == self.a.public
        number = int.from_bytes(got.payload[32:40], "big")
        assert number == self.received, (number, self.received)
        self.received += 1
        self.room.release()

    def _done(self):
        return (not self.threads[0].is_alive()
                and self.received == self.sent)

    def finish(self):
        """Stop; raises what went wrong. Everything sent has come."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(clock.LIMIT)
        if self.error is not None:
            raise self.error
        assert not any(thread.is_alive() for thread in self.threads), (
            f"{self.sent} sent, {self.received} received")
        assert self.sent == self.received

    def abandon(self):
        """Stop and do not care."""
        self.stopping.set()
        self.received = self.sent
        for client in (self.a, self.b):
            client.close()
        for thread in self.threads:
            thread.join(clock.LIMIT)

    def progress(self):
        """Wait for 20 more packets to arrive."""
        goal = self.received + 20
        clock.wait_until(
            lambda: self.received >= goal or self.error,
            what="packets to go on arriving")
        if self.error is not None:
            raise self.error


class Traffic:
    """A block with flows running; they must all end well."""

    def __init__(self, *pairs, **options):
        self.flows = [Flow(a, b, **options) for a, b in pairs]

    def __enter__(self):
        for flow in self.flows:
            flow.start()
        return self

    def progress(self):
        for flow in self.flows:
            flow.progress()

    def __exit__(self, kind, value, trace):
        if kind is not None:
            for flow in self.flows:
                flow.abandon()
            return
        failure = None
        for flow in self.flows:
            try:
                flow.finish()
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure
