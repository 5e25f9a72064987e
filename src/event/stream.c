/*
 * event/stream.c -- the stream interface and its plain implementation.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The portable form of a plain stream is a head of eight bytes ("IONP",
 * version) and the bytes that were written but not sent yet.
 */
#include "event/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "event/bufpool.h"

#define FORM_HEAD_LEN 8

static const uint8_t form_head[FORM_HEAD_LEN] = { 'I', 'O', 'N', 'P', 0, 0, 0,
    1 };

typedef struct plain_stream {
    ion_stream_t head;
    bool is_finished;
    ion_outbuf_t out;
} plain_stream_t;

static plain_stream_t *
plain(ion_stream_t *s)
{
    return ION_CONTAINER_OF(s, plain_stream_t, head);
}

static ion_err_t
plain_read(ion_stream_t *s, void *buf, size_t cap, size_t *n)
{
    ssize_t r = 0;
    do {
        r = recv(s->fd, buf, cap, 0);
    } while (r < 0 && errno == EINTR);
    if (r > 0) {
        *n = (size_t)r;
        return ION_OK;
    }
    if (r == 0) {
        return ION_CLOSED;
    }
    return errno == EAGAIN ? ION_AGAIN : ION_SYS;
}

static ion_err_t
plain_write(ion_stream_t *s, const void *p, size_t n)
{
    plain_stream_t *ps = plain(s);
    if (ps->is_finished) {
        return ION_CLOSED;
    }
    return ion_outbuf_add(ion_loop_pool(s->loop), &ps->out, p, n);
}

static ion_err_t
plain_flush(ion_stream_t *s)
{
    return ion_outbuf_send(ion_loop_pool(s->loop), &plain(s)->out, s->fd);
}

static size_t
plain_unsent(const ion_stream_t *s)
{
    const plain_stream_t *ps = (const plain_stream_t *)(const void *)s;
    return ion_outbuf_len(&ps->out);
}

static bool
plain_has_input(const ion_stream_t *s)
{
    (void)s;
    return false;
}

static bool
plain_is_ready(const ion_stream_t *s)
{
    (void)s;
    return true;
}

static int
plain_tls_version(const ion_stream_t *s)
{
    (void)s;
    return 0;
}

static ion_err_t
plain_finish(ion_stream_t *s)
{
    plain_stream_t *ps = plain(s);
    ion_err_t rc = plain_flush(s);
    if (rc == ION_OK && !ps->is_finished) {
        ps->is_finished = true;
        if (shutdown(s->fd, SHUT_WR) != 0) {
            return errno == ENOTCONN ? ION_CLOSED : ION_SYS;
        }
    }
    return rc;
}

static ion_err_t
plain_export(ion_stream_t *s, void *buf, size_t cap, size_t *n)
{
    const plain_stream_t *ps = plain(s);
    size_t len = ion_outbuf_len(&ps->out);
    uint8_t *out = buf;
    if (ps->is_finished) {
        return ION_UNSUPPORTED;
    }
    if (cap < FORM_HEAD_LEN || cap - FORM_HEAD_LEN < len) {
        return ION_LIMIT;
    }
    memcpy(out, form_head, FORM_HEAD_LEN);
    if (len > 0) {
        memcpy(out + FORM_HEAD_LEN, ps->out.mem + ps->out.head, len);
    }
    *n = FORM_HEAD_LEN + len;
    return ION_OK;
}

static void
plain_free(plain_stream_t *ps)
{
    ion_outbuf_drop(ion_loop_pool(ps->head.loop), &ps->out);
    ps->head.magic = 0;
    free(ps);
}

static void
plain_close(ion_stream_t *s)
{
    /* a peer that takes nothing more has lost the tail, as in any close */
    ION_IGNORE(plain_flush(s));
    (void)shutdown(s->fd, SHUT_RDWR);
    close(s->fd);
    plain_free(plain(s));
}

static void
plain_release(ion_stream_t *s)
{
    plain_free(plain(s));
}

static const ion_stream_ops_t plain_ops = {
    .read = plain_read,
    .write = plain_write,
    .flush = plain_flush,
    .unsent = plain_unsent,
    .has_input = plain_has_input,
    .is_ready = plain_is_ready,
    .tls_version = plain_tls_version,
    .finish = plain_finish,
    .export = plain_export,
    .close = plain_close,
    .release = plain_release,
};

ion_err_t
ion_stream_new_plain(ion_loop_t *loop, int fd, ion_stream_t **out)
{
    plain_stream_t *ps = calloc(1, sizeof(*ps));
    if (ps == NULL) {
        return ION_NOMEM;
    }
    ps->head.magic = ION_STREAM_MAGIC;
    ps->head.fd = fd;
    ps->head.ops = &plain_ops;
    ps->head.loop = loop;
    *out = &ps->head;
    return ION_OK;
}

ion_err_t
ion_stream_import(
    ion_loop_t *loop, int fd, const void *state, size_t n, ion_stream_t **out)
{
    const uint8_t *p = state;
    if (n < FORM_HEAD_LEN) {
        return ION_MALF;
    }
    if (memcmp(p, form_head, FORM_HEAD_LEN) != 0) {
        return ION_UNSUPPORTED;
    }
    ion_stream_t *s = NULL;
    ion_err_t rc = ion_stream_new_plain(loop, fd, &s);
    if (rc != ION_OK) {
        return rc;
    }
    rc = plain_write(s, p + FORM_HEAD_LEN, n - FORM_HEAD_LEN);
    if (rc != ION_OK) {
        plain_free(plain(s));
        return rc;
    }
    *out = s;
    return ION_OK;
}

static ion_stream_t *
checked(ion_stream_t *s)
{
    return ION_OBJ_CAST(ion_stream_t, s, ION_STREAM_MAGIC);
}

ion_err_t
ion_stream_read(ion_stream_t *s, void *buf, size_t cap, size_t *n)
{
    *n = 0;
    return checked(s)->ops->read(s, buf, cap, n);
}

ion_err_t
ion_stream_write(ion_stream_t *s, const void *p, size_t n)
{
    return checked(s)->ops->write(s, p, n);
}

ion_err_t
ion_stream_flush(ion_stream_t *s)
{
    return checked(s)->ops->flush(s);
}

size_t
ion_stream_unsent(const ion_stream_t *s)
{
    return s->ops->unsent(s);
}

bool
ion_stream_has_input(const ion_stream_t *s)
{
    return s->ops->has_input(s);
}

bool
ion_stream_is_ready(const ion_stream_t *s)
{
    return s->ops->is_ready(s);
}

int
ion_stream_tls_version(const ion_stream_t *s)
{
    return s->ops->tls_version(s);
}

int
ion_stream_fd(const ion_stream_t *s)
{
    return s->fd;
}

ion_err_t
ion_stream_finish(ion_stream_t *s)
{
    return checked(s)->ops->finish(s);
}

ion_err_t
ion_stream_export(ion_stream_t *s, void *buf, size_t cap, size_t *n)
{
    *n = 0;
    return checked(s)->ops->export(s, buf, cap, n);
}

void
ion_stream_close(ion_stream_t **s)
{
    if (*s != NULL) {
        checked(*s)->ops->close(*s);
        *s = NULL;
    }
}

void
ion_stream_release(ion_stream_t **s, int *fd)
{
    *fd = checked(*s)->fd;
    (*s)->ops->release(*s);
    *s = NULL;
}
