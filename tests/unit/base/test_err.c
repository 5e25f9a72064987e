/*
 * test_err.c -- codes and their texts.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
static void
test_every_code_has_its_own_text(void **state)
{
#define ENTRY(name, value, text) { name, text },
    static const struct {
        ion_err_t err;
        const char *text;
    } all[] = { ION_ERR_LIST(ENTRY) };
#undef ENTRY

    (void)state;
    assert_int_equal(ION_OK, 0);
    assert_int_equal(ION_AGAIN, -1);
    for (size_t i = 0; i < ION_ARRAY_LEN(all); i++) {
        assert_string_equal(ion_strerror(all[i].err), all[i].text);
        assert_int_equal(all[i].err, -(int)i);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(all[i].text, all[j].text);
        }
    }
    assert_string_equal(ion_strerror((ion_err_t)-999), "unknown error");
    assert_string_equal(ion_strerror((ion_err_t)1), "unknown error");
}

static void
test_text_is_set_and_cut(void **state)
{
    char longer[400];
    ion_errtext_t t;

    (void)state;
    memset(&t, 0xff, sizeof(t));
    errno = ENOENT;
    ion_errtext_set(&t, "port %d of %s", 80, "here");
    assert_string_equal(t.msg, "port 80 of here");
    assert_int_equal(errno, ENOENT);

    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    ion_errtext_set(&t, "%s", longer);
    assert_int_equal(strlen(t.msg), sizeof(t.msg) - 1);

    ion_errtext_set(NULL, "nobody listens: %d", 1);
}

static void
test_text_can_be_prefixed_with_itself(void **state)
{
    ion_errtext_t t;

    (void)state;
    ion_errtext_set(&t, "no such file");
    ion_errtext_set(&t, "cert.pem: %s", t.msg);
    assert_string_equal(t.msg, "cert.pem: no such file");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_its_own_text),
        cmocka_unit_test(test_text_is_set_and_cut),
        cmocka_unit_test(test_text_can_be_prefixed_with_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
