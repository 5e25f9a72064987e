/*
 * test_endpoints.c -- the built-in endpoints and redirects, by table.
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

#include "lib/http_rig.h"

#define HOST      "Host: foo.com\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define NO_CACHE                                                               \
    "Cache-Control: no-cache, no-store, must-revalidate, no-transform, "       \
    "max-age=0\r\n"

typedef struct exchange {
    const char *request;
    const char *status;      /* "200 OK" */
    const char *contains[4]; /* each must be in the reply */
    const char *lacks;       /* must not be in the reply */
    const char *body;        /* exactly, when not NULL */
} exchange_t;

static http_rig_client_t client;

static const char *
body_of(const char *reply)
{
    const char *end = strstr(reply, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static void
check_exchange(const exchange_t *x, const char *reply)
{
    char status[64];
    (void)snprintf(status, sizeof(status), "HTTP/1.1 %s\r\n", x->status);
    if (strncmp(reply, status, strlen(status)) != 0) {
        fail_msg("'%s' answered '%.60s'", x->request, reply);
    }
    for (size_t i = 0; i < 4 && x->contains[i] != NULL; i++) {
        if (strstr(reply, x->contains[i]) == NULL) {
            fail_msg(
                "'%s': no '%s' in '%s'", x->request, x->contains[i], reply);
        }
    }
    if (x->lacks != NULL && strstr(reply, x->lacks) != NULL) {
        fail_msg("'%s': '%s' in '%s'", x->request, x->lacks, reply);
    }
    if (x->body != NULL) {
        assert_string_equal(body_of(reply), x->body);
    }
    assert_null(strstr(reply, "Server:"));
    assert_non_null(strstr(reply, "\r\nDate: "));
    assert_non_null(strstr(reply, "\r\nConnection: "));
}

static void
run_table(http_rig_t *rig, uint32_t kind, const exchange_t *table, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        http_rig_connect(rig, &client, kind, "203.0.113.7:5000");
        check_exchange(&table[i], http_rig_ask(&client, table[i].request));
        http_rig_close(&client);
    }
}

static void
test_T54_generate_204(void **state)
{
    static const struct {
        const char *challenge;
        bool is_answered;
    } cases[] = {
        { "input", true },
        { "ts_derp99b.tailscale.com", true },
        { "foo bar", false },
        { "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            false },
        { "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            true },
        { "a:b-c_d.E9", true },
        { "a/b", false },
        { "", false },
    };
    static const uint32_t kinds[] = { ION_ROUTE_MAIN, ION_ROUTE_PORT80 };
    http_rig_t rig;
    (void)state;
    http_rig_init(&rig, NULL);
    for (size_t i = 0; i < 2 * ION_ARRAY_LEN(cases); i++) {
        const char *challenge = cases[i / 2].challenge;
        char request[256];
        char want[128];
        (void)snprintf(request, sizeof(request),
            "GET /generate_204 HTTP/1.1\r\n" HOST
            "X-Tailscale-Challenge: %s\r\n\r\n",
            challenge);
        (void)snprintf(want, sizeof(want),
            "\r\nX-Tailscale-Response: response %s\r\n", challenge);
        exchange_t x = {
            .request = request,
            .status = "204 No Content",
            .contains = { NO_CACHE,
                cases[i / 2].is_answered ? want : "no-transform" },
            .lacks = cases[i / 2].is_answered ? "Content-Length"
                                              : "X-Tailscale-Response",
            .body = "",
        };
        run_table(&rig, kinds[i % 2], &x, 1);
    }
    http_rig_fini(&rig);
}

static const exchange_t main_table[] = {
    { GET("/robots.txt"), "200 OK",
        { "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Length: 26\r\n", "X-Frame-Options: DENY\r\n",
            "Strict-Transport-Security: max-age=63072000; "
            "includeSubDomains\r\n" },
        NULL, "User-agent: *\nDisallow: /\n" },
    { "HEAD /robots.txt HTTP/1.1\r\n" HOST "\r\n", "200 OK",
        { "Content-Length: 26\r\n" }, NULL, "" },
    { GET("/"), "200 OK",
        { "Content-Type: text/html; charset=utf-8\r\n", "Content-Length: 0\r\n",
            "Content-Security-Policy: default-src 'self'; "
            "frame-ancestors 'none'; form-action 'self'; base-uri 'self'; "
            "block-all-mixed-content; object-src 'none'\r\n",
            "X-Content-Type-Options: nosniff\r\n" },
        "DERP", "" },
    { GET("/healthz"), "200 OK", { "text/html" }, NULL, "" },
    { "POST /any/where HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc",
        "200 OK", { "text/html", "Connection: keep-alive\r\n" }, NULL, "" },
    { GET("//echo?q=1"), "301 Moved Permanently", { "Location: /echo?q=1\r\n" },
        NULL, "" },
    { GET("/a/../b%20c%3f"), "301 Moved Permanently",
        { "Location: /b%20c%3F\r\n" }, NULL, "" },
    { GET("/debug"), "301 Moved Permanently", { "Location: /debug/\r\n" }, NULL,
        "" },
    { GET("/debug/"), "403 Forbidden", { "text/plain" }, NULL,
        "debug access denied\n" },
    { "CONNECT foo.com:443 HTTP/1.1\r\nHost: foo.com:443\r\n\r\n",
        "403 Forbidden", { NULL }, NULL, "CONNECT not enabled\n" },
    { "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "200 OK",
        { "Content-Length: 0\r\n" }, NULL, "" },
    { GET("/echo?x=%20y"), "200 OK", { NULL }, NULL, "GET /echo?x=%20y" },
    { GET("/metrics"), "200 OK", { "text/html" }, NULL, "" },
    { "GET /echo HTTP/1.0\r\n\r\n", "200 OK", { "Connection: close\r\n" }, NULL,
        "GET /echo" },
    { "GET /echo HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "200 OK",
        { "Connection: close\r\n" }, NULL, "GET /echo" },
};

static void
test_main_listener(void **state)
{
    http_rig_t rig;
    (void)state;
    http_rig_init(&rig, NULL);
    run_table(&rig, ION_ROUTE_MAIN, main_table, ION_ARRAY_LEN(main_table));
    assert_int_equal(http_rig_stat(&rig, "ionscale_http_requests", NULL),
        ION_ARRAY_LEN(main_table));
    assert_int_equal(http_rig_stat(&rig, "ionscale_http_errors", NULL), 0);
    http_rig_fini(&rig);
}

static void
test_T57_bootstrap_dns_publishes_nothing(void **state)
{
    static const exchange_t table[] = {
        { GET("/bootstrap-dns"), "200 OK",
            { "Content-Type: application/json\r\n", "Content-Length: 0\r\n",
                "Connection: close\r\n", "X-Frame-Options: DENY\r\n" },
            NULL, "" },
        { GET("/bootstrap-dns?q=log.tailscale.com"), "200 OK",
            { "Content-Type: application/json\r\n" }, NULL, "" },
        { GET("/bootstrap-dns?q="), "200 OK", { NULL }, NULL, "" },
        { "POST /bootstrap-dns HTTP/1.1\r\n" HOST "\r\n", "200 OK", { NULL },
            NULL, "" },
    };
    http_rig_t rig;
    (void)state;
    http_rig_init(&rig, NULL);
    run_table(&rig, ION_ROUTE_MAIN, table, ION_ARRAY_LEN(table));
    assert_int_equal(http_rig_stat(&rig, "bootstrap_dns_requests", NULL), 4);
    assert_int_equal(
        http_rig_stat(&rig, "bootstrap_dns_unpublished_misses", NULL), 1);
    http_rig_fini(&rig);
}

static void
test_T56_debug_page(void **state)
{
    static const struct {
        const char *peer;
        const char *request;
        exchange_t x;
    } cases[] = {
        { "127.0.0.1:1", GET("/debug/"),
            { "", "200 OK", { "Version: ", "Uptime: ", "Mesh key: false" },
                NULL, NULL } },
        { "100.100.100.100:1", GET("/debug/"),
            { "", "200 OK", { "Version: " }, NULL, NULL } },
        { "8.8.8.8:1", GET("/debug/"),
            { "", "403 Forbidden", { NULL }, NULL, "debug access denied\n" } },
        { "127.0.0.1:1",
            "GET /debug/ HTTP/1.1\r\n" HOST
            "X-Forwarded-For: 127.0.0.1\r\n\r\n",
            { "", "403 Forbidden", { NULL }, NULL, "debug access denied\n" } },
        { "127.0.0.1:1", GET("/debug/x"),
            { "", "404 Not Found", { NULL }, NULL, "404 page not found\n" } },
        { "8.8.8.8:1", GET("/debug/x"),
            { "", "403 Forbidden", { NULL }, NULL, "debug access denied\n" } },
    };
    static const uint32_t kinds[] = { ION_ROUTE_MAIN, ION_ROUTE_PORT80 };
    http_rig_t rig;
    (void)state;
    http_rig_init(&rig, NULL);
    for (size_t i = 0; i < 2 * ION_ARRAY_LEN(cases); i++) {
        exchange_t x = cases[i / 2].x;
        x.request = cases[i / 2].request;
        http_rig_connect(&rig, &client, kinds[i % 2], cases[i / 2].peer);
        check_exchange(&x, http_rig_ask(&client, x.request));
        http_rig_close(&client);
    }
    http_rig_fini(&rig);
}

static void
test_T55_port_80(void **state)
{
    static const exchange_t table[] = {
        { GET("/path?a=b"), "302 Found",
            { "Location: https://foo.com/path?a=b\r\n" }, NULL, "" },
        { "HEAD / HTTP/1.1\r\n" HOST "\r\n", "302 Found",
            { "Location: https://foo.com/\r\n" }, NULL, "" },
        { GET("//x/../y"), "302 Found",
            { "Location: https://foo.com//x/../y\r\n" }, NULL, "" },
        { "POST /path HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
            "400 Bad Request", { NULL }, NULL, "Use HTTPS\n" },
        { GET("/generate_204"), "204 No Content", { NO_CACHE }, NULL, "" },
        { GET("/derp"), "302 Found", { "Location: https://foo.com/derp\r\n" },
            NULL, "" },
        { GET("/echo"), "302 Found", { "Location: https://foo.com/echo\r\n" },
            NULL, "" },
        { "GET / HTTP/1.0\r\n\r\n", "400 Bad Request", { NULL }, NULL,
            "Use HTTPS\n" },
        { "CONNECT foo.com:443 HTTP/1.1\r\nHost: foo.com:443\r\n\r\n",
            "400 Bad Request", { NULL }, NULL, "Use HTTPS\n" },
    };
    http_rig_t rig;
    (void)state;
    http_rig_init(&rig, NULL);
    run_table(&rig, ION_ROUTE_PORT80, table, ION_ARRAY_LEN(table));
    http_rig_fini(&rig);
}

static void
test_force_https_on_the_main_listener(void **state)
{
    static const exchange_t table[] = {
        { GET("/secret?a"), "302 Found",
            { "Location: https://foo.com/secret?a\r\n" }, NULL, "" },
        { GET("/"), "302 Found", { "Location: https://foo.com/\r\n" }, NULL,
            "" },
        { "POST /secret HTTP/1.1\r\n" HOST "\r\n", "400 Bad Request", { NULL },
            NULL, "Use HTTPS\n" },
        { GET("/echo"), "200 OK", { NULL }, NULL, "GET /echo" },
        { GET("/generate_204"), "204 No Content", { NULL }, NULL, "" },
        { GET("/robots.txt"), "200 OK", { NULL }, NULL, NULL },
        { GET("/bootstrap-dns"), "200 OK", { NULL }, NULL, "" },
    };
    http_rig_t rig;
    ion_http_config_t config;
    (void)state;
    ion_http_config_init(&config);
    config.force_https = true;
    http_rig_init(&rig, &config);
    run_table(&rig, ION_ROUTE_MAIN, table, ION_ARRAY_LEN(table));
    http_rig_fini(&rig);
}

static void
test_metrics_listener(void **state)
{
    static const exchange_t table[] = {
        { GET("/metrics"), "200 OK", { NULL }, NULL, "GET /metrics" },
        { GET("/"), "404 Not Found", { NULL }, NULL, "404 page not found\n" },
        { GET("/generate_204"), "404 Not Found", { NULL }, NULL, NULL },
    };
    http_rig_t rig;
    ion_http_config_t config;
    (void)state;
    ion_http_config_init(&config);
    config.force_https = true;
    http_rig_init(&rig, &config);
    run_table(&rig, ION_ROUTE_METRICS, table, ION_ARRAY_LEN(table));
    http_rig_fini(&rig);
}

static void
test_home_page_modes(void **state)
{
    static const exchange_t page = { GET("/"), "200 OK",
        { "Content-Type: text/html; charset=utf-8\r\n", "DERP" }, NULL, NULL };
    static const exchange_t away = { GET("/any"), "302 Found",
        { "Location: https://example.com/x\r\n" }, "text/html", "" };
    http_rig_t rig;
    ion_http_config_t config;
    (void)state;
    ion_http_config_init(&config);
    config.home = ION_HOME_PAGE;
    http_rig_init(&rig, &config);
    run_table(&rig, ION_ROUTE_MAIN, &page, 1);
    /* changed while it runs */
    ion_http_config_init(&config);
    config.home = ION_HOME_URL;
    strcpy(config.home_url, "https://example.com/x");
    ion_http_server_swap(rig.server, &config);
    run_table(&rig, ION_ROUTE_MAIN, &away, 1);
    http_rig_fini(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T54_generate_204),
        cmocka_unit_test(test_main_listener),
        cmocka_unit_test(test_T57_bootstrap_dns_publishes_nothing),
        cmocka_unit_test(test_T56_debug_page),
        cmocka_unit_test(test_T55_port_80),
        cmocka_unit_test(test_force_https_on_the_main_listener),
        cmocka_unit_test(test_metrics_listener),
        cmocka_unit_test(test_home_page_modes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
