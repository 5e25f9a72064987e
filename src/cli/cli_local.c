/*
 * cli_local.c -- `ionscale genkey` and `ionscale version`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/rng.h"
#include "cli/cli_conn.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"
#include "cli/cli_value.h"

enum {
    KEY_BYTES = 32,
};

int
cli_run_genkey(const cli_opts_t *opts)
{
    uint8_t key[KEY_BYTES];
    char hex[2 * KEY_BYTES + 1];

    ion_random(key, sizeof(key));
    ion_hex_encode(hex, key, sizeof(key));
    hex[2 * KEY_BYTES] = '\0';
    (void)printf("%s%s", hex, opts->no_newline ? "" : "\n");
    explicit_bzero(key, sizeof(key));
    explicit_bzero(hex, sizeof(hex));
    return cli_finish();
}

/* succeeds also when the daemon is down: that is part of the answer */
int
cli_run_version(const cli_opts_t *opts)
{
    cli_places_t places;
    cli_conn_t conn;
    cli_reply_t reply = { NULL, NULL, NULL };
    ion_err_t rc;

    if (!cli_find_places(opts, &places)) {
        return 1;
    }
    /* the blank behind a version is what scripts expect */
    (void)printf(
        "\nClient:\n Version:       %s \n\nServer:\n", ION_VERSION_TEXT);
    rc = cli_connect(&places, true, &conn);
    if (rc == ION_OK) {
        (void)printf(" Addr:          unix:");
        cli_print_escaped(ion_str_from(conn.path));
        rc = cli_ask(&conn, "version", NULL, NULL, &reply);
        cli_close(&conn);
    }
    if (rc == ION_OK) {
        ion_sb_t line;

        ion_sb_init(&line, 4096);
        ion_sb_addf(&line, " Version:       %.*s ",
            ION_STR_ARG(cli_str(reply.result, "version")));
        cli_print_escaped(ion_sb_str(&line));
        ion_sb_fini(&line);
    } else {
        (void)printf(" Error:         %s\n",
            rc == ION_NOTFOUND ? "no daemon is there" : ion_strerror(rc));
    }
    cli_reply_free(&reply);
    return cli_finish();
}
