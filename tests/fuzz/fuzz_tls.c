/*
 * fuzz_tls.c -- a whole connection: TLS, HTTP in it, cut anywhere.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The client is the library's own. The input is what it says inside TLS and
 * what it does to the records: new keys, records that are damaged, bytes that
 * are none, an end of either kind. Properties: as long as nothing is damaged
 * the same words get the same replies however the records are cut; after the
 * end and some time nothing of the connection is left.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/clock.h"
#include "event/bufpool.h"
#include "lib/http_rig.h"
#include "lib/tls_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX  24
#define ROUNDS_MAX 16

typedef struct program {
    const uint8_t *p;
    size_t left;
    uint32_t seed; /* of the cuts; 0 = none */
    SSL *ssl;
    BIO *in;  /* what the server sent */
    BIO *out; /* what the client wants to send */
    uint64_t hash;
    size_t len;
    bool is_damaged;
    bool is_ended;
    unsigned taken;
} program_t;

static http_rig_t rig;
static http_rig_client_t client;
static SSL_CTX *client_ctx[2];

static void
start_once(void)
{
    ion_http_config_t config;
    ion_cert_t *cert;

    if (client_ctx[0] != NULL) {
        return;
    }
    cert = tls_rig_cert();
    ion_http_config_init(&config);
    config.tls = tls_rig_ctx(cert, NULL, NULL, 0);
    config.max_header = 2048;
    ion_cert_free(&cert);
    http_rig_init(&rig, &config);
    for (int i = 0; i < 2; i++) {
        client_ctx[i] = SSL_CTX_new(TLS_client_method());
        ION_ASSERT(client_ctx[i] != NULL);
        SSL_CTX_set_max_proto_version(
            client_ctx[i], i == 0 ? TLS1_3_VERSION : TLS1_2_VERSION);
    }
}

static size_t
take(program_t *g)
{
    if (g->left == 0) {
        return 0;
    }
    g->left--;
    return *g->p++;
}

/* Server to client: bytes, then what they say. */
static void
collect(program_t *g)
{
    uint8_t buf[16384];
    ssize_t r = 1;

    while (r > 0) {
        ION_ASSERT(ion_loop_advance(rig.loop, 0) == ION_OK);
        r = recv(client.fd, buf, sizeof(buf), 0);
        if (r > 0) {
            ION_ASSERT(BIO_write(g->in, buf, (int)r) == r);
        }
    }
    if (r == 0 || errno != EAGAIN) {
        g->is_ended = true;
    }
    for (int n = 1; n > 0;) {
        n = SSL_read(g->ssl, buf, sizeof(buf));
        for (int i = 0; i < n; i++) {
            g->hash = (g->hash ^ buf[i]) * UINT64_C(1099511628211);
        }
        g->len += n > 0 ? (size_t)n : 0;
        if (n <= 0 && SSL_get_error(g->ssl, n) == SSL_ERROR_SSL) {
            ION_ASSERT(g->is_damaged);
            g->is_ended = true;
        }
        ERR_clear_error();
    }
}

static void
send_cut(program_t *g, const uint8_t *p, size_t n)
{
    while (n > 0 && !g->is_ended) {
        size_t part = n;

        if (g->seed != 0) {
            g->seed = g->seed * 1103515245u + 12345u;
            part = 1 + (g->seed >> 16) % ((g->seed & 0x300) == 0 ? 900 : 40);
            part = ION_MIN(part, n);
        }
        http_rig_send(&client, (const char *)p, part);
        if (g->seed != 0) {
            collect(g);
        }
        p += part;
        n -= part;
    }
}

/* Client to server; a damaged record has one byte changed. */
static void
push(program_t *g, size_t damage)
{
    uint8_t buf[65536];
    int n = BIO_read(g->out, buf, sizeof(buf));

    if (n <= 0) {
        return;
    }
    if (damage > 0) {
        buf[damage * 7 % (size_t)n] ^= (uint8_t)damage;
        g->is_damaged = true;
    }
    send_cut(g, buf, (size_t)n);
}

static void
say(program_t *g, const void *p, size_t n, size_t damage)
{
    if (n > 0 && SSL_write(g->ssl, p, (int)n) > 0) {
        push(g, damage);
    }
}

static void
step(program_t *g)
{
    static const char request[] = "GET /echo?a=b HTTP/1.1\r\nHost: x\r\n\r\n";
    size_t op = take(g);
    size_t n;

    switch (op & 7) {
    case 0:
    case 1:
        n = take(g);
        n = ION_MIN(n, g->left);
        say(g, g->p, n, (op & 1) * (op >> 3));
        g->p += n;
        g->left -= n;
        break;
    case 2:
        say(g, request, sizeof(request) - 1, op >> 3);
        break;
    case 3:
        if (SSL_version(g->ssl) == TLS1_3_VERSION &&
            SSL_key_update(g->ssl, (int)((op >> 3) & 1)) == 1)
        {
            (void)SSL_do_handshake(g->ssl);
            push(g, op >> 4);
        }
        break;
    case 4:
        n = take(g);
        n = ION_MIN(n, g->left);
        g->is_damaged = g->is_damaged || n > 0;
        send_cut(g, g->p, n);
        g->p += n;
        g->left -= n;
        break;
    case 5:
        (void)SSL_shutdown(g->ssl);
        push(g, op >> 3);
        break;
    case 6:
        ION_IGNORE(shutdown(client.fd, SHUT_WR));
        break;
    default:
        ION_ASSERT(ion_loop_advance(rig.loop, ION_MS(op * 40)) == ION_OK);
        break;
    }
    ERR_clear_error();
    collect(g);
}

static void
shake_hands(program_t *g)
{
    for (int i = 0; i < ROUNDS_MAX && !SSL_is_init_finished(g->ssl); i++) {
        (void)SSL_do_handshake(g->ssl);
        push(g, 0);
        collect(g);
    }
    ION_ASSERT(SSL_is_init_finished(g->ssl));
    push(g, 0);
}

static void
run(program_t *g, size_t how)
{
    unsigned taken = rig.taken;

    http_rig_connect(&rig, &client, ION_ROUTE_MAIN, "203.0.113.7:1");
    g->ssl = SSL_new(client_ctx[how & 1]);
    g->in = BIO_new(BIO_s_mem());
    g->out = BIO_new(BIO_s_mem());
    ION_ASSERT(g->ssl != NULL && g->in != NULL && g->out != NULL);
    (void)BIO_set_mem_eof_return(g->in, -1);
    SSL_set_bio(g->ssl, g->in, g->out);
    SSL_set_connect_state(g->ssl);
    shake_hands(g);
    for (int i = 0; i < STEPS_MAX && g->left > 0 && !g->is_ended; i++) {
        step(g);
        if (rig.taken != taken) {
            break; /* what follows is not HTTP's */
        }
    }
    collect(g);
    g->taken = rig.taken - taken;
    SSL_free(g->ssl);
    ion_stream_close(&rig.stream);
    http_rig_close(&client);
    ION_ASSERT(ion_loop_advance(rig.loop, ION_SEC(40)) == ION_OK);
    ION_ASSERT(ion_http_server_count(rig.server) == 0);
    ION_ASSERT(ion_bufpool_used(ion_loop_pool(rig.loop)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    program_t whole = { .p = data + 1, .left = size - 1 };
    program_t cut = { .p = data + 1, .left = size - 1, .seed = size };
    int64_t second = ion_wall_now_ms() / 1000;

    if (size < 2) {
        return 0;
    }
    start_once();
    cut.seed += data[0];
    run(&whole, data[0]);
    run(&cut, data[0]);
    if (whole.is_damaged || cut.is_damaged) {
        return 0;
    }
    ION_ASSERT(whole.taken == cut.taken && whole.is_ended == cut.is_ended);
    if (second == ion_wall_now_ms() / 1000) { /* the same Date in both */
        ION_ASSERT(whole.hash == cut.hash && whole.len == cut.len);
    }
    return 0;
}
