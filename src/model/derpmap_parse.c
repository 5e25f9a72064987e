/*
 * derpmap_parse.c -- a DERP map from the JSON that this program wrote.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The fields are data: name, kind and place. What is not in the tables is an
 * error, because our own writer wrote the text.
 */

#include <limits.h>
#include <stdlib.h>

#include "doc/json.h"
#include "model/derpmap.h"

/* Names longer than this are cut in messages. */
#define FIELD_SHOWN_MAX 64

typedef enum {
    FIELD_STR,
    FIELD_INT,
    FIELD_F64,
    FIELD_BOOL,
    FIELD_NODES
} field_kind_t;

typedef struct {
    const char *name;
    field_kind_t kind;
    size_t offset;
} field_t;

typedef struct {
    ion_arena_t *arena;
    ion_errtext_t *err;
} decoder_t;

#define NODE(name, kind, member)                                               \
    {                                                                          \
        name, kind, offsetof(ion_derpnode_t, member)                           \
    }
#define REGION(name, kind, member)                                             \
    {                                                                          \
        name, kind, offsetof(ion_derpregion_t, member)                         \
    }

static const field_t node_fields[] = {
    NODE("Name", FIELD_STR, name),
    NODE("RegionID", FIELD_INT, region_id),
    NODE("HostName", FIELD_STR, host_name),
    NODE("CertName", FIELD_STR, cert_name),
    NODE("IPv4", FIELD_STR, ipv4),
    NODE("IPv6", FIELD_STR, ipv6),
    NODE("STUNPort", FIELD_INT, stun_port),
    NODE("STUNOnly", FIELD_BOOL, stun_only),
    NODE("DERPPort", FIELD_INT, derp_port),
    NODE("InsecureForTests", FIELD_BOOL, insecure_for_tests),
    NODE("STUNTestIP", FIELD_STR, stun_test_ip),
    NODE("CanPort80", FIELD_BOOL, can_port80),
};

static const field_t region_fields[] = {
    REGION("RegionID", FIELD_INT, id),
    REGION("RegionCode", FIELD_STR, code),
    REGION("RegionName", FIELD_STR, name),
    REGION("Latitude", FIELD_F64, latitude),
    REGION("Longitude", FIELD_F64, longitude),
    REGION("Avoid", FIELD_BOOL, avoid),
    REGION("NoMeasureNoHome", FIELD_BOOL, no_measure_no_home),
    REGION("Nodes", FIELD_NODES, nodes),
};

static ion_err_t
refuse(decoder_t *d, const ion_doc_node_t *node, const char *what)
{
    ion_errtext_set(d->err, "%u:%u: %s", node->line, node->column, what);
    return ION_MALF;
}

static ion_err_t
unknown_field(decoder_t *d, const ion_doc_node_t *node, const char *of)
{
    ion_str_t key = node->key;
    key.len = ION_MIN(key.len, (size_t)FIELD_SHOWN_MAX);
    ion_errtext_set(d->err, "%u:%u: unknown field \"%.*s\" of %s",
        node->key_line, node->key_column, ION_STR_ARG(key), of);
    return ION_MALF;
}

static ion_err_t
check_kind(decoder_t *d, const ion_doc_node_t *node, ion_doc_kind_t kind)
{
    if (node->kind == kind) {
        return ION_OK;
    }
    ion_errtext_set(d->err, "%u:%u: expected %s, got %s", node->line,
        node->column, ion_doc_kind_name(kind), ion_doc_kind_name(node->kind));
    return ION_MALF;
}

static ion_err_t
no_room(decoder_t *d)
{
    ion_errtext_set(d->err, "the map needs more memory than it may have");
    return ION_LIMIT;
}

/* Texts of the tree are the arena's already. */
static ion_err_t
decode_scalar(
    decoder_t *d, const ion_doc_node_t *node, field_kind_t kind, void *to)
{
    int64_t n;
    ion_err_t rc = ION_MALF;
    switch (kind) {
    case FIELD_STR:
        rc = check_kind(d, node, ION_DOC_STRING);
        if (rc == ION_OK) {
            *(ion_str_t *)to = node->text;
        }
        return rc;
    case FIELD_INT:
        rc = ion_doc_i64(node, INT_MIN, INT_MAX, &n);
        if (rc == ION_OK) {
            *(int *)to = (int)n;
        }
        break;
    case FIELD_F64:
        rc = ion_doc_f64(node, to);
        break;
    case FIELD_BOOL:
        rc = ion_doc_bool(node, to);
        break;
    case FIELD_NODES:
        break;
    }
    return rc == ION_OK ? ION_OK : refuse(d, node, "wrong type or range");
}

static const field_t *
find_field(const field_t *fields, size_t n, ion_str_t key)
{
    for (size_t i = 0; i < n; i++) {
        if (ion_str_eq(key, ion_str_from(fields[i].name))) {
            return &fields[i];
        }
    }
    return NULL;
}

static ion_err_t
decode_node(decoder_t *d, const ion_doc_node_t *node, ion_derpnode_t *out)
{
    ion_err_t rc = check_kind(d, node, ION_DOC_MAP);
    if (rc != ION_OK) {
        return rc;
    }
    ION_DOC_FOREACH(it, node)
    {
        const field_t *f =
            find_field(node_fields, ION_ARRAY_LEN(node_fields), it->key);
        if (f == NULL) {
            return unknown_field(d, it, "a node");
        }
        rc = decode_scalar(d, it, f->kind, (char *)out + f->offset);
        if (rc != ION_OK) {
            return rc;
        }
    }
    return ION_OK;
}

static ion_err_t
decode_nodes(decoder_t *d, const ion_doc_node_t *node, ion_derpregion_t *r)
{
    ion_err_t rc = check_kind(d, node, ION_DOC_LIST);
    if (rc != ION_OK) {
        return rc;
    }
    r->nodes = ion_arena_alloc(d->arena, node->count * sizeof(*r->nodes));
    if (r->nodes == NULL) {
        return no_room(d);
    }
    ION_DOC_FOREACH(it, node)
    {
        rc = decode_node(d, it, &r->nodes[r->node_count]);
        if (rc != ION_OK) {
            return rc;
        }
        r->node_count++;
    }
    return ION_OK;
}

/* The key that stands for a region: digits, no leading zero. */
static ion_err_t
decode_id(decoder_t *d, const ion_doc_node_t *node, int *id)
{
    int64_t n;
    ion_doc_node_t key = { .kind = ION_DOC_INT, .text = node->key };
    if (node->key.len == 0 || node->key.p[0] < '1' || node->key.p[0] > '9' ||
        ion_doc_i64(&key, 1, ION_DERPMAP_ID_MAX, &n) != ION_OK)
    {
        return refuse(d, node, "its key is not an integer from 1 to 65535");
    }
    *id = (int)n;
    return ION_OK;
}

static ion_err_t
decode_region(decoder_t *d, const ion_doc_node_t *node, ion_derpregion_t *r)
{
    int id = 0;
    ion_err_t rc = check_kind(d, node, ION_DOC_MAP);
    if (rc == ION_OK) {
        rc = decode_id(d, node, &id);
    }
    if (rc != ION_OK) {
        return rc;
    }
    ION_DOC_FOREACH(it, node)
    {
        const field_t *f =
            find_field(region_fields, ION_ARRAY_LEN(region_fields), it->key);
        if (f == NULL) {
            return unknown_field(d, it, "a region");
        }
        rc = f->kind == FIELD_NODES
                 ? decode_nodes(d, it, r)
                 : decode_scalar(d, it, f->kind, (char *)r + f->offset);
        if (rc != ION_OK) {
            return rc;
        }
    }
    return r->id == id ? ION_OK
                       : refuse(d, node, "RegionID differs from the key");
}

static int
compare_regions(const void *a, const void *b)
{
    return ((const ion_derpregion_t *)a)->id -
           ((const ion_derpregion_t *)b)->id;
}

static int
compare_scores(const void *a, const void *b)
{
    return ((const ion_derpscore_t *)a)->region_id -
           ((const ion_derpscore_t *)b)->region_id;
}

/* A map with numbers as keys: its kind and size. */
static ion_err_t
check_numbered(decoder_t *d, const ion_doc_node_t *node)
{
    ion_err_t rc = check_kind(d, node, ION_DOC_MAP);
    if (rc == ION_OK && node->count > ION_DERPMAP_REGIONS_MAX) {
        ion_errtext_set(
            d->err, "more than %d regions", ION_DERPMAP_REGIONS_MAX);
        rc = ION_LIMIT;
    }
    return rc;
}

static ion_err_t
decode_regions(decoder_t *d, const ion_doc_node_t *node, ion_derpmap_t *map)
{
    ion_err_t rc = check_numbered(d, node);
    if (rc != ION_OK) {
        return rc;
    }
    map->regions =
        ion_arena_alloc(d->arena, node->count * sizeof(*map->regions));
    if (map->regions == NULL) {
        return no_room(d);
    }
    ION_DOC_FOREACH(it, node)
    {
        rc = decode_region(d, it, &map->regions[map->region_count]);
        if (rc != ION_OK) {
            return rc;
        }
        map->region_count++;
    }
    if (map->region_count > 1) {
        qsort(map->regions, map->region_count, sizeof(*map->regions),
            compare_regions);
    }
    return ION_OK;
}

static ion_err_t
decode_scores(decoder_t *d, const ion_doc_node_t *node, ion_derpmap_t *map)
{
    ion_err_t rc = check_numbered(d, node);
    if (rc != ION_OK) {
        return rc;
    }
    map->scores = ion_arena_alloc(d->arena, node->count * sizeof(*map->scores));
    if (map->scores == NULL) {
        return no_room(d);
    }
    ION_DOC_FOREACH(it, node)
    {
        ion_derpscore_t *s = &map->scores[map->score_count];
        rc = decode_id(d, it, &s->region_id);
        if (rc == ION_OK) {
            rc = decode_scalar(d, it, FIELD_F64, &s->score);
        }
        if (rc != ION_OK) {
            return rc;
        }
        map->score_count++;
    }
    if (map->score_count > 1) {
        qsort(map->scores, map->score_count, sizeof(*map->scores),
            compare_scores);
    }
    return ION_OK;
}

static ion_err_t
decode_home_params(decoder_t *d, const ion_doc_node_t *node, ion_derpmap_t *map)
{
    const ion_doc_node_t *scores = ion_doc_get(node, "RegionScore");
    if (scores == NULL || node->count != 1) {
        return refuse(d, node, "HomeParams must hold RegionScore alone");
    }
    return decode_scores(d, scores, map);
}

static ion_err_t
decode_map(decoder_t *d, const ion_doc_node_t *root, ion_derpmap_t *map)
{
    ion_err_t rc = check_kind(d, root, ION_DOC_MAP);
    if (rc != ION_OK) {
        return rc;
    }
    if (ion_doc_get(root, "Regions") == NULL) {
        return refuse(d, root, "no \"Regions\" object");
    }
    ION_DOC_FOREACH(it, root)
    {
        if (ion_str_eq(it->key, ION_STR("Regions"))) {
            rc = decode_regions(d, it, map);
        } else if (ion_str_eq(it->key, ION_STR("HomeParams"))) {
            rc = decode_home_params(d, it, map);
        } else if (ion_str_eq(it->key, ION_STR("omitDefaultRegions"))) {
            rc = decode_scalar(d, it, FIELD_BOOL, &map->omit_default_regions);
        } else {
            rc = unknown_field(d, it, "a map");
        }
        if (rc != ION_OK) {
            return rc;
        }
    }
    return ION_OK;
}

ion_err_t
ion_derpmap_parse(
    ion_arena_t *arena, ion_str_t text, ion_derpmap_t **out, ion_errtext_t *err)
{
    ion_doc_node_t *root;
    ion_doc_error_t where;
    ion_err_t rc = ion_json_parse(arena, text, NULL, &root, &where);
    if (rc != ION_OK) {
        if (err != NULL) {
            ion_doc_error_text(&where, err);
        }
        return rc;
    }

    decoder_t d = { .arena = arena, .err = err };
    ion_derpmap_t *map = ion_arena_alloc(arena, sizeof(*map));
    if (map == NULL) {
        return no_room(&d);
    }
    rc = decode_map(&d, root, map);
    if (rc == ION_OK) {
        *out = map;
    }
    return rc;
}
