/*
 * event/bufpool.c -- four sizes of output memory and the queues in them.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Sizes grow fourfold, so that a queue which grows copies a third of its
 * bytes on average. The third size holds one TLS record of 16 KiB and some
 * small ones. What is larger than the last size is not kept spare.
 */
#include "event/bufpool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"

#define POOL_SIZES 4

static const size_t size_bytes[POOL_SIZES] = { 2048, 8192, 32768, 131072 };
static const size_t size_spare[POOL_SIZES] = { 256, 128, 64, 16 };

/* The link lies in the spare piece of memory itself. */
typedef struct spare {
    struct spare *next;
} spare_t;

struct ion_bufpool {
    size_t max_bytes;
    size_t used;
    spare_t *spare[POOL_SIZES];
    size_t spare_count[POOL_SIZES];
};

ion_err_t
ion_bufpool_new(size_t max_bytes, ion_bufpool_t **out)
{
    ion_bufpool_t *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        return ION_NOMEM;
    }
    pool->max_bytes = max_bytes;
    *out = pool;
    return ION_OK;
}

void
ion_bufpool_free(ion_bufpool_t **pool)
{
    ion_bufpool_t *p = *pool;
    if (p == NULL) {
        return;
    }
    ION_ASSERT(p->used == 0);
    for (unsigned i = 0; i < POOL_SIZES; i++) {
        while (p->spare[i] != NULL) {
            spare_t *s = p->spare[i];
            p->spare[i] = s->next;
            free(s);
        }
    }
    free(p);
    *pool = NULL;
}

size_t
ion_bufpool_used(const ion_bufpool_t *pool)
{
    return pool->used;
}

/* Index of the smallest size that holds n bytes, POOL_SIZES for none. */
static unsigned
size_class(size_t n)
{
    unsigned i = 0;
    while (i < POOL_SIZES && size_bytes[i] < n) {
        i++;
    }
    return i;
}

static size_t
rounded_size(size_t n)
{
    size_t size = size_bytes[0];
    while (size < n) {
        size *= 4;
    }
    return size;
}

static uint8_t *
pool_get(ion_bufpool_t *pool, size_t size)
{
    void *mem = NULL;
    if (size > pool->max_bytes - pool->used) {
        return NULL;
    }
    unsigned i = size_class(size);
    if (i < POOL_SIZES && pool->spare[i] != NULL) {
        mem = pool->spare[i];
        pool->spare[i] = pool->spare[i]->next;
        pool->spare_count[i]--;
    } else {
        mem = malloc(size);
    }
    if (mem != NULL) {
        pool->used += size;
    }
    return mem;
}

static void
pool_put(ion_bufpool_t *pool, uint8_t *mem, size_t size)
{
    unsigned i = size_class(size);
    pool->used -= size;
    if (i == POOL_SIZES || pool->spare_count[i] == size_spare[i]) {
        free(mem);
        return;
    }
    spare_t *s = (spare_t *)(void *)mem;
    s->next = pool->spare[i];
    pool->spare[i] = s;
    pool->spare_count[i]++;
}

static ion_err_t
grow(ion_bufpool_t *pool, ion_outbuf_t *ob, size_t need)
{
    size_t len = ob->tail - ob->head;
    size_t cap = rounded_size(need);
    uint8_t *mem = pool_get(pool, cap);
    if (mem == NULL) {
        return ION_NOMEM;
    }
    if (ob->mem != NULL) {
        memcpy(mem, ob->mem + ob->head, len);
        pool_put(pool, ob->mem, ob->cap);
    }
    ob->mem = mem;
    ob->cap = cap;
    ob->head = 0;
    ob->tail = len;
    return ION_OK;
}

ion_err_t
ion_outbuf_add(ion_bufpool_t *pool, ion_outbuf_t *ob, const void *p, size_t n)
{
    size_t len = ob->tail - ob->head;
    if (n == 0) {
        return ION_OK;
    }
    if (n > ION_OUTBUF_MAX - len) {
        return ION_NOMEM;
    }
    if (len + n > ob->cap) {
        ion_err_t rc = grow(pool, ob, len + n);
        if (rc != ION_OK) {
            return rc;
        }
    } else if (n > ob->cap - ob->tail) {
        memmove(ob->mem, ob->mem + ob->head, len);
        ob->head = 0;
        ob->tail = len;
    }
    memcpy(ob->mem + ob->tail, p, n);
    ob->tail += n;
    return ION_OK;
}

size_t
ion_outbuf_len(const ion_outbuf_t *ob)
{
    return ob->tail - ob->head;
}

void
ion_outbuf_drop(ion_bufpool_t *pool, ion_outbuf_t *ob)
{
    if (ob->mem != NULL) {
        pool_put(pool, ob->mem, ob->cap);
    }
    *ob = (ion_outbuf_t){ 0 };
}

static bool
peer_is_gone(int err)
{
    return err == EPIPE || err == ECONNRESET || err == ETIMEDOUT;
}

ion_err_t
ion_outbuf_send(ion_bufpool_t *pool, ion_outbuf_t *ob, int fd)
{
    size_t len = ob->tail - ob->head;
    if (len == 0) {
        return ION_OK;
    }
    ssize_t r = 0;
    do {
        r = send(fd, ob->mem + ob->head, len, MSG_NOSIGNAL);
    } while (r < 0 && errno == EINTR);
    if (r < 0) {
        if (errno == EAGAIN) {
            return ION_AGAIN;
        }
        return peer_is_gone(errno) ? ION_CLOSED : ION_SYS;
    }
    if ((size_t)r == len) {
        ion_outbuf_drop(pool, ob);
        return ION_OK;
    }
    ob->head += (size_t)r;
    return ION_AGAIN;
}
