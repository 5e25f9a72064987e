/*
 * conf_notes.h -- errors and warnings found in one go.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A note is one line for a person.  At most 100 are kept; the rest is counted
 * and shown as one more line.  Without memory the count still grows, so that
 * an error is never taken for success.
 */
#ifndef ION_CORE_CONF_NOTES_H
#define ION_CORE_CONF_NOTES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/err.h"

typedef struct ion_conf_notes ion_conf_notes_t;

typedef struct {
    bool is_error; /* false: a warning */
    const char *text;
} ion_conf_note_t;

/* ion_conf_notes_new -- an empty list.  Errors: ION_NOMEM. */
ION_NODISCARD ion_err_t ion_conf_notes_new(ion_conf_notes_t **out);

/* ion_conf_notes_free -- NULL is fine. */
void ion_conf_notes_free(ion_conf_notes_t **notes);

/* ion_conf_notes_error, ion_conf_notes_warn -- add one line. */
void ion_conf_notes_error(ion_conf_notes_t *notes, const char *fmt, ...)
    ION_PRINTF(2, 3);
void ion_conf_notes_warn(ion_conf_notes_t *notes, const char *fmt, ...)
    ION_PRINTF(2, 3);

/* ion_conf_notes_count -- lines to show, for ion_conf_notes_at. */
size_t ion_conf_notes_count(const ion_conf_notes_t *notes);

/* ion_conf_notes_errors -- how many errors there were, shown or not. */
size_t ion_conf_notes_errors(const ion_conf_notes_t *notes);

/* ion_conf_notes_at -- line i in the order found; text is borrowed. */
ion_conf_note_t ion_conf_notes_at(const ion_conf_notes_t *notes, size_t i);

#endif
