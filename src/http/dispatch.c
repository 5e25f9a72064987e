/*
 * http/dispatch.c -- from a request to its handler, and the redirects.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * listen_addr: routes, else the home page. On a plain connection force_https
 * redirects what is not always plain. http_listen_addr: its few routes, else
 * to https. metrics_listen_addr: its routes, else 404.
 */
#include <string.h>

#include "http/http_int.h"

static bool
is_get_or_head(const http1_request_t *req)
{
    return ion_str_eq(req->method, ION_STR("GET")) ||
           ion_str_eq(req->method, ION_STR("HEAD"));
}

static void
reply_location(ion_http_conn_t *c, int status, const ion_sb_t *location)
{
    if (location->failed) {
        ion_http_reply_text(c, 500, "no memory\n");
        return;
    }
    ion_http_reply(c, &(ion_http_reply_t){
                          .status = status,
                          .extra_headers = ion_sb_str(location),
                      });
}

static void
redirect_to_https(ion_http_conn_t *c, const http1_request_t *req)
{
    if (!is_get_or_head(req) || req->host.len == 0) {
        ion_http_reply_text(c, 400, "Use HTTPS\n");
        return;
    }
    ion_sb_t sb;
    ion_sb_init(&sb, req->host.len + req->target.len + 64);
    ion_sb_addz(&sb, "Location: https://");
    ion_sb_adds(&sb, req->host);
    ion_sb_adds(&sb, req->target);
    ion_sb_addz(&sb, "\r\n");
    reply_location(c, 302, &sb);
    ion_sb_fini(&sb);
}

/* Bytes of a path that may stand in a Location as they are. */
static bool
is_plain_path_byte(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
           (ch >= '0' && ch <= '9') ||
           (ch != '\0' && strchr("/-._~!$&'()*+,;=:@", ch) != NULL);
}

static void
redirect_to_clean(ion_http_conn_t *c, const http1_request_t *req)
{
    char path[HTTP1_MAX_PATH];
    size_t len = http1_path_clean(req->path, path);
    ion_sb_t sb;
    ion_sb_init(&sb, 3 * len + req->query.len + 64);
    ion_sb_addz(&sb, "Location: ");
    for (size_t i = 0; i < len; i++) {
        if (is_plain_path_byte(path[i])) {
            ion_sb_addc(&sb, path[i]);
        } else {
            ion_sb_addf(&sb, "%%%02X", (unsigned char)path[i]);
        }
    }
    if (req->query.len > 0) {
        ion_sb_addf(&sb, "?%.*s", ION_STR_ARG(req->query));
    }
    ion_sb_addz(&sb, "\r\n");
    reply_location(c, 301, &sb);
    ion_sb_fini(&sb);
}

static const ion_http_route_t *
find_route(const ion_http_conn_t *c, const http1_request_t *req)
{
    const ion_http_server_t *server = c->server;
    const ion_http_route_t *best = NULL;
    for (size_t i = 0; i < server->table_count; i++) {
        best = ion_http_route_find(server->tables[i], c->kind, req->path, best);
    }
    return best;
}

/* What has no path: CONNECT, and OPTIONS for the server itself. */
static bool
dispatch_pathless(ion_http_conn_t *c, const http1_request_t *req)
{
    if (ion_str_eq(req->method, ION_STR("CONNECT"))) {
        ion_http_reply(
            c, &(ion_http_reply_t){
                   .status = 403,
                   .content_type = ION_STR("text/plain; charset=utf-8"),
                   .body = ION_STR("CONNECT not enabled\n"),
                   .close = true,
               });
        return true;
    }
    if (ion_str_eq(req->path, ION_STR("*"))) {
        ion_http_reply(c, &(ion_http_reply_t){ .status = 200 });
        return true;
    }
    return false;
}

void
http_dispatch(ion_http_conn_t *c, const http1_request_t *req)
{
    ion_http_server_t *server = c->server;
    if (c->kind != ION_ROUTE_PORT80 && dispatch_pathless(c, req)) {
        return;
    }
    const ion_http_route_t *route = find_route(c, req);
    bool is_plain_main = c->kind == ION_ROUTE_MAIN && !c->is_tls;
    bool is_always_plain =
        route != NULL && (route->flags & ION_ROUTE_ALWAYS_PLAIN) != 0;
    if ((is_plain_main && server->config.force_https && !is_always_plain) ||
        (c->kind == ION_ROUTE_PORT80 && route == NULL))
    {
        redirect_to_https(c, req);
        return;
    }
    if (!req->path_is_clean && c->kind != ION_ROUTE_PORT80) {
        redirect_to_clean(c, req);
        return;
    }
    if (route == NULL) {
        ion_http_reply_text(c, 404, "404 page not found\n");
        return;
    }
    route->handler(c, req, server->p);
}
