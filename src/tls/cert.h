/*
 * tls/cert.h -- certificate chains and keys from PEM, and self-signed ones.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Everything works on bytes in memory; who reads the files names them for
 * the error texts. RSA and ECDSA keys are served. A self-signed certificate
 * is ECDSA P-256 for ten years; its pin is the SHA-256 of the leaf's DER, as
 * DERP maps carry it ("sha256-raw:<hex>").
 */
#ifndef ION_TLS_CERT_H
#define ION_TLS_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

#define ION_CERT_PIN_LEN 32

typedef struct ion_cert ion_cert_t;

/* PEM text and what to call it in error texts; all borrowed. */
typedef struct ion_cert_source {
    ion_str_t cert_pem;    /* leaf first, then intermediates */
    ion_str_t key_pem;     /* unencrypted private key of the leaf */
    const char *cert_name; /* file name of the chain */
    const char *key_name;  /* file name of the key */
} ion_cert_source_t;

/* What others want to know about the leaf. */
typedef struct ion_cert_info {
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;
    bool is_self_signed;
    size_t chain_len; /* certificates, the leaf included */
    uint8_t pin[ION_CERT_PIN_LEN];
    char key_kind[16]; /* "RSA-2048", "ECDSA-256" */
    char subject[128]; /* common name, else first DNS name; may be empty */
} ion_cert_info_t;

/*
 * ion_cert_load -- parse a chain and its key and check that they belong
 * together.
 *
 * Owns:   gives *out.
 * Errors: ION_MALF not PEM, no certificate, other key type, key too weak, key
 *         does not match (the text names the file and what would be right) |
 *         ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_cert_load(
    const ion_cert_source_t *source, ion_cert_t **out, ion_errtext_t *err);

/* ion_cert_free -- free *cert, null it; accepts NULL; wipes the key. */
void ion_cert_free(ion_cert_t **cert);

/* ion_cert_info -- facts about the leaf. Errors: none. */
void ion_cert_info(const ion_cert_t *cert, ion_cert_info_t *out);

/*
 * ion_cert_covers -- is the leaf valid for this host?
 *
 * Shape:  host is a DNS name or an IP literal without brackets.
 */
bool ion_cert_covers(const ion_cert_t *cert, ion_str_t host);

/* What a self-signed certificate is made for; all borrowed. */
typedef struct ion_cert_request {
    ion_str_t host;          /* DNS name or IP literal; the common name */
    const ion_addr_t *addrs; /* further addresses; ports are ignored */
    size_t addr_count;
    int64_t now; /* seconds since 1970; valid from a day before */
} ion_cert_request_t;

/*
 * ion_cert_make -- make a self-signed certificate and its key as PEM.
 *
 * Owns:   gives *cert_pem and *key_pem (NUL-terminated; free(), the key after
 *         ion_cert_wipe).
 * Errors: ION_MALF host empty or longer than 253 bytes | ION_NOMEM |
 *         ION_INTERNAL the crypto library refused.
 */
ION_NODISCARD ion_err_t ion_cert_make(
    const ion_cert_request_t *request, char **cert_pem, char **key_pem);

/* ion_cert_wipe -- zero and free a key text that ion_cert_make gave. */
void ion_cert_wipe(char **key_pem);

#endif
