/*
 * fuzz_verify_reply.c -- what a verify URL answers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: bytes behind the bound change nothing; what was read is read
 * again with anything behind it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "proto/verify_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ion_str_t text = { (const char *)data, size };
    ion_str_t cut = { text.p, ION_MIN(size, (size_t)VERIFY_REPLY_MAX) };
    bool allow = false;
    bool again = false;
    ion_err_t rc = verify_reply_parse(text, &allow);
    char *longer;

    ION_ASSERT(rc == ION_OK || (rc == ION_MALF && !allow));
    ION_ASSERT(verify_reply_parse(cut, &again) == rc && again == allow);
    longer = malloc(size + 1);
    if (longer != NULL && rc == ION_OK && size > 0) {
        memcpy(longer, data, size);
        longer[size] = '}';
        ION_ASSERT(
            verify_reply_parse((ion_str_t){ longer, size + 1 }, &again) == rc &&
            again == allow);
    }
    free(longer);
    return 0;
}
