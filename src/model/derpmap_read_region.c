/*
 * derpmap_read_region.c -- one region.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/derpmap_read_int.h"
#include "model/derpmap_rules.h"

#define LATITUDE_MAX  90
#define LONGITUDE_MAX 180

enum {
    FIELD_ID,
    FIELD_CODE,
    FIELD_NAME,
    FIELD_LATITUDE,
    FIELD_LONGITUDE,
    FIELD_AVOID,
};

/* Findings that leave the region out. */
static size_t
faults(const derpread_t *r)
{
    return r->notes->count[ION_DERPNOTE_DROPPED] +
           r->notes->count[ION_DERPNOTE_ERROR];
}

static void
check_id(derpread_t *r, const derpread_fields_t *found, int key,
    ion_derpregion_t *out)
{
    if (out->id != 0 && out->id != key) {
        derpread_note(r, ION_DERPNOTE_DROPPED, found->node[FIELD_ID],
            "RegionID", "%d is not the key it stands under, %d", out->id, key);
    }
    out->id = key;
}

static void
check_text(
    derpread_t *r, const ion_doc_node_t *at, const char *field, ion_str_t text)
{
    if (!ion_derp_text_is_valid(text)) {
        derpread_note(r, ION_DERPNOTE_DROPPED, at, field,
            "must be 1 to %d bytes without control characters",
            ION_DERPMAP_TEXT_MAX);
    }
}

static void
check_texts(derpread_t *r, const ion_doc_node_t *node,
    const derpread_fields_t *found, ion_derpregion_t *out)
{
    const ion_doc_node_t *at = found->node[FIELD_CODE];
    if (found->is_wrong[FIELD_CODE]) {
        return;
    }
    if (out->code.len == 0) {
        char code[sizeof("r65535")];
        (void)snprintf(code, sizeof(code), "r%u", (unsigned)out->id % 65536);
        ion_str_t text = ion_str_from(code);
        out->code = (ion_str_t){ ion_arena_strdup(r->arena, text), text.len };
        if (out->code.p == NULL) {
            r->rc = ION_NOMEM;
        }
        derpread_note(r, ION_DERPNOTE_WARNING, at == NULL ? node : at,
            "RegionCode", "is missing, set to \"%s\"", code);
    } else {
        check_text(r, at, "RegionCode", out->code);
    }
    if (out->name.len == 0) {
        out->name = out->code;
    } else {
        check_text(r, found->node[FIELD_NAME], "RegionName", out->name);
    }
}

static void
check_degrees(derpread_t *r, const ion_doc_node_t *at, const char *field,
    double max, double *v)
{
    if (fabs(*v) > max) {
        ion_str_t quote = derpread_quote(at->text);
        derpread_note(r, ION_DERPNOTE_WARNING, at, field,
            "%.*s is not from -%g to %g degrees, left out", ION_STR_ARG(quote),
            max, max);
        *v = 0;
    }
}

/* For the look at all names, when the map is read. */
static void
keep_name(derpread_t *r, const ion_doc_node_t *at, const ion_derpnode_t *n)
{
    derpread_name_t *name = ion_arena_alloc(r->arena, sizeof(*name));
    if (name == NULL) {
        r->rc = ION_NOMEM;
        return;
    }
    *name = (derpread_name_t){
        .next = r->names,
        .name = n->name,
        .region_id = n->region_id,
        .line = at->line,
        .column = at->column,
    };
    r->names = name;
    r->names_count++;
}

static void
check_unique(derpread_t *r, const ion_doc_node_t *at,
    const ion_derpregion_t *region, const ion_derpnode_t *n)
{
    for (const ion_derpnode_t *it = region->nodes; it < n; it++) {
        if (ion_str_eq(it->name, n->name)) {
            ion_str_t quote = derpread_quote(n->name);
            derpread_note(r, ION_DERPNOTE_DROPPED, at, "Name",
                "\"%.*s\" is the name of an earlier node of this region",
                ION_STR_ARG(quote));
            return;
        }
    }
}

static void
read_item(
    derpread_t *r, const ion_doc_node_t *it, size_t i, ion_derpregion_t *out)
{
    derpread_enter(r, "Regions.%d.Nodes[%zu]", out->id, i);
    if (it->kind != ION_DOC_MAP) {
        derpread_note(r, ION_DERPNOTE_WARNING, it, NULL,
            "must be a node with its fields, got %s; left out",
            ion_doc_kind_name(it->kind));
        return;
    }
    ion_derpnode_t *n = &out->nodes[out->node_count];
    derpread_node(r, it, i, out, n);
    if (r->rc == ION_OK && n->name.len > 0) {
        check_unique(r, it, out, n);
        keep_name(r, it, n);
    }
    out->node_count++;
}

static void
read_nodes(derpread_t *r, const ion_doc_node_t *list, ion_derpregion_t *out)
{
    if (list->count > ION_DERPMAP_NODES_MAX) {
        derpread_note(r, ION_DERPNOTE_ERROR, list, "Nodes",
            "has %zu nodes, at most %d are allowed", list->count,
            ION_DERPMAP_NODES_MAX);
        return;
    }
    r->nodes_total += list->count;
    if (r->nodes_total > ION_DERPMAP_NODES_TOTAL) {
        derpread_note(r, ION_DERPNOTE_ERROR, list, "Nodes",
            "the map has more than %d nodes", ION_DERPMAP_NODES_TOTAL);
        return;
    }
    out->nodes = ion_arena_alloc(r->arena, list->count * sizeof(*out->nodes));
    if (out->nodes == NULL) {
        r->rc = ION_NOMEM;
    }
    size_t i = 0;
    ION_DOC_FOREACH(it, list)
    {
        if (r->rc == ION_OK) {
            read_item(r, it, i++, out);
        }
    }
    derpread_enter(r, "Regions.%d", out->id);
}

static void
check_nodes(derpread_t *r, const ion_doc_node_t *node,
    const ion_doc_node_t *list, ion_derpregion_t *out)
{
    if (list == NULL || (list->kind == ION_DOC_LIST && list->count == 0)) {
        derpread_note(r, ION_DERPNOTE_DROPPED, list == NULL ? node : list,
            "Nodes", "has no nodes, want at least one");
        return;
    }
    if (list->kind != ION_DOC_LIST) {
        derpread_note(r, ION_DERPNOTE_DROPPED, list, "Nodes",
            "must be a list, got %s", ion_doc_kind_name(list->kind));
        return;
    }

    size_t before = faults(r);
    read_nodes(r, list, out);
    if (r->rc != ION_OK || faults(r) != before) {
        return;
    }
    if (out->node_count == 0) {
        derpread_note(r, ION_DERPNOTE_DROPPED, list, "Nodes",
            "no node is usable, want at least one");
        return;
    }
    size_t relays = 0;
    for (size_t i = 0; i < out->node_count; i++) {
        relays += out->nodes[i].stun_only ? 0 : 1;
    }
    if (relays == 0) {
        derpread_note(r, ION_DERPNOTE_WARNING, list, "Nodes",
            "all nodes are STUNOnly: nothing here relays");
    }
}

bool
derpread_region(
    derpread_t *r, const ion_doc_node_t *node, ion_derpregion_t *out)
{
    derpread_fields_t found;
    int key = out->id;
    size_t before = faults(r);
    derpread_name_t *names = r->names;
    size_t names_count = r->names_count;

    out->id = 0;
    derpread_members(
        r, node, ion_derpregion_fields, ION_DERPNOTE_DROPPED, out, &found);
    check_id(r, &found, key, out);
    check_texts(r, node, &found, out);
    check_degrees(r, found.node[FIELD_LATITUDE], "Latitude", LATITUDE_MAX,
        &out->latitude);
    check_degrees(r, found.node[FIELD_LONGITUDE], "Longitude", LONGITUDE_MAX,
        &out->longitude);
    if (out->avoid && !out->no_measure_no_home) {
        derpread_note(r, ION_DERPNOTE_WARNING, found.node[FIELD_AVOID], "Avoid",
            "is deprecated, use NoMeasureNoHome");
    }
    check_nodes(r, node, found.node[ION_DERPREGION_NODES], out);
    if (r->rc != ION_OK || faults(r) != before) {
        r->names = names;
        r->names_count = names_count;
        return false;
    }
    return true;
}
