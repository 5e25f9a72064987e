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

/*
 * Alive while any stream is: the library's callbacks reach it through the
 * SSL_CTX, which in turn lives as long as any connection made from it.
 */
struct ion_tls_ctx {
    size_t refs;
    SSL_CTX *ssl;
    BIO_METHOD *bio;           /* the memory BIO of tls_stream.c */
    ion_ticket_keys_t tickets; /* count 0: no tickets */
};

/*
 * ion_tls_bio_method -- the BIO that reads a stream's input and writes its
 * output buffer.
 *
 * Owns:   gives the method; NULL when there is no memory.
 */
BIO_METHOD *ion_tls_bio_method(void);

/* ion_tls_watch -- count what a connection does beside data (callback). */
void ion_tls_watch(const SSL *ssl, int where, int ret);

#endif
