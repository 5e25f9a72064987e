"""ionscale derp probe: relays that are well, and some that are not.

SPDX-License-Identifier: BSD-2-Clause
"""

import json
import socket
import struct
import threading

import pytest

from kit import certs
from kit.daemon import clean_env, run

PIN = "sha256-raw:"
RELAY = ["tcp", "tls", "certificate", "metacert", "login", "upgrade",
         "ping", "packet", "stun4", "stun6"]
PLAIN = [name for name in RELAY
         if name not in ("tls", "certificate", "metacert")]
GREETING = bytes([1]) + struct.pack(">I", 40) + b"DERP\xf0\x9f\x94\x91"
REPLY = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\n"
         b"Connection: Upgrade\r\n\r\n")


def probe(addr, *args, **options):
    host, port = addr
    if ":" in host:
        host = f"[{host}]"
    return run(["derp", "probe", f"{host}:{port}", "--json", *args],
               **options)


def checks(done):
    """The checks by name, from JSON that agrees with the exit status."""
    assert done.stderr == ""
    result = json.loads(done.stdout)
    by_name = {check["name"]: check for check in result["checks"]}
    assert len(by_name) == len(result["checks"])
    failed = [name for name, check in by_name.items()
              if check["state"] == "failed"]
    assert result["ok"] == (not failed)
    assert done.returncode == (2 if failed else 0)
    return by_name


def states(by_name):
    return {name: check["state"] for name, check in by_name.items()}


def probe_daemon(one, *args, **options):
    return checks(probe(one.addr, "--stun-port", str(one.stun_addr[1]),
                        *args, **options))


def pin_of(one):
    return one.status()["certificate"]["pin"]


def test_healthy_by_pin(server):
    one = server()
    seen = probe_daemon(one, "--pin", pin_of(one))
    assert list(seen) == RELAY
    assert states(seen) == {name: "ok" for name in RELAY} | {
        "stun6": "skipped"}
    assert seen["tls"]["detail"] == "TLS 1.3"
    assert seen["login"]["detail"] == "fast start"
    assert pin_of(one) in seen["certificate"]["detail"]
    key = one.status()["public_key"].partition(":")[2]
    assert seen["metacert"]["detail"] == f"server key {key}"
    assert seen["stun4"]["detail"].startswith("seen as 127.0.0.1:")
    for name in ("tcp", "tls", "login", "ping", "packet", "stun4"):
        assert 0 <= seen[name]["ms"] < 5000
    assert one.counter("derp_packets_sent") == 2
    assert one.counter("derp_accepts") == 2


def test_table_and_exit_status(server):
    one = server()
    target = "%s:%d" % one.addr
    port = ["--stun-port", str(one.stun_addr[1])]
    good = run(["derp", "probe", target, "--insecure", *port])
    assert good.returncode == 0 and good.stderr == ""
    head, *rows = good.stdout.splitlines()
    assert head.split() == ["CHECK", "RESULT", "MS", "DETAIL"]
    assert [row.split()[0] for row in rows] == RELAY
    bad = run(["derp", "probe", target, *port])
    assert bad.returncode == 2 and "self-signed" in bad.stdout


def test_ipv6(server):
    one = server({"listen_addr": "[::1]:0", "stun_listen_addr": "[::1]:0"})
    seen = probe_daemon(one, "--pin", pin_of(one))
    assert states(seen) == {name: "ok" for name in RELAY} | {
        "stun4": "skipped"}
    assert seen["stun6"]["detail"].startswith("seen as [::1]:")


def test_plain(server):
    one = server()
    seen = probe_daemon(one, "--plain")
    assert list(seen) == PLAIN
    assert seen["login"]["detail"] == "by the upgrade"


@pytest.mark.parametrize("args, why", [
    ([], "self-signed certificate"),
    (["--pin", PIN + "00" * 32], "not the pinned one"),
])
def test_wrong_certificate(server, args, why):
    """A relay that is not trusted: nothing behind TLS is tried."""
    one = server()
    seen = probe_daemon(one, *args)
    assert why in seen["tls"]["detail"]
    assert states(seen) == {
        "tcp": "ok", "tls": "failed", "certificate": "skipped",
        "metacert": "skipped", "login": "skipped", "upgrade": "skipped",
        "ping": "skipped", "packet": "skipped", "stun4": "ok",
        "stun6": "skipped"}


def test_pin_wants_one_certificate(daemons):
    one = daemons()
    cert = certs.chain()
    one.conf["tls"] = certs.install(one, cert)
    one.start()
    seen = probe_daemon(one, "--pin", pin_of(one))
    assert "exactly one certificate" in seen["tls"]["detail"]


@pytest.mark.parametrize("name, host, days, wanted", [
    ("127.0.0.1", "127.0.0.1", 30, {}),
    ("localhost", "localhost", 30, {}),
    ("127.0.0.1", "127.0.0.1", 6, {"certificate": "failed"}),
    ("other.example", "127.0.0.1", 30, {"tls": "failed"}),
    ("other.example", "localhost", 30, {"tls": "failed"}),
])
def test_authorities(daemons, name, host, days, wanted):
    """Trusted by the machine's authorities, for this name, for long."""
    root = certs.Cert("test root", ca=True)
    cert = certs.Cert(name, issuer=root, days=days)
    one = daemons()
    one.conf["tls"] = certs.install(one, cert)
    one.start()
    env = clean_env(SSL_CERT_FILE=one.write("root.pem", root.pem()),
                    SSL_CERT_DIR=one.dir)
    seen = checks(probe((host, one.addr[1]), "--stun-port", "0", env=env))
    failed = {key: value for key, value in states(seen).items()
              if value == "failed"}
    assert failed == wanted
    if wanted.get("tls"):
        assert "mismatch" in seen["tls"]["detail"]
    else:
        assert seen["packet"]["state"] == "ok"
    if wanted.get("certificate"):
        assert "within 7 days" in seen["certificate"]["detail"]


def test_nobody_there():
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))  # bound, not listening: refused
        udp.bind(("127.0.0.1", 0))  # never answers
        seen = checks(probe(tcp.getsockname(), "--stun-port",
                            str(udp.getsockname()[1])))
    assert "Connection refused" in seen["tcp"]["detail"]
    assert seen["stun4"]["state"] == "failed"
    assert "no answer" in seen["stun4"]["detail"]
    assert seen["packet"]["state"] == "skipped"


def test_no_such_name():
    done = run(["derp", "probe", "no-such-name.invalid", "--json"])
    assert done.returncode == 2
    assert states(checks(done)) == {"resolve": "failed"}


class Liar(threading.Thread):
    """A server that reads a request and says what it was told to say."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.answer = answer
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.addr = self.sock.getsockname()

    def run(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            with conn:
                conn.recv(4096)
                conn.sendall(self.answer)
                if self.answer:
                    conn.shutdown(socket.SHUT_WR)
                    while conn.recv(4096):
                        pass


@pytest.mark.parametrize("answer, why", [
    (b"", "ended the connection in the login"),
    (b"HTTP/1.1 404 Not Found\r\n\r\n", "says HTTP/1.1 404 Not Found"),
    (b"HTTP/1.1 1010 x\r\n\r\n", "no upgrade"),
    (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no upgrade"),
    (b"HTTP/1.1 101 x\r\n" + b"a: b\r\n" * 2000, "no end of the server's"),
    (REPLY + GREETING[:20], "ended the connection in the login"),
    (REPLY + b"\x01\x00\x00\x00\x28" + bytes(40), "not a DERP greeting"),
    (REPLY + GREETING + bytes(32), "not a usable key"),
    (REPLY + b"\x01\x7f\xff\xff\xff", "too long"),
    (REPLY + GREETING + b"\x09" + bytes(31) + b"\x03\x00\x00\x00\x35"
     + bytes(53), "not sealed"),
    (REPLY + GREETING + b"\x09" + bytes(31) + b"\x05\x00\x00\x00\x00",
     "type 0x05"),
])
def test_no_relay(answer, why):
    liar = Liar(answer)
    liar.start()
    try:
        seen = checks(probe(liar.addr, "--plain", "--stun-port", "0"))
    finally:
        liar.sock.close()
    assert seen["tcp"]["state"] == "ok"
    assert seen["login"]["state"] == "failed"
    assert why in seen["login"]["detail"]
    assert seen["packet"]["state"] == "skipped"


def test_control_bytes_are_escaped():
    """What a server says does not reach the terminal as it is."""
    liar = Liar(b"HTTP/1.1 404 \x1b[31mred\r\n\r\n")
    liar.start()
    try:
        done = run(["derp", "probe", "%s:%d" % liar.addr, "--plain",
                    "--stun-port", "0"])
    finally:
        liar.sock.close()
    assert done.returncode == 2
    assert "\x1b" not in done.stdout and r"\x1b[31mred" in done.stdout


@pytest.mark.parametrize("args, why", [
    ([], "needs a HOST"),
    (["a", "b"], "takes no second argument: b"),
    ([":443"], "want HOST or HOST:PORT"),
    (["host:"], "want HOST or HOST:PORT"),
    (["host:0"], "want HOST or HOST:PORT"),
    (["host:70000"], "want HOST or HOST:PORT"),
    (["[::1"], "want HOST or HOST:PORT"),
    (["h" * 300], "want HOST or HOST:PORT"),
    (["host", "--pin", "sha256-raw:12"], "64 hex digits"),
    (["host", "--stun-port", "x"], "a port is a number"),
    (["host", "--socket", "/x"], "unknown flag"),
])
def test_wrong_arguments(args, why):
    done = run(["derp", "probe", *args])
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("Error: ") and why in done.stderr
