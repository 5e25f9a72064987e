/*
 * answerer.c -- the courier's channels to the workers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A worker numbers its questions by a place of its table, and so can we: a ref
 * is the worker's slot, that place, and a serial number above them.
 */
#include "main/answerer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "event/loop.h"
#include "main/messages.h"
#include "os/chan.h"
#include "shm/ids.h"

#define PLACE_BITS  10
#define SLOT_BITS   7
#define BUDGET      64 /* questions taken at a time */
#define TIMEOUT_MAX 60000u

ION_STATIC_ASSERT(ION_ASKS_MAX == 1 << PLACE_BITS, "a place fits its bits");
ION_STATIC_ASSERT(
    ION_WORKER_SLOTS_MAX == 1 << SLOT_BITS, "a slot fits its bits");

typedef struct {
    uint64_t ref; /* 0 = free */
    uint64_t req; /* the worker's number */
} place_t;

typedef struct {
    answerer_t *a; /* back */
    uint32_t slot;
    ion_chan_t *chan;
    ion_io_t io;
    ion_reap_t reap;
    place_t places[ION_ASKS_MAX];
} peer_t;

struct answerer {
    ion_process_t *p;
    uint64_t serial;
    bool is_started;
    uint32_t open; /* questions of all peers */
    peer_t *peers[ION_WORKER_SLOTS_MAX];
};

static void
forget(peer_t *peer, place_t *place)
{
    answerer_t *a = peer->a;
    uint64_t ref = place->ref;
    if (ref == 0) {
        return;
    }
    place->ref = 0;
    a->open--;
    a->p->server->forget(a->p, ref);
}

static void
free_peer(ion_reap_t *reap)
{
    peer_t *peer = ION_CONTAINER_OF(reap, peer_t, reap);
    ion_chan_free(&peer->chan);
    free(peer);
}

static void
unlink_peer(peer_t *peer)
{
    answerer_t *a = peer->a;
    if (a->peers[peer->slot] != peer) {
        return; /* already */
    }
    a->peers[peer->slot] = NULL;
    ion_io_del(a->p->loop, &peer->io);
    for (size_t i = 0; i < ION_ASKS_MAX; i++) {
        forget(peer, &peer->places[i]);
    }
    ion_loop_reap(a->p->loop, &peer->reap, free_peer);
}

static void
watch_unsent(peer_t *peer)
{
    uint32_t events = ION_IO_READ;
    if (ion_chan_has_unsent(peer->chan)) {
        events |= ION_IO_WRITE;
    }
    if (ion_io_mod(peer->a->p->loop, &peer->io, events) != ION_OK) {
        unlink_peer(peer);
    }
}

static void
send_answer(peer_t *peer, uint64_t req, const ion_answer_t *answer)
{
    uint8_t buf[sizeof(ion_link_answer_t) + ION_ASK_TEXT_MAX];
    ion_link_answer_t head = { .rc = (int32_t)answer->rc };
    size_t n = strnlen(answer->text, ION_ASK_TEXT_MAX);
    ion_err_t rc;
    head.addr = answer->addr;
    memcpy(buf, &head, sizeof(head));
    memcpy(buf + sizeof(head), answer->text, n);
    rc = ion_chan_send(peer->chan, ION_LINK_ANSWER, req,
        &(ion_chan_body_t){ .p = buf,
            .n = sizeof(head) + n,
            .fds = &answer->fd,
            .fd_count = answer->fd >= 0 ? 1 : 0 });
    if (rc != ION_OK) {
        unlink_peer(peer); /* gone, or it does not read what it asked for */
        return;
    }
    watch_unsent(peer);
}

void
answerer_reply(answerer_t *a, uint64_t ref, const ion_answer_t *answer)
{
    uint32_t slot = (ref >> PLACE_BITS) & ((1u << SLOT_BITS) - 1);
    peer_t *peer = a->peers[slot];
    if (ref != 0 && peer != NULL) {
        place_t *place = &peer->places[ref & (ION_ASKS_MAX - 1)];
        if (place->ref == ref) {
            place->ref = 0;
            a->open--;
            send_answer(peer, place->req, answer);
        }
    }
    if (answer->fd >= 0) {
        (void)close(answer->fd); /* passed on, or nobody waits for it */
    }
}

static bool
is_sane(const ion_ask_t *ask)
{
    if (ask->timeout_ms == 0 || ask->timeout_ms > TIMEOUT_MAX) {
        return false;
    }
    switch (ask->kind) {
    case ION_ASK_ADMIT:
    case ION_ASK_WHOIS:
        return true;
    case ION_ASK_DIAL:
        return ask->port != 0 && ask->host[0] != '\0' &&
               strnlen(ask->host, sizeof(ask->host)) < sizeof(ask->host);
    }
    return false; /* a number of no kind */
}

static void
on_question(peer_t *peer, const ion_chan_msg_t *msg)
{
    answerer_t *a = peer->a;
    size_t nth = msg->req & (ION_ASKS_MAX - 1);
    place_t *place = &peer->places[nth];
    ion_ask_t ask;
    memcpy(&ask, msg->data, sizeof(ask));
    forget(peer, place); /* its cancel has been lost */
    if (!is_sane(&ask) || a->open >= ANSWERER_OPEN_MAX) {
        send_answer(peer, msg->req,
            &(ion_answer_t){ .rc = is_sane(&ask) ? ION_BUSY : ION_DENIED,
                .fd = -1,
                .text = is_sane(&ask) ? "the courier has too much to do"
                                      : "no such question" });
        return;
    }
    a->open++;
    place->req = msg->req;
    place->ref = (++a->serial << (PLACE_BITS + SLOT_BITS)) |
                 ((uint64_t)peer->slot << PLACE_BITS) | nth;
    a->p->server->ask(a->p, place->ref, &ask);
}

static void
on_message(peer_t *peer, const ion_chan_msg_t *msg)
{
    if (msg->rule->type == ION_LINK_ASK) {
        on_question(peer, msg);
        return;
    }
    place_t *place = &peer->places[msg->req & (ION_ASKS_MAX - 1)];
    if (place->req == msg->req) { /* CANCEL */
        forget(peer, place);
    }
}

static void
on_channel(ion_io_t *io, uint32_t events)
{
    peer_t *peer = ION_CONTAINER_OF(io, peer_t, io);
    answerer_t *a = peer->a;
    ion_err_t rc = ION_OK;
    (void)events;
    if (!a->is_started) { /* the end is all that is watched for */
        unlink_peer(peer);
        return;
    }
    if (ion_chan_has_unsent(peer->chan)) {
        rc = ion_chan_flush(peer->chan);
    }
    for (int n = 0; n < BUDGET && (rc == ION_OK || rc == ION_AGAIN); n++) {
        ion_chan_msg_t msg;
        ion_errtext_t why = { "" };
        rc = ion_chan_recv(peer->chan, &msg, &why);
        if (rc == ION_AGAIN) {
            break;
        }
        if (rc == ION_MALF) {
            ion_log(a->p->log, ION_LOG_ALERT, 0,
                "message of the worker in slot %u breaks the rules: %s",
                peer->slot, why.msg);
        } else if (rc == ION_OK) {
            on_message(peer, &msg);
            ion_chan_msg_done(&msg);
        }
        if (a->peers[peer->slot] != peer) {
            return; /* given up meanwhile */
        }
    }
    if (rc == ION_OK || rc == ION_AGAIN) {
        watch_unsent(peer);
        return;
    }
    unlink_peer(peer);
}

void
answerer_link(answerer_t *a, int fd, uint32_t slot)
{
    peer_t *peer = NULL;
    ion_err_t rc = ION_NOMEM;
    if (slot >= ION_WORKER_SLOTS_MAX) {
        (void)close(fd); /* no worker */
        return;
    }
    if (a->peers[slot] != NULL) {
        unlink_peer(a->peers[slot]);
    }
    peer = calloc(1, sizeof(*peer));
    if (peer == NULL) {
        (void)close(fd); /* nobody reads it */
    } else {
        peer->a = a;
        peer->slot = slot;
        rc = ion_chan_new(fd, ion_link_rules, ION_ROLE_WORKER, &peer->chan);
    }
    if (rc == ION_OK) {
        ion_io_init(&peer->io, ion_chan_fd(peer->chan), on_channel);
        rc = ion_io_add(
            a->p->loop, &peer->io, a->is_started ? ION_IO_READ : ION_IO_HUP);
    }
    if (rc != ION_OK) {
        ion_log(a->p->log, ION_LOG_ALERT, rc == ION_SYS ? errno : 0,
            "cannot talk with the worker in slot %u: %s", slot,
            ion_strerror(rc));
        if (peer != NULL) {
            free_peer(&peer->reap);
        }
        return;
    }
    a->peers[slot] = peer;
}

void
answerer_start(answerer_t *a)
{
    a->is_started = true;
    for (size_t i = 0; i < ION_WORKER_SLOTS_MAX; i++) {
        if (a->peers[i] != NULL) {
            watch_unsent(a->peers[i]);
        }
    }
}

ion_err_t
answerer_new(ion_process_t *p, answerer_t **out)
{
    answerer_t *a = calloc(1, sizeof(*a));
    if (a == NULL) {
        return ION_NOMEM;
    }
    a->p = p;
    *out = a;
    return ION_OK;
}

void
answerer_free(answerer_t **ap)
{
    answerer_t *a = *ap;
    *ap = NULL;
    if (a == NULL) {
        return;
    }
    for (size_t i = 0; i < ION_WORKER_SLOTS_MAX; i++) {
        if (a->peers[i] != NULL) {
            unlink_peer(a->peers[i]);
        }
    }
    free(a);
}
