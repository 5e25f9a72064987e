/*
 * http/http_config.c -- the server's configuration from a cycle.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/keys.h"
#include "http/server.h"
#include "tls/cert.h"
#include "tls/metacert.h"

#define DEFAULT_MS      30000
#define PORT80_WRITE_MS 300000

void
ion_http_config_init(ion_http_config_t *config)
{
    *config = (ion_http_config_t){
        .max_header = 16384,
        .max_conns = 100000,
        .read_ms = DEFAULT_MS,
        .write_ms = DEFAULT_MS,
        .write_port80_ms = PORT80_WRITE_MS,
        .home = ION_HOME_BLANK,
    };
}

void
ion_http_config_fini(ion_http_config_t *config)
{
    ion_tls_ctx_unref(&config->tls);
}

static ion_str_t
blob_text(const ion_blob_t *blob)
{
    return (ion_str_t){ (const char *)blob->p, blob->len };
}

/* The meta-certificate for the DERP key; *len 0 when there is no key. */
static ion_err_t
make_meta(const ion_cycle_t *cycle, uint8_t meta[ION_METACERT_LEN], size_t *len,
    ion_errtext_t *err)
{
    const ion_blob_t *blob = ion_cycle_blob(cycle, "derp.key");
    ion_secret_key_t secret;
    ion_key_t pub;
    *len = 0;
    if (blob == NULL) {
        return ION_OK;
    }
    if (blob->len != sizeof(secret.b)) {
        ion_errtext_set(err, "DERP key: %zu bytes instead of %zu", blob->len,
            sizeof(secret.b));
        return ION_MALF;
    }
    memcpy(secret.b, blob->p, sizeof(secret.b));
    ion_key_public(&secret, &pub);
    ion_secret_key_wipe(&secret);
    ion_err_t rc = ion_metacert_make_now(pub.b, ion_wall_now_ms() / 1000, meta);
    if (rc != ION_OK) {
        ion_errtext_set(
            err, "meta-certificate: not made: %s", ion_strerror(rc));
        return rc;
    }
    *len = ION_METACERT_LEN;
    return ION_OK;
}

static const char *
name_or(const char *file, const char *otherwise)
{
    return file[0] != '\0' ? file : otherwise;
}

static ion_err_t
make_tls(const ion_cycle_t *cycle, const ion_cert_t *cert, ion_tls_ctx_t **out,
    ion_errtext_t *err)
{
    uint8_t meta[ION_METACERT_LEN];
    const ion_blob_t *tickets = ion_cycle_blob(cycle, "tickets");
    ion_tls_config_t config = { .cert = cert };
    ion_err_t rc = make_meta(cycle, meta, &config.meta_len, err);
    if (rc != ION_OK) {
        return rc;
    }
    config.meta = config.meta_len > 0 ? meta : NULL;
    if (tickets != NULL) {
        config.tickets = tickets->p;
        config.tickets_len = tickets->len;
    }
    return ion_tls_ctx_new(&config, out, err);
}

static ion_err_t
load_tls(const ion_cycle_t *cycle, const ion_settings_t *settings,
    ion_http_config_t *out, ion_errtext_t *err)
{
    const ion_blob_t *cert_blob = ion_cycle_blob(cycle, "tls.cert");
    const ion_blob_t *key_blob = ion_cycle_blob(cycle, "tls.key");
    ion_cert_t *cert = NULL;
    if (settings->tls_disable) {
        return ION_OK;
    }
    if (cert_blob == NULL || key_blob == NULL) {
        ion_errtext_set(err, "TLS: no certificate was handed over");
        return ION_MALF;
    }
    ion_cert_source_t source = {
        .cert_pem = blob_text(cert_blob),
        .key_pem = blob_text(key_blob),
        .cert_name =
            name_or(settings->tls_cert_file, "the self-signed certificate"),
        .key_name = name_or(
            settings->tls_key_file, "the self-signed certificate's key"),
    };
    ion_err_t rc = ion_cert_load(&source, &cert, err);
    if (rc == ION_OK) {
        rc = make_tls(cycle, cert, &out->tls, err);
    }
    ion_cert_free(&cert);
    return rc;
}

ion_err_t
ion_http_config_from(
    const ion_cycle_t *cycle, ion_http_config_t *out, ion_errtext_t *err)
{
    const ion_settings_t *s = ion_cycle_settings(cycle);
    ion_http_config_init(out);
    out->max_header = (uint32_t)ION_MIN(s->http_max_header, UINT64_C(1048576));
    out->max_conns = (uint32_t)ION_MIN(s->max_clients, (uint64_t)UINT32_MAX);
    out->read_ms = s->http_read_timeout_ms;
    out->accept_rate = s->accept_rate;
    out->accept_burst = s->accept_burst;
    out->force_https = s->tls_force_https && !s->tls_disable;
    out->home = s->home;
    (void)snprintf(out->home_url, sizeof(out->home_url), "%s", s->home_url);
    (void)snprintf(out->public_host, sizeof(out->public_host), "%s",
        s->public_addr.set ? s->public_addr.host : "");
    out->has_mesh_key = ion_cycle_blob(cycle, "mesh.key") != NULL;
    return load_tls(cycle, s, out, err);
}
