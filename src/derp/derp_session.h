/*
 * derp_session.h -- one DERP connection, from upgrade to end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A session has two parts. derp_state_t is all that another process would
 * need to go on with it: numbers and bytes, no pointer, no descriptor, times
 * as absolute CLOCK_MONOTONIC. The rest of derp_session_t exists in this
 * process only: stream, watch, timer, links, blocks from the pool (queued
 * frames and half-received ones, whose bytes belong to the portable form).
 *
 * Everything happens in the loop's turn: input is dispatched frame by frame,
 * deliveries go into queues and mark the receiver dirty, and dirty sessions
 * are written out once, at the end of the turn. A session that ends leaves
 * the directory first, then tells who must know, then closes its stream; its
 * memory goes when the turn is over, so callers may go on looking at
 * `phase` after any call.
 */
#ifndef ION_DERP_DERP_SESSION_H
#define ION_DERP_DERP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/bucket.h"
#include "base/err.h"
#include "base/list.h"
#include "core/log.h"
#include "crypto/keys.h"
#include "derp/derp_interest.h"
#include "derp/derp_queue.h"
#include "event/loop.h"
#include "event/stream.h"
#include "proto/derp_frame.h"
#include "shm/dir.h"
#include "shm/ids.h"

#define DERP_SESSION_MAGIC 0x64657270u
#define DERP_STATE_FORM    2u
#define DERP_ROUTES        8u
#define DERP_SEEN          4u

struct derp_worker;

typedef enum derp_phase {
    DERP_PHASE_LOGIN = 1, /* greeted, ClientInfo is awaited */
    DERP_PHASE_LIVE = 2,  /* registered */
    DERP_PHASE_CLOSED = 3,
} derp_phase_t;

/* Flags of the portable part. */
enum {
    DERP_STATE_NOT_IDEAL = 1u << 0,
    DERP_STATE_PROBER = 1u << 1,
    DERP_STATE_PREFERRED = 1u << 2,
    DERP_STATE_DUP = 1u << 3,
    DERP_STATE_PONG_DUE = 1u << 4,
    DERP_STATE_KEEPALIVE_DUE = 1u << 5,
    DERP_STATE_HAS_RATE = 1u << 6,
    DERP_STATE_IN_FRAME = 1u << 7,  /* header read, activity noted */
    DERP_STATE_MESH = 1u << 8,      /* presented the mesh key */
    DERP_STATE_TOLD_DUP = 1u << 12, /* that its key is in use twice */
};

/* The portable part: plain data, may be copied to another process. */
typedef struct derp_state {
    uint32_t form; /* DERP_STATE_FORM */
    uint32_t flags;
    ion_dir_entry_t entry; /* conn id, seq; zero before registration */
    ion_key_t key;
    ion_addr_t peer;
    uint64_t connected_ms;   /* since 1970 */
    ion_mono_t connected_at; /* below: absolute times, 0 = not running */
    ion_mono_t login_due;
    ion_mono_t write_due;
    ion_mono_t keepalive_due;
    ion_mono_t resume_at;  /* reading waits for the rate limit until then */
    ion_mono_t fabric_due; /* the packet in `waiting` is given up then */
    ion_mono_t rtt_due;
    ion_mono_t dup_at;     /* since when there is another one of its key */
    uint64_t keepalive_ns; /* period */
    ion_bucket_t rate;     /* of received bytes */
    ion_bucket_t not_here; /* of PeerGone(not here) */
    ion_slot_mask_t reach; /* slots our packets went to */
    ion_dir_traffic_t traffic;
    uint32_t head_len; /* bytes of head[] that have come */
    uint8_t head[DERP_HEADER_LEN];
    uint8_t pong[DERP_PING_LEN];
    derp_header_t frame; /* the open one, once head is complete */
    uint32_t frame_want; /* payload bytes that are kept */
    uint32_t frame_got;  /* payload bytes that have come */
} derp_state_t;

/* Where this client last sent to. */
typedef struct derp_route {
    ion_key_t key;
    ion_dir_hit_t hit; /* conn.life 0 = unused */
} derp_route_t;

typedef struct derp_session {
    uint32_t magic;
    derp_phase_t phase;
    derp_state_t st;

    struct derp_worker *w; /* back */
    ion_stream_t *stream;  /* owned */
    ion_io_t io;
    ion_timer_t timer; /* due at the earliest time of st */
    ion_reap_t reap;
    uint64_t id;        /* number in log lines */
    ion_mono_t read_at; /* last input, 0 = none yet */
    ion_mono_t acks_at; /* when acknowledgements were asked to wait */
    uint8_t watcher;    /* its number among them and 1; 0: watches nothing */
    bool is_full;     /* the socket takes no more: wait until it is writable */
    ion_list_t link;  /* of all sessions */
    ion_list_t dirty; /* has something to write */
    ion_list_t again; /* has input buffered in this process */
    ion_list_t partial; /* holds a half-received frame */
    ion_list_t traffic; /* its numbers have changed */
    derp_queue_t queue;
    derp_packet_t *stage;   /* packets ahead of the queue, see derp_stage.h */
    uint32_t staged;        /* how many */
    derp_packet_t *gather;  /* payload of the open frame, from byte 5 on */
    derp_packet_t *held;    /* input behind what the session waits for */
    uint32_t held_pos;      /* bytes of held that are used up */
    derp_packet_t *waiting; /* packet that another worker's ring has no room
                               for; dst stands where the source key will */
    ion_key_t waiting_src;  /* its source, if it was forwarded; else zero */
    ion_list_t wait;        /* of sessions that wait so */
    derp_route_t *routes;   /* DERP_ROUTES of them, once it has sent */
    struct derp_admission *admission; /* owned; waits to be admitted */
    derp_receiver_t receiver;
    ion_conn_id_t seen[DERP_SEEN]; /* sources whose interest is armed */
} derp_session_t;

/* What a session is opened with. */
typedef struct derp_opening {
    ion_stream_t *stream;
    const uint8_t *rest; /* bytes that came behind the HTTP head */
    size_t rest_len;
    ion_addr_t peer;
    uint64_t id;
    bool is_fast_start; /* no HTTP answer is written */
    bool is_not_ideal;
    bool is_websocket; /* to be counted as one */
} derp_opening_t;

/*
 * derp_session_open -- greet a client that has been upgraded and wait for its
 * login.
 *
 * Shape:  writes the 101 answer (unless fast start) and ServerKey, then takes
 *         opening->rest as first input. The session may have ended already
 *         when this returns.
 * Owns:   takes opening->stream, also on error; borrows the rest.
 * Errors: ION_NOMEM | ION_SYS the descriptor cannot be watched; the stream
 *         is closed then.
 */
ION_NODISCARD ion_err_t derp_session_open(
    struct derp_worker *w, const derp_opening_t *opening);

/*
 * derp_session_close -- end a session: leave the directory, tell whom it
 * concerns, drop what is queued, close the stream.
 *
 * Shape:  harmless on a closed one. The memory goes after this turn.
 * Errors: none.
 */
void derp_session_close(derp_session_t *s);

/*
 * derp_session_arm -- bring the timer in line with the times in s->st.
 *
 * Errors: none.
 */
void derp_session_arm(derp_session_t *s);

/*
 * derp_session_set_keepalive -- the next keepalive is due a period after
 * `from`, in ns, at the next point of the grid; the timer is not touched.
 *
 * Errors: none.
 */
void derp_session_set_keepalive(derp_session_t *s, ion_mono_t from);

/*
 * derp_session_watch -- watch for what the session needs now: reading unless
 * it is paused, writing while the socket is full. Closes it if that fails.
 *
 * Errors: none.
 */
void derp_session_watch(derp_session_t *s);

/* derp_session_mark_dirty -- write out at the end of the turn. */
void derp_session_mark_dirty(derp_session_t *s);

/* derp_session_mark_traffic -- publish its numbers at the end of the turn. */
void derp_session_mark_traffic(derp_session_t *s);

/* derp_session_is_paused -- input is not taken: the rate limit, the ring to
 * another worker or who decides about the login says so.  Errors: none. */
static inline bool
derp_session_is_paused(const derp_session_t *s)
{
    return s->st.resume_at != 0 || s->waiting != NULL || s->admission != NULL;
}

/* derp_session_is_mesh -- it has presented the mesh key: it is admitted, not
 * limited, and may watch, forward and disconnect.  Errors: none. */
static inline bool
derp_session_is_mesh(const derp_session_t *s)
{
    return (s->st.flags & DERP_STATE_MESH) != 0;
}

/*
 * derp_session_go_on -- take the input that was held while paused.
 *
 * Errors: none; the session may be paused again, or have ended.
 */
void derp_session_go_on(derp_session_t *s);

/*
 * derp_session_read -- take up to one turn's budget of input.
 *
 * Errors: none; a session whose stream fails or ends is closed.
 */
void derp_session_read(derp_session_t *s);

/*
 * derp_session_limit -- a new, full rate bucket by the configuration in
 * force, or none; a wait in progress ends.
 *
 * Errors: none.
 */
void derp_session_limit(derp_session_t *s);

/*
 * derp_session_logger -- a log whose lines carry the session's number,
 * address and key; valid while the session is.
 */
ion_log_t derp_session_logger(const derp_session_t *s);

/* One line that a peer can cause; a macro because the rate limit of such
 * lines is one per format string. */
#define DERP_LOG(s, level, err, ...)                                           \
    do {                                                                       \
        ion_log_t derp_log_ = derp_session_logger(s);                          \
        ion_log_peer(&derp_log_, (level), (err), __VA_ARGS__);                 \
    } while (0)

/*
 * derp_input -- dispatch bytes from the client, frame by frame (derp_frames.c).
 *
 * Shape:  p[0..n) borrowed. Returns how many were taken: fewer than n when
 *         the session has been paused by its rate limit or has ended.
 * Errors: none.
 */
size_t derp_input(derp_session_t *s, const uint8_t *p, size_t n);

/*
 * derp_input_resume -- go on with a frame that waited for the rate limit.
 *
 * Errors: none.
 */
void derp_input_resume(derp_session_t *s);

/*
 * derp_login_greet -- seal the greeting into the stream (derp_login.c).
 *
 * Errors: as ion_stream_write.
 */
ION_NODISCARD ion_err_t derp_login_greet(derp_session_t *s, bool is_fast_start);

/*
 * derp_login_finish -- check a ClientInfo payload and see whether the client
 * may come in (derp_admit.h).
 *
 * Shape:  p[0..n) borrowed. On failure the session is closed and the outcome
 *         counted.
 * Errors: none.
 */
void derp_login_finish(derp_session_t *s, const uint8_t *p, size_t n);

/*
 * derp_login_admitted -- it may: register and answer.
 *
 * Shape:  shared is the secret of both keys, borrowed. On failure as above.
 * Errors: none.
 */
void derp_login_admitted(derp_session_t *s, const uint8_t *shared);

/*
 * derp_output_flush -- write what waits, within one turn's budget
 * (derp_output.c).
 *
 * Errors: none; a session whose stream fails is closed.
 */
void derp_output_flush(derp_session_t *s);

#endif
