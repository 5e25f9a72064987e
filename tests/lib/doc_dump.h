/*
 * doc_dump.h -- a document tree as one line, for tests to compare.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_TESTS_DOC_DUMP_H
#define ION_TESTS_DOC_DUMP_H

#include "base/str.h"
#include "doc/tree.h"

/*
 * doc_dump -- append the tree to sb.
 *
 * Shape:  maps {key:value,...}, lists [value,...], scalars a letter for the
 *         kind (n b i f s, q for a quoted string) and the text in <>. With
 *         places, "@line.column" stands behind each value and key.
 * Errors: sb->failed.
 */
void doc_dump(const ion_doc_node_t *node, bool places, ion_sb_t *sb);

#endif
