/*
 * fuzz_json.c -- the JSON reader, and the writer against it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: an error has a place inside the text; a tree that was read
 * comes out of the writer, in both layouts, as text that reads as the same
 * tree.
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
check_round_trip(const ion_doc_node_t *root, unsigned indent)
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *again = NULL;
    ion_sb_t text;
    ion_sb_t dump[2];
    ion_jw_t w;

    ion_sb_init(&text, TEXT_MAX);
    ion_sb_init(&dump[0], TEXT_MAX);
    ion_sb_init(&dump[1], TEXT_MAX);
    ion_jw_init(&w, &text, indent);
    ion_jw_node(&w, root);
    ION_ASSERT(!text.failed);
    ION_ASSERT(ion_arena_new(ARENA_MAX, &arena) == ION_OK);
    ION_ASSERT(
        ion_json_parse(arena, ion_sb_str(&text), NULL, &again, NULL) == ION_OK);
    doc_dump(root, false, &dump[0]);
    doc_dump(again, false, &dump[1]);
    ION_ASSERT(ion_str_eq(ion_sb_str(&dump[0]), ion_sb_str(&dump[1])));

    ion_sb_fini(&text);
    ion_sb_fini(&dump[0]);
    ion_sb_fini(&dump[1]);
    ion_arena_free(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    ion_doc_error_t err;
    ion_str_t text = { (const char *)data, size };

    ION_ASSERT(ion_arena_new(ARENA_MAX, &arena) == ION_OK);
    ion_err_t rc = ion_json_parse(arena, text, NULL, &root, &err);
    if (rc == ION_OK) {
        check_round_trip(root, 0);
        check_round_trip(root, 2);
    } else {
        ION_ASSERT(rc == ION_MALF || rc == ION_LIMIT);
        ION_ASSERT(err.line >= 1 && err.line <= size + 1);
        ION_ASSERT(err.column >= 1 && err.column <= size + 1);
        ION_ASSERT(err.msg[0] != '\0');
    }
    ion_arena_free(&arena);
    return 0;
}
