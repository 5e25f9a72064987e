/*
 * test_derpmap_module.c -- derp.sources in a configuration.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/module.h"
#include "lib/conf_rig.h"
#include "lib/conf_sample.h"

extern const ion_module_t derpmap_module;

static void
test_sample(void **state)
{
    conf_sample_t *s = conf_sample_open();
    const ion_directive_t *d = derpmap_module.directives;

    (void)state;
    assert_string_equal(d->name, "derp.sources");
    assert_null(conf_sample_check(s, d));
    conf_sample_close(&s);
}

static void
expect(const char *text, ion_err_t rc, const char *notes)
{
    const ion_conf_table_t table = { .name = derpmap_module.name,
        .directives = derpmap_module.directives,
        .conf_size = derpmap_module.conf_size,
        .check = derpmap_module.check };
    conf_rig_t rig = {
        .env = { { "HOME", "/home/x" } }, .tables = &table, .table_count = 1
    };

    conf_rig_load(&rig, text, NULL);
    assert_string_equal(conf_rig_notes(&rig), notes);
    assert_int_equal(rig.rc, rc);
    conf_rig_done(&rig);
}

#define IGNORED                                                                \
    "warning FILE:1:8: derp.sources: not served by this version, it is "       \
    "ignored\n"

static void
test_sources(void **state)
{
    (void)state;
    expect("derp: {sources: []}", ION_OK, "");
    expect("derp: {sources: ~}", ION_OK, "");
    expect("derp: {sources: https://e.com/d.json}", ION_OK, IGNORED);
    expect("derp: {sources: [https://e.com/d.json, {url: /etc/d.json}]}",
        ION_OK, IGNORED);
    expect("derp: {sources: [https://e.com/d.json, ftp://e.com/d]}", ION_MALF,
        IGNORED "FILE:1:40: derp.sources: scheme: \"ftp\" is not supported, "
                "want https, file, s3, or git::\n");
    expect("derp: {sources: example.com/d}", ION_MALF,
        IGNORED "FILE:1:17: derp.sources: scheme: is missing, did you mean "
                "https:// before the host?\n");
}

/* A map is known by its url, and each mistake stands where it is. */
static void
test_places(void **state)
{
    (void)state;
    expect("derp:\n  sources:\n  - {name: a, url: x.json}\n  - {name: b}\n"
           "  - [c]\n  - https://e.com:0/\n",
        ION_MALF,
        "warning FILE:2:3: derp.sources: not served by this version, it is "
        "ignored\n"
        "FILE:3:20: derp.sources: path: is relative, write file:/// and the "
        "absolute path\n"
        "FILE:4:5: derp.sources: an element must be text, or a map that has "
        "url: with the text\n"
        "FILE:5:5: derp.sources: an element must be text, or a map that has "
        "url: with the text\n"
        "FILE:6:5: derp.sources: port: must be a number from 1 to 65535\n");
}

static void
test_warning(void **state)
{
    (void)state;
    expect("derp: {sources: [git@e.com:22/r.git//d.json]}", ION_OK,
        IGNORED
        "warning FILE:1:18: derp.sources: path: the number behind ':' is taken "
        "as a directory, not as a port; for a port write git::ssh://\n");
}

static void
test_too_many(void **state)
{
    char text[4096] = "derp: {sources: [/a";

    (void)state;
    for (int i = 1; i < 64; i++) {
        strcat(text, ",/a");
    }
    strcat(text, "]}");
    expect(text, ION_OK, IGNORED);
    strcpy(strrchr(text, ']'), ",/a]}");
    expect(text, ION_MALF,
        "FILE:1:8: derp.sources: has 65 elements, at most 64 are "
        "allowed\n" IGNORED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_warning),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
