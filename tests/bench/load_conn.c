/*
 * bench/load_conn.c -- connecting, logging in, records, frames.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "bench/load_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/str.h"
#include "crypto/box.h"
#include "proto/key_text.h"

#define READ_SIZE   65536
#define BUFFER_SIZE (READ_SIZE + DERP_MAX_SEND + DERP_HEADER_LEN)
#define STEP_MS     10000

static const char client_info[] = "{\"version\":2,\"CanAckPings\":true}";
static const char request[] = "GET /derp HTTP/1.1\r\n"
                              "Host: relay.invalid\r\n"
                              "Connection: Upgrade\r\n"
                              "Derp-Fast-Start: 1\r\n"
                              "Upgrade: DERP\r\n"
                              "\r\n";

static bool
fail(const char *what)
{
    const char *tls = ERR_reason_error_string(ERR_peek_last_error());
    fprintf(
        stderr, "load: %s: %s\n", what, tls != NULL ? tls : strerror(errno));
    ERR_clear_error();
    return false;
}

SSL_CTX *
load_tls_new(bool lean)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL ||
        SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(ctx,
            "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
            "TLS_CHACHA20_POLY1305_SHA256") != 1)
    {
        fail("TLS");
        exit(1);
    }
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, READ_SIZE);
    if (lean) {
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    }
    return ctx;
}

static bool
wait_for_input(load_conn_t *c)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    (void)load_conn_send(c);
    if (poll(&p, 1, STEP_MS) > 0) {
        return true;
    }
    errno = ETIMEDOUT;
    return false;
}

static bool
dial(load_conn_t *c, const ion_addr_t *to, int rcvbuf)
{
    struct sockaddr_storage sa;
    socklen_t len = ion_addr_to_sockaddr(to, false, &sa);
    int on = 1;
    c->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        return fail("socket");
    }
    if (rcvbuf > 0) {
        (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(c->fd, (struct sockaddr *)&sa, len) != 0) {
        return fail("connect");
    }
    return fcntl(c->fd, F_SETFL, O_NONBLOCK) == 0 || fail("fcntl");
}

static bool
shake_hands(load_conn_t *c, SSL_CTX *tls)
{
    BIO *in = BIO_new_socket(c->fd, BIO_NOCLOSE);
    c->out = BIO_new(BIO_s_mem());
    c->ssl = SSL_new(tls);
    if (in == NULL || c->out == NULL || c->ssl == NULL) {
        return fail("TLS");
    }
    SSL_set_bio(c->ssl, in, c->out);
    SSL_set_connect_state(c->ssl);
    for (;;) {
        int ret = SSL_do_handshake(c->ssl);
        if (ret == 1) {
            return true;
        }
        if (SSL_get_error(c->ssl, ret) != SSL_ERROR_WANT_READ ||
            !wait_for_input(c)) {
            return fail("handshake");
        }
    }
}

/* The server's key, from the certificate made to carry it. */
static bool
find_server_key(load_conn_t *c, ion_key_t *server)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(c->ssl);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        char name[128];
        X509_NAME *subject = X509_get_subject_name(sk_X509_value(chain, i));
        int n = X509_NAME_get_text_by_NID(
            subject, NID_commonName, name, sizeof(name));
        if (n > 7 && memcmp(name, "derpkey", 7) == 0 &&
            ion_hex_key_parse(ion_str_from(name + 7), server) == ION_OK)
        {
            return true;
        }
    }
    errno = EPROTO;
    return fail("no meta-certificate");
}

static bool
say_hello(load_conn_t *c)
{
    uint8_t hello[512];
    uint8_t shared[ION_BOX_SHARED_LEN];
    ion_secret_key_t secret;
    ion_key_t server;
    size_t info_len = sizeof(client_info) - 1;
    size_t n = sizeof(request) - 1;
    if (!find_server_key(c, &server)) {
        return false;
    }
    ion_key_generate(&secret, &c->key);
    if (ion_box_shared(&secret, &server, shared) != ION_OK) {
        errno = EPROTO;
        return fail("server key");
    }
    memcpy(hello, request, n);
    derp_header_put(hello + n, DERP_FRAME_CLIENT_INFO,
        (uint32_t)(DERP_KEY_LEN + ION_BOX_OVERHEAD + info_len));
    n += DERP_HEADER_LEN;
    memcpy(hello + n, c->key.b, DERP_KEY_LEN);
    n += DERP_KEY_LEN;
    ion_box_seal(shared, client_info, info_len, hello + n);
    n += ION_BOX_OVERHEAD + info_len;
    load_conn_put(c, hello, n);
    return true;
}

static void
note_server_info(load_conn_t *c, uint8_t type, const uint8_t *body, size_t len)
{
    (void)body;
    (void)len;
    if (type == DERP_FRAME_SERVER_INFO) {
        c->user = c;
    }
}

bool
load_conn_open(load_conn_t *c, SSL_CTX *tls, const ion_addr_t *to, int rcvbuf)
{
    memset(c, 0, sizeof(*c));
    c->fd = -1;
    if (!dial(c, to, rcvbuf) || !shake_hands(c, tls) || !say_hello(c)) {
        load_conn_close(c);
        return false;
    }
    while (c->user == NULL) { /* set by ServerInfo */
        if (!wait_for_input(c) || !load_conn_read(c, note_server_info)) {
            fail("login");
            load_conn_close(c);
            return false;
        }
    }
    c->user = NULL;
    return true;
}

void
load_conn_close(load_conn_t *c)
{
    SSL_free(c->ssl);
    free(c->rest);
    if (c->fd >= 0) {
        close(c->fd);
    }
    memset(c, 0, sizeof(*c));
    c->fd = -1;
}

/* Hand out the whole frames of p[0..n); returns the bytes used. */
static size_t
take_frames(load_conn_t *c, const uint8_t *p, size_t n, load_frame_cb_t cb)
{
    size_t at = 0;
    while (n - at >= DERP_HEADER_LEN) {
        size_t len = ion_get_u32be(p + at + 1);
        if (len > DERP_MAX_SEND) {
            fprintf(stderr, "load: a frame of %zu bytes\n", len);
            exit(1);
        }
        if (n - at - DERP_HEADER_LEN < len) {
            break;
        }
        cb(c, p[at], p + at + DERP_HEADER_LEN, len);
        at += DERP_HEADER_LEN + len;
    }
    return at;
}

static void
keep_rest(load_conn_t *c, const uint8_t *p, size_t n)
{
    if (n > 0) {
        c->rest = realloc(c->rest, n);
        if (c->rest == NULL) {
            fail("memory");
            exit(1);
        }
        memcpy(c->rest, p, n);
    }
    c->rest_len = n;
}

bool
load_conn_read(load_conn_t *c, load_frame_cb_t cb)
{
    static uint8_t buf[BUFFER_SIZE];
    size_t n = c->rest_len;
    bool is_open = true;
    if (n > 0) {
        memcpy(buf, c->rest, n);
    }
    for (;;) {
        size_t got = 0;
        int ret = SSL_read_ex(c->ssl, buf + n, sizeof(buf) - n, &got);
        if (ret != 1) {
            is_open = SSL_get_error(c->ssl, ret) == SSL_ERROR_WANT_READ;
            ERR_clear_error();
            break;
        }
        n += got;
        size_t used = take_frames(c, buf, n, cb);
        memmove(buf, buf + used, n - used);
        n -= used;
    }
    keep_rest(c, buf, n);
    return is_open;
}

void
load_conn_put(load_conn_t *c, const void *p, size_t n)
{
    size_t done = 0;
    if (SSL_write_ex(c->ssl, p, n, &done) != 1 || done != n) {
        fail("sealing");
        exit(1);
    }
}

bool
load_conn_send(load_conn_t *c)
{
    char *p = NULL;
    size_t n = (size_t)BIO_get_mem_data(c->out, &p);
    if (n == c->sent) {
        return true;
    }
    ssize_t r = send(c->fd, p + c->sent, n - c->sent, MSG_NOSIGNAL);
    if (r > 0) {
        c->sent += (size_t)r;
    }
    if (c->sent < n) {
        return false;
    }
    (void)BIO_reset(c->out);
    c->sent = 0;
    return true;
}
