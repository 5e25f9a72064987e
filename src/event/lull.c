/*
 * event/lull.c -- when a loop lets events gather before it looks again.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "event/lull.h"

#include <string.h>
#include <time.h>

static bool
are_different(const ion_lull_t *lull)
{
    for (unsigned i = 1; i < ION_LULL_WAKES; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (lull->who[i] == lull->who[k]) {
                return false;
            }
        }
    }
    return true;
}

void
ion_lull_woken(ion_lull_t *lull, const void *who, ion_mono_t now)
{
    lull->who[lull->next] = who;
    lull->at[lull->next] = now;
    lull->next = (lull->next + 1) % ION_LULL_WAKES;
    ion_mono_t oldest = lull->at[lull->next];
    lull->is_on =
        oldest != 0 && now - oldest <= ION_LULL && are_different(lull);
}

void
ion_lull_ended(ion_lull_t *lull, unsigned ready)
{
    if (ready < ION_LULL_WAKES) {
        memset(lull, 0, sizeof(*lull));
    }
}

void
ion_lull_sleep(void)
{
    struct timespec ts = { .tv_nsec = (long)ION_LULL_SLEEP };
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL); /* ending early is
                                                             no harm */
}
