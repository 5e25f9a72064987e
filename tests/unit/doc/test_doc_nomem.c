/*
 * test_doc_nomem.c -- readers and writers when the k-th allocation fails, for
 * every k.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Our own allocations fail one by one; those inside libyaml do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "doc/emit_tree.h"
#include "doc/json.h"
#include "doc/yaml.h"
#include "lib/failk.h"

#define ROUNDS_MAX 200

/* Both a JSON and a YAML document, long enough for several chunks. */
static ion_sb_t text;

static int
make_text(void **state)
{
    (void)state;
    ion_sb_init(&text, 1 << 20);
    ion_sb_addc(&text, '{');
    for (int i = 0; i < 200; i++) {
        ion_sb_addf(&text, "\"key%d\": [%d, \"v\", {\"a\": null}], ", i, i);
    }
    ion_sb_addz(&text, "\"last\": {\"x\": 1, \"y\": 2}}");
    return text.failed ? -1 : 0;
}

static int
free_text(void **state)
{
    (void)state;
    ion_sb_fini(&text);
    return 0;
}

static ion_err_t
read_json(ion_arena_t *arena, ion_doc_node_t **root, ion_doc_error_t *err)
{
    return ion_json_parse(arena, ion_sb_str(&text), NULL, root, err);
}

static ion_err_t
read_yaml(ion_arena_t *arena, ion_doc_node_t **root, ion_doc_error_t *err)
{
    return ion_yaml_parse(arena, "t", ion_sb_str(&text), root, err);
}

static bool
work(ion_err_t (*read)(ion_arena_t *, ion_doc_node_t **, ion_doc_error_t *))
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    ion_doc_error_t err;
    ion_sb_t out;
    ion_jw_t w;

    if (ion_arena_new(1 << 20, &arena) != ION_OK) {
        return false;
    }
    ion_err_t rc = read(arena, &root, &err);
    assert_true(rc == ION_OK || rc == ION_NOMEM || rc == ION_LIMIT);
    assert_int_equal(root != NULL, rc == ION_OK);

    ion_sb_init(&out, 1 << 20);
    ion_jw_init(&w, &out, 2);
    ion_jw_node(&w, root);
    bool ok = rc == ION_OK && !out.failed;
    ion_sb_fini(&out);
    ion_arena_free(&arena);
    return ok;
}

static void
test_every_failure_is_survived(void **state)
{
    static ion_err_t (*const readers[])(ion_arena_t *, ion_doc_node_t **,
        ion_doc_error_t *) = { read_json, read_yaml };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(readers); i++) {
        unsigned k = 0;
        bool failed = true;
        for (; failed && k < ROUNDS_MAX; k++) {
            failk_arm(k);
            bool ok = work(readers[i]);
            failed = failk_disarm();
            assert_int_equal(ok, !failed);
        }
        assert_true(k > 5 && k < ROUNDS_MAX);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_failure_is_survived),
    };
    return cmocka_run_group_tests(tests, make_text, free_text);
}
