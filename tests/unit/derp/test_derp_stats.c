/*
 * test_derp_stats.c -- names of the counters, classes of round-trip times.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/module.h"
#include "derp/derp_stats.h"

const ion_module_t *const ion_modules[] = { &derp_module };
const uint32_t ion_module_count = 1;

static void
test_every_counter_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < DERP_STAT_COUNT; i++) {
        const ion_stat_desc_t *d = &derp_stats[i];

        assert_non_null(d->name);
        for (size_t k = 0; k < i; k++) {
            const ion_stat_desc_t *o = &derp_stats[k];
            bool is_same = strcmp(d->name, o->name) == 0;

            if (!is_same) {
                continue;
            }
            assert_non_null(d->labels);
            assert_non_null(o->labels);
            assert_string_not_equal(d->labels, o->labels);
            /* one name stands in one block, its help at the first */
            assert_string_equal(derp_stats[i - 1].name, d->name);
            assert_null(d->help);
        }
        if (d->type == ION_STAT_HISTOGRAM && d->labels == NULL) {
            continue; /* described with the histogram's buckets */
        }
        if (i == 0 || strcmp(derp_stats[i - 1].name, d->name) != 0) {
            assert_non_null(d->help);
        }
    }
}

/* Every count goes into the smallest bucket that holds it. */
static void
test_frames_buckets(void **state)
{
    static const struct {
        size_t frames;
        const char *le;
    } cases[] = {
        { 0, "le=\"0\"" },
        { 1, "le=\"1\"" },
        { 10, "le=\"10\"" },
        { 11, "le=\"15\"" },
        { 15, "le=\"15\"" },
        { 16, "le=\"20\"" },
        { 25, "le=\"25\"" },
        { 26, "le=\"50\"" },
        { 100, "le=\"100\"" },
        { 101, "le=\"+Inf\"" },
        { 100000, "le=\"+Inf\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t bucket = derp_stats_frames_bucket(cases[i].frames);

        assert_in_range(bucket, 0, DERP_FRAMES_BUCKETS - 1);
        assert_string_equal(
            derp_stats[DERP_STAT_FRAMES + bucket].labels, cases[i].le);
    }
}

static void
test_all_14_drop_counters(void **state)
{
    static const char *const reasons[] = {
        "unknown_dest",
        "unknown_dest_on_fwd",
        "gone_disconnected",
        "queue_head",
        "queue_tail",
        "write_error",
        "dup_client",
    };
    static const char *const kinds[] = { "disco", "other" };

    (void)state;
    assert_int_equal(ION_ARRAY_LEN(reasons), DERP_DROP_COUNT);
    for (size_t i = 0; i < 14; i++) {
        char labels[64];

        (void)snprintf(labels, sizeof(labels), "reason=\"%s\",kind=\"%s\"",
            reasons[i / 2], kinds[i % 2]);
        assert_string_equal(derp_stats[DERP_STAT_PACKETS_DROPPED + i].name,
            "derp_packets_dropped");
        assert_string_equal(
            derp_stats[DERP_STAT_PACKETS_DROPPED + i].labels, labels);
        assert_string_equal(
            derp_stats[DERP_STAT_BYTES_DROPPED + i].name, "derp_bytes_dropped");
        assert_string_equal(
            derp_stats[DERP_STAT_BYTES_DROPPED + i].labels, labels);
    }
}

static void
test_round_trip_classes(void **state)
{
    static const struct {
        uint32_t us;
        const char *label;
    } cases[] = {
        { 0, "le=\"10ms\"" },
        { 10000, "le=\"10ms\"" },
        { 10001, "le=\"20ms\"" },
        { 50000, "le=\"50ms\"" },
        { 99999, "le=\"100ms\"" },
        { 150001, "le=\"250ms\"" },
        { 500000, "le=\"500ms\"" },
        { 500001, "le=\"inf\"" },
        { UINT32_MAX, "le=\"inf\"" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        size_t place =
            (size_t)DERP_STAT_RTT + (size_t)derp_stats_rtt_class(cases[i].us);

        assert_string_equal(derp_stats[place].name, "derp_tcp_rtt");
        assert_string_equal(derp_stats[place].labels, cases[i].label);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_counter_has_a_name_of_its_own),
        cmocka_unit_test(test_frames_buckets),
        cmocka_unit_test(test_all_14_drop_counters),
        cmocka_unit_test(test_round_trip_classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
