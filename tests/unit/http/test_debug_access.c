/*
 * test_debug_access.c -- who may see /debug/.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "http/debug_access.h"

static void
test_T56_addresses(void **state)
{
    static const struct {
        const char *peer;
        bool want;
    } cases[] = {
        { "8.8.8.8", false },
        { "127.0.0.1", true },
        { "127.9.9.9", true },
        { "::1", true },
        { "100.100.100.100", true },
        { "100.64.0.0", true },
        { "100.127.255.255", true },
        { "100.63.255.255", false },
        { "100.128.0.0", false },
        { "100.115.92.1", false },
        { "100.115.93.255", false },
        { "100.115.94.0", true },
        { "fd7a:115c:a1e0::1", true },
        { "fd7a:115c:a1e1::1", false },
        { "2001:db8::1", false },
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_addr_t addr;
        assert_int_equal(
            ion_addr_parse_ip(ion_str_from(cases[i].peer), &addr), ION_OK);
        if (http_debug_is_allowed(&addr, false) != cases[i].want) {
            fail_msg("%s", cases[i].peer);
        }
        assert_false(http_debug_is_allowed(&addr, true));
    }
    assert_false(http_debug_is_allowed(&(ion_addr_t){ 0 }, false));
}

static void
test_uptime(void **state)
{
    (void)state;
    uint64_t now = (uint64_t)ion_wall_now_ms();
    assert_in_range(http_debug_uptime(now - 90500), 90, 91);
    assert_int_equal(http_debug_uptime(now + 60000), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T56_addresses),
        cmocka_unit_test(test_uptime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
