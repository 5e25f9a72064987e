/*
 * http/http_part.c -- the HTTP layer's life in a worker.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A reload prepares the next configuration (certificates are loaded here, so
 * this is where they are refused) and commits it together with the change of
 * sockets. A socket that the next cycle no longer has is drained before
 * src/main closes it.
 */
#include <stdlib.h>

#include "http/http_int.h"

typedef struct http_part {
    ion_process_t *p; /* back */
    uint32_t self;
    ion_http_server_t *server;
    ion_http_config_t next; /* between prepare and commit or abort */
} http_part_t;

static void
part_free(http_part_t *part)
{
    ion_http_server_free(&part->server);
    ion_http_config_fini(&part->next);
    part->p->module_data[part->self] = NULL;
    free(part);
}

static ion_err_t
start_server(http_part_t *part, ion_errtext_t *err)
{
    ion_process_t *p = part->p;
    ion_err_t rc = ion_http_config_from(p->cycle, &part->next, err);
    if (rc == ION_OK) {
        rc = ion_http_server_new(
            p, ion_module_stat_base(part->self), &part->next, &part->server);
    }
    for (uint32_t i = 0; rc == ION_OK && i < ion_module_count; i++) {
        if (ion_modules[i]->routes != NULL) {
            rc = ion_http_server_routes(part->server, ion_modules[i]->routes);
        }
    }
    return rc == ION_OK ? ion_http_server_sync(part->server, p->cycle, err)
                        : rc;
}

static ion_err_t
http_start(ion_process_t *p, uint32_t self, ion_errtext_t *err)
{
    http_part_t *part = calloc(1, sizeof(*part));
    if (part == NULL) {
        return ION_NOMEM;
    }
    part->p = p;
    part->self = self;
    p->module_data[self] = part;
    ion_err_t rc = start_server(part, err);
    if (rc != ION_OK) {
        part_free(part);
    }
    return rc;
}

static ion_err_t
http_prepare(ion_process_t *p, uint32_t self, const ion_cycle_t *next,
    ion_errtext_t *err)
{
    http_part_t *part = p->module_data[self];
    return ion_http_config_from(next, &part->next, err);
}

static void
http_commit(ion_process_t *p, uint32_t self)
{
    http_part_t *part = p->module_data[self];
    ion_errtext_t err;
    ion_http_server_swap(part->server, &part->next);
    if (ion_http_server_sync(part->server, p->cycle, &err) != ION_OK) {
        ion_log(p->log, ION_LOG_ALERT, 0, "%s", err.msg);
    }
}

static void
http_abort(ion_process_t *p, uint32_t self)
{
    http_part_t *part = p->module_data[self];
    ion_http_config_fini(&part->next);
}

static void
on_drained(void *arg)
{
    http_part_t *part = arg;
    part->p->idle(part->p, part->self);
}

static void
http_drain(ion_process_t *p, uint32_t self)
{
    http_part_t *part = p->module_data[self];
    ion_http_server_drain(part->server, on_drained, part);
}

static void
http_stop(ion_process_t *p, uint32_t self)
{
    http_part_t *part = p->module_data[self];
    if (part != NULL) {
        part_free(part);
    }
}

const ion_module_t ion_http_part = {
    .name = "http",
    .roles = ION_ROLE_WORKER,
    .stats = ion_http_stats,
    .stat_count = HTTP_STAT_COUNT,
    .start = http_start,
    .prepare = http_prepare,
    .commit = http_commit,
    .abort = http_abort,
    .drain = http_drain,
    .stop = http_stop,
};
