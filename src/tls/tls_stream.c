/*
 * tls/tls_stream.c -- one TLS connection over memory that we own.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The library never sees the descriptor. Its BIO reads from `in`, which
 * points into the loop's wire buffer or into the stash, and writes into the
 * output buffer. Input is left over only when the caller's buffer is full
 * while records wait; it is kept in a stash of exactly its size. A reason to
 * end the stream that comes behind data is kept until the data is taken.
 */
#include "tls/tls_stream.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "event/bufpool.h"
#include "tls/tls_int.h"

#define RECORD_MAX    16384
#define RECORD_HEAD   5u
#define RECV_MIN      4096
#define BIO_TYPE_OURS (BIO_TYPE_SOURCE_SINK | 0x7e)
/*
 * Steps of the library's handshake machine and alerts, without data between
 * them, once ready. A key update takes two to four: about a hundred of them.
 */
#define LATE_STEPS_MAX 256

typedef struct tls_stream {
    ion_stream_t head;
    ion_tls_ctx_t *ctx; /* shares */
    SSL *ssl;           /* owns */
    ion_outbuf_t out;
    const uint8_t *in; /* what the BIO reads next; borrowed */
    size_t in_len;
    uint8_t *stash; /* owns; NULL when nothing is left over */
    size_t stash_len;
    ion_err_t ended; /* ION_OK, or why nothing more can be read */
    bool is_ready;
    bool is_partial;    /* the library may hold the beginning of a record */
    bool has_pending;   /* the library holds data that buf had no room for */
    bool keeps_buffers; /* SSL_MODE_RELEASE_BUFFERS is off */
    bool is_broken;     /* output or library failed: no close_notify */
    bool is_finished;
    unsigned late_steps;
    const char *reason;
    ion_tls_gauges_t gauges;
} tls_stream_t;

static tls_stream_t *
tls(ion_stream_t *s)
{
    return ION_CONTAINER_OF(s, tls_stream_t, head);
}

static const tls_stream_t *
const_tls(const ion_stream_t *s)
{
    return (const tls_stream_t *)(const void *)s;
}

static int
bio_read(BIO *bio, char *buf, size_t cap, size_t *n)
{
    tls_stream_t *ts = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *n = ION_MIN(cap, ts->in_len);
    if (*n == 0) {
        if (ts->ended == ION_CLOSED) {
            return 0;
        }
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(buf, ts->in, *n);
    ts->in += *n;
    ts->in_len -= *n;
    return 1;
}

static int
bio_write(BIO *bio, const char *p, size_t len, size_t *n)
{
    tls_stream_t *ts = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *n = 0;
    if (ion_outbuf_add(ion_loop_pool(ts->head.loop), &ts->out, p, len) !=
        ION_OK) {
        ts->is_broken = true;
        return 0;
    }
    *n = len;
    return 1;
}

static long
bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static int
bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *
ion_tls_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_OURS, "ion stream");
    if (m == NULL || BIO_meth_set_read_ex(m, bio_read) != 1 ||
        BIO_meth_set_write_ex(m, bio_write) != 1 ||
        BIO_meth_set_ctrl(m, bio_ctrl) != 1 ||
        BIO_meth_set_create(m, bio_create) != 1)
    {
        BIO_meth_free(m);
        return NULL;
    }
    return m;
}

void
ion_tls_watch(const SSL *ssl, int where, int ret)
{
    tls_stream_t *ts = SSL_get_app_data(ssl);
    (void)ret;
    if (ts != NULL && ts->is_ready &&
        (where & (SSL_CB_LOOP | SSL_CB_ALERT)) != 0) {
        ts->late_steps++;
    }
}

static void
add_gauge(const tls_stream_t *ts, bool is_new)
{
    uint64_t *gauge = SSL_version(ts->ssl) == TLS1_3_VERSION
                          ? ts->gauges.active_13
                          : ts->gauges.active_12;
    if (gauge != NULL) {
        uint64_t v = __atomic_load_n(gauge, __ATOMIC_RELAXED);
        __atomic_store_n(gauge, is_new ? v + 1 : v - 1, __ATOMIC_RELAXED);
    }
}

static void
note_ready(tls_stream_t *ts)
{
    if (!ts->is_ready && SSL_is_init_finished(ts->ssl) == 1) {
        ts->is_ready = true;
        add_gauge(ts, true);
    }
}

static ion_err_t
end_with(tls_stream_t *ts, ion_err_t rc)
{
    if (ts->ended == ION_OK || rc != ION_CLOSED) {
        ts->ended = rc;
    }
    return ts->ended;
}

/* The library looks at its error queue after a failure: nothing may stand in
 * it that is older than the call. Looking is cheaper than clearing. */
static void
clear_errors(void)
{
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

/* What a failed library call means for the stream. */
static ion_err_t
judge(tls_stream_t *ts, int ret)
{
    int err = SSL_get_error(ts->ssl, ret);
    if (ts->is_broken) {
        return end_with(ts, ION_NOMEM);
    }
    if (err == SSL_ERROR_WANT_READ) {
        return ts->ended == ION_OK ? ION_AGAIN : ts->ended;
    }
    if (err == SSL_ERROR_ZERO_RETURN ||
        (err == SSL_ERROR_SYSCALL && ts->ended == ION_CLOSED))
    {
        return end_with(ts, ION_CLOSED);
    }
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    ts->reason = text != NULL ? text : "connection ended";
    ERR_clear_error();
    return end_with(ts, ts->ended == ION_CLOSED ? ION_CLOSED : ION_MALF);
}

/* A peer that asked for a key update gets ours at once, not with the next
 * data, which may be a minute away. */
static void
answer_key_update(tls_stream_t *ts)
{
    if (ts->is_ready &&
        SSL_get_key_update_type(ts->ssl) != SSL_KEY_UPDATE_NONE &&
        SSL_key_update(ts->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
    {
        (void)SSL_do_handshake(ts->ssl);
    }
}

/* Is the input one whole record, behind which the library needs nothing? */
static bool
is_one_record(const tls_stream_t *ts)
{
    return !ts->is_partial && ts->in_len >= RECORD_HEAD &&
           ts->in_len == RECORD_HEAD + ion_get_u16be(ts->in + 3);
}

/* The library gives its input buffer back after every record while it may. */
static void
release_buffers(tls_stream_t *ts, bool may)
{
    if (may == ts->keeps_buffers) {
        (void)(may ? SSL_set_mode(ts->ssl, SSL_MODE_RELEASE_BUFFERS)
                   : SSL_clear_mode(ts->ssl, SSL_MODE_RELEASE_BUFFERS));
        ts->keeps_buffers = !may;
    }
}

/* One record of the input; is_last says that it is the last one. */
static ion_err_t
decrypt_record(
    tls_stream_t *ts, uint8_t *buf, size_t cap, size_t *n, bool *is_last)
{
    size_t before = ts->in_len;
    bool is_one = is_one_record(ts);
    size_t got = 0;
    release_buffers(ts, is_one || before == 0);
    int ret = SSL_read_ex(ts->ssl, buf + *n, cap - *n, &got);
    note_ready(ts);
    if (ret != 1) {
        ts->is_partial = ts->is_partial || ts->in_len != before;
        return judge(ts, ret);
    }
    ts->is_partial = false;
    ts->late_steps = 0;
    *n += got;
    *is_last = is_one && ts->in_len == 0 && *n < cap;
    return ION_OK;
}

/*
 * Decrypt what is in `in` until it is used up or buf is full. The call that
 * finds nothing more is spared where it can be told beforehand; it is needed
 * where the input ends inside a record, or where the library holds more.
 */
static ion_err_t
decrypt(tls_stream_t *ts, uint8_t *buf, size_t cap, size_t *n)
{
    ion_err_t rc = ION_OK;
    bool is_last = false;
    clear_errors();
    while (rc == ION_OK && *n < cap && !is_last) {
        rc = decrypt_record(ts, buf, cap, n, &is_last);
    }
    release_buffers(ts, true);
    ts->has_pending = *n == cap && SSL_pending(ts->ssl) > 0;
    answer_key_update(ts);
    if (ts->late_steps > LATE_STEPS_MAX) {
        ts->reason = "too many handshake messages without data";
        rc = end_with(ts, ION_MALF);
    }
    return rc;
}

static ion_err_t
keep_rest(tls_stream_t *ts)
{
    uint8_t *stash = NULL;
    if (ts->in_len > 0) {
        stash = malloc(ts->in_len);
        if (stash == NULL) {
            return end_with(ts, ION_NOMEM);
        }
        memcpy(stash, ts->in, ts->in_len);
    }
    free(ts->stash);
    ts->stash = stash;
    ts->stash_len = ts->in_len;
    ts->in = NULL;
    ts->in_len = 0;
    return ION_OK;
}

/* One recv into the wire buffer. */
static ion_err_t
receive(tls_stream_t *ts, size_t cap)
{
    size_t want =
        ION_MIN(ION_MAX(cap, (size_t)RECV_MIN), (size_t)ION_LOOP_RXBUF);
    uint8_t *buf = ion_loop_wirebuf(ts->head.loop);
    ssize_t r = 0;
    do {
        r = recv(ts->head.fd, buf, want, 0);
    } while (r < 0 && errno == EINTR);
    if (r < 0) {
        return errno == EAGAIN ? ION_AGAIN : ION_SYS;
    }
    if (r == 0) {
        return end_with(ts, ION_CLOSED);
    }
    ts->in = buf;
    ts->in_len = (size_t)r;
    return ION_OK;
}

static ion_err_t
tls_read(ion_stream_t *s, void *buf, size_t cap, size_t *n)
{
    tls_stream_t *ts = tls(s);
    ion_err_t rc;
    if (ts->stash_len > 0 || ts->has_pending) {
        ts->in = ts->stash;
        ts->in_len = ts->stash_len;
        (void)decrypt(ts, buf, cap, n); /* *n and ts->ended say it */
        if (keep_rest(ts) != ION_OK) {
            return ts->ended;
        }
    }
    if (*n > 0) {
        return ION_OK;
    }
    if (ts->ended != ION_OK) {
        return ts->ended;
    }
    rc = receive(ts, cap);
    if (rc == ION_AGAIN || rc == ION_SYS) {
        return rc;
    }
    rc = decrypt(ts, buf, cap, n);
    if (keep_rest(ts) != ION_OK) {
        return ts->ended;
    }
    return *n > 0 ? ION_OK : rc;
}

static ion_err_t
tls_write(ion_stream_t *s, const void *p, size_t n)
{
    tls_stream_t *ts = tls(s);
    const uint8_t *from = p;
    if (!ts->is_ready) {
        return ION_AGAIN;
    }
    if (ts->is_finished || ts->is_broken) {
        return ION_CLOSED;
    }
    clear_errors();
    while (n > 0) {
        size_t done = 0;
        if (SSL_write_ex(
                ts->ssl, from, ION_MIN(n, (size_t)RECORD_MAX), &done) != 1) {
            bool no_memory = ts->is_broken;
            ts->is_broken = true;
            ERR_clear_error();
            return no_memory ? ION_NOMEM : ION_CLOSED;
        }
        from += done;
        n -= done;
    }
    return ION_OK;
}

static ion_err_t
tls_flush(ion_stream_t *s)
{
    return ion_outbuf_send(ion_loop_pool(s->loop), &tls(s)->out, s->fd);
}

static size_t
tls_unsent(const ion_stream_t *s)
{
    return ion_outbuf_len(&const_tls(s)->out);
}

static bool
tls_has_input(const ion_stream_t *s)
{
    const tls_stream_t *ts = const_tls(s);
    return ts->stash_len > 0 || ts->ended != ION_OK || ts->has_pending;
}

static bool
tls_is_ready(const ion_stream_t *s)
{
    return const_tls(s)->is_ready;
}

static int
tls_version(const ion_stream_t *s)
{
    const tls_stream_t *ts = const_tls(s);
    return ts->is_ready ? SSL_version(ts->ssl) : 0;
}

/* close_notify, where the state of the connection allows it. */
static void
say_goodbye(tls_stream_t *ts)
{
    if (ts->is_ready && !ts->is_broken && !ts->is_finished &&
        (ts->ended == ION_OK || ts->ended == ION_CLOSED))
    {
        ERR_clear_error();
        (void)SSL_shutdown(ts->ssl);
        ERR_clear_error();
    }
    ts->is_finished = true;
}

static ion_err_t
tls_finish(ion_stream_t *s)
{
    say_goodbye(tls(s));
    ion_err_t rc = tls_flush(s);
    if (rc == ION_OK && shutdown(s->fd, SHUT_WR) != 0) {
        return errno == ENOTCONN ? ION_CLOSED : ION_SYS;
    }
    return rc;
}

static ion_err_t
tls_export(ion_stream_t *s, void *buf, size_t cap, size_t *n)
{
    /* the library does not give its record state away */
    (void)s;
    (void)buf;
    (void)cap;
    (void)n;
    return ION_UNSUPPORTED;
}

static void
tls_free(tls_stream_t *ts)
{
    if (ts->is_ready) {
        add_gauge(ts, false);
    }
    ion_outbuf_drop(ion_loop_pool(ts->head.loop), &ts->out);
    SSL_free(ts->ssl);
    ion_tls_ctx_unref(&ts->ctx);
    free(ts->stash);
    ts->head.magic = 0;
    free(ts);
}

static void
tls_close(ion_stream_t *s)
{
    say_goodbye(tls(s));
    /* a peer that takes nothing more has lost the tail, as in any close */
    ION_IGNORE(tls_flush(s));
    (void)shutdown(s->fd, SHUT_RDWR);
    close(s->fd);
    tls_free(tls(s));
}

static void
tls_release(ion_stream_t *s)
{
    tls_free(tls(s));
}

static const ion_stream_ops_t tls_ops = {
    .read = tls_read,
    .write = tls_write,
    .flush = tls_flush,
    .unsent = tls_unsent,
    .has_input = tls_has_input,
    .is_ready = tls_is_ready,
    .tls_version = tls_version,
    .finish = tls_finish,
    .export = tls_export,
    .close = tls_close,
    .release = tls_release,
};

ion_err_t
ion_tls_stream_new(ion_loop_t *loop, ion_tls_ctx_t *ctx, int fd,
    const ion_tls_gauges_t *gauges, ion_stream_t **out)
{
    tls_stream_t *ts = calloc(1, sizeof(*ts));
    BIO *bio = BIO_new(ctx->bio);
    SSL *ssl = SSL_new(ctx->ssl);
    if (ts == NULL || bio == NULL || ssl == NULL) {
        free(ts);
        BIO_free(bio);
        SSL_free(ssl);
        ERR_clear_error();
        return ION_NOMEM;
    }
    ts->head.magic = ION_STREAM_MAGIC;
    ts->head.fd = fd;
    ts->head.ops = &tls_ops;
    ts->head.loop = loop;
    ts->ctx = ion_tls_ctx_ref(ctx);
    ts->ssl = ssl;
    ts->reason = "";
    if (gauges != NULL) {
        ts->gauges = *gauges;
    }
    BIO_set_data(bio, ts);
    SSL_set_bio(ssl, bio, bio);
    (void)SSL_set_app_data(ssl, ts);
    *out = &ts->head;
    return ION_OK;
}

SSL *
ion_tls_stream_ssl(const ion_stream_t *s)
{
    ION_ASSERT(s->ops == &tls_ops);
    return const_tls(s)->ssl;
}

ion_err_t
ion_tls_accept(ion_loop_t *loop, ion_tls_ctx_t *ctx, int fd,
    const ion_tls_gauges_t *gauges, ion_stream_t **out)
{
    ion_err_t rc = ion_tls_stream_new(loop, ctx, fd, gauges, out);
    if (rc == ION_OK) {
        SSL_set_accept_state(ion_tls_stream_ssl(*out));
    }
    return rc;
}

const char *
ion_tls_reason(const ion_stream_t *s)
{
    ION_ASSERT(s->ops == &tls_ops);
    return const_tls(s)->reason;
}
