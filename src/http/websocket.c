/*
 * http/websocket.c -- a request becomes a WebSocket.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "http/websocket.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "http/http_int.h"
#include "http/ws_stream.h"
#include "proto/ws_frame.h"

#define REPLY_MAX  512
#define TOKEN_MAX  64
#define REASON_MAX 124

static ion_err_t
refuse(ion_http_conn_t *c, int status, const char *extra, const char *body)
{
    ion_http_reply_t reply = {
        .status = status,
        .extra_headers = ion_str_from(extra),
        .content_type = ION_STR("text/plain; charset=utf-8"),
        .body = ion_str_from(body),
        .close = true,
    };

    ion_http_reply(c, &reply);
    return ION_MALF;
}

/* How often a header stands in the request. */
static size_t
count_headers(const http1_request_t *req, ion_str_t name)
{
    size_t n = 0;

    for (size_t i = 0; i < req->header_count; i++) {
        n += ion_str_ieq(req->headers[i].name, name) ? 1 : 0;
    }
    return n;
}

/* The handshake's rules; the value of Sec-WebSocket-Accept when it holds. */
static ion_err_t
check_handshake(ion_http_conn_t *c, const http1_request_t *req,
    char accept[WS_ACCEPT_LEN + 1])
{
    static const char upgrade[] = "Upgrade: websocket\r\n";
    ion_str_t key_name = ION_STR("Sec-WebSocket-Key");
    ion_err_t rc;

    if (!http1_header_has_token(req, "Connection", "Upgrade") ||
        !http1_header_has_token(req, "Upgrade", "websocket"))
    {
        return refuse(c, 426, upgrade,
            "a WebSocket begins with Connection: Upgrade and "
            "Upgrade: websocket\n");
    }
    if (!ion_str_eq(req->method, ION_STR("GET"))) {
        return refuse(
            c, 405, "Allow: GET\r\n", "a WebSocket begins with GET\n");
    }
    if (req->minor != 1 || req->has_body) {
        return refuse(
            c, 400, "", "a WebSocket begins with HTTP/1.1 and has no body\n");
    }
    if (!ion_str_eq(http1_header(req, "Sec-WebSocket-Version"), ION_STR("13")))
    {
        return refuse(c, 400, "Sec-WebSocket-Version: 13\r\n",
            "Sec-WebSocket-Version must be 13\n");
    }
    if (count_headers(req, key_name) != 1) {
        return refuse(
            c, 400, "", "there must be one Sec-WebSocket-Key header\n");
    }
    rc = ws_accept_key(http1_header(req, "Sec-WebSocket-Key"), accept);
    if (rc == ION_MALF) {
        return refuse(
            c, 400, "", "Sec-WebSocket-Key must be the base64 of 16 bytes\n");
    }
    return rc == ION_OK ? ION_OK : refuse(c, 503, "", "no memory left\n");
}

/* Cuts the first element off a comma-separated list. */
static ion_str_t
next_element(ion_str_t *list)
{
    const char *comma = memchr(list->p, ',', list->len);
    size_t n = comma == NULL ? list->len : (size_t)(comma - list->p);
    ion_str_t element = { list->p, n };

    n = ION_MIN(n + 1, list->len);
    list->p += n;
    list->len -= n;
    return ion_str_trim(element);
}

/*
 * The subprotocol in the spelling the client offers it in, the exact one if
 * it is among them: a browser compares to the letter. Empty: not offered.
 */
static ion_str_t
choose_protocol(const http1_request_t *req, ion_str_t wanted)
{
    ion_str_t found = ION_STR("");

    for (size_t i = 0; i < req->header_count; i++) {
        ion_str_t list = req->headers[i].value;

        if (!ion_str_ieq(
                req->headers[i].name, ION_STR("Sec-WebSocket-Protocol"))) {
            continue;
        }
        while (list.len > 0) {
            ion_str_t element = next_element(&list);

            if (ion_str_eq(element, wanted)) {
                return element;
            }
            if (found.len == 0 && ion_str_ieq(element, wanted)) {
                found = element;
            }
        }
    }
    return found;
}

static ion_err_t
write_reply(ion_stream_t *stream, const char *accept, ion_str_t protocol)
{
    char reply[REPLY_MAX];
    int n = snprintf(reply, sizeof(reply),
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Accept: %s\r\n"
        "%s%.*s%s\r\n",
        accept, protocol.len > 0 ? "Sec-WebSocket-Protocol: " : "",
        ION_STR_ARG(protocol), protocol.len > 0 ? "\r\n" : "");

    if (n < 0 || (size_t)n >= sizeof(reply)) {
        return ION_LIMIT;
    }
    return ion_stream_write(stream, reply, (size_t)n);
}

static void
close_unspoken(ion_stream_t **stream, const char *protocol)
{
    char reason[REASON_MAX];

    (void)snprintf(reason, sizeof(reason),
        "client must speak the %.*s subprotocol", TOKEN_MAX, protocol);
    http_ws_close_with(stream, WS_CODE_POLICY, reason);
}

ion_err_t
ion_http_websocket(ion_http_conn_t *c, const http1_request_t *req,
    const char *protocol, ion_http_taken_t *out)
{
    ion_http_server_t *server = c->server;
    ion_stream_t *stream = NULL;
    char accept[WS_ACCEPT_LEN + 1];
    ion_str_t chosen;
    ion_err_t rc = check_handshake(c, req, accept);

    if (rc != ION_OK) {
        return rc;
    }
    chosen = choose_protocol(req, ion_str_from(protocol));
    ion_http_take(c, out);
    rc = write_reply(out->stream, accept, chosen);
    if (rc == ION_OK) {
        rc = http_ws_new(&server->websockets, out->stream, out->id, out->rest,
            out->rest_len, &stream);
    }
    if (rc != ION_OK) {
        ion_stream_close(&out->stream);
        return ION_NOMEM;
    }
    out->stream = stream;
    out->rest_len = 0;
    if (chosen.len == 0) {
        close_unspoken(&out->stream, protocol);
        return ION_DENIED;
    }
    return ION_OK;
}
