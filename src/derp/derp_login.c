/*
 * derp_login.c -- the greeting, the client's box, registration, the answer.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The client proves its key by the box alone, and then it may have to be
 * admitted (derp_admit.c). It is registered, and so can be found from every
 * worker, before ServerInfo is written. A refusal is counted and said in the
 * log; on the wire it is silent, but for one by admission. A wrong mesh key is
 * no reason to refuse: its owner is a client like others.
 */
#include <string.h>

#include "base/assert.h"
#include "base/rng.h"
#include "crypto/box.h"
#include "derp/derp_admit.h"
#include "derp/derp_fabric.h"
#include "derp/derp_session.h"
#include "derp/derp_watch.h"
#include "derp/derp_worker.h"
#include "proto/derp_frame.h"
#include "proto/derp_info.h"

#define SERVER_INFO_LEN (sizeof(DERP_SERVER_INFO_JSON) - 1)
/* Of the periods; rounding adds the rest of the jitter. */
#define KEEPALIVE_SPREAD (DERP_KEEPALIVE_JITTER - DERP_KEEPALIVE_GRID)

ion_err_t
derp_login_greet(derp_session_t *s, bool is_fast_start)
{
    uint8_t greeting[DERP_UPGRADE_REPLY_MAX + DERP_SERVER_KEY_FRAME];
    size_t n = 0;

    if (!is_fast_start) {
        n = derp_upgrade_reply((char *)greeting, &s->w->public);
    }
    derp_server_key_put(greeting + n, &s->w->public);
    return ion_stream_write(s->stream, greeting, n + DERP_SERVER_KEY_FRAME);
}

static void
refuse(derp_session_t *s, derp_stat_t outcome, const char *why)
{
    derp_count(s->w, outcome, 1);
    DERP_LOG(s, ION_LOG_INFO, 0, "login refused: %s", why);
    derp_session_close(s);
}

static ion_err_t
read_info(const uint8_t shared[ION_BOX_SHARED_LEN], derp_pool_t *pool,
    const uint8_t *box, size_t n, derp_client_info_t *info)
{
    derp_packet_t *plain = NULL;
    ion_err_t rc = derp_pool_get(pool, n - ION_BOX_OVERHEAD, &plain);

    if (rc != ION_OK) {
        return rc;
    }
    rc = ion_box_open(shared, box, n, plain->frame);
    if (rc == ION_OK) {
        ion_str_t json = { (const char *)plain->frame, plain->len };

        rc = derp_client_info_parse(json, info);
    }
    explicit_bzero(plain->frame, plain->len); /* a mesh key stands there */
    derp_pool_put(pool, &plain);
    return rc;
}

/* What the client says about itself, and whether it knows the mesh key. */
static void
take_info(derp_session_t *s, derp_client_info_t *info)
{
    if (info->is_prober) {
        s->st.flags |= DERP_STATE_PROBER;
    }
    if (info->has_mesh_key && derp_worker_is_mesh_key(s->w, info->mesh_key)) {
        s->st.flags |= DERP_STATE_MESH;
    }
    explicit_bzero(info->mesh_key, sizeof(info->mesh_key));
}

static ion_err_t
enter_directory(derp_session_t *s)
{
    derp_worker_t *w = s->w;
    ion_dir_reg_t reg;
    ion_dir_new_t in = {
        .key = s->st.key,
        .addr = s->st.peer,
        .connected_ms = s->st.connected_ms,
    };
    ion_err_t rc;

    if (derp_session_is_mesh(s)) {
        in.flags |= ION_DIR_MESH;
    }
    if ((s->st.flags & DERP_STATE_PROBER) != 0) {
        in.flags |= ION_DIR_PROBER;
    }
    if ((s->st.flags & DERP_STATE_NOT_IDEAL) != 0) {
        in.flags |= ION_DIR_NOT_IDEAL;
    }
    rc = ion_dir_register(w->shm, &in, &reg);
    if (rc != ION_OK) {
        ion_dir_left_t left = {
            .key = in.key,
            .conn = reg.entry.conn,
            .watchers = reg.watchers,
        };

        derp_watch_left(w, &left);
        return rc;
    }
    s->st.entry = reg.entry;
    rc = derp_worker_registered(w, s);
    if (rc != ION_OK) {
        ion_dir_left_t left;

        ion_dir_leave(w->shm, &s->st.entry, &left);
        derp_fabric_left(w, &left, &s->st.reach);
        return rc;
    }
    derp_fabric_registered(s, &reg);
    return ION_OK;
}

static ion_err_t
answer(derp_session_t *s, const uint8_t shared[ION_BOX_SHARED_LEN])
{
    uint8_t frame[DERP_HEADER_LEN + ION_BOX_OVERHEAD + SERVER_INFO_LEN];

    derp_header_put(frame, DERP_FRAME_SERVER_INFO,
        ION_BOX_OVERHEAD + (uint32_t)SERVER_INFO_LEN);
    ion_box_seal(shared, DERP_SERVER_INFO_JSON, SERVER_INFO_LEN,
        frame + DERP_HEADER_LEN);
    return ion_stream_write(s->stream, frame, sizeof(frame));
}

/* Registered and answered: from now on packets flow. */
static void
go_live(derp_session_t *s)
{
    derp_worker_t *w = s->w;
    ion_mono_t now = ion_loop_now(w->loop);

    s->st.keepalive_ns = DERP_KEEPALIVE + (uint64_t)ion_random_u32() *
                                              KEEPALIVE_SPREAD / UINT32_MAX;
    derp_session_set_keepalive(s, now);
    s->st.rtt_due = now + DERP_RTT_PERIOD;
    ion_bucket_init(
        &s->st.not_here, DERP_NOT_HERE_RATE, DERP_NOT_HERE_BURST, now);
    derp_session_limit(s);
    derp_session_mark_dirty(s);
    derp_session_arm(s);
    derp_count(w, DERP_STAT_LOGIN_OK, 1);
    DERP_LOG(s, ION_LOG_INFO, 0,
        derp_session_is_mesh(s) ? "mesh member logged in" : "client logged in");
}

void
derp_login_finish(derp_session_t *s, const uint8_t *p, size_t n)
{
    derp_worker_t *w = s->w;
    derp_client_info_t info;
    uint8_t shared[ION_BOX_SHARED_LEN];
    ion_err_t rc;

    ION_ASSERT(n >= DERP_MIN_CLIENT_INFO);
    memcpy(s->st.key.b, p, sizeof(s->st.key.b));
    if (n < DERP_KEY_LEN + ION_BOX_OVERHEAD) {
        refuse(
            s, DERP_STAT_LOGIN_FAILED, "the ClientInfo is too short for a box");
        return;
    }
    rc = ion_box_shared(derp_worker_secret(w), &s->st.key, shared);
    if (rc == ION_OK) {
        rc = read_info(
            shared, w->pool, p + DERP_KEY_LEN, n - DERP_KEY_LEN, &info);
    }
    if (rc != ION_OK) {
        ion_box_wipe(shared);
        refuse(s, DERP_STAT_LOGIN_FAILED,
            rc == ION_NOMEM ? "no memory left for the ClientInfo"
                            : "the ClientInfo does not open with the "
                              "client's key, or is not the JSON it should be");
        return;
    }
    take_info(s, &info);
    derp_admit(s, shared);
    ion_box_wipe(shared);
}

void
derp_login_admitted(derp_session_t *s, const uint8_t *shared)
{
    if (enter_directory(s) != ION_OK) {
        refuse(s, DERP_STAT_LOGIN_FULL,
            "max_clients are connected, or the key has 64 "
            "connections");
        return;
    }
    if (answer(s, shared) != ION_OK) {
        DERP_LOG(s, ION_LOG_INFO, 0,
            "closing: the answer to the login cannot be written");
        derp_session_close(s);
        return;
    }
    go_live(s);
}
