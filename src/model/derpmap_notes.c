/*
 * derpmap_notes.c -- what was found in a DERP map document.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "model/derpmap_notes.h"

void
ion_derpnotes_init(ion_derpnotes_t *notes, ion_arena_t *arena)
{
    *notes = (ion_derpnotes_t){ .arena = arena };
}

void
ion_derpnotes_add(ion_derpnotes_t *notes, const ion_derpnote_t *note)
{
    notes->count[note->level]++;
    if (notes->kept[note->level] == ION_DERPNOTES_MAX) {
        return;
    }
    ion_derpnote_t *copy = ion_arena_alloc(notes->arena, sizeof(*copy));
    char *path = ion_arena_strdup(notes->arena, ion_str_from(note->path));
    char *msg = ion_arena_strdup(notes->arena, ion_str_from(note->msg));
    if (copy == NULL || path == NULL || msg == NULL) {
        return;
    }
    *copy = *note;
    copy->path = path;
    copy->msg = msg;
    copy->next = NULL;
    if (notes->last == NULL) {
        notes->first = copy;
    } else {
        notes->last->next = copy;
    }
    notes->last = copy;
    notes->kept[note->level]++;
}

const char *
ion_derpnote_level_name(ion_derpnote_level_t level)
{
    switch (level) {
    case ION_DERPNOTE_ERROR:
        return "error";
    case ION_DERPNOTE_DROPPED:
        return "region dropped";
    case ION_DERPNOTE_WARNING:
        return "warning";
    }
    return "note";
}
