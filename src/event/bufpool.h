/*
 * event/bufpool.h -- output buffers that exist only while bytes wait.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * An ion_outbuf_t is a byte queue in one piece, so that one send(2) takes all
 * of it. Its memory comes from a pool of the loop in four sizes and goes back
 * as soon as the queue is empty: an idle connection holds none. The pool has
 * a limit over all buffers of the process and keeps few spare ones.
 */
#ifndef ION_EVENT_BUFPOOL_H
#define ION_EVENT_BUFPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

/* Most bytes that one queue may hold. */
#define ION_OUTBUF_MAX (4u * 1024 * 1024)

typedef struct ion_bufpool ion_bufpool_t;

/* All zero is an empty queue. */
typedef struct ion_outbuf {
    uint8_t *mem;
    size_t cap;
    size_t head; /* first unsent byte */
    size_t tail; /* one past the last */
} ion_outbuf_t;

/*
 * ion_bufpool_new -- make a pool that hands out at most max_bytes.
 *
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_bufpool_new(size_t max_bytes, ion_bufpool_t **out);

/* ion_bufpool_free -- free *pool, null it; every queue must be empty. */
void ion_bufpool_free(ion_bufpool_t **pool);

/* ion_bufpool_used -- bytes of memory that queues hold now. */
size_t ion_bufpool_used(const ion_bufpool_t *pool);

/*
 * ion_outbuf_add -- append n bytes.
 *
 * Shape:  p borrowed. All or nothing.
 * Errors: ION_NOMEM the queue's, the pool's or the machine's limit.
 */
ION_NODISCARD ion_err_t ion_outbuf_add(
    ion_bufpool_t *pool, ion_outbuf_t *ob, const void *p, size_t n);

/* ion_outbuf_len -- bytes that wait. */
size_t ion_outbuf_len(const ion_outbuf_t *ob);

/*
 * ion_outbuf_send -- one send(2) of everything that waits.
 *
 * Errors: ION_OK nothing waits any more | ION_AGAIN the socket is full |
 *         ION_CLOSED the peer is gone | ION_SYS other errno.
 */
ION_NODISCARD ion_err_t ion_outbuf_send(
    ion_bufpool_t *pool, ion_outbuf_t *ob, int fd);

/* ion_outbuf_drop -- forget everything, give the memory back. */
void ion_outbuf_drop(ion_bufpool_t *pool, ion_outbuf_t *ob);

#endif
