"""The HTTP endpoints of a relay: T02, T03, T54 to T57 and the rest.

SPDX-License-Identifier: BSD-2-Clause
"""

import uuid

import pytest

from kit import transport, wire

ALL_TLS = [None, "1.2", "1.3"]
REFUSED = b"DERP requires connection upgrade\n"


@pytest.mark.parametrize("tls", ALL_TLS)
@pytest.mark.parametrize("path", ["/derp/probe", "/derp/latency-check"])
def test_t02_probe_paths(server, path, tls):
    one = server()
    http = one.http(tls)
    for method in ("GET", "HEAD", "GET"):
        got = http.get(path, method)
        assert got.status == 200 and got.body == b""
        assert got.headers.all("Access-Control-Allow-Origin") == ["*"]
        assert method == "HEAD" or got.headers["Content-Length"] == "0"
    got = http.get(path, "POST")
    assert (got.status, got.body) == (405, b"bogus probe method\n")
    assert "Access-Control-Allow-Origin" not in got.headers


@pytest.mark.parametrize("tls", ALL_TLS)
@pytest.mark.parametrize("headers", [
    [], ["Upgrade: h2c", "Connection: Upgrade"],
    ["Upgrade: derpy", "Connection: Upgrade"],
    ["Upgrade: DERP, h2c", "Connection: Upgrade"],
], ids=["none", "h2c", "derpy", "list"])
def test_t03_no_upgrade(server, headers, tls):
    one = server()
    http = one.http(tls)
    for _ in range(2):
        got = http.get("/derp", headers=headers)
        assert (got.status, got.reason) == (426, "Upgrade Required")
        assert got.body == REFUSED
        assert got.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert http.get("/generate_204").status == 204
    assert one.counter("derp_accepts") == 0


@pytest.mark.parametrize("request_line, status", [
    ("POST /derp HTTP/1.1", 405), ("HEAD /derp HTTP/1.1", 405),
    ("GET /derp HTTP/1.0", 400),
])
def test_upgrade_is_get_and_http11(server, request_line, status):
    one = server()
    http = one.http()
    got = http.ask(request_line.encode() + b"\r\nHost: x\r\n"
                   b"Connection: Upgrade\r\nUpgrade: DERP\r\n\r\n",
                   head_only=request_line.startswith("HEAD"))
    assert got.status == status
    assert one.counter("derp_accepts") == 0


@pytest.mark.parametrize("header", [
    "Content-Length: 5", "Transfer-Encoding: chunked"])
def test_upgrade_with_a_body_is_refused(server, header):
    one = server()
    http = one.http()
    got = http.get("/derp", headers=[
        "Connection: Upgrade", "Upgrade: DERP", header])
    assert got.status == 400
    http.expect_closed()
    assert one.counter("derp_accepts") == 0


CHALLENGES = [
    (None, False), ("input", True), ("ts_derp99b.tailscale.com", True),
    ("foo bar", False), ("x" * 65, False), ("x" * 64, True),
    ("a:b-c_d.E9", True), ("a/b", False), ("", False), ("\u00e4", False),
]


@pytest.mark.parametrize("tls", [None, "1.3"])
def test_t54_generate_204(server, tls):
    one = server()
    http = one.http(tls)
    for challenge, answered in CHALLENGES:
        headers = [] if challenge is None else [
            f"X-Tailscale-Challenge: {challenge}"]
        got = http.get("/generate_204?t=123", headers=headers)
        assert got.status == 204 and got.body == b""
        assert "Content-Length" not in got.headers
        assert got.headers["Cache-Control"] == (
            "no-cache, no-store, must-revalidate, no-transform, max-age=0")
        expected = [f"response {challenge}"] if answered else []
        assert got.headers.all("X-Tailscale-Response") == expected
    for method in ("HEAD", "POST", "DELETE"):
        assert http.get("/generate_204", method).status == 204


def test_t54_nul_in_the_challenge(server):
    one = server()
    got = one.http().ask(b"GET /generate_204 HTTP/1.1\r\nHost: x\r\n"
                         b"X-Tailscale-Challenge: foo\0bar\r\n\r\n")
    assert got.status == 400
    assert "X-Tailscale-Response" not in got.headers


def test_t55_port_80_redirect(server):
    one = server({"http_listen_addr": "127.0.0.1:0"})
    http = one.http(None, one.http_addr)
    got = http.get("/path?a=b", host="foo.com")
    assert got.status == 302
    assert got.headers["Location"] == "https://foo.com/path?a=b"
    got = http.get("/derp?x", host="foo.com")
    assert got.status == 302
    assert got.headers["Location"] == "https://foo.com/derp?x"
    got = http.get("/", "HEAD", host="foo.com")
    assert got.status == 302
    got = http.get("/generate_204",
                   headers=["X-Tailscale-Challenge: ts_1"])
    assert got.status == 204
    assert got.headers["X-Tailscale-Response"] == "response ts_1"
    got = http.get("/path", "POST", host="foo.com")
    assert (got.status, got.body) == (400, b"Use HTTPS\n")


def test_t55_no_relay_on_port_80(server):
    one = server({"http_listen_addr": "127.0.0.1:0"})
    http = one.http(None, one.http_addr)
    got = http.get("/derp", headers=["Connection: Upgrade",
                                     "Upgrade: DERP"])
    assert got.status == 302
    assert one.counter("derp_accepts") == 0


def test_t56_debug_access(server, netns):
    """The debug pages are for this machine and the tailnet."""
    net = netns()
    for address in ("8.8.8.8", "100.100.100.100", "100.115.92.5"):
        net.add_address(address)
    one = server({"listen_addr": "0.0.0.0:0"}, netns=net)

    def ask(source, headers=()):
        with net:
            http = one.http(addr=(source, one.addr[1]), source=source)
        return http.get("/debug/", headers=headers)

    for source, status in (("8.8.8.8", 403), ("127.0.0.1", 200),
                           ("100.100.100.100", 200),
                           ("100.115.92.5", 403)):
        got = ask(source)
        assert got.status == status, source
        if status == 403:
            assert got.body == b"debug access denied\n"
    got = ask("127.0.0.1", ["X-Forwarded-For: 127.0.0.1"])
    assert (got.status, got.body) == (403, b"debug access denied\n")


def test_t57_bootstrap_dns(server):
    """Nothing published: an empty answer, whatever is asked."""
    one = server()
    http = one.http()
    for query in ("", "?q=log.tailscale.com", "?q=" + uuid.uuid4().hex):
        got = http.get("/bootstrap-dns" + query)
        assert (got.status, got.body) == (200, b"")
        assert got.headers["Content-Type"] == "application/json"
        assert got.headers["Connection"] == "close"
        http.expect_closed()
        http = one.http(None)


BROWSER_HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy":
        "default-src 'self'; frame-ancestors 'none'; form-action 'self'; "
        "base-uri 'self'; block-all-mixed-content; object-src 'none'",
}


def test_robots(server):
    one = server()
    for tls in (None, "1.3"):
        got = one.http(tls).get("/robots.txt")
        assert got.status == 200
        assert got.body == b"User-agent: *\nDisallow: /\n"
        assert got.headers["Content-Type"] == "text/plain; charset=utf-8"
        for name, value in BROWSER_HEADERS.items():
            assert got.headers[name] == value


@pytest.mark.parametrize("path", ["/", "/healthz", "/derp/x", "/a?b=c"])
def test_home_does_not_say_what_we_are(server, path):
    one = server()
    got = one.http().get(path)
    assert got.status == 200
    assert b"ionscale" not in (got.head + got.body).lower()
    assert b"derp" not in (got.head + got.body).lower()
    for name, value in BROWSER_HEADERS.items():
        assert got.headers[name] == value


def test_home_page_and_redirect(server):
    one = server({"home": "page"})
    got = one.http().get("/")
    assert got.status == 200 and b"<html" in got.body.lower()
    assert b"DERP" in got.body
    one = server({"home": "https://example.com/relay"})
    got = one.http().get("/")
    assert got.status == 302
    assert got.headers["Location"] == "https://example.com/relay"


def test_paths_are_cleaned_by_redirect(server):
    one = server()
    http = one.http()
    for path, clean in (("//derp", "/derp"), ("/a/../derp", "/derp"),
                        ("/derp/./probe", "/derp/probe")):
        got = http.get(path)
        assert got.status in (301, 307), path
        assert got.headers["Location"] == clean


def test_head_has_no_body(server):
    one = server()
    http = one.http()
    for path in ("/robots.txt", "/", "/derp/probe"):
        assert http.get(path, "HEAD").body == b""
    assert http.get("/generate_204").status == 204


def test_force_https_redirects_the_rest(server):
    one = server()
    http = one.http(None)
    got = http.get("/some/page?x=1", host="foo.com:8080")
    assert got.status == 302
    assert got.headers["Location"].startswith("https://")
    assert got.headers["Location"].endswith("/some/page?x=1")
    assert http.get("/some/page", "POST").status == 400
    for path in ("/generate_204", "/robots.txt", "/derp/probe",
                 "/derp/latency-check", "/bootstrap-dns"):
        assert one.http(None).get(path).status in (200, 204), path
    assert one.http(None).get("/derp").status == 426


def test_without_force_https_plain_is_served(server):
    one = server({"tls": {"force_https": False}})
    assert one.http(None).get("/some/page").status == 200


def test_tls_disabled(server):
    """Plain HTTP and DERP alone; a ClientHello ends the connection."""
    one = server({"tls": {"disable": True}})
    assert one.http(None).get("/").status == 200
    a, b = one.client(tls=None), one.client(tls=None)
    a.roundtrip(b)
    http = one.http(None)
    http.stream.send(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03")
    got = http.expect_closed()
    assert got == b"" or got.startswith(b"HTTP/1.1 400 "), got


def test_derp_disabled(server):
    one = server({"derp": {"server": {"disabled": True}}})
    got = one.http().get("/derp", headers=["Connection: Upgrade",
                                           "Upgrade: DERP"])
    assert (got.status, got.body) == (404, b"derp server disabled\n")


def test_pipelined_requests_are_answered_in_order(server):
    one = server()
    http = one.http()
    http.stream.send(
        b"GET /generate_204 HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /derp HTTP/1.1\r\nHost: x\r\n\r\n"
        b"HEAD /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /derp/probe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert http.response().status == 204
    assert http.response().body.startswith(b"User-agent")
    assert http.response().status == 426
    assert http.response(head_only=True).status == 200
    got = http.response()
    assert got.status == 200
    assert got.headers["Connection"] == "close"
    assert http.expect_closed() == b""


def test_upgrade_behind_pipelined_requests(server):
    one = server()
    public = one.server_public()
    client = one.connect()
    client.stream.send(
        b"GET /generate_204 HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /derp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        b"Upgrade: DERP\r\n\r\n" + wire.client_info(client.key, public))
    assert client.read_head().startswith(b"HTTP/1.1 204 ")
    assert client.read_head().startswith(b"HTTP/1.1 101 ")
    assert client.greet() == public
    assert client.recv().type == wire.SERVER_INFO


def test_bodies_are_skipped(server):
    one = server()
    http = one.http()
    http.stream.send(b"POST /generate_204 HTTP/1.1\r\nHost: x\r\n"
                     b"Content-Length: 10\r\n\r\n0123456789"
                     b"GET /derp HTTP/1.1\r\nHost: x\r\n\r\n")
    assert http.response().status == 204
    assert http.response().status == 426


# -- malformed requests ------------------------------------------------

GET = b"GET /generate_204 HTTP/1.1\r\n"
HOST = b"Host: x\r\n"
BAD = (400,)

TORTURE = {
    "bare_lf": (b"GET /generate_204 HTTP/1.1\nHost: x\n\n", BAD),
    "bare_lf_in_header": (GET + b"Host: x\n\r\n", BAD),
    "bare_cr": (GET + b"Host: x\rA: b\r\n\r\n", BAD),
    "fold": (GET + HOST + b"A: b\r\n c\r\n\r\n", BAD),
    "fold_first": (GET + b" Host: x\r\n\r\n", BAD),
    "no_host": (GET + b"\r\n", BAD),
    "two_hosts": (GET + HOST + HOST + b"\r\n", BAD),
    "host_bad": (GET + b"Host: a b\r\n\r\n", BAD),
    "blank_before_colon": (GET + b"Host : x\r\n\r\n", BAD),
    "no_colon": (GET + HOST + b"Nonsense\r\n\r\n", BAD),
    "empty_name": (GET + HOST + b": x\r\n\r\n", BAD),
    "nul": (GET + HOST + b"A: b\0c\r\n\r\n", BAD),
    "control": (GET + HOST + b"A: b\x01c\r\n\r\n", BAD),
    "del": (GET + HOST + b"A: b\x7fc\r\n\r\n", BAD),
    "two_lengths": (GET + HOST + b"Content-Length: 1\r\n"
                    b"Content-Length: 2\r\n\r\nab", BAD),
    "length_list": (GET + HOST + b"Content-Length: 1, 2\r\n\r\nab", BAD),
    "length_plus": (GET + HOST + b"Content-Length: +1\r\n\r\na", BAD),
    "length_negative": (GET + HOST + b"Content-Length: -1\r\n\r\n", BAD),
    "length_hex": (GET + HOST + b"Content-Length: 0x1\r\n\r\na", BAD),
    "length_huge": (GET + HOST + b"Content-Length: " + b"9" * 30
                    + b"\r\n\r\n", BAD + (413,)),
    "length_and_chunked": (GET + HOST + b"Content-Length: 4\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n"
                           b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n", BAD),
    "encoding_gzip": (GET + HOST + b"Transfer-Encoding: gzip\r\n\r\n",
                      (400, 501)),
    "encoding_twice": (GET + HOST + b"Transfer-Encoding: chunked\r\n"
                       b"Transfer-Encoding: chunked\r\n\r\n", BAD),
    "encoding_trick": (GET + HOST + b"Transfer-Encoding: xchunked\r\n\r\n",
                       (400, 501)),
    "absolute": (b"GET http://x/generate_204 HTTP/1.1\r\n" + HOST
                 + b"\r\n", BAD),
    "absolute_any": (b"GET foo://x/ HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "no_slash": (b"GET generate_204 HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "two_blanks": (b"GET  /generate_204 HTTP/1.1\r\n" + HOST + b"\r\n",
                   BAD),
    "tab": (b"GET\t/generate_204\tHTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "blank_in_target": (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "raw_byte_in_target": (b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
                           BAD),
    "bad_escape": (b"GET /%zz HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "nul_escape": (b"GET /%00 HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "http_1_2": (b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", (400, 505)),
    "http_2_0": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", (400, 505)),
    "http_0_9": (b"GET /\r\n\r\n", BAD),
    "http_small": (b"GET / http/1.1\r\n" + HOST + b"\r\n", BAD),
    "preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    "bad_method": (b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "empty_line_first": (b"\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "zeros": (bytes(64), BAD),
    "long_target": (b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n" + HOST
                    + b"\r\n", (414, 431)),
    "long_header": (GET + HOST + b"A: " + b"b" * 70000 + b"\r\n\r\n",
                    (431,)),
    "many_headers": (GET + HOST + b"".join(
        b"A%d: b\r\n" % n for n in range(3000)) + b"\r\n", (431,)),
    "headers_for_ever": (GET + HOST + b"A: " + b"b" * 300000, (431,)),
}


@pytest.mark.parametrize("tls", [None, "1.3"])
def test_connect_is_refused(server, tls):
    one = server()
    got = one.http(tls).ask(b"CONNECT example.com:443 HTTP/1.1\r\n"
                            b"Host: example.com:443\r\n\r\n")
    if tls is None:
        assert got.status in (400, 403)
    else:
        assert (got.status, got.body) == (403, b"CONNECT not enabled\n")


@pytest.mark.parametrize("tls", [None, "1.3"])
def test_http_torture(server, tls):
    """Each is refused, the connection closed, nobody else harmed."""
    one = server()
    witness = one.client()
    wrong = []
    for name, (raw, statuses) in TORTURE.items():
        http = one.http(tls)
        try:
            http.stream.send(raw)
        except transport.Closed:
            pass  # refused before all of it was sent
        try:
            got, how = http.stream.recv_until_closed()
        except transport.Timeout:
            wrong.append((name, "not closed"))
            continue
        first = got.split(b"\r\n", 1)[0].split(b" ")
        if len(first) < 2 or int(first[1]) not in statuses:
            wrong.append((name, got[:200], how))
        elif got.count(b"HTTP/1.1 ") != 1:
            wrong.append((name, "answered twice", got))
        http.close()
    assert not wrong
    assert witness.is_open()


def test_http_torture_byte_by_byte(server):
    """The same answers when every byte comes alone."""
    one = server()
    wrong = []
    for name, (raw, statuses) in TORTURE.items():
        if len(raw) > 300:
            continue
        http = one.http(None)
        try:
            for byte in raw:
                http.stream.send(bytes([byte]))
        except transport.Closed:
            pass
        try:
            got, _ = http.stream.recv_until_closed()
        except transport.Timeout:
            wrong.append((name, "not closed"))
            continue
        first = got.split(b"\r\n", 1)[0].split(b" ")
        if got and (len(first) < 2 or int(first[1]) not in statuses):
            wrong.append((name, got[:200]))
        http.close()
    assert not wrong


def test_equal_content_lengths(server):
    """Two equal lengths may pass or be refused, not be misread."""
    one = server()
    http = one.http()
    got = http.ask(GET + HOST + b"Content-Length: 2\r\n"
                   b"Content-Length: 2\r\n\r\nab")
    assert got.status in (204, 400)
    if got.status == 204:
        assert http.get("/derp").status == 426


def test_max_header_key(server):
    """http.max_header bounds the head of a request."""
    one = server({"http": {"max_header": 2048}})
    http = one.http()
    pad = "A: " + "b" * 1500
    assert http.get("/generate_204", headers=[pad]).status == 204
    got = http.get("/generate_204", headers=[pad, pad])
    assert got.status == 431
    http.expect_closed()


def test_http10(server):
    one = server()
    http = one.http()
    got = http.ask(b"GET /robots.txt HTTP/1.0\r\n\r\n")
    assert got.status == 200 and got.body.startswith(b"User-agent")
    http.expect_closed()
