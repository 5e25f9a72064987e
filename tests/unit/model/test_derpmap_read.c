/*
 * test_derpmap_read.c -- documents of others: rules, real maps, limits.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The rules and the real maps are in tests/vectors, whose heads say how they
 * are written; tests run in the source directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/derpmap_read.h"

#define VECTORS    "tests/vectors/"
#define ARENA_MAX  ((size_t)64 << 20)
#define OUTPUT_MAX ((size_t)16 << 20)

#define NODE "{\"Name\":\"n\",\"HostName\":\"h\"}"

static char *
read_file(const char *path, size_t *n)
{
    FILE *in = fopen(path, "re");
    if (in == NULL) {
        fail_msg("%s cannot be opened", path);
    }
    char *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *n = fread(bytes, 1, (1 << 20) - 1, in);
    assert_true(*n < (1 << 20) - 1);
    bytes[*n] = '\0';
    (void)fclose(in);
    return bytes;
}

static const char *
level_word(ion_derpnote_level_t level)
{
    const char *word = ion_derpnote_level_name(level);
    return level == ION_DERPNOTE_DROPPED ? "dropped" : word;
}

/* What is said about a document, and its canonical form. */
static void
report(ion_str_t text, ion_doc_syntax_t syntax, ion_sb_t *sb)
{
    ion_arena_t *arena = NULL;
    ion_derpmap_t *map = NULL;
    ion_derpnotes_t notes;

    assert_int_equal(ion_arena_new(ARENA_MAX, &arena), ION_OK);
    ion_derpnotes_init(&notes, arena);
    ion_err_t rc = ion_derpmap_read(arena, text, syntax, &notes, &map);
    for (const ion_derpnote_t *it = notes.first; it != NULL; it = it->next) {
        ion_sb_addf(sb, "%s %u:%u %s%s%s\n", level_word(it->level), it->line,
            it->column, it->path, it->path[0] == '\0' ? "" : ": ", it->msg);
    }
    assert_int_equal(rc == ION_MALF, notes.count[ION_DERPNOTE_ERROR] > 0);
    assert_true(rc == ION_OK || rc == ION_MALF);
    if (rc == ION_OK) {
        ion_sb_addz(sb, "=> ");
        ion_derpmap_write_canonical(map, sb);
        ion_sb_addc(sb, '\n');
    }
    assert_false(sb->failed);
    ion_arena_free(&arena);
}

static void
expect(
    ion_str_t text, ion_doc_syntax_t syntax, const char *name, ion_str_t want)
{
    ion_sb_t sb;
    ion_sb_init(&sb, OUTPUT_MAX);
    report(text, syntax, &sb);
    if (!ion_str_eq(ion_sb_str(&sb), want)) {
        fail_msg("%s\n%.*s\nis said to be\n%s\nshould be\n%.*s", name,
            ION_STR_ARG(text), sb.p, ION_STR_ARG(want));
    }
    ion_sb_fini(&sb);
}

/* The text up to the line that begins with `mark`, and past that line. */
static ion_str_t
take_until(char **at, const char *mark)
{
    char *end = strncmp(*at, mark + 1, strlen(mark) - 1) == 0
                    ? *at - 1
                    : strstr(*at, mark);
    if (end == NULL) {
        end = *at + strlen(*at);
    }
    ion_str_t text = { *at, end < *at ? 0 : (size_t)(end - *at) };
    *at = *end == '\0' ? end : end + 1;
    return text;
}

static void
run_block(char **at)
{
    char head[128];
    char path[256];
    char *file = NULL;
    ion_doc_syntax_t syntax = ION_DOC_HUJSON;

    assert_int_equal(sscanf(*at, "== %127[^\n]", head), 1);
    *at = strchr(*at, '\n') + 1;
    ion_str_t text = take_until(at, "\n--\n");
    *at = strchr(*at, '\n') + 1;
    char *want = *at;
    (void)take_until(at, "\n== ");
    ion_str_t answer = { want, (size_t)(*at - want) };

    if (strncmp(head, "file ", 5) == 0) {
        (void)snprintf(path, sizeof(path), VECTORS "derpmaps/%s", head + 5);
        file = read_file(path, &text.len);
        text.p = file;
        syntax = ion_doc_syntax_of(ion_str_from(path), ION_STR(""), text);
    } else if (strcmp(head, "yaml") == 0) {
        syntax = ION_DOC_YAML;
    }
    expect(text, syntax, head, answer);
    free(file);
}

static size_t
run_blocks(const char *path)
{
    size_t n;
    size_t blocks = 0;
    char *all = read_file(path, &n);
    char *at = strstr(all, "\n== ");
    assert_non_null(at);
    for (at++; *at != '\0'; blocks++) {
        run_block(&at);
    }
    free(all);
    return blocks;
}

static void
test_rules(void **state)
{
    (void)state;
    assert_int_equal(run_blocks(VECTORS "derpmap_rules.txt"), 56);
}

static void
test_real_maps(void **state)
{
    (void)state;
    assert_int_equal(run_blocks(VECTORS "derpmaps.txt"), 21);
}

/* What a text file of documents cannot hold. */
static void
test_bytes(void **state)
{
    static const struct {
        ion_str_t text;
        const char *want;
    } cases[] = {
        { { "", 0 }, "error 0:0 the document is empty\n" },
        { { " \n\t", 3 }, "error 0:0 the document is empty\n" },
        { { "\xef\xbb\xbf", 3 }, "error 0:0 the document is empty\n" },
        { { "\xef\xbb\xbf{\"Regions\":{\"1\":null}}", 25 },
            "=> {\"Regions\":{\"1\":null}}\n" },
        { { "{\"Regions\":\xff}", 13 }, "error 0:0 byte 11: invalid UTF-8\n" },
        { { "{\"Regions\":\0}", 13 }, "error 0:0 byte 11: a NUL byte\n" },
        { { "{\"\\u0000\":{}}", 13 },
            "error 1:9 a NUL character in a string is not allowed\n" },
        { { "\n <!DOCTYPE html>", 17 },
            "error 0:0 got HTML or XML, not a DERP map (a login page, or the "
            "wrong URL?)\n" },
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        expect(cases[i].text, ION_DOC_HUJSON, "bytes",
            ion_str_from(cases[i].want));
    }
}

static void
add_region(ion_sb_t *sb, int id, size_t nodes)
{
    ion_sb_addf(sb, "%s\"%d\":{\"RegionCode\":\"c\",\"Nodes\":[",
        id == 1 ? "" : ",", id);
    for (size_t i = 0; i < nodes; i++) {
        ion_sb_addf(sb, "%s{\"Name\":\"%d-%zu\",\"HostName\":\"h\"}",
            i == 0 ? "" : ",", id, i);
    }
    ion_sb_addz(sb, "]}");
}

static void
expect_limit(int regions, size_t nodes, const char *want)
{
    ion_sb_t sb;
    ion_sb_t out;
    ion_sb_init(&sb, OUTPUT_MAX);
    ion_sb_init(&out, OUTPUT_MAX);
    ion_sb_addz(&sb, "{\"Regions\":{");
    for (int id = 1; id <= regions; id++) {
        add_region(&sb, id, nodes);
    }
    ion_sb_addz(&sb, "}}");
    assert_false(sb.failed);
    report(ion_sb_str(&sb), ION_DOC_HUJSON, &out);
    if (want == NULL) {
        assert_null(strstr(out.p, "error "));
    } else if (strstr(out.p, want) == NULL) {
        fail_msg("%.2000s", out.p);
    }
    ion_sb_fini(&sb);
    ion_sb_fini(&out);
}

static void
test_limits(void **state)
{
    (void)state;
    expect_limit(999, 1, NULL);
    expect_limit(1024, 4, NULL);
    expect_limit(1025, 1, "Regions: has 1025 regions, at most 1024");
    expect_limit(64, 64, NULL);
    expect_limit(1, 65, "Regions.1.Nodes: has 65 nodes, at most 64");
    expect_limit(1024, 5, "the map has more than 4096 nodes");
}

static void
test_size(void **state)
{
    ion_sb_t out;
    char *text = malloc(ION_DERPMAP_BYTES_MAX + 1);
    (void)state;
    assert_non_null(text);
    memset(text, ' ', ION_DERPMAP_BYTES_MAX + 1);
    memcpy(text, "{\"Regions\":{}}", 14);
    ion_sb_init(&out, OUTPUT_MAX);
    report((ion_str_t){ text, ION_DERPMAP_BYTES_MAX }, ION_DOC_HUJSON, &out);
    assert_non_null(strstr(out.p, "=> {\"Regions\":{}}"));
    ion_sb_reset(&out);
    report(
        (ion_str_t){ text, ION_DERPMAP_BYTES_MAX + 1 }, ION_DOC_HUJSON, &out);
    assert_string_equal(
        out.p, "error 0:0 the document is larger than 4194304 bytes\n");
    ion_sb_fini(&out);
    free(text);
}

static void
test_long_texts(void **state)
{
    char text[1024];
    char word[257];
    (void)state;
    memset(word, 'x', sizeof(word));
    for (int n = 255; n <= 256; n++) {
        ion_sb_t out;
        (void)snprintf(text, sizeof(text),
            "{\"Regions\":{\"1\":{\"RegionCode\":\"%.*s\",\"Nodes\":[" NODE
            "]}}}",
            n, word);
        ion_sb_init(&out, OUTPUT_MAX);
        report(ion_str_from(text), ION_DOC_HUJSON, &out);
        assert_int_equal(
            strstr(out.p, "RegionCode: must be 1 to 255") != NULL, n == 256);
        ion_sb_fini(&out);
    }
}

/* Enough of a kind is enough, and each unknown name is said once. */
static void
test_notes_are_bounded(void **state)
{
    ion_arena_t *arena = NULL;
    ion_derpmap_t *map = NULL;
    ion_derpnotes_t notes;
    ion_sb_t sb;
    (void)state;

    ion_sb_init(&sb, OUTPUT_MAX);
    ion_sb_addz(&sb, "{\"Regions\":{");
    for (int id = 1; id <= 150; id++) {
        ion_sb_addf(&sb, "%s\"%d\":{\"foo%d\":1,\"FOO1\":2,\"Nodes\":[]}",
            id == 1 ? "" : ",", id, id);
    }
    ion_sb_addf(&sb, ",\"200\":{\"RegionCode\":\"c\",\"Nodes\":[" NODE "]}}}");
    assert_int_equal(ion_arena_new(ARENA_MAX, &arena), ION_OK);
    ion_derpnotes_init(&notes, arena);
    assert_int_equal(
        ion_derpmap_read(arena, ion_sb_str(&sb), ION_DOC_HUJSON, &notes, &map),
        ION_OK);
    assert_int_equal(map->region_count, 1);
    /* no code: 150; unknown names: 64 of 150 */
    assert_int_equal(notes.count[ION_DERPNOTE_WARNING], 150 + 64);
    assert_int_equal(notes.kept[ION_DERPNOTE_WARNING], ION_DERPNOTES_MAX);
    assert_int_equal(notes.count[ION_DERPNOTE_DROPPED], 150);
    assert_int_equal(notes.kept[ION_DERPNOTE_DROPPED], ION_DERPNOTES_MAX);
    ion_sb_fini(&sb);
    ion_arena_free(&arena);
}

/* Whatever memory there is, the answer is clean. */
static void
test_memory(void **state)
{
    static const char text[] =
        "{\"HomeParams\":{\"RegionScore\":{\"5\":0.5}},\"Regions\":{\"5\":"
        "{\"Nodes\":[{\"HostName\":\"h\",\"x\":1},{\"HostName\":\"g\"}]},"
        "\"6\":null}}";
    size_t got[3] = { 0 };
    (void)state;
    for (size_t max = 0; max < 300000; max += 97) {
        ion_arena_t *arena = NULL;
        ion_derpmap_t *map = NULL;
        ion_derpnotes_t notes;

        assert_int_equal(ion_arena_new(max, &arena), ION_OK);
        ion_derpnotes_init(&notes, arena);
        ion_err_t rc = ion_derpmap_read(
            arena, ion_str_from(text), ION_DOC_HUJSON, &notes, &map);
        got[rc == ION_OK ? 0 : rc == ION_NOMEM ? 1 : 2]++;
        if (rc == ION_OK) {
            assert_int_equal(map->region_count, 2);
            assert_int_equal(map->regions[0].node_count, 2);
            assert_string_equal(map->regions[0].nodes[1].name.p, "5b");
        } else if (rc == ION_MALF) {
            assert_true(notes.count[ION_DERPNOTE_ERROR] > 0);
        } else {
            assert_int_equal(rc, ION_NOMEM);
        }
        ion_arena_free(&arena);
    }
    assert_true(got[0] > 0 && got[1] > 0 && got[2] > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_real_maps),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_notes_are_bounded),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
