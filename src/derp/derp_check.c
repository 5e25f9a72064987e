/*
 * derp_check.c -- is the directory of clients what the workers know?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Our own connections change only when we change them, so that comparison is
 * exact.  The others' change while we look: what came and went meanwhile is
 * allowed for, and a difference must show up several times.
 */
#include "derp/derp_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/module.h"
#include "derp/derp_relay.h"
#include "derp/derp_worker.h"
#include "http/conn.h"

#define LOOKS        5
#define PROBLEMS_MAX ((size_t)16384)
#define LINES_MAX    50u /* of problems; more are counted only */

typedef struct check {
    const derp_worker_t *w;
    ion_sb_t *sb;
    uint32_t count;
} check_t;

static void ION_PRINTF(2, 3) problem(check_t *check, const char *fmt, ...)
{
    ion_errtext_t text;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text.msg, sizeof(text.msg), fmt, ap);
    va_end(ap);
    if (check->count++ < LINES_MAX) {
        ion_sb_addf(check->sb, "%s\n", text.msg);
    }
}

/* A row that says it is ours. */
static void
check_row(check_t *check, const ion_dir_row_t *row)
{
    const derp_session_t *s = derp_relay_session(check->w, row->conn);
    char key[ION_KEY_SHORT_LEN];

    ion_key_short(&row->key, key);
    if (s == NULL) {
        problem(check,
            "%s: in the directory, but this worker has no such connection",
            key);
    } else if (!ion_key_eq(&s->st.key, &row->key)) {
        problem(check,
            "%s: in the directory, but the connection has another key", key);
    }
}

static void
check_session(check_t *check, const derp_session_t *s)
{
    ion_dir_hit_t hit;
    char key[ION_KEY_SHORT_LEN];

    if (ion_dir_lookup(check->w->shm, &s->st.key, &hit) != ION_OK) {
        ion_key_short(&s->st.key, key);
        problem(
            check, "%s: connected, but the directory does not find it", key);
    }
}

static void
check_own(check_t *check)
{
    const derp_worker_t *w = check->w;
    uint64_t gauge = ion_stats_get(w->shm, w->p->slot,
        ion_module_stat_base(w->self) + DERP_STAT_CONNECTIONS);
    uint64_t pos = 0;
    uint64_t rows = 0;
    uint64_t sessions = 0;
    ion_dir_row_t row;

    while (ion_dir_next(w->shm, &pos, &row)) {
        if (row.conn.slot == w->p->slot && (row.flags & ION_DIR_FORWARDER) == 0)
        {
            rows++;
            check_row(check, &row);
        }
    }
    ION_LIST_FOREACH(it, &w->all) {
        const derp_session_t *s =
            ION_CONTAINER_OF(it, const derp_session_t, link);

        if (s->phase == DERP_PHASE_LIVE) {
            sessions++;
            check_session(check, s);
        }
    }
    if (rows != sessions || gauge != sessions) {
        problem(check,
            "this worker has %" PRIu64 " clients, its gauge says %" PRIu64
            ", the directory has %" PRIu64 " of them",
            sessions, gauge, rows);
    }
}

static uint64_t
all_rows(const derp_worker_t *w)
{
    ion_dir_row_t row;
    uint64_t pos = 0;
    uint64_t rows = 0;

    while (ion_dir_next(w->shm, &pos, &row)) {
        rows += (row.flags & ION_DIR_FORWARDER) == 0 ? 1 : 0;
    }
    return rows;
}

static uint64_t
sum(const derp_worker_t *w, size_t stat)
{
    return ion_stats_sum(w->shm, ion_module_stat_base(w->self) + stat);
}

static void
check_all(check_t *check)
{
    const derp_worker_t *w = check->w;
    uint64_t gauge = 0;
    uint64_t rows = 0;

    for (int look = 0; look < LOOKS; look++) {
        uint64_t logins = sum(w, DERP_STAT_LOGIN_OK);
        uint64_t came, went, after;

        gauge = sum(w, DERP_STAT_CONNECTIONS);
        rows = all_rows(w);
        after = sum(w, DERP_STAT_CONNECTIONS);
        came = sum(w, DERP_STAT_LOGIN_OK) - logins;
        went = gauge + came - after;
        if (rows <= gauge + came && gauge <= rows + went) {
            return;
        }
    }
    problem(check,
        "all workers together have %" PRIu64 " clients, the directory has "
        "%" PRIu64,
        gauge, rows);
}

uint32_t
derp_check(const derp_worker_t *w, ion_sb_t *problems)
{
    check_t check = { w, problems, 0 };

    check_own(&check);
    check_all(&check);
    return check.count;
}

void
derp_check_page(
    struct ion_http_conn *c, const struct http1_request *req, void *arg)
{
    const derp_worker_t *w = derp_worker_of(arg);
    ion_sb_t sb;

    if (!ion_http_may_debug(c, req)) {
        return;
    }
    ion_sb_init(&sb, PROBLEMS_MAX);
    if (derp_check(w, &sb) == 0) {
        ion_http_reply_text(c, 200, "derp.Server ConsistencyCheck okay\n");
    } else {
        ion_http_reply_text(c, 500, sb.failed ? "many problems\n" : sb.p);
    }
    ion_sb_fini(&sb);
}
