/*
 * conf_sample.h -- does conf/ionscale.yaml show a directive as it is?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The sample is read with every directive taken into use: the one '#' before
 * a key goes away, explanations stay comments.
 */
#ifndef ION_TESTS_CONF_SAMPLE_H
#define ION_TESTS_CONF_SAMPLE_H

#include <stddef.h>

#include "core/directive.h"

typedef struct conf_sample conf_sample_t;

/* Read the sample of the tree that the test runs in; panics when it cannot. */
conf_sample_t *conf_sample_open(void);
void conf_sample_close(conf_sample_t **s);

/* The text with all directives in use. */
const char *conf_sample_text(const conf_sample_t *s);

/* NULL, or what is wrong with a directive: no doc text, not in the sample,
 * another default there. */
const char *conf_sample_check(const conf_sample_t *s, const ion_directive_t *d);

#endif
