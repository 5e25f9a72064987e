/*
 * conf_emit.c -- the configuration as text: effective YAML and JSON, help.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The tables are flat, the text is nested: each level writes its own keys in
 * table order, then its sections.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/num.h"
#include "core/conf_int.h"

#define ENTRIES_MAX 512

/* A served directive and the structure its value lies in. */
typedef struct {
    const ion_directive_t *d;
    const void *base;
} entry_t;

/* One of the two writers is set. */
typedef struct {
    ion_yw_t *yaml;
    ion_jw_t *json;
    size_t count;
    entry_t v[ENTRIES_MAX];
} emitter_t;

static void
add_entries(emitter_t *e, const ion_directive_t *d, const void *base)
{
    for (; d != NULL && d->name != NULL; d++) {
        ION_ASSERT(e->count < ENTRIES_MAX);
        if (d->rule == ION_D_SERVED) {
            e->v[e->count++] = (entry_t){ d, base };
        }
    }
}

static void
put_key(const emitter_t *e, const char *key, size_t n)
{
    char text[CONF_PATH_MAX];

    (void)snprintf(text, sizeof(text), "%.*s", (int)n, key);
    if (e->yaml != NULL) {
        ion_yw_key(e->yaml, text);
    } else {
        ion_jw_key(e->json, text);
    }
}

static void
begin_map(const emitter_t *e)
{
    if (e->yaml != NULL) {
        ion_yw_map_begin(e->yaml);
    } else {
        ion_jw_object_begin(e->json);
    }
}

static void
end_map(const emitter_t *e)
{
    if (e->yaml != NULL) {
        ion_yw_map_end(e->yaml);
    } else {
        ion_jw_object_end(e->json);
    }
}

/* What follows `above` ("derp.", or "") in a name; NULL: not below it. */
static const char *
below(const char *name, const char *above, size_t n)
{
    return strncmp(name, above, n) == 0 ? name + n : NULL;
}

/* Has an entry before number i already led into this section? */
static bool
is_seen(const emitter_t *e, size_t i, size_t prefix_len)
{
    for (size_t k = 0; k < i; k++) {
        if (strncmp(e->v[k].d->name, e->v[i].d->name, prefix_len) == 0) {
            return true;
        }
    }
    return false;
}

/* The keys and sections below the first n bytes of above. */
static void
put_level(const emitter_t *e, const char *above, size_t n)
{
    begin_map(e);
    for (size_t i = 0; i < e->count; i++) {
        const char *rest = below(e->v[i].d->name, above, n);

        if (rest == NULL || strchr(rest, '.') != NULL) {
            continue;
        }
        put_key(e, rest, strlen(rest));
        if (e->yaml != NULL) {
            conf_value_yaml(e->v[i].d, e->v[i].base, e->yaml);
        } else {
            conf_value_json(e->v[i].d, e->v[i].base, e->json);
        }
    }
    for (size_t i = 0; i < e->count; i++) {
        const char *rest = below(e->v[i].d->name, above, n);
        const char *dot = rest == NULL ? NULL : strchr(rest, '.');

        if (dot != NULL && !is_seen(e, i, n + (size_t)(dot - rest) + 1)) {
            put_key(e, rest, (size_t)(dot - rest));
            put_level(e, e->v[i].d->name, n + (size_t)(dot - rest) + 1);
        }
    }
    end_map(e);
}

static void
emit(const ion_conf_t *conf, emitter_t *e)
{
    add_entries(e, ion_settings_directives, conf->settings);
    for (size_t i = 0; i < conf->table_count; i++) {
        add_entries(e, conf->tables[i].directives, conf->modules[i]);
    }
    put_level(e, "", 0);
}

void
ion_conf_effective_text(const ion_conf_t *conf, ion_sb_t *sb)
{
    ion_yw_t yaml;
    emitter_t e = { .yaml = &yaml };

    ion_yw_init(&yaml, sb, ION_YAML_2);
    emit(conf, &e);
}

void
ion_conf_effective_json(const ion_conf_t *conf, ion_sb_t *sb)
{
    ion_jw_t json;
    emitter_t e = { .json = &json };

    ion_jw_init(&json, sb, 0);
    emit(conf, &e);
}

/* Numbers: the value as text, a word where it stands for one. */
static size_t
number_text(const ion_directive_t *d, uint64_t n, char out[ION_NUM_TEXT_MAX])
{
    int len;

    for (const ion_conf_word_t *w = d->words; w != NULL && w->word != NULL; w++)
    {
        if (w->value == n) {
            len = snprintf(out, ION_NUM_TEXT_MAX, "%s", w->word);
            return (size_t)len;
        }
    }
    len = snprintf(out, ION_NUM_TEXT_MAX, "%" PRIu64, n);
    return (size_t)len;
}

typedef struct {
    enum { V_BOOL, V_PLAIN, V_TEXT, V_LIST } form;
    bool flag;
    ion_strings_t list;
    ion_str_t text;
    char buf[ION_ADDR_TEXT_MAX];
} shown_t;

static void
show_number(const ion_directive_t *d, const void *at, shown_t *s)
{
    uint64_t n;
    int64_t ms;
    double f;
    int word;

    s->form = V_PLAIN;
    s->text.p = s->buf;
    if (d->type == ION_T_MSEC) {
        memcpy(&ms, at, sizeof(ms));
        s->form = V_TEXT;
        s->text.len = ion_format_duration(s->buf, ms * 1000000);
    } else if (d->type == ION_T_FLOAT) {
        memcpy(&f, at, sizeof(f));
        s->text.len = ion_format_f64(s->buf, f);
    } else if (d->type == ION_T_ENUM) {
        memcpy(&word, at, sizeof(word));
        s->form = V_TEXT;
        s->text.len = number_text(d, (uint64_t)word, s->buf);
    } else {
        memcpy(&n, at, sizeof(n));
        s->text.len = number_text(d, n, s->buf);
        if (s->buf[0] < '0' || s->buf[0] > '9') {
            s->form = V_TEXT;
        }
    }
}

static void
show(const ion_directive_t *d, const void *base, shown_t *s)
{
    const void *at = (const char *)base + d->offset;
    const char *text;
    ion_listen_t l;

    switch (d->type) {
    case ION_T_BOOL:
        s->form = V_BOOL;
        memcpy(&s->flag, at, sizeof(s->flag));
        break;
    case ION_T_UINT:
    case ION_T_SIZE:
    case ION_T_MSEC:
    case ION_T_FLOAT:
    case ION_T_ENUM:
        show_number(d, at, s);
        break;
    case ION_T_STRING:
    case ION_T_PATH:
        memcpy(&text, at, sizeof(text));
        s->form = V_TEXT;
        s->text = ion_str_from(text);
        break;
    case ION_T_LISTEN:
        memcpy(&l, at, sizeof(l));
        s->form = V_TEXT;
        s->text =
            l.on ? ion_str_from(ion_addr_format(&l.addr, s->buf)) : ION_STR("");
        break;
    case ION_T_LIST:
        s->form = V_LIST;
        memcpy(&s->list, at, sizeof(s->list));
        break;
    case ION_T_MAP:
    default:
        ION_UNREACHABLE();
    }
}

void
conf_value_yaml(const ion_directive_t *d, const void *base, ion_yw_t *w)
{
    shown_t s;

    show(d, base, &s);
    if (s.form == V_BOOL) {
        ion_yw_bool(w, s.flag);
    } else if (s.form == V_PLAIN) {
        ion_yw_raw(w, s.text);
    } else if (s.form == V_TEXT) {
        ion_yw_str(w, s.text);
    } else {
        ion_yw_list_begin(w);
        for (size_t i = 0; i < s.list.n; i++) {
            ion_yw_strz(w, s.list.v[i]);
        }
        ion_yw_list_end(w);
    }
}

void
conf_value_json(const ion_directive_t *d, const void *base, ion_jw_t *w)
{
    shown_t s;

    show(d, base, &s);
    if (s.form == V_BOOL) {
        ion_jw_bool(w, s.flag);
    } else if (s.form == V_PLAIN) {
        ion_jw_raw(w, s.text);
    } else if (s.form == V_TEXT) {
        ion_jw_str(w, s.text);
    } else {
        ion_jw_array_begin(w);
        for (size_t i = 0; i < s.list.n; i++) {
            ion_jw_strz(w, s.list.v[i]);
        }
        ion_jw_array_end(w);
    }
}

static void
help_one(void *arg, const ion_directive_t *d)
{
    static const char *const rules[] = {
        [ION_D_SERVED] = "",
        [ION_D_LATER] = "  Comes with a later version; a warning until then.\n",
        [ION_D_REFUSED] = "  Comes with a later version; refused until then.\n",
        [ION_D_GONE] = "  Has no meaning here; a warning.\n",
    };
    char allowed[128];
    const char *def = d->def == NULL || d->def[0] == '\0' ? NULL : d->def;

    conf_value_allowed(d, allowed, sizeof(allowed));
    ion_sb_addf(arg, "%s: %s%s%s\n  %s\n%s", d->name, allowed,
        def == NULL ? "" : "; default ", def == NULL ? "" : def, d->doc,
        rules[d->rule]);
}

void
ion_conf_help(const ion_conf_table_t *tables, size_t table_count, ion_sb_t *sb)
{
    ion_conf_walk(tables, table_count, help_one, sb);
}
