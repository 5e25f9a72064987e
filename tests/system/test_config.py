"""The configuration: -t, -T, errors, substitution, sources of it.

SPDX-License-Identifier: BSD-2-Clause
"""

import base64
import os
import re
import socket

import pytest
import yaml

from kit import certs
from kit.daemon import clean_env, run


@pytest.fixture
def conf(daemons):
    """A daemon that is not started, for its directory and defaults."""
    return daemons()


def check(conf, overrides=None, text=None, flag="-t", env=None):
    conf.write_conf(overrides, text)
    return run(["server", flag, "-c", conf.conf_path],
               env=clean_env(**(env or {})))


def effective(conf, overrides=None, text=None, env=None):
    done = check(conf, overrides, text, "-T", env)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


def errors(done):
    """The error lines of a run that must have failed."""
    assert done.returncode == 1, (done.returncode, done.stdout)
    return done.stderr


def test_t_flag_accepts_and_writes_nothing(conf):
    done = check(conf)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(conf.dir)) == ["ionscale.yaml", "sanitizer"]


def test_T_flag_prints_what_is_in_force(conf):
    got = effective(conf, {"derp": {"send_queue": 77}, "workers": 2})
    assert got["derp"]["send_queue"] == 77
    assert got["workers"] == 2
    assert got["listen_addr"] == "127.0.0.1:0"
    # Defaults are filled in.
    assert got["http"]["max_header"] and got["logging"]["level"] == "info"


def test_T_output_is_a_configuration(conf):
    """What -T prints gives the same when it is read again."""
    first = check(conf, {"home": "https://example.com/a?b=c#d"}, flag="-T")
    again = check(conf, text=first.stdout, flag="-T")
    assert again.returncode == 0, again.stderr
    assert again.stdout == first.stdout


def test_no_file_at_all_is_a_configuration(conf):
    done = run(["server", "-T"], env=clean_env(XDG_STATE_HOME=conf.dir))
    assert done.returncode == 0, done.stderr
    got = yaml.safe_load(done.stdout)
    assert got["listen_addr"] == ":8080"
    assert got["metrics_listen_addr"] == "127.0.0.1:9091"


def test_unknown_key_names_the_nearest(conf):
    text = errors(check(conf, text="listen_adr: 127.0.0.1:0\n"))
    assert f"{conf.conf_path}:1:1:" in text
    assert "listen_adr" in text and "listen_addr" in text


def test_misplaced_key(conf):
    text = errors(check(conf, text=(
        "listen_addr: 127.0.0.1:0\n"
        "derp:\n"
        "  cert_file: /x\n")))
    assert f"{conf.conf_path}:3:3:" in text
    assert "tls.cert_file" in text


def test_all_errors_at_once(conf):
    text = errors(check(conf, text=(
        "listen_addr: nonsense\n"
        "workers: many\n"
        "derp:\n"
        "  send_queue: 0\n"
        "  write_timeout: soon\n"
        "  sendqueue: 3\n"
        "logging:\n"
        "  level: loud\n"
        "max_clients: -1\n")))
    for place in ("1:14", "2:10", "4:15", "5:18", "6:3", "8:10", "9:14"):
        assert f"{conf.conf_path}:{place}:" in text, (place, text)


BROKEN = {
    "tab": "a:\n\tb: 1\n",
    "list_on_top": "- a\n- b\n",
    "scalar_on_top": "hello\n",
    "duplicate": "workers: 1\nworkers: 2\n",
    "duplicate_case": "workers: 1\nWorkers: 2\n",
    "anchor": "a: &x 1\nb: *x\n",
    "tag": "workers: !!int 1\n",
    "two_documents": "workers: 1\n---\nworkers: 2\n",
    "unclosed": "listen_addr: \"127.0.0.1:0\n",
    "section_as_scalar": "derp: 3\n",
    "scalar_as_section": "workers:\n  a: 1\n",
    "list_as_scalar": "workers: [1, 2]\n",
    "deep": "a: " + "[" * 200 + "]" * 200 + "\n",
    "nul": "workers: 1\0\n",
    "not_utf8": b"workers: \xff\xfe\n",
    "region_zero": "derp: {server: {region_id: 0}}\n",
    "region_huge": "derp: {server: {region_id: 9007199254740992}}\n",
    "half_certificate": "tls: {cert_file: /etc/hosts}\n",
    "public_without_port": "public_addr: derp.example.com\n",
    "bad_home": "home: nowhere\n",
    "negative_duration": "derp: {write_timeout: -1s}\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(conf, name):
    with open(conf.conf_path, "wb") as out:
        body = BROKEN[name]
        out.write(body if isinstance(body, bytes) else body.encode())
    done = run(["server", "-t", "-c", conf.conf_path])
    text = errors(done)
    assert re.search(re.escape(conf.conf_path) + r":\d+:\d+: ", text), text


def test_missing_file(conf):
    done = run(["server", "-t", "-c", conf.path("absent.yaml")])
    assert conf.path("absent.yaml") in errors(done)
    assert "No such file" in done.stderr


def test_directory_as_file(conf):
    assert conf.dir in errors(run(["server", "-t", "-c", conf.dir]))


def test_large_file_is_refused(conf):
    text = "# " + "x" * 100 + "\n"
    done = check(conf, text=text * 200000)
    assert conf.conf_path in errors(done)


# -- substitution ------------------------------------------------------

def test_substitution(conf):
    got = effective(conf, text=(
        "workers: ${WORKERS}\n"
        "home: ${HOME_PAGE:blank}\n"
        "derp:\n"
        "  send_queue: ${QUEUE:40}\n"
        "  write_timeout: ${EMPTY:3s}\n"), env={
            "WORKERS": "2", "QUEUE": "50", "EMPTY": "",
            "XDG_STATE_HOME": conf.dir})
    assert got["workers"] == 2
    assert got["home"] == "blank"
    assert got["derp"]["send_queue"] == 50
    assert got["derp"]["write_timeout"] == "3s"


def test_missing_variables_are_all_named(conf):
    text = errors(check(conf, text=(
        "workers: ${AAA}\n# ${BBB} in a comment\nhome: ${EMPTY}\n"),
        env={"EMPTY": ""}))
    assert "missing required environment variables: AAA, BBB, EMPTY" in text


def test_substituted_text_is_scanned_once_more(conf):
    """A default's value may name a variable, a variable's may not."""
    got = effective(conf, text="home: ${A:blank}\n",
                    env={"A": "${B}", "B": "page",
                         "XDG_STATE_HOME": conf.dir})
    assert got["home"] == "page"


def test_dollar_name_is_untouched(conf):
    got = effective(conf, {"derp": {"server": {"region_name": "$HOME"}}})
    assert got["derp"]["server"]["region_name"] == "$HOME"


# -- other sources -----------------------------------------------------

def encoded(text):
    return base64.b64encode(text.encode()).decode()


def test_base64_alone(conf):
    env = clean_env(
        IONSCALE_CONFIG_BASE64=encoded("workers: 5\n"),
        XDG_STATE_HOME=conf.dir)
    done = run(["server", "-T"], env=env)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["workers"] == 5


def test_base64_on_top_of_the_file(conf):
    text = encoded("workers: 5\nderp:\n  write_timeout: ${W:7s}\n")
    got = effective(
        conf, {"derp": {"send_queue": 9}, "workers": 2},
        env={"IONSCALE_CONFIG_BASE64": text[:20] + "\n" + text[20:]})
    assert got["workers"] == 5
    assert got["derp"]["send_queue"] == 9
    assert got["derp"]["write_timeout"] == "7s"


@pytest.mark.parametrize("value", ["%%%", "YQ=", encoded("workers: x\n")])
def test_bad_base64(conf, value):
    text = errors(check(conf, env={"IONSCALE_CONFIG_BASE64": value}))
    assert "IONSCALE_CONFIG_BASE64" in text


def test_keys_in_any_case(conf):
    got = effective(conf, text=(
        "Workers: 2\nDERP:\n  Send_Queue: 12\n"),
        env={"XDG_STATE_HOME": conf.dir})
    assert got["workers"] == 2 and got["derp"]["send_queue"] == 12


# -- keys of other versions --------------------------------------------

@pytest.mark.parametrize("text, line", [
    ("database:\n  type: sqlite\n", 2),
    ("poll_net:\n  keep_alive_interval: 1m\n", 2),
    ("keys:\n  system_admin_key: " + "ab" * 32 + "\n", 2),
    ("auth:\n  provider:\n    issuer: https://x\n", 3),
    ("derp:\n  sources:\n  - https://x/map\n", 2),
], ids=["database", "poll_net", "keys", "auth", "sources"])
def test_later_keys_are_a_warning(conf, text, line):
    done = check(conf, text=text, env={"XDG_STATE_HOME": conf.dir})
    assert done.returncode == 0, done.stderr
    assert f"{conf.conf_path}:{line}:" in done.stderr


@pytest.mark.parametrize("text", [
    "derp:\n  allow_file: /nonexistent/allow\n",
    "tls:\n  acme: true\n",
])
def test_keys_that_must_not_be_ignored(conf, text):
    key = text.split()[1].rstrip(":")
    assert key in errors(check(conf, text=text))


# -- what start must refuse --------------------------------------------

def test_t49_bad_configuration_does_not_start(daemons):
    one = daemons({"derp": {"client_rate": "fast"}})
    assert "client_rate" in one.refused()
    one = daemons(text="not yaml: [\n")
    assert one.conf_path in one.refused()


def test_ports_taken_are_all_named(daemons):
    tcp, web = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    tcp_addr = "127.0.0.1:%d" % tcp.getsockname()[1]
    udp_addr = "127.0.0.1:%d" % udp.getsockname()[1]
    web_addr = "127.0.0.1:%d" % web.getsockname()[1]
    one = daemons({"listen_addr": tcp_addr, "stun_listen_addr": udp_addr,
                   "metrics_listen_addr": web_addr})
    log = one.refused()
    for key, addr in (("listen_addr", tcp_addr),
                      ("stun_listen_addr", udp_addr),
                      ("metrics_listen_addr", web_addr)):
        assert re.search(rf"\b{key}\b.*{addr}.*in use", log), (key, log)
    # Nobody is left behind who holds a part of what was asked.
    assert not os.path.exists(one.path("ionscale.pid"))
    assert not os.path.exists(one.path("control.sock"))
    for each in (tcp, web, udp):
        each.close()


def test_address_that_is_not_ours(daemons):
    one = daemons({"listen_addr": "192.0.2.1:0"})
    log = one.refused()
    assert re.search(r"listen_addr.*192\.0\.2\.1", log)


@pytest.mark.parametrize("flag", ["start", "-t"])
@pytest.mark.parametrize("what", [
    "absent", "directory", "not_pem", "empty", "mismatch", "key_absent",
    "key_not_pem"])
def test_certificates(daemons, what, flag):
    one = daemons()
    cert = certs.Cert()
    tls = certs.install(one, cert)
    named = tls["cert_file"]
    if what == "absent":
        tls["cert_file"] = named = one.path("absent.crt")
    elif what == "directory":
        tls["cert_file"] = named = one.dir
    elif what == "not_pem":
        one.write("tls.crt", "hello\n")
    elif what == "empty":
        one.write("tls.crt", "")
    elif what == "mismatch":
        named = one.write("tls.key", certs.Cert().key_pem())
    elif what == "key_absent":
        tls["key_file"] = named = one.path("absent.key")
    elif what == "key_not_pem":
        named = one.write("tls.key", "hello\n")
    if flag == "-t":
        text = errors(check(one, {"tls": tls}))
    else:
        one.conf["tls"] = tls
        text = one.refused()
    assert named in text, text


def test_several_reasons_at_once(daemons):
    """A taken port and an unreadable certificate in one run."""
    taken = socket.create_server(("127.0.0.1", 0))
    addr = "127.0.0.1:%d" % taken.getsockname()[1]
    one = daemons({
        "listen_addr": addr,
        "tls": {"cert_file": "/absent.crt", "key_file": "/absent.key"}})
    log = one.refused()
    assert addr in log and "/absent.crt" in log
    taken.close()


def test_state_dir_that_cannot_be_made(daemons):
    one = daemons()
    one.write("file", "")
    one.conf["state_dir"] = one.path("file/state")
    assert one.path("file/state") in one.refused()


def test_broken_key_file_is_not_replaced(server):
    """A relay key that cannot be read stops the start, untouched."""
    one = server()
    keys = [os.path.join(root, name)
            for root, _, names in os.walk(one.path("state"))
            for name in names if name.endswith(".key")]
    assert one.stop() == 0
    relay = [path for path in keys if "privkey:" in open(path).read()]
    assert len(relay) == 1, keys
    assert os.stat(relay[0]).st_mode & 0o777 == 0o600
    with open(relay[0], "w") as out:
        out.write('{"PrivateKey": "privkey:1234"}')
    assert relay[0] in one.refused()
    with open(relay[0]) as back:
        assert back.read() == '{"PrivateKey": "privkey:1234"}'


def test_check_looks_at_what_a_start_would_open(daemons, tmp_path):
    """Log file, group and account: all at once, and nothing is made."""
    one = daemons({"control_group": "no-such-group",
                   "logging": {"file": str(tmp_path / "absent/x.log")}})
    one.write_conf()
    done = run(["server", "-t", "-c", one.conf_path])
    assert done.returncode == 1
    assert re.search(r"yaml:\d+:\d+: control_group: there is no group",
                     done.stderr)
    assert re.search(r"yaml:\d+:\d+: logging\.file: cannot open .*absent/x.log: "
                     "No such file", done.stderr)
    one.write_conf({"control_group": None,
                    "logging": {"file": str(tmp_path / "x.log")}})
    done = run(["server", "-t", "-c", one.conf_path])
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path) == []
