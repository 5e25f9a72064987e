/*
 * test_conf_emit.c -- the effective text is the configuration: loading it
 * gives the same values and the same text; and the other outputs.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/json.h"
#include "lib/conf_rig.h"

typedef struct {
    uint64_t number;
    double share;
    ion_strings_t list;
    ion_strings_t none;
    const char *text;
} part_t;

static const ion_directive_t part_directives[] = {
    ION_D(UINT, "derp.send_queue", part_t, number, .def = "32", .min = 1,
        .max = 65536, .doc = "Packets queued."),
    ION_D(FLOAT, "derp.deep.er.share", part_t, share, .def = "0.25",
        .doc = "A share."),
    ION_D(LIST, "derp.deep.list", part_t, list, .doc = "Some texts."),
    ION_D(LIST, "none", part_t, none, .doc = "No texts."),
    ION_D(STRING, "derp.deep.text", part_t, text, .doc = "Any text."),
    ION_D_END,
};

static const ion_conf_table_t tables[] = { { "part", part_directives,
    sizeof(part_t), NULL } };

static const conf_rig_t fresh = {
    .env = { { "HOME", "/home/x" } }, .tables = tables, .table_count = 1
};

/* Load a text, then its effective text, and compare the two. */
static void
round_trip(const char *text)
{
    conf_rig_t one = fresh;
    conf_rig_t two = fresh;
    ion_sb_t first;
    ion_sb_t second;

    ion_sb_init(&first, 1 << 20);
    ion_sb_init(&second, 1 << 20);
    conf_rig_load(&one, text, NULL);
    assert_int_equal(one.rc, ION_OK);
    ion_conf_effective_text(one.conf, &first);
    assert_false(first.failed);
    two.env[0].name = NULL; /* nothing is taken from the environment */
    conf_rig_load_effective(&two, ion_sb_str(&first));
    assert_string_equal(conf_rig_notes(&two), "");
    assert_int_equal(two.rc, ION_OK);
    ion_conf_effective_text(two.conf, &second);
    assert_string_equal(second.p, first.p);
    ion_sb_reset(&first);
    ion_sb_reset(&second);
    ion_conf_effective_json(one.conf, &first);
    ion_conf_effective_json(two.conf, &second);
    assert_string_equal(second.p, first.p);
    ion_sb_fini(&first);
    ion_sb_fini(&second);
    conf_rig_done(&one);
    conf_rig_done(&two);
}

static void
test_round_trip(void **state)
{
    static const char *const texts[] = {
        "",
        "listen_addr: '127.0.0.1:0'\nstun_listen_addr: '[::1]:5'\n"
        "http_listen_addr: ':80'\nmetrics_listen_addr: ''\n",
        "public_addr: https://example.com:443\nhome: https://a/b\n"
        "stun_public_addr: 192.0.2.1:3478\nworkers: 7\nmax_workers: 9\n",
        "tls: {cert_file: rel/a.pem, key_file: \"/a 'b' \\\"c\\\"\"}\n"
        "user: 'yes'\ncontrol_group: '0900'\n",
        "worker_shutdown_timeout: 1h2m3s4ms\nfabric_memory: 3MiB\n"
        "sandbox: required\naccept_rate: 7\n",
        "logging: {level: error, format: json, file: /x}\n",
        "derp:\n  send_queue: 65536\n  deep:\n    er: {share: 1e-7}\n"
        "    list: ['', '#', 'a: b', '- c', '~', 'null', '1', '  d ', "
        "'{}', '\"', \"'\", '&x', '*y', '!z', '%', '@', '`', 'tab?']\n"
        "    text: 'caf\xc3\xa9 \xe2\x82\xac'\n"
        "  server: {region_name: ' lead', region_code: '1e3'}\n",
        "derp: {sources: [a], deep: {text: '$\\{X}'}}\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        round_trip(texts[i]);
    }
}

/* Substituted, merged, filled in: what is in force, sections nested. */
static void
test_text(void **state)
{
    conf_rig_t rig = fresh;
    ion_sb_t sb;

    (void)state;
    ion_sb_init(&sb, 1 << 20);
    rig.env[1] = (conf_rig_env_t){ "LEVEL", "warn" };
    conf_rig_load(&rig, "logging: {level: '${LEVEL}'}\nstate_dir: /s\n",
        "derp: {deep: {list: [x]}}\n");
    assert_int_equal(rig.rc, ION_OK);
    ion_conf_effective_text(rig.conf, &sb);
    assert_non_null(strstr(sb.p, "\nstate_dir: /s\n"));
    assert_non_null(strstr(sb.p, "logging:\n  level: warn\n"));
    assert_non_null(strstr(sb.p, "\nnone: []\n"));
    assert_non_null(strstr(sb.p, "derp:\n"
                                 "  mesh_key_file: \"\"\n"
                                 "  mesh_with: []\n"
                                 "  verify_client_urls: []\n"
                                 "  verify_fail_open: false\n"
                                 "  verify_cache: 10s\n"
                                 "  verify_clients: false\n"
                                 "  tailscaled_socket: "
                                 "/var/run/tailscale/tailscaled.sock\n"
                                 "  allow_file: \"\"\n"
                                 "  send_queue: 32\n"
                                 "  server:\n"
                                 "    disabled: false\n"
                                 "    region_id: 1000\n"
                                 "    region_code: ionscale\n"
                                 "    region_name: ionscale Embedded DERP\n"
                                 "  deep:\n"
                                 "    list:\n"
                                 "    - x\n"
                                 "    text: \"\"\n"
                                 "    er:\n"
                                 "      share: 0.25\n"));
    ion_sb_fini(&sb);
    conf_rig_done(&rig);
}

static void
test_json(void **state)
{
    conf_rig_t rig = fresh;
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    const ion_doc_node_t *derp;
    int64_t n = 0;
    ion_sb_t sb;

    (void)state;
    ion_sb_init(&sb, 1 << 20);
    conf_rig_load(&rig, NULL, NULL);
    ion_conf_effective_json(rig.conf, &sb);
    assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
    assert_int_equal(
        ion_json_parse(arena, ion_sb_str(&sb), NULL, &root, NULL), ION_OK);
    derp = ion_doc_get(root, "derp");
    assert_int_equal(
        ion_doc_i64(ion_doc_get(derp, "send_queue"), 0, 100, &n), ION_OK);
    assert_int_equal(n, 32);
    assert_string_equal(
        ion_doc_get(ion_doc_get(derp, "server"), "region_code")->text.p,
        "ionscale");
    assert_int_equal(ion_doc_get(root, "none")->kind, ION_DOC_LIST);
    ion_arena_free(&arena);
    ion_sb_fini(&sb);
    conf_rig_done(&rig);
}

static void
test_help(void **state)
{
    ion_sb_t sb;

    (void)state;
    ion_sb_init(&sb, 1 << 20);
    ion_conf_help(tables, 1, &sb);
    assert_false(sb.failed);
    assert_non_null(
        strstr(sb.p, "derp.send_queue: a number from 1 to 65536; default 32\n"
                     "  Packets queued.\n"));
    assert_non_null(
        strstr(sb.p, "workers: auto or a number from 1 to 64; default auto\n"));
    assert_non_null(
        strstr(sb.p, "  Obtain the certificate from an ACME authority.\n"
                     "  Comes with a later version; refused until then.\n"));
    ion_sb_fini(&sb);
}

/* A builder that is too small says so, and nothing is written beyond it. */
static void
test_too_small(void **state)
{
    conf_rig_t rig = fresh;
    ion_sb_t sb;

    (void)state;
    conf_rig_load(&rig, NULL, NULL);
    ion_sb_init(&sb, 100);
    ion_conf_effective_text(rig.conf, &sb);
    assert_true(sb.failed);
    ion_sb_fini(&sb);
    conf_rig_done(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_too_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
