/*
 * admin_list.h -- rows of `ionscale derp list`, a piece at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * 100,000 clients are 40 MB of text: nobody holds them all.  The cursor is a
 * number, so a list can be left and taken up again between turns.
 */
#ifndef ION_ADMIN_ADMIN_LIST_H
#define ION_ADMIN_ADMIN_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/process.h"
#include "doc/emit.h"

enum {
    ADMIN_LIST_ROWS = 1000, /* a piece; fits ADMIN_MAX_PAYLOAD */
};

/*
 * admin_list_write -- write the next piece as an array.
 *
 * Shape:  *cursor = 0 to begin.  Returns false when this was the last piece.
 * Errors: the builder's failed flag.
 */
bool admin_list_write(const ion_process_t *p, uint64_t *cursor, ion_jw_t *w);

#endif
