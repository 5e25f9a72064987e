/*
 * bench/load_relay.c -- packets from senders to receivers through the relay.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One thread that never sleeps. Flat out, a pair has at most `window` packets
 * on their way, few enough that no queue of the relay overflows; paced,
 * packets leave at fixed times, one to a record. Each packet carries the time
 * and its number: gaps are lost packets. Stalled pairs have receivers that
 * never read, and senders that send as fast as the relay takes it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hex.h"
#include "bench/load.h"
#include "bench/load_conn.h"

#define EVENTS       64
#define STALL_RCVBUF 65536
#define STALL_BURST  4   /* records of a flooder in one turn */
#define CATCH_UP     64  /* paced packets in one turn at most */
#define SILENCE_MS   100 /* then what is on its way counts as lost */
#define RECORD_SIZE  16384

typedef struct pair {
    load_conn_t from;
    load_conn_t to;
    uint64_t sent;     /* the number of the next packet */
    uint64_t received; /* the number of the packet that is due */
    ion_mono_t heard;  /* when the last one came */
} pair_t;

typedef struct run {
    const load_opts_t *opts;
    int epoll;
    pair_t *pairs; /* opts->pairs, then opts->stalled */
    unsigned next; /* whose turn it is, paced */
    unsigned next_stalled;
    ion_mono_t due; /* of the next paced packet */
    uint8_t record[RECORD_SIZE];
} run_t;

/* What the callback of a frame needs; one run in a process. */
static struct {
    ion_mono_t now;
    uint64_t delivered;
    uint64_t bytes;
    uint64_t lost;
    load_hist_t latency;
} got;

static void
die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void
on_frame(load_conn_t *c, uint8_t type, const uint8_t *body, size_t len)
{
    pair_t *pair = c->user;
    if (type != DERP_FRAME_RECV_PACKET || len < DERP_KEY_LEN + 16) {
        return;
    }
    uint64_t number = ion_get_u64be(body + DERP_KEY_LEN + 8);
    if (number < pair->received) {
        return; /* was given up */
    }
    got.lost += number - pair->received;
    pair->received = number + 1;
    pair->heard = got.now;
    got.delivered++;
    got.bytes += len - DERP_KEY_LEN;
    load_hist_add(
        &got.latency, ion_mono_now() - ion_get_u64be(body + DERP_KEY_LEN));
}

/* One record of n frames from a pair's sender. */
static void
put_record(run_t *run, pair_t *pair, unsigned n)
{
    size_t frame = DERP_HEADER_LEN + DERP_KEY_LEN + run->opts->size;
    for (unsigned i = 0; i < n; i++) {
        uint8_t *p = run->record + i * frame;
        derp_header_put(p, DERP_FRAME_SEND_PACKET,
            (uint32_t)(DERP_KEY_LEN + run->opts->size));
        memcpy(p + DERP_HEADER_LEN, pair->to.key.b, DERP_KEY_LEN);
        ion_put_u64be(p + DERP_HEADER_LEN + DERP_KEY_LEN, ion_mono_now());
        ion_put_u64be(p + DERP_HEADER_LEN + DERP_KEY_LEN + 8, pair->sent++);
    }
    load_conn_put(&pair->from, run->record, n * frame);
}

static void
fill_window(run_t *run, pair_t *pair)
{
    const load_opts_t *o = run->opts;
    if (!load_conn_send(&pair->from)) {
        return;
    }
    uint64_t flying = pair->sent - pair->received;
    if (flying > 0 && got.now - pair->heard > ION_MS(SILENCE_MS)) {
        got.lost += flying;
        pair->received = pair->sent;
        flying = 0;
    }
    if (flying == 0) {
        pair->heard = got.now;
    }
    while (flying + o->per_record <= o->window) {
        put_record(run, pair, o->per_record);
        flying += o->per_record;
    }
    (void)load_conn_send(&pair->from);
}

static void
send_due(run_t *run)
{
    const load_opts_t *o = run->opts;
    uint64_t step = ION_SEC(1) / o->rate;
    for (unsigned i = 0; i < CATCH_UP && run->due <= got.now; i++) {
        pair_t *pair = &run->pairs[run->next];
        run->next = (run->next + 1) % o->pairs;
        run->due += step;
        put_record(run, pair, 1);
        (void)load_conn_send(&pair->from);
    }
}

/* Flood by one of the stalled pairs, so that a turn stays short. */
static void
flood(run_t *run)
{
    const load_opts_t *o = run->opts;
    pair_t *pair = &run->pairs[o->pairs + run->next_stalled];
    run->next_stalled = (run->next_stalled + 1) % o->stalled;
    if (!load_conn_send(&pair->from)) {
        return;
    }
    for (unsigned i = 0; i < STALL_BURST; i++) {
        put_record(run, pair, o->per_record);
    }
    (void)load_conn_send(&pair->from);
}

static void
turn(run_t *run)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(run->epoll, events, EVENTS, 0);
    got.now = ion_mono_now();
    for (int i = 0; i < n; i++) {
        if (!load_conn_read(events[i].data.ptr, on_frame)) {
            errno = ECONNRESET;
            die("the server closed a client");
        }
    }
    if (run->opts->rate > 0) {
        send_due(run);
    } else {
        for (unsigned i = 0; i < run->opts->pairs; i++) {
            fill_window(run, &run->pairs[i]);
        }
    }
    if (run->opts->stalled > 0) {
        flood(run);
    }
}

static void
turn_until(run_t *run, ion_mono_t end)
{
    do {
        turn(run);
    } while (got.now < end);
}

static void
open_one(const load_opts_t *o, load_conn_t *c, int rcvbuf)
{
    if (!load_conn_open(c, o->tls, &o->to, rcvbuf)) {
        exit(1);
    }
}

/*
 * Log in more clients than are needed and let whoever reads our output choose
 * among them: we print their keys, and read one line "FROM TO" for each pair.
 */
static void
choose_pairs(run_t *run)
{
    const load_opts_t *o = run->opts;
    load_conn_t *all = calloc(o->candidates, sizeof(*all));
    if (all == NULL) {
        die("memory");
    }
    printf("{\"keys\":[");
    for (unsigned i = 0; i < o->candidates; i++) {
        char hex[2 * ION_KEY_LEN];
        open_one(o, &all[i], 0);
        ion_hex_encode(hex, all[i].key.b, ION_KEY_LEN);
        printf("%s\"%.*s\"", i > 0 ? "," : "", (int)sizeof(hex), hex);
    }
    printf("]}\n");
    (void)fflush(stdout);
    for (unsigned i = 0; i < o->pairs; i++) {
        unsigned from = 0;
        unsigned to = 0;
        if (scanf("%u %u", &from, &to) != 2 || from >= o->candidates ||
            to >= o->candidates || from == to || all[from].ssl == NULL ||
            all[to].ssl == NULL)
        {
            errno = EINVAL;
            die("choice of pairs");
        }
        run->pairs[i].from = all[from];
        run->pairs[i].to = all[to];
        memset(&all[from], 0, sizeof(all[from]));
        memset(&all[to], 0, sizeof(all[to]));
        all[from].fd = -1;
        all[to].fd = -1;
    }
    for (unsigned i = 0; i < o->candidates; i++) {
        load_conn_close(&all[i]);
    }
    free(all);
}

static void
watch(run_t *run, load_conn_t *c, pair_t *pair)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    c->user = pair;
    if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
        die("epoll");
    }
}

static void
connect_all(run_t *run)
{
    const load_opts_t *o = run->opts;
    unsigned all = o->pairs + o->stalled;
    run->pairs = calloc(all, sizeof(*run->pairs));
    run->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (run->pairs == NULL || run->epoll < 0) {
        die("memory");
    }
    if (o->candidates > 0) {
        choose_pairs(run);
    }
    for (unsigned i = o->candidates > 0 ? o->pairs : 0; i < all; i++) {
        open_one(o, &run->pairs[i].from, 0);
        open_one(o, &run->pairs[i].to, i < o->pairs ? 0 : STALL_RCVBUF);
    }
    for (unsigned i = 0; i < all; i++) {
        watch(run, &run->pairs[i].from, &run->pairs[i]);
        if (i < o->pairs) {
            watch(run, &run->pairs[i].to, &run->pairs[i]);
        }
    }
}

static void
print_result(const load_opts_t *o, const load_span_t *span)
{
    double seconds = (double)span->start / 1e9;
    double cpu = (double)span->server_cpu / 1e9;
    double packets = (double)got.delivered;
    printf("{\"seconds\":%.3f,\"delivered\":%" PRIu64 ",\"lost\":%" PRIu64
           ",\"packets_per_second\":%.0f,\"server_cpu\":%.4f,"
           "\"server_busy\":%.3f,\"generator_busy\":%.3f,"
           "\"us_per_packet\":%.3f,\"cpu_per_gib\":%.3f,"
           "\"packets_per_cpu\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"p999_us\":%.1f,\"pairs\":%u}\n",
        seconds, got.delivered, got.lost, packets / seconds, cpu, cpu / seconds,
        (double)span->own_cpu / 1e9 / seconds, cpu * 1e6 / packets,
        cpu * 1073741824.0 / (double)got.bytes, packets / cpu,
        load_hist_quantile(&got.latency, 0.5),
        load_hist_quantile(&got.latency, 0.99),
        load_hist_quantile(&got.latency, 0.999), o->pairs);
}

int
load_relay(const load_opts_t *opts)
{
    static run_t run;
    load_span_t span;
    run.opts = opts;
    connect_all(&run);
    run.due = ion_mono_now();
    turn_until(&run, run.due + opts->warmup);
    got.delivered = 0;
    got.bytes = 0;
    got.lost = 0;
    memset(&got.latency, 0, sizeof(got.latency));
    load_span_start(&span, opts);
    turn_until(&run, span.start + opts->duration);
    load_span_end(&span, opts);
    if (got.delivered == 0) {
        errno = ENODATA;
        die("no packet came through");
    }
    print_result(opts, &span);
    for (unsigned i = 0; i < opts->pairs + opts->stalled; i++) {
        load_conn_close(&run.pairs[i].from);
        load_conn_close(&run.pairs[i].to);
    }
    free(run.pairs);
    close(run.epoll);
    return 0;
}
