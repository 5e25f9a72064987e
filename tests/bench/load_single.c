/*
 * bench/load_single.c -- logins, idle clients, STUN.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/load.h"
#include "bench/load_conn.h"
#include "proto/stun.h"

#define SOCKETS   16
#define BATCH     32
#define PATIENCE  ION_MS(50) /* then unanswered requests count as lost */
#define SETTLE_MS 300        /* for the server to notice the last close */

static void
settle(void)
{
    (void)poll(NULL, 0, SETTLE_MS);
}

/* Logins one after the other: TCP, full handshake, DERP, close. */
int
load_login(const load_opts_t *opts)
{
    static load_hist_t latency;
    load_span_t span;
    load_conn_t c;
    load_span_start(&span, opts);
    for (unsigned i = 0; i < opts->count; i++) {
        ion_mono_t begun = ion_mono_now();
        if (!load_conn_open(&c, opts->tls, &opts->to, 0)) {
            return 1;
        }
        load_hist_add(&latency, ion_mono_now() - begun);
        load_conn_close(&c);
    }
    settle();
    load_span_end(&span, opts);
    double cpu = (double)span.server_cpu / 1e9;
    printf("{\"logins\":%u,\"seconds\":%.3f,\"server_cpu\":%.4f,"
           "\"us_per_login\":%.1f,\"logins_per_cpu\":%.0f,"
           "\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
        opts->count, (double)span.start / 1e9, cpu, cpu * 1e6 / opts->count,
        opts->count / cpu, load_hist_quantile(&latency, 0.5),
        load_hist_quantile(&latency, 0.99));
    return 0;
}

/* Log clients in, say so, hold them until the input ends. */
int
load_idle(const load_opts_t *opts)
{
    load_conn_t *all = calloc(opts->count, sizeof(*all));
    char byte;
    if (all == NULL) {
        return 1;
    }
    for (unsigned i = 0; i < opts->count; i++) {
        if (!load_conn_open(&all[i], opts->tls, &opts->to, 0)) {
            return 1;
        }
    }
    printf("{\"clients\":%u}\n", opts->count);
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    for (unsigned i = 0; i < opts->count; i++) {
        load_conn_close(&all[i]);
    }
    free(all);
    return 0;
}

typedef struct blaster {
    int fd;
    unsigned flying;
    ion_mono_t sent;
} blaster_t;

typedef struct batch {
    uint8_t data[BATCH][64];
    struct iovec iov[BATCH];
    struct mmsghdr msg[BATCH];
} batch_t;

static void
prepare(batch_t *batch, size_t len)
{
    memset(batch->msg, 0, sizeof(batch->msg));
    for (unsigned i = 0; i < BATCH; i++) {
        batch->iov[i].iov_base = batch->data[i];
        batch->iov[i].iov_len = len;
        batch->msg[i].msg_hdr.msg_iov = &batch->iov[i];
        batch->msg[i].msg_hdr.msg_iovlen = 1;
    }
}

static bool
open_blasters(blaster_t *all, const ion_addr_t *to)
{
    struct sockaddr_storage sa;
    socklen_t len = ion_addr_to_sockaddr(to, false, &sa);
    for (unsigned i = 0; i < SOCKETS; i++) {
        all[i].fd =
            socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (all[i].fd < 0 ||
            connect(all[i].fd, (struct sockaddr *)&sa, len) != 0) {
            fprintf(stderr, "load: UDP: %s\n", strerror(errno));
            return false;
        }
    }
    return true;
}

/* Take answers; ask again when all have come or patience has ended. */
static unsigned
serve_blaster(blaster_t *b, batch_t *out, batch_t *in)
{
    unsigned replies = 0;
    int n = recvmmsg(b->fd, in->msg, BATCH, 0, NULL);
    for (int i = 0; i < n; i++) {
        /* a success response carries the type 01 01 */
        if (in->msg[i].msg_len >= 32 && in->data[i][0] == 1 &&
            in->data[i][1] == 1) {
            replies++;
        }
    }
    b->flying -= ION_MIN(b->flying, replies);
    ion_mono_t now = ion_mono_now();
    if (b->flying == 0 || now - b->sent > PATIENCE) {
        n = sendmmsg(b->fd, out->msg, BATCH, 0);
        b->flying = n > 0 ? (unsigned)n : 0;
        b->sent = now;
    }
    return replies;
}

int
load_stun(const load_opts_t *opts)
{
    static batch_t out;
    static batch_t in;
    blaster_t all[SOCKETS] = { 0 };
    uint64_t replies = 0;
    load_span_t span = { 0 };
    prepare(&out, STUN_REQUEST_LEN);
    prepare(&in, sizeof(in.data[0]));
    for (unsigned i = 0; i < BATCH; i++) {
        uint8_t txid[STUN_TXID_LEN] = { (uint8_t)i, 1, 2, 3 };
        stun_build_request(txid, out.data[i]);
    }
    if (!open_blasters(all, &opts->to)) {
        return 1;
    }
    ion_mono_t begin = ion_mono_now() + opts->warmup;
    ion_mono_t end = begin + opts->duration;
    for (ion_mono_t now = ion_mono_now(); now < end; now = ion_mono_now()) {
        if (span.start == 0 && now >= begin) {
            load_span_start(&span, opts);
            replies = 0;
        }
        for (unsigned i = 0; i < SOCKETS; i++) {
            replies += serve_blaster(&all[i], &out, &in);
        }
    }
    load_span_end(&span, opts);
    double cpu = (double)span.server_cpu / 1e9;
    double seconds = (double)span.start / 1e9;
    printf("{\"replies\":%" PRIu64 ",\"seconds\":%.3f,\"server_cpu\":%.4f,"
           "\"replies_per_second\":%.0f,\"server_busy\":%.3f,"
           "\"replies_per_cpu\":%.0f}\n",
        replies, seconds, cpu, (double)replies / seconds, cpu / seconds,
        (double)replies / cpu);
    for (unsigned i = 0; i < SOCKETS; i++) {
        close(all[i].fd);
    }
    return 0;
}
