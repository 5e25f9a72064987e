/*
 * test_conf_subst.c -- environment variables in configuration text.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The region's name carries the result: it takes any line of text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/conf_rig.h"

static const conf_rig_env_t env[CONF_RIG_ENV] = {
    { "A", "alpha" },
    { "B_2", "beta" },
    { "EMPTY", "" },
    { "NESTED", "${A}" },
    { "LINES", "x1\n    y2" },
    { "HASH", "a # b" },
    { NULL, NULL },
};

static void
test_values(void **state)
{
    static const struct {
        const char *text;
        const char *result; /* NULL: an error, see notes */
        const char *notes;
    } cases[] = {
        { "${A}", "alpha", "" },
        { "x${A}y${B_2}z", "xalphaybetaz", "" },
        { "${A:def}", "alpha", "" },
        { "${NONE:def}", "def", "" },
        { "${EMPTY:def}", "def", "" },
        { "x${NONE:}y", "xy", "" },
        { "$A $${A}", "$A $alpha", "" },
        { "${} ${-} ${a-b} ${", "${} ${-} ${a-b} ${", "" },
        /* the first rule's text is scanned by the second, not vice versa */
        { "${NESTED:x}", "alpha", "" },
        { "${NESTED}", "${A}", "" },
        /* no nesting: the default ends at the first brace */
        { "${NONE:${A}}", "alpha", "" },
        { "${A:${B_2}}", "alpha}", "" },
        { "${NONE:two words, and: more}", "two words, and: more", "" },
        { "${HASH}", "a", "" },
        { "${NONE} ${EMPTY} ${A} ${NONE}", NULL,
            "FILE:1:31: missing required environment variables: NONE, EMPTY, "
            "NONE\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        conf_rig_t rig = { .rc = ION_OK };
        char text[512];

        memcpy(rig.env, env, sizeof(env));
        (void)snprintf(text, sizeof(text),
            "derp: {server: {region_name: '%s'}}\n", cases[i].text);
        if (strcmp(cases[i].text, "${HASH}") == 0) {
            (void)snprintf(text, sizeof(text),
                "derp:\n  server:\n    region_name: ${HASH}\n");
        }
        conf_rig_load(&rig, text, NULL);
        if (cases[i].result != NULL) {
            assert_string_equal(conf_rig_notes(&rig), "");
            assert_string_equal(
                ion_conf_settings(rig.conf)->derp_region_name, cases[i].result);
        } else {
            assert_string_equal(conf_rig_notes(&rig), cases[i].notes);
            assert_int_equal(rig.rc, ION_MALF);
        }
        conf_rig_done(&rig);
    }
}

/* A variable in a comment is required too. */
static void
test_comment(void **state)
{
    conf_rig_t rig = { .rc = ION_OK };

    (void)state;
    conf_rig_load(&rig, "workers: 3\n#  ${NOT_THERE}\n", NULL);
    assert_int_equal(rig.rc, ION_MALF);
    assert_string_equal(conf_rig_notes(&rig),
        "FILE:2:4: missing required environment variables: NOT_THERE\n");
    conf_rig_done(&rig);
}

/* Values and defaults with line ends: errors name the lines people wrote. */
static void
test_lines(void **state)
{
    conf_rig_t rig = { .rc = ION_OK };

    (void)state;
    memcpy(rig.env, env, sizeof(env));
    conf_rig_load(&rig,
        "derp:\n"
        "  sources: ['${LINES}']\n" /* two lines from one */
        "workers: 0\n"
        "logging: {level: '${NONE:in\nfo}'}\n" /* two lines of the source */
        "bogus: 1\n",
        NULL);
    assert_string_equal(conf_rig_notes(&rig),
        "warning FILE:2:3: derp.sources: not served by this version, it is "
        "ignored\n"
        "FILE:3:10: workers: \"0\" is not allowed, auto or a number from 1 to "
        "64 is needed\n"
        "FILE:4:18: logging.level: \"in fo\" is not allowed, debug, info, "
        "notice, warn, error or alert is needed\n"
        "FILE:6:1: bogus: unknown key, \"ionscale help directives\" lists "
        "all\n");
    conf_rig_done(&rig);
}

/* The overlay is substituted by itself, the effective text never. */
static void
test_sources(void **state)
{
    conf_rig_t rig = { .rc = ION_OK };

    (void)state;
    memcpy(rig.env, env, sizeof(env));
    conf_rig_load(&rig, NULL, "user: ${A}\n");
    assert_int_equal(rig.rc, ION_OK);
    assert_string_equal(ion_conf_settings(rig.conf)->user, "alpha");
    conf_rig_done(&rig);
    conf_rig_load(&rig, NULL, "user: ${NONE}\n");
    assert_string_equal(conf_rig_notes(&rig),
        "IONSCALE_CONFIG_BASE64:1:7: missing required environment variables: "
        "NONE\n");
    conf_rig_done(&rig);
    conf_rig_load_effective(&rig, ION_STR("user: '${A} ${NONE}'\n"));
    assert_int_equal(rig.rc, ION_OK);
    assert_string_equal(ion_conf_settings(rig.conf)->user, "${A} ${NONE}");
    conf_rig_done(&rig);
}

/* Substitution cannot blow a small file up without bound. */
static void
test_bomb(void **state)
{
    conf_rig_t rig = { .rc = ION_OK };
    char *value = malloc(65536);
    char *text = malloc(65536);

    (void)state;
    assert_non_null(value);
    assert_non_null(text);
    memset(value, 'v', 65535);
    value[65535] = '\0';
    strcpy(text, "# ");
    for (int i = 0; i < 2000; i++) {
        strcat(text, "${BIG}");
    }
    strcat(text, "\n");
    rig.env[0] = (conf_rig_env_t){ "BIG", value };
    conf_rig_load(&rig, text, NULL);
    assert_int_equal(rig.rc, ION_MALF);
    assert_string_equal(conf_rig_notes(&rig),
        "FILE: more than 1048576 bytes after substitution\n");
    conf_rig_done(&rig);
    free(value);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_comment),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_bomb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
