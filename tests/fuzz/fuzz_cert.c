/*
 * fuzz_cert.c -- any file as a certificate chain or as its key.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The first byte says what the rest is: the chain, with the rig's key; the
 * key, with the rig's chain; both in one file. Properties: a refusal names the
 * file; what is taken has a leaf whose facts can be shown, and makes a TLS
 * context.
 */
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "lib/tls_rig.h"
#include "tls/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
make_once(char **cert_pem, char **key_pem)
{
    static char *pem[2];
    static const ion_cert_request_t request = {
        .host = { "relay.invalid", 13 },
        .now = 1790000000,
    };

    if (pem[0] == NULL) {
        ION_ASSERT(ion_cert_make(&request, &pem[0], &pem[1]) == ION_OK);
    }
    *cert_pem = pem[0];
    *key_pem = pem[1];
}

static void
check_facts(const ion_cert_t *cert, bool with_ctx)
{
    static const uint8_t none[ION_CERT_PIN_LEN];
    ion_cert_info_t info;
    ion_tls_ctx_t *ctx;

    ion_cert_info(cert, &info);
    ION_ASSERT(info.chain_len > 0);
    ION_ASSERT(memcmp(info.pin, none, sizeof(none)) != 0);
    ION_ASSERT(memchr(info.subject, '\0', sizeof(info.subject)) != NULL);
    ION_ASSERT(memchr(info.key_kind, '\0', sizeof(info.key_kind)) != NULL);
    (void)ion_cert_covers(cert, ION_STR("relay.invalid"));
    (void)ion_cert_covers(cert, ION_STR("192.0.2.1"));
    if (!with_ctx) {
        return;
    }
    ctx = tls_rig_ctx(cert, NULL, NULL, 0);
    ion_tls_ctx_unref(&ctx);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ion_cert_source_t source = { .cert_name = "a.crt", .key_name = "a.key" };
    ion_errtext_t why = { "" };
    ion_cert_t *cert = NULL;
    char *cert_pem;
    char *key_pem;

    if (size == 0) {
        return 0;
    }
    make_once(&cert_pem, &key_pem);
    source.cert_pem = (ion_str_t){ (const char *)data + 1, size - 1 };
    source.key_pem = source.cert_pem;
    if (data[0] % 3 == 0) {
        source.key_pem = ion_str_from(key_pem);
    } else if (data[0] % 3 == 1) {
        source.cert_pem = ion_str_from(cert_pem);
    }
    if (ion_cert_load(&source, &cert, &why) == ION_OK) {
        check_facts(cert, data[0] >= 128);
    } else {
        ION_ASSERT(cert == NULL && why.msg[0] != '\0');
        ION_ASSERT(strstr(why.msg, "a.crt") != NULL ||
                   strstr(why.msg, "a.key") != NULL);
    }
    ion_cert_free(&cert);
    ERR_clear_error();
    return 0;
}
