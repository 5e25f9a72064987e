/*
 * admin_debug_worker.h -- the counters under /debug/.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_ADMIN_ADMIN_DEBUG_WORKER_H
#define ION_ADMIN_ADMIN_DEBUG_WORKER_H

#include "http/conn.h"

/*
 * admin_debug_varz_worker, admin_debug_vars_worker -- Prometheus text, and
 * JSON in the form of expvar, for those who may look inside.
 *
 * Errors: 403, 405 for whom it is not; 500 without memory.
 */
void admin_debug_varz_worker(
    struct ion_http_conn *c, const struct http1_request *req, void *arg);
void admin_debug_vars_worker(
    struct ion_http_conn *c, const struct http1_request *req, void *arg);

#endif
