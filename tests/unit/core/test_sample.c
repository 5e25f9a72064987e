/*
 * test_sample.c -- conf/ionscale.yaml shows every directive of the core with
 * its default, as it stands and with all of them taken into use.
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

#include "lib/conf_rig.h"
#include "lib/conf_sample.h"
#include "os/file.h"

static void
check_one(void *arg, const ion_directive_t *d)
{
    const char *wrong = conf_sample_check(arg, d);

    if (wrong != NULL) {
        fail_msg("%s %s", d->name, wrong);
    }
}

static void
test_each(void **state)
{
    conf_sample_t *s = conf_sample_open();

    (void)state;
    ion_conf_walk(NULL, 0, check_one, s);
    conf_sample_close(&s);
}

/* Names are unique and what the parser can reach. */
static void
count_name(void *arg, const ion_directive_t *d)
{
    size_t *n = arg;

    for (const char *c = d->name; *c != '\0'; c++) {
        assert_true((*c >= 'a' && *c <= 'z') || *c == '_' || *c == '.');
    }
    *n += 1;
}

typedef struct {
    const char *name;
    size_t seen;
} same_t;

static void
count_same(void *arg, const ion_directive_t *d)
{
    same_t *same = arg;

    same->seen += strcmp(d->name, same->name) == 0 ? 1 : 0;
}

static void
check_unique(void *arg, const ion_directive_t *d)
{
    same_t same = { .name = d->name };

    (void)arg;
    ion_conf_walk(NULL, 0, count_same, &same);
    assert_int_equal(same.seen, 1);
}

static void
test_names(void **state)
{
    size_t n = 0;

    (void)state;
    ion_conf_walk(NULL, 0, count_name, &n);
    assert_true(n > 60);
    ion_conf_walk(NULL, 0, check_unique, NULL);
}

/* As it is the sample is the default configuration. */
static void
test_as_it_is(void **state)
{
    conf_rig_t plain = { .env = { { "HOME", "/home/x" } } };
    conf_rig_t sample = { .env = { { "HOME", "/home/x" } } };
    ion_sb_t a;
    ion_sb_t b;
    char *text = NULL;
    size_t n = 0;

    (void)state;
    ion_sb_init(&a, 1 << 20);
    ion_sb_init(&b, 1 << 20);
    assert_int_equal(
        ion_file_read("conf/ionscale.yaml", 1 << 20, &text, &n, NULL), ION_OK);
    conf_rig_load(&plain, NULL, NULL);
    conf_rig_load(&sample, text, NULL);
    assert_string_equal(conf_rig_notes(&sample), "");
    ion_conf_effective_text(plain.conf, &a);
    ion_conf_effective_text(sample.conf, &b);
    assert_string_equal(a.p, b.p);
    free(text);
    ion_sb_fini(&a);
    ion_sb_fini(&b);
    conf_rig_done(&plain);
    conf_rig_done(&sample);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
