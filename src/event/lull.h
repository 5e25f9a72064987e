/*
 * event/lull.h -- when a loop lets events gather before it looks again.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Being woken costs more than serving a packet. A loop that is woken by one
 * descriptor after the other, faster than ION_LULL_WAKES in the length of a
 * lull, sleeps for that long instead and finds them all at once. One busy
 * descriptor is no reason: its peer may be waiting for each answer.
 */
#ifndef ION_EVENT_LULL_H
#define ION_EVENT_LULL_H

#include <stdbool.h>

#include "base/base.h"

#define ION_LULL_WAKES 4u

/* The length, and what is asked of the kernel, which adds up to 50 us. */
#define ION_LULL       (ION_MS(1) / 4)
#define ION_LULL_SLEEP (ION_LULL - ION_MS(1) / 20)

/* Zero is a valid beginning. */
typedef struct ion_lull {
    const void *who[ION_LULL_WAKES]; /* the last ones that woke the loop */
    ion_mono_t at[ION_LULL_WAKES];
    unsigned next;
    bool is_on;
} ion_lull_t;

/*
 * ion_lull_woken -- note that `who` ended a wait at `now`.
 *
 * Shape:  who is compared only; now in ns, never going back.
 * Errors: none.
 */
void ion_lull_woken(ion_lull_t *lull, const void *who, ion_mono_t now);

/* ion_lull_ended -- note how many descriptors were ready after a lull; fewer
 * than ION_LULL_WAKES, and the next wait is an ordinary one. Errors: none. */
void ion_lull_ended(ion_lull_t *lull, unsigned ready);

/* ion_lull_sleep -- sleep for the length of a lull, or until a signal comes.
 * Errors: none. */
void ion_lull_sleep(void);

#endif
