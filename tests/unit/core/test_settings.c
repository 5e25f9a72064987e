/*
 * test_settings.c -- automatic values, rules over several keys, and what a
 * reload may change.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/conf_rig.h"
#include "os/rlimit.h"

static const ion_settings_t *
load(conf_rig_t *rig, const char *text)
{
    conf_rig_load(rig, text, NULL);
    assert_string_equal(conf_rig_notes(rig), "");
    assert_non_null(rig->conf);
    return ion_conf_settings(rig->conf);
}

static void
test_defaults(void **state)
{
    conf_rig_t rig = { .env = { { "HOME", "/home/x" } } };
    const ion_settings_t *s = load(&rig, NULL);

    (void)state;
    assert_true(s->listen_addr.on);
    assert_int_equal(s->listen_addr.addr.family, 0);
    assert_int_equal(s->listen_addr.addr.port, 8080);
    assert_false(s->http_listen_addr.on);
    assert_int_equal(s->metrics_listen_addr.addr.family, 4);
    assert_true(ion_addr_is_loopback(&s->metrics_listen_addr.addr));
    assert_int_equal(s->metrics_listen_addr.addr.port, 9091);
    assert_int_equal(s->stun_listen_addr.addr.port, 3478);
    assert_false(s->public_addr.set);
    assert_true(s->public_addr.is_https);
    assert_false(s->stun_public_addr.set);
    assert_false(s->tls_disable);
    assert_true(s->tls_force_https);
    assert_true(s->tls_self_signed);
    assert_int_equal(s->worker_shutdown_timeout_ms, 0);
    assert_int_equal(s->max_clients, 100000);
    assert_int_equal(s->fabric_memory, 256 << 20);
    assert_int_equal(s->sandbox, ION_SANDBOX_AUTO);
    assert_int_equal(s->home, ION_HOME_BLANK);
    assert_int_equal(s->log_level, ION_LOG_INFO);
    assert_int_equal(s->log_format, ION_LOG_TEXT);
    assert_string_equal(s->log_file, "");
    assert_false(s->derp_disabled);
    assert_int_equal(s->derp_region_id, 1000);
    assert_string_equal(s->derp_region_code, "ionscale");
    assert_string_equal(s->derp_region_name, "ionscale Embedded DERP");
    conf_rig_done(&rig);
}

static void
test_workers(void **state)
{
    static const struct {
        const char *text;
        uint64_t workers; /* 0: as many as CPUs, at least 2 */
        uint64_t max;     /* 0: twice the CPUs, at least 8 */
    } cases[] = {
        { "workers: auto", 0, 0 },
        { "workers: 1", 1, 0 },
        { "workers: 64", 64, 64 },
        { "workers: 3\nmax_workers: 3", 3, 3 },
        { "max_workers: 1", 1, 1 },
    };
    uint64_t cpus = ion_cpu_count();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        conf_rig_t rig = { .env = { { "HOME", "/home/x" } } };
        const ion_settings_t *s = load(&rig, cases[i].text);
        uint64_t workers = cases[i].workers;
        uint64_t max = cases[i].max;

        if (workers == 0) {
            workers = cpus < 2 ? 2 : cpus > 64 ? 64 : cpus;
        }
        if (max == 0) {
            max = 2 * cpus < 8 ? 8 : 2 * cpus > 64 ? 64 : 2 * cpus;
        }
        assert_int_equal(s->workers, workers);
        assert_int_equal(s->max_workers, max);
        conf_rig_done(&rig);
    }
}

/* As an ordinary user the state lies where XDG says. */
static void
case_user_paths(void)
{
    static const struct {
        conf_rig_env_t env[3];
        const char *text;
        const char *state_dir; /* NULL: an error */
        const char *socket;
        const char *pid_file;
    } cases[] = {
        { { { "XDG_STATE_HOME", "/x" }, { "HOME", "/h" } }, NULL, "/x/ionscale",
            "/x/ionscale/control.sock", "/x/ionscale/ionscale.pid" },
        { { { "HOME", "/h" } }, NULL, "/h/.local/state/ionscale",
            "/h/.local/state/ionscale/control.sock",
            "/h/.local/state/ionscale/ionscale.pid" },
        { { { "XDG_STATE_HOME", "rel" }, { "HOME", "/h" } }, NULL,
            "/h/.local/state/ionscale", "/h/.local/state/ionscale/control.sock",
            "/h/.local/state/ionscale/ionscale.pid" },
        { { { "XDG_STATE_HOME", "/bad\xff" }, { "HOME", "/h" } }, NULL,
            "/h/.local/state/ionscale", "/h/.local/state/ionscale/control.sock",
            "/h/.local/state/ionscale/ionscale.pid" },
        { { { NULL, NULL } }, "state_dir: /s", "/s", "/s/control.sock",
            "/s/ionscale.pid" },
        { { { NULL, NULL } },
            "state_dir: /s\ncontrol_socket: /c/s\npid_file: /p/f", "/s", "/c/s",
            "/p/f" },
        { { { NULL, NULL } }, NULL, NULL, NULL, NULL },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        conf_rig_t rig = { .rc = ION_OK };
        const ion_settings_t *s;

        memcpy(rig.env, cases[i].env, sizeof(cases[i].env));
        conf_rig_load(&rig, cases[i].text, NULL);
        if (cases[i].state_dir == NULL) {
            assert_string_equal(conf_rig_notes(&rig),
                "state_dir: neither XDG_STATE_HOME nor HOME says where state "
                "may be kept: a directory is needed here\n");
        } else {
            assert_string_equal(conf_rig_notes(&rig), "");
            s = ion_conf_settings(rig.conf);
            assert_string_equal(s->state_dir, cases[i].state_dir);
            assert_string_equal(s->control_socket, cases[i].socket);
            assert_string_equal(s->pid_file, cases[i].pid_file);
        }
        conf_rig_done(&rig);
    }
}

static void
test_paths(void **state)
{
    uid_t me = geteuid();

    (void)state;
    if (me == 0) {
        conf_rig_t rig = { .rc = ION_OK };
        const ion_settings_t *s = load(&rig, NULL);

        assert_string_equal(s->state_dir, "/var/lib/ionscale");
        assert_string_equal(s->control_socket, "/run/ionscale/control.sock");
        assert_string_equal(s->pid_file, "/run/ionscale/ionscale.pid");
        conf_rig_done(&rig);
        assert_int_equal(seteuid(65534), 0);
    }
    case_user_paths();
    assert_int_equal(seteuid(me), 0);
}

/* One file a line: all that is said about it. */
static const struct {
    const char *text;
    ion_err_t rc;
    const char *notes;
} rules[] = {
    { "workers: 4\nmax_workers: 3\n", ION_MALF,
        "FILE:1:10: workers: 4 is above max_workers, which is 3\n" },
    { "tls: {cert_file: /c}\n", ION_MALF,
        "FILE:1:18: tls.cert_file: a certificate without its key: "
        "tls.key_file is needed too\n" },
    { "tls: {key_file: /k}\n", ION_MALF,
        "FILE:1:17: tls.key_file: a key without its certificate: "
        "tls.cert_file is needed too\n" },
    { "tls: {cert_file: /c, key_file: /k}\n", ION_OK, "" },
    { "tls: {cert_file: /c, key_file: /k, disable: yes}\n"
      "public_addr: x.example:443\n",
        ION_OK,
        "warning FILE:1:18: tls.cert_file: not used, because tls.disable "
        "is true\n" },
    { "tls: {disable: true}\npublic_addr: http://x.example:80\n", ION_OK,
        "warning FILE:1:16: tls.disable: clients are told to reach the "
        "relay over TLS all the same: with a proxy in front give its "
        "https:// address as public_addr\n" },
    { "tls: {disable: true}\n"
      "public_addr: http://x.example:80\n"
      "derp: {server: {disabled: true}}\n",
        ION_OK, "" },
    { "tls: {disable: true}\npublic_addr: x.example:443\n", ION_OK, "" },
    { "public_addr: 'https://[2001:db8::1]:443'\n", ION_OK,
        "warning FILE:1:14: public_addr: clients cannot use an IPv6 "
        "literal as a relay's name, a DNS name or an IPv4 address is "
        "needed\n" },
    { "public_addr: example.com\n", ION_MALF,
        "FILE:1:14: public_addr: \"example.com\" is not allowed, "
        "[https://|http://]host:port is needed, where host is a DNS name "
        "or an IP address that clients can reach\n" },
    { "stun_public_addr: https://example.com:3478\n", ION_MALF,
        "FILE:1:19: stun_public_addr: \"https://example.com:3478\" is not "
        "allowed, host:port is needed, where host is a DNS name or an IP "
        "address that clients can reach\n" },
    { "derp: {server: {region_id: 0}}\n", ION_MALF,
        "FILE:1:28: derp.server.region_id: \"0\" is not allowed, a number "
        "from 1 to 65535 is needed\n" },
    { "derp: {server: {region_id: -5}}\n", ION_MALF,
        "FILE:1:28: derp.server.region_id: \"-5\" is not allowed, a "
        "number from 1 to 65535 is needed\n" },
    { "derp: {server: {region_id: 9007199254740993}}\n", ION_MALF,
        "FILE:1:28: derp.server.region_id: \"9007199254740993\" is not "
        "allowed, a number from 1 to 65535 is needed\n" },
    { "derp: {server: {region_code: ''}}\n", ION_MALF,
        "FILE:1:30: derp.server.region_code: 0 bytes are not allowed, 1 "
        "to 32 are needed\n" },
    { "home: page\n", ION_OK, "" },
    { "home: https://example.com/x?y#z\n", ION_OK, "" },
    { "home: ftp://example.com\n", ION_MALF,
        "FILE:1:7: home: \"ftp://example.com\" is not allowed, blank, "
        "page or an http:// or https:// address is needed\n" },
    { "home: \"http://a b\"\n", ION_MALF,
        "FILE:1:7: home: \"http://a b\" is not allowed, blank, page or an "
        "http:// or https:// address is needed\n" },
    { "listen_addr: ''\n", ION_MALF,
        "FILE:1:14: listen_addr: empty is not allowed, clients need an "
        "address to connect to\n" },
    { "listen_addr: ':80'\nhttp_listen_addr: '127.0.0.1:80'\n", ION_MALF,
        "FILE:2:19: http_listen_addr: the port of listen_addr\n" },
    { "metrics_listen_addr: ':8080'\n", ION_MALF,
        "FILE:1:22: metrics_listen_addr: the port of listen_addr\n" },
    { "http_listen_addr: ':0'\nlisten_addr: ':0'\n"
      "metrics_listen_addr: ':0'\nstun_listen_addr: ':0'\n",
        ION_OK, "" },
    { "http_listen_addr: '127.0.0.2:8081'\n"
      "metrics_listen_addr: '127.0.0.1:8081'\n",
        ION_OK, "" },
    { "listen_addr: ':3478'\n", ION_OK, "" }, /* TCP beside STUN's UDP */
    { "listen_addr: '0.0.0.0:1'\nhttp_listen_addr: '[::1]:1'\n", ION_OK, "" },
    { "listen_addr: '0.0.0.0:1'\nhttp_listen_addr: '[::]:1'\n", ION_MALF,
        "FILE:2:19: http_listen_addr: the port of listen_addr\n" },
    { "listen_addr: '[::]:1'\nhttp_listen_addr: '127.0.0.1:1'\n", ION_MALF,
        "FILE:2:19: http_listen_addr: the port of listen_addr\n" },
    { "stun_listen_addr: ''\n", ION_OK, "" },
    { "control_socket: "
      "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
        ION_MALF,
        "FILE:1:17: control_socket: "
        "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa has 108 bytes, a socket's "
        "path has at most 107\n" },
    { "accept_burst: 0\n", ION_MALF,
        "FILE:1:15: accept_burst: \"0\" is not allowed, a number from 1 "
        "to 1000000 is needed\n" },
    { "logging: {level: ERROR, format: json, file: /x}\n", ION_OK, "" },
};

static void
test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        conf_rig_t rig = { .env = { { "HOME", "/home/x" } } };

        conf_rig_load(&rig, rules[i].text, NULL);
        assert_string_equal(conf_rig_notes(&rig), rules[i].notes);
        assert_int_equal(rig.rc, rules[i].rc);
        conf_rig_done(&rig);
    }
}

static void
test_public(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        bool is_https;
        const char *host;
        bool is_ip;
        uint16_t port;
    } cases[] = {
        { "ionscale.example.com:443", true, true, "ionscale.example.com", false,
            443 },
        { "https://a:1", true, true, "a", false, 1 },
        { "HTTP://a_b-c.d:8080", true, false, "a_b-c.d", false, 8080 },
        { "192.0.2.7:0", true, true, "192.0.2.7", true, 0 },
        { "http://[2001:db8::1]:443", true, false, "2001:db8::1", true, 443 },
        { "localhost:8080", true, true, "localhost", false, 8080 },
        { "2001:db8::1", false, true, NULL, false, 0 },
        { "[a.b]:1", false, true, NULL, false, 0 },
        { "[192.0.2.1]:1", false, true, NULL, false, 0 },
        { "0.0.0.0:1", false, true, NULL, false, 0 },
        { "[::]:1", false, true, NULL, false, 0 },
        { "1.2.3:1", false, true, NULL, false, 0 },
        { "1.2.3.4.5:1", false, true, NULL, false, 0 },
        { "a..b:1", false, true, NULL, false, 0 },
        { "-a.b:1", false, true, NULL, false, 0 },
        { "a.b.:1", false, true, NULL, false, 0 },
        { "a b:1", false, true, NULL, false, 0 },
        { "a/b:1", false, true, NULL, false, 0 },
        { "u@a:1", false, true, NULL, false, 0 },
        { "https://a:1/path", false, true, NULL, false, 0 },
        { "https://", false, true, NULL, false, 0 },
        { ":443", false, true, NULL, false, 0 },
        { "a:65536", false, true, NULL, false, 0 },
        { "a:-1", false, true, NULL, false, 0 },
        { "a:", false, true, NULL, false, 0 },
        { "ftp://a:1", false, true, NULL, false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        conf_rig_t rig = { .env = { { "HOME", "/home/x" } } };
        char text[128];

        (void)snprintf(
            text, sizeof(text), "public_addr: '%s'\n", cases[i].text);
        conf_rig_load(&rig, text, NULL);
        assert_int_equal(rig.rc, cases[i].ok ? ION_OK : ION_MALF);
        if (cases[i].ok) {
            const ion_public_t *p = &ion_conf_settings(rig.conf)->public_addr;

            assert_true(p->set);
            assert_int_equal(p->is_https, cases[i].is_https);
            assert_string_equal(p->host, cases[i].host);
            assert_int_equal(p->is_ip, cases[i].is_ip);
            assert_int_equal(p->port, cases[i].port);
        }
        conf_rig_done(&rig);
    }
}

static void
test_reload(void **state)
{
    static const struct {
        const char *next;
        const char *refused; /* NULL: may change */
    } cases[] = {
        { "workers: 4\nmax_workers: 4\n", NULL },
        { "listen_addr: ':1'\nworkers: 1\nmax_workers: 4\nhome: page\n"
          "tls: {cert_file: /c, key_file: /k}\nlogging: {level: debug}\n"
          "worker_shutdown_timeout: 5s\naccept_rate: 5\n",
            NULL },
        { "user: other\nmax_workers: 4\n",
            "user: cannot change from \"\" to \"other\" without a restart" },
        { "control_group: adm\nmax_workers: 4\n",
            "control_group: cannot change from \"\" to \"adm\" without a "
            "restart" },
        { "sandbox: off\nmax_workers: 4\n",
            "sandbox: cannot change from \"auto\" to \"off\" without a "
            "restart" },
        { "max_clients: 5\nmax_workers: 4\n",
            "max_clients: cannot change from 100000 to 5 without a restart" },
        { "max_workers: 5\n",
            "max_workers: cannot change from 4 to 5 without a restart" },
        { "workers: 5\n",
            "workers: 5 is above max_workers, which was fixed at 4 at start" },
        { "fabric_memory: 1MiB\nmax_workers: 4\n",
            "fabric_memory: cannot change from 268435456 to 1048576 without a "
            "restart" },
        { "state_dir: /elsewhere\nmax_workers: 4\n",
            "state_dir: cannot "
            "change from \"/s\" to \"/elsewhere\" without a restart" },
        { "control_socket: /c\nmax_workers: 4\n",
            "control_socket: cannot "
            "change from \"/s/c\" to \"/c\" without a restart" },
        { "pid_file: /p\nmax_workers: 4\n",
            "pid_file: cannot change from "
            "\"/s/p\" to \"/p\" without a restart" },
    };
    static const char base[] = "state_dir: /s\ncontrol_socket: /s/c\n"
                               "pid_file: /s/p\n";
    conf_rig_t old = { .rc = ION_OK };

    (void)state;
    conf_rig_load(&old, base, "workers: 2\nmax_workers: 4\n");
    assert_int_equal(old.rc, ION_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        conf_rig_t next = { .rc = ION_OK };
        ion_conf_notes_t *notes = NULL;
        ion_err_t rc;

        conf_rig_load(&next, base, cases[i].next);
        assert_int_equal(next.rc, ION_OK);
        assert_int_equal(ion_conf_notes_new(&notes), ION_OK);
        rc = ion_settings_reload_check(
            ion_conf_settings(old.conf), ion_conf_settings(next.conf), notes);
        assert_int_equal(rc, cases[i].refused == NULL ? ION_OK : ION_DENIED);
        if (cases[i].refused != NULL) {
            assert_int_equal(ion_conf_notes_count(notes), 1);
            assert_string_equal(
                ion_conf_notes_at(notes, 0).text, cases[i].refused);
        }
        ion_conf_notes_free(&notes);
        conf_rig_done(&next);
    }
    conf_rig_done(&old);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_workers),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_reload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
