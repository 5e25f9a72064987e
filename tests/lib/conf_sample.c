/*
 * conf_sample.c -- does conf/ionscale.yaml show a directive as it is?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "lib/conf_sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"
#include "doc/yaml.h"
#include "os/file.h"

#define SAMPLE     "conf/ionscale.yaml"
#define SAMPLE_MAX (256u * 1024u)

struct conf_sample {
    ion_arena_t *arena;
    ion_doc_node_t *root;
    char *text;
};

/* Take the '#' away that stands right before a key. */
static char *
take_into_use(const char *bytes)
{
    ion_sb_t sb;
    const char *at = bytes;

    ion_sb_init(&sb, SAMPLE_MAX);
    while (*at != '\0') {
        size_t blanks = strspn(at, " ");
        size_t len = strcspn(at, "\n");
        bool is_key =
            at[blanks] == '#' && at[blanks + 1] >= 'a' && at[blanks + 1] <= 'z';

        ion_sb_add(&sb, at, blanks);
        at += blanks + (is_key ? 1 : 0);
        len -= blanks + (is_key ? 1 : 0);
        ion_sb_add(&sb, at, len);
        ion_sb_addc(&sb, '\n');
        at += len + (at[len] == '\n' ? 1 : 0);
    }
    return ion_sb_take(&sb, NULL);
}

conf_sample_t *
conf_sample_open(void)
{
    conf_sample_t *s = calloc(1, sizeof(*s));
    ion_doc_error_t err;
    char *bytes = NULL;
    size_t n = 0;

    ION_ASSERT(s != NULL);
    ION_ASSERT(ion_file_read(SAMPLE, SAMPLE_MAX, &bytes, &n, NULL) == ION_OK);
    s->text = take_into_use(bytes);
    free(bytes);
    ION_ASSERT(s->text != NULL);
    ION_ASSERT(ion_arena_new(16u << 20, &s->arena) == ION_OK);
    if (ion_yaml_parse(
            s->arena, SAMPLE, ion_str_from(s->text), &s->root, &err) != ION_OK)
    {
        (void)fprintf(
            stderr, "%s:%u:%u: %s\n", SAMPLE, err.line, err.column, err.msg);
        ION_UNREACHABLE();
    }
    return s;
}

void
conf_sample_close(conf_sample_t **sp)
{
    ion_arena_free(&(*sp)->arena);
    free((*sp)->text);
    free(*sp);
    *sp = NULL;
}

const char *
conf_sample_text(const conf_sample_t *s)
{
    return s->text;
}

static const ion_doc_node_t *
find(const conf_sample_t *s, const char *name)
{
    const ion_doc_node_t *node = s->root;

    while (node != NULL && *name != '\0') {
        char part[64];
        size_t n = strcspn(name, ".");

        ION_ASSERT(n < sizeof(part));
        memcpy(part, name, n);
        part[n] = '\0';
        node = ion_doc_get(node, part);
        name += n + (name[n] == '.' ? 1 : 0);
    }
    return node;
}

const char *
conf_sample_check(const conf_sample_t *s, const ion_directive_t *d)
{
    const ion_doc_node_t *node = find(s, d->name);

    if (d->doc == NULL || strlen(d->doc) < 10) {
        return "has no doc text";
    }
    if (node == NULL) {
        return "is not in conf/ionscale.yaml";
    }
    if (node->kind == ION_DOC_LIST || node->kind == ION_DOC_MAP) {
        return node->count == 0 && d->def == NULL
                   ? NULL
                   : "has another default in conf/ionscale.yaml";
    }
    return ion_str_eq(node->text, ion_str_from(d->def == NULL ? "" : d->def))
               ? NULL
               : "has another default in conf/ionscale.yaml";
}
