/*
 * ring.h -- byte ring with one producer and one consumer process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Records begin with a 64-byte header, are padded to 64 bytes and never wrap:
 * one that does not fit before the end is preceded by a filler.
 *
 * Writes: data and tail, the producer; head, the consumer. Positions are byte
 *         counts that only grow.
 * Order:  producer: data, then tail (release) once per batch; consumer: tail
 *         (acquire), data, then head (release) once per drain.
 * A kill leaves: an unpublished record, which nobody will ever see.
 *
 * The consumer trusts nothing: it copies a header before it checks it, and a
 * tail, a length or a kind that cannot be is ION_MALF, after which the ring
 * must not be read again. The producer takes a head that cannot be as "full".
 */

#ifndef ION_SHM_RING_H
#define ION_SHM_RING_H

#include <stdatomic.h>

#include "base/err.h"

#define ION_RING_ALIGN  64u
#define ION_RING_HEADER 64u

/* The shared words of one ring, each side's on a cache line of its own. */
typedef struct ion_ring_words {
    _Alignas(64) _Atomic uint64_t tail;
    _Atomic uint32_t wants_room; /* producer: ring my doorbell after a drain */
    _Alignas(64) _Atomic uint64_t head;
} ion_ring_words_t;

/* First bytes of a header; the other 56 belong to the user. */
typedef struct ion_ring_header {
    uint32_t len;  /* header and payload, without padding */
    uint32_t kind; /* 0 = filler, else the user's */
    uint8_t user[ION_RING_HEADER - 8];
} ion_ring_header_t;

/* One side's private state. */
typedef struct ion_ring {
    ion_ring_words_t *words;
    uint8_t *data;
    uint64_t size;      /* power of two */
    uint64_t mine;      /* producer: next tail; consumer: next head */
    uint64_t published; /* what the shared word of my side says */
    uint64_t theirs;    /* last value seen of the other side's word */
    uint64_t next;      /* mine after commit or consume */
} ion_ring_t;

/*
 * ion_ring_init -- begin to use one end of a ring.
 *
 * Shape:  words and data (size bytes) lie in shared memory and are borrowed.
 * Errors: ION_MALF the shared words contradict each other.
 */
ION_NODISCARD ion_err_t ion_ring_init_tx(
    ion_ring_t *r, ion_ring_words_t *words, uint8_t *data, uint64_t size);
ION_NODISCARD ion_err_t ion_ring_init_rx(
    ion_ring_t *r, ion_ring_words_t *words, uint8_t *data, uint64_t size);

/*
 * ion_ring_reserve -- room for one record of len bytes with its header.
 *
 * Shape:  returns where to write it, NULL if the ring would then hold more
 *         than limit bytes. Nothing is kept until ion_ring_commit.
 * Errors: none but NULL.
 */
uint8_t *ion_ring_reserve(ion_ring_t *r, size_t len, uint64_t limit);

/* ion_ring_commit -- the reserved record is complete. Not yet visible. */
void ion_ring_commit(ion_ring_t *r);

/* ion_ring_publish -- show all committed records; false if there was none. */
bool ion_ring_publish(ion_ring_t *r);

/* ion_ring_used -- bytes not yet released, as far as the producer knows. */
uint64_t ion_ring_used(ion_ring_t *r);

/*
 * ion_ring_peek -- the next record.
 *
 * Shape:  *header is a copy; *payload points into the ring and is valid until
 *         ion_ring_release; its bytes may change if the producer is hostile.
 *         *len is the payload's length.
 * Errors: ION_AGAIN none | ION_MALF the producer is corrupt.
 */
ION_NODISCARD ion_err_t ion_ring_peek(ion_ring_t *r, ion_ring_header_t *header,
    const uint8_t **payload, size_t *len);

/* ion_ring_consume -- done with the record last peeked at. */
void ion_ring_consume(ion_ring_t *r);

/* ion_ring_release -- give consumed room back; false if there was none. */
bool ion_ring_release(ion_ring_t *r);

/* ion_ring_has_input -- is there anything, by a fresh look at the tail? */
bool ion_ring_has_input(const ion_ring_t *r);

#endif
