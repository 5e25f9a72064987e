/*
 * syntax.h -- in which syntax a text is written.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_DOC_SYNTAX_H
#define ION_DOC_SYNTAX_H

#include "base/base.h"
#include "base/str.h"

typedef enum ion_doc_syntax {
    ION_DOC_HUJSON, /* JSON is a part of it */
    ION_DOC_YAML
} ion_doc_syntax_t;

/*
 * ion_doc_syntax_of -- decide by the name, else by the type, else by the text.
 *
 * Shape:  .json, .hujson, .jsonc and .yaml, .yml at the end of path, in any
 *         case; then a content_type ("application/json; charset=utf-8") whose
 *         media type names json or yaml; then the first character of text
 *         that is no white space and no byte order mark: '{', '[' and '/'
 *         begin HuJSON, everything else YAML. path and content_type may be
 *         empty.
 * Errors: none.
 */
ion_doc_syntax_t ion_doc_syntax_of(
    ion_str_t path, ion_str_t content_type, ion_str_t text);

/*
 * ion_doc_skip_bom -- the text without a byte order mark at its start.
 *
 * Errors: none.
 */
ion_str_t ion_doc_skip_bom(ion_str_t text);

#endif
