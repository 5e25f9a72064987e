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
#include "core/revision.h"

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

/* The blank behind a version is what scripts expect.  A program that was not
 * made from a clone has no revision. */
static void
print_version(ion_str_t version, ion_str_t revision)
{
    ion_sb_t line;

    ion_sb_init(&line, 4096);
    ion_sb_addf(&line, " Version:       %.*s ", ION_STR_ARG(version));
    cli_print_escaped(ion_sb_str(&line));
    if (revision.len > 0) {
        ion_sb_reset(&line);
        ion_sb_addf(&line, " Git Revision:  %.*s", ION_STR_ARG(revision));
        cli_print_escaped(ion_sb_str(&line));
    }
    ion_sb_fini(&line);
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
    (void)printf("\nClient:\n");
    print_version(ION_STR(ION_VERSION_TEXT), ion_str_from(ion_revision));
    (void)printf("\nServer:\n");
    rc = cli_connect(&places, true, &conn);
    if (rc == ION_OK) {
        (void)printf(" Addr:          unix:");
        cli_print_escaped(ion_str_from(conn.path));
        rc = cli_ask(&conn, "version", NULL, NULL, &reply);
        cli_close(&conn);
    }
    if (rc == ION_OK) {
        print_version(cli_str(reply.result, "version"),
            cli_str(reply.result, "revision"));
    } else {
        (void)printf(" Error:         %s\n",
            rc == ION_NOTFOUND ? "no daemon is there" : ion_strerror(rc));
    }
    cli_reply_free(&reply);
    return cli_finish();
}
