/*
 * rng.c -- randomness from the kernel.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "base/rng.h"

#include <errno.h>
#include <sys/random.h>

#include "base/assert.h"

void
ion_random(void *p, size_t n)
{
    uint8_t *to = p;
    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ION_ASSERT(got > 0);
        to += got;
        n -= (size_t)got;
    }
}

uint32_t
ion_random_u32(void)
{
    uint32_t v;
    ion_random(&v, sizeof(v));
    return v;
}
