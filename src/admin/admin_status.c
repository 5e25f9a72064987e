/*
 * admin_status.c -- what `ionscale status` shows.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "admin/admin_status.h"

#include <stdio.h>
#include <string.h>

#include "admin/admin_counters.h"
#include "admin/admin_stats.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/clock.h"
#include "core/settings.h"
#include "doc/emit_tree.h"
#include "doc/json.h"
#include "os/sandbox.h"
#include "shm/links.h"
#include "shm/slots.h"

enum {
    FACTS_ARENA = 262144,
    CONF_TEXT_MAX = 524288,
};

const char *
admin_status_role_word(ion_slot_role_t role)
{
    switch (role) {
    case ION_SLOT_NONE:
        return "none";
    case ION_SLOT_MASTER:
        return "master";
    case ION_SLOT_WORKER:
        return "worker";
    case ION_SLOT_KEEPER:
        return "keeper";
    case ION_SLOT_COURIER:
        return "courier";
    }
    return "unknown"; /* read while the master was changing it */
}

static const char *
state_word(ion_slot_state_t state)
{
    switch (state) {
    case ION_SLOT_FREE:
        return "free";
    case ION_SLOT_STARTING:
        return "starting";
    case ION_SLOT_LIVE:
        return "live";
    case ION_SLOT_DRAINING:
        return "draining";
    case ION_SLOT_DEAD:
        return "dead";
    }
    return "unknown";
}

static const char *
sandbox_word(uint32_t in_force)
{
    if ((in_force & ION_SANDBOXED_LOG) != 0) {
        return "log";
    }
    switch (in_force & (ION_SANDBOXED_SECCOMP | ION_SANDBOXED_LANDLOCK)) {
    case ION_SANDBOXED_SECCOMP:
        return "seccomp";
    case ION_SANDBOXED_LANDLOCK:
        return "landlock";
    case 0:
        return "none";
    default:
        return "full";
    }
}

static void
write_process(const ion_process_t *p, uint32_t slot,
    const ion_slot_info_t *info, ion_jw_t *w)
{
    ion_jw_object_begin(w);
    ion_jw_key(w, "role");
    ion_jw_strz(w, admin_status_role_word(info->role));
    ion_jw_key(w, "slot");
    ion_jw_u64(w, slot);
    ion_jw_key(w, "index");
    ion_jw_u64(w, info->index);
    ion_jw_key(w, "pid");
    ion_jw_i64(w, info->pid);
    ion_jw_key(w, "state");
    ion_jw_strz(w, state_word(info->state));
    ion_jw_key(w, "sandbox");
    ion_jw_strz(w, sandbox_word(ion_slots_sandbox(p->shm, slot)));
    ion_jw_key(w, "clients");
    ion_jw_u64(w, admin_counter_of_slot(p, "derp_current_connections", slot));
    ion_jw_key(w, "started");
    ion_jw_u64(w, info->started_ms / 1000);
    ion_jw_object_end(w);
}

/* the master first, then workers by slot, then keeper and courier */
static void
write_processes(const ion_process_t *p, ion_jw_t *w)
{
    const uint32_t singles[] = { ion_shm_keeper_slot(p->shm),
        ion_shm_courier_slot(p->shm) };
    uint32_t workers = ion_shm_worker_slots(p->shm);
    ion_slot_info_t info;

    ion_jw_array_begin(w);
    ion_slots_get(p->shm, ion_shm_master_slot(p->shm), &info);
    write_process(p, ion_shm_master_slot(p->shm), &info, w);
    for (uint32_t slot = 0; slot < workers; slot++) {
        ion_slots_get(p->shm, slot, &info);
        if (info.state != ION_SLOT_FREE) {
            write_process(p, slot, &info, w);
        }
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(singles); i++) {
        ion_slots_get(p->shm, singles[i], &info);
        if (info.state != ION_SLOT_FREE) {
            write_process(p, singles[i], &info, w);
        }
    }
    ion_jw_array_end(w);
}

/* every worker index has its socket; people want to see the address once */
static bool
is_shown_before(const ion_cycle_t *cycle, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (cycle->sockets[i].kind == cycle->sockets[n].kind &&
            strcmp(cycle->sockets[i].name, cycle->sockets[n].name) == 0 &&
            ion_addr_eq(&cycle->sockets[i].addr, &cycle->sockets[n].addr))
        {
            return true;
        }
    }
    return false;
}

static void
write_listeners(const ion_cycle_t *cycle, ion_jw_t *w)
{
    ion_jw_array_begin(w);
    for (size_t i = 0; i < cycle->socket_count; i++) {
        const ion_socket_t *s = &cycle->sockets[i];
        char text[ION_ADDR_TEXT_MAX];

        if (s->kind == ION_SOCKET_UNIX || is_shown_before(cycle, i)) {
            continue;
        }
        ion_jw_object_begin(w);
        ion_jw_key(w, "name");
        ion_jw_strz(w, s->name);
        ion_jw_key(w, "proto");
        ion_jw_strz(w, s->kind == ION_SOCKET_UDP ? "udp" : "tcp");
        ion_jw_key(w, "address");
        ion_jw_strz(w, ion_addr_format(&s->addr, text));
        ion_jw_key(w, "port");
        ion_jw_u64(w, s->addr.port);
        ion_jw_object_end(w);
    }
    ion_jw_array_end(w);
}

static const char *
link_word(ion_link_state_t state)
{
    switch (state) {
    case ION_LINK_NONE:
        return "none";
    case ION_LINK_WAITING:
        return "waiting";
    case ION_LINK_DIALLING:
        return "dialling";
    case ION_LINK_LOGIN:
        return "login";
    case ION_LINK_UP:
        return "up";
    case ION_LINK_SELF:
        return "self";
    }
    return "unknown"; /* whatever the worker wrote */
}

static void
write_link(uint32_t worker, const ion_link_row_t *row, ion_jw_t *w)
{
    ion_jw_object_begin(w);
    ion_jw_key(w, "target");
    ion_jw_strz(w, row->target);
    ion_jw_key(w, "state");
    ion_jw_strz(w, link_word(row->state));
    ion_jw_key(w, "keys");
    ion_jw_u64(w, row->keys);
    ion_jw_key(w, "packets");
    ion_jw_u64(w, row->packets);
    ion_jw_key(w, "since");
    ion_jw_u64(w, row->since_ms / 1000);
    ion_jw_key(w, "error");
    ion_jw_strz(w, row->why);
    ion_jw_key(w, "worker");
    ion_jw_u64(w, worker);
    ion_jw_object_end(w);
}

/* while they change hands a link may be there twice */
static void
write_mesh(const ion_process_t *p, ion_jw_t *w)
{
    ion_slot_info_t info;
    ion_link_row_t row;

    ion_jw_array_begin(w);
    for (uint32_t slot = 0; slot < ion_shm_worker_slots(p->shm); slot++) {
        ion_slots_get(p->shm, slot, &info);
        if (info.state != ION_SLOT_LIVE && info.state != ION_SLOT_DRAINING) {
            continue;
        }
        for (uint32_t n = 0; n < ION_LINKS_MAX; n++) {
            if (ion_links_get(p->shm, slot, n, &row)) {
                write_link(info.index, &row, w);
            }
        }
    }
    ion_jw_array_end(w);
}

static void
write_facts(const ion_cycle_t *cycle, ion_jw_t *w)
{
    static const char *const keys[] = { "config_file", "control_socket",
        "state_dir", "public_key", "certificate" };
    const ion_blob_t *blob = ion_cycle_blob(cycle, "facts");
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;

    if (blob != NULL && ion_arena_new(FACTS_ARENA, &arena) == ION_OK) {
        ion_str_t text = { (const char *)blob->p, blob->len };

        if (ion_json_parse(arena, text, NULL, &root, NULL) != ION_OK) {
            root = NULL;
        }
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(keys); i++) {
        ion_jw_key(w, keys[i]);
        ion_jw_node(w, ion_doc_get(root, keys[i]));
    }
    ion_arena_free(&arena);
}

/* Who decides about clients; an empty list: nobody. */
static void
write_admission(const ion_settings_t *s, ion_jw_t *w)
{
    ion_jw_key(w, "admission");
    ion_jw_array_begin(w);
    if (s->allow_file[0] != '\0') {
        ion_jw_strz(w, "allow_file");
    }
    if (s->verify_clients) {
        ion_jw_strz(w, "tailscaled");
    }
    if (s->verify_client_urls.n > 0) {
        ion_jw_strz(w, "verify_client_urls");
    }
    ion_jw_array_end(w);
}

static void
write_configuration(const ion_cycle_t *cycle, ion_jw_t *w)
{
    ion_sb_t sb;

    ion_jw_key(w, "configuration");
    ion_sb_init(&sb, CONF_TEXT_MAX);
    ion_conf_effective_json(cycle->conf, &sb);
    if (sb.failed) {
        ion_jw_null(w);
    } else {
        ion_jw_raw(w, ion_sb_str(&sb));
    }
    ion_sb_fini(&sb);
}

static void
write_counter(void *arg, const admin_counter_t *c)
{
    ion_jw_t *w = arg;
    char name[256];

    if (c->labels != NULL) {
        (void)snprintf(name, sizeof(name), "%s{%s}", c->name, c->labels);
        ion_jw_key(w, name);
    } else {
        ion_jw_key(w, c->name);
    }
    admin_stats_value(c, w);
}

void
admin_status_write(const ion_process_t *p, ion_jw_t *w)
{
    uint64_t now = ion_wall_now_ms();
    ion_slot_info_t master;

    ion_slots_get(p->shm, ion_shm_master_slot(p->shm), &master);
    ion_jw_object_begin(w);
    ion_jw_key(w, "version");
    ion_jw_strz(w, ION_VERSION_TEXT);
    ion_jw_key(w, "pid");
    ion_jw_i64(w, master.pid);
    ion_jw_key(w, "uptime_seconds");
    ion_jw_u64(
        w, now > p->started_wall_ms ? (now - p->started_wall_ms) / 1000 : 0);
    ion_jw_key(w, "generation");
    ion_jw_u64(w, p->cycle->generation);
    write_facts(p->cycle, w);
    write_admission(ion_cycle_settings(p->cycle), w);
    ion_jw_key(w, "processes");
    write_processes(p, w);
    ion_jw_key(w, "listeners");
    write_listeners(p->cycle, w);
    ion_jw_key(w, "mesh");
    write_mesh(p, w);
    write_configuration(p->cycle, w);
    ion_jw_key(w, "counters");
    ion_jw_object_begin(w);
    admin_counters_walk(p, write_counter, w);
    ion_jw_object_end(w);
    ion_jw_object_end(w);
}
