"""Who may use the relay: verify URLs, an allow list, a local tailscaled.

SPDX-License-Identifier: BSD-2-Clause
"""

import json
import os
import signal
import socket
import ssl
import time

import pytest

from kit import admission, daemon, proc, wire
from kit.admission import AdmissionServer, outcome, response, try_login
from kit.certs import Cert
from kit.client import Client
from kit.clock import SLOW, wait_until

NOT_ADMITTED = "This DERP relay does not admit this device."
NOT_KNOWN = ("This DERP relay cannot find out whether it may admit this "
             "device.")


@pytest.fixture
def service():
    """service(behave, ...): an AdmissionServer that ends with the test."""
    made = []

    def make(*args, **options):
        made.append(AdmissionServer(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def verified(*services, fail_open=None, **derp):
    """A configuration that asks these services."""
    conf = {"verify_client_urls": [one.url() for one in services], **derp}
    if fail_open is not None:
        conf["verify_fail_open"] = fail_open
    return {"derp": conf}


def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def admissions(one):
    counters = one.counters()
    return {name[len('ionscale_admissions{outcome="'):-2]: value
            for name, value in counters.items()
            if name.startswith("ionscale_admissions{") and value}


def test_t50_request_is_exact(server, service):
    adm = service()
    one = server(verified(adm))
    client, why = try_login(one)
    assert why is None
    [request] = adm.requests
    assert request.line == b"POST /verify HTTP/1.1"
    assert request.body == (
        b'{"NodePublic":"' + client.key.text.encode()
        + b'","Source":"127.0.0.1"}')
    assert b"content-type" not in request.headers
    assert b"expect" not in request.headers
    assert request.headers[b"content-length"] == (
        str(len(request.body)).encode())


ANSWERS = {
    "yes": (admission.allow, None),
    "no": (admission.deny, NOT_ADMITTED),
    "500": (admission.answer(b"no", "500 Internal Server Error"),
            NOT_ADMITTED),
    "403": (admission.answer(b'{"Allow":true}', "403 Forbidden"),
            NOT_ADMITTED),
    "304": (admission.answer(b"", "304 Not Modified"), NOT_ADMITTED),
    "empty": (admission.answer(b""), NOT_ADMITTED),
    "html": (admission.answer(b"<html>no JSON at all</html>"),
             NOT_ADMITTED),
    "string": (admission.answer(b'{"Allow":"true"}'), NOT_ADMITTED),
    "half": (admission.answer(b'{"Allow":true'), NOT_ADMITTED),
    "missing": (admission.answer(b"{}"), NOT_ADMITTED),
    "any case": (admission.answer(b' {"aLLOW":true,"x":[1,{}]} more'),
                 None),
    "close": (admission.answer(b'{"Allow":true}', "200 OK",
                               ["Connection: close"]), None),
}


@pytest.mark.parametrize("fail_open", [True, False, None])
def test_t50_answers(server, service, fail_open):
    """Who answers is believed, whatever happens to those who do not."""
    adm = service()
    one = server(verified(adm, fail_open=fail_open))
    for name, (behave, why) in ANSWERS.items():
        adm.behave = behave
        assert try_login(one)[1] == why, name
    allowed = sum(why is None for _, why in ANSWERS.values())
    denied = len(ANSWERS) - allowed
    assert admissions(one) == {"allowed": allowed, "denied": denied}
    assert one.counter("ionscale_logins", outcome="ok") == allowed
    assert one.counter("ionscale_logins", outcome="denied") == denied


FAILURES = {
    "reset": admission.reset,
    "silent end": admission.raw(b""),
    "garbage": admission.raw(b"\0\1\2\3 no HTTP\r\n\r\n"),
    "half a head": admission.raw(b"HTTP/1.1 200 OK\r\nContent-"),
    "endless head": admission.raw(
        b"HTTP/1.1 200 OK\r\n" + b"X-Filler: 0123456789\r\n" * 8000),
}


@pytest.mark.parametrize("fail_open", [True, False])
def test_t50_cannot_be_asked(server, service, fail_open):
    adm = service()
    one = server(verified(adm, fail_open=fail_open))

    def judge(name):
        client, why = try_login(one, limit=20 * SLOW)
        assert why == (None if fail_open else NOT_KNOWN), name
        assert client.is_open() == fail_open

    for name, behave in FAILURES.items():
        adm.behave = behave
        judge(name)
    for url in (f"http://127.0.0.1:{closed_port()}/",
                f"http://no-such-host.invalid:{adm.port}/",
                f"https://127.0.0.1:{adm.port}/"):
        one.reconfigure({"derp": {"verify_client_urls": url}})
        judge(url)
    assert admissions(one) == {
        "failed_open" if fail_open else "failed": len(FAILURES) + 3}
    assert one.wait_log("cannot be found out whether")


@pytest.mark.parametrize("fail_open", [True, False])
def test_t50_hang(server, service, fail_open):
    """After five seconds, and not before: in or out."""
    adm = service()
    adm.behave = adm.hang
    one = server(verified(adm, fail_open=fail_open))
    start = time.monotonic()
    why = try_login(one, limit=20 * SLOW)[1]
    assert time.monotonic() - start >= 5
    assert why == (None if fail_open else NOT_KNOWN)


def test_hanging_body_is_a_no(server, service):
    """Who has begun to answer and does not end has not said yes."""
    adm = service()
    one = server(verified(adm, fail_open=True))
    for behave in (adm.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
                            b" "),
                   adm.drip(b"HTTP/1.1 200 OK\r\n"
                            b"Transfer-Encoding: chunked\r\n\r\n",
                            b"1\r\n{\r\n")):
        adm.behave = behave
        assert try_login(one, limit=20 * SLOW)[1] == NOT_ADMITTED


def test_endless_bodies(server, service):
    """4096 bytes are read, whatever follows and whatever was promised."""
    adm = service()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
    one = server(verified(adm))
    adm.behave = adm.pour(head + b'{"Allow":true}')
    assert try_login(one)[1] is None
    adm.behave = adm.pour(head)
    assert try_login(one)[1] == NOT_ADMITTED
    adm.behave = admission.answer(b" " * 4096 + b'{"Allow":true}')
    assert try_login(one)[1] == NOT_ADMITTED
    adm.behave = admission.answer(
        b" " * (4096 - 14) + b'{"Allow":true}' + b" " * 4096)
    assert try_login(one)[1] is None
    [courier] = one.pids("courier")
    rss = int(proc.status(courier)["VmRSS"].split()[0])
    assert rss < 65536 * (8 if daemon.SANITIZED else 1)


def test_redirects(server, service):
    adm = service()

    def redirect(conn, request):
        path = request.line.split()[1].decode()
        count = int(path.rpartition("/")[2] or 0)
        if count == 0:
            conn.sendall(response(b'{"Allow":true}'))
        else:
            status = ("307 Temporary Redirect" if path.startswith("/again")
                      else "302 Found")
            base = path.rpartition("/")[0]
            conn.sendall(response(b"", status, [
                f"Location: {adm.url(f'{base}/{count - 1}')}"]))
        return True

    adm.behave = redirect
    one = server({"derp": {"verify_client_urls": adm.url("/again/10")}})
    assert try_login(one)[1] is None
    assert adm.requests[-1].line == b"POST /again/0 HTTP/1.1"
    assert adm.requests[-1].body == adm.requests[0].body
    one.reconfigure({"derp": {"verify_client_urls": adm.url("/again/11")}})
    assert try_login(one)[1] == NOT_KNOWN
    one.reconfigure({"derp": {"verify_client_urls": adm.url("/get/1")}})
    assert try_login(one)[1] is None
    assert adm.requests[-1].line == b"GET /get/0 HTTP/1.1"


def test_redirect_loop(server, service):
    adm = service(admission.answer(b"", "302 Found", ["Location: /verify"]))
    one = server(verified(adm))
    assert try_login(one)[1] == NOT_KNOWN
    assert len(adm.requests) == 11


def test_https_is_verified(server, service):
    ca = Cert("admission CA", ca=True)
    own = Cert("127.0.0.1", issuer=ca)
    other = Cert("10.0.0.1", issuer=ca)
    one = None
    for cert, why in ((own, None), (other, NOT_KNOWN),
                      (Cert("127.0.0.1"), NOT_KNOWN)):
        adm = service(tls=context(cert))
        if one is None:
            bundle = f"/tmp/ionscale-ca-{os.getpid()}.pem"
            with open(bundle, "wb") as out:
                out.write(ca.pem())
            one = server(verified(adm), env={"SSL_CERT_FILE": bundle})
        else:
            one.reconfigure(verified(adm))
        assert try_login(one)[1] == why
    os.unlink(bundle)


def context(cert):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    path = f"/tmp/ionscale-cert-{os.getpid()}.pem"
    with open(path, "wb") as out:
        out.write(cert.key_pem() + cert.pem())
    made.load_cert_chain(path)
    os.unlink(path)
    return made


def test_all_urls_must_allow(server, service):
    yes, no = service(), service(admission.deny)
    dead = f"http://127.0.0.1:{closed_port()}/"
    one = server(verified(yes, no))
    assert try_login(one)[1] == NOT_ADMITTED
    assert len(no.requests) == 1
    no.behave = admission.allow
    assert try_login(one)[1] is None
    one.reconfigure({"derp": {
        "verify_client_urls": [yes.url(), dead, no.url()]}})
    assert try_login(one)[1] == NOT_KNOWN
    # one that cannot be asked is forgiven, one that says no is not
    one.reconfigure({"derp": {"verify_fail_open": True}})
    assert try_login(one)[1] is None
    no.behave = admission.deny
    assert try_login(one)[1] == NOT_ADMITTED


def test_answers_are_remembered(server, service):
    adm = service()
    one = server(verified(adm, verify_cache="10m"), workers=1)
    keys = [wire.Key() for _ in range(2)]
    for key in keys * 2:
        assert try_login(one, key)[1] is None
    assert len(adm.requests) == 2
    adm.behave = admission.deny
    assert try_login(one, keys[0])[1] is None
    third = wire.Key()
    for _ in range(2):
        assert try_login(one, third)[1] == NOT_ADMITTED
    assert len(adm.requests) == 3
    # a reload forgets; a failure is never remembered
    one.reconfigure()
    assert try_login(one, keys[0])[1] == NOT_ADMITTED
    adm.behave = admission.answer(b"?", "500 Broken")
    fourth = wire.Key()
    assert try_login(one, fourth)[1] == NOT_ADMITTED
    adm.behave = admission.allow
    assert try_login(one, fourth)[1] is None


def test_nothing_is_remembered(server, service):
    adm = service()
    one = server(verified(adm, verify_cache=0))
    key = wire.Key()
    for _ in range(3):
        assert try_login(one, key)[1] is None
    assert len(adm.requests) == 3
    assert adm.connections == 1  # one connection for all of them


def begin(one, key=None, **options):
    """A login whose ClientInfo is sent and whose outcome is open."""
    client = one.connect(key, **options)
    client.upgrade()
    client.greet()
    client.stream.send(wire.client_info(client.key, client.server_public))
    return client


def test_equal_questions_are_joined(server, service):
    adm = service()
    held = adm.hang

    def wait(conn, request):
        held(conn, request)
        return admission.allow(conn, request)

    adm.behave = wait
    one = server(verified(adm))
    key = wire.Key()
    clients = [begin(one, key) for _ in range(8)]
    wait_until(lambda: one.counter("ionscale_courier_spared", by="joining")
               == 7)
    adm.released.set()
    assert [outcome(client) for client in clients] == [None] * 8
    assert len(adm.requests) == 1


def test_an_answer_from_before_a_reload_counts_once(server, service):
    """Who asked the old service gets its answer; the next asks the new."""
    old, new = service(), service(admission.deny)
    held = old.hang

    def wait(conn, request):
        held(conn, request)
        return admission.allow(conn, request)

    old.behave = wait
    one = server(verified(old, verify_cache="10m"), workers=1)
    key = wire.Key()
    first = begin(one, key)
    wait_until(lambda: old.requests)
    one.reconfigure(verified(new, verify_cache="10m"))
    second = begin(one, key)  # does not wait for the old one's answer
    assert outcome(second) == NOT_ADMITTED
    old.released.set()
    assert outcome(first) is None
    assert try_login(one, key)[1] == NOT_ADMITTED
    assert len(old.requests) == 1


def test_input_waits_with_the_login(server, service):
    """What a client sends behind its ClientInfo is kept until it is in."""
    adm = service()
    held = adm.hang

    def wait(conn, request):
        held(conn, request)
        return admission.allow(conn, request)

    one = server(verified(adm))
    other = one.client()
    adm.behave = wait
    client = one.connect()
    client.upgrade()
    client.greet()
    client.stream.send(wire.client_info(client.key, client.server_public)
                       + wire.send_packet(other.public, b"first"))
    wait_until(lambda: len(adm.requests) == 2)
    client.send_packet(other.public, b"second")
    assert not one.is_registered(client.key)
    adm.released.set()
    assert outcome(client) is None
    assert other.recv_packet() == (client.public, b"first")
    assert other.recv_packet() == (client.public, b"second")


def test_clients_that_leave_while_they_wait(server, service):
    adm = service()
    adm.behave = adm.hang
    one = server(verified(adm))
    clients = [begin(one) for _ in range(20)]
    wait_until(lambda: len(adm.requests) == 20)
    for client in clients[:10]:
        client.reset()
    wait_until(lambda: one.counter("ionscale_courier_open_calls") == 10)
    assert admissions(one) == {}
    for client in clients[10:]:
        client.close()
    wait_until(lambda: one.counter("ionscale_courier_open_calls") == 0)
    assert admissions(one) == {"failed": 10}


def test_courier_killed_under_logins(server, service):
    """Who waits is refused at once; who comes next is let in."""
    adm = service()
    one = server(verified(adm))
    one.allow("courier 0 .*killed by signal 9")
    first = one.client()
    adm.behave = adm.hang
    waiting = [begin(one) for _ in range(12)]
    wait_until(lambda: len(adm.requests) == 13)
    adm.behave = admission.allow
    old = one.pid("courier")
    os.kill(old, signal.SIGKILL)
    assert {outcome(client) for client in waiting} == {NOT_KNOWN}
    assert one.client().is_open()
    assert first.is_open()
    wait_until(lambda: one.pids("courier") not in ([], [old]))
    assert one.counter("ionscale_courier_deaths") == 1
    one.take_baseline()


def test_worker_killed_under_logins(server, service):
    adm = service()
    adm.behave = adm.hang
    one = server(verified(adm), workers=1)
    one.allow("worker 0 .*killed by signal 9")
    for _ in range(12):
        begin(one)
    wait_until(lambda: len(adm.requests) == 12)
    os.kill(one.pid("worker"), signal.SIGKILL)
    wait_until(lambda: one.counter("ionscale_courier_open_calls") == 0)
    adm.behave = admission.allow
    wait_until(lambda: one.pids("worker"))
    assert try_login(one)[1] is None
    one.take_baseline()


def test_flood_leaves_relaying_alone(server, service):
    """Logins without end and a service that hangs: packets go on."""
    adm = service()
    one = server(verified(adm, fail_open=True))
    pairs = [(one.client(), one.client()) for _ in range(2)]
    adm.behave = adm.hang
    flood = []
    for _ in range(100):
        flood += [begin(one, tls=None) for _ in range(3)]
        for a, b in pairs:
            a.roundtrip(b)
    ends = [outcome(client, 30 * SLOW) for client in flood]
    assert set(ends) == {None}
    assert len(adm.requests) >= 68
    assert admissions(one) == {"allowed": 4, "failed_open": 300}


def test_courier_comes_and_goes_with_the_configuration(server, service):
    one = server()
    assert one.pids("courier") == []
    assert try_login(one)[1] is None
    adm = service(admission.deny)
    one.reconfigure(verified(adm))
    assert try_login(one)[1] == NOT_ADMITTED
    [first] = one.pids("courier")
    one.reconfigure(verified(service()))
    assert one.pids("courier") == [first]
    one.reconfigure({"derp": {"verify_client_urls": None}})
    wait_until(lambda: one.pids("courier") == [])
    assert try_login(one)[1] is None
    one.take_baseline()


def test_sessions_are_not_asked_about_again(server, service):
    adm = service()
    one = server(verified(adm))
    client = one.client()
    adm.behave = admission.deny
    one.reconfigure()
    assert client.is_open()
    assert len(adm.requests) == 1


@pytest.mark.parametrize("url, text", [
    ("ftp://example.com/", "is not an http or https URL"),
    ("http://", "is not an http or https URL"),
    ("http://a b/", "is not an http or https URL"),
    (["http://x/"] * 9, "9 URLs are too many, at most 8"),
])
def test_bad_urls_are_refused(daemons, url, text):
    log = daemons({"derp": {"verify_client_urls": url}}).refused()
    assert text in log
    assert "derp.verify_client_urls" in log


def test_source_is_the_address_of_the_peer(server, service):
    """IPv6 in its canonical form, IPv4 dotted also on a dual socket."""
    adm = service()
    one = server({"listen_addr": "[::]:0", **verified(adm)})
    for host, source in (("127.0.0.1", "127.0.0.1"), ("::1", "::1")):
        client = Client((host, one.addr[1]))
        one.clients.append(client)
        client.upgrade()
        client.greet()
        client.stream.send(
            wire.client_info(client.key, client.server_public))
        assert outcome(client) is None
        assert adm.requests[-1].source == source


def test_t51_mesh_members_are_not_asked_about(daemons, service):
    """Whoever holds the mesh key is in, whatever list and URL say."""
    adm = service(admission.deny)
    one = daemons(verified(adm))
    secret = "5a" * 32
    one.conf["derp"]["mesh_key_file"] = one.write("mesh.key", secret)
    one.conf["derp"]["allow_file"] = one.write("allow", wire.Key().text)
    one.start()
    member = one.client(info={"meshKey": secret, "version": 2})
    assert member.is_open()
    assert adm.requests == []
    client = one.connect()
    client.upgrade()
    client.greet()
    client.stream.send(wire.client_info(
        client.key, client.server_public,
        {"meshKey": "5b" * 32, "version": 2}))
    assert outcome(client) == NOT_ADMITTED
    assert admissions(one) == {"mesh": 1, "unlisted": 1}


# -- the allow list ----------------------------------------------------


def test_allow_list(server, daemons):
    keys = [wire.Key() for _ in range(4)]
    one = daemons()
    path = one.write("allow", f"# two\n{keys[0].text}\n\n  {keys[1].text} # b\n")
    one.conf["derp"] = {"allow_file": path}
    one.start()
    assert [try_login(one, key)[1] for key in keys] == [
        None, None, NOT_ADMITTED, NOT_ADMITTED]
    first = one.client(keys[0])
    one.write("allow", json.dumps({
        "Self": {"PublicKey": keys[2].text},
        "Peer": {keys[3].text: {"PublicKey": keys[3].text, "Tags": None}}}))
    assert one.reload().returncode == 0
    assert [try_login(one, key)[1] for key in keys] == [
        NOT_ADMITTED, NOT_ADMITTED, None, None]
    assert first.is_open()  # who is in stays in
    assert one.status()["admission"] == ["allow_file"]
    assert admissions(one) == {"allowed": 5, "unlisted": 4}
    assert one.wait_log("login refused: the key is not in derp.allow_file")


def test_broken_list_is_told_with_its_place(server, daemons):
    one = daemons()
    path = one.write("allow", wire.Key().text + "\nnodekey:12\n")
    one.conf["derp"] = {"allow_file": path}
    said = f"derp.allow_file: {path}:2:1: not a key"
    assert said in one.refused()
    checked = daemon.run(["server", "-t", "-c", one.conf_path])
    assert checked.returncode == 1 and said in checked.stderr
    key = wire.Key()
    one.write("allow", key.text)
    one.start()
    one.write("allow", '{"Peer":\n  []}')
    refused = one.reload()
    assert refused.returncode == 1
    assert f"{path}:2:3: Peer is not an object" in refused.stderr
    os.unlink(path)
    assert path in one.reload().stderr
    assert try_login(one, key)[1] is None  # the old list holds


def test_list_and_url_must_agree(server, daemons, service):
    listed, named, both = (wire.Key() for _ in range(3))
    adm = service(admission.by_key([named, both]))
    one = daemons()
    path = one.write("allow", f"{listed.text}\n{both.text}\n")
    one.conf["derp"] = {"allow_file": path, "verify_client_urls": adm.url()}
    one.start()
    assert [try_login(one, key)[1] for key in (listed, named, both)] == [
        NOT_ADMITTED, NOT_ADMITTED, None]
    assert {request.key for request in adm.requests} == {
        listed.text, both.text}  # who is not listed is not asked about


def test_open_relay_says_so(server):
    one = server()
    assert one.log().count("everybody who reaches this relay may use it") == 1
    assert one.status()["admission"] == []
    assert "everybody may use the relay" in one.cli("status").stdout
    assert one.reload().returncode == 0
    assert one.log().count("everybody who reaches this relay may use it") == 1


# -- the tailscaled of this machine ------------------------------------


def whois(known):
    """As tailscaled answers for keys that it knows, or does not."""
    def behave(conn, request):
        assert request.headers[b"host"] == b"local-tailscaled.sock"
        assert int(request.headers[b"tailscale-cap"]) > 0
        path = request.line.split()[1].decode()
        prefix = "/localapi/v0/whois?addr=nodekey%3A"
        assert path.startswith(prefix), path
        if "nodekey:" + path[len(prefix):] in {key.text for key in known}:
            conn.sendall(response(b'{"Node":{}}'))
        else:
            conn.sendall(response(b"no match for IP:port\n", "404 Not Found"))
        return True
    return behave


def test_local_tailscaled(daemons, service):
    known, unknown = wire.Key(), wire.Key()
    one = daemons()
    path = one.path("tailscaled.sock")
    one.conf["derp"] = {"verify_clients": True, "tailscaled_socket": path,
                        "verify_fail_open": True, "verify_cache": 0}
    one.start()
    # nobody there: fail-open is for URLs alone
    assert try_login(one, known)[1] == NOT_KNOWN
    local = service(whois([known]), path=path)
    os.chmod(path, 0o666)
    assert try_login(one, known)[1] is None
    assert try_login(one, unknown)[1] == NOT_ADMITTED
    local.behave = admission.answer(b"{}", "403 Forbidden")
    assert try_login(one, known)[1] == NOT_KNOWN
    local.behave = admission.reset
    assert try_login(one, known)[1] == NOT_KNOWN
    local.behave = whois([unknown])
    assert try_login(one, unknown)[1] is None
    assert one.status()["admission"] == ["tailscaled"]


# -- what the courier may ----------------------------------------------


def test_courier_holds_nothing(server, service):
    """No listener, no key of ours; its sandbox as the others'."""
    one = server(verified(service()))
    [courier] = one.processes("courier")
    assert courier["sandbox"] == ("log" if daemon.NOTED else "full")
    status = proc.status(courier["pid"])
    assert status["Seccomp"] == "2"
    assert status["CapEff"] == "0000000000000000"
    links = [os.readlink(f"/proc/{courier['pid']}/fd/{fd}")
             for fd in os.listdir(f"/proc/{courier['pid']}/fd")]
    ours = {str(port) for _, port in one.addrs.values()}
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    with open("/proc/net/tcp") as table:
        for line in table.readlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                port = int(fields[1].rpartition(":")[2], 16)
                assert str(port) not in ours
    assert not any("derp.key" in link or "tls" in link for link in links)
