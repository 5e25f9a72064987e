/*
 * http/route.h -- which handler answers which path on which listener.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A module publishes a const table of routes. An exact path wins over a
 * prefix, a longer prefix over a shorter one. A prefix ends with '/' and
 * matches everything below it.
 */
#ifndef ION_HTTP_ROUTE_H
#define ION_HTTP_ROUTE_H

#include <stdint.h>

#include "base/str.h"

struct ion_http_conn;
struct http1_request;

#define ION_ROUTE_EXACT        0x01u
#define ION_ROUTE_PREFIX       0x02u
#define ION_ROUTE_MAIN         0x04u /* on listen_addr */
#define ION_ROUTE_PORT80       0x08u /* on http_listen_addr */
#define ION_ROUTE_METRICS      0x10u /* on metrics_listen_addr */
#define ION_ROUTE_ALWAYS_PLAIN 0x20u /* force_https does not redirect it */

/*
 * A handler answers with exactly one of ion_http_reply and ion_http_take
 * before it returns. req is valid until then.
 */
typedef struct ion_http_route {
    const char *path; /* NULL ends a table */
    uint32_t flags;
    void (*handler)(struct ion_http_conn *c, const struct http1_request *req,
        void *arg); /* arg: ion_process_t *, as given to the server */
} ion_http_route_t;

/*
 * ion_http_route_find -- the best route of one table.
 *
 * Shape:  kind is one of ION_ROUTE_MAIN, _PORT80, _METRICS; path is decoded.
 *         best may be NULL, or a route of another table that must be beaten.
 * Errors: none; NULL when nothing matches.
 */
const ion_http_route_t *ion_http_route_find(const ion_http_route_t *table,
    uint32_t kind, ion_str_t path, const ion_http_route_t *best);

#endif
