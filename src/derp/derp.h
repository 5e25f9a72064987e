/*
 * derp.h -- the relay module: its keys, its counters, its fixed numbers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_DERP_DERP_H
#define ION_DERP_DERP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "core/module.h"
#include "event/loop.h"
#include "proto/derp_frame.h"

typedef struct derp_conf {
    uint64_t send_queue;      /* packets per client and class */
    int64_t write_timeout_ms; /* 0 = none */
    uint64_t client_rate;     /* bytes per second; 0 = not limited */
    uint64_t client_burst;    /* bytes */
} derp_conf_t;

/* Bytes of frames that one class of one client's queue may hold. */
#define DERP_QUEUE_BYTES (32u * (DERP_HEADER_LEN + DERP_MAX_SEND))
/* Bytes of packets that one worker holds for all its clients. */
#define DERP_WORKER_BUDGET ((size_t)256 * 1024 * 1024)
/* Interests that one worker keeps. */
#define DERP_WORKER_INTERESTS ((size_t)2 * 1024 * 1024)

/* Plaintext bytes taken from one client per turn: what one read gives. */
#define DERP_READ_BUDGET ION_LOOP_RXBUF
/* One piece handed to the stream: the payload of a full TLS record. */
#define DERP_CHUNK 16384u
/* Bytes handed to the stream between two sends: while the socket takes
 * everything, and once it has been full. */
#define DERP_BATCH      65536u
#define DERP_BATCH_SLOW 16384u
/* Batches sent to one client per turn. */
#define DERP_BATCHES_PER_TURN 8u
/* Unsent bytes in the kernel beyond which a socket counts as full. */
#define DERP_NOTSENT_LOWAT 65536

/* Input that comes in gaps shorter than this is a flow: the kernel is asked,
 * this often, to acknowledge every other segment of it instead of each. */
#define DERP_FLOW_GAP    ION_MS(10)
#define DERP_FLOW_PERIOD ION_MS(20)

/* How long a packet waits for room in the ring to another worker, and how
 * often it is tried at least. */
#define DERP_FABRIC_PATIENCE ION_MS(100)
#define DERP_FABRIC_RETRY    ION_MS(1)

#define DERP_MESH_KEY_LEN 32u
/* A mesh member's: derp.write_timeout is for clients. */
#define DERP_MESH_WRITE_TIMEOUT ION_SEC(30)
/* A mesh member that has other workers told something waits so long while
 * what they were told before has no room. */
#define DERP_CONTROL_RETRY ION_MS(1)

#define DERP_LOGIN_TIMEOUT    ION_SEC(10)
#define DERP_KEEPALIVE        ION_SEC(60)
#define DERP_KEEPALIVE_JITTER ION_SEC(5)
/* Keepalives go out at whole multiples of this, those of many idle clients in
 * one turn. */
#define DERP_KEEPALIVE_GRID  ION_MS(250)
#define DERP_RTT_PERIOD      ION_SEC(10)
#define DERP_HOME_MOVE_AFTER ION_SEC(5)

/* A client that connects anew is there twice until its old connection is found
 * dead; one that still speaks after this is another device. */
#define DERP_DUP_TELL_AFTER ION_SEC(10)
/* A client is told to come back within this after the server's end, and for
 * how long to try. */
#define DERP_RECONNECT_SPREAD_MS 2000u
#define DERP_RECONNECT_TRY_MS    5000u

/* PeerGone(not here): per connection. */
#define DERP_NOT_HERE_RATE  1u
#define DERP_NOT_HERE_BURST 3u
/* Control frames that may wait for one client: a client that never reads must
 * not take the memory of all. */
#define DERP_CONTROL_MAX 4096u
/* PeerGone(not here) frames that may wait for a client that does not read. */
#define DERP_NOT_HERE_QUEUE 64u

/* Why a packet was dropped; two counters each, disco and other. */
typedef enum derp_drop {
    DERP_DROP_UNKNOWN_DEST,
    DERP_DROP_UNKNOWN_DEST_ON_FWD,
    DERP_DROP_GONE_DISCONNECTED,
    DERP_DROP_QUEUE_HEAD,
    DERP_DROP_QUEUE_TAIL,
    DERP_DROP_WRITE_ERROR,
    DERP_DROP_DUP_CLIENT,
    DERP_DROP_COUNT,
} derp_drop_t;

/* Round-trip times, each sample in one of them. */
typedef enum derp_rtt {
    DERP_RTT_10MS,
    DERP_RTT_20MS,
    DERP_RTT_50MS,
    DERP_RTT_100MS,
    DERP_RTT_150MS,
    DERP_RTT_250MS,
    DERP_RTT_500MS,
    DERP_RTT_INF,
    DERP_RTT_NON_TCP,
    DERP_RTT_ERROR,
    DERP_RTT_COUNT,
} derp_rtt_t;

/* Frames per send: 0 to 10, 15, 20, 25, 50, 100, any; each holds those below
 * it too. */
#define DERP_FRAMES_BUCKETS 17
/* News in one batch to a watcher: 0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000,
 * any; batches until it has all: the first eight of these, any. */
#define DERP_BATCH_BUCKETS 12
#define DERP_LOOPS_BUCKETS 9

/* Places in the module's counters; derp_stats.c has the names. */
typedef enum derp_stat {
    DERP_STAT_ACCEPTS,
    DERP_STAT_WEBSOCKET_ACCEPTS,
    DERP_STAT_CONNECTIONS,
    DERP_STAT_HOME,
    DERP_STAT_NOT_IDEAL,
    DERP_STAT_WATCHERS,
    DERP_STAT_DUP_TOTAL,
    DERP_STAT_BYTES_RECEIVED,
    DERP_STAT_BYTES_SENT,
    DERP_STAT_PACKETS_RECEIVED,
    DERP_STAT_PACKETS_SENT,
    DERP_STAT_RECEIVED_DISCO,
    DERP_STAT_RECEIVED_OTHER,
    DERP_STAT_FORWARDED_IN,
    DERP_STAT_FORWARDED_OUT,
    DERP_STAT_MULTI_CREATED,
    DERP_STAT_MULTI_DELETED,
    DERP_STAT_DELETE_OTHER,
    DERP_STAT_GONE_DISCONNECTED,
    DERP_STAT_GONE_NOT_HERE,
    DERP_STAT_GOT_PING,
    DERP_STAT_SENT_PONG,
    DERP_STAT_HOME_MOVES_IN,
    DERP_STAT_HOME_MOVES_OUT,
    DERP_STAT_WRITE_TIMEOUTS,
    DERP_STAT_UNKNOWN_FRAMES,
    DERP_STAT_QUEUE_MS,
    DERP_STAT_RATE_BYTES,
    DERP_STAT_RATE_BURST,
    DERP_STAT_RATE_WAITED,
    DERP_STAT_LOGIN_OK,
    DERP_STAT_LOGIN_FAILED,
    DERP_STAT_LOGIN_TIMEOUT,
    DERP_STAT_LOGIN_FULL,
    DERP_STAT_LOGIN_DENIED,
    DERP_STAT_ADMIT_ALLOWED,
    DERP_STAT_ADMIT_MESH,
    DERP_STAT_ADMIT_FAILED_OPEN,
    DERP_STAT_ADMIT_UNLISTED,
    DERP_STAT_ADMIT_DENIED,
    DERP_STAT_ADMIT_FAILED,
    DERP_STAT_ADMIT_BUSY,
    DERP_STAT_FABRIC_PACKETS,
    DERP_STAT_FABRIC_BYTES,
    DERP_STAT_FABRIC_FULL,
    DERP_STAT_FABRIC_CONTROLS,
    DERP_STAT_MESH_LINKS, /* by ion_link_state_t, from WAITING on */
    DERP_STAT_MESH_REFUSED = DERP_STAT_MESH_LINKS + 5,
    DERP_STAT_PACKETS_DROPPED, /* DERP_DROP_COUNT pairs: disco, other */
    DERP_STAT_BYTES_DROPPED =
        DERP_STAT_PACKETS_DROPPED + 2 * (int)DERP_DROP_COUNT,
    DERP_STAT_RTT = DERP_STAT_BYTES_DROPPED + 2 * (int)DERP_DROP_COUNT,
    DERP_STAT_FRAMES = DERP_STAT_RTT + (int)DERP_RTT_COUNT, /* buckets */
    DERP_STAT_FRAMES_SUM = DERP_STAT_FRAMES + DERP_FRAMES_BUCKETS,
    DERP_STAT_FRAMES_COUNT,
    DERP_STAT_MESH_BATCH, /* buckets; so below */
    DERP_STAT_MESH_BATCH_SUM = DERP_STAT_MESH_BATCH + DERP_BATCH_BUCKETS,
    DERP_STAT_MESH_BATCH_COUNT,
    DERP_STAT_MESH_LOOPS,
    DERP_STAT_MESH_LOOPS_SUM = DERP_STAT_MESH_LOOPS + DERP_LOOPS_BUCKETS,
    DERP_STAT_MESH_LOOPS_COUNT,
    DERP_STAT_COUNT,
} derp_stat_t;

extern const ion_directive_t derp_directives[];
extern const ion_stat_desc_t derp_stats[DERP_STAT_COUNT];
extern const ion_module_t derp_module;

#endif
