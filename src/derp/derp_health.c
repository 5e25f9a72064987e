/*
 * derp_health.c -- what a client is told about its connection.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "derp/derp_health.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "core/settings.h"
#include "derp/derp_worker.h"
#include "proto/derp_frame.h"

#define TEXT_MAX 256u

static const char dup_text[] =
    "another device with the same node key is connected to this relay, so "
    "packets reach one or the other; if this machine is a copy of another, "
    "log it in anew";

/* A frame behind what is queued; without memory, or room, none. */
static bool
queue_frame(derp_session_t *s, const uint8_t *frame, size_t n)
{
    derp_packet_t *packet = NULL;

    if (derp_queue_count(&s->queue, DERP_KIND_CONTROL) >= DERP_CONTROL_MAX ||
        derp_pool_get(s->w->pool, n, &packet) != ION_OK)
    {
        return false;
    }
    packet->kind = DERP_KIND_CONTROL;
    memcpy(packet->frame, frame, n);
    derp_queue_push(&s->queue, packet);
    derp_session_mark_dirty(s);
    return true;
}

static bool
tell(derp_session_t *s, const char *problem)
{
    uint8_t frame[DERP_HEADER_LEN + TEXT_MAX];
    size_t n = strnlen(problem, TEXT_MAX);

    derp_header_put(frame, DERP_FRAME_HEALTH, (uint32_t)n);
    memcpy(frame + DERP_HEADER_LEN, problem, n);
    return queue_frame(s, frame, DERP_HEADER_LEN + n);
}

/* What clients of a draining worker are told; empty when they may stay. */
static void
drain_text(const derp_worker_t *w, char text[static TEXT_MAX])
{
    int64_t ms = ion_cycle_settings(w->p->cycle)->worker_shutdown_timeout_ms;

    text[0] = '\0';
    if (w->p->draining && ms > 0) {
        (void)snprintf(text, TEXT_MAX,
            "the relay is shutting down: this connection ends within %" PRId64
            " s",
            (ms + 999) / 1000);
    }
}

void
derp_health_dup(derp_session_t *s)
{
    if ((s->st.flags & DERP_STATE_DUP) == 0) {
        s->st.dup_at = ion_loop_now(s->w->loop);
    }
}

void
derp_health_activity(derp_session_t *s)
{
    ion_mono_t now = ion_loop_now(s->w->loop);
    ion_dir_hit_t hit;

    if ((s->st.flags & DERP_STATE_TOLD_DUP) != 0 ||
        now - s->st.dup_at < DERP_DUP_TELL_AFTER ||
        ion_dir_lookup(s->w->shm, &s->st.key, &hit) != ION_OK ||
        ion_conn_id_eq(hit.conn, s->st.entry.conn) || !tell(s, dup_text))
    {
        return;
    }
    s->st.flags |= DERP_STATE_TOLD_DUP;
    DERP_LOG(s, ION_LOG_NOTICE, 0,
        "the key is in use by two devices at once, the client has been told");
}

void
derp_health_single(derp_session_t *s)
{
    char text[TEXT_MAX];

    if ((s->st.flags & DERP_STATE_TOLD_DUP) == 0) {
        return;
    }
    drain_text(s->w, text); /* what else there is to be said */
    if (tell(s, text)) {
        s->st.flags &= ~(uint32_t)DERP_STATE_TOLD_DUP;
    }
}

void
derp_health_drain(derp_worker_t *w)
{
    char text[TEXT_MAX];

    drain_text(w, text);
    if (text[0] == '\0') {
        return;
    }
    ION_LIST_FOREACH(it, &w->all) {
        derp_session_t *s = ION_CONTAINER_OF(it, derp_session_t, link);

        if (s->phase == DERP_PHASE_LIVE) {
            (void)tell(s, text); /* without memory for it they see the end */
        }
    }
}

void
derp_health_goodbye(derp_worker_t *w)
{
    ION_LIST_FOREACH_SAFE(it, tmp, &w->all) {
        derp_session_t *s = ION_CONTAINER_OF(it, derp_session_t, link);
        uint8_t frame[DERP_RESTARTING_FRAME];

        if (s->phase != DERP_PHASE_LIVE || s->is_full) {
            continue;
        }
        derp_restarting_put(frame, ion_random_u32() % DERP_RECONNECT_SPREAD_MS,
            DERP_RECONNECT_TRY_MS);
        if (queue_frame(s, frame, sizeof(frame))) {
            derp_output_flush(s); /* once; what is left is lost */
        }
    }
}
