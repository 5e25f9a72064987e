"""Clients on the same worker or on different ones, as a case wants it.

SPDX-License-Identifier: BSD-2-Clause

The kernel spreads connections over the workers, so a client that landed
elsewhere connects again until the placement holds. On leaving the block
the placement must have held, and the packets must have crossed the
fabric, or not, as it says.
"""

import contextlib

from . import wire

SAME = "same"
CROSS = "cross"
TRIES = 200


def place_one(server, accept, key=None, **login):
    """A logged-in client on a worker that accept(index) likes."""
    for _ in range(TRIES):
        client = server.client(key, **login)
        if accept(server.worker_of(client)):
            return client
        server.clients.remove(client)
        client.close()
    raise AssertionError(f"no fitting worker in {TRIES} connections")


def place(server, placement, count=2, keys=None, **login):
    """count clients; a key may appear more than once in keys."""
    keys = keys or [wire.Key() for _ in range(count)]
    clients, used = [], []
    for key in keys:
        if not used:
            client = place_one(server, lambda index: True, key, **login)
        elif placement == SAME:
            client = place_one(
                server, lambda index: index == used[0], key, **login)
        else:
            client = place_one(
                server, lambda index: index not in used, key, **login)
        clients.append(client)
        used.append(server.worker_of(client))
    check(server, placement, clients)
    return clients


def check(server, placement, clients):
    """Assert where the clients that still exist really are."""
    where = [server.worker_of(client) for client in clients]
    if placement == SAME:
        assert len(set(where)) == 1, where
    else:
        assert len(set(where)) == len(where), where


@contextlib.contextmanager
def placed(server, placement, count=2, keys=None, packets=True, **login):
    """place(), then watch the fabric until the block ends.

    packets False: the block sends none from client to client, so none
    may cross whatever the placement.
    """
    clients = place(server, placement, count, keys, **login)
    before = server.counter("ionscale_fabric_packets")
    yield clients
    moved = server.counter("ionscale_fabric_packets") - before
    if packets and placement == CROSS:
        assert moved > 0, "no packet crossed the fabric"
    else:
        assert moved == 0, f"{moved} packets crossed the fabric"
