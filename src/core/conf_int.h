/*
 * conf_int.h -- what the files of the configuration share among themselves.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Loading goes: conf_source (text to documents), conf_keys (which keys are
 * known), conf_value (one value), settings_resolve (the rest), in conf.c.
 */
#ifndef ION_CORE_CONF_INT_H
#define ION_CORE_CONF_INT_H

#include <stdarg.h>

#include "base/arena.h"
#include "core/conf.h"
#include "core/settings.h"
#include "doc/emit.h"
#include "doc/tree.h"

#define CONF_TEXT_MAX  (1024u * 1024u) /* bytes of one source */
#define CONF_PATH_MAX  128             /* of a dotted path, with its NUL */
#define CONF_DOCS      2               /* the file, and what lies on top */
#define CONF_WHERE_MAX 512             /* of "file:line:column" */

/* One parsed source; everything lives in the configuration's arena. */
typedef struct {
    const char *name;           /* as shown in messages */
    const ion_doc_node_t *root; /* may be a null node */
    const unsigned *line_of;    /* line of the source for each line we parsed */
    size_t line_count;
} conf_doc_t;

struct ion_conf {
    ion_arena_t *arena;
    const char *file;           /* absolute; NULL = none */
    conf_doc_t docs[CONF_DOCS]; /* later ones win */
    size_t doc_count;
    ion_settings_t *settings;
    void **modules;
    const ion_conf_table_t *tables;
    size_t table_count;
};

typedef struct {
    ion_conf_t *conf;
    ion_conf_notes_t *notes;
    const ion_conf_source_t *src;
    bool no_memory;
} conf_loader_t;

/* The environment of a load. */
const char *conf_env(const conf_loader_t *l, const char *name);

/*
 * conf_note -- add "place: key: text" for a key where it was set, or for its
 * section; for a key with its default the name of the source stands alone.
 */
void conf_note(conf_loader_t *l, bool is_error, const char *key,
    const char *fmt, ...) ION_PRINTF(4, 5);

/* A position in a document, in lines as they were parsed; line 0 = none. */
typedef struct {
    size_t doc;
    unsigned line;
    unsigned column;
} conf_place_t;

/* Where a member's key stands; where its value does (a list or map has many
 * lines and is known by its key). */
conf_place_t conf_key_place(size_t doc, const ion_doc_node_t *node);
conf_place_t conf_value_place(size_t doc, const ion_doc_node_t *node);

/* conf_note_at -- the same at a position; key may be NULL. */
void conf_note_at(conf_loader_t *l, conf_place_t at, bool is_error,
    const char *key, const char *fmt, ...) ION_PRINTF(5, 6);

/*
 * conf_notes_add_at -- one line that conf_notes_sort puts in its place.
 */
void conf_notes_add_at(ion_conf_notes_t *notes, bool is_error, uint64_t order,
    const char *fmt, va_list ap) ION_PRINTF(4, 0);
void conf_notes_sort(ion_conf_notes_t *notes);
bool conf_notes_full(const ion_conf_notes_t *notes);

/*
 * conf_read_sources -- fill conf->docs from the loader's source; what is wrong
 * is in the notes.
 */
void conf_read_sources(conf_loader_t *l);

/* Variables without a value: "A, B", and where the first one stands. */
typedef struct {
    ion_sb_t names;
    unsigned line; /* as a conf_place_t has it */
    unsigned column;
} conf_missing_t;

/*
 * conf_substitute -- the two rules of ${NAME:default} and ${NAME}.
 *
 * out gets the text, doc the source line of each of its lines (in the arena).
 * Errors: ION_LIMIT more than CONF_TEXT_MAX bytes | ION_NOMEM.
 */
ION_NODISCARD ion_err_t conf_substitute(const conf_loader_t *l, ion_str_t text,
    ion_sb_t *out, conf_doc_t *doc, conf_missing_t *missing);

/* conf_check_keys -- unknown, misplaced and duplicate keys of all documents. */
void conf_check_keys(conf_loader_t *l);

/*
 * conf_find -- the node of a key; a null value counts as not set.
 *
 * Returns: NULL when it is not set.  *doc: which document, may be NULL.
 */
const ion_doc_node_t *conf_find(
    const ion_conf_t *conf, const char *key, size_t *doc);

/* conf_source_line -- the line of the source behind a parsed line. */
unsigned conf_source_line(const conf_doc_t *doc, unsigned line);

/*
 * conf_value_parse -- one value into its member (dst: start of the structure).
 *
 * node: the value in the document, NULL = the directive's default.
 * Errors: ION_MALF, *why: what is wrong and what would be right | ION_NOMEM.
 */
ION_NODISCARD ion_err_t conf_value_parse(ion_arena_t *arena,
    const ion_directive_t *d, const ion_doc_node_t *node, void *dst,
    ion_errtext_t *why);

/* conf_text_is_clean -- UTF-8 on one line: what every text must be, so that
 * the effective text can carry it. */
bool conf_text_is_clean(ion_str_t text);

/* conf_value_is_off -- null, false, "", [] or {}: asks for nothing. */
bool conf_value_is_off(const ion_doc_node_t *node);

/* conf_value_allowed -- "number, 1 to 65536", for people. */
void conf_value_allowed(const ion_directive_t *d, char *out, size_t cap);

/* conf_value_yaml, conf_value_json -- write a member's value. */
void conf_value_yaml(const ion_directive_t *d, const void *base, ion_yw_t *w);
void conf_value_json(const ion_directive_t *d, const void *base, ion_jw_t *w);

/*
 * conf_absolute -- a path without ~ and relative parts at its front.
 *
 * Returns: a copy in the arena; NULL without memory or HOME, or when the home
 *          or working directory's name is not clean text.
 */
const char *conf_absolute(ion_arena_t *arena, const char *home, ion_str_t path);

/*
 * settings_resolve -- automatic values, and rules over more than one key.
 */
void settings_resolve(conf_loader_t *l, ion_settings_t *s);

/*
 * public_addr_parse -- "[http://|https://]host:port" (with_scheme), or
 * "host:port".
 *
 * Errors: ION_MALF, *why | ION_NOMEM.
 */
ION_NODISCARD ion_err_t public_addr_parse(ion_arena_t *arena, ion_str_t text,
    bool with_scheme, ion_public_t *out, ion_errtext_t *why);

#endif
