/*
 * test_bundle.c -- what the master makes of a configuration: sockets that are
 * kept, moved and refused, keys and certificates that stay, all errors at once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/hash.h"
#include "main/bundle.h"
#include "main/conf_tables.h"
#include "main/tickets.h"
#include "os/memfd.h"
#include "os/sock.h"

typedef struct {
    bundle_maker_t maker;
    ion_log_sink_t *sink;
    ion_log_t log;
    char dir[64];
    ion_sb_t lines;
} rig_t;

static int
rig_up(void **state)
{
    rig_t *r = calloc(1, sizeof(*r));
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_non_null(r);
    assert_int_equal(ion_crypto_init(), ION_OK);
    (void)snprintf(r->dir, sizeof(r->dir), "/tmp/ion-bundle-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    assert_int_equal(ion_log_sink_new(null, "test", &r->sink), ION_OK);
    r->log = (ion_log_t){ .sink = r->sink };
    r->maker = (bundle_maker_t){
        .state_dir = r->dir,
        .control_path = "control.sock",
        .uid = (uid_t)-1,
        .gid = (gid_t)-1,
        .max_workers = 4,
        .next_socket_id = 1,
        .next_generation = 1,
        .tickets_fd = -1,
        .log = &r->log,
    };
    ion_sb_init(&r->lines, 65536);
    *state = r;
    return 0;
}

static int
rig_down(void **state)
{
    static const char *const files[] = { "derp.key", "tls.crt", "tls.key" };
    rig_t *r = *state;
    char path[128];
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", r->dir, files[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(r->dir), 0); /* nothing else was left there */
    if (r->maker.tickets_fd >= 0) {
        assert_int_equal(close(r->maker.tickets_fd), 0);
    }
    ion_log_sink_free(&r->sink);
    ion_sb_fini(&r->lines);
    free(r);
    return 0;
}

static ion_err_t
make(rig_t *r, const char *yaml, const bundle_t *now, bundle_t **out)
{
    char text[2048];
    ion_conf_t *conf = NULL;
    ion_errtext_t why = { "" };
    int n = snprintf(text, sizeof(text),
        "metrics_listen_addr: \"\"\n"
        "state_dir: %s\nmax_workers: 4\n%s",
        r->dir, yaml);
    assert_in_range(n, 1, (int)sizeof(text) - 1);
    ion_err_t rc =
        conf_tables_parse((ion_str_t){ text, (size_t)n }, &conf, &why);
    if (rc != ION_OK) {
        fail_msg("%s", why.msg);
    }
    return bundle_new(&r->maker, conf, now, out, &r->lines);
}

static const char base[] = "listen_addr: 127.0.0.1:0\n"
                           "stun_listen_addr: 127.0.0.1:0\n"
                           "workers: 2\n";

static bundle_t *
must_make(rig_t *r, const char *yaml, const bundle_t *now)
{
    bundle_t *b = NULL;
    if (make(r, yaml, now, &b) != ION_OK) {
        fail_msg("%.*s", ION_STR_ARG(ion_sb_str(&r->lines)));
    }
    return b;
}

static const bundle_socket_t *
socket_of(const bundle_t *b, const char *name, uint32_t index)
{
    for (size_t i = 0; i < b->socket_count; i++) {
        if (strcmp(b->sockets[i]->name, name) == 0 &&
            b->sockets[i]->index == index) {
            return b->sockets[i];
        }
    }
    return NULL;
}

static void
one_socket_per_index_on_one_real_port(void **state)
{
    rig_t *r = *state;
    bundle_t *b = must_make(r, base, NULL);
    const bundle_socket_t *zero = socket_of(b, "listen_addr", 0);
    const bundle_socket_t *one = socket_of(b, "listen_addr", 1);
    assert_int_equal(b->socket_count, 4);
    assert_int_not_equal(zero->addr.port, 0);
    assert_int_equal(zero->addr.port, one->addr.port);
    assert_int_not_equal(zero->fd, one->fd);
    assert_int_not_equal(zero->id, one->id);
    bundle_free(&b);
}

static void
a_reload_keeps_what_stays_and_closes_what_goes(void **state)
{
    rig_t *r = *state;
    bundle_t *now = must_make(r, base, NULL);
    const bundle_socket_t *tcp = socket_of(now, "listen_addr", 0);
    int stun_fd = socket_of(now, "stun_listen_addr", 1)->fd;
    bundle_t *next = must_make(r,
        "listen_addr: 127.0.0.1:0\n"
        "stun_listen_addr: \"\"\nworkers: 3\n",
        now);
    assert_ptr_equal(socket_of(next, "listen_addr", 0), tcp);
    assert_int_equal(
        socket_of(next, "listen_addr", 2)->addr.port, tcp->addr.port);
    assert_null(socket_of(next, "stun_listen_addr", 0));
    bundle_free(&now);
    assert_true(fcntl(tcp->fd, F_GETFD) >= 0);
    assert_true(fcntl(stun_fd, F_GETFD) < 0);
    bundle_free(&next);
}

/* A listener of somebody else on a port of the kernel's choice. */
static int
strangers_port(uint16_t *port, bool reuse)
{
    const ion_addr_t any = { .family = 4, .ip = { 127, 0, 0, 1 } };
    const ion_sock_opts_t opts = { .reuse_port = reuse };
    ion_addr_t got;
    int fd;
    assert_int_equal(ion_sock_listen_tcp(&any, &opts, &fd, NULL), ION_OK);
    assert_int_equal(ion_sock_local(fd, &got), ION_OK);
    *port = got.port;
    return fd;
}

static void
a_taken_port_is_refused_even_if_it_could_be_shared(void **state)
{
    rig_t *r = *state;
    for (int reuse = 0; reuse < 2; reuse++) {
        uint16_t port;
        int fd = strangers_port(&port, reuse == 1);
        char yaml[256];
        bundle_t *b = NULL;
        (void)snprintf(yaml, sizeof(yaml),
            "listen_addr: 127.0.0.1:%u\n"
            "stun_listen_addr: 127.0.0.1:0\nworkers: 2\n",
            port);
        assert_int_equal(make(r, yaml, NULL, &b), ION_DENIED);
        assert_null(b);
        assert_non_null(strstr(r->lines.p, "listen_addr"));
        assert_non_null(strstr(r->lines.p, "127.0.0.1:"));
        assert_int_equal(close(fd), 0);
        ion_sb_reset(&r->lines);
    }
}

static void
all_reasons_come_together(void **state)
{
    rig_t *r = *state;
    uint16_t port;
    int fd = strangers_port(&port, false);
    char yaml[512];
    bundle_t *b = NULL;
    (void)snprintf(yaml, sizeof(yaml),
        "listen_addr: 127.0.0.1:%u\n"
        "http_listen_addr: 192.0.2.1:8080\nstun_listen_addr: 127.0.0.1:0\n"
        "tls: {cert_file: /nonexistent/c.pem, key_file: /nonexistent/k.pem}\n"
        "workers: 1\n",
        port);
    assert_int_equal(make(r, yaml, NULL, &b), ION_DENIED);
    assert_non_null(strstr(r->lines.p, "http_listen_addr: cannot bind"));
    assert_non_null(strstr(r->lines.p, "/nonexistent/c.pem"));
    assert_non_null(strstr(r->lines.p, "/nonexistent/k.pem"));
    assert_int_equal(close(fd), 0);
}

/* Our own port on another address is no excuse for sharing a stranger's. */
static void
the_same_port_elsewhere_is_probed_too(void **state)
{
    rig_t *r = *state;
    bundle_t *now = must_make(r, base, NULL);
    ion_addr_t other = { .family = 4, .ip = { 127, 0, 0, 2 } };
    const ion_sock_opts_t opts = { .reuse_port = true };
    char yaml[256];
    bundle_t *next = NULL;
    int fd;
    other.port = socket_of(now, "listen_addr", 0)->addr.port;
    assert_int_equal(ion_sock_listen_tcp(&other, &opts, &fd, NULL), ION_OK);
    (void)snprintf(yaml, sizeof(yaml),
        "listen_addr: 127.0.0.2:%u\n"
        "stun_listen_addr: 127.0.0.1:0\nworkers: 2\n",
        other.port);
    assert_int_equal(make(r, yaml, now, &next), ION_DENIED);
    assert_non_null(strstr(r->lines.p, "127.0.0.2:"));
    assert_int_equal(close(fd), 0);
    bundle_free(&now);
}

static void
identity_and_certificate_are_kept(void **state)
{
    rig_t *r = *state;
    bundle_t *a = must_make(r, base, NULL);
    bundle_t *b = must_make(r, base, a);
    char path[128];
    struct stat st;
    assert_string_equal(a->facts.public_key, b->facts.public_key);
    assert_memory_equal(
        a->facts.cert.pin, b->facts.cert.pin, sizeof(a->facts.cert.pin));
    assert_string_equal(a->facts.cert_source, "self-signed");
    assert_int_equal(a->map.len, b->map.len);
    assert_memory_equal(a->map.p, b->map.p, a->map.len);
    assert_int_equal(b->generation, a->generation + 1);
    (void)snprintf(path, sizeof(path), "%s/derp.key", r->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    bundle_free(&a);
    bundle_free(&b);
}

static void
a_new_name_makes_a_new_certificate_an_address_does_not(void **state)
{
    rig_t *r = *state;
    char yaml[512];
    bundle_t *a = must_make(r, base, NULL);
    (void)snprintf(yaml, sizeof(yaml), "%spublic_addr: 192.0.2.7:443\n", base);
    bundle_t *b = must_make(r, yaml, a);
    (void)snprintf(
        yaml, sizeof(yaml), "%spublic_addr: relay.example.com:443\n", base);
    bundle_t *c = must_make(r, yaml, b);
    assert_memory_equal(
        a->facts.cert.pin, b->facts.cert.pin, sizeof(a->facts.cert.pin));
    assert_memory_not_equal(
        b->facts.cert.pin, c->facts.cert.pin, sizeof(a->facts.cert.pin));
    assert_non_null(strstr(b->map.p, "\"HostName\":\"192.0.2.7\""));
    assert_non_null(strstr(b->map.p, "\"DERPPort\":443"));
    assert_non_null(strstr(c->map.p, "\"HostName\":\"relay.example.com\""));
    bundle_free(&a);
    bundle_free(&b);
    bundle_free(&c);
}

static void
a_broken_key_file_is_never_replaced(void **state)
{
    rig_t *r = *state;
    char path[128];
    char text[16] = "";
    bundle_t *b = NULL;
    (void)snprintf(path, sizeof(path), "%s/derp.key", r->dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "not a key", 9), 9);
    assert_int_equal(close(fd), 0);
    assert_int_equal(make(r, base, NULL, &b), ION_DENIED);
    assert_non_null(strstr(r->lines.p, "derp.key is not a relay key file"));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, sizeof(text)), 9);
    assert_int_equal(close(fd), 0);
    assert_memory_equal(text, "not a key", 9);
}

static void
a_dry_run_writes_nothing(void **state)
{
    rig_t *r = *state;
    char path[128];
    r->maker.is_dry = true;
    bundle_t *b = must_make(r, base, NULL);
    (void)snprintf(path, sizeof(path), "%s/derp.key", r->dir);
    assert_int_not_equal(access(path, F_OK), 0);
    bundle_free(&b);
}

static void
new_ticket_keys_change_nothing_else(void **state)
{
    rig_t *r = *state;
    assert_int_equal(tickets_rotate(&r->maker.tickets_fd), ION_OK);
    bundle_t *a = must_make(r, base, NULL);
    bundle_t *b = NULL;
    assert_int_equal(tickets_rotate(&r->maker.tickets_fd), ION_OK);
    assert_int_equal(bundle_renew(&r->maker, a, &b), ION_OK);
    assert_int_equal(a->blob_count, b->blob_count);
    assert_int_equal(a->socket_count, b->socket_count);
    for (size_t i = 0; i < a->socket_count; i++) {
        assert_ptr_equal(a->sockets[i], b->sockets[i]);
    }
    assert_int_equal(b->workers, 2);
    assert_memory_equal(a->map.p, b->map.p, a->map.len);
    bundle_free(&a);
    bundle_free(&b);
}

static const bundle_blob_t *
blob_of(const bundle_t *b, const char *name)
{
    for (size_t i = 0; i < b->blob_count; i++) {
        if (strcmp(b->blobs[i].name, name) == 0) {
            return &b->blobs[i];
        }
    }
    return NULL;
}

/* T62: the digits in either case, blanks around them, and nothing else. */
static void
test_t62_mesh_key_file(void **state)
{
    static const char hex[] = "0123456789abcdef0123456789ABCDEF"
                              "0123456789abcdef0123456789abcdef";
    static const char zeros[] = "00000000000000000000000000000000"
                                "00000000000000000000000000000000";
    static const struct {
        const char *before;
        int digits;
        const char *behind;
        bool good;
    } cases[] = {
        { "", 64, "", true },
        { "  ", 64, "\n", true },
        { "\t", 64, " \r\n\n", true },
        { "", 63, "", false },
        { "", 64, "0", false },
        { "", 64, "\n0", false },
        { "badf00d", 0, "", false },
        { "", 0, zeros, false },
        { "", 0, "", false },
    };
    rig_t *r = *state;
    char path[128], yaml[512];
    (void)snprintf(path, sizeof(path), "%s/mesh", r->dir);
    (void)snprintf(
        yaml, sizeof(yaml), "%sderp: {mesh_key_file: %s}\n", base, path);
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        bundle_t *b = NULL;
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        assert_true(fprintf(f, "%s%.*s%s", cases[i].before, cases[i].digits,
                        hex, cases[i].behind) >= 0);
        assert_int_equal(fclose(f), 0);
        ion_sb_reset(&r->lines);
        assert_int_equal(
            make(r, yaml, NULL, &b), cases[i].good ? ION_OK : ION_DENIED);
        if (cases[i].good) {
            const bundle_blob_t *blob = blob_of(b, "mesh.key");
            char *bytes = NULL;
            size_t n = 0;
            assert_non_null(blob);
            assert_true(blob->is_secret);
            assert_int_equal(blob->roles, ION_ROLE_WORKER);
            assert_int_equal(ion_memfd_read(blob->fd, 64, &bytes, &n), ION_OK);
            assert_int_equal(n, 32);
            assert_int_equal((uint8_t)bytes[0], 0x01);
            assert_int_equal((uint8_t)bytes[15], 0xef);
            free(bytes);
        } else {
            assert_non_null(strstr(r->lines.p, "derp.mesh_key_file: "));
            assert_non_null(strstr(r->lines.p, path));
            assert_non_null(strstr(r->lines.p, "64 hex digits"));
            assert_null(strstr(r->lines.p, "0123456789"));
        }
        bundle_free(&b);
    }
    (void)unlink(path);
    /* a file that is not there; and no file wanted: no key */
    bundle_t *b = NULL;
    ion_sb_reset(&r->lines);
    assert_int_equal(make(r, yaml, NULL, &b), ION_DENIED);
    assert_non_null(strstr(r->lines.p, "derp.mesh_key_file: cannot read"));
    b = must_make(r, base, NULL);
    assert_null(blob_of(b, "mesh.key"));
    bundle_free(&b);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
    const struct CMUnitTest tests[] = {
        CASE(one_socket_per_index_on_one_real_port),
        CASE(a_reload_keeps_what_stays_and_closes_what_goes),
        CASE(a_taken_port_is_refused_even_if_it_could_be_shared),
        CASE(all_reasons_come_together),
        CASE(the_same_port_elsewhere_is_probed_too),
        CASE(identity_and_certificate_are_kept),
        CASE(a_new_name_makes_a_new_certificate_an_address_does_not),
        CASE(a_broken_key_file_is_never_replaced),
        CASE(a_dry_run_writes_nothing),
        CASE(test_t62_mesh_key_file),
        CASE(new_ticket_keys_change_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
