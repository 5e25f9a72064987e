/*
 * derpmap_yaml.c -- the printed YAML form of a DERP map.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every field of a region and a node is there, set or not. What upstream's
 * printed form does not know (nomeasurenohome, homeparams,
 * omitdefaultregions) shows only where it is set.
 */

#include "base/assert.h"
#include "doc/emit.h"
#include "model/derpmap.h"

static void
put_str(ion_yw_t *w, const char *key, ion_str_t v)
{
    ion_yw_key(w, key);
    ion_yw_str(w, v);
}

static void
put_int(ion_yw_t *w, const char *key, int v)
{
    ion_yw_key(w, key);
    ion_yw_i64(w, v);
}

static void
put_f64(ion_yw_t *w, const char *key, double v)
{
    ion_yw_key(w, key);
    ion_yw_f64(w, v);
}

static void
put_bool(ion_yw_t *w, const char *key, bool v)
{
    ion_yw_key(w, key);
    ion_yw_bool(w, v);
}

static void
put_node(ion_yw_t *w, const ion_derpnode_t *n)
{
    ion_yw_map_begin(w);
    put_str(w, "name", n->name);
    put_int(w, "regionid", n->region_id);
    put_str(w, "hostname", n->host_name);
    put_str(w, "certname", n->cert_name);
    put_str(w, "ipv4", n->ipv4);
    put_str(w, "ipv6", n->ipv6);
    put_int(w, "stunport", n->stun_port);
    put_bool(w, "stunonly", n->stun_only);
    put_int(w, "derpport", n->derp_port);
    put_bool(w, "insecurefortests", n->insecure_for_tests);
    put_str(w, "stuntestip", n->stun_test_ip);
    put_bool(w, "canport80", n->can_port80);
    ion_yw_map_end(w);
}

static void
put_region(ion_yw_t *w, const ion_derpregion_t *r)
{
    ion_yw_map_begin(w);
    put_int(w, "regionid", r->id);
    put_str(w, "regioncode", r->code);
    put_str(w, "regionname", r->name);
    put_f64(w, "latitude", r->latitude);
    put_f64(w, "longitude", r->longitude);
    put_bool(w, "avoid", r->avoid);
    if (r->no_measure_no_home) {
        put_bool(w, "nomeasurenohome", true);
    }
    ion_yw_key(w, "nodes");
    ion_yw_list_begin(w);
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
    if (map->omit_default_regions) {
        put_bool(&w, "omitdefaultregions", true);
    }
    ion_yw_map_end(&w);
}
