/*
 * conf_keys.c -- which keys are there that should not be.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Looking for the nearest known name costs time; once the notes are full
 * nobody would see the result, so a hostile file cannot make us search long.
 */
#include <stdio.h>
#include <string.h>

#include "base/near.h"
#include "core/conf_int.h"

typedef struct {
    conf_loader_t *loader;
    size_t doc;
    const char *path; /* lower case, the key in question */
    /* findings of a walk over the directives */
    const ion_directive_t *exact;
    bool is_section;
    const char *same_leaf;
    char nearest[CONF_PATH_MAX];
    size_t nearest_distance;
} query_t;

static const char *
leaf_of(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot == NULL ? path : dot + 1;
}

/* Does `path` stand above `name`: "tls" above "tls.disable"? */
static bool
is_above(const char *path, const char *name)
{
    size_t n = strlen(path);

    return strncmp(path, name, n) == 0 && name[n] == '.';
}

static void
look_exact(void *arg, const ion_directive_t *d)
{
    query_t *q = arg;

    if (strcmp(d->name, q->path) == 0) {
        q->exact = d;
    } else if (is_above(q->path, d->name)) {
        q->is_section = true;
    }
}

/* Compare with a directive's name and with each section above it. */
static void
look_near(void *arg, const ion_directive_t *d)
{
    query_t *q = arg;
    char name[CONF_PATH_MAX];
    char *end;

    if (q->same_leaf == NULL &&
        strcmp(leaf_of(d->name), leaf_of(q->path)) == 0 &&
        strcmp(d->name, q->path) != 0)
    {
        q->same_leaf = d->name;
    }
    (void)snprintf(name, sizeof(name), "%s", d->name);
    for (end = name; end != NULL; end = strrchr(name, '.')) {
        size_t distance;

        if (end != name) {
            *end = '\0';
        }
        distance = ion_near_distance(ion_str_from(q->path), ion_str_from(name));
        if (distance < q->nearest_distance) {
            q->nearest_distance = distance;
            (void)snprintf(q->nearest, sizeof(q->nearest), "%s", name);
        }
    }
}

static void
walk(query_t *q, void (*visit)(void *arg, const ion_directive_t *d))
{
    const ion_conf_t *conf = q->loader->conf;

    ion_conf_walk(conf->tables, conf->table_count, visit, q);
}

static void
report_unknown(query_t *q, const ion_doc_node_t *node)
{
    size_t allowed = 1 + (strlen(q->path) + 1) / 4;
    conf_loader_t *l = q->loader;

    if (conf_notes_full(l->notes)) {
        conf_note_at(l, (conf_place_t){ .doc = q->doc }, true, NULL,
            "one more unknown key");
        return;
    }
    q->nearest_distance = ION_NEAR_MAX;
    walk(q, look_near);
    if (memchr(node->key.p, '.', node->key.len) != NULL) {
        conf_note_at(l, conf_key_place(q->doc, node), true, q->path,
            "a key has no dots: write each part on a line of its "
            "own, indented below the one before");
    } else if (q->same_leaf != NULL && q->nearest_distance > 1) {
        conf_note_at(l, conf_key_place(q->doc, node), true, q->path,
            "not known here, it belongs in another place: %s", q->same_leaf);
    } else if (q->nearest_distance <= allowed) {
        conf_note_at(l, conf_key_place(q->doc, node), true, q->path,
            "unknown key, the nearest is %s", q->nearest);
    } else {
        conf_note_at(l, conf_key_place(q->doc, node), true, q->path,
            "unknown key, \"ionscale help directives\" lists all");
    }
}

/* An earlier member with the same key, however written. */
static const ion_doc_node_t *
earlier(const ion_doc_node_t *map, const ion_doc_node_t *node)
{
    ION_DOC_FOREACH(it, map)
    {
        if (it == node) {
            return NULL;
        }
        if (ion_str_ieq(it->key, node->key)) {
            return it;
        }
    }
    return NULL;
}

static bool
join_path(const char *above, ion_str_t key, char out[CONF_PATH_MAX])
{
    int n = snprintf(out, CONF_PATH_MAX, "%s%s%.*s", above,
        above[0] == '\0' ? "" : ".", ION_STR_ARG(key));

    if (n < 0 || n >= CONF_PATH_MAX || key.len == 0) {
        return false;
    }
    for (char *c = out; *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    return memchr(key.p, '.', key.len) == NULL;
}

static void check_map(
    conf_loader_t *l, size_t doc, const char *above, const ion_doc_node_t *map);

static void
check_member(conf_loader_t *l, size_t doc, const char *above,
    const ion_doc_node_t *map, const ion_doc_node_t *node)
{
    char path[CONF_PATH_MAX];
    bool usable = join_path(above, node->key, path);
    query_t q = { .loader = l, .doc = doc, .path = path };
    const ion_doc_node_t *first;

    if (usable) {
        walk(&q, look_exact);
    }
    if (q.exact == NULL && !q.is_section) {
        report_unknown(&q, node);
        return;
    }
    first = conf_notes_full(l->notes) ? NULL : earlier(map, node);
    if (first != NULL) {
        conf_note_at(l, conf_key_place(doc, node), true, path,
            "given twice, first in line %u: keep one",
            conf_source_line(&l->conf->docs[doc], first->key_line));
    }
    if (q.exact != NULL || node->kind == ION_DOC_NULL) {
        return;
    }
    if (node->kind != ION_DOC_MAP) {
        conf_note_at(l, conf_value_place(doc, node), true, path,
            "a section: keys of its own are needed below it, not %s",
            ion_doc_kind_name(node->kind));
        return;
    }
    check_map(l, doc, path, node);
}

static void
check_map(
    conf_loader_t *l, size_t doc, const char *above, const ion_doc_node_t *map)
{
    ION_DOC_FOREACH(node, map)
    {
        check_member(l, doc, above, map, node);
    }
}

void
conf_check_keys(conf_loader_t *l)
{
    for (size_t i = 0; i < l->conf->doc_count; i++) {
        const ion_doc_node_t *root = l->conf->docs[i].root;

        if (root != NULL && root->kind == ION_DOC_MAP) {
            check_map(l, i, "", root);
        }
    }
}

/* The node of a path in one document. */
static const ion_doc_node_t *
find_in(const ion_doc_node_t *node, const char *key)
{
    char part[CONF_PATH_MAX];

    while (node != NULL) {
        size_t n = strcspn(key, ".");

        if (node->kind != ION_DOC_MAP || n >= sizeof(part)) {
            return NULL;
        }
        memcpy(part, key, n);
        part[n] = '\0';
        node = ion_doc_iget(node, part);
        if (key[n] == '\0') {
            break;
        }
        key += n + 1;
    }
    return ion_doc_is_null(node) ? NULL : node;
}

const ion_doc_node_t *
conf_find(const ion_conf_t *conf, const char *key, size_t *doc)
{
    for (size_t i = conf->doc_count; i > 0; i--) {
        const ion_doc_node_t *node = find_in(conf->docs[i - 1].root, key);

        if (node != NULL) {
            if (doc != NULL) {
                *doc = i - 1;
            }
            return node;
        }
    }
    return NULL;
}
