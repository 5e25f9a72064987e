"""STUN: T58, T59, both families, and the address that answers.

SPDX-License-Identifier: BSD-2-Clause
"""

import socket
import struct

import pytest

from kit import stun
from kit.clock import wait_until

VECTOR = bytes.fromhex(
    "000100142112a4420102030405060708090a0b0c802200087461696c6e6f6465"
    "80280004b32c370f")
VECTOR_TXID = bytes(range(1, 13))


def requests(one, disposition):
    return one.counter("stun_requests", disposition=disposition)


def test_t58_stun_good(server):
    one = server()
    client = one.stun()
    assert stun.request(VECTOR_TXID) == VECTOR
    client.send(VECTOR)
    data, sender = client.recv()
    assert stun.parse_reply(data, VECTOR_TXID) == client.local
    assert len(data) == 32 and sender == one.stun_addr
    wait_until(lambda: requests(one, "success") == 1)
    assert one.counter("stun_addrfamily", family="ipv4") == 1


def test_t58_every_worker_answers(server):
    """Requests from many ports reach every worker's socket."""
    one = server()
    clients = [one.stun() for _ in range(64)]
    for client in clients:
        assert client.ask() == (client.local, one.stun_addr)
    wait_until(lambda: requests(one, "success") == 64)


def test_t58_burst(server):
    """200 requests at once from one port: each is answered once."""
    one = server()
    client = one.stun()
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    wanted = {n.to_bytes(12, "big") for n in range(200)}
    for txid in wanted:
        client.send(stun.request(txid))
    got = [client.recv()[0] for _ in wanted]
    assert {data[8:20] for data in got} == wanted
    for data in got:
        assert stun.parse_reply(data, data[8:20]) == client.local


def test_t58_ipv6(server):
    one = server({"stun_listen_addr": "[::1]:0"})
    client = one.stun()
    assert one.stun_addr[0] == "::1"
    txid = bytes(range(12))
    client.send(stun.request(txid))
    data, sender = client.recv()
    assert len(data) == 44
    assert stun.parse_reply(data, txid) == client.local
    assert sender == one.stun_addr
    wait_until(
        lambda: one.counter("stun_addrfamily", family="ipv6") == 1)


def test_t58_reply_comes_from_the_address_asked(server):
    """On a wildcard socket, every address answers for itself."""
    one = server({"stun_listen_addr": ":0"})
    port = one.stun_addr[1]
    for host in ("127.0.0.1", "127.0.0.2", "127.9.8.7"):
        client = one.stun((host, port))
        assert client.ask() == (client.local, (host, port))
    client = one.stun(("::1", port))
    assert client.ask() == (client.local, ("::1", port))


def test_t58_unknown_attributes_are_skipped(server):
    one = server()
    client = one.stun()
    software = stun.attribute(stun.SOFTWARE, b"tailnode")
    for attributes in (
            stun.attribute(0x8055, b"abc") + software,
            software + stun.attribute(0x0006, b"user12345"),
            stun.attribute(stun.SOFTWARE, b"other") + software):
        assert client.ask(attributes=attributes)[0] == client.local


def bad_requests():
    good = stun.request(VECTOR_TXID)
    software = stun.attribute(stun.SOFTWARE, b"tailnode")
    return {
        "empty_19_bytes": good[:19],
        "one_byte": b"\0",
        "header_only": good[:20],
        "cookie": stun.request(cookie=0x2112A443),
        "type_0101": stun.request(kind=0x0101),
        "type_0002": stun.request(kind=2),
        "top_bits": stun.request(kind=0xC001),
        "top_bit": stun.request(kind=0x4001),
        "software_other": stun.request(
            attributes=stun.attribute(stun.SOFTWARE, b"tailnodf")),
        "software_short": stun.request(
            attributes=stun.attribute(stun.SOFTWARE, b"tailnod")),
        "no_software": stun.request(attributes=b""),
        "fingerprint_first": stun.request(
            attributes=b"", trailer=lambda m: stun.fingerprint(m)
            + software),
        "no_fingerprint": stun.request(trailer=lambda m: b""),
        "crc": good[:-1] + bytes([good[-1] ^ 1]),
        "fingerprint_short": stun.request(
            trailer=lambda m: stun.attribute(stun.FINGERPRINT, b"ab")),
        "trailing_byte": good + b"\0",
        "trailing_3": good + b"\0\0\0",
        "attribute_overrun": stun.request(
            attributes=software + struct.pack(">HH", 0x8055, 400)),
        "zeros": bytes(40),
        "large": bytes(1500),
    }


@pytest.mark.parametrize("name", bad_requests())
def test_t59_stun_bad(server, name):
    one = server()
    client = one.stun()
    client.send(bad_requests()[name])
    wait_until(lambda: requests(one, "not_stun") == 1)
    # The only answer that comes is the one to the good request.
    assert client.ask() == (client.local, one.stun_addr)
    wait_until(lambda: requests(one, "success") == 1)


def test_t59_storm_of_bad_requests(server):
    """Rubbish in between does not cost an answer."""
    one = server()
    client = one.stun()
    rubbish = list(bad_requests().values())
    for number in range(300):
        client.send(rubbish[number % len(rubbish)])
        assert client.ask() == (client.local, one.stun_addr)
    wait_until(lambda: requests(one, "not_stun") == 300)
