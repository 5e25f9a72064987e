/*
 * http_rig.h -- an HTTP server on a fake clock and clients at the other ends
 * of socket pairs.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A failure of the rig itself is a panic. Routes of the rig, on the main
 * listener and always plain unless said otherwise:
 *   /echo    method, path and query as text
 *   /big     100,000 bytes
 *   /take    the stream is taken; see taken_rest
 *   /ws      a WebSocket that speaks "rig"; its stream is kept likewise
 *   /secret  as /echo, redirected to https when plain
 *   /metrics as /echo, metrics listener only
 */
#ifndef ION_TESTS_HTTP_RIG_H
#define ION_TESTS_HTTP_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/log.h"
#include "core/process.h"
#include "event/loop.h"
#include "http/conn.h"
#include "http/server.h"

#define HTTP_RIG_START ION_SEC(1000)

typedef struct http_rig {
    ion_loop_t *loop;
    ion_log_sink_t *sink;
    ion_log_t log;
    ion_process_t p;
    uint64_t stats[32];
    ion_http_server_t *server;
    unsigned taken;         /* streams taken so far */
    ion_stream_t *stream;   /* the last one; owned by the rig */
    ion_http_taken_t facts; /* about it; its rest is not valid any more */
    char taken_rest[4096];  /* bytes behind the head, NUL-terminated */
    unsigned drained;       /* calls of done() */
} http_rig_t;

typedef struct http_rig_client {
    http_rig_t *rig;
    int fd;
    char in[262144]; /* what came, NUL-terminated */
    size_t in_len;
    bool is_closed; /* the server has ended its direction */
} http_rig_client_t;

/* http_rig_init -- takes *config; NULL for the defaults. */
void http_rig_init(http_rig_t *rig, ion_http_config_t *config);
void http_rig_fini(http_rig_t *rig);

/* http_rig_connect -- kind and the peer's address as the server sees them. */
void http_rig_connect(
    http_rig_t *rig, http_rig_client_t *c, uint32_t kind, const char *peer);
void http_rig_close(http_rig_client_t *c);

/* http_rig_send -- bytes to the server; no turn is taken. */
void http_rig_send(http_rig_client_t *c, const char *p, size_t n);

/* http_rig_settle -- turns until nothing moves; collects what came. */
void http_rig_settle(http_rig_client_t *c);

/* http_rig_advance -- let time pass, then collect. */
void http_rig_advance(http_rig_client_t *c, uint64_t ns);

/* http_rig_ask -- send text, settle, return what came since the last ask. */
const char *http_rig_ask(http_rig_client_t *c, const char *text);

/* http_rig_stat -- a counter by name and labels (NULL = none). */
uint64_t http_rig_stat(
    const http_rig_t *rig, const char *name, const char *labels);

/* http_rig_drain -- ion_http_server_drain, counted in rig->drained. */
void http_rig_drain(http_rig_t *rig);

#endif
