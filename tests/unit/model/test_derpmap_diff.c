/*
 * test_derpmap_diff.c -- what differs between two maps.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/derpmap_diff.h"
#include "model/derpmap_read.h"

#define ARENA_MAX ((size_t)8 << 20)

static ion_arena_t *arena;

static int
make_arena(void **state)
{
    (void)state;
    return ion_arena_new(ARENA_MAX, &arena) == ION_OK ? 0 : -1;
}

static int
free_arena(void **state)
{
    (void)state;
    ion_arena_free(&arena);
    return 0;
}

static const ion_derpmap_t *
read_map(const char *text)
{
    ion_derpmap_t *map = NULL;
    ion_derpnotes_t notes;
    ion_derpnotes_init(&notes, arena);
    ion_err_t rc =
        ion_derpmap_read(arena, ion_str_from(text), ION_DOC_YAML, &notes, &map);
    if (rc != ION_OK) {
        fail_msg("%s: %s", text, notes.first->msg);
    }
    return map;
}

/* One line: [region/]field:kind[=before->after][!], "!" = a reconnect. */
static void
expect(const char *before, const char *after, const char *want)
{
    ion_derpdiff_t diff;
    ion_sb_t sb;
    ion_sb_init(&sb, ARENA_MAX);
    assert_int_equal(
        ion_derpmap_diff(arena, read_map(before), read_map(after), &diff),
        ION_OK);
    for (const ion_derpchange_t *c = diff.first; c != NULL; c = c->next) {
        ion_sb_addf(&sb, "%d/%s:%s", c->region_id, c->field,
            ion_derpchange_name(c->kind));
        if (c->before != NULL || c->after != NULL) {
            ion_sb_addf(&sb, "=%s->%s", c->before == NULL ? "" : c->before,
                c->after == NULL ? "" : c->after);
        }
        ion_sb_addf(&sb, "%s ", c->is_reconnect ? "!" : "");
    }
    ion_sb_addf(&sb, "+%zu -%zu ~%zu !%zu", diff.regions[ION_DERPCHANGE_ADDED],
        diff.regions[ION_DERPCHANGE_REMOVED],
        diff.regions[ION_DERPCHANGE_CHANGED], diff.reconnects);
    assert_string_equal(sb.p, want);
    ion_sb_fini(&sb);
}

#define A          "{name: a, hostname: h}"
#define B          "{name: b, hostname: h}"
#define C          "{name: c, hostname: h}"
#define MAP(nodes) "regions: {5: {regioncode: x, nodes: [" nodes "]}}"

static void
test_regions(void **state)
{
    (void)state;
    expect(MAP(A), MAP(A), "+0 -0 ~0 !0");
    expect("regions: {}", MAP(A), "5/:added +1 -0 ~0 !0");
    expect(MAP(A), "regions: {}", "5/:removed! +0 -1 ~0 !1");
    expect("regions: {1: null, 9: null}", "regions: {5: null, 9: null}",
        "1/:removed 5/:added +1 -1 ~0 !0");
    expect(MAP(A), "regions: {5: null}",
        "5/:changed! 5/null:changed=false->true +0 -0 ~1 !1");
    expect("regions: {5: null}", MAP(A),
        "5/:changed 5/null:changed=true->false +0 -0 ~1 !0");
}

static void
test_fields(void **state)
{
    (void)state;
    expect(MAP(A),
        "regions: {5: {regioncode: x, regionname: \"<y>\", latitude: 0.5,"
        " nodes: [{name: a, hostname: h, derpport: 8443, canport80: true}]}}",
        "5/:changed! "
        "5/RegionName:changed=\"x\"->\"\\u003cy\\u003e\" "
        "5/Latitude:changed=0->0.5 "
        "5/Nodes[a].DERPPort:changed=0->8443 "
        "5/Nodes[a].CanPort80:changed=false->true +0 -0 ~1 !1");
}

static void
test_nodes(void **state)
{
    (void)state;
    expect(MAP(A "," B), MAP(B "," A),
        "5/:changed! 5/Nodes:changed=[\"a\",\"b\"]->[\"b\",\"a\"] "
        "+0 -0 ~1 !1");
    expect(MAP(A "," B), MAP(A), "5/:changed! 5/Nodes[b]:removed +0 -0 ~1 !1");
    expect(MAP(B), MAP(A "," B), "5/:changed! 5/Nodes[a]:added +0 -0 ~1 !1");
    expect(MAP(A "," B "," C), MAP(C "," A),
        "5/:changed! 5/Nodes[b]:removed "
        "5/Nodes:changed=[\"a\",\"b\",\"c\"]->[\"c\",\"a\"] +0 -0 ~1 !1");
}

/* A node put between others changes the order of nothing that was there. */
static void
test_node_between(void **state)
{
    (void)state;
    expect(MAP(A "," C), MAP(A "," B "," C),
        "5/:changed! 5/Nodes[b]:added +0 -0 ~1 !1");
    expect(MAP(A "," C), MAP(C "," B "," A),
        "5/:changed! 5/Nodes[b]:added "
        "5/Nodes:changed=[\"a\",\"c\"]->[\"c\",\"b\",\"a\"] +0 -0 ~1 !1");
}

static void
test_rest(void **state)
{
    (void)state;
    expect("homeparams: {regionscore: {1: 0.5, 2: 2, 3: 1}}\nregions: {}",
        "homeparams: {regionscore: {1: 0.25, 3: 1, 4: 8}}\nregions: {}\n"
        "omitdefaultregions: true",
        "0/HomeParams.RegionScore.1:changed=0.5->0.25 "
        "0/HomeParams.RegionScore.2:removed=2-> "
        "0/HomeParams.RegionScore.4:added=->8 "
        "0/omitDefaultRegions:changed=false->true +0 -0 ~0 !0");
}

static void
test_no_memory(void **state)
{
    const ion_derpmap_t *a = read_map(MAP(A "," B));
    const ion_derpmap_t *b = read_map(MAP(B "," A));
    bool done = false;
    (void)state;
    for (size_t max = 0; max < 4096 && !done; max += 16) {
        ion_arena_t *small = NULL;
        ion_derpdiff_t diff;
        assert_int_equal(ion_arena_new(max, &small), ION_OK);
        ion_err_t rc = ion_derpmap_diff(small, a, b, &diff);
        done = rc == ION_OK;
        assert_true(done || rc == ION_NOMEM);
        assert_true(max > 0 || rc == ION_NOMEM);
        ion_arena_free(&small);
    }
    assert_true(done);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regions),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_node_between),
        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
