/*
 * rng.h -- randomness from the kernel.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * No state in the process, so that a fork can never repeat a nonce.
 */

#ifndef ION_BASE_RNG_H
#define ION_BASE_RNG_H

#include "base/base.h"

/*
 * ion_random -- n bytes fit for keys and nonces.
 *
 * Errors: none; a kernel that gives no randomness is a panic.
 */
void ion_random(void *p, size_t n);

/*
 * ion_random_u32 -- one number, uniform over 32 bits.
 *
 * Errors: none, as above.
 */
uint32_t ion_random_u32(void);

#endif
