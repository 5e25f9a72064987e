/*
 * key_text.c -- keys as text: nodekey:, privkey:, mesh keys, the key file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "proto/key_text.h"

#include <string.h>

#include "base/hex.h"
#include "proto/json_pull.h"

#define NODE_PREFIX   ION_STR("nodekey:")
#define SECRET_PREFIX ION_STR("privkey:")

static const char key_file_head[] = "{\n\t\"PrivateKey\": \"";
static const char key_file_tail[] = "\"\n}";

ION_STATIC_ASSERT(
    sizeof(key_file_head) + ION_NODE_SECRET_TEXT + sizeof(key_file_tail) <
        ION_KEY_FILE_TEXT,
    "the key file fits its buffer");

/* 32 bytes, written only when all of text is right */
static ion_err_t
parse_hex(ion_str_t text, ion_str_t prefix, uint8_t out[ION_KEY_LEN])
{
    uint8_t b[ION_KEY_LEN];
    ion_err_t rc;

    if (!ion_str_has_prefix(text, prefix)) {
        return ION_MALF;
    }
    text.p += prefix.len;
    text.len -= prefix.len;
    rc = ion_hex_decode(b, sizeof(b), text);
    if (rc == ION_OK) {
        memcpy(out, b, sizeof(b));
    }
    explicit_bzero(b, sizeof(b));
    return rc;
}

ion_err_t
ion_node_key_parse(ion_str_t text, ion_key_t *out)
{
    return parse_hex(text, NODE_PREFIX, out->b);
}

const char *
ion_node_key_format(const ion_key_t *key, char out[ION_NODE_KEY_TEXT])
{
    memcpy(out, NODE_PREFIX.p, NODE_PREFIX.len);
    (void)ion_hex_key_format(key, out + NODE_PREFIX.len);
    return out;
}

ion_err_t
ion_hex_key_parse(ion_str_t text, ion_key_t *out)
{
    return parse_hex(text, ION_STR(""), out->b);
}

const char *
ion_hex_key_format(const ion_key_t *key, char out[ION_HEX_KEY_TEXT])
{
    ion_hex_encode(out, key->b, sizeof(key->b));
    out[2 * sizeof(key->b)] = '\0';
    return out;
}

ion_err_t
ion_node_secret_parse(ion_str_t text, ion_secret_key_t *out)
{
    return parse_hex(text, SECRET_PREFIX, out->b);
}

ion_err_t
ion_mesh_key_parse(ion_str_t text, uint8_t out[32], bool *is_set)
{
    static const uint8_t zero[ION_KEY_LEN];
    ion_err_t rc = parse_hex(text, ION_STR(""), out);

    if (rc == ION_OK) {
        *is_set = !ion_memeq(out, zero, sizeof(zero));
    }
    return rc;
}

ion_err_t
ion_mesh_key_parse_file(ion_str_t text, uint8_t out[32], bool *is_set)
{
    return ion_mesh_key_parse(ion_str_trim(text), out, is_set);
}

ion_err_t
ion_key_file_parse(ion_str_t json, ion_secret_key_t *out)
{
    json_pull_t jp;
    ion_secret_key_t found = { { 0 } };
    char key[16];
    char value[ION_NODE_SECRET_TEXT];
    ion_str_t text = { value, 0 };
    size_t len;
    ion_err_t rc;

    if (json.len > ION_KEY_FILE_MAX) {
        return ION_MALF;
    }
    json_pull_init(&jp, json);
    json_pull_enter(&jp);
    while (json_pull_key(&jp, key, sizeof(key), &len)) {
        ion_str_t name = { key, len > sizeof(key) ? 0 : len };

        if (!ion_str_ieq(name, ION_STR("PrivateKey"))) {
            json_pull_skip(&jp);
            continue;
        }
        json_pull_string(&jp, value, sizeof(value), &text.len);
        if (text.len > sizeof(value) ||
            ion_node_secret_parse(text, &found) != ION_OK) {
            jp.bad = true;
        }
    }
    rc = json_pull_end(&jp);
    if (rc == ION_OK && ion_secret_key_is_zero(&found)) {
        rc = ION_MALF;
    }
    if (rc == ION_OK) {
        *out = found;
    }
    explicit_bzero(value, sizeof(value));
    ion_secret_key_wipe(&found);
    return rc;
}

size_t
ion_key_file_format(const ion_secret_key_t *secret, char out[ION_KEY_FILE_TEXT])
{
    char *p = out;

    memcpy(p, key_file_head, sizeof(key_file_head) - 1);
    p += sizeof(key_file_head) - 1;
    memcpy(p, SECRET_PREFIX.p, SECRET_PREFIX.len);
    p += SECRET_PREFIX.len;
    ion_hex_encode(p, secret->b, sizeof(secret->b));
    p += 2 * sizeof(secret->b);
    memcpy(p, key_file_tail, sizeof(key_file_tail) - 1);
    p += sizeof(key_file_tail) - 1;
    return (size_t)(p - out);
}
