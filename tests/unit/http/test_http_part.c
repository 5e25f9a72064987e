/*
 * test_http_part.c -- the HTTP layer through the life of a worker: start,
 * reload accepted and refused, drain, stop.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/keys.h"
#include "http/conn.h"
#include "http/server.h"
#include "lib/tls_rig.h"
#include "os/sock.h"
#include "proto/http1.h"
#include "tls/ticket.h"

static void
on_module_route(ion_http_conn_t *c, const http1_request_t *req, void *arg)
{
    (void)req;
    (void)arg;
    ion_http_reply_text(c, 200, "from a module\n");
}

static const ion_http_route_t module_routes[] = {
    { "/module", ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_ALWAYS_PLAIN,
        on_module_route },
    { .path = NULL },
};

static const ion_module_t test_module = {
    .name = "test",
    .routes = module_routes,
};

static const ion_module_t bare_module = { .name = "bare" };

const ion_module_t *const ion_modules[] = { &test_module, &bare_module, NULL };
const uint32_t ion_module_count = 2;

enum { SELF = 2 }; /* ion_module_count */

typedef struct world {
    ion_loop_t *loop;
    ion_log_sink_t *sink;
    ion_log_t log;
    uint64_t stats[64];
    ion_process_t p;
    ion_secret_key_t secret;
    char *cert_pem;
    char *key_pem;
    uint8_t tickets[ION_TICKET_BLOB_MAX];
    ion_blob_t blobs[4];
    ion_conf_t *conf;
    ion_socket_t socket;
    ion_cycle_t cycle;
    unsigned idle_calls;
} world_t;

static world_t w;

static const char *
no_env(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "HOME") == 0 ? "/nonexistent" : NULL;
}

static ion_conf_t *
load_conf(const char *yaml)
{
    ion_conf_source_t src = { .env = no_env };
    ion_conf_notes_t *notes = NULL;
    ion_conf_t *conf = NULL;
    char text[2048];
    ion_base64_encode(text, yaml, strlen(yaml));
    src.base64 = text;
    assert_int_equal(ion_conf_notes_new(&notes), ION_OK);
    assert_int_equal(ion_conf_load(&src, NULL, 0, notes, &conf), ION_OK);
    ion_conf_notes_free(&notes);
    return conf;
}

static void
set_blob(size_t i, const char *name, const void *p, size_t n)
{
    (void)snprintf(w.blobs[i].name, sizeof(w.blobs[i].name), "%s", name);
    w.blobs[i].p = p;
    w.blobs[i].len = n;
}

static void
on_idle(ion_process_t *p, uint32_t module)
{
    (void)p;
    assert_int_equal(module, SELF);
    w.idle_calls++;
}

static void
make_pair(char **cert_pem, char **key_pem)
{
    ion_cert_request_t req = {
        .host = ION_STR("localhost"),
        .now = time(NULL),
    };
    assert_int_equal(ion_cert_make(&req, cert_pem, key_pem), ION_OK);
}

static void
open_socket(void)
{
    ion_addr_t addr;
    ion_errtext_t why;
    ion_sock_opts_t opts = { 0 };
    assert_int_equal(ion_addr_parse(ION_STR("127.0.0.1:0"), &addr), ION_OK);
    assert_int_equal(
        ion_sock_listen_tcp(&addr, &opts, &w.socket.fd, &why), ION_OK);
    assert_int_equal(ion_sock_local(w.socket.fd, &w.socket.addr), ION_OK);
    w.socket.kind = ION_SOCKET_TCP;
    strcpy(w.socket.name, "listen_addr");
}

static int
set_up(void **state)
{
    size_t tickets_len = 0;
    (void)state;
    memset(&w, 0, sizeof(w));
    assert_int_equal(ion_log_sink_new(1, "test", &w.sink), ION_OK);
    ion_log_sink_set(w.sink, ION_LOG_TEXT, ION_LOG_ERR);
    w.log.sink = w.sink;
    assert_int_equal(ion_loop_new_fake(1, &w.loop), ION_OK);
    ion_key_generate(&w.secret, NULL);
    make_pair(&w.cert_pem, &w.key_pem);
    assert_int_equal(
        ion_ticket_rotate(NULL, 0, w.tickets, &tickets_len), ION_OK);
    set_blob(0, "derp.key", w.secret.b, sizeof(w.secret.b));
    set_blob(1, "tls.cert", w.cert_pem, strlen(w.cert_pem));
    set_blob(2, "tls.key", w.key_pem, strlen(w.key_pem));
    set_blob(3, "tickets", w.tickets, tickets_len);
    open_socket();
    w.conf = load_conf("home: page\n");
    w.cycle = (ion_cycle_t){
        .conf = w.conf,
        .blobs = w.blobs,
        .blob_count = 4,
        .sockets = &w.socket,
        .socket_count = 1,
    };
    w.p = (ion_process_t){
        .role = ION_ROLE_WORKER,
        .loop = w.loop,
        .log = &w.log,
        .stats = w.stats,
        .cycle = &w.cycle,
        .idle = on_idle,
    };
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    ion_http_part.stop(&w.p, SELF);
    ion_http_part.stop(&w.p, SELF); /* harmless when not started */
    ion_loop_free(&w.loop);
    ion_conf_free(&w.conf);
    ion_log_sink_free(&w.sink);
    free(w.cert_pem);
    ion_cert_wipe(&w.key_pem);
    close(w.socket.fd);
    return 0;
}

static void
start(void)
{
    ion_errtext_t err = { "" };
    if (ion_http_part.start(&w.p, SELF, &err) != ION_OK) {
        fail_msg("%s", err.msg);
    }
}

static int
dial(void)
{
    struct sockaddr_storage ss;
    socklen_t len = ion_addr_to_sockaddr(&w.socket.addr, false, &ss);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
    return fd;
}

static void
ask_plain(const char *path, const char *want)
{
    char buf[4096];
    int fd = dial();
    (void)snprintf(buf, sizeof(buf),
        "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", path);
    assert_int_equal(send(fd, buf, strlen(buf), 0), strlen(buf));
    assert_int_equal(ion_loop_advance(w.loop, 0), ION_OK);
    ssize_t n = recv(fd, buf, sizeof(buf) - 1, 0);
    assert_true(n > 0);
    buf[n] = '\0';
    if (strstr(buf, want) == NULL) {
        fail_msg("'%s' instead of '%s'", buf, want);
    }
    close(fd);
}

/* A TLS handshake; gives the leaf's pin and the meta-certificate's name. */
static void
shake_hands(uint8_t pin[ION_CERT_PIN_LEN], char meta_name[128])
{
    tls_rig_client_t tls;
    int fd = dial();
    tls_rig_client_open(&tls, fd, NULL);
    SSL_set_mode(tls.ssl, SSL_MODE_AUTO_RETRY);
    assert_int_equal(
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO,
            &(struct timeval){ .tv_usec = 20000 }, sizeof(struct timeval)),
        0);
    for (int i = 0; i < 20 && SSL_do_handshake(tls.ssl) != 1; i++) {
        assert_int_equal(ion_loop_advance(w.loop, 0), ION_OK);
    }
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(tls.ssl);
    assert_non_null(chain);
    X509_digest(sk_X509_value(chain, 0), EVP_sha256(), pin, NULL);
    meta_name[0] = '\0';
    if (sk_X509_num(chain) > 1) {
        X509_NAME_get_text_by_NID(
            X509_get_subject_name(sk_X509_value(chain, 1)), NID_commonName,
            meta_name, 128);
    }
    tls_rig_client_close(&tls);
}

static void
expected_meta_name(char out[128])
{
    ion_key_t pub;
    ion_key_public(&w.secret, &pub);
    memcpy(out, "derpkey", 7);
    ion_hex_encode(out + 7, pub.b, sizeof(pub.b));
    out[71] = '\0';
}

static void
test_serves_tls_modules_and_settings(void **state)
{
    uint8_t pin[ION_CERT_PIN_LEN];
    char name[128];
    char want[128];
    (void)state;
    start();
    ask_plain("/module", "from a module\n");
    /* force_https is on by default and TLS is there */
    ask_plain("/", "302 Found");
    shake_hands(pin, name);
    expected_meta_name(want);
    assert_string_equal(name, want);
}

static void
test_plain_only(void **state)
{
    (void)state;
    ion_conf_free(&w.conf);
    w.conf = load_conf("home: page\ntls:\n  disable: true\n");
    w.cycle.conf = w.conf;
    w.cycle.blob_count = 1;
    start();
    ask_plain("/", "<h1>DERP</h1>");
}

static void
test_no_meta_certificate_without_a_derp_key(void **state)
{
    uint8_t pin[ION_CERT_PIN_LEN];
    char name[128];
    (void)state;
    w.cycle.blobs = w.blobs + 1;
    w.cycle.blob_count = 3;
    start();
    shake_hands(pin, name);
    assert_string_equal(name, "");
}

static void
test_a_reload_changes_all_or_nothing(void **state)
{
    uint8_t before[ION_CERT_PIN_LEN];
    uint8_t after[ION_CERT_PIN_LEN];
    char name[128];
    char *cert_pem = NULL;
    char *key_pem = NULL;
    ion_errtext_t err = { "" };
    ion_blob_t blobs[4];
    ion_cycle_t next = w.cycle;
    (void)state;
    start();
    shake_hands(before, name);
    make_pair(&cert_pem, &key_pem);
    memcpy(blobs, w.blobs, sizeof(blobs));
    next.blobs = blobs;
    /* a certificate without its key is refused, with the file's name */
    ion_conf_t *conf = load_conf("tls:\n  cert_file: /etc/x.crt\n"
                                 "  key_file: /etc/x.key\nhome: blank\n");
    next.conf = conf;
    blobs[1].p = (const uint8_t *)cert_pem;
    blobs[1].len = strlen(cert_pem);
    assert_int_equal(ion_http_part.prepare(&w.p, SELF, &next, &err), ION_MALF);
    assert_non_null(strstr(
        err.msg, "/etc/x.key: key does not match certificate /etc/x.crt"));
    ion_http_part.abort(&w.p, SELF);
    shake_hands(after, name);
    assert_memory_equal(before, after, sizeof(after));
    /* prepared and thrown away: nothing has changed either */
    blobs[2].p = (const uint8_t *)key_pem;
    blobs[2].len = strlen(key_pem);
    assert_int_equal(ion_http_part.prepare(&w.p, SELF, &next, &err), ION_OK);
    shake_hands(after, name);
    assert_memory_equal(before, after, sizeof(after));
    ion_http_part.abort(&w.p, SELF);
    /* prepared and committed */
    assert_int_equal(ion_http_part.prepare(&w.p, SELF, &next, &err), ION_OK);
    w.p.cycle = &next;
    ion_http_part.commit(&w.p, SELF);
    shake_hands(after, name);
    assert_memory_not_equal(before, after, sizeof(after));
    ion_conf_free(&w.conf);
    w.conf = conf;
    w.cycle.conf = conf;
    free(cert_pem);
    ion_cert_wipe(&key_pem);
}

static void
test_a_start_that_cannot_says_why(void **state)
{
    ion_errtext_t err = { "" };
    (void)state;
    w.blobs[1].len = 10;
    assert_int_equal(ion_http_part.start(&w.p, SELF, &err), ION_MALF);
    assert_non_null(strstr(err.msg, "the self-signed certificate: "));
    assert_null(w.p.module_data[SELF]);
    w.cycle.blob_count = 1;
    assert_int_equal(ion_http_part.start(&w.p, SELF, &err), ION_MALF);
    assert_non_null(strstr(err.msg, "no certificate"));
    w.cycle.blob_count = 4;
    w.blobs[0].len = 31;
    w.blobs[1].len = strlen(w.cert_pem);
    assert_int_equal(ion_http_part.start(&w.p, SELF, &err), ION_MALF);
    assert_non_null(strstr(err.msg, "DERP key: 31 bytes"));
    w.blobs[0].len = 32;
    w.blobs[3].len--;
    assert_int_equal(ion_http_part.start(&w.p, SELF, &err), ION_MALF);
    assert_non_null(strstr(err.msg, "ticket"));
}

static void
test_drain_reports_idle_once(void **state)
{
    (void)state;
    start();
    int fd = dial(); /* in the backlog: it will be served */
    w.p.draining = true;
    ion_http_part.drain(&w.p, SELF);
    assert_int_equal(ion_loop_advance(w.loop, ION_MS(4999)), ION_OK);
    assert_int_equal(w.idle_calls, 0);
    assert_int_equal(ion_loop_advance(w.loop, ION_MS(1)), ION_OK);
    assert_int_equal(w.idle_calls, 1);
    assert_int_equal(ion_loop_advance(w.loop, ION_SEC(60)), ION_OK);
    assert_int_equal(w.idle_calls, 1);
    close(fd);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_serves_tls_modules_and_settings),
        CASE(test_plain_only),
        CASE(test_no_meta_certificate_without_a_derp_key),
        CASE(test_a_reload_changes_all_or_nothing),
        CASE(test_a_start_that_cannot_says_why),
        CASE(test_drain_reports_idle_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
