/*
 * links.h -- what workers say about their mesh links, for others to show.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Writes: each worker its own rows. Reads: anyone.
 * Order:  a row's version is odd while it is written; a reader takes what it
 *         found between two equal even ones.
 * A kill leaves: rows that nobody believes, because their slot is not live;
 *         the master clears them when it sweeps the slot.
 */
#ifndef ION_SHM_LINKS_H
#define ION_SHM_LINKS_H

#include "base/base.h"
#include "shm/shm.h"

#define ION_LINKS_MAX  32u
#define ION_LINKS_TEXT 160u /* with NUL; longer texts are cut */

typedef enum ion_link_state {
    ION_LINK_NONE = 0,
    ION_LINK_WAITING = 1, /* for the next try */
    ION_LINK_DIALLING = 2,
    ION_LINK_LOGIN = 3, /* connected; TLS and DERP are in progress */
    ION_LINK_UP = 4,
    ION_LINK_SELF = 5, /* leads back to this relay: not used */
} ion_link_state_t;

typedef struct ion_link_row {
    ion_link_state_t state;
    uint64_t since_ms; /* of the state UP or SELF, or of the loss; 1970 */
    uint64_t keys;     /* clients behind it */
    uint64_t packets;  /* forwarded over it since it is up */
    char target[ION_LINKS_TEXT];
    char why[ION_LINKS_TEXT]; /* what the last failure was; may be empty */
} ion_link_row_t;

/*
 * ion_links_set -- say something about the nth link of this worker.
 *
 * Shape:  n below ION_LINKS_MAX; row NULL: there is none any more.
 * Errors: none.
 */
void ion_links_set(ion_shm_t *shm, uint32_t n, const ion_link_row_t *row);

/*
 * ion_links_get -- the nth row of a worker's slot; false when there is none.
 *
 * Shape:  *out is what some process wrote: texts end with NUL, the state may
 *         be any number.
 * Errors: none.
 */
bool ion_links_get(
    const ion_shm_t *shm, uint32_t slot, uint32_t n, ion_link_row_t *out);

/* ion_links_clear -- forget a dead slot's rows. Master only. */
void ion_links_clear(ion_shm_t *shm, uint32_t slot);

#endif
