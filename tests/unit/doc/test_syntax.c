/*
 * test_syntax.c -- which syntax a text is in.
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

#include "doc/syntax.h"

static void
test_decisions(void **state)
{
    static const struct {
        const char *path;
        const char *type;
        const char *text;
        ion_doc_syntax_t want;
    } cases[] = {
        /* the name wins over all */
        { "map.json", "text/yaml", "a: 1", ION_DOC_HUJSON },
        { "map.HuJSON", "", "a: 1", ION_DOC_HUJSON },
        { "a/b.jsonc", "", "", ION_DOC_HUJSON },
        { "map.yaml", "application/json", "{}", ION_DOC_YAML },
        { "MAP.YML", "", "{}", ION_DOC_YAML },
        /* then the type, its parameters aside */
        { "map", "application/json; charset=utf-8", "a", ION_DOC_HUJSON },
        { "map", "application/vnd.x+JSON", "a", ION_DOC_HUJSON },
        { "map.txt", "text/x-yaml", "{}", ION_DOC_YAML },
        { "", "text/plain; x=json", "a: 1", ION_DOC_YAML },
        { "json", "", "a: 1", ION_DOC_YAML },
        /* then the text */
        { "", "", " \r\n\t{}", ION_DOC_HUJSON },
        { "", "", "\xef\xbb\xbf [1]", ION_DOC_HUJSON },
        { "", "", "// comment", ION_DOC_HUJSON },
        { "", "", "# comment", ION_DOC_YAML },
        { "", "", "\xef\xbb\xbfregions:", ION_DOC_YAML },
        { "", "", "", ION_DOC_YAML },
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_doc_syntax_t got = ion_doc_syntax_of(ion_str_from(cases[i].path),
            ion_str_from(cases[i].type), ion_str_from(cases[i].text));
        if (got != cases[i].want) {
            fail_msg("case %zu: %d", i, (int)got);
        }
    }
}

static void
test_bom(void **state)
{
    (void)state;
    ion_str_t text = ion_doc_skip_bom(ION_STR("\xef\xbb\xbf\xef\xbb\xbfx"));
    assert_true(ion_str_eq(text, ION_STR("\xef\xbb\xbfx")));
    text = ion_doc_skip_bom(ION_STR("\xef\xbb"));
    assert_int_equal(text.len, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_bom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
