/*
 * bench/load_conn.h -- one DERP client of the load generator.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * TLS 1.3 over a socket that never blocks after the login. Records collect in
 * a buffer that load_conn_send gives to the kernel with one call; reading
 * takes up to 64 KiB a call. Both keep the generator cheaper than any relay.
 */
#ifndef ION_BENCH_LOAD_CONN_H
#define ION_BENCH_LOAD_CONN_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "crypto/keys.h"
#include "proto/derp_frame.h"

typedef struct load_conn {
    int fd;
    SSL *ssl;
    BIO *out;      /* sealed records; owned by ssl */
    size_t sent;   /* bytes of out that are on their way */
    uint8_t *rest; /* an incomplete frame; owned */
    size_t rest_len;
    ion_key_t key;
    void *user; /* the caller's */
} load_conn_t;

/* Called for every frame that arrives. */
typedef void (*load_frame_cb_t)(
    load_conn_t *c, uint8_t type, const uint8_t *body, size_t len);

/* load_tls_new -- what all clients share; lean: keep no buffers while idle. */
SSL_CTX *load_tls_new(bool lean);

/*
 * load_conn_open -- connect, shake hands, log in by fast start with a new key
 * and wait for ServerInfo; 10 s at most for each step. rcvbuf 0 = default.
 * Says why on stderr and returns false when it cannot.
 */
bool load_conn_open(
    load_conn_t *c, SSL_CTX *tls, const ion_addr_t *to, int rcvbuf);

/* load_conn_close -- end it; safe when it was never open. */
void load_conn_close(load_conn_t *c);

/* load_conn_read -- take all that is there; false when the server is gone. */
bool load_conn_read(load_conn_t *c, load_frame_cb_t cb);

/* load_conn_put -- seal n bytes as one record; nothing is sent yet. */
void load_conn_put(load_conn_t *c, const void *p, size_t n);

/* load_conn_send -- send what is sealed; true when nothing is left. */
bool load_conn_send(load_conn_t *c);

#endif
