/*
 * map.c -- SipHash-keyed open addressing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The table is two arrays: marks (0 empty, 1 deleted, else the key's hash)
 * with values, and keys. Probing is linear. Deleted marks keep probe chains
 * whole and let a walk delete what it stands on; they go away when the next
 * mark is empty or at the next rebuild. Empty marks are never fewer than a
 * quarter, so every probe ends.
 */

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

#define MAP_MIN_CAP     8
#define MAP_KEY_MAX     1024
#define MAP_MAX_CAP     (SIZE_MAX / 4 / (MAP_KEY_MAX + sizeof(slot_t)))
#define MARK_EMPTY      0
#define MARK_DELETED    1
#define MARK_FIRST_HASH 2

typedef struct {
    uint64_t mark;
    void *value;
} slot_t;

struct ion_map {
    size_t key_len;
    size_t cap;   /* power of two */
    size_t count; /* live entries */
    size_t used;  /* live and deleted marks */
    size_t limit;
    uint8_t seed[16];
    slot_t *slots; /* owns */
    uint8_t *keys; /* owns */
};

static uint64_t
rotl(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

static void
sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

uint64_t
ion_siphash13(const uint8_t key[16], const void *p, size_t n)
{
    uint64_t k0 = ion_get_u64le(key);
    uint64_t k1 = ion_get_u64le(key + 8);
    uint64_t v[4] = {
        k0 ^ UINT64_C(0x736f6d6570736575),
        k1 ^ UINT64_C(0x646f72616e646f6d),
        k0 ^ UINT64_C(0x6c7967656e657261),
        k1 ^ UINT64_C(0x7465646279746573),
    };

    const uint8_t *in = p;
    size_t left = n;
    for (; left >= 8; left -= 8, in += 8) {
        uint64_t m = ion_get_u64le(in);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }

    uint64_t last = (uint64_t)n << 56;
    for (size_t i = 0; i < left; i++) {
        last |= (uint64_t)in[i] << (8 * i);
    }
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;

    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The smallest table that stays at most half full with n entries. */
static bool
cap_for(size_t n, size_t *cap)
{
    size_t c = MAP_MIN_CAP;
    if (n > MAP_MAX_CAP / 2) {
        return false;
    }
    while (c / 2 < n) {
        c *= 2;
    }
    *cap = c;
    return true;
}

static bool
alloc_table(ion_map_t *m, size_t cap)
{
    slot_t *slots = calloc(cap, sizeof(*slots));
    uint8_t *keys = calloc(cap, m->key_len);
    if (slots == NULL || keys == NULL) {
        free(slots);
        free(keys);
        return false;
    }
    m->slots = slots;
    m->keys = keys;
    m->cap = cap;
    return true;
}

ion_err_t
ion_map_new(
    size_t key_len, size_t cap_hint, const uint8_t seed[16], ion_map_t **out)
{
    ION_ASSERT(key_len > 0 && key_len <= MAP_KEY_MAX);

    size_t cap;
    ion_map_t *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return ION_NOMEM;
    }
    m->key_len = key_len;
    m->limit = SIZE_MAX;
    memcpy(m->seed, seed, sizeof(m->seed));
    if (!cap_for(cap_hint, &cap) || !alloc_table(m, cap)) {
        free(m);
        return ION_NOMEM;
    }
    *out = m;
    return ION_OK;
}

void
ion_map_free(ion_map_t **mp)
{
    ion_map_t *m = *mp;
    *mp = NULL;
    if (m == NULL) {
        return;
    }
    free(m->slots);
    free(m->keys);
    free(m);
}

void
ion_map_set_limit(ion_map_t *m, size_t max)
{
    m->limit = max;
}

static uint64_t
hash_of(const ion_map_t *m, const void *key)
{
    uint64_t h = ion_siphash13(m->seed, key, m->key_len);
    return h < MARK_FIRST_HASH ? h + MARK_FIRST_HASH : h;
}

static uint8_t *
key_at(const ion_map_t *m, size_t i)
{
    return m->keys + i * m->key_len;
}

/*
 * Where the key is; when it is not there, the first place it may be put.
 */
static bool
find(const ion_map_t *m, const void *key, uint64_t hash, size_t *at)
{
    bool has_free = false;
    size_t mask = m->cap - 1;
    size_t i = (size_t)hash & mask;
    for (;; i = (i + 1) & mask) {
        uint64_t mark = m->slots[i].mark;
        if (mark == hash && memcmp(key_at(m, i), key, m->key_len) == 0) {
            *at = i;
            return true;
        }
        if (mark == MARK_DELETED && !has_free) {
            has_free = true;
            *at = i;
        }
        if (mark == MARK_EMPTY) {
            *at = has_free ? *at : i;
            return false;
        }
    }
}

void *
ion_map_get(const ion_map_t *m, const void *key)
{
    size_t at = 0;
    return find(m, key, hash_of(m, key), &at) ? m->slots[at].value : NULL;
}

/* A fresh table without deleted marks, with room for one more entry. */
static ion_err_t
rebuild(ion_map_t *m)
{
    size_t cap;
    ion_map_t old = *m;
    if (!cap_for(old.count + 1, &cap) || !alloc_table(m, cap)) {
        return ION_NOMEM;
    }

    size_t mask = cap - 1;
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].mark < MARK_FIRST_HASH) {
            continue;
        }
        size_t at = (size_t)old.slots[i].mark & mask;
        while (m->slots[at].mark != MARK_EMPTY) {
            at = (at + 1) & mask;
        }
        m->slots[at] = old.slots[i];
        memcpy(key_at(m, at), key_at(&old, i), m->key_len);
    }
    m->used = m->count;
    free(old.slots);
    free(old.keys);
    return ION_OK;
}

ion_err_t
ion_map_put(ion_map_t *m, const void *key, void *value)
{
    ION_ASSERT(value != NULL);

    size_t at = 0;
    uint64_t hash = hash_of(m, key);
    if (find(m, key, hash, &at)) {
        m->slots[at].value = value;
        return ION_OK;
    }
    if (m->count >= m->limit) {
        return ION_LIMIT;
    }
    if (m->slots[at].mark == MARK_EMPTY && m->used + 1 > m->cap / 4 * 3) {
        ion_err_t rc = rebuild(m);
        if (rc != ION_OK) {
            return rc;
        }
        ION_IGNORE(find(m, key, hash, &at)); /* only `at` is wanted */
    }

    if (m->slots[at].mark == MARK_EMPTY) {
        m->used++;
    }
    m->count++;
    m->slots[at] = (slot_t){ hash, value };
    memcpy(key_at(m, at), key, m->key_len);
    return ION_OK;
}

void *
ion_map_del(ion_map_t *m, const void *key)
{
    size_t at = 0;
    if (!find(m, key, hash_of(m, key), &at)) {
        return NULL;
    }

    void *value = m->slots[at].value;
    size_t mask = m->cap - 1;
    m->slots[at] = (slot_t){ MARK_DELETED, NULL };
    memset(key_at(m, at), 0, m->key_len);
    m->count--;
    if (m->slots[(at + 1) & mask].mark != MARK_EMPTY) {
        return value;
    }
    while (m->slots[at].mark == MARK_DELETED) {
        m->slots[at].mark = MARK_EMPTY;
        m->used--;
        at = (at - 1) & mask;
    }
    return value;
}

size_t
ion_map_count(const ion_map_t *m)
{
    return m->count;
}

void *
ion_map_next(const ion_map_t *m, size_t *pos, const void **key)
{
    while (*pos < m->cap) {
        size_t i = (*pos)++;
        if (m->slots[i].mark < MARK_FIRST_HASH) {
            continue;
        }
        if (key != NULL) {
            *key = key_at(m, i);
        }
        return m->slots[i].value;
    }
    return NULL;
}
