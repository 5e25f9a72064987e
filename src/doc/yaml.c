/*
 * yaml.c -- libyaml's events to a document tree.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Events, not libyaml's own documents: those follow aliases into themselves
 * and take duplicate keys. The stack is as deep as a document may be, so
 * deep nesting ends the reading before it costs time.
 */

#include "doc/yaml.h"

#include <string.h>
#include <yaml.h>

#include "base/assert.h"
#include "doc/tree_build.h"

typedef struct {
    ion_doc_node_t *node; /* the list or map being filled */
    bool has_key;         /* of a map: `key` waits for its value */
    ion_str_t key;
    unsigned key_line;
    unsigned key_column;
} frame_t;

typedef struct {
    ion_arena_t *arena;
    ion_doc_error_t *err;
    ion_doc_node_t *root;
    size_t documents;
    bool done;
    bool keep_duplicates;
    size_t depth;
    frame_t stack[ION_DOC_DEPTH_MAX];
} builder_t;

static unsigned
line_of(const yaml_event_t *ev)
{
    return (unsigned)ev->start_mark.line + 1;
}

static unsigned
column_of(const yaml_event_t *ev)
{
    return (unsigned)ev->start_mark.column + 1;
}

static ion_err_t
refuse(builder_t *b, const yaml_event_t *ev, const char *what)
{
    ion_doc_error_set(b->err, line_of(ev), column_of(ev), "%s", what);
    return ION_MALF;
}

/* Anchors and tags make a text mean more than it shows. */
static ion_err_t
check_plain_node(builder_t *b, const yaml_event_t *ev,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL) {
        return refuse(b, ev, "anchors (&name) are not allowed");
    }
    if (tag != NULL) {
        return refuse(b, ev, "tags (!name) are not allowed");
    }
    return ION_OK;
}

static ion_err_t
copy_scalar(builder_t *b, const yaml_event_t *ev, ion_str_t *out)
{
    ion_str_t raw = {
        .p = (const char *)ev->data.scalar.value,
        .len = ev->data.scalar.length,
    };
    if (memchr(raw.p, '\0', raw.len) != NULL) {
        return refuse(b, ev, "a NUL character in a string is not allowed");
    }
    const char *copy = ion_arena_strdup(b->arena, raw);
    if (copy == NULL) {
        return ion_doc_too_large(b->err, line_of(ev), column_of(ev));
    }
    *out = (ion_str_t){ copy, raw.len };
    return ION_OK;
}

static frame_t *
top_of(builder_t *b)
{
    frame_t *top = &b->stack[b->depth - 1];
    ION_ASSERT(b->depth > 0 && top->node != NULL);
    return top;
}

/* A new node where the text stands: member, item, or the root. */
static ion_err_t
attach(builder_t *b, const yaml_event_t *ev, ion_doc_node_t **out)
{
    ion_doc_node_t *node = ion_arena_alloc(b->arena, sizeof(*node));
    if (node == NULL) {
        return ion_doc_too_large(b->err, line_of(ev), column_of(ev));
    }
    node->line = line_of(ev);
    node->column = column_of(ev);
    *out = node;

    if (b->depth == 0) {
        b->root = node;
        return ION_OK;
    }
    frame_t *top = top_of(b);
    if (top->node->kind == ION_DOC_MAP) {
        if (!top->has_key) {
            return refuse(b, ev, "a key must be a plain or quoted string");
        }
        node->key = top->key;
        node->key_line = top->key_line;
        node->key_column = top->key_column;
        top->has_key = false;
    }
    ion_doc_append(top->node, node);
    return ION_OK;
}

static ion_err_t
on_key(builder_t *b, const yaml_event_t *ev, frame_t *top)
{
    bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    ion_err_t rc = copy_scalar(b, ev, &top->key);
    if (rc != ION_OK) {
        return rc;
    }
    if (plain && top->key.len == 0) {
        return refuse(b, ev, "a key is missing before \":\"");
    }
    if (plain && ion_str_eq(top->key, ION_STR("<<"))) {
        return refuse(b, ev, "merge keys (<<) are not allowed");
    }
    top->key_line = line_of(ev);
    top->key_column = column_of(ev);
    top->has_key = true;
    return ION_OK;
}

static ion_err_t
on_scalar(builder_t *b, const yaml_event_t *ev)
{
    ion_err_t rc =
        check_plain_node(b, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
    if (rc != ION_OK) {
        return rc;
    }

    frame_t *top = b->depth == 0 ? NULL : top_of(b);
    if (top != NULL && top->node->kind == ION_DOC_MAP && !top->has_key) {
        return on_key(b, ev, top);
    }

    ion_doc_node_t *node;
    rc = attach(b, ev, &node);
    if (rc == ION_OK) {
        rc = copy_scalar(b, ev, &node->text);
    }
    if (rc != ION_OK) {
        return rc;
    }
    node->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->kind = node->quoted ? ION_DOC_STRING : ion_doc_resolve(node->text);
    return ION_OK;
}

static ion_err_t
on_begin(builder_t *b, const yaml_event_t *ev, ion_doc_kind_t kind)
{
    if (b->depth == ION_DOC_DEPTH_MAX) {
        ion_doc_error_set(b->err, line_of(ev), column_of(ev),
            "nested deeper than %d levels", ION_DOC_DEPTH_MAX);
        return ION_LIMIT;
    }

    ion_doc_node_t *node;
    ion_err_t rc = attach(b, ev, &node);
    if (rc != ION_OK) {
        return rc;
    }
    node->kind = kind;
    b->stack[b->depth++] = (frame_t){ .node = node };
    return ION_OK;
}

static ion_err_t
on_end(builder_t *b)
{
    const ion_doc_node_t *node = top_of(b)->node;
    b->depth--;
    if (node->kind != ION_DOC_MAP || b->keep_duplicates) {
        return ION_OK;
    }
    return ion_doc_no_duplicates(node, b->err);
}

static ion_err_t
on_document(builder_t *b, const yaml_event_t *ev)
{
    if (b->documents++ > 0) {
        return refuse(b, ev, "only one document is allowed in a file");
    }
    if (ev->data.document_start.tag_directives.start !=
        ev->data.document_start.tag_directives.end)
    {
        return refuse(b, ev, "%TAG directives are not allowed");
    }
    return ION_OK;
}

static ion_err_t
on_event(builder_t *b, const yaml_event_t *ev)
{
    ion_err_t rc;
    switch (ev->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return ION_OK;
    case YAML_STREAM_END_EVENT:
        b->done = true;
        return ION_OK;
    case YAML_DOCUMENT_START_EVENT:
        return on_document(b, ev);
    case YAML_ALIAS_EVENT:
        return refuse(b, ev, "aliases (*name) are not allowed");
    case YAML_SCALAR_EVENT:
        return on_scalar(b, ev);
    case YAML_SEQUENCE_START_EVENT:
        rc = check_plain_node(
            b, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
        return rc != ION_OK ? rc : on_begin(b, ev, ION_DOC_LIST);
    case YAML_MAPPING_START_EVENT:
        rc = check_plain_node(
            b, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
        return rc != ION_OK ? rc : on_begin(b, ev, ION_DOC_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(b);
    }
    return ION_INTERNAL;
}

static ion_err_t
syntax_error(const yaml_parser_t *p, ion_doc_error_t *err)
{
    yaml_mark_t at = p->problem_mark;
    const char *problem = p->problem == NULL ? "not YAML" : p->problem;
    if (p->error == YAML_MEMORY_ERROR) {
        return ION_NOMEM;
    }
    if (p->error == YAML_READER_ERROR) {
        at = p->mark;
    }

    bool has_context = p->context != NULL;
    ion_doc_error_set(err, (unsigned)at.line + 1, (unsigned)at.column + 1,
        "%s%s%s", problem, has_context ? " " : "",
        has_context ? p->context : "");
    return ION_MALF;
}

static ion_err_t
run(yaml_parser_t *p, builder_t *b)
{
    while (!b->done) {
        yaml_event_t ev;
        if (!yaml_parser_parse(p, &ev)) {
            return syntax_error(p, b->err);
        }
        ion_err_t rc = on_event(b, &ev);
        yaml_event_delete(&ev);
        if (rc != ION_OK) {
            return rc;
        }
    }
    return ION_OK;
}

/* A text with nothing but comments is a document with nothing in it. */
static ion_err_t
empty_document(builder_t *b)
{
    ion_doc_node_t *node = ion_arena_alloc(b->arena, sizeof(*node));
    if (node == NULL) {
        return ion_doc_too_large(b->err, 1, 1);
    }
    *node = (ion_doc_node_t){
        .kind = ION_DOC_NULL, .line = 1, .column = 1, .text = ION_STR("")
    };
    b->root = node;
    return ION_OK;
}

static ion_err_t
parse(ion_arena_t *arena, const char *name, ion_str_t text, bool keep,
    ion_doc_node_t **root, ion_doc_error_t *err)
{
    yaml_parser_t p;
    builder_t b = { .arena = arena, .err = err, .keep_duplicates = keep };
    if (err != NULL) {
        *err = (ion_doc_error_t){ .name = name };
    }
    if (!yaml_parser_initialize(&p)) {
        return ION_NOMEM;
    }
    const char *bytes = text.p == NULL ? "" : text.p;
    yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p, (const unsigned char *)bytes, text.len);

    ion_err_t rc = run(&p, &b);
    yaml_parser_delete(&p);
    if (rc == ION_OK && b.root == NULL) {
        rc = empty_document(&b);
    }
    if (rc == ION_OK) {
        *root = b.root;
    }
    return rc;
}

ion_err_t
ion_yaml_parse(ion_arena_t *arena, const char *name, ion_str_t text,
    ion_doc_node_t **root, ion_doc_error_t *err)
{
    return parse(arena, name, text, false, root, err);
}

ion_err_t
ion_yaml_parse_keep(ion_arena_t *arena, const char *name, ion_str_t text,
    ion_doc_node_t **root, ion_doc_error_t *err)
{
    return parse(arena, name, text, true, root, err);
}
