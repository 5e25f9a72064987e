/*
 * test_cert.c -- loading chains and keys, clear refusals, self-signed ones.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "crypto/hash.h"
#include "lib/tls_rig.h"
#include "tls/cert.h"
#include "tls/tls_ctx.h"

#define NOW INT64_C(1790000000)

static ion_err_t
load(const char *cert, const char *key, ion_cert_t **out, ion_errtext_t *err)
{
    ion_cert_source_t source = {
        .cert_pem = ion_str_from(cert),
        .key_pem = ion_str_from(key),
        .cert_name = "/etc/a.crt",
        .key_name = "/etc/a.key",
    };
    *out = NULL;
    err->msg[0] = '\0';
    return ion_cert_load(&source, out, err);
}

static void
test_both_key_kinds_load(void **state)
{
    static const char *const kinds[][2] = {
        { "RSA:2048", "RSA-2048" },
        { "EC:P-256", "ECDSA-256" },
        { "EC:P-384", "ECDSA-384" },
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(kinds); i++) {
        EVP_PKEY *key = tls_rig_new_key(kinds[i][0]);
        EVP_PKEY *ca = tls_rig_new_key("EC:P-256");
        char *leaf = tls_rig_issue("relay.example", key, "ca", ca);
        char *middle = tls_rig_issue("ca", ca, "root", ca);
        char *pem = tls_rig_key_pem(key, NULL);
        char chain[8192];
        ion_cert_t *cert = NULL;
        ion_errtext_t err;
        ion_cert_info_t info;
        (void)snprintf(chain, sizeof(chain), "# mine\n%s%s", leaf, middle);
        assert_int_equal(load(chain, pem, &cert, &err), ION_OK);
        ion_cert_info(cert, &info);
        assert_string_equal(info.key_kind, kinds[i][1]);
        assert_string_equal(info.subject, "relay.example");
        assert_int_equal(info.chain_len, 2);
        assert_false(info.is_self_signed);
        assert_true(info.not_after - info.not_before == 3660);
        ion_cert_free(&cert);
        assert_null(cert);
        free(leaf);
        free(middle);
        free(pem);
        EVP_PKEY_free(key);
        EVP_PKEY_free(ca);
    }
}

static void
expect_refusal(const char *cert, const char *key, const char *text)
{
    ion_cert_t *out = NULL;
    ion_errtext_t err;
    assert_int_equal(load(cert, key, &out, &err), ION_MALF);
    assert_null(out);
    if (strstr(err.msg, text) == NULL) {
        fail_msg("'%s' does not say '%s'", err.msg, text);
    }
}

static void
test_refusals_name_file_and_reason(void **state)
{
    (void)state;
    EVP_PKEY *key = tls_rig_new_key("EC:P-256");
    EVP_PKEY *other = tls_rig_new_key("EC:P-256");
    EVP_PKEY *weak = tls_rig_new_key("RSA:1024");
    EVP_PKEY *ed = tls_rig_new_key("ED25519");
    char *cert = tls_rig_issue("a", key, "a", key);
    char *weak_cert = tls_rig_issue("w", weak, "w", weak);
    char *ed_cert = tls_rig_issue("e", ed, "e", ed);
    char *pem = tls_rig_key_pem(key, NULL);
    char *other_pem = tls_rig_key_pem(other, NULL);
    char *weak_pem = tls_rig_key_pem(weak, NULL);
    char *ed_pem = tls_rig_key_pem(ed, NULL);
    char *secret_pem = tls_rig_key_pem(key, "secret");
    char *torn = ion_str_dup((ion_str_t){ cert, strlen(cert) / 2 });
    char *bad = ion_str_dup(ion_str_from(cert));
    char *bad_key = ion_str_dup(ion_str_from(pem));
    bad[60] = '!';
    bad_key[60] = '!';
    expect_refusal("", pem, "/etc/a.crt: is empty");
    expect_refusal("hello", pem, "/etc/a.crt: no certificate in it");
    expect_refusal(pem, pem, "/etc/a.crt: no certificate in it");
    expect_refusal(torn, pem, "/etc/a.crt: certificate 1 is damaged");
    expect_refusal(bad, pem, "/etc/a.crt: certificate 1 is damaged");
    expect_refusal(cert, "", "/etc/a.key: is empty");
    expect_refusal(cert, cert, "/etc/a.key: no private key in it");
    expect_refusal(cert, bad_key, "/etc/a.key: private key is damaged");
    expect_refusal(cert, secret_pem, "/etc/a.key: key is encrypted");
    expect_refusal(cert, other_pem,
        "/etc/a.key: key does not match certificate /etc/a.crt");
    expect_refusal(weak_cert, weak_pem, "1024 bits is too weak");
    expect_refusal(ed_cert, ed_pem, "ED25519 is not served");
    free(cert);
    free(weak_cert);
    free(ed_cert);
    free(pem);
    free(other_pem);
    free(weak_pem);
    free(ed_pem);
    free(secret_pem);
    free(torn);
    free(bad);
    free(bad_key);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(ed);
}

static void
test_size_and_number_are_bounded(void **state)
{
    (void)state;
    EVP_PKEY *key = tls_rig_new_key("EC:P-256");
    char *cert = tls_rig_issue("a", key, "a", key);
    char *pem = tls_rig_key_pem(key, NULL);
    ion_sb_t sb;
    ion_sb_init(&sb, 4 << 20);
    for (int i = 0; i < 17; i++) {
        ion_sb_addz(&sb, cert);
    }
    expect_refusal(sb.p, pem, "more than 16 certificates");
    while (sb.len <= 1 << 20) {
        ion_sb_addz(&sb, cert);
    }
    expect_refusal(sb.p, pem, "larger than 1 MiB");
    ion_sb_fini(&sb);
    free(cert);
    free(pem);
    EVP_PKEY_free(key);
}

typedef struct made {
    char *cert_pem;
    char *key_pem;
    ion_cert_t *cert;
} made_t;

static made_t
make(const char *host, const ion_addr_t *addrs, size_t n)
{
    made_t m = { 0 };
    ion_errtext_t err;
    ion_cert_request_t req = {
        .host = ion_str_from(host),
        .addrs = addrs,
        .addr_count = n,
        .now = NOW,
    };
    assert_int_equal(ion_cert_make(&req, &m.cert_pem, &m.key_pem), ION_OK);
    assert_int_equal(load(m.cert_pem, m.key_pem, &m.cert, &err), ION_OK);
    return m;
}

static void
unmake(made_t *m)
{
    ion_cert_free(&m->cert);
    free(m->cert_pem);
    ion_cert_wipe(&m->key_pem);
    assert_null(m->key_pem);
}

static X509 *
parse_leaf(const made_t *m)
{
    BIO *bio = BIO_new_mem_buf(m->cert_pem, -1);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(x);
    return x;
}

static void
test_self_signed_form(void **state)
{
    (void)state;
    made_t m = make("relay.example", NULL, 0);
    ion_cert_info_t info;
    ion_cert_info(m.cert, &info);
    assert_true(info.is_self_signed);
    assert_int_equal(info.chain_len, 1);
    assert_string_equal(info.key_kind, "ECDSA-256");
    assert_string_equal(info.subject, "relay.example");
    assert_int_equal(info.not_before, NOW - 86400);
    assert_int_equal(info.not_after, NOW + INT64_C(3651) * 86400);
    X509 *x = parse_leaf(&m);
    assert_int_equal(X509_get_version(x), X509_VERSION_3);
    assert_int_equal(
        X509_get_key_usage(x), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
    assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_SERVER);
    assert_int_equal(X509_check_ca(x), 0);
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    assert_int_equal(BN_num_bits(serial), 127);
    assert_false(BN_is_negative(serial));
    BN_free(serial);
    X509_free(x);
    unmake(&m);
}

static void
test_pin_is_the_digest_of_the_der_form(void **state)
{
    (void)state;
    made_t m = make("127.0.0.1", NULL, 0);
    ion_cert_info_t info;
    uint8_t *der = NULL;
    uint8_t want[ION_SHA256_LEN];
    X509 *x = parse_leaf(&m);
    int n = i2d_X509(x, &der);
    assert_true(n > 0);
    ion_sha256(der, (size_t)n, want);
    ion_cert_info(m.cert, &info);
    assert_memory_equal(info.pin, want, sizeof(want));
    OPENSSL_free(der);
    X509_free(x);
    unmake(&m);
}

static void
test_names_that_are_covered(void **state)
{
    static const struct {
        const char *host;
        const char *ask;
        bool want;
    } cases[] = {
        { "relay.example", "relay.example", true },
        { "relay.example", "RELAY.example", true },
        { "relay.example", "other.example", false },
        { "relay.example", "192.0.2.7", true },
        { "relay.example", "192.0.2.8", false },
        { "relay.example", "2001:db8::7", true },
        { "relay.example", "", false },
        { "192.0.2.7", "192.0.2.7", true },
        { "192.0.2.9", "192.0.2.9", true },
        { "2001:db8::9", "2001:db8::9", true },
        { "2001:db8::9", "2001:db8::a", false },
        /* no trick with the text form of extensions */
        { "a,IP:1.2.3.4", "1.2.3.4", false },
    };
    ion_addr_t addrs[2];
    (void)state;
    assert_int_equal(
        ion_addr_parse(ION_STR("192.0.2.7:443"), &addrs[0]), ION_OK);
    assert_int_equal(
        ion_addr_parse(ION_STR("[2001:db8::7]:443"), &addrs[1]), ION_OK);
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        made_t m = make(cases[i].host, addrs, 2);
        if (ion_cert_covers(m.cert, ion_str_from(cases[i].ask)) !=
            cases[i].want) {
            fail_msg("case %zu: %s for %s", i, cases[i].ask, cases[i].host);
        }
        unmake(&m);
    }
}

static void
test_hosts_of_odd_length(void **state)
{
    char host[300];
    char *cert_pem = NULL;
    char *key_pem = NULL;
    (void)state;
    memset(host, 'a', sizeof(host));
    ion_cert_request_t req = { .now = NOW };
    assert_int_equal(ion_cert_make(&req, &cert_pem, &key_pem), ION_MALF);
    req.host = (ion_str_t){ host, 254 };
    assert_int_equal(ion_cert_make(&req, &cert_pem, &key_pem), ION_MALF);
    req.host = (ion_str_t){ "a\0b", 3 };
    assert_int_equal(ion_cert_make(&req, &cert_pem, &key_pem), ION_MALF);
    assert_null(cert_pem);
    /* longer than a common name may be: found among the alternatives */
    host[253] = '\0';
    memset(host + 63, '.', 1);
    memset(host + 127, '.', 1);
    memset(host + 191, '.', 1);
    made_t m = make(host, NULL, 0);
    ion_cert_info_t info;
    ion_cert_info(m.cert, &info);
    assert_int_equal(strlen(info.subject), sizeof(info.subject) - 1);
    assert_true(ion_cert_covers(m.cert, ion_str_from(host)));
    unmake(&m);
}

static void
test_context_refuses_what_is_damaged(void **state)
{
    (void)state;
    ion_cert_t *cert = tls_rig_cert();
    ion_tls_ctx_t *ctx = NULL;
    ion_errtext_t err;
    ion_tls_config_t config = {
        .cert = cert,
        .meta = (const uint8_t *)"junk",
        .meta_len = 4,
    };
    assert_int_equal(ion_tls_ctx_new(&config, &ctx, &err), ION_MALF);
    assert_non_null(strstr(err.msg, "meta-certificate"));
    config.meta = NULL;
    config.tickets = (const uint8_t *)"junk";
    config.tickets_len = 4;
    assert_int_equal(ion_tls_ctx_new(&config, &ctx, &err), ION_MALF);
    assert_non_null(strstr(err.msg, "ticket"));
    assert_null(ctx);
    ion_cert_free(&cert);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_key_kinds_load),
        cmocka_unit_test(test_refusals_name_file_and_reason),
        cmocka_unit_test(test_size_and_number_are_bounded),
        cmocka_unit_test(test_self_signed_form),
        cmocka_unit_test(test_pin_is_the_digest_of_the_der_form),
        cmocka_unit_test(test_names_that_are_covered),
        cmocka_unit_test(test_hosts_of_odd_length),
        cmocka_unit_test(test_context_refuses_what_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
