/*
 * test_route.c -- exact over prefix, long over short, listeners apart.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/route.h"

static const ion_http_route_t table[] = {
    { .path = "/", .flags = ION_ROUTE_PREFIX | ION_ROUTE_MAIN },
    { .path = "/a/", .flags = ION_ROUTE_PREFIX | ION_ROUTE_MAIN },
    { .path = "/a/b", .flags = ION_ROUTE_EXACT | ION_ROUTE_MAIN },
    { .path = "/a/b/",
        .flags = ION_ROUTE_PREFIX | ION_ROUTE_MAIN | ION_ROUTE_PORT80 },
    { .path = "/m", .flags = ION_ROUTE_EXACT | ION_ROUTE_METRICS },
    { .path = NULL },
};

static void
test_best_route(void **state)
{
    static const struct {
        uint32_t kind;
        const char *path;
        const char *want;
    } cases[] = {
        { ION_ROUTE_MAIN, "/", "/" },
        { ION_ROUTE_MAIN, "/x", "/" },
        { ION_ROUTE_MAIN, "/a", "/" },
        { ION_ROUTE_MAIN, "/a/", "/a/" },
        { ION_ROUTE_MAIN, "/a/b", "/a/b" },
        { ION_ROUTE_MAIN, "/a/bc", "/a/" },
        { ION_ROUTE_MAIN, "/a/b/c/d", "/a/b/" },
        { ION_ROUTE_MAIN, "/A/b", "/" },
        { ION_ROUTE_MAIN, "/m", "/" },
        { ION_ROUTE_MAIN, "*", NULL },
        { ION_ROUTE_PORT80, "/", NULL },
        { ION_ROUTE_PORT80, "/a/b/x", "/a/b/" },
        { ION_ROUTE_METRICS, "/m", "/m" },
        { ION_ROUTE_METRICS, "/m/", NULL },
        { ION_ROUTE_METRICS, "", NULL },
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        const ion_http_route_t *got = ion_http_route_find(
            table, cases[i].kind, ion_str_from(cases[i].path), NULL);
        if (cases[i].want == NULL) {
            assert_null(got);
        } else {
            assert_non_null(got);
            assert_string_equal(got->path, cases[i].want);
        }
    }
}

static void
test_another_table_must_be_better(void **state)
{
    static const ion_http_route_t other[] = {
        { .path = "/a/", .flags = ION_ROUTE_PREFIX | ION_ROUTE_MAIN },
        { .path = "/x", .flags = ION_ROUTE_EXACT | ION_ROUTE_MAIN },
        { .path = NULL },
    };
    (void)state;
    const ion_http_route_t *best =
        ion_http_route_find(table, ION_ROUTE_MAIN, ION_STR("/x"), NULL);
    best = ion_http_route_find(other, ION_ROUTE_MAIN, ION_STR("/x"), best);
    assert_ptr_equal(best, &other[1]);
    best = ion_http_route_find(table, ION_ROUTE_MAIN, ION_STR("/a/z"), NULL);
    assert_ptr_equal(
        ion_http_route_find(other, ION_ROUTE_MAIN, ION_STR("/a/z"), best),
        best);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_best_route),
        cmocka_unit_test(test_another_table_must_be_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
