/*
 * admin_kick_keeper.c -- `derp kick`: the connections of one key end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Which key was meant is looked up here, in the directory; the master tells
 * the workers; and the reply waits until the connections that were there when
 * the command came are no longer in the directory.  A client that connects
 * again is another connection.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/admin_keeper_int.h"
#include "admin/admin_reply.h"
#include "base/hex.h"
#include "proto/key_text.h"
#include "shm/dir.h"

enum {
    PREFIX_MIN = 8, /* hex digits that are enough to name a key */
    HEX_LEN = 64,
    KEYS_SHOWN = 4, /* of those a prefix fits */
    LOOK_MS = 10,
    PATIENCE_MS = 5000,
    LINES_MAX = 1024,
};

#define KEY_PREFIX ION_STR("nodekey:")

typedef struct admin_kick {
    ion_list_t link;
    admin_keeper_t *keeper; /* back */
    admin_client_t *client; /* NULL when it has left */
    ion_key_t key;
    ion_conn_id_t conns[ION_DIR_CONNS_PER_KEY];
    uint32_t count;
    ion_timer_t look;
    ion_mono_t give_up;
} admin_kick_t;

/* What a walk over the directory finds for a prefix. */
typedef struct found {
    ion_key_t keys[KEYS_SHOWN];
    uint32_t count;
    bool is_remote; /* there, but behind a mesh peer */
} found_t;

/* The hex digits of an argument; empty when it is no key and no prefix. */
static ion_str_t
digits_of(ion_str_t text)
{
    if (ion_str_has_prefix(text, KEY_PREFIX)) {
        text.p += KEY_PREFIX.len;
        text.len -= KEY_PREFIX.len;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("0123456789abcdefABCDEF", text.p[i]) == NULL) {
            return (ion_str_t){ NULL, 0 };
        }
    }
    if (text.len < PREFIX_MIN || text.len > HEX_LEN) {
        return (ion_str_t){ NULL, 0 };
    }
    return text;
}

static bool
fits(const ion_key_t *key, ion_str_t digits)
{
    char hex[HEX_LEN];

    ion_hex_encode(hex, key->b, sizeof(key->b));
    return ion_str_ieq((ion_str_t){ hex, digits.len }, digits);
}

static void
note_key(found_t *found, const ion_dir_row_t *row)
{
    if ((row->flags & ION_DIR_FORWARDER) != 0) {
        found->is_remote = true;
        return;
    }
    for (uint32_t i = 0; i < found->count; i++) {
        if (ion_key_eq(&found->keys[i], &row->key)) {
            return;
        }
    }
    if (found->count < KEYS_SHOWN) {
        found->keys[found->count++] = row->key;
    }
}

static void
find_keys(const ion_process_t *p, ion_str_t digits, found_t *found)
{
    ion_dir_row_t row;
    uint64_t pos = 0;

    *found = (found_t){ .count = 0 };
    while (ion_dir_next(p->shm, &pos, &row)) {
        if (fits(&row.key, digits)) {
            note_key(found, &row);
        }
    }
}

static void
find_connections(const ion_process_t *p, admin_kick_t *kick)
{
    ion_dir_row_t row;
    uint64_t pos = 0;

    while (kick->count < ION_DIR_CONNS_PER_KEY &&
           ion_dir_next(p->shm, &pos, &row)) {
        if (ion_key_eq(&row.key, &kick->key) &&
            (row.flags & ION_DIR_FORWARDER) == 0) {
            kick->conns[kick->count++] = row.conn;
        }
    }
}

static uint32_t
count_left(const admin_kick_t *kick)
{
    const ion_process_t *p = kick->keeper->process;
    ion_dir_row_t row;
    uint64_t pos = 0;
    uint32_t left = 0;

    while (ion_dir_next(p->shm, &pos, &row)) {
        for (uint32_t i = 0; i < kick->count; i++) {
            if (ion_conn_id_eq(row.conn, kick->conns[i])) {
                left++;
            }
        }
    }
    return left;
}

static void
end_kick(admin_kick_t *kick)
{
    ion_timer_cancel(kick->keeper->process->loop, &kick->look);
    ion_list_del(&kick->link);
    free(kick);
}

/* The end of it: error NULL means that all went well. */
static void
answer(admin_kick_t *kick, const char *error, const char *line)
{
    admin_client_t *c = kick->client;
    char key[ION_NODE_KEY_TEXT];
    ion_sb_t sb;
    ion_jw_t w;

    if (c != NULL && error != NULL) {
        admin_client_error_keeper(c, error, line);
    } else if (c != NULL) {
        ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
        admin_reply_begin(&w, &sb);
        ion_jw_object_begin(&w);
        ion_jw_key(&w, "key");
        ion_jw_strz(&w, ion_node_key_format(&kick->key, key));
        ion_jw_key(&w, "connections");
        ion_jw_u64(&w, kick->count);
        ion_jw_object_end(&w);
        admin_reply_end(&w);
        admin_client_reply_keeper(c, &sb);
        ion_sb_fini(&sb);
    }
    end_kick(kick);
    if (c != NULL) {
        admin_client_go_on_keeper(c);
    }
}

static void
look(admin_kick_t *kick)
{
    ion_loop_t *loop = kick->keeper->process->loop;
    ion_errtext_t error;
    uint32_t left = count_left(kick);

    if (left == 0) {
        answer(kick, NULL, "");
    } else if (ion_loop_now(loop) >= kick->give_up) {
        ion_errtext_set(&error,
            "all workers were told, but %u of %u connections are still there",
            left, kick->count);
        answer(kick, error.msg, "");
    } else {
        ion_timer_set(
            loop, &kick->look, ion_loop_now(loop) + ION_MS((uint64_t)LOOK_MS));
    }
}

static void
on_look(ion_timer_t *timer)
{
    look(ION_CONTAINER_OF(timer, admin_kick_t, look));
}

static void
on_told(void *arg, ion_err_t rc, const char *text)
{
    admin_kick_t *kick = arg;
    ion_loop_t *loop = kick->keeper->process->loop;

    if (rc != ION_OK) {
        answer(kick, "the master process went away", text);
        return;
    }
    kick->give_up = ion_loop_now(loop) + ION_MS((uint64_t)PATIENCE_MS);
    look(kick);
}

static void
refuse(admin_client_t *c, ion_str_t arg, const found_t *found)
{
    ion_errtext_t error;
    ion_sb_t lines;

    ion_sb_init(&lines, LINES_MAX);
    if (found->count > 0) {
        ion_errtext_set(&error,
            "more than one client has a key that begins with %.*s",
            ION_STR_ARG(arg));
        for (uint32_t i = 0; i < found->count; i++) {
            char key[ION_NODE_KEY_TEXT];

            ion_sb_addf(
                &lines, "%s\n", ion_node_key_format(&found->keys[i], key));
        }
    } else if (found->is_remote) {
        ion_errtext_set(&error,
            "the client with the key %.*s is connected to a mesh peer",
            ION_STR_ARG(arg));
        ion_sb_addz(&lines, "kick it there");
    } else {
        ion_errtext_set(&error, "no client with the key %.*s is connected",
            ION_STR_ARG(arg));
    }
    admin_client_error_keeper(c, error.msg, lines.failed ? "" : lines.p);
    ion_sb_fini(&lines);
}

static void
begin(admin_client_t *c, const ion_key_t *key)
{
    admin_keeper_t *k = c->keeper;
    admin_kick_t *kick = calloc(1, sizeof(*kick));
    ion_err_t rc = ION_NOMEM;

    if (kick != NULL) {
        kick->keeper = k;
        kick->client = c;
        kick->key = *key;
        ion_timer_init(&kick->look, on_look);
        ion_list_add_tail(&k->kicks, &kick->link);
        find_connections(k->process, kick);
        rc = k->process->kick(k->process, key->b, on_told, kick);
        if (rc != ION_OK) {
            end_kick(kick);
        }
    }
    if (rc != ION_OK) {
        admin_client_error_keeper(
            c, "cannot ask the master process", ion_strerror(rc));
    }
}

void
admin_kick_run_keeper(admin_client_t *c, const admin_request_t *request)
{
    const ion_doc_node_t *arg = ion_doc_get(request->args, "key");
    ion_str_t text = arg == NULL ? ION_STR("") : arg->text;
    ion_str_t digits = digits_of(text);
    found_t found;

    c->state = ADMIN_CLIENT_WAITING;
    if (digits.p == NULL) {
        admin_client_error_keeper(c, "not a client's key",
            "right is nodekey: and 64 hexadecimal digits, or the first 8 or "
            "more of them");
        return;
    }
    find_keys(c->keeper->process, digits, &found);
    if (found.count != 1) {
        refuse(c, text, &found);
        return;
    }
    begin(c, &found.keys[0]);
}

void
admin_kick_forget_keeper(admin_client_t *c)
{
    ION_LIST_FOREACH(it, &c->keeper->kicks) {
        admin_kick_t *kick = ION_CONTAINER_OF(it, admin_kick_t, link);

        if (kick->client == c) {
            kick->client = NULL;
        }
    }
}

void
admin_kick_stop_keeper(admin_keeper_t *k)
{
    ION_LIST_FOREACH_SAFE(it, tmp, &k->kicks) {
        end_kick(ION_CONTAINER_OF(it, admin_kick_t, link));
    }
}
