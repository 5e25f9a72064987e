/*
 * bench/load_measure.c -- CPU time of the server's tasks; a histogram.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "bench/load.h"

#define SUB_BITS 5 /* 32 bins to each power of two */

static uint64_t
cpu_of_task(int pid, const char *task)
{
    char path[96];
    uint64_t ns = 0;
    (void)snprintf(
        path, sizeof(path), "/proc/%d/task/%.20s/schedstat", pid, task);
    FILE *f = fopen(path, "re");
    if (f != NULL) {
        if (fscanf(f, "%" SCNu64, &ns) != 1) {
            ns = 0;
        }
        (void)fclose(f);
    }
    return ns;
}

static uint64_t
cpu_of_process(int pid)
{
    char path[64];
    uint64_t ns = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        fprintf(stderr, "load: the server's process %d is gone\n", pid);
        exit(1);
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] != '.') {
            ns += cpu_of_task(pid, e->d_name);
        }
    }
    (void)closedir(dir);
    return ns;
}

static uint64_t
cpu_of_server(const load_opts_t *opts)
{
    uint64_t ns = 0;
    for (size_t i = 0; i < opts->pid_count; i++) {
        ns += cpu_of_process(opts->pids[i]);
    }
    return ns;
}

static uint64_t
cpu_of_own(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ION_SEC((uint64_t)ts.tv_sec) + (uint64_t)ts.tv_nsec;
}

void
load_span_start(load_span_t *span, const load_opts_t *opts)
{
    span->server_cpu = cpu_of_server(opts);
    span->own_cpu = cpu_of_own();
    span->start = ion_mono_now();
}

void
load_span_end(load_span_t *span, const load_opts_t *opts)
{
    span->start = ion_mono_now() - span->start;
    span->own_cpu = cpu_of_own() - span->own_cpu;
    span->server_cpu = cpu_of_server(opts) - span->server_cpu;
}

void
load_hist_add(load_hist_t *hist, uint64_t ns)
{
    unsigned top = 63u - (unsigned)__builtin_clzll(ns | 1);
    unsigned shift = top > SUB_BITS ? top - SUB_BITS : 0;
    size_t bin = ((size_t)shift << SUB_BITS) + (size_t)(ns >> shift);
    hist->bin[bin < LOAD_BINS ? bin : LOAD_BINS - 1]++;
    hist->count++;
}

double
load_hist_quantile(const load_hist_t *hist, double q)
{
    uint64_t wanted = (uint64_t)((double)hist->count * q);
    uint64_t seen = 0;
    for (size_t i = 0; i < LOAD_BINS; i++) {
        seen += hist->bin[i];
        if (seen > wanted) {
            /* bin = (shift << bits) + mantissa, which has the top bit set */
            size_t shift = i >> SUB_BITS;
            if (shift > 0) {
                shift--;
            }
            return (double)((i - (shift << SUB_BITS)) << shift) / 1000.0;
        }
    }
    return 0;
}
