/*
 * arena.c -- bump allocation in chunks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Chunks double from 4 KiB to 256 KiB; a larger request gets a chunk of its
 * own. The bound is on what was asked for, so a chunk's unused rest is not
 * held against the caller.
 */

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_ALIGN       16
#define ARENA_FIRST_CHUNK ((size_t)4 * 1024)
#define ARENA_LAST_CHUNK  ((size_t)256 * 1024)

typedef struct chunk {
    struct chunk *next;
    size_t size; /* bytes behind this header */
} chunk_t;

ION_STATIC_ASSERT(sizeof(chunk_t) % ARENA_ALIGN == 0, "data stays aligned");

struct ion_arena {
    size_t max;
    size_t used;
    chunk_t *chunks; /* owns; the first is the one being filled */
    size_t filled;   /* bytes of the first one handed out */
};

ion_err_t
ion_arena_new(size_t max_bytes, ion_arena_t **out)
{
    ion_arena_t *a = calloc(1, sizeof(*a));
    if (a == NULL) {
        return ION_NOMEM;
    }
    a->max = max_bytes;
    *out = a;
    return ION_OK;
}

static void
free_chunks(chunk_t *c)
{
    while (c != NULL) {
        chunk_t *next = c->next;
        free(c);
        c = next;
    }
}

void
ion_arena_free(ion_arena_t **ap)
{
    ion_arena_t *a = *ap;
    *ap = NULL;
    if (a == NULL) {
        return;
    }
    free_chunks(a->chunks);
    free(a);
}

static bool
add_chunk(ion_arena_t *a, size_t n)
{
    size_t size = a->chunks == NULL
                      ? ARENA_FIRST_CHUNK
                      : ION_MIN(a->chunks->size * 2, ARENA_LAST_CHUNK);
    size = ION_MAX(size, n);
    chunk_t *c = malloc(sizeof(*c) + size);
    if (c == NULL) {
        return false;
    }
    c->size = size;
    c->next = a->chunks;
    a->chunks = c;
    a->filled = 0;
    return true;
}

void *
ion_arena_alloc(ion_arena_t *a, size_t n)
{
    if (n > a->max - a->used) {
        return NULL;
    }
    n = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (n > a->max - a->used) {
        return NULL;
    }
    if ((a->chunks == NULL || n > a->chunks->size - a->filled) &&
        !add_chunk(a, n)) {
        return NULL;
    }

    char *p = (char *)(a->chunks + 1) + a->filled;
    a->filled += n;
    a->used += n;
    return memset(p, 0, n);
}

char *
ion_arena_strdup(ion_arena_t *a, ion_str_t s)
{
    char *copy = s.len < SIZE_MAX ? ion_arena_alloc(a, s.len + 1) : NULL;
    if (copy != NULL && s.len > 0) {
        memcpy(copy, s.p, s.len);
    }
    return copy;
}

size_t
ion_arena_used(const ion_arena_t *a)
{
    return a->used;
}

void
ion_arena_reset(ion_arena_t *a)
{
    if (a->chunks != NULL) {
        free_chunks(a->chunks->next);
        a->chunks->next = NULL;
    }
    a->filled = 0;
    a->used = 0;
}
