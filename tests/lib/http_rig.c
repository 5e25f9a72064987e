/*
 * http_rig.c -- an HTTP server on a fake clock and its clients.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "lib/http_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "http/websocket.h"
#include "proto/http1.h"

static http_rig_t *
rig_of(void *arg)
{
    return ION_CONTAINER_OF((ion_process_t *)arg, http_rig_t, p);
}

static void
on_echo(ion_http_conn_t *c, const http1_request_t *req, void *arg)
{
    ion_sb_t sb;
    (void)arg;
    ion_sb_init(&sb, 8192);
    ion_sb_addf(
        &sb, "%.*s %.*s", ION_STR_ARG(req->method), ION_STR_ARG(req->path));
    if (req->query.len > 0) {
        ion_sb_addf(&sb, "?%.*s", ION_STR_ARG(req->query));
    }
    ion_http_reply_text(c, 200, sb.p);
    ion_sb_fini(&sb);
}

static void
on_big(ion_http_conn_t *c, const http1_request_t *req, void *arg)
{
    static char body[100000];
    (void)req;
    (void)arg;
    memset(body, 'b', sizeof(body));
    ion_http_reply(c, &(ion_http_reply_t){
                          .status = 200,
                          .body = { body, sizeof(body) },
                      });
}

static void
on_take(ion_http_conn_t *c, const http1_request_t *req, void *arg)
{
    http_rig_t *rig = rig_of(arg);
    (void)req;
    ion_stream_close(&rig->stream);
    ion_http_take(c, &rig->facts);
    ION_ASSERT(rig->facts.rest_len < sizeof(rig->taken_rest));
    memcpy(rig->taken_rest, rig->facts.rest, rig->facts.rest_len);
    rig->taken_rest[rig->facts.rest_len] = '\0';
    rig->stream = rig->facts.stream;
    rig->taken++;
}

static void
on_ws(ion_http_conn_t *c, const http1_request_t *req, void *arg)
{
    http_rig_t *rig = rig_of(arg);

    ion_stream_close(&rig->stream);
    if (ion_http_websocket(c, req, "rig", &rig->facts) == ION_OK) {
        rig->stream = rig->facts.stream;
        ION_IGNORE(ion_stream_flush(rig->stream));
    }
}

static const ion_http_route_t rig_routes[] = {
    { "/echo", ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_ALWAYS_PLAIN,
        on_echo },
    { "/big", ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_ALWAYS_PLAIN,
        on_big },
    { "/take", ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_ALWAYS_PLAIN,
        on_take },
    { "/ws", ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_ALWAYS_PLAIN, on_ws },
    { "/secret", ION_ROUTE_EXACT | ION_ROUTE_MAIN, on_echo },
    { "/metrics", ION_ROUTE_EXACT | ION_ROUTE_METRICS, on_echo },
    { .path = NULL },
};

void
http_rig_init(http_rig_t *rig, ion_http_config_t *config)
{
    ion_http_config_t plain;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    memset(rig, 0, sizeof(*rig));
    ION_ASSERT(fd >= 0);
    ION_ASSERT(ion_log_sink_new(fd, "rig", &rig->sink) == ION_OK);
    ion_log_sink_set(rig->sink, ION_LOG_TEXT, ION_LOG_DEBUG);
    rig->log.sink = rig->sink;
    ION_ASSERT(ion_loop_new_fake(HTTP_RIG_START, &rig->loop) == ION_OK);
    rig->p.role = ION_ROLE_WORKER;
    rig->p.loop = rig->loop;
    rig->p.log = &rig->log;
    rig->p.stats = rig->stats;
    ION_ASSERT(ion_http_stat_count <= ION_ARRAY_LEN(rig->stats));
    if (config == NULL) {
        ion_http_config_init(&plain);
        config = &plain;
    }
    ION_ASSERT(ion_http_server_new(&rig->p, 0, config, &rig->server) == ION_OK);
    ION_ASSERT(ion_http_server_routes(rig->server, rig_routes) == ION_OK);
}

void
http_rig_fini(http_rig_t *rig)
{
    ion_stream_close(&rig->stream);
    ion_http_server_free(&rig->server);
    ion_loop_free(&rig->loop);
    ion_log_sink_free(&rig->sink);
}

void
http_rig_connect(
    http_rig_t *rig, http_rig_client_t *c, uint32_t kind, const char *peer)
{
    int fds[2];
    ion_addr_t addr = { 0 };
    ION_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    ION_ASSERT(ion_addr_parse(ion_str_from(peer), &addr) == ION_OK);
    c->rig = rig;
    c->fd = fds[1];
    c->in_len = 0;
    c->in[0] = '\0';
    c->is_closed = false;
    ion_http_server_accept(rig->server, fds[0], &addr, &addr, kind);
}

void
http_rig_close(http_rig_client_t *c)
{
    close(c->fd);
    c->fd = -1;
    ION_ASSERT(ion_loop_advance(c->rig->loop, 0) == ION_OK);
}

void
http_rig_send(http_rig_client_t *c, const char *p, size_t n)
{
    ssize_t r = send(c->fd, p, n, MSG_NOSIGNAL);
    ION_ASSERT(r == (ssize_t)n || (r < 0 && errno == EPIPE));
}

/* True when something came. */
static bool
collect(http_rig_client_t *c)
{
    bool got = false;
    while (!c->is_closed) {
        size_t room = sizeof(c->in) - 1 - c->in_len;
        ION_ASSERT(room > 0);
        ssize_t r = recv(c->fd, c->in + c->in_len, room, 0);
        if (r < 0 && errno == EAGAIN) {
            break;
        }
        if (r <= 0) {
            c->is_closed = true;
            break;
        }
        c->in_len += (size_t)r;
        got = true;
    }
    c->in[c->in_len] = '\0';
    return got;
}

void
http_rig_settle(http_rig_client_t *c)
{
    do {
        ION_ASSERT(ion_loop_advance(c->rig->loop, 0) == ION_OK);
    } while (collect(c));
}

void
http_rig_advance(http_rig_client_t *c, uint64_t ns)
{
    ION_ASSERT(ion_loop_advance(c->rig->loop, ns) == ION_OK);
    http_rig_settle(c);
}

const char *
http_rig_ask(http_rig_client_t *c, const char *text)
{
    c->in_len = 0;
    http_rig_send(c, text, strlen(text));
    http_rig_settle(c);
    return c->in;
}

static bool
same_labels(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

uint64_t
http_rig_stat(const http_rig_t *rig, const char *name, const char *labels)
{
    for (size_t i = 0; i < ion_http_stat_count; i++) {
        if (strcmp(ion_http_stats[i].name, name) == 0 &&
            same_labels(ion_http_stats[i].labels, labels))
        {
            return rig->stats[i];
        }
    }
    ION_UNREACHABLE();
}

static void
on_drained(void *arg)
{
    ((http_rig_t *)arg)->drained++;
}

void
http_rig_drain(http_rig_t *rig)
{
    ion_http_server_drain(rig->server, on_drained, rig);
}
