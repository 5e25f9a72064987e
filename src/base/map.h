/*
 * map.h -- hash map from fixed-length byte keys to pointers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Open addressing with keys kept inline, hashed by SipHash-1-3 under a secret
 * seed, because peers choose the keys. Values are pointers other than NULL
 * and belong to the caller.
 */

#ifndef ION_BASE_MAP_H
#define ION_BASE_MAP_H

#include "base/base.h"
#include "base/err.h"

typedef struct ion_map ion_map_t;

/*
 * ion_siphash13 -- SipHash-1-3 of n bytes under a 16-byte key.
 *
 * Errors: none.
 */
uint64_t ion_siphash13(const uint8_t key[16], const void *p, size_t n);

/*
 * ion_map_new -- an empty map that grows as needed.
 *
 * Shape:  keys have key_len bytes (1..1024); there is room for cap_hint
 *         entries without growing; seed is copied.
 * Owns:   gives *out; ion_map_free.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_map_new(
    size_t key_len, size_t cap_hint, const uint8_t seed[16], ion_map_t **out);

/*
 * ion_map_free -- free the map, not the values; *m becomes NULL.
 *
 * Errors: none; *m may be NULL.
 */
void ion_map_free(ion_map_t **m);

/*
 * ion_map_set_limit -- refuse to hold more than max entries (SIZE_MAX: as
 * many as memory allows, the default).
 *
 * Errors: none; entries beyond a lowered limit stay.
 */
void ion_map_set_limit(ion_map_t *m, size_t max);

/*
 * ion_map_get -- the value of a key, or NULL.
 *
 * Errors: none.
 */
void *ion_map_get(const ion_map_t *m, const void *key);

/*
 * ion_map_put -- set the value of a key, replacing one that is there.
 *
 * Shape:  key is copied; value is not NULL.
 * Errors: ION_LIMIT the map is full by its limit | ION_NOMEM; nothing changed.
 */
ION_NODISCARD ion_err_t ion_map_put(ion_map_t *m, const void *key, void *value);

/*
 * ion_map_del -- remove a key.
 *
 * Shape:  returns the value it had, NULL when it was not there.
 * Errors: none.
 */
void *ion_map_del(ion_map_t *m, const void *key);

/*
 * ion_map_count -- entries now.
 *
 * Errors: none.
 */
size_t ion_map_count(const ion_map_t *m);

/*
 * ion_map_next -- walk over all entries, in no particular order.
 *
 * Shape:  *pos = 0 to begin; returns the next value and, if key is not NULL,
 *         points *key at the map's copy (valid until the next put). NULL at
 *         the end. Entries may be deleted during the walk, not added.
 * Errors: none.
 */
void *ion_map_next(const ion_map_t *m, size_t *pos, const void **key);

#endif
