/*
 * yaml_style.h -- how a string has to be written in YAML; for this folder's
 * writer only.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_DOC_YAML_STYLE_H
#define ION_DOC_YAML_STYLE_H

#include "base/base.h"
#include "base/str.h"

typedef enum ion_yaml_style {
    ION_YAML_PLAIN,
    ION_YAML_SINGLE_QUOTED,
    ION_YAML_DOUBLE_QUOTED
} ion_yaml_style_t;

/*
 * ion_yaml_style -- the simplest style that reads back as this string, also
 * with readers of YAML 1.1 (yes, 0o17, 12:30, dates).
 *
 * Errors: none.
 */
ion_yaml_style_t ion_yaml_style(ion_str_t s);

/*
 * ion_yaml_is_printable -- may the character stand in a quoted string as it
 * is?
 *
 * Errors: none.
 */
bool ion_yaml_is_printable(uint32_t cp);

#endif
