/*
 * conf_notes.c -- errors and warnings found in one go.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A note may quote a file's text and goes to terminals: control bytes are
 * replaced.
 */
#include "core/conf_notes.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf_int.h"

#define NOTES_MAX 100
#define NOTE_LEN  512

typedef struct {
    bool is_error;
    uint64_t order; /* document and position; equal ones keep their order */
    size_t seq;
    char *text;
} note_t;

struct ion_conf_notes {
    size_t count;
    size_t total; /* with those that were not kept */
    size_t errors;
    char more[64]; /* the line that counts the rest */
    note_t v[NOTES_MAX];
};

ion_err_t
ion_conf_notes_new(ion_conf_notes_t **out)
{
    *out = calloc(1, sizeof(**out));
    return *out == NULL ? ION_NOMEM : ION_OK;
}

void
ion_conf_notes_free(ion_conf_notes_t **np)
{
    ion_conf_notes_t *notes = *np;

    *np = NULL;
    if (notes == NULL) {
        return;
    }
    for (size_t i = 0; i < notes->count; i++) {
        free(notes->v[i].text);
    }
    free(notes);
}

bool
conf_notes_full(const ion_conf_notes_t *notes)
{
    return notes->count >= NOTES_MAX;
}

void
conf_notes_add_at(ion_conf_notes_t *notes, bool is_error, uint64_t order,
    const char *fmt, va_list ap)
{
    char text[NOTE_LEN];
    char *copy;

    notes->total++;
    notes->errors += is_error ? 1 : 0;
    if (!conf_notes_full(notes) &&
        vsnprintf(text, sizeof(text), fmt, ap) >= 0 &&
        (copy = strdup(text)) != NULL)
    {
        for (char *c = copy; *c != '\0'; c++) {
            if ((unsigned char)*c < 0x20 || *c == 0x7f) {
                *c = '?';
            }
        }
        notes->v[notes->count] = (note_t){
            .is_error = is_error,
            .order = order,
            .seq = notes->count,
            .text = copy,
        };
        notes->count++;
    }
    (void)snprintf(notes->more, sizeof(notes->more), "%zu more",
        notes->total - notes->count);
}

void
ion_conf_notes_error(ion_conf_notes_t *notes, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    conf_notes_add_at(notes, true, UINT64_MAX, fmt, ap);
    va_end(ap);
}

void
ion_conf_notes_warn(ion_conf_notes_t *notes, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    conf_notes_add_at(notes, false, UINT64_MAX, fmt, ap);
    va_end(ap);
}

static int
by_order(const void *a, const void *b)
{
    const note_t *x = a;
    const note_t *y = b;

    if (x->order != y->order) {
        return x->order < y->order ? -1 : 1;
    }
    return x->seq < y->seq ? -1 : x->seq > y->seq ? 1 : 0;
}

void
conf_notes_sort(ion_conf_notes_t *notes)
{
    qsort(notes->v, notes->count, sizeof(notes->v[0]), by_order);
}

size_t
ion_conf_notes_count(const ion_conf_notes_t *notes)
{
    return notes->count + (notes->total > notes->count ? 1 : 0);
}

size_t
ion_conf_notes_errors(const ion_conf_notes_t *notes)
{
    return notes->errors;
}

ion_conf_note_t
ion_conf_notes_at(const ion_conf_notes_t *notes, size_t i)
{
    if (i < notes->count) {
        return (ion_conf_note_t){ notes->v[i].is_error, notes->v[i].text };
    }
    return (ion_conf_note_t){ notes->errors > 0, notes->more };
}
