/*
 * tls/tls_client.c -- trust, connecting, reading the server's chain.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "tls/tls_client.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/hex.h"
#include "tls/cert_int.h"
#include "tls/tls_int.h"
#include "tls/tls_stream.h"

#define META_PREFIX     "derpkey"
#define META_PREFIX_LEN 7
#define NAME_MAX_LEN    128

static const char suites[] = "TLS_AES_128_GCM_SHA256:"
                             "TLS_AES_256_GCM_SHA384:"
                             "TLS_CHACHA20_POLY1305_SHA256";

/* The common name; empty when there is none. */
static void
common_name(const X509 *x, char out[NAME_MAX_LEN])
{
    out[0] = '\0';
    (void)X509_NAME_get_text_by_NID(
        X509_get_subject_name(x), NID_commonName, out, NAME_MAX_LEN);
}

static bool
is_meta(const X509 *x)
{
    char name[NAME_MAX_LEN];
    common_name(x, name);
    return strncmp(name, META_PREFIX, META_PREFIX_LEN) == 0;
}

static bool
pin_of(const X509 *x, uint8_t out[ION_CERT_PIN_LEN])
{
    unsigned int len = 0;
    return X509_digest(x, EVP_sha256(), out, &len) == 1 &&
           len == ION_CERT_PIN_LEN;
}

/* The one certificate beside the meta-certificate; NULL when there are more. */
static X509 *
only_certificate(STACK_OF(X509) * chain)
{
    X509 *found = NULL;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *x = sk_X509_value(chain, i);
        if (is_meta(x)) {
            continue;
        }
        if (found != NULL) {
            return NULL;
        }
        found = x;
    }
    return found;
}

static int
judge_pinned(X509 *x, const SSL *ssl)
{
    const ion_tls_ctx_t *ctx = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    uint8_t pin[ION_CERT_PIN_LEN];
    if (!pin_of(x, pin) || memcmp(pin, ctx->pin, sizeof(pin)) != 0) {
        return X509_V_ERR_CERT_REJECTED;
    }
    if (name != NULL && X509_check_host(x, name, 0, 0, NULL) != 1) {
        return X509_V_ERR_HOSTNAME_MISMATCH;
    }
    if (X509_cmp_current_time(X509_get0_notBefore(x)) >= 0) {
        return X509_V_ERR_CERT_NOT_YET_VALID;
    }
    if (X509_cmp_current_time(X509_get0_notAfter(x)) <= 0) {
        return X509_V_ERR_CERT_HAS_EXPIRED;
    }
    return X509_V_OK;
}

static int
verify_pinned(X509_STORE_CTX *store, void *arg)
{
    const SSL *ssl =
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    X509 *x = only_certificate(X509_STORE_CTX_get0_untrusted(store));
    int error =
        x == NULL ? X509_V_ERR_CERT_CHAIN_TOO_LONG : judge_pinned(x, ssl);
    (void)arg;
    X509_STORE_CTX_set_error(store, error);
    return error == X509_V_OK;
}

static bool
set_trust(ion_tls_ctx_t *ctx, ion_tls_trust_t trust, const uint8_t *pin)
{
    SSL_CTX *ssl = ctx->ssl;
    if (trust == ION_TLS_TRUST_NONE) {
        SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
        return true;
    }
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    if (trust == ION_TLS_TRUST_SYSTEM) {
        return SSL_CTX_set_default_verify_paths(ssl) == 1;
    }
    memcpy(ctx->pin, pin, sizeof(ctx->pin));
    SSL_CTX_set_cert_verify_callback(ssl, verify_pinned, NULL);
    return true;
}

static bool
set_client_protocol(SSL_CTX *ssl)
{
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION |
                                       SSL_OP_NO_COMPRESSION |
                                       SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_mode(
        ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(ssl, 0);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_info_callback(ssl, ion_tls_watch);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(ssl, suites) == 1;
}

/* A context that trusts nobody yet. */
static ion_err_t
new_ctx(ion_tls_ctx_t **out)
{
    ion_tls_start();
    ERR_clear_error();
    ion_tls_ctx_t *ctx = calloc(1, sizeof(*ctx));
    if (ctx == NULL) {
        return ION_NOMEM;
    }
    ctx->refs = 1;
    ctx->ssl = SSL_CTX_new(TLS_client_method());
    ctx->bio = ion_tls_bio_method();
    if (ctx->ssl == NULL || ctx->bio == NULL) {
        ion_tls_ctx_unref(&ctx);
        ERR_clear_error();
        return ION_NOMEM;
    }
    (void)SSL_CTX_set_app_data(ctx->ssl, ctx);
    *out = ctx;
    return ION_OK;
}

ion_err_t
ion_tls_client_new(ion_tls_trust_t trust, const uint8_t pin[ION_CERT_PIN_LEN],
    ion_tls_ctx_t **out)
{
    ion_tls_ctx_t *ctx = NULL;
    ion_err_t rc = new_ctx(&ctx);
    if (rc != ION_OK) {
        return rc;
    }
    if (!set_client_protocol(ctx->ssl) || !set_trust(ctx, trust, pin)) {
        ion_tls_ctx_unref(&ctx);
        ERR_clear_error();
        return ION_INTERNAL;
    }
    *out = ctx;
    return ION_OK;
}

/* Every certificate of the text becomes an authority; the number of them. */
static size_t
add_authorities(SSL_CTX *ssl, BIO *bio)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    size_t count = 0;
    X509 *x;
    while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        count += X509_STORE_add_cert(store, x) == 1 ? 1 : 0;
        X509_free(x);
    }
    /* the end of the text is the only good reason to stop */
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? count
                                                                        : 0;
}

ion_err_t
ion_tls_client_new_ca(const void *pem, size_t n, ion_tls_ctx_t **out)
{
    ion_tls_ctx_t *ctx = NULL;
    if (n > INT_MAX) {
        return ION_MALF;
    }
    ion_err_t rc = new_ctx(&ctx);
    if (rc != ION_OK) {
        return rc;
    }
    BIO *bio = BIO_new_mem_buf(pem, (int)n);
    if (bio == NULL) {
        rc = ION_NOMEM;
    } else if (!set_client_protocol(ctx->ssl)) {
        rc = ION_INTERNAL;
    } else if (add_authorities(ctx->ssl, bio) == 0) {
        rc = ION_MALF;
    }
    BIO_free(bio);
    ERR_clear_error();
    if (rc != ION_OK) {
        ion_tls_ctx_unref(&ctx);
        return rc;
    }
    SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_PEER, NULL);
    *out = ctx;
    return ION_OK;
}

/* What the certificate must be valid for, and the name that is sent. */
static bool
set_host(SSL *ssl, const char *host)
{
    ion_addr_t addr;
    if (ion_addr_parse_ip(ion_str_from(host), &addr) == ION_OK) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    return host[0] != '\0' && SSL_set1_host(ssl, host) == 1 &&
           SSL_set_tlsext_host_name(ssl, (void *)(uintptr_t)host) == 1;
}

ion_err_t
ion_tls_connect(ion_loop_t *loop, ion_tls_ctx_t *ctx, int fd, const char *host,
    ion_stream_t **out)
{
    ion_err_t rc = ion_tls_stream_new(loop, ctx, fd, NULL, out);
    if (rc != ION_OK) {
        return rc;
    }
    SSL *ssl = ion_tls_stream_ssl(*out);
    ERR_clear_error();
    SSL_set_connect_state(ssl);
    bool is_begun =
        set_host(ssl, host) &&
        SSL_get_error(ssl, SSL_do_handshake(ssl)) == SSL_ERROR_WANT_READ;
    ERR_clear_error();
    if (!is_begun) {
        ion_stream_release(out, &fd);
        return ION_MALF;
    }
    return ION_OK;
}

static int64_t
seconds_of(const ASN1_TIME *t)
{
    struct tm tm;
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void
read_meta(const X509 *x, ion_tls_peer_t *out)
{
    char name[NAME_MAX_LEN];
    uint64_t serial = 0;
    common_name(x, name);
    if (out->has_server_key ||
        ASN1_INTEGER_get_uint64(&serial, X509_get0_serialNumber(x)) != 1 ||
        serial == 0 || serial > UINT8_MAX ||
        ion_hex_decode(out->server_key, sizeof(out->server_key),
            ion_str_from(name + META_PREFIX_LEN)) != ION_OK)
    {
        return;
    }
    out->derp_version = (uint8_t)serial;
    out->has_server_key = true;
}

static void
read_leaf(const X509 *x, ion_tls_peer_t *out)
{
    out->not_before = seconds_of(X509_get0_notBefore(x));
    out->not_after = seconds_of(X509_get0_notAfter(x));
    common_name(x, out->subject);
    if (!pin_of(x, out->pin)) {
        memset(out->pin, 0, sizeof(out->pin));
    }
}

void
ion_tls_peer(const ion_stream_t *s, ion_tls_peer_t *out)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ion_tls_stream_ssl(s));
    memset(out, 0, sizeof(*out));
    for (int i = 0; i < sk_X509_num(chain); i++) {
        const X509 *x = sk_X509_value(chain, i);
        if (is_meta(x)) {
            read_meta(x, out);
            continue;
        }
        if (out->certificates++ == 0) {
            read_leaf(x, out);
        }
    }
    ERR_clear_error();
}

const char *
ion_tls_connect_reason(const ion_stream_t *s)
{
    long error = SSL_get_verify_result(ion_tls_stream_ssl(s));
    switch (error) {
    case X509_V_OK:
        return ion_tls_reason(s);
    case X509_V_ERR_CERT_REJECTED:
        return "the certificate is not the pinned one";
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        return "not exactly one certificate beside the meta-certificate";
    default:
        return X509_verify_cert_error_string(error);
    }
}
