/*
 * client/probe_int.h -- what the files of the probe share.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_CLIENT_PROBE_INT_H
#define ION_CLIENT_PROBE_INT_H

#include "client/probe.h"
#include "event/loop.h"

typedef struct probe {
    const ion_probe_config_t *conf;
    ion_probe_result_t *result;
    ion_loop_t *loop;
    ion_timer_t timer;
    bool is_late;
} probe_t;

/* probe_note -- one more check; ms negative = nothing to measure. */
void probe_note(probe_t *p, const char *name, ion_probe_state_t state,
    double ms, const char *fmt, ...) ION_PRINTF(5, 6);

/* probe_wait -- turn the loop until *done; false after ms. */
bool probe_wait(probe_t *p, const bool *done, int64_t ms);

/* probe_address -- the first address of a family (4, 6), or NULL. */
const ion_addr_t *probe_address(const probe_t *p, uint8_t family);

/* probe_stun -- the checks "stun4" and "stun6". */
void probe_stun(probe_t *p);

/* probe_relay -- all other checks. */
void probe_relay(probe_t *p);

#endif
