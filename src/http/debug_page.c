/*
 * http/debug_page.c -- who may look under /debug/, and its first page.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What stands below it belongs to the modules; this page names all of it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "http/debug_access.h"
#include "http/http_int.h"

#define PAGE_MAX 8192

static const struct {
    const char *path;
    const char *what;
} links[] = {
    { "/debug/vars", "counters as JSON" },
    { "/debug/varz", "counters as Prometheus text" },
    { "/debug/check", "is the list of clients what it should be?" },
    { "/debug/traffic", "who has traffic, each 2 seconds, without an end" },
};

bool
ion_http_may_debug(ion_http_conn_t *c, const http1_request_t *req)
{
    if (!http_debug_is_allowed(
            &c->peer, http1_header(req, "X-Forwarded-For").p != NULL))
    {
        ion_http_reply_text(c, 403, "debug access denied\n");
        return false;
    }
    if (!ion_str_eq(req->method, ION_STR("GET")) &&
        !ion_str_eq(req->method, ION_STR("HEAD")))
    {
        ion_http_reply(
            c, &(ion_http_reply_t){ .status = 405,
                   .extra_headers = ION_STR("Allow: GET, HEAD\r\n") });
        return false;
    }
    return true;
}

/* Text from the configuration and the system, as HTML. */
static void
add_text(ion_sb_t *sb, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("<>&\"'", *text) != NULL) {
            ion_sb_addf(sb, "&#%d;", *text);
        } else {
            ion_sb_addc(sb, *text);
        }
    }
}

static void
add_row(ion_sb_t *sb, const char *name, const char *value)
{
    ion_sb_addf(sb, "<li>%s: ", name);
    add_text(sb, value);
    ion_sb_addz(sb, "</li>\n");
}

static void
add_page(const ion_http_server_t *server, ion_sb_t *sb)
{
    const ion_process_t *p = server->p;
    const ion_http_config_t *config = &server->config;
    struct utsname machine;
    char number[32];

    ion_sb_addz(sb, "<!DOCTYPE html>\n<html><head><title>DERP debug</title>"
                    "</head><body>\n<h1>DERP debug</h1>\n<ul>\n");
    (void)snprintf(number, sizeof(number), "%llu s",
        (unsigned long long)http_debug_uptime(p->started_wall_ms));
    add_row(sb, "Uptime", number);
    add_row(sb, "Version", ION_VERSION_TEXT);
    add_row(sb, "Machine", uname(&machine) == 0 ? machine.nodename : "?");
    add_row(sb, "TLS hostname", config->public_host);
    add_row(sb, "Mesh key", config->has_mesh_key ? "true" : "false");
    (void)snprintf(number, sizeof(number), "%u", p->index);
    add_row(sb, "Worker", number);
    ion_sb_addz(sb, "</ul>\n<ul>\n");
    for (size_t i = 0; i < ION_ARRAY_LEN(links); i++) {
        ion_sb_addf(sb, "<li><a href=\"%s\">%s</a> %s</li>\n", links[i].path,
            links[i].path, links[i].what);
    }
    ion_sb_addz(sb, "</ul>\n</body></html>\n");
}

void
http_debug_page(ion_http_conn_t *c, const http1_request_t *req, void *arg)
{
    ion_sb_t sb;
    (void)arg;
    if (!ion_http_may_debug(c, req)) {
        return;
    }
    if (!ion_str_eq(req->path, ION_STR("/debug/"))) {
        ion_http_reply_text(c, 404, "404 page not found\n");
        return;
    }
    ion_sb_init(&sb, PAGE_MAX);
    add_page(c->server, &sb);
    if (sb.failed) {
        ion_http_reply_text(c, 500, "no memory\n");
    } else {
        ion_http_reply(
            c, &(ion_http_reply_t){
                   .status = 200,
                   .extra_headers = ion_str_from(ion_http_browser_headers),
                   .content_type = ION_STR("text/html; charset=utf-8"),
                   .body = ion_sb_str(&sb),
               });
    }
    ion_sb_fini(&sb);
}
