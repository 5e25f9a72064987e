/*
 * bench/load.c -- the load generator: one kind of load against one server.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * usage: load KIND --to HOST:PORT [--pids PID,PID...] [options]
 * The kinds are relay, login, idle and stun. The result is a line of JSON.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "bench/load.h"
#include "bench/load_conn.h"
#include "crypto/hash.h"

#define RECORD_ROOM 16384

static const struct option options[] = {
    { "to", required_argument, NULL, 't' },
    { "pids", required_argument, NULL, 'i' },
    { "count", required_argument, NULL, 'c' },
    { "pairs", required_argument, NULL, 'p' },
    { "candidates", required_argument, NULL, 'k' },
    { "stalled", required_argument, NULL, 'x' },
    { "size", required_argument, NULL, 's' },
    { "per-record", required_argument, NULL, 'n' },
    { "window", required_argument, NULL, 'w' },
    { "rate", required_argument, NULL, 'r' },
    { "warmup", required_argument, NULL, 'u' },
    { "duration", required_argument, NULL, 'd' },
    { NULL, 0, NULL, 0 },
};

static void
refuse(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(2);
}

static unsigned
number(const char *text, unsigned max)
{
    uint64_t v = 0;
    if (ion_parse_u64(ion_str_from(text), max, &v) != ION_OK) {
        refuse("a number is wrong");
    }
    return (unsigned)v;
}

static uint64_t
duration(const char *text)
{
    int64_t ns = 0;
    if (ion_parse_duration(ion_str_from(text), &ns) != ION_OK || ns < 0) {
        refuse("a duration is wrong");
    }
    return (uint64_t)ns;
}

static void
read_pids(load_opts_t *opts, char *text)
{
    char *save = NULL;
    for (char *word = strtok_r(text, ",", &save); word != NULL;
         word = strtok_r(NULL, ",", &save))
    {
        if (opts->pid_count == LOAD_PIDS_MAX) {
            refuse("too many processes");
        }
        opts->pids[opts->pid_count++] = (int)number(word, 1u << 30);
    }
}

static void
take_option(load_opts_t *opts, int option)
{
    switch (option) {
    case 't':
        if (ion_addr_parse(ion_str_from(optarg), &opts->to) != ION_OK) {
            refuse("--to wants ADDRESS:PORT");
        }
        break;
    case 'i':
        read_pids(opts, optarg);
        break;
    case 'c':
        opts->count = number(optarg, 100000);
        break;
    case 'p':
        opts->pairs = number(optarg, 1000);
        break;
    case 'k':
        opts->candidates = number(optarg, 1000);
        break;
    case 'x':
        opts->stalled = number(optarg, 1000);
        break;
    case 's':
        opts->size = number(optarg, 8192);
        break;
    case 'n':
        opts->per_record = number(optarg, 64);
        break;
    case 'w':
        opts->window = number(optarg, 1000);
        break;
    case 'r':
        opts->rate = number(optarg, 10000000);
        break;
    case 'u':
        opts->warmup = duration(optarg);
        break;
    case 'd':
        opts->duration = duration(optarg);
        break;
    default:
        exit(2);
    }
}

static void
check(const load_opts_t *o)
{
    size_t frame = DERP_HEADER_LEN + DERP_KEY_LEN + o->size;
    if (o->to.family == 0) {
        refuse("--to is missing");
    }
    if (o->size < 16 || o->per_record == 0 || o->pairs == 0 ||
        o->per_record * frame > RECORD_ROOM || o->window < o->per_record)
    {
        refuse("these packets do not fit a record or the window");
    }
    if (o->candidates > 0 && o->candidates < 2 * o->pairs) {
        refuse("fewer candidates than clients");
    }
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const load_opts_t *opts);
    } kinds[] = {
        { "relay", load_relay },
        { "login", load_login },
        { "idle", load_idle },
        { "stun", load_stun },
    };
    load_opts_t opts = {
        .count = 1,
        .pairs = 1,
        .size = 1400,
        .per_record = 1,
        .window = 16,
        .warmup = ION_SEC(1),
        .duration = ION_SEC(3),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    for (int o = 0; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        take_option(&opts, o);
    }
    check(&opts);
    if (optind + 1 != argc || ion_crypto_init() != ION_OK) {
        refuse("one kind of load is wanted");
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(kinds); i++) {
        if (strcmp(argv[optind], kinds[i].name) == 0) {
            opts.tls = load_tls_new(strcmp(argv[optind], "idle") == 0);
            int rc = kinds[i].run(&opts);
            SSL_CTX_free(opts.tls);
            return rc;
        }
    }
    refuse("the kinds are relay, login, idle and stun");
    return 2;
}
