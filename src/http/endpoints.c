/*
 * http/endpoints.c -- what the server answers without any module.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The paths that captive-portal checks, browsers and robots ask for, and the
 * home page.
 */
#include <stdio.h>
#include <string.h>

#include "http/http_int.h"

#define CHALLENGE_MAX 64
#define DNS_NAME_MAX  256

static bool
is_challenge_byte(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
           (ch >= '0' && ch <= '9') || ch == '.' || ch == '-' || ch == '_' ||
           ch == ':';
}

static bool
is_challenge(ion_str_t value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (!is_challenge_byte(value.p[i])) {
            return false;
        }
    }
    return value.len > 0 && value.len <= CHALLENGE_MAX;
}

static void
generate_204(ion_http_conn_t *c, const http1_request_t *req, void *arg)
{
    char headers[256];
    ion_str_t challenge = http1_header(req, "X-Tailscale-Challenge");
    (void)arg;
    int n = snprintf(headers, sizeof(headers),
        "Cache-Control: no-cache, no-store, must-revalidate, "
        "no-transform, max-age=0\r\n");
    if (is_challenge(challenge)) {
        n += snprintf(headers + n, sizeof(headers) - (size_t)n,
            "X-Tailscale-Response: response %.*s\r\n", ION_STR_ARG(challenge));
    }
    ion_http_reply(c, &(ion_http_reply_t){
                          .status = 204,
                          .extra_headers = { headers, (size_t)n },
                      });
}

static void
robots_txt(ion_http_conn_t *c, const http1_request_t *req, void *arg)
{
    (void)req;
    (void)arg;
    ion_http_reply(
        c, &(ion_http_reply_t){
               .status = 200,
               .extra_headers = ion_str_from(ion_http_browser_headers),
               .content_type = ION_STR("text/plain; charset=utf-8"),
               .body = ION_STR("User-agent: *\nDisallow: /\n"),
           });
}

/* Nothing is published: an empty body, whatever is asked. */
static void
bootstrap_dns(ion_http_conn_t *c, const http1_request_t *req, void *arg)
{
    char name[DNS_NAME_MAX];
    size_t len = 0;
    (void)arg;
    http_count(c->server, HTTP_STAT_BOOTSTRAP_REQUESTS);
    if (http1_query_value(req->query, "q", name, sizeof(name), &len) && len > 0)
    {
        http_count(c->server, HTTP_STAT_BOOTSTRAP_MISSES);
    }
    ion_http_reply(
        c, &(ion_http_reply_t){
               .status = 200,
               .extra_headers = ion_str_from(ion_http_browser_headers),
               .content_type = ION_STR("application/json"),
               .close = true,
           });
}

static const char home_page[] =
    "<!DOCTYPE html>\n"
    "<html><head><title>DERP</title></head><body>\n"
    "<h1>DERP</h1>\n"
    "<p>This is a <a href=\"https://tailscale.com/\">Tailscale</a> DERP\n"
    "relay, run with ionscale. It carries encrypted traffic between\n"
    "devices that cannot reach each other directly.</p>\n"
    "</body></html>\n";

static void
home(ion_http_conn_t *c, const http1_request_t *req, void *arg)
{
    const ion_http_config_t *config = &c->server->config;
    ion_http_reply_t reply = {
        .status = 200,
        .extra_headers = ion_str_from(ion_http_browser_headers),
        .content_type = ION_STR("text/html; charset=utf-8"),
    };
    char location[ION_HTTP_HOME_MAX + 16];
    (void)req;
    (void)arg;
    if (config->home == ION_HOME_PAGE) {
        reply.body = ion_str_from(home_page);
    } else if (config->home == ION_HOME_URL) {
        int n = snprintf(
            location, sizeof(location), "Location: %s\r\n", config->home_url);
        reply = (ion_http_reply_t){
            .status = 302,
            .extra_headers = { location, (size_t)n },
        };
    }
    ion_http_reply(c, &reply);
}

static void
debug_redirect(ion_http_conn_t *c, const http1_request_t *req, void *arg)
{
    (void)req;
    (void)arg;
    ion_http_reply(c, &(ion_http_reply_t){
                          .status = 301,
                          .extra_headers = ION_STR("Location: /debug/\r\n"),
                      });
}

#define ON_BOTH (ION_ROUTE_MAIN | ION_ROUTE_PORT80)

const ion_http_route_t http_endpoints[] = {
    { "/generate_204", ION_ROUTE_EXACT | ON_BOTH | ION_ROUTE_ALWAYS_PLAIN,
        generate_204 },
    { "/bootstrap-dns",
        ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_ALWAYS_PLAIN,
        bootstrap_dns },
    { "/robots.txt", ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_ALWAYS_PLAIN,
        robots_txt },
    { "/debug", ION_ROUTE_EXACT | ON_BOTH, debug_redirect },
    { "/debug/", ION_ROUTE_PREFIX | ON_BOTH, http_debug_page },
    { "/", ION_ROUTE_PREFIX | ION_ROUTE_MAIN, home },
    { .path = NULL },
};
