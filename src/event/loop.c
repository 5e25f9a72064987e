/*
 * event/loop.c -- the turn: wait, dispatch, timers, tasks, hooks, reaping.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every step of a turn is bounded: descriptors by the size of the batch,
 * timers by a count, tasks by a snapshot of the list. What is left over is
 * taken up in the next turn, which then does not block.
 */
#include "event/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "event/bufpool.h"
#include "event/lull.h"

#define IO_MAGIC    0x494f2121u
#define TIMER_MAGIC 0x54494d45u

#define TIMERS_PER_TURN 256
#define FAKE_TURNS      10000
#define POOL_MAX_BYTES  (512u * 1024 * 1024)

ION_STATIC_ASSERT(ION_IO_READ == EPOLLIN, "same bits as the kernel's");
ION_STATIC_ASSERT(ION_IO_WRITE == EPOLLOUT, "same bits as the kernel's");
ION_STATIC_ASSERT(ION_IO_HUP == EPOLLHUP, "same bits as the kernel's");

struct ion_loop {
    int epfd;
    bool is_fake;
    bool is_stopped;
    ion_mono_t now;
    ion_heap_t timers;
    ion_list_t spare_timers; /* the heap could not grow for them */
    ion_list_t tasks;
    ion_list_t reaps;
    ion_list_t hooks;
    ion_list_t *next_hook; /* while hooks run: the one after this */
    _Atomic uint64_t *beat;
    _Atomic uint32_t *busy;
    ion_lull_t lull;
    int batch_len;
    struct epoll_event batch[ION_LOOP_EVENTS];
    ion_bufpool_t *pool;
    uint8_t *rxbuf; /* plaintext and ciphertext, ION_LOOP_RXBUF bytes each */
};

static ion_err_t
loop_new(bool is_fake, ion_mono_t now, ion_loop_t **out)
{
    ion_err_t rc = ION_NOMEM;
    ion_loop_t *loop = calloc(1, sizeof(*loop));
    if (loop == NULL) {
        return rc;
    }
    loop->epfd = -1;
    loop->is_fake = is_fake;
    loop->now = now;
    ion_heap_init(&loop->timers);
    ion_list_init(&loop->spare_timers);
    ion_list_init(&loop->tasks);
    ion_list_init(&loop->reaps);
    ion_list_init(&loop->hooks);
    loop->rxbuf = malloc((size_t)2 * ION_LOOP_RXBUF);
    if (loop->rxbuf == NULL ||
        ion_bufpool_new(POOL_MAX_BYTES, &loop->pool) != ION_OK)
    {
        goto fail;
    }
    loop->epfd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epfd < 0) {
        rc = ION_SYS;
        goto fail;
    }
    *out = loop;
    return ION_OK;
fail:
    ion_loop_free(&loop);
    return rc;
}

ion_err_t
ion_loop_new(ion_loop_t **out)
{
    return loop_new(false, ion_mono_now(), out);
}

ion_err_t
ion_loop_new_fake(ion_mono_t start, ion_loop_t **out)
{
    return loop_new(true, start, out);
}

static unsigned
run_reaps(ion_loop_t *loop)
{
    unsigned n = 0;
    ion_list_t *link = NULL;
    while ((link = ion_list_first(&loop->reaps)) != NULL) {
        ion_reap_t *reap = ION_CONTAINER_OF(link, ion_reap_t, link);
        ion_list_del(link);
        reap->cb(reap);
        n++;
    }
    return n;
}

void
ion_loop_free(ion_loop_t **loop)
{
    ion_loop_t *l = *loop;
    if (l == NULL) {
        return;
    }
    int saved = errno;
    run_reaps(l);
    ion_heap_fini(&l->timers);
    ion_bufpool_free(&l->pool);
    free(l->rxbuf);
    if (l->epfd >= 0) {
        close(l->epfd);
    }
    free(l);
    *loop = NULL;
    errno = saved;
}

/* The earliest due time of all timers; false when none is set. */
static bool
next_due(const ion_loop_t *loop, ion_mono_t *due)
{
    const ion_heap_node_t *min = ion_heap_min(&loop->timers);
    bool found = min != NULL;
    if (found) {
        *due = min->key;
    }
    ION_LIST_FOREACH(it, &loop->spare_timers) {
        ion_timer_t *t = ION_CONTAINER_OF(it, ion_timer_t, spare);
        if (!found || t->node.key < *due) {
            *due = t->node.key;
            found = true;
        }
    }
    return found;
}

static ion_timer_t *
due_timer(const ion_loop_t *loop)
{
    ion_heap_node_t *min = ion_heap_min(&loop->timers);
    if (min != NULL && min->key <= loop->now) {
        return ION_CONTAINER_OF(min, ion_timer_t, node);
    }
    ION_LIST_FOREACH(it, &loop->spare_timers) {
        ion_timer_t *t = ION_CONTAINER_OF(it, ion_timer_t, spare);
        if (t->node.key <= loop->now) {
            return t;
        }
    }
    return NULL;
}

static unsigned
run_timers(ion_loop_t *loop)
{
    unsigned n = 0;
    while (n < TIMERS_PER_TURN) {
        ion_timer_t *timer = due_timer(loop);
        if (timer == NULL) {
            break;
        }
        ion_timer_cancel(loop, timer);
        timer->cb(timer);
        n++;
    }
    return n;
}

static unsigned
run_tasks(ion_loop_t *loop)
{
    unsigned n = 0;
    ion_list_t batch;
    ion_list_t *link = NULL;
    ion_list_init(&batch);
    ion_list_splice(&batch, &loop->tasks);
    while ((link = ion_list_first(&batch)) != NULL) {
        ion_task_t *task = ION_CONTAINER_OF(link, ion_task_t, link);
        ion_list_del(link);
        task->cb(task);
        n++;
    }
    return n;
}

/* The hook after loop->next_hook, which a callback may move by deleting. */
static ion_loop_hook_t *
step_hook(ion_loop_t *loop)
{
    ion_list_t *link = loop->next_hook;
    if (link == &loop->hooks) {
        loop->next_hook = NULL;
        return NULL;
    }
    loop->next_hook = link->next;
    return ION_CONTAINER_OF(link, ion_loop_hook_t, link);
}

static void
run_end_of_turn(ion_loop_t *loop)
{
    ion_loop_hook_t *hook = NULL;
    loop->next_hook = loop->hooks.next;
    while ((hook = step_hook(loop)) != NULL) {
        if (hook->end_of_turn != NULL) {
            hook->end_of_turn(hook);
        }
    }
}

static bool
ask_may_sleep(ion_loop_t *loop)
{
    bool may = true;
    ion_loop_hook_t *hook = NULL;
    loop->next_hook = loop->hooks.next;
    while ((hook = step_hook(loop)) != NULL) {
        if (hook->may_sleep != NULL && !hook->may_sleep(hook)) {
            may = false;
        }
    }
    return may;
}

static void
run_awake(ion_loop_t *loop)
{
    ion_loop_hook_t *hook = NULL;
    loop->next_hook = loop->hooks.next;
    while ((hook = step_hook(loop)) != NULL) {
        if (hook->awake != NULL) {
            hook->awake(hook);
        }
    }
}

/* Milliseconds to wait, rounded up; 0 work is left; -1 for ever. */
static int
wait_ms(const ion_loop_t *loop)
{
    ion_mono_t due = 0;
    if (!ion_list_is_empty(&loop->tasks)) {
        return 0;
    }
    if (!next_due(loop, &due)) {
        return -1;
    }
    ion_mono_t now = ion_mono_now();
    if (due <= now) {
        return 0;
    }
    uint64_t ms = (due - now + ION_MS(1) - 1) / ION_MS(1);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

static int
look(ion_loop_t *loop, int timeout)
{
    return epoll_wait(loop->epfd, loop->batch, ION_LOOP_EVENTS, timeout);
}

/* Wait for at least one descriptor, or for several where they come fast. */
static int
wait_or_gather(ion_loop_t *loop, int timeout)
{
    if (timeout == 0) {
        return look(loop, 0);
    }
    if (!loop->lull.is_on) {
        int n = look(loop, timeout);
        if (n > 0) {
            ion_lull_woken(
                &loop->lull, loop->batch[0].data.ptr, ion_mono_now());
        }
        return n;
    }
    int n = look(loop, 0);
    if (n == 0) {
        run_awake(loop);
        ion_lull_sleep();
        n = look(loop, 0);
        ion_lull_ended(&loop->lull, n > 0 ? (unsigned)n : 0);
    }
    return n;
}

static ion_err_t
wait_events(ion_loop_t *loop, bool can_block)
{
    int timeout = can_block && !loop->is_fake ? wait_ms(loop) : 0;
    bool asked = timeout != 0;
    if (asked && !ask_may_sleep(loop)) {
        timeout = 0;
    }
    if (timeout != 0 && loop->busy != NULL) {
        atomic_store_explicit(loop->busy, 0, memory_order_relaxed);
    }
    int n = wait_or_gather(loop, timeout);
    int saved = errno;
    if (!loop->is_fake) {
        loop->now = ion_mono_now();
    }
    if (loop->busy != NULL) {
        atomic_store_explicit(loop->busy, 1, memory_order_relaxed);
    }
    if (loop->beat != NULL) {
        atomic_fetch_add_explicit(loop->beat, 1, memory_order_relaxed);
    }
    if (asked) {
        run_awake(loop);
    }
    loop->batch_len = n < 0 ? 0 : n;
    errno = saved;
    return n < 0 && saved != EINTR ? ION_SYS : ION_OK;
}

static unsigned
run_events(ion_loop_t *loop)
{
    unsigned served = 0;
    for (int i = 0; i < loop->batch_len; i++) {
        uint32_t got = loop->batch[i].events;
        ion_io_t *io = loop->batch[i].data.ptr;
        if (io == NULL) {
            continue;
        }
        ION_ASSERT(io->magic == IO_MAGIC);
        uint32_t ready = got & io->events;
        if ((got & (EPOLLERR | EPOLLHUP)) != 0 && io->events != 0) {
            ready = io->events | ION_IO_HUP;
        }
        if (ready != 0) {
            io->cb(io, ready);
            served++;
        }
    }
    loop->batch_len = 0;
    return served;
}

ion_err_t
ion_loop_turn(ion_loop_t *loop, bool can_block, unsigned *events)
{
    ion_err_t rc = wait_events(loop, can_block);
    unsigned served = run_events(loop);
    served += run_timers(loop);
    served += run_tasks(loop);
    run_end_of_turn(loop);
    served += run_reaps(loop);
    if (events != NULL) {
        *events = served;
    }
    return rc;
}

ion_err_t
ion_loop_run(ion_loop_t *loop)
{
    if (loop->is_fake) {
        return ION_INTERNAL;
    }
    loop->is_stopped = false;
    while (!loop->is_stopped) {
        ion_err_t rc = ion_loop_turn(loop, true, NULL);
        if (rc != ION_OK) {
            return rc;
        }
    }
    return ION_OK;
}

void
ion_loop_stop(ion_loop_t *loop)
{
    loop->is_stopped = true;
}

/* Turns until a turn served nothing and left nothing. */
static ion_err_t
settle(ion_loop_t *loop, unsigned *turns)
{
    unsigned served = 0;
    do {
        if (*turns == 0) {
            return ION_LIMIT;
        }
        (*turns)--;
        ion_err_t rc = ion_loop_turn(loop, false, &served);
        if (rc != ION_OK) {
            return rc;
        }
    } while (served > 0 || !ion_list_is_empty(&loop->tasks));
    return ION_OK;
}

ion_err_t
ion_loop_advance(ion_loop_t *loop, uint64_t ns)
{
    ION_ASSERT(loop->is_fake);
    ion_mono_t target = loop->now + ns;
    unsigned turns = FAKE_TURNS;
    ion_mono_t due = 0;
    ion_err_t rc = settle(loop, &turns);
    while (rc == ION_OK && next_due(loop, &due) && due <= target) {
        loop->now = due > loop->now ? due : loop->now;
        rc = settle(loop, &turns);
    }
    if (rc == ION_OK) {
        loop->now = target;
        rc = settle(loop, &turns);
    }
    return rc;
}

ion_mono_t
ion_loop_now(const ion_loop_t *loop)
{
    return loop->now;
}

void
ion_loop_set_heartbeat(
    ion_loop_t *loop, _Atomic uint64_t *beat, _Atomic uint32_t *busy)
{
    loop->beat = beat;
    loop->busy = busy;
}

void
ion_io_init(ion_io_t *io, int fd, void (*cb)(ion_io_t *io, uint32_t events))
{
    io->magic = IO_MAGIC;
    io->fd = fd;
    io->events = 0;
    io->cb = cb;
}

ion_err_t
ion_io_add(ion_loop_t *loop, ion_io_t *io, uint32_t events)
{
    ION_ASSERT(io->events == 0);
    return ion_io_mod(loop, io, events);
}

static void
forget_events(ion_loop_t *loop, const ion_io_t *io)
{
    for (int i = 0; i < loop->batch_len; i++) {
        if (loop->batch[i].data.ptr == io) {
            loop->batch[i].data.ptr = NULL;
        }
    }
}

ion_err_t
ion_io_mod(ion_loop_t *loop, ion_io_t *io, uint32_t events)
{
    ION_ASSERT(io->magic == IO_MAGIC);
    ION_ASSERT((events & ~(ION_IO_READ | ION_IO_WRITE | ION_IO_HUP)) == 0);
    if (events == io->events) {
        return ION_OK;
    }
    struct epoll_event ev = {
        .events = events & (ION_IO_READ | ION_IO_WRITE),
        .data = { .ptr = io },
    };
    int op = EPOLL_CTL_MOD;
    if (io->events == 0) {
        op = EPOLL_CTL_ADD;
    } else if (events == 0) {
        op = EPOLL_CTL_DEL;
    }
    if (epoll_ctl(loop->epfd, op, io->fd, &ev) != 0) {
        return ION_SYS;
    }
    io->events = events;
    return ION_OK;
}

void
ion_io_del(ion_loop_t *loop, ion_io_t *io)
{
    ION_ASSERT(io->magic == IO_MAGIC);
    if (io->events != 0) {
        /* fails only for a descriptor that is closed, and so out already */
        (void)epoll_ctl(loop->epfd, EPOLL_CTL_DEL, io->fd, NULL);
        io->events = 0;
    }
    forget_events(loop, io);
}

void
ion_timer_init(ion_timer_t *timer, void (*cb)(ion_timer_t *timer))
{
    timer->magic = TIMER_MAGIC;
    timer->is_set = false;
    timer->node = (ion_heap_node_t){ 0 };
    ion_list_init(&timer->spare);
    timer->cb = cb;
}

void
ion_timer_set(ion_loop_t *loop, ion_timer_t *timer, ion_mono_t due)
{
    ION_ASSERT(timer->magic == TIMER_MAGIC);
    if (ion_heap_has(&timer->node)) {
        ion_heap_update(&loop->timers, &timer->node, due);
        return;
    }
    ion_list_del(&timer->spare);
    timer->is_set = true;
    if (ion_heap_push(&loop->timers, &timer->node, due) != ION_OK) {
        timer->node.key = due;
        ion_list_add_tail(&loop->spare_timers, &timer->spare);
    }
}

void
ion_timer_cancel(ion_loop_t *loop, ion_timer_t *timer)
{
    ION_ASSERT(timer->magic == TIMER_MAGIC);
    ion_heap_remove(&loop->timers, &timer->node);
    ion_list_del(&timer->spare);
    timer->is_set = false;
}

void
ion_task_init(ion_task_t *task, void (*cb)(ion_task_t *task))
{
    ion_list_init(&task->link);
    task->cb = cb;
}

void
ion_loop_defer(ion_loop_t *loop, ion_task_t *task)
{
    if (ion_list_is_empty(&task->link)) {
        ion_list_add_tail(&loop->tasks, &task->link);
    }
}

void
ion_task_cancel(ion_task_t *task)
{
    ion_list_del(&task->link);
}

void
ion_loop_reap(ion_loop_t *loop, ion_reap_t *reap, void (*cb)(ion_reap_t *reap))
{
    reap->cb = cb;
    ion_list_add_tail(&loop->reaps, &reap->link);
}

void
ion_loop_hook_add(ion_loop_t *loop, ion_loop_hook_t *hook)
{
    ion_list_add_tail(&loop->hooks, &hook->link);
}

void
ion_loop_hook_del(ion_loop_t *loop, ion_loop_hook_t *hook)
{
    if (hook->link.next == NULL) {
        return;
    }
    if (loop->next_hook == &hook->link) {
        loop->next_hook = hook->link.next;
    }
    ion_list_del(&hook->link);
}

uint8_t *
ion_loop_rxbuf(ion_loop_t *loop)
{
    return loop->rxbuf;
}

uint8_t *
ion_loop_wirebuf(ion_loop_t *loop)
{
    return loop->rxbuf + ION_LOOP_RXBUF;
}

ion_bufpool_t *
ion_loop_pool(ion_loop_t *loop)
{
    return loop->pool;
}
