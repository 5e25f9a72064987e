/*
 * test_admin_kick.c -- `derp kick`: which key is meant, and when it is over.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/stat.h>

#include "unit/admin/admin_world.h"

#define KEY_A                                                                  \
    "nodekey:"                                                                 \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_AB                                                                 \
    "nodekey:"                                                                 \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"

static ion_dir_reg_t
enter(world_t *w, size_t worker, uint8_t last, uint32_t flags)
{
    ion_dir_new_t in = { .flags = flags };
    ion_dir_reg_t out;

    memset(in.key.b, 0xaa, sizeof(in.key.b));
    in.key.b[31] = last;
    assert_int_equal(ion_dir_register(w->workers[worker], &in, &out), ION_OK);
    return out;
}

static void
leave(world_t *w, size_t worker, ion_dir_reg_t *reg)
{
    ion_dir_left_t left;

    ion_dir_leave(w->workers[worker], &reg->entry, &left);
}

static void
ask(int fd, const char *key)
{
    char request[256];

    (void)snprintf(request, sizeof(request),
        "{\"cmd\":\"derp kick\",\"args\":{\"key\":\"%s\"}}", key);
    world_send(fd, ADMIN_FRAME_REQUEST, 1, request);
}

static void
expect(world_t *w, int fd, const char *want)
{
    admin_header_t h;
    char *payload = world_receive(w, fd, &h);

    assert_int_equal(h.type, ADMIN_FRAME_REPLY);
    if (strstr(payload, want) == NULL) {
        fail_msg("%s instead of %s", payload, want);
    }
    free(payload);
}

static void
expect_nothing(world_t *w, int fd)
{
    char c;

    world_pass(w, 0);
    assert_int_equal(recv(fd, &c, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
}

static void
test_waits_for_all_connections(void **state)
{
    world_t w;
    ion_dir_reg_t first;
    ion_dir_reg_t second;
    ion_dir_reg_t other;
    int fd;

    (void)state;
    world_open(&w, "");
    first = enter(&w, 0, 0xaa, 0);
    second = enter(&w, 1, 0xaa, 0);
    other = enter(&w, 1, 0xab, 0);
    fd = world_connect(&w);
    ask(fd, KEY_A);
    expect_nothing(&w, fd);
    assert_int_equal(w.kicks, 1);
    assert_int_equal(w.kicked[31], 0xaa);
    w.done(w.done_arg, ION_OK, "");
    expect_nothing(&w, fd);
    leave(&w, 0, &first);
    world_pass(&w, 100);
    expect_nothing(&w, fd);
    /* who comes back is another connection */
    first = enter(&w, 0, 0xaa, 0);
    leave(&w, 1, &second);
    world_pass(&w, 100);
    expect(&w, fd,
        "{\"ok\":true,\"result\":{\"key\":\"" KEY_A "\",\"connections\":2}}");
    leave(&w, 0, &first);
    leave(&w, 1, &other);
    close(fd);
    world_close(&w);
}

static void
test_does_not_wait_for_ever(void **state)
{
    world_t w;
    ion_dir_reg_t reg;
    int fd;

    (void)state;
    world_open(&w, "");
    reg = enter(&w, 0, 0xaa, 0);
    fd = world_connect(&w);
    ask(fd, "nodekey:AAAAAAAA");
    expect_nothing(&w, fd);
    w.done(w.done_arg, ION_OK, "");
    world_pass(&w, 4900);
    expect_nothing(&w, fd);
    world_pass(&w, 200);
    expect(&w, fd, "but 1 of 1 connections are still there");
    leave(&w, 0, &reg);
    close(fd);
    world_close(&w);
}

static void
test_which_key_is_meant(void **state)
{
    world_t w;
    int fd;

    (void)state;
    world_open(&w, "");
    fd = world_connect(&w);
    ask(fd, KEY_A);
    expect(&w, fd, "no client with the key " KEY_A " is connected");
    (void)enter(&w, 0, 0xaa, ION_DIR_FORWARDER);
    ask(fd, KEY_A);
    expect(&w, fd, "is connected to a mesh peer");
    (void)enter(&w, 0, 0xaa, 0);
    (void)enter(&w, 1, 0xab, 0);
    ask(fd, "aaaaaaaa");
    expect(&w, fd, "more than one client has a key that begins with aaaaaaaa");
    ask(fd, "aaaaaaaa");
    expect(&w, fd, KEY_AB);
    ask(fd, "aaaaaaa");
    expect(&w, fd, "not a client's key");
    ask(fd, KEY_A "a");
    expect(&w, fd, "not a client's key");
    ask(fd, "aaaaaaag");
    expect(&w, fd, "not a client's key");
    assert_int_equal(w.kicks, 0);
    ask(fd, KEY_AB);
    expect_nothing(&w, fd);
    assert_int_equal(w.kicks, 1);
    assert_int_equal(w.kicked[31], 0xab);
    close(fd);
    world_close(&w);
}

static void
test_master_does_not_take_it(void **state)
{
    world_t w;
    int fd;

    (void)state;
    world_open(&w, "");
    (void)enter(&w, 0, 0xaa, 0);
    fd = world_connect(&w);
    w.op_rc = ION_BUSY;
    ask(fd, KEY_A);
    expect(&w, fd, "cannot ask the master process");
    w.op_rc = ION_OK;
    ask(fd, KEY_A);
    expect_nothing(&w, fd);
    w.done(w.done_arg, ION_CLOSED, "");
    expect(&w, fd, "the master process went away");
    close(fd);
    world_close(&w);
}

/* before the master answers, and while the end is waited for */
static void
test_client_leaves(void **state)
{
    world_t w;
    ion_dir_reg_t reg;

    (void)state;
    for (int is_told = 0; is_told < 2; is_told++) {
        int fd;

        world_open(&w, "");
        reg = enter(&w, 0, 0xaa, 0);
        fd = world_connect(&w);
        ask(fd, KEY_A);
        expect_nothing(&w, fd);
        if (is_told != 0) {
            w.done(w.done_arg, ION_OK, "");
        }
        close(fd);
        world_pass(&w, 20);
        if (is_told == 0) {
            w.done(w.done_arg, ION_OK, "");
        }
        leave(&w, 0, &reg);
        world_pass(&w, 20);
        world_close(&w);
    }
}

/* the keeper ends while a kick is under way */
static void
test_stop(void **state)
{
    world_t w;
    int fd;

    (void)state;
    world_open(&w, "");
    (void)enter(&w, 0, 0xaa, 0);
    fd = world_connect(&w);
    ask(fd, KEY_A);
    expect_nothing(&w, fd);
    w.done(w.done_arg, ION_OK, "");
    world_pass(&w, 5);
    world_close(&w);
    close(fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_for_all_connections),
        cmocka_unit_test(test_does_not_wait_for_ever),
        cmocka_unit_test(test_which_key_is_meant),
        cmocka_unit_test(test_master_does_not_take_it),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_stop),
    };

    return cmocka_run_group_tests_name("admin_kick", tests, NULL, NULL);
}
