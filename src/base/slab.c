/*
 * slab.c -- fixed-size objects.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Free objects form a LIFO list through their first bytes, so the object that
 * is handed out next is the one most likely still in cache.
 */

#include "base/slab.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SLAB_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SLAB_ASAN 1
#endif

#ifdef SLAB_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define SLAB_ALIGN      16
#define SLAB_CHUNK_SIZE ((size_t)64 * 1024)
#define SLAB_OBJ_MAX    ((size_t)1 << 30)
#define SLAB_POISON     0xa5

typedef struct free_obj {
    struct free_obj *next;
} free_obj_t;

typedef struct chunk {
    struct chunk *next;
    size_t pad;
} chunk_t;

ION_STATIC_ASSERT(sizeof(chunk_t) == SLAB_ALIGN, "objects stay aligned");

struct ion_slab {
    size_t obj_size; /* rounded up to SLAB_ALIGN */
    size_t per_chunk;
    size_t count;
    size_t limit;
    free_obj_t *free;
    chunk_t *chunks; /* owns */
};

ion_err_t
ion_slab_new(size_t obj_size, size_t max_objs, ion_slab_t **out)
{
    if (obj_size == 0 || obj_size > SLAB_OBJ_MAX) {
        return ION_RANGE;
    }

    ion_slab_t *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return ION_NOMEM;
    }
    s->obj_size = (obj_size + SLAB_ALIGN - 1) & ~(size_t)(SLAB_ALIGN - 1);
    s->per_chunk = ION_MAX(SLAB_CHUNK_SIZE / s->obj_size, (size_t)1);
    s->limit = max_objs;
    *out = s;
    return ION_OK;
}

void
ion_slab_free(ion_slab_t **sp)
{
    ion_slab_t *s = *sp;
    *sp = NULL;
    if (s == NULL) {
        return;
    }
    while (s->chunks != NULL) {
        chunk_t *c = s->chunks;
        s->chunks = c->next;
        ASAN_UNPOISON_MEMORY_REGION(c + 1, s->per_chunk * s->obj_size);
        free(c);
    }
    free(s);
}

static void
push_free(ion_slab_t *s, void *obj)
{
    free_obj_t *f = obj;
    f->next = s->free;
    s->free = f;
    ASAN_POISON_MEMORY_REGION(obj, s->obj_size);
}

static bool
grow(ion_slab_t *s)
{
    chunk_t *c = malloc(sizeof(*c) + s->per_chunk * s->obj_size);
    if (c == NULL) {
        return false;
    }
    c->next = s->chunks;
    s->chunks = c;

    char *objs = (char *)(c + 1);
    for (size_t i = s->per_chunk; i > 0; i--) {
        push_free(s, objs + (i - 1) * s->obj_size);
    }
    return true;
}

void *
ion_slab_get(ion_slab_t *s)
{
    if (s->count >= s->limit || (s->free == NULL && !grow(s))) {
        return NULL;
    }

    free_obj_t *f = s->free;
    ION_ASSERT(f != NULL);
    ASAN_UNPOISON_MEMORY_REGION(f, s->obj_size);
    s->free = f->next;
    s->count++;
    return memset(f, 0, s->obj_size);
}

void
ion_slab_put(ion_slab_t *s, void *obj)
{
    if (obj == NULL) {
        return;
    }
    ION_ASSERT(s->count > 0);
    s->count--;
#if ION_DEBUG
    memset(obj, SLAB_POISON, s->obj_size);
#endif
    push_free(s, obj);
}

size_t
ion_slab_count(const ion_slab_t *s)
{
    return s->count;
}

size_t
ion_slab_limit(const ion_slab_t *s)
{
    return s->limit;
}

void
ion_slab_set_limit(ion_slab_t *s, size_t max_objs)
{
    s->limit = max_objs;
}
