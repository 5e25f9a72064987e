/*
 * conf_value.c -- one value: from the document to its member.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Defaults are text and take the same way, so a default that breaks its own
 * bounds is found by the first load.  Quotes do not matter: `port: "8080"` is
 * what people get who paste variables into quotes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/num.h"
#include "base/utf8.h"
#include "core/conf_int.h"

typedef struct {
    ion_arena_t *arena;
    const ion_directive_t *d;
    const ion_doc_node_t *node; /* NULL: the default */
    ion_str_t text;             /* of a scalar */
    void *dst;
    ion_errtext_t *why;
} value_t;

typedef ion_err_t (*parse_pt)(value_t *v);

/* The complaint that fits most cases. */
static ion_err_t
refuse(const value_t *v)
{
    char allowed[128];

    conf_value_allowed(v->d, allowed, sizeof(allowed));
    ion_errtext_set(v->why, "\"%.*s\" is not allowed, %s is needed",
        (int)ION_MIN(v->text.len, 64), v->text.p, allowed);
    return ION_MALF;
}

static const ion_conf_word_t *
find_word(const ion_directive_t *d, ion_str_t text)
{
    for (const ion_conf_word_t *w = d->words; w != NULL && w->word != NULL; w++)
    {
        if (ion_str_ieq(text, ion_str_from(w->word))) {
            return w;
        }
    }
    return NULL;
}

static bool
in_bounds(const ion_directive_t *d, uint64_t n)
{
    return (n == 0 && d->zero_ok) ||
           (n >= d->min && (d->max == 0 || n <= d->max));
}

static ion_err_t
parse_bool(value_t *v)
{
    bool value;

    if (ion_parse_bool(v->text, &value) != ION_OK) {
        return refuse(v);
    }
    memcpy(v->dst, &value, sizeof(value));
    return ION_OK;
}

static ion_err_t
store_number(value_t *v, uint64_t n)
{
    if (!in_bounds(v->d, n)) {
        return refuse(v);
    }
    memcpy(v->dst, &n, sizeof(n));
    return ION_OK;
}

static ion_err_t
parse_uint(value_t *v)
{
    const ion_conf_word_t *w = find_word(v->d, v->text);
    uint64_t n;

    if (w != NULL) {
        memcpy(v->dst, &w->value, sizeof(w->value));
        return ION_OK;
    }
    if (ion_parse_u64(v->text, UINT64_MAX, &n) != ION_OK) {
        return refuse(v);
    }
    return store_number(v, n);
}

static ion_err_t
parse_size(value_t *v)
{
    uint64_t n;

    if (ion_parse_size(v->text, &n) != ION_OK) {
        return refuse(v);
    }
    return store_number(v, n);
}

static ion_err_t
parse_msec(value_t *v)
{
    int64_t ns;
    int64_t ms;

    if ((!v->d->bare_ns ||
            ion_parse_i64(v->text, INT64_MIN, INT64_MAX, &ns) != ION_OK) &&
        ion_parse_duration(v->text, &ns) != ION_OK)
    {
        return refuse(v);
    }
    if (ns < 0 || ns % 1000000 != 0) {
        return refuse(v);
    }
    ms = ns / 1000000;
    if (!in_bounds(v->d, (uint64_t)ms)) {
        return refuse(v);
    }
    memcpy(v->dst, &ms, sizeof(ms));
    return ION_OK;
}

static ion_err_t
parse_float(value_t *v)
{
    double f;

    if (ion_parse_f64(v->text, &f) != ION_OK || f < (double)v->d->min ||
        (v->d->max != 0 && f > (double)v->d->max))
    {
        return refuse(v);
    }
    memcpy(v->dst, &f, sizeof(f));
    return ION_OK;
}

static ion_err_t
parse_enum(value_t *v)
{
    const ion_conf_word_t *w = find_word(v->d, v->text);
    int value;

    if (w == NULL) {
        return refuse(v);
    }
    value = (int)w->value;
    memcpy(v->dst, &value, sizeof(value));
    return ION_OK;
}

bool
conf_text_is_clean(ion_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f) {
            return false;
        }
    }
    return ion_utf8_check(text) == text.len;
}

static ion_err_t
store_text(value_t *v, ion_str_t text, const char **out)
{
    if (!conf_text_is_clean(text)) {
        ion_errtext_set(
            v->why, "a control character is in it, one line of text is needed");
        return ION_MALF;
    }
    *out = ion_arena_strdup(v->arena, text);
    return *out == NULL ? ION_NOMEM : ION_OK;
}

static ion_err_t
parse_string(value_t *v)
{
    const char *s = NULL;
    ion_err_t rc = store_text(v, v->text, &s);

    if (rc == ION_OK) {
        memcpy(v->dst, &s, sizeof(s));
    }
    return rc;
}

static ion_err_t
parse_path(value_t *v)
{
    const char *s = NULL;
    ion_err_t rc = store_text(v, v->text, &s);

    if (rc == ION_OK && v->text.len > 0) {
        s = conf_absolute(v->arena, getenv("HOME"), v->text);
        if (s == NULL) {
            ion_errtext_set(v->why,
                "\"%.*s\" cannot be made absolute, write it in full",
                (int)ION_MIN(v->text.len, 64), v->text.p);
            return ION_MALF;
        }
    }
    if (rc == ION_OK) {
        memcpy(v->dst, &s, sizeof(s));
    }
    return rc;
}

static ion_err_t
parse_listen(value_t *v)
{
    ion_listen_t l;

    memset(&l, 0, sizeof(l));
    l.on = v->text.len > 0;
    if (l.on && ion_addr_parse(v->text, &l.addr) != ION_OK) {
        return refuse(v);
    }
    memcpy(v->dst, &l, sizeof(l));
    return ION_OK;
}

static ion_err_t
parse_list(value_t *v)
{
    ion_strings_t out = { .n = 0 };
    size_t count = v->node == NULL ? 0 : 1;
    const ion_doc_node_t *it = v->node;
    const char **items;
    ion_err_t rc = ION_OK;

    if (it != NULL && it->kind == ION_DOC_LIST) {
        count = it->count;
        it = it->first;
    } else if (v->text.len == 0) {
        count = 0;
    }
    items = ion_arena_alloc(v->arena, (count + 1) * sizeof(*items));
    if (items == NULL) {
        return ION_NOMEM;
    }
    for (; rc == ION_OK && out.n < count; it = it->next) {
        if (it->kind == ION_DOC_LIST || it->kind == ION_DOC_MAP ||
            it->kind == ION_DOC_NULL)
        {
            ion_errtext_set(v->why, "element %zu is %s, text is needed",
                out.n + 1, ion_doc_kind_name(it->kind));
            return ION_MALF;
        }
        rc = store_text(v, it->text, &items[out.n++]);
    }
    out.v = items;
    if (rc == ION_OK) {
        memcpy(v->dst, &out, sizeof(out));
    }
    return rc;
}

/* By type: how to parse it, and the size of the member it goes to. */
static const struct {
    parse_pt parse;
    size_t size;
    const char *what;
} types[] = {
    [ION_T_BOOL] = { parse_bool, sizeof(bool), "true or false" },
    [ION_T_UINT] = { parse_uint, sizeof(uint64_t), "a number" },
    [ION_T_SIZE] = { parse_size, sizeof(uint64_t), "a size (4096, 64KiB)" },
    [ION_T_MSEC] = { parse_msec, sizeof(int64_t), "a duration (2s, 1m30s)" },
    [ION_T_FLOAT] = { parse_float, sizeof(double), "a number" },
    [ION_T_ENUM] = { parse_enum, sizeof(int), "a word" },
    [ION_T_STRING] = { parse_string, sizeof(const char *), "text" },
    [ION_T_PATH] = { parse_path, sizeof(const char *), "a path" },
    [ION_T_LISTEN] = { parse_listen, sizeof(ion_listen_t),
        "IP:port, [IPv6]:port, localhost:port, :port or \"\"" },
    [ION_T_LIST] = { parse_list, sizeof(ion_strings_t), "a list of texts" },
    [ION_T_MAP] = { NULL, 0, "nested keys" },
};

static void
format_bound(const ion_directive_t *d, uint64_t n, char out[ION_NUM_TEXT_MAX])
{
    if (d->type == ION_T_MSEC) {
        (void)ion_format_duration(out, (int64_t)n * 1000000);
    } else {
        (void)snprintf(out, ION_NUM_TEXT_MAX, "%llu", (unsigned long long)n);
    }
}

static void
append(char *out, size_t cap, const char *text)
{
    size_t used = strlen(out);

    (void)snprintf(out + used, cap - used, "%s", text);
}

void
conf_value_allowed(const ion_directive_t *d, char *out, size_t cap)
{
    char bound[ION_NUM_TEXT_MAX];

    out[0] = '\0';
    for (const ion_conf_word_t *w = d->words; w != NULL && w->word != NULL; w++)
    {
        append(out, cap,
            w == d->words       ? ""
            : w[1].word == NULL ? " or "
                                : ", ");
        append(out, cap, w->word);
    }
    if (d->type == ION_T_ENUM) {
        return;
    }
    append(out, cap, d->words != NULL ? " or " : "");
    append(out, cap, types[d->type].what);
    if (d->min != 0 || d->max != 0) {
        format_bound(d, d->min, bound);
        append(out, cap, d->max == 0 ? " of at least " : " from ");
        append(out, cap, bound);
    }
    if (d->max != 0) {
        format_bound(d, d->max, bound);
        append(out, cap, " to ");
        append(out, cap, bound);
    }
    append(out, cap, d->zero_ok && d->min > 0 ? ", or 0" : "");
}

bool
conf_value_is_off(const ion_doc_node_t *node)
{
    bool value = true;

    switch (node->kind) {
    case ION_DOC_NULL:
        return true;
    case ION_DOC_LIST:
    case ION_DOC_MAP:
        return node->count == 0;
    case ION_DOC_BOOL:
    case ION_DOC_INT:
    case ION_DOC_FLOAT:
    case ION_DOC_STRING:
        break;
    default:
        ION_UNREACHABLE();
    }
    return node->text.len == 0 ||
           (ion_parse_bool(node->text, &value) == ION_OK && !value);
}

ion_err_t
conf_value_parse(ion_arena_t *arena, const ion_directive_t *d,
    const ion_doc_node_t *node, void *base, ion_errtext_t *why)
{
    value_t v = {
        .arena = arena,
        .d = d,
        .node = node,
        .text = node != NULL ? node->text : ion_str_from(d->def),
        .dst = (char *)base + d->offset,
        .why = why,
    };

    ION_ASSERT(types[d->type].parse != NULL);
    ION_ASSERT(types[d->type].size == d->size);
    if (node != NULL && d->type != ION_T_LIST &&
        (node->kind == ION_DOC_LIST || node->kind == ION_DOC_MAP))
    {
        char allowed[128];

        conf_value_allowed(d, allowed, sizeof(allowed));
        ion_errtext_set(why, "%s is not allowed, %s is needed",
            ion_doc_kind_name(node->kind), allowed);
        return ION_MALF;
    }
    if (node != NULL && node->kind == ION_DOC_MAP) {
        ion_errtext_set(why, "nested keys are not allowed, a list is needed");
        return ION_MALF;
    }
    if (v.text.p == NULL) {
        v.text = ION_STR("");
    }
    return types[d->type].parse(&v);
}
