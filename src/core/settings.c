/*
 * settings.c -- the table of keys that are not one module's.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Types, bounds, defaults and documentation; settings_resolve.c has the rules
 * over more than one key, conf_later.c the keys of later versions.
 */
#include "core/settings.h"

#define MINUTE_MS 60000u
#define HOUR_MS   3600000u
#define DAY_MS    86400000u

static const ion_conf_word_t auto_word[] = {
    { "auto", 0 },
    { .word = NULL },
};

static const ion_conf_word_t sandbox_words[] = {
    { "auto", ION_SANDBOX_AUTO },
    { "required", ION_SANDBOX_REQUIRED },
    { "off", ION_SANDBOX_OFF },
    { .word = NULL },
};

static const ion_conf_word_t format_words[] = {
    { "text", ION_LOG_TEXT },
    { "console", ION_LOG_TEXT },
    { "json", ION_LOG_JSON },
    { .word = NULL },
};

/* clang-format off */
const ion_directive_t ion_settings_directives[] = {
    ION_D(LISTEN, "listen_addr", ion_settings_t, listen_addr,
        .def = ":8080",
        .doc = "Where clients connect: TLS and plain HTTP on one port. "
               "Port 0 takes any free one."),
    ION_D(LISTEN, "http_listen_addr", ion_settings_t, http_listen_addr,
        .doc = "A plain HTTP listener for captive-portal checks that "
               "redirects the rest, usually :80; empty is off."),
    ION_D(LISTEN, "metrics_listen_addr", ion_settings_t, metrics_listen_addr,
        .def = "127.0.0.1:9091",
        .doc = "Where Prometheus finds the counters; empty is off."),
    ION_D(LISTEN, "stun_listen_addr", ion_settings_t, stun_listen_addr,
        .def = ":3478",
        .doc = "Where STUN answers over UDP; empty is off."),
    ION_D(STRING, "public_addr", ion_settings_t, public_addr_text,
        .doc = "[https://]host:port as clients reach it. Missing: this "
               "machine's own address and the port really bound."),
    ION_D(STRING, "stun_public_addr", ion_settings_t, stun_public_addr_text,
        .doc = "host:port of STUN as clients reach it. Missing: the host of "
               "public_addr and the port really bound."),
    ION_D(UINT, "workers", ion_settings_t, workers,
        .def = "auto", .min = 1, .max = 64, .words = auto_word,
        .doc = "Worker processes; auto is one for each usable CPU, at least "
               "2."),
    ION_D(UINT, "max_workers", ion_settings_t, max_workers,
        .def = "auto", .min = 1, .max = 64, .words = auto_word,
        .doc = "How far a reload may raise workers; fixed at start."),
    ION_D(STRING, "user", ion_settings_t, user,
        .doc = "Account that workers and keeper run as when started by root. "
               "Missing: ionscale if there is one, else nobody."),
    ION_D(STRING, "control_group", ion_settings_t, control_group,
        .doc = "Group that may administer through the control socket; "
               "missing: only the user who started the daemon, and root."),
    ION_D(PATH, "state_dir", ion_settings_t, state_dir,
        .doc = "Directory of keys and state, mode 0700. Missing: "
               "/var/lib/ionscale as root, else $XDG_STATE_HOME/ionscale or "
               "~/.local/state/ionscale."),
    ION_D(PATH, "control_socket", ion_settings_t, control_socket,
        .doc = "Socket of the administration commands. Missing: "
               "/run/ionscale/control.sock as root, else "
               "<state_dir>/control.sock."),
    ION_D(PATH, "pid_file", ion_settings_t, pid_file,
        .doc = "File that one instance holds locked. Missing: "
               "/run/ionscale/ionscale.pid as root, else "
               "<state_dir>/ionscale.pid."),
    ION_D(MSEC, "worker_shutdown_timeout", ion_settings_t,
        worker_shutdown_timeout_ms,
        .def = "0", .max = 30 * DAY_MS,
        .doc = "How long a graceful stop waits for clients before it closes "
               "them; 0 waits for ever."),
    ION_D(ENUM, "sandbox", ion_settings_t, sandbox,
        .def = "auto", .words = sandbox_words,
        .doc = "required refuses to start where the kernel does not let us "
               "give up rights; auto warns; off is for debugging."),
    ION_D(UINT, "max_clients", ion_settings_t, max_clients,
        .def = "100000", .min = 1, .max = 1u << 24,
        .doc = "Relay clients of the whole instance; the next login is "
               "refused."),
    ION_D(UINT, "accept_rate", ion_settings_t, accept_rate,
        .def = "0", .max = 1000000,
        .doc = "New connections a second that a worker takes; 0 is no limit."),
    ION_D(UINT, "accept_burst", ion_settings_t, accept_burst,
        .def = "1000", .min = 1, .max = 1000000,
        .doc = "Connections taken at once before accept_rate counts."),
    ION_D(SIZE, "fabric_memory", ion_settings_t, fabric_memory,
        .def = "256MiB", .min = 1u << 20, .max = UINT64_C(1) << 34,
        .doc = "Memory aimed at for the queues between workers; pages are "
               "used only where traffic flows."),
    ION_D(STRING, "home", ion_settings_t, home_text,
        .def = "blank",
        .doc = "The page at /: blank, page (says what runs here), or a URL "
               "to redirect to."),
    ION_D(BOOL, "tls.disable", ion_settings_t, tls_disable,
        .def = "false",
        .doc = "Serve no TLS; for a proxy in front that ends it."),
    ION_D(BOOL, "tls.force_https", ion_settings_t, tls_force_https,
        .def = "true",
        .doc = "Redirect plain requests to https, but for the paths that "
               "clients need plain."),
    ION_D(PATH, "tls.cert_file", ion_settings_t, tls_cert_file,
        .doc = "Certificate chain in PEM, the leaf first. Missing: a "
               "self-signed certificate, kept in state_dir and pinned in the "
               "DERP map."),
    ION_D(PATH, "tls.key_file", ion_settings_t, tls_key_file,
        .doc = "Private key of the certificate in PEM, RSA or ECDSA."),
    ION_D(MSEC, "tls.ticket_rotation", ion_settings_t, tls_ticket_rotation_ms,
        .def = "12h", .min = 1000, .max = 7 * DAY_MS,
        .doc = "How often session ticket keys change; the one before is "
               "still taken."),
    ION_D(MSEC, "http.read_timeout", ion_settings_t, http_read_timeout_ms,
        .def = "30s", .min = 100, .max = 10 * MINUTE_MS,
        .doc = "How long TLS handshake and request head may take."),
    ION_D(SIZE, "http.max_header", ion_settings_t, http_max_header,
        .def = "16KiB", .min = 1024, .max = 1u << 20,
        .doc = "Largest request head."),
    ION_D(STRING, "logging.level", ion_settings_t, log_level_text,
        .def = "info",
        .doc = "debug, info, notice, warn, error or alert: lines of that "
               "weight and above are written."),
    ION_D(ENUM, "logging.format", ion_settings_t, log_format,
        .def = "console", .words = format_words,
        .doc = "text (or console), or json."),
    ION_D(PATH, "logging.file", ion_settings_t, log_file,
        .doc = "File to append to; missing: standard error."),
    ION_D(BOOL, "derp.server.disabled", ion_settings_t, derp_disabled,
        .def = "false",
        .doc = "Run no relay and no STUN, and leave the region out of the "
               "DERP map."),
    ION_D(UINT, "derp.server.region_id", ion_settings_t, derp_region_id,
        .def = "1000", .min = 1, .max = 65535,
        .doc = "Id of the embedded region; clients carry ids in 16 bits."),
    ION_D(STRING, "derp.server.region_code", ion_settings_t, derp_region_code,
        .def = "ionscale",
        .doc = "Short name of the embedded region, 1 to 32 characters."),
    ION_D(STRING, "derp.server.region_name", ion_settings_t, derp_region_name,
        .def = "ionscale Embedded DERP",
        .doc = "Name of the embedded region for people, up to 128 "
               "characters."),
    ION_D(PATH, "derp.mesh_key_file", ion_settings_t, mesh_key_file,
        .doc = "File with the key that the relays of a region share, 64 hex "
               "digits; whoever presents it may watch clients, forward to "
               "them and disconnect them. Missing: nobody may."),
    ION_D(LIST, "derp.mesh_with", ion_settings_t, derp_mesh_with,
        .doc = "Relays of the same region: host[:port], "
               "host[:port]/dialhost, with #sha256-raw:HEX when their "
               "certificate is self-signed."),
    ION_D(LIST, "derp.verify_client_urls", ion_settings_t, verify_client_urls,
        .doc = "http or https URLs, up to 8: each is asked whether a client "
               "may use the relay, and all must allow it."),
    ION_D(BOOL, "derp.verify_fail_open", ion_settings_t, verify_fail_open,
        .def = "false",
        .doc = "Let clients in when a URL cannot be asked (no connection, no "
               "answer within 5s)."),
    ION_D(MSEC, "derp.verify_cache", ion_settings_t, verify_cache_ms,
        .def = "10s", .min = 100, .max = 600000, .zero_ok = true,
        .doc = "How long an answer about a client counts for its next "
               "connections; 0 = ask each time."),
    ION_D(BOOL, "derp.verify_clients", ion_settings_t, verify_clients,
        .def = "false",
        .doc = "Let in only clients that the tailscaled of this machine "
               "knows."),
    ION_D(PATH, "derp.tailscaled_socket", ion_settings_t, tailscaled_socket,
        .doc = "Where that tailscaled listens; missing: "
               "/var/run/tailscale/tailscaled.sock."),
    ION_D(PATH, "derp.allow_file", ion_settings_t, allow_file,
        .doc = "Let in only the keys of this file: one nodekey:... a line, or "
               "the output of `tailscale status --json`; read again at a "
               "reload."),
    ION_D_END,
};
/* clang-format on */
