/*
 * fuzz_websocket.c -- a stranger's bytes in a WebSocket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: what the decoder tells does not depend on how the bytes were
 * cut, and it never tells more than it was given; the stream gives its owner
 * the same bytes and the same end; what the stream writes is frames of a
 * server, pongs and one Close at the end; nothing is left when the client has
 * gone.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "core/log.h"
#include "event/loop.h"
#include "event/stream.h"
#include "http/ws_stream.h"
#include "proto/ws_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_IN 16384

typedef struct seen {
    ws_decoder_t d;
    uint8_t data[MAX_IN];
    size_t len;
    uint64_t told; /* mixed from the control frames */
} seen_t;

static seen_t whole;
static seen_t pieces;
static uint8_t copy[MAX_IN];
static ion_loop_t *loop; /* kept from input to input */
static http_ws_set_t set;

static void
mix(seen_t *s, const ws_event_t *event)
{
    s->told = (s->told + (uint64_t)event->kind + 1) * UINT64_C(1099511628211);
    for (size_t i = 0; i < event->len; i++) {
        s->told = (s->told ^ event->p[i]) * UINT64_C(1099511628211);
    }
}

static void
feed(seen_t *s, uint8_t *p, size_t n)
{
    size_t pos = 0;

    while (pos < n) {
        ws_event_t event;
        size_t used = 0;
        ion_err_t rc = ws_decode(&s->d, p + pos, n - pos, &used, &event);

        ION_ASSERT(used <= n - pos && used > 0);
        pos += used;
        ION_ASSERT(rc != ION_MALF || (s->d.code != 0 && s->d.why != NULL));
        if (rc != ION_OK) {
            ION_ASSERT(rc == ION_MALF || pos == n);
        } else if (event.kind == WS_BINARY) {
            ION_ASSERT(event.len > 0 && s->len + event.len <= MAX_IN);
            memcpy(s->data + s->len, event.p, event.len);
            s->len += event.len;
        } else {
            ION_ASSERT(event.len <= WS_MAX_CONTROL);
            mix(s, &event);
        }
    }
}

static void
check_cuts(const uint8_t *data, size_t size, size_t step)
{
    memset(&whole, 0, sizeof(whole));
    memset(&pieces, 0, sizeof(pieces));
    memcpy(copy, data, size);
    feed(&whole, copy, size);
    memcpy(copy, data, size);
    for (size_t at = 0; at < size; at += step) {
        feed(&pieces, copy + at, ION_MIN(step, size - at));
    }
    ION_ASSERT(whole.len == pieces.len && whole.told == pieces.told);
    ION_ASSERT(memcmp(whole.data, pieces.data, whole.len) == 0);
    ION_ASSERT(whole.d.has_failed == pieces.d.has_failed);
    ION_ASSERT(whole.d.has_close == pieces.d.has_close);
    ION_ASSERT(whole.d.code == pieces.d.code);
}

/* Would the loop call the owner? */
static bool
is_readable(const ion_stream_t *s)
{
    uint8_t byte;

    return ion_stream_has_input(s) ||
           recv(ion_stream_fd(s), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* The owner's side: read all there is; the last answer of the stream. */
static ion_err_t
drain(ion_stream_t *s, size_t cap, size_t *len)
{
    ion_err_t rc = ION_OK;

    while (rc == ION_OK || (rc == ION_AGAIN && is_readable(s))) {
        size_t n = 0;

        rc = ion_stream_read(s, copy, cap, &n);
        ION_ASSERT((rc == ION_OK) == (n > 0) && n <= cap);
        ION_ASSERT(*len + n <= whole.len);
        ION_ASSERT(memcmp(whole.data + *len, copy, n) == 0);
        *len += n;
        if (ion_stream_unsent(s) > 0) {
            ION_ASSERT(ion_stream_flush(s) == ION_OK);
        }
    }
    return rc;
}

/* What the server wrote: pongs, then a Close when it has closed. */
static void
check_written(const uint8_t *p, size_t n)
{
    bool has_close = false;

    while (n > 0) {
        size_t len;

        ION_ASSERT(!has_close && n >= 2 && p[1] <= WS_MAX_CONTROL);
        ION_ASSERT(p[0] == (0x80 | WS_PONG) || p[0] == (0x80 | WS_CLOSE));
        has_close = p[0] == (0x80 | WS_CLOSE);
        len = 2 + (size_t)p[1];
        ION_ASSERT(len <= n);
        p += len;
        n -= len;
    }
    ION_ASSERT(has_close);
}

static void
check_stream(const uint8_t *data, size_t size, size_t step)
{
    static uint8_t out[1 << 20];
    int fds[2];
    size_t rest = ION_MIN(size, step % 7);
    size_t len = 0;
    ssize_t n;
    ion_stream_t *lower = NULL;
    ion_stream_t *s = NULL;
    ion_err_t rc;

    ION_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                   0, fds) == 0);
    ION_ASSERT(ion_stream_new_plain(loop, fds[1], &lower) == ION_OK);
    ION_ASSERT(http_ws_new(&set, lower, 1, data, rest, &s) == ION_OK);
    ION_ASSERT(
        send(fds[0], data + rest, size - rest, 0) == (ssize_t)(size - rest));
    rc = drain(s, step, &len);
    ION_ASSERT(len == whole.len);
    ION_ASSERT((rc == ION_MALF) == whole.d.has_failed);
    ION_ASSERT(rc == ION_MALF || (rc == ION_CLOSED) == whole.d.has_close);
    ion_stream_close(&s);
    n = recv(fds[0], out, sizeof(out), 0);
    ION_ASSERT(n > 0);
    check_written(out, (size_t)n);
    close(fds[0]);
    ION_ASSERT(ion_loop_advance(loop, ION_MS(1)) == ION_OK);
    ION_ASSERT(set.lingering_count == 0);
    ION_ASSERT(ion_list_is_empty(&set.live));
}

static void
prepare(void)
{
    static ion_log_t log;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    ION_ASSERT(fd >= 0);
    ION_ASSERT(ion_log_sink_new(fd, "fuzz", &log.sink) == ION_OK);
    ion_log_sink_set(log.sink, ION_LOG_TEXT, ION_LOG_DEBUG);
    ION_ASSERT(ion_loop_new_fake(ION_SEC(1000), &loop) == ION_OK);
    http_ws_set_init(&set, &log);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t step;

    if (size < 2 || size > MAX_IN) {
        return 0;
    }
    if (loop == NULL) {
        prepare();
    }
    step = 1 + (size_t)data[0] * (data[0] >= 128 ? 64 : 1);
    check_cuts(data + 1, size - 1, step);
    check_stream(data + 1, size - 1, step);
    return 0;
}
