/*
 * tls/tls_int.h -- what the context and the stream share.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_TLS_TLS_INT_H
#define ION_TLS_TLS_INT_H

#include <openssl/ssl.h>
#include <stddef.h>

#include "tls/ticket.h"
#include "tls/tls_ctx.h"
#include "tls/tls_stream.h"

/*
 * Alive while any stream is: the library's callbacks reach it through the
 * SSL_CTX, which in turn lives as long as any connection made from it.
 */
struct ion_tls_ctx {
    size_t refs;
    SSL_CTX *ssl;
    BIO_METHOD *bio;               /* the memory BIO of tls_stream.c */
    ion_ticket_keys_t tickets;     /* count 0: no tickets */
    uint8_t pin[ION_CERT_PIN_LEN]; /* client side: of the only leaf allowed */
};

/*
 * ion_tls_bio_method -- the BIO that reads a stream's input and writes its
 * output buffer.
 *
 * Owns:   gives the method; NULL when there is no memory.
 */
BIO_METHOD *ion_tls_bio_method(void);

/*
 * ion_tls_stream_new -- a stream that does not know yet which side it is.
 *
 * Shape:  as ion_tls_accept.
 * Owns:   takes fd on success only; shares ctx; gives *out.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_tls_stream_new(ion_loop_t *loop, ion_tls_ctx_t *ctx,
    int fd, const ion_tls_gauges_t *gauges, ion_stream_t **out);

/* ion_tls_stream_ssl -- the library's side of a TLS stream. */
SSL *ion_tls_stream_ssl(const ion_stream_t *s);

/* ion_tls_watch -- count what a connection does beside data (callback). */
void ion_tls_watch(const SSL *ssl, int where, int ret);

#endif
