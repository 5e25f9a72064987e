/*
 * derp_session.c -- one DERP connection, from upgrade to end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "derp/derp_session.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/clock.h"
#include "derp/derp_admit.h"
#include "derp/derp_fabric.h"
#include "derp/derp_stage.h"
#include "derp/derp_watch.h"
#include "derp/derp_worker.h"

static size_t
log_context(const void *arg, char *buf, size_t cap)
{
    const derp_session_t *s = arg;
    char addr[ION_ADDR_TEXT_MAX];
    char key[ION_KEY_SHORT_LEN];
    int n;

    ion_key_short(&s->st.key, key);
    n = snprintf(buf, cap, "c=%llu peer=%s%s%s", (unsigned long long)s->id,
        ion_addr_format(&s->st.peer, addr), key[0] == '\0' ? "" : " key=", key);
    return n < 0 ? 0 : ION_MIN((size_t)n, cap - 1);
}

ion_log_t
derp_session_logger(const derp_session_t *s)
{
    ion_log_t log = {
        .sink = s->w->log.sink,
        .parent = &s->w->log,
        .context = log_context,
        .arg = s,
    };

    return log;
}

/* The earliest time at which something is due, 0 when nothing is. */
static ion_mono_t
next_due(const derp_state_t *st)
{
    const ion_mono_t due[] = {
        st->login_due,
        st->write_due,
        st->keepalive_due,
        st->resume_at,
    };
    ion_mono_t first = 0;

    for (size_t i = 0; i < ION_ARRAY_LEN(due); i++) {
        if (due[i] != 0 && (first == 0 || due[i] < first)) {
            first = due[i];
        }
    }
    return first;
}

void
derp_session_arm(derp_session_t *s)
{
    ion_mono_t due = next_due(&s->st);

    /* a timer that fires too early looks again; one too late is wrong */
    if (due != 0 && (!s->timer.is_set || due < s->timer.node.key)) {
        ion_timer_set(s->w->loop, &s->timer, due);
    }
}

void
derp_session_watch(derp_session_t *s)
{
    uint32_t events = derp_session_is_paused(s) ? ION_IO_HUP : ION_IO_READ;

    if (s->phase == DERP_PHASE_CLOSED) {
        return;
    }
    if (s->is_full) {
        events |= ION_IO_WRITE;
    }
    if (ion_io_mod(s->w->loop, &s->io, events) != ION_OK) {
        DERP_LOG(
            s, ION_LOG_WARN, errno, "closing: the socket cannot be watched");
        derp_session_close(s);
    }
}

void
derp_session_set_keepalive(derp_session_t *s, ion_mono_t from)
{
    ion_mono_t due = from + s->st.keepalive_ns + DERP_KEEPALIVE_GRID - 1;

    s->st.keepalive_due = due - due % DERP_KEEPALIVE_GRID;
}

static void
mark(ion_list_t *list, ion_list_t *link)
{
    if (ion_list_is_empty(link)) {
        ion_list_add_tail(list, link);
    }
}

void
derp_session_mark_dirty(derp_session_t *s)
{
    if (s->phase != DERP_PHASE_CLOSED) {
        mark(&s->w->dirty, &s->dirty);
    }
}

void
derp_session_mark_traffic(derp_session_t *s)
{
    if (s->phase == DERP_PHASE_LIVE) {
        mark(&s->w->traffic, &s->traffic);
    }
}

void
derp_session_limit(derp_session_t *s)
{
    ion_mono_t now = ion_loop_now(s->w->loop);

    if (s->w->rate == 0 || derp_session_is_mesh(s)) {
        s->st.flags &= ~(uint32_t)DERP_STATE_HAS_RATE;
    } else {
        ion_bucket_init(&s->st.rate, s->w->rate, s->w->burst, now);
        s->st.flags |= DERP_STATE_HAS_RATE;
    }
    if (s->st.resume_at != 0) {
        s->st.resume_at = now;
        derp_session_arm(s);
    }
}

/* What the session may not take yet stays here. */
static void
hold(derp_session_t *s, const uint8_t *p, size_t n)
{
    if (derp_pool_get(s->w->pool, n, &s->held) != ION_OK) {
        DERP_LOG(s, ION_LOG_WARN, 0,
            "closing: no memory left for the client's input");
        derp_session_close(s);
        return;
    }
    memcpy(s->held->frame, p, n);
    s->held_pos = 0;
}

static void
input_or_hold(derp_session_t *s, const uint8_t *p, size_t n)
{
    size_t used = derp_input(s, p, n);

    if (s->phase == DERP_PHASE_CLOSED || !derp_session_is_paused(s)) {
        return;
    }
    if (used < n) {
        hold(s, p + used, n - used);
    }
    derp_session_arm(s);
    derp_session_watch(s);
}

static void
read_failed(derp_session_t *s, ion_err_t rc)
{
    int err = rc == ION_SYS ? errno : 0;

    if (s->phase == DERP_PHASE_LOGIN) {
        derp_count(s->w, DERP_STAT_LOGIN_FAILED, 1);
    }
    if (rc == ION_CLOSED) {
        DERP_LOG(s, ION_LOG_INFO, 0, "client closed the connection");
    } else {
        DERP_LOG(s, ION_LOG_INFO, err, "closing: reading failed: %s",
            ion_strerror(rc));
    }
    derp_session_close(s);
}

/*
 * A reader that empties its socket acknowledges every segment by itself, each
 * at the price of a send. The kernel forgets what it is asked here once an
 * acknowledgement has waited in vain, so a flow that pauses is quick again. A
 * socket that is not TCP does without.
 */
static void
note_flow(derp_session_t *s)
{
    ion_mono_t now = ion_loop_now(s->w->loop);
    int off = 0;

    if (now - s->read_at < DERP_FLOW_GAP &&
        now - s->acks_at >= DERP_FLOW_PERIOD) {
        s->acks_at = now;
        ION_IGNORE(setsockopt(ion_stream_fd(s->stream), IPPROTO_TCP,
            TCP_QUICKACK, &off, sizeof(off)));
    }
    s->read_at = now;
}

void
derp_session_read(derp_session_t *s)
{
    derp_worker_t *w = s->w;
    uint8_t *buf = ion_loop_rxbuf(w->loop);
    size_t n = 0;
    ion_err_t rc;

    if (s->phase == DERP_PHASE_CLOSED || derp_session_is_paused(s)) {
        return;
    }
    note_flow(s);
    /* once: if the socket has more, its event comes again in the next turn,
     * and asking it now costs a call that mostly finds nothing */
    rc = ion_stream_read(s->stream, buf, DERP_READ_BUDGET, &n);
    if (rc != ION_OK && rc != ION_AGAIN) {
        read_failed(s, rc);
        return;
    }
    if (n > 0) {
        w->is_burst = n >= DERP_BURST;
        input_or_hold(s, buf, n);
        w->is_burst = false;
    }
    if (s->phase == DERP_PHASE_CLOSED) {
        return;
    }
    if (ion_stream_unsent(s->stream) > 0) {
        derp_session_mark_dirty(s); /* answers of the TLS layer */
    }
    if (!derp_session_is_paused(s) && ion_stream_has_input(s->stream)) {
        mark(&w->again, &s->again);
    }
    derp_session_mark_traffic(s);
}

void
derp_session_go_on(derp_session_t *s)
{
    if (s->held != NULL && s->phase != DERP_PHASE_CLOSED) {
        s->held_pos += (uint32_t)derp_input(
            s, s->held->frame + s->held_pos, s->held->len - s->held_pos);
    }
    if (s->phase == DERP_PHASE_CLOSED) {
        return;
    }
    if (s->held != NULL && s->held_pos == s->held->len) {
        derp_pool_put(s->w->pool, &s->held);
    }
    if (!derp_session_is_paused(s) && ion_stream_has_input(s->stream)) {
        mark(&s->w->again, &s->again);
    }
    derp_session_mark_traffic(s);
    derp_session_arm(s);
    derp_session_watch(s);
}

static void
on_io(ion_io_t *io, uint32_t events)
{
    derp_session_t *s = ION_CONTAINER_OF(io, derp_session_t, io);

    ION_ASSERT(s->magic == DERP_SESSION_MAGIC);
    if ((events & ION_IO_WRITE) != 0) {
        derp_session_mark_dirty(s);
    }
    if ((events & ION_IO_READ) != 0) {
        derp_session_read(s);
    } else if ((events & ION_IO_HUP) != 0) {
        read_failed(s, ION_CLOSED);
    }
}

static bool
is_due(ion_mono_t at, ion_mono_t now)
{
    return at != 0 && at <= now;
}

static void
on_timer(ion_timer_t *timer)
{
    derp_session_t *s = ION_CONTAINER_OF(timer, derp_session_t, timer);
    ion_mono_t now = ion_loop_now(s->w->loop);

    ION_ASSERT(s->magic == DERP_SESSION_MAGIC);
    if (is_due(s->st.login_due, now)) {
        if (s->phase == DERP_PHASE_LOGIN) {
            derp_count(s->w, DERP_STAT_LOGIN_TIMEOUT, 1);
        }
        DERP_LOG(s, ION_LOG_INFO, 0, "closing: no login within 10 s");
        derp_session_close(s);
        return;
    }
    if (is_due(s->st.write_due, now)) {
        derp_count(s->w, DERP_STAT_WRITE_TIMEOUTS, 1);
        DERP_LOG(s, ION_LOG_INFO, 0,
            derp_session_is_mesh(s)
                ? "closing: the mesh member took nothing within 30 s"
                : "closing: the client took nothing within "
                  "derp.write_timeout");
        derp_session_close(s);
        return;
    }
    if (is_due(s->st.keepalive_due, now)) {
        derp_session_set_keepalive(s, s->st.keepalive_due);
        s->st.flags |= DERP_STATE_KEEPALIVE_DUE;
        derp_session_mark_dirty(s);
    }
    if (is_due(s->st.resume_at, now)) {
        derp_input_resume(s);
        derp_session_go_on(s);
    }
    if (s->phase != DERP_PHASE_CLOSED) {
        derp_session_arm(s);
    }
}

static void
on_reap(ion_reap_t *reap)
{
    derp_session_t *s = ION_CONTAINER_OF(reap, derp_session_t, reap);

    s->magic = 0;
    ion_slab_put(s->w->sessions, s);
}

static void
drop_stage(derp_session_t *s)
{
    uint32_t frames;
    derp_packet_t *stage = derp_stage_take(s, &frames);

    if (stage != NULL) {
        derp_stage_count_drop(s->w, DERP_DROP_GONE_DISCONNECTED, stage, frames);
        derp_pool_put(s->w->pool, &stage);
    }
}

/* Whatever is still queued is lost with the connection. */
static void
drop_queue(derp_session_t *s)
{
    static const derp_kind_t kinds[] = {
        DERP_KIND_DISCO,
        DERP_KIND_OTHER,
        DERP_KIND_CONTROL,
    };

    drop_stage(s);
    for (size_t i = 0; i < ION_ARRAY_LEN(kinds); i++) {
        derp_packet_t *packet;

        while ((packet = derp_queue_drop_head(&s->queue, kinds[i])) != NULL) {
            if (kinds[i] != DERP_KIND_CONTROL) {
                derp_count_drop(s->w, DERP_DROP_GONE_DISCONNECTED, kinds[i],
                    packet->len - DERP_RECV_HEADER);
            }
            derp_pool_put(s->w->pool, &packet);
        }
    }
}

static void
leave_directory(derp_session_t *s)
{
    derp_worker_t *w = s->w;
    ion_dir_left_t left;

    derp_watch_end(s);
    derp_interests_withdraw(w->interests, &s->receiver);
    derp_worker_unregistered(w, s);
    ion_dir_leave(w->shm, &s->st.entry, &left);
    derp_fabric_left(w, &left, &s->st.reach);
}

void
derp_session_close(derp_session_t *s)
{
    derp_worker_t *w = s->w;
    bool was_live = s->phase == DERP_PHASE_LIVE;

    if (s->phase == DERP_PHASE_CLOSED) {
        return;
    }
    s->phase = DERP_PHASE_CLOSED;
    ion_io_del(w->loop, &s->io);
    ion_timer_cancel(w->loop, &s->timer);
    ion_list_del(&s->link);
    ion_list_del(&s->dirty);
    ion_list_del(&s->again);
    ion_list_del(&s->partial);
    ion_list_del(&s->traffic);
    ion_list_del(&s->wait);
    drop_queue(s);
    if (was_live) {
        leave_directory(s);
    }
    if (s->waiting != NULL) {
        derp_count_drop(w, DERP_DROP_QUEUE_TAIL, s->waiting->kind,
            s->waiting->len - DERP_RECV_HEADER);
    }
    derp_pool_put(w->pool, &s->waiting);
    derp_pool_put(w->pool, &s->gather);
    derp_pool_put(w->pool, &s->held);
    derp_admit_forget(s);
    ion_slab_put(w->routes, s->routes);
    s->routes = NULL;
    ion_stream_close(&s->stream);
    ion_loop_reap(w->loop, &s->reap, on_reap);
    derp_worker_ended(w);
}

static void
session_init(derp_session_t *s, derp_worker_t *w, const derp_opening_t *o)
{
    ion_mono_t now = ion_loop_now(w->loop);

    s->magic = DERP_SESSION_MAGIC;
    s->phase = DERP_PHASE_LOGIN;
    s->w = w;
    s->stream = o->stream;
    s->id = o->id;
    s->st.form = DERP_STATE_FORM;
    s->st.peer = o->peer;
    s->st.connected_ms = (uint64_t)ion_wall_now_ms();
    s->st.connected_at = now;
    s->st.login_due = now + DERP_LOGIN_TIMEOUT;
    s->st.flags = o->is_not_ideal ? DERP_STATE_NOT_IDEAL : 0;
    ion_io_init(&s->io, ion_stream_fd(s->stream), on_io);
    ion_timer_init(&s->timer, on_timer);
    ion_list_init(&s->link);
    ion_list_init(&s->dirty);
    ion_list_init(&s->again);
    ion_list_init(&s->partial);
    ion_list_init(&s->traffic);
    ion_list_init(&s->wait);
    derp_queue_init(&s->queue);
    derp_receiver_init(&s->receiver, 0);
}

/* Queueing belongs into our queue, where the oldest can be dropped, and not
 * into the kernel's. A socket that is not TCP does without. */
static void
limit_unsent(int fd)
{
    int lowat = DERP_NOTSENT_LOWAT;

    ION_IGNORE(
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat)));
}

ion_err_t
derp_session_open(derp_worker_t *w, const derp_opening_t *opening)
{
    ion_stream_t *stream = opening->stream;
    derp_session_t *s = ion_slab_get(w->sessions);
    ion_err_t rc;

    derp_count(w, DERP_STAT_ACCEPTS, 1);
    derp_count(w, DERP_STAT_WEBSOCKET_ACCEPTS, opening->is_websocket ? 1 : 0);
    if (s == NULL) {
        ion_stream_close(&stream);
        return ION_NOMEM;
    }
    session_init(s, w, opening);
    rc = derp_login_greet(s, opening->is_fast_start);
    if (rc == ION_OK) {
        rc = ion_io_add(w->loop, &s->io, ION_IO_READ);
    }
    if (rc != ION_OK) {
        ion_slab_put(w->sessions, s);
        ion_stream_close(&stream);
        return rc;
    }
    limit_unsent(ion_stream_fd(stream));
    ion_list_add_tail(&w->all, &s->link);
    w->session_count++;
    derp_session_arm(s);
    derp_session_mark_dirty(s);
    if (opening->rest_len > 0) {
        input_or_hold(s, opening->rest, opening->rest_len);
    }
    if (s->phase != DERP_PHASE_CLOSED && ion_stream_has_input(s->stream)) {
        mark(&w->again, &s->again);
    }
    return ION_OK;
}
