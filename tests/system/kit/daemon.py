"""The daemon under test: configuration, start, questions, end.

SPDX-License-Identifier: BSD-2-Clause

Every Daemon has a directory of its own for all that it writes. finish()
is the second half of every test: it holds the daemon to leave nothing
behind, and says everything that is wrong at once.
"""

import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile

import yaml

from . import clock, proc
from .client import Client
from .clock import wait_until
from .control import Control
from .http import Http
from .stun import Stun

ROOT = os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BINARY = os.path.abspath(os.environ.get(
    "IONSCALE_BIN", os.path.join(ROOT, "objs", "ionscale")))



def _contains(*names):
    try:
        with open(BINARY, "rb") as program:
            text = program.read()
            return any(name in text for name in names)
    except OSError:
        return False


# Whether the program is a build that watches memory, and so needs more.
SANITIZED = _contains(b"__asan_init")

# Whether its sandbox only notes what it would forbid.
NOTED = _contains(b"__asan_init", b"__gcov_init")

# A process that is killed while its leaks are looked for cannot be seen.
NO_REPORT = re.compile(r"Unable to get registers from thread|^\s*$")

GAUGES = ("derp_current_connections", "derp_current_home_connections",
          "derp_current_notideal_connections", "derp_clients_total",
          "derp_clients_local", "derp_current_dup_client_keys",
          "derp_current_dup_client_conns")

# A crashing master has no clock to ask: its lines begin with the level.
ALERT = re.compile(r'^(\S+Z )?alert \d+/|"level": ?"alert"')


def default_workers():
    return int(os.environ.get("IONSCALE_TEST_WORKERS", "3"))


def merge(base, over):
    """over on top of base, section by section; None removes a key."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = value
    return result


def run(args, env=None, limit=30, **options):
    """Run the program once: CompletedProcess with text."""
    return subprocess.run(
        [BINARY, *args], env=env or clean_env(), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=limit * clock.SLOW, **options)


def clean_env(**more):
    """Our environment without what would steer the program."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("IONSCALE_", "NOTIFY_", "XDG_"))}
    env.update(more)
    return env


def _no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Daemon:
    def __init__(self, conf=None, workers=None, text=None, env=None,
                 base=True, netns=None):
        self.dir = tempfile.mkdtemp(prefix="ionscale-test-")
        os.chmod(self.dir, 0o755)
        os.mkdir(self.path("sanitizer"))
        os.chmod(self.path("sanitizer"), 0o1777)
        self.workers = workers or default_workers()
        self.conf = merge(self._base_conf() if base else {}, conf or {})
        self.text = text
        self.env = env or {}
        self.netns = netns
        self.stdio = None
        self.before_exec = _no_core
        self.control_path = self.path("control.sock")
        self.process = None
        self.notified = []
        self.clients = []
        self.allowed = []
        self.baseline = {}
        self.killed = False
        self.last_exit = None

    # -- files ---------------------------------------------------------

    def path(self, name):
        return os.path.join(self.dir, name)

    def _base_conf(self):
        return {
            "listen_addr": "127.0.0.1:0",
            "stun_listen_addr": "127.0.0.1:0",
            "metrics_listen_addr": "127.0.0.1:0",
            "public_addr": "https://127.0.0.1:443",
            "stun_public_addr": "127.0.0.1:3478",
            "workers": self.workers,
            "state_dir": self.path("state"),
            "control_socket": self.path("control.sock"),
            "pid_file": self.path("ionscale.pid"),
        }

    @property
    def conf_path(self):
        return self.path("ionscale.yaml")

    def write_conf(self, conf=None, text=None):
        """Put the configuration on disk; conf is laid over the old."""
        if conf:
            self.conf = merge(self.conf, conf)
        if text is not None:
            self.text = text
        body = self.text
        if body is None:
            body = yaml.safe_dump(self.conf, sort_keys=False)
        with open(self.conf_path + ".new", "w") as out:
            out.write(body)
        os.rename(self.conf_path + ".new", self.conf_path)

    def write(self, name, data):
        """A file beside the configuration; returns its path."""
        mode = "wb" if isinstance(data, bytes) else "w"
        with open(self.path(name), mode) as out:
            out.write(data)
        return self.path(name)

    def log(self):
        """All that the daemon has logged or printed so far."""
        parts = []
        for name in sorted(os.listdir(self.dir)):
            if name.endswith(".log"):
                with open(self.path(name), errors="replace") as lines:
                    parts.append(lines.read())
        return "".join(parts)

    def wait_log(self, pattern, limit=None):
        """The match of a pattern in the log, as soon as it is there."""
        return wait_until(
            lambda: re.search(pattern, self.log(), re.M), limit,
            f"{pattern!r} in the log")

    # -- start and end -------------------------------------------------

    def environment(self):
        logs = self.path("sanitizer")
        env = clean_env(**self.env)
        env["ASAN_OPTIONS"] = (
            "detect_leaks=1:abort_on_error=1:handle_segv=0:"
            f"handle_abort=0:log_path={logs}/asan")
        env["UBSAN_OPTIONS"] = (
            f"print_stacktrace=1:halt_on_error=1:log_path={logs}/ubsan")
        env["LSAN_OPTIONS"] = f"log_path={logs}/lsan"
        return env

    def command(self):
        return [BINARY, "server", "-c", self.conf_path]

    def launch(self):
        """Start the process; start() also waits until it is ready."""
        self.write_conf()
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if os.path.exists(self.path("notify")):
            os.unlink(self.path("notify"))
        self.notify.bind(self.path("notify"))
        os.chmod(self.path("notify"), 0o777)
        self.notify.settimeout(0.1)
        env = self.environment()
        env["NOTIFY_SOCKET"] = self.path("notify")
        with open(self.path("stderr.log"), "ab") as err, \
                open(self.path("stdout"), "ab") as out:
            with self.netns or contextlib.nullcontext():
                self.process = subprocess.Popen(
                    self.command(), env=env, stdin=subprocess.DEVNULL,
                    stdout=self.stdio or out, stderr=self.stdio or err,
                    start_new_session=True,
                    preexec_fn=self.before_exec)
        self.killed = False
        self.last_exit = None

    def start(self):
        self.launch()
        try:
            wait_until(self._ready, 20, "READY=1")
            self.read_ports()
            self.take_baseline()
        except BaseException as error:
            self.kill_all()
            raise AssertionError(
                f"daemon did not start: {error}\n{self.log()}") from None
        return self

    def refused(self):
        """A start that must fail with exit code 1; returns the log."""
        self.launch()
        code = self.wait_exit()
        self.process = None
        self.notify.close()
        assert code == 1, f"exit code {code}\n{self.log()}"
        return self.log()

    def _ready(self):
        assert self.process.poll() is None, (
            f"exited with {self.process.returncode}")
        return self.wait_notify("READY=1", poll=True)

    def wait_notify(self, word, poll=False):
        """Wait for a line on the notify socket."""
        def there():
            try:
                data = self.notify.recv(4096).decode()
                self.notified += data.splitlines()
            except TimeoutError:
                pass
            return word in self.notified
        return there() if poll else wait_until(
            there, what=f"notification {word}")

    def read_ports(self):
        self.addrs = {}
        for item in self.status()["listeners"]:
            host, _, port = item["address"].rpartition(":")
            self.addrs.setdefault(
                item["name"], (host.strip("[]"), int(port)))
        self.addr = self.addrs.get("listen_addr")
        self.stun_addr = self.addrs.get("stun_listen_addr")
        self.metrics_addr = self.addrs.get("metrics_listen_addr")
        self.http_addr = self.addrs.get("http_listen_addr")

    def take_baseline(self):
        """Remember what every process holds while nobody is there."""
        self.baseline = {pid: proc.fd_count(pid) for pid in self.pids()}

    def wait_exit(self, limit=15):
        """The exit code, once every process of the daemon is gone."""
        leader = self.process.pid
        try:
            code = self.process.wait(limit * clock.SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"master still runs\n{self.log()}") from None
        wait_until(lambda: not proc.session_members(leader), 5,
                   "end of all processes")
        self.last_exit = code
        return code

    def stop(self):
        """Close every client, end gracefully; the exit code."""
        for client in self.clients:
            client.close()
        return self.end(signal.SIGQUIT)

    def end(self, number):
        """Send a signal that ends it; the exit code."""
        self.process.send_signal(number)
        return self.wait_exit()

    def kill_all(self):
        """The way out of a test that failed."""
        if self.process is None:
            return
        for pid in proc.session_members(self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    # -- questions -----------------------------------------------------

    def control(self):
        return Control(self.control_path)

    def ask(self, cmd, **args):
        with self.control() as control:
            return control.ask(cmd, **args)

    def status(self):
        return self.ask("status")

    def counters(self):
        return self.status()["counters"]

    def counter(self, name, **labels):
        """One counter; labels in the order in which it is printed."""
        if labels:
            name += "{" + ",".join(
                f'{key}="{value}"' for key, value in labels.items()) + "}"
        return self.counters()[name]

    def dropped(self, reason, kind="other"):
        return self.counter(
            "derp_packets_dropped", reason=reason, kind=kind)

    def derp_list(self):
        return self.ask("derp list")

    def worker_of(self, client):
        """The worker that serves a client; it must be registered."""
        for item in self.derp_list():
            if item["address"] == client.local:
                assert item["key"] == client.key.text
                return item["worker"]
        raise AssertionError(f"{client.local} is not in derp list")

    def is_registered(self, key):
        return any(item["key"] == key.text for item in self.derp_list())

    def processes(self, role=None):
        return [item for item in self.status()["processes"]
                if role in (None, item["role"])
                and item["state"] != "dead"]

    def pids(self, role=None):
        return [item["pid"] for item in self.processes(role)]

    def pid(self, role, index=0):
        return next(item["pid"] for item in self.processes(role)
                    if item["index"] == index)

    def cli(self, *args, **options):
        """Run a command against this daemon."""
        return run([*args, "--socket", self.control_path],
                   **options)

    def reload(self):
        """ionscale reload: CompletedProcess."""
        return self.cli("reload")

    def reconfigure(self, conf=None, text=None):
        """Write a new configuration and have it taken."""
        self.write_conf(conf, text)
        done = self.reload()
        assert done.returncode == 0, done.stderr
        self.read_ports()

    # -- clients -------------------------------------------------------

    def connect(self, key=None, tls="1.3", kind=Client, **options):
        """A client that has connected and said nothing."""
        client = kind(self.addr, key, tls, **options)
        self.clients.append(client)
        return client

    def client(self, key=None, tls="1.3", info=None, fast=None,
               pipeline=b"", extra=(), **options):
        """A client that has logged in."""
        client = self.connect(key, tls, **options)
        return client.login(info, fast, pipeline, extra)

    def server_public(self):
        """The relay's public key as a stranger learns it."""
        client = self.connect()
        client.upgrade()
        public = client.greet()
        client.close()
        return public

    def http(self, tls="1.3", addr=None, **options):
        http = Http(addr or self.addr, tls, **options)
        self.clients.append(http)
        return http

    def stun(self, addr=None, **options):
        stun = Stun(addr or self.stun_addr, **options)
        self.clients.append(stun)
        return stun

    # -- the second half of every test ---------------------------------

    def allow(self, pattern):
        """Declare an alert line that this test provokes."""
        self.allowed.append(pattern)

    def finish(self, failed=False):
        problems = []
        try:
            if self.process is not None:
                problems = self._settle(failed)
        finally:
            for client in self.clients:
                client.close()
            self.kill_all()
            if self.process is not None:
                self.notify.close()
            log = self.log()
            shutil.rmtree(self.dir, ignore_errors=True)
        if problems and not failed:
            raise AssertionError("\n".join(problems) + "\n" + log)

    def _settle(self, failed):
        for client in self.clients:
            client.close()
        if failed:
            return []
        problems = []
        if self.process.poll() is None:
            self._try(problems, self._check_empty)
            self._try(problems, self._check_descriptors)
            self._try(problems, self._check_exit)
        self._try(problems, self._check_left)
        self._try(problems, self._check_log)
        return problems

    @staticmethod
    def _try(problems, check):
        try:
            check()
        except (AssertionError, OSError) as error:
            problems.append(f"{check.__name__}: {error}")

    def _check_empty(self):
        def empty():
            listed = self.derp_list()
            assert listed == [], listed
            counters = self.counters()
            left = {name: counters[name] for name in GAUGES
                    if counters[name] != 0}
            assert not left, left
            return True
        wait_until(empty, what="an empty directory")

    def _check_descriptors(self):
        def back():
            grown = {pid: (before, proc.fd_count(pid))
                     for pid, before in self.baseline.items()
                     if proc.alive(pid) and proc.fd_count(pid) > before}
            assert not grown, f"descriptors before, now: {grown}"
            return True
        wait_until(back, what="descriptors back to baseline")

    def _check_exit(self):
        code = self.stop()
        assert code == 0, f"exit code {code} after SIGQUIT"

    def _check_left(self):
        left = proc.session_members(self.process.pid)
        assert not left, f"processes left: {left}"
        if self.killed:
            return
        for name in ("control.sock", "ionscale.pid"):
            assert not os.path.lexists(self.path(name)), f"{name} left"

    def _check_log(self):
        reports = os.listdir(self.path("sanitizer"))
        text = ""
        for name in reports:
            with open(os.path.join(self.path("sanitizer"), name)) as lines:
                text += "".join(
                    line for line in lines
                    if not NO_REPORT.search(line))
        assert not text, f"sanitizer reports: {text}"
        lines = self.log().splitlines()
        alerts = [line for line in lines if ALERT.search(line)]
        stray = [line for line in alerts
                 if not any(re.search(p, line) for p in self.allowed)]
        assert not stray, "alerts in the log: " + "\n".join(stray)
        for pattern in self.allowed:
            assert any(re.search(pattern, line) for line in alerts), (
                f"no alert matches {pattern!r}")
