/*
 * admin_commands_keeper.c -- the commands of the control socket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What can be read from shared memory and the cycle is answered at once; what
 * only the master can do is passed on, and its outcome is the reply.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/admin_keeper_int.h"
#include "admin/admin_list.h"
#include "admin/admin_reply.h"
#include "admin/admin_stats.h"
#include "admin/admin_status.h"
#include "base/assert.h"
#include "core/revision.h"

/* a request that the master works on; its answer frees it. The client may
 * leave meanwhile, and so may the keeper. */
typedef struct admin_op {
    ion_list_t link;
    admin_client_t *client; /* NULL when it has left */
    const char *refused;    /* error text when the master says no */
} admin_op_t;

typedef struct admin_command {
    const char *name;
    const char *argument; /* the one it takes, a text; NULL = none */
    void (*run)(admin_client_t *c, const admin_request_t *request);
} admin_command_t;

static void
run_status(admin_client_t *c, const admin_request_t *request)
{
    ion_sb_t sb;
    ion_jw_t w;

    (void)request;
    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    admin_reply_begin(&w, &sb);
    admin_status_write(c->keeper->process, &w);
    admin_reply_end(&w);
    admin_client_reply_keeper(c, &sb);
    ion_sb_fini(&sb);
}

static void
run_stats(admin_client_t *c, const admin_request_t *request)
{
    ion_sb_t sb;
    ion_jw_t w;

    (void)request;
    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    admin_reply_begin(&w, &sb);
    admin_stats_write(c->keeper->process, &w);
    admin_reply_end(&w);
    admin_client_reply_keeper(c, &sb);
    ion_sb_fini(&sb);
}

static void
run_version(admin_client_t *c, const admin_request_t *request)
{
    ion_sb_t sb;
    ion_jw_t w;

    (void)request;
    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    admin_reply_begin(&w, &sb);
    ion_jw_object_begin(&w);
    ion_jw_key(&w, "version");
    ion_jw_strz(&w, ION_VERSION_TEXT);
    if (ion_revision[0] != '\0') {
        ion_jw_key(&w, "revision");
        ion_jw_strz(&w, ion_revision);
    }
    ion_jw_object_end(&w);
    admin_reply_end(&w);
    admin_client_reply_keeper(c, &sb);
    ion_sb_fini(&sb);
}

static void
run_get_derp_map(admin_client_t *c, const admin_request_t *request)
{
    const ion_blob_t *map = ion_cycle_blob(c->keeper->process->cycle, "map");
    ion_sb_t sb;
    ion_jw_t w;

    (void)request;
    if (map == NULL) {
        admin_client_error_keeper(c, "there is no DERP map", "");
        return;
    }
    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    admin_reply_begin(&w, &sb);
    ion_jw_raw(&w, (ion_str_t){ (const char *)map->p, map->len });
    admin_reply_end(&w);
    admin_client_reply_keeper(c, &sb);
    ion_sb_fini(&sb);
}

static void
run_derp_list(admin_client_t *c, const admin_request_t *request)
{
    (void)request;
    c->state = ADMIN_CLIENT_LISTING;
    c->cursor = 0;
    admin_command_piece_keeper(c);
}

void
admin_command_piece_keeper(admin_client_t *c)
{
    const ion_process_t *p = c->keeper->process;
    ion_sb_t piece;
    ion_sb_t reply;
    ion_jw_t w;
    bool more;

    ion_sb_init(&piece, ADMIN_MAX_PAYLOAD);
    ion_jw_init(&w, &piece, 0);
    more = admin_list_write(p, &c->cursor, &w);
    if (more && !piece.failed &&
        admin_client_send_keeper(c, ADMIN_FRAME_PART, ion_sb_str(&piece)) ==
            ION_OK)
    {
        ion_sb_fini(&piece);
        return;
    }
    ion_sb_init(&reply, ADMIN_MAX_PAYLOAD);
    if (more || piece.failed) {
        admin_reply_error(&reply, "no memory for the list", "");
    } else {
        admin_reply_begin(&w, &reply);
        ion_jw_raw(&w, ion_sb_str(&piece));
        admin_reply_end(&w);
    }
    ion_sb_fini(&piece);
    admin_client_reply_keeper(c, &reply);
    ion_sb_fini(&reply);
}

static void
reply_done(admin_client_t *c, const char *lines)
{
    ion_sb_t sb;
    ion_jw_t w;

    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    admin_reply_begin(&w, &sb);
    ion_jw_object_begin(&w);
    ion_jw_key(&w, "lines");
    admin_reply_lines(&w, lines);
    ion_jw_object_end(&w);
    admin_reply_end(&w);
    admin_client_reply_keeper(c, &sb);
    ion_sb_fini(&sb);
}

static void
on_op_done(void *arg, ion_err_t rc, const char *text)
{
    admin_op_t *op = arg;
    admin_client_t *c = op->client;
    const char *refused = op->refused;

    ion_list_del(&op->link);
    free(op);
    if (c == NULL) {
        return;
    }
    if (rc == ION_OK) {
        reply_done(c, text);
    } else if (rc == ION_CLOSED) {
        admin_client_error_keeper(c, "the master process went away", text);
    } else {
        admin_client_error_keeper(c, refused, text);
    }
    admin_client_go_on_keeper(c); /* at once: a stop may be next */
}

static void
ask_master(admin_client_t *c, ion_master_op_t kind, const char *refused)
{
    admin_keeper_t *k = c->keeper;
    admin_op_t *op = calloc(1, sizeof(*op));
    ion_err_t rc = ION_NOMEM;

    c->state = ADMIN_CLIENT_WAITING;
    if (op != NULL) {
        op->client = c;
        op->refused = refused;
        ion_list_add_tail(&k->ops, &op->link);
        rc = k->process->master_op(k->process, kind, on_op_done, op);
        if (rc != ION_OK) {
            ion_list_del(&op->link);
            free(op);
        }
    }
    if (rc != ION_OK) {
        admin_client_error_keeper(
            c, "cannot ask the master process", ion_strerror(rc));
    }
}

static void
run_reload(admin_client_t *c, const admin_request_t *request)
{
    (void)request;
    ask_master(c, ION_OP_RELOAD,
        "reload refused, the old configuration stays in force");
}

static void
run_reopen(admin_client_t *c, const admin_request_t *request)
{
    (void)request;
    ask_master(c, ION_OP_REOPEN, "cannot reopen the log file");
}

static void
run_stop(admin_client_t *c, const admin_request_t *request)
{
    (void)request;
    ask_master(c, ION_OP_STOP, "stop refused");
}

static void
run_quit(admin_client_t *c, const admin_request_t *request)
{
    (void)request;
    ask_master(c, ION_OP_QUIT, "quit refused");
}

static const admin_command_t commands[] = {
    { "status", NULL, run_status },
    { "stats", NULL, run_stats },
    { "version", NULL, run_version },
    { "derp list", NULL, run_derp_list },
    { "derp kick", "key", admin_kick_run_keeper },
    { "system get-derp-map", NULL, run_get_derp_map },
    { "reload", NULL, run_reload },
    { "reopen", NULL, run_reopen },
    { "stop", NULL, run_stop },
    { "quit", NULL, run_quit },
};

static void
refuse_unknown(admin_client_t *c, ion_str_t name)
{
    ion_errtext_t error;
    ion_sb_t known;

    ion_sb_init(&known, 4096);
    ion_sb_addz(&known, "known:");
    for (size_t i = 0; i < ION_ARRAY_LEN(commands); i++) {
        ion_sb_addf(&known, "%s %s", i == 0 ? "" : ",", commands[i].name);
    }
    ion_errtext_set(
        &error, "the daemon knows no command '%.*s'", ION_STR_ARG(name));
    admin_client_error_keeper(c, error.msg, known.failed ? "" : known.p);
    ion_sb_fini(&known);
}

/* A command takes the one argument that it names, and needs it. */
static bool
check_arguments(admin_client_t *c, const admin_command_t *command,
    const ion_doc_node_t *args)
{
    const char *want = command->argument;
    const ion_doc_node_t *given = NULL;
    ion_errtext_t error;

    if (args != NULL) {
        ION_DOC_FOREACH(arg, args)
        {
            if (want == NULL || !ion_str_eq(arg->key, ion_str_from(want))) {
                ion_errtext_set(&error, "'%s' takes no argument '%.*s'",
                    command->name, ION_STR_ARG(arg->key));
                admin_client_error_keeper(c, error.msg, "");
                return false;
            }
            given = arg;
        }
    }
    if (want != NULL && (given == NULL || given->kind != ION_DOC_STRING)) {
        ion_errtext_set(&error, "'%s' needs a text '%s'", command->name, want);
        admin_client_error_keeper(c, error.msg, "");
        return false;
    }
    return true;
}

void
admin_command_run_keeper(admin_client_t *c, const admin_request_t *request)
{
    for (size_t i = 0; i < ION_ARRAY_LEN(commands); i++) {
        if (!ion_str_eq(request->cmd, ion_str_from(commands[i].name))) {
            continue;
        }
        if (check_arguments(c, &commands[i], request->args)) {
            commands[i].run(c, request);
        }
        return;
    }
    refuse_unknown(c, request->cmd);
}

void
admin_command_forget_keeper(admin_client_t *c)
{
    ION_LIST_FOREACH(it, &c->keeper->ops) {
        admin_op_t *op = ION_CONTAINER_OF(it, admin_op_t, link);

        if (op->client == c) {
            op->client = NULL;
        }
    }
}

void
admin_command_leave_ops_keeper(admin_keeper_t *k)
{
    ION_LIST_FOREACH_SAFE(it, tmp, &k->ops) {
        ion_list_del(it);
    }
}
