/*
 * http/http_int.h -- what the files of this folder share.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A connection belongs to its server until it is dead; it is freed when the
 * turn ends. The server never looks at a dead one.
 */
#ifndef ION_HTTP_HTTP_INT_H
#define ION_HTTP_HTTP_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bucket.h"
#include "base/list.h"
#include "base/map.h"
#include "core/log.h"
#include "event/listen.h"
#include "event/loop.h"
#include "event/stream.h"
#include "http/conn.h"
#include "http/server.h"
#include "http/ws_stream.h"
#include "proto/http1.h"

#define HTTP_LISTENERS_MAX 192 /* 64 workers' three keys, if one minds all */
#define HTTP_DATE_LEN      29

/* Indices into ion_http_stats. */
enum {
    HTTP_STAT_TLS_REQUEST_12,
    HTTP_STAT_TLS_REQUEST_13,
    HTTP_STAT_TLS_ACTIVE_12,
    HTTP_STAT_TLS_ACTIVE_13,
    HTTP_STAT_ACCEPTED,
    HTTP_STAT_REJECTED,
    HTTP_STAT_HANDSHAKES_OK,
    HTTP_STAT_HANDSHAKES_FAILED,
    HTTP_STAT_HANDSHAKES_TIMEOUT,
    HTTP_STAT_REQUESTS,
    HTTP_STAT_ERRORS,
    HTTP_STAT_BOOTSTRAP_REQUESTS,
    HTTP_STAT_BOOTSTRAP_MISSES,
    HTTP_STAT_COUNT,
};

typedef enum {
    HTTP_CONN_FIRST,     /* no byte seen: TLS or plain? */
    HTTP_CONN_HANDSHAKE, /* TLS, not ready */
    HTTP_CONN_READING,   /* between requests, or in a head */
    HTTP_CONN_BODY,      /* skipping the body of a request that is answered */
    HTTP_CONN_ENDING,    /* the last reply goes out */
    HTTP_CONN_LINGER,    /* our direction is closed, theirs is read off */
    HTTP_CONN_DEAD,
} http_conn_state_t;

struct ion_http_conn {
    uint32_t magic;
    http_conn_state_t state;
    ion_http_server_t *server; /* back */
    ion_list_t link;           /* in server->conns */
    ion_list_t dirty;          /* in server->dirty while output waits */
    ion_stream_t *stream;      /* owns, until taken */
    ion_io_t io;
    ion_timer_t deadline;
    ion_task_t more; /* input is left in this process */
    ion_reap_t reap;
    ion_log_t log;
    uint64_t id;
    ion_addr_t peer;
    ion_addr_t local;
    uint32_t kind;
    bool is_tls;
    bool is_unproven; /* counted in server->unproven: no request yet */
    bool is_head;     /* of the request being answered */
    bool is_answered;
    bool wants_close; /* after the reply in progress */
    uint8_t *buf;     /* owns: input that is not used up; NULL mostly */
    size_t len;
    http1_scan_t scan;
    uint64_t body_left;
    uint64_t served;
    size_t lingered;     /* bytes read off */
    const uint8_t *rest; /* during a handler: bytes behind the head */
    size_t rest_len;
};

typedef struct http_listener {
    ion_http_server_t *server; /* back */
    ion_listener_t *listener;  /* owns */
    uint32_t kind;
} http_listener_t;

struct ion_http_server {
    ion_process_t *p; /* back */
    uint64_t *stats;  /* p->stats from the first of ours on */
    ion_http_config_t config;
    const ion_http_route_t *tables[ION_MODULE_MAX + 1];
    size_t table_count;
    http_listener_t *listeners[HTTP_LISTENERS_MAX];
    size_t listener_count;
    ion_bucket_t limiter;
    ion_list_t conns;
    size_t count;
    ion_list_t dirty;
    http_ws_set_t websockets;
    ion_map_t *unproven; /* address -> connections without a request */
    ion_loop_hook_t hook;
    uint64_t next_id;
    int64_t date_second;
    char date[HTTP_DATE_LEN + 1];
    bool is_draining;
    ion_task_t drained;
    void (*done)(void *arg);
    void *done_arg;
};

/* The built-in endpoints, ended by a NULL path. */
extern const ion_http_route_t http_endpoints[];

/*
 * http_conn_open -- begin to serve a connection; the server has checked its
 * limits. Takes stream (plain, no byte read) in any case.
 */
void http_conn_open(ion_http_server_t *server, ion_stream_t *stream,
    const ion_addr_t *peer, const ion_addr_t *local, uint32_t kind);

/* http_conn_close -- end it now; freed at the end of the turn. */
void http_conn_close(ion_http_conn_t *c);

/* http_conn_flush -- send what waits, then go on with what comes next. */
void http_conn_flush(ion_http_conn_t *c);

/* http_conn_is_idle -- served before, and nothing in progress. */
bool http_conn_is_idle(const ion_http_conn_t *c);

/*
 * http_conn_drain -- the server wants to end: an idle connection closes, one
 * that has not sent a request yet gets a few seconds for it.
 */
void http_conn_drain(ion_http_conn_t *c);

/* http_conn_write -- append to the output; ends the connection on failure. */
void http_conn_write(ion_http_conn_t *c, const void *p, size_t n);

/* http_debug_page -- /debug/, and 404 for what no module has below it. */
void http_debug_page(ion_http_conn_t *c, const http1_request_t *req, void *arg);

/* http_dispatch -- find the handler of a request and call it. */
void http_dispatch(ion_http_conn_t *c, const http1_request_t *req);

/* http_reply_refused -- answer a head that the parser refused; close. */
void http_reply_refused(ion_http_conn_t *c, int status);

/*
 * http_unproven_add -- one more connection without a request from an address.
 *
 * Errors: ION_LIMIT too many of them | ION_NOMEM.
 */
ION_NODISCARD ion_err_t http_unproven_add(
    ion_http_server_t *server, const ion_addr_t *peer);

/* http_unproven_del -- one fewer. */
void http_unproven_del(ion_http_server_t *server, const ion_addr_t *peer);

/* http_server_gone -- a connection has left the server. */
void http_server_gone(ion_http_server_t *server);

/* http_count -- one more of a counter. */
static inline void
http_count(ion_http_server_t *server, size_t stat)
{
    ion_stat_add(server->stats, stat, 1);
}

#endif
