/*
 * test_blackbox.c -- what a process says when it crashes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Each case is a child that dies in its own way; the parent is the master.
 */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "lib/shm_rig.h"
#include "shm/blackbox.h"
#include "shm/shm_int.h"

static shm_rig_t rig;
static uint32_t slot;

static int
start(void **state)
{
    (void)state;
    shm_rig_init(&rig, 1, 10);
    slot = shm_rig_start(&rig);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    shm_rig_fini(&rig);
    return 0;
}

static void
fail_assertion(void)
{
    ION_ASSERT(slot == 99);
}

static void
write_nowhere(void)
{
    volatile uintptr_t where = 0x10;
    *(volatile int *)where = 1;
}

static void
read_beyond_file(void)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    (void)p[0];
}

static void
divide(void)
{
    (void)raise(SIGFPE);
}

static void
be_aborted(void)
{
    (void)kill(getpid(), SIGABRT);
    (void)pause();
}

/* What the sandbox's filter does, with the number of a call. */
static void
be_trapped(void)
{
    struct sock_filter step[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = { ION_ARRAY_LEN(step), step };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
    {
        _exit(1);
    }
    (void)syscall(SYS_getpgid, 0);
}

/* Ends long after the stack does. */
static int
recurse(volatile int *depth)
{
    volatile char room[4096];
    room[0] = (char)*depth;
    (*depth)++;
    return *depth < 1000000 ? recurse(depth) + room[0] : 0;
}

static void
overflow_stack(void)
{
    volatile int depth = 0;
    (void)recurse(&depth);
}

/* Returns the signal the child died of; its words are in out. */
static int
crash(void (*how)(void), char *out, size_t cap)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = { 0, 0 };
        struct rlimit stack = { 256 * 1024, 256 * 1024 };
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)setrlimit(RLIMIT_STACK, &stack);
        (void)close(STDERR_FILENO);
        ion_blackbox_arm(rig.worker[slot]);
        how();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)ion_blackbox_read(rig.master, slot, out, cap);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
test_crashes(void **state)
{
    (void)state;
    char trapped[80];
    (void)snprintf(trapped, sizeof(trapped),
        "signal 31 SIGSYS: system call %d is forbidden here", SYS_getpgid);
    const struct {
        void (*how)(void);
        int signo;
        const char *words[3];
    } cases[] = {
        { fail_assertion, SIGABRT,
            { "panic: ", "failed: slot == 99", "signal 6 SIGABRT" } },
        { write_nowhere, SIGSEGV, { "signal 11 SIGSEGV at 0x10" } },
        { read_beyond_file, SIGBUS, { "signal 7 SIGBUS at 0x" } },
        { divide, SIGFPE, { "signal 8 SIGFPE from pid " } },
        { be_aborted, SIGABRT, { "signal 6 SIGABRT from pid " } },
        { be_trapped, SIGSYS, { trapped, "asked for at 0x" } },
        { overflow_stack, SIGSEGV, { "signal 11 SIGSEGV at 0x" } },
    };
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        char text[ION_BLACKBOX_MAX + 1];
        int signo = crash(cases[i].how, text, sizeof(text));
        assert_int_equal(signo, cases[i].signo);
        for (size_t k = 0; k < 3 && cases[i].words[k] != NULL; k++) {
            assert_non_null(strstr(text, cases[i].words[k]));
        }
        /* frames with a module and an offset into it */
        assert_non_null(strstr(text, "\n#0 "));
        assert_non_null(strstr(text, "ionscale+0x"));
        assert_int_equal(text[strlen(text) - 1], '\n');
    }
}

static void
test_read_empties(void **state)
{
    (void)state;
    char text[ION_BLACKBOX_MAX + 1];
    assert_int_equal(
        ion_blackbox_read(rig.master, slot, text, sizeof(text)), 0);
    assert_string_equal(text, "");
    (void)crash(divide, text, sizeof(text));
    assert_string_not_equal(text, "");
    assert_int_equal(
        ion_blackbox_read(rig.master, slot, text, sizeof(text)), 0);
    /* SIGKILL says nothing */
    pid_t pid = fork();
    if (pid == 0) {
        ion_blackbox_arm(rig.worker[slot]);
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(
        ion_blackbox_read(rig.master, slot, text, sizeof(text)), 0);
}

/* The words also go to a log, as they were, line by line. */
static void
log_and_die(void)
{
    (void)raise(SIGSEGV);
}

static void
test_log(void **state)
{
    (void)state;
    char text[ION_BLACKBOX_MAX + 1];
    char log[2 * ION_BLACKBOX_MAX];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = { 0, 0 };
        (void)setrlimit(RLIMIT_CORE, &none);
        ion_blackbox_arm(rig.worker[slot]);
        ion_blackbox_log(ends[1], "alert test: ");
        log_and_die();
    }
    (void)close(ends[1]);
    size_t n = 0;
    ssize_t got;
    while ((got = read(ends[0], log + n, sizeof(log) - 1 - n)) > 0) {
        n += (size_t)got;
    }
    log[n] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    (void)ion_blackbox_read(rig.master, slot, text, sizeof(text));
    assert_non_null(strstr(log, "Z alert test: signal 11 SIGSEGV from pid"));
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        assert_non_null(strstr(log, line));
    }
}

/* A box is written by a process that may be corrupt. */
static void
test_hostile_box(void **state)
{
    (void)state;
    shm_box_t *box = &shm_block(rig.master, slot)->box;
    char text[ION_BLACKBOX_MAX + 1];
    memset(box->text, 'x', sizeof(box->text));
    memcpy(box->text, "a\033[31m\0b\xff\n", 10);
    atomic_store(&box->len, UINT32_MAX);
    assert_int_equal(ion_blackbox_read(rig.master, slot, text, sizeof(text)),
        ION_BLACKBOX_MAX);
    assert_memory_equal(text, "a?[31m?b?\nxx", 12);
    atomic_store(&box->len, 100u);
    assert_int_equal(ion_blackbox_read(rig.master, slot, text, 5), 4);
    assert_string_equal(text, "a?[3");
}

static void
test_disarm(void **state)
{
    (void)state;
    struct sigaction sa;
    ion_blackbox_arm(rig.worker[slot]);
    assert_int_equal(sigaction(SIGSEGV, NULL, &sa), 0);
    assert_true((sa.sa_flags & SA_SIGINFO) != 0);
    ion_blackbox_disarm();
    assert_int_equal(sigaction(SIGSEGV, NULL, &sa), 0);
    assert_true(sa.sa_handler == SIG_DFL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_crashes, start, stop),
        cmocka_unit_test_setup_teardown(test_read_empties, start, stop),
        cmocka_unit_test_setup_teardown(test_log, start, stop),
        cmocka_unit_test_setup_teardown(test_hostile_box, start, stop),
        cmocka_unit_test_setup_teardown(test_disarm, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
