/*
 * test_derpmap_embedded.c -- the region this instance serves.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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

static void
test_one_node(void **state)
{
    ion_derp_embedded_t p = ordinary();

    (void)state;
    expect_canonical(build(&p),
        "{\"Regions\":{\"1000\":{\"RegionID\":1000,\"RegionCode\":\"ionscale\","
        "\"RegionName\":\"ionscale Embedded DERP\",\"Nodes\":[{"
        "\"Name\":\"ionscale\",\"RegionID\":1000,"
        "\"HostName\":\"ionscale.example.com\",\"STUNPort\":3478,"
        "\"DERPPort\":443}]}}}");
}

static void
test_everything_set(void **state)
{
    static const char pin[] =
        "sha256-raw:"
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    ion_derp_embedded_t p = ordinary();

    (void)state;
    p.region_id = 65535;
    p.region_name = ION_STR("");
    p.derp.host = ION_STR("192.0.2.7");
    p.derp.ipv4 = ION_STR("192.0.2.7");
    p.derp.ipv6 = ION_STR("none");
    p.derp.port = 8080;
    p.stun.host = p.derp.host;
    p.stun.port = ION_DERPMAP_NO_STUN;
    p.cert_name = ion_str_from(pin);
    p.can_port80 = true;
    expect_canonical(build(&p),
        "{\"Regions\":{\"65535\":{\"RegionID\":65535,"
        "\"RegionCode\":\"ionscale\",\"RegionName\":\"ionscale\",\"Nodes\":[{"
        "\"Name\":\"ionscale\",\"RegionID\":65535,\"HostName\":\"192.0.2.7\","
        "\"CertName\":\"sha256-raw:"
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\","
        "\"IPv4\":\"192.0.2.7\",\"IPv6\":\"none\",\"STUNPort\":-1,"
        "\"DERPPort\":8080,\"CanPort80\":true}]}}}");
}

static void
test_two_nodes_when_the_hosts_differ(void **state)
{
    ion_derp_embedded_t p = ordinary();

    (void)state;
    p.stun.host = ION_STR("stun.example.com");
    p.stun.ipv4 = ION_STR("192.0.2.8");
    p.derp.ipv6 = ION_STR("2001:db8::1");
    p.cert_name = ION_STR("other.example.com");
    expect_canonical(build(&p),
        "{\"Regions\":{\"1000\":{\"RegionID\":1000,\"RegionCode\":\"ionscale\","
        "\"RegionName\":\"ionscale Embedded DERP\",\"Nodes\":["
        "{\"Name\":\"stun\",\"RegionID\":1000,"
        "\"HostName\":\"stun.example.com\",\"IPv4\":\"192.0.2.8\","
        "\"STUNPort\":3478,\"STUNOnly\":true},"
        "{\"Name\":\"derp\",\"RegionID\":1000,"
        "\"HostName\":\"ionscale.example.com\","
        "\"CertName\":\"other.example.com\",\"IPv6\":\"2001:db8::1\","
        "\"STUNPort\":-1,\"DERPPort\":443}]}}}");
}

static void
test_hosts_are_compared_without_case(void **state)
{
    ion_derp_embedded_t p = ordinary();

    (void)state;
    p.stun.host = ION_STR("IONSCALE.example.COM");
    assert_int_equal(build(&p)->regions[0].node_count, 1);
}

/* A STUN host that nobody serves is not looked at. */
static void
test_no_stun_is_one_node(void **state)
{
    ion_derp_embedded_t p = ordinary();

    (void)state;
    p.stun = (ion_derp_endpoint_t){ .port = ION_DERPMAP_NO_STUN };
    const ion_derpregion_t *r = &build(&p)->regions[0];
    assert_int_equal(r->node_count, 1);
    assert_int_equal(r->nodes[0].stun_port, -1);
    assert_true(ion_str_eq(r->nodes[0].name, ION_STR("ionscale")));
}

static void
test_smallest_values(void **state)
{
    ion_derp_embedded_t p = ordinary();

    (void)state;
    p.region_id = 1;
    p.region_code = ION_STR("c");
    p.region_name = ION_STR("n");
    p.derp.port = 1;
    p.stun.port = 1;
    const ion_derpregion_t *r = &build(&p)->regions[0];
    assert_int_equal(r->id, 1);
    assert_true(ion_str_eq(r->name, ION_STR("n")));
    assert_int_equal(r->nodes[0].derp_port, 1);
    assert_int_equal(r->nodes[0].stun_port, 1);
}

static void
test_the_map_owns_its_texts(void **state)
{
    char host[] = "a.example.com";
    ion_derp_embedded_t p = ordinary();

    (void)state;
    p.derp.host = ion_str_from(host);
    p.stun.host = ion_str_from(host);
    const ion_derpmap_t *map = build(&p);
    memset(host, 'x', sizeof(host) - 1);
    assert_true(ion_str_eq(
        map->regions[0].nodes[0].host_name, ION_STR("a.example.com")));
}

static void
expect_refusal(const ion_derp_embedded_t *p, const char *part)
{
    ion_derpmap_t *map = NULL;
    ion_errtext_t err;
    assert_int_equal(ion_derpmap_embedded(arena, p, &map, &err), ION_MALF);
    assert_int_equal(ion_derpmap_embedded(arena, p, &map, NULL), ION_MALF);
    assert_null(map);
    if (strstr(err.msg, part) == NULL) {
        fail_msg("%s", err.msg);
    }
}

#define REFUSE(change, part)                                                   \
    do {                                                                       \
        ion_derp_embedded_t p = ordinary();                                    \
        change;                                                                \
        expect_refusal(&p, part);                                              \
    } while (0)

static void
test_refusals(void **state)
{
    static char longer[256 + 1];

    (void)state;
    memset(longer, 'n', sizeof(longer) - 1);
    REFUSE(p.region_id = 0, "region id 0 is not from 1 to 65535");
    REFUSE(p.region_id = 65536, "region id 65536");
    REFUSE(p.region_id = -1, "region id -1");
    REFUSE(p.region_code = ION_STR(""), "region code must have");
    REFUSE(p.region_code = ION_STR("a\nb"), "region code must have");
    REFUSE(p.region_name = ION_STR("\xff"), "region name must have");
    REFUSE(p.region_name = ion_str_from(longer), "region name must have");
    REFUSE(p.derp.host = ION_STR(""), "relay's public host \"\" must be");
    REFUSE(p.derp.host = ION_STR("https://derp.x"),
        "relay's public host \"https://derp.x\" must be a host name or an IP");
    REFUSE(p.derp.host = ION_STR("a:443"), "public host \"a:443\"");
    REFUSE(p.stun.host = ION_STR("a b"), "STUN server's public host \"a b\"");
    REFUSE(p.derp.port = 0, "relay's public port 0");
    REFUSE(p.derp.port = 65536, "relay's public port 65536");
    REFUSE(p.derp.port = -1, "relay's public port -1");
    REFUSE(p.stun.port = 0, "STUN server's public port 0");
    REFUSE(p.stun.port = -2, "STUN server's public port -2");
    REFUSE(p.derp.ipv4 = ION_STR("::1"), "relay's IPv4 \"::1\"");
    REFUSE(p.derp.ipv6 = ION_STR("1.2.3.4"), "relay's IPv6 \"1.2.3.4\"");
    REFUSE(p.stun.ipv4 = ION_STR("x"), "STUN server's IPv4 \"x\"");
    REFUSE(p.derp.ipv4 = p.derp.ipv6 = ION_STR("none"),
        "relay can be reached neither by IPv4 nor by IPv6");
    REFUSE(p.cert_name = ION_STR("sha256-raw:12"),
        "certificate name \"sha256-raw:12\"");
    REFUSE(p.cert_name = ION_STR("a/b"), "certificate name \"a/b\"");
}

/* Whatever the arena's bound is, the answer is a map or "no memory". */
static void
test_small_arenas(void **state)
{
    ion_derp_embedded_t p = ordinary();
    size_t max = 0;

    (void)state;
    for (ion_err_t rc = ION_NOMEM; rc != ION_OK; max += 16) {
        ion_arena_t *small = NULL;
        ion_derpmap_t *map = NULL;
        assert_true(max < 4096);
        assert_int_equal(ion_arena_new(max, &small), ION_OK);
        rc = ion_derpmap_embedded(small, &p, &map, NULL);
        assert_true(rc == ION_OK || rc == ION_NOMEM);
        assert_int_equal(map != NULL, rc == ION_OK);
        assert_true(
            map == NULL || map->regions[0].nodes[0].cert_name.p != NULL);
        ion_arena_free(&small);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_node),
        cmocka_unit_test(test_everything_set),
        cmocka_unit_test(test_two_nodes_when_the_hosts_differ),
        cmocka_unit_test(test_hosts_are_compared_without_case),
        cmocka_unit_test(test_no_stun_is_one_node),
        cmocka_unit_test(test_smallest_values),
        cmocka_unit_test(test_the_map_owns_its_texts),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
