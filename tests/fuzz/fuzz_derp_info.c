/*
 * fuzz_derp_info.c -- the ClientInfo JSON of strangers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: blanks around a text change nothing, a byte behind it refuses
 * it, the name is always terminated.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "proto/derp_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ion_err_t
parse_framed(const uint8_t *data, size_t size, const char *before,
    const char *after, derp_client_info_t *out)
{
    size_t b = strlen(before);
    size_t a = strlen(after);
    char *text = malloc(b + size + a + 1);
    ion_err_t rc;

    ION_ASSERT(text != NULL);
    memcpy(text, before, b);
    memcpy(text + b, data, size);
    memcpy(text + b + size, after, a);
    rc = derp_client_info_parse((ion_str_t){ text, b + size + a }, out);
    free(text);
    return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t zero[32];
    derp_client_info_t info;
    derp_client_info_t padded;
    ion_str_t json = { (const char *)data, size };

    if (size == 0) {
        return 0;
    }
    if (derp_client_info_parse(json, &info) != ION_OK) {
        ION_ASSERT(parse_framed(data, size, " ", "", &padded) == ION_MALF);
        return 0;
    }
    ION_ASSERT(memchr(info.app_name, '\0', sizeof(info.app_name)) != NULL);
    ION_ASSERT(!info.has_mesh_key || memcmp(info.mesh_key, zero, 32) != 0);
    ION_ASSERT(parse_framed(data, size, "\r\n\t ", " \n", &padded) == ION_OK);
    ION_ASSERT(padded.version == info.version);
    ION_ASSERT(padded.is_prober == info.is_prober);
    ION_ASSERT(padded.has_mesh_key == info.has_mesh_key);
    ION_ASSERT(strcmp(padded.app_name, info.app_name) == 0);
    ION_ASSERT(parse_framed(data, size, "", "}", &padded) == ION_MALF);
    ION_ASSERT(parse_framed(data, size, "", "x", &padded) == ION_MALF);
    return 0;
}
