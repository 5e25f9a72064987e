/*
 * derpmap_read.c -- a document: what surrounds the regions.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every text of the map is a text of the document's tree, which is why both
 * are in one arena.
 */

#include "model/derpmap_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/utf8.h"
#include "doc/json.h"
#include "doc/yaml.h"
#include "model/derpmap_read_int.h"

/* Ids from here on are the instance's own business. */
#define RESERVED_IDS 1000

/* Ids of the keys, to find one that is there twice. */
typedef struct {
    int64_t id;
    const ion_doc_node_t *node;
} keyed_t;

static const ion_derpfield_t home_params_fields[] = {
    { .name = "RegionScore", .type = ION_DERPFIELD_NESTED },
    { .name = NULL },
};

static ion_err_t
refuse(derpread_t *r, const char *msg)
{
    derpread_note(r, ION_DERPNOTE_ERROR, NULL, NULL, "%s", msg);
    return ION_MALF;
}

/* What needs no syntax to see. */
static ion_err_t
check_bytes(derpread_t *r, ion_str_t text)
{
    if (text.len > ION_DERPMAP_BYTES_MAX) {
        derpread_note(r, ION_DERPNOTE_ERROR, NULL, NULL,
            "the document is larger than %zu bytes", ION_DERPMAP_BYTES_MAX);
        return ION_MALF;
    }
    ion_str_t inner = ion_str_trim(text);
    if (inner.len == 0) {
        return refuse(r, "the document is empty");
    }
    if (inner.p[0] == '<') {
        return refuse(r, "got HTML or XML, not a DERP map (a login page, or "
                         "the wrong URL?)");
    }
    size_t bad = ion_utf8_check(text);
    if (bad < text.len) {
        derpread_note(
            r, ION_DERPNOTE_ERROR, NULL, NULL, "byte %zu: invalid UTF-8", bad);
        return ION_MALF;
    }
    const char *nul = memchr(text.p, '\0', text.len);
    if (nul != NULL) {
        derpread_note(r, ION_DERPNOTE_ERROR, NULL, NULL, "byte %zu: a NUL byte",
            (size_t)(nul - text.p));
        return ION_MALF;
    }
    return ION_OK;
}

static ion_err_t
parse(derpread_t *r, ion_str_t text, const ion_doc_node_t **root)
{
    ion_doc_error_t err = { .msg = "" };
    ion_doc_node_t *tree = NULL;
    ion_err_t rc = r->is_yaml
                       ? ion_yaml_parse(r->arena, NULL, text, &tree, &err)
                       : ion_hujson_parse(r->arena, text, NULL, &tree, &err);
    if (rc == ION_NOMEM) {
        return rc;
    }
    if (rc != ION_OK) {
        ion_doc_node_t at = { .line = err.line, .column = err.column };
        derpread_note(r, ION_DERPNOTE_ERROR, &at, NULL, "%s", err.msg);
        return ION_MALF;
    }
    *root = tree;
    return ION_OK;
}

/* The map inside a policy file that has nothing else. */
static const ion_doc_node_t *
unwrap(derpread_t *r, const ion_doc_node_t *root)
{
    const ion_doc_node_t *inner = ion_doc_iget(root, "derpMap");
    if (inner == NULL || root->count != 1) {
        return root;
    }
    derpread_note(r, ION_DERPNOTE_WARNING, inner, NULL,
        "the map is inside \"derpMap\", as in a policy file; unwrapped");
    return inner;
}

static int
compare_ids(const void *pa, const void *pb)
{
    const keyed_t *a = pa;
    const keyed_t *b = pb;
    if (a->id != b->id) {
        return a->id < b->id ? -1 : 1;
    }
    if (a->node->key_line != b->node->key_line) {
        return a->node->key_line < b->node->key_line ? -1 : 1;
    }
    return a->node->key_column < b->node->key_column ? -1 : 1;
}

/* Also 1 beside 01 or +1: somebody would take one, somebody the other. */
static void
check_keys(derpread_t *r, const ion_doc_node_t *regions, keyed_t *ids)
{
    size_t n = 0;
    ION_DOC_FOREACH(it, regions)
    {
        if (ion_parse_i64(it->key, INT64_MIN, INT64_MAX, &ids[n].id) == ION_OK)
        {
            ids[n++].node = it;
        }
    }
    if (n > 1) {
        qsort(ids, n, sizeof(*ids), compare_ids);
    }
    for (size_t i = 1; i < n; i++) {
        if (ids[i].id == ids[i - 1].id) {
            ion_doc_node_t key = { .line = ids[i].node->key_line,
                .column = ids[i].node->key_column };
            ion_str_t text = derpread_quote(ids[i].node->key);
            derpread_note(r, ION_DERPNOTE_ERROR, &key, NULL,
                "region %.*s is there twice, first at line %u column %u",
                ION_STR_ARG(text), ids[i - 1].node->key_line,
                ids[i - 1].node->key_column);
        }
    }
}

static bool
read_region(derpread_t *r, const ion_doc_node_t *it, ion_derpregion_t *out)
{
    ion_doc_node_t key = { .line = it->key_line, .column = it->key_column };
    ion_str_t text = derpread_quote(it->key);
    derpread_enter(r, "Regions.%.*s", ION_STR_ARG(text));
    *out = (ion_derpregion_t){ .id = derpread_id(it->key) };
    if (out->id == 0) {
        derpread_note(r, ION_DERPNOTE_DROPPED, &key, NULL,
            "the key must be an integer from 1 to %d", ION_DERPMAP_ID_MAX);
        return false;
    }
    if (it->kind == ION_DOC_NULL) {
        out->is_removed = true;
        return true;
    }
    if (it->kind != ION_DOC_MAP) {
        derpread_note(r, ION_DERPNOTE_DROPPED, it, NULL,
            "must be a region with its fields, or null; got %s",
            ion_doc_kind_name(it->kind));
        return false;
    }
    if (out->id >= RESERVED_IDS) {
        derpread_note(r, ION_DERPNOTE_WARNING, &key, NULL,
            "ids from %d on are reserved for embedded relays", RESERVED_IDS);
    }
    return derpread_region(r, it, out);
}

static int
compare_regions(const void *a, const void *b)
{
    return ((const ion_derpregion_t *)a)->id -
           ((const ion_derpregion_t *)b)->id;
}

static void
read_regions(derpread_t *r, const ion_doc_node_t *regions, ion_derpmap_t *out)
{
    if (regions->count > ION_DERPMAP_REGIONS_MAX) {
        derpread_note(r, ION_DERPNOTE_ERROR, regions, NULL,
            "has %zu regions, at most %d are allowed", regions->count,
            ION_DERPMAP_REGIONS_MAX);
        return;
    }
    if (regions->count == 0) {
        derpread_note(r, ION_DERPNOTE_WARNING, regions, NULL, "no regions");
        return;
    }
    keyed_t *ids = ion_arena_alloc(r->arena, regions->count * sizeof(*ids));
    out->regions =
        ion_arena_alloc(r->arena, regions->count * sizeof(*out->regions));
    if (ids == NULL || out->regions == NULL) {
        r->rc = ION_NOMEM;
        return;
    }
    check_keys(r, regions, ids);
    ION_DOC_FOREACH(it, regions)
    {
        if (r->rc == ION_OK &&
            read_region(r, it, &out->regions[out->region_count])) {
            out->region_count++;
        }
    }
    if (r->rc == ION_OK && out->region_count > 1) {
        qsort(out->regions, out->region_count, sizeof(*out->regions),
            compare_regions);
    }
}

static void
read_score(derpread_t *r, const ion_doc_node_t *it, ion_derpmap_t *out)
{
    ion_doc_node_t key = { .line = it->key_line, .column = it->key_column };
    ion_str_t text = derpread_quote(it->key);
    int id = derpread_id(it->key);
    double v = 0;
    derpread_enter(r, "HomeParams.RegionScore.%.*s", ION_STR_ARG(text));
    if (it->kind == ION_DOC_NULL) {
        return;
    }
    ion_err_t rc = ion_doc_f64(it, &v);
    if (rc == ION_MALF) {
        derpread_note(r, ION_DERPNOTE_ERROR, it, NULL,
            "must be a number, got %s", ion_doc_kind_name(it->kind));
    } else if (id == 0) {
        derpread_note(r, ION_DERPNOTE_WARNING, &key, NULL,
            "the key must be a region's id, 1 to %d; left out",
            ION_DERPMAP_ID_MAX);
    } else if (rc != ION_OK || v <= 0) {
        derpread_note(r, ION_DERPNOTE_WARNING, it, NULL,
            "a score must be above 0 (below 1 favours, above 1 penalises); "
            "left out");
    } else {
        out->scores[out->score_count++] =
            (ion_derpscore_t){ .region_id = id, .score = v };
    }
}

static int
compare_scores(const void *a, const void *b)
{
    return ((const ion_derpscore_t *)a)->region_id -
           ((const ion_derpscore_t *)b)->region_id;
}

static void
read_scores(derpread_t *r, const ion_doc_node_t *scores, ion_derpmap_t *out)
{
    if (scores->kind != ION_DOC_MAP) {
        derpread_note(r, ION_DERPNOTE_ERROR, scores, "RegionScore",
            "must be an object, got %s", ion_doc_kind_name(scores->kind));
        return;
    }
    if (scores->count > ION_DERPMAP_REGIONS_MAX) {
        derpread_note(r, ION_DERPNOTE_ERROR, scores, "RegionScore",
            "has %zu entries, at most %d are allowed", scores->count,
            ION_DERPMAP_REGIONS_MAX);
        return;
    }
    if (scores->count == 0) {
        return;
    }
    out->scores =
        ion_arena_alloc(r->arena, scores->count * sizeof(*out->scores));
    if (out->scores == NULL) {
        r->rc = ION_NOMEM;
        return;
    }
    ION_DOC_FOREACH(it, scores)
    {
        read_score(r, it, out);
    }
    if (out->score_count > 1) {
        qsort(out->scores, out->score_count, sizeof(*out->scores),
            compare_scores);
    }
}

static void
read_home_params(
    derpread_t *r, const ion_doc_node_t *params, ion_derpmap_t *out)
{
    derpread_fields_t found;
    derpread_enter(r, "HomeParams");
    if (params->kind != ION_DOC_MAP) {
        derpread_note(r, ION_DERPNOTE_ERROR, params, NULL,
            "must be an object, got %s", ion_doc_kind_name(params->kind));
        return;
    }
    derpread_members(
        r, params, home_params_fields, ION_DERPNOTE_ERROR, NULL, &found);
    if (found.node[0] != NULL) {
        read_scores(r, found.node[0], out);
    }
}

static int
compare_names(const void *pa, const void *pb)
{
    const derpread_name_t *a = pa;
    const derpread_name_t *b = pb;
    size_t n = ION_MIN(a->name.len, b->name.len);
    int c = memcmp(a->name.p, b->name.p, n);
    if (c == 0 && a->name.len != b->name.len) {
        c = a->name.len < b->name.len ? -1 : 1;
    }
    return c != 0 ? c : a->region_id - b->region_id;
}

/* Once for each name that several regions use. */
static void
check_names(derpread_t *r)
{
    size_t n = 0;
    if (r->names_count < 2) {
        return;
    }
    derpread_name_t *names =
        ion_arena_alloc(r->arena, r->names_count * sizeof(*names));
    if (names == NULL) {
        r->rc = ION_NOMEM;
        return;
    }
    for (const derpread_name_t *it = r->names; it != NULL; it = it->next) {
        names[n++] = *it;
    }
    qsort(names, n, sizeof(*names), compare_names);
    for (size_t i = 1; i < n; i++) {
        if (!ion_str_eq(names[i].name, names[i - 1].name) ||
            (i > 1 && ion_str_eq(names[i].name, names[i - 2].name)))
        {
            continue;
        }
        ion_doc_node_t at = { .line = names[i].line,
            .column = names[i].column };
        ion_str_t quote = derpread_quote(names[i].name);
        derpread_note(r, ION_DERPNOTE_WARNING, &at, NULL,
            "the node name \"%.*s\" is used by regions %d and %d",
            ION_STR_ARG(quote), names[i - 1].region_id, names[i].region_id);
    }
}

/* What only the regions together show. */
static void
check_map(
    derpread_t *r, const ion_doc_node_t *regions, const ion_derpmap_t *map)
{
    size_t homes = 0;
    size_t present = 0;
    size_t lost = regions->count - map->region_count;
    derpread_enter(r, "Regions");
    for (size_t i = 0; i < map->region_count; i++) {
        const ion_derpregion_t *region = &map->regions[i];
        present += region->is_removed ? 0 : 1;
        homes +=
            region->is_removed || region->avoid || region->no_measure_no_home
                ? 0
                : 1;
    }
    if (present == 0 && lost > 0) {
        derpread_note(
            r, ION_DERPNOTE_ERROR, regions, NULL, "no region is usable");
    } else if (present > 0 && homes == 0) {
        derpread_note(r, ION_DERPNOTE_WARNING, regions, NULL,
            "no region can become home: all have Avoid or NoMeasureNoHome");
    }
    check_names(r);
}

static void
read_map(derpread_t *r, const ion_doc_node_t *root, ion_derpmap_t *out)
{
    derpread_fields_t found;
    derpread_members(
        r, root, ion_derpmap_fields, ION_DERPNOTE_ERROR, out, &found);
    const ion_doc_node_t *regions = found.node[ION_DERPMAP_REGIONS];
    if (regions == NULL && ion_doc_iget(root, "Regions") != NULL) {
        derpread_note(r, ION_DERPNOTE_ERROR, ion_doc_iget(root, "Regions"),
            "Regions", "must be an object, got null");
        return;
    }
    if (regions == NULL) {
        derpread_note(r, ION_DERPNOTE_ERROR, root, NULL,
            "no \"Regions\" object%s",
            ion_doc_iget(root, "derpMap") == NULL
                ? ""
                : "; a policy file is taken when \"derpMap\" is all it has");
        return;
    }
    if (found.node[ION_DERPMAP_HOME_PARAMS] != NULL) {
        read_home_params(r, found.node[ION_DERPMAP_HOME_PARAMS], out);
    }
    derpread_enter(r, "Regions");
    if (regions->kind != ION_DOC_MAP) {
        derpread_note(r, ION_DERPNOTE_ERROR, regions, NULL,
            "must be an object, got %s", ion_doc_kind_name(regions->kind));
        return;
    }
    read_regions(r, regions, out);
    if (r->rc == ION_OK && regions->count <= ION_DERPMAP_REGIONS_MAX) {
        check_map(r, regions, out);
    }
}

ion_err_t
ion_derpmap_read(ion_arena_t *arena, ion_str_t text, ion_doc_syntax_t syntax,
    ion_derpnotes_t *notes, ion_derpmap_t **out)
{
    const ion_doc_node_t *root = NULL;
    size_t errors = notes->count[ION_DERPNOTE_ERROR];
    derpread_t *r = ion_arena_alloc(arena, sizeof(*r));
    ion_derpmap_t *map = ion_arena_alloc(arena, sizeof(*map));
    if (r == NULL || map == NULL) {
        return ION_NOMEM;
    }
    r->arena = arena;
    r->notes = notes;
    r->is_yaml = syntax == ION_DOC_YAML;

    text = ion_doc_skip_bom(text);
    ion_err_t rc = check_bytes(r, text);
    if (rc == ION_OK) {
        rc = parse(r, text, &root);
    }
    if (rc != ION_OK) {
        return rc;
    }
    root = unwrap(r, root);
    if (root->kind != ION_DOC_MAP) {
        derpread_note(r, ION_DERPNOTE_ERROR, root, NULL,
            "the top level must be an object, got %s",
            ion_doc_kind_name(root->kind));
        return ION_MALF;
    }
    read_map(r, root, map);
    if (r->rc != ION_OK) {
        return r->rc;
    }
    if (notes->count[ION_DERPNOTE_ERROR] > errors) {
        return ION_MALF;
    }
    *out = map;
    return ION_OK;
}
