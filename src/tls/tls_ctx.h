/*
 * tls/tls_ctx.h -- what all TLS connections of one configuration share.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * TLS 1.2 and 1.3, server side, never a client certificate, no server name
 * required, ALPN http/1.1 where it is offered. A context is immutable; a reload
 * or a rotation of ticket keys makes another one, and connections made from
 * the old one keep it alive until they end.
 */
#ifndef ION_TLS_TLS_CTX_H
#define ION_TLS_TLS_CTX_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "tls/cert.h"

typedef struct ion_tls_ctx ion_tls_ctx_t;

/* What a context is made of; all borrowed during ion_tls_ctx_new. */
typedef struct ion_tls_config {
    const ion_cert_t *cert;
    const uint8_t *meta; /* DER of the meta-certificate; NULL = none */
    size_t meta_len;
    const uint8_t *tickets; /* blob of tls/ticket.h; NULL = no tickets */
    size_t tickets_len;
} ion_tls_config_t;

/*
 * ion_tls_ctx_new -- make a context; the chain goes out leaf, intermediates,
 * meta-certificate.
 *
 * Owns:   gives *out with one reference.
 * Errors: ION_MALF certificate, meta-certificate or ticket blob not accepted
 *         (text says which) | ION_NOMEM | ION_INTERNAL.
 */
ION_NODISCARD ion_err_t ion_tls_ctx_new(
    const ion_tls_config_t *config, ion_tls_ctx_t **out, ion_errtext_t *err);

/* ion_tls_ctx_ref -- one more owner; returns ctx. */
ion_tls_ctx_t *ion_tls_ctx_ref(ion_tls_ctx_t *ctx);

/* ion_tls_ctx_unref -- one owner less; nulls *ctx; accepts NULL. */
void ion_tls_ctx_unref(ion_tls_ctx_t **ctx);

#endif
