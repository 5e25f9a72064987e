/*
 * derpmap_yaml.c -- the printed YAML form of a DERP map.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every field of a region and a node is there, set or not. What upstream's
 * printed form does not know (nomeasurenohome, homeparams,
 * omitdefaultregions) shows only where it is set.
 */

#include <string.h>

#include "base/assert.h"
#include "doc/emit.h"
#include "model/derpmap_fields.h"

#define NAME_MAX 32 /* of a field, with the NUL */

/* Keys are the names in lower case. */
static void
put_key(ion_yw_t *w, const ion_derpfield_t *f)
{
    char key[NAME_MAX];
    size_t n = strlen(f->name);
    ION_ASSERT(n < sizeof(key));
    for (size_t i = 0; i <= n; i++) {
        char c = f->name[i];
        key[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    ion_yw_key(w, key);
}

static void
put_field(ion_yw_t *w, const ion_derpfield_t *f, const void *of)
{
    if (f->is_late && !ion_derpfield_is_set(f, of)) {
        return;
    }
    put_key(w, f);
    switch (f->type) {
    case ION_DERPFIELD_INT:
        ion_yw_i64(w, ion_derpfield_int(f, of));
        break;
    case ION_DERPFIELD_BOOL:
        ion_yw_bool(w, ion_derpfield_bool(f, of));
        break;
    case ION_DERPFIELD_F64:
        ion_yw_f64(w, ion_derpfield_f64(f, of));
        break;
    case ION_DERPFIELD_STR:
        ion_yw_str(w, ion_derpfield_str(f, of));
        break;
    case ION_DERPFIELD_NESTED: /* the caller writes the value */
        break;
    }
}

static void
put_node(ion_yw_t *w, const ion_derpnode_t *n)
{
    ion_yw_map_begin(w);
    for (const ion_derpfield_t *f = ion_derpnode_fields; f->name != NULL; f++) {
        put_field(w, f, n);
    }
    ion_yw_map_end(w);
}

static void
put_region(ion_yw_t *w, const ion_derpregion_t *r)
{
    if (r->is_removed) {
        ion_yw_null(w);
        return;
    }
    ion_yw_map_begin(w);
    for (const ion_derpfield_t *f = ion_derpregion_fields; f->name != NULL; f++)
    {
        put_field(w, f, r);
    }
    ion_yw_list_begin(w); /* the table ends in Nodes */
    for (size_t i = 0; i < r->node_count; i++) {
        put_node(w, &r->nodes[i]);
    }
    ion_yw_list_end(w);
    ion_yw_map_end(w);
}

static void
put_scores(ion_yw_t *w, const ion_derpmap_t *map)
{
    ion_yw_key(w, "homeparams");
    ion_yw_map_begin(w);
    ion_yw_key(w, "regionscore");
    ion_yw_map_begin(w);
    for (size_t i = 0; i < map->score_count; i++) {
        ion_yw_key_i64(w, map->scores[i].region_id);
        ion_yw_f64(w, map->scores[i].score);
    }
    ion_yw_map_end(w);
    ion_yw_map_end(w);
}

void
ion_derpmap_write_yaml(const ion_derpmap_t *map, unsigned form, ion_sb_t *sb)
{
    ion_yw_t w;
    ION_ASSERT(form == 2 || form == 4);
    ion_yw_init(&w, sb, form == 2 ? ION_YAML_2 : ION_YAML_4);

    ion_yw_map_begin(&w);
    if (map->score_count > 0) {
        put_scores(&w, map);
    }
    ion_yw_key(&w, "regions");
    ion_yw_map_begin(&w);
    for (size_t i = 0; i < map->region_count; i++) {
        ion_yw_key_i64(&w, map->regions[i].id);
        put_region(&w, &map->regions[i]);
    }
    ion_yw_map_end(&w);
    put_field(&w, &ion_derpmap_fields[ION_DERPMAP_OMIT_DEFAULT], map);
    ion_yw_map_end(&w);
}
