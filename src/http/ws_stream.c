/*
 * http/ws_stream.c -- a byte stream inside the messages of a WebSocket.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Input is unmasked in the buffer it is read into. Of a client's pings only
 * the last one of each read is answered, and not before what waits for the
 * client is out: a client that pings and does not read costs one pong.
 */
#include "http/ws_stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "event/loop.h"
#include "proto/ws_frame.h"

/* What is written at once is put behind its header in one piece up to this. */
#define JOINED_MAX 4096

typedef struct ws_stream {
    ion_stream_t head;
    ion_stream_t *lower; /* owns */
    http_ws_set_t *set;  /* back; NULL when the set is gone */
    ion_list_t link;     /* in one of the set's lists */
    uint64_t id;
    uint8_t *rest; /* owns: input that came with the handshake, until read */
    size_t rest_len;
    size_t rest_pos;
    size_t lingered; /* bytes read since the close */
    bool is_dead;    /* the connection below has ended */
    bool is_closing; /* our Close is written */
    bool has_pong;
    uint8_t pong_len;
    uint8_t pong[WS_MAX_CONTROL];
    ws_decoder_t decoder;
    ion_io_t io; /* from here on: in use after the close only */
    ion_timer_t timer;
    ion_task_t more;
    ion_reap_t reap;
} ws_stream_t;

static ws_stream_t *
ws_of(ion_stream_t *s)
{
    return ION_CONTAINER_OF(s, ws_stream_t, head);
}

static const ws_stream_t *
ws_of_const(const ion_stream_t *s)
{
    return (const ws_stream_t *)(const void *)s;
}

/* Bytes as they came: those of the handshake first. */
static ion_err_t
take_input(ws_stream_t *ws, uint8_t *buf, size_t cap, size_t *n)
{
    ion_err_t rc;

    if (ws->rest != NULL) {
        *n = ION_MIN(cap, ws->rest_len - ws->rest_pos);
        memcpy(buf, ws->rest + ws->rest_pos, *n);
        ws->rest_pos += *n;
        if (ws->rest_pos == ws->rest_len) {
            free(ws->rest);
            ws->rest = NULL;
        }
        return ION_OK;
    }
    rc = ion_stream_read(ws->lower, buf, cap, n);
    ws->is_dead = rc != ION_OK && rc != ION_AGAIN;
    return rc;
}

static void
note_ping(ws_stream_t *ws, const ws_event_t *event)
{
    ws->has_pong = true;
    ws->pong_len = (uint8_t)event->len;
    memcpy(ws->pong, event->p, event->len);
}

static void
log_violation(const ws_stream_t *ws)
{
    if (ws->set != NULL) {
        ion_log_peer(ws->set->log, ION_LOG_INFO, 0,
            "c=%llu websocket: the client sent %s", (unsigned long long)ws->id,
            ws->decoder.why);
    }
}

/* The payload of messages in buf[0..n), moved to its start. */
static size_t
decode(ws_stream_t *ws, uint8_t *buf, size_t n)
{
    size_t pos = 0;
    size_t out = 0;

    while (pos < n) {
        ws_event_t event;
        size_t used = 0;
        ion_err_t rc =
            ws_decode(&ws->decoder, buf + pos, n - pos, &used, &event);

        pos += used;
        if (rc == ION_MALF) {
            log_violation(ws);
        } else if (rc == ION_OK && event.kind == WS_BINARY) {
            memmove(buf + out, event.p, event.len);
            out += event.len;
        } else if (rc == ION_OK && event.kind == WS_PING) {
            note_ping(ws, &event);
        }
    }
    return out;
}

/* What the state of the decoder means to a reader. */
static ion_err_t
read_state(const ws_stream_t *ws)
{
    if (ws->decoder.has_failed) {
        return ION_MALF;
    }
    return ws->decoder.has_close ? ION_CLOSED : ION_AGAIN;
}

static ion_err_t
ws_read(ion_stream_t *s, void *buf, size_t cap, size_t *n)
{
    ws_stream_t *ws = ws_of(s);
    size_t raw = 0;
    ion_err_t rc = read_state(ws);

    if (rc != ION_AGAIN) {
        return rc;
    }
    rc = take_input(ws, buf, cap, &raw);
    if (rc != ION_OK) {
        return rc;
    }
    *n = decode(ws, buf, raw);
    return *n > 0 ? ION_OK : read_state(ws);
}

static ion_err_t
write_frame(ws_stream_t *ws, ws_opcode_t opcode, const uint8_t *p, size_t n)
{
    uint8_t frame[WS_SERVER_HEADER + JOINED_MAX];
    size_t len = ws_header_put(frame, opcode, n);
    ion_err_t rc;

    if (n <= JOINED_MAX) {
        if (n > 0) {
            memcpy(frame + len, p, n);
        }
        return ion_stream_write(ws->lower, frame, len + n);
    }
    rc = ion_stream_write(ws->lower, frame, len);
    return rc == ION_OK ? ion_stream_write(ws->lower, p, n) : rc;
}

static ion_err_t
ws_write(ion_stream_t *s, const void *p, size_t n)
{
    ws_stream_t *ws = ws_of(s);
    const uint8_t *bytes = p;
    ion_err_t rc = ION_OK;

    if (ws->is_closing) {
        return ION_CLOSED;
    }
    while (n > 0 && rc == ION_OK) {
        size_t part = ION_MIN(n, (size_t)HTTP_WS_MESSAGE);

        rc = write_frame(ws, WS_BINARY, bytes, part);
        bytes += part;
        n -= part;
    }
    return rc;
}

static ion_err_t
ws_flush(ion_stream_t *s)
{
    ws_stream_t *ws = ws_of(s);
    ion_err_t rc = ion_stream_flush(ws->lower);

    if (rc != ION_OK || !ws->has_pong) {
        return rc;
    }
    ws->has_pong = false;
    rc = write_frame(ws, WS_PONG, ws->pong, ws->pong_len);
    return rc == ION_OK ? ion_stream_flush(ws->lower) : rc;
}

static size_t
ws_unsent(const ion_stream_t *s)
{
    const ws_stream_t *ws = ws_of_const(s);
    size_t pong = ws->has_pong ? 2 + (size_t)ws->pong_len : 0;

    return ion_stream_unsent(ws->lower) + pong;
}

static bool
ws_has_input(const ion_stream_t *s)
{
    const ws_stream_t *ws = ws_of_const(s);

    return ws->rest != NULL || read_state(ws) != ION_AGAIN ||
           ion_stream_has_input(ws->lower);
}

static bool
ws_is_ready(const ion_stream_t *s)
{
    return ion_stream_is_ready(ws_of_const(s)->lower);
}

static int
ws_tls_version(const ion_stream_t *s)
{
    return ion_stream_tls_version(ws_of_const(s)->lower);
}

/* Our Close frame, once: for the client's violation, else in answer to its
 * Close, else with the code of whoever closes. */
static void
say_close(ws_stream_t *ws, uint16_t code, ion_str_t reason)
{
    uint8_t frame[WS_CONTROL_FRAME];
    size_t n;

    if (ws->is_closing || ws->is_dead) {
        return;
    }
    if (ws->decoder.has_failed) {
        code = ws->decoder.code;
        reason = ion_str_from(ws->decoder.why);
    } else if (ws->decoder.has_close) {
        code = ws->decoder.close_code;
        reason.len = 0;
    }
    ws->is_closing = true;
    ws->has_pong = false;
    n = ws_close_put(frame, code, reason);
    ws->is_dead = ion_stream_write(ws->lower, frame, n) != ION_OK;
}

static ion_err_t
ws_finish(ion_stream_t *s)
{
    ws_stream_t *ws = ws_of(s);

    say_close(ws, WS_CODE_NORMAL, ION_STR(""));
    return ws->is_dead ? ION_CLOSED : ion_stream_finish(ws->lower);
}

/* Where the client's next frame begins cannot be told to another process yet:
 * such a session stays where it is. */
static ion_err_t
ws_export(ion_stream_t *s, void *buf, size_t cap, size_t *n)
{
    (void)s;
    (void)buf;
    (void)cap;
    (void)n;
    return ION_UNSUPPORTED;
}

static void
ws_free(ws_stream_t *ws)
{
    ion_list_del(&ws->link);
    free(ws->rest);
    ws->head.magic = 0;
    free(ws);
}

static void
on_reap(ion_reap_t *reap)
{
    ws_free(ION_CONTAINER_OF(reap, ws_stream_t, reap));
}

static void
linger_end(ws_stream_t *ws)
{
    ion_loop_t *loop = ws->head.loop;

    ion_io_del(loop, &ws->io);
    ion_timer_cancel(loop, &ws->timer);
    ion_task_cancel(&ws->more);
    ion_list_del(&ws->link);
    ws->set->lingering_count--;
    ion_stream_close(&ws->lower);
    ion_loop_reap(loop, &ws->reap, on_reap);
}

static void
linger_read(ws_stream_t *ws)
{
    ion_loop_t *loop = ws->head.loop;
    uint8_t *buf = ion_loop_rxbuf(loop);
    size_t n = 0;
    ion_err_t rc = take_input(ws, buf, ION_LOOP_RXBUF, &n);

    if (rc == ION_AGAIN) {
        return;
    }
    if (rc == ION_OK) {
        (void)decode(ws, buf, n);
        ws->lingered += n;
    }
    if (rc != ION_OK || ws->decoder.has_close ||
        ws->lingered > HTTP_WS_LINGER_BYTES)
    {
        linger_end(ws);
    } else if (ws->rest != NULL || ion_stream_has_input(ws->lower)) {
        ion_loop_defer(loop, &ws->more);
    }
}

static void
on_io(ion_io_t *io, uint32_t events)
{
    (void)events;
    linger_read(ION_CONTAINER_OF(io, ws_stream_t, io));
}

static void
on_more(ion_task_t *task)
{
    linger_read(ION_CONTAINER_OF(task, ws_stream_t, more));
}

static void
on_timer(ion_timer_t *timer)
{
    linger_end(ION_CONTAINER_OF(timer, ws_stream_t, timer));
}

/* Our Close is out: wait for the client's. False: cannot. */
static bool
linger(ws_stream_t *ws)
{
    ion_loop_t *loop = ws->head.loop;
    http_ws_set_t *set = ws->set;

    ion_io_init(&ws->io, ws->head.fd, on_io);
    if (ion_io_add(loop, &ws->io, ION_IO_READ) != ION_OK) {
        return false;
    }
    if (set->lingering_count == HTTP_WS_LINGER_MAX) {
        linger_end(ION_CONTAINER_OF(
            ion_list_first(&set->lingering), ws_stream_t, link));
    }
    ion_list_del(&ws->link);
    ion_list_add_tail(&set->lingering, &ws->link);
    set->lingering_count++;
    ion_timer_init(&ws->timer, on_timer);
    ion_timer_set(loop, &ws->timer, ion_loop_now(loop) + HTTP_WS_LINGER);
    ion_task_init(&ws->more, on_more);
    if (ws->rest != NULL || ion_stream_has_input(ws->lower)) {
        ion_loop_defer(loop, &ws->more);
    }
    return true;
}

static void
close_now(ws_stream_t *ws, uint16_t code, ion_str_t reason)
{
    say_close(ws, code, reason);
    if (!ws->is_dead && ion_stream_flush(ws->lower) == ION_OK &&
        !ws->decoder.has_close && ws->set != NULL && linger(ws))
    {
        return;
    }
    ion_stream_close(&ws->lower);
    ws_free(ws);
}

static void
ws_close(ion_stream_t *s)
{
    close_now(ws_of(s), WS_CODE_NORMAL, ION_STR(""));
}

static void
ws_release(ion_stream_t *s)
{
    ws_stream_t *ws = ws_of(s);
    int fd; /* the caller has it from the head */

    ion_stream_release(&ws->lower, &fd);
    ws_free(ws);
}

static const ion_stream_ops_t ws_ops = {
    .read = ws_read,
    .write = ws_write,
    .flush = ws_flush,
    .unsent = ws_unsent,
    .has_input = ws_has_input,
    .is_ready = ws_is_ready,
    .tls_version = ws_tls_version,
    .finish = ws_finish,
    .export = ws_export,
    .close = ws_close,
    .release = ws_release,
};

ion_err_t
http_ws_new(http_ws_set_t *set, ion_stream_t *lower, uint64_t id,
    const uint8_t *rest, size_t n, ion_stream_t **out)
{
    ws_stream_t *ws = calloc(1, sizeof(*ws));

    if (ws == NULL) {
        return ION_NOMEM;
    }
    if (n > 0) {
        ws->rest = malloc(n);
        if (ws->rest == NULL) {
            free(ws);
            return ION_NOMEM;
        }
        memcpy(ws->rest, rest, n);
        ws->rest_len = n;
    }
    ws->head.magic = ION_STREAM_MAGIC;
    ws->head.fd = ion_stream_fd(lower);
    ws->head.ops = &ws_ops;
    ws->head.loop = lower->loop;
    ws->lower = lower;
    ws->set = set;
    ws->id = id;
    ion_list_init(&ws->link);
    ion_list_add_tail(&set->live, &ws->link);
    *out = &ws->head;
    return ION_OK;
}

void
http_ws_close_with(ion_stream_t **s, uint16_t code, const char *reason)
{
    ION_ASSERT((*s)->ops == &ws_ops);
    close_now(ws_of(*s), code, ion_str_from(reason));
    *s = NULL;
}

void
http_ws_set_init(http_ws_set_t *set, const ion_log_t *log)
{
    ion_list_init(&set->live);
    ion_list_init(&set->lingering);
    set->lingering_count = 0;
    set->log = log;
}

void
http_ws_set_fini(http_ws_set_t *set)
{
    ion_list_t *link;

    while ((link = ion_list_first(&set->lingering)) != NULL) {
        linger_end(ION_CONTAINER_OF(link, ws_stream_t, link));
    }
    while ((link = ion_list_first(&set->live)) != NULL) {
        ION_CONTAINER_OF(link, ws_stream_t, link)->set = NULL;
        ion_list_del(link);
    }
}
