/*
 * cli_top.c -- `ionscale derp top`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Two lists of clients and what lies between them.  On a terminal each screen
 * replaces the one before; anywhere else, and as JSON, they follow each other.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/cli_clients.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"
#include "cli/cli_value.h"
#include "doc/emit.h"

enum {
    ROWS_NORMAL = 20, /* where there is no terminal to ask */
    ROWS_MAX = 1000000,
    LINES_AROUND = 4, /* of a screen, beside the clients */
    KEY_SHOWN = 8 + 12,
    JSON_MAX = 1 << 30,
};

#define HOME_AND_CLEAR "\033[H\033[2J"

typedef enum { BY_BYTES, BY_PACKETS, BY_DROPS } order_t;

static const char *const orders[] = { "bytes", "packets", "drops" };

typedef struct row {
    const cli_client_t *client; /* of the last look */
    double rate[CLI_COUNTS];
    double rank;
} row_t;

typedef struct screen {
    order_t order;
    size_t rows; /* clients shown; 0 = what fits */
    bool is_json;
    bool is_terminal;
    double seconds; /* between the two looks */
    double total[CLI_COUNTS];
    row_t *list; /* owned */
    size_t count;
} screen_t;

static bool
parse_options(const cli_opts_t *opts, screen_t *s)
{
    uint64_t rows = 0;

    *s = (screen_t){ .is_json = opts->is_json };
    s->is_terminal = !opts->is_json && isatty(STDOUT_FILENO) == 1;
    if (opts->rows != NULL &&
        (ion_parse_u64(ion_str_from(opts->rows), ROWS_MAX, &rows) != ION_OK ||
            rows == 0))
    {
        (void)cli_error("--rows %s: right is 1 to %d", opts->rows, ROWS_MAX);
        return false;
    }
    s->rows = (size_t)rows;
    if (opts->sort == NULL) {
        return true;
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(orders); i++) {
        if (strcmp(opts->sort, orders[i]) == 0) {
            s->order = (order_t)i;
            return true;
        }
    }
    (void)cli_error("--sort %s: right is bytes, packets or drops", opts->sort);
    return false;
}

static double
rank_of(const row_t *r, order_t order)
{
    switch (order) {
    case BY_PACKETS:
        return r->rate[CLI_PACKETS_IN] + r->rate[CLI_PACKETS_OUT];
    case BY_DROPS:
        return r->rate[CLI_DROPS];
    case BY_BYTES:
    default:
        return r->rate[CLI_BYTES_IN] + r->rate[CLI_BYTES_OUT];
    }
}

/* The busiest first; then whose key comes first, so that rows stay in place. */
static int
compare_rows(const void *left, const void *right)
{
    const row_t *a = left;
    const row_t *b = right;
    int by_key;

    if (a->rank != b->rank) {
        return a->rank > b->rank ? -1 : 1;
    }
    by_key = strcmp(a->client->key, b->client->key);
    return by_key != 0 ? by_key : strcmp(a->client->conn, b->client->conn);
}

static bool
fill(screen_t *s, const cli_clients_t *before, const cli_clients_t *now)
{
    double seconds = (double)(now->at - before->at) / 1e9;

    s->seconds = seconds;
    s->count = now->count;
    s->list = calloc(now->count + 1, sizeof(*s->list));
    memset(s->total, 0, sizeof(s->total));
    if (s->list == NULL) {
        return false;
    }
    for (size_t i = 0; i < now->count; i++) {
        const cli_client_t *c = &now->list[i];
        const int64_t *n = cli_clients_before(before, c);
        row_t *r = &s->list[i];

        r->client = c;
        for (size_t k = 0; k < CLI_COUNTS; k++) {
            r->rate[k] = (double)(c->n[k] - n[k]) / seconds;
            s->total[k] += r->rate[k];
        }
        r->rank = rank_of(r, s->order);
    }
    qsort(s->list, s->count, sizeof(*s->list), compare_rows);
    return true;
}

static size_t
rows_shown(const screen_t *s)
{
    struct winsize size;
    size_t rows = s->rows;

    if (rows == 0 && s->is_json) {
        rows = s->count;
    } else if (rows == 0) {
        rows = ROWS_NORMAL;
        if (s->is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
            size.ws_row > LINES_AROUND)
        {
            rows = size.ws_row - (size_t)LINES_AROUND;
        }
    }
    return ION_MIN(rows, s->count);
}

static void
write_rates(const double rate[CLI_COUNTS], ion_jw_t *w)
{
    static const char *const names[CLI_COUNTS] = {
        [CLI_PACKETS_IN] = "packets_received_per_second",
        [CLI_BYTES_IN] = "bytes_received_per_second",
        [CLI_PACKETS_OUT] = "packets_sent_per_second",
        [CLI_BYTES_OUT] = "bytes_sent_per_second",
        [CLI_DROPS] = "drops_per_second",
    };

    for (size_t i = 0; i < CLI_COUNTS; i++) {
        ion_jw_key(w, names[i]);
        ion_jw_f64(w, rate[i]);
    }
}

static void
write_row(const row_t *r, ion_jw_t *w)
{
    ion_jw_object_begin(w);
    ion_jw_key(w, "key");
    ion_jw_strz(w, r->client->key);
    ion_jw_key(w, "conn");
    ion_jw_strz(w, r->client->conn);
    ion_jw_key(w, "worker");
    ion_jw_i64(w, r->client->worker);
    ion_jw_key(w, "address");
    ion_jw_strz(w, r->client->address);
    write_rates(r->rate, w);
    ion_jw_object_end(w);
}

/* one line */
static int
print_json(const screen_t *s)
{
    size_t rows = rows_shown(s);
    ion_sb_t sb;
    ion_jw_t w;
    int status;

    ion_sb_init(&sb, JSON_MAX);
    ion_jw_init(&w, &sb, 0);
    ion_jw_object_begin(&w);
    ion_jw_key(&w, "seconds");
    ion_jw_f64(&w, s->seconds);
    ion_jw_key(&w, "connections");
    ion_jw_u64(&w, s->count);
    write_rates(s->total, &w);
    ion_jw_key(&w, "clients");
    ion_jw_array_begin(&w);
    for (size_t i = 0; i < rows; i++) {
        write_row(&s->list[i], &w);
    }
    ion_jw_array_end(&w);
    ion_jw_object_end(&w);
    if (sb.failed) {
        status = cli_error("no memory for the answer");
    } else {
        (void)printf("%s\n", sb.p);
        status = cli_finish();
    }
    ion_sb_fini(&sb);
    return status;
}

static void
print_head(const screen_t *s)
{
    char in[CLI_TEXT_MAX];
    char out[CLI_TEXT_MAX];
    char when[CLI_TEXT_MAX];

    (void)printf("%s  %zu connections, %s/s and %.0f packets/s in, %s/s and "
                 "%.0f packets/s out, %.0f drops/s\n\n",
        cli_time((int64_t)time(NULL), when), s->count,
        cli_bytes(s->total[CLI_BYTES_IN], in), s->total[CLI_PACKETS_IN],
        cli_bytes(s->total[CLI_BYTES_OUT], out), s->total[CLI_PACKETS_OUT],
        s->total[CLI_DROPS]);
}

static int
print_table(const screen_t *s)
{
    static const char *const head[] = { "KEY", "WORKER", "ADDRESS", "IN/S",
        "OUT/S", "PACKETS_IN/S", "PACKETS_OUT/S", "DROPS/S" };
    size_t rows = rows_shown(s);
    cli_table_t t;
    bool ok;
    int status;

    if (s->is_terminal) {
        (void)fputs(HOME_AND_CLEAR, stdout);
    }
    print_head(s);
    cli_table_init(&t, head, ION_ARRAY_LEN(head));
    for (size_t i = 0; i < rows; i++) {
        const row_t *r = &s->list[i];
        char in[CLI_TEXT_MAX];
        char out[CLI_TEXT_MAX];

        cli_table_addf(&t, "%.*s", KEY_SHOWN, r->client->key);
        cli_table_addf(&t, "%" PRId64, r->client->worker);
        cli_table_addf(&t, "%s", r->client->address);
        cli_table_addf(&t, "%s", cli_bytes(r->rate[CLI_BYTES_IN], in));
        cli_table_addf(&t, "%s", cli_bytes(r->rate[CLI_BYTES_OUT], out));
        cli_table_addf(&t, "%.0f", r->rate[CLI_PACKETS_IN]);
        cli_table_addf(&t, "%.0f", r->rate[CLI_PACKETS_OUT]);
        cli_table_addf(&t, "%.0f", r->rate[CLI_DROPS]);
    }
    ok = cli_table_print(&t);
    status = cli_finish();
    return ok ? status : 1;
}

static int
show(screen_t *s, const cli_clients_t *before, const cli_clients_t *now)
{
    int status;

    if (!fill(s, before, now)) {
        return cli_error("no memory for the list");
    }
    status = s->is_json ? print_json(s) : print_table(s);
    free(s->list);
    s->list = NULL;
    return status;
}

static int
run_screens(cli_conn_t *conn, screen_t *s, bool is_once, double pause)
{
    cli_clients_t before = { .list = NULL };
    bool is_first = true;
    bool goes_on = true;
    int status = 0;

    while (status == 0 && goes_on) {
        cli_clients_t now;
        cli_reply_t reply = { NULL, NULL, NULL };
        ion_err_t rc = cli_clients_take(conn, &now, &reply);

        if (rc != ION_OK) {
            status = cli_print_failure(conn, rc, &reply);
        } else if (!is_first) {
            status = show(s, &before, &now);
            goes_on = !is_once;
            if (!s->is_json && !s->is_terminal && goes_on) {
                (void)putchar('\n');
            }
        }
        cli_reply_free(&reply);
        cli_clients_free(&before);
        before = now;
        is_first = false;
        goes_on = goes_on && status == 0 && cli_pause(pause);
    }
    cli_clients_free(&before);
    return status;
}

int
cli_run_derp_top(const cli_opts_t *opts)
{
    cli_places_t places;
    cli_conn_t conn;
    screen_t s;
    double pause = cli_interval(opts, 1);
    int status;

    if (pause == 0 || !parse_options(opts, &s) ||
        !cli_find_places(opts, &places) ||
        cli_connect(&places, false, &conn) != ION_OK)
    {
        return 1;
    }
    status = run_screens(&conn, &s, opts->is_once, pause);
    cli_close(&conn);
    return status;
}
