/*
 * admin_request.h -- what a client of the control socket asks for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Pure: text in, struct out.  Whoever may open the socket may administer, but
 * a mistake of theirs must not do more than end their connection.
 */
#ifndef ION_ADMIN_ADMIN_REQUEST_H
#define ION_ADMIN_ADMIN_REQUEST_H

#include <stddef.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/err.h"
#include "doc/tree.h"

enum {
    ADMIN_REQUEST_MAX = 65536, /* payload bytes; no command needs more */
    ADMIN_REQUEST_ARENA = 1048576,
    ADMIN_COMMAND_MAX = 64,
};

typedef struct admin_request {
    ion_str_t cmd; /* printable ASCII, 1 .. ADMIN_COMMAND_MAX bytes */
    const ion_doc_node_t *args; /* a map, or NULL */
} admin_request_t;

/*
 * admin_request_parse -- read {"cmd": "...", "args": {...}}.
 *
 * Shape:  args may be missing or null; no other key.
 * Owns:   what *out points to is the arena's.
 * Errors: ION_MALF anything else | ION_NOMEM, with *why (may be NULL).
 */
ION_NODISCARD ion_err_t admin_request_parse(ion_arena_t *arena,
    ion_str_t payload, admin_request_t *out, ion_errtext_t *why);

#endif
