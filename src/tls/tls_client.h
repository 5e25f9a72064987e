/*
 * tls/tls_client.h -- the client side: whom to trust, connect, who answered.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Three kinds of trust. SYSTEM: the machine's certificate authorities and the
 * host's name, as for any web site. PIN: exactly one certificate beside the
 * meta-certificate, with this SHA-256 of its DER, in its days of validity,
 * and with the host's name unless the host is an IP literal; no authority is
 * asked. NONE: whoever answers. TLS 1.2 and 1.3, no ALPN, no client
 * certificate, no session kept. A list of authorities takes SYSTEM's place in
 * ion_tls_client_new_ca.
 */
#ifndef ION_TLS_TLS_CLIENT_H
#define ION_TLS_TLS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "event/stream.h"
#include "tls/cert.h"
#include "tls/tls_ctx.h"

typedef enum ion_tls_trust {
    ION_TLS_TRUST_SYSTEM,
    ION_TLS_TRUST_PIN,
    ION_TLS_TRUST_NONE,
} ion_tls_trust_t;

/* What the server showed of itself; all zero before it did. */
typedef struct ion_tls_peer {
    size_t certificates; /* the meta-certificate left out */
    int64_t not_before;  /* of the leaf, seconds since 1970 */
    int64_t not_after;
    uint8_t pin[ION_CERT_PIN_LEN]; /* of the leaf */
    char subject[128];             /* common name of the leaf; may be empty */
    bool has_server_key;           /* there was a meta-certificate */
    uint8_t server_key[32];        /* of the DERP server */
    uint8_t derp_version;
} ion_tls_peer_t;

/*
 * ion_tls_client_new -- what connections of one kind of trust share.
 *
 * Shape:  pin only for ION_TLS_TRUST_PIN, copied; else NULL.
 * Owns:   gives *out with one reference, for ion_tls_ctx_unref.
 * Errors: ION_NOMEM | ION_INTERNAL the library refused.
 */
ION_NODISCARD ion_err_t ion_tls_client_new(ion_tls_trust_t trust,
    const uint8_t pin[ION_CERT_PIN_LEN], ion_tls_ctx_t **out);

/*
 * ion_tls_client_new_ca -- the same with certificate authorities of one's own,
 * for a process that cannot read the machine's files.
 *
 * Shape:  pem[0..n) holds their certificates, borrowed; other PEM blocks and
 *         text between them are skipped.
 * Owns:   as ion_tls_client_new.
 * Errors: as ion_tls_client_new; ION_MALF no certificate in it, or a damaged
 *         one.
 */
ION_NODISCARD ion_err_t ion_tls_client_new_ca(
    const void *pem, size_t n, ion_tls_ctx_t **out);

/*
 * ion_tls_connect -- the client side of a new connection; the first message
 * waits for a flush, ion_stream_read does the rest of the handshake.
 *
 * Shape:  fd non-blocking and connected; host is a DNS name or an IP literal
 *         without brackets: what the certificate must be valid for, and the
 *         server name that is sent, if it is a DNS name.
 * Owns:   takes fd on success only; shares ctx; gives *out.
 * Errors: ION_NOMEM | ION_MALF host is neither.
 */
ION_NODISCARD ion_err_t ion_tls_connect(ion_loop_t *loop, ion_tls_ctx_t *ctx,
    int fd, const char *host, ion_stream_t **out);

/* ion_tls_peer -- facts about the server; s was made by ion_tls_connect. */
void ion_tls_peer(const ion_stream_t *s, ion_tls_peer_t *out);

/*
 * ion_tls_connect_reason -- why the handshake failed: what is wrong with the
 * certificate, else as ion_tls_reason. A static text, empty when it did not.
 */
const char *ion_tls_connect_reason(const ion_stream_t *s);

#endif
