/*
 * allow_list.h -- the keys that may use the relay, from a file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The file is one of two things.  Lines: a key as nodekey:<64 hex digits>,
 * blanks around it, a comment from # to the end of the line; empty lines do
 * not count.  Or, if its first character is {, what `tailscale status --json`
 * prints: the PublicKey of Self and of each Peer.
 */
#ifndef ION_MODEL_ALLOW_LIST_H
#define ION_MODEL_ALLOW_LIST_H

#include "base/err.h"
#include "base/str.h"
#include "crypto/keys.h"
#include "doc/tree.h"

#define ION_ALLOW_FILE_MAX ((size_t)64 * 1024 * 1024)
/* Keys of one list. */
#define ION_ALLOW_KEYS_MAX 500000u

typedef struct ion_allow_list {
    ion_key_t *keys; /* sorted, each once; owned */
    size_t count;
} ion_allow_list_t;

/*
 * ion_allow_list_parse -- read a list.
 *
 * Shape:  text borrowed.  A key of all zeroes, which a tailscaled without a
 *         login has, is skipped in JSON and wrong in a line.
 * Owns:   fills *out on ION_OK; ion_allow_list_fini.
 * Errors: ION_MALF what is wrong and where in *err | ION_LIMIT too many keys,
 *         or too long, also in *err | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_allow_list_parse(
    ion_str_t text, ion_allow_list_t *out, ion_doc_error_t *err);

/* ion_allow_list_has -- is the key in it? */
bool ion_allow_list_has(const ion_allow_list_t *list, const ion_key_t *key);

/* ion_allow_list_fini -- free what it holds; harmless on an empty one. */
void ion_allow_list_fini(ion_allow_list_t *list);

#endif
