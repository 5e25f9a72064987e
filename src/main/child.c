/*
 * child.c -- a worker, the keeper or the courier, from exec to exit.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "main/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "client/http_call.h"
#include "core/module.h"
#include "core/settings.h"
#include "crypto/hash.h"
#include "event/loop.h"
#include "main/answerer.h"
#include "main/asker.h"
#include "main/child_cycle.h"
#include "main/lifecycle.h"
#include "main/measure.h"
#include "main/messages.h"
#include "os/proc.h"
#include "os/sandbox.h"
#include "os/sig.h"
#include "shm/blackbox.h"
#include "shm/shm.h"
#include "shm/slots.h"
#include "shm/stats.h"

#define CHILD_MAGIC    0x43484c44u
#define START_LIMIT_MS 30000
#define OPS_MAX        64

/* A question of the keeper that the master has not answered yet. */
typedef struct {
    uint64_t req;
    ion_op_done_pt done;
    void *arg;
} child_op_t;

typedef struct child {
    ion_process_t p; /* first: modules hand &p back to us */
    uint32_t magic;
    ion_msg_hello_t hello;
    int fds[ION_SHM_FDS_MAX];
    uint32_t fd_count;
    ion_log_sink_t *sink;
    ion_log_t log;
    ion_chan_t *chan;
    ion_io_t chan_io;
    ion_timer_t drain_timer;
    measure_t measure;
    child_cycle_t *now;
    child_cycle_t *next;
    uint64_t round;   /* the master's number of next: answers carry it */
    bool is_prepared; /* next has been prepared by all parts */
    bool is_started;
    uint32_t parts_busy;
    uint64_t last_req;
    child_op_t ops[OPS_MAX];
    asker_t *asker;       /* worker */
    answerer_t *answerer; /* courier */
    int status;
} child_t;

/* What differs between the roles; which lives by which policy. */
typedef struct {
    uint32_t role;
    ion_slot_role_t slot_role;
    const char *title;
    const ion_sandbox_policy_t *policy;
    ion_err_t (*load)(ion_errtext_t *why); /* code, before the sandbox */
} child_role_t;

static const child_role_t roles[] = {
    { ION_ROLE_WORKER, ION_SLOT_WORKER, "worker process", &ion_sandbox_worker,
        NULL },
    { ION_ROLE_KEEPER, ION_SLOT_KEEPER, "keeper process", &ion_sandbox_keeper,
        NULL },
    { ION_ROLE_COURIER, ION_SLOT_COURIER, "courier process",
        &ion_sandbox_courier, ion_caller_load },
};

static const child_role_t *
role_of(const ion_msg_hello_t *hello)
{
    for (size_t i = 0; i < ION_ARRAY_LEN(roles); i++) {
        if (roles[i].role == hello->role) {
            return &roles[i];
        }
    }
    ION_UNREACHABLE(); /* the master is the same program */
}

static child_t *
child_of(ion_process_t *p)
{
    child_t *c = ION_CONTAINER_OF(p, child_t, p);
    ION_ASSERT(c->magic == CHILD_MAGIC);
    return c;
}

static void
leave(child_t *c, int status)
{
    c->status = status;
    if (c->p.loop != NULL) {
        ion_loop_stop(c->p.loop);
    }
}

static void
watch_unsent(child_t *c)
{
    uint32_t events = ION_IO_READ;
    if (c->p.loop == NULL) {
        return;
    }
    if (ion_chan_has_unsent(c->chan)) {
        events |= ION_IO_WRITE;
    }
    if (ion_io_mod(c->p.loop, &c->chan_io, events) != ION_OK) {
        leave(c, 1);
    }
}

static void
answer(child_t *c, uint16_t type, uint64_t generation, const char *text)
{
    uint8_t buf[sizeof(ion_msg_cycle_t) + sizeof(ion_errtext_t)];
    ion_msg_cycle_t msg = { .generation = generation };
    size_t n = text == NULL ? 0 : strlen(text);
    if (n > sizeof(ion_errtext_t)) {
        n = sizeof(ion_errtext_t);
    }
    memcpy(buf, &msg, sizeof(msg));
    if (n > 0) {
        memcpy(buf + sizeof(msg), text, n);
    }
    if (ion_chan_send(c->chan, type, c->round,
            &(ion_chan_body_t){ .p = buf, .n = sizeof(msg) + n }) != ION_OK)
    {
        leave(c, 1); /* the master is gone */
        return;
    }
    watch_unsent(c);
}

/* The log follows the cycle: level and format are this process's own. */
static void
apply_log(child_t *c)
{
    const ion_settings_t *s = ion_cycle_settings(&c->now->pub);
    ion_log_sink_set(c->sink, (ion_log_format_t)s->log_format, s->log_level);
}

static void
refuse(child_t *c, const char *text)
{
    uint64_t generation = c->next->pub.generation;
    child_cycle_free(&c->next);
    c->is_prepared = false;
    answer(c, ION_MSG_REFUSED, generation, text);
    if (!c->is_started) {
        leave(c, 1); /* nothing to go on with */
    }
}

static void
on_cycle_end(child_t *c)
{
    ion_errtext_t why = { "" };
    if (c->next == NULL) {
        return;
    }
    if (child_cycle_build(c->next, &why) != ION_OK) {
        refuse(c, why.msg);
        return;
    }
    if (c->is_started) {
        if (lifecycle_prepare(&c->p, &c->next->pub, &why) != ION_OK) {
            refuse(c, why.msg);
            return;
        }
        c->is_prepared = true;
    }
    answer(c, ION_MSG_READY, c->next->pub.generation, NULL);
}

static void
on_abort(child_t *c)
{
    if (c->is_prepared) {
        lifecycle_abort(&c->p);
        c->is_prepared = false;
    }
    child_cycle_free(&c->next);
}

static void
start_parts(child_t *c)
{
    ion_errtext_t why = { "" };
    uint64_t generation = c->now->pub.generation;
    if (lifecycle_start(&c->p, &why) != ION_OK) {
        answer(c, ION_MSG_REFUSED, generation, why.msg);
        leave(c, 1);
        return;
    }
    c->is_started = true;
    measure_start(&c->measure, c->p.loop, c->p.shm, c->p.slot);
    if (c->answerer != NULL) {
        answerer_start(c->answerer);
    }
    answer(c, ION_MSG_SWITCHED, generation, NULL);
}

static void
on_switch(child_t *c)
{
    child_cycle_t *old = c->now;
    if (c->next == NULL) {
        return;
    }
    c->now = c->next;
    c->next = NULL;
    c->p.cycle = &c->now->pub;
    apply_log(c);
    if (!c->is_started) {
        child_cycle_adopt(c->now, &old);
        start_parts(c);
        return;
    }
    c->is_prepared = false;
    lifecycle_commit(&c->p);
    child_cycle_adopt(c->now, &old);
    answer(c, ION_MSG_SWITCHED, c->now->pub.generation, NULL);
}

static void
on_idle(ion_process_t *p, uint32_t module)
{
    child_t *c = child_of(p);
    (void)module;
    ION_ASSERT(c->parts_busy > 0);
    if (--c->parts_busy == 0) {
        leave(c, 0);
    }
}

static void
on_drain_timeout(ion_timer_t *timer)
{
    child_t *c = ION_CONTAINER_OF(timer, child_t, drain_timer);
    ion_log(&c->log, ION_LOG_NOTICE, 0,
        "worker_shutdown_timeout is over, leaving with what is still open");
    leave(c, 0);
}

static void
on_drain(child_t *c)
{
    int64_t ms;
    if (!c->is_started || c->p.draining) {
        return;
    }
    ms = ion_cycle_settings(c->p.cycle)->worker_shutdown_timeout_ms;
    ion_proc_title("%s is shutting down", role_of(&c->hello)->title);
    c->parts_busy = lifecycle_parts(&c->p);
    if (ms > 0) {
        ion_timer_set(c->p.loop, &c->drain_timer,
            ion_loop_now(c->p.loop) + ION_MS((uint64_t)ms));
    }
    lifecycle_drain(&c->p);
    child_cycle_close_listeners(c->now);
}

static void
on_op_done(child_t *c, const ion_chan_msg_t *msg)
{
    ion_msg_op_t head;
    size_t n = msg->len - sizeof(head);
    char *text = malloc(n + 1);
    memcpy(&head, msg->data, sizeof(head));
    if (text != NULL) {
        memcpy(text, msg->data + sizeof(head), n);
        text[n] = '\0';
    }
    for (size_t i = 0; i < OPS_MAX; i++) {
        child_op_t op = c->ops[i];
        if (op.done != NULL && op.req == msg->req) {
            c->ops[i].done = NULL;
            op.done(op.arg, (ion_err_t)head.result, text == NULL ? "" : text);
        }
    }
    free(text);
}

static void
on_kick(child_t *c, const ion_chan_msg_t *msg)
{
    ion_msg_kick_t kick;
    memcpy(&kick, msg->data, sizeof(kick));
    if (c->is_started) {
        lifecycle_kick(&c->p, kick.key);
    }
}

static void
on_cycle(child_t *c, const ion_chan_msg_t *msg)
{
    ion_msg_cycle_t begin;
    memcpy(&begin, msg->data, sizeof(begin));
    on_abort(c);
    c->round = msg->req;
    if (child_cycle_new(&begin, &c->next) != ION_OK) {
        answer(c, ION_MSG_REFUSED, begin.generation, "no memory for a cycle");
    }
}

static void
on_piece(child_t *c, ion_chan_msg_t *msg)
{
    ion_err_t rc = ION_OK;
    if (c->next == NULL) {
        return; /* refused already */
    }
    if (msg->rule->type == ION_MSG_BLOB) {
        ion_msg_blob_t blob;
        memcpy(&blob, msg->data, sizeof(blob));
        rc = child_cycle_blob(c->next, &blob, ion_chan_take_fd(msg, 0));
    } else {
        ion_msg_socket_t sock;
        memcpy(&sock, msg->data, sizeof(sock));
        rc = child_cycle_socket(c->next, &sock,
            msg->fd_count > 0 ? ion_chan_take_fd(msg, 0) : -1, c->now);
    }
    if (rc != ION_OK) {
        ion_errtext_t why;
        ion_errtext_set(
            &why, "cannot take %s: %s", msg->rule->name, ion_strerror(rc));
        refuse(c, why.msg);
    }
}

/* The way to the courier, or to a worker. */
static void
on_link(child_t *c, ion_chan_msg_t *msg)
{
    ion_msg_link_t link;
    int fd = ion_chan_take_fd(msg, 0);
    memcpy(&link, msg->data, sizeof(link));
    if (c->asker != NULL) {
        asker_link(c->asker, fd);
    } else if (c->answerer != NULL) {
        answerer_link(c->answerer, fd, link.slot);
    } else {
        (void)close(fd); /* not for us */
    }
}

static void
on_message(child_t *c, ion_chan_msg_t *msg)
{
    switch (msg->rule->type) {
    case ION_MSG_CYCLE:
        on_cycle(c, msg);
        break;
    case ION_MSG_BLOB:
    case ION_MSG_SOCKET:
        on_piece(c, msg);
        break;
    case ION_MSG_CYCLE_END:
        on_cycle_end(c);
        break;
    case ION_MSG_SWITCH:
        on_switch(c);
        break;
    case ION_MSG_ABORT:
        on_abort(c);
        break;
    case ION_MSG_REOPEN:
        ion_log_sink_set_fd(c->sink, ion_chan_take_fd(msg, 0));
        break;
    case ION_MSG_DRAIN:
        on_drain(c);
        break;
    case ION_MSG_OP_DONE:
        on_op_done(c, msg);
        break;
    case ION_MSG_KICK:
        on_kick(c, msg);
        break;
    case ION_MSG_LINK:
        on_link(c, msg);
        break;
    case ION_MSG_EXIT:
        leave(c, 0);
        break;
    case ION_MSG_PROBE: /* it has woken us, which is all it is for */
    default:            /* HELLO and ATTACH come once, before */
        break;
    }
}

/* Errors: ION_AGAIN all read | any other: the channel is at its end. */
static ion_err_t
read_channel(child_t *c, unsigned budget)
{
    ion_err_t rc = ION_OK;
    while (rc == ION_OK && budget-- > 0 && c->status < 0) {
        ion_chan_msg_t msg;
        ion_errtext_t why = { "" };
        rc = ion_chan_recv(c->chan, &msg, &why);
        if (rc == ION_OK) {
            on_message(c, &msg);
            ion_chan_msg_done(&msg);
        } else if (rc == ION_MALF) {
            ion_log(&c->log, ION_LOG_ALERT, 0,
                "message of the master breaks the rules: %s", why.msg);
        }
    }
    return rc;
}

static void
on_channel(ion_io_t *io, uint32_t events)
{
    child_t *c = ION_CONTAINER_OF(io, child_t, chan_io);
    ion_err_t rc;
    if ((events & ION_IO_WRITE) != 0) {
        rc = ion_chan_flush(c->chan);
        if (rc != ION_OK && rc != ION_AGAIN) {
            leave(c, 1);
            return;
        }
    }
    rc = read_channel(c, 64);
    if (rc != ION_OK && rc != ION_AGAIN) {
        leave(c, 1);
        return;
    }
    watch_unsent(c);
}

static ion_err_t
send_op(child_t *c, uint16_t type, const ion_chan_body_t *body,
    ion_op_done_pt done, void *arg)
{
    for (size_t i = 0; i < OPS_MAX; i++) {
        if (c->ops[i].done == NULL) {
            ion_err_t rc = ion_chan_send(c->chan, type, ++c->last_req, body);
            if (rc == ION_OK) {
                c->ops[i] = (child_op_t){ c->last_req, done, arg };
                watch_unsent(c);
            }
            return rc;
        }
    }
    return ION_BUSY;
}

static ion_err_t
ask_master(ion_process_t *p, ion_master_op_t op, ion_op_done_pt done, void *arg)
{
    ion_msg_op_t msg = { .result = (int32_t)op };
    return send_op(child_of(p), ION_MSG_OP,
        &(ion_chan_body_t){ .p = &msg, .n = sizeof(msg) }, done, arg);
}

static ion_err_t
ask_kick(
    ion_process_t *p, const uint8_t key[32], ion_op_done_pt done, void *arg)
{
    ion_msg_kick_t msg;
    memcpy(msg.key, key, sizeof(msg.key));
    return send_op(child_of(p), ION_MSG_OP_KICK,
        &(ion_chan_body_t){ .p = &msg, .n = sizeof(msg) }, done, arg);
}

/* Wait for the next message, at start, when there is no loop yet. */
static ion_err_t
wait_message(child_t *c, ion_chan_msg_t *msg)
{
    ion_errtext_t why;
    for (int tries = 0; tries < 1000; tries++) {
        struct pollfd pfd = { .fd = ion_chan_fd(c->chan), .events = POLLIN };
        ion_err_t rc = ion_chan_recv(c->chan, msg, &why);
        if (rc != ION_AGAIN) {
            return rc;
        }
        if (poll(&pfd, 1, START_LIMIT_MS) == 0) {
            return ION_TIMEOUT;
        }
    }
    return ION_TIMEOUT;
}

static ion_err_t
take_hello(child_t *c)
{
    ion_chan_msg_t msg;
    ion_err_t rc = wait_message(c, &msg);
    if (rc != ION_OK) {
        return rc;
    }
    if (msg.rule->type != ION_MSG_HELLO) {
        ion_chan_msg_done(&msg);
        return ION_MALF;
    }
    memcpy(&c->hello, msg.data, sizeof(c->hello));
    ion_chan_msg_done(&msg);
    if (c->hello.attach_count > ION_SHM_FDS_MAX) {
        return ION_MALF;
    }
    while (c->fd_count < c->hello.attach_count) {
        rc = wait_message(c, &msg);
        if (rc != ION_OK) {
            return rc;
        }
        for (size_t i = 0;
             i < msg.fd_count && msg.rule->type == ION_MSG_ATTACH &&
             c->fd_count < c->hello.attach_count;
             i++)
        {
            c->fds[c->fd_count++] = ion_chan_take_fd(&msg, i);
        }
        ion_chan_msg_done(&msg);
    }
    return ION_OK;
}

static ion_err_t
attach(child_t *c)
{
    const child_role_t *role = role_of(&c->hello);
    char tag[32];
    ion_err_t rc = ion_shm_attach(
        role->slot_role, c->hello.slot, c->fds, c->fd_count, &c->p.shm);
    if (rc != ION_OK) {
        return rc;
    }
    ion_blackbox_arm(c->p.shm);
    ion_proc_title("%s", role->title);
    (void)snprintf(
        tag, sizeof(tag), "%s", ion_role_word(role->role)); /* fits */
    if (role->role == ION_ROLE_WORKER) {
        (void)snprintf(tag, sizeof(tag), "worker%u", c->hello.index); /* fits */
    }
    rc = ion_log_sink_new(ION_CHILD_FD_LOG, tag, &c->sink);
    c->log = (ion_log_t){ .sink = c->sink, .subsystem = "main" };
    c->p.role = c->hello.role;
    c->p.slot = c->hello.slot;
    c->p.index = c->hello.index;
    c->p.log = &c->log;
    c->p.stats = ion_stats_own(c->p.shm);
    c->p.started_wall_ms = c->hello.started_wall_ms;
    c->p.idle = on_idle;
    if (c->p.role == ION_ROLE_KEEPER) {
        c->p.master_op = ask_master;
        c->p.kick = ask_kick;
    }
    return rc;
}

static ion_err_t
watch(child_t *c)
{
    /* A terminal or a service manager signals the whole group: these are the
     * master's to handle, and it tells us. */
    static const int ignored[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1,
        SIGUSR2, SIGWINCH, SIGPIPE };
    _Atomic uint64_t *beat;
    _Atomic uint32_t *busy;
    ion_err_t rc = ion_loop_new(&c->p.loop);
    for (size_t i = 0; i < ION_ARRAY_LEN(ignored) && rc == ION_OK; i++) {
        rc = ion_sig_ignore(ignored[i]);
    }
    if (rc != ION_OK) {
        return rc;
    }
    ion_slots_own_words(c->p.shm, &beat, &busy);
    ion_loop_set_heartbeat(c->p.loop, beat, busy);
    ion_timer_init(&c->drain_timer, on_drain_timeout);
    ion_io_init(&c->chan_io, ion_chan_fd(c->chan), on_channel);
    return ion_io_add(c->p.loop, &c->chan_io, ION_IO_READ);
}

static ion_err_t
ask_courier(ion_process_t *p, const ion_ask_t *ask, ion_ask_done_pt done,
    void *arg, uint64_t *id)
{
    child_t *c = child_of(p);
    return c->asker != NULL ? asker_ask(c->asker, ask, done, arg, id)
                            : ION_CLOSED; /* this process is ending */
}

static void
cancel_question(ion_process_t *p, uint64_t id)
{
    child_t *c = child_of(p);
    if (c->asker != NULL) {
        asker_cancel(c->asker, id);
    }
}

static void
reply(ion_process_t *p, uint64_t ref, const ion_answer_t *with)
{
    child_t *c = child_of(p);
    if (c->answerer != NULL) {
        answerer_reply(c->answerer, ref, with);
    }
}

/* Workers ask, the courier answers. */
static ion_err_t
open_questions(child_t *c)
{
    if (c->p.role == ION_ROLE_WORKER) {
        c->p.ask = ask_courier;
        c->p.cancel = cancel_question;
        return asker_new(c->p.loop, &c->log, &c->asker);
    }
    if (c->p.role == ION_ROLE_COURIER) {
        c->p.reply = reply;
        return answerer_new(&c->p, &c->answerer);
    }
    return ION_OK;
}

/* What this kernel lacks the master has said; status shows what is in force. */
static ion_err_t
enter_sandbox(child_t *c)
{
    ion_errtext_t why;
    uint32_t in_force;
    ion_err_t rc;
    if (c->hello.sandbox == ION_SANDBOX_OFF) {
        return ION_OK;
    }
    rc = ion_sandbox_enter(role_of(&c->hello)->policy, &in_force, &why);
    ion_slots_set_sandbox(c->p.shm, in_force);
    if (rc == ION_OK) {
        return rc;
    }
    if (c->hello.sandbox != ION_SANDBOX_REQUIRED) {
        ion_log(&c->log, ION_LOG_DEBUG, 0, "sandbox without %s", why.msg);
        return ION_OK;
    }
    ion_log(&c->log, ION_LOG_ERR, 0, "cannot enter the sandbox: %s", why.msg);
    return rc;
}

/* From here on nothing can be opened that needs more than nobody's rights. */
static ion_err_t
give_rights_away(child_t *c)
{
    ion_errtext_t why = { "" };
    ion_err_t rc = ion_priv_drop(
        c->hello.has_account != 0 ? &c->hello.account : NULL, &why);
    if (rc != ION_OK) {
        bool is_fatal =
            rc != ION_DENIED || c->hello.sandbox == ION_SANDBOX_REQUIRED;
        ion_log(&c->log, is_fatal ? ION_LOG_ERR : ION_LOG_WARN, 0,
            "cannot become user %s: %s", c->hello.account.name, why.msg);
        if (is_fatal) {
            return rc;
        }
    }
    rc = ion_proc_die_with_parent((pid_t)c->hello.master_pid);
    if (rc == ION_OK && role_of(&c->hello)->load != NULL) {
        rc = role_of(&c->hello)->load(&why);
        if (rc != ION_OK) {
            ion_log(&c->log, ION_LOG_ERR, 0, "%s", why.msg);
        }
    }
    return rc == ION_OK ? enter_sandbox(c) : rc;
}

static void
finish(child_t *c)
{
    for (size_t i = 0; i < OPS_MAX; i++) {
        if (c->ops[i].done != NULL) { /* before who asked is stopped */
            c->ops[i].done(c->ops[i].arg, ION_CLOSED, "");
        }
    }
    asker_free(&c->asker);       /* likewise */
    answerer_free(&c->answerer); /* forgets what is open */
    if (c->is_started) {
        lifecycle_stop(&c->p);
    }
    child_cycle_free(&c->next);
    child_cycle_free(&c->now);
    measure_stop(&c->measure);
    if (c->p.loop != NULL) {
        ion_timer_cancel(c->p.loop, &c->drain_timer);
        ion_io_del(c->p.loop, &c->chan_io);
        ion_loop_free(&c->p.loop);
    }
    ion_chan_free(&c->chan);
    ion_log_sink_free(&c->sink);
    if (c->p.shm != NULL) {
        ion_blackbox_disarm();
        ion_shm_free(&c->p.shm);
    }
}

static ion_err_t
run(child_t *c)
{
    ion_err_t rc = ion_chan_new(
        ION_CHILD_FD_CHAN, ion_main_rules, ION_ROLE_MASTER, &c->chan);
    if (rc == ION_OK) {
        rc = take_hello(c);
    }
    if (rc == ION_OK) {
        rc = attach(c);
    }
    if (rc == ION_OK) {
        measure_open(&c->measure);
        rc = give_rights_away(c);
    }
    if (rc == ION_OK) {
        rc = watch(c);
    }
    if (rc == ION_OK) {
        rc = open_questions(c);
    }
    return rc == ION_OK ? ion_loop_run(c->p.loop) : rc;
}

int
child_main(void)
{
    child_t *c = calloc(1, sizeof(*c));
    ion_err_t rc;
    int status;
    if (c == NULL || ion_crypto_init() != ION_OK) {
        free(c);
        return 1;
    }
    c->magic = CHILD_MAGIC;
    c->status = -1;
    rc = run(c);
    if (rc != ION_OK && c->sink != NULL) {
        ion_log(&c->log, ION_LOG_ERR, rc == ION_SYS ? errno : 0,
            "cannot run: %s", ion_strerror(rc));
    }
    status = c->status < 0 ? 1 : c->status;
    finish(c);
    free(c);
    return status;
}
