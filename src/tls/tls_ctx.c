/*
 * tls/tls_ctx.c -- building an SSL_CTX, and its ticket keys.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * AES-128-GCM comes first, unless the client puts ChaCha20 first because it
 * has no AES instructions. One ticket per handshake is enough; a client that
 * keeps none, as upstream's, gets none.
 */
#include "tls/tls_ctx.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/rng.h"
#include "tls/cert_int.h"
#include "tls/tls_int.h"

#define TICKET_SECONDS 7200

static const char suites_13[] = "TLS_AES_128_GCM_SHA256:"
                                "TLS_AES_256_GCM_SHA384:"
                                "TLS_CHACHA20_POLY1305_SHA256";
static const char suites_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const uint8_t alpn_http1[] = "http/1.1";

/* http/1.1 where it is offered; else go on without a protocol. */
static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned int in_len, void *arg)
{
    const uint8_t want_len = sizeof(alpn_http1) - 1;
    (void)ssl;
    (void)arg;
    for (unsigned int i = 0; i < in_len; i += 1u + in[i]) {
        if (in[i] == want_len && in_len - i > want_len &&
            memcmp(in + i + 1, alpn_http1, want_len) == 0)
        {
            *out = in + i + 1;
            *out_len = want_len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK;
}

static int
start_mac(EVP_MAC_CTX *mac, uint8_t *key, size_t len)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, len),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params);
}

/* Returns 1 fine, 2 fine but issue a new one, 0 unknown key, -1 error. */
static int
use_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new)
{
    ion_tls_ctx_t *ctx = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    ion_ticket_keys_t *t = &ctx->tickets;
    size_t i = 0;
    if (is_new) {
        memcpy(name, t->keys[0].name, sizeof(t->keys[0].name));
        ion_random(iv, 16);
    } else {
        while (i < t->count &&
               memcmp(name, t->keys[i].name, sizeof(t->keys[i].name)) != 0)
        {
            i++;
        }
    }
    if (i >= t->count) {
        return is_new ? -1 : 0;
    }
    if (EVP_CipherInit_ex(
            cipher, EVP_aes_256_cbc(), NULL, t->keys[i].aes, iv, is_new) != 1 ||
        start_mac(mac, t->keys[i].hmac, sizeof(t->keys[i].hmac)) != 1)
    {
        return -1;
    }
    return i == 0 ? 1 : 2;
}

/*
 * A TLS 1.3 client that does not name this way to resume cannot use a ticket
 * (RFC 8446, section 4.2.9), and making one is a tenth of the handshake.
 */
static int
note_hello(SSL *ssl, int *alert, void *arg)
{
    const uint8_t psk_dhe_ke = 1;
    const unsigned char *modes = NULL; /* one byte of length, then modes */
    size_t n = 0;
    (void)alert;
    (void)arg;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk_kex_modes, &modes, &n) !=
            1 ||
        n < 2 || memchr(modes + 1, psk_dhe_ke, n - 1) == NULL)
    {
        (void)SSL_set_num_tickets(ssl, 0);
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

static bool
set_protocol(SSL_CTX *ssl)
{
    char groups[] = "X25519:P-256:P-384"; /* the macro drops const */
    (void)SSL_CTX_set_options(
        ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_COMPRESSION |
                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_mode(
        ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(ssl, 0);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_timeout(ssl, TICKET_SECONDS);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_alpn_select_cb(ssl, select_alpn, NULL);
    SSL_CTX_set_info_callback(ssl, ion_tls_watch);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(ssl, suites_13) == 1 &&
           SSL_CTX_set_cipher_list(ssl, suites_12) == 1 &&
           SSL_CTX_set1_groups_list(ssl, groups) == 1 &&
           SSL_CTX_set_session_id_context(
               ssl, alpn_http1, sizeof(alpn_http1) - 1) == 1;
}

static ion_err_t
add_chain_certificate(
    SSL_CTX *ssl, X509 *x, const char *what, ion_errtext_t *err)
{
    if (SSL_CTX_add1_chain_cert(ssl, x) != 1) {
        ion_errtext_set(err,
            "%s: a certificate behind the first is not "
            "accepted: %s",
            what, ion_tls_error());
        return ION_MALF;
    }
    return ION_OK;
}

static ion_err_t
add_meta(SSL_CTX *ssl, const ion_tls_config_t *config, ion_errtext_t *err)
{
    const unsigned char *p = config->meta;
    if (p == NULL) {
        return ION_OK;
    }
    X509 *x = d2i_X509(NULL, &p, (long)config->meta_len);
    if (x == NULL || p != config->meta + config->meta_len) {
        X509_free(x);
        ion_errtext_set(err, "meta-certificate: not one DER certificate: %s",
            ion_tls_error());
        return ION_MALF;
    }
    ion_err_t rc = add_chain_certificate(ssl, x, "meta-certificate", err);
    X509_free(x);
    return rc;
}

/* Leaf, intermediates (none behind a self-signed leaf), meta-certificate. */
static ion_err_t
set_certificates(
    SSL_CTX *ssl, const ion_tls_config_t *config, ion_errtext_t *err)
{
    const ion_cert_t *cert = config->cert;
    ion_err_t rc = ION_OK;
    if (SSL_CTX_use_certificate(ssl, cert->leaf) != 1 ||
        SSL_CTX_use_PrivateKey(ssl, cert->key) != 1)
    {
        ion_errtext_set(err, "%s: certificate or key is not accepted: %s",
            cert->name, ion_tls_error());
        return ION_MALF;
    }
    int count = cert->is_self_signed ? 0 : sk_X509_num(cert->chain);
    for (int i = 0; rc == ION_OK && i < count; i++) {
        rc = add_chain_certificate(
            ssl, sk_X509_value(cert->chain, i), cert->name, err);
    }
    return rc == ION_OK ? add_meta(ssl, config, err) : rc;
}

static ion_err_t
set_tickets(
    ion_tls_ctx_t *ctx, const ion_tls_config_t *config, ion_errtext_t *err)
{
    if (config->tickets == NULL) {
        (void)SSL_CTX_set_options(ctx->ssl, SSL_OP_NO_TICKET);
        return SSL_CTX_set_num_tickets(ctx->ssl, 0) == 1 ? ION_OK
                                                         : ION_INTERNAL;
    }
    ion_err_t rc =
        ion_ticket_parse(config->tickets, config->tickets_len, &ctx->tickets);
    if (rc != ION_OK) {
        ion_errtext_set(err, "session ticket keys: damaged");
        return rc;
    }
    SSL_CTX_set_client_hello_cb(ctx->ssl, note_hello, NULL);
    if (SSL_CTX_set_num_tickets(ctx->ssl, 1) != 1 ||
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx->ssl, use_ticket_key) != 1)
    {
        return ION_INTERNAL;
    }
    return ION_OK;
}

ion_err_t
ion_tls_ctx_new(
    const ion_tls_config_t *config, ion_tls_ctx_t **out, ion_errtext_t *err)
{
    ion_err_t rc = ION_NOMEM;
    ion_tls_start();
    ERR_clear_error();
    ion_tls_ctx_t *ctx = calloc(1, sizeof(*ctx));
    if (ctx == NULL) {
        return rc;
    }
    ctx->refs = 1;
    ctx->ssl = SSL_CTX_new(TLS_server_method());
    ctx->bio = ion_tls_bio_method();
    if (ctx->ssl == NULL || ctx->bio == NULL) {
        goto fail;
    }
    (void)SSL_CTX_set_app_data(ctx->ssl, ctx);
    rc = set_protocol(ctx->ssl) ? ION_OK : ION_INTERNAL;
    if (rc != ION_OK) {
        ion_errtext_set(
            err, "TLS: the library refuses our settings: %s", ion_tls_error());
        goto fail;
    }
    rc = set_certificates(ctx->ssl, config, err);
    if (rc == ION_OK) {
        rc = set_tickets(ctx, config, err);
    }
    if (rc != ION_OK) {
        goto fail;
    }
    *out = ctx;
    return ION_OK;
fail:
    ion_tls_ctx_unref(&ctx);
    ERR_clear_error();
    return rc;
}

ion_tls_ctx_t *
ion_tls_ctx_ref(ion_tls_ctx_t *ctx)
{
    ctx->refs++;
    return ctx;
}

void
ion_tls_ctx_unref(ion_tls_ctx_t **ctx)
{
    ion_tls_ctx_t *c = *ctx;
    *ctx = NULL;
    if (c == NULL) {
        return;
    }
    ION_ASSERT(c->refs > 0);
    if (--c->refs > 0) {
        return;
    }
    SSL_CTX_free(c->ssl);
    BIO_meth_free(c->bio);
    ion_ticket_wipe(&c->tickets);
    free(c);
}
