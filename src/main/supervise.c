/*
 * supervise.c -- kids on seats: messages from them, their deaths, restarts.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A death is news for four parties: the log (with the black box's words), the
 * other workers (the slot is DEAD, their doorbells ring), the round in
 * progress (it waits no longer), and the seat, which is filled again at once.
 * Only a process that dies within 2 seconds of being ready counts towards
 * back-off: five of them in a minute, and the seat waits, longer each time,
 * while another worker accepts on its sockets.
 */
#include "main/master.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "core/module.h"
#include "core/process_stats.h"
#include "http/server.h"
#include "os/proc.h"
#include "shm/blackbox.h"
#include "shm/slots.h"
#include "shm/stats.h"

#define QUICK_DEATH    ION_SEC(2)
#define QUICK_WINDOW   ION_SEC(60)
#define QUICK_MAX      5
#define DELAY_FIRST_MS 500
#define DELAY_MAX_MS   30000
#define NO_SLOT_MS     100
#define START_LIMIT    ION_SEC(30)
#define ABORT_LIMIT    ION_SEC(5)
#define PROBE_AFTER    ION_SEC(4)
#define HUNG_AFTER     ION_SEC(10)

void
master_kid_signal(const kid_t *kid, int signo)
{
    ion_err_t rc = ion_proc_signal(kid->pidfd, signo);
    if (rc != ION_OK && rc != ION_NOTFOUND) {
        ion_log(&kid->master->log, ION_LOG_ALERT, rc == ION_SYS ? errno : 0,
            "cannot send signal %d to pid %d: %s", signo, (int)kid->pid,
            ion_strerror(rc));
    }
}

void
master_kid_kill(kid_t *kid, const char *why)
{
    ion_log(&kid->master->log, ION_LOG_ALERT, 0, "%s %u (pid %d) is killed: %s",
        ion_role_word(kid->role), kid->index, (int)kid->pid, why);
    master_kid_signal(kid, SIGKILL);
}

void
master_watch_kid(kid_t *kid)
{
    uint32_t events = ION_IO_READ;
    if (kid->chan == NULL) {
        return;
    }
    if (ion_chan_has_unsent(kid->chan)) {
        events |= ION_IO_WRITE;
    }
    if (ion_io_mod(kid->master->loop, &kid->chan_io, events) != ION_OK) {
        master_kid_kill(kid, "its channel cannot be watched");
    }
}

void
master_kid_send(
    kid_t *kid, uint16_t type, uint64_t req, const void *p, size_t n)
{
    ion_err_t rc = ION_CLOSED;
    if (kid->chan != NULL) {
        rc = ion_chan_send(
            kid->chan, type, req, &(ion_chan_body_t){ .p = p, .n = n });
    }
    if (rc != ION_OK && rc != ION_CLOSED) {
        master_kid_kill(kid, "it does not take messages");
        return;
    }
    master_watch_kid(kid);
}

void
master_log_fd(kid_t *kid)
{
    int fd = ion_log_sink_fd(kid->master->sink);
    if (kid->chan != NULL &&
        ion_chan_send(kid->chan, ION_MSG_REOPEN, 0,
            &(ion_chan_body_t){ .fds = &fd, .fd_count = 1 }) == ION_LIMIT)
    {
        master_kid_kill(kid, "it does not take messages");
    }
    master_watch_kid(kid);
}

kid_t *
master_keeper(const master_t *m)
{
    return m->seats[m->maker.max_workers].kid;
}

kid_t *
master_courier(const master_t *m)
{
    return m->seats[m->maker.max_workers + 1].kid;
}

bool
master_wants_seat(const master_t *m, const seat_t *seat)
{
    if (seat->role == ION_ROLE_WORKER) {
        return seat->index < m->now->workers;
    }
    return seat->role == ION_ROLE_KEEPER || m->now->has_courier;
}

bool
master_is_settled(const master_t *m)
{
    ION_LIST_FOREACH(it, &m->kids) {
        if (ION_CONTAINER_OF(it, const kid_t, link)->state == KID_STARTING) {
            return false;
        }
    }
    return true;
}

static void
on_ready(kid_t *kid, uint64_t serial, const ion_msg_cycle_t *msg)
{
    if (kid->state == KID_STARTING) {
        ion_slots_set_state(kid->master->shm, kid->slot, ION_SLOT_LIVE);
        master_kid_send(kid, ION_MSG_SWITCH, 0, msg, sizeof(*msg));
        return;
    }
    master_round_ready(kid, serial);
}

static void
on_switched(kid_t *kid, uint64_t serial)
{
    master_t *m = kid->master;
    if (kid->state != KID_STARTING) {
        master_round_switched(kid, serial);
        return;
    }
    kid->state = KID_LIVE;
    kid->live_at = ion_loop_now(m->loop);
    kid->beat_changed = kid->live_at;
    ion_timer_cancel(m->loop, &kid->deadline);
    ion_log(&m->log, ION_LOG_NOTICE, 0, "%s %u is up (pid %d, slot %u)",
        ion_role_word(kid->role), kid->index, (int)kid->pid, kid->slot);
    if (kid->seat != NULL && kid->seat->minder != NULL) {
        kid->seat->minder = NULL;
        master_want(m, WANT_MINDING);
    }
    master_settled(m);
    master_next_round(m);
}

static void
on_refused(kid_t *kid, const ion_chan_msg_t *msg)
{
    const ion_str_t text = { (const char *)msg->data + sizeof(ion_msg_cycle_t),
        msg->len - sizeof(ion_msg_cycle_t) };
    if (kid->state == KID_STARTING) {
        ion_log(&kid->master->log, ION_LOG_ERR, 0, "%s %u cannot start: %.*s",
            ion_role_word(kid->role), kid->index, ION_STR_ARG(text));
        return; /* it exits by itself */
    }
    master_round_refused(kid, msg->req, text);
}

static void
on_kid_message(kid_t *kid, const ion_chan_msg_t *msg)
{
    ion_msg_cycle_t cycle = { 0 };
    ion_msg_op_t op = { 0 };
    ion_msg_kick_t kick;
    switch (msg->rule->type) {
    case ION_MSG_READY:
        memcpy(&cycle, msg->data, sizeof(cycle));
        on_ready(kid, msg->req, &cycle);
        break;
    case ION_MSG_SWITCHED:
        on_switched(kid, msg->req);
        break;
    case ION_MSG_REFUSED:
        on_refused(kid, msg);
        break;
    case ION_MSG_OP:
        memcpy(&op, msg->data, sizeof(op));
        master_op(kid, msg->req, (ion_master_op_t)op.result);
        break;
    case ION_MSG_OP_KICK:
        memcpy(&kick, msg->data, sizeof(kick));
        master_kick(kid, msg->req, &kick);
        break;
    default:
        ION_UNREACHABLE(); /* the table lets nothing else through */
    }
}

static void
on_kid_channel(ion_io_t *io, uint32_t events)
{
    kid_t *kid = ION_CONTAINER_OF(io, kid_t, chan_io);
    ion_err_t rc = ION_OK;
    if ((events & ION_IO_WRITE) != 0) {
        rc = ion_chan_flush(kid->chan);
    }
    for (int budget = 64; budget > 0 && (rc == ION_OK || rc == ION_AGAIN);
         budget--) {
        ion_chan_msg_t msg;
        ion_errtext_t why = { "" };
        rc = ion_chan_recv(kid->chan, &msg, &why);
        if (rc == ION_AGAIN) {
            break;
        }
        if (rc == ION_MALF) {
            master_kid_kill(kid, why.msg);
        } else if (rc == ION_OK) {
            on_kid_message(kid, &msg);
            ion_chan_msg_done(&msg);
        }
    }
    if (rc != ION_OK && rc != ION_AGAIN) {
        ion_io_del(kid->master->loop, &kid->chan_io); /* its death follows */
        return;
    }
    master_watch_kid(kid);
}

static void
on_start_limit(ion_timer_t *timer)
{
    master_kid_kill(ION_CONTAINER_OF(timer, kid_t, deadline),
        "it did not become ready in 30 seconds");
}

static void
retire_gauges(master_t *m, uint32_t slot)
{
    ion_stats_retire(m->shm, slot, ION_PROCESS_STAT_BASE, ion_process_stats,
        ION_PROCESS_STAT_COUNT);
    for (uint32_t n = 0; n < ion_module_count; n++) {
        ion_stats_retire(m->shm, slot, ion_module_stat_base(n),
            ion_modules[n]->stats, ion_modules[n]->stat_count);
    }
    ion_stats_retire(m->shm, slot, ion_module_stat_base(ion_module_count),
        ion_http_stats, ion_http_stat_count);
}

void
master_sweep(master_t *m)
{
    uint32_t slots = ion_shm_worker_slots(m->shm);
    ion_slots_master_clear(m->shm);
    for (uint32_t i = 0; i < slots; i++) {
        ion_slot_info_t info;
        ion_slots_get(m->shm, i, &info);
        if (info.state == ION_SLOT_DEAD && ion_slots_is_retired(m->shm, i)) {
            ion_shm_sweep(m->shm, i);
        }
    }
}

/* The black box's words, line by line, under the role's name. */
static void
log_last_words(kid_t *kid)
{
    char text[ION_BLACKBOX_MAX + 1];
    master_t *m = kid->master;
    ion_str_t rest;
    ion_str_t line;
    size_t n = ion_blackbox_read(m->shm, kid->slot, text, sizeof(text));
    rest = (ion_str_t){ text, n };
    while (n > 0 && ion_str_split(&rest, '\n', &line)) {
        if (line.len > 0) {
            ion_log(&m->log, ION_LOG_ALERT, 0,
                "black box of %s %u (pid %d): "
                "%.*s",
                ion_role_word(kid->role), kid->index, (int)kid->pid,
                ION_STR_ARG(line));
        }
    }
}

static void
log_death(kid_t *kid, int status, bool is_expected)
{
    char death[ION_PROC_DEATH_LEN];
    ion_log_level_t level = ION_LOG_NOTICE;
    ion_proc_death(status, death);
    if (!is_expected) {
        level = WIFSIGNALED(status) ? ION_LOG_ALERT : ION_LOG_ERR;
    }
    ion_log(&kid->master->log, level, 0, "%s %u (pid %d) %s",
        ion_role_word(kid->role), kid->index, (int)kid->pid, death);
    log_last_words(kid);
}

static void
free_kid(ion_reap_t *reap)
{
    free(ION_CONTAINER_OF(reap, kid_t, reap));
}

static void
forget_kid(kid_t *kid)
{
    master_t *m = kid->master;
    ion_timer_cancel(m->loop, &kid->deadline);
    ion_io_del(m->loop, &kid->chan_io);
    ion_io_del(m->loop, &kid->pid_io);
    ion_chan_free(&kid->chan);
    (void)close(kid->pidfd); /* reaped: it names nobody any more */
    ion_list_del(&kid->link);
    m->kid_count--;
    ion_loop_reap(m->loop, &kid->reap, free_kid);
}

static seat_t *
find_minder(seat_t *seat)
{
    master_t *m = seat->master;
    for (uint32_t i = 1; i < m->seat_count; i++) {
        seat_t *s = &m->seats[(seat->index + i) % m->seat_count];
        if (s != seat && s->role == ION_ROLE_WORKER && s->kid != NULL &&
            s->kid->state == KID_LIVE)
        {
            return s;
        }
    }
    return NULL;
}

/* What a seat without a kid minded is minded by another from now on. */
static void
orphan_minded(seat_t *seat)
{
    master_t *m = seat->master;
    for (uint32_t i = 0; i < m->seat_count; i++) {
        if (m->seats[i].minder == seat) {
            m->seats[i].minder = find_minder(&m->seats[i]);
            m->wants |= WANT_MINDING;
        }
    }
}

/* Returns: milliseconds to wait before the seat is filled again. */
static uint32_t
count_death(seat_t *seat, const kid_t *kid)
{
    ion_mono_t now = ion_loop_now(seat->master->loop);
    bool is_quick = kid->live_at == 0 || now - kid->live_at < QUICK_DEATH;
    if (!is_quick) {
        seat->delay_ms = 0;
        return 0;
    }
    if (seat->quick_deaths == 0 || now - seat->window_start > QUICK_WINDOW) {
        seat->window_start = now;
        seat->quick_deaths = 0;
        seat->delay_ms = 0;
    }
    if (++seat->quick_deaths < QUICK_MAX) {
        return 0;
    }
    seat->window_start = now;
    seat->delay_ms = seat->delay_ms == 0
                         ? DELAY_FIRST_MS
                         : ION_MIN(seat->delay_ms * 2, (uint32_t)DELAY_MAX_MS);
    return seat->delay_ms;
}

static void
refill_seat(seat_t *seat, const kid_t *kid)
{
    master_t *m = seat->master;
    uint32_t ms = count_death(seat, kid);
    orphan_minded(seat);
    if (ms == 0) {
        master_fill_seat(seat);
        return;
    }
    ion_log(&m->log, ION_LOG_ALERT, 0,
        "%s %u died %u times within 2 seconds "
        "of being ready, next start in %u ms",
        ion_role_word(seat->role), seat->index, seat->quick_deaths, ms);
    ion_timer_set(
        m->loop, &seat->restart, ion_loop_now(m->loop) + ION_MS((uint64_t)ms));
    if (seat->role == ION_ROLE_WORKER && seat->minder == NULL) {
        seat->minder = find_minder(seat);
        if (seat->minder != NULL) {
            master_want(m, WANT_MINDING);
        }
    }
}

static size_t
death_stat(uint32_t role)
{
    switch (role) {
    case ION_ROLE_KEEPER:
        return ION_MASTER_KEEPER_DEATHS;
    case ION_ROLE_COURIER:
        return ION_MASTER_COURIER_DEATHS;
    default:
        return ION_MASTER_WORKER_DEATHS;
    }
}

static void
on_kid_exit(ion_io_t *io, uint32_t events)
{
    kid_t *kid = ION_CONTAINER_OF(io, kid_t, pid_io);
    master_t *m = kid->master;
    seat_t *seat = kid->seat;
    bool is_expected = kid->state == KID_DRAINING || kid->state == KID_LEAVING;
    int status;
    (void)events;
    if (ion_proc_reap(kid->pid, &status) != ION_OK) {
        return;
    }
    kid->state = KID_LEAVING; /* nobody sends it anything from here on */
    log_death(kid, status, is_expected);
    if (!is_expected) {
        ion_stat_add(m->stats, death_stat(kid->role), 1);
    }
    ion_slots_set_state(m->shm, kid->slot, ION_SLOT_DEAD);
    retire_gauges(m, kid->slot);
    if (kid->role != ION_ROLE_WORKER) {
        ion_shm_sweep(m->shm, kid->slot);
    }
    master_sweep(m);
    if (seat != NULL) {
        seat->kid = NULL;
    }
    kid->seat = NULL;
    master_round_lost(kid);
    if (seat != NULL && seat->is_wanted && m->state == MASTER_RUNNING) {
        refill_seat(seat, kid);
    } else if (m->state == MASTER_STARTING) {
        master_fail_start(m);
    }
    forget_kid(kid);
    master_kid_gone(m);
    master_next_round(m);
}

static void
fill_again_later(seat_t *seat, uint32_t ms)
{
    ion_timer_set(seat->master->loop, &seat->restart,
        ion_loop_now(seat->master->loop) + ION_MS((uint64_t)ms));
}

void
master_fill_seat(seat_t *seat)
{
    master_t *m = seat->master;
    kid_t *kid = NULL;
    ion_err_t rc = master_spawn(seat, &kid);
    if (rc != ION_OK) {
        bool is_wait = rc == ION_LIMIT; /* a dead slot is still on its way */
        if (!is_wait) {
            ion_log(&m->log, ION_LOG_ALERT, rc == ION_SYS ? errno : 0,
                "cannot start %s %u: %s", ion_role_word(seat->role),
                seat->index, ion_strerror(rc));
        }
        fill_again_later(seat, is_wait ? NO_SLOT_MS : DELAY_FIRST_MS);
        return;
    }
    seat->kid = kid;
    ion_list_add_tail(&m->kids, &kid->link);
    m->kid_count++;
    ion_timer_init(&kid->deadline, on_start_limit);
    ion_timer_set(m->loop, &kid->deadline, ion_loop_now(m->loop) + START_LIMIT);
    ion_io_init(&kid->pid_io, kid->pidfd, on_kid_exit);
    rc = ion_io_add(m->loop, &kid->pid_io, ION_IO_READ);
    if (kid->chan != NULL && rc == ION_OK) {
        ion_io_init(&kid->chan_io, ion_chan_fd(kid->chan), on_kid_channel);
        rc = ion_io_add(m->loop, &kid->chan_io, ION_IO_READ);
    }
    if (kid->chan == NULL || rc != ION_OK) {
        master_kid_kill(kid, "it cannot be watched");
        return;
    }
    master_kid_cycle(kid, m->now);
    master_link(m); /* known before it is live */
}

void
master_vacate_seat(seat_t *seat)
{
    kid_t *kid = seat->kid;
    seat->is_wanted = false;
    seat->kid = NULL;
    ion_timer_cancel(seat->master->loop, &seat->restart);
    orphan_minded(seat);
    if (kid == NULL) {
        return;
    }
    kid->seat = NULL;
    if (kid->state == KID_STARTING) { /* it serves nobody yet */
        kid->state = KID_LEAVING;
        master_kid_send(kid, ION_MSG_EXIT, 0, NULL, 0);
        return;
    }
    kid->state = KID_DRAINING;
    ion_slots_set_state(seat->master->shm, kid->slot, ION_SLOT_DRAINING);
    master_kid_send(kid, ION_MSG_DRAIN, 0, NULL, 0);
}

/* SIGABRT first, for its last words; who does not even take that is killed. */
static void
end_hung(kid_t *kid, ion_mono_t silent)
{
    if (!kid->is_aborted) {
        ion_log(&kid->master->log, ION_LOG_ALERT, 0,
            "%s %u (pid %d) has had work for 10 seconds and not turned once, "
            "aborting it",
            ion_role_word(kid->role), kid->index, (int)kid->pid);
        kid->is_aborted = true;
        master_kid_signal(kid, SIGABRT);
    } else if (silent >= HUNG_AFTER + ABORT_LIMIT) {
        master_kid_kill(kid, "it does not react to SIGABRT");
    }
}

/*
 * A process that sleeps has no work that can be seen from here, and one that
 * was stopped in its sleep looks the same.  So who is silent for a while is
 * given something to wake up for.
 */
static void
watch_beat(kid_t *kid, ion_mono_t now)
{
    uint64_t beat;
    bool is_busy;
    ion_slots_beat(kid->master->shm, kid->slot, &beat, &is_busy);
    if (beat != kid->last_beat) {
        kid->last_beat = beat;
        kid->beat_changed = now;
        kid->probed_at = 0;
    } else if (kid->probed_at != 0) {
        ion_mono_t silent = now - kid->probed_at;
        if (silent >= HUNG_AFTER) {
            end_hung(kid, silent);
        }
    } else if (is_busy || now - kid->beat_changed >= PROBE_AFTER) {
        kid->probed_at = now;
        master_kid_send(kid, ION_MSG_PROBE, 0, NULL, 0);
    }
}

void
master_watch_beats(master_t *m)
{
    ion_slot_mask_t blamed = ion_slots_blamed(m->shm);
    master_link(m);
    ION_LIST_FOREACH(it, &m->kids) {
        kid_t *kid = ION_CONTAINER_OF(it, kid_t, link);
        if (kid->state != KID_LIVE && kid->state != KID_DRAINING) {
            continue;
        }
        watch_beat(kid, ion_loop_now(m->loop));
        if (kid->role == ION_ROLE_WORKER &&
            ion_slot_mask_has(&blamed, kid->slot)) {
            master_kid_kill(kid, "other workers cannot talk with it");
        }
    }
}
