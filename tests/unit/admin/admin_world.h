/*
 * admin_world.h -- a keeper, a worker's clients and the other end of the
 * control socket, in one process and on a fake clock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Included by one test program at a time: everything is static.
 */
#ifndef ION_TESTS_UNIT_ADMIN_ADMIN_WORLD_H
#define ION_TESTS_UNIT_ADMIN_ADMIN_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/admin_keeper.h"
#include "core/module.h"
#include "core/revision.h"
#include "event/loop.h"
#include "os/unix_sock.h"
#include "proto/admin_frame.h"
#include "shm/dir.h"
#include "shm/slots.h"

extern const ion_module_t admin_module;

static const ion_stat_desc_t world_stats[] = {
    { "derp_current_connections", NULL, ION_STAT_GAUGE, "Clients." },
    { "world_drops", "kind=\"a\"", ION_STAT_COUNTER, "Drops." },
    { "world_drops", "kind=\"b\"", ION_STAT_COUNTER, NULL },
    { "world_average", NULL, ION_STAT_UNTYPED, "An average." },
};

static const ion_module_t world_module = {
    .name = "world",
    .stats = world_stats,
    .stat_count = ION_ARRAY_LEN(world_stats),
};

const ion_module_t *const ion_modules[] = { &admin_module, &world_module,
    NULL };
const uint32_t ion_module_count = 2;
const char ion_revision[] = "abc";

enum {
    WORLD_STATS = 256,
    WORLD_CLIENTS = 4096,
};

typedef struct world {
    char dir[64];
    char path[96];
    int log_fd;
    ion_log_t log;
    ion_process_t p;
    ion_cycle_t cycle;
    ion_blob_t blobs[2];
    ion_socket_t sockets[4];
    ion_conf_t *conf;
    ion_shm_t *shm; /* the master's view, also used by the keeper here */
    ion_shm_t *workers[2];
    uint32_t slots[2];
    ion_err_t op_rc; /* what master_op answers */
    ion_op_done_pt done;
    void *done_arg;
    ion_master_op_t op;
    uint8_t kicked[32]; /* the last key the master was told */
    unsigned kicks;
    unsigned idle_calls;
} world_t;

static world_t *the_world; /* for callbacks that get no argument */

static inline ion_err_t
world_master_op(
    ion_process_t *p, ion_master_op_t op, ion_op_done_pt done, void *arg)
{
    world_t *w = the_world;

    assert_ptr_equal(p, &w->p);
    w->op = op;
    w->done = done;
    w->done_arg = arg;
    return w->op_rc;
}

static inline ion_err_t
world_kick(
    ion_process_t *p, const uint8_t key[32], ion_op_done_pt done, void *arg)
{
    world_t *w = the_world;

    assert_ptr_equal(p, &w->p);
    memcpy(w->kicked, key, sizeof(w->kicked));
    w->kicks++;
    w->done = done;
    w->done_arg = arg;
    return w->op_rc;
}

static inline void
world_idle(ion_process_t *p, uint32_t module)
{
    assert_ptr_equal(p, &the_world->p);
    assert_int_equal(module, 0);
    the_world->idle_calls++;
}

static inline void
world_worker(world_t *w, size_t i)
{
    int fds[ION_SHM_FDS_MAX];
    size_t n;

    assert_int_equal(
        ion_slots_alloc(w->shm, ION_SLOT_WORKER, (uint32_t)i, 1, &w->slots[i]),
        ION_OK);
    ion_slots_set_pid(w->shm, w->slots[i], (pid_t)(1000 + i));
    ion_slots_set_state(w->shm, w->slots[i], ION_SLOT_LIVE);
    n = ion_shm_fds(w->shm, ION_SLOT_WORKER, fds);
    for (size_t k = 0; k < n; k++) {
        fds[k] = fcntl(fds[k], F_DUPFD_CLOEXEC, 3);
        assert_true(fds[k] >= 0);
    }
    assert_int_equal(
        ion_shm_attach(ION_SLOT_WORKER, w->slots[i], fds, n, &w->workers[i]),
        ION_OK);
}

static inline void
world_conf(world_t *w, const char *more)
{
    char text[512];
    ion_conf_notes_t *notes;
    ion_conf_table_t table = { .name = "none" };
    ion_conf_source_t source = { .file = NULL };

    (void)snprintf(text, sizeof(text), "state_dir: %s\n%s", w->dir, more);
    source.effective = ion_str_from(text);
    assert_int_equal(ion_conf_notes_new(&notes), ION_OK);
    assert_int_equal(
        ion_conf_load(&source, &table, 1, notes, &w->conf), ION_OK);
    ion_conf_notes_free(&notes);
}

static inline void
world_blobs(world_t *w)
{
    static const char facts[] = "{\"public_key\":\"nodekey:00\","
                                "\"certificate\":{\"source\":\"files\"},"
                                "\"config_file\":null,\"state_dir\":\"/s\","
                                "\"control_socket\":\"/c\"}";
    static const char map[] = "{\"Regions\":{}}";

    strcpy(w->blobs[0].name, "facts");
    w->blobs[0].p = (const uint8_t *)facts;
    w->blobs[0].len = sizeof(facts) - 1;
    strcpy(w->blobs[1].name, "map");
    w->blobs[1].p = (const uint8_t *)map;
    w->blobs[1].len = sizeof(map) - 1;
}

static inline void
world_listeners(world_t *w)
{
    for (int i = 0; i < 2; i++) {
        w->sockets[i].id = (uint32_t)i;
        w->sockets[i].kind = ION_SOCKET_TCP;
        strcpy(w->sockets[i].name, "listen_addr");
        w->sockets[i].index = (uint32_t)i;
        w->sockets[i].fd = -1;
        assert_int_equal(
            ion_addr_parse(ION_STR("127.0.0.1:4433"), &w->sockets[i].addr),
            ION_OK);
    }
    w->sockets[2] = w->sockets[0];
    w->sockets[2].kind = ION_SOCKET_UDP;
    strcpy(w->sockets[2].name, "stun_listen_addr");
    w->sockets[3].kind = ION_SOCKET_UNIX;
    strcpy(w->sockets[3].name, "control_socket");
}

static inline void
world_open(world_t *w, const char *conf)
{
    static const ion_shm_geometry_t geometry = { 4, WORLD_CLIENTS, 1u << 22,
        WORLD_STATS };
    ion_errtext_t why = { "" };

    memset(w, 0, sizeof(*w));
    the_world = w;
    strcpy(w->dir, "/tmp/ion-admin-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_int_equal(chmod(w->dir, 0755), 0);
    (void)snprintf(w->path, sizeof(w->path), "%s/c", w->dir);
    w->log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_int_equal(
        ion_log_sink_new(dup(w->log_fd), "keeper", &w->log.sink), ION_OK);
    assert_int_equal(ion_shm_create(&geometry, &w->shm), ION_OK);
    world_worker(w, 0);
    world_worker(w, 1);
    world_conf(w, conf);
    world_blobs(w);
    world_listeners(w);
    assert_int_equal(
        ion_unix_listen(w->path, 0666, (gid_t)-1, &w->sockets[3].fd, &why),
        ION_OK);
    assert_int_equal(ion_loop_new_fake(ION_SEC(1), &w->p.loop), ION_OK);
    w->cycle = (ion_cycle_t){ 7, w->conf, w->blobs, 2, w->sockets, 4 };
    w->p.role = ION_ROLE_KEEPER;
    w->p.log = &w->log;
    w->p.shm = w->shm;
    w->p.stats = ion_stats_own(w->shm);
    w->p.cycle = &w->cycle;
    w->p.master_op = world_master_op;
    w->p.kick = world_kick;
    w->p.idle = world_idle;
    assert_int_equal(admin_module.start(&w->p, 0, &why), ION_OK);
}

static inline void
world_close(world_t *w)
{
    admin_module.stop(&w->p, 0);
    ion_loop_free(&w->p.loop);
    close(w->sockets[3].fd);
    ion_shm_free(&w->workers[0]);
    ion_shm_free(&w->workers[1]);
    ion_shm_free(&w->shm);
    ion_conf_free(&w->conf);
    ion_log_sink_free(&w->log.sink);
    close(w->log_fd);
    assert_int_equal(unlink(w->path), 0);
    assert_int_equal(rmdir(w->dir), 0);
}

/* everything that can happen now happens; then ms pass */
static inline void
world_pass(world_t *w, uint64_t ms)
{
    assert_int_equal(ion_loop_advance(w->p.loop, ION_MS(ms)), ION_OK);
}

/* lines in the log with that text */
static inline unsigned
world_lines(world_t *w, const char *text)
{
    static char log[1 << 20];
    ssize_t n = pread(w->log_fd, log, sizeof(log) - 1, 0);
    unsigned count = 0;

    assert_true(n >= 0);
    log[n] = '\0';
    for (const char *at = log; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

static inline int
world_connect(world_t *w)
{
    int fd;

    assert_int_equal(ion_unix_connect(w->path, &fd), ION_OK);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static inline void
world_send(int fd, admin_frame_type_t type, uint64_t req, const char *payload)
{
    uint8_t head[ADMIN_HEADER_LEN];
    admin_header_t h = { type, (uint32_t)strlen(payload), req };

    admin_header_put(head, &h);
    assert_int_equal(send(fd, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
    assert_int_equal(send(fd, payload, h.len, MSG_NOSIGNAL), (ssize_t)h.len);
}

static inline void
read_exactly(world_t *w, int fd, void *p, size_t n)
{
    char *at = p;

    for (int tries = 0; n > 0; tries++) {
        ssize_t got = recv(fd, at, n, 0);

        if (got > 0) {
            at += got;
            n -= (size_t)got;
            continue;
        }
        assert_true(got < 0 && errno == EAGAIN);
        assert_true(tries < 10000);
        world_pass(w, 0);
    }
}

/* the next frame; payload is NUL-terminated, to be freed */
static inline char *
world_receive(world_t *w, int fd, admin_header_t *h)
{
    uint8_t head[ADMIN_HEADER_LEN];
    char *payload;

    read_exactly(w, fd, head, sizeof(head));
    assert_int_equal(admin_header_parse(head, sizeof(head), h), ION_OK);
    payload = malloc(h->len + 1);
    assert_non_null(payload);
    read_exactly(w, fd, payload, h->len);
    payload[h->len] = '\0';
    return payload;
}

/* the daemon has closed, and sent nothing */
static inline bool
world_is_closed(world_t *w, int fd)
{
    char c;
    ssize_t n;

    world_pass(w, 0);
    n = recv(fd, &c, 1, 0);
    assert_true(n <= 0);
    return n == 0 || errno == ECONNRESET;
}

#endif
