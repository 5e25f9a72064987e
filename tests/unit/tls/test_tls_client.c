/*
 * test_tls_client.c -- the client side against our own server side.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <unistd.h>

#include "base/str.h"
#include "event/bufpool.h"
#include "lib/tls_rig.h"
#include "tls/metacert.h"
#include "tls/tls_client.h"
#include "tls/tls_stream.h"

#define TURNS 20

typedef struct env {
    ion_loop_t *loop;
    ion_cert_t *cert;
    ion_tls_ctx_t *server_ctx;
    uint8_t meta[ION_METACERT_LEN];
    uint8_t pin[ION_CERT_PIN_LEN];
    ion_stream_t *server;
    ion_stream_t *client;
} env_t;

static const uint8_t server_key[32] = { 1, 2, 3 };

static int
set_up(void **state)
{
    static env_t env;
    ion_cert_info_t info;
    memset(&env, 0, sizeof(env));
    assert_int_equal(ion_loop_new_fake(1, &env.loop), ION_OK);
    assert_int_equal(
        ion_metacert_make_now(server_key, 1790000000, env.meta), ION_OK);
    env.cert = tls_rig_cert(); /* for localhost */
    env.server_ctx = tls_rig_ctx(env.cert, env.meta, NULL, 0);
    ion_cert_info(env.cert, &info);
    memcpy(env.pin, info.pin, sizeof(env.pin));
    *state = &env;
    return 0;
}

static int
tear_down(void **state)
{
    env_t *env = *state;
    ion_stream_close(&env->client);
    ion_stream_close(&env->server);
    assert_int_equal(ion_bufpool_used(ion_loop_pool(env->loop)), 0);
    ion_tls_ctx_unref(&env->server_ctx);
    ion_cert_free(&env->cert);
    ion_loop_free(&env->loop);
    return 0;
}

/* Open both ends; takes ctx, the client's. */
static void
open_with(env_t *env, ion_tls_ctx_t *ctx, const char *host)
{
    int fds[2];
    ion_stream_close(&env->client);
    ion_stream_close(&env->server);
    tls_rig_pair(fds);
    assert_int_equal(
        ion_tls_accept(env->loop, env->server_ctx, fds[0], NULL, &env->server),
        ION_OK);
    assert_int_equal(
        ion_tls_connect(env->loop, ctx, fds[1], host, &env->client), ION_OK);
    ion_tls_ctx_unref(&ctx); /* the stream keeps it */
}

static void
open_both(
    env_t *env, ion_tls_trust_t trust, const uint8_t *pin, const char *host)
{
    ion_tls_ctx_t *ctx = NULL;
    assert_int_equal(ion_tls_client_new(trust, pin, &ctx), ION_OK);
    open_with(env, ctx, host);
}

/* Drive both ends; returns what the client said last. */
static ion_err_t
shake(env_t *env)
{
    uint8_t byte[16];
    size_t n = 0;
    ion_err_t rc = ION_AGAIN;
    for (int i = 0; i < TURNS && rc == ION_AGAIN; i++) {
        ION_IGNORE(ion_stream_flush(env->client));
        ION_IGNORE(ion_stream_read(env->server, byte, sizeof(byte), &n));
        ION_IGNORE(ion_stream_flush(env->server));
        n = 0;
        rc = ion_stream_read(env->client, byte, sizeof(byte), &n);
    }
    return rc;
}

static void
assert_carries(env_t *env, ion_stream_t *from, ion_stream_t *to)
{
    char buf[8];
    size_t n = 0;
    (void)env;
    assert_int_equal(ion_stream_write(from, "hello", 5), ION_OK);
    assert_int_equal(ion_stream_flush(from), ION_OK);
    assert_int_equal(ion_stream_read(to, buf, sizeof(buf), &n), ION_OK);
    assert_int_equal(n, 5);
    assert_memory_equal(buf, "hello", 5);
}

static void
test_pinned(void **state)
{
    env_t *env = *state;
    ion_tls_peer_t peer;
    open_both(env, ION_TLS_TRUST_PIN, env->pin, "localhost");
    assert_int_equal(shake(env), ION_AGAIN);
    assert_true(ion_stream_is_ready(env->client));
    assert_true(ion_stream_is_ready(env->server));
    assert_int_equal(ion_stream_tls_version(env->client), 0x0304);
    assert_string_equal(ion_tls_connect_reason(env->client), "");
    assert_carries(env, env->client, env->server);
    assert_carries(env, env->server, env->client);
    ion_tls_peer(env->client, &peer);
    assert_int_equal(peer.certificates, 1);
    assert_memory_equal(peer.pin, env->pin, sizeof(peer.pin));
    assert_string_equal(peer.subject, "localhost");
    assert_true(peer.has_server_key);
    assert_memory_equal(peer.server_key, server_key, sizeof(server_key));
    assert_int_equal(peer.derp_version, 2);
    ion_cert_info_t info;
    ion_cert_info(env->cert, &info);
    assert_int_equal(peer.not_before, info.not_before);
    assert_int_equal(peer.not_after, info.not_after);
}

/* Who is trusted, by whom, under which name. */
static void
test_trust(void **state)
{
    static const struct {
        ion_tls_trust_t trust;
        bool flip; /* one bit of the pin */
        const char *host;
        const char *why; /* NULL: trusted */
    } cases[] = {
        { ION_TLS_TRUST_PIN, false, "localhost", NULL },
        { ION_TLS_TRUST_PIN, true, "localhost",
            "the certificate is not the pinned one" },
        { ION_TLS_TRUST_PIN, false, "other.example", "hostname mismatch" },
        /* no name is sent to an address, so none is asked for */
        { ION_TLS_TRUST_PIN, false, "192.0.2.1", NULL },
        { ION_TLS_TRUST_PIN, true, "192.0.2.1",
            "the certificate is not the pinned one" },
        { ION_TLS_TRUST_NONE, false, "other.example", NULL },
        { ION_TLS_TRUST_NONE, false, "2001:db8::1", NULL },
        { ION_TLS_TRUST_SYSTEM, false, "localhost", "self-signed certificate" },
    };
    env_t *env = *state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        uint8_t pin[ION_CERT_PIN_LEN];
        memcpy(pin, env->pin, sizeof(pin));
        pin[31] ^= cases[i].flip ? 1 : 0;
        open_both(env, cases[i].trust, pin, cases[i].host);
        ion_err_t rc = shake(env);
        assert_int_equal(rc, cases[i].why == NULL ? ION_AGAIN : ION_MALF);
        assert_int_equal(
            ion_stream_is_ready(env->client), cases[i].why == NULL);
        if (cases[i].why != NULL) {
            assert_string_equal(
                ion_tls_connect_reason(env->client), cases[i].why);
        }
    }
}

/* A pin allows one certificate beside the meta-certificate, not a chain. */
static void
test_pin_and_chain(void **state)
{
    env_t *env = *state;
    EVP_PKEY *root = tls_rig_new_key("EC:P-256");
    EVP_PKEY *key = tls_rig_new_key("EC:P-256");
    char *leaf = tls_rig_issue("localhost", key, "root", root);
    char *top = tls_rig_issue("root", root, "root", root);
    char *key_pem = tls_rig_key_pem(key, NULL);
    char *both = malloc(strlen(leaf) + strlen(top) + 1);
    ion_cert_info_t info;
    assert_non_null(both);
    strcpy(both, leaf);
    strcat(both, top);
    ion_cert_source_t source = { .cert_pem = ion_str_from(both),
        .key_pem = ion_str_from(key_pem),
        .cert_name = "chain",
        .key_name = "key" };
    ion_cert_free(&env->cert);
    ion_tls_ctx_unref(&env->server_ctx);
    assert_int_equal(ion_cert_load(&source, &env->cert, NULL), ION_OK);
    env->server_ctx = tls_rig_ctx(env->cert, env->meta, NULL, 0);
    ion_cert_info(env->cert, &info);
    open_both(env, ION_TLS_TRUST_PIN, info.pin, "localhost");
    assert_int_equal(shake(env), ION_MALF);
    assert_non_null(
        strstr(ion_tls_connect_reason(env->client), "exactly one certificate"));
    free(both);
    free(leaf);
    free(top);
    free(key_pem);
    EVP_PKEY_free(root);
    EVP_PKEY_free(key);
}

/* The server's certificate, for localhost, is of an authority's; returns the
 * authority's own, as PEM. */
static char *
be_issued(env_t *env, const char *name)
{
    EVP_PKEY *root = tls_rig_new_key("EC:P-256");
    EVP_PKEY *key = tls_rig_new_key("EC:P-256");
    char *leaf = tls_rig_issue("localhost", key, name, root);
    char *top = tls_rig_issue(name, root, name, root);
    char *key_pem = tls_rig_key_pem(key, NULL);
    ion_cert_source_t source = { .cert_pem = ion_str_from(leaf),
        .key_pem = ion_str_from(key_pem),
        .cert_name = "leaf",
        .key_name = "key" };
    ion_cert_free(&env->cert);
    ion_tls_ctx_unref(&env->server_ctx);
    assert_int_equal(ion_cert_load(&source, &env->cert, NULL), ION_OK);
    env->server_ctx = tls_rig_ctx(env->cert, env->meta, NULL, 0);
    free(leaf);
    free(key_pem);
    EVP_PKEY_free(root);
    EVP_PKEY_free(key);
    return top;
}

/* Authorities from memory: the right one among others, for the right name. */
static void
test_authorities(void **state)
{
    static const struct {
        bool has_top;
        const char *host;
        const char *why; /* NULL: trusted */
    } cases[] = {
        { true, "localhost", NULL },
        { true, "other.example", "hostname mismatch" },
        { true, "192.0.2.1", "IP address mismatch" },
        { false, "localhost", "unable to get local issuer certificate" },
    };
    env_t *env = *state;
    char *other = be_issued(env, "other");
    char *top = be_issued(env, "root");
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_tls_ctx_t *ctx = NULL;
        ion_sb_t pem;
        ion_sb_init(&pem, 65536);
        ion_sb_addz(&pem, "# authorities\n");
        ion_sb_addz(&pem, other);
        ion_sb_addz(&pem, cases[i].has_top ? top : "");
        assert_int_equal(ion_tls_client_new_ca(pem.p, pem.len, &ctx), ION_OK);
        ion_sb_fini(&pem);
        open_with(env, ctx, cases[i].host);
        ion_err_t rc = shake(env);
        assert_string_equal(ion_tls_connect_reason(env->client),
            cases[i].why == NULL ? "" : cases[i].why);
        assert_int_equal(rc, cases[i].why == NULL ? ION_AGAIN : ION_MALF);
    }
    free(other);
    free(top);
}

static void
test_bad_authorities(void **state)
{
    env_t *env = *state;
    char *top = be_issued(env, "root");
    ion_tls_ctx_t *ctx = NULL;
    assert_int_equal(ion_tls_client_new_ca("", 0, &ctx), ION_MALF);
    assert_int_equal(ion_tls_client_new_ca("hello\n", 6, &ctx), ION_MALF);
    assert_int_equal(
        ion_tls_client_new_ca(top, strlen(top) / 2, &ctx), ION_MALF);
    memcpy(top + 60, "!!!!", 4);
    assert_int_equal(ion_tls_client_new_ca(top, strlen(top), &ctx), ION_MALF);
    assert_null(ctx);
    free(top);
}

static void
test_no_metacert(void **state)
{
    env_t *env = *state;
    ion_tls_peer_t peer;
    ion_tls_ctx_unref(&env->server_ctx);
    env->server_ctx = tls_rig_ctx(env->cert, NULL, NULL, 0);
    open_both(env, ION_TLS_TRUST_PIN, env->pin, "localhost");
    ion_tls_peer(env->client, &peer); /* nothing was shown yet */
    assert_int_equal(peer.certificates, 0);
    assert_int_equal(shake(env), ION_AGAIN);
    ion_tls_peer(env->client, &peer);
    assert_int_equal(peer.certificates, 1);
    assert_false(peer.has_server_key);
}

static void
test_bad_host(void **state)
{
    env_t *env = *state;
    int fds[2];
    ion_tls_ctx_t *ctx = NULL;
    tls_rig_pair(fds);
    assert_int_equal(
        ion_tls_client_new(ION_TLS_TRUST_NONE, NULL, &ctx), ION_OK);
    assert_int_equal(
        ion_tls_connect(env->loop, ctx, fds[0], "", &env->client), ION_MALF);
    assert_null(env->client);
    ion_tls_ctx_unref(&ctx);
    close(fds[0]); /* is still ours */
    close(fds[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pinned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trust, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pin_and_chain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_authorities, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_bad_authorities, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_metacert, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_host, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
