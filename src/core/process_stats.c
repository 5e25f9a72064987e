/*
 * process_stats.c -- names of what each process uses.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/process_stats.h"

#define SHARE(word, of_, type, help)                                           \
    {                                                                          \
        "ionscale_worker_" word, of_, type, help                               \
    }
#define SHARE_BASE(word)                                                       \
    {                                                                          \
        "ionscale_worker_" word "_before", NULL, ION_STAT_GAUGE,               \
            "Counted by earlier owners of the slot."                           \
    }

const ion_process_share_t ion_process_shares[ION_PROCESS_SHARE_COUNT] = {
    SHARE("connections", "derp_current_connections", ION_STAT_GAUGE,
        "Clients by worker."),
    SHARE("packets_received", "derp_packets_received", ION_STAT_COUNTER,
        "Packets from clients by worker."),
    SHARE("packets_sent", "derp_packets_sent", ION_STAT_COUNTER,
        "Packets to clients by worker."),
    SHARE("bytes_received", "derp_bytes_received", ION_STAT_COUNTER,
        "Payload bytes of packets from clients by worker."),
    SHARE("bytes_sent", "derp_bytes_sent", ION_STAT_COUNTER,
        "Payload bytes of packets to clients by worker."),
    SHARE("packets_dropped", "derp_packets_dropped", ION_STAT_COUNTER,
        "Packets that did not reach a client, by worker."),
};

const ion_stat_desc_t ion_process_stats[] = {
    { "ionscale_process_open_fds", NULL, ION_STAT_GAUGE,
        "Open descriptors by process." },
    { "ionscale_process_max_fds", NULL, ION_STAT_GAUGE,
        "The limit on open descriptors by process." },
    { "ionscale_process_resident_bytes", NULL, ION_STAT_GAUGE,
        "Memory in use by process; shared memory counts in each that touched "
        "it." },
    { "ionscale_process_cpu_seconds", NULL, ION_STAT_GAUGE,
        "User and system time by process." },
    { "ionscale_process_start_resident_bytes", NULL, ION_STAT_GAUGE,
        "Memory in use by process when it had started." },
    SHARE_BASE("connections"),
    SHARE_BASE("packets_received"),
    SHARE_BASE("packets_sent"),
    SHARE_BASE("bytes_received"),
    SHARE_BASE("bytes_sent"),
    SHARE_BASE("packets_dropped"),
};

ION_STATIC_ASSERT(ION_ARRAY_LEN(ion_process_stats) == ION_PROCESS_STAT_COUNT,
    "one name for each number");
