/*
 * wire.h -- a bounded reader and a bounded writer of wire formats.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Reader and writer never step outside their range. One overrun makes them
 * bad for good: reads give 0 or NULL, writes do nothing, and one look at
 * ion_rd_ok / ion_wr_ok in the end is enough.
 */

#ifndef ION_BASE_WIRE_H
#define ION_BASE_WIRE_H

#include <string.h>

#include "base/base.h"
#include "base/bytes.h"

typedef struct ion_rd {
    const uint8_t *p;   /* next byte; borrowed */
    const uint8_t *end; /* one past the last */
    bool bad;           /* sticky: somebody asked for more than there was */
} ion_rd_t;

/*
 * ion_rd_init -- read from n bytes at p (borrowed while reading).
 *
 * Errors: none.
 */
static inline void
ion_rd_init(ion_rd_t *rd, const void *p, size_t n)
{
    rd->p = p;
    rd->end = n == 0 ? rd->p : rd->p + n;
    rd->bad = false;
}

/*
 * ion_rd_left -- bytes not read yet; ion_rd_ok -- nothing was missing so far.
 *
 * Errors: none.
 */
static inline size_t
ion_rd_left(const ion_rd_t *rd)
{
    return (size_t)(rd->end - rd->p);
}

static inline bool
ion_rd_ok(const ion_rd_t *rd)
{
    return !rd->bad;
}

/*
 * ion_rd_bytes -- step over n bytes.
 *
 * Shape:  returns where they begin (borrowed from the range).
 * Errors: NULL, and the reader is bad and empty, when fewer are left.
 */
static inline const uint8_t *
ion_rd_bytes(ion_rd_t *rd, size_t n)
{
    const uint8_t *at = rd->p;
    if (rd->bad || n > ion_rd_left(rd)) {
        rd->bad = true;
        rd->p = rd->end;
        return NULL;
    }
    rd->p = n == 0 ? at : at + n;
    return at;
}

/*
 * ion_rd_u8, ion_rd_u16be ... -- one integer.
 *
 * Errors: 0, and the reader is bad, when fewer bytes are left.
 */
static inline uint8_t
ion_rd_u8(ion_rd_t *rd)
{
    const uint8_t *at = ion_rd_bytes(rd, 1);
    return at == NULL ? 0 : *at;
}

static inline uint16_t
ion_rd_u16be(ion_rd_t *rd)
{
    const uint8_t *at = ion_rd_bytes(rd, 2);
    return at == NULL ? 0 : ion_get_u16be(at);
}

static inline uint16_t
ion_rd_u16le(ion_rd_t *rd)
{
    const uint8_t *at = ion_rd_bytes(rd, 2);
    return at == NULL ? 0 : ion_get_u16le(at);
}

static inline uint32_t
ion_rd_u32be(ion_rd_t *rd)
{
    const uint8_t *at = ion_rd_bytes(rd, 4);
    return at == NULL ? 0 : ion_get_u32be(at);
}

static inline uint32_t
ion_rd_u32le(ion_rd_t *rd)
{
    const uint8_t *at = ion_rd_bytes(rd, 4);
    return at == NULL ? 0 : ion_get_u32le(at);
}

static inline uint64_t
ion_rd_u64be(ion_rd_t *rd)
{
    const uint8_t *at = ion_rd_bytes(rd, 8);
    return at == NULL ? 0 : ion_get_u64be(at);
}

static inline uint64_t
ion_rd_u64le(ion_rd_t *rd)
{
    const uint8_t *at = ion_rd_bytes(rd, 8);
    return at == NULL ? 0 : ion_get_u64le(at);
}

typedef struct ion_wr {
    uint8_t *start; /* borrowed */
    uint8_t *p;     /* next byte to write */
    uint8_t *end;   /* one past the last */
    bool bad;       /* sticky: something did not fit */
} ion_wr_t;

/*
 * ion_wr_init -- write into cap bytes at p.
 *
 * Errors: none.
 */
static inline void
ion_wr_init(ion_wr_t *wr, void *p, size_t cap)
{
    wr->start = p;
    wr->p = wr->start;
    wr->end = cap == 0 ? wr->start : wr->start + cap;
    wr->bad = false;
}

/*
 * ion_wr_len -- bytes written; ion_wr_ok -- everything fitted so far.
 *
 * Errors: none.
 */
static inline size_t
ion_wr_len(const ion_wr_t *wr)
{
    return (size_t)(wr->p - wr->start);
}

static inline bool
ion_wr_ok(const ion_wr_t *wr)
{
    return !wr->bad;
}

/*
 * ion_wr_room -- claim n bytes for the caller to fill.
 *
 * Errors: NULL, and the writer is bad, when they do not fit.
 */
static inline uint8_t *
ion_wr_room(ion_wr_t *wr, size_t n)
{
    uint8_t *at = wr->p;
    if (wr->bad || n > (size_t)(wr->end - wr->p)) {
        wr->bad = true;
        return NULL;
    }
    wr->p = n == 0 ? at : at + n;
    return at;
}

/*
 * ion_wr_bytes, ion_wr_u8, ion_wr_u16be ... -- append bytes or one integer.
 *
 * Errors: the writer is bad when it does not fit; nothing is written then.
 */
static inline void
ion_wr_bytes(ion_wr_t *wr, const void *p, size_t n)
{
    uint8_t *at = ion_wr_room(wr, n);
    if (at != NULL && n != 0) {
        memcpy(at, p, n);
    }
}

static inline void
ion_wr_u8(ion_wr_t *wr, uint8_t v)
{
    ion_wr_bytes(wr, &v, 1);
}

static inline void
ion_wr_u16be(ion_wr_t *wr, uint16_t v)
{
    uint8_t *at = ion_wr_room(wr, 2);
    if (at != NULL) {
        ion_put_u16be(at, v);
    }
}

static inline void
ion_wr_u16le(ion_wr_t *wr, uint16_t v)
{
    uint8_t *at = ion_wr_room(wr, 2);
    if (at != NULL) {
        ion_put_u16le(at, v);
    }
}

static inline void
ion_wr_u32be(ion_wr_t *wr, uint32_t v)
{
    uint8_t *at = ion_wr_room(wr, 4);
    if (at != NULL) {
        ion_put_u32be(at, v);
    }
}

static inline void
ion_wr_u32le(ion_wr_t *wr, uint32_t v)
{
    uint8_t *at = ion_wr_room(wr, 4);
    if (at != NULL) {
        ion_put_u32le(at, v);
    }
}

static inline void
ion_wr_u64be(ion_wr_t *wr, uint64_t v)
{
    uint8_t *at = ion_wr_room(wr, 8);
    if (at != NULL) {
        ion_put_u64be(at, v);
    }
}

static inline void
ion_wr_u64le(ion_wr_t *wr, uint64_t v)
{
    uint8_t *at = ion_wr_room(wr, 8);
    if (at != NULL) {
        ion_put_u64le(at, v);
    }
}

#endif
