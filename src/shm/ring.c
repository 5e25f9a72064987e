/*
 * ring.c -- the two ends of a single-producer single-consumer byte ring.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "shm/ring.h"

#include <string.h>

#include "base/assert.h"
#include "base/base.h"
#include "shm/atom.h"

#define RING_FILLER 0u

ION_STATIC_ASSERT(
    sizeof(ion_ring_header_t) == ION_RING_HEADER, "a header is one line");

static uint64_t
padded(uint64_t len)
{
    return (len + ION_RING_ALIGN - 1) & ~(uint64_t)(ION_RING_ALIGN - 1);
}

/* Positions that can be: aligned, and at most size apart. */
static bool
is_sane(const ion_ring_t *r, uint64_t tail, uint64_t head)
{
    return ((tail | head) & (ION_RING_ALIGN - 1)) == 0 &&
           tail - head <= r->size;
}

static ion_err_t
init(ion_ring_t *r, uint64_t mine, uint64_t theirs, bool sane)
{
    r->mine = mine;
    r->published = mine;
    r->next = mine;
    r->theirs = theirs;
    return sane ? ION_OK : ION_MALF;
}

ion_err_t
ion_ring_init_tx(
    ion_ring_t *r, ion_ring_words_t *words, uint8_t *data, uint64_t size)
{
    *r = (ion_ring_t){ .words = words, .data = data, .size = size };
    uint64_t tail = SHM_LOAD_ACQ(&words->tail);
    uint64_t head = SHM_LOAD_ACQ(&words->head);
    return init(r, tail, head, is_sane(r, tail, head));
}

ion_err_t
ion_ring_init_rx(
    ion_ring_t *r, ion_ring_words_t *words, uint8_t *data, uint64_t size)
{
    *r = (ion_ring_t){ .words = words, .data = data, .size = size };
    uint64_t head = SHM_LOAD_ACQ(&words->head);
    uint64_t tail = SHM_LOAD_ACQ(&words->tail);
    return init(r, head, tail, is_sane(r, tail, head));
}

uint64_t
ion_ring_used(ion_ring_t *r)
{
    uint64_t head = SHM_LOAD_ACQ(&r->words->head);
    /* a head that runs backwards or ahead of us frees nothing */
    if (is_sane(r, r->mine, head) && head - r->theirs <= r->size) {
        r->theirs = head;
    }
    return r->mine - r->theirs;
}

static bool
has_room(ion_ring_t *r, uint64_t need, uint64_t limit)
{
    return r->mine - r->theirs + need <= limit ||
           ion_ring_used(r) + need <= limit;
}

uint8_t *
ion_ring_reserve(ion_ring_t *r, size_t len, uint64_t limit)
{
    ION_ASSERT(len >= ION_RING_HEADER && limit <= r->size);
    uint64_t need = padded(len);
    uint64_t at = r->mine & (r->size - 1);
    uint64_t filler = at + need > r->size ? r->size - at : 0;
    if (!has_room(r, filler + need, limit)) {
        return NULL;
    }
    if (filler > 0) {
        ion_ring_header_t h = { .len = (uint32_t)filler, .kind = RING_FILLER };
        memcpy(r->data + at, &h, offsetof(ion_ring_header_t, user));
        at = 0;
    }
    r->next = r->mine + filler + need;
    return r->data + at;
}

void
ion_ring_commit(ion_ring_t *r)
{
    r->mine = r->next;
}

bool
ion_ring_publish(ion_ring_t *r)
{
    if (r->published == r->mine) {
        return false;
    }
    r->published = r->mine;
    SHM_STORE_REL(&r->words->tail, r->mine);
    return true;
}

bool
ion_ring_has_input(const ion_ring_t *r)
{
    return SHM_LOAD_ACQ(&r->words->tail) != r->mine;
}

/* Steps over a filler, to the start of the ring. */
static ion_err_t
next_header(ion_ring_t *r, ion_ring_header_t *h)
{
    for (int i = 0; i < 2; i++) {
        uint64_t at = r->mine & (r->size - 1);
        uint64_t left = r->theirs - r->mine;
        if (left < ION_RING_HEADER) {
            return ION_AGAIN;
        }
        memcpy(h, r->data + at, sizeof(*h));
        if (h->kind != RING_FILLER) {
            return h->len >= ION_RING_HEADER && padded(h->len) <= left &&
                           padded(h->len) <= r->size - at
                       ? ION_OK
                       : ION_MALF;
        }
        if (h->len != r->size - at || h->len > left) {
            return ION_MALF;
        }
        r->mine += h->len;
    }
    return ION_MALF;
}

ion_err_t
ion_ring_peek(ion_ring_t *r, ion_ring_header_t *header, const uint8_t **payload,
    size_t *len)
{
    if (r->theirs == r->mine) {
        uint64_t tail = SHM_LOAD_ACQ(&r->words->tail);
        if (!is_sane(r, tail, r->published)) {
            return ION_MALF;
        }
        if (tail - r->mine > r->size) {
            return ION_MALF;
        }
        r->theirs = tail;
    }
    ion_err_t rc = next_header(r, header);
    if (rc != ION_OK) {
        return rc;
    }
    *payload = r->data + (r->mine & (r->size - 1)) + ION_RING_HEADER;
    *len = header->len - ION_RING_HEADER;
    r->next = r->mine + padded(header->len);
    return ION_OK;
}

void
ion_ring_consume(ion_ring_t *r)
{
    r->mine = r->next;
}

bool
ion_ring_release(ion_ring_t *r)
{
    if (r->published == r->mine) {
        return false;
    }
    r->published = r->mine;
    SHM_STORE_REL(&r->words->head, r->mine);
    return true;
}
