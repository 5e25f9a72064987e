/*
 * tls/cert_int.h -- what the files of this folder know about a certificate.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_TLS_CERT_INT_H
#define ION_TLS_CERT_INT_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "tls/cert.h"

struct ion_cert {
    X509 *leaf;
    STACK_OF(X509) * chain; /* intermediates, without the leaf */
    EVP_PKEY *key;
    bool is_self_signed;
    char name[256]; /* of the chain's file, for later errors */
};

/*
 * ion_tls_error -- why the crypto library refused; clears its error queue.
 *
 * Shape:  a static text.
 */
const char *ion_tls_error(void);

/* ion_tls_start -- start the crypto library once, without its config file. */
void ion_tls_start(void);

#endif
