/*
 * admin_worker.h -- a worker's page of counters.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_ADMIN_ADMIN_WORKER_H
#define ION_ADMIN_ADMIN_WORKER_H

#include "http/conn.h"

/*
 * admin_worker_metrics -- route handler: the instance's counters as Prometheus
 * text; arg is the ion_process_t.
 *
 * Errors: none; answers 405 and 500 itself.
 */
void admin_worker_metrics(
    struct ion_http_conn *c, const struct http1_request *req, void *arg);

#endif
