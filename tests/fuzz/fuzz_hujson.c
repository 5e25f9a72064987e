/*
 * fuzz_hujson.c -- the HuJSON reader against the JSON reader.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: an error has a place inside the text; what the strict reader
 * takes gives the same tree here, places too; a tree that only this reader
 * takes comes out of the writer as JSON that reads as the same tree.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "doc/emit_tree.h"
#include "doc/json.h"
#include "lib/doc_dump.h"

#define ARENA_MAX ((size_t)16 << 20)
#define TEXT_MAX  ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_same(const ion_doc_node_t *a, const ion_doc_node_t *b, bool places)
{
    ion_sb_t dump[2];
    ion_sb_init(&dump[0], TEXT_MAX);
    ion_sb_init(&dump[1], TEXT_MAX);
    doc_dump(a, places, &dump[0]);
    doc_dump(b, places, &dump[1]);
    ION_ASSERT(ion_str_eq(ion_sb_str(&dump[0]), ion_sb_str(&dump[1])));
    ion_sb_fini(&dump[0]);
    ion_sb_fini(&dump[1]);
}

static void
check_written(ion_arena_t *arena, const ion_doc_node_t *root)
{
    ion_doc_node_t *again = NULL;
    ion_sb_t text;
    ion_jw_t w;
    ion_sb_init(&text, TEXT_MAX);
    ion_jw_init(&w, &text, 2);
    ion_jw_node(&w, root);
    ION_ASSERT(!text.failed);
    ION_ASSERT(
        ion_json_parse(arena, ion_sb_str(&text), NULL, &again, NULL) == ION_OK);
    check_same(root, again, false);
    ion_sb_fini(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    ion_doc_node_t *strict = NULL;
    ion_doc_error_t err;
    ion_str_t text = { (const char *)data, size };

    ION_ASSERT(ion_arena_new(4 * ARENA_MAX, &arena) == ION_OK);
    ion_err_t rc = ion_hujson_parse(arena, text, NULL, &root, &err);
    if (rc != ION_OK) {
        ION_ASSERT(rc == ION_MALF || rc == ION_LIMIT);
        ION_ASSERT(err.line >= 1 && err.line <= size + 1);
        ION_ASSERT(err.column >= 1 && err.column <= size + 1);
        ION_ASSERT(err.msg[0] != '\0');
        ION_ASSERT(ion_json_parse(arena, text, NULL, &strict, NULL) != ION_OK);
    } else if (ion_json_parse(arena, text, NULL, &strict, NULL) == ION_OK) {
        check_same(root, strict, true);
    } else {
        check_written(arena, root);
    }
    ion_arena_free(&arena);
    return 0;
}
