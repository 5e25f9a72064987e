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
#include "model/derpmap.h"

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
put_str(ion_jw_t *w, const char *key, ion_str_t v)
{
    ion_jw_key(w, key);
    ion_jw_str(w, v);
}

static void
put_str_if_set(ion_jw_t *w, const char *key, ion_str_t v)
{
    if (v.len > 0) {
        put_str(w, key, v);
    }
}

static void
put_int(ion_jw_t *w, const char *key, int v)
{
    ion_jw_key(w, key);
    ion_jw_i64(w, v);
}

static void
put_int_if_set(ion_jw_t *w, const char *key, int v)
{
    if (v != 0) {
        put_int(w, key, v);
    }
}

static void
put_f64_if_set(ion_jw_t *w, const char *key, double v)
{
    if (v != 0) {
        ion_jw_key(w, key);
        ion_jw_f64(w, v);
    }
}

static void
put_true_if_set(ion_jw_t *w, const char *key, bool v)
{
    if (v) {
        ion_jw_key(w, key);
        ion_jw_bool(w, true);
    }
}

static void
put_node(ion_jw_t *w, const ion_derpnode_t *n)
{
    ion_jw_object_begin(w);
    put_str(w, "Name", n->name);
    put_int(w, "RegionID", n->region_id);
    put_str(w, "HostName", n->host_name);
    put_str_if_set(w, "CertName", n->cert_name);
    put_str_if_set(w, "IPv4", n->ipv4);
    put_str_if_set(w, "IPv6", n->ipv6);
    put_int_if_set(w, "STUNPort", n->stun_port);
    put_true_if_set(w, "STUNOnly", n->stun_only);
    put_int_if_set(w, "DERPPort", n->derp_port);
    put_true_if_set(w, "InsecureForTests", n->insecure_for_tests);
    put_str_if_set(w, "STUNTestIP", n->stun_test_ip);
    put_true_if_set(w, "CanPort80", n->can_port80);
    ion_jw_object_end(w);
}

static void
put_region(ion_jw_t *w, const ion_derpregion_t *r)
{
    ion_jw_object_begin(w);
    put_int(w, "RegionID", r->id);
    put_str(w, "RegionCode", r->code);
    put_str(w, "RegionName", r->name);
    put_f64_if_set(w, "Latitude", r->latitude);
    put_f64_if_set(w, "Longitude", r->longitude);
    put_true_if_set(w, "Avoid", r->avoid);
    put_true_if_set(w, "NoMeasureNoHome", r->no_measure_no_home);
    ion_jw_key(w, "Nodes");
    ion_jw_array_begin(w);
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
    put_true_if_set(w, "omitDefaultRegions", map->omit_default_regions);
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
