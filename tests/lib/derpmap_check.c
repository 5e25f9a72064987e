/*
 * derpmap_check.c -- what must hold for every document, for fuzzers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "lib/derpmap_check.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "model/derpmap_diff.h"
#include "model/derpmap_read.h"
#include "model/derpmap_rules.h"

#define TEXT_MAX ((size_t)64 << 20)

static void
check_notes(const ion_derpnotes_t *notes, size_t size)
{
    size_t seen = 0;
    for (const ion_derpnote_t *it = notes->first; it != NULL; it = it->next) {
        ION_ASSERT(it->msg[0] != '\0' && it->path != NULL);
        ION_ASSERT((it->line == 0) == (it->column == 0));
        ION_ASSERT(it->line <= size + 1 && it->column <= size + 1);
        seen++;
    }
    ION_ASSERT(seen <= (size_t)ION_DERPNOTE_LEVELS * ION_DERPNOTES_MAX);
}

static void
check_node(const ion_derpnode_t *n, int region_id)
{
    ION_ASSERT(n->region_id == region_id);
    ION_ASSERT(ion_derp_text_is_valid(n->name));
    ION_ASSERT(ion_derp_host_is_valid(n->host_name));
    ION_ASSERT(ion_derp_cert_name_is_valid(n->cert_name));
    ION_ASSERT(ion_derp_ipv4_is_valid(n->ipv4));
    ION_ASSERT(ion_derp_ipv6_is_valid(n->ipv6));
    ION_ASSERT(n->stun_port >= -1 && n->stun_port <= 65535);
    ION_ASSERT(n->derp_port >= 0 && n->derp_port <= 65535);
}

static void
check_map(const ion_derpmap_t *map)
{
    int last = 0;
    for (size_t i = 0; i < map->region_count; i++) {
        const ion_derpregion_t *r = &map->regions[i];
        ION_ASSERT(r->id > last && r->id <= ION_DERPMAP_ID_MAX);
        last = r->id;
        if (r->is_removed) {
            ION_ASSERT(r->node_count == 0);
            continue;
        }
        ION_ASSERT(ion_derp_text_is_valid(r->code));
        ION_ASSERT(ion_derp_text_is_valid(r->name));
        ION_ASSERT(fabs(r->latitude) <= 90 && fabs(r->longitude) <= 180);
        ION_ASSERT(r->node_count > 0 && r->node_count <= ION_DERPMAP_NODES_MAX);
        for (size_t j = 0; j < r->node_count; j++) {
            check_node(&r->nodes[j], r->id);
        }
    }
    last = 0;
    for (size_t i = 0; i < map->score_count; i++) {
        ION_ASSERT(map->scores[i].region_id > last);
        ION_ASSERT(map->scores[i].score > 0 && isfinite(map->scores[i].score));
        last = map->scores[i].region_id;
    }
}

static const ion_derpmap_t *
read_map(ion_arena_t *arena, ion_str_t text, ion_doc_syntax_t syntax)
{
    ion_derpmap_t *map = NULL;
    ion_derpnotes_t notes;
    ion_derpnotes_init(&notes, arena);
    ion_err_t rc = ion_derpmap_read(arena, text, syntax, &notes, &map);
    ION_ASSERT(rc == ION_OK || rc == ION_MALF || rc == ION_NOMEM);
    ION_ASSERT((rc == ION_OK) == (map != NULL));
    ION_ASSERT(rc != ION_MALF || notes.count[ION_DERPNOTE_ERROR] > 0);
    ION_ASSERT(rc != ION_OK || notes.count[ION_DERPNOTE_ERROR] == 0);
    check_notes(&notes, text.len);
    if (map != NULL) {
        check_map(map);
    }
    return map;
}

static void
check_again(ion_str_t written, ion_doc_syntax_t syntax, ion_str_t canonical)
{
    ion_arena_t *arena = NULL;
    ion_sb_t sb;
    ION_ASSERT(ion_arena_new(ION_DERPMAP_ARENA_MAX, &arena) == ION_OK);
    const ion_derpmap_t *map = read_map(arena, written, syntax);
    ION_ASSERT(map != NULL);
    ion_sb_init(&sb, TEXT_MAX);
    ion_derpmap_write_canonical(map, &sb);
    ION_ASSERT(!sb.failed && ion_str_eq(ion_sb_str(&sb), canonical));
    ion_sb_fini(&sb);
    ion_arena_free(&arena);
}

static void
check_round_trips(const ion_derpmap_t *map)
{
    ion_sb_t canonical;
    ion_sb_t sb;
    ion_sb_init(&canonical, TEXT_MAX);
    ion_sb_init(&sb, TEXT_MAX);
    ion_derpmap_write_canonical(map, &canonical);
    ION_ASSERT(!canonical.failed);
    check_again(ion_sb_str(&canonical), ION_DOC_HUJSON, ion_sb_str(&canonical));
    ion_derpmap_write_json(map, 2, &sb);
    ION_ASSERT(!sb.failed);
    check_again(ion_sb_str(&sb), ION_DOC_HUJSON, ion_sb_str(&canonical));
    ion_sb_reset(&sb);
    ion_derpmap_write_yaml(map, 4, &sb);
    ION_ASSERT(!sb.failed);
    check_again(ion_sb_str(&sb), ION_DOC_YAML, ion_sb_str(&canonical));
    ion_sb_fini(&canonical);
    ion_sb_fini(&sb);
}

static void
check_difference(
    ion_arena_t *arena, const ion_derpmap_t *a, const ion_derpmap_t *b)
{
    ion_derpdiff_t diff;
    ion_sb_t text[2];
    ion_sb_init(&text[0], TEXT_MAX);
    ion_sb_init(&text[1], TEXT_MAX);
    ion_derpmap_write_canonical(a, &text[0]);
    ion_derpmap_write_canonical(b, &text[1]);
    ION_ASSERT(ion_derpmap_diff(arena, a, b, &diff) == ION_OK);
    ION_ASSERT((diff.first == NULL) ==
               ion_str_eq(ion_sb_str(&text[0]), ion_sb_str(&text[1])));
    ion_sb_fini(&text[0]);
    ion_sb_fini(&text[1]);
}

void
derpmap_check(ion_str_t text, ion_doc_syntax_t syntax)
{
    const ion_str_t mark = ION_STR("\n---\n");
    ion_str_t second = { NULL, 0 };
    ion_arena_t *arena = NULL;
    const char *at =
        text.len == 0 ? NULL : memmem(text.p, text.len, mark.p, mark.len);
    if (at != NULL) {
        second = (ion_str_t){ at + mark.len,
            text.len - (size_t)(at - text.p) - mark.len };
        text.len = (size_t)(at - text.p);
    }

    ION_ASSERT(ion_arena_new(4 * ION_DERPMAP_ARENA_MAX, &arena) == ION_OK);
    const ion_derpmap_t *a = read_map(arena, text, syntax);
    if (a != NULL) {
        check_round_trips(a);
    }
    const ion_derpmap_t *b =
        at == NULL ? NULL : read_map(arena, second, syntax);
    if (a != NULL && b != NULL) {
        check_difference(arena, a, b);
    }
    ion_arena_free(&arena);
}
