/*
 * bundle.h -- the master's side of a cycle: everything that one configuration
 * needs, made and checked before any child hears of it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A bundle holds descriptors, not bytes: sealed memfds for texts and secrets,
 * bound sockets for every worker index.  Sockets are counted references, so
 * that a listener which a reload keeps is the same socket in both bundles.
 * Building one changes nothing outside; a refused bundle is just freed.
 */
#ifndef ION_MAIN_BUNDLE_H
#define ION_MAIN_BUNDLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/str.h"
#include "core/process.h"
#include "main/messages.h"
#include "tls/cert.h"

/* One bound socket, shared by the bundles that name it. */
typedef struct bundle_socket {
    uint32_t refs;
    uint32_t id; /* never given twice */
    ion_socket_kind_t kind;
    char name[ION_SOCKET_NAME];
    uint32_t index;
    ion_addr_t asked; /* as configured: what a reload compares */
    ion_addr_t addr;  /* as bound */
    int fd;
    bool is_waiting; /* takes nothing before bundle_serve */
    bool is_steered; /* by bundle_steer, for the group that it is in */
} bundle_socket_t;

typedef struct {
    char name[ION_BLOB_NAME_MAX];
    int fd;
    bool is_secret;
    uint32_t roles; /* who is given it */
} bundle_blob_t;

/* What start prints and the keeper tells about a bundle. */
typedef struct {
    char public_key[80];  /* "nodekey:..." */
    char cert_source[16]; /* "self-signed", "files", "none" */
    ion_cert_info_t cert;
    char public_text[320]; /* where the public address comes from */
} bundle_facts_t;

typedef struct bundle {
    uint64_t generation;
    ion_conf_t *conf;
    const ion_settings_t *settings; /* of conf */
    uint32_t workers;
    bool has_courier; /* the configuration needs one */
    bool is_reload;   /* new sockets wait for bundle_serve */
    bundle_blob_t blobs[ION_BLOBS_MAX];
    size_t blob_count;
    bundle_socket_t **sockets;
    size_t socket_count;
    bundle_facts_t facts;
    ion_sb_t map; /* canonical JSON, for the banner */
} bundle_t;

/* What a bundle is made from besides the configuration. */
typedef struct bundle_maker {
    const char *config_file; /* NULL = none */
    const char *state_dir;   /* resolved */
    const char *control_path;
    uid_t uid; /* whose files state_dir holds; -1 = ours */
    gid_t gid;
    uint32_t max_workers;
    uint32_t next_socket_id;
    uint64_t next_generation;
    bool is_dry;              /* server -t: write nothing */
    pid_t running;            /* then: the instance that runs, or 0 */
    bundle_socket_t *control; /* bound once, part of every bundle; or NULL */
    int tickets_fd;           /* sealed ticket keys in force */
    ion_log_t *log;
} bundle_maker_t;

/*
 * bundle_new -- make everything that conf needs.
 *
 * conf: taken in every case.  now: the bundle in force, NULL at start; its
 * sockets are reused where the address stayed.  lines: every reason for a
 * refusal is added, one line each, all of them.
 * Errors: ION_DENIED refused, lines say why | ION_NOMEM.
 */
ION_NODISCARD ion_err_t bundle_new(bundle_maker_t *maker, ion_conf_t *conf,
    const bundle_t *now, bundle_t **out, ion_sb_t *lines);

/*
 * bundle_renew -- the bundle in force again, with the ticket keys that
 * maker->tickets_fd has now.
 *
 * Errors: ION_NOMEM | ION_SYS.
 */
ION_NODISCARD ion_err_t bundle_renew(
    bundle_maker_t *maker, const bundle_t *now, bundle_t **out);

/* bundle_free -- drop its references; NULL is fine. */
void bundle_free(bundle_t **b);

/*
 * bundle_blob -- add n bytes as a blob, sealed.
 *
 * Errors: ION_SYS | ION_NOMEM | ION_LIMIT.
 */
ION_NODISCARD ion_err_t bundle_blob(bundle_t *b, const char *name,
    uint32_t roles, bool is_secret, ion_str_t bytes);

/* bundle_socket_unref -- closes with the last reference; nulls *s. */
void bundle_socket_unref(bundle_socket_t **s);

/* bundle_where -- "file:line:column: " of a key, "" when it was not set. */
#define BUNDLE_WHERE 1024
const char *bundle_where(
    const bundle_t *b, const char *key, char out[BUNDLE_WHERE]);

/*
 * bundle_bind -- every listener of the configuration for every worker index
 * (bundle_sockets.c).
 *
 * Errors: ION_DENIED lines say which key, address and why | ION_NOMEM.
 */
ION_NODISCARD ion_err_t bundle_bind(
    bundle_maker_t *maker, bundle_t *b, const bundle_t *now, ion_sb_t *lines);

/*
 * bundle_serve -- everybody is ready for it: its sockets may be reached.
 *
 * Not before, or a reload that is refused takes with it what the kernel has
 * given to its new sockets.
 * Errors: ION_DENIED lines say which key, address and why.
 */
ION_NODISCARD ion_err_t bundle_serve(const bundle_t *b, ion_sb_t *lines);

/*
 * bundle_steer -- before next takes the place of now: nothing new goes to
 * sockets of a listener that stays which next has not any more.
 *
 * They can be emptied and closed then, and nobody who connects is reset. A
 * kernel that cannot do it is no reason to refuse.
 */
void bundle_steer(const bundle_t *now, const bundle_t *next);

/* bundle_unsteer -- they are closed: all that is left is used again. */
void bundle_unsteer(const bundle_t *now);

/*
 * bundle_address -- the bound address of a listener key, NULL when it is off.
 */
const ion_addr_t *bundle_address(const bundle_t *b, const char *name);

/* Where clients reach this instance, resolved (bundle_map.c). */
typedef struct {
    char host[256];
    uint16_t port;
    char stun_host[256];
    uint16_t stun_port;
    char ipv4[48]; /* literal for the node, "none", or "" = by DNS */
    char ipv6[48];
    ion_addr_t addrs[4]; /* for a self-signed certificate */
    size_t addr_count;
} bundle_public_t;

/*
 * bundle_public -- host, ports and addresses; what public_addr leaves open is
 * what is bound, or the machine's own.  Also writes facts.public_text.
 */
void bundle_public(bundle_t *b, bundle_public_t *out);

/*
 * bundle_secrets -- the relay's key, the certificate and its key, and what
 * the keeper may tell about them (bundle_secrets.c); fills facts.
 *
 * Errors: ION_DENIED lines say which file and why | ION_NOMEM | ION_SYS.
 */
ION_NODISCARD ion_err_t bundle_secrets(bundle_maker_t *maker, bundle_t *b,
    const bundle_public_t *pub, ion_sb_t *lines);

/*
 * bundle_admission -- the allow list, read and checked (bundle_admission.c).
 *
 * Errors: ION_DENIED lines say what is wrong with it, and where | ION_NOMEM |
 *         ION_SYS.
 */
ION_NODISCARD ion_err_t bundle_admission(
    bundle_maker_t *maker, bundle_t *b, ion_sb_t *lines);

/*
 * bundle_mesh -- the certificate authorities that relays of the mesh are
 * trusted by, when one of them needs any (bundle_mesh.c).
 *
 * Errors: ION_DENIED lines say which file and why | ION_NOMEM | ION_SYS.
 */
ION_NODISCARD ion_err_t bundle_mesh(bundle_t *b, ion_sb_t *lines);

/* bundle_pin_text -- the certificate's pin as a DERP map carries it. */
#define BUNDLE_PIN_TEXT (11 + 2 * ION_CERT_PIN_LEN + 1)
void bundle_pin_text(const bundle_t *b, char out[BUNDLE_PIN_TEXT]);

/*
 * bundle_map -- build, check and add the instance map.
 *
 * Errors: ION_DENIED lines say what is wrong | ION_NOMEM.
 */
ION_NODISCARD ion_err_t bundle_map(
    bundle_t *b, const bundle_public_t *pub, ion_sb_t *lines);

#endif
