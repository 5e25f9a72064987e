/*
 * test_priv.c -- accounts, and rights that are gone once given up.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Each case runs in a child, because nothing here can be undone.  What needs
 * root is skipped without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/priv.h"

/* The value of a line of /proc/PID/status, read before we may not. */
static void
status_line(FILE *f, const char *name, char *value, size_t cap)
{
    char line[256];
    size_t n = strlen(name);

    value[0] = '\0';
    rewind(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, name, n) == 0 && line[n] == ':') {
            (void)snprintf(value, cap, "%s", line + n + 1);
            value[strcspn(value, "\n")] = '\0';
        }
    }
}

static unsigned long long
status_hex(FILE *f, const char *name)
{
    char value[256];

    status_line(f, name, value, sizeof(value));
    return strtoull(value, NULL, 16);
}

/* Run a case in a child; it exits with 0, or with the line that failed. */
static int
in_child(void (*what)(void))
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        what();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define NEED(x)                                                                \
    do {                                                                       \
        if (!(x)) {                                                            \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);      \
            _exit(1);                                                          \
        }                                                                      \
    } while (0)

static void
case_drop_to_nobody(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    ion_account_t a;
    ion_errtext_t why;
    gid_t groups[8];
    char value[256];

    NEED(f != NULL);
    NEED(ion_priv_account("nobody", &a) == ION_OK);
    NEED(ion_priv_drop(&a, &why) == ION_OK);
    NEED(getuid() == a.uid && geteuid() == a.uid && getgid() == a.gid);
    NEED(getgroups(8, groups) == 0);
    NEED(setuid(0) != 0 && setgid(0) != 0);
    NEED(open("/etc/shadow", O_RDONLY) < 0);
    NEED(status_hex(f, "CapEff") == 0 && status_hex(f, "CapPrm") == 0);
    NEED(status_hex(f, "CapInh") == 0 && status_hex(f, "CapAmb") == 0);
    NEED(status_hex(f, "CapBnd") == 0);
    status_line(f, "NoNewPrivs", value, sizeof(value));
    NEED(strcmp(value, "\t1") == 0);
#if !defined(__SANITIZE_ADDRESS__)
    NEED(prctl(PR_GET_DUMPABLE) == 0);
#endif
    (void)fclose(f);
}

/* No right to change the user: said so, and the rest is given up anyway. */
static void
case_refused(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    ion_account_t root = { .uid = 0, .gid = 0, .name = "root" };
    ion_errtext_t why = { .msg = "" };
    char value[256];

    NEED(f != NULL);
    if (geteuid() == 0) {
        NEED(setresuid(65534, 65534, 65534) == 0);
    }
    NEED(ion_priv_drop(&root, &why) == ION_DENIED);
    NEED(strstr(why.msg, "setgroups: Operation not permitted") != NULL);
    status_line(f, "NoNewPrivs", value, sizeof(value));
    NEED(strcmp(value, "\t1") == 0);
    (void)fclose(f);
}

/* Not root and nothing to change: succeeds. */
static void
case_stay(void)
{
    ion_errtext_t why;
    uid_t before;

    if (geteuid() == 0) {
        NEED(setresuid(65534, 65534, 65534) == 0);
    }
    before = geteuid();
    NEED(ion_priv_keep_master(&why) == ION_OK);
    NEED(ion_priv_drop(NULL, &why) == ION_OK);
    NEED(geteuid() == before);
}

/* Root that stays root keeps the uid and nothing else. */
static void
case_root_stays(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    ion_errtext_t why;

    NEED(f != NULL);
    NEED(ion_priv_drop(NULL, &why) == ION_OK);
    NEED(geteuid() == 0);
    NEED(status_hex(f, "CapEff") == 0 && status_hex(f, "CapPrm") == 0);
    NEED(chroot("/") != 0);
    (void)fclose(f);
}

static void
case_master(void)
{
    /* SETGID 6, SETUID 7, KILL 5, NET_BIND_SERVICE 10, DAC_READ_SEARCH 2 */
    const unsigned long long keep =
        1u << 6 | 1u << 7 | 1u << 5 | 1u << 10 | 1u << 2;
    FILE *f = fopen("/proc/self/status", "r");
    ion_account_t nobody;
    ion_errtext_t why;
    unsigned long long had;

    NEED(f != NULL);
    had = status_hex(f, "CapPrm");
    NEED(ion_priv_account("nobody", &nobody) == ION_OK);
    NEED(ion_priv_keep_master(&why) == ION_OK);
    NEED(status_hex(f, "CapEff") == (keep & had));
    NEED(status_hex(f, "CapPrm") == (keep & had));
    NEED(status_hex(f, "CapBnd") == (keep & had));
    NEED(geteuid() == 0);
    NEED(chroot("/") != 0); /* SYS_CHROOT is gone */

    /* what is left suffices to make a child an ordinary user */
    NEED(ion_priv_drop(&nobody, &why) == ION_OK);
    NEED(geteuid() == nobody.uid);
    NEED(status_hex(f, "CapEff") == 0);
    (void)fclose(f);
}

static void
test_drop(void **state)
{
    (void)state;
    if (!ion_priv_is_root()) {
        skip();
    }
    assert_int_equal(in_child(case_drop_to_nobody), 0);
    assert_int_equal(in_child(case_root_stays), 0);
}

static void
test_master(void **state)
{
    (void)state;
    if (!ion_priv_is_root()) {
        skip();
    }
    assert_int_equal(in_child(case_master), 0);
}

static void
test_without_rights(void **state)
{
    (void)state;
    assert_int_equal(in_child(case_refused), 0);
    assert_int_equal(in_child(case_stay), 0);
}

static void
test_accounts(void **state)
{
    ion_account_t a;
    gid_t gid = 4711;

    (void)state;
    assert_int_equal(ion_priv_account("root", &a), ION_OK);
    assert_int_equal(a.uid, 0);
    assert_string_equal(a.name, "root");
    assert_int_equal(ion_priv_account("0", &a), ION_OK);
    assert_string_equal(a.name, "root");
    assert_int_equal(ion_priv_account("no-such-account", &a), ION_NOTFOUND);
    assert_int_equal(ion_priv_account("4294967295", &a), ION_NOTFOUND);
    assert_int_equal(ion_priv_account("", &a), ION_NOTFOUND);
    assert_int_equal(ion_priv_group("root", &gid), ION_OK);
    assert_int_equal(gid, 0);
    assert_int_equal(ion_priv_group("123456", &gid), ION_OK);
    assert_int_equal(gid, 123456);
    assert_int_equal(ion_priv_group("no-such-group", &gid), ION_NOTFOUND);
    assert_int_equal(ion_priv_group("-1", &gid), ION_NOTFOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_master),
        cmocka_unit_test(test_without_rights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
