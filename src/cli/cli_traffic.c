/*
 * cli_traffic.c -- `ionscale derp traffic`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A line of JSON for each connection whose counters have grown, and an empty
 * line at the end of each round, as the page /debug/traffic has it.
 */
#include <stdio.h>

#include "cli/cli_clients.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"
#include "doc/emit.h"

enum {
    LINE_LEN = 512,
};

static void
print_client(const cli_client_t *c)
{
    ion_sb_t sb;
    ion_jw_t w;

    ion_sb_init(&sb, LINE_LEN);
    ion_jw_init(&w, &sb, 0);
    ion_jw_object_begin(&w);
    ion_jw_key(&w, "Sent");
    ion_jw_i64(&w, c->n[CLI_BYTES_OUT]);
    ion_jw_key(&w, "Recv");
    ion_jw_i64(&w, c->n[CLI_BYTES_IN]);
    ion_jw_key(&w, "Key");
    ion_jw_strz(&w, c->key);
    ion_jw_object_end(&w);
    if (!sb.failed) {
        (void)printf("%s\n", sb.p);
    }
    ion_sb_fini(&sb);
}

static int
print_round(const cli_clients_t *now, const cli_clients_t *before)
{
    for (size_t i = 0; i < now->count; i++) {
        const cli_client_t *c = &now->list[i];
        const int64_t *n = cli_clients_before(before, c);

        if (c->n[CLI_BYTES_OUT] > n[CLI_BYTES_OUT] ||
            c->n[CLI_BYTES_IN] > n[CLI_BYTES_IN])
        {
            print_client(c);
        }
    }
    (void)putchar('\n');
    return cli_finish();
}

static int
run_rounds(cli_conn_t *conn, const cli_opts_t *opts, double pause)
{
    cli_clients_t before = { .list = NULL };
    int status = 0;

    do {
        cli_clients_t now;
        cli_reply_t reply = { NULL, NULL, NULL };
        ion_err_t rc = cli_clients_take(conn, &now, &reply);

        if (rc == ION_OK) {
            status = print_round(&now, &before);
        } else {
            status = cli_print_failure(conn, rc, &reply);
        }
        cli_reply_free(&reply);
        cli_clients_free(&before);
        before = now;
    } while (status == 0 && !opts->is_once && cli_pause(pause));
    cli_clients_free(&before);
    return status;
}

int
cli_run_derp_traffic(const cli_opts_t *opts)
{
    cli_places_t places;
    cli_conn_t conn;
    double pause = cli_interval(opts, 2);
    int status;

    if (pause == 0 || !cli_find_places(opts, &places) ||
        cli_connect(&places, false, &conn) != ION_OK)
    {
        return 1;
    }
    status = run_rounds(&conn, opts, pause);
    cli_close(&conn);
    return status;
}
