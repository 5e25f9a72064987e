/*
 * settings_resolve.c -- automatic values, rules over more than one key, and
 * what a reload may change.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every rule runs, so that a person sees all complaints at once.
 */
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "core/conf_int.h"
#include "os/priv.h"
#include "os/rlimit.h"

#define WORKERS_MAX     64u
#define WORKERS_MIN     2u /* of auto */
#define MAX_WORKERS_MIN 8u /* of auto */

#define REGION_CODE_MAX 32
#define REGION_NAME_MAX 128
#define URL_MAX_LEN     2048

/* a + b in the arena; NULL without memory, which is noted. */
static const char *
join(conf_loader_t *l, const char *a, const char *b)
{
    ion_sb_t sb;
    const char *out = NULL;

    ion_sb_init(&sb, 8192);
    ion_sb_addz(&sb, a);
    ion_sb_addz(&sb, b);
    if (!sb.failed) {
        out = ion_arena_strdup(l->conf->arena, ion_sb_str(&sb));
    }
    ion_sb_fini(&sb);
    if (out == NULL) {
        l->no_memory = true;
        return "";
    }
    return out;
}

static void
resolve_workers(conf_loader_t *l, ion_settings_t *s)
{
    uint64_t cpus = ion_cpu_count();

    if (s->workers == 0) {
        s->workers = ION_MIN(ION_MAX(cpus, WORKERS_MIN), WORKERS_MAX);
        if (s->max_workers != 0 && s->workers > s->max_workers) {
            s->workers = s->max_workers;
        }
    }
    if (s->max_workers == 0) {
        s->max_workers =
            ION_MAX(ION_MAX(2 * cpus, s->workers), MAX_WORKERS_MIN);
        s->max_workers = ION_MIN(s->max_workers, WORKERS_MAX);
    }
    if (s->workers > s->max_workers) {
        conf_note(l, true, "workers",
            "%llu is above max_workers, which is "
            "%llu",
            (unsigned long long)s->workers, (unsigned long long)s->max_workers);
    }
}

static bool
is_usable_dir(const char *dir)
{
    return dir != NULL && dir[0] == '/' &&
           conf_text_is_clean(ion_str_from(dir));
}

/* Where the state lies when nobody said so. */
static const char *
default_state_dir(conf_loader_t *l)
{
    const char *dir;

    if (ion_priv_is_root()) {
        return "/var/lib/ionscale";
    }
    dir = conf_env(l, "XDG_STATE_HOME");
    if (is_usable_dir(dir)) {
        return join(l, dir, "/ionscale");
    }
    dir = conf_env(l, "HOME");
    if (is_usable_dir(dir)) {
        return join(l, dir, "/.local/state/ionscale");
    }
    conf_note(l, true, "state_dir",
        "neither XDG_STATE_HOME nor HOME says where state may be kept: a "
        "directory is needed here");
    return "";
}

static void
resolve_paths(conf_loader_t *l, ion_settings_t *s)
{
    struct sockaddr_un sun;

    if (s->state_dir[0] == '\0') {
        s->state_dir = default_state_dir(l);
    }
    if (s->control_socket[0] == '\0') {
        s->control_socket = ion_priv_is_root()
                                ? "/run/ionscale/control.sock"
                                : join(l, s->state_dir, "/control.sock");
    }
    if (s->pid_file[0] == '\0') {
        s->pid_file = ion_priv_is_root()
                          ? "/run/ionscale/ionscale.pid"
                          : join(l, s->state_dir, "/ionscale.pid");
    }
    if (s->tailscaled_socket[0] == '\0') {
        s->tailscaled_socket = "/var/run/tailscale/tailscaled.sock";
    }
    if (strlen(s->control_socket) >= sizeof(sun.sun_path)) {
        conf_note(l, true, "control_socket",
            "%s has %zu bytes, a socket's path has at most %zu",
            s->control_socket, strlen(s->control_socket),
            sizeof(sun.sun_path) - 1);
    }
}

static void
resolve_public(conf_loader_t *l, ion_settings_t *s)
{
    ion_arena_t *arena = l->conf->arena;
    ion_errtext_t why;
    ion_err_t rc;

    rc = public_addr_parse(
        arena, ion_str_from(s->public_addr_text), true, &s->public_addr, &why);
    if (rc == ION_MALF) {
        conf_note(l, true, "public_addr", "%s", why.msg);
    }
    l->no_memory = l->no_memory || rc == ION_NOMEM;
    rc = public_addr_parse(arena, ion_str_from(s->stun_public_addr_text), false,
        &s->stun_public_addr, &why);
    if (rc == ION_MALF) {
        conf_note(l, true, "stun_public_addr", "%s", why.msg);
    }
    l->no_memory = l->no_memory || rc == ION_NOMEM;
    if (s->public_addr.is_ip && s->public_addr.ip.family == 6) {
        conf_note(l, false, "public_addr",
            "clients cannot use an IPv6 literal as a relay's name, a DNS name "
            "or an IPv4 address is needed");
    }
}

static void
resolve_tls(conf_loader_t *l, ion_settings_t *s)
{
    bool has_cert = s->tls_cert_file[0] != '\0';
    bool has_key = s->tls_key_file[0] != '\0';

    s->tls_self_signed = !s->tls_disable && !has_cert && !has_key;
    if (has_cert && !has_key) {
        conf_note(l, true, "tls.cert_file",
            "a certificate without its key: tls.key_file is needed too");
    }
    if (has_key && !has_cert) {
        conf_note(l, true, "tls.key_file",
            "a key without its certificate: tls.cert_file is needed too");
    }
    if (s->tls_disable && has_cert && has_key) {
        conf_note(
            l, false, "tls.cert_file", "not used, because tls.disable is true");
    }
    if (s->tls_disable && !s->derp_disabled &&
        !(s->public_addr.set && s->public_addr.is_https))
    {
        conf_note(l, false, "tls.disable",
            "clients are told to reach the relay over TLS all the same: with "
            "a proxy in front give its https:// address as public_addr");
    }
}

static void
resolve_home(conf_loader_t *l, ion_settings_t *s)
{
    ion_str_t text = ion_str_from(s->home_text);
    bool is_url = ion_str_has_prefix(text, ION_STR("https://")) ||
                  ion_str_has_prefix(text, ION_STR("http://"));

    s->home_url = "";
    if (ion_str_ieq(text, ION_STR("blank")) || text.len == 0) {
        s->home = ION_HOME_BLANK;
    } else if (ion_str_ieq(text, ION_STR("page"))) {
        s->home = ION_HOME_PAGE;
    } else if (is_url) {
        s->home = ION_HOME_URL;
        s->home_url = s->home_text;
    }
    for (size_t i = 0; is_url && i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];

        is_url = c > 0x20 && c < 0x7f && strchr("\"<>\\^`{|}", c) == NULL;
    }
    if ((s->home == ION_HOME_URL) != is_url ||
        (s->home == ION_HOME_BLANK && text.len != 0 &&
            !ion_str_ieq(text, ION_STR("blank"))))
    {
        conf_note(l, true, "home",
            "\"%.64s\" is not allowed, blank, page or an http:// or https:// "
            "address is needed",
            s->home_text);
    }
}

static void
resolve_logging(conf_loader_t *l, ion_settings_t *s)
{
    s->log_level = ION_LOG_INFO;
    if (ion_log_level_parse(ion_str_from(s->log_level_text), &s->log_level) !=
        ION_OK)
    {
        conf_note(l, true, "logging.level",
            "\"%.64s\" is not allowed, debug, info, notice, warn, error or "
            "alert is needed",
            s->log_level_text);
    }
}

static void
check_region(conf_loader_t *l, const ion_settings_t *s)
{
    size_t code = strlen(s->derp_region_code);
    size_t name = strlen(s->derp_region_name);

    if (code < 1 || code > REGION_CODE_MAX) {
        conf_note(l, true, "derp.server.region_code",
            "%zu bytes are not allowed, 1 to %d are needed", code,
            REGION_CODE_MAX);
    }
    if (name > REGION_NAME_MAX) {
        conf_note(l, true, "derp.server.region_name",
            "%zu bytes are not allowed, at most %d", name, REGION_NAME_MAX);
    }
}

/* As much as can be said without the library that will read it. */
static bool
is_http_url(const char *url)
{
    const char *host = NULL;

    if (strncasecmp(url, "https://", 8) == 0) {
        host = url + 8;
    } else if (strncasecmp(url, "http://", 7) == 0) {
        host = url + 7;
    }
    return host != NULL && strcspn(host, ":/?#") > 0 &&
           strlen(url) <= URL_MAX_LEN && strpbrk(url, " \t\"<>\\^`{|}") == NULL;
}

static void
check_admission(conf_loader_t *l, const ion_settings_t *s)
{
    struct sockaddr_un sun;
    size_t n = s->verify_client_urls.n;

    if (n > ION_VERIFY_URLS_MAX) {
        conf_note(l, true, "derp.verify_client_urls",
            "%zu URLs are too many, at most %d can be asked", n,
            ION_VERIFY_URLS_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_http_url(s->verify_client_urls.v[i])) {
            conf_note(l, true, "derp.verify_client_urls",
                "\"%s\" is not an http or https URL with a host",
                s->verify_client_urls.v[i]);
        }
    }
    if (strlen(s->tailscaled_socket) >= sizeof(sun.sun_path)) {
        conf_note(l, true, "derp.tailscaled_socket",
            "%s has %zu bytes, a socket's path has at most %zu",
            s->tailscaled_socket, strlen(s->tailscaled_socket),
            sizeof(sun.sun_path) - 1);
    }
}

/* Would the second of two listeners find the port taken by the first? */
static bool
collide(const ion_listen_t *a, const ion_listen_t *b)
{
    bool a_any = ion_addr_is_any(&a->addr);
    bool b_any = ion_addr_is_any(&b->addr);

    if (!a->on || !b->on || a->addr.port == 0 || a->addr.port != b->addr.port) {
        return false;
    }
    if ((a_any && !b_any && a->addr.family == 4 && b->addr.family == 6) ||
        (b_any && !a_any && b->addr.family == 4 && a->addr.family == 6))
    {
        return false; /* 0.0.0.0 leaves IPv6 alone, :: takes both */
    }
    return a_any || b_any || ion_addr_eq(&a->addr, &b->addr);
}

static void
check_listeners(conf_loader_t *l, const ion_settings_t *s)
{
    if (!s->listen_addr.on) {
        conf_note(l, true, "listen_addr",
            "empty is not allowed, clients need an address to connect to");
    }
    if (collide(&s->http_listen_addr, &s->listen_addr)) {
        conf_note(l, true, "http_listen_addr", "the port of listen_addr");
    }
    if (collide(&s->metrics_listen_addr, &s->listen_addr)) {
        conf_note(l, true, "metrics_listen_addr", "the port of listen_addr");
    }
    if (collide(&s->metrics_listen_addr, &s->http_listen_addr)) {
        conf_note(
            l, true, "metrics_listen_addr", "the port of http_listen_addr");
    }
}

void
settings_resolve(conf_loader_t *l, ion_settings_t *s)
{
    resolve_workers(l, s);
    resolve_paths(l, s);
    resolve_public(l, s);
    resolve_tls(l, s);
    resolve_home(l, s);
    resolve_logging(l, s);
    check_region(l, s);
    check_admission(l, s);
    check_listeners(l, s);
}

bool
ion_settings_is_open(const ion_settings_t *s)
{
    return s->verify_client_urls.n == 0 && !s->verify_clients &&
           s->allow_file[0] == '\0';
}

static void
refuse_text(
    ion_conf_notes_t *notes, const char *key, const char *old, const char *next)
{
    if (strcmp(old, next) != 0) {
        ion_conf_notes_error(notes,
            "%s: cannot change from \"%s\" to \"%s\" without a restart", key,
            old, next);
    }
}

static void
refuse_number(
    ion_conf_notes_t *notes, const char *key, uint64_t old, uint64_t next)
{
    if (old != next) {
        ion_conf_notes_error(notes,
            "%s: cannot change from %llu to %llu without a restart", key,
            (unsigned long long)old, (unsigned long long)next);
    }
}

static const char *
sandbox_word(int sandbox)
{
    return sandbox == ION_SANDBOX_OFF        ? "off"
           : sandbox == ION_SANDBOX_REQUIRED ? "required"
                                             : "auto";
}

ion_err_t
ion_settings_reload_check(const ion_settings_t *old, const ion_settings_t *next,
    ion_conf_notes_t *notes)
{
    size_t before = ion_conf_notes_errors(notes);

    refuse_text(notes, "user", old->user, next->user);
    refuse_text(
        notes, "control_group", old->control_group, next->control_group);
    refuse_text(notes, "state_dir", old->state_dir, next->state_dir);
    refuse_text(
        notes, "control_socket", old->control_socket, next->control_socket);
    refuse_text(notes, "pid_file", old->pid_file, next->pid_file);
    refuse_text(notes, "sandbox", sandbox_word(old->sandbox),
        sandbox_word(next->sandbox));
    refuse_number(notes, "max_clients", old->max_clients, next->max_clients);
    if (next->workers > old->max_workers) {
        ion_conf_notes_error(notes,
            "workers: %llu is above max_workers, which was fixed at %llu at "
            "start",
            (unsigned long long)next->workers,
            (unsigned long long)old->max_workers);
    } else {
        refuse_number(
            notes, "max_workers", old->max_workers, next->max_workers);
    }
    refuse_number(
        notes, "fabric_memory", old->fabric_memory, next->fabric_memory);
    return ion_conf_notes_errors(notes) == before ? ION_OK : ION_DENIED;
}
