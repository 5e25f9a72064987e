/*
 * measure.h -- a process looks at itself once a second and writes what it
 * uses into its numbers in shared memory.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_MAIN_MEASURE_H
#define ION_MAIN_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "event/loop.h"
#include "os/usage.h"
#include "shm/shm.h"

typedef struct measure {
    bool is_open;
    ion_usage_t usage;
    ion_loop_t *loop; /* back; NULL before measure_start */
    uint64_t *stats;  /* back: this process's array */
    ion_timer_t timer;
} measure_t;

/* measure_open -- open what is looked at; before the sandbox. */
void measure_open(measure_t *m);

/*
 * measure_start -- look now, which is what the process needs by itself, and
 * from now on every second.
 *
 * loop and shm are borrowed until measure_stop; slot is this process's.
 */
void measure_start(
    measure_t *m, ion_loop_t *loop, ion_shm_t *shm, uint32_t slot);

/* measure_stop -- before the loop goes; without open or start it does little
 * or nothing. */
void measure_stop(measure_t *m);

#endif
