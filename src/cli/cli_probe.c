/*
 * cli_probe.c -- `ionscale derp probe HOST[:PORT]`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Asks no daemon: it looks at a relay from outside, ours or another, as
 * clients see it.  Exit status: 0 all is well, 2 a check failed, 1 the probe
 * itself could not be made, so that a cron job can tell them apart.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/num.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"
#include "client/probe.h"
#include "crypto/hash.h"
#include "doc/emit.h"

enum {
    EXIT_UNHEALTHY = 2,
    DEFAULT_PORT = 443,
    DEFAULT_STUN_PORT = 3478,
    RESOLVE_SECONDS = 10,
    STEP_MS = 10000,
    HOST_MAX = 254,
    JSON_MAX = 65536,
};

static const char *const state_names[] = {
    [ION_PROBE_OK] = "ok",
    [ION_PROBE_FAILED] = "failed",
    [ION_PROBE_SKIPPED] = "skipped",
};

static bool
read_port(const char *name, const char *text, uint16_t *port)
{
    uint64_t v = 0;

    if (ion_parse_u64(ion_str_from(text), UINT16_MAX, &v) != ION_OK) {
        (void)cli_error("%s %s: a port is a number up to 65535", name, text);
        return false;
    }
    *port = (uint16_t)v;
    return true;
}

/* "name", "name:443", "1.2.3.4:443", "::1", "[::1]:443" */
static bool
read_target(const char *text, char host[HOST_MAX], uint16_t *port)
{
    ion_str_t whole = ion_str_from(text);
    ion_str_t name = whole;
    ion_addr_t addr;

    *port = DEFAULT_PORT;
    if (ion_addr_parse_ip(whole, &addr) != ION_OK) {
        if (whole.len > 2 && text[0] == '[' && text[whole.len - 1] == ']') {
            name = (ion_str_t){ text + 1, whole.len - 2 };
        } else if (memchr(text, ':', whole.len) != NULL &&
                   ion_addr_split(whole, &name, port) != ION_OK)
        {
            name.len = 0;
        }
    }
    if (name.len == 0 || name.len >= HOST_MAX || *port == 0) {
        (void)cli_error("%s: want HOST or HOST:PORT", text);
        return false;
    }
    (void)snprintf(host, HOST_MAX, "%.*s", (int)name.len, name.p);
    return true;
}

static bool
read_trust(const cli_opts_t *opts, ion_probe_config_t *conf)
{
    static const char prefix[] = "sha256-raw:";
    ion_str_t pin;

    conf->is_plain = opts->is_plain;
    conf->trust = ION_TLS_TRUST_SYSTEM;
    if (opts->is_insecure) {
        conf->trust = ION_TLS_TRUST_NONE;
    }
    if (opts->pin == NULL) {
        return true;
    }
    pin = ion_str_from(opts->pin);
    if (ion_str_has_prefix(pin, ION_STR("sha256-raw:"))) {
        pin.p += sizeof(prefix) - 1;
        pin.len -= sizeof(prefix) - 1;
    }
    if (ion_hex_decode(conf->pin, sizeof(conf->pin), pin) != ION_OK) {
        (void)cli_error("--pin %s: want sha256-raw: and 64 hex digits, as "
                        "\"ionscale status\" prints it",
            opts->pin);
        return false;
    }
    conf->trust = ION_TLS_TRUST_PIN;
    return true;
}

static void
take_addresses(
    ion_probe_config_t *conf, const struct addrinfo *list, uint16_t port)
{
    for (; list != NULL && conf->addr_count < ION_PROBE_ADDRS_MAX;
         list = list->ai_next)
    {
        ion_addr_t *addr = &conf->addrs[conf->addr_count];

        if (ion_addr_from_sockaddr(list->ai_addr, list->ai_addrlen, addr) ==
            ION_OK) {
            addr->port = port;
            conf->addr_count++;
        }
    }
}

/* Addresses of the host; returns NULL, or why there are none. */
static const char *
resolve(ion_probe_config_t *conf, uint16_t port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct gaicb ask = { .ar_name = conf->host, .ar_request = &hints };
    struct gaicb *asks[] = { &ask };
    const struct gaicb *waits[] = { &ask };
    struct timespec limit = { .tv_sec = RESOLVE_SECONDS };
    int rc = getaddrinfo_a(GAI_NOWAIT, asks, 1, NULL);

    if (rc == 0) {
        (void)gai_suspend(waits, 1, &limit);
        rc = gai_error(&ask);
    }
    if (rc == EAI_INPROGRESS) {
        (void)gai_cancel(&ask);
        return "the name server does not answer";
    }
    if (rc != 0) {
        return gai_strerror(rc);
    }
    take_addresses(conf, ask.ar_result, port);
    freeaddrinfo(ask.ar_result);
    return conf->addr_count == 0 ? "no address" : NULL;
}

static void
add_json_check(ion_jw_t *w, const ion_probe_check_t *check)
{
    ion_jw_object_begin(w);
    ion_jw_key(w, "name");
    ion_jw_strz(w, check->name);
    ion_jw_key(w, "state");
    ion_jw_strz(w, state_names[check->state]);
    ion_jw_key(w, "ms");
    if (check->ms < 0) {
        ion_jw_null(w);
    } else {
        /* microseconds are enough */
        ion_jw_f64(w, (double)(int64_t)(check->ms * 1000) / 1000);
    }
    ion_jw_key(w, "detail");
    ion_jw_strz(w, check->detail);
    ion_jw_object_end(w);
}

static void
print_json(const ion_probe_config_t *conf, uint16_t port,
    const ion_probe_result_t *result)
{
    ion_sb_t sb;
    ion_jw_t w;

    ion_sb_init(&sb, JSON_MAX);
    ion_jw_init(&w, &sb, 2);
    ion_jw_object_begin(&w);
    ion_jw_key(&w, "host");
    ion_jw_strz(&w, conf->host);
    ion_jw_key(&w, "port");
    ion_jw_u64(&w, port);
    ion_jw_key(&w, "ok");
    ion_jw_bool(&w, result->failed == 0);
    ion_jw_key(&w, "checks");
    ion_jw_array_begin(&w);
    for (size_t i = 0; i < result->count; i++) {
        add_json_check(&w, &result->checks[i]);
    }
    ion_jw_array_end(&w);
    ion_jw_object_end(&w);
    if (!sb.failed) {
        (void)fwrite(sb.p, 1, sb.len, stdout);
        (void)putchar('\n');
    }
    ion_sb_fini(&sb);
}

static void
print_table(const ion_probe_result_t *result)
{
    static const char *const head[] = { "CHECK", "RESULT", "MS", "DETAIL" };
    cli_table_t t;

    cli_table_init(&t, head, ION_ARRAY_LEN(head));
    for (size_t i = 0; i < result->count; i++) {
        const ion_probe_check_t *check = &result->checks[i];

        cli_table_addf(&t, "%s", check->name);
        cli_table_addf(&t, "%s", state_names[check->state]);
        if (check->ms < 0) {
            cli_table_addf(&t, "-");
        } else {
            cli_table_addf(&t, "%.2f", check->ms);
        }
        cli_table_add(&t, ion_str_from(check->detail));
    }
    if (!cli_table_print(&t)) {
        (void)cli_error("no memory");
    }
}

/* The checks, or the one that there is when the host has no address. */
static bool
probe(ion_probe_config_t *conf, uint16_t port, ion_probe_result_t *result)
{
    const char *why = resolve(conf, port);
    ion_err_t rc;

    if (why != NULL) {
        ion_probe_check_t *check = &result->checks[0];

        *result = (ion_probe_result_t){ .count = 1, .failed = 1 };
        check->name = "resolve";
        check->state = ION_PROBE_FAILED;
        check->ms = -1;
        (void)snprintf(check->detail, sizeof(check->detail), "%s", why);
        return true;
    }
    rc = ion_probe_run(conf, result);
    if (rc != ION_OK) {
        (void)cli_error("the probe could not begin: %s", ion_strerror(rc));
    }
    return rc == ION_OK;
}

int
cli_run_derp_probe(const cli_opts_t *opts)
{
    ion_probe_config_t conf = { .stun_port = DEFAULT_STUN_PORT,
        .timeout_ms = STEP_MS,
        .now = ion_wall_now_ms() / 1000 };
    ion_probe_result_t result;
    char host[HOST_MAX];
    uint16_t port;
    int status;

    if (!read_target(opts->target, host, &port) || !read_trust(opts, &conf) ||
        (opts->stun_port != NULL &&
            !read_port("--stun-port", opts->stun_port, &conf.stun_port)))
    {
        return 1;
    }
    conf.host = host;
    if (ion_crypto_init() != ION_OK || !probe(&conf, port, &result)) {
        return 1;
    }
    if (opts->is_json) {
        print_json(&conf, port, &result);
    } else {
        print_table(&result);
    }
    status = cli_finish();
    return status == 0 && result.failed > 0 ? EXIT_UNHEALTHY : status;
}
