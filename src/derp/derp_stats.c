/*
 * derp_stats.c -- names of the relay's counters, and those that need more
 * than an addition.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "derp/derp_stats.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "derp/derp_worker.h"
#include "shm/links.h"

#define QUEUE_MS_WEIGHT 0.1

/* clang-format off */
#define COUNTER(idx, name_, labels_, help_)                                   \
    [idx] = { .name = (name_), .labels = (labels_),                           \
        .type = ION_STAT_COUNTER, .help = (help_) }
#define GAUGE(idx, name_, help_)                                              \
    [idx] = { .name = (name_), .labels = NULL,                                \
        .type = ION_STAT_GAUGE, .help = (help_) }
#define UNTYPED(idx, name_, help_)                                            \
    [idx] = { .name = (name_), .labels = NULL,                                \
        .type = ION_STAT_UNTYPED, .help = (help_) }

/* the two kinds of one reason */
#define DROPS(base, name_, why, word, help_)                                  \
    COUNTER((base) + 2 * (why), name_,                                        \
        "reason=\"" word "\",kind=\"disco\"", help_),                         \
    COUNTER((base) + 2 * (why) + 1, name_,                                    \
        "reason=\"" word "\",kind=\"other\"", NULL)
#define ALL_DROPS(base, name_, help_)                                         \
    DROPS(base, name_, DERP_DROP_UNKNOWN_DEST, "unknown_dest", help_),        \
    DROPS(base, name_, DERP_DROP_UNKNOWN_DEST_ON_FWD,                         \
        "unknown_dest_on_fwd", NULL),                                         \
    DROPS(base, name_, DERP_DROP_GONE_DISCONNECTED,                           \
        "gone_disconnected", NULL),                                           \
    DROPS(base, name_, DERP_DROP_QUEUE_HEAD, "queue_head", NULL),             \
    DROPS(base, name_, DERP_DROP_QUEUE_TAIL, "queue_tail", NULL),             \
    DROPS(base, name_, DERP_DROP_WRITE_ERROR, "write_error", NULL),           \
    DROPS(base, name_, DERP_DROP_DUP_CLIENT, "dup_client", NULL)
#define RTT(cls, word, help_)                                                 \
    COUNTER((int)DERP_STAT_RTT + (int)(cls), "derp_tcp_rtt",                  \
        "le=\"" word "\"", help_)

#define LINKS(state, word, help_)                                             \
    [(int)DERP_STAT_MESH_LINKS + (int)(state) - ION_LINK_WAITING] = {         \
        .name = "ionscale_mesh_links", .labels = "state=\"" word "\"",        \
        .type = ION_STAT_GAUGE, .help = (help_) }
#define FRAMES(nth, suffix, labels_, help_)                                   \
    [(int)DERP_STAT_FRAMES + (nth)] = {                                       \
        .name = "derp_buffered_write_frames" suffix, .labels = (labels_),     \
        .type = ION_STAT_HISTOGRAM, .help = (help_) }
#define FRAMES_LE(nth, word) FRAMES(nth, "_bucket", "le=\"" word "\"", NULL)
#define BATCH(nth, suffix, labels_, help_)                                    \
    [(int)DERP_STAT_MESH_BATCH + (nth)] = {                                   \
        .name = "derp_mesh_update_batch_size" suffix, .labels = (labels_),    \
        .type = ION_STAT_HISTOGRAM, .help = (help_) }
#define BATCH_LE(nth, word) BATCH(nth, "_bucket", "le=\"" word "\"", NULL)
#define LOOPS(nth, suffix, labels_, help_)                                    \
    [(int)DERP_STAT_MESH_LOOPS + (nth)] = {                                   \
        .name = "derp_mesh_update_loop_count" suffix, .labels = (labels_),    \
        .type = ION_STAT_HISTOGRAM, .help = (help_) }
#define LOOPS_LE(nth, word) LOOPS(nth, "_bucket", "le=\"" word "\"", NULL)

const ion_stat_desc_t derp_stats[DERP_STAT_COUNT] = {
    COUNTER(DERP_STAT_ACCEPTS, "derp_accepts", NULL,
        "DERP connections begun, before their login."),
    COUNTER(DERP_STAT_WEBSOCKET_ACCEPTS, "derp_websocket_accepts", NULL,
        "Those of them that came in a WebSocket."),
    GAUGE(DERP_STAT_CONNECTIONS, "derp_current_connections",
        "Clients that are logged in."),
    GAUGE(DERP_STAT_HOME, "derp_current_home_connections",
        "Clients that call this relay their home."),
    GAUGE(DERP_STAT_NOT_IDEAL, "derp_current_notideal_connections",
        "Clients that would rather be on another node."),
    GAUGE(DERP_STAT_WATCHERS, "derp_watchers",
        "Mesh members that watch who comes and goes."),
    COUNTER(DERP_STAT_DUP_TOTAL, "derp_total_dup_client_conns", NULL,
        "Connections that became one of several of the same key."),
    COUNTER(DERP_STAT_BYTES_RECEIVED, "derp_bytes_received", NULL,
        "Payload bytes of packets from clients."),
    COUNTER(DERP_STAT_BYTES_SENT, "derp_bytes_sent", NULL,
        "Payload bytes of packets to clients."),
    COUNTER(DERP_STAT_PACKETS_RECEIVED, "derp_packets_received", NULL,
        "Packets from clients."),
    COUNTER(DERP_STAT_PACKETS_SENT, "derp_packets_sent", NULL,
        "Packets to clients."),
    COUNTER(DERP_STAT_RECEIVED_DISCO, "derp_packets_received_kind",
        "kind=\"disco\"", "Packets from clients by kind."),
    COUNTER(DERP_STAT_RECEIVED_OTHER, "derp_packets_received_kind",
        "kind=\"other\"", NULL),
    COUNTER(DERP_STAT_FORWARDED_IN, "derp_packets_forwarded_in", NULL,
        "Packets from mesh members for clients of this relay."),
    COUNTER(DERP_STAT_FORWARDED_OUT, "derp_packets_forwarded_out", NULL,
        "Packets from clients for keys that are behind a mesh link."),
    COUNTER(DERP_STAT_MULTI_CREATED, "derp_multiforwarder_created", NULL,
        "Times that a second mesh link led to a key."),
    COUNTER(DERP_STAT_MULTI_DELETED, "derp_multiforwarder_deleted", NULL,
        "Times that one link of several was left for a key."),
    COUNTER(DERP_STAT_DELETE_OTHER, "derp_packet_forwarder_delete_other_value",
        NULL, "Departures told by a mesh link that did not lead to the key."),
    COUNTER(DERP_STAT_GONE_DISCONNECTED, "derp_peer_gone_disconnected_frames",
        NULL, "PeerGone frames for peers that have left."),
    COUNTER(DERP_STAT_GONE_NOT_HERE, "derp_peer_gone_not_here_frames", NULL,
        "PeerGone frames for peers that are not here."),
    COUNTER(DERP_STAT_GOT_PING, "derp_got_ping", NULL,
        "Ping frames from clients."),
    COUNTER(DERP_STAT_SENT_PONG, "derp_sent_pong", NULL,
        "Pong frames to clients."),
    COUNTER(DERP_STAT_HOME_MOVES_IN, "derp_home_moves_in", NULL,
        "Clients that made this relay their home later than at login."),
    COUNTER(DERP_STAT_HOME_MOVES_OUT, "derp_home_moves_out", NULL,
        "Clients that chose another home while connected."),
    COUNTER(DERP_STAT_WRITE_TIMEOUTS, "derp_sclient_write_timeouts", NULL,
        "Clients closed because they took nothing within the write timeout."),
    COUNTER(DERP_STAT_UNKNOWN_FRAMES, "derp_unknown_frames", NULL,
        "Frames from clients that were read and ignored."),
    UNTYPED(DERP_STAT_QUEUE_MS, "derp_average_queue_duration_ms",
        "Moving average of the time packets wait in a client's queue."),
    UNTYPED(DERP_STAT_RATE_BYTES, "derp_rate_limit_per_client_bytes_per_second",
        "derp.client_rate in force; 0 = not limited."),
    UNTYPED(DERP_STAT_RATE_BURST, "derp_rate_limit_per_client_burst_bytes",
        "derp.client_burst in force."),
    COUNTER(DERP_STAT_RATE_WAITED, "derp_rate_limit_per_client_waited", NULL,
        "Waits that the rate limit put upon clients."),
    COUNTER(DERP_STAT_LOGIN_OK, "ionscale_logins", "outcome=\"ok\"",
        "Ends of DERP logins."),
    COUNTER(DERP_STAT_LOGIN_FAILED, "ionscale_logins", "outcome=\"failed\"",
        NULL),
    COUNTER(DERP_STAT_LOGIN_TIMEOUT, "ionscale_logins", "outcome=\"timeout\"",
        NULL),
    COUNTER(DERP_STAT_LOGIN_FULL, "ionscale_logins", "outcome=\"full\"", NULL),
    COUNTER(DERP_STAT_LOGIN_DENIED, "ionscale_logins", "outcome=\"denied\"",
        NULL),
    COUNTER(DERP_STAT_ADMIT_ALLOWED, "ionscale_admissions",
        "outcome=\"allowed\"",
        "Decisions about clients whose key was proven, by outcome."),
    COUNTER(DERP_STAT_ADMIT_MESH, "ionscale_admissions", "outcome=\"mesh\"",
        NULL),
    COUNTER(DERP_STAT_ADMIT_FAILED_OPEN, "ionscale_admissions",
        "outcome=\"failed_open\"", NULL),
    COUNTER(DERP_STAT_ADMIT_UNLISTED, "ionscale_admissions",
        "outcome=\"unlisted\"", NULL),
    COUNTER(DERP_STAT_ADMIT_DENIED, "ionscale_admissions",
        "outcome=\"denied\"", NULL),
    COUNTER(DERP_STAT_ADMIT_FAILED, "ionscale_admissions",
        "outcome=\"failed\"", NULL),
    COUNTER(DERP_STAT_ADMIT_BUSY, "ionscale_admissions",
        "outcome=\"busy\"", NULL),
    COUNTER(DERP_STAT_FABRIC_PACKETS, "ionscale_fabric_packets", NULL,
        "Packets handed to another worker."),
    COUNTER(DERP_STAT_FABRIC_BYTES, "ionscale_fabric_bytes", NULL,
        "Payload bytes of those packets."),
    COUNTER(DERP_STAT_FABRIC_FULL, "ionscale_fabric_full", NULL,
        "Packets dropped because another worker was short of CPU."),
    COUNTER(DERP_STAT_FABRIC_CONTROLS, "ionscale_fabric_controls", NULL,
        "Messages about clients handed to another worker."),
    LINKS(ION_LINK_WAITING, "waiting", "Links to relays of derp.mesh_with."),
    LINKS(ION_LINK_DIALLING, "dialling", NULL),
    LINKS(ION_LINK_LOGIN, "login", NULL),
    LINKS(ION_LINK_UP, "up", NULL),
    LINKS(ION_LINK_SELF, "self", NULL),
    COUNTER(DERP_STAT_MESH_REFUSED, "ionscale_mesh_refused", NULL,
        "Clients behind mesh links for which there was no room."),
    ALL_DROPS((int)DERP_STAT_PACKETS_DROPPED, "derp_packets_dropped",
        "Packets that did not reach a client, by reason and kind."),
    ALL_DROPS((int)DERP_STAT_BYTES_DROPPED, "derp_bytes_dropped",
        "Payload bytes of those packets."),
    RTT(DERP_RTT_10MS, "10ms", "Round-trip times of client connections."),
    RTT(DERP_RTT_20MS, "20ms", NULL),
    RTT(DERP_RTT_50MS, "50ms", NULL),
    RTT(DERP_RTT_100MS, "100ms", NULL),
    RTT(DERP_RTT_150MS, "150ms", NULL),
    RTT(DERP_RTT_250MS, "250ms", NULL),
    RTT(DERP_RTT_500MS, "500ms", NULL),
    RTT(DERP_RTT_INF, "inf", NULL),
    RTT(DERP_RTT_NON_TCP, "non-tcp", NULL),
    RTT(DERP_RTT_ERROR, "error", NULL),
    FRAMES(0, "_bucket", "le=\"0\"", "Frames that went out with one send."),
    FRAMES_LE(1, "1"),
    FRAMES_LE(2, "2"),
    FRAMES_LE(3, "3"),
    FRAMES_LE(4, "4"),
    FRAMES_LE(5, "5"),
    FRAMES_LE(6, "6"),
    FRAMES_LE(7, "7"),
    FRAMES_LE(8, "8"),
    FRAMES_LE(9, "9"),
    FRAMES_LE(10, "10"),
    FRAMES_LE(11, "15"),
    FRAMES_LE(12, "20"),
    FRAMES_LE(13, "25"),
    FRAMES_LE(14, "50"),
    FRAMES_LE(15, "100"),
    FRAMES_LE(16, "+Inf"),
    FRAMES(17, "_sum", NULL, NULL),
    FRAMES(18, "_count", NULL, NULL),
    BATCH(0, "_bucket", "le=\"0\"", "News in one batch to a watcher."),
    BATCH_LE(1, "1"),
    BATCH_LE(2, "2"),
    BATCH_LE(3, "5"),
    BATCH_LE(4, "10"),
    BATCH_LE(5, "20"),
    BATCH_LE(6, "50"),
    BATCH_LE(7, "100"),
    BATCH_LE(8, "200"),
    BATCH_LE(9, "500"),
    BATCH_LE(10, "1000"),
    BATCH_LE(11, "+Inf"),
    BATCH(12, "_sum", NULL, NULL),
    BATCH(13, "_count", NULL, NULL),
    LOOPS(0, "_bucket", "le=\"0\"", "Batches of news to a watcher in one turn."),
    LOOPS_LE(1, "1"),
    LOOPS_LE(2, "2"),
    LOOPS_LE(3, "5"),
    LOOPS_LE(4, "10"),
    LOOPS_LE(5, "20"),
    LOOPS_LE(6, "50"),
    LOOPS_LE(7, "100"),
    LOOPS_LE(8, "+Inf"),
    LOOPS(9, "_sum", NULL, NULL),
    LOOPS(10, "_count", NULL, NULL),
};
/* clang-format on */

size_t
derp_stats_frames_bucket(size_t frames)
{
    static const size_t limits[] = { 10, 15, 20, 25, 50, 100 };
    size_t i = 0;

    if (frames <= limits[0]) {
        return frames;
    }
    while (i < ION_ARRAY_LEN(limits) && frames > limits[i]) {
        i++;
    }
    return limits[0] + i;
}

void
derp_stats_count_frames(derp_worker_t *w, size_t frames)
{
    for (size_t i = derp_stats_frames_bucket(frames); i < DERP_FRAMES_BUCKETS;
         i++) {
        derp_count(w, DERP_STAT_FRAMES + i, 1);
    }
    derp_count(w, DERP_STAT_FRAMES_SUM, frames);
    derp_count(w, DERP_STAT_FRAMES_COUNT, 1);
}

/* One value into a histogram of so many buckets, its sum and its count. */
static void
count_steps(derp_worker_t *w, size_t stat, size_t buckets, size_t value)
{
    static const size_t limits[] = { 0, 1, 2, 5, 10, 20, 50, 100, 200, 500,
        1000 };
    size_t i = 0;

    while (i < buckets - 1 && value > limits[i]) {
        i++;
    }
    for (; i < buckets; i++) {
        derp_count(w, stat + i, 1);
    }
    derp_count(w, stat + buckets, value);
    derp_count(w, stat + buckets + 1, 1);
}

void
derp_stats_count_batch(derp_worker_t *w, size_t news)
{
    count_steps(w, DERP_STAT_MESH_BATCH, DERP_BATCH_BUCKETS, news);
}

void
derp_stats_count_loops(derp_worker_t *w, size_t batches)
{
    count_steps(w, DERP_STAT_MESH_LOOPS, DERP_LOOPS_BUCKETS, batches);
}

derp_rtt_t
derp_stats_rtt_class(uint32_t rtt_us)
{
    static const uint32_t limits_ms[] = { 10, 20, 50, 100, 150, 250, 500 };
    size_t i = 0;

    while (i < ION_ARRAY_LEN(limits_ms) && rtt_us > limits_ms[i] * 1000) {
        i++;
    }
    return (derp_rtt_t)i;
}

void
derp_stats_sample_rtt(derp_session_t *s)
{
    ion_mono_t now = ion_loop_now(s->w->loop);
    int fd = ion_stream_fd(s->stream);
    int protocol = 0;
    socklen_t len = sizeof(protocol);
    derp_rtt_t cls = DERP_RTT_NON_TCP;

    if (now < s->st.rtt_due) {
        return;
    }
    s->st.rtt_due = now + DERP_RTT_PERIOD;
    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 &&
        protocol == IPPROTO_TCP)
    {
        struct tcp_info info;

        len = sizeof(info);
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0) {
            cls = derp_stats_rtt_class(info.tcpi_rtt);
        } else {
            cls = DERP_RTT_ERROR;
        }
    }
    derp_count(s->w, (size_t)DERP_STAT_RTT + (size_t)cls, 1);
}

void
derp_count_drop(derp_worker_t *w, derp_drop_t why, derp_kind_t kind, size_t len)
{
    size_t place = 2 * (size_t)why + (kind == DERP_KIND_DISCO ? 0 : 1);

    derp_count(w, DERP_STAT_PACKETS_DROPPED + place, 1);
    derp_count(w, DERP_STAT_BYTES_DROPPED + place, len);
}

void
derp_count_queue_time(derp_worker_t *w, const derp_packet_t *packet)
{
    ion_mono_t waited = ion_loop_now(w->loop) - packet->queued_at;
    double ms = (double)waited / 1e6;

    w->queue_ms += QUEUE_MS_WEIGHT * (ms - w->queue_ms);
}

void
derp_publish_queue_time(derp_worker_t *w)
{
    ion_stat_set(w->stats, DERP_STAT_QUEUE_MS, (uint64_t)(w->queue_ms + 0.5));
}
