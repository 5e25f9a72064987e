/*
 * admin_debug_worker.c -- the counters under /debug/.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "admin/admin_debug_worker.h"

#include "admin/admin_prom.h"
#include "admin/admin_stats.h"
#include "admin/admin_worker.h"
#include "doc/emit.h"

void
admin_debug_varz_worker(
    struct ion_http_conn *c, const struct http1_request *req, void *arg)
{
    if (ion_http_may_debug(c, req)) {
        admin_worker_metrics(c, req, arg);
    }
}

void
admin_debug_vars_worker(
    struct ion_http_conn *c, const struct http1_request *req, void *arg)
{
    ion_sb_t sb;
    ion_jw_t w;

    if (!ion_http_may_debug(c, req)) {
        return;
    }
    ion_sb_init(&sb, ADMIN_PROM_MAX);
    ion_jw_init(&w, &sb, 2);
    admin_stats_vars(arg, &w);
    ion_sb_addz(&sb, "\n");
    if (sb.failed) {
        ion_http_reply_text(c, 500, "no memory for the counters\n");
    } else {
        ion_http_reply(
            c, &(ion_http_reply_t){ .status = 200,
                   .content_type = ION_STR("application/json; charset=utf-8"),
                   .body = ion_sb_str(&sb) });
    }
    ion_sb_fini(&sb);
}
