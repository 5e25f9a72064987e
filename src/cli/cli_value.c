/*
 * cli_value.c -- values of a reply, for people and as JSON.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "cli/cli_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cli/cli_print.h"
#include "doc/emit_tree.h"

enum {
    JSON_MAX = 16 * 1024 * 1024,
};

ion_str_t
cli_str(const ion_doc_node_t *map, const char *key)
{
    const ion_doc_node_t *node = ion_doc_get(map, key);

    return node != NULL && node->kind == ION_DOC_STRING ? node->text
                                                        : ION_STR("");
}

int64_t
cli_int(const ion_doc_node_t *map, const char *key)
{
    const ion_doc_node_t *node = ion_doc_get(map, key);
    int64_t v = 0;

    if (node == NULL || ion_doc_i64(node, INT64_MIN, INT64_MAX, &v) != ION_OK) {
        return 0;
    }
    return v;
}

bool
cli_bool(const ion_doc_node_t *map, const char *key)
{
    const ion_doc_node_t *node = ion_doc_get(map, key);
    bool v = false;

    return node != NULL && ion_doc_bool(node, &v) == ION_OK && v;
}

const char *
cli_duration(int64_t seconds, char out[CLI_TEXT_MAX])
{
    static const struct {
        int64_t length;
        char unit;
    } units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
    size_t i = 0;

    seconds = ION_MAX(seconds, 0);
    while (i + 1 < ION_ARRAY_LEN(units) && seconds < units[i].length) {
        i++;
    }
    if (i + 1 == ION_ARRAY_LEN(units)) {
        (void)snprintf(out, CLI_TEXT_MAX, "%" PRId64 "s", seconds);
    } else {
        (void)snprintf(out, CLI_TEXT_MAX, "%" PRId64 "%c%" PRId64 "%c",
            seconds / units[i].length, units[i].unit,
            seconds % units[i].length / units[i + 1].length, units[i + 1].unit);
    }
    return out;
}

const char *
cli_time(int64_t unix_seconds, char out[CLI_TEXT_MAX])
{
    time_t t = (time_t)unix_seconds;
    struct tm tm;

    if (t == 0 || localtime_r(&t, &tm) == NULL ||
        strftime(out, CLI_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
    {
        (void)snprintf(out, CLI_TEXT_MAX, "-");
    }
    return out;
}

const char *
cli_bytes(double bytes, char out[CLI_TEXT_MAX])
{
    static const char units[] = "KMGTPE";
    size_t unit = 0;

    if (bytes < 1000) {
        (void)snprintf(out, CLI_TEXT_MAX, "%.0f", bytes);
        return out;
    }
    for (bytes /= 1000; bytes >= 1000 && units[unit + 1] != '\0'; unit++) {
        bytes /= 1000;
    }
    (void)snprintf(out, CLI_TEXT_MAX, bytes < 10 ? "%.1f%c" : "%.0f%c", bytes,
        units[unit]);
    return out;
}

int
cli_print_json(const ion_doc_node_t *node)
{
    ion_sb_t sb;
    ion_jw_t w;
    int status = 1;

    ion_sb_init(&sb, JSON_MAX);
    ion_jw_init(&w, &sb, 2);
    ion_jw_node(&w, node);
    if (sb.failed) {
        status = cli_error("no memory for the answer");
    } else {
        (void)printf("%s\n", sb.p);
        status = cli_finish();
    }
    ion_sb_fini(&sb);
    return status;
}
