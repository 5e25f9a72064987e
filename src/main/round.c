/*
 * round.c -- introduce a bundle: everybody prepares, then everybody switches.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One round at a time, and none while a process is starting: there is always
 * one bundle in force everywhere.  One "no", or an answer that does not come,
 * and the round is over with nothing changed.  After the switch has been told
 * there is no way back: who does not answer then is killed.  A process that
 * starts during a round, in the place of a dead one, gets the bundle that was
 * in force and takes no part; another round brings it to the rest.  Ticket
 * rotation and minding send the bundle in force through the same gate.
 */
#include "main/master.h"

#include <string.h>
#include <unistd.h>

#include "core/master_stats.h"
#include "core/settings.h"
#include "main/conf_tables.h"
#include "main/tickets.h"
#include "shm/stats.h"

#define PREPARE_LIMIT ION_SEC(15)
#define LINES_MAX     ION_TEXT_MAX

static bool
is_target(const kid_t *kid)
{
    return kid->state == KID_LIVE || kid->state == KID_DRAINING;
}

static bool
anybody_owes(const master_t *m)
{
    ION_LIST_FOREACH(it, &m->kids) {
        if (ION_CONTAINER_OF(it, const kid_t, link)->owes) {
            return true;
        }
    }
    return false;
}

static const bundle_t *
bundle_of(const master_t *m)
{
    return m->round.next != NULL ? m->round.next : m->now;
}

static void
tell_all(master_t *m, uint16_t type)
{
    const ion_msg_cycle_t msg = { .generation = bundle_of(m)->generation };
    ION_LIST_FOREACH(it, &m->kids) {
        kid_t *kid = ION_CONTAINER_OF(it, kid_t, link);
        if (kid->in_round && is_target(kid)) {
            master_kid_send(kid, type, 0, &msg, sizeof(msg));
        }
    }
}

static void
tell_origins(master_t *m, ion_err_t result)
{
    uint8_t buf[sizeof(ion_msg_op_t) + LINES_MAX];
    const ion_msg_op_t head = { .result = (int32_t)result };
    ion_str_t text = ion_sb_str(&m->round.lines);
    kid_t *keeper = master_keeper(m);
    text.len = ION_MIN(text.len, (size_t)LINES_MAX);
    memcpy(buf, &head, sizeof(head));
    if (text.len > 0) {
        memcpy(buf + sizeof(head), text.p, text.len);
    }
    for (size_t i = 0; i < m->round.origin_count; i++) {
        const origin_t *o = &m->round.origins[i];
        if (keeper != NULL && keeper->pid == o->pid) {
            master_kid_send(
                keeper, ION_MSG_OP_DONE, o->req, buf, sizeof(head) + text.len);
        }
    }
    m->round.origin_count = 0;
}

static void
log_lines(master_t *m, const char *prefix)
{
    ion_str_t rest = ion_sb_str(&m->round.lines);
    ion_str_t line;
    while (ion_str_split(&rest, '\n', &line)) {
        if (line.len > 0) {
            ion_log(
                &m->log, ION_LOG_ERR, 0, "%s%.*s", prefix, ION_STR_ARG(line));
        }
    }
}

static void
end_round(master_t *m)
{
    round_t *r = &m->round;
    r->phase = ROUND_NONE;
    ion_timer_cancel(m->loop, &r->deadline);
    bundle_free(&r->next);
    if (r->log_fd >= 0) {
        (void)close(r->log_fd); /* opened for a bundle that did not come */
        r->log_fd = -1;
    }
    ion_sb_reset(&r->lines);
    ION_LIST_FOREACH(it, &m->kids) {
        ION_CONTAINER_OF(it, kid_t, link)->owes = false;
        ION_CONTAINER_OF(it, kid_t, link)->in_round = false;
    }
    master_notify(m, "READY=1");
}

static void
refuse_round(master_t *m)
{
    if (m->round.why == WANT_RELOAD) {
        log_lines(m, "reload refused: ");
        ion_log(&m->log, ION_LOG_ERR, 0,
            "the old configuration (generation %llu) stays in force",
            (unsigned long long)m->now->generation);
        ion_stat_add(m->stats, ION_MASTER_RELOADS_REFUSED, 1);
    } else {
        log_lines(m, "not accepted: ");
    }
    tell_origins(m, ION_DENIED);
    end_round(m);
}

/* The seats follow the bundle that is in force. */
static void
follow_bundle(master_t *m)
{
    for (uint32_t i = 0; i < m->seat_count; i++) {
        seat_t *seat = &m->seats[i];
        bool is_wanted = master_wants_seat(m, seat);
        if (is_wanted && !seat->is_wanted) {
            seat->is_wanted = true;
            seat->quick_deaths = 0;
            master_fill_seat(seat);
        } else if (!is_wanted && seat->is_wanted) {
            seat->minder = NULL;
            master_vacate_seat(seat);
        }
    }
}

/* Did somebody start in mid-round, with the bundle that was in force then? */
static bool
has_latecomer(const master_t *m)
{
    ION_LIST_FOREACH(it, &m->kids) {
        const kid_t *kid = ION_CONTAINER_OF(it, const kid_t, link);
        if (!kid->in_round && kid->state != KID_LEAVING) {
            return true;
        }
    }
    return false;
}

static void
complete_round(master_t *m)
{
    round_t *r = &m->round;
    bundle_t *old = m->now;
    int64_t rotation_ms = old->settings->tls_ticket_rotation_ms;
    if (r->next != NULL) {
        if (has_latecomer(m)) {
            m->wants |= WANT_MINDING; /* sends what is in force to all */
        }
        m->now = r->next;
        r->next = NULL;
        bundle_free(&old); /* its sockets close here, if nobody kept them */
        bundle_unsteer(m->now);
    }
    if (m->now->settings->tls_ticket_rotation_ms != rotation_ms) {
        master_arm_tickets(m);
    }
    if (r->why == WANT_RELOAD) {
        ion_stat_add(m->stats, ION_MASTER_RELOADS_OK, 1);
        ion_log(&m->log, ION_LOG_NOTICE, 0,
            "configuration reloaded, generation %llu is in force",
            (unsigned long long)m->now->generation);
    }
    tell_origins(m, ION_OK);
    end_round(m);
    if (m->state == MASTER_RUNNING) {
        follow_bundle(m);
    }
}

/* From here on the new bundle is in force; the log goes first. */
static void
start_switch(master_t *m)
{
    round_t *r = &m->round;
    const ion_settings_t *s = bundle_of(m)->settings;
    r->phase = ROUND_SWITCH;
    ion_log_sink_set(m->sink, (ion_log_format_t)s->log_format, s->log_level);
    if (r->log_fd >= 0) {
        ion_log_sink_set_fd(m->sink, r->log_fd);
        r->log_fd = -1;
        master_arm_log(m);
        ION_LIST_FOREACH(it, &m->kids) {
            master_log_fd(ION_CONTAINER_OF(it, kid_t, link));
        }
    }
    ION_LIST_FOREACH(it, &m->kids) {
        kid_t *kid = ION_CONTAINER_OF(it, kid_t, link);
        kid->owes = kid->in_round && is_target(kid);
    }
    if (r->next != NULL) {
        bundle_steer(m->now, r->next);
    }
    ion_timer_set(m->loop, &r->deadline, ion_loop_now(m->loop) + PREPARE_LIMIT);
    tell_all(m, ION_MSG_SWITCH);
    if (!anybody_owes(m)) {
        complete_round(m);
    }
}

static void
go_on(master_t *m)
{
    if (anybody_owes(m)) {
        return;
    }
    if (m->round.phase == ROUND_PREPARE) {
        if (m->round.why != WANT_RELOAD ||
            bundle_serve(m->round.next, &m->round.lines) == ION_OK)
        {
            start_switch(m);
            return;
        }
        tell_all(m, ION_MSG_ABORT);
        refuse_round(m);
        master_next_round(m);
    } else if (m->round.phase == ROUND_SWITCH) {
        complete_round(m);
        master_next_round(m);
    }
}

/* Does kid answer to the present phase of the present round? */
static bool
is_answer(const kid_t *kid, uint64_t serial, round_phase_t phase)
{
    const round_t *r = &kid->master->round;
    return kid->owes && r->phase == phase && r->serial == serial;
}

void
master_round_ready(kid_t *kid, uint64_t serial)
{
    if (is_answer(kid, serial, ROUND_PREPARE)) {
        kid->owes = false;
        go_on(kid->master);
    }
}

void
master_round_switched(kid_t *kid, uint64_t serial)
{
    if (is_answer(kid, serial, ROUND_SWITCH)) {
        kid->owes = false;
        go_on(kid->master);
    }
}

void
master_round_lost(kid_t *kid)
{
    if (kid->owes) {
        kid->owes = false;
        go_on(kid->master);
    }
}

void
master_round_refused(kid_t *kid, uint64_t serial, ion_str_t text)
{
    master_t *m = kid->master;
    if (!is_answer(kid, serial, ROUND_PREPARE)) {
        return;
    }
    ion_sb_addf(&m->round.lines, "%s %u: %.*s\n", ion_role_word(kid->role),
        kid->index, ION_STR_ARG(text));
    kid->owes = false;
    tell_all(m, ION_MSG_ABORT);
    refuse_round(m);
    master_next_round(m);
}

void
master_round_deadline(ion_timer_t *timer)
{
    master_t *m = ION_CONTAINER_OF(timer, master_t, round.deadline);
    bool is_prepare = m->round.phase == ROUND_PREPARE;
    ION_LIST_FOREACH(it, &m->kids) {
        kid_t *kid = ION_CONTAINER_OF(it, kid_t, link);
        if (!kid->owes) {
            continue;
        }
        if (!is_prepare) {
            master_kid_kill(kid, "it did not switch in time"); /* then lost */
            continue;
        }
        ion_sb_addf(&m->round.lines, "%s %u (pid %d) did not answer in time\n",
            ion_role_word(kid->role), kid->index, (int)kid->pid);
    }
    if (is_prepare) {
        tell_all(m, ION_MSG_ABORT);
        refuse_round(m);
        master_next_round(m);
    }
}

static void
start_prepare(master_t *m)
{
    round_t *r = &m->round;
    r->phase = ROUND_PREPARE;
    r->serial++;
    ion_timer_set(m->loop, &r->deadline, ion_loop_now(m->loop) + PREPARE_LIMIT);
    ION_LIST_FOREACH(it, &m->kids) {
        kid_t *kid = ION_CONTAINER_OF(it, kid_t, link);
        if (is_target(kid)) {
            kid->in_round = true;
            kid->owes = true;
            master_kid_cycle(kid, bundle_of(m));
        }
    }
    go_on(m);
}

/* --- what a round is about --- */

static void
add_notes(master_t *m, const ion_conf_notes_t *notes)
{
    for (size_t i = 0; i < ion_conf_notes_count(notes); i++) {
        ion_conf_note_t note = ion_conf_notes_at(notes, i);
        if (note.is_error) {
            ion_sb_addf(&m->round.lines, "%s\n", note.text);
        } else {
            ion_log(&m->log, ION_LOG_WARN, 0, "%s", note.text);
        }
    }
}

static ion_err_t
load_next(master_t *m, ion_conf_t **conf)
{
    ion_conf_notes_t *notes;
    ion_err_t rc = ion_conf_notes_new(&notes);
    if (rc != ION_OK) {
        return rc;
    }
    rc = conf_tables_load(m->config_file, notes, conf);
    if (rc == ION_OK) {
        rc = ion_settings_reload_check(
            m->now->settings, ion_conf_settings(*conf), notes);
    }
    add_notes(m, notes);
    ion_conf_notes_free(&notes);
    if (rc != ION_OK) {
        ion_conf_free(conf);
    }
    return rc;
}

static ion_err_t
open_next_log(master_t *m)
{
    const char *path = m->round.next->settings->log_file;
    ion_errtext_t why = { "" };
    ion_err_t rc;
    if (strcmp(path, m->now->settings->log_file) == 0) {
        return ION_OK;
    }
    if (path[0] == '\0') {
        m->round.log_fd = dup(STDERR_FILENO);
        return m->round.log_fd < 0 ? ION_SYS : ION_OK;
    }
    rc = ion_log_open_file(path, &m->round.log_fd, &why);
    if (rc != ION_OK) {
        m->round.log_fd = -1;
        ion_sb_addf(&m->round.lines, "logging.file: cannot open %s: %s\n", path,
            why.msg);
    }
    return rc;
}

static ion_err_t
make_reload(master_t *m)
{
    round_t *r = &m->round;
    ion_conf_t *conf = NULL;
    ion_err_t rc = load_next(m, &conf);
    master_notify(m, "RELOADING=1");
    if (rc == ION_OK) {
        rc = bundle_new(&m->maker, conf, m->now, &r->next, &r->lines);
    }
    if (rc == ION_OK &&
        strcmp(r->next->facts.public_key, m->now->facts.public_key) != 0)
    {
        ion_sb_addz(&r->lines,
            "state_dir: derp.key holds another key now: "
            "a relay changes its identity only by a restart\n");
        rc = ION_DENIED;
    }
    if (rc == ION_OK) {
        rc = open_next_log(m);
    }
    if (rc != ION_OK && ion_sb_str(&r->lines).len == 0) {
        ion_sb_addf(&r->lines, "cannot reload: %s\n", ion_strerror(rc));
    }
    return rc;
}

static ion_err_t
make_next(master_t *m)
{
    round_t *r = &m->round;
    ion_err_t rc;
    if (r->why == WANT_RELOAD) {
        return make_reload(m);
    }
    if (r->why == WANT_MINDING) {
        return ION_OK; /* the bundle in force, sockets dealt out anew */
    }
    rc = tickets_rotate(&m->maker.tickets_fd);
    if (rc == ION_OK) {
        rc = bundle_renew(&m->maker, m->now, &r->next);
    }
    if (rc != ION_OK) {
        ion_sb_addf(
            &r->lines, "ticket keys cannot be rotated: %s\n", ion_strerror(rc));
    }
    return rc;
}

static want_t
take_want(master_t *m)
{
    static const want_t order[] = { WANT_MINDING, WANT_RELOAD, WANT_TICKETS };
    for (size_t i = 0; i < ION_ARRAY_LEN(order); i++) {
        if ((m->wants & order[i]) != 0) {
            m->wants &= ~(unsigned)order[i];
            return order[i];
        }
    }
    return 0;
}

static void
take_waiting(master_t *m)
{
    round_t *r = &m->round;
    memcpy(r->origins, m->waiting, sizeof(r->origins));
    r->origin_count = m->waiting_count;
    m->waiting_count = 0;
}

void
master_round_cancel(master_t *m)
{
    static const char reason[] = "ionscale is ending\n";
    round_t *r = &m->round;
    if (r->phase == ROUND_SWITCH) {
        complete_round(m);
    } else if (r->phase == ROUND_PREPARE) {
        ion_sb_addz(&r->lines, reason);
        tell_all(m, ION_MSG_ABORT);
        refuse_round(m);
    }
    ion_sb_addz(&r->lines, reason);
    take_waiting(m);
    tell_origins(m, ION_DENIED);
    ion_sb_reset(&r->lines);
}

void
master_next_round(master_t *m)
{
    round_t *r = &m->round;
    while (m->state == MASTER_RUNNING && r->phase == ROUND_NONE &&
           m->wants != 0 && master_is_settled(m))
    {
        r->why = take_want(m);
        r->log_fd = -1;
        if (r->why == WANT_RELOAD) {
            take_waiting(m);
        }
        if (make_next(m) != ION_OK) {
            refuse_round(m);
            continue;
        }
        start_prepare(m);
    }
}

void
master_want(master_t *m, want_t what)
{
    m->wants |= (unsigned)what;
    master_next_round(m);
}

void
master_want_reload(master_t *m, const origin_t *origin)
{
    if (origin != NULL && m->waiting_count < MASTER_ORIGINS) {
        m->waiting[m->waiting_count++] = *origin;
    }
    master_want(m, WANT_RELOAD);
}
