/*
 * derpmap_check.h -- what must hold for every document, for fuzzers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_TESTS_DERPMAP_CHECK_H
#define ION_TESTS_DERPMAP_CHECK_H

#include "base/str.h"
#include "doc/syntax.h"

/*
 * derpmap_check -- read the document and panic when something is wrong.
 *
 * Shape:  findings have a text, and a place inside the document; a map that
 *         was taken keeps the bounds of the model, and comes out of each
 *         writer as a document that reads as the same map. With a line "---"
 *         in it, the text is two documents, and their difference is empty
 *         exactly when their canonical forms are the same.
 * Errors: none.
 */
void derpmap_check(ion_str_t text, ion_doc_syntax_t syntax);

#endif
