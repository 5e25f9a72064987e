/*
 * tls_rig.h -- a TLS client of the library's own against our streams.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Both ends live in one thread over a socket pair and are driven by turns.
 * A failure of the rig itself is a panic.
 */
#ifndef ION_TESTS_TLS_RIG_H
#define ION_TESTS_TLS_RIG_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "event/stream.h"
#include "tls/cert.h"
#include "tls/tls_ctx.h"

/* What a client offers; zero is a plain modern client without SNI. */
typedef struct tls_rig_offer {
    int min_version;  /* 0 = TLS 1.2 */
    int max_version;  /* 0 = TLS 1.3 */
    const char *alpn; /* wire form in one string: "\x08http/1.1" */
    const char *suites_13;
    SSL_SESSION *session; /* to resume; borrowed */
} tls_rig_offer_t;

typedef struct tls_rig_client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
    SSL_SESSION *session; /* the last ticket received; owned */
} tls_rig_client_t;

/* tls_rig_cert -- a self-signed certificate for localhost. */
ion_cert_t *tls_rig_cert(void);

/* tls_rig_ctx -- a context of cert, an optional meta-certificate, tickets. */
ion_tls_ctx_t *tls_rig_ctx(const ion_cert_t *cert, const uint8_t *meta,
    const uint8_t *tickets, size_t tickets_len);

/* tls_rig_client_open -- a client over fd, which it takes. */
void tls_rig_client_open(
    tls_rig_client_t *c, int fd, const tls_rig_offer_t *offer);

/* tls_rig_client_close -- free all of it and close the descriptor. */
void tls_rig_client_close(tls_rig_client_t *c);

/* tls_rig_pair -- a non-blocking socket pair; panics when there is none. */
void tls_rig_pair(int fds[2]);

/*
 * tls_rig_handshake -- drive both ends until the client is done or one fails.
 *
 * Returns what the server said last: ION_AGAIN when all is well.
 */
ion_err_t tls_rig_handshake(ion_stream_t *server, tls_rig_client_t *client);

/* tls_rig_new_key -- a fresh RSA or EC key ("RSA:2048", "EC:P-256"). */
EVP_PKEY *tls_rig_new_key(const char *kind);

/*
 * tls_rig_issue -- a certificate for name, key `subject`, signed by `issuer`
 * under issuer_name; an authority if both names agree. As PEM, caller frees.
 */
char *tls_rig_issue(const char *name, EVP_PKEY *subject,
    const char *issuer_name, EVP_PKEY *issuer);

/* tls_rig_key_pem -- a private key as PEM, caller frees; pass may be NULL. */
char *tls_rig_key_pem(EVP_PKEY *key, const char *pass);

#endif
