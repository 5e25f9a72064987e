/*
 * bundle_mesh.c -- what workers need for links to other relays.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A worker cannot open the machine's list of certificate authorities, so the
 * master hands it over. It is asked for only when a relay of derp.mesh_with
 * comes without a pin.
 */
#include "main/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "core/settings.h"
#include "os/file.h"
#include "proto/mesh_target.h"
#include "tls/tls_client.h"

#define AUTHORITIES_MAX (4u * 1024u * 1024u)

/* Where distributions keep the list; the first that is there counts. */
static const char *const places[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

static bool
needs_authorities(const ion_strings_t *mesh_with)
{
    ion_mesh_target_t target;
    for (size_t i = 0; i < mesh_with->n; i++) {
        if (ion_mesh_target_parse(
                ion_str_from(mesh_with->v[i]), &target, NULL) == ION_OK &&
            !target.has_pin)
        {
            return true;
        }
    }
    return false;
}

static ion_err_t
read_list(char **pem, size_t *n, const char **path, ion_errtext_t *why)
{
    ion_err_t rc = ION_NOTFOUND;
    *path = getenv("SSL_CERT_FILE");
    if (*path != NULL && (*path)[0] != '\0') {
        return ion_file_read(*path, AUTHORITIES_MAX, pem, n, why);
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(places) && rc == ION_NOTFOUND; i++) {
        *path = places[i];
        rc = ion_file_read(places[i], AUTHORITIES_MAX, pem, n, why);
    }
    return rc;
}

static ion_err_t
refuse(const bundle_t *b, const char *path, const char *why, ion_sb_t *lines)
{
    char where[BUNDLE_WHERE];
    ion_sb_addf(lines,
        "%sderp.mesh_with: the certificate authorities cannot be read from "
        "%s: %s. Install ca-certificates, name a PEM file in SSL_CERT_FILE, or "
        "pin every relay (host#sha256-raw:...)\n",
        bundle_where(b, "derp.mesh_with", where), path, why);
    return ION_DENIED;
}

ion_err_t
bundle_mesh(bundle_t *b, ion_sb_t *lines)
{
    char *pem = NULL;
    size_t n = 0;
    const char *path = "";
    ion_errtext_t why = { "" };
    ion_tls_ctx_t *ctx = NULL;
    if (!needs_authorities(&b->settings->derp_mesh_with)) {
        return ION_OK;
    }
    ion_err_t rc = read_list(&pem, &n, &path, &why);
    if (rc != ION_OK) {
        return rc == ION_NOMEM ? rc : refuse(b, path, why.msg, lines);
    }
    rc = ion_tls_client_new_ca(pem, n, &ctx);
    ion_tls_ctx_unref(&ctx);
    if (rc == ION_MALF) {
        rc = refuse(b, path, "not a list of certificates in PEM", lines);
    } else if (rc == ION_OK) {
        rc = bundle_blob(
            b, "mesh.ca", ION_ROLE_WORKER, false, (ion_str_t){ pem, n });
    }
    free(pem);
    return rc;
}
