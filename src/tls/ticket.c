/*
 * tls/ticket.c -- the blob of ticket keys: make, rotate, parse.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "tls/ticket.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/rng.h"

ION_STATIC_ASSERT(sizeof(((ion_ticket_keys_t *)0)->keys) ==
                      ION_TICKET_KEYS * ION_TICKET_KEY_LEN,
    "a key in memory is its three parts and nothing else");

static const uint8_t blob_magic[4] = { 'I', 'T', 'K', '1' };

ion_err_t
ion_ticket_parse(const uint8_t *blob, size_t len, ion_ticket_keys_t *out)
{
    if (len < ION_TICKET_HEAD_LEN ||
        memcmp(blob, blob_magic, sizeof(blob_magic)) != 0)
    {
        return ION_MALF;
    }
    size_t count = blob[4];
    if (count < 1 || count > ION_TICKET_KEYS || blob[5] != 0 || blob[6] != 0 ||
        blob[7] != 0 || len != ION_TICKET_HEAD_LEN + count * ION_TICKET_KEY_LEN)
    {
        return ION_MALF;
    }
    memset(out, 0, sizeof(*out));
    out->count = count;
    memcpy(out->keys, blob + ION_TICKET_HEAD_LEN, count * ION_TICKET_KEY_LEN);
    return ION_OK;
}

ion_err_t
ion_ticket_rotate(const uint8_t *old, size_t old_len,
    uint8_t out[ION_TICKET_BLOB_MAX], size_t *len)
{
    ion_ticket_keys_t keys = { 0 };
    if (old_len > 0 && ion_ticket_parse(old, old_len, &keys) != ION_OK) {
        return ION_MALF;
    }
    size_t kept = ION_MIN(keys.count, (size_t)ION_TICKET_KEYS - 1);
    memset(out, 0, ION_TICKET_HEAD_LEN);
    memcpy(out, blob_magic, sizeof(blob_magic));
    out[4] = (uint8_t)(kept + 1);
    ion_random(out + ION_TICKET_HEAD_LEN, ION_TICKET_KEY_LEN);
    memcpy(out + ION_TICKET_HEAD_LEN + ION_TICKET_KEY_LEN, keys.keys,
        kept * ION_TICKET_KEY_LEN);
    *len = ION_TICKET_HEAD_LEN + (kept + 1) * ION_TICKET_KEY_LEN;
    ion_ticket_wipe(&keys);
    return ION_OK;
}

void
ion_ticket_wipe(ion_ticket_keys_t *keys)
{
    OPENSSL_cleanse(keys, sizeof(*keys));
}
