/*
 * process.c -- looking things up in a cycle.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/process.h"

#include <string.h>

const ion_blob_t *
ion_cycle_blob(const ion_cycle_t *cycle, const char *name)
{
    for (size_t i = 0; i < cycle->blob_count; i++) {
        if (strcmp(cycle->blobs[i].name, name) == 0) {
            return &cycle->blobs[i];
        }
    }
    return NULL;
}

const char *
ion_role_word(uint32_t role)
{
    switch (role) {
    case ION_ROLE_MASTER:
        return "master";
    case ION_ROLE_KEEPER:
        return "keeper";
    case ION_ROLE_COURIER:
        return "courier";
    default:
        return "worker";
    }
}

const ion_settings_t *
ion_cycle_settings(const ion_cycle_t *cycle)
{
    return ion_conf_settings(cycle->conf);
}

const void *
ion_cycle_module(const ion_cycle_t *cycle, uint32_t module)
{
    return ion_conf_module(cycle->conf, module);
}
