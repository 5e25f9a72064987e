/*
 * fuzz_key_text.c -- key texts, key files and addresses.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: what parses is written back as the same text but for the case
 * of its digits; parse and format of an address agree.
 */
#include <stdint.h>
#include <string.h>

#include "base/addr.h"
#include "base/assert.h"
#include "proto/key_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_keys(ion_str_t text)
{
    ion_key_t key;
    char node[ION_NODE_KEY_TEXT];
    char hex[ION_HEX_KEY_TEXT];
    uint8_t mesh[32];
    bool is_set;

    if (ion_node_key_parse(text, &key) == ION_OK) {
        ION_ASSERT(
            ion_str_ieq(ion_str_from(ion_node_key_format(&key, node)), text));
    }
    if (ion_hex_key_parse(text, &key) == ION_OK) {
        ION_ASSERT(
            ion_str_ieq(ion_str_from(ion_hex_key_format(&key, hex)), text));
        ION_ASSERT(ion_mesh_key_parse(text, mesh, &is_set) == ION_OK);
        ION_ASSERT(is_set == !ion_key_is_zero(&key));
    }
    if (ion_mesh_key_parse(text, mesh, &is_set) == ION_OK) {
        ION_ASSERT(ion_mesh_key_parse_file(text, mesh, &is_set) == ION_OK);
    }
}

static void
try_key_file(ion_str_t text)
{
    ion_secret_key_t secret;
    ion_secret_key_t again;
    char out[ION_KEY_FILE_TEXT];
    size_t n;

    if (ion_key_file_parse(text, &secret) != ION_OK) {
        return;
    }
    n = ion_key_file_format(&secret, out);
    ION_ASSERT(ion_key_file_parse((ion_str_t){ out, n }, &again) == ION_OK);
    ION_ASSERT(memcmp(&secret, &again, sizeof(secret)) == 0);
}

static void
try_address(ion_str_t text)
{
    ion_addr_t a;
    ion_addr_t b;
    char out[ION_ADDR_TEXT_MAX];

    if (ion_addr_parse(text, &a) != ION_OK) {
        return;
    }
    ION_ASSERT(
        ion_addr_parse(ion_str_from(ion_addr_format(&a, out)), &b) == ION_OK);
    ION_ASSERT(ion_addr_eq(&a, &b));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ion_str_t text = { (const char *)data, size };

    try_keys(text);
    try_key_file(text);
    try_address(text);
    return 0;
}
