"""Rights given away: who the processes are and what they cannot do.

SPDX-License-Identifier: BSD-2-Clause
"""

import os
import pwd
import re
import stat

import pytest

from kit import certs, daemon, proc
from kit.daemon import SANITIZED

root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

# Bits of capabilities(7): what the master may keep.
KEEP = sum(1 << bit for bit in (2, 5, 6, 7, 10))



def children(one):
    return [item for item in one.processes() if item["role"] != "master"]


@root
@pytest.mark.parametrize("user", ["nobody", "daemon", None])
def test_children_run_as_the_service_user(server, user):
    one = server({"user": user} if user else {})
    account = pwd.getpwnam(user or "nobody")
    try:
        account = account if user else pwd.getpwnam("ionscale")
    except KeyError:
        pass
    for item in children(one):
        status = proc.status(item["pid"])
        assert set(status["Uid"].split()) == {str(account.pw_uid)}
        assert set(status["Gid"].split()) == {str(account.pw_gid)}
        assert status["Groups"] in ("", str(account.pw_gid))
        assert status["NoNewPrivs"] == "1"
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[kind], 16) == 0, (item["role"], kind)
    a, b = one.client(), one.client()
    a.roundtrip(b)


@root
def test_master_keeps_only_what_it_needs(server):
    one = server()
    status = proc.status(one.process.pid)
    assert int(status["CapPrm"], 16) & ~KEEP == 0
    assert int(status["CapEff"], 16) & ~KEEP == 0


def test_no_new_privileges_without_root_too(server):
    one = server()
    for item in children(one):
        assert proc.status(item["pid"])["NoNewPrivs"] == "1"


@root
def test_unknown_user_is_an_error(daemons):
    one = daemons({"user": "no-such-account"})
    assert "no-such-account" in one.refused()


@root
def test_key_files_of_root_are_read_by_the_master_alone(server):
    """A 0600 key of root's serves although the workers are nobody."""
    one = server()
    cert = certs.Cert()
    tls = certs.install(one, cert)
    os.chmod(tls["key_file"], 0o600)
    one.reconfigure({"tls": tls})
    assert one.connect().stream.chain()[0] == cert.der


def test_state_directory_mode(server):
    one = server()
    info = os.stat(one.path("state"))
    assert info.st_mode & 0o777 == 0o700
    for name in os.listdir(one.path("state")):
        mode = os.stat(os.path.join(one.path("state"), name)).st_mode
        if "key" in name and stat.S_ISREG(mode):
            assert mode & 0o077 == 0, name


def test_secrets_are_not_in_arguments_or_environment(server):
    one = server()
    for pid in one.pids():
        for part in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{part}", "rb") as text:
                assert b"privkey" not in text.read()


def test_children_hold_no_descriptor_of_others(server):
    """No worker has the control socket, the keeper no listener."""
    one = server()

    def sockets(pid):
        found = set()
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{name}")
            except FileNotFoundError:
                continue  # a command's connection that has just ended
            if target.startswith("socket:["):
                found.add(target[8:-1])
        return found

    def inodes(table, column, wanted):
        found = set()
        with open(f"/proc/net/{table}") as lines:
            for line in list(lines)[1:]:
                fields = line.split()
                if fields[1].endswith(":%04X" % wanted):
                    found.add(fields[column])
        return found

    listeners = inodes("tcp", 9, one.addr[1])
    stun = inodes("udp", 9, one.stun_addr[1])
    assert len(listeners) == len(stun) == one.workers
    for item in one.processes("worker"):
        held = sockets(item["pid"])
        assert len(held & listeners) == 1
        assert len(held & stun) == 1
    for pid in one.pids("keeper"):
        assert not sockets(pid) & (listeners | stun)


def test_children_are_not_dumpable(server):
    """Another process of the same user cannot look into a worker."""
    one = server()
    for item in children(one):
        # The files of a process that is not dumpable belong to root.
        # Who looks for leaks must trace itself, and so stays dumpable.
        owner = os.stat(f"/proc/{item['pid']}/environ").st_uid
        assert owner == 0 or SANITIZED


@root
def test_sandbox_required_starts_where_all_works(server):
    one = server({"sandbox": "required"})
    a, b = one.client(), one.client()
    a.roundtrip(b)


@root
def test_links_in_the_state_directory_lead_to_nothing_of_roots(server):
    """The service user owns that directory: it must not choose what the
    master reads for it."""
    one = server()
    secret = certs.Cert()
    mine = certs.install(one, secret, "roots")
    os.chmod(mine["key_file"], 0o600)
    for name, target in (("tls.crt", mine["cert_file"]),
                         ("tls.key", mine["key_file"])):
        path = os.path.join(one.path("state"), name)
        os.unlink(path)
        os.symlink(target, path)
    done = one.reload()
    assert done.returncode == 1
    assert "tls.key" in done.stderr and "Permission denied" in done.stderr
    assert one.connect().stream.chain()[0] != secret.der


@pytest.fixture
def theirs(daemons):
    """A daemon, not started, and a directory in which nobody may write."""

    def make(conf=None):
        one = daemons(conf)
        os.mkdir(one.path("theirs"))
        os.chown(one.path("theirs"), 65534, 65534)
        one.write("victim", "untouched")
        return one
    return make


def untouched(one):
    with open(one.path("victim")) as victim:
        return victim.read() == "untouched"


@root
@pytest.mark.parametrize("make_link", [os.symlink, os.link])
def test_log_follows_no_strangers_link(theirs, make_link):
    one = theirs()
    path = one.path("theirs/own.log")
    make_link(one.path("victim"), path)
    one.conf["logging"] = {"file": path}
    assert re.search(rf"logging\.file: cannot open {re.escape(path)}: .*"
                     "(a link on the way|another name)", one.refused())
    assert untouched(one)


@root
@pytest.mark.parametrize("make_link", [os.symlink, os.link])
def test_reopen_follows_no_strangers_link(theirs, make_link):
    """The service user may have the log, but not lead root with it."""
    one = theirs()
    path = one.path("theirs/own.log")
    one.conf["logging"] = {"file": path}
    one.start()
    os.rename(path, one.path("old.log"))
    make_link(one.path("victim"), path)
    one.allow("cannot reopen .*(a link on the way|another name)")
    assert one.cli("reopen").returncode == 0
    moved = one.path("theirs/moved")
    one.conf["logging"] = {"file": moved}
    make_link(one.path("victim"), moved)
    one.write_conf()
    refused = one.reload()
    assert refused.returncode == 1
    assert re.search(rf"logging\.file: cannot open {re.escape(moved)}",
                     refused.stderr)
    assert untouched(one)


@root
def test_socket_and_pid_file_in_a_strangers_directory(theirs):
    """Both are refused at once, at a check and at a start."""
    one = theirs()
    one.conf.update({"pid_file": one.path("theirs/x.pid"),
                     "control_socket": one.path("theirs/new/x.sock")})
    log = one.refused()
    for key in ("pid_file", "control_socket"):
        line = (rf"ionscale\.yaml:\d+:\d+: {key}: .*"
                "theirs belongs to uid 65534.*only root can write")
        assert re.search(line, log), log
        checked = daemon.run(["server", "-t", "-c", one.conf_path])
        assert checked.returncode == 1
        assert re.search(line, checked.stderr)
    assert os.listdir(one.path("theirs")) == []


@root
@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_socket_and_pid_file_where_all_can_write(daemons, mode):
    """With the sticky bit what root makes is root's."""
    one = daemons()
    os.mkdir(one.path("wide"))
    os.chmod(one.path("wide"), mode)
    one.conf.update({"pid_file": one.path("wide/x.pid"),
                     "control_socket": one.path("wide/x.sock")})
    one.control_path = one.path("wide/x.sock")
    if mode == 0o777:
        assert "can be written by others" in one.refused()
        return
    one.start()
    one.client().roundtrip(one.client())
