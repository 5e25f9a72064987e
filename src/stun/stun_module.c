/*
 * stun_module.c -- the STUN server as a module: its counters and callbacks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The address is one of the general settings (stun_listen_addr), because the
 * master binds it; there are no keys of the module's own.
 */
#include "core/module.h"
#include "stun/stun_worker.h"

static const ion_stat_desc_t stun_stats[] = {
    [STUN_STAT_SUCCESS] = { "stun_requests", "disposition=\"success\"",
        ION_STAT_COUNTER,
        "Datagrams to the STUN port by what became of them." },
    [STUN_STAT_NOT_STUN] = { "stun_requests", "disposition=\"not_stun\"",
        ION_STAT_COUNTER, NULL },
    [STUN_STAT_READ_ERROR] = { "stun_requests", "disposition=\"read_error\"",
        ION_STAT_COUNTER, NULL },
    [STUN_STAT_WRITE_ERROR] = { "stun_requests", "disposition=\"write_error\"",
        ION_STAT_COUNTER, NULL },
    [STUN_STAT_IPV4] = { "stun_addrfamily", "family=\"ipv4\"", ION_STAT_COUNTER,
        "Valid STUN requests by address family." },
    [STUN_STAT_IPV6] = { "stun_addrfamily", "family=\"ipv6\"", ION_STAT_COUNTER,
        NULL },
};

ION_STATIC_ASSERT(
    ION_ARRAY_LEN(stun_stats) == STUN_STAT_COUNT, "every counter is described");

const ion_module_t stun_module = {
    .name = "stun",
    .roles = ION_ROLE_WORKER,
    .stats = stun_stats,
    .stat_count = STUN_STAT_COUNT,
    .start = stun_worker_start,
    .prepare = stun_worker_prepare,
    .commit = stun_worker_commit,
    .abort = stun_worker_abort,
    .drain = stun_worker_drain,
    .stop = stun_worker_stop,
};
