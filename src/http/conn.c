/*
 * http/conn.c -- one HTTP/1.1 server connection.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Input is read into the loop's buffer and parsed there; only a head that is
 * not complete is copied. Replies wait in the stream until the end of the
 * turn. While too much output waits, no further pipelined request is looked
 * at. After the last reply our direction is closed first and the peer's is
 * read off for a moment, so that a reset does not swallow the reply.
 */
#include "http/conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "http/http_int.h"
#include "tls/tls_stream.h"

#define CONN_MAGIC     0x48545443u
#define READ_BYTES     16384
#define READS_PER_TURN 4
#define OUTPUT_MAX     65536
#define BODY_MAX       65536
#define LINGER_MS      2000
#define LINGER_BYTES   262144
#define DRAIN_MS       5000

static void
free_conn(ion_reap_t *reap)
{
    ion_http_conn_t *c = ION_CONTAINER_OF(reap, ion_http_conn_t, reap);
    free(c->buf);
    free(c);
}

static void
forget_unproven(ion_http_conn_t *c)
{
    if (c->is_unproven) {
        c->is_unproven = false;
        http_unproven_del(c->server, &c->peer);
    }
}

/* Leave the server; the stream is closed, or somebody else's by now. */
static void
leave(ion_http_conn_t *c)
{
    c->state = HTTP_CONN_DEAD;
    forget_unproven(c);
    ion_timer_cancel(c->server->p->loop, &c->deadline);
    ion_task_cancel(&c->more);
    ion_list_del(&c->dirty);
    ion_list_del(&c->link);
    http_server_gone(c->server);
    ion_loop_reap(c->server->p->loop, &c->reap, free_conn);
}

void
http_conn_close(ion_http_conn_t *c)
{
    if (c->state == HTTP_CONN_DEAD) {
        return;
    }
    ion_io_del(c->server->p->loop, &c->io);
    ion_stream_close(&c->stream);
    leave(c);
}

static void
watch(ion_http_conn_t *c, uint32_t events)
{
    if (ion_io_mod(c->server->p->loop, &c->io, events) != ION_OK) {
        http_conn_close(c);
    }
}

static void
set_deadline(ion_http_conn_t *c, int64_t ms)
{
    ion_loop_t *loop = c->server->p->loop;
    ion_timer_set(loop, &c->deadline, ion_loop_now(loop) + ION_MS(ms));
}

static void
mark_dirty(ion_http_conn_t *c)
{
    if (ion_list_is_empty(&c->dirty)) {
        ion_list_add_tail(&c->server->dirty, &c->dirty);
    }
}

static bool
is_choked(const ion_http_conn_t *c)
{
    return ion_stream_unsent(c->stream) > OUTPUT_MAX;
}

void
http_conn_write(ion_http_conn_t *c, const void *p, size_t n)
{
    if (c->state == HTTP_CONN_DEAD) {
        return;
    }
    if (p == NULL || ion_stream_write(c->stream, p, n) != ION_OK) {
        http_conn_close(c);
        return;
    }
    mark_dirty(c);
}

/* The reply in progress was the last one. */
static void
end_after_reply(ion_http_conn_t *c)
{
    c->state = HTTP_CONN_ENDING;
    mark_dirty(c);
}

bool
http_conn_is_idle(const ion_http_conn_t *c)
{
    return c->state == HTTP_CONN_READING && c->served > 0 && c->len == 0 &&
           ion_stream_unsent(c->stream) == 0;
}

void
http_conn_drain(ion_http_conn_t *c)
{
    ion_mono_t soon =
        ion_loop_now(c->server->p->loop) + ION_MS((int64_t)DRAIN_MS);
    if (http_conn_is_idle(c)) {
        http_conn_close(c);
    } else if (c->served == 0 && c->deadline.node.key > soon) {
        set_deadline(c, DRAIN_MS);
    }
}

static int64_t
write_ms(const ion_http_conn_t *c)
{
    const ion_http_config_t *config = &c->server->config;
    return c->kind == ION_ROUTE_PORT80 ? config->write_port80_ms
                                       : config->write_ms;
}

/* All is out: close our direction, or wait for the next request. */
static void
after_flush(ion_http_conn_t *c)
{
    if (c->state == HTTP_CONN_ENDING) {
        ion_err_t rc = ion_stream_finish(c->stream);
        if (rc == ION_AGAIN) {
            watch(c, ION_IO_WRITE);
        } else if (rc != ION_OK) {
            http_conn_close(c);
        } else {
            c->state = HTTP_CONN_LINGER;
            set_deadline(c, LINGER_MS);
            watch(c, ION_IO_READ);
        }
        return;
    }
    if (c->server->is_draining && http_conn_is_idle(c)) {
        http_conn_close(c);
        return;
    }
    if (c->served > 0 && c->len == 0 && c->state != HTTP_CONN_LINGER) {
        set_deadline(c, c->server->config.read_ms); /* not for half a head */
    }
    if (c->len > 0 || ion_stream_has_input(c->stream)) {
        ion_loop_defer(c->server->p->loop, &c->more);
    }
    watch(c, ION_IO_READ);
}

void
http_conn_flush(ion_http_conn_t *c)
{
    ion_list_del(&c->dirty);
    ion_err_t rc = ion_stream_flush(c->stream);
    if (rc == ION_OK) {
        after_flush(c);
    } else if (rc == ION_AGAIN) {
        bool reads = c->state != HTTP_CONN_ENDING && !is_choked(c);
        watch(c, reads ? ION_IO_READ | ION_IO_WRITE : ION_IO_WRITE);
    } else {
        http_conn_close(c);
    }
}

static void
refuse(ion_http_conn_t *c, const http1_request_t *req)
{
    http_count(c->server, HTTP_STAT_ERRORS);
    ion_log_peer(&c->log, ION_LOG_INFO, 0, "request refused with %d: %s",
        req->status, req->reason);
    http_reply_refused(c, req->status);
    if (c->state != HTTP_CONN_DEAD) {
        set_deadline(c, write_ms(c));
        end_after_reply(c);
    }
}

static void
count_request(ion_http_conn_t *c)
{
    http_count(c->server, HTTP_STAT_REQUESTS);
    if (c->is_tls) {
        http_count(c->server, ion_stream_tls_version(c->stream) == 0x0304
                                  ? HTTP_STAT_TLS_REQUEST_13
                                  : HTTP_STAT_TLS_REQUEST_12);
    }
}

/* A body that is not read, so that the connection cannot go on. */
static bool
leaves_body(const http1_request_t *req)
{
    return req->has_body && (req->chunked || req->expects_continue ||
                                req->content_length > BODY_MAX);
}

static void
serve(ion_http_conn_t *c, const http1_request_t *req)
{
    forget_unproven(c);
    count_request(c);
    c->is_head = ion_str_eq(req->method, ION_STR("HEAD"));
    c->is_answered = false;
    c->wants_close =
        !req->keep_alive || c->server->is_draining || leaves_body(req);
    c->served++;
    http_dispatch(c, req);
    if (c->state == HTTP_CONN_DEAD) {
        return;
    }
    ION_ASSERT(c->is_answered);
    set_deadline(c, write_ms(c));
    if (c->wants_close) {
        end_after_reply(c);
    } else if (req->has_body) {
        c->body_left = req->content_length;
        c->state = HTTP_CONN_BODY;
    }
}

static size_t
skip_body(ion_http_conn_t *c, size_t n)
{
    size_t skip = n < c->body_left ? n : (size_t)c->body_left;
    c->body_left -= skip;
    if (c->body_left == 0) {
        c->state = HTTP_CONN_READING;
    }
    return skip;
}

/* Serve what p[0..n) holds; returns the bytes used up. */
static size_t
consume(ion_http_conn_t *c, const uint8_t *p, size_t n)
{
    size_t used = 0;
    while (used < n) {
        if (c->state == HTTP_CONN_BODY) {
            used += skip_body(c, n - used);
            continue;
        }
        if (c->state != HTTP_CONN_READING || is_choked(c)) {
            break;
        }
        http1_request_t req;
        ion_err_t rc = http1_parse(&c->scan, (const char *)p + used, n - used,
            c->server->config.max_header, &req);
        if (rc == ION_AGAIN) {
            break;
        }
        if (rc != ION_OK) {
            refuse(c, &req);
            break;
        }
        used += req.head_len;
        c->scan = (http1_scan_t){ 0 };
        c->rest = p + used;
        c->rest_len = n - used;
        serve(c, &req);
    }
    return used;
}

/* Keep what is not used up, and nothing else. */
static void
keep_rest(ion_http_conn_t *c, const uint8_t *p, size_t n, bool is_own)
{
    if (n == 0) {
        free(c->buf);
        c->buf = NULL;
    } else if (is_own) {
        memmove(c->buf, p, n);
    } else {
        c->buf = malloc(n);
        if (c->buf == NULL) {
            http_conn_close(c);
            return;
        }
        memcpy(c->buf, p, n);
    }
    c->len = n;
}

static bool
append(ion_http_conn_t *c, const uint8_t *p, size_t n)
{
    uint8_t *buf = realloc(c->buf, c->len + n);
    if (buf == NULL) {
        http_conn_close(c);
        return false;
    }
    memcpy(buf + c->len, p, n);
    c->buf = buf;
    c->len += n;
    return true;
}

/* Take in n new bytes (0: only look again at what was kept). */
static void
feed(ion_http_conn_t *c, const uint8_t *p, size_t n)
{
    bool is_own = c->len > 0;
    if (!is_own && c->served > 0 && c->state == HTTP_CONN_READING) {
        set_deadline(c, c->server->config.read_ms);
    }
    if (is_own) {
        if (n > 0 && !append(c, p, n)) {
            return;
        }
        p = c->buf;
        n = c->len;
    }
    size_t used = consume(c, p, n);
    if (c->state == HTTP_CONN_READING || c->state == HTTP_CONN_BODY) {
        keep_rest(c, p + used, n - used, is_own);
    }
}

static void
note_handshake(ion_http_conn_t *c)
{
    if (c->state == HTTP_CONN_HANDSHAKE && ion_stream_is_ready(c->stream)) {
        c->state = HTTP_CONN_READING;
        c->log.action = NULL;
        http_count(c->server, HTTP_STAT_HANDSHAKES_OK);
    }
}

/* The peer has ended, or broken, its direction. */
static void
on_end(ion_http_conn_t *c, ion_err_t rc)
{
    int err = rc == ION_SYS ? errno : 0;
    if (c->state == HTTP_CONN_HANDSHAKE) {
        http_count(c->server, HTTP_STAT_HANDSHAKES_FAILED);
        ion_log_peer(&c->log, ION_LOG_INFO, err, "TLS handshake failed: %s",
            rc == ION_MALF ? ion_tls_reason(c->stream) : ion_strerror(rc));
    } else if (c->len > 0 || c->state == HTTP_CONN_BODY) {
        http_count(c->server, HTTP_STAT_ERRORS);
    }
    if (rc == ION_CLOSED && c->state != HTTP_CONN_HANDSHAKE &&
        ion_stream_unsent(c->stream) > 0)
    {
        end_after_reply(c);
        watch(c, ION_IO_WRITE);
        return;
    }
    http_conn_close(c);
}

static void
read_and_serve(ion_http_conn_t *c)
{
    ion_loop_t *loop = c->server->p->loop;
    uint8_t *buf = ion_loop_rxbuf(loop);
    if (c->len > c->server->config.max_header) {
        /* requests wait already; first those */
        feed(c, NULL, 0);
        return;
    }
    for (unsigned i = 0; i < READS_PER_TURN; i++) {
        size_t n = 0;
        ion_err_t rc = ion_stream_read(c->stream, buf, READ_BYTES, &n);
        note_handshake(c);
        if (ion_stream_unsent(c->stream) > 0) {
            mark_dirty(c);
        }
        if (rc == ION_AGAIN) {
            return;
        }
        if (rc != ION_OK) {
            on_end(c, rc);
            return;
        }
        feed(c, buf, n);
        if ((c->state != HTTP_CONN_READING && c->state != HTTP_CONN_BODY) ||
            is_choked(c))
        {
            return;
        }
        if (!ion_stream_has_input(c->stream)) {
            return;
        }
    }
    ion_loop_defer(loop, &c->more);
}

static void
on_more(ion_task_t *task)
{
    ion_http_conn_t *c = ION_CONTAINER_OF(task, ion_http_conn_t, more);
    if (c->state != HTTP_CONN_READING && c->state != HTTP_CONN_BODY) {
        return;
    }
    if (c->len > 0) {
        feed(c, NULL, 0);
    }
    if ((c->state == HTTP_CONN_READING || c->state == HTTP_CONN_BODY) &&
        ion_stream_has_input(c->stream) && !is_choked(c))
    {
        read_and_serve(c);
    }
}

static void
read_off(ion_http_conn_t *c)
{
    size_t n = 0;
    ion_err_t rc = ion_stream_read(
        c->stream, ion_loop_rxbuf(c->server->p->loop), ION_LOOP_RXBUF, &n);
    c->lingered += n;
    if ((rc != ION_OK && rc != ION_AGAIN) || c->lingered > LINGER_BYTES) {
        http_conn_close(c);
    }
}

/* From plain to TLS: the descriptor changes streams, no byte was read. */
static bool
become_tls(ion_http_conn_t *c)
{
    ion_http_server_t *server = c->server;
    ion_tls_gauges_t gauges = {
        .active_12 = &server->stats[HTTP_STAT_TLS_ACTIVE_12],
        .active_13 = &server->stats[HTTP_STAT_TLS_ACTIVE_13],
    };
    ion_stream_t *stream = NULL;
    int fd = ion_stream_fd(c->stream);
    c->state = HTTP_CONN_HANDSHAKE;
    if (server->config.tls == NULL ||
        ion_tls_accept(server->p->loop, server->config.tls, fd, &gauges,
            &stream) != ION_OK)
    {
        http_count(server, HTTP_STAT_HANDSHAKES_FAILED);
        http_conn_close(c);
        return false;
    }
    ion_stream_release(&c->stream, &fd);
    c->stream = stream;
    c->is_tls = true;
    c->log.action = "in the TLS handshake";
    return true;
}

/* The first byte of a TLS record of any type; no request begins with it. */
static bool
is_tls_record(uint8_t first)
{
    return first >= 0x14 && first <= 0x17;
}

/* Looks at the first byte without taking it; false when there is none yet. */
static bool
tell_kind(ion_http_conn_t *c)
{
    uint8_t first = 0;
    ssize_t r = 0;
    do {
        r = recv(ion_stream_fd(c->stream), &first, 1, MSG_PEEK);
    } while (r < 0 && errno == EINTR);
    if (r < 0 && errno == EAGAIN) {
        return false;
    }
    if (r <= 0) {
        http_conn_close(c);
        return false;
    }
    if (is_tls_record(first) && c->server->config.tls != NULL) {
        return become_tls(c);
    }
    c->state = HTTP_CONN_READING;
    return true;
}

static void
on_io(ion_io_t *io, uint32_t events)
{
    ion_http_conn_t *c = ION_CONTAINER_OF(io, ion_http_conn_t, io);
    ION_ASSERT(c->magic == CONN_MAGIC);
    if ((events & ION_IO_WRITE) != 0) {
        http_conn_flush(c);
    }
    if ((events & ION_IO_READ) == 0 || c->state == HTTP_CONN_DEAD ||
        c->state == HTTP_CONN_ENDING)
    {
        return;
    }
    if (c->state == HTTP_CONN_FIRST && !tell_kind(c)) {
        return;
    }
    if (c->state == HTTP_CONN_LINGER) {
        read_off(c);
    } else if (!is_choked(c)) {
        read_and_serve(c);
    }
}

static void
on_deadline(ion_timer_t *timer)
{
    ion_http_conn_t *c = ION_CONTAINER_OF(timer, ion_http_conn_t, deadline);
    ION_ASSERT(c->magic == CONN_MAGIC);
    if (c->state == HTTP_CONN_HANDSHAKE) {
        http_count(c->server, HTTP_STAT_HANDSHAKES_TIMEOUT);
    } else if (c->state != HTTP_CONN_LINGER && !http_conn_is_idle(c)) {
        http_count(c->server, HTTP_STAT_ERRORS);
    }
    http_conn_close(c);
}

static size_t
log_context(const void *arg, char *buf, size_t cap)
{
    const ion_http_conn_t *c = arg;
    char peer[ION_ADDR_TEXT_MAX];
    int n = snprintf(buf, cap, "c=%llu peer=%s", (unsigned long long)c->id,
        ion_addr_format(&c->peer, peer));
    return n < 0 ? 0 : ION_MIN((size_t)n, cap - 1);
}

static void
init_conn(ion_http_conn_t *c, ion_http_server_t *server)
{
    c->magic = CONN_MAGIC;
    c->server = server;
    c->id = ++server->next_id;
    c->log = (ion_log_t){
        .sink = server->p->log->sink,
        .parent = server->p->log,
        .subsystem = "http",
        .context = log_context,
        .arg = c,
    };
    ion_list_init(&c->link);
    ion_list_init(&c->dirty);
    ion_timer_init(&c->deadline, on_deadline);
    ion_task_init(&c->more, on_more);
}

void
http_conn_open(ion_http_server_t *server, ion_stream_t *stream,
    const ion_addr_t *peer, const ion_addr_t *local, uint32_t kind)
{
    ion_http_conn_t *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        ion_stream_close(&stream);
        http_unproven_del(server, peer);
        return;
    }
    init_conn(c, server);
    c->stream = stream;
    c->peer = *peer;
    c->local = *local;
    c->kind = kind;
    c->is_unproven = true;
    c->state = kind == ION_ROUTE_MAIN ? HTTP_CONN_FIRST : HTTP_CONN_READING;
    ion_list_add_tail(&server->conns, &c->link);
    server->count++;
    ion_io_init(&c->io, ion_stream_fd(stream), on_io);
    set_deadline(c, server->config.read_ms);
    watch(c, ION_IO_READ);
}

void
ion_http_take(ion_http_conn_t *c, ion_http_taken_t *out)
{
    ION_ASSERT(!c->is_answered && c->state != HTTP_CONN_DEAD);
    c->is_answered = true;
    ion_io_del(c->server->p->loop, &c->io);
    *out = (ion_http_taken_t){
        .stream = c->stream,
        .rest = c->rest,
        .rest_len = c->rest_len,
        .peer = c->peer,
        .local = c->local,
        .is_tls = c->is_tls,
        .tls_version = ion_stream_tls_version(c->stream),
        .id = c->id,
    };
    c->stream = NULL;
    leave(c);
}
