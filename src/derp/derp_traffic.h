/*
 * derp_traffic.h -- who has traffic, as lines without an end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_DERP_DERP_TRAFFIC_H
#define ION_DERP_DERP_TRAFFIC_H

struct derp_worker;
struct http1_request;
struct ion_http_conn;

/*
 * derp_traffic_page -- route handler: each 2 seconds a line of JSON for every
 * connection of the instance whose byte counters have grown, and an empty
 * line; until the viewer ends the connection or does not read for 30 s.
 *
 * Errors: 403, 405 for whom it is not; 503 for the fifth viewer of a worker.
 */
void derp_traffic_page(
    struct ion_http_conn *c, const struct http1_request *req, void *arg);

/* derp_traffic_close -- end all viewers of this worker.  Errors: none. */
void derp_traffic_close(struct derp_worker *w);

#endif
