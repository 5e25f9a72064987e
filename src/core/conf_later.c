/*
 * conf_later.c -- keys that are known and that this version does not serve.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A file written for ionscale, or for a later version of ours, shall start
 * here where that is safe: such a key is a warning.  It is refused where
 * ignoring it would open the relay to strangers, or serve another certificate
 * than was asked for.  A line moves from here to a module's table when that
 * module serves it.  Where a module's table has a line of the same name that
 * is not served yet, that one counts: the module checks the value.
 */
#include "core/settings.h"

#define ION_L(type_, name_, rule_, def_, ...)                                  \
    {                                                                          \
        .name = (name_), .type = ION_T_##type_, .def = (def_),                 \
        .rule = ION_D_##rule_, __VA_ARGS__                                     \
    }

/* clang-format off */
const ion_directive_t ion_later_directives[] = {
    ION_L(BOOL, "tls.acme", REFUSED, "false",
        .doc = "Obtain the certificate from an ACME authority."),
    ION_L(STRING, "tls.acme_email", LATER, NULL,
        .doc = "Contact address for the ACME authority."),
    ION_L(STRING, "tls.acme_ca", LATER,
        "https://acme-v02.api.letsencrypt.org/directory",
        .doc = "Directory of the ACME authority."),
    ION_L(PATH, "tls.acme_path", GONE, NULL,
        .doc = "Accounts and certificates are kept in state_dir."),
    ION_L(STRING, "tls.record_layer", LATER, "auto",
        .doc = "Who seals the records of established relay sessions."),
    ION_L(LIST, "bootstrap_dns_names", LATER, NULL,
        .doc = "Names that /bootstrap-dns resolves for clients."),
    ION_L(MSEC, "poll_net.keep_alive_interval", LATER, "1m",
        .min = 1000, .max = 3600000, .bare_ns = true,
        .doc = "How often a silent map stream gets a sign of life; a bare "
               "number counts nanoseconds."),
    ION_L(STRING, "keys.control_key", LATER, NULL,
        .doc = "Private key of the control protocol."),
    ION_L(STRING, "keys.legacy_control_key", LATER, NULL,
        .doc = "Private key for old clients."),
    ION_L(STRING, "keys.system_admin_key", LATER, NULL,
        .doc = "Key that admin tokens are sealed to."),
    ION_L(STRING, "auth.provider.issuer", LATER, NULL,
        .doc = "OpenID Connect issuer."),
    ION_L(STRING, "auth.provider.client_id", LATER, NULL,
        .doc = "OpenID Connect client id."),
    ION_L(STRING, "auth.provider.client_secret", LATER, NULL,
        .doc = "OpenID Connect client secret."),
    ION_L(LIST, "auth.provider.additional_scopes", LATER, NULL,
        .doc = "Scopes asked for beside the usual ones."),
    ION_L(LIST, "auth.system_admins.subs", LATER, NULL,
        .doc = "Subjects that are system administrators."),
    ION_L(LIST, "auth.system_admins.emails", LATER, NULL,
        .doc = "Addresses that are system administrators."),
    ION_L(LIST, "auth.system_admins.filters", LATER, NULL,
        .doc = "Expressions that select system administrators."),
    ION_L(STRING, "dns.magic_dns_suffix", LATER, "ionscale.net",
        .doc = "Domain under which nodes have names."),
    ION_L(STRING, "dns.provider.name", LATER, NULL,
        .doc = "Who publishes DNS records for certificates."),
    ION_L(PATH, "dns.provider.plugin_path", LATER, NULL,
        .doc = "Program that publishes DNS records."),
    ION_L(STRING, "dns.provider.zone", LATER, NULL,
        .doc = "Zone in which records are published."),
    ION_L(MAP, "dns.provider.config", LATER, NULL,
        .doc = "Passed to the provider as it is."),
    ION_L(LIST, "derp.sources", LATER, NULL,
        .doc = "Where regions of the DERP map come from, merged in order."),
    ION_L(MSEC, "derp.refresh_interval", LATER, "1h",
        .min = 1000, .zero_ok = true,
        .doc = "How often sources are asked; 0 is at start and on command."),
    ION_L(FLOAT, "derp.refresh_jitter", LATER, "0.1",
        .doc = "Share of the interval that is left to chance."),
    ION_L(MSEC, "derp.startup_wait", LATER, "0",
        .doc = "How long the start waits for sources."),
    ION_L(MSEC, "derp.stale_after", LATER, "24h",
        .doc = "Age at which a source's last answer is reported as stale."),
    ION_L(MSEC, "derp.shrink_after", LATER, "24h",
        .doc = "How long a shrunken answer must last before it is taken; 0 "
               "is never."),
    ION_L(MAP, "derp.regions", LATER, NULL,
        .doc = "Regions to keep, remove, prefer or avoid."),
    ION_L(STRING, "derp.shuffle", LATER, NULL,
        .doc = "tailnet: each tailnet gets its own fixed order of nodes."),
    ION_L(MSEC, "derp.fetch.timeout", LATER, "20s",
        .doc = "How long one download may take."),
    ION_L(SIZE, "derp.fetch.max_size", LATER, "1MiB",
        .doc = "Largest answer of a source."),
    ION_L(PATH, "derp.fetch.cache_dir", LATER, NULL,
        .doc = "Where last good answers are kept. Missing: "
               "<state_dir>/derp-cache."),
    ION_L(BOOL, "derp.fetch.allow_http", LATER, "false",
        .doc = "Take sources over plain HTTP."),
    ION_L(LIST, "derp.fetch.allow_private", LATER, "false",
        .doc = "Private addresses that sources may lie on: true, or a list "
               "of networks."),
    ION_L(BOOL, "derp.fetch.allow_local_git", LATER, "false",
        .doc = "Take git sources from this machine."),
    ION_L(LIST, "derp.fetch.file_roots", LATER, NULL,
        .doc = "Directories that file sources must lie in."),
    ION_L(PATH, "derp.fetch.ca_file", LATER, NULL,
        .doc = "Authorities trusted for downloads, in PEM."),
    ION_L(PATH, "derp.fetch.git_ssh_key_file", LATER, NULL,
        .doc = "Key for git over ssh."),
    ION_L(PATH, "derp.fetch.git_known_hosts_file", LATER, NULL,
        .doc = "Host keys for git over ssh."),
    ION_L(BOOL, "derp.fetch.strict", LATER, "false",
        .doc = "Refuse a map for what is a warning otherwise."),
    ION_L(STRING, "database.type", GONE, "sqlite",
        .doc = "The state lies in state_dir, in a database of its own kind."),
    ION_L(STRING, "database.url", GONE, NULL,
        .doc = "The state lies in state_dir."),
    ION_L(UINT, "database.max_open_conns", GONE, "0",
        .doc = "The state lies in state_dir, behind one process."),
    ION_L(UINT, "database.max_idle_conns", GONE, "2",
        .doc = "The state lies in state_dir, behind one process."),
    ION_L(MSEC, "database.conn_max_life_time", GONE, "0",
        .doc = "The state lies in state_dir, behind one process."),
    ION_L(MSEC, "database.conn_max_idle_time", GONE, "0",
        .doc = "The state lies in state_dir, behind one process."),
    ION_D_END,
};
/* clang-format on */
