/*
 * json.c -- a strict JSON reader with positions, and HuJSON.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Recursive descent; the depth is bounded by the caller and by
 * ION_DOC_DEPTH_MAX, so is the stack. HuJSON differs in two places: what may
 * stand between tokens, and a comma before a closing bracket.
 */

#include "doc/json.h"

#include <string.h>

#include "base/utf8.h"
#include "doc/tree_build.h"

typedef struct {
    ion_arena_t *arena;
    ion_doc_error_t *err;
    const char *p;
    const char *end;
    unsigned line;
    unsigned column; /* of p, 1-based */
    unsigned depth;
    unsigned max_depth;
    bool is_hujson;
    unsigned open_line; /* where a comment begins that does not end; 0 = none */
    unsigned open_column;
} reader_t;

static ion_err_t read_value(reader_t *r, ion_doc_node_t *node);

static ion_err_t
refuse(reader_t *r, const char *what)
{
    ion_doc_error_set(r->err, r->line, r->column, "%s", what);
    return ION_MALF;
}

/* Complains about what stands at p instead of what should. */
static ion_err_t
unexpected(reader_t *r, const char *wanted)
{
    if (r->p == r->end && r->open_line != 0) {
        ion_doc_error_set(r->err, r->open_line, r->open_column,
            "this comment does not end, \"*/\" is missing");
        return ION_MALF;
    }
    if (r->p == r->end) {
        ion_doc_error_set(r->err, r->line, r->column,
            "the text ends where %s should be", wanted);
        return ION_MALF;
    }

    uint32_t cp;
    size_t n = ion_utf8_decode(r->p, (size_t)(r->end - r->p), &cp);
    if (n == 0) {
        return refuse(r, "invalid UTF-8");
    }
    if (cp < 0x20 || cp == 0x7f || cp == 0xfeff) {
        ion_doc_error_set(r->err, r->line, r->column,
            "unexpected character U+%04X where %s should be", (unsigned)cp,
            wanted);
        return ION_MALF;
    }
    ion_doc_error_set(r->err, r->line, r->column,
        "unexpected \"%.*s\" where %s should be", (int)n, r->p, wanted);
    return ION_MALF;
}

static bool
looking_at(const reader_t *r, char c)
{
    return r->p < r->end && *r->p == c;
}

static bool
take(reader_t *r, char c)
{
    if (!looking_at(r, c)) {
        return false;
    }
    r->p++;
    r->column++;
    return true;
}

/* One character of a comment; false at the end and at what is no UTF-8. */
static bool
skip_character(reader_t *r)
{
    uint32_t cp;
    size_t n = ion_utf8_decode(r->p, (size_t)(r->end - r->p), &cp);
    if (n == 0) {
        return false;
    }
    r->p += n;
    r->column++;
    if (cp == '\n') {
        r->line++;
        r->column = 1;
    }
    return true;
}

/*
 * Moves over the comment at p, if there is one that may be there. One that
 * cannot be read to its end leaves p there, where nothing else fits.
 */
static bool
skip_comment(reader_t *r)
{
    ion_str_t rest = { r->p, (size_t)(r->end - r->p) };
    if (r->is_hujson && ion_str_has_prefix(rest, ION_STR("//"))) {
        while (!looking_at(r, '\n') && skip_character(r)) {
        }
        return true;
    }
    if (!r->is_hujson || !ion_str_has_prefix(rest, ION_STR("/*"))) {
        return false;
    }

    r->open_line = r->line;
    r->open_column = r->column;
    r->p += 2;
    r->column += 2;
    while (!looking_at(r, '*') || r->end - r->p < 2 || r->p[1] != '/') {
        if (!skip_character(r)) {
            return false;
        }
    }
    r->p += 2;
    r->column += 2;
    r->open_line = 0;
    return true;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* White space, and comments where they may be. */
static void
skip_blanks(reader_t *r)
{
    do {
        while (r->p < r->end && is_blank(*r->p)) {
            (void)skip_character(r);
        }
    } while (skip_comment(r));
}

static bool
read_hex4(reader_t *r, uint32_t *out)
{
    uint32_t v = 0;
    if (r->end - r->p < 4) {
        return false;
    }
    for (size_t i = 0; i < 4; i++) {
        char c = r->p[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : UINT32_MAX;
        if (digit == UINT32_MAX) {
            return false;
        }
        v = v << 4 | digit;
    }
    r->p += 4;
    r->column += 4;
    *out = v;
    return true;
}

/* Behind "\u": one character, maybe as a pair of surrogates. */
static ion_err_t
read_unicode_escape(reader_t *r, char **out)
{
    uint32_t cp;
    uint32_t low;
    if (!read_hex4(r, &cp)) {
        return refuse(r, "\\u needs four hexadecimal digits");
    }
    if (cp == 0) {
        return refuse(r, "a NUL character in a string is not allowed");
    }
    if (cp >= 0xd800 && cp <= 0xdbff) {
        if (!take(r, '\\') || !take(r, 'u') || !read_hex4(r, &low) ||
            low < 0xdc00 || low > 0xdfff)
        {
            return refuse(r, "half of a surrogate pair in a string");
        }
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    }

    size_t n = ion_utf8_encode(*out, cp);
    if (n == 0) {
        return refuse(r, "half of a surrogate pair in a string");
    }
    *out += n;
    return ION_OK;
}

static ion_err_t
read_escape(reader_t *r, char **out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (take(r, 'u')) {
        return read_unicode_escape(r, out);
    }
    const char *at =
        r->p < r->end && *r->p != '\0' ? strchr(from, *r->p) : NULL;
    if (at == NULL) {
        return refuse(r, "no such escape after \"\\\" in a string");
    }
    *(*out)++ = to[at - from];
    r->p++;
    r->column++;
    return ION_OK;
}

/* Characters up to the closing quote; `out` has room for all of them. */
static ion_err_t
read_characters(reader_t *r, char **out)
{
    while (r->p < r->end && *r->p != '"') {
        uint32_t cp;
        size_t n = ion_utf8_decode(r->p, (size_t)(r->end - r->p), &cp);
        if (n == 0) {
            return refuse(r, "invalid UTF-8 in a string");
        }
        if (cp < 0x20) {
            return refuse(r, "a control character in a string must be escaped");
        }
        memmove(*out, r->p, n);
        r->p += n;
        r->column++;
        if (cp != '\\') {
            *out += n;
            continue;
        }
        ion_err_t rc = read_escape(r, out);
        if (rc != ION_OK) {
            return rc;
        }
    }
    return ION_OK;
}

/* The closing quote, or the end: a bound on the decoded length. */
static size_t
raw_length(const reader_t *r)
{
    const char *p = r->p;
    while (p < r->end && *p != '"') {
        p += *p == '\\' && r->end - p > 1 ? 2 : 1;
    }
    return (size_t)(p - r->p);
}

static ion_err_t
read_string(reader_t *r, ion_str_t *text)
{
    unsigned line = r->line;
    unsigned column = r->column;
    if (!take(r, '"')) {
        return unexpected(r, "a string in quotes");
    }
    char *start = ion_arena_alloc(r->arena, raw_length(r) + 1);
    if (start == NULL) {
        return ion_doc_too_large(r->err, line, column);
    }

    char *out = start;
    ion_err_t rc = read_characters(r, &out);
    if (rc != ION_OK) {
        return rc;
    }
    if (!take(r, '"')) {
        ion_doc_error_set(
            r->err, line, column, "this string has no closing quote");
        return ION_MALF;
    }
    *out = '\0';
    *text = (ion_str_t){ start, (size_t)(out - start) };
    return ION_OK;
}

static bool
take_digits(reader_t *r)
{
    const char *start = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9') {
        r->p++;
        r->column++;
    }
    return r->p > start;
}

static ion_err_t
read_number(reader_t *r, ion_doc_node_t *node)
{
    const char *start = r->p;
    node->kind = ION_DOC_INT;
    (void)take(r, '-');
    if (take(r, '0')) {
        if (r->p < r->end && *r->p >= '0' && *r->p <= '9') {
            return refuse(r, "a number must not begin with 0");
        }
    } else if (!take_digits(r)) {
        return unexpected(r, "a digit");
    }

    if (take(r, '.')) {
        node->kind = ION_DOC_FLOAT;
        if (!take_digits(r)) {
            return unexpected(r, "a digit");
        }
    }
    if (take(r, 'e') || take(r, 'E')) {
        node->kind = ION_DOC_FLOAT;
        if (!take(r, '-')) {
            (void)take(r, '+');
        }
        if (!take_digits(r)) {
            return unexpected(r, "a digit");
        }
    }

    ion_str_t raw = { start, (size_t)(r->p - start) };
    node->text = (ion_str_t){ ion_arena_strdup(r->arena, raw), raw.len };
    return node->text.p == NULL
               ? ion_doc_too_large(r->err, node->line, node->column)
               : ION_OK;
}

static ion_err_t
read_word(reader_t *r, ion_doc_node_t *node)
{
    static const struct {
        ion_str_t word;
        ion_doc_kind_t kind;
    } words[] = {
        { { "null", 4 }, ION_DOC_NULL },
        { { "true", 4 }, ION_DOC_BOOL },
        { { "false", 5 }, ION_DOC_BOOL },
    };

    ion_str_t rest = { r->p, (size_t)(r->end - r->p) };
    for (size_t i = 0; i < ION_ARRAY_LEN(words); i++) {
        if (ion_str_has_prefix(rest, words[i].word)) {
            node->kind = words[i].kind;
            node->text = words[i].word;
            r->p += words[i].word.len;
            r->column += (unsigned)words[i].word.len;
            return ION_OK;
        }
    }
    return unexpected(r, "a value");
}

static ion_err_t
read_member(reader_t *r, ion_doc_node_t *child)
{
    child->key_line = r->line;
    child->key_column = r->column;
    ion_err_t rc = read_string(r, &child->key);
    if (rc != ION_OK) {
        return rc;
    }
    skip_blanks(r);
    if (!take(r, ':')) {
        return unexpected(r, "\":\"");
    }
    skip_blanks(r);
    return ION_OK;
}

/* One child and the blanks around it. */
static ion_err_t
read_child(reader_t *r, ion_doc_node_t *parent)
{
    ion_err_t rc = ION_OK;
    ion_doc_node_t *child = ion_arena_alloc(r->arena, sizeof(*child));
    if (child == NULL) {
        return ion_doc_too_large(r->err, r->line, r->column);
    }
    skip_blanks(r);
    if (parent->kind == ION_DOC_MAP) {
        rc = read_member(r, child);
    }
    if (rc == ION_OK) {
        rc = read_value(r, child);
    }
    if (rc == ION_OK) {
        ion_doc_append(parent, child);
        skip_blanks(r);
    }
    return rc;
}

/* Behind a comma: HuJSON lets the list or map end all the same. */
static bool
ends_here(reader_t *r, char close)
{
    if (!r->is_hujson) {
        return false;
    }
    skip_blanks(r);
    return looking_at(r, close);
}

static ion_err_t
read_container(reader_t *r, ion_doc_node_t *node, char close)
{
    if (r->depth == r->max_depth) {
        ion_doc_error_set(r->err, r->line, r->column,
            "nested deeper than %u levels", r->max_depth);
        return ION_LIMIT;
    }
    r->depth++;
    r->p++;
    r->column++;
    skip_blanks(r);

    bool more = !looking_at(r, close);
    while (more) {
        ion_err_t rc = read_child(r, node);
        if (rc != ION_OK) {
            return rc;
        }
        more = take(r, ',') && !ends_here(r, close);
    }
    if (!take(r, close)) {
        return unexpected(
            r, close == '}' ? "\",\" or \"}\"" : "\",\" or \"]\"");
    }
    r->depth--;
    return close == '}' ? ion_doc_no_duplicates(node, r->err) : ION_OK;
}

static ion_err_t
read_value(reader_t *r, ion_doc_node_t *node)
{
    node->line = r->line;
    node->column = r->column;
    switch (r->p < r->end ? *r->p : '\0') {
    case '{':
        node->kind = ION_DOC_MAP;
        return read_container(r, node, '}');
    case '[':
        node->kind = ION_DOC_LIST;
        return read_container(r, node, ']');
    case '"':
        node->kind = ION_DOC_STRING;
        node->quoted = true;
        return read_string(r, &node->text);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return read_number(r, node);
    default:
        return read_word(r, node);
    }
}

static ion_err_t
read_document(reader_t *r, ion_doc_node_t **root)
{
    ion_doc_node_t *node = ion_arena_alloc(r->arena, sizeof(*node));
    if (node == NULL) {
        return ion_doc_too_large(r->err, 1, 1);
    }
    skip_blanks(r);
    ion_err_t rc = read_value(r, node);
    if (rc != ION_OK) {
        return rc;
    }
    skip_blanks(r);
    if (r->p != r->end || r->open_line != 0) {
        return unexpected(r, "the end");
    }
    *root = node;
    return ION_OK;
}

static ion_err_t
parse(reader_t *r, ion_str_t text, const ion_json_limits_t *limits,
    ion_doc_node_t **root)
{
    ion_doc_error_t *err = r->err;
    unsigned max_depth = limits == NULL ? 0 : limits->max_depth;
    size_t max_bytes = limits == NULL ? 0 : limits->max_bytes;
    if (err != NULL) {
        *err = (ion_doc_error_t){ .name = NULL };
    }
    if (max_depth == 0 || max_depth > ION_DOC_DEPTH_MAX) {
        max_depth = ION_DOC_DEPTH_MAX;
    }
    if (max_bytes != 0 && text.len > max_bytes) {
        ion_doc_error_set(
            err, 0, 0, "the document is larger than %zu bytes", max_bytes);
        return ION_LIMIT;
    }

    const char *start = text.p == NULL ? "" : text.p;
    r->p = start;
    r->end = start + text.len;
    r->line = 1;
    r->column = 1;
    r->max_depth = max_depth;
    return read_document(r, root);
}

ion_err_t
ion_json_parse(ion_arena_t *arena, ion_str_t text,
    const ion_json_limits_t *limits, ion_doc_node_t **root,
    ion_doc_error_t *err)
{
    reader_t r = { .arena = arena, .err = err };
    return parse(&r, text, limits, root);
}

ion_err_t
ion_hujson_parse(ion_arena_t *arena, ion_str_t text,
    const ion_json_limits_t *limits, ion_doc_node_t **root,
    ion_doc_error_t *err)
{
    reader_t r = { .arena = arena, .err = err, .is_hujson = true };
    return parse(&r, text, limits, root);
}
