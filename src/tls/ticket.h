/*
 * tls/ticket.h -- session ticket keys, shared by all workers.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The master makes the keys and hands them to every worker as one blob, so
 * that a client may resume on another worker. The first key encrypts, all of
 * them decrypt; a rotation puts a new one in front and drops the oldest.
 */
#ifndef ION_TLS_TICKET_H
#define ION_TLS_TICKET_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

#define ION_TICKET_KEYS     3
#define ION_TICKET_KEY_LEN  80 /* name 16, AES-256 32, HMAC-SHA-256 32 */
#define ION_TICKET_HEAD_LEN 8  /* "ITK1", number of keys, three zero bytes */
#define ION_TICKET_BLOB_MAX                                                    \
    (ION_TICKET_HEAD_LEN + ION_TICKET_KEYS * ION_TICKET_KEY_LEN)

/* One key set, parsed. */
typedef struct ion_ticket_keys {
    size_t count; /* 1..ION_TICKET_KEYS, newest first */
    struct {
        uint8_t name[16];
        uint8_t aes[32];
        uint8_t hmac[32];
    } keys[ION_TICKET_KEYS];
} ion_ticket_keys_t;

/*
 * ion_ticket_rotate -- a new key in front of those of an older blob.
 *
 * Shape:  old[0..old_len) is the blob in force; old_len 0 starts afresh.
 *         *len bytes of out are used.
 * Errors: ION_MALF old is no such blob (out untouched).
 */
ION_NODISCARD ion_err_t ion_ticket_rotate(const uint8_t *old, size_t old_len,
    uint8_t out[ION_TICKET_BLOB_MAX], size_t *len);

/*
 * ion_ticket_parse -- read a blob.
 *
 * Errors: ION_MALF wrong head, count or length (*out untouched).
 */
ION_NODISCARD ion_err_t ion_ticket_parse(
    const uint8_t *blob, size_t len, ion_ticket_keys_t *out);

/* ion_ticket_wipe -- zero a key set in a way the compiler keeps. */
void ion_ticket_wipe(ion_ticket_keys_t *keys);

#endif
