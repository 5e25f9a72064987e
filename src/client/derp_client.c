/*
 * client/derp_client.c -- the connection: socket, stream, timer, queue.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames of one turn collect in `out` and are sealed and sent together when
 * the turn ends. A callback may close the connection: then only its memory is
 * left, until the loop reaps it.
 */
#include "client/derp_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "client/client_int.h"

#define READS_PER_TURN 4
#define LOGIN_MS       10000
#define BUF_MIN        512

ion_err_t
client_buf_add(client_buf_t *buf, const void *p, size_t n, size_t max)
{
    if (n > max || buf->len > max - n) {
        return ION_LIMIT;
    }
    if (buf->len + n > buf->cap) {
        size_t cap =
            ION_MAX(ION_MAX(2 * buf->cap, buf->len + n), (size_t)BUF_MIN);
        uint8_t *grown = realloc(buf->p, cap);
        if (grown == NULL) {
            return ION_NOMEM;
        }
        buf->p = grown;
        buf->cap = cap;
    }
    if (n > 0) {
        memcpy(buf->p + buf->len, p, n);
        buf->len += n;
    }
    return ION_OK;
}

void
client_buf_drop(client_buf_t *buf)
{
    free(buf->p);
    *buf = (client_buf_t){ 0 };
}

/* Let go of everything but the memory of c itself; safe to repeat. */
static void
dismantle(ion_client_t *c)
{
    c->phase = CLIENT_DOWN;
    ion_timer_cancel(c->loop, &c->timer);
    ion_task_cancel(&c->flush);
    ion_task_cancel(&c->more);
    ion_io_del(c->loop, &c->io);
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
}

void
client_fail(ion_client_t *c, const char *why)
{
    if (c->phase == CLIENT_DOWN) {
        return;
    }
    dismantle(c);
    if (c->conf.events->down != NULL && !c->is_closed) {
        c->conf.events->down(c, why);
    }
}

static void
fail_with(ion_client_t *c, const char *what, const char *detail)
{
    char why[256];
    (void)snprintf(why, sizeof(why), "%s: %s", what, detail);
    client_fail(c, why);
}

/* Why reading or writing failed, in words. */
static void
fail_stream(ion_client_t *c, ion_err_t rc)
{
    const char *text =
        rc == ION_SYS ? strerrordesc_np(errno) : ion_strerror(rc);
    if (c->phase == CLIENT_SECURING) {
        const char *tls = ion_tls_connect_reason(c->stream);
        fail_with(c, "TLS", tls[0] != '\0' ? tls : text);
    } else if (rc == ION_CLOSED) {
        client_fail(c, c->phase == CLIENT_UP
                           ? "the server ended the connection"
                           : "the server ended the connection in the login");
    } else {
        fail_with(c, "connection", text);
    }
}

static void
watch(ion_client_t *c)
{
    uint32_t events = ION_IO_READ;
    if (c->phase == CLIENT_CONNECTING ||
        (c->stream != NULL && ion_stream_unsent(c->stream) > 0))
    {
        events |= ION_IO_WRITE;
    }
    if (ion_io_mod(c->loop, &c->io, events) != ION_OK) {
        client_fail(c, "no memory to watch the connection");
    }
}

/*
 * A server that does not read is given up: what waits now must have left when
 * write_due comes; only then the time for what came after it begins.
 */
static void
note_unsent(ion_client_t *c)
{
    size_t unsent = ion_stream_unsent(c->stream);
    if (c->conf.write_ms <= 0 || c->phase != CLIENT_UP) {
        return;
    }
    if (c->write_due != 0 && c->flushed < c->write_mark) {
        return;
    }
    c->write_due = 0;
    if (unsent > 0) {
        c->write_mark = c->flushed + unsent;
        c->write_due = ion_loop_now(c->loop) + ION_MS(c->conf.write_ms);
        if (!c->timer.is_set || c->write_due < c->timer.node.key) {
            ion_timer_set(c->loop, &c->timer, c->write_due);
        }
    }
}

/* Seal what is queued and send it. */
static void
send_queued(ion_client_t *c)
{
    ion_err_t rc = ION_OK;
    if (c->out.len > 0) {
        rc = ion_stream_write(c->stream, c->out.p, c->out.len);
        c->out.len = 0;
    }
    if (rc == ION_OK) {
        size_t before = ion_stream_unsent(c->stream);
        rc = ion_stream_flush(c->stream);
        c->flushed += before - ion_stream_unsent(c->stream);
    }
    if (rc != ION_OK && rc != ION_AGAIN) {
        fail_stream(c, rc);
        return;
    }
    note_unsent(c);
    watch(c);
}

static void
on_flush(ion_task_t *task)
{
    ion_client_t *c = ION_CONTAINER_OF(task, ion_client_t, flush);
    if (c->phase != CLIENT_DOWN) {
        send_queued(c);
    }
}

ion_err_t
client_put_bytes(ion_client_t *c, const void *p, size_t n)
{
    if (c->phase == CLIENT_DOWN || c->stream == NULL) {
        return ION_CLOSED;
    }
    size_t unsent = ion_stream_unsent(c->stream);
    if (unsent > ION_CLIENT_UNSENT_MAX) {
        return ION_LIMIT;
    }
    ion_err_t rc =
        client_buf_add(&c->out, p, n, ION_CLIENT_UNSENT_MAX - unsent);
    if (rc == ION_OK) {
        ion_loop_defer(c->loop, &c->flush);
    }
    return rc;
}

ion_err_t
client_put(ion_client_t *c, derp_frame_type_t type, const ion_str_t *head,
    const ion_str_t *body)
{
    uint8_t header[DERP_HEADER_LEN];
    size_t before = c->out.len;
    size_t head_len = head == NULL ? 0 : head->len;
    size_t body_len = body == NULL ? 0 : body->len;
    if (head_len + body_len > DERP_MAX_FRAME) {
        return ION_LIMIT;
    }
    derp_header_put(header, type, (uint32_t)(head_len + body_len));
    ion_err_t rc = client_put_bytes(c, header, sizeof(header));
    if (rc == ION_OK && head_len > 0) {
        rc = client_put_bytes(c, head->p, head_len);
    }
    if (rc == ION_OK && body_len > 0) {
        rc = client_put_bytes(c, body->p, body_len);
    }
    if (rc != ION_OK) {
        c->out.len = before; /* all of it or nothing */
    }
    return rc;
}

/* Read and take; true when the stream holds more than this turn may take. */
static bool
read_some(ion_client_t *c)
{
    uint8_t *buf = ion_loop_rxbuf(c->loop);
    for (int i = 0; i < READS_PER_TURN; i++) {
        size_t n = 0;
        ion_err_t rc = ion_stream_read(c->stream, buf, ION_LOOP_RXBUF, &n);
        if (c->phase == CLIENT_SECURING && ion_stream_is_ready(c->stream)) {
            client_begin(c);
        }
        if (rc == ION_OK && c->phase != CLIENT_DOWN) {
            client_take(c, buf, n);
        }
        if (c->phase == CLIENT_DOWN) {
            return false;
        }
        if (rc == ION_AGAIN) {
            ion_loop_defer(c->loop, &c->flush); /* handshake, key updates */
            return false;
        }
        if (rc != ION_OK) {
            fail_stream(c, rc);
            return false;
        }
    }
    return ion_stream_has_input(c->stream);
}

static void
on_more(ion_task_t *task)
{
    ion_client_t *c = ION_CONTAINER_OF(task, ion_client_t, more);
    if (c->phase != CLIENT_DOWN && read_some(c)) {
        ion_loop_defer(c->loop, &c->more);
    }
}

/* TCP stands: make the stream. */
static void
start_stream(ion_client_t *c)
{
    ion_err_t rc = ION_OK;
    c->times.connected = ion_loop_now(c->loop);
    if (c->conf.tls == NULL) {
        rc = ion_stream_new_plain(c->loop, c->fd, &c->stream);
    } else {
        rc = ion_tls_connect(c->loop, c->conf.tls, c->fd, c->host, &c->stream);
    }
    if (rc != ION_OK) {
        client_fail(c, rc == ION_MALF ? "the host's name cannot be used in TLS"
                                      : "no memory");
        return;
    }
    c->fd = -1;
    c->phase = CLIENT_SECURING;
    if (c->conf.tls == NULL) {
        client_begin(c);
    }
    if (c->phase != CLIENT_DOWN) {
        send_queued(c);
    }
}

static void
finish_connect(ion_client_t *c)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    if (error != 0) {
        fail_with(c, "connect", strerrordesc_np(error));
        return;
    }
    start_stream(c);
}

static void
on_io(ion_io_t *io, uint32_t events)
{
    ion_client_t *c = ION_CONTAINER_OF(io, ion_client_t, io);
    if (c->phase == CLIENT_CONNECTING) {
        finish_connect(c);
        return;
    }
    if ((events & ION_IO_WRITE) != 0) {
        send_queued(c);
    }
    if (c->phase != CLIENT_DOWN && (events & ION_IO_READ) != 0 && read_some(c))
    {
        ion_loop_defer(c->loop, &c->more);
    }
}

static int64_t
login_ms(const ion_client_t *c)
{
    return c->conf.timeout_ms > 0 ? c->conf.timeout_ms : LOGIN_MS;
}

/* When the present phase has lasted too long. */
static ion_mono_t
next_due(const ion_client_t *c)
{
    ion_mono_t silent = c->heard + ION_MS(ION_CLIENT_SILENCE_MS);
    if (c->phase != CLIENT_UP) {
        return c->times.opened + ION_MS(login_ms(c));
    }
    return c->write_due != 0 ? ION_MIN(c->write_due, silent) : silent;
}

static void
on_timer(ion_timer_t *timer)
{
    static const char *const late[] = {
        [CLIENT_CONNECTING] = "timeout: no TCP connection",
        [CLIENT_SECURING] = "timeout in the TLS handshake",
        [CLIENT_UPGRADING] = "timeout: no answer to the upgrade",
        [CLIENT_GREETING] = "timeout: no greeting",
        [CLIENT_LOGIN] = "timeout: no answer to the login",
        [CLIENT_UP] = "timeout: nothing heard for two minutes",
    };
    ion_client_t *c = ION_CONTAINER_OF(timer, ion_client_t, timer);
    if (c->phase == CLIENT_DOWN) {
        return;
    }
    ion_mono_t due = next_due(c);
    if (ion_loop_now(c->loop) < due) {
        ion_timer_set(c->loop, &c->timer, due);
    } else if (due == c->write_due) {
        client_fail(c, "timeout: the server does not read");
    } else {
        client_fail(c, late[c->phase]);
    }
}

/* Connect by a new socket, or take the one that leads there already. */
static ion_err_t
dial(ion_client_t *c)
{
    struct sockaddr_storage sa;
    socklen_t len = ion_addr_to_sockaddr(&c->conf.addr, false, &sa);
    int on = 1;
    c->fd = c->conf.has_socket
                ? c->conf.socket
                : socket(sa.ss_family,
                      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        return ION_SYS;
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (!c->conf.has_socket &&
        connect(c->fd, (const struct sockaddr *)&sa, len) != 0 &&
        errno != EINPROGRESS)
    {
        return ION_SYS;
    }
    ion_io_init(&c->io, c->fd, on_io);
    return ion_io_add(c->loop, &c->io, ION_IO_WRITE);
}

static void
free_client(ion_client_t *c)
{
    client_buf_drop(&c->in);
    client_buf_drop(&c->out);
    ion_tls_ctx_unref(&c->conf.tls);
    ion_secret_key_wipe(&c->conf.key);
    ion_box_wipe(c->shared);
    c->magic = 0;
    free(c);
}

static ion_client_t *
make(ion_loop_t *loop, const ion_client_config_t *config)
{
    ion_client_t *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    c->magic = CLIENT_MAGIC;
    c->loop = loop;
    c->fd = -1;
    c->conf = *config;
    if (config->tls != NULL) {
        c->conf.tls = ion_tls_ctx_ref(config->tls);
    }
    if (config->mesh_key != NULL) {
        memcpy(c->mesh_key, config->mesh_key, sizeof(c->mesh_key));
        c->conf.mesh_key = c->mesh_key;
    }
    (void)snprintf(c->host, sizeof(c->host), "%s", config->host);
    c->conf.host = c->host;
    ion_key_public(&config->key, &c->public_key);
    ion_timer_init(&c->timer, on_timer);
    ion_task_init(&c->flush, on_flush);
    ion_task_init(&c->more, on_more);
    ion_io_init(&c->io, -1, on_io);
    c->times.opened = ion_loop_now(loop);
    c->heard = c->times.opened;
    return c;
}

ion_err_t
ion_client_open(
    ion_loop_t *loop, const ion_client_config_t *config, ion_client_t **out)
{
    size_t len = strlen(config->host);
    if (len == 0 || len >= CLIENT_HOST_MAX) {
        return ION_RANGE;
    }
    ion_client_t *c = make(loop, config);
    if (c == NULL) {
        return ION_NOMEM;
    }
    ion_err_t rc = dial(c);
    if (rc != ION_OK) {
        int saved = errno;
        if (c->conf.has_socket) {
            c->fd = -1; /* stays the caller's */
        }
        dismantle(c);
        free_client(c);
        errno = saved;
        return rc;
    }
    ion_timer_set(loop, &c->timer, c->times.opened + ION_MS(login_ms(c)));
    *out = c;
    return ION_OK;
}

static void
on_reap(ion_reap_t *reap)
{
    ion_client_t *c = ION_CONTAINER_OF(reap, ion_client_t, reap);
    ion_stream_close(&c->stream);
    free_client(c);
}

void
ion_client_close(ion_client_t **out)
{
    ion_client_t *c = *out;
    *out = NULL;
    if (c == NULL || c->is_closed) {
        return;
    }
    ION_ASSERT(c->magic == CLIENT_MAGIC);
    c->is_closed = true;
    if (c->phase != CLIENT_DOWN && c->out.len > 0) {
        send_queued(c);
    }
    dismantle(c);
    ion_loop_reap(c->loop, &c->reap, on_reap);
}

ion_err_t
ion_client_send(ion_client_t *c, derp_frame_type_t type, const ion_str_t *head,
    const ion_str_t *body)
{
    if (c->phase != CLIENT_UP) {
        return ION_CLOSED;
    }
    return client_put(c, type, head, body);
}

ion_err_t
ion_client_send_packet(
    ion_client_t *c, const ion_key_t *to, const void *p, size_t n)
{
    ion_str_t head = { (const char *)to->b, DERP_KEY_LEN };
    ion_str_t body = { p, n };
    if (n > DERP_MAX_PACKET) {
        return ION_RANGE;
    }
    return ion_client_send(c, DERP_FRAME_SEND_PACKET, &head, &body);
}

ion_err_t
ion_client_forward(ion_client_t *c, const ion_key_t *from, const ion_key_t *to,
    const void *p, size_t n)
{
    uint8_t keys[ION_CLIENT_FORWARD_KEYS];
    ion_str_t head = { (const char *)keys, sizeof(keys) };
    ion_str_t body = { p, n };
    if (n > DERP_MAX_PACKET) {
        return ION_RANGE;
    }
    memcpy(keys, from->b, DERP_KEY_LEN);
    memcpy(keys + DERP_KEY_LEN, to->b, DERP_KEY_LEN);
    return ion_client_send(c, DERP_FRAME_FORWARD_PACKET, &head, &body);
}

void *
ion_client_owner(const ion_client_t *c)
{
    return c->conf.owner;
}

const ion_key_t *
ion_client_key(const ion_client_t *c)
{
    return &c->public_key;
}

const ion_key_t *
ion_client_server_key(const ion_client_t *c)
{
    return c->has_server_key ? &c->server_key : NULL;
}

bool
ion_client_is_fast(const ion_client_t *c)
{
    return c->is_fast;
}

const ion_client_times_t *
ion_client_times(const ion_client_t *c)
{
    return &c->times;
}

int
ion_client_peer(const ion_client_t *c, ion_tls_peer_t *out)
{
    *out = (ion_tls_peer_t){ 0 };
    if (c->conf.tls == NULL || c->stream == NULL) {
        return 0;
    }
    ion_tls_peer(c->stream, out);
    return ion_stream_tls_version(c->stream);
}
