/*
 * fuzz_http_conn.c -- a whole HTTP connection: the input whole and in pieces.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The first byte picks the listener and how the rest is cut. Sent at once or
 * cut, the same bytes must get the same replies; when the peer has gone and
 * time has passed, nothing of the connection may be left.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "event/bufpool.h"
#include "lib/http_rig.h"
#include "lib/tls_rig.h"

#define INPUT_MAX 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct outcome {
    uint64_t hash; /* of all bytes that came back */
    size_t len;
    unsigned taken;
    bool is_closed;
} outcome_t;

static http_rig_t rig;
static http_rig_client_t client;

static void
start_once(void)
{
    static bool is_started;
    ion_http_config_t config;
    if (is_started) {
        return;
    }
    is_started = true;
    ion_cert_t *cert = tls_rig_cert();
    ion_http_config_init(&config);
    config.tls = tls_rig_ctx(cert, NULL, NULL, 0);
    config.max_header = 2048;
    ion_cert_free(&cert);
    http_rig_init(&rig, &config);
}

static void
collect(outcome_t *out)
{
    static uint8_t buf[65536];
    ssize_t r = 1;
    while (r > 0) {
        ION_ASSERT(ion_loop_advance(rig.loop, 0) == ION_OK);
        r = recv(client.fd, buf, sizeof(buf), 0);
        for (ssize_t i = 0; i < r; i++) {
            out->hash = (out->hash ^ buf[i]) * UINT64_C(1099511628211);
        }
        out->len += r > 0 ? (size_t)r : 0;
    }
    out->is_closed = r == 0 || errno != EAGAIN;
}

static outcome_t
run(uint32_t kind, const uint8_t *p, size_t n, uint32_t seed)
{
    outcome_t out = { .hash = 1 };
    unsigned taken = rig.taken;
    http_rig_connect(&rig, &client, kind, "203.0.113.7:1");
    while (n > 0 && !out.is_closed) {
        size_t step = n;
        if (seed != 0) {
            seed = seed * 1103515245u + 12345u;
            step = ION_MIN(n, 1 + (seed >> 16) % ((seed & 7) == 0 ? 600 : 9));
        }
        http_rig_send(&client, (const char *)p, step);
        collect(&out);
        p += step;
        n -= step;
        if (rig.taken != taken) {
            break; /* what follows is not HTTP's */
        }
    }
    collect(&out);
    out.taken = rig.taken - taken;
    ion_stream_close(&rig.stream);
    http_rig_close(&client);
    ION_ASSERT(ion_loop_advance(rig.loop, ION_SEC(40)) == ION_OK);
    ION_ASSERT(ion_http_server_count(rig.server) == 0);
    ION_ASSERT(ion_bufpool_used(ion_loop_pool(rig.loop)) == 0);
    return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t kinds[] = { ION_ROUTE_MAIN, ION_ROUTE_PORT80,
        ION_ROUTE_METRICS, ION_ROUTE_MAIN };
    if (size < 2 || size > INPUT_MAX) {
        return 0;
    }
    start_once();
    uint32_t kind = kinds[data[0] & 3];
    int64_t second = ion_wall_now_ms() / 1000;
    outcome_t whole = run(kind, data + 1, size - 1, 0);
    outcome_t cut = run(kind, data + 1, size - 1, 1 + data[0]);
    if (second == ion_wall_now_ms() / 1000) {
        /* the same Date in both */
        ION_ASSERT(whole.hash == cut.hash && whole.len == cut.len);
    }
    ION_ASSERT(whole.taken == cut.taken);
    ION_ASSERT(whole.is_closed == cut.is_closed);
    return 0;
}
