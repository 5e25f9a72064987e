/*
 * admin_module.c -- administration as a module: the control socket in the
 * keeper, the page of counters in every worker.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The addresses are general settings (control_socket, metrics_listen_addr),
 * because the master binds them; there are no keys of the module's own.
 */
#include "admin/admin_debug_worker.h"
#include "admin/admin_keeper.h"
#include "admin/admin_worker.h"
#include "core/module.h"

/* On metrics_listen_addr for everybody who reaches it; elsewhere under /debug/
 * for those who may look inside. */
static const ion_http_route_t admin_routes[] = {
    { "/metrics", ION_ROUTE_EXACT | ION_ROUTE_METRICS | ION_ROUTE_ALWAYS_PLAIN,
        admin_worker_metrics },
    { "/debug/varz",
        ION_ROUTE_EXACT | ION_ROUTE_METRICS | ION_ROUTE_ALWAYS_PLAIN,
        admin_worker_metrics },
    { "/debug/varz", ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_PORT80,
        admin_debug_varz_worker },
    { "/debug/vars", ION_ROUTE_EXACT | ION_ROUTE_MAIN | ION_ROUTE_PORT80,
        admin_debug_vars_worker },
    { NULL, 0, NULL },
};

const ion_module_t admin_module = {
    .name = "admin",
    .roles = ION_ROLE_KEEPER,
    .routes = admin_routes,
    .start = admin_keeper_start,
    .drain = admin_keeper_drain,
    .stop = admin_keeper_stop,
};
