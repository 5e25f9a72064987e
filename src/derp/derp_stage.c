/*
 * derp_stage.c -- packets of one turn for one client, side by side.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "derp/derp_stage.h"

#include <string.h>

#include "derp/derp_worker.h"
#include "proto/derp_frame.h"

/* A block of the pool's size for two full records. */
#define STAGE_BYTES (32768u - sizeof(derp_packet_t))

static bool
may_stage(const derp_session_t *to, const derp_delivery_t *d)
{
    return to->w->is_burst && d->kind == DERP_KIND_OTHER &&
           to->phase == DERP_PHASE_LIVE && !to->is_full &&
           !derp_session_is_mesh(to) && /* news goes ahead of packets */
           derp_queue_is_empty(&to->queue);
}

static bool
has_stage(derp_session_t *to)
{
    derp_worker_t *w = to->w;

    if (to->stage != NULL) {
        return true;
    }
    if (w->stage_count == DERP_STAGES ||
        derp_pool_get(w->pool, STAGE_BYTES, &to->stage) != ION_OK)
    {
        return false;
    }
    w->stage_count++;
    to->stage->len = 0;
    to->stage->queued_at = ion_loop_now(w->loop);
    return true;
}

bool
derp_stage_add(derp_session_t *to, const derp_delivery_t *d,
    const uint8_t *payload, size_t n)
{
    size_t len = DERP_RECV_HEADER + n;
    uint8_t *at;

    if (!may_stage(to, d) || len > STAGE_BYTES || !has_stage(to) ||
        len > STAGE_BYTES - to->stage->len)
    {
        return false;
    }
    at = to->stage->frame + to->stage->len;
    derp_recv_header_put(at, &d->src_key, n);
    memcpy(at + DERP_RECV_HEADER, payload, n);
    to->stage->len += (uint32_t)len;
    to->staged++;
    return true;
}

derp_packet_t *
derp_stage_take(derp_session_t *s, uint32_t *frames)
{
    derp_packet_t *stage = s->stage;

    *frames = s->staged;
    if (stage != NULL) {
        s->stage = NULL;
        s->staged = 0;
        s->w->stage_count--;
    }
    return stage;
}

void
derp_stage_count_drop(derp_worker_t *w, derp_drop_t why,
    const derp_packet_t *stage, uint32_t frames)
{
    size_t bytes = stage->len - (size_t)frames * DERP_RECV_HEADER;

    for (uint32_t i = 0; i < frames; i++) {
        derp_count_drop(w, why, DERP_KIND_OTHER, i == 0 ? bytes : 0);
    }
}
