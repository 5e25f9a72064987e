/*
 * links.c -- rows of text and numbers under a version each.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "shm/links.h"

#include <string.h>

#include "base/assert.h"
#include "shm/atom.h"
#include "shm/shm_int.h"

#define TRIES 8

ION_STATIC_ASSERT(ION_LINKS_TEXT % sizeof(uint64_t) == 0, "text is words");

static void
store_text(_Atomic uint64_t words[SHM_LINK_WORDS], const char *text)
{
    uint64_t w[SHM_LINK_WORDS] = { 0 };
    memcpy(w, text, strnlen(text, ION_LINKS_TEXT - 1));
    for (size_t i = 0; i < SHM_LINK_WORDS; i++) {
        SHM_STORE_RLX(&words[i], w[i]);
    }
}

static void
load_text(const _Atomic uint64_t words[SHM_LINK_WORDS], char *text)
{
    uint64_t w[SHM_LINK_WORDS];
    for (size_t i = 0; i < SHM_LINK_WORDS; i++) {
        w[i] = SHM_LOAD_RLX(&words[i]);
    }
    memcpy(text, w, ION_LINKS_TEXT);
    text[ION_LINKS_TEXT - 1] = '\0';
}

static void
write_row(shm_link_t *link, const ion_link_row_t *row)
{
    uint32_t version = SHM_LOAD_RLX(&link->version) | 1u;
    SHM_STORE_RLX(&link->version, version);
    SHM_FENCE_REL();
    SHM_STORE_RLX(&link->state, (uint32_t)row->state);
    SHM_STORE_RLX(&link->since_ms, row->since_ms);
    SHM_STORE_RLX(&link->keys, row->keys);
    SHM_STORE_RLX(&link->packets, row->packets);
    store_text(link->target, row->target);
    store_text(link->why, row->why);
    SHM_STORE_REL(&link->version, version + 1);
}

void
ion_links_set(ion_shm_t *shm, uint32_t n, const ion_link_row_t *row)
{
    static const ion_link_row_t none = { .state = ION_LINK_NONE };
    ION_ASSERT(shm->role == ION_SLOT_WORKER && n < ION_LINKS_MAX);
    write_row(&shm_block(shm, shm->slot)->links[n], row == NULL ? &none : row);
}

bool
ion_links_get(
    const ion_shm_t *shm, uint32_t slot, uint32_t n, ion_link_row_t *out)
{
    ION_ASSERT(slot < shm->worker_slots && n < ION_LINKS_MAX);
    const shm_link_t *link = &shm_block(shm, slot)->links[n];
    for (int tries = 0; tries < TRIES; tries++) {
        uint32_t version = SHM_LOAD_ACQ(&link->version);
        if ((version & 1) != 0) {
            continue;
        }
        out->state = (ion_link_state_t)SHM_LOAD_RLX(&link->state);
        out->since_ms = SHM_LOAD_RLX(&link->since_ms);
        out->keys = SHM_LOAD_RLX(&link->keys);
        out->packets = SHM_LOAD_RLX(&link->packets);
        load_text(link->target, out->target);
        load_text(link->why, out->why);
        SHM_FENCE_ACQ();
        if (SHM_LOAD_RLX(&link->version) == version) {
            return out->state != ION_LINK_NONE;
        }
    }
    return false;
}

void
ion_links_clear(ion_shm_t *shm, uint32_t slot)
{
    static const ion_link_row_t none = { .state = ION_LINK_NONE };
    ION_ASSERT(shm->role == ION_SLOT_MASTER && slot < shm->worker_slots);
    for (uint32_t n = 0; n < ION_LINKS_MAX; n++) {
        shm_link_t *link = &shm_block(shm, slot)->links[n];
        if (SHM_LOAD_RLX(&link->version) != 0) {
            write_row(link, &none);
        }
    }
}
