/*
 * bytes.h -- fixed-width integers in memory of any alignment.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_BASE_BYTES_H
#define ION_BASE_BYTES_H

#include <endian.h>
#include <string.h>

#include "base/base.h"

/*
 * ion_put_*, ion_get_* -- one integer at p, of any alignment.
 *
 * Errors: none; p has room for the width.
 */
static inline void
ion_put_u16be(void *p, uint16_t v)
{
    v = htobe16(v);
    memcpy(p, &v, sizeof(v));
}

static inline uint16_t
ion_get_u16be(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return be16toh(v);
}

static inline void
ion_put_u16le(void *p, uint16_t v)
{
    v = htole16(v);
    memcpy(p, &v, sizeof(v));
}

static inline uint16_t
ion_get_u16le(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return le16toh(v);
}

static inline void
ion_put_u32be(void *p, uint32_t v)
{
    v = htobe32(v);
    memcpy(p, &v, sizeof(v));
}

static inline uint32_t
ion_get_u32be(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return be32toh(v);
}

static inline void
ion_put_u32le(void *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof(v));
}

static inline uint32_t
ion_get_u32le(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return le32toh(v);
}

static inline void
ion_put_u64be(void *p, uint64_t v)
{
    v = htobe64(v);
    memcpy(p, &v, sizeof(v));
}

static inline uint64_t
ion_get_u64be(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return be64toh(v);
}

static inline void
ion_put_u64le(void *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof(v));
}

static inline uint64_t
ion_get_u64le(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

#endif
