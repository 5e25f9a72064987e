/*
 * tls/metacert.c -- the byte template of the meta-certificate.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The form has a fixed length, so every field has a fixed place. The signed
 * part runs from byte 4 to the start of the signature algorithm.
 */
#include "tls/metacert.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "base/rng.h"

enum {
    AT_ISSUER_NAME = 36,
    AT_NOT_BEFORE = 111,
    AT_NOT_AFTER = 126,
    AT_SUBJECT_NAME = 152,
    AT_PUBLIC_KEY = 235,
    AT_SIGNED_END = 285,
    AT_SIGNATURE = 295,
    SIGNED_FROM = 4,
    DATE_LEN = 13,
    VALID_DAYS = 30,
};

#define DAY_SECONDS   INT64_C(86400)
#define YEAR_2050     INT64_C(2524608000)
#define NAME_PREFIX   "derpkey"
#define NAME_PART_LEN (sizeof(NAME_PREFIX) - 1 + 64)

/* A run of bytes of the template that does not change. */
typedef struct fixed_part {
    size_t at;
    const char *hex;
} fixed_part_t;

static const fixed_part_t fixed_parts[] = {
    { 0, "3082016330820115a003020102020102300506032b65703052"
         "3150304e06035504031347" },
    { 107, "301e170d" },
    { 124, "170d" },
    { 139, "30523150304e06035504031347" },
    { 223, "302a300506032b6570032100" },
    { 267, "a310300e300c0603551d130101ff04023000" },
    { AT_SIGNED_END, "300506032b6570034100" },
};

static ion_err_t
put_date(int64_t when, uint8_t *out)
{
    struct tm tm;
    time_t t = (time_t)when;
    char text[32];
    if (when < 0 || when >= YEAR_2050 || gmtime_r(&t, &tm) == NULL) {
        return ION_RANGE;
    }
    (void)snprintf(text, sizeof(text), "%02d%02d%02d%02d%02d%02dZ",
        tm.tm_year % 100, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
        tm.tm_sec);
    memcpy(out, text, DATE_LEN);
    return ION_OK;
}

static void
put_name(const uint8_t server_key[32], uint8_t *out)
{
    char name[NAME_PART_LEN];
    memcpy(name, NAME_PREFIX, sizeof(NAME_PREFIX) - 1);
    ion_hex_encode(name + sizeof(NAME_PREFIX) - 1, server_key, 32);
    memcpy(out, name, NAME_PART_LEN);
}

static ion_err_t
put_key_and_signature(const uint8_t seed[32], uint8_t *cert)
{
    ion_err_t rc = ION_INTERNAL;
    size_t key_len = 32;
    size_t sig_len = 64;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    if (md != NULL && key != NULL &&
        EVP_PKEY_get_raw_public_key(key, cert + AT_PUBLIC_KEY, &key_len) == 1 &&
        EVP_DigestSignInit(md, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestSign(md, cert + AT_SIGNATURE, &sig_len, cert + SIGNED_FROM,
            AT_SIGNED_END - SIGNED_FROM) == 1)
    {
        rc = ION_OK;
    }
    EVP_PKEY_free(key);
    EVP_MD_CTX_free(md);
    return rc;
}

ion_err_t
ion_metacert_make(const uint8_t server_key[32], const uint8_t seed[32],
    int64_t not_before, int64_t not_after, uint8_t out[ION_METACERT_LEN])
{
    memset(out, 0, ION_METACERT_LEN);
    for (size_t i = 0; i < ION_ARRAY_LEN(fixed_parts); i++) {
        ion_str_t hex = ion_str_from(fixed_parts[i].hex);
        if (ion_hex_decode(out + fixed_parts[i].at, hex.len / 2, hex) != ION_OK)
        {
            return ION_INTERNAL;
        }
    }
    put_name(server_key, out + AT_ISSUER_NAME);
    put_name(server_key, out + AT_SUBJECT_NAME);
    if (put_date(not_before, out + AT_NOT_BEFORE) != ION_OK ||
        put_date(not_after, out + AT_NOT_AFTER) != ION_OK)
    {
        return ION_RANGE;
    }
    return put_key_and_signature(seed, out);
}

ion_err_t
ion_metacert_make_now(
    const uint8_t server_key[32], int64_t now, uint8_t out[ION_METACERT_LEN])
{
    uint8_t seed[32];
    ion_random(seed, sizeof(seed));
    return ion_metacert_make(server_key, seed, now - VALID_DAYS * DAY_SECONDS,
        now + VALID_DAYS * DAY_SECONDS, out);
}
