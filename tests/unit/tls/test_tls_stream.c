/*
 * test_tls_stream.c -- TLS streams against the library's own client.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <malloc.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event/bufpool.h"
#include "lib/tls_rig.h"
#include "tls/metacert.h"
#include "tls/ticket.h"
#include "tls/tls_int.h"
#include "tls/tls_stream.h"

typedef struct env {
    ion_loop_t *loop;
    ion_cert_t *cert;
    ion_tls_ctx_t *ctx;
    uint8_t meta[ION_METACERT_LEN];
    uint8_t tickets[ION_TICKET_BLOB_MAX];
    size_t tickets_len;
    ion_stream_t *s;
    tls_rig_client_t client;
    uint64_t active[2];
} env_t;

static int
set_up(void **state)
{
    static env_t env;
    static const uint8_t server_key[32] = { 1, 2, 3 };
    memset(&env, 0, sizeof(env));
    env.client.fd = -1;
    assert_int_equal(ion_loop_new_fake(1, &env.loop), ION_OK);
    assert_int_equal(
        ion_metacert_make_now(server_key, 1790000000, env.meta), ION_OK);
    assert_int_equal(
        ion_ticket_rotate(NULL, 0, env.tickets, &env.tickets_len), ION_OK);
    env.cert = tls_rig_cert();
    env.ctx = tls_rig_ctx(env.cert, env.meta, env.tickets, env.tickets_len);
    *state = &env;
    return 0;
}

static int
tear_down(void **state)
{
    env_t *env = *state;
    ion_stream_close(&env->s);
    if (env->client.ssl != NULL) {
        tls_rig_client_close(&env->client);
    }
    assert_int_equal(env->active[0] + env->active[1], 0);
    assert_int_equal(ion_bufpool_used(ion_loop_pool(env->loop)), 0);
    ion_tls_ctx_unref(&env->ctx);
    ion_cert_free(&env->cert);
    ion_loop_free(&env->loop);
    return 0;
}

/* A stream over one end of a pair; the other end is returned. */
static int
open_server(env_t *env, ion_tls_ctx_t *ctx)
{
    int fds[2];
    ion_tls_gauges_t gauges = {
        .active_12 = &env->active[0],
        .active_13 = &env->active[1],
    };
    tls_rig_pair(fds);
    assert_int_equal(
        ion_tls_accept(env->loop, ctx, fds[0], &gauges, &env->s), ION_OK);
    return fds[1];
}

static void
connect_with(env_t *env, const tls_rig_offer_t *offer)
{
    int fd = open_server(env, env->ctx);
    tls_rig_client_open(&env->client, fd, offer);
    assert_int_equal(tls_rig_handshake(env->s, &env->client), ION_AGAIN);
    assert_true(ion_stream_is_ready(env->s));
    assert_true(SSL_is_init_finished(env->client.ssl));
}

static void
disconnect(env_t *env)
{
    ion_stream_close(&env->s);
    tls_rig_client_close(&env->client);
}

static const tls_rig_offer_t only_12 = { .max_version = TLS1_2_VERSION };

static void
test_versions_ciphers_and_groups(void **state)
{
    static const struct {
        tls_rig_offer_t offer;
        int version;
        const char *cipher;
    } cases[] = {
        { { 0 }, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256" },
        { { .max_version = TLS1_2_VERSION }, TLS1_2_VERSION,
            "ECDHE-ECDSA-AES128-GCM-SHA256" },
        { { .suites_13 = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256" },
            TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256" },
        { { .suites_13 = "TLS_CHACHA20_POLY1305_SHA256:"
                         "TLS_AES_128_GCM_SHA256" },
            TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256" },
    };
    env_t *env = *state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        connect_with(env, &cases[i].offer);
        assert_int_equal(ion_stream_tls_version(env->s), cases[i].version);
        assert_int_equal(SSL_version(env->client.ssl), cases[i].version);
        assert_string_equal(
            SSL_get_cipher_name(env->client.ssl), cases[i].cipher);
        EVP_PKEY *share = NULL;
        assert_int_equal(SSL_get_peer_tmp_key(env->client.ssl, &share), 1);
        assert_int_equal(EVP_PKEY_get_base_id(share), EVP_PKEY_X25519);
        EVP_PKEY_free(share);
        assert_int_equal(env->active[cases[i].version == TLS1_3_VERSION], 1);
        disconnect(env);
        assert_int_equal(env->active[0] + env->active[1], 0);
    }
}

static void
test_old_versions_are_refused(void **state)
{
    env_t *env = *state;
    tls_rig_offer_t offer = {
        .min_version = TLS1_VERSION,
        .max_version = TLS1_1_VERSION,
    };
    tls_rig_client_open(&env->client, open_server(env, env->ctx), &offer);
    assert_int_equal(tls_rig_handshake(env->s, &env->client), ION_MALF);
    assert_string_equal(ion_tls_reason(env->s), "unsupported protocol");
    assert_int_equal(ion_stream_tls_version(env->s), 0);
    assert_false(ion_stream_is_ready(env->s));
}

static void
test_T10_T11_chain_is_leaf_and_meta_without_sni(void **state)
{
    env_t *env = *state;
    for (int round = 0; round < 3; round++) {
        connect_with(env, round == 1 ? &only_12 : NULL);
        STACK_OF(X509) *chain = SSL_get_peer_cert_chain(env->client.ssl);
        assert_int_equal(sk_X509_num(chain), 2);
        ion_cert_info_t info;
        uint8_t pin[ION_CERT_PIN_LEN];
        ion_cert_info(env->cert, &info);
        X509_digest(sk_X509_value(chain, 0), EVP_sha256(), pin, NULL);
        assert_memory_equal(pin, info.pin, sizeof(pin));
        uint8_t *der = NULL;
        assert_int_equal(
            i2d_X509(sk_X509_value(chain, 1), &der), ION_METACERT_LEN);
        assert_memory_equal(der, env->meta, ION_METACERT_LEN);
        OPENSSL_free(der);
        disconnect(env);
    }
}

static void
test_chain_of_a_signed_leaf(void **state)
{
    env_t *env = *state;
    EVP_PKEY *key = tls_rig_new_key("RSA:2048");
    EVP_PKEY *ca = tls_rig_new_key("EC:P-256");
    char *leaf = tls_rig_issue("relay", key, "ca", ca);
    char *middle = tls_rig_issue("ca", ca, "root", ca);
    char *pem = tls_rig_key_pem(key, NULL);
    ion_sb_t sb;
    ion_sb_init(&sb, 65536);
    ion_sb_addz(&sb, leaf);
    ion_sb_addz(&sb, middle);
    ion_cert_source_t source = {
        .cert_pem = ion_sb_str(&sb),
        .key_pem = ion_str_from(pem),
        .cert_name = "c",
        .key_name = "k",
    };
    ion_cert_t *cert = NULL;
    assert_int_equal(ion_cert_load(&source, &cert, NULL), ION_OK);
    ion_tls_ctx_t *ctx = tls_rig_ctx(cert, env->meta, NULL, 0);
    tls_rig_client_open(&env->client, open_server(env, ctx), &only_12);
    assert_int_equal(tls_rig_handshake(env->s, &env->client), ION_AGAIN);
    assert_string_equal(
        SSL_get_cipher_name(env->client.ssl), "ECDHE-RSA-AES128-GCM-SHA256");
    assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(env->client.ssl)), 3);
    /* the stream keeps context and certificate alive */
    ion_tls_ctx_unref(&ctx);
    ion_cert_free(&cert);
    assert_int_equal(ion_stream_write(env->s, "still", 5), ION_OK);
    assert_int_equal(ion_stream_flush(env->s), ION_OK);
    char buf[8];
    assert_int_equal(SSL_read(env->client.ssl, buf, 8), 5);
    ion_sb_fini(&sb);
    free(leaf);
    free(middle);
    free(pem);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca);
}

static void
test_alpn(void **state)
{
    static const struct {
        const char *offer;
        const char *want;
    } cases[] = {
        { NULL, "" },
        { "\x08http/1.1", "http/1.1" },
        { "\x02h2\x08http/1.1", "http/1.1" },
        { "\x02h2", "" },
        { "\x07http/1.", "" },
    };
    env_t *env = *state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        tls_rig_offer_t offer = { .alpn = cases[i].offer };
        const unsigned char *got = NULL;
        unsigned int len = 0;
        connect_with(env, &offer);
        SSL_get0_alpn_selected(env->client.ssl, &got, &len);
        assert_int_equal(len, strlen(cases[i].want));
        if (len > 0) {
            assert_memory_equal(got, cases[i].want, len);
        }
        disconnect(env);
    }
}

/*
 * Connect and say whether the session of `offer` was resumed. A copy of it is
 * used: the library takes a session out of use when a new ticket comes.
 */
static bool
is_resumed(env_t *env, ion_tls_ctx_t *ctx, const tls_rig_offer_t *offer,
    SSL_SESSION **session)
{
    tls_rig_offer_t copy = *offer;
    if (offer->session != NULL) {
        copy.session = SSL_SESSION_dup(offer->session);
    }
    tls_rig_client_open(&env->client, open_server(env, ctx), &copy);
    SSL_SESSION_free(copy.session);
    assert_int_equal(tls_rig_handshake(env->s, &env->client), ION_AGAIN);
    bool resumed = SSL_session_reused(env->client.ssl) == 1;
    if (session != NULL) {
        *session = env->client.session;
        env->client.session = NULL;
    }
    /* a session whose connection ended badly would not be resumed */
    (void)SSL_shutdown(env->client.ssl);
    disconnect(env);
    return resumed;
}

static void
test_resumption_on_another_context_with_the_same_keys(void **state)
{
    env_t *env = *state;
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    for (size_t i = 0; i < ION_ARRAY_LEN(versions); i++) {
        uint8_t blob[ION_TICKET_BLOB_MAX];
        uint8_t next[ION_TICKET_BLOB_MAX];
        size_t len = env->tickets_len;
        ion_cert_t *other_cert = tls_rig_cert();
        ion_tls_ctx_t *other =
            tls_rig_ctx(other_cert, env->meta, env->tickets, env->tickets_len);
        tls_rig_offer_t offer = { .max_version = versions[i] };
        SSL_SESSION *session = NULL;
        assert_false(is_resumed(env, env->ctx, &offer, &session));
        assert_non_null(session);
        offer.session = session;
        assert_true(is_resumed(env, other, &offer, NULL));
        ion_tls_ctx_unref(&other);
        memcpy(blob, env->tickets, sizeof(blob));
        for (int rotations = 1; rotations <= 3; rotations++) {
            assert_int_equal(ion_ticket_rotate(blob, len, next, &len), ION_OK);
            memcpy(blob, next, sizeof(blob));
            other = tls_rig_ctx(other_cert, env->meta, blob, len);
            assert_int_equal(
                is_resumed(env, other, &offer, NULL), rotations < 3);
            ion_tls_ctx_unref(&other);
        }
        /* no ticket keys: a full handshake, and no ticket */
        other = tls_rig_ctx(other_cert, env->meta, NULL, 0);
        SSL_SESSION *none = NULL;
        assert_false(is_resumed(env, other, &offer, &none));
        assert_true(none == NULL || SSL_SESSION_has_ticket(none) == 0);
        SSL_SESSION_free(none);
        ion_tls_ctx_unref(&other);
        SSL_SESSION_free(session);
        ion_cert_free(&other_cert);
    }
}

static void
fill(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(i * 31 + (i >> 9));
    }
}

static void
transfer_up(env_t *env, size_t total, size_t cap)
{
    uint8_t *sent = malloc(total);
    uint8_t *got = malloc(total);
    size_t put = 0;
    size_t taken = 0;
    fill(sent, total);
    while (taken < total) {
        size_t done = 0;
        size_t n = 0;
        if (put < total && SSL_write_ex(env->client.ssl, sent + put,
                               ION_MIN(total - put, (size_t)16384), &done) == 1)
        {
            put += done;
        }
        ion_err_t rc = ion_stream_read(
            env->s, got + taken, ION_MIN(cap, total - taken), &n);
        assert_true(rc == ION_OK || (rc == ION_AGAIN && n == 0));
        taken += n;
    }
    assert_memory_equal(sent, got, total);
    free(sent);
    free(got);
}

static void
transfer_down(env_t *env, size_t total, size_t step)
{
    uint8_t *sent = malloc(total);
    uint8_t *got = malloc(total);
    size_t put = 0;
    size_t taken = 0;
    fill(sent, total);
    while (taken < total) {
        size_t done = 0;
        size_t n = ION_MIN(step, total - put);
        if (n > 0 && ion_stream_unsent(env->s) < 100000) {
            assert_int_equal(ion_stream_write(env->s, sent + put, n), ION_OK);
            put += n;
        }
        ion_err_t rc = ion_stream_flush(env->s);
        assert_true(rc == ION_OK || rc == ION_AGAIN);
        while (taken < total && SSL_read_ex(env->client.ssl, got + taken,
                                    total - taken, &done) == 1)
        {
            taken += done;
        }
    }
    assert_memory_equal(sent, got, total);
    free(sent);
    free(got);
}

/* Tickets that a server means to send to a client whose hello has `kind` as
 * the type of its extension for ways to resume (45, as it should be). */
static size_t
tickets_for(env_t *env, uint8_t kind)
{
    static const uint8_t modes[] = { 0, 45, 0, 2, 1, 1 };
    uint8_t hello[2048];
    uint8_t buf[64];
    int near[2];
    size_t n = 0;
    int server_end = open_server(env, env->ctx);
    tls_rig_pair(near);
    tls_rig_client_open(&env->client, near[0], NULL);
    assert_int_equal(SSL_do_handshake(env->client.ssl), -1);
    ssize_t len = recv(near[1], hello, sizeof(hello), 0);
    assert_true(len > 0);
    uint8_t *at = memmem(hello, (size_t)len, modes, sizeof(modes));
    assert_non_null(at);
    at[1] = kind;
    assert_int_equal(send(server_end, hello, (size_t)len, 0), len);
    assert_int_equal(ion_stream_read(env->s, buf, sizeof(buf), &n), ION_AGAIN);
    size_t tickets = SSL_get_num_tickets(ion_tls_stream_ssl(env->s));
    disconnect(env);
    close(near[1]);
    close(server_end);
    return tickets;
}

static void
test_no_ticket_for_a_client_that_cannot_use_it(void **state)
{
    env_t *env = *state;
    assert_int_equal(tickets_for(env, 45), 1);
    assert_int_equal(tickets_for(env, 99), 0);
}

static void
test_big_transfers_both_ways(void **state)
{
    env_t *env = *state;
    for (int round = 0; round < 2; round++) {
        connect_with(env, round == 0 ? NULL : &only_12);
        transfer_up(env, 3000000, 65536);
        transfer_up(env, 100000, 1000); /* records that are taken in bits */
        transfer_up(env, 3000, 1);
        transfer_down(env, 3000000, 50000);
        transfer_down(env, 30000, 7);
        assert_false(ion_stream_has_input(env->s));
        disconnect(env);
    }
}

static void
test_input_that_does_not_fit_is_kept(void **state)
{
    env_t *env = *state;
    uint8_t buf[100];
    size_t n = 0;
    connect_with(env, NULL);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(SSL_write(env->client.ssl, "0123456789", 10), 10);
    }
    assert_int_equal(ion_stream_read(env->s, buf, 100, &n), ION_OK);
    assert_int_equal(n, 100);
    /* nothing is left in the kernel, so the caller must be told */
    assert_true(ion_stream_has_input(env->s));
    assert_int_equal(recv(ion_stream_fd(env->s), buf, 1, MSG_PEEK), -1);
    assert_int_equal(ion_stream_read(env->s, buf, 95, &n), ION_OK);
    assert_int_equal(n, 95);
    assert_memory_equal(buf + 90, "01234", 5);
    assert_int_equal(ion_stream_read(env->s, buf, 100, &n), ION_OK);
    assert_memory_equal(buf, "56789", 5);
    assert_int_equal(ion_stream_read(env->s, buf, 100, &n), ION_OK);
    assert_int_equal(n, 5);
    assert_false(ion_stream_has_input(env->s));
    assert_int_equal(ion_stream_read(env->s, buf, 100, &n), ION_AGAIN);
}

/* Move bytes one by one from a to b; returns how many. */
static size_t
trickle(int from, ion_stream_t *to, int to_peer, uint8_t *got, size_t *got_n)
{
    uint8_t byte;
    size_t moved = 0;
    while (recv(from, &byte, 1, 0) == 1) {
        size_t n = 0;
        assert_int_equal(send(to_peer, &byte, 1, 0), 1);
        ion_err_t rc = ion_stream_read(to, got + *got_n, 64, &n);
        assert_true(rc == ION_OK || rc == ION_AGAIN);
        *got_n += n;
        moved++;
    }
    return moved;
}

static void
test_one_byte_at_a_time(void **state)
{
    env_t *env = *state;
    int near[2];
    uint8_t got[256];
    size_t got_n = 0;
    int far = open_server(env, env->ctx);
    tls_rig_pair(near);
    tls_rig_client_open(&env->client, near[0], NULL);
    for (int i = 0; i < 6; i++) {
        uint8_t chunk[4096];
        (void)SSL_do_handshake(env->client.ssl);
        (void)trickle(near[1], env->s, far, got, &got_n);
        ion_err_t rc = ion_stream_flush(env->s);
        assert_int_equal(rc, ION_OK);
        ssize_t n = 0;
        while ((n = recv(far, chunk, sizeof(chunk), 0)) > 0) {
            assert_int_equal(send(near[1], chunk, (size_t)n, 0), n);
        }
    }
    assert_true(ion_stream_is_ready(env->s));
    assert_int_equal(SSL_write(env->client.ssl, "slow but sure", 13), 13);
    assert_true(trickle(near[1], env->s, far, got, &got_n) > 13);
    assert_int_equal(got_n, 13);
    assert_memory_equal(got, "slow but sure", 13);
    close(near[1]);
    close(far);
}

/* Bytes of the heap in use; nothing where a sanitizer has the heap. */
static size_t
heap_used(void)
{
    return mallinfo2().uordblks;
}

static void
client_sends(env_t *env, const char *text, int records)
{
    for (int i = 0; i < records; i++) {
        assert_int_equal(SSL_write(env->client.ssl, text, (int)strlen(text)),
            (int)strlen(text));
    }
}

static void
test_an_idle_stream_holds_no_buffer_of_the_library(void **state)
{
    env_t *env = *state;
    uint8_t buf[64];
    size_t n = 0;
    connect_with(env, NULL);
    client_sends(env, "first", 1); /* the client's own buffers come now */
    assert_int_equal(ion_stream_read(env->s, buf, sizeof(buf), &n), ION_OK);
    size_t before = heap_used();
    for (int records = 1; records <= 3; records++) {
        client_sends(env, "hello", records);
        assert_int_equal(ion_stream_read(env->s, buf, sizeof(buf), &n), ION_OK);
        assert_int_equal(n, 5 * records);
        assert_true(heap_used() <= before + 1024);
        assert_false(ion_stream_has_input(env->s));
        assert_int_equal(
            ion_stream_read(env->s, buf, sizeof(buf), &n), ION_AGAIN);
    }
}

static void
test_garbage_instead_of_a_handshake(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {
        { "GET / HTTP/1.1\r\n\r\n", 18 },
        { "\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff", 10 },
        { "\x16\x03\x01\xff\xff", 5 },
        { "\x17\x03\x03\x00\x01\x00", 6 },
        { "\x16\x02\x00\x00\x01\x01", 6 },
        { "\x15\x03\x01\x00\x02\x02\x28", 7 },
    };
    env_t *env = *state;
    uint8_t buf[64];
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        size_t n = 0;
        int peer = open_server(env, env->ctx);
        assert_int_equal(send(peer, cases[i].bytes, cases[i].n, 0), cases[i].n);
        assert_int_equal(ion_stream_read(env->s, buf, 64, &n), ION_MALF);
        assert_true(strlen(ion_tls_reason(env->s)) > 0);
        /* the answer stays the same, and writing is no crash */
        assert_int_equal(ion_stream_read(env->s, buf, 64, &n), ION_MALF);
        assert_int_equal(ion_stream_write(env->s, "x", 1), ION_AGAIN);
        ion_stream_close(&env->s);
        close(peer);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void
test_damaged_record_after_good_data(void **state)
{
    env_t *env = *state;
    uint8_t buf[64];
    size_t n = 0;
    connect_with(env, NULL);
    assert_int_equal(SSL_write(env->client.ssl, "good", 4), 4);
    assert_int_equal(
        send(env->client.fd, "\x17\x03\x03\x00\x14xxxxxxxxxxxxxxxxxxxx", 25, 0),
        25);
    /* the data comes first, then the reason to close */
    assert_int_equal(ion_stream_read(env->s, buf, 64, &n), ION_OK);
    assert_int_equal(n, 4);
    assert_true(ion_stream_has_input(env->s));
    assert_int_equal(ion_stream_read(env->s, buf, 64, &n), ION_MALF);
    assert_string_equal(
        ion_tls_reason(env->s), "decryption failed or bad record mac");
}

static void
test_ends(void **state)
{
    env_t *env = *state;
    uint8_t buf[64];
    size_t n = 0;
    for (int round = 0; round < 2; round++) {
        const tls_rig_offer_t *offer = round == 0 ? NULL : &only_12;
        /* the client says goodbye */
        connect_with(env, offer);
        assert_int_equal(SSL_write(env->client.ssl, "last", 4), 4);
        assert_int_equal(SSL_shutdown(env->client.ssl), 0);
        assert_int_equal(ion_stream_read(env->s, buf, 64, &n), ION_OK);
        assert_int_equal(ion_stream_read(env->s, buf, 64, &n), ION_CLOSED);
        disconnect(env);
        /* the client just goes */
        connect_with(env, offer);
        assert_int_equal(SSL_write(env->client.ssl, "last", 4), 4);
        assert_int_equal(shutdown(env->client.fd, SHUT_WR), 0);
        assert_int_equal(ion_stream_read(env->s, buf, 64, &n), ION_OK);
        assert_int_equal(ion_stream_read(env->s, buf, 64, &n), ION_CLOSED);
        disconnect(env);
        /* we say goodbye, after what is unsent */
        connect_with(env, offer);
        assert_int_equal(ion_stream_write(env->s, "bye", 3), ION_OK);
        assert_int_equal(ion_stream_finish(env->s), ION_OK);
        assert_int_equal(ion_stream_write(env->s, "x", 1), ION_CLOSED);
        assert_int_equal(SSL_read(env->client.ssl, buf, 64), 3);
        int r = SSL_read(env->client.ssl, buf, 64);
        assert_int_equal(
            SSL_get_error(env->client.ssl, r), SSL_ERROR_ZERO_RETURN);
        disconnect(env);
        /* close does the same */
        connect_with(env, offer);
        ion_stream_close(&env->s);
        r = SSL_read(env->client.ssl, buf, 64);
        assert_int_equal(
            SSL_get_error(env->client.ssl, r), SSL_ERROR_ZERO_RETURN);
        tls_rig_client_close(&env->client);
    }
}

static void
test_peer_leaves_in_the_handshake(void **state)
{
    env_t *env = *state;
    uint8_t buf[64];
    size_t n = 0;
    tls_rig_client_open(&env->client, open_server(env, env->ctx), NULL);
    (void)SSL_do_handshake(env->client.ssl);
    assert_int_equal(shutdown(env->client.fd, SHUT_WR), 0);
    assert_int_equal(ion_stream_read(env->s, buf, 64, &n), ION_AGAIN);
    assert_int_equal(ion_stream_write(env->s, "x", 1), ION_AGAIN);
    assert_int_equal(ion_stream_read(env->s, buf, 64, &n), ION_CLOSED);
}

static void
test_key_update_is_answered_without_data(void **state)
{
    env_t *env = *state;
    uint8_t buf[64];
    size_t n = 0;
    connect_with(env, NULL);
    (void)SSL_read(env->client.ssl, buf, 64); /* the ticket */
    for (int i = 0; i < 40; i++) {
        assert_int_equal(
            SSL_key_update(env->client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(env->client.ssl), 1);
        assert_int_equal(ion_stream_read(env->s, buf, 64, &n), ION_AGAIN);
        assert_true(ion_stream_unsent(env->s) > 0);
        assert_int_equal(ion_stream_flush(env->s), ION_OK);
        assert_true(recv(env->client.fd, buf, 64, MSG_PEEK) > 0);
        assert_int_equal(SSL_read(env->client.ssl, buf, 64), -1);
        if (i % 10 == 9) {
            assert_int_equal(SSL_write(env->client.ssl, "up", 2), 2);
            assert_int_equal(ion_stream_read(env->s, buf, 64, &n), ION_OK);
            assert_int_equal(ion_stream_write(env->s, "down", 4), ION_OK);
            assert_int_equal(ion_stream_flush(env->s), ION_OK);
            assert_int_equal(SSL_read(env->client.ssl, buf, 64), 4);
        }
    }
}

static void
test_key_update_flood_ends_the_stream(void **state)
{
    env_t *env = *state;
    uint8_t buf[64];
    size_t n = 0;
    int updates = 0;
    ion_err_t rc = ION_AGAIN;
    connect_with(env, NULL);
    while (rc == ION_AGAIN && updates < 1000) {
        assert_int_equal(
            SSL_key_update(env->client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(env->client.ssl), 1);
        rc = ion_stream_read(env->s, buf, 64, &n);
        updates++;
    }
    assert_int_equal(rc, ION_MALF);
    /* as many as the reference takes, and not many more */
    assert_in_range(updates, 60, 300);
    assert_non_null(strstr(ion_tls_reason(env->s), "without data"));
}

static void
test_renegotiation_is_refused_and_bounded(void **state)
{
    env_t *env = *state;
    uint8_t buf[64];
    size_t n = 0;
    int tries = 0;
    ion_err_t rc = ION_AGAIN;
    connect_with(env, &only_12);
    while (rc == ION_AGAIN && tries < 1000) {
        if (SSL_renegotiate(env->client.ssl) != 1) {
            break;
        }
        (void)SSL_do_handshake(env->client.ssl);
        rc = ion_stream_read(env->s, buf, 64, &n);
        if (rc == ION_AGAIN) {
            ION_IGNORE(ion_stream_flush(env->s));
            (void)SSL_read(env->client.ssl, buf, 64);
        }
        tries++;
    }
    ERR_clear_error();
    assert_true(tries < 1000);
    assert_int_equal(ion_stream_tls_version(env->s), TLS1_2_VERSION);
}

static void
test_output_is_bounded(void **state)
{
    env_t *env = *state;
    static uint8_t chunk[65536];
    ion_err_t rc = ION_OK;
    size_t total = 0;
    connect_with(env, NULL);
    while (rc == ION_OK && total < 2 * (size_t)ION_OUTBUF_MAX) {
        rc = ion_stream_write(env->s, chunk, sizeof(chunk));
        total += sizeof(chunk);
    }
    assert_int_equal(rc, ION_NOMEM);
    assert_int_equal(ion_stream_write(env->s, chunk, 1), ION_CLOSED);
    assert_true(ion_stream_unsent(env->s) <= ION_OUTBUF_MAX);
}

static void
test_release_says_nothing_to_the_peer(void **state)
{
    env_t *env = *state;
    uint8_t buf[64];
    size_t n = 0;
    int fd = -1;
    connect_with(env, NULL);
    (void)SSL_read(env->client.ssl, buf, 64);
    assert_int_equal(
        ion_stream_export(env->s, buf, sizeof(buf), &n), ION_UNSUPPORTED);
    ion_stream_release(&env->s, &fd);
    assert_int_equal(recv(env->client.fd, buf, 64, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(env->active[1], 0);
    close(fd);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_versions_ciphers_and_groups),
        CASE(test_old_versions_are_refused),
        CASE(test_T10_T11_chain_is_leaf_and_meta_without_sni),
        CASE(test_chain_of_a_signed_leaf),
        CASE(test_alpn),
        CASE(test_resumption_on_another_context_with_the_same_keys),
        CASE(test_no_ticket_for_a_client_that_cannot_use_it),
        CASE(test_big_transfers_both_ways),
        CASE(test_input_that_does_not_fit_is_kept),
        CASE(test_one_byte_at_a_time),
        CASE(test_an_idle_stream_holds_no_buffer_of_the_library),
        CASE(test_garbage_instead_of_a_handshake),
        CASE(test_damaged_record_after_good_data),
        CASE(test_ends),
        CASE(test_peer_leaves_in_the_handshake),
        CASE(test_key_update_is_answered_without_data),
        CASE(test_key_update_flood_ends_the_stream),
        CASE(test_renegotiation_is_refused_and_bounded),
        CASE(test_output_is_bounded),
        CASE(test_release_says_nothing_to_the_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
