/*
 * doc_dump.c -- a document tree as one line, for tests to compare.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "lib/doc_dump.h"

static void
put_place(ion_sb_t *sb, bool places, unsigned line, unsigned column)
{
    if (places) {
        ion_sb_addf(sb, "@%u.%u", line, column);
    }
}

static void
put_children(const ion_doc_node_t *node, bool places, ion_sb_t *sb)
{
    size_t n = 0;
    ION_DOC_FOREACH(it, node)
    {
        if (n++ > 0) {
            ion_sb_addc(sb, ',');
        }
        if (node->kind == ION_DOC_MAP) {
            ion_sb_adds(sb, it->key);
            put_place(sb, places, it->key_line, it->key_column);
            ion_sb_addc(sb, ':');
        }
        doc_dump(it, places, sb);
    }
    if (n != node->count) {
        ion_sb_addz(sb, "(count is wrong)");
    }
}

void
doc_dump(const ion_doc_node_t *node, bool places, ion_sb_t *sb)
{
    switch (node->kind) {
    case ION_DOC_MAP:
        ion_sb_addc(sb, '{');
        put_children(node, places, sb);
        ion_sb_addc(sb, '}');
        break;
    case ION_DOC_LIST:
        ion_sb_addc(sb, '[');
        put_children(node, places, sb);
        ion_sb_addc(sb, ']');
        break;
    case ION_DOC_NULL:
    case ION_DOC_BOOL:
    case ION_DOC_INT:
    case ION_DOC_FLOAT:
    case ION_DOC_STRING:
        ion_sb_addc(sb, node->quoted ? 'q' : "nbifs"[node->kind]);
        ion_sb_addc(sb, '<');
        ion_sb_adds(sb, node->text);
        ion_sb_addc(sb, '>');
        break;
    }
    put_place(sb, places, node->line, node->column);
}
