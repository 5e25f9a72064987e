/*
 * event/loop.h -- the event loop of one process: epoll, timers, tasks.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Level-triggered epoll, one loop per process, one thread. A turn is: wait,
 * read the clock once, at most ION_LOOP_EVENTS descriptors, due timers,
 * deferred tasks, end_of_turn hooks (output flushing, the fabric), reaping.
 * Nothing is freed under a method that is still on the stack: an object
 * unlinks itself and hands its memory to ion_loop_reap. A descriptor that is
 * deleted in the middle of a turn gets no event that was fetched before.
 */
#ifndef ION_EVENT_LOOP_H
#define ION_EVENT_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/list.h"

#define ION_LOOP_EVENTS 64
#define ION_LOOP_RXBUF  65536

/* Interest and readiness bits. HUP (an error or the end of both directions)
 * is reported in any case; asking for it alone watches for nothing else. */
#define ION_IO_READ  0x1u
#define ION_IO_WRITE 0x4u
#define ION_IO_HUP   0x10u

typedef struct ion_loop ion_loop_t;
typedef struct ion_io ion_io_t;
typedef struct ion_timer ion_timer_t;
typedef struct ion_task ion_task_t;
typedef struct ion_reap ion_reap_t;
typedef struct ion_loop_hook ion_loop_hook_t;
typedef struct ion_bufpool ion_bufpool_t;

/* One watched descriptor, embedded in its owner. */
struct ion_io {
    uint32_t magic;
    int fd;
    uint32_t events;
    void (*cb)(ion_io_t *io, uint32_t events);
};

/* One timer, embedded in its owner. */
struct ion_timer {
    uint32_t magic;
    bool is_set;
    ion_heap_node_t node; /* node.key is the due time */
    ion_list_t spare;     /* linked only while the heap could not grow */
    void (*cb)(ion_timer_t *timer);
};

/* Work to be done once at the end of the turn, embedded in its owner. */
struct ion_task {
    ion_list_t link;
    void (*cb)(ion_task_t *task);
};

/* Memory to be given back when no method of the object can be on the stack. */
struct ion_reap {
    ion_list_t link;
    void (*cb)(ion_reap_t *reap);
};

/*
 * Steps that some part takes in every turn; each function may be NULL.
 * may_sleep is the last look before the loop blocks: false from any hook polls
 * instead. awake follows every round of may_sleep, after the wait or the poll.
 */
struct ion_loop_hook {
    ion_list_t link;
    void (*end_of_turn)(ion_loop_hook_t *hook);
    bool (*may_sleep)(ion_loop_hook_t *hook);
    void (*awake)(ion_loop_hook_t *hook);
};

/*
 * ion_loop_new -- make a loop on the real clock.
 *
 * Owns:   gives *out; free with ion_loop_free.
 * Errors: ION_NOMEM | ION_SYS (epoll).
 */
ION_NODISCARD ion_err_t ion_loop_new(ion_loop_t **out);

/*
 * ion_loop_new_fake -- make a loop whose clock only ion_loop_advance moves.
 *
 * Shape:  start is the first value of ion_loop_now, in ns. Descriptors are
 *         real (socket pairs, eventfds) and polled without ever blocking.
 * Errors: ION_NOMEM | ION_SYS.
 */
ION_NODISCARD ion_err_t ion_loop_new_fake(ion_mono_t start, ion_loop_t **out);

/* ion_loop_free -- reap what waits, free *loop, null it; accepts NULL. */
void ion_loop_free(ion_loop_t **loop);

/*
 * ion_loop_run -- turn until ion_loop_stop.
 *
 * Errors: ION_SYS when epoll_wait fails; ION_INTERNAL on a fake loop.
 */
ION_NODISCARD ion_err_t ion_loop_run(ion_loop_t *loop);

/* ion_loop_stop -- make ion_loop_run return after the turn in progress. */
void ion_loop_stop(ion_loop_t *loop);

/*
 * ion_loop_turn -- take one turn.
 *
 * Shape:  can_block false polls; *events, when not NULL, is the number of
 *         descriptors, timers and tasks that were served.
 * Errors: ION_SYS when epoll_wait fails (never EINTR).
 */
ION_NODISCARD ion_err_t ion_loop_turn(
    ion_loop_t *loop, bool can_block, unsigned *events);

/*
 * ion_loop_advance -- fake loop only: move the clock by ns, stopping at each
 * timer on the way, and take turns until nothing is ready (at most 10,000).
 *
 * Errors: ION_SYS | ION_LIMIT still busy after all those turns.
 */
ION_NODISCARD ion_err_t ion_loop_advance(ion_loop_t *loop, uint64_t ns);

/* ion_loop_now -- the monotonic time of this turn in ns; no system call. */
ion_mono_t ion_loop_now(const ion_loop_t *loop);

/*
 * ion_loop_set_heartbeat -- words that a supervisor watches.
 *
 * Shape:  *beat grows by one each turn; *busy is 1 from the end of the wait
 *         to the start of the next one, else 0. Both borrowed until the loop
 *         is freed; NULL turns either off.
 */
void ion_loop_set_heartbeat(
    ion_loop_t *loop, _Atomic uint64_t *beat, _Atomic uint32_t *busy);

/* ion_io_init -- prepare io for fd (borrowed, non-blocking); not watched. */
void ion_io_init(
    ion_io_t *io, int fd, void (*cb)(ion_io_t *io, uint32_t events));

/*
 * ion_io_add -- watch io for events: ION_IO_READ | ION_IO_WRITE, or
 * ION_IO_HUP for nothing but the end; 0 = not even that, until ion_io_mod.
 * The callback gets the bits that are ready; after an error or hang-up all
 * bits asked for, with ION_IO_HUP.
 *
 * Owns:   shares io with the loop until ion_io_del.
 * Errors: ION_SYS (epoll_ctl: no memory, watch limit).
 */
ION_NODISCARD ion_err_t ion_io_add(
    ion_loop_t *loop, ion_io_t *io, uint32_t events);

/* ion_io_mod -- change the interest. Errors: ION_SYS. No call when equal. */
ION_NODISCARD ion_err_t ion_io_mod(
    ion_loop_t *loop, ion_io_t *io, uint32_t events);

/* ion_io_del -- stop watching; before the fd is closed. Safe when not added. */
void ion_io_del(ion_loop_t *loop, ion_io_t *io);

/* ion_timer_init -- prepare a timer; not set. */
void ion_timer_init(ion_timer_t *timer, void (*cb)(ion_timer_t *timer));

/* ion_timer_set -- fire once at due (ns of ion_loop_now); moves a set one. */
void ion_timer_set(ion_loop_t *loop, ion_timer_t *timer, ion_mono_t due);

/* ion_timer_cancel -- never fire; safe when not set. */
void ion_timer_cancel(ion_loop_t *loop, ion_timer_t *timer);

/* ion_task_init -- prepare a task; not deferred. */
void ion_task_init(ion_task_t *task, void (*cb)(ion_task_t *task));

/*
 * ion_loop_defer -- run task once at the end of this turn (of the next one
 * when called by a task or a hook). Deferring twice is the same as once.
 */
void ion_loop_defer(ion_loop_t *loop, ion_task_t *task);

/* ion_task_cancel -- take a deferred task back; safe when not deferred. */
void ion_task_cancel(ion_task_t *task);

/*
 * ion_loop_reap -- call cb(reap) after this turn's hooks, to free the object.
 *
 * Owns:   takes the object that reap is embedded in.
 */
void ion_loop_reap(
    ion_loop_t *loop, ion_reap_t *reap, void (*cb)(ion_reap_t *reap));

/* ion_loop_hook_add -- hooks run in the order they were added. */
void ion_loop_hook_add(ion_loop_t *loop, ion_loop_hook_t *hook);

/* ion_loop_hook_del -- safe when not added, also from inside a hook. */
void ion_loop_hook_del(ion_loop_t *loop, ion_loop_hook_t *hook);

/*
 * ion_loop_rxbuf -- ION_LOOP_RXBUF bytes that a callback may read plaintext
 * into; anybody's again when it returns.
 */
uint8_t *ion_loop_rxbuf(ion_loop_t *loop);

/* ion_loop_wirebuf -- the same for ciphertext; only for the TLS layer. */
uint8_t *ion_loop_wirebuf(ion_loop_t *loop);

/* ion_loop_pool -- the pool that output buffers of this loop come from. */
ion_bufpool_t *ion_loop_pool(ion_loop_t *loop);

#endif
