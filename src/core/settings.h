/*
 * settings.h -- the keys that are not one module's, resolved and const.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * "Resolved" means that no reader has to know a rule: automatic values are
 * numbers, paths are absolute, defaults that depend on who runs us are chosen.
 * What depends on sockets that are bound later (a port 0, our own address) is
 * left open and says so.
 */
#ifndef ION_CORE_SETTINGS_H
#define ION_CORE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/directive.h"
#include "core/log.h"

typedef enum {
    ION_SANDBOX_AUTO,
    ION_SANDBOX_REQUIRED,
    ION_SANDBOX_OFF,
} ion_sandbox_t;

typedef enum {
    ION_HOME_BLANK, /* 200 with an empty body */
    ION_HOME_PAGE,  /* a page that says what this is */
    ION_HOME_URL,   /* 302 to home_url */
} ion_home_t;

/* Verify URLs at most; all of them are asked for every client. */
#define ION_VERIFY_URLS_MAX 8

/* A public address as clients are told it. */
typedef struct {
    bool set;         /* false: own address, the port really bound */
    bool is_https;    /* public_addr: scheme, https when none is given */
    const char *host; /* DNS name, or IP literal without brackets */
    bool is_ip;       /* host is a literal, parsed into ip */
    ion_addr_t ip;    /* its port is `port` */
    uint16_t port;    /* 0: the port really bound */
} ion_public_t;

struct ion_settings {
    /* listeners and what clients are told */
    ion_listen_t listen_addr;
    ion_listen_t http_listen_addr;
    ion_listen_t metrics_listen_addr;
    ion_listen_t stun_listen_addr;
    const char *public_addr_text;
    const char *stun_public_addr_text;
    ion_public_t public_addr;
    ion_public_t stun_public_addr;

    /* tls.* */
    bool tls_disable;
    bool tls_force_https;
    const char *tls_cert_file; /* "": none */
    const char *tls_key_file;
    bool tls_self_signed; /* neither files nor disable */
    int64_t tls_ticket_rotation_ms;

    /* processes */
    uint64_t workers;          /* a number, never "auto" */
    uint64_t max_workers;      /* fixed at start */
    const char *user;          /* "": choose, see configuration page */
    const char *control_group; /* "": none */
    const char *state_dir;     /* absolute */
    const char *control_socket;
    const char *pid_file;
    int64_t worker_shutdown_timeout_ms; /* 0: wait for ever */
    int sandbox;                        /* ion_sandbox_t */

    /* limits */
    uint64_t max_clients;
    uint64_t accept_rate; /* connections per second and worker; 0: none */
    uint64_t accept_burst;
    uint64_t fabric_memory; /* bytes */

    /* http.* and pages */
    int64_t http_read_timeout_ms;
    uint64_t http_max_header; /* bytes */
    const char *home_text;
    ion_home_t home;
    const char *home_url; /* "" unless home is ION_HOME_URL */

    /* logging.* */
    ion_log_level_t log_level;
    const char *log_level_text;
    int log_format;       /* ion_log_format_t */
    const char *log_file; /* "": stderr */

    /* derp.server.* */
    bool derp_disabled;
    uint64_t derp_region_id;
    const char *derp_region_code;
    const char *derp_region_name;

    const char *mesh_key_file; /* derp.mesh_key_file; "" = no mesh */
    /* who may use the relay: derp.* */
    ion_strings_t verify_client_urls;
    bool verify_fail_open;
    int64_t verify_cache_ms; /* 0: answers are not remembered */
    bool verify_clients;     /* ask the tailscaled of this machine */
    const char *tailscaled_socket;
    const char *allow_file;       /* "": none */
    ion_strings_t derp_mesh_with; /* as written; see proto/mesh_target.h */
};

/* The table behind the structure; ends with .name NULL. */
extern const ion_directive_t ion_settings_directives[];

/* Keys that a later version serves, or that are ionscale's alone. */
extern const ion_directive_t ion_later_directives[];

/* ion_settings_is_open -- nothing is asked about who may use the relay. */
bool ion_settings_is_open(const ion_settings_t *s);

/*
 * ion_settings_reload_check -- may a running instance change from one to the
 * other?
 *
 * Adds an error for each key that cannot change without a restart: user,
 * control_group, sandbox, max_clients, max_workers, fabric_memory, state_dir,
 * control_socket, pid_file; and workers above max_workers.
 * Errors: ION_DENIED at least one was added.
 */
ION_NODISCARD ion_err_t ion_settings_reload_check(const ion_settings_t *old,
    const ion_settings_t *next, ion_conf_notes_t *notes);

#endif
