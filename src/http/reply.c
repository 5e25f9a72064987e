/*
 * http/reply.c -- writing replies.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * No Server header: what we are is nobody's business unless the operator
 * wants a page that says so.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"
#include "http/http_int.h"

#define HEAD_MAX 4096

const char ion_http_browser_headers[] =
    "Strict-Transport-Security: max-age=63072000; includeSubDomains\r\n"
    "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'; "
    "form-action 'self'; base-uri 'self'; block-all-mixed-content; "
    "object-src 'none'\r\n"
    "X-Frame-Options: DENY\r\n"
    "X-Content-Type-Options: nosniff\r\n";

typedef struct status_text {
    int status;
    const char *text;
} status_text_t;

static const status_text_t status_texts[] = {
    { 200, "OK" },
    { 204, "No Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 400, "Bad Request" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 426, "Upgrade Required" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 503, "Service Unavailable" },
    { 505, "HTTP Version Not Supported" },
};

static const char *
text_of(int status)
{
    for (size_t i = 0; i < ION_ARRAY_LEN(status_texts); i++) {
        if (status_texts[i].status == status) {
            return status_texts[i].text;
        }
    }
    return "Status";
}

/* The Date header's value, made once a second. */
static const char *
date_text(ion_http_server_t *server)
{
    static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri",
        "Sat" };
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May",
        "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    int64_t second = ion_wall_now_ms() / 1000;
    struct tm tm;
    time_t t = (time_t)second;
    if (second == server->date_second || gmtime_r(&t, &tm) == NULL) {
        return server->date;
    }
    char text[96];
    (void)snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT",
        days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
        tm.tm_hour, tm.tm_min, tm.tm_sec);
    memcpy(server->date, text, HTTP_DATE_LEN);
    server->date[HTTP_DATE_LEN] = '\0';
    server->date_second = second;
    return server->date;
}

static bool
has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void
add_head(ion_http_conn_t *c, const ion_http_reply_t *reply, ion_sb_t *sb)
{
    ion_sb_addf(sb, "HTTP/1.1 %d %s\r\nDate: %s\r\n", reply->status,
        text_of(reply->status), date_text(c->server));
    if (reply->content_type.len > 0) {
        ion_sb_addf(
            sb, "Content-Type: %.*s\r\n", ION_STR_ARG(reply->content_type));
    }
    ion_sb_adds(sb, reply->extra_headers);
    if (has_body(reply->status)) {
        ion_sb_addf(sb, "Content-Length: %zu\r\n", reply->body.len);
    }
    ion_sb_addz(sb, c->wants_close ? "Connection: close\r\n\r\n"
                                   : "Connection: keep-alive\r\n\r\n");
}

void
ion_http_reply(ion_http_conn_t *c, const ion_http_reply_t *reply)
{
    ion_sb_t head;
    ION_ASSERT(!c->is_answered);
    c->is_answered = true;
    c->wants_close = c->wants_close || reply->close;
    ion_sb_init(&head, HEAD_MAX + reply->extra_headers.len);
    add_head(c, reply, &head);
    if (!c->is_head && has_body(reply->status) && reply->body.len <= HEAD_MAX) {
        /* one record, one segment */
        head.max += reply->body.len;
        ion_sb_adds(&head, reply->body);
        http_conn_write(c, head.failed ? NULL : head.p, head.len);
    } else {
        http_conn_write(c, head.failed ? NULL : head.p, head.len);
        if (!c->is_head && has_body(reply->status)) {
            http_conn_write(c, reply->body.p, reply->body.len);
        }
    }
    ion_sb_fini(&head);
}

void
ion_http_reply_text(ion_http_conn_t *c, int status, const char *body)
{
    ion_http_reply(c, &(ion_http_reply_t){
                          .status = status,
                          .content_type = ION_STR("text/plain; charset=utf-8"),
                          .body = ion_str_from(body),
                      });
}

void
http_reply_refused(ion_http_conn_t *c, int status)
{
    char body[64];
    (void)snprintf(body, sizeof(body), "%d %s\n", status, text_of(status));
    c->is_answered = false;
    c->is_head = false;
    c->wants_close = true;
    ion_http_reply_text(c, status, body);
}
