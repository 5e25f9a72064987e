/*
 * derp_module.c -- the relay as the rest of the program sees it: keys, routes,
 * callbacks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "core/conf.h"
#include "core/settings.h"
#include "derp/derp.h"
#include "derp/derp_check.h"
#include "derp/derp_kick.h"
#include "derp/derp_mesh_conf.h"
#include "derp/derp_session.h"
#include "derp/derp_traffic.h"
#include "derp/derp_worker.h"
#include "http/conn.h"
#include "http/route.h"
#include "http/websocket.h"
#include "proto/http1.h"

const ion_directive_t derp_directives[] = {
    ION_D(UINT, "derp.send_queue", derp_conf_t, send_queue, .def = "32",
        .min = 1, .max = 65536,
        .doc = "Packets that wait for one client, of each class (disco, "
               "other), before the oldest is dropped."),
    ION_D(MSEC, "derp.write_timeout", derp_conf_t, write_timeout_ms,
        .def = "2s", .min = 100, .max = 600000, .zero_ok = true,
        .doc = "A client that does not take what was sent to it within this "
               "time is closed; 0 = never."),
    ION_D(SIZE, "derp.client_rate", derp_conf_t, client_rate, .def = "0",
        .min = 0, .max = UINT64_C(1) << 40,
        .doc = "Bytes per second that the relay reads from one client; 0 = "
               "not limited."),
    ION_D(SIZE, "derp.client_burst", derp_conf_t, client_burst, .def = "0",
        .min = 0, .max = UINT64_C(1) << 40,
        .doc = "Bytes that a client may send at once on top of "
               "derp.client_rate; raised to 65568, one full packet."),
    ION_D_END,
};

static ion_err_t
check(const void *conf, const ion_settings_t *settings, ion_errtext_t *err)
{
    (void)conf;
    if (settings->derp_mesh_with.n > 0 && settings->mesh_key_file[0] == '\0') {
        ion_errtext_set(err,
            "derp.mesh_with: a mesh needs the key that its relays share: set "
            "derp.mesh_key_file too");
        return ION_MALF;
    }
    return derp_mesh_conf_check(&settings->derp_mesh_with, err);
}

static void
reply_text(struct ion_http_conn *c, int status, const char *body, bool close)
{
    ion_http_reply_t reply = {
        .status = status,
        .content_type = ION_STR("text/plain; charset=utf-8"),
        .body = ion_str_from(body),
        .extra_headers = ION_STR("X-Content-Type-Options: nosniff\r\n"),
        .close = close,
    };

    ion_http_reply(c, &reply);
}

static void
on_probe(struct ion_http_conn *c, const http1_request_t *req, void *arg)
{
    ion_http_reply_t reply = {
        .status = 200,
        .extra_headers = ION_STR("Access-Control-Allow-Origin: *\r\n"),
    };

    (void)arg;
    if (!ion_str_eq(req->method, ION_STR("GET")) &&
        !ion_str_eq(req->method, ION_STR("HEAD")))
    {
        reply_text(c, 405, "bogus probe method\n", false);
        return;
    }
    ion_http_reply(c, &reply);
}

/* Means the request DERP in a WebSocket? One that asks for a WebSocket and
 * does not name the protocol is an old client that means DERP itself. */
static bool
is_websocket(const http1_request_t *req)
{
    ion_str_t protocols = http1_header(req, "Sec-WebSocket-Protocol");

    return ion_str_ieq(http1_header(req, "Upgrade"), ION_STR("websocket")) &&
           protocols.p != NULL &&
           memmem(protocols.p, protocols.len, "derp", 4) != NULL;
}

/* Answers what is not an upgrade to DERP; true when it has. */
static bool
refuse_upgrade(
    struct ion_http_conn *c, const http1_request_t *req, ion_process_t *p)
{
    ion_str_t upgrade = http1_header(req, "Upgrade");

    if (ion_cycle_settings(p->cycle)->derp_disabled) {
        reply_text(c, 404, "derp server disabled\n", false);
    } else if (!ion_str_ieq(upgrade, ION_STR("websocket")) &&
               !ion_str_ieq(upgrade, ION_STR("derp")))
    {
        reply_text(c, 426, "DERP requires connection upgrade\n", false);
    } else if (!ion_str_eq(req->method, ION_STR("GET"))) {
        reply_text(c, 405, "an upgrade to DERP is a GET\n", true);
    } else if (req->minor != 1 || req->has_body) {
        reply_text(
            c, 400, "an upgrade to DERP is HTTP/1.1 and has no body\n", true);
    } else if (p->draining) {
        reply_text(c, 503, "this worker takes no new clients\n", true);
    } else {
        return false;
    }
    return true;
}

/* Take the stream for raw DERP. */
static void
take_raw(struct ion_http_conn *c, const http1_request_t *req,
    ion_http_taken_t *taken, derp_opening_t *opening)
{
    opening->is_fast_start =
        ion_str_eq(http1_header(req, "Derp-Fast-Start"), ION_STR("1"));
    opening->is_not_ideal = http1_header(req, "Ideal-Node").len > 0;
    ion_http_take(c, taken);
}

/* The same in a WebSocket, whose handshake is all the answer there is; false:
 * there is no stream. */
static bool
take_websocket(struct ion_http_conn *c, const http1_request_t *req,
    ion_http_taken_t *taken, derp_opening_t *opening)
{
    opening->is_websocket = true;
    opening->is_fast_start = true;
    return ion_http_websocket(c, req, "derp", taken) == ION_OK;
}

static void
on_derp(struct ion_http_conn *c, const http1_request_t *req, void *arg)
{
    ion_process_t *p = arg;
    derp_worker_t *w = derp_worker_of(p);
    derp_opening_t opening = { 0 };
    ion_http_taken_t taken;

    if (refuse_upgrade(c, req, p)) {
        return;
    }
    if (!is_websocket(req)) {
        take_raw(c, req, &taken, &opening);
    } else if (!take_websocket(c, req, &taken, &opening)) {
        return;
    }
    opening.stream = taken.stream;
    opening.rest = taken.rest;
    opening.rest_len = taken.rest_len;
    opening.peer = taken.peer;
    opening.id = taken.id;
    if (derp_session_open(w, &opening) != ION_OK) {
        ion_log_peer(&w->log, ION_LOG_WARN, 0,
            "a client could not be taken on: no memory or descriptors left");
    }
}

/* Who is asked about clients is asked by the courier. */
static uint32_t
derp_needs(const void *conf, const ion_settings_t *settings)
{
    (void)conf;
    return settings->verify_client_urls.n > 0 || settings->verify_clients ||
                   settings->derp_mesh_with.n > 0
               ? ION_ROLE_COURIER
               : 0;
}

static const ion_http_route_t derp_routes[] = {
    { "/derp", ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_ALWAYS_PLAIN,
        on_derp },
    { "/derp/probe", ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_ALWAYS_PLAIN,
        on_probe },
    { "/derp/latency-check",
        ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_ALWAYS_PLAIN, on_probe },
    { "/debug/check", ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_PORT80,
        derp_check_page },
    { "/debug/traffic", ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_PORT80,
        derp_traffic_page },
    { NULL, 0, NULL },
};

const ion_module_t derp_module = {
    .name = "derp",
    .roles = ION_ROLE_WORKER,
    .directives = derp_directives,
    .conf_size = sizeof(derp_conf_t),
    .stats = derp_stats,
    .stat_count = DERP_STAT_COUNT,
    .routes = derp_routes,
    .needs = derp_needs,
    .check = check,
    .start = derp_worker_start,
    .prepare = derp_worker_prepare,
    .commit = derp_worker_commit,
    .drain = derp_worker_drain,
    .kick = derp_kick,
    .stop = derp_worker_stop,
};
