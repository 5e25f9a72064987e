"""DERP from programs that share no WebSocket code with ours or the kit's:
a browser's engine, and Python's websockets.

SPDX-License-Identifier: BSD-2-Clause
"""

import asyncio
import os
import ssl
import threading

import pytest
import websockets

from kit import wire
from kit.browser import PROGRAM, Browser
from kit.clock import LIMIT, wait_until
from kit.transport import Closed, Timeout

SIZES = (1, 80, 125, 126, 1400, 16384, 40000, wire.MAX_PACKET)

PAGE = """<!doctype html><title>DERP</title><script>
"use strict";
const peer = new Uint8Array(%(peer)s);
const sizes = %(sizes)s;
const ws = new WebSocket("%(url)s", "derp");
const seen = {sizes: [], largest: 0, pong: false};
let input = new Uint8Array(0), waiting = null;
ws.binaryType = "arraybuffer";

function post(path, data) {
    return fetch(path, {method: "POST", body: data});
}
function frame(type, ...parts) {
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    const out = new Uint8Array(5 + size);
    new DataView(out.buffer).setUint32(1, size);
    out[0] = type;
    let at = 5;
    for (const part of parts) { out.set(part, at); at += part.length; }
    return out;
}
function take() {
    if (input.length < 5) return null;
    const size = new DataView(input.buffer, input.byteOffset).getUint32(1);
    if (input.length < 5 + size) return null;
    const got = {type: input[0], body: input.slice(5, 5 + size)};
    input = input.slice(5 + size);
    return got;
}
async function next() {
    for (;;) {
        const got = take();
        if (got !== null && got.type !== 6) return got;
        if (got === null) await new Promise(go => { waiting = go; });
    }
}
ws.onmessage = event => {
    const more = new Uint8Array(event.data);
    const all = new Uint8Array(input.length + more.length);
    all.set(input);
    all.set(more, input.length);
    input = all;
    seen.largest = Math.max(seen.largest, more.length);
    if (waiting !== null) { waiting(); waiting = null; }
};
ws.onclose = event => {
    Object.assign(seen, {protocol: ws.protocol, extensions: ws.extensions,
                         code: event.code, clean: event.wasClean});
    post("/result", JSON.stringify(seen));
};
async function talk() {
    const hello = await next();
    const sealed = await post("/seal", hello.body.slice(8));
    ws.send(await sealed.arrayBuffer());
    seen.info = (await next()).type;
    for (const size of sizes) {
        const data = new Uint8Array(size).map((_, i) => i * 7 + size);
        const packet = frame(4, peer, data);
        ws.send(packet.slice(0, 20));   /* where messages end says nothing */
        ws.send(packet.slice(20));
        const back = await next();
        const same = back.type === 5 && back.body.length === 32 + size
            && back.body.slice(32).every((byte, i) => byte === data[i]);
        seen.sizes.push(same ? size : -size);
    }
    ws.send(frame(18, new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])));
    seen.pong = (await next()).type === 19;
    ws.close(1000, "done");
}
ws.onopen = () => talk().catch(error => {
    post("/result", JSON.stringify({error: String(error)}));
});
</script>"""


class Echo:
    """A client that sends every packet back, in its own thread."""

    def __init__(self, client):
        self.client = client
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.stopping.is_set():
            try:
                got = self.client.recv(0.2)
            except Timeout:
                continue
            except Closed:
                return
            if got.type == wire.RECV_PACKET:
                self.client.send_packet(got.payload[:32], got.payload[32:])

    def __enter__(self):
        self.thread.start()
        return self.client

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


@pytest.mark.skipif(PROGRAM is None, reason="needs a browser: "
                    "auto/deps browser")
@pytest.mark.parametrize("scheme", ["wss", "ws"])
def test_browser(server, scheme):
    one = server()
    key = wire.Key()
    with Echo(one.client()) as peer:
        page = PAGE % {
            "peer": list(peer.public), "sizes": list(SIZES),
            "url": "%s://%s:%d/derp" % (scheme, *one.addr)}
        posts = {"/seal": lambda public: wire.client_info(key, public)}
        with Browser(page, posts) as browser:
            seen = browser.run()
    assert seen == {
        "sizes": list(SIZES), "largest": 16384, "pong": True,
        "info": wire.SERVER_INFO, "protocol": "derp", "extensions": "",
        "code": 1000, "clean": True}, seen
    counters = one.counters()
    assert counters["derp_websocket_accepts"] == 1
    wait_until(lambda: not one.is_registered(key))


async def exchange(one, peer, key):
    """Log in and have packets of all sizes sent back; the close code."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    buf, frames = bytearray(), []

    async def following():
        while not frames:
            buf.extend(await asyncio.wait_for(ws.recv(), LIMIT))
            frames.extend(wire.parse(buf))
        return frames.pop(0)

    async with websockets.connect(
            "wss://%s:%d/derp" % one.addr, ssl=ctx, subprotocols=["derp"],
            origin="https://page.test", max_size=32768) as ws:
        assert ws.subprotocol == "derp" and ws.extensions == []
        hello = await following()
        await ws.send(wire.client_info(key, hello.payload[8:]))
        assert (await following()).type == wire.SERVER_INFO
        for size in SIZES:
            data = os.urandom(size)
            await ws.send(wire.send_packet(peer.public, data))
            assert await following() == (
                wire.RECV_PACKET, peer.public + data)
        waiter = await ws.ping(b"still there?")
        await asyncio.wait_for(waiter, LIMIT)
        await ws.close(1000, "done")
        return ws.close_code


def test_websockets_library(server):
    one = server()
    key = wire.Key()
    with Echo(one.client()) as peer:
        assert asyncio.run(exchange(one, peer, key)) == 1000
    wait_until(lambda: not one.is_registered(key))
