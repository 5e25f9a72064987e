/*
 * event/listen.c -- the accept loop of one listening socket.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "event/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "core/log.h"
#include "os/sock.h"

#define LISTENER_MAGIC 0x4c53544eu
#define DRAIN_MAX      4096

struct ion_listener {
    uint32_t magic;
    ion_loop_t *loop;
    ion_io_t io;
    ion_timer_t retry;
    bool is_paused;
    ion_listener_opts_t opts;
};

static void
accepted(
    ion_listener_t *l, int fd, const ion_addr_t *peer, const ion_addr_t *local)
{
    ion_bucket_t *limiter = l->opts.limiter;
    if (limiter != NULL && !ion_bucket_take(limiter, ion_loop_now(l->loop), 1))
    {
        close(fd);
        if (l->opts.rejected != NULL) {
            l->opts.rejected(l->opts.arg);
        }
        return;
    }
    l->opts.accepted(l->opts.arg, fd, peer, local);
}

static void
pause_accepting(ion_listener_t *l, int err)
{
    if (!l->is_paused && l->opts.log != NULL) {
        ion_log(l->opts.log, ION_LOG_ERR, err,
            "%s: no descriptor or memory for another connection, "
            "accepting pauses; raise RLIMIT_NOFILE or lower max_clients",
            l->opts.name);
    }
    l->is_paused = true;
    /* leaving it watched would only cost turns */
    ION_IGNORE(ion_io_mod(l->loop, &l->io, 0));
    ion_timer_set(l->loop, &l->retry,
        ion_loop_now(l->loop) + ION_MS(ION_ACCEPT_PAUSE_MS));
}

static void
note_resumed(ion_listener_t *l)
{
    if (l->is_paused && l->opts.log != NULL) {
        ion_log(l->opts.log, ION_LOG_NOTICE, 0, "%s: accepting again",
            l->opts.name);
    }
    l->is_paused = false;
}

/* Up to budget connections; false when it had to stop for want of room. */
static bool
accept_some(ion_listener_t *l, unsigned budget)
{
    while (budget-- > 0) {
        int fd = -1;
        ion_addr_t peer = { 0 };
        ion_addr_t local = { 0 };
        ion_err_t rc = ion_sock_accept(l->io.fd, &peer, &local, &fd);
        if (rc == ION_AGAIN) {
            note_resumed(l);
            return true;
        }
        if (rc == ION_OK) {
            note_resumed(l);
            accepted(l, fd, &peer, &local);
        } else if (rc != ION_CLOSED) {
            pause_accepting(l, errno);
            return false;
        }
    }
    return true;
}

static void
on_readable(ion_io_t *io, uint32_t events)
{
    ion_listener_t *l = ION_CONTAINER_OF(io, ion_listener_t, io);
    (void)events;
    ION_ASSERT(l->magic == LISTENER_MAGIC);
    (void)accept_some(l, ION_ACCEPT_BUDGET);
}

static void
on_retry(ion_timer_t *timer)
{
    ion_listener_t *l = ION_CONTAINER_OF(timer, ion_listener_t, retry);
    ION_ASSERT(l->magic == LISTENER_MAGIC);
    if (!accept_some(l, ION_ACCEPT_BUDGET)) {
        return;
    }
    if (ion_io_mod(l->loop, &l->io, ION_IO_READ) != ION_OK) {
        pause_accepting(l, errno);
    }
}

ion_err_t
ion_listener_new(ion_loop_t *loop, int fd, const ion_listener_opts_t *opts,
    ion_listener_t **out)
{
    ion_listener_t *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return ION_NOMEM;
    }
    l->magic = LISTENER_MAGIC;
    l->loop = loop;
    l->opts = *opts;
    ion_timer_init(&l->retry, on_retry);
    ion_io_init(&l->io, fd, on_readable);
    ion_err_t rc = ion_io_add(loop, &l->io, ION_IO_READ);
    if (rc != ION_OK) {
        free(l);
        return rc;
    }
    *out = l;
    return ION_OK;
}

int
ion_listener_fd(const ion_listener_t *l)
{
    return l->io.fd;
}

bool
ion_listener_is_paused(const ion_listener_t *l)
{
    return l->is_paused;
}

void
ion_listener_free(ion_listener_t **l, bool drain)
{
    ion_listener_t *p = *l;
    if (p == NULL) {
        return;
    }
    ION_ASSERT(p->magic == LISTENER_MAGIC);
    if (drain) {
        (void)accept_some(p, DRAIN_MAX);
    }
    ion_io_del(p->loop, &p->io);
    ion_timer_cancel(p->loop, &p->retry);
    p->magic = 0;
    free(p);
    *l = NULL;
}
