/*
 * derp_kick.h -- an operator ends the connections of a client.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_DERP_DERP_KICK_H
#define ION_DERP_DERP_KICK_H

#include <stdint.h>

#include "core/process.h"

/*
 * derp_kick -- close every session of this worker that has the key; the
 * module's callback, see core/module.h.
 *
 * Errors: none; often this worker has none.
 */
void derp_kick(ion_process_t *p, uint32_t self, const uint8_t key[32]);

#endif
