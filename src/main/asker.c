/*
 * asker.c -- a worker's open questions to the courier.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A question's number is its place in the table and a serial number above it,
 * so that a late answer finds nothing.
 */
#include "main/asker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/list.h"
#include "main/messages.h"
#include "os/chan.h"

#define PLACE_BITS 10
#define NO_COURIER ION_SEC(1) /* a question waits so long for one */
#define SLACK      ION_SEC(1) /* for the way there and back */
#define BUDGET     64         /* answers taken at a time */

ION_STATIC_ASSERT(ION_ASKS_MAX == 1 << PLACE_BITS, "a place fits its bits");

typedef struct {
    ion_list_t link; /* of the free ones, or of the open ones in order */
    struct asker *a; /* back */
    uint64_t id;     /* 0 = free */
    bool is_sent;
    ion_ask_done_pt done;
    void *arg;
    ion_timer_t timer;
    ion_ask_t ask;
} question_t;

struct asker {
    ion_loop_t *loop;
    ion_log_t *log;
    ion_chan_t *chan; /* NULL: no courier */
    ion_io_t io;
    uint64_t serial;
    ion_list_t open;
    ion_list_t unused;
    uint32_t used; /* questions[] that have ever been open */
    question_t questions[ION_ASKS_MAX];
};

static void on_deadline(ion_timer_t *timer);

/* Taken off before the callback runs, which may ask again. */
static void
release(question_t *q)
{
    q->id = 0;
    ion_timer_cancel(q->a->loop, &q->timer);
    ion_list_del(&q->link);
    ion_list_add_tail(&q->a->unused, &q->link);
}

static void
finish(question_t *q, ion_answer_t *answer)
{
    ion_ask_done_pt done = q->done;
    void *arg = q->arg;
    release(q);
    done(arg, answer);
    if (answer->fd >= 0) {
        (void)close(answer->fd); /* nobody wanted it */
    }
}

static void
finish_without(question_t *q, ion_err_t rc, const char *text)
{
    finish(q, &(ion_answer_t){ .rc = rc, .fd = -1, .text = text });
}

static void
watch_unsent(asker_t *a)
{
    uint32_t events = ION_IO_READ;
    if (ion_chan_has_unsent(a->chan)) {
        events |= ION_IO_WRITE;
    }
    if (ion_io_mod(a->loop, &a->io, events) != ION_OK) {
        /* the deadlines end what waits */
        ion_log(a->log, ION_LOG_ALERT, errno, "cannot watch the courier");
    }
}

/* One that is lost costs the courier an answer to nobody. */
static void
tell_cancelled(asker_t *a, uint64_t id)
{
    if (ion_chan_send(a->chan, ION_LINK_CANCEL, id, NULL) == ION_OK) {
        watch_unsent(a);
    }
}

static void
unlink_courier(asker_t *a)
{
    ion_list_t sent;
    if (a->chan == NULL) {
        return;
    }
    ion_io_del(a->loop, &a->io);
    ion_chan_free(&a->chan);
    ion_list_init(&sent);
    ION_LIST_FOREACH_SAFE(it, next, &a->open) {
        if (ION_CONTAINER_OF(it, question_t, link)->is_sent) {
            ion_list_del(it);
            ion_list_add_tail(&sent, it);
        }
    }
    while (!ion_list_is_empty(&sent)) {
        finish_without(
            ION_CONTAINER_OF(ion_list_first(&sent), question_t, link),
            ION_CLOSED, "the courier went away");
    }
}

static ion_err_t
send_question(asker_t *a, question_t *q)
{
    ion_err_t rc = ion_chan_send(a->chan, ION_LINK_ASK, q->id,
        &(ion_chan_body_t){ .p = &q->ask, .n = sizeof(q->ask) });
    if (rc == ION_OK) {
        uint64_t ms = q->ask.timeout_ms;
        q->is_sent = true;
        ion_timer_set(
            a->loop, &q->timer, ion_loop_now(a->loop) + ION_MS(ms) + SLACK);
        watch_unsent(a);
    }
    return rc;
}

static void
on_deadline(ion_timer_t *timer)
{
    question_t *q = ION_CONTAINER_OF(timer, question_t, timer);
    asker_t *a = q->a;
    if (!q->is_sent) {
        finish_without(q, ION_CLOSED, "there is no courier at the moment");
        return;
    }
    tell_cancelled(a, q->id);
    finish_without(q, ION_TIMEOUT, "the courier did not answer in time");
}

/* What the courier says is taken for no more than it may say. */
static ion_err_t
known(int32_t rc)
{
    static const ion_err_t all[] = { ION_OK, ION_DENIED, ION_TIMEOUT,
        ION_NOTFOUND, ION_CLOSED, ION_BUSY };
    for (size_t i = 0; i < ION_ARRAY_LEN(all); i++) {
        if (rc == (int32_t)all[i]) {
            return all[i];
        }
    }
    return ION_SYS;
}

static void
on_answer(asker_t *a, ion_chan_msg_t *msg)
{
    question_t *q = &a->questions[msg->req & (ION_ASKS_MAX - 1)];
    ion_link_answer_t head;
    char text[ION_ASK_TEXT_MAX + 1];
    size_t n = msg->len - sizeof(head);
    ion_answer_t answer = { .fd = -1, .text = text };
    if (msg->req == 0 || q->id != msg->req) {
        return; /* cancelled, or too late */
    }
    memcpy(&head, msg->data, sizeof(head));
    memcpy(text, msg->data + sizeof(head), n);
    text[n] = '\0';
    answer.rc = known(head.rc);
    if (q->ask.kind == ION_ASK_DIAL && answer.rc == ION_OK) {
        answer.addr = head.addr;
        answer.fd = msg->fd_count > 0 ? ion_chan_take_fd(msg, 0) : -1;
        answer.rc = answer.fd >= 0 ? ION_OK : ION_SYS;
    }
    finish(q, &answer);
}

static void
on_channel(ion_io_t *io, uint32_t events)
{
    asker_t *a = ION_CONTAINER_OF(io, asker_t, io);
    ion_err_t rc = ION_OK;
    (void)events;
    if (ion_chan_has_unsent(a->chan)) {
        rc = ion_chan_flush(a->chan);
    }
    for (int n = 0; n < BUDGET && (rc == ION_OK || rc == ION_AGAIN); n++) {
        ion_chan_msg_t msg;
        ion_errtext_t why = { "" };
        rc = ion_chan_recv(a->chan, &msg, &why);
        if (rc == ION_AGAIN) {
            break;
        }
        if (rc == ION_MALF) {
            ion_log(a->log, ION_LOG_ALERT, 0,
                "message of the courier breaks the rules: %s", why.msg);
        } else if (rc == ION_OK) {
            on_answer(a, &msg);
            ion_chan_msg_done(&msg);
        }
    }
    if (rc == ION_OK || rc == ION_AGAIN) {
        watch_unsent(a);
        return;
    }
    unlink_courier(a);
}

void
asker_link(asker_t *a, int fd)
{
    ion_err_t rc;
    unlink_courier(a);
    rc = ion_chan_new(fd, ion_link_rules, ION_ROLE_COURIER, &a->chan);
    if (rc == ION_OK) {
        ion_io_init(&a->io, ion_chan_fd(a->chan), on_channel);
        rc = ion_io_add(a->loop, &a->io, ION_IO_READ);
    }
    ION_LIST_FOREACH_SAFE(it, next, &a->open) {
        if (rc == ION_OK) {
            rc = send_question(a, ION_CONTAINER_OF(it, question_t, link));
        }
    }
    if (rc != ION_OK) {
        ion_log(a->log, ION_LOG_ALERT, rc == ION_SYS ? errno : 0,
            "cannot talk with the courier: %s", ion_strerror(rc));
        unlink_courier(a);
    }
}

static question_t *
take_unused(asker_t *a)
{
    question_t *q;
    if (!ion_list_is_empty(&a->unused)) {
        q = ION_CONTAINER_OF(ion_list_first(&a->unused), question_t, link);
        ion_list_del(&q->link);
        return q;
    }
    if (a->used == ION_ASKS_MAX) {
        return NULL;
    }
    q = &a->questions[a->used++];
    q->a = a;
    ion_list_init(&q->link);
    ion_timer_init(&q->timer, on_deadline);
    return q;
}

ion_err_t
asker_ask(asker_t *a, const ion_ask_t *ask, ion_ask_done_pt done, void *arg,
    uint64_t *id)
{
    ion_err_t rc = ION_CLOSED;
    question_t *q = take_unused(a);
    if (q == NULL) {
        return ION_BUSY;
    }
    q->id = (++a->serial << PLACE_BITS) | (uint64_t)(q - a->questions);
    q->is_sent = false;
    q->done = done;
    q->arg = arg;
    q->ask = *ask;
    ion_list_add_tail(&a->open, &q->link);
    if (a->chan != NULL) {
        rc = send_question(a, q);
    }
    if (rc == ION_CLOSED) { /* perhaps it has gone and we have yet to see it */
        ion_timer_set(a->loop, &q->timer, ion_loop_now(a->loop) + NO_COURIER);
    } else if (rc != ION_OK) {
        release(q);
        return ION_BUSY;
    }
    *id = q->id;
    return ION_OK;
}

void
asker_cancel(asker_t *a, uint64_t id)
{
    question_t *q = &a->questions[id & (ION_ASKS_MAX - 1)];
    if (id == 0 || q->id != id) {
        return;
    }
    if (q->is_sent) {
        tell_cancelled(a, id);
    }
    release(q);
}

ion_err_t
asker_new(ion_loop_t *loop, ion_log_t *log, asker_t **out)
{
    asker_t *a = calloc(1, sizeof(*a)); /* untouched pages cost nothing */
    if (a == NULL) {
        return ION_NOMEM;
    }
    a->loop = loop;
    a->log = log;
    ion_list_init(&a->open);
    ion_list_init(&a->unused);
    *out = a;
    return ION_OK;
}

void
asker_free(asker_t **ap)
{
    asker_t *a = *ap;
    *ap = NULL;
    if (a == NULL) {
        return;
    }
    unlink_courier(a);
    while (!ion_list_is_empty(&a->open)) {
        finish_without(
            ION_CONTAINER_OF(ion_list_first(&a->open), question_t, link),
            ION_CLOSED, "this process is ending");
    }
    free(a);
}
