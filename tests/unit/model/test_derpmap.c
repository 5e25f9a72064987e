/*
 * test_derpmap.c -- the written forms of a map, and reading them back.
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

#include "model/derpmap.h"
#include "model/derpmap_embedded.h"
static ion_arena_t *arena;

static int
make_arena(void **state)
{
    (void)state;
    return ion_arena_new(1 << 22, &arena) == ION_OK ? 0 : -1;
}

static int
free_arena(void **state)
{
    (void)state;
    ion_arena_free(&arena);
    return 0;
}

static void
expect(ion_sb_t *sb, const char *want)
{
    assert_false(sb->failed);
    assert_string_equal(ion_sb_str(sb).p, want);
    ion_sb_fini(sb);
}

static void
expect_canonical(const ion_derpmap_t *map, const char *want)
{
    ion_sb_t sb;
    ion_sb_init(&sb, 100000);
    ion_derpmap_write_canonical(map, &sb);
    expect(&sb, want);
}

static void
expect_json(const ion_derpmap_t *map, unsigned indent, const char *want)
{
    ion_sb_t sb;
    ion_sb_init(&sb, 100000);
    ion_derpmap_write_json(map, indent, &sb);
    expect(&sb, want);
}

static void
expect_yaml(const ion_derpmap_t *map, unsigned form, const char *want)
{
    ion_sb_t sb;
    ion_sb_init(&sb, 100000);
    ion_derpmap_write_yaml(map, form, &sb);
    expect(&sb, want);
}

/* What upstream's documentation calls the ordinary case. */
static ion_derp_embedded_t
ordinary(void)
{
    return (ion_derp_embedded_t){
        .region_id = 1000,
        .region_code = ION_STR("ionscale"),
        .region_name = ION_STR("ionscale Embedded DERP"),
        .derp = { .host = ION_STR("ionscale.example.com"), .port = 443 },
        .stun = { .host = ION_STR("ionscale.example.com"), .port = 3478 },
    };
}

static const ion_derpmap_t *
build(const ion_derp_embedded_t *params)
{
    ion_derpmap_t *map = NULL;
    ion_errtext_t err;
    if (ion_derpmap_embedded(arena, params, &map, &err) != ION_OK) {
        fail_msg("%s", err.msg);
    }
    return map;
}

/* Every field set, ids whose order as text is another one. */
static const ion_derpmap_t *
full_map(void)
{
    static ion_derpnode_t nodes[] = {
        { .name = { "10a", 3 },
            .region_id = 10,
            .host_name = { "a<b", 3 },
            .cert_name = { "c", 1 },
            .ipv4 = { "1.2.3.4", 7 },
            .ipv6 = { "none", 4 },
            .stun_port = -1,
            .stun_only = true,
            .derp_port = 1,
            .insecure_for_tests = true,
            .stun_test_ip = { "t", 1 },
            .can_port80 = true },
        { .name = { "10b", 3 }, .region_id = 10, .host_name = { "h", 1 } },
    };
    static ion_derpregion_t regions[] = {
        { .id = 2, .code = { "two", 3 }, .name = { "Two", 3 } },
        { .id = 10,
            .code = { "gru", 3 },
            .name = { "S\xc3\xa3o Paulo", 10 },
            .latitude = -23.5,
            .longitude = 0.1,
            .avoid = true,
            .no_measure_no_home = true,
            .nodes = nodes,
            .node_count = 2 },
    };
    static ion_derpscore_t scores[] = { { 2, 0.5 }, { 10, 1.25 } };
    static const ion_derpmap_t map = {
        .scores = scores,
        .score_count = 2,
        .regions = regions,
        .region_count = 2,
        .omit_default_regions = true,
    };
    return &map;
}

#define TWO                                                                    \
    "\"2\":{\"RegionID\":2,\"RegionCode\":\"two\",\"RegionName\":\"Two\","     \
    "\"Nodes\":[]}"
#define TEN                                                                    \
    "\"10\":{\"RegionID\":10,\"RegionCode\":\"gru\","                          \
    "\"RegionName\":\"S\xc3\xa3o Paulo\",\"Latitude\":-23.5,"                  \
    "\"Longitude\":0.1,\"Avoid\":true,\"NoMeasureNoHome\":true,\"Nodes\":["    \
    "{\"Name\":\"10a\",\"RegionID\":10,\"HostName\":\"a\\u003cb\","            \
    "\"CertName\":\"c\",\"IPv4\":\"1.2.3.4\",\"IPv6\":\"none\","               \
    "\"STUNPort\":-1,\"STUNOnly\":true,\"DERPPort\":1,"                        \
    "\"InsecureForTests\":true,\"STUNTestIP\":\"t\",\"CanPort80\":true},"      \
    "{\"Name\":\"10b\",\"RegionID\":10,\"HostName\":\"h\"}]}"

static const char canonical[] =
    "{\"HomeParams\":{\"RegionScore\":{\"2\":0.5,\"10\":1.25}},"
    "\"Regions\":{" TWO "," TEN "},\"omitDefaultRegions\":true}";
static const char wire[] =
    "{\"HomeParams\":{\"RegionScore\":{\"10\":1.25,\"2\":0.5}},"
    "\"Regions\":{" TEN "," TWO "},\"omitDefaultRegions\":true}";

static void
test_canonical_is_by_number_and_json_by_text(void **state)
{
    (void)state;
    expect_canonical(full_map(), canonical);
    expect_json(full_map(), 0, wire);
}

static void
test_json_for_people(void **state)
{
    ion_derp_embedded_t p = ordinary();

    (void)state;
    expect_json(build(&p), 2,
        "{\n"
        "  \"Regions\": {\n"
        "    \"1000\": {\n"
        "      \"RegionID\": 1000,\n"
        "      \"RegionCode\": \"ionscale\",\n"
        "      \"RegionName\": \"ionscale Embedded DERP\",\n"
        "      \"Nodes\": [\n"
        "        {\n"
        "          \"Name\": \"ionscale\",\n"
        "          \"RegionID\": 1000,\n"
        "          \"HostName\": \"ionscale.example.com\",\n"
        "          \"STUNPort\": 3478,\n"
        "          \"DERPPort\": 443\n"
        "        }\n"
        "      ]\n"
        "    }\n"
        "  }\n"
        "}");
}

static void
test_yaml_of_two_blanks(void **state)
{
    ion_derp_embedded_t p = ordinary();

    (void)state;
    expect_yaml(build(&p), 2,
        "regions:\n"
        "  1000:\n"
        "    regionid: 1000\n"
        "    regioncode: ionscale\n"
        "    regionname: ionscale Embedded DERP\n"
        "    latitude: 0\n"
        "    longitude: 0\n"
        "    avoid: false\n"
        "    nodes:\n"
        "    - name: ionscale\n"
        "      regionid: 1000\n"
        "      hostname: ionscale.example.com\n"
        "      certname: \"\"\n"
        "      ipv4: \"\"\n"
        "      ipv6: \"\"\n"
        "      stunport: 3478\n"
        "      stunonly: false\n"
        "      derpport: 443\n"
        "      insecurefortests: false\n"
        "      stuntestip: \"\"\n"
        "      canport80: false\n");
}

static void
test_yaml_of_four_blanks(void **state)
{
    ion_derp_embedded_t p = ordinary();

    (void)state;
    expect_yaml(build(&p), 4,
        "regions:\n"
        "    1000:\n"
        "        regionid: 1000\n"
        "        regioncode: ionscale\n"
        "        regionname: ionscale Embedded DERP\n"
        "        latitude: 0\n"
        "        longitude: 0\n"
        "        avoid: false\n"
        "        nodes:\n"
        "            - name: ionscale\n"
        "              regionid: 1000\n"
        "              hostname: ionscale.example.com\n"
        "              certname: \"\"\n"
        "              ipv4: \"\"\n"
        "              ipv6: \"\"\n"
        "              stunport: 3478\n"
        "              stunonly: false\n"
        "              derpport: 443\n"
        "              insecurefortests: false\n"
        "              stuntestip: \"\"\n"
        "              canport80: false\n");
}

static void
test_yaml_shows_the_rest_where_it_is_set(void **state)
{
    (void)state;
    expect_yaml(full_map(), 2,
        "homeparams:\n"
        "  regionscore:\n"
        "    2: 0.5\n"
        "    10: 1.25\n"
        "regions:\n"
        "  2:\n"
        "    regionid: 2\n"
        "    regioncode: two\n"
        "    regionname: Two\n"
        "    latitude: 0\n"
        "    longitude: 0\n"
        "    avoid: false\n"
        "    nodes: []\n"
        "  10:\n"
        "    regionid: 10\n"
        "    regioncode: gru\n"
        "    regionname: S\xc3\xa3o Paulo\n"
        "    latitude: -23.5\n"
        "    longitude: 0.1\n"
        "    avoid: true\n"
        "    nomeasurenohome: true\n"
        "    nodes:\n"
        "    - name: 10a\n"
        "      regionid: 10\n"
        "      hostname: a<b\n"
        "      certname: c\n"
        "      ipv4: 1.2.3.4\n"
        "      ipv6: none\n"
        "      stunport: -1\n"
        "      stunonly: true\n"
        "      derpport: 1\n"
        "      insecurefortests: true\n"
        "      stuntestip: t\n"
        "      canport80: true\n"
        "    - name: 10b\n"
        "      regionid: 10\n"
        "      hostname: h\n"
        "      certname: \"\"\n"
        "      ipv4: \"\"\n"
        "      ipv6: \"\"\n"
        "      stunport: 0\n"
        "      stunonly: false\n"
        "      derpport: 0\n"
        "      insecurefortests: false\n"
        "      stuntestip: \"\"\n"
        "      canport80: false\n"
        "omitdefaultregions: true\n");
}

static void
test_one_score(void **state)
{
    static ion_derpscore_t score = { 7, 1 };
    const ion_derpmap_t map = { .scores = &score, .score_count = 1 };

    (void)state;
    expect_yaml(&map, 2,
        "homeparams:\n"
        "  regionscore:\n"
        "    7: 1\n"
        "regions: {}\n");
    expect_canonical(
        &map, "{\"HomeParams\":{\"RegionScore\":{\"7\":1}},\"Regions\":{}}");
}

static void
test_empty_map(void **state)
{
    const ion_derpmap_t empty = { .regions = NULL };

    (void)state;
    expect_canonical(&empty, "{\"Regions\":{}}");
    expect_json(&empty, 2, "{\n  \"Regions\": {}\n}");
    expect_yaml(&empty, 2, "regions: {}\n");
    expect_yaml(&empty, 4, "regions: {}\n");
}

static ion_derpmap_t *
parse(const char *text)
{
    ion_derpmap_t *map = NULL;
    ion_errtext_t err;
    if (ion_derpmap_parse(arena, ion_str_from(text), &map, &err) != ION_OK) {
        fail_msg("%s", err.msg);
    }
    return map;
}

static void
test_both_forms_read_back(void **state)
{
    (void)state;
    expect_canonical(parse(canonical), canonical);
    expect_canonical(parse(wire), canonical);
    expect_json(parse(canonical), 0, wire);
    expect_canonical(parse("{\"Regions\":{}}"), "{\"Regions\":{}}");
    expect_canonical(parse(" {\n \"Regions\" : { } } "), "{\"Regions\":{}}");
}

#define MAP(region)  "{\"Regions\":{" region "}}"
#define NODE(fields) MAP("\"5\":{\"RegionID\":5,\"Nodes\":[{" fields "}]}")

static void
test_refusals(void **state)
{
    static const char *const cases[][2] = {
        { "", "text ends" },
        { "[]", "expected a map, got a list" },
        { "{}", "no \"Regions\" object" },
        { "{\"regions\":{}}", "no \"Regions\" object" },
        { "{\"Regions\":null}", "expected a map, got null" },
        { "{\"Regions\":{},\"x\":1}", "1:15: unknown field \"x\" of a map" },
        { "{\"Regions\":{},\"omitDefaultRegions\":1}", "wrong type" },
        { "{\"Regions\":{},\"HomeParams\":{}}", "RegionScore" },
        { "{\"Regions\":{},\"HomeParams\":{\"RegionScore\":{},\"x\":1}}",
            "RegionScore" },
        { "{\"Regions\":{},\"HomeParams\":{\"RegionScore\":[]}}",
            "expected a map" },
        { "{\"Regions\":{},\"HomeParams\":{\"RegionScore\":{\"0\":1}}}",
            "from 1 to 65535" },
        { "{\"Regions\":{},\"HomeParams\":{\"RegionScore\":{\"1\":\"1\"}}}",
            "wrong type" },
        { MAP("\"5\":null"), "expected a map, got null" },
        { MAP("\"0\":{\"RegionID\":0}"), "from 1 to 65535" },
        { MAP("\"65536\":{\"RegionID\":65536}"), "from 1 to 65535" },
        { MAP("\"05\":{\"RegionID\":5}"), "from 1 to 65535" },
        { MAP("\"+5\":{\"RegionID\":5}"), "from 1 to 65535" },
        { MAP("\"\":{\"RegionID\":5}"), "from 1 to 65535" },
        { MAP("\"5x\":{\"RegionID\":5}"), "from 1 to 65535" },
        { MAP("\"5\":{\"RegionID\":6}"), "RegionID differs from the key" },
        { MAP("\"5\":{}"), "RegionID differs from the key" },
        { MAP("\"5\":{\"RegionID\":5.0}"), "wrong type or range" },
        { MAP("\"5\":{\"RegionID\":5,\"regionname\":\"x\"}"),
            "unknown field \"regionname\" of a region" },
        { MAP("\"5\":{\"RegionID\":5,\"RegionCode\":7}"),
            "expected a string, got an integer" },
        { MAP("\"5\":{\"RegionID\":5,\"Avoid\":\"true\"}"), "wrong type" },
        { MAP("\"5\":{\"RegionID\":5,\"Latitude\":\"1\"}"), "wrong type" },
        { MAP("\"5\":{\"RegionID\":5,\"Nodes\":null}"), "expected a list" },
        { MAP("\"5\":{\"RegionID\":5,\"Nodes\":[null]}"), "expected a map" },
        { MAP("\"5\":{\"RegionID\":5},\"5\":{\"RegionID\":5}"),
            "duplicate key \"5\"" },
        { NODE("\"stunpot\":1"), "unknown field \"stunpot\" of a node" },
        { NODE("\"Nodes\":[]"), "unknown field \"Nodes\" of a node" },
        { NODE("\"DERPPort\":\"443\""), "wrong type or range" },
        { NODE("\"DERPPort\":99999999999"), "wrong type or range" },
        { NODE("\"IPv4\":null"), "expected a string, got null" },
        { NODE("\"STUNOnly\":0"), "wrong type" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_derpmap_t *map = NULL;
        ion_errtext_t err = { "" };
        ion_str_t text = ion_str_from(cases[i][0]);
        ion_err_t rc = ion_derpmap_parse(arena, text, &map, &err);
        if (rc != ION_MALF || strstr(err.msg, cases[i][1]) == NULL) {
            fail_msg("%s: %s", cases[i][0], err.msg);
        }
        assert_null(map);
        assert_int_equal(ion_derpmap_parse(arena, text, &map, NULL), ION_MALF);
    }
}

static void
test_number_of_regions_is_bounded(void **state)
{
    for (int n = ION_DERPMAP_REGIONS_MAX; n <= ION_DERPMAP_REGIONS_MAX + 1; n++)
    {
        ion_sb_t sb;
        ion_sb_t again;
        ion_derpmap_t *map = NULL;
        ion_errtext_t err;

        (void)state;
        ion_sb_init(&sb, 1 << 20);
        ion_sb_addz(&sb, "{\"Regions\":{");
        for (int i = 1; i <= n; i++) {
            ion_sb_addf(&sb,
                "%s\"%d\":{\"RegionID\":%d,\"RegionCode\":\"\","
                "\"RegionName\":\"\",\"Nodes\":[]}",
                i == 1 ? "" : ",", i, i);
        }
        ion_sb_addz(&sb, "}}");
        bool fits = n == ION_DERPMAP_REGIONS_MAX;
        assert_int_equal(ion_derpmap_parse(arena, ion_sb_str(&sb), &map, &err),
            fits ? ION_OK : ION_LIMIT);
        if (fits) {
            ion_sb_init(&again, 1 << 20);
            ion_derpmap_write_canonical(map, &again);
            assert_true(ion_str_eq(ion_sb_str(&sb), ion_sb_str(&again)));
            ion_sb_fini(&again);
        }
        ion_sb_fini(&sb);
    }
}

static void
test_small_arenas(void **state)
{
    size_t max = 0;

    (void)state;
    for (ion_err_t rc = ION_LIMIT; rc != ION_OK; max += 160) {
        ion_arena_t *small = NULL;
        ion_derpmap_t *map = NULL;
        ion_errtext_t err;
        assert_true(max < 65536);
        assert_int_equal(ion_arena_new(max, &small), ION_OK);
        rc = ion_derpmap_parse(small, ion_str_from(wire), &map, &err);
        assert_true(rc == ION_OK || rc == ION_LIMIT);
        ion_arena_free(&small);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_is_by_number_and_json_by_text),
        cmocka_unit_test(test_json_for_people),
        cmocka_unit_test(test_yaml_of_two_blanks),
        cmocka_unit_test(test_yaml_of_four_blanks),
        cmocka_unit_test(test_yaml_shows_the_rest_where_it_is_set),
        cmocka_unit_test(test_one_score),
        cmocka_unit_test(test_empty_map),
        cmocka_unit_test(test_both_forms_read_back),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_number_of_regions_is_bounded),
        cmocka_unit_test(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
