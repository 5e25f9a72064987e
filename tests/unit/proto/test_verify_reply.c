/*
 * test_verify_reply.c -- yes, no, and what is neither.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/verify_reply.h"

typedef enum { YES, NO, NEITHER } verdict_t;

static verdict_t
verdict(ion_str_t body)
{
    bool allow = true;

    if (verify_reply_parse(body, &allow) != ION_OK) {
        assert_true(allow); /* untouched */
        return NEITHER;
    }
    return allow ? YES : NO;
}

static void
test_answers(void **state)
{
    static const struct {
        const char *body;
        verdict_t want;
    } cases[] = {
        { "{\"Allow\":true}", YES },
        { "{\"Allow\":false}", NO },
        { "{}", NO },
        { "{\"allow\":true}", YES },
        { "{\"ALLOW\" : true , \"x\":[{}]}", YES },
        { "{\"Allow\":null}", NO },
        { "{\"Allow\":false,\"allow\":true}", YES },
        { "{\"Allow\":true,\"Allow\":false}", NO },
        { "{\"Allowed\":true}", NO },
        { "{\"Allow\":true} and more", YES },
        { "\n\t {\"Allow\":true}\n", YES },
        { "", NEITHER },
        { "   ", NEITHER },
        { "true", NEITHER },
        { "[true]", NEITHER },
        { "{\"Allow\":true", NEITHER },
        { "{\"Allow\":tru", NEITHER },
        { "{\"Allow\":\"true\"}", NEITHER },
        { "{\"Allow\":1}", NEITHER },
        { "{Allow:true}", NEITHER },
        { "{\"Allow\":true,}", NEITHER },
        { "<html>", NEITHER },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        if (verdict(ion_str_from(cases[i].body)) != cases[i].want) {
            fail_msg("%s", cases[i].body);
        }
    }
}

/* What lies behind the bound is not seen, however it begins. */
static void
test_bound(void **state)
{
    static const char yes[] = "{\"Allow\":true}";
    size_t n = sizeof(yes) - 1;
    char *body = malloc(2 * VERIFY_REPLY_MAX);

    (void)state;
    assert_non_null(body);
    memset(body, ' ', 2 * (size_t)VERIFY_REPLY_MAX);
    memcpy(body + VERIFY_REPLY_MAX - n, yes, n);
    assert_int_equal(
        verdict((ion_str_t){ body, 2 * (size_t)VERIFY_REPLY_MAX }), YES);
    memmove(body + 1, body, 2 * (size_t)VERIFY_REPLY_MAX - 1);
    assert_int_equal(
        verdict((ion_str_t){ body, 2 * (size_t)VERIFY_REPLY_MAX }), NEITHER);
    free(body);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_bound),
    };

    return cmocka_run_group_tests_name("verify_reply", tests, NULL, NULL);
}
