/*
 * test_conf.c -- loading: types, defaults, bounds, merging, and every kind of
 * complaint with its place.
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/conf_rig.h"

typedef struct {
    bool flag;
    uint64_t count;
    uint64_t size;
    int64_t wait_ms;
    int64_t bare_ms;
    double share;
    int mode;
    const char *text;
    const char *path;
    ion_listen_t listen;
    ion_strings_t list;
} box_t;

static const ion_conf_word_t modes[] = {
    { "slow", 1 },
    { "fast", 2 },
    { .word = NULL },
};

static const ion_conf_word_t none_word[] = {
    { "none", 0 },
    { .word = NULL },
};

static const ion_directive_t box_directives[] = {
    ION_D(BOOL, "box.flag", box_t, flag, .def = "true", .doc = "d"),
    ION_D(UINT, "box.count", box_t, count, .def = "none", .min = 2, .max = 9,
        .words = none_word, .doc = "d"),
    ION_D(SIZE, "box.size", box_t, size, .def = "1KiB", .min = 512,
        .zero_ok = true, .doc = "d"),
    ION_D(MSEC, "box.wait", box_t, wait_ms, .def = "2s", .min = 100,
        .max = 60000, .doc = "d"),
    ION_D(MSEC, "box.inner.bare", box_t, bare_ms, .def = "0", .bare_ns = true,
        .doc = "d"),
    ION_D(FLOAT, "box.share", box_t, share, .def = "0.5", .max = 1, .doc = "d"),
    ION_D(ENUM, "box.mode", box_t, mode, .def = "slow", .words = modes,
        .doc = "d"),
    ION_D(STRING, "box.text", box_t, text, .doc = "d"),
    ION_D(PATH, "box.path", box_t, path, .doc = "d"),
    ION_D(LISTEN, "box.inner.listen", box_t, listen, .doc = "d"),
    ION_D(LIST, "box.list", box_t, list, .doc = "d"),
    ION_D_END,
};

static ion_err_t
check_box(const void *conf, const ion_settings_t *settings, ion_errtext_t *why)
{
    const box_t *b = conf;

    (void)settings;
    if (b->count == 7) {
        ion_errtext_set(why, "box.count: 7 does not go with box.size");
        return ION_MALF;
    }
    if (b->count == 8) {
        ion_errtext_set(why, "eight is too many");
        return ION_MALF;
    }
    return ION_OK;
}

static const ion_conf_table_t tables[] = {
    { .name = "empty" },
    { "box", box_directives, sizeof(box_t), check_box },
};

static conf_rig_t
rig_with_box(void)
{
    return (conf_rig_t){ .tables = tables, .table_count = 2 };
}

static void
test_defaults(void **state)
{
    conf_rig_t rig = rig_with_box();
    const box_t *b;
    char where[64];

    (void)state;
    conf_rig_load(&rig, NULL, NULL);
    assert_int_equal(rig.rc, ION_OK);
    assert_int_equal(ion_conf_notes_count(rig.notes), 0);
    assert_null(ion_conf_module(rig.conf, 0));
    assert_null(ion_conf_module(rig.conf, 2));
    assert_null(ion_conf_file(rig.conf));
    b = ion_conf_module(rig.conf, 1);
    assert_true(b->flag);
    assert_int_equal(b->count, 0);
    assert_int_equal(b->size, 1024);
    assert_int_equal(b->wait_ms, 2000);
    assert_int_equal(b->bare_ms, 0);
    assert_true(b->share > 0.49 && b->share < 0.51);
    assert_int_equal(b->mode, 1);
    assert_string_equal(b->text, "");
    assert_string_equal(b->path, "");
    assert_false(b->listen.on);
    assert_int_equal(b->list.n, 0);
    assert_string_equal(
        ion_conf_where(rig.conf, "box.flag", where, sizeof(where)), "");
    conf_rig_done(&rig);
}

static void
test_values(void **state)
{
    conf_rig_t rig = rig_with_box();
    const box_t *b;
    char where[128];
    char expected[128];

    (void)state;
    conf_rig_load(&rig,
        "BOX:\n"
        "  Flag: no\n"
        "  count: '9'\n"
        "  size: 0\n"
        "  wait: 1m\n"
        "  inner: {bare: 60000000000, LISTEN: '[::1]:80'}\n"
        "  share: 1\n"
        "  mode: FAST\n"
        "  text: 0123 # kept as written\n"
        "  path: /a/b\n"
        "  list:\n"
        "    - one\n"
        "    - 2\n"
        "    - \"\"\n",
        NULL);
    assert_string_equal(conf_rig_notes(&rig), "");
    b = ion_conf_module(rig.conf, 1);
    assert_false(b->flag);
    assert_int_equal(b->count, 9);
    assert_int_equal(b->size, 0);
    assert_int_equal(b->wait_ms, 60000);
    assert_int_equal(b->bare_ms, 60000);
    assert_true(b->share > 0.99);
    assert_int_equal(b->mode, 2);
    assert_string_equal(b->text, "0123");
    assert_string_equal(b->path, "/a/b");
    assert_true(b->listen.on);
    assert_int_equal(b->listen.addr.family, 6);
    assert_int_equal(b->listen.addr.port, 80);
    assert_int_equal(b->list.n, 3);
    assert_string_equal(b->list.v[0], "one");
    assert_string_equal(b->list.v[1], "2");
    assert_string_equal(b->list.v[2], "");
    assert_string_equal(ion_conf_file(rig.conf), rig.file);
    (void)snprintf(expected, sizeof(expected), "%s:8:9", rig.file);
    assert_string_equal(
        ion_conf_where(rig.conf, "box.mode", where, sizeof(where)), expected);
    (void)snprintf(expected, sizeof(expected), "%s:11:3", rig.file);
    assert_string_equal(
        ion_conf_where(rig.conf, "box.list", where, sizeof(where)), expected);
    conf_rig_done(&rig);
}

/* One bad value a line: what is said about it. */
static const struct {
    const char *line;
    const char *note;
} bad_values[] = {
    { "flag: maybe", "box.flag: \"maybe\" is not allowed, true or false is "
                     "needed" },
    { "flag: 1", "box.flag: \"1\" is not allowed, true or false is "
                 "needed" },
    { "count: 10", "box.count: \"10\" is not allowed, none or a number "
                   "from 2 to 9 is needed" },
    { "count: 0", "box.count: \"0\" is not allowed, none or a number from "
                  "2 to 9 is needed" },
    { "count: -3", "box.count: \"-3\" is not allowed, none or a number "
                   "from 2 to 9 is needed" },
    { "count: 3.5", "box.count: \"3.5\" is not allowed, none or a number "
                    "from 2 to 9 is needed" },
    { "count: 99999999999999999999",
        "box.count: \"99999999999999999999\" "
        "is not allowed, none or a number from 2 to 9 is needed" },
    { "size: 511", "box.size: \"511\" is not allowed, a size (4096, "
                   "64KiB) of at least 512, or 0 is needed" },
    { "size: 5XB", "box.size: \"5XB\" is not allowed, a size (4096, "
                   "64KiB) of at least 512, or 0 is needed" },
    { "wait: 5", "box.wait: \"5\" is not allowed, a duration (2s, 1m30s) "
                 "from 100ms to 1m0s is needed" },
    { "wait: 61s", "box.wait: \"61s\" is not allowed, a duration (2s, "
                   "1m30s) from 100ms to 1m0s is needed" },
    { "wait: -1s", "box.wait: \"-1s\" is not allowed, a duration (2s, "
                   "1m30s) from 100ms to 1m0s is needed" },
    { "wait: 1500500us", "box.wait: \"1500500us\" is not allowed, a "
                         "duration (2s, 1m30s) from 100ms to 1m0s is needed" },
    { "inner: {bare: -1s}",
        "box.inner.bare: \"-1s\" is not allowed, a duration (2s, 1m30s) "
        "is needed" },
    { "inner: {bare: -60000000000}",
        "box.inner.bare: \"-60000000000\" is not allowed, a duration "
        "(2s, 1m30s) is needed" },
    { "share: 1.5", "box.share: \"1.5\" is not allowed, a number from 0 "
                    "to 1 is needed" },
    { "mode: medium", "box.mode: \"medium\" is not allowed, slow or fast "
                      "is needed" },
    { "text: [a]", "box.text: a list is not allowed, text is needed" },
    { "text: {a: b}", "box.text: a map is not allowed, text is needed" },
    { "text: \"a\\nb\"", "box.text: a control character is in it, one "
                         "line of text is needed" },
    { "path: \"a\\x01b\"", "box.path: a control character is in it, one "
                           "line of text is needed" },
    { "list: {a: b}", "box.list: nested keys are not allowed, a list is "
                      "needed" },
    { "list: [a, [b]]", "box.list: element 2 is a list, text is needed" },
    { "list: [~]", "box.list: element 1 is null, text is needed" },
    { "inner: {listen: example.com:80}",
        "box.inner.listen: "
        "\"example.com:80\" is not allowed, IP:port, [IPv6]:port, "
        "localhost:port, :port or \"\" is needed" },
    { "inner: {listen: ':65536'}",
        "box.inner.listen: \":65536\" is not "
        "allowed, IP:port, [IPv6]:port, localhost:port, :port or \"\" is "
        "needed" },
    { "inner: 5", "box.inner: a section: keys of its own are needed below "
                  "it, not an integer" },
};

static void
test_bad_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_values) / sizeof(bad_values[0]); i++) {
        conf_rig_t rig = rig_with_box();
        char text[256];
        const char *note;

        (void)snprintf(text, sizeof(text), "box:\n  %s\n", bad_values[i].line);
        conf_rig_load(&rig, text, NULL);
        assert_int_equal(rig.rc, ION_MALF);
        assert_null(rig.conf);
        assert_int_equal(ion_conf_notes_count(rig.notes), 1);
        note = conf_rig_notes(&rig);
        assert_memory_equal(note, "FILE:2:", 7);
        note = strstr(note, ": ") + 2;
        assert_memory_equal(
            note, bad_values[i].note, strlen(bad_values[i].note));
        assert_string_equal(note + strlen(bad_values[i].note), "\n");
        conf_rig_done(&rig);
    }
}

/* Everything at once, in the order of the file. */
static void
test_all_at_once(void **state)
{
    conf_rig_t rig = rig_with_box();

    (void)state;
    conf_rig_load(&rig,
        "listn_addr: ':80'\n"
        "count: 3\n"
        "workers: many\n"
        "box.flag: yes\n"
        "box:\n"
        "  flagg: yes\n"
        "  mode: slow\n"
        "  MODE: fast\n"
        "  inner:\n"
        "    listen: 5\n"
        "box: {}\n"
        "zebra-crossing: {a: 1}\n"
        "tls:\n"
        "  acme: true\n"
        "database: {type: postgres}\n"
        "keys: {control_key: a}\n",
        NULL);
    assert_string_equal(conf_rig_notes(&rig),
        "FILE:1:1: listn_addr: unknown key, the nearest is listen_addr\n"
        "FILE:2:1: count: not known here, it belongs in another place: "
        "box.count\n"
        "FILE:3:10: workers: \"many\" is not allowed, auto or a number from 1 "
        "to 64 is needed\n"
        "FILE:4:1: box.flag: a key has no dots: write each part on a line of "
        "its own, indented below the one before\n"
        "FILE:6:3: box.flagg: unknown key, the nearest is box.flag\n"
        "FILE:8:3: box.mode: given twice, first in line 7: keep one\n"
        "FILE:10:13: box.inner.listen: \"5\" is not allowed, IP:port, "
        "[IPv6]:port, localhost:port, :port or \"\" is needed\n"
        "FILE:11:1: box: given twice, first in line 5: keep one\n"
        "FILE:12:1: zebra-crossing: unknown key, \"ionscale help directives\" "
        "lists all\n"
        "FILE:14:3: tls.acme: not served by this version, and ignoring it "
        "would be unsafe: remove it\n"
        "warning FILE:15:12: database.type: has no meaning here and is "
        "ignored: The state lies in state_dir, in a database of its own "
        "kind.\n"
        "warning FILE:16:8: keys.control_key: not served by this version, it "
        "is ignored\n");
    assert_int_equal(ion_conf_notes_errors(rig.notes), 10);
    conf_rig_done(&rig);
}

/* Keys of a later version: harmless ones warn, off ones say nothing. */
static void
test_later(void **state)
{
    static const struct {
        const char *text;
        ion_err_t rc;
        const char *notes;
    } cases[] = {
        { "poll_net: {keep_alive_interval: 60000000000}", ION_OK,
            "warning FILE:1:12: poll_net.keep_alive_interval: not served by "
            "this version, it is ignored\n" },
        { "poll_net: {keep_alive_interval: 1m}", ION_OK,
            "warning FILE:1:12: poll_net.keep_alive_interval: not served by "
            "this version, it is ignored\n" },
        { "poll_net: {keep_alive_interval: 5}", ION_MALF,
            "FILE:1:33: poll_net.keep_alive_interval: \"5\" is not allowed, a "
            "duration (2s, 1m30s) from 1s to 1h0m0s is needed\n" },
        { "derp: {sources: []}", ION_OK, "" },
        { "derp: {sources: ~}", ION_OK, "" },
        { "derp: {sources: [a, {url: b}]}", ION_OK,
            "warning FILE:1:8: derp.sources: not served by this version, it "
            "is ignored\n" },
        { "tls: {acme: false}", ION_OK, "" },
        { "tls: {acme: yes}", ION_MALF,
            "FILE:1:7: tls.acme: not served by this version, and ignoring it "
            "would be unsafe: remove it\n" },
        { "dns: {provider: {config: {any: {thing: [1]}}}}", ION_OK,
            "warning FILE:1:18: dns.provider.config: not served by this "
            "version, it is ignored\n" },
        { "dns: {provider: {confg: {any: 1}}}", ION_MALF,
            "FILE:1:18: dns.provider.confg: unknown key, the nearest is "
            "dns.provider.config\n" },
        { "tls: {acme_path: /x}", ION_OK,
            "warning FILE:1:7: tls.acme_path: has no meaning here and is "
            "ignored: Accounts and certificates are kept in state_dir.\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        conf_rig_t rig = rig_with_box();

        conf_rig_load(&rig, cases[i].text, NULL);
        assert_string_equal(conf_rig_notes(&rig), cases[i].notes);
        assert_int_equal(rig.rc, cases[i].rc);
        conf_rig_done(&rig);
    }
}

/* The overlay replaces scalars and lists and merges sections. */
static void
test_overlay(void **state)
{
    conf_rig_t rig = rig_with_box();
    const box_t *b;
    char where[64];

    (void)state;
    conf_rig_load(&rig,
        "box: {count: 3, text: file, list: [a, b], wait: 3s}\n"
        "user: file\n",
        "BOX: {Count: 4, list: [c], text: ~}\n"
        "workers: 5\n");
    assert_string_equal(conf_rig_notes(&rig), "");
    b = ion_conf_module(rig.conf, 1);
    assert_int_equal(b->count, 4);
    assert_string_equal(b->text, "file"); /* null leaves it alone */
    assert_int_equal(b->wait_ms, 3000);
    assert_int_equal(b->list.n, 1);
    assert_string_equal(b->list.v[0], "c");
    assert_string_equal(ion_conf_settings(rig.conf)->user, "file");
    assert_int_equal(ion_conf_settings(rig.conf)->workers, 5);
    assert_string_equal(
        ion_conf_where(rig.conf, "workers", where, sizeof(where)),
        "IONSCALE_CONFIG_BASE64:2:10");
    conf_rig_done(&rig);

    conf_rig_load(&rig, "box: {count: 33}\n", "bxo: 1\nbox: {count: 4}\n");
    assert_string_equal(conf_rig_notes(&rig),
        "IONSCALE_CONFIG_BASE64:1:1: bxo: unknown key, the nearest is box\n");
    conf_rig_done(&rig);
}

static void
test_base64(void **state)
{
    static const char *const bad[] = { "!!!", "d29ya2VyczogMw", "d29y=" };
    ion_conf_notes_t *notes = NULL;
    ion_conf_t *conf = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ion_conf_source_t src = { .base64 = bad[i] };

        assert_int_equal(ion_conf_notes_new(&notes), ION_OK);
        assert_int_equal(ion_conf_load(&src, NULL, 0, notes, &conf), ION_MALF);
        assert_string_equal(ion_conf_notes_at(notes, 0).text,
            "IONSCALE_CONFIG_BASE64: not base64 (standard alphabet, with "
            "padding)");
        ion_conf_notes_free(&notes);
    }
    {
        /* "workers: 3", broken over lines; and nothing at all */
        ion_conf_source_t lines = { .base64 = "d29ya2\r\nVyczogMw=\n=\n" };
        ion_conf_source_t none = { .base64 = "" };

        assert_int_equal(ion_conf_notes_new(&notes), ION_OK);
        assert_int_equal(ion_conf_load(&lines, NULL, 0, notes, &conf), ION_OK);
        assert_int_equal(ion_conf_settings(conf)->workers, 3);
        ion_conf_free(&conf);
        assert_int_equal(ion_conf_load(&none, NULL, 0, notes, &conf), ION_OK);
        ion_conf_free(&conf);
        ion_conf_notes_free(&notes);
    }
}

static void
test_syntax(void **state)
{
    static const struct {
        const char *text;
        const char *place;
    } cases[] = {
        { "a: b: c\n", "FILE:1:" },
        { "workers: 3\n\tuser: x\n", "FILE:2:1: " },
        { "- a\n- b\n", "FILE:1:1: a list, where lines of \"key: value\"" },
        { "just text\n", "FILE:1:1: a string, where" },
        { "a: &x 1\nb: *x\n", "FILE:1:" },
        { "workers: [1, 2\n", "FILE:2:1: " },
        { "workers: 1\n---\nworkers: 2\n", "FILE:2:1: " },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        conf_rig_t rig = rig_with_box();

        conf_rig_load(&rig, cases[i].text, NULL);
        assert_int_equal(rig.rc, ION_MALF);
        assert_memory_equal(
            conf_rig_notes(&rig), cases[i].place, strlen(cases[i].place));
        conf_rig_done(&rig);
    }
}

static void
test_nothing_in_it(void **state)
{
    static const char *const texts[] = { "", "\n", "# only\n", "---\n", "~\n",
        "box:\ntls: ~\nderp: {server: }\n", "listen_addr:\n" };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        conf_rig_t rig = rig_with_box();

        conf_rig_load(&rig, texts[i], NULL);
        assert_string_equal(conf_rig_notes(&rig), "");
        assert_int_equal(rig.rc, ION_OK);
        conf_rig_done(&rig);
    }
}

static void
test_files(void **state)
{
    static const struct {
        const char *file;
        const char *note;
    } cases[] = {
        { "/nonexistent/c.yaml",
            "/nonexistent/c.yaml: No such file or directory" },
        { "/etc", "/etc: not a regular file" },
        { "~/c.yaml", "~/c.yaml: cannot be made absolute: HOME is not set" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        conf_rig_t rig = { .rc = ION_OK }; /* with an empty environment */
        ion_conf_notes_t *notes = NULL;
        ion_conf_t *conf = NULL;
        ion_conf_source_t src = { .file = cases[i].file };

        conf_rig_load(&rig, NULL, NULL);
        conf_rig_done(&rig);
        assert_int_equal(unsetenv("HOME"), 0);
        assert_int_equal(ion_conf_notes_new(&notes), ION_OK);
        assert_int_equal(ion_conf_load(&src, NULL, 0, notes, &conf), ION_MALF);
        assert_string_equal(ion_conf_notes_at(notes, 0).text, cases[i].note);
        ion_conf_notes_free(&notes);
    }
}

/* --config ~/x and relative paths. */
static void
test_paths(void **state)
{
    char dir[] = "/tmp/ion-home-XXXXXX";
    char file[64];
    char cwd[512];
    char expected[600];
    ion_conf_notes_t *notes = NULL;
    ion_conf_t *conf = NULL;
    ion_conf_source_t src = { .file = "~/c.yaml" };
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(setenv("HOME", dir, 1), 0);
    (void)snprintf(file, sizeof(file), "%s/c.yaml", dir);
    f = fopen(file, "w");
    assert_non_null(f);
    assert_true(fputs("tls: {cert_file: certs/a.pem, key_file: ~/k}\n", f) > 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(ion_conf_notes_new(&notes), ION_OK);
    assert_int_equal(ion_conf_load(&src, NULL, 0, notes, &conf), ION_OK);
    assert_string_equal(ion_conf_file(conf), file);
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    (void)snprintf(expected, sizeof(expected), "%s/certs/a.pem", cwd);
    assert_string_equal(ion_conf_settings(conf)->tls_cert_file, expected);
    (void)snprintf(expected, sizeof(expected), "%s/k", dir);
    assert_string_equal(ion_conf_settings(conf)->tls_key_file, expected);
    ion_conf_free(&conf);
    ion_conf_notes_free(&notes);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(dir), 0);
}

/* A working directory that is no text: said so, not found out by a child. */
static void
test_odd_directory(void **state)
{
    conf_rig_t rig = { .env = { { "HOME", "/home/x" } } };
    char dir[] = "/tmp/ion-odd-XXXXXX";
    char odd[64];
    char cwd[512];

    (void)state;
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    assert_non_null(mkdtemp(dir));
    (void)snprintf(odd, sizeof(odd), "%s/a\xff", dir);
    assert_int_equal(mkdir(odd, 0700), 0);
    assert_int_equal(chdir(odd), 0);
    conf_rig_load(&rig, "logging:\n  file: log\n", NULL);
    assert_int_equal(chdir(cwd), 0);
    assert_string_equal(conf_rig_notes(&rig),
        "FILE:2:9: logging.file: \"log\" cannot be made absolute, write it "
        "in full\n");
    conf_rig_done(&rig);
    assert_int_equal(rmdir(odd), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void
test_module_check(void **state)
{
    conf_rig_t rig = rig_with_box();

    (void)state;
    conf_rig_load(&rig, "box:\n  count: 7\n", NULL);
    assert_string_equal(conf_rig_notes(&rig),
        "FILE:2:10: box.count: 7 does not go with box.size\n");
    conf_rig_done(&rig);
    conf_rig_load(&rig, "box:\n  count: 8\n", NULL);
    assert_string_equal(
        conf_rig_notes(&rig), "FILE:1:1: box: eight is too many\n");
    conf_rig_done(&rig);
}

/* A file made to cost time: bounded notes, bounded work. */
static void
test_hostile(void **state)
{
    conf_rig_t rig = rig_with_box();
    char *text = malloc(1000000);
    size_t used = 0;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < 60000; i++) {
        used += (size_t)sprintf(text + used, "k%05x: %d\n", i, i);
    }
    for (int i = 0; i < 10000; i++) {
        used += (size_t)sprintf(text + used, "workers: 1\n");
    }
    conf_rig_load(&rig, text, NULL);
    assert_int_equal(rig.rc, ION_MALF);
    assert_int_equal(ion_conf_notes_count(rig.notes), 101);
    assert_string_equal(ion_conf_notes_at(rig.notes, 100).text, "59900 more");
    assert_true(ion_conf_notes_at(rig.notes, 100).is_error);
    assert_int_equal(ion_conf_notes_errors(rig.notes), 60000);
    conf_rig_done(&rig);

    /* control bytes of a file never reach a terminal */
    strcpy(text, "\"a\\e[31m\\x9b\": 1\n");
    conf_rig_load(&rig, text, NULL);
    assert_null(strchr(conf_rig_notes(&rig), 0x1b));
    conf_rig_done(&rig);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_later),
        cmocka_unit_test(test_overlay),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_nothing_in_it),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_odd_directory),
        cmocka_unit_test(test_module_check),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
