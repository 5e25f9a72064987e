/*
 * test_list.c -- the intrusive list.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"
typedef struct {
    int id;
    ion_list_t link;
} item_t;

static void
expect_order(const ion_list_t *list, const char *ids)
{
    size_t n = 0;
    ION_LIST_FOREACH(it, list) {
        const item_t *item = ION_CONTAINER_OF(it, item_t, link);
        assert_true(n < strlen(ids));
        assert_int_equal(item->id, ids[n++] - '0');
        assert_ptr_equal(it->next->prev, it);
    }
    assert_int_equal(n, strlen(ids));
}

static void
fill(ion_list_t *list, item_t *items, int n)
{
    ion_list_init(list);
    for (int i = 0; i < n; i++) {
        items[i].id = i;
        ion_list_add_tail(list, &items[i].link);
    }
}

static void
test_order(void **state)
{
    ion_list_t list;
    item_t items[4];

    (void)state;
    fill(&list, items, 3);
    items[3].id = 3;
    ion_list_add_head(&list, &items[3].link);
    expect_order(&list, "3012");
    assert_ptr_equal(ion_list_first(&list), &items[3].link);
}

static void
test_del_unlinks_and_may_be_repeated(void **state)
{
    ion_list_t list;
    item_t items[3];

    (void)state;
    fill(&list, items, 3);
    ion_list_del(&items[1].link);
    expect_order(&list, "02");
    assert_true(ion_list_is_empty(&items[1].link));
    ion_list_del(&items[1].link);
    expect_order(&list, "02");
    ion_list_del(&items[0].link);
    ion_list_del(&items[2].link);
    assert_true(ion_list_is_empty(&list));
    assert_null(ion_list_first(&list));
    expect_order(&list, "");
}

static void
test_safe_walk_may_unlink(void **state)
{
    ion_list_t list;
    item_t items[5];

    (void)state;
    fill(&list, items, 5);
    ION_LIST_FOREACH_SAFE(it, tmp, &list) {
        item_t *item = ION_CONTAINER_OF(it, item_t, link);
        if (item->id % 2 == 0) {
            ion_list_del(it);
        }
    }
    expect_order(&list, "13");
}

static void
test_splice(void **state)
{
    ion_list_t a;
    ion_list_t b;
    item_t of_a[2];
    item_t of_b[2];

    (void)state;
    fill(&a, of_a, 2);
    fill(&b, of_b, 2);
    of_b[0].id = 7;
    of_b[1].id = 8;
    ion_list_splice(&a, &b);
    expect_order(&a, "0178");
    assert_true(ion_list_is_empty(&b));
    ion_list_splice(&a, &b);
    expect_order(&a, "0178");
    ion_list_splice(&b, &a);
    expect_order(&b, "0178");
    expect_order(&a, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_del_unlinks_and_may_be_repeated),
        cmocka_unit_test(test_safe_walk_may_unlink),
        cmocka_unit_test(test_splice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
