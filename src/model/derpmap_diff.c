/*
 * derpmap_diff.c -- what differs between two DERP maps.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "model/derpmap_diff.h"

#include <stdio.h>

#include "doc/emit.h"
#include "model/derpmap_fields.h"

#define VALUE_MAX ((size_t)1 << 20) /* the names of all nodes of a region */
#define FIELD_MAX (2 * ION_DERPMAP_TEXT_MAX)

typedef struct {
    ion_arena_t *arena;
    ion_derpdiff_t *out;
    int region_id; /* in which we are; 0 = none */
    ion_err_t rc;  /* sticky */
} differ_t;

/* A value's JSON text, the arena's. */
static const char *
field_text(differ_t *d, const ion_derpfield_t *f, const void *of)
{
    ion_sb_t sb;
    ion_jw_t w;
    ion_sb_init(&sb, VALUE_MAX);
    ion_jw_init(&w, &sb, 0);
    switch (f->type) {
    case ION_DERPFIELD_INT:
        ion_jw_i64(&w, ion_derpfield_int(f, of));
        break;
    case ION_DERPFIELD_BOOL:
        ion_jw_bool(&w, ion_derpfield_bool(f, of));
        break;
    case ION_DERPFIELD_F64:
        ion_jw_f64(&w, ion_derpfield_f64(f, of));
        break;
    case ION_DERPFIELD_STR:
        ion_jw_str(&w, ion_derpfield_str(f, of));
        break;
    case ION_DERPFIELD_NESTED:
        break;
    }
    char *text = ion_arena_strdup(d->arena, ion_sb_str(&sb));
    if (sb.failed || text == NULL) {
        d->rc = ION_NOMEM;
    }
    ion_sb_fini(&sb);
    return text;
}

static const char *
number_text(differ_t *d, double v)
{
    static const ion_derpfield_t plain = { .name = "",
        .type = ION_DERPFIELD_F64 };
    return field_text(d, &plain, &v);
}

/* The names of a region's nodes, in their order. */
static const char *
order_text(differ_t *d, const ion_derpregion_t *r)
{
    ion_sb_t sb;
    ion_jw_t w;
    ion_sb_init(&sb, VALUE_MAX);
    ion_jw_init(&w, &sb, 0);
    ion_jw_array_begin(&w);
    for (size_t i = 0; i < r->node_count; i++) {
        ion_jw_str(&w, r->nodes[i].name);
    }
    ion_jw_array_end(&w);
    char *text = ion_arena_strdup(d->arena, ion_sb_str(&sb));
    if (sb.failed || text == NULL) {
        d->rc = ION_NOMEM;
    }
    ion_sb_fini(&sb);
    return text;
}

static ion_derpchange_t *
add(differ_t *d, ion_derpchange_kind_t kind, const char *field)
{
    ion_derpchange_t *c = ion_arena_alloc(d->arena, sizeof(*c));
    char *copy = ion_arena_strdup(d->arena, ion_str_from(field));
    if (c == NULL || copy == NULL) {
        d->rc = ION_NOMEM;
        return NULL;
    }
    c->kind = kind;
    c->region_id = d->region_id;
    c->field = copy;
    if (d->out->last == NULL) {
        d->out->first = c;
    } else {
        d->out->last->next = c;
    }
    d->out->last = c;
    return c;
}

static void
add_values(
    differ_t *d, const char *field, const char *before, const char *after)
{
    ion_derpchange_kind_t kind = before == NULL  ? ION_DERPCHANGE_ADDED
                                 : after == NULL ? ION_DERPCHANGE_REMOVED
                                                 : ION_DERPCHANGE_CHANGED;
    ion_derpchange_t *c = add(d, kind, field);
    if (c != NULL) {
        c->before = before;
        c->after = after;
    }
}

static bool
is_same(const ion_derpfield_t *f, const void *a, const void *b)
{
    double va;
    double vb;
    switch (f->type) {
    case ION_DERPFIELD_INT:
        return ion_derpfield_int(f, a) == ion_derpfield_int(f, b);
    case ION_DERPFIELD_BOOL:
        return ion_derpfield_bool(f, a) == ion_derpfield_bool(f, b);
    case ION_DERPFIELD_F64:
        va = ion_derpfield_f64(f, a);
        vb = ion_derpfield_f64(f, b);
        return !(va < vb) && !(va > vb);
    case ION_DERPFIELD_STR:
        return ion_str_eq(ion_derpfield_str(f, a), ion_derpfield_str(f, b));
    case ION_DERPFIELD_NESTED:
        return true;
    }
    return true;
}

static void
diff_fields(differ_t *d, const ion_derpfield_t *table, const char *prefix,
    const void *before, const void *after)
{
    char field[FIELD_MAX];
    for (const ion_derpfield_t *f = table; f->name != NULL; f++) {
        if (!is_same(f, before, after)) {
            (void)snprintf(field, sizeof(field), "%s%s", prefix, f->name);
            add_values(
                d, field, field_text(d, f, before), field_text(d, f, after));
        }
    }
}

static const ion_derpnode_t *
find_node(const ion_derpregion_t *r, ion_str_t name)
{
    for (size_t i = 0; i < r->node_count; i++) {
        if (ion_str_eq(r->nodes[i].name, name)) {
            return &r->nodes[i];
        }
    }
    return NULL;
}

/* Do the nodes that both have stand in the same order? */
static bool
is_same_order(const ion_derpregion_t *a, const ion_derpregion_t *b)
{
    size_t at = 0;
    for (size_t i = 0; i < a->node_count; i++) {
        const ion_derpnode_t *n = find_node(b, a->nodes[i].name);
        if (n == NULL) {
            continue;
        }
        size_t j = (size_t)(n - b->nodes);
        if (j < at) {
            return false;
        }
        at = j;
    }
    return true;
}

static void
diff_nodes(
    differ_t *d, const ion_derpregion_t *before, const ion_derpregion_t *after)
{
    char prefix[FIELD_MAX];
    for (size_t i = 0; i < before->node_count; i++) {
        const ion_derpnode_t *n = &before->nodes[i];
        const ion_derpnode_t *now = find_node(after, n->name);
        (void)snprintf(prefix, sizeof(prefix), "Nodes[%.*s]%s",
            ION_STR_ARG(n->name), now == NULL ? "" : ".");
        if (now == NULL) {
            (void)add(d, ION_DERPCHANGE_REMOVED, prefix);
        } else {
            diff_fields(d, ion_derpnode_fields, prefix, n, now);
        }
    }
    for (size_t i = 0; i < after->node_count; i++) {
        if (find_node(before, after->nodes[i].name) == NULL) {
            (void)snprintf(prefix, sizeof(prefix), "Nodes[%.*s]",
                ION_STR_ARG(after->nodes[i].name));
            (void)add(d, ION_DERPCHANGE_ADDED, prefix);
        }
    }
    if (!is_same_order(before, after)) {
        add_values(d, "Nodes", order_text(d, before), order_text(d, after));
    }
}

static void
count_region(differ_t *d, ion_derpchange_t *c, bool was_there)
{
    if (c != NULL) {
        c->is_reconnect = was_there;
        d->out->regions[c->kind]++;
        d->out->reconnects += was_there ? 1 : 0;
    }
}

/* Both are there, one of them may be a removal of earlier sources' region. */
static void
diff_region(
    differ_t *d, const ion_derpregion_t *before, const ion_derpregion_t *after)
{
    ion_derpchange_t *last = d->out->last;
    ion_derpchange_t *c = add(d, ION_DERPCHANGE_CHANGED, "");
    if (c == NULL) {
        return;
    }
    if (before->is_removed != after->is_removed) {
        add_values(d, "null", before->is_removed ? "true" : "false",
            after->is_removed ? "true" : "false");
    } else if (!before->is_removed) {
        diff_fields(d, ion_derpregion_fields, "", before, after);
        diff_nodes(d, before, after);
    }
    if (d->rc != ION_OK || d->out->last != c) {
        count_region(d, c, !before->is_removed);
        return;
    }
    /* nothing came after it: they are the same */
    d->out->last = last;
    if (last == NULL) {
        d->out->first = NULL;
    } else {
        d->out->last->next = NULL;
    }
}

static void
diff_regions(
    differ_t *d, const ion_derpmap_t *before, const ion_derpmap_t *after)
{
    size_t i = 0;
    size_t j = 0;
    while (i < before->region_count || j < after->region_count) {
        const ion_derpregion_t *a =
            i < before->region_count ? &before->regions[i] : NULL;
        const ion_derpregion_t *b =
            j < after->region_count ? &after->regions[j] : NULL;
        if (b == NULL || (a != NULL && a->id < b->id)) {
            d->region_id = a->id;
            count_region(d, add(d, ION_DERPCHANGE_REMOVED, ""), !a->is_removed);
            i++;
        } else if (a == NULL || b->id < a->id) {
            d->region_id = b->id;
            count_region(d, add(d, ION_DERPCHANGE_ADDED, ""), false);
            j++;
        } else {
            d->region_id = a->id;
            diff_region(d, a, b);
            i++;
            j++;
        }
    }
    d->region_id = 0;
}

static void
diff_score(differ_t *d, const ion_derpscore_t *a, const ion_derpscore_t *b)
{
    char field[64];
    if (a != NULL && b != NULL && !(a->score < b->score) &&
        !(a->score > b->score)) {
        return;
    }
    (void)snprintf(field, sizeof(field), "HomeParams.RegionScore.%d",
        a != NULL ? a->region_id : b->region_id);
    add_values(d, field, a == NULL ? NULL : number_text(d, a->score),
        b == NULL ? NULL : number_text(d, b->score));
}

static void
diff_scores(
    differ_t *d, const ion_derpmap_t *before, const ion_derpmap_t *after)
{
    size_t i = 0;
    size_t j = 0;
    while (i < before->score_count || j < after->score_count) {
        const ion_derpscore_t *a =
            i < before->score_count ? &before->scores[i] : NULL;
        const ion_derpscore_t *b =
            j < after->score_count ? &after->scores[j] : NULL;
        if (a != NULL && b != NULL && a->region_id == b->region_id) {
            diff_score(d, a, b);
            i++;
            j++;
        } else if (b == NULL || (a != NULL && a->region_id < b->region_id)) {
            diff_score(d, a, NULL);
            i++;
        } else {
            diff_score(d, NULL, b);
            j++;
        }
    }
}

ion_err_t
ion_derpmap_diff(ion_arena_t *arena, const ion_derpmap_t *before,
    const ion_derpmap_t *after, ion_derpdiff_t *out)
{
    differ_t d = { .arena = arena, .out = out, .rc = ION_OK };
    *out = (ion_derpdiff_t){ .first = NULL };
    diff_regions(&d, before, after);
    diff_scores(&d, before, after);
    diff_fields(&d, ion_derpmap_fields, "", before, after);
    return d.rc;
}

const char *
ion_derpchange_name(ion_derpchange_kind_t kind)
{
    switch (kind) {
    case ION_DERPCHANGE_ADDED:
        return "added";
    case ION_DERPCHANGE_REMOVED:
        return "removed";
    case ION_DERPCHANGE_CHANGED:
        return "changed";
    }
    return "other";
}
