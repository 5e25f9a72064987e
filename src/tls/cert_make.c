/*
 * tls/cert_make.c -- the self-signed certificate of an unconfigured start.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * ECDSA P-256, ten years, host and addresses as alternative names, usable by
 * a TLS server only. Clients accept it by its pin.
 */
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "tls/cert_int.h"

#define DAY_SECONDS INT64_C(86400)
#define VALID_DAYS  3652
#define HOST_MAX    253
#define COMMON_MAX  64
#define SERIAL_LEN  16

static bool
push_name(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (name == NULL || value == NULL) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) <= 0) {
        GENERAL_NAME_free(name);
        return false;
    }
    return true;
}

static ASN1_STRING *
string_of(int type, const void *p, size_t n)
{
    ASN1_STRING *s = ASN1_STRING_type_new(type);
    if (s != NULL && ASN1_STRING_set(s, p, (int)n) != 1) {
        ASN1_STRING_free(s);
        s = NULL;
    }
    return s;
}

static bool
push_addr(GENERAL_NAMES *names, const ion_addr_t *addr)
{
    return push_name(names, GEN_IPADD,
        string_of(V_ASN1_OCTET_STRING, addr->ip, addr->family == 4 ? 4 : 16));
}

static bool
same_ip(const ion_addr_t *a, const ion_addr_t *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static bool
add_alternative_names(X509 *x, const ion_cert_request_t *req)
{
    ion_addr_t host_ip = { 0 };
    bool ok = false;
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    if (names == NULL) {
        return false;
    }
    if (ion_addr_parse_ip(req->host, &host_ip) == ION_OK) {
        ok = push_addr(names, &host_ip);
    } else {
        ok = push_name(names, GEN_DNS,
            string_of(V_ASN1_IA5STRING, req->host.p, req->host.len));
    }
    for (size_t i = 0; ok && i < req->addr_count; i++) {
        if (req->addrs[i].family != 0 && !same_ip(&req->addrs[i], &host_ip)) {
            ok = push_addr(names, &req->addrs[i]);
        }
    }
    ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0) == 1;
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    return ok;
}

static bool
add_extension(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

static bool
set_serial(X509 *x)
{
    uint8_t bytes[SERIAL_LEN];
    ion_random(bytes, sizeof(bytes));
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, full length */
    BIGNUM *bn = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool ok =
        bn != NULL && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL;
    BN_free(bn);
    return ok;
}

/* A common name is at most 64 bytes; a longer host has none. */
static bool
set_names(X509 *x, ion_str_t host)
{
    X509_NAME *name = X509_get_subject_name(x);
    if (host.len <= COMMON_MAX &&
        X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_UTF8STRING,
            (const unsigned char *)host.p, (int)host.len, -1, 0) != 1)
    {
        return false;
    }
    return X509_set_issuer_name(x, name) == 1;
}

static bool
fill_certificate(X509 *x, EVP_PKEY *key, const ion_cert_request_t *req)
{
    time_t from = (time_t)(req->now - DAY_SECONDS);
    return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
           set_names(x, req->host) &&
           ASN1_TIME_set(X509_getm_notBefore(x), from) != NULL &&
           ASN1_TIME_adj(X509_getm_notAfter(x), from, VALID_DAYS, 0) != NULL &&
           X509_set_pubkey(x, key) == 1 &&
           add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(
               x, NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
           add_extension(x, NID_ext_key_usage, "serverAuth") &&
           add_alternative_names(x, req) && X509_sign(x, key, EVP_sha256()) > 0;
}

/* The text of a memory BIO as a string that the caller frees. */
static char *
take_text(BIO *bio)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    return n > 0 ? ion_str_dup((ion_str_t){ p, (size_t)n }) : NULL;
}

static ion_err_t
write_pem(X509 *x, EVP_PKEY *key, char **cert_pem, char **key_pem)
{
    char *cert_text = NULL;
    char *key_text = NULL;
    BIO *cert_bio = BIO_new(BIO_s_mem());
    BIO *key_bio = BIO_new(BIO_s_secmem());
    if (cert_bio != NULL && key_bio != NULL &&
        PEM_write_bio_X509(cert_bio, x) == 1 &&
        PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1)
    {
        cert_text = take_text(cert_bio);
        key_text = take_text(key_bio);
    }
    BIO_free(cert_bio);
    BIO_free(key_bio);
    if (cert_text == NULL || key_text == NULL) {
        free(cert_text);
        ion_cert_wipe(&key_text);
        return ION_NOMEM;
    }
    *cert_pem = cert_text;
    *key_pem = key_text;
    return ION_OK;
}

ion_err_t
ion_cert_make(
    const ion_cert_request_t *request, char **cert_pem, char **key_pem)
{
    ion_err_t rc = ION_INTERNAL;
    size_t len = request->host.len;
    if (len == 0 || len > HOST_MAX ||
        memchr(request->host.p, '\0', len) != NULL) {
        return ION_MALF;
    }
    ion_tls_start();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    if (key != NULL && x != NULL && fill_certificate(x, key, request)) {
        rc = write_pem(x, key, cert_pem, key_pem);
    }
    X509_free(x);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rc;
}

void
ion_cert_wipe(char **key_pem)
{
    if (*key_pem != NULL) {
        OPENSSL_cleanse(*key_pem, strlen(*key_pem));
        free(*key_pem);
        *key_pem = NULL;
    }
}
