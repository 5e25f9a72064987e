/*
 * conf.c -- load a configuration, and what others ask of it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A key is looked for in the last document first, so laying one document over
 * another needs no merged tree: scalars and lists of the later one replace,
 * sections merge.
 */
#include "core/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf_int.h"

/* Trees and values of one configuration; a bound for hostile files. */
#define ARENA_MAX (256u * 1024u * 1024u)

/* Where a note belongs among the others: document, line, column. */
static uint64_t
order_of(size_t doc, unsigned line, unsigned column)
{
    return (uint64_t)doc << 56 | (uint64_t)(line & 0xffffffu) << 24 |
           (column & 0xffffffu);
}

static void ION_PRINTF(4, 5) note_text(
    conf_loader_t *l, bool is_error, uint64_t order, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    conf_notes_add_at(l->notes, is_error, order, fmt, ap);
    va_end(ap);
}

conf_place_t
conf_key_place(size_t doc, const ion_doc_node_t *node)
{
    return (conf_place_t){ doc, node->key_line, node->key_column };
}

conf_place_t
conf_value_place(size_t doc, const ion_doc_node_t *node)
{
    if (node->kind == ION_DOC_LIST || node->kind == ION_DOC_MAP) {
        return conf_key_place(doc, node);
    }
    return (conf_place_t){ doc, node->line, node->column };
}

void
conf_note_at(conf_loader_t *l, conf_place_t at, bool is_error, const char *key,
    const char *fmt, ...)
{
    const conf_doc_t *d = &l->conf->docs[at.doc];
    unsigned shown = conf_source_line(d, at.line);
    char where[32] = "";
    ion_errtext_t text;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text.msg, sizeof(text.msg), fmt, ap);
    va_end(ap);
    if (at.line != 0) {
        (void)snprintf(where, sizeof(where), ":%u:%u", shown, at.column);
    }
    note_text(l, is_error, order_of(at.doc, shown, at.column), "%s%s: %s%s%s",
        d->name, where, key == NULL ? "" : key, key == NULL ? "" : ": ",
        text.msg);
}

void
conf_note(
    conf_loader_t *l, bool is_error, const char *key, const char *fmt, ...)
{
    size_t doc = 0;
    const ion_doc_node_t *node = conf_find(l->conf, key, &doc);
    ion_errtext_t text;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text.msg, sizeof(text.msg), fmt, ap);
    va_end(ap);
    if (node != NULL) {
        conf_note_at(
            l, conf_value_place(doc, node), is_error, key, "%s", text.msg);
    } else if (l->conf->doc_count > 0) {
        conf_note_at(
            l, (conf_place_t){ .doc = 0 }, is_error, key, "%s", text.msg);
    } else {
        note_text(l, is_error, 0, "%s: %s", key, text.msg);
    }
}

/* Does a module check the value of this key, which nobody serves yet? */
static bool
is_checked_there(
    const ion_conf_table_t *tables, size_t table_count, const char *name)
{
    for (size_t i = 0; i < table_count; i++) {
        for (const ion_directive_t *d = tables[i].directives;
             d != NULL && d->name != NULL; d++)
        {
            if (d->rule != ION_D_SERVED && strcmp(d->name, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

void
ion_conf_walk(const ion_conf_table_t *tables, size_t table_count,
    void (*visit)(void *arg, const ion_directive_t *d), void *arg)
{
    for (const ion_directive_t *d = ion_settings_directives; d->name != NULL;
         d++) {
        visit(arg, d);
    }
    for (size_t i = 0; i < table_count; i++) {
        for (const ion_directive_t *d = tables[i].directives;
             d != NULL && d->name != NULL; d++)
        {
            visit(arg, d);
        }
    }
    for (const ion_directive_t *d = ion_later_directives; d->name != NULL; d++)
    {
        if (!is_checked_there(tables, table_count, d->name)) {
            visit(arg, d);
        }
    }
}

/* The value of one served key, or its default. */
static void
load_value(conf_loader_t *l, const ion_directive_t *d, void *base)
{
    size_t doc = 0;
    const ion_doc_node_t *node = conf_find(l->conf, d->name, &doc);
    ion_errtext_t why = { .msg = "" };
    ion_err_t rc = conf_value_parse(l->conf->arena, d, node, base, &why);

    if (rc == ION_NOMEM) {
        l->no_memory = true;
    } else if (rc != ION_OK && node != NULL) {
        conf_note_at(
            l, conf_value_place(doc, node), true, d->name, "%s", why.msg);
    } else if (rc != ION_OK) {
        conf_note(l, true, d->name, "%s", why.msg);
    }
    if (rc != ION_OK && node != NULL) {
        /* go on with the default, so that other rules can be checked */
        rc = conf_value_parse(l->conf->arena, d, NULL, base, NULL);
        l->no_memory = l->no_memory || rc != ION_OK;
    }
}

static void
check_item(conf_loader_t *l, const ion_directive_t *d, size_t doc,
    const ion_doc_node_t *node)
{
    conf_place_t at = {
        .doc = doc, .line = node->line, .column = node->column
    };
    ion_errtext_t why = { .msg = "" };
    const ion_doc_node_t *text =
        node->kind == ION_DOC_MAP ? ion_doc_iget(node, "url") : node;

    if (text == NULL || text->kind == ION_DOC_MAP ||
        text->kind == ION_DOC_LIST || text->kind == ION_DOC_NULL)
    {
        conf_note_at(l, at, true, d->name,
            "an element must be text, or a map that has url: with the text");
        return;
    }
    if (node->kind == ION_DOC_MAP) {
        at = conf_value_place(doc, text);
    }
    bool is_error = d->check_item(text->text, &why) != ION_OK;
    if (is_error || why.msg[0] != '\0') {
        conf_note_at(l, at, is_error, d->name, "%s", why.msg);
    }
}

static void
check_items(conf_loader_t *l, const ion_directive_t *d, size_t doc,
    const ion_doc_node_t *node)
{
    if (node->kind != ION_DOC_LIST) {
        check_item(l, d, doc, node);
        return;
    }
    if (node->count > d->max_items) {
        conf_note_at(l, conf_value_place(doc, node), true, d->name,
            "has %zu elements, at most %zu are allowed", node->count,
            d->max_items);
        return;
    }
    ION_DOC_FOREACH(it, node)
    {
        check_item(l, d, doc, it);
    }
}

/* A key that is known and not served: is the value at least sound? */
static void
check_later(conf_loader_t *l, const ion_directive_t *d)
{
    union {
        uint64_t number;
        ion_listen_t listen;
        ion_strings_t strings;
        const char *text;
    } scratch;
    ion_directive_t copy = *d;
    ion_errtext_t why = { .msg = "" };
    size_t doc = 0;
    const ion_doc_node_t *node = conf_find(l->conf, d->name, &doc);
    bool refused = d->rule == ION_D_REFUSED;

    if (node == NULL || conf_value_is_off(node)) {
        return;
    }
    copy.offset = 0;
    copy.size = d->type == ION_T_MSEC ? sizeof(int64_t) : 0;
    if (d->type == ION_T_MSEC && d->rule == ION_D_LATER &&
        conf_value_parse(l->conf->arena, &copy, node, &scratch, &why) != ION_OK)
    {
        conf_note_at(
            l, conf_value_place(doc, node), true, d->name, "%s", why.msg);
        return;
    }
    if (d->check_item != NULL) {
        check_items(l, d, doc, node);
    }
    if (d->rule == ION_D_GONE) {
        conf_note_at(l, conf_key_place(doc, node), false, d->name,
            "has no meaning here and is ignored: %s", d->doc);
    } else {
        conf_note_at(l, conf_key_place(doc, node), refused, d->name, "%s",
            refused ? "not served by this version, and ignoring it would be "
                      "unsafe: remove it"
                    : "not served by this version, it is ignored");
    }
}

static void
load_table(conf_loader_t *l, const ion_directive_t *d, void *base)
{
    for (; d != NULL && d->name != NULL; d++) {
        if (d->rule == ION_D_SERVED) {
            load_value(l, d, base);
        } else {
            check_later(l, d);
        }
    }
}

/* "key: what", put where that key stands; false when the table has it not. */
static bool
note_at_key(conf_loader_t *l, const ion_directive_t *table, const char *text)
{
    for (const ion_directive_t *d = table; d->name != NULL; d++) {
        size_t n = strlen(d->name);

        if (strncmp(text, d->name, n) == 0 && strncmp(text + n, ": ", 2) == 0) {
            conf_note(l, true, d->name, "%s", text + n + 2);
            return true;
        }
    }
    return false;
}

/* What a module's check says, about a key of its own or a shared one. */
static void
note_check(conf_loader_t *l, const ion_conf_table_t *t, const char *text)
{
    if (!note_at_key(l, t->directives, text) &&
        !note_at_key(l, ion_settings_directives, text))
    {
        conf_note(l, true, t->name, "%s", text);
    }
}

static void
load_module(conf_loader_t *l, size_t i)
{
    const ion_conf_table_t *t = &l->conf->tables[i];

    if (t->directives == NULL) {
        return;
    }
    l->conf->modules[i] = ion_arena_alloc(l->conf->arena, t->conf_size);
    if (l->conf->modules[i] == NULL) {
        l->no_memory = true;
        return;
    }
    load_table(l, t->directives, l->conf->modules[i]);
}

static void
check_module(conf_loader_t *l, size_t i)
{
    const ion_conf_table_t *t = &l->conf->tables[i];
    ion_errtext_t why = { .msg = "refused" };

    if (t->check != NULL && t->directives != NULL &&
        l->conf->modules[i] != NULL &&
        t->check(l->conf->modules[i], l->conf->settings, &why) != ION_OK)
    {
        note_check(l, t, why.msg);
    }
}

static void
load_all(conf_loader_t *l)
{
    ion_conf_t *conf = l->conf;

    conf_read_sources(l);
    conf_check_keys(l);
    load_table(l, ion_settings_directives, conf->settings);
    for (size_t i = 0; i < conf->table_count; i++) {
        load_module(l, i);
    }
    for (const ion_directive_t *d = ion_later_directives; d->name != NULL; d++)
    {
        if (!is_checked_there(conf->tables, conf->table_count, d->name)) {
            check_later(l, d);
        }
    }
    if (l->no_memory) {
        return;
    }
    settings_resolve(l, conf->settings);
    for (size_t i = 0; i < conf->table_count; i++) {
        check_module(l, i);
    }
}

static ion_err_t
conf_new(const ion_conf_table_t *tables, size_t table_count, ion_conf_t **out)
{
    ion_conf_t *conf = calloc(1, sizeof(*conf));
    ion_conf_table_t *copy;

    if (conf == NULL) {
        return ION_NOMEM;
    }
    if (ion_arena_new(ARENA_MAX, &conf->arena) != ION_OK) {
        free(conf);
        return ION_NOMEM;
    }
    conf->table_count = table_count;
    conf->settings = ion_arena_alloc(conf->arena, sizeof(*conf->settings));
    conf->modules = ion_arena_alloc(
        conf->arena, (table_count + 1) * sizeof(*conf->modules));
    copy = ion_arena_alloc(conf->arena, (table_count + 1) * sizeof(*copy));
    if (conf->settings == NULL || conf->modules == NULL || copy == NULL) {
        ion_conf_free(&conf);
        return ION_NOMEM;
    }
    if (table_count > 0) {
        memcpy(copy, tables, table_count * sizeof(*copy));
    }
    conf->tables = copy;
    *out = conf;
    return ION_OK;
}

ion_err_t
ion_conf_load(const ion_conf_source_t *src, const ion_conf_table_t *tables,
    size_t table_count, ion_conf_notes_t *notes, ion_conf_t **out)
{
    conf_loader_t l = { .notes = notes, .src = src };
    size_t errors = ion_conf_notes_errors(notes);
    ion_err_t rc = conf_new(tables, table_count, &l.conf);

    if (rc != ION_OK) {
        return rc;
    }
    load_all(&l);
    conf_notes_sort(notes);
    if (l.no_memory || ion_conf_notes_errors(notes) != errors) {
        ion_conf_free(&l.conf);
        return l.no_memory ? ION_NOMEM : ION_MALF;
    }
    *out = l.conf;
    return ION_OK;
}

void
ion_conf_free(ion_conf_t **cp)
{
    ion_conf_t *conf = *cp;

    *cp = NULL;
    if (conf != NULL) {
        ion_arena_free(&conf->arena);
        free(conf);
    }
}

const ion_settings_t *
ion_conf_settings(const ion_conf_t *conf)
{
    return conf->settings;
}

const void *
ion_conf_module(const ion_conf_t *conf, size_t n)
{
    return n < conf->table_count ? conf->modules[n] : NULL;
}

const char *
ion_conf_file(const ion_conf_t *conf)
{
    return conf->file;
}

const char *
ion_conf_where(const ion_conf_t *conf, const char *key, char *text, size_t cap)
{
    size_t doc = 0;
    const ion_doc_node_t *node = conf_find(conf, key, &doc);

    text[0] = '\0';
    if (node != NULL) {
        const conf_doc_t *d = &conf->docs[doc];
        conf_place_t at = conf_value_place(doc, node);

        (void)snprintf(text, cap, "%s:%u:%u", d->name,
            conf_source_line(d, at.line), at.column);
    }
    return text;
}
