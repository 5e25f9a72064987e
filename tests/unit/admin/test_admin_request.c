/*
 * test_admin_request.c -- payloads from and to clients of the control socket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "admin/admin_reply.h"
#include "admin/admin_request.h"

/* only here so that the layers below link */
#include "core/module.h"
const ion_module_t *const ion_modules[] = { NULL };
const uint32_t ion_module_count = 0;

static ion_err_t
parse(ion_arena_t *arena, const char *text, admin_request_t *out)
{
    ion_errtext_t why = { "" };
    ion_err_t rc = admin_request_parse(arena, ion_str_from(text), out, &why);

    assert_int_equal(rc == ION_OK, why.msg[0] == '\0');
    return rc;
}

static void
test_accepted(void **state)
{
    ion_arena_t *arena;
    admin_request_t r;

    (void)state;
    assert_int_equal(ion_arena_new(ADMIN_REQUEST_ARENA, &arena), ION_OK);
    assert_int_equal(parse(arena, "{\"cmd\":\"derp list\"}", &r), ION_OK);
    assert_true(ion_str_eq(r.cmd, ION_STR("derp list")));
    assert_null(r.args);
    assert_int_equal(
        parse(arena, " {\"args\":null,\"cmd\":\"x\"} ", &r), ION_OK);
    assert_null(r.args);
    assert_int_equal(
        parse(arena, "{\"cmd\":\"x\",\"args\":{\"a\":1}}", &r), ION_OK);
    assert_non_null(r.args);
    assert_int_equal(r.args->count, 1);
    ion_arena_free(&arena);
}

static void
test_refused(void **state)
{
    static const char *const cases[] = { "", "{", "null", "[]", "5",
        "\"status\"", "{}", "{\"args\":{}}", "{\"cmd\":\"\"}", "{\"cmd\":5}",
        "{\"cmd\":null}", "{\"cmd\":[\"a\"]}", "{\"cmd\":\"a\\nb\"}",
        "{\"cmd\":\"a\\u007f\"}", "{\"cmd\":\"\xc3\xa9\"}",
        "{\"cmd\":\"a\",\"args\":[]}", "{\"cmd\":\"a\",\"args\":\"b\"}",
        "{\"cmd\":\"a\",\"x\":1}", "{\"cmd\":\"a\",\"cmd\":\"b\"}",
        "{\"CMD\":\"a\"}", "{\"cmd\":\"a\"} x",
        "{\"cmd\":\"0123456789012345678901234567890123456789"
        "0123456789012345678901234\"}" };
    ion_arena_t *arena;

    (void)state;
    assert_int_equal(ion_arena_new(ADMIN_REQUEST_ARENA, &arena), ION_OK);
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        admin_request_t r;

        if (parse(arena, cases[i], &r) != ION_MALF) {
            fail_msg("accepted: %s", cases[i]);
        }
    }
    ion_arena_free(&arena);
}

/* a payload that would need more memory than a request may have */
static void
test_memory_is_bounded(void **state)
{
    static char text[ADMIN_REQUEST_MAX + 1];
    ion_arena_t *arena;
    admin_request_t r;
    size_t n = 0;

    (void)state;
    assert_int_equal(ion_arena_new(ADMIN_REQUEST_ARENA, &arena), ION_OK);
    n = strlen(strcpy(text, "{\"cmd\":\"a\",\"args\":{\"x\":["));
    while (n + 2 < sizeof(text) - 4) {
        text[n++] = '0';
        text[n++] = ',';
    }
    strcpy(text + n, "0]}}");
    assert_int_equal(parse(arena, text, &r), ION_MALF);
    ion_arena_free(&arena);
}

static void
test_error_reply(void **state)
{
    ion_sb_t sb;

    (void)state;
    ion_sb_init(&sb, 4096);
    admin_reply_error(&sb, "no \"x\"", "a: 1\n\nb\n");
    assert_string_equal(sb.p,
        "{\"ok\":false,\"error\":\"no \\\"x\\\"\",\"lines\":[\"a: 1\",\"b\"]}");
    ion_sb_reset(&sb);
    admin_reply_error(&sb, "no", "");
    assert_string_equal(sb.p, "{\"ok\":false,\"error\":\"no\",\"lines\":[]}");
    ion_sb_fini(&sb);
}

static void
test_good_reply(void **state)
{
    ion_sb_t sb;
    ion_jw_t w;

    (void)state;
    ion_sb_init(&sb, 4096);
    admin_reply_begin(&w, &sb);
    ion_jw_u64(&w, 5);
    admin_reply_end(&w);
    assert_string_equal(sb.p, "{\"ok\":true,\"result\":5}");
    ion_sb_fini(&sb);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_error_reply),
        cmocka_unit_test(test_good_reply),
    };

    return cmocka_run_group_tests_name("admin_request", tests, NULL, NULL);
}
