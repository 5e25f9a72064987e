/*
 * test_derp_directives.c -- conf/ionscale.yaml shows the relay's directives,
 * and holds nothing that nobody knows.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "derp/derp.h"
#include "lib/conf_rig.h"
#include "lib/conf_sample.h"

static void
test_each(void **state)
{
    conf_sample_t *s = conf_sample_open();
    size_t n = 0;

    (void)state;
    for (const ion_directive_t *d = derp_module.directives; d->name != NULL;
         d++) {
        const char *wrong = conf_sample_check(s, d);

        if (wrong != NULL) {
            fail_msg("%s %s", d->name, wrong);
        }
        n++;
    }
    assert_true(n >= 4);
    conf_sample_close(&s);
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

/* A key served by the relay is not among those of later versions as well. */
static void
test_unique(void **state)
{
    const ion_conf_table_t table = { .name = derp_module.name,
        .directives = derp_module.directives };

    (void)state;
    for (const ion_directive_t *d = derp_module.directives; d->name != NULL;
         d++) {
        same_t same = { .name = d->name };

        ion_conf_walk(&table, 1, count_same, &same);
        assert_int_equal(same.seen, 1);
    }
}

/* Taken into use, the whole sample is the default configuration. */
static void
test_all_in_use(void **state)
{
    const ion_conf_table_t table = { .name = derp_module.name,
        .directives = derp_module.directives,
        .conf_size = derp_module.conf_size,
        .check = derp_module.check };
    conf_rig_t plain = {
        .env = { { "HOME", "/home/x" } }, .tables = &table, .table_count = 1
    };
    conf_rig_t used = plain;
    conf_sample_t *s = conf_sample_open();
    ion_sb_t a;
    ion_sb_t b;

    (void)state;
    ion_sb_init(&a, 1 << 20);
    ion_sb_init(&b, 1 << 20);
    conf_rig_load(&plain, NULL, NULL);
    conf_rig_load(&used, conf_sample_text(s), NULL);
    assert_int_equal(ion_conf_notes_errors(used.notes), 0);
    assert_int_equal(used.rc, ION_OK);
    ion_conf_effective_text(plain.conf, &a);
    ion_conf_effective_text(used.conf, &b);
    assert_string_equal(a.p, b.p);
    ion_sb_fini(&a);
    ion_sb_fini(&b);
    conf_rig_done(&plain);
    conf_rig_done(&used);
    conf_sample_close(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_unique),
        cmocka_unit_test(test_all_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
