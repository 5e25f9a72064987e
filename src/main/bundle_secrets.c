/*
 * bundle_secrets.c -- the relay's key, the certificate and the mesh key: read,
 * checked, or made once and kept in state_dir.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The relay's public key must be the same for ever: clients and meshes know
 * it.  So a key file that is there and cannot be used is an error, never a
 * reason to make another one.  A self-signed certificate is pinned in the map
 * and is kept as long as it serves.
 */
#include "main/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "core/settings.h"
#include "crypto/keys.h"
#include "doc/emit.h"
#include "os/file.h"
#include "proto/key_text.h"

#define PEM_MAX      (256u * 1024u)
#define RENEW_BEFORE (30 * 24 * 3600)
#define MESH_KEY_LEN 32u

typedef struct {
    char *cert;
    size_t cert_len;
    char *key;
    size_t key_len;
} pem_pair_t;

static void
pem_free(pem_pair_t *p)
{
    free(p->cert);
    if (p->key != NULL) {
        ion_cert_wipe(&p->key);
    }
    *p = (pem_pair_t){ NULL, 0, NULL, 0 };
}

static ion_err_t
state_path(const bundle_maker_t *maker, const char *name, char *out, size_t cap)
{
    int n = snprintf(out, cap, "%s/%s", maker->state_dir, name);
    return n < 0 || (size_t)n >= cap ? ION_RANGE : ION_OK;
}

/* A file of state_dir, which the service user can put what it likes into. */
static ion_err_t
read_state(const bundle_maker_t *maker, const char *path, size_t max,
    char **bytes, size_t *n, ion_errtext_t *why)
{
    const ion_file_owner_t owner = { 0, maker->uid, maker->gid };
    ion_errtext_t reason = { "" };
    ion_err_t rc = ion_file_read_as(path, max, &owner, bytes, n, &reason);
    if (rc == ION_DENIED && maker->uid != (uid_t)-1) {
        ion_errtext_set(why, "%s: it must belong to user id %u", reason.msg,
            (unsigned)maker->uid);
    } else {
        *why = reason;
    }
    return rc;
}

static ion_err_t
write_state(const bundle_maker_t *maker, const char *path, mode_t mode,
    ion_str_t bytes, ion_sb_t *lines)
{
    const ion_file_owner_t owner = { mode, maker->uid, maker->gid };
    ion_errtext_t why = { "" };
    ion_err_t rc = ION_OK;
    if (!maker->is_dry) {
        rc = ion_file_write(path, bytes.p, bytes.len, &owner, &why);
    }
    if (rc != ION_OK) {
        ion_sb_addf(lines, "state_dir: cannot write %s: %s\n", path, why.msg);
        return ION_DENIED;
    }
    return ION_OK;
}

static ion_err_t
make_key(const bundle_maker_t *maker, const char *path,
    ion_secret_key_t *secret, ion_sb_t *lines)
{
    char text[ION_KEY_FILE_TEXT];
    ion_key_t pub;
    size_t n;
    ion_err_t rc;
    ion_key_generate(secret, &pub);
    n = ion_key_file_format(secret, text);
    rc = write_state(maker, path, 0600, (ion_str_t){ text, n }, lines);
    explicit_bzero(text, sizeof(text));
    return rc;
}

static ion_err_t
load_key(const bundle_maker_t *maker, ion_secret_key_t *secret, ion_sb_t *lines)
{
    char path[4096];
    char *json = NULL;
    size_t n = 0;
    ion_errtext_t why = { "" };
    ion_err_t rc = state_path(maker, "derp.key", path, sizeof(path));
    if (rc == ION_OK) {
        rc = read_state(maker, path, ION_KEY_FILE_MAX, &json, &n, &why);
    }
    if (rc == ION_NOTFOUND) {
        return make_key(maker, path, secret, lines);
    }
    if (rc != ION_OK) {
        ion_sb_addf(lines, "state_dir: cannot read %s: %s\n", path, why.msg);
        return ION_DENIED;
    }
    rc = ion_key_file_parse((ion_str_t){ json, n }, secret);
    explicit_bzero(json, n);
    free(json);
    if (rc != ION_OK) {
        ion_sb_addf(lines,
            "state_dir: %s is not a relay key file, which is "
            "{\"PrivateKey\": \"privkey:<64 hex digits>\"}: restore it, or "
            "remove it to get a new identity\n",
            path);
        return ION_DENIED;
    }
    return ION_OK;
}

static ion_err_t
add_relay_key(const bundle_maker_t *maker, bundle_t *b, ion_sb_t *lines)
{
    ion_secret_key_t secret;
    ion_key_t pub;
    char text[ION_NODE_KEY_TEXT];
    ion_err_t rc = load_key(maker, &secret, lines);
    if (rc != ION_OK) {
        return rc;
    }
    ion_key_public(&secret, &pub);
    (void)snprintf(b->facts.public_key, sizeof(b->facts.public_key), "%s",
        ion_node_key_format(&pub, text)); /* fits */
    rc = bundle_blob(b, "derp.key", ION_ROLE_WORKER, true,
        (ion_str_t){ (const char *)secret.b, sizeof(secret.b) });
    ion_secret_key_wipe(&secret);
    return rc;
}

/* The key that the relays of a region share. */
static ion_err_t
add_mesh_key(bundle_t *b, ion_sb_t *lines)
{
    const char *path = b->settings->mesh_key_file;
    ion_errtext_t why = { "" };
    char where[BUNDLE_WHERE];
    uint8_t key[MESH_KEY_LEN];
    bool is_set = false;
    char *text = NULL;
    size_t n = 0;
    ion_err_t rc;
    if (path[0] == '\0') {
        return ION_OK;
    }
    (void)bundle_where(b, "derp.mesh_key_file", where); /* where */
    rc = ion_file_read(path, ION_KEY_FILE_MAX, &text, &n, &why);
    if (rc != ION_OK) {
        ion_sb_addf(lines, "%sderp.mesh_key_file: cannot read %s: %s\n", where,
            path, why.msg);
        return rc == ION_NOMEM ? rc : ION_DENIED;
    }
    rc = ion_mesh_key_parse_file((ion_str_t){ text, n }, key, &is_set);
    explicit_bzero(text, n);
    free(text);
    if (rc != ION_OK || !is_set) {
        ion_sb_addf(lines,
            "%sderp.mesh_key_file: %s is not a mesh key, which is 64 hex "
            "digits that are not all 0: `ionscale genkey` writes one\n",
            where, path);
        return ION_DENIED;
    }
    rc = bundle_blob(b, "mesh.key", ION_ROLE_WORKER, true,
        (ion_str_t){ (const char *)key, sizeof(key) });
    explicit_bzero(key, sizeof(key));
    return rc;
}

static ion_err_t
read_pem(const bundle_t *b, const char *key, const char *path, char **out,
    size_t *n, ion_sb_t *lines)
{
    ion_errtext_t why = { "" };
    char where[BUNDLE_WHERE];
    ion_err_t rc = ion_file_read(path, PEM_MAX, out, n, &why);
    if (rc != ION_OK) {
        ion_sb_addf(lines, "%s%s: cannot read %s: %s\n",
            bundle_where(b, key, where), key, path, why.msg);
        return rc == ION_NOMEM ? rc : ION_DENIED;
    }
    return ION_OK;
}

static ion_cert_source_t
source_of(const pem_pair_t *pem, const char *cert_name, const char *key_name)
{
    return (ion_cert_source_t){
        .cert_pem = { pem->cert, pem->cert_len },
        .key_pem = { pem->key, pem->key_len },
        .cert_name = cert_name,
        .key_name = key_name,
    };
}

static ion_err_t
use_files(const bundle_maker_t *maker, bundle_t *b, const bundle_public_t *pub,
    pem_pair_t *pem, ion_sb_t *lines)
{
    const ion_settings_t *s = b->settings;
    ion_errtext_t why = { "" };
    ion_cert_t *cert = NULL;
    ion_cert_source_t source;
    char where[BUNDLE_WHERE];
    ion_err_t first = read_pem(b, "tls.cert_file", s->tls_cert_file, &pem->cert,
        &pem->cert_len, lines);
    ion_err_t rc = read_pem(
        b, "tls.key_file", s->tls_key_file, &pem->key, &pem->key_len, lines);
    if (first != ION_OK || rc != ION_OK) {
        return first != ION_OK ? first : rc;
    }
    source = source_of(pem, s->tls_cert_file, s->tls_key_file);
    rc = ion_cert_load(&source, &cert, &why);
    if (rc != ION_OK) {
        ion_sb_addf(lines, "%stls.cert_file: %s\n",
            bundle_where(b, "tls.cert_file", where), why.msg);
        return rc == ION_NOMEM ? rc : ION_DENIED;
    }
    ion_cert_info(cert, &b->facts.cert);
    if (!ion_cert_covers(cert, ion_str_from(pub->host))) {
        ion_log(maker->log, ION_LOG_WARN, 0,
            "tls.cert_file: %s is not valid for %s, which public_addr tells "
            "clients to dial",
            s->tls_cert_file, pub->host);
    }
    if (b->facts.cert.not_after < (int64_t)time(NULL)) {
        ion_log(maker->log, ION_LOG_WARN, 0, "tls.cert_file: %s has expired",
            s->tls_cert_file);
    }
    ion_cert_free(&cert);
    (void)snprintf(
        b->facts.cert_source, sizeof(b->facts.cert_source), "files"); /* fits */
    return ION_OK;
}

/* Why a kept self-signed certificate does not serve any more, or NULL. */
static const char *
why_remake(const ion_cert_t *cert, const ion_cert_info_t *info,
    const bundle_public_t *pub)
{
    ion_addr_t literal;
    bool is_literal =
        ion_addr_parse_ip(ion_str_from(pub->host), &literal) == ION_OK;
    if (info->not_after < (int64_t)time(NULL) + RENEW_BEFORE) {
        return "it expires within 30 days";
    }
    if (!is_literal && !ion_cert_covers(cert, ion_str_from(pub->host))) {
        return "public_addr has another name";
    }
    return NULL;
}

/* Errors: ION_NOTFOUND there is none, or it must be made anew. */
static ion_err_t
use_kept(const bundle_maker_t *maker, bundle_t *b, const bundle_public_t *pub,
    pem_pair_t *pem, ion_sb_t *lines)
{
    char cert_path[4096];
    char key_path[4096];
    ion_errtext_t why = { "" };
    ion_cert_t *cert = NULL;
    const char *reason;
    ion_cert_source_t source;
    ion_err_t rc = state_path(maker, "tls.crt", cert_path, sizeof(cert_path));
    if (rc == ION_OK) {
        rc = state_path(maker, "tls.key", key_path, sizeof(key_path));
    }
    if (rc == ION_OK) {
        rc = read_state(
            maker, cert_path, PEM_MAX, &pem->cert, &pem->cert_len, &why);
    }
    if (rc == ION_OK) {
        rc = read_state(
            maker, key_path, PEM_MAX, &pem->key, &pem->key_len, &why);
    }
    if (rc == ION_NOTFOUND || rc == ION_NOMEM) {
        return rc;
    }
    if (rc != ION_OK) {
        ion_sb_addf(lines, "state_dir: cannot read %s and %s: %s\n", cert_path,
            key_path, why.msg);
        return ION_DENIED;
    }
    source = source_of(pem, cert_path, key_path);
    rc = ion_cert_load(&source, &cert, &why);
    if (rc == ION_MALF) {
        ion_log(maker->log, ION_LOG_WARN, 0,
            "the self-signed certificate is made anew, clients get a new pin: "
            "%s",
            why.msg);
        return ION_NOTFOUND;
    }
    if (rc != ION_OK) {
        return rc;
    }
    ion_cert_info(cert, &b->facts.cert);
    reason = why_remake(cert, &b->facts.cert, pub);
    ion_cert_free(&cert);
    if (reason == NULL) {
        return ION_OK;
    }
    ion_log(maker->log, ION_LOG_WARN, 0,
        "the self-signed certificate is made anew, clients get a new pin: %s",
        reason);
    return ION_NOTFOUND;
}

static ion_err_t
write_pair(const bundle_maker_t *maker, const pem_pair_t *pem, ion_sb_t *lines)
{
    char path[4096];
    ion_err_t rc = state_path(maker, "tls.key", path, sizeof(path));
    if (rc == ION_OK) {
        rc = write_state(
            maker, path, 0600, (ion_str_t){ pem->key, pem->key_len }, lines);
    }
    if (rc == ION_OK) {
        rc = state_path(maker, "tls.crt", path, sizeof(path));
    }
    if (rc == ION_OK) {
        rc = write_state(
            maker, path, 0644, (ion_str_t){ pem->cert, pem->cert_len }, lines);
    }
    return rc;
}

static ion_err_t
make_cert(const bundle_maker_t *maker, bundle_t *b, const bundle_public_t *pub,
    pem_pair_t *pem, ion_sb_t *lines)
{
    const ion_cert_request_t request = {
        .host = ion_str_from(pub->host),
        .addrs = pub->addrs,
        .addr_count = pub->addr_count,
        .now = (int64_t)time(NULL),
    };
    ion_cert_t *cert = NULL;
    ion_errtext_t why = { "" };
    ion_cert_source_t source;
    ion_err_t rc;
    pem_free(pem);
    rc = ion_cert_make(&request, &pem->cert, &pem->key);
    if (rc != ION_OK) {
        ion_sb_addf(lines, "tls: cannot make a certificate for %s: %s\n",
            pub->host, ion_strerror(rc));
        return ION_DENIED;
    }
    pem->cert_len = strlen(pem->cert);
    pem->key_len = strlen(pem->key);
    source = source_of(pem, "the new certificate", "its key");
    rc = ion_cert_load(&source, &cert, &why);
    if (rc != ION_OK) {
        ion_sb_addf(lines, "tls: %s\n", why.msg);
        return ION_DENIED;
    }
    ion_cert_info(cert, &b->facts.cert);
    ion_cert_free(&cert);
    return write_pair(maker, pem, lines);
}

static ion_err_t
add_cert(const bundle_maker_t *maker, bundle_t *b, const bundle_public_t *pub,
    ion_sb_t *lines)
{
    pem_pair_t pem = { NULL, 0, NULL, 0 };
    ion_err_t rc;
    if (b->settings->tls_disable) {
        (void)snprintf(b->facts.cert_source, sizeof(b->facts.cert_source),
            "none"); /* fits */
        return ION_OK;
    }
    if (!b->settings->tls_self_signed) {
        rc = use_files(maker, b, pub, &pem, lines);
    } else {
        (void)snprintf(b->facts.cert_source, sizeof(b->facts.cert_source),
            "self-signed"); /* fits */
        rc = use_kept(maker, b, pub, &pem, lines);
        if (rc == ION_NOTFOUND) {
            rc = make_cert(maker, b, pub, &pem, lines);
        }
    }
    if (rc == ION_OK) {
        rc = bundle_blob(b, "tls.cert", ION_ROLE_WORKER, false,
            (ion_str_t){ pem.cert, pem.cert_len });
    }
    if (rc == ION_OK) {
        rc = bundle_blob(b, "tls.key", ION_ROLE_WORKER, true,
            (ion_str_t){ pem.key, pem.key_len });
    }
    pem_free(&pem);
    return rc;
}

void
bundle_pin_text(const bundle_t *b, char out[BUNDLE_PIN_TEXT])
{
    char hex[2 * ION_CERT_PIN_LEN];
    ion_hex_encode(hex, b->facts.cert.pin, ION_CERT_PIN_LEN);
    (void)snprintf(out, BUNDLE_PIN_TEXT, "sha256-raw:%.*s", (int)sizeof(hex),
        hex); /* fits */
}

static ion_err_t
add_facts(const bundle_maker_t *maker, bundle_t *b)
{
    char pin[BUNDLE_PIN_TEXT];
    ion_sb_t sb;
    ion_jw_t w;
    ion_err_t rc = ION_NOMEM;
    ion_sb_init(&sb, 65536);
    ion_jw_init(&w, &sb, 0);
    ion_jw_object_begin(&w);
    ion_jw_key(&w, "public_key");
    ion_jw_strz(&w, b->facts.public_key);
    ion_jw_key(&w, "certificate");
    ion_jw_object_begin(&w);
    ion_jw_key(&w, "source");
    ion_jw_strz(&w, b->facts.cert_source);
    if (!b->settings->tls_disable) {
        bundle_pin_text(b, pin);
        ion_jw_key(&w, "pin");
        ion_jw_strz(&w, pin);
        ion_jw_key(&w, "not_after");
        ion_jw_i64(&w, b->facts.cert.not_after);
    }
    ion_jw_object_end(&w);
    ion_jw_key(&w, "config_file");
    ion_jw_strz(&w, maker->config_file);
    ion_jw_key(&w, "state_dir");
    ion_jw_strz(&w, maker->state_dir);
    ion_jw_key(&w, "control_socket");
    ion_jw_strz(&w, maker->control_path);
    ion_jw_object_end(&w);
    if (!sb.failed) {
        rc = bundle_blob(b, "facts", ION_ROLE_KEEPER, false, ion_sb_str(&sb));
    }
    ion_sb_fini(&sb);
    return rc;
}

ion_err_t
bundle_secrets(bundle_maker_t *maker, bundle_t *b, const bundle_public_t *pub,
    ion_sb_t *lines)
{
    ion_err_t key = add_relay_key(maker, b, lines);
    ion_err_t cert = add_cert(maker, b, pub, lines);
    ion_err_t mesh = add_mesh_key(b, lines);
    if (key != ION_OK || cert != ION_OK || mesh != ION_OK) {
        return key != ION_OK ? key : cert != ION_OK ? cert : mesh;
    }
    return add_facts(maker, b);
}
