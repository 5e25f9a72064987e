/*
 * cli_status.c -- `ionscale status`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli_conn.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"
#include "cli/cli_value.h"

static void
print_head(const ion_doc_node_t *s)
{
    char up[CLI_TEXT_MAX];
    ion_str_t file = cli_str(s, "config_file");
    ion_sb_t sb;

    ion_sb_init(&sb, 4096);
    ion_sb_addf(&sb, "ionscale %.*s, pid %" PRId64 ", up %s, ",
        ION_STR_ARG(cli_str(s, "version")), cli_int(s, "pid"),
        cli_duration(cli_int(s, "uptime_seconds"), up));
    if (file.len > 0) {
        ion_sb_addf(&sb, "configuration %.*s (generation %" PRId64 ")",
            ION_STR_ARG(file), cli_int(s, "generation"));
    } else {
        ion_sb_addz(&sb, "no configuration file");
    }
    cli_print_escaped(ion_sb_str(&sb));
    ion_sb_fini(&sb);
}

static bool
print_processes(const ion_doc_node_t *s)
{
    static const char *const head[] = { "PROCESS", "SLOT", "PID", "STATE",
        "SANDBOX", "CLIENTS", "STARTED" };
    const ion_doc_node_t *list = ion_doc_get(s, "processes");
    cli_table_t t;

    cli_table_init(&t, head, ION_ARRAY_LEN(head));
    if (list != NULL) {
        ION_DOC_FOREACH(p, list)
        {
            char when[CLI_TEXT_MAX];
            ion_str_t role = cli_str(p, "role");
            bool is_worker = ion_str_eq(role, ION_STR("worker"));

            if (is_worker) {
                cli_table_addf(&t, "%.*s %" PRId64, ION_STR_ARG(role),
                    cli_int(p, "index"));
            } else {
                cli_table_add(&t, role);
            }
            cli_table_addf(&t, "%" PRId64, cli_int(p, "slot"));
            cli_table_addf(&t, "%" PRId64, cli_int(p, "pid"));
            cli_table_add(&t, cli_str(p, "state"));
            cli_table_add(&t, cli_str(p, "sandbox"));
            if (is_worker) {
                cli_table_addf(&t, "%" PRId64, cli_int(p, "clients"));
            } else {
                cli_table_addf(&t, "-");
            }
            cli_table_addf(&t, "%s", cli_time(cli_int(p, "started"), when));
        }
    }
    return cli_table_print(&t);
}

static bool
print_listeners(const ion_doc_node_t *s)
{
    static const char *const head[] = { "LISTENER", "PROTO", "ADDRESS" };
    const ion_doc_node_t *list = ion_doc_get(s, "listeners");
    cli_table_t t;

    cli_table_init(&t, head, ION_ARRAY_LEN(head));
    if (list != NULL) {
        ION_DOC_FOREACH(l, list)
        {
            cli_table_add(&t, cli_str(l, "name"));
            cli_table_add(&t, cli_str(l, "proto"));
            cli_table_add(&t, cli_str(l, "address"));
        }
    }
    return cli_table_print(&t);
}

/* Who decides about clients. */
static void
add_admission(cli_table_t *t, const ion_doc_node_t *s)
{
    const ion_doc_node_t *list = ion_doc_get(s, "admission");
    ion_sb_t sb;

    ion_sb_init(&sb, CLI_TEXT_MAX);
    if (list != NULL) {
        ION_DOC_FOREACH(who, list)
        {
            ion_sb_addz(&sb, sb.len > 0 ? ", " : "");
            ion_sb_adds(&sb, who->text);
        }
    }
    if (sb.len == 0) {
        ion_sb_addz(&sb, "everybody may use the relay");
    }
    cli_table_addf(t, "admission");
    cli_table_add(t, ion_sb_str(&sb));
    ion_sb_fini(&sb);
}

/* only where there are any */
static bool
print_mesh(const ion_doc_node_t *s)
{
    static const char *const head[] = { "MESH LINK", "STATE", "KEYS", "SINCE",
        "LAST ERROR" };
    const ion_doc_node_t *list = ion_doc_get(s, "mesh");
    char when[CLI_TEXT_MAX];
    cli_table_t t;

    if (list == NULL || ion_doc_at(list, 0) == NULL) {
        return true;
    }
    cli_table_init(&t, head, ION_ARRAY_LEN(head));
    ION_DOC_FOREACH(l, list)
    {
        cli_table_add(&t, cli_str(l, "target"));
        cli_table_add(&t, cli_str(l, "state"));
        cli_table_addf(&t, "%" PRId64, cli_int(l, "keys"));
        cli_table_addf(&t, "%s", cli_time(cli_int(l, "since"), when));
        cli_table_add(&t, cli_str(l, "error"));
    }
    (void)putchar('\n');
    return cli_table_print(&t);
}

static bool
print_facts(const ion_doc_node_t *s)
{
    static const char *const head[] = { "WHAT", "VALUE" };
    const ion_doc_node_t *cert = ion_doc_get(s, "certificate");
    char when[CLI_TEXT_MAX];
    cli_table_t t;

    cli_table_init(&t, head, ION_ARRAY_LEN(head));
    cli_table_addf(&t, "control socket");
    cli_table_add(&t, cli_str(s, "control_socket"));
    cli_table_addf(&t, "state directory");
    cli_table_add(&t, cli_str(s, "state_dir"));
    cli_table_addf(&t, "public key");
    cli_table_add(&t, cli_str(s, "public_key"));
    add_admission(&t, s);
    cli_table_addf(&t, "certificate");
    cli_table_add(&t, cli_str(cert, "source"));
    if (ion_doc_get(cert, "pin") != NULL) {
        cli_table_addf(&t, "certificate pin");
        cli_table_add(&t, cli_str(cert, "pin"));
        cli_table_addf(&t, "certificate ends");
        cli_table_addf(&t, "%s", cli_time(cli_int(cert, "not_after"), when));
    }
    return cli_table_print(&t);
}

/* those that have moved; --json has all */
static bool
print_counters(const ion_doc_node_t *s)
{
    static const char *const head[] = { "COUNTER", "VALUE" };
    const ion_doc_node_t *map = ion_doc_get(s, "counters");
    cli_table_t t;

    cli_table_init(&t, head, ION_ARRAY_LEN(head));
    if (map != NULL) {
        ION_DOC_FOREACH(c, map)
        {
            if (!ion_str_eq(c->text, ION_STR("0"))) {
                cli_table_add(&t, c->key);
                cli_table_add(&t, c->text);
            }
        }
    }
    return cli_table_print(&t);
}

int
cli_run_status(const cli_opts_t *opts)
{
    cli_reply_t reply;
    const ion_doc_node_t *s;
    int status = 1;

    if (cli_simple(opts, "status", &reply) != ION_OK) {
        return 1;
    }
    s = reply.result;
    if (opts->is_json) {
        status = cli_print_json(s);
    } else {
        print_head(s);
        (void)putchar('\n');
        bool ok = print_processes(s);
        (void)putchar('\n');
        ok = print_listeners(s) && ok;
        ok = print_mesh(s) && ok;
        (void)putchar('\n');
        ok = print_facts(s) && ok;
        (void)putchar('\n');
        ok = print_counters(s) && ok;
        status = cli_finish();
        status = ok ? status : 1;
    }
    cli_reply_free(&reply);
    return status;
}
