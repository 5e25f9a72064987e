/*
 * cli_clients.h -- the list of clients as it was at one moment, to compare
 * with the next.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_CLI_CLI_CLIENTS_H
#define ION_CLI_CLI_CLIENTS_H

#include <stdint.h>

#include "base/clock.h"
#include "base/map.h"
#include "cli/cli_conn.h"

enum {
    CLI_CONN_MAX = 40,
    CLI_KEY_MAX = 80,
    CLI_ADDRESS_MAX = 64,
};

/* What is counted about a connection. */
typedef enum cli_count {
    CLI_PACKETS_IN,
    CLI_BYTES_IN,
    CLI_PACKETS_OUT,
    CLI_BYTES_OUT,
    CLI_DROPS,
    CLI_COUNTS,
} cli_count_t;

typedef struct cli_client {
    char conn[CLI_CONN_MAX]; /* one connection; zeros behind the text */
    char key[CLI_KEY_MAX];
    char address[CLI_ADDRESS_MAX];
    int64_t worker;
    int64_t n[CLI_COUNTS];
} cli_client_t;

typedef struct cli_clients {
    cli_client_t *list; /* owned; in no order */
    size_t count;
    size_t cap;
    ion_map_t *by_conn; /* owned */
    ion_mono_t at;
    bool failed; /* no memory */
} cli_clients_t;

/*
 * cli_clients_take -- ask for the list.
 *
 * Owns:   gives *out, also on failure; cli_clients_free.
 * Errors: as cli_ask | ION_NOMEM; nothing is printed.
 */
ION_NODISCARD ion_err_t cli_clients_take(
    cli_conn_t *conn, cli_clients_t *out, cli_reply_t *reply);

/* cli_clients_free -- empty it; zeroed or freed before is fine. */
void cli_clients_free(cli_clients_t *c);

/*
 * cli_clients_before -- what a connection had counted at another moment:
 * zeros when it was not there yet.
 *
 * Errors: none.
 */
const int64_t *cli_clients_before(
    const cli_clients_t *earlier, const cli_client_t *client);

#endif
