/*
 * bench/load.h -- the kinds of load, and what is measured of each.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every kind prints one line of JSON about one run against one server.
 */
#ifndef ION_BENCH_LOAD_H
#define ION_BENCH_LOAD_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"

#define LOAD_PIDS_MAX 64

typedef struct load_opts {
    ion_addr_t to;
    SSL_CTX *tls;
    int pids[LOAD_PIDS_MAX]; /* of the server under load */
    size_t pid_count;
    unsigned count;      /* logins, idle clients */
    unsigned pairs;      /* sender and receiver each */
    unsigned candidates; /* clients to choose the pairs from; 0 = no choice */
    unsigned stalled;    /* more pairs, flooded, whose receivers do not read */
    unsigned size;       /* bytes of a packet */
    unsigned per_record; /* frames in one TLS record */
    unsigned window;     /* packets of a pair on their way */
    unsigned rate;       /* packets per second over all pairs; 0 = flat out */
    uint64_t warmup;     /* ns */
    uint64_t duration;   /* ns, measured */
} load_opts_t;

/* One measurement: from its start to its end, of server and generator. */
typedef struct load_span {
    ion_mono_t start;
    uint64_t server_cpu; /* ns */
    uint64_t own_cpu;    /* ns */
} load_span_t;

/* load_span_start -- read the clocks. */
void load_span_start(load_span_t *span, const load_opts_t *opts);

/* load_span_end -- replace the readings by what has passed since (start too).
 */
void load_span_end(load_span_t *span, const load_opts_t *opts);

/* Latencies: a histogram whose bins are at most 3 % wide. */
#define LOAD_BINS 2048
typedef struct load_hist {
    uint64_t bin[LOAD_BINS];
    uint64_t count;
} load_hist_t;

/* load_hist_add -- count one value in ns. */
void load_hist_add(load_hist_t *hist, uint64_t ns);

/* load_hist_quantile -- the value below which q (0..1) of all lie, in us. */
double load_hist_quantile(const load_hist_t *hist, double q);

/* The kinds of load; each returns an exit status. */
int load_relay(const load_opts_t *opts);
int load_login(const load_opts_t *opts);
int load_idle(const load_opts_t *opts);
int load_stun(const load_opts_t *opts);

#endif
