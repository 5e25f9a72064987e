"""A browser without a window: it loads one page and tells what it saw.

SPDX-License-Identifier: BSD-2-Clause

The page gets what it cannot make by itself (a sealed box) from, and
reports to, a small server of the test's.
"""

import http.server
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading

from . import clock

PROGRAM = shutil.which("chromium-headless-shell")

FLAGS = [
    "--no-sandbox", "--headless", "--disable-gpu", "--disable-dev-shm-usage",
    "--no-first-run", "--disable-background-networking",
    "--ignore-certificate-errors",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


class Browser:
    """posts: path -> function from bytes to bytes, asked by the page."""

    def __init__(self, page, posts):
        self.result = queue.Queue()
        posts = dict(posts, **{"/result": self._take_result})

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(page.encode(), "text/html; charset=utf-8")

            def do_POST(self):
                size = int(self.headers["Content-Length"])
                data = posts[self.path](self.rfile.read(size))
                self.answer(data, "application/octet-stream")

            def answer(self, data, kind):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.dir = tempfile.mkdtemp(prefix="ionscale-browser-")
        self.process = None

    def _take_result(self, data):
        self.result.put(json.loads(data))
        return b""

    @property
    def origin(self):
        return "http://%s:%d" % self.server.server_address

    def run(self):
        """What the page reports, as soon as it does."""
        self.thread.start()
        with open(os.path.join(self.dir, "log"), "w+") as log:
            self.process = subprocess.Popen(
                [PROGRAM, *FLAGS, f"--user-data-dir={self.dir}/data",
                 "--remote-debugging-port=0", self.origin + "/"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env=dict(os.environ, HOME=self.dir))
            try:
                return self.result.get(timeout=60 * clock.SLOW)
            except queue.Empty:
                log.seek(0)
                raise AssertionError(
                    "the page reports nothing\n" + log.read()) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.server.shutdown()
            self.thread.join()
        self.server.server_close()
        shutil.rmtree(self.dir, ignore_errors=True)
