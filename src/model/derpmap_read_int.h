/*
 * derpmap_read_int.h -- what the files of the reader share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_MODEL_DERPMAP_READ_INT_H
#define ION_MODEL_DERPMAP_READ_INT_H

#include "model/derpmap_fields.h"
#include "model/derpmap_read.h"

/* Unknown fields are reported once per name, up to this many names. */
#define DERPREAD_UNKNOWN_MAX 64
#define DERPREAD_PATH_MAX    96 /* "Regions.65535.Nodes[63]", with room */
#define DERPREAD_QUOTE_MAX   64 /* bytes of the document in a message */
#define DERPREAD_FIELDS_MAX  16 /* of one table */

typedef struct derpread {
    ion_arena_t *arena;
    ion_derpnotes_t *notes;
    bool is_yaml;
    ion_err_t rc;                 /* sticky: no memory */
    char path[DERPREAD_PATH_MAX]; /* of the map whose members are read */
    ion_str_t unknown[DERPREAD_UNKNOWN_MAX];
    size_t unknown_count;
    size_t nodes_total;
    size_t names_count;
    struct derpread_name *names; /* of nodes, the last one first */
} derpread_t;

/* A node's name, for the look at names that are there twice. */
typedef struct derpread_name {
    struct derpread_name *next;
    ion_str_t name;
    int region_id;
    unsigned line;
    unsigned column;
} derpread_name_t;

/* What was found of a table. */
typedef struct derpread_fields {
    const ion_doc_node_t *node[DERPREAD_FIELDS_MAX]; /* NULL = not there */
    bool is_wrong[DERPREAD_FIELDS_MAX]; /* reported already, not read */
} derpread_fields_t;

/*
 * derpread_enter -- set the path of what is read now.
 *
 * Errors: none; what is too long is cut.
 */
void derpread_enter(derpread_t *r, const char *fmt, ...) ION_PRINTF(2, 3);

/*
 * derpread_note -- add a note.
 *
 * Shape:  at gives the place (NULL: the document), field the last part of the
 *         path (NULL: the map itself).
 * Errors: none.
 */
void derpread_note(derpread_t *r, ion_derpnote_level_t level,
    const ion_doc_node_t *at, const char *field, const char *fmt, ...)
    ION_PRINTF(5, 6);

/*
 * derpread_quote -- a value for "%.*s" in a message, cut to a sane length.
 *
 * Errors: none.
 */
ion_str_t derpread_quote(ion_str_t text);

/*
 * derpread_members -- the members of a map by a table; unknown ones and
 * repeated ones are reported, null ones count as not there. Values of the
 * simple types are read into `into` (NULL: there are none).
 *
 * Shape:  wrong is the level of a value of the wrong type.
 * Errors: none.
 */
void derpread_members(derpread_t *r, const ion_doc_node_t *map,
    const ion_derpfield_t *table, ion_derpnote_level_t wrong, void *into,
    derpread_fields_t *found);

/*
 * derpread_id -- a region's id as the key of a map.
 *
 * Errors: 0 for a text that is none.
 */
int derpread_id(ion_str_t key);

/*
 * derpread_region -- read the region that is `node`, whose id is r's business
 * and its key's.
 *
 * Shape:  returns false when it is left out; that is noted.
 * Errors: r->rc.
 */
bool derpread_region(
    derpread_t *r, const ion_doc_node_t *node, ion_derpregion_t *out);

/*
 * derpread_node -- read node number i of a region.
 *
 * Shape:  node is a map.
 * Errors: findings in the notes.
 */
void derpread_node(derpread_t *r, const ion_doc_node_t *node, size_t i,
    const ion_derpregion_t *region, ion_derpnode_t *out);

#endif
