/*
 * tree.h -- one tree for JSON and YAML documents, with positions.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Nodes and texts live in the caller's arena. A scalar keeps its text next to
 * the kind it would have by itself, so that a decoder that wants a string can
 * take `8080`, and one that wants a number can name what it got instead.
 */

#ifndef ION_DOC_TREE_H
#define ION_DOC_TREE_H

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

/* Lists and maps may nest this deep. */
#define ION_DOC_DEPTH_MAX 32

typedef enum ion_doc_kind {
    ION_DOC_NULL,
    ION_DOC_BOOL,
    ION_DOC_INT,   /* decimal, of any size: ion_doc_i64 knows the range */
    ION_DOC_FLOAT, /* decimal with a fraction or an exponent */
    ION_DOC_STRING,
    ION_DOC_LIST,
    ION_DOC_MAP
} ion_doc_kind_t;

typedef struct ion_doc_node {
    ion_doc_kind_t kind;
    bool quoted;     /* a string written in quotes or as a block */
    unsigned line;   /* 1-based, where the value begins */
    unsigned column; /* 1-based, in characters */
    ion_str_t text;  /* scalars: decoded text, NUL-terminated */

    ion_str_t key; /* members of a map; key.p is NULL in a list */
    unsigned key_line;
    unsigned key_column;

    size_t count; /* lists and maps: children */
    struct ion_doc_node *first;
    struct ion_doc_node *last;
    struct ion_doc_node *next; /* sibling, in the order of the text */
} ion_doc_node_t;

/* What is wrong with a document, and where. */
typedef struct ion_doc_error {
    const char *name; /* borrowed from the parser's caller; may be NULL */
    unsigned line;    /* 1-based; 0 = the document as a whole */
    unsigned column;
    char msg[256];
} ion_doc_error_t;

/* Walk over the children of a list or a map. */
#define ION_DOC_FOREACH(it, node)                                              \
    for (const ion_doc_node_t *it = (node)->first; it != NULL; it = it->next)

/*
 * ion_doc_kind_name -- "null", "a boolean", "an integer", ... for messages.
 *
 * Errors: none.
 */
const char *ion_doc_kind_name(ion_doc_kind_t kind);

/*
 * ion_doc_get, ion_doc_iget -- the member of a map with this key; iget folds
 * A-Z.
 *
 * Errors: NULL when there is none or node is not a map (or NULL).
 */
const ion_doc_node_t *ion_doc_get(const ion_doc_node_t *node, const char *key);
const ion_doc_node_t *ion_doc_iget(const ion_doc_node_t *node, const char *key);

/*
 * ion_doc_at -- child number i (0-based) of a list or a map.
 *
 * Errors: NULL when there are fewer.
 */
const ion_doc_node_t *ion_doc_at(const ion_doc_node_t *node, size_t i);

/*
 * ion_doc_is_null -- is the value absent: no node, or null.
 *
 * Errors: none.
 */
bool ion_doc_is_null(const ion_doc_node_t *node);

/*
 * ion_doc_bool -- the value of a boolean.
 *
 * Shape:  also takes yes, no, on, off written without quotes (YAML 1.1);
 *         such a node is of kind ION_DOC_STRING.
 * Errors: ION_MALF not a boolean.
 */
ION_NODISCARD ion_err_t ion_doc_bool(const ion_doc_node_t *node, bool *out);

/*
 * ion_doc_i64 -- the value of an integer.
 *
 * Errors: ION_MALF not an integer | ION_RANGE outside min..max.
 */
ION_NODISCARD ion_err_t ion_doc_i64(
    const ion_doc_node_t *node, int64_t min, int64_t max, int64_t *out);

/*
 * ion_doc_f64 -- the value of an integer or a float.
 *
 * Errors: ION_MALF not a number | ION_RANGE overflows a double.
 */
ION_NODISCARD ion_err_t ion_doc_f64(const ion_doc_node_t *node, double *out);

/*
 * ion_doc_duplicate -- look for two members of a map with one key.
 *
 * Shape:  fold = A-Z are the same as a-z. Of several pairs the one whose
 *         second member comes first in the text; returns that second member
 *         and sets *first to the one it repeats; NULL when there is none.
 * Errors: ION_NOMEM through *rc, which is ION_OK otherwise.
 */
const ion_doc_node_t *ion_doc_duplicate(const ion_doc_node_t *map, bool fold,
    const ion_doc_node_t **first, ion_err_t *rc);

/*
 * ion_doc_error_set -- fill in an error; err may be NULL.
 *
 * Errors: none.
 */
void ion_doc_error_set(ion_doc_error_t *err, unsigned line, unsigned column,
    const char *fmt, ...) ION_PRINTF(4, 5);

/*
 * ion_doc_error_text -- "name:line:column: message", leaving out what is not
 * known.
 *
 * Errors: none.
 */
void ion_doc_error_text(const ion_doc_error_t *err, ion_errtext_t *out);

#endif
