/*
 * tls/cert.c -- loading a certificate chain and its key, and judging them.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "tls/cert.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls/cert_int.h"

#define PEM_MAX      (1024 * 1024)
#define CHAIN_MAX    16
#define RSA_MIN_BITS 2048
#define EC_MIN_BITS  256

void
ion_tls_start(void)
{
    /* repeated calls do nothing; a failure shows in the next call */
    (void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

const char *
ion_tls_error(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = ERR_reason_error_string(code);
    ERR_clear_error();
    return text != NULL ? text : "no reason given";
}

static BIO *
open_pem(ion_str_t pem, const char *name, ion_errtext_t *err)
{
    if (pem.len == 0) {
        ion_errtext_set(err, "%s: is empty, PEM text expected", name);
        return NULL;
    }
    if (pem.len > PEM_MAX) {
        ion_errtext_set(err, "%s: larger than 1 MiB", name);
        return NULL;
    }
    return BIO_new_mem_buf(pem.p, (int)pem.len);
}

/* PEM text ended (true), or is damaged. */
static bool
pem_is_at_end(void)
{
    unsigned long code = ERR_peek_last_error();
    bool at_end = ERR_GET_LIB(code) == ERR_LIB_PEM &&
                  ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return at_end;
}

static ion_err_t
add_to_chain(ion_cert_t *cert, X509 *x)
{
    if (cert->leaf == NULL) {
        cert->leaf = x;
        return ION_OK;
    }
    if (sk_X509_push(cert->chain, x) <= 0) {
        X509_free(x);
        return ION_NOMEM;
    }
    return ION_OK;
}

static ion_err_t
read_chain(ion_cert_t *cert, const ion_cert_source_t *src, ion_errtext_t *err)
{
    int count = 0;
    X509 *x = NULL;
    BIO *bio = open_pem(src->cert_pem, src->cert_name, err);
    if (bio == NULL) {
        return ION_MALF;
    }
    ion_err_t rc = ION_OK;
    while (rc == ION_OK && count <= CHAIN_MAX &&
           (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
    {
        rc = add_to_chain(cert, x);
        count++;
    }
    BIO_free(bio);
    if (rc != ION_OK) {
        return rc;
    }
    if (count > CHAIN_MAX) {
        ion_errtext_set(
            err, "%s: more than %d certificates", src->cert_name, CHAIN_MAX);
        return ION_MALF;
    }
    if (!pem_is_at_end()) {
        ion_errtext_set(
            err, "%s: certificate %d is damaged", src->cert_name, count + 1);
        return ION_MALF;
    }
    if (count == 0) {
        ion_errtext_set(err,
            "%s: no certificate in it; PEM expected, beginning with "
            "-----BEGIN CERTIFICATE-----",
            src->cert_name);
        return ION_MALF;
    }
    return ION_OK;
}

/* An encrypted key is refused; asking for a passphrase would block. */
static int
no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    *(bool *)arg = true;
    return -1;
}

/* The label that every PEM form of a private key ends its first line with. */
static bool
mentions_key(ion_str_t pem)
{
    static const char label[] = "PRIVATE KEY-----";
    return memmem(pem.p, pem.len, label, sizeof(label) - 1) != NULL;
}

static ion_err_t
read_key(ion_cert_t *cert, const ion_cert_source_t *src, ion_errtext_t *err)
{
    bool was_asked = false;
    BIO *bio = open_pem(src->key_pem, src->key_name, err);
    if (bio == NULL) {
        return ION_MALF;
    }
    cert->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &was_asked);
    BIO_free(bio);
    if (cert->key != NULL) {
        ERR_clear_error();
        return ION_OK;
    }
    if (was_asked) {
        ion_errtext_set(err,
            "%s: key is encrypted; an unencrypted one is needed",
            src->key_name);
    } else if (!mentions_key(src->key_pem)) {
        ion_errtext_set(err,
            "%s: no private key in it; PEM expected, beginning with "
            "-----BEGIN PRIVATE KEY-----",
            src->key_name);
    } else {
        ion_errtext_set(err, "%s: private key is damaged", src->key_name);
    }
    ERR_clear_error();
    return ION_MALF;
}

static ion_err_t
check_key(
    const ion_cert_t *cert, const ion_cert_source_t *src, ion_errtext_t *err)
{
    int type = EVP_PKEY_get_base_id(cert->key);
    int bits = EVP_PKEY_get_bits(cert->key);
    if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC) {
        ion_errtext_set(err, "%s: key type %s is not served; RSA or ECDSA is",
            src->key_name, OBJ_nid2sn(type));
        return ION_MALF;
    }
    if (bits < (type == EVP_PKEY_RSA ? RSA_MIN_BITS : EC_MIN_BITS)) {
        ion_errtext_set(err, "%s: %s key of %d bits is too weak; at least %d",
            src->key_name, type == EVP_PKEY_RSA ? "RSA" : "ECDSA", bits,
            type == EVP_PKEY_RSA ? RSA_MIN_BITS : EC_MIN_BITS);
        return ION_MALF;
    }
    if (X509_check_private_key(cert->leaf, cert->key) != 1) {
        ERR_clear_error();
        ion_errtext_set(err,
            "%s: key does not match certificate %s; the leaf's "
            "certificate comes first in that file",
            src->key_name, src->cert_name);
        return ION_MALF;
    }
    return ION_OK;
}

static bool
is_self_signed(X509 *leaf)
{
    return X509_NAME_cmp(
               X509_get_subject_name(leaf), X509_get_issuer_name(leaf)) == 0 &&
           X509_self_signed(leaf, 1) == 1;
}

ion_err_t
ion_cert_load(
    const ion_cert_source_t *source, ion_cert_t **out, ion_errtext_t *err)
{
    ion_err_t rc = ION_NOMEM;
    ion_tls_start();
    ERR_clear_error();
    ion_cert_t *cert = calloc(1, sizeof(*cert));
    if (cert == NULL) {
        return rc;
    }
    cert->chain = sk_X509_new_null();
    if (cert->chain == NULL) {
        goto fail;
    }
    (void)snprintf(cert->name, sizeof(cert->name), "%s", source->cert_name);
    rc = read_chain(cert, source, err);
    if (rc == ION_OK) {
        rc = read_key(cert, source, err);
    }
    if (rc == ION_OK) {
        rc = check_key(cert, source, err);
    }
    if (rc != ION_OK) {
        goto fail;
    }
    cert->is_self_signed = is_self_signed(cert->leaf);
    ERR_clear_error();
    *out = cert;
    return ION_OK;
fail:
    ion_cert_free(&cert);
    return rc;
}

void
ion_cert_free(ion_cert_t **cert)
{
    ion_cert_t *c = *cert;
    if (c == NULL) {
        return;
    }
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->key);
    free(c);
    *cert = NULL;
}

static int64_t
asn1_seconds(const ASN1_TIME *t)
{
    struct tm tm = { 0 };
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* The common name, else the first DNS name of the alternatives. */
static void
describe_subject(X509 *leaf, char *out, size_t cap)
{
    out[0] = '\0';
    if (X509_NAME_get_text_by_NID(
            X509_get_subject_name(leaf), NID_commonName, out, (int)cap) > 0)
    {
        return;
    }
    GENERAL_NAMES *names =
        X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
        if (n->type == GEN_DNS) {
            (void)snprintf(out, cap, "%.*s", n->d.dNSName->length,
                (const char *)n->d.dNSName->data);
            break;
        }
    }
    GENERAL_NAMES_free(names);
}

void
ion_cert_info(const ion_cert_t *cert, ion_cert_info_t *out)
{
    unsigned int len = 0;
    memset(out, 0, sizeof(*out));
    out->not_before = asn1_seconds(X509_get0_notBefore(cert->leaf));
    out->not_after = asn1_seconds(X509_get0_notAfter(cert->leaf));
    out->is_self_signed = cert->is_self_signed;
    out->chain_len = 1 + (size_t)sk_X509_num(cert->chain);
    (void)X509_digest(cert->leaf, EVP_sha256(), out->pin, &len);
    (void)snprintf(out->key_kind, sizeof(out->key_kind), "%s-%d",
        EVP_PKEY_get_base_id(cert->key) == EVP_PKEY_RSA ? "RSA" : "ECDSA",
        EVP_PKEY_get_bits(cert->key));
    describe_subject(cert->leaf, out->subject, sizeof(out->subject));
    ERR_clear_error();
}

bool
ion_cert_covers(const ion_cert_t *cert, ion_str_t host)
{
    ion_addr_t addr;
    int rc = 0;
    if (host.len == 0 || memchr(host.p, '\0', host.len) != NULL) {
        return false;
    }
    if (ion_addr_parse_ip(host, &addr) == ION_OK) {
        rc = X509_check_ip(cert->leaf, addr.ip, addr.family == 4 ? 4 : 16, 0);
    } else {
        rc = X509_check_host(cert->leaf, host.p, host.len,
            X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL);
    }
    ERR_clear_error();
    return rc == 1;
}
