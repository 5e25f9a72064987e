/*
 * admin_worker.c -- a worker's page of counters.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any worker may be asked: the numbers of all processes lie in shared memory.
 */
#include "admin/admin_worker.h"

#include "admin/admin_prom.h"
#include "proto/http1.h"

void
admin_worker_metrics(
    struct ion_http_conn *c, const struct http1_request *req, void *arg)
{
    const ion_process_t *p = arg;
    ion_sb_t sb;

    if (!ion_str_eq(req->method, ION_STR("GET")) &&
        !ion_str_eq(req->method, ION_STR("HEAD")))
    {
        ion_http_reply(
            c, &(ion_http_reply_t){ .status = 405,
                   .extra_headers = ION_STR("Allow: GET, HEAD\r\n") });
        return;
    }
    ion_sb_init(&sb, ADMIN_PROM_MAX);
    admin_prom_write(p, &sb);
    if (sb.failed) {
        ion_http_reply_text(c, 500, "no memory for the counters\n");
    } else {
        ion_http_reply(c, &(ion_http_reply_t){ .status = 200,
                              .content_type = ION_STR(ADMIN_PROM_TYPE),
                              .body = ion_sb_str(&sb) });
    }
    ion_sb_fini(&sb);
}
