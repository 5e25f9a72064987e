/*
 * derp_check.h -- is the directory of clients what the workers know?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_DERP_DERP_CHECK_H
#define ION_DERP_DERP_CHECK_H

#include <stdint.h>

#include "base/str.h"

struct derp_worker;
struct http1_request;
struct ion_http_conn;

/*
 * derp_check -- compare what this worker knows with the directory, and the
 * directory with the counters of all workers.
 *
 * Shape:  appends a line for each problem; returns how many there are.
 * Errors: none.
 */
uint32_t derp_check(const struct derp_worker *w, ion_sb_t *problems);

/*
 * derp_check_page -- route handler: 200 with one line, or 500 with problems.
 *
 * Errors: 403, 405 for whom it is not.
 */
void derp_check_page(
    struct ion_http_conn *c, const struct http1_request *req, void *arg);

#endif
