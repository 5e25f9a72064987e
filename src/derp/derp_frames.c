/*
 * derp_frames.c -- input: bytes to frames, and what each frame does.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A frame's header is collected in the portable state. Of its payload the
 * first frame_want bytes are kept and the rest is skipped as it comes, so
 * that an unknown frame of four gigabytes costs nothing. A payload that lies
 * whole in the input is used where it lies; one that comes in pieces is
 * gathered in a block that grows with what has really come.
 *
 * The rate limit is charged when a header is complete, and its wait comes
 * before anything else the frame does: the input behind the header stays
 * where it is, held by the caller, until resume_at. It waits in the same way
 * while a packet finds no room in the ring to another worker.
 */
#include <string.h>

#include "base/assert.h"
#include "crypto/keys.h"
#include "derp/derp_fabric.h"
#include "derp/derp_health.h"
#include "derp/derp_relay.h"
#include "derp/derp_session.h"
#include "derp/derp_watch.h"
#include "derp/derp_worker.h"
#include "proto/derp_frame.h"

/* Where the gathered payload begins: a packet becomes a RecvPacket frame in
 * place, header and key over header and key. */
#define GATHER_AT DERP_HEADER_LEN

static void
note_activity(derp_session_t *s)
{
    if ((s->st.flags & DERP_STATE_DUP) == 0) {
        return;
    }
    derp_health_activity(s);
    (void)ion_dir_activity(s->w->shm, &s->st.entry); /* either way is fine */
}

static void
handle_send_packet(
    derp_session_t *s, const uint8_t *p, size_t n, derp_packet_t **own)
{
    ion_key_t dst;

    memcpy(dst.b, p, sizeof(dst.b));
    derp_relay_packet(s, &dst, p + sizeof(dst.b), n - sizeof(dst.b), own);
}

/* A packet of another relay's client. */
static void
handle_forward_packet(derp_session_t *s, const uint8_t *p, size_t n)
{
    ion_key_t src, dst;

    memcpy(src.b, p, sizeof(src.b));
    memcpy(dst.b, p + sizeof(src.b), sizeof(dst.b));
    derp_relay_forwarded(
        s, &src, &dst, p + 2 * DERP_KEY_LEN, n - 2 * DERP_KEY_LEN);
}

static void
handle_close_peer(derp_session_t *s, const uint8_t *p)
{
    ion_key_t key;

    memcpy(key.b, p, sizeof(key.b));
    DERP_LOG(s, ION_LOG_INFO, 0, "the mesh member disconnects a peer");
    derp_fabric_kick(s->w, &key);
}

static void
handle_note_preferred(derp_session_t *s, bool is_home)
{
    derp_worker_t *w = s->w;
    ion_mono_t now = ion_loop_now(w->loop);

    if (is_home == ((s->st.flags & DERP_STATE_PREFERRED) != 0)) {
        return;
    }
    s->st.flags ^= DERP_STATE_PREFERRED;
    ion_dir_set_flags(w->shm, &s->st.entry, is_home ? ION_DIR_PREFERRED : 0,
        is_home ? 0 : ION_DIR_PREFERRED);
    if (is_home) {
        derp_count(w, DERP_STAT_HOME, 1);
    } else {
        derp_uncount(w, DERP_STAT_HOME, 1);
    }
    if (now - s->st.connected_at > DERP_HOME_MOVE_AFTER) {
        derp_count(
            w, is_home ? DERP_STAT_HOME_MOVES_IN : DERP_STAT_HOME_MOVES_OUT, 1);
    }
}

static void
handle_ping(derp_session_t *s, const uint8_t *p)
{
    derp_count(s->w, DERP_STAT_GOT_PING, 1);
    if ((s->st.flags & DERP_STATE_PONG_DUE) != 0) {
        return;
    }
    memcpy(s->st.pong, p, sizeof(s->st.pong));
    s->st.flags |= DERP_STATE_PONG_DUE;
    derp_session_mark_dirty(s);
}

/* The kept part of a payload is complete at p. */
static void
handle(derp_session_t *s, const uint8_t *p, derp_packet_t **own)
{
    switch (s->st.frame.type) {
    case DERP_FRAME_CLIENT_INFO:
        derp_login_finish(s, p, s->st.frame_want);
        break;
    case DERP_FRAME_SEND_PACKET:
        handle_send_packet(s, p, s->st.frame_want, own);
        break;
    case DERP_FRAME_FORWARD_PACKET:
        handle_forward_packet(s, p, s->st.frame_want);
        break;
    case DERP_FRAME_CLOSE_PEER:
        handle_close_peer(s, p);
        break;
    case DERP_FRAME_NOTE_PREFERRED:
        handle_note_preferred(s, p[0] != 0);
        break;
    case DERP_FRAME_PING:
        handle_ping(s, p);
        break;
    default:
        ION_UNREACHABLE(); /* frame_start keeps no other payload */
    }
}

static void
gather_drop(derp_session_t *s)
{
    derp_pool_put(s->w->pool, &s->gather);
    ion_list_del(&s->partial);
}

/*
 * Make room for `len` payload bytes. When the budget is exhausted, the half
 * frame that has waited longest for its rest goes, with its connection.
 */
static ion_err_t
gather_room(derp_session_t *s, size_t len)
{
    derp_worker_t *w = s->w;
    ion_err_t rc;

    for (;;) {
        ion_list_t *oldest;
        derp_session_t *victim;

        if (s->gather == NULL) {
            rc = derp_pool_get(w->pool, GATHER_AT + len, &s->gather);
            if (rc == ION_OK) {
                s->gather->len = GATHER_AT;
            }
        } else {
            rc = derp_pool_grow(w->pool, &s->gather, GATHER_AT + len);
        }
        oldest = ion_list_first(&w->partial);
        if (rc != ION_NOMEM || oldest == NULL || oldest == &s->partial) {
            return rc;
        }
        victim = ION_CONTAINER_OF(oldest, derp_session_t, partial);
        DERP_LOG(victim, ION_LOG_WARN, 0,
            "closing: half a frame waits and memory for packets is full");
        derp_session_close(victim);
    }
}

static ion_err_t
gather(derp_session_t *s, const uint8_t *p, size_t n)
{
    ion_err_t rc = gather_room(s, s->st.frame_got + n);

    if (rc != ION_OK) {
        return rc;
    }
    memcpy(s->gather->frame + s->gather->len, p, n);
    s->gather->len += (uint32_t)n;
    ion_list_del(&s->partial);
    ion_list_add_tail(&s->w->partial, &s->partial);
    return ION_OK;
}

static void
frame_end(derp_session_t *s)
{
    s->st.head_len = 0;
    s->st.frame_got = 0;
    s->st.frame_want = 0;
    s->st.flags &= ~(uint32_t)DERP_STATE_IN_FRAME;
}

/* How many payload bytes of an allowed frame are kept. */
static uint32_t
wanted(const derp_header_t *frame)
{
    switch (frame->type) {
    case DERP_FRAME_SEND_PACKET:
    case DERP_FRAME_FORWARD_PACKET:
    case DERP_FRAME_CLOSE_PEER:
    case DERP_FRAME_NOTE_PREFERRED:
    case DERP_FRAME_CLIENT_INFO:
        return frame->len;
    case DERP_FRAME_PING:
        return DERP_PING_LEN;
    default:
        return 0;
    }
}

/* The wait, if any, is over: judge the frame whose header is complete. */
static void
frame_start(derp_session_t *s)
{
    ion_err_t rc;

    s->st.flags |= DERP_STATE_IN_FRAME;
    note_activity(s);
    rc = derp_frame_check(&s->st.frame, derp_session_is_mesh(s));
    if (rc == ION_UNSUPPORTED) {
        derp_count(s->w, DERP_STAT_UNKNOWN_FRAMES, 1);
        s->st.frame_want = 0;
    } else if (rc != ION_OK) {
        DERP_LOG(s, ION_LOG_INFO, 0,
            rc == ION_DENIED
                ? "closing: the client sent a frame for mesh members only"
                : "closing: the client sent a frame of a wrong length");
        derp_session_close(s);
        return;
    } else {
        s->st.frame_want = wanted(&s->st.frame);
    }
    if (s->st.frame.len == 0) {
        bool is_watch = s->st.frame.type == DERP_FRAME_WATCH_CONNS;

        frame_end(s);
        if (is_watch) {
            derp_watch_begin(s);
        }
    }
}

static void
login_start(derp_session_t *s)
{
    const derp_header_t *frame = &s->st.frame;

    if (frame->type != DERP_FRAME_CLIENT_INFO ||
        frame->len < DERP_MIN_CLIENT_INFO || frame->len > DERP_MAX_CLIENT_INFO)
    {
        derp_count(s->w, DERP_STAT_LOGIN_FAILED, 1);
        DERP_LOG(s, ION_LOG_INFO, 0,
            "login refused: the first frame is not a ClientInfo of 56 to "
            "262144 bytes");
        derp_session_close(s);
        return;
    }
    s->st.flags |= DERP_STATE_IN_FRAME;
    s->st.frame_want = frame->len;
}

/*
 * A frame that makes us tell other workers something waits while what they
 * were told before has no room, so that nobody can fill the list of what
 * waits for them.
 */
static int64_t
wait_for_workers(const derp_session_t *s)
{
    return s->st.frame.type == DERP_FRAME_CLOSE_PEER &&
                   derp_session_is_mesh(s) && ion_fabric_is_behind(s->w->fabric)
               ? (int64_t)DERP_CONTROL_RETRY
               : 0;
}

/* How long the frame whose header is complete waits. */
static int64_t
wait_of(derp_session_t *s, ion_mono_t now)
{
    int64_t wait_ns = wait_for_workers(s);

    if ((s->st.flags & DERP_STATE_HAS_RATE) == 0) {
        return wait_ns;
    }
    wait_ns = ion_bucket_charge(
        &s->st.rate, now, ION_MIN(s->st.frame.len, DERP_MAX_SEND));
    derp_count(s->w, DERP_STAT_RATE_WAITED, wait_ns > 0 ? 1 : 0);
    return wait_ns;
}

static void
header_complete(derp_session_t *s)
{
    ion_mono_t now = ion_loop_now(s->w->loop);
    int64_t wait_ns;

    if (derp_header_parse(s->st.head, s->st.head_len, &s->st.frame) != ION_OK) {
        ION_UNREACHABLE(); /* five bytes are always a header */
    }
    if (s->phase == DERP_PHASE_LOGIN) {
        login_start(s);
        return;
    }
    wait_ns = wait_of(s, now);
    if (wait_ns > 0) {
        s->st.resume_at = now + (ion_mono_t)wait_ns;
        return;
    }
    frame_start(s);
}

/* Bytes of the payload of the open frame; returns how many were taken. */
static size_t
take_payload(derp_session_t *s, const uint8_t *p, size_t n)
{
    derp_state_t *st = &s->st;
    size_t take = ION_MIN(n, (size_t)(st->frame.len - st->frame_got));
    size_t keep = 0;

    if (st->frame_got < st->frame_want) {
        keep = ION_MIN(take, (size_t)(st->frame_want - st->frame_got));
    }
    if (keep > 0 && keep == st->frame_want) {
        handle(s, p, NULL);
    } else if (keep > 0) {
        if (gather(s, p, keep) != ION_OK) {
            DERP_LOG(s, ION_LOG_WARN, 0,
                "closing: no memory left for the client's frame");
            derp_session_close(s);
            return take;
        }
        if (st->frame_got + keep == st->frame_want) {
            handle(s, s->gather->frame + GATHER_AT, &s->gather);
            gather_drop(s);
        }
    }
    st->frame_got += (uint32_t)take;
    if (st->frame_got == st->frame.len) {
        frame_end(s);
    }
    return take;
}

size_t
derp_input(derp_session_t *s, const uint8_t *p, size_t n)
{
    size_t used = 0;

    while (used < n && s->phase != DERP_PHASE_CLOSED &&
           !derp_session_is_paused(s)) {
        size_t part;

        if ((s->st.flags & DERP_STATE_IN_FRAME) != 0) {
            used += take_payload(s, p + used, n - used);
            continue;
        }
        part = ION_MIN(n - used, (size_t)(DERP_HEADER_LEN - s->st.head_len));
        memcpy(s->st.head + s->st.head_len, p + used, part);
        s->st.head_len += (uint32_t)part;
        used += part;
        if (s->st.head_len == DERP_HEADER_LEN) {
            header_complete(s);
        }
    }
    return used;
}

void
derp_input_resume(derp_session_t *s)
{
    int64_t wait_ns;

    ION_ASSERT(s->phase == DERP_PHASE_LIVE);
    ION_ASSERT(s->st.resume_at != 0);
    s->st.resume_at = 0;
    wait_ns = wait_for_workers(s);
    if (wait_ns > 0) {
        s->st.resume_at = ion_loop_now(s->w->loop) + (ion_mono_t)wait_ns;
        return;
    }
    frame_start(s);
}
