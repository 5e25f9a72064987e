/*
 * derp_output.c -- queued frames to bytes, once per turn and session.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames are put together into pieces of a full TLS record, several pieces
 * into a batch, and a batch goes out with one send. While sealed bytes wait
 * for the socket nothing more is sealed: a frame that waits must wait in the
 * queue, where a newer one can push it out. The write deadline belongs to the
 * batch and does not move with progress; batches are smaller once the socket
 * has been full, so that a slow line is not held to the pace of a fast one.
 */
#include <errno.h>
#include <string.h>

#include "derp/derp_session.h"
#include "derp/derp_stage.h"
#include "derp/derp_stats.h"
#include "derp/derp_watch.h"
#include "derp/derp_worker.h"
#include "proto/derp_frame.h"

static ion_err_t
seal_chunk(derp_session_t *s)
{
    derp_worker_t *w = s->w;
    size_t n = w->chunk_len;

    w->chunk_len = 0;
    return n == 0 ? ION_OK : ion_stream_write(s->stream, w->chunk, n);
}

/* Append bytes to the batch; long runs are sealed from where they lie. */
static ion_err_t
put(derp_session_t *s, const uint8_t *p, size_t n)
{
    derp_worker_t *w = s->w;
    ion_err_t rc = ION_OK;

    while (n > 0 && rc == ION_OK) {
        size_t part;

        if (w->chunk_len == 0 && n >= DERP_CHUNK) {
            part = n - n % DERP_CHUNK;
            rc = ion_stream_write(s->stream, p, part);
        } else {
            part = ION_MIN(n, (size_t)DERP_CHUNK - w->chunk_len);
            memcpy(w->chunk + w->chunk_len, p, part);
            w->chunk_len += part;
            if (w->chunk_len == DERP_CHUNK) {
                rc = seal_chunk(s);
            }
        }
        p += part;
        n -= part;
    }
    return rc;
}

static void
count_packet(derp_session_t *s, const derp_packet_t *packet)
{
    derp_worker_t *w = s->w;
    size_t len = packet->len - DERP_RECV_HEADER;

    derp_count(w, DERP_STAT_PACKETS_SENT, 1);
    derp_count(w, DERP_STAT_BYTES_SENT, len);
    s->st.traffic.packets_out++;
    s->st.traffic.bytes_out += len;
    derp_count_queue_time(w, packet);
}

static void
count_control(derp_worker_t *w, const derp_packet_t *packet)
{
    if (packet->frame[0] != DERP_FRAME_PEER_GONE) {
        return;
    }
    derp_count(w,
        packet->frame[packet->len - 1] == DERP_GONE_NOT_HERE
            ? DERP_STAT_GONE_NOT_HERE
            : DERP_STAT_GONE_DISCONNECTED,
        1);
}

static ion_err_t
put_packet(derp_session_t *s, const derp_packet_t *packet)
{
    derp_worker_t *w = s->w;
    ion_err_t rc = put(s, packet->frame, packet->len);

    if (packet->kind == DERP_KIND_CONTROL) {
        count_control(w, packet);
    } else if (rc == ION_OK) {
        count_packet(s, packet);
    } else {
        derp_count_drop(w, DERP_DROP_WRITE_ERROR, packet->kind,
            packet->len - DERP_RECV_HEADER);
    }
    return rc;
}

/* Append the next frame that waits; *n is its length, 0 when none does. */
static ion_err_t
put_next(derp_session_t *s, size_t *n)
{
    uint8_t news[DERP_PEER_PRESENT_FRAME];
    derp_packet_t *packet;
    ion_err_t rc;

    if ((s->st.flags & DERP_STATE_PONG_DUE) != 0) {
        uint8_t frame[DERP_PONG_FRAME];

        s->st.flags &= ~(uint32_t)DERP_STATE_PONG_DUE;
        derp_pong_put(frame, s->st.pong);
        derp_count(s->w, DERP_STAT_SENT_PONG, 1);
        *n = sizeof(frame);
        return put(s, frame, sizeof(frame));
    }
    if ((s->st.flags & DERP_STATE_KEEPALIVE_DUE) != 0) {
        uint8_t frame[DERP_HEADER_LEN];

        s->st.flags &= ~(uint32_t)DERP_STATE_KEEPALIVE_DUE;
        derp_header_put(frame, DERP_FRAME_KEEP_ALIVE, 0);
        *n = sizeof(frame);
        return put(s, frame, sizeof(frame));
    }
    *n = derp_watch_next(s, news);
    if (*n > 0) {
        s->w->news_count++;
        return put(s, news, *n);
    }
    packet = derp_queue_pop(&s->queue);
    if (packet == NULL) {
        *n = 0;
        return ION_OK;
    }
    *n = packet->len;
    rc = put_packet(s, packet);
    derp_pool_put(s->w->pool, &packet);
    return rc;
}

static void
count_stage(derp_session_t *s, const derp_packet_t *stage, uint32_t frames)
{
    derp_worker_t *w = s->w;
    size_t bytes = stage->len - (size_t)frames * DERP_RECV_HEADER;

    derp_count(w, DERP_STAT_PACKETS_SENT, frames);
    derp_count(w, DERP_STAT_BYTES_SENT, bytes);
    s->st.traffic.packets_out += frames;
    s->st.traffic.bytes_out += bytes;
    for (uint32_t i = 0; i < frames; i++) {
        derp_count_queue_time(w, stage);
    }
}

/* What lies on the stage goes first, and from there when nothing follows. */
static ion_err_t
put_stage(derp_session_t *s, size_t *total, size_t *frames)
{
    uint32_t count;
    derp_packet_t *stage = derp_stage_take(s, &count);
    ion_err_t rc;

    if (stage == NULL) {
        return ION_OK;
    }
    if (derp_queue_is_empty(&s->queue)) {
        rc = ion_stream_write(s->stream, stage->frame, stage->len);
    } else {
        rc = put(s, stage->frame, stage->len);
    }
    if (rc == ION_OK) {
        count_stage(s, stage, count);
    } else {
        derp_stage_count_drop(s->w, DERP_DROP_WRITE_ERROR, stage, count);
    }
    *total += stage->len;
    *frames += count;
    derp_pool_put(s->w->pool, &stage);
    return rc;
}

static ion_err_t
seal_batch(derp_session_t *s, size_t limit, size_t *total)
{
    ion_err_t rc;
    size_t frames = 0;
    size_t n = 1;

    *total = 0;
    s->w->chunk_len = 0;
    s->w->news_count = 0;
    rc = put_stage(s, total, &frames);
    while (rc == ION_OK && n > 0 && *total < limit) {
        rc = put_next(s, &n);
        *total += n;
        frames += n > 0 ? 1 : 0;
    }
    if (frames > 0) {
        derp_stats_count_frames(s->w, frames);
    }
    if (s->w->news_count > 0) {
        derp_stats_count_batch(s->w, s->w->news_count);
        s->w->news_batches++;
    }
    return rc == ION_OK ? seal_chunk(s) : rc;
}

static void
write_failed(derp_session_t *s, ion_err_t rc)
{
    int err = rc == ION_SYS ? errno : 0;

    if (s->phase == DERP_PHASE_LOGIN) {
        derp_count(s->w, DERP_STAT_LOGIN_FAILED, 1);
    }
    DERP_LOG(
        s, ION_LOG_INFO, err, "closing: writing failed: %s", ion_strerror(rc));
    derp_session_close(s);
}

/* One send of what is sealed; false when some is left, or the session ended. */
static bool
send_sealed(derp_session_t *s)
{
    ion_err_t rc = ion_stream_flush(s->stream);
    bool was_full = s->is_full;

    if (rc != ION_OK && rc != ION_AGAIN) {
        write_failed(s, rc);
        return false;
    }
    s->is_full = rc == ION_AGAIN;
    if (!s->is_full) {
        s->st.write_due = 0;
        if (s->phase == DERP_PHASE_LIVE && s->st.login_due != 0) {
            s->st.login_due = 0;
            ion_timer_cancel(s->w->loop, &s->timer); /* not due for long now */
            derp_session_arm(s);
        }
    } else {
        derp_session_arm(s);
    }
    if (s->is_full != was_full) {
        derp_session_watch(s);
    }
    return s->phase != DERP_PHASE_CLOSED && !s->is_full;
}

static void
set_deadline(derp_session_t *s)
{
    int64_t timeout_ms = derp_worker_conf(s->w)->write_timeout_ms;

    if (s->phase != DERP_PHASE_LIVE) {
        return;
    }
    if (derp_session_is_mesh(s)) {
        s->st.write_due = ion_loop_now(s->w->loop) + DERP_MESH_WRITE_TIMEOUT;
    } else if (timeout_ms > 0) {
        s->st.write_due = ion_loop_now(s->w->loop) + ION_MS(timeout_ms);
    }
}

static void
flush(derp_session_t *s)
{
    size_t limit = s->is_full ? DERP_BATCH_SLOW : DERP_BATCH;
    size_t total = 0;

    if (s->phase == DERP_PHASE_LIVE) {
        derp_session_mark_traffic(s);
        derp_stats_sample_rtt(s);
    }
    if (ion_stream_unsent(s->stream) > 0) {
        if (s->st.write_due == 0) {
            set_deadline(s);
        }
        if (!send_sealed(s)) {
            return;
        }
    }
    for (unsigned i = 0; i < DERP_BATCHES_PER_TURN; i++) {
        ion_err_t rc = seal_batch(s, limit, &total);

        if (rc != ION_OK) {
            write_failed(s, rc);
            return;
        }
        if (total == 0) {
            return;
        }
        set_deadline(s);
        if (!send_sealed(s)) {
            return;
        }
    }
    derp_session_mark_dirty(s); /* more waits: go on in the next turn */
}

void
derp_output_flush(derp_session_t *s)
{
    derp_worker_t *w = s->w;

    w->news_batches = 0;
    flush(s);
    if (w->news_batches > 0) {
        derp_stats_count_loops(w, w->news_batches);
    }
}
