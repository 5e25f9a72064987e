/*
 * tree_build.c -- making a tree; what both readers do the same.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "doc/tree_build.h"

/* Keys longer than this are cut in messages. */
#define KEY_SHOWN_MAX 64

void
ion_doc_append(ion_doc_node_t *parent, ion_doc_node_t *child)
{
    if (parent->last == NULL) {
        parent->first = child;
    } else {
        parent->last->next = child;
    }
    parent->last = child;
    parent->count++;
}

ion_err_t
ion_doc_no_duplicates(const ion_doc_node_t *map, ion_doc_error_t *err)
{
    ion_err_t rc;
    const ion_doc_node_t *first;
    const ion_doc_node_t *again = ion_doc_duplicate(map, false, &first, &rc);
    if (again == NULL) {
        return rc;
    }

    ion_str_t key = again->key;
    key.len = ION_MIN(key.len, (size_t)KEY_SHOWN_MAX);
    ion_doc_error_set(err, again->key_line, again->key_column,
        "duplicate key \"%.*s\", first given at line %u column %u",
        ION_STR_ARG(key), first->key_line, first->key_column);
    return ION_MALF;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t
skip_digits(ion_str_t text, size_t at)
{
    while (at < text.len && is_digit(text.p[at])) {
        at++;
    }
    return at;
}

static size_t
skip_sign(ion_str_t text, size_t at)
{
    bool sign = at < text.len && (text.p[at] == '-' || text.p[at] == '+');
    return sign ? at + 1 : at;
}

/* [-+]digits, or [-+]digits.digits and/or an exponent. */
static ion_doc_kind_t
resolve_number(ion_str_t text)
{
    size_t start = skip_sign(text, 0);
    size_t at = skip_digits(text, start);
    if (at == start) {
        return ION_DOC_STRING;
    }
    if (at == text.len) {
        return ION_DOC_INT;
    }

    if (text.p[at] == '.') {
        size_t fraction = ++at;
        at = skip_digits(text, at);
        if (at == fraction) {
            return ION_DOC_STRING;
        }
    }
    if (at < text.len && (text.p[at] == 'e' || text.p[at] == 'E')) {
        size_t exponent = skip_sign(text, at + 1);
        at = skip_digits(text, exponent);
        if (at == exponent) {
            return ION_DOC_STRING;
        }
    }
    return at == text.len ? ION_DOC_FLOAT : ION_DOC_STRING;
}

ion_doc_kind_t
ion_doc_resolve(ion_str_t text)
{
    static const struct {
        const char *word;
        ion_doc_kind_t kind;
    } words[] = {
        { "", ION_DOC_NULL },
        { "~", ION_DOC_NULL },
        { "null", ION_DOC_NULL },
        { "Null", ION_DOC_NULL },
        { "NULL", ION_DOC_NULL },
        { "true", ION_DOC_BOOL },
        { "True", ION_DOC_BOOL },
        { "TRUE", ION_DOC_BOOL },
        { "false", ION_DOC_BOOL },
        { "False", ION_DOC_BOOL },
        { "FALSE", ION_DOC_BOOL },
    };

    for (size_t i = 0; i < ION_ARRAY_LEN(words); i++) {
        if (ion_str_eq(text, ion_str_from(words[i].word))) {
            return words[i].kind;
        }
    }
    return resolve_number(text);
}
