"""make install: what lies where, and that it is gone again.

SPDX-License-Identifier: BSD-2-Clause
"""

import os
import subprocess

import pytest

from kit import daemon


def install(*args):
    return subprocess.run(
        [os.path.join(daemon.ROOT, "auto/install"), *args], text=True,
        check=True, stdout=subprocess.PIPE).stdout


def files_in(top):
    return {os.path.relpath(os.path.join(where, name), top)
            for where, _, names in os.walk(top) for name in names}


@pytest.mark.parametrize("prefix", ["/usr/local", "/opt/relay"])
def test_install_and_uninstall(tmp_path, prefix):
    build = os.path.dirname(daemon.BINARY)
    top = str(tmp_path) + prefix
    install(build, str(tmp_path), prefix)
    assert files_in(top) == {
        "bin/ionscale", "share/ionscale/ionscale.yaml",
        "share/man/man8/ionscale.8", "share/doc/ionscale/LICENSE",
        "lib/systemd/system/ionscale.service",
        "share/bash-completion/completions/ionscale"}
    program = top + "/bin/ionscale"
    done = subprocess.run([program, "version"], stdout=subprocess.PIPE,
                          env=daemon.clean_env(), check=True, text=True)
    assert done.stdout.strip().startswith("Client:")
    with open(top + "/lib/systemd/system/ionscale.service") as unit:
        commands = [line for line in unit if line.startswith("Exec")]
    assert commands
    for line in commands:
        assert line.partition("=")[2].split()[0] == prefix + "/bin/ionscale"
    install("--remove", build, str(tmp_path), prefix)
    assert files_in(top) == set()
    for name in ("share/ionscale", "share/doc/ionscale"):
        assert not os.path.exists(os.path.join(top, name))


def test_install_takes_the_configured_prefix(tmp_path):
    (tmp_path / "Makefile").write_text("PREFIX := /opt/relay\nall:;\n")
    (tmp_path / "configured").touch()

    def plan(*args):
        return subprocess.run(
            ["make", "-n", "-C", daemon.ROOT, "install",
             f"BUILD={tmp_path}", *args], text=True, check=True,
            stdout=subprocess.PIPE).stdout
    assert f'install "{tmp_path}" "" "/opt/relay"' in plan()
    assert '"/stage" "/usr"' in plan("PREFIX=/usr", "DESTDIR=/stage")
