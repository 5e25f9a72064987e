/*
 * derp_kick.c -- an operator ends the connections of a client.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * It may come back at once: who shall not come in has to be refused at login.
 */
#include "derp/derp_kick.h"

#include <string.h>

#include "derp/derp_relay.h"
#include "derp/derp_worker.h"

void
derp_kick(ion_process_t *p, uint32_t self, const uint8_t key[32])
{
    ion_key_t wanted;

    memcpy(wanted.b, key, sizeof(wanted.b));
    (void)derp_relay_close_key(
        p->module_data[self], &wanted, "kicked by a command");
}
