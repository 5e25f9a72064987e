/*
 * tls_rig.c -- a TLS client of the library's own against our streams.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "lib/tls_rig.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "tls/metacert.h"

ion_cert_t *
tls_rig_cert(void)
{
    char *cert_pem = NULL;
    char *key_pem = NULL;
    ion_cert_t *cert = NULL;
    ion_cert_request_t req = {
        .host = ION_STR("localhost"),
        .now = time(NULL),
    };
    ION_ASSERT(ion_cert_make(&req, &cert_pem, &key_pem) == ION_OK);
    ion_cert_source_t source = {
        .cert_pem = ion_str_from(cert_pem),
        .key_pem = ion_str_from(key_pem),
        .cert_name = "rig.crt",
        .key_name = "rig.key",
    };
    ION_ASSERT(ion_cert_load(&source, &cert, NULL) == ION_OK);
    free(cert_pem);
    ion_cert_wipe(&key_pem);
    return cert;
}

ion_tls_ctx_t *
tls_rig_ctx(const ion_cert_t *cert, const uint8_t *meta, const uint8_t *tickets,
    size_t tickets_len)
{
    ion_tls_ctx_t *ctx = NULL;
    ion_tls_config_t config = {
        .cert = cert,
        .meta = meta,
        .meta_len = meta == NULL ? 0 : ION_METACERT_LEN,
        .tickets = tickets,
        .tickets_len = tickets_len,
    };
    ION_ASSERT(ion_tls_ctx_new(&config, &ctx, NULL) == ION_OK);
    return ctx;
}

static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
    tls_rig_client_t *c = SSL_get_app_data(ssl);
    SSL_SESSION_free(c->session);
    c->session = session;
    return 1; /* ours now */
}

void
tls_rig_client_open(tls_rig_client_t *c, int fd, const tls_rig_offer_t *offer)
{
    static const tls_rig_offer_t plain_offer = { 0 };
    if (offer == NULL) {
        offer = &plain_offer;
    }
    /* the library writes without MSG_NOSIGNAL */
    (void)signal(SIGPIPE, SIG_IGN);
    memset(c, 0, sizeof(*c));
    c->fd = fd;
    c->ctx = SSL_CTX_new(TLS_client_method());
    ION_ASSERT(c->ctx != NULL);
    SSL_CTX_set_security_level(c->ctx, 0);
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_min_proto_version(
        c->ctx, offer->min_version == 0 ? TLS1_2_VERSION : offer->min_version);
    SSL_CTX_set_max_proto_version(
        c->ctx, offer->max_version == 0 ? TLS1_3_VERSION : offer->max_version);
    SSL_CTX_set_session_cache_mode(
        c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c->ctx, keep_session);
    if (offer->suites_13 != NULL) {
        ION_ASSERT(SSL_CTX_set_ciphersuites(c->ctx, offer->suites_13) == 1);
    }
    if (offer->alpn != NULL) {
        ION_ASSERT(
            SSL_CTX_set_alpn_protos(c->ctx, (const unsigned char *)offer->alpn,
                (unsigned)strlen(offer->alpn)) == 0);
    }
    c->ssl = SSL_new(c->ctx);
    ION_ASSERT(c->ssl != NULL && SSL_set_fd(c->ssl, fd) == 1);
    SSL_set_app_data(c->ssl, c);
    if (offer->session != NULL) {
        ION_ASSERT(SSL_set_session(c->ssl, offer->session) == 1);
    }
    SSL_set_connect_state(c->ssl);
}

void
tls_rig_client_close(tls_rig_client_t *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    SSL_SESSION_free(c->session);
    close(c->fd);
    memset(c, 0, sizeof(*c));
    c->fd = -1;
}

void
tls_rig_pair(int fds[2])
{
    ION_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
}

ion_err_t
tls_rig_handshake(ion_stream_t *server, tls_rig_client_t *client)
{
    ion_err_t rc = ION_AGAIN;
    for (int i = 0; i < 20 && rc == ION_AGAIN; i++) {
        uint8_t buf[64];
        size_t n = 0;
        ERR_clear_error();
        int done = SSL_do_handshake(client->ssl);
        rc = ion_stream_read(server, buf, sizeof(buf), &n);
        if (ion_stream_unsent(server) > 0) {
            ION_IGNORE(ion_stream_flush(server)); /* seen by the next read */
        }
        if (done == 1 && ion_stream_is_ready(server)) {
            /* let the client see the ticket that follows a 1.3 handshake */
            (void)SSL_peek(client->ssl, buf, sizeof(buf));
            break;
        }
    }
    ERR_clear_error();
    return rc;
}

EVP_PKEY *
tls_rig_new_key(const char *kind)
{
    EVP_PKEY *key = NULL;
    if (strncmp(kind, "RSA:", 4) == 0) {
        key = EVP_RSA_gen((unsigned)strtoul(kind + 4, NULL, 10));
    } else if (strncmp(kind, "EC:", 3) == 0) {
        key = EVP_EC_gen(kind + 3);
    } else {
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    }
    ION_ASSERT(key != NULL);
    return key;
}

static char *
text_of(BIO *bio)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    char *text = ion_str_dup((ion_str_t){ p, (size_t)n });
    ION_ASSERT(text != NULL);
    BIO_free(bio);
    return text;
}

static void
set_name(X509_NAME *name, const char *text)
{
    ION_ASSERT(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                   (const unsigned char *)text, -1, -1, 0) == 1);
}

/* May sign others. */
static void
make_authority(X509 *x)
{
    X509_EXTENSION *ext =
        X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "CA:TRUE");
    ION_ASSERT(ext != NULL && X509_add_ext(x, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

char *
tls_rig_issue(const char *name, EVP_PKEY *subject, const char *issuer_name,
    EVP_PKEY *issuer)
{
    X509 *x = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_MD *md =
        EVP_PKEY_get_base_id(issuer) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
    ION_ASSERT(x != NULL && bio != NULL);
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    set_name(X509_get_subject_name(x), name);
    set_name(X509_get_issuer_name(x), issuer_name);
    X509_set_pubkey(x, subject);
    if (strcmp(name, issuer_name) == 0) {
        make_authority(x);
    }
    ION_ASSERT(X509_sign(x, issuer, md) > 0);
    ION_ASSERT(PEM_write_bio_X509(bio, x) == 1);
    X509_free(x);
    return text_of(bio);
}

char *
tls_rig_key_pem(EVP_PKEY *key, const char *pass)
{
    BIO *bio = BIO_new(BIO_s_mem());
    ION_ASSERT(bio != NULL);
    int ok = pass == NULL
                 ? PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
                 : PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(),
                       pass, (int)strlen(pass), NULL, NULL);
    ION_ASSERT(ok == 1);
    return text_of(bio);
}
