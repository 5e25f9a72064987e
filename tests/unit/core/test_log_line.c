/*
 * test_log_line.c -- the form of log lines, and that nothing gets out of it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/log_line.h"
#include "doc/json.h"

static const ion_log_line_t plain = {
    .wall_ms = 1795407371123, /* 2026-11-23T04:16:11.123Z */
    .level = ION_LOG_WARN,
    .pid = 12345,
    .tag = "worker1",
    .subsystem = "derp",
    .context = "c=8841 peer=203.0.113.7:5555",
    .message = "write failed",
    .err = EPIPE,
    .action = "sending frame",
};

static const char *
text_of(const ion_log_line_t *l)
{
    static char out[ION_LOG_LINE_MAX + 1];
    size_t n = ion_log_line_text(l, out);

    assert_true(n <= ION_LOG_LINE_MAX);
    assert_int_equal(out[n - 1], '\n');
    out[n - 1] = '\0';
    assert_int_equal(strlen(out), n - 1);
    assert_null(strchr(out, '\n'));
    return out;
}

static const char *
json_of(const ion_log_line_t *l)
{
    static char out[ION_LOG_LINE_MAX + 1];
    size_t n = ion_log_line_json(l, out);

    assert_true(n <= ION_LOG_LINE_MAX);
    assert_int_equal(out[n - 1], '\n');
    out[n - 1] = '\0';
    assert_int_equal(strlen(out), n - 1);
    assert_null(strchr(out, '\n'));
    return out;
}

static void
test_text(void **state)
{
    ion_log_line_t l = plain;

    (void)state;
    assert_string_equal(text_of(&l),
        "2026-11-23T04:16:11.123Z warn 12345/worker1 derp c=8841 "
        "peer=203.0.113.7:5555 write failed (32: Broken pipe) while sending "
        "frame");
    l.suppressed = 412;
    l.lost = 3;
    l.err = 0;
    l.action = NULL;
    l.context = "";
    l.subsystem = NULL;
    assert_string_equal(text_of(&l),
        "2026-11-23T04:16:11.123Z warn 12345/worker1 write failed "
        "suppressed=412 lost=3");
}

static void
test_json(void **state)
{
    ion_log_line_t l = plain;

    (void)state;
    assert_string_equal(json_of(&l),
        "{\"ts\":\"2026-11-23T04:16:11.123Z\",\"level\":\"warn\","
        "\"pid\":12345,\"process\":\"worker1\",\"subsystem\":\"derp\","
        "\"errno\":32,\"error\":\"Broken pipe\",\"action\":\"sending frame\","
        "\"c\":\"8841\",\"peer\":\"203.0.113.7:5555\",\"msg\":\"write "
        "failed\"}");
    l = (ion_log_line_t){ .wall_ms = 5,
        .level = ION_LOG_ALERT,
        .pid = 1,
        .tag = "master",
        .context = "  a=\"x y\" junk Bad=1 b= c=2",
        .message = "",
        .suppressed = 1,
        .lost = 2 };
    assert_string_equal(json_of(&l),
        "{\"ts\":\"1970-01-01T00:00:00.005Z\",\"level\":\"alert\",\"pid\":1,"
        "\"process\":\"master\",\"suppressed\":1,\"lost\":2,\"a\":\"x y\","
        "\"b\":\"\",\"c\":\"2\",\"msg\":\"\"}");
}

/* Control bytes, C1, broken UTF-8, quotes, backslashes. */
static void
test_escapes(void **state)
{
    static const struct {
        const char *message;
        const char *text;
        const char *json;
    } cases[] = {
        { "a\nb", "a\\nb", "a\\nb" },
        { "a\tb\rc", "a\\tb\\x0dc", "a\\tb\\u000dc" },
        { "\x1b[31mred", "\\x1b[31mred", "\\u001b[31mred" },
        { "\x7f", "\\x7f", "\\u007f" },
        { "\xc2\x9b[31m", "\\x9b[31m", "\\u009b[31m" },
        { "\xff\xfe", "\\xff\\xfe", "\\u00ff\\u00fe" },
        { "caf\xc3\xa9", "caf\xc3\xa9", "caf\xc3\xa9" },
        { "cut\xc3", "cut\\xc3", "cut\\u00c3" },
        { "say \"hi\"", "say \"hi\"", "say \\\"hi\\\"" },
        { "back\\slash", "back\\\\slash", "back\\\\slash" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ion_log_line_t l = {
            .level = ION_LOG_INFO, .tag = "t", .message = cases[i].message
        };
        const char *at = strstr(json_of(&l), "\"msg\":\"");
        size_t n = strlen(cases[i].json);

        assert_non_null(at);
        assert_memory_equal(at + 7, cases[i].json, n);
        assert_string_equal(at + 7 + n, "\"}");
        at = strstr(text_of(&l), "/t ");
        assert_non_null(at);
        assert_string_equal(at + 3, cases[i].text);
    }
}

/* Whatever is long: the line keeps its bound, its end, and JSON its form. */
static void
test_long(void **state)
{
    char big[4096];
    char context[600];
    ion_log_line_t l = plain;

    (void)state;
    for (int byte = 1; byte < 256; byte += 5) {
        ion_arena_t *arena = NULL;
        ion_doc_node_t *root = NULL;
        const char *json;

        memset(big, byte, sizeof(big) - 1);
        big[sizeof(big) - 1] = '\0';
        memcpy(context, "peer=", 5);
        memset(context + 5, byte, sizeof(context) - 6);
        context[sizeof(context) - 1] = '\0';
        l.message = big;
        l.context = context;
        l.suppressed = UINT64_MAX;
        l.lost = UINT64_MAX;
        assert_non_null(strstr(text_of(&l), "..."));
        assert_non_null(strstr(text_of(&l),
            "(32: Broken pipe) while sending frame "
            "suppressed=18446744073709551615 lost=18446744073709551615"));
        json = json_of(&l);
        assert_string_equal(json + strlen(json) - 5, "...\"}");
        assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
        assert_int_equal(
            ion_json_parse(arena, ion_str_from(json), NULL, &root, NULL),
            ION_OK);
        ion_arena_free(&arena);
    }
}

/* A message of every length around the bound: cut exactly where it must be. */
static void
test_boundary(void **state)
{
    char big[1200];
    size_t whole = 0;

    (void)state;
    for (size_t n = 700; n < 1100; n++) {
        ion_log_line_t l = {
            .level = ION_LOG_INFO, .tag = "t", .message = big
        };
        const char *text;

        memset(big, 'm', n);
        big[n] = '\0';
        text = text_of(&l);
        if (strstr(text, "...") == NULL) {
            assert_null(strstr(text, "..."));
            whole = n;
        } else {
            assert_string_equal(text + strlen(text) - 3, "...");
        }
        (void)json_of(&l);
    }
    assert_true(whole > 700 && whole < 1024);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_boundary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
