/*
 * cli_derp.c -- `ionscale derp list` and `derp kick`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The list comes in pieces.  JSON goes out piece by piece; a table needs the
 * widest cell of each column first.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli_conn.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"
#include "cli/cli_value.h"
#include "doc/emit_tree.h"

enum {
    PIECE_MAX = 16 * 1024 * 1024,
    KEY_SHOWN = 8 + 12, /* "nodekey:" and what tells keys apart */
};

typedef struct json_list {
    ion_sb_t sb;
    ion_jw_t w;
} json_list_t;

static void
print_json_rows(void *arg, const ion_doc_node_t *rows)
{
    json_list_t *list = arg;

    if (rows->kind != ION_DOC_LIST || list->sb.failed) {
        return;
    }
    ION_DOC_FOREACH(row, rows)
    {
        ion_jw_node(&list->w, row);
    }
    if (!list->sb.failed) {
        (void)fwrite(list->sb.p, 1, list->sb.len, stdout);
        ion_sb_reset(&list->sb);
    }
}

static void
add_flags(cli_table_t *t, const ion_doc_node_t *row)
{
    const ion_doc_node_t *flags = ion_doc_get(row, "flags");
    ion_sb_t sb;

    ion_sb_init(&sb, 256);
    ion_sb_addz(&sb, cli_bool(row, "active") ? "active" : "standby");
    if (flags != NULL && flags->kind == ION_DOC_LIST) {
        ION_DOC_FOREACH(flag, flags)
        {
            ion_sb_addf(&sb, ",%.*s", ION_STR_ARG(flag->text));
        }
    }
    cli_table_add(t, ion_sb_str(&sb));
    ion_sb_fini(&sb);
}

static void
add_rows(void *arg, const ion_doc_node_t *rows)
{
    cli_table_t *t = arg;

    if (rows->kind != ION_DOC_LIST) {
        return;
    }
    ION_DOC_FOREACH(row, rows)
    {
        char when[CLI_TEXT_MAX];
        ion_str_t key = cli_str(row, "key");

        key.len = ION_MIN(key.len, (size_t)KEY_SHOWN);
        cli_table_add(t, key);
        cli_table_addf(t, "%" PRId64, cli_int(row, "worker"));
        cli_table_add(t, cli_str(row, "address"));
        cli_table_addf(t, "%s", cli_time(cli_int(row, "connected_at"), when));
        add_flags(t, row);
        cli_table_addf(t, "%" PRId64, cli_int(row, "packets_received"));
        cli_table_addf(t, "%" PRId64, cli_int(row, "bytes_received"));
        cli_table_addf(t, "%" PRId64, cli_int(row, "packets_sent"));
        cli_table_addf(t, "%" PRId64, cli_int(row, "bytes_sent"));
        cli_table_addf(t, "%" PRId64, cli_int(row, "drops"));
    }
}

static int
list_json(cli_conn_t *conn, cli_reply_t *reply)
{
    json_list_t list;
    ion_err_t rc;
    int status = 1;

    ion_sb_init(&list.sb, PIECE_MAX);
    ion_jw_init(&list.w, &list.sb, 2);
    ion_jw_array_begin(&list.w);
    rc = cli_ask(conn, "derp list", print_json_rows, &list, reply);
    ion_jw_array_end(&list.w);
    if (rc != ION_OK) {
        status = cli_print_failure(conn, rc, reply);
    } else if (list.sb.failed) {
        status = cli_error("no memory for the answer");
    } else {
        (void)printf("%s\n", list.sb.p);
        status = cli_finish();
    }
    ion_sb_fini(&list.sb);
    return status;
}

static int
list_table(cli_conn_t *conn, cli_reply_t *reply)
{
    static const char *const head[] = { "KEY", "WORKER", "ADDRESS", "CONNECTED",
        "STATE", "PACKETS_IN", "BYTES_IN", "PACKETS_OUT", "BYTES_OUT",
        "DROPS" };
    cli_table_t t;
    ion_err_t rc;
    bool ok;
    int status;

    cli_table_init(&t, head, ION_ARRAY_LEN(head));
    rc = cli_ask(conn, "derp list", add_rows, &t, reply);
    if (rc != ION_OK) {
        cli_table_drop(&t);
        return cli_print_failure(conn, rc, reply);
    }
    ok = cli_table_print(&t);
    status = cli_finish();
    return ok ? status : 1;
}

int
cli_run_derp_list(const cli_opts_t *opts)
{
    cli_places_t places;
    cli_conn_t conn;
    cli_reply_t reply = { NULL, NULL, NULL };
    int status;

    if (!cli_find_places(opts, &places) ||
        cli_connect(&places, false, &conn) != ION_OK)
    {
        return 1;
    }
    status =
        opts->is_json ? list_json(&conn, &reply) : list_table(&conn, &reply);
    cli_reply_free(&reply);
    cli_close(&conn);
    return status;
}

static int
print_kick(const cli_opts_t *opts, const ion_doc_node_t *result)
{
    ion_str_t key = cli_str(result, "key");
    int64_t n = cli_int(result, "connections");
    ion_sb_t sb;

    if (opts->is_json) {
        return cli_print_json(result);
    }
    ion_sb_init(&sb, CLI_PATH_MAX);
    ion_sb_addf(&sb, "%" PRId64 " connection%s of %.*s ended.", n,
        n == 1 ? "" : "s", ION_STR_ARG(key));
    cli_print_escaped(ion_sb_str(&sb));
    ion_sb_fini(&sb);
    return cli_finish();
}

int
cli_run_derp_kick(const cli_opts_t *opts)
{
    cli_places_t places;
    cli_conn_t conn;
    cli_reply_t reply = { NULL, NULL, NULL };
    ion_err_t rc;
    int status;

    if (!cli_find_places(opts, &places) ||
        cli_connect(&places, false, &conn) != ION_OK)
    {
        return 1;
    }
    rc = cli_ask_with(&conn, "derp kick", "key", opts->target, &reply);
    status = rc == ION_OK ? print_kick(opts, reply.result)
                          : cli_print_failure(&conn, rc, &reply);
    cli_reply_free(&reply);
    cli_close(&conn);
    return status;
}
