/*
 * fuzz_derpmap_json.c -- DERP maps that others wrote, in JSON with comments.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: those of lib/derpmap_check.h.
 */
#include <stdint.h>

#include "lib/derpmap_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ion_str_t text = { (const char *)data, size };
    derpmap_check(text, ION_DOC_HUJSON);
    return 0;
}
