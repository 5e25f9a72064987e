"""TLS: T10, T11, versions, SNI, ALPN, tickets, malformed handshakes.

SPDX-License-Identifier: BSD-2-Clause
"""

import ctypes
import hashlib
import os
import socket
import ssl
import struct

import pytest
from cryptography import x509

from kit import certs, transport, wire
from kit.client import common_name, meta_server_key
from kit.clock import wait_until
from kit.placement import CROSS, place_one


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_t10_meta_certificate(server, tls):
    one = server()
    public = one.server_public()
    seen = set()
    for _ in range(5):
        chain = one.connect(tls=tls).stream.chain()
        assert len(chain) == 2
        meta = x509.load_der_x509_certificate(chain[-1])
        assert meta.serial_number == 2
        assert common_name(chain[-1]) == "derpkey" + public.hex()
        assert meta.subject == meta.issuer
        extensions = list(meta.extensions)
        assert [e.oid.dotted_string for e in extensions] == ["2.5.29.19"]
        assert extensions[0].critical and not extensions[0].value.ca
        assert len(chain[-1]) == 359
        meta.public_key().verify(meta.signature,
                                 meta.tbs_certificate_bytes)
        seen.add(chain[0])
    assert len(seen) == 1


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_t10_chain_from_files(daemons, kind, tls):
    """Leaf and intermediate as in the file, then the meta-certificate."""
    one = daemons()
    leaf = certs.chain(kind)
    one.conf["tls"] = certs.install(one, leaf)
    one.start()
    for _ in range(3):
        chain = one.connect(tls=tls).stream.chain()
        assert chain[:-1] == [leaf.der, leaf.issuer.der]
        assert common_name(chain[-1]).startswith("derpkey")
    assert one.status()["certificate"]["source"] == "files"
    a, b = one.client(tls=tls), one.client(tls=tls)
    a.roundtrip(b)


def test_t11_pin_without_sni(server):
    """What the map pins is the only certificate that is no meta one."""
    one = server()
    chain = one.connect(tls="1.3").stream.chain()
    plain = [der for der in chain
             if not common_name(der).startswith("derpkey")]
    assert len(plain) == 1
    pin = "sha256-raw:" + hashlib.sha256(plain[0]).hexdigest()
    assert one.status()["certificate"]["pin"] == pin
    got = one.cli("system", "get-derp-map", "--json")
    assert f'"CertName": "{pin}"' in got.stdout
    cert = x509.load_der_x509_certificate(plain[0])
    names = cert.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    assert "127.0.0.1" in map(str, names.get_values_for_type(
        x509.IPAddress))


@pytest.mark.parametrize("sni", [None, "derp.example.com", "127.0.0.1"])
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_any_sni_is_served(server, sni, tls):
    one = server()
    assert one.client(tls=tls, sni=sni).is_open()


@pytest.mark.parametrize("offered, chosen", [
    (["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"),
    (["h2"], None), (["foo", "bar"], None), (None, None),
])
def test_alpn(server, offered, chosen):
    """http/1.1 if it is offered, else we go on without."""
    one = server()
    client = one.connect(alpn=offered)
    assert client.stream.tls.selected_alpn_protocol() == chosen
    assert client.login().is_open()


@pytest.mark.parametrize("version", [
    ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(server, version):
    one = server()
    ctx = transport.tls_context()
    ctx.set_ciphers("ALL:@SECLEVEL=0")
    ctx.minimum_version = ctx.maximum_version = version
    with pytest.raises((ssl.SSLError, transport.Closed)) as caught:
        one.connect(ctx=ctx)
    assert "protocol" in str(caught.value).lower()
    assert one.client().is_open()


def resume(one, ctx, session):
    client = one.connect(ctx=ctx, session=session)
    client.login()
    client.fence()
    return client


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_tickets_resume_on_every_worker(server, placement, tls):
    one = server()
    ctx = transport.tls_context(tls)
    first = one.connect(ctx=ctx)
    first.login()
    first.fence()
    home = one.worker_of(first)
    session = first.stream.tls.session
    assert session is not None and session.has_ticket

    def fits(index):
        return (index != home) if placement == CROSS else (index == home)

    again = place_one(one, fits, ctx=ctx, session=session)
    assert again.stream.tls.session_reused
    again.roundtrip(one.client())


def test_tickets_live_through_reload_and_rotation(server):
    """A rotated key still opens the tickets of the one before."""
    one = server({"tls": {"ticket_rotation": "2s"}})
    ctx = transport.tls_context("1.3")
    first = one.connect(ctx=ctx).login()
    first.fence()
    session = first.stream.tls.session
    one.reconfigure()
    client = one.connect(ctx=ctx, session=session).login()
    assert client.is_open()

    def forgotten():
        fresh = one.connect(ctx=ctx, session=session)
        reused = fresh.stream.tls.session_reused
        fresh.close()
        return not reused
    # After two rotations the old ticket means a full handshake again.
    wait_until(forgotten, 20, "the old ticket key to be dropped")


def test_self_signed_survives_a_restart(server):
    one = server()
    first = one.connect().stream.chain()[0]
    assert one.stop() == 0
    one.start()
    assert one.connect().stream.chain()[0] == first


# -- malformed ---------------------------------------------------------

def client_hello():
    """A real ClientHello, as bytes of a record."""
    ctx = transport.tls_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ctx.wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def malformed():
    hello = client_hello()
    flipped = bytearray(hello)
    flipped[5] = 0x7F
    return {
        "type_only": b"\x16",
        "zeros_behind_type": b"\x16" + bytes(100),
        "ff": b"\x16" + b"\xff" * 600,
        "record_too_long": b"\x16\x03\x01\xff\xff" + bytes(70000),
        "record_empty": b"\x16\x03\x01\x00\x00" * 100,
        "ssl2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(40),
        "alert_first": b"\x15\x03\x01\x00\x02\x02\x28",
        "data_first": b"\x17\x03\x03\x00\x10" + bytes(16),
        "ccs_first": b"\x14\x03\x03\x00\x01\x01",
        "handshake_unknown": bytes(flipped),
        "hello_cut": hello[:60],
        "hello_twice": hello + hello,
        "hello_and_rubbish": hello + os.urandom(4000),
        "hello_huge": b"\x16\x03\x01\x40\x00\x01\xff\xff\xff"
                      + bytes(16380),
    }


@pytest.mark.parametrize("ending", ["close", "reset", "half"])
def test_malformed_tls(server, ending):
    """None of it harms the worker or those on it."""
    one = server()
    witness = one.client()
    for raw in malformed().values():
        stream = transport.Plain(one.addr)
        try:
            stream.send(raw)
            if ending == "half":
                stream.sock.shutdown(socket.SHUT_WR)
                stream.recv_until_closed()
        except (transport.Closed, OSError):
            pass
        if ending == "reset":
            stream.reset()
        else:
            stream.close()
    assert witness.is_open()
    assert one.client().is_open()


@pytest.mark.parametrize("name", [
    "ff", "record_too_long", "handshake_unknown"])
def test_malformed_tls_is_closed_at_once(server, name):
    one = server()
    stream = transport.Plain(one.addr)
    try:
        stream.send(malformed()[name])
    except transport.Closed:
        pass
    stream.recv_until_closed(5)
    stream.close()
    wait_until(lambda: one.counter(
        "ionscale_handshakes", outcome="failed") == 1)


def test_client_hello_in_small_pieces(server):
    """The handshake and the session byte by byte."""
    one = server()
    client = one.connect(tls=None)
    client.close()
    ctx = transport.tls_context("1.3")

    class Slow(transport.Tls):
        def _send_raw(self, data, limit=None):
            for start in range(0, len(data), 1):
                super()._send_raw(data[start:start + 1], limit)

    stream = Slow(one.addr, ctx=ctx)
    client.stream = stream
    client.login()
    assert client.fence() == []
    client.close()


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_broken_record_ends_that_session_only(server, tls):
    one = server()
    witness, client = one.client(), one.client(tls=tls)
    sealed = bytearray(client.stream.seal(wire.frame(wire.PING, bytes(8))))
    sealed[-1] ^= 1
    client.stream.send_sealed(bytes(sealed))
    assert client.expect_closed() == []
    wait_until(lambda: not one.is_registered(client.key))
    assert witness.is_open()


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_records_split_and_merged(server, tls):
    """Frames and records need not agree about their borders."""
    one = server()
    client = one.client(tls=tls)
    sealed = b""
    for number in range(50):
        raw = wire.frame(wire.PING, number.to_bytes(8, "big"))
        sealed += client.stream.seal(raw[:3]) + client.stream.seal(raw[3:])
    for start in range(0, len(sealed), 7):
        client.stream.send_sealed(sealed[start:start + 7])
    # A ping that finds a pong waiting is dropped: ask until answered.
    got, last = [], b"the last"
    while last not in got:
        client.ping(last)
        got.append(client.recv().payload)
    assert got == sorted(got[:-1]) + [last]


LIBSSL = ctypes.CDLL("libssl.so.3")
LIBSSL.SSL_key_update.argtypes = [ctypes.c_void_p, ctypes.c_int]


def key_update(stream, requested):
    """Ask OpenSSL below Python's ssl for a key update.

    The SSL pointer is the second field behind the object's head
    (CPython 3.11, PySSLSocket).
    """
    head = object.__basicsize__
    pointer = ctypes.c_void_p.from_address(
        id(stream.tls._sslobj) + head + struct.calcsize("P")).value
    assert LIBSSL.SSL_key_update(pointer, requested) == 1


@pytest.mark.parametrize("requested", [0, 1])
def test_key_updates(server, requested):
    """At any moment, in mid-frame too; ours is updated when asked."""
    one = server()
    client, peer = one.client(), one.client()
    for number in range(20):
        key_update(client.stream, requested)
        raw = wire.send_packet(peer.public, b"%d" % number)
        client.stream.send(raw[:20])
        key_update(client.stream, requested)
        client.stream.send(raw[20:])
        assert peer.recv_packet() == (client.public, b"%d" % number)
        peer.send_packet(client.public, b"back")
        assert client.recv_packet() == (peer.public, b"back")


def test_close_notify_ends_the_session(server):
    one = server()
    client = one.client()
    with client.stream.lock:
        try:
            client.stream.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        client.stream.send_sealed(client.stream.outgoing.read())
    assert client.expect_closed() == []
    wait_until(lambda: not one.is_registered(client.key))


def test_meta_certificate_names_the_login_key(server):
    one = server()
    client = one.client()
    assert meta_server_key(client.stream.chain()) == client.server_public
