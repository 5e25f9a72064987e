/*
 * test_admin_status.c -- status, counters and rows, from shared memory.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/stat.h>

#include "unit/admin/admin_world.h"

#include "admin/admin_list.h"
#include "admin/admin_prom.h"
#include "admin/admin_stats.h"
#include "admin/admin_status.h"
#include "core/process_stats.h"
#include "doc/json.h"
#include "os/sandbox.h"
#include "shm/links.h"
#include "shm/slots.h"

static void
register_client(world_t *w, size_t worker, uint8_t key, uint32_t flags)
{
    ion_dir_new_t in = { .flags = flags, .connected_ms = 1700000000000 };
    ion_dir_reg_t out;

    memset(in.key.b, key, sizeof(in.key.b));
    assert_int_equal(
        ion_addr_parse(ION_STR("192.0.2.1:41641"), &in.addr), ION_OK);
    assert_int_equal(ion_dir_register(w->workers[worker], &in, &out), ION_OK);
}

/* the value of a path such as "processes/1/role", as text */
static ion_str_t
look(const ion_doc_node_t *node, const char *path)
{
    ion_str_t rest = ion_str_from(path);
    ion_str_t part;

    while (ion_str_split(&rest, '/', &part)) {
        char key[128];

        (void)snprintf(key, sizeof(key), "%.*s", ION_STR_ARG(part));
        assert_non_null(node);
        node = node->kind == ION_DOC_LIST
                   ? ion_doc_at(node, (size_t)strtoul(key, NULL, 10))
                   : ion_doc_get(node, key);
    }
    if (node == NULL) {
        return ION_STR("(none)");
    }
    return node->kind == ION_DOC_NULL ? ION_STR("null") : node->text;
}

static void
check(const ion_doc_node_t *root, const char *path, const char *want)
{
    ion_str_t got = look(root, path);

    if (!ion_str_eq(got, ion_str_from(want))) {
        fail_msg("%s: %.*s instead of %s", path, ION_STR_ARG(got), want);
    }
}

static ion_doc_node_t *
status_of(world_t *w, ion_arena_t *arena, ion_sb_t *sb)
{
    ion_doc_node_t *root;
    ion_jw_t jw;

    ion_jw_init(&jw, sb, 0);
    admin_status_write(&w->p, &jw);
    assert_false(sb->failed);
    assert_int_equal(
        ion_json_parse(arena, ion_sb_str(sb), NULL, &root, NULL), ION_OK);
    return root;
}

static void
count(world_t *w, size_t worker, size_t idx, uint64_t n)
{
    ion_stat_add(
        ion_stats_own(w->workers[worker]), ion_module_stat_base(1) + idx, n);
}

static void
test_status(void **state)
{
    world_t w;
    ion_arena_t *arena;
    ion_sb_t sb;
    ion_doc_node_t *s;

    (void)state;
    world_open(&w, "");
    register_client(&w, 0, 1, 0);
    register_client(&w, 1, 1, 0);
    register_client(&w, 1, 2, 0);
    count(&w, 0, 0, 1);
    count(&w, 1, 0, 2);
    count(&w, 0, 1, 40);
    count(&w, 1, 1, 2);
    count(&w, 0, 3, 10);
    count(&w, 1, 3, 20);
    ion_links_set(w.workers[1], 3,
        &(ion_link_row_t){ ION_LINK_UP, 9000, 5, 6, "r2", "was \"lost\"" });
    ion_links_set(w.workers[1], 4,
        &(ion_link_row_t){ (ion_link_state_t)99, 0, 0, 0, "x", "" });
    assert_int_equal(ion_arena_new(1 << 22, &arena), ION_OK);
    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    s = status_of(&w, arena, &sb);
    check(s, "version", ION_VERSION_TEXT);
    check(s, "mesh/0/target", "r2");
    check(s, "mesh/0/state", "up");
    check(s, "mesh/0/since", "9");
    check(s, "mesh/0/keys", "5");
    check(s, "mesh/0/packets", "6");
    check(s, "mesh/0/error", "was \"lost\"");
    check(s, "mesh/0/worker", "1");
    check(s, "mesh/1/state", "unknown");
    check(s, "mesh/2", "(none)");
    check(s, "generation", "7");
    check(s, "config_file", "null");
    check(s, "state_dir", "/s");
    check(s, "control_socket", "/c");
    check(s, "public_key", "nodekey:00");
    check(s, "certificate/source", "files");
    check(s, "processes/0/role", "master");
    check(s, "processes/1/role", "worker");
    check(s, "processes/1/clients", "1");
    check(s, "processes/1/pid", "1000");
    check(s, "processes/1/state", "live");
    check(s, "processes/2/index", "1");
    check(s, "processes/2/clients", "2");
    check(s, "processes/3", "(none)");
    check(s, "listeners/0/name", "listen_addr");
    check(s, "listeners/0/proto", "tcp");
    check(s, "listeners/0/address", "127.0.0.1:4433");
    check(s, "listeners/0/port", "4433");
    check(s, "listeners/1/name", "stun_listen_addr");
    check(s, "listeners/1/proto", "udp");
    check(s, "listeners/2", "(none)");
    check(s, "configuration/state_dir", w.dir);
    check(s, "counters/derp_current_connections", "3");
    check(s, "counters/world_drops{kind=\"a\"}", "42");
    check(s, "counters/world_drops{kind=\"b\"}", "0");
    check(s, "counters/world_average", "15");
    check(s, "counters/derp_clients_total", "2");
    check(s, "counters/derp_clients_local", "2");
    check(s, "counters/derp_clients_remote", "0");
    check(s, "counters/derp_current_dup_client_keys", "1");
    check(s, "counters/derp_current_dup_client_conns", "2");
    check(s, "counters/ionscale_reloads{outcome=\"ok\"}", "0");
    ion_sb_fini(&sb);
    ion_arena_free(&arena);
    world_close(&w);
}

static void
test_sandbox_words(void **state)
{
    static const struct {
        uint32_t in_force;
        const char *word;
    } cases[] = {
        { ION_SANDBOXED_SECCOMP | ION_SANDBOXED_LANDLOCK, "full" },
        { ION_SANDBOXED_SECCOMP, "seccomp" },
        { ION_SANDBOXED_LANDLOCK, "landlock" },
        { ION_SANDBOXED_SECCOMP | ION_SANDBOXED_LOG, "log" },
        { 0, "none" },
    };
    world_t w;
    ion_sb_t sb;

    (void)state;
    world_open(&w, "");
    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_arena_t *arena;
        ion_doc_node_t *s;

        assert_int_equal(ion_arena_new(1 << 22, &arena), ION_OK);
        ion_slots_set_sandbox(w.workers[0], cases[i].in_force);
        ion_sb_reset(&sb);
        s = status_of(&w, arena, &sb);
        check(s, "processes/0/sandbox", "none");
        check(s, "processes/1/sandbox", cases[i].word);
        check(s, "processes/2/sandbox", "none");
        ion_arena_free(&arena);
    }
    ion_sb_fini(&sb);
    world_close(&w);
}

static void
test_status_without_facts(void **state)
{
    world_t w;
    ion_arena_t *arena;
    ion_sb_t sb;
    ion_doc_node_t *s;

    (void)state;
    world_open(&w, "");
    assert_int_equal(ion_arena_new(1 << 22, &arena), ION_OK);
    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    w.blobs[0].len = 1; /* not JSON */
    s = status_of(&w, arena, &sb);
    check(s, "public_key", "null");
    check(s, "certificate", "null");
    check(s, "generation", "7");
    ion_sb_reset(&sb);
    w.cycle.blob_count = 0;
    s = status_of(&w, arena, &sb);
    check(s, "public_key", "null");
    ion_sb_fini(&sb);
    ion_arena_free(&arena);
    world_close(&w);
}

static void
test_prometheus_text(void **state)
{
    static const char *const wanted[] = {
        "# HELP derp_current_connections Clients.\n"
        "# TYPE derp_current_connections gauge\n"
        "derp_current_connections 0\n",
        "# HELP world_drops Drops.\n"
        "# TYPE world_drops counter\n"
        "world_drops{kind=\"a\"} 7\n"
        "world_drops{kind=\"b\"} 0\n"
        "# HELP world_average An average.\n"
        "# TYPE world_average untyped\n"
        "world_average 0\n",
        "# TYPE derp_clients_total gauge\nderp_clients_total 1\n",
        "version{version=\"" ION_VERSION_TEXT "\"} 1\n",
    };
    world_t w;
    ion_sb_t sb;

    (void)state;
    world_open(&w, "");
    register_client(&w, 0, 1, 0);
    count(&w, 1, 1, 7);
    ion_sb_init(&sb, ADMIN_PROM_MAX);
    admin_prom_write(&w.p, &sb);
    assert_false(sb.failed);
    for (size_t i = 0; i < ION_ARRAY_LEN(wanted); i++) {
        if (strstr(sb.p, wanted[i]) == NULL) {
            fail_msg("not there: %s", wanted[i]);
        }
    }
    assert_int_equal(sb.p[sb.len - 1], '\n');
    ion_sb_fini(&sb);
    world_close(&w);
}

static ion_doc_node_t *
stats_of(world_t *w, ion_arena_t *arena, ion_sb_t *sb)
{
    ion_doc_node_t *root;
    ion_jw_t jw;

    ion_sb_reset(sb);
    ion_jw_init(&jw, sb, 0);
    admin_stats_write(&w->p, &jw);
    assert_false(sb->failed);
    assert_int_equal(
        ion_json_parse(arena, ion_sb_str(sb), NULL, &root, NULL), ION_OK);
    return root;
}

static const ion_doc_node_t *
metric_of(const ion_doc_node_t *stats, const char *name)
{
    ION_DOC_FOREACH(metric, ion_doc_get(stats, "metrics"))
    {
        if (ion_str_eq(look(metric, "name"), ion_str_from(name))) {
            return metric;
        }
    }
    fail_msg("no metric %s", name);
    return NULL;
}

static void
test_stats(void **state)
{
    world_t w;
    ion_arena_t *arena;
    const ion_doc_node_t *stats;
    const ion_doc_node_t *m;
    ion_sb_t sb;

    (void)state;
    world_open(&w, "");
    count(&w, 0, 1, 3);
    count(&w, 1, 2, 4);
    assert_int_equal(ion_arena_new(1 << 22, &arena), ION_OK);
    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    stats = stats_of(&w, arena, &sb);
    m = metric_of(stats, "world_drops");
    check(m, "type", "counter");
    check(m, "help", "Drops.");
    check(m, "values/0/labels/kind", "a");
    check(m, "values/0/value", "3");
    check(m, "values/1/labels/kind", "b");
    check(m, "values/1/value", "4");
    check(m, "values/2", "(none)");
    m = metric_of(stats, "derp_current_connections");
    check(m, "values/0/labels", "(none)");
    check(m, "values/1", "(none)");
    ion_sb_fini(&sb);
    ion_arena_free(&arena);
    world_close(&w);
}

/* what a process uses, by its name; those that drain have one of their own */
static void
test_usage(void **state)
{
    world_t w;
    ion_arena_t *arena;
    const ion_doc_node_t *m;
    ion_sb_t sb;

    (void)state;
    world_open(&w, "");
    for (size_t i = 0; i < 2; i++) {
        ion_stat_set(ion_stats_own(w.workers[i]),
            ION_PROCESS_STAT_BASE + ION_PROCESS_CPU, 1500000 * (i + 1));
        ion_stat_set(ion_stats_own(w.workers[i]),
            ION_PROCESS_STAT_BASE + ION_PROCESS_OPEN_FDS, 20 * (i + 1));
    }
    ion_slots_set_state(w.shm, w.slots[1], ION_SLOT_DRAINING);
    assert_int_equal(ion_arena_new(1 << 22, &arena), ION_OK);
    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    m = metric_of(stats_of(&w, arena, &sb), "ionscale_process_cpu_seconds");
    check(m, "type", "counter");
    check(m, "values/0/labels/process", "worker0");
    check(m, "values/0/value", "1.5");
    check(m, "values/1/labels/process", "worker1-draining");
    check(m, "values/1/value", "3");
    check(m, "values/2/labels/process", "master");
    check(m, "values/2/value", "0");
    check(m, "values/3", "(none)");
    m = metric_of(stats_of(&w, arena, &sb), "derp_current_file_descriptors");
    check(m, "values/0/value", "60");
    ion_sb_reset(&sb);
    admin_prom_write(&w.p, &sb);
    assert_non_null(strstr(
        sb.p, "ionscale_process_cpu_seconds{process=\"worker0\"} 1.500000\n"));
    ion_sb_fini(&sb);
    ion_arena_free(&arena);
    world_close(&w);
}

static void
test_rows(void **state)
{
    world_t w;
    ion_arena_t *arena;
    ion_doc_node_t *rows;
    ion_sb_t sb;
    ion_jw_t jw;
    uint64_t cursor = 0;

    (void)state;
    world_open(&w, "");
    register_client(
        &w, 1, 0xab, ION_DIR_PROBER | ION_DIR_NOT_IDEAL | ION_DIR_PREFERRED);
    assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    ion_jw_init(&jw, &sb, 0);
    assert_false(admin_list_write(&w.p, &cursor, &jw));
    assert_int_equal(
        ion_json_parse(arena, ion_sb_str(&sb), NULL, &rows, NULL), ION_OK);
    assert_int_equal(rows->count, 1);
    check(rows, "0/key",
        "nodekey:ababababababababababababababababababababababababababababababab"
        "ab");
    check(rows, "0/worker", "1");
    check(rows, "0/pid", "1001");
    check(rows, "0/address", "192.0.2.1:41641");
    check(rows, "0/connected_at", "1700000000");
    check(rows, "0/active", "true");
    check(rows, "0/flags/0", "prober");
    check(rows, "0/flags/1", "not_ideal");
    check(rows, "0/flags/2", "preferred");
    check(rows, "0/flags/3", "(none)");
    check(rows, "0/packets_received", "0");
    check(rows, "0/drops", "0");
    ion_sb_fini(&sb);
    ion_arena_free(&arena);
    world_close(&w);
}

/* the largest row times the rows of a piece fits a frame */
static void
test_a_piece_fits_a_frame(void **state)
{
    world_t w;
    ion_sb_t sb;
    ion_jw_t jw;
    uint64_t cursor = 0;

    (void)state;
    world_open(&w, "");
    for (unsigned i = 0; i < ADMIN_LIST_ROWS; i++) {
        ion_dir_new_t in = { .flags = ~(uint32_t)ION_DIR_DUP,
            .connected_ms = UINT64_MAX };
        ion_dir_traffic_t traffic = { UINT64_MAX, UINT64_MAX, UINT64_MAX,
            UINT64_MAX, UINT32_MAX };
        ion_dir_reg_t out;

        memcpy(in.key.b, &i, sizeof(i));
        in.key.b[31] = 1;
        assert_int_equal(
            ion_addr_parse(ION_STR("[2001:db8:1111:2222:3333:4444:5555:6666]"
                                   ":65535"),
                &in.addr),
            ION_OK);
        assert_int_equal(ion_dir_register(w.workers[1], &in, &out), ION_OK);
        ion_dir_set_traffic(w.workers[1], &out.entry, &traffic);
    }
    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    ion_jw_init(&jw, &sb, 0);
    (void)admin_list_write(&w.p, &cursor, &jw);
    assert_false(sb.failed);
    ion_sb_fini(&sb);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_sandbox_words),
        cmocka_unit_test(test_status_without_facts),
        cmocka_unit_test(test_prometheus_text),
        cmocka_unit_test(test_stats),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_a_piece_fits_a_frame),
    };

    return cmocka_run_group_tests_name("admin_status", tests, NULL, NULL);
}
