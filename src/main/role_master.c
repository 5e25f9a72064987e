/*
 * role_master.c -- the master process: signals, timers, start and end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The master binds, starts, watches and tells; it never accepts, and never
 * reads a byte that came from a network peer.
 */
#include "main/role_master.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "core/settings.h"
#include "main/master.h"
#include "os/notify.h"
#include "os/proc.h"
#include "os/sig.h"
#include "shm/blackbox.h"
#include "shm/slots.h"
#include "shm/stats.h"

#define WATCH_EVERY ION_SEC(2)
#define STOP_LIMIT  ION_SEC(5)

static void
leave(master_t *m)
{
    ion_loop_stop(m->loop);
}

void
master_notify(const master_t *m, const char *state)
{
    ion_err_t rc = ion_notify("%s", state);
    if (rc != ION_OK && rc != ION_NOTFOUND) {
        ion_log(&m->log, ION_LOG_INFO, rc == ION_SYS ? errno : 0,
            "cannot tell the service manager \"%s\"", state);
    }
}

void
master_arm_log(const master_t *m)
{
    char prefix[64];
    (void)snprintf(prefix, sizeof(prefix),
        "alert %d/master main black box of master: ", (int)getpid()); /* fits */
    ion_blackbox_log(ion_log_sink_fd(m->sink), prefix);
}

/* --- the end --- */

static void
kill_all(master_t *m)
{
    ION_LIST_FOREACH(it, &m->kids) {
        kid_t *kid = ION_CONTAINER_OF(it, kid_t, link);
        kid->state = KID_LEAVING;
        master_kid_signal(kid, SIGKILL);
    }
}

static void
on_stop_limit(ion_timer_t *timer)
{
    master_t *m = ION_CONTAINER_OF(timer, master_t, stop_limit);
    ion_log(&m->log, ION_LOG_WARN, 0,
        "%u processes did not end in time, killing them", m->kid_count);
    kill_all(m);
}

static void
dismiss(kid_t *kid)
{
    kid->state = KID_LEAVING;
    master_kid_send(kid, ION_MSG_EXIT, 0, NULL, 0);
}

static void
no_more_seats(master_t *m)
{
    for (uint32_t i = 0; i < m->seat_count; i++) {
        m->seats[i].is_wanted = false;
        ion_timer_cancel(m->loop, &m->seats[i].restart);
    }
    m->wants = 0;
}

static void
stop(master_t *m, const char *why)
{
    if (m->state == MASTER_STOPPING) {
        kill_all(m);
        return;
    }
    ion_log(&m->log, ION_LOG_NOTICE, 0, "stopping: %s", why);
    m->state = MASTER_STOPPING;
    no_more_seats(m);
    master_round_cancel(m);
    master_notify(m, "STOPPING=1");
    ION_LIST_FOREACH(it, &m->kids) {
        dismiss(ION_CONTAINER_OF(it, kid_t, link));
    }
    ion_timer_set(m->loop, &m->stop_limit, ion_loop_now(m->loop) + STOP_LIMIT);
    master_kid_gone(m);
}

static bool
has_workers(const master_t *m)
{
    ION_LIST_FOREACH(it, &m->kids) {
        if (ION_CONTAINER_OF(it, const kid_t, link)->role == ION_ROLE_WORKER) {
            return true;
        }
    }
    return false;
}

/* Our copies of the listeners would keep ports open that nobody serves. */
static void
close_listeners(master_t *m)
{
    for (size_t i = 0; i < m->now->socket_count; i++) {
        bundle_socket_t *s = m->now->sockets[i];
        if (s->kind != ION_SOCKET_UNIX && s->fd >= 0) {
            (void)close(s->fd); /* a listener has nothing to lose */
            s->fd = -1;
        }
    }
}

static void
quit(master_t *m, const char *why)
{
    if (m->state == MASTER_STARTING) {
        stop(m, why); /* nobody is there to wait for */
    }
    if (m->state != MASTER_RUNNING) {
        return;
    }
    ion_log(&m->log, ION_LOG_NOTICE, 0, "shutting down gracefully: %s", why);
    m->state = MASTER_QUITTING;
    no_more_seats(m);
    master_round_cancel(m);
    master_notify(m, "STOPPING=1");
    ION_LIST_FOREACH(it, &m->kids) {
        kid_t *kid = ION_CONTAINER_OF(it, kid_t, link);
        if (kid->role != ION_ROLE_WORKER) {
            continue; /* they answer until the workers are gone */
        }
        if (kid->state == KID_LIVE) {
            kid->state = KID_DRAINING;
            ion_slots_set_state(m->shm, kid->slot, ION_SLOT_DRAINING);
            master_kid_send(kid, ION_MSG_DRAIN, 0, NULL, 0);
        } else if (kid->state == KID_STARTING) {
            dismiss(kid);
        }
    }
    close_listeners(m);
    master_kid_gone(m);
}

void
master_kid_gone(master_t *m)
{
    if (m->state == MASTER_QUITTING && !has_workers(m)) {
        ION_LIST_FOREACH(it, &m->kids) {
            kid_t *kid = ION_CONTAINER_OF(it, kid_t, link);
            if (kid->state != KID_LEAVING) {
                dismiss(kid);
            }
        }
    }
    if (m->state >= MASTER_QUITTING && m->kid_count == 0) {
        leave(m);
    }
}

void
master_fail_start(master_t *m)
{
    m->status = 1;
    stop(m, "a process could not start");
}

/* --- signals and operations --- */

void
master_reopen(master_t *m)
{
    const char *path = m->now->settings->log_file;
    ion_errtext_t why = { "" };
    int fd;
    if (path[0] == '\0') {
        ion_log(&m->log, ION_LOG_NOTICE, 0,
            "the log goes to stderr, there is nothing to reopen");
        return;
    }
    if (ion_log_open_file(path, &fd, &why) != ION_OK) {
        ion_log(&m->log, ION_LOG_ALERT, 0,
            "logging.file: cannot reopen %s, going on with the old one: %s",
            path, why.msg);
        return;
    }
    ion_log_sink_set_fd(m->sink, fd);
    master_arm_log(m);
    ion_log(&m->log, ION_LOG_NOTICE, 0, "log file reopened");
    ION_LIST_FOREACH(it, &m->kids) {
        master_log_fd(ION_CONTAINER_OF(it, kid_t, link));
    }
}

static void
op_done(kid_t *keeper, uint64_t req, ion_err_t result)
{
    const ion_msg_op_t msg = { .result = (int32_t)result };
    master_kid_send(keeper, ION_MSG_OP_DONE, req, &msg, sizeof(msg));
}

void
master_op(kid_t *keeper, uint64_t req, ion_master_op_t op)
{
    master_t *m = keeper->master;
    const origin_t origin = { keeper->pid, req };
    if (op == ION_OP_RELOAD) {
        if (m->state != MASTER_RUNNING || m->waiting_count == MASTER_ORIGINS) {
            op_done(keeper, req, ION_DENIED);
            return;
        }
        ion_log(&m->log, ION_LOG_NOTICE, 0, "reload asked for by a command");
        master_want_reload(m, &origin);
        return;
    }
    op_done(keeper, req, ION_OK);
    if (op == ION_OP_REOPEN) {
        master_reopen(m);
    } else if (op == ION_OP_STOP) {
        stop(m, "asked for by a command");
    } else if (op == ION_OP_QUIT) {
        quit(m, "asked for by a command");
    } else {
        master_kid_kill(keeper, "it asked for an unknown operation");
    }
}

void
master_kick(kid_t *keeper, uint64_t req, const ion_msg_kick_t *kick)
{
    master_t *m = keeper->master;
    ION_LIST_FOREACH(it, &m->kids) {
        kid_t *kid = ION_CONTAINER_OF(it, kid_t, link);
        if (kid->role == ION_ROLE_WORKER &&
            (kid->state == KID_LIVE || kid->state == KID_DRAINING))
        {
            master_kid_send(kid, ION_MSG_KICK, 0, kick, sizeof(*kick));
        }
    }
    op_done(keeper, req, ION_OK);
}

static void
on_signal(ion_io_t *io, uint32_t events)
{
    master_t *m = ION_CONTAINER_OF(io, master_t, sig_io);
    ion_sig_t sig;
    (void)events;
    while (ion_sig_read(m->sig_fd, &sig) == ION_OK) {
        switch (sig.signo) {
        case SIGHUP:
            ion_log(&m->log, ION_LOG_NOTICE, 0, "reload asked for by SIGHUP");
            master_want_reload(m, NULL);
            break;
        case SIGUSR1:
            master_reopen(m);
            break;
        case SIGUSR2:
            ion_log(&m->log, ION_LOG_NOTICE, 0,
                "SIGUSR2: upgrade in place is not in this version, restart "
                "instead");
            break;
        case SIGQUIT:
            quit(m, "SIGQUIT");
            break;
        default:
            stop(m, sig.signo == SIGINT ? "SIGINT" : "SIGTERM");
            break;
        }
    }
}

/* --- the start --- */

/* Said once: nothing is wrong with it, but it should be meant. */
static void
say_open(const master_t *m)
{
    const ion_settings_t *s = m->now->settings;
    if (!s->derp_disabled && ion_settings_is_open(s)) {
        ion_log(&m->log, ION_LOG_NOTICE, 0,
            "everybody who reaches this relay may use it: "
            "derp.verify_client_urls, derp.verify_clients and derp.allow_file "
            "can limit that");
    }
}

void
master_settled(master_t *m)
{
    if (m->state != MASTER_STARTING || !master_is_settled(m)) {
        return;
    }
    m->state = MASTER_RUNNING;
    ion_log(&m->log, ION_LOG_NOTICE, 0,
        "ionscale %s is up: %u workers, generation %llu", ION_VERSION_TEXT,
        m->now->workers, (unsigned long long)m->now->generation);
    say_open(m);
    master_notify(m, "READY=1");
    if (m->config_file == NULL) {
        master_banner(m);
    } else if (!m->now->settings->public_addr.set) {
        ion_log(&m->log, ION_LOG_NOTICE, 0, "public address %s",
            m->now->facts.public_text);
    }
}

static void
on_watchdog(ion_timer_t *timer)
{
    master_t *m = ION_CONTAINER_OF(timer, master_t, watchdog);
    master_watch_beats(m);
    ion_timer_set(m->loop, timer, ion_loop_now(m->loop) + WATCH_EVERY);
}

void
master_arm_tickets(master_t *m)
{
    uint64_t ms = (uint64_t)m->now->settings->tls_ticket_rotation_ms;
    ion_timer_set(m->loop, &m->tickets, ion_loop_now(m->loop) + ION_MS(ms));
}

static void
on_tickets(ion_timer_t *timer)
{
    master_t *m = ION_CONTAINER_OF(timer, master_t, tickets);
    master_want(m, WANT_TICKETS);
    master_arm_tickets(m);
}

static void
on_ack(ion_io_t *io, uint32_t events)
{
    (void)events;
    master_sweep(ION_CONTAINER_OF(io, master_t, ack_io));
}

static void
on_restart(ion_timer_t *timer)
{
    seat_t *seat = ION_CONTAINER_OF(timer, seat_t, restart);
    if (seat->is_wanted && seat->kid == NULL) {
        master_fill_seat(seat);
    }
}

static ion_err_t
make_seats(master_t *m)
{
    static const uint32_t singles[] = { ION_ROLE_KEEPER, ION_ROLE_COURIER };
    uint32_t workers = m->maker.max_workers;
    m->seat_count = workers + (uint32_t)ION_ARRAY_LEN(singles);
    m->seats = calloc(m->seat_count, sizeof(*m->seats));
    if (m->seats == NULL) {
        return ION_NOMEM;
    }
    for (uint32_t i = 0; i < m->seat_count; i++) {
        seat_t *seat = &m->seats[i];
        seat->master = m;
        seat->role = i < workers ? ION_ROLE_WORKER : singles[i - workers];
        seat->index = i < workers ? i : 0;
        seat->is_wanted = master_wants_seat(m, seat);
        ion_timer_init(&seat->restart, on_restart);
    }
    return ION_OK;
}

static ion_err_t
watch(master_t *m)
{
    _Atomic uint64_t *beat;
    _Atomic uint32_t *busy;
    ion_err_t rc;
    ion_slots_own_words(m->shm, &beat, &busy);
    ion_loop_set_heartbeat(m->loop, beat, busy);
    ion_timer_init(&m->watchdog, on_watchdog);
    ion_timer_init(&m->tickets, on_tickets);
    ion_timer_init(&m->stop_limit, on_stop_limit);
    ion_timer_init(&m->round.deadline, master_round_deadline);
    ion_timer_set(m->loop, &m->watchdog, ion_loop_now(m->loop) + WATCH_EVERY);
    master_arm_tickets(m);
    ion_io_init(&m->sig_io, m->sig_fd, on_signal);
    ion_io_init(&m->ack_io, ion_slots_master_fd(m->shm), on_ack);
    rc = ion_io_add(m->loop, &m->sig_io, ION_IO_READ);
    return rc == ION_OK ? ion_io_add(m->loop, &m->ack_io, ION_IO_READ) : rc;
}

static void
unwatch(master_t *m)
{
    ion_timer_cancel(m->loop, &m->watchdog);
    ion_timer_cancel(m->loop, &m->tickets);
    ion_timer_cancel(m->loop, &m->stop_limit);
    ion_timer_cancel(m->loop, &m->round.deadline);
    measure_stop(&m->measure);
    ion_io_del(m->loop, &m->sig_io);
    ion_io_del(m->loop, &m->ack_io);
}

/*
 * Before anybody can read our pid: what comes while we prepare waits for the
 * loop, instead of ending a daemon that is just starting.
 */
static ion_err_t
catch_signals(master_t *m)
{
    const int signos[] = { SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT, SIGTERM, SIGINT };
    ion_err_t rc = ion_sig_open(signos, ION_ARRAY_LEN(signos), &m->sig_fd);
    return rc == ION_OK ? ion_sig_ignore(SIGWINCH) : rc;
}

static ion_err_t
run(master_t *m)
{
    ion_err_t rc = make_seats(m);
    if (rc == ION_OK) {
        rc = watch(m);
    }
    if (rc != ION_OK) {
        return rc;
    }
    measure_open(&m->measure);
    measure_start(&m->measure, m->loop, m->shm, ion_shm_master_slot(m->shm));
    m->state = MASTER_STARTING;
    for (uint32_t i = 0; i < m->seat_count; i++) {
        if (m->seats[i].is_wanted) {
            master_fill_seat(&m->seats[i]);
        }
    }
    rc = ion_loop_run(m->loop);
    unwatch(m);
    return rc;
}

static master_t *
new_master(const server_opts_t *opts)
{
    master_t *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return NULL;
    }
    m->magic = MASTER_MAGIC;
    m->sig_fd = -1;
    m->maker.tickets_fd = -1;
    m->round.log_fd = -1;
    m->config_file = opts->config_file;
    m->program = opts->program;
    ion_list_init(&m->kids);
    ion_sb_init(&m->round.lines, ION_TEXT_MAX);
    if (ion_log_sink_new(STDERR_FILENO, "master", &m->sink) != ION_OK) {
        free(m);
        return NULL;
    }
    m->log = (ion_log_t){ .sink = m->sink, .subsystem = "main" };
    return m;
}

static void
free_master(master_t *m)
{
    master_cleanup(m);
    if (m->sig_fd >= 0) {
        (void)close(m->sig_fd); /* a signalfd has nothing to lose */
    }
    ion_sb_fini(&m->round.lines);
    free(m->seats);
    ion_log_sink_free(&m->sink);
    free(m);
}

int
master_main(const server_opts_t *opts, ion_conf_t *conf)
{
    int status = 1;
    ion_err_t rc;
    master_t *m = new_master(opts);
    if (m == NULL) {
        ion_conf_free(&conf);
        return 1;
    }
    if (opts->is_test) {
        rc = master_check(m, conf);
        free_master(m);
        return rc == ION_OK ? 0 : 1;
    }
    ion_proc_title("master process");
    rc = catch_signals(m);
    if (rc == ION_OK) {
        rc = master_prepare(m, conf);
    } else {
        ion_log(&m->log, ION_LOG_ALERT, errno, "cannot take signals");
        ion_conf_free(&conf);
    }
    if (rc == ION_OK) {
        rc = run(m);
        status = rc == ION_OK ? m->status : 1;
        if (rc != ION_OK) {
            ion_log(&m->log, ION_LOG_ALERT, rc == ION_SYS ? errno : 0,
                "cannot run: %s", ion_strerror(rc));
        }
        ion_log(&m->log, ION_LOG_NOTICE, 0, "ended");
    }
    free_master(m);
    return status;
}
