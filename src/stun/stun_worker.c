/*
 * stun_worker.c -- answer STUN requests in batches.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stateless: a datagram is a request of ours and is answered from the address
 * it was sent to, or it is counted and forgotten.  One turn of the loop takes
 * a bounded number of datagrams from a socket, so that a flood costs its share
 * of the processor and never a relayed packet's turn.
 *
 * A socket is known by its id and descriptor.  The cycle owns descriptors;
 * what is read here is only borrowed, so sockets that go away are emptied
 * before the cycle that owns them is freed.
 */
#include "stun/stun_worker.h"

#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/list.h"
#include "core/module.h"
#include "event/loop.h"
#include "event/udp.h"
#include "proto/stun.h"

#define STUN_SOCKET_MAGIC 0x53545553u
#define STUN_WORKER_MAGIC 0x53545557u

/* batches of ION_UDP_BATCH that one socket may take from a turn */
#define BATCHES_PER_TURN 4

typedef struct stun_worker {
    uint32_t magic;
    ion_process_t *process; /* back */
    ion_log_t log;
    uint64_t *stats;     /* this module's counters */
    ion_list_t sockets;  /* in use */
    ion_list_t prepared; /* of the next cycle, not read from yet */
} stun_worker_t;

typedef struct stun_socket {
    uint32_t magic;
    uint32_t id;
    stun_worker_t *worker; /* back */
    ion_list_t link;
    ion_io_t io;    /* fd borrowed from the cycle */
    ion_udp_t *udp; /* owned */
} stun_socket_t;

static stun_worker_t *
worker_of(ion_process_t *p, uint32_t self)
{
    return ION_OBJ_CAST(stun_worker_t, p->module_data[self], STUN_WORKER_MAGIC);
}

static void
count(stun_worker_t *w, unsigned stat, size_t n)
{
    ion_stat_add(w->stats, stat, n);
}

static void
answer(stun_socket_t *s, const ion_udp_msg_t *msg, size_t index)
{
    stun_worker_t *w = s->worker;
    uint8_t txid[STUN_TXID_LEN];
    uint8_t reply[STUN_REPLY_MAX];
    size_t n;

    if (msg->is_cut || stun_parse_binding(msg->data, msg->len, txid) != ION_OK)
    {
        count(w, STUN_STAT_NOT_STUN, 1);
        return;
    }
    count(w, msg->peer.family == 4 ? STUN_STAT_IPV4 : STUN_STAT_IPV6, 1);
    n = stun_build_reply(txid, &msg->peer, reply);
    if (n == 0 || ion_udp_reply(s->udp, index, reply, n) != ION_OK) {
        count(w, STUN_STAT_WRITE_ERROR, 1);
    }
}

/* returns whether more may be waiting */
static bool
serve_batch(stun_socket_t *s)
{
    stun_worker_t *w = s->worker;
    const ion_udp_msg_t *msgs;
    size_t n;
    size_t sent;
    size_t failed;
    ion_err_t rc = ion_udp_recv(s->udp, &msgs, &n);

    if (rc != ION_OK) {
        if (rc != ION_AGAIN) {
            count(w, STUN_STAT_READ_ERROR, 1);
            ion_log_peer(&w->log, ION_LOG_WARN, errno,
                "cannot receive from the STUN socket");
        }
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        answer(s, &msgs[i], i);
    }
    ion_udp_send(s->udp, &sent, &failed);
    count(w, STUN_STAT_SUCCESS, sent);
    count(w, STUN_STAT_WRITE_ERROR, failed);
    return n == ION_UDP_BATCH;
}

static void
serve(stun_socket_t *s)
{
    for (int i = 0; i < BATCHES_PER_TURN; i++) {
        if (!serve_batch(s)) {
            return;
        }
    }
}

static void
on_readable(ion_io_t *io, uint32_t events)
{
    stun_socket_t *s = ION_CONTAINER_OF(io, stun_socket_t, io);

    (void)events;
    ION_ASSERT(s->magic == STUN_SOCKET_MAGIC);
    serve(s);
}

static void
close_socket(stun_socket_t *s)
{
    ion_io_del(s->worker->process->loop, &s->io);
    ion_udp_free(&s->udp);
    ion_list_del(&s->link);
    s->magic = 0;
    free(s);
}

/* what is in its queue was sent to us: answer it, then close */
static void
retire_socket(stun_socket_t *s)
{
    serve(s);
    close_socket(s);
}

static ion_err_t
open_socket(stun_worker_t *w, const ion_socket_t *from, ion_list_t *list)
{
    stun_socket_t *s = calloc(1, sizeof(*s));
    ion_err_t rc;

    if (s == NULL) {
        return ION_NOMEM;
    }
    s->magic = STUN_SOCKET_MAGIC;
    s->id = from->id;
    s->worker = w;
    ion_io_init(&s->io, from->fd, on_readable);
    ion_list_add_tail(list, &s->link);
    rc = ion_udp_new(from->fd, &s->udp);
    if (rc == ION_OK) {
        rc = ion_io_add(w->process->loop, &s->io, 0);
    }
    if (rc != ION_OK) {
        close_socket(s);
    }
    return rc;
}

static bool
is_ours(const ion_socket_t *from)
{
    return from->kind == ION_SOCKET_UDP && from->fd >= 0;
}

static bool
is_same(const stun_socket_t *s, const ion_socket_t *from)
{
    return is_ours(from) && s->id == from->id && s->io.fd == from->fd;
}

static bool
cycle_has(const ion_cycle_t *cycle, const stun_socket_t *s)
{
    for (size_t i = 0; i < cycle->socket_count; i++) {
        if (is_same(s, &cycle->sockets[i])) {
            return true;
        }
    }
    return false;
}

static bool
is_open(stun_worker_t *w, const ion_socket_t *from)
{
    ION_LIST_FOREACH(it, &w->sockets) {
        if (is_same(ION_CONTAINER_OF(it, stun_socket_t, link), from)) {
            return true;
        }
    }
    return false;
}

static void
close_all(ion_list_t *list)
{
    ION_LIST_FOREACH_SAFE(it, tmp, list) {
        close_socket(ION_CONTAINER_OF(it, stun_socket_t, link));
    }
}

/* opens the sockets of a cycle that are not open yet into w->prepared */
static ion_err_t
prepare_sockets(stun_worker_t *w, const ion_cycle_t *cycle, ion_errtext_t *err)
{
    for (size_t i = 0; i < cycle->socket_count; i++) {
        const ion_socket_t *from = &cycle->sockets[i];
        char addr[ION_ADDR_TEXT_MAX];
        ion_err_t rc;

        if (!is_ours(from) || is_open(w, from)) {
            continue;
        }
        rc = open_socket(w, from, &w->prepared);
        if (rc != ION_OK) {
            ion_errtext_set(err, "%s: cannot answer STUN on %s: %s", from->name,
                ion_addr_format(&from->addr, addr), ion_strerror(rc));
            close_all(&w->prepared);
            return rc;
        }
    }
    return ION_OK;
}

/* begins to read from what was prepared */
static void
use_prepared(stun_worker_t *w)
{
    ION_LIST_FOREACH_SAFE(it, tmp, &w->prepared) {
        stun_socket_t *s = ION_CONTAINER_OF(it, stun_socket_t, link);

        ion_list_del(it);
        ion_list_add_tail(&w->sockets, it);
        if (ion_io_mod(w->process->loop, &s->io, ION_IO_READ) != ION_OK) {
            ion_log(&w->log, ION_LOG_ALERT, errno,
                "cannot watch a STUN socket: it will not answer");
        }
    }
}

ion_err_t
stun_worker_start(ion_process_t *p, uint32_t self, ion_errtext_t *err)
{
    stun_worker_t *w = calloc(1, sizeof(*w));
    ion_err_t rc;

    if (w == NULL) {
        ion_errtext_set(err, "stun: %s", ion_strerror(ION_NOMEM));
        return ION_NOMEM;
    }
    w->magic = STUN_WORKER_MAGIC;
    w->process = p;
    w->log = (ion_log_t){
        .sink = p->log->sink, .parent = p->log, .subsystem = "stun"
    };
    w->stats = p->stats + ion_module_stat_base(self);
    ion_list_init(&w->sockets);
    ion_list_init(&w->prepared);
    rc = prepare_sockets(w, p->cycle, err);
    if (rc != ION_OK) {
        free(w);
        return rc;
    }
    p->module_data[self] = w;
    use_prepared(w);
    return ION_OK;
}

ion_err_t
stun_worker_prepare(ion_process_t *p, uint32_t self, const ion_cycle_t *next,
    ion_errtext_t *err)
{
    return prepare_sockets(worker_of(p, self), next, err);
}

void
stun_worker_commit(ion_process_t *p, uint32_t self)
{
    stun_worker_t *w = worker_of(p, self);

    ION_LIST_FOREACH_SAFE(it, tmp, &w->sockets) {
        stun_socket_t *s = ION_CONTAINER_OF(it, stun_socket_t, link);

        if (!cycle_has(p->cycle, s)) {
            retire_socket(s);
        }
    }
    use_prepared(w);
}

void
stun_worker_abort(ion_process_t *p, uint32_t self)
{
    close_all(&worker_of(p, self)->prepared);
}

void
stun_worker_drain(ion_process_t *p, uint32_t self)
{
    stun_worker_t *w = worker_of(p, self);

    ION_LIST_FOREACH_SAFE(it, tmp, &w->sockets) {
        retire_socket(ION_CONTAINER_OF(it, stun_socket_t, link));
    }
    p->idle(p, self);
}

void
stun_worker_stop(ion_process_t *p, uint32_t self)
{
    stun_worker_t *w = p->module_data[self];

    p->module_data[self] = NULL;
    if (w == NULL) {
        return; /* start had failed */
    }
    close_all(&w->prepared);
    close_all(&w->sockets);
    w->magic = 0;
    free(w);
}
