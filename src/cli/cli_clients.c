/*
 * cli_clients.c -- the list of clients as it was at one moment.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "cli/cli_clients.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "cli/cli_value.h"

enum {
    CLIENTS_MAX = 1 << 24,
};

static void
copy_text(char *out, size_t cap, ion_str_t text)
{
    size_t n = ION_MIN(text.len, cap - 1);

    memset(out, 0, cap);
    if (n > 0) {
        memcpy(out, text.p, n);
    }
}

static cli_client_t *
new_client(cli_clients_t *c)
{
    if (c->count == c->cap) {
        size_t cap = c->cap == 0 ? 1024 : 2 * c->cap;
        cli_client_t *more = NULL;

        if (cap <= CLIENTS_MAX) {
            more = reallocarray(c->list, cap, sizeof(*more));
        }
        if (more == NULL) {
            c->failed = true;
            return NULL;
        }
        c->list = more;
        c->cap = cap;
    }
    return &c->list[c->count++];
}

static void
add_rows(void *arg, const ion_doc_node_t *rows)
{
    static const char *const names[CLI_COUNTS] = {
        [CLI_PACKETS_IN] = "packets_received",
        [CLI_BYTES_IN] = "bytes_received",
        [CLI_PACKETS_OUT] = "packets_sent",
        [CLI_BYTES_OUT] = "bytes_sent",
        [CLI_DROPS] = "drops",
    };
    cli_clients_t *c = arg;

    if (rows->kind != ION_DOC_LIST) {
        return;
    }
    ION_DOC_FOREACH(row, rows)
    {
        cli_client_t *client = new_client(c);

        if (client == NULL) {
            return;
        }
        copy_text(client->conn, sizeof(client->conn), cli_str(row, "conn"));
        copy_text(client->key, sizeof(client->key), cli_str(row, "key"));
        copy_text(
            client->address, sizeof(client->address), cli_str(row, "address"));
        client->worker = cli_int(row, "worker");
        for (size_t i = 0; i < CLI_COUNTS; i++) {
            client->n[i] = cli_int(row, names[i]);
        }
    }
}

/* once the list stands still, so that the map's pointers stay good */
static ion_err_t
index_clients(cli_clients_t *c)
{
    uint8_t seed[16];
    ion_err_t rc;

    ion_random(seed, sizeof(seed));
    rc = ion_map_new(CLI_CONN_MAX, c->count, seed, &c->by_conn);
    for (size_t i = 0; i < c->count && rc == ION_OK; i++) {
        rc = ion_map_put(c->by_conn, c->list[i].conn, &c->list[i]);
    }
    return rc;
}

ion_err_t
cli_clients_take(cli_conn_t *conn, cli_clients_t *out, cli_reply_t *reply)
{
    ion_err_t rc;

    *out = (cli_clients_t){ .list = NULL };
    rc = cli_ask(conn, "derp list", add_rows, out, reply);
    out->at = ion_mono_now();
    if (rc == ION_OK && out->failed) {
        rc = ION_NOMEM;
    }
    return rc == ION_OK ? index_clients(out) : rc;
}

void
cli_clients_free(cli_clients_t *c)
{
    ion_map_free(&c->by_conn);
    free(c->list);
    *c = (cli_clients_t){ .list = NULL };
}

const int64_t *
cli_clients_before(const cli_clients_t *earlier, const cli_client_t *client)
{
    static const int64_t none[CLI_COUNTS] = { 0 };
    const cli_client_t *same = NULL;

    if (earlier->by_conn != NULL) {
        same = ion_map_get(earlier->by_conn, client->conn);
    }
    return same != NULL ? same->n : none;
}
