/*
 * derpmap_json.c -- the JSON forms of a DERP map.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One walk writes both: they differ in the order of the keys that are
 * numbers, which Go sorts as text.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "doc/emit.h"
#include "model/derpmap_fields.h"

#define ID_TEXT_MAX 12

/* A number that is a key, and where its value is. */
typedef struct {
    char text[ID_TEXT_MAX];
    size_t index;
} numbered_t;

static int
compare_text(const void *a, const void *b)
{
    return strcmp(((const numbered_t *)a)->text, ((const numbered_t *)b)->text);
}

static void
set_numbered(numbered_t *n, int id, size_t index)
{
    (void)snprintf(n->text, sizeof(n->text), "%d", id);
    n->index = index;
}

static void
put_field(ion_jw_t *w, const ion_derpfield_t *f, const void *of)
{
    if (!f->is_required && !ion_derpfield_is_set(f, of)) {
        return;
    }
    ion_jw_key(w, f->name);
    switch (f->type) {
    case ION_DERPFIELD_INT:
        ion_jw_i64(w, ion_derpfield_int(f, of));
        break;
    case ION_DERPFIELD_BOOL:
        ion_jw_bool(w, ion_derpfield_bool(f, of));
        break;
    case ION_DERPFIELD_F64:
        ion_jw_f64(w, ion_derpfield_f64(f, of));
        break;
    case ION_DERPFIELD_STR:
        ion_jw_str(w, ion_derpfield_str(f, of));
        break;
    case ION_DERPFIELD_NESTED: /* the caller writes the value */
        break;
    }
}

static void
put_node(ion_jw_t *w, const ion_derpnode_t *n)
{
    ion_jw_object_begin(w);
    for (const ion_derpfield_t *f = ion_derpnode_fields; f->name != NULL; f++) {
        put_field(w, f, n);
    }
    ion_jw_object_end(w);
}

static void
put_region(ion_jw_t *w, const ion_derpregion_t *r)
{
    if (r->is_removed) {
        ion_jw_null(w);
        return;
    }
    ion_jw_object_begin(w);
    for (const ion_derpfield_t *f = ion_derpregion_fields; f->name != NULL; f++)
    {
        put_field(w, f, r);
    }
    ion_jw_array_begin(w); /* the table ends in Nodes */
    for (size_t i = 0; i < r->node_count; i++) {
        put_node(w, &r->nodes[i]);
    }
    ion_jw_array_end(w);
    ion_jw_object_end(w);
}

static void
put_scores(ion_jw_t *w, const ion_derpmap_t *map, bool by_text)
{
    numbered_t order[ION_DERPMAP_REGIONS_MAX];
    if (map->score_count == 0) {
        return;
    }
    ION_ASSERT(map->score_count <= ION_ARRAY_LEN(order));
    for (size_t i = 0; i < map->score_count; i++) {
        set_numbered(&order[i], map->scores[i].region_id, i);
    }
    if (by_text) {
        qsort(order, map->score_count, sizeof(order[0]), compare_text);
    }

    ion_jw_key(w, "HomeParams");
    ion_jw_object_begin(w);
    ion_jw_key(w, "RegionScore");
    ion_jw_object_begin(w);
    for (size_t i = 0; i < map->score_count; i++) {
        ion_jw_key(w, order[i].text);
        ion_jw_f64(w, map->scores[order[i].index].score);
    }
    ion_jw_object_end(w);
    ion_jw_object_end(w);
}

static void
put_regions(ion_jw_t *w, const ion_derpmap_t *map, bool by_text)
{
    numbered_t order[ION_DERPMAP_REGIONS_MAX];
    ION_ASSERT(map->region_count <= ION_ARRAY_LEN(order));
    for (size_t i = 0; i < map->region_count; i++) {
        set_numbered(&order[i], map->regions[i].id, i);
    }
    if (by_text && map->region_count > 1) {
        qsort(order, map->region_count, sizeof(order[0]), compare_text);
    }

    ion_jw_key(w, "Regions");
    ion_jw_object_begin(w);
    for (size_t i = 0; i < map->region_count; i++) {
        ion_jw_key(w, order[i].text);
        put_region(w, &map->regions[order[i].index]);
    }
    ion_jw_object_end(w);
}

static void
put_map(ion_jw_t *w, const ion_derpmap_t *map, bool by_text)
{
    ion_jw_object_begin(w);
    put_scores(w, map, by_text);
    put_regions(w, map, by_text);
    put_field(w, &ion_derpmap_fields[ION_DERPMAP_OMIT_DEFAULT], map);
    ion_jw_object_end(w);
}

void
ion_derpmap_write_canonical(const ion_derpmap_t *map, ion_sb_t *sb)
{
    ion_jw_t w;
    ion_jw_init(&w, sb, 0);
    put_map(&w, map, false);
}

void
ion_derpmap_write_json(const ion_derpmap_t *map, unsigned indent, ion_sb_t *sb)
{
    ion_jw_t w;
    ion_jw_init(&w, sb, indent);
    put_map(&w, map, true);
}
