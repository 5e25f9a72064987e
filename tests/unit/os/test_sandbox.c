/*
 * test_sandbox.c -- the policies of the daemon, tried from inside.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Each case is a child that has its descriptors, enters and tries one thing.
 * It exits with 0 or with the errno of what failed, or dies of SIGSYS.  A
 * build with sanitizers or coverage counters only notes: there everything has
 * to go as it does outside.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/sandbox.h"

#define KILLED 1000 /* by SIGSYS */
#define BOTH   (ION_SANDBOXED_SECCOMP | ION_SANDBOXED_LANDLOCK)

#define IS_NOTED (ION_SANITIZE || ION_COVERAGE)
#define IN_FORCE (IS_NOTED ? ION_SANDBOXED_SECCOMP | ION_SANDBOXED_LOG : BOTH)

/* What a case finds there. */
typedef struct {
    int listener; /* TCP, bound and listening */
    int tcp;      /* TCP, fresh */
    int udp;      /* bound to loopback */
    int file;     /* a memfd */
    int pair[2];
    struct sockaddr_in addr; /* of the listener */
    struct sockaddr_in udp_addr;
} room_t;

static int
loopback(int type, struct sockaddr_in *addr)
{
    socklen_t len = sizeof(*addr);
    int fd = socket(AF_INET, type, 0);
    memset(addr, 0, sizeof(*addr));
    addr->sin_family = AF_INET;
    addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)addr, len) != 0 ||
        getsockname(fd, (struct sockaddr *)addr, &len) != 0 ||
        (type == SOCK_STREAM && listen(fd, 5) != 0))
    {
        _exit(254);
    }
    return fd;
}

static void
furnish(room_t *r)
{
    struct rlimit none = { 0, 0 };
    r->listener = loopback(SOCK_STREAM, &r->addr);
    r->udp = loopback(SOCK_DGRAM, &r->udp_addr);
    r->tcp = socket(AF_INET, SOCK_STREAM, 0);
    r->file = memfd_create("test", MFD_CLOEXEC);
    if (r->tcp < 0 || r->file < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, r->pair) != 0 ||
        setrlimit(RLIMIT_CORE, &none) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    {
        _exit(254);
    }
}

typedef long (*try_t)(const room_t *r);

static int
inside(const ion_sandbox_policy_t *policy, try_t what)
{
    pid_t pid = fork();
    int status;
    assert_true(pid >= 0);
    if (pid == 0) {
        room_t r;
        ion_errtext_t why;
        uint32_t in_force;
        (void)signal(SIGSYS, SIG_DFL); /* cmocka catches them */
        (void)signal(SIGABRT, SIG_DFL);
        furnish(&r);
        if (policy != NULL &&
            (ion_sandbox_enter(policy, &in_force, &why) != ION_OK ||
                in_force != IN_FORCE))
        {
            _exit(253);
        }
        _exit(what(&r) < 0 ? errno : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGSYS ? KILLED : -WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}

static long
try_open(const room_t *r)
{
    (void)r;
    return open("/etc/hostname", O_RDONLY | O_CLOEXEC);
}

static long
try_open_other(const room_t *r)
{
    (void)r;
    return open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

static long
try_open_write(const room_t *r)
{
    (void)r;
    return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static long
try_make_file(const room_t *r)
{
    (void)r;
    return open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static long
try_openat2(const room_t *r)
{
    static const uint64_t how[3] = { O_RDONLY, 0, 0 };
    (void)r;
    return syscall(SYS_openat2, AT_FDCWD, "/etc", how, sizeof(how));
}

static long
try_stat(const room_t *r)
{
    struct stat st;
    (void)r;
    return stat("/", &st);
}

static long
try_exec(const room_t *r)
{
    static char name[] = "true";
    static char *const argv[] = { name, NULL };
    (void)r;
    return execve("/bin/true", argv, argv + 1);
}

static long
try_fork(const room_t *r)
{
    (void)r;
    return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static long
try_connect(const room_t *r)
{
    return connect(r->tcp, (const struct sockaddr *)&r->addr, sizeof(r->addr));
}

static long
try_fastopen(const room_t *r)
{
    return sendto(r->tcp, "x", 1, MSG_FASTOPEN,
        (const struct sockaddr *)&r->addr, sizeof(r->addr));
}

static long
try_fastopen_msg(const room_t *r)
{
    struct sockaddr_in to = r->addr;
    struct msghdr msg = { .msg_name = &to, .msg_namelen = sizeof(to) };
    return sendmsg(r->tcp, &msg, MSG_FASTOPEN);
}

static long
try_fastopen_batch(const room_t *r)
{
    struct sockaddr_in to = r->addr;
    struct mmsghdr msg = { .msg_hdr = {
                               .msg_name = &to, .msg_namelen = sizeof(to) } };
    return sendmmsg(r->tcp, &msg, 1, MSG_FASTOPEN);
}

static long
try_bind(const room_t *r)
{
    struct sockaddr_in any = { .sin_family = AF_INET };
    return bind(r->tcp, (const struct sockaddr *)&any, sizeof(any));
}

static long
try_tcp_socket(const room_t *r)
{
    (void)r;
    return socket(AF_INET, SOCK_STREAM, 0);
}

static long
try_tcp6_socket(const room_t *r)
{
    (void)r;
    return socket(AF_INET6, SOCK_STREAM, 0);
}

static long
try_netlink_socket(const room_t *r)
{
    (void)r;
    return socket(AF_NETLINK, SOCK_RAW, 0);
}

static long
try_listen(const room_t *r)
{
    return listen(r->tcp, 1);
}

static void *
nothing(void *arg)
{
    return arg;
}

static long
try_thread(const room_t *r)
{
    pthread_t thread;
    (void)r;
    errno = pthread_create(&thread, NULL, nothing, NULL);
    return errno == 0 && pthread_join(thread, NULL) == 0 ? 0 : -1;
}

static long
try_unix_socket(const room_t *r)
{
    (void)r;
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long
try_map_code(const room_t *r)
{
    void *p = mmap(
        NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)r;
    return p == MAP_FAILED ? -1 : 0;
}

static long
try_make_code(const room_t *r)
{
    void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)r;
    return p == MAP_FAILED ? -1 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static long
try_signal_parent(const room_t *r)
{
    (void)r;
    return kill(getppid(), 0);
}

static long
try_signal_thread(const room_t *r)
{
    (void)r;
    return syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static long
try_set_name(const room_t *r)
{
    (void)r;
    return prctl(PR_SET_NAME, "test");
}

static long
try_dumpable(const room_t *r)
{
    (void)r;
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long
try_datagrams(const room_t *r)
{
    char byte = 'x';
    struct iovec iov = { &byte, 1 };
    struct sockaddr_in to = r->udp_addr;
    struct mmsghdr msg = { .msg_hdr = { .msg_name = &to,
                               .msg_namelen = sizeof(to),
                               .msg_iov = &iov,
                               .msg_iovlen = 1 } };
    return sendmmsg(r->udp, &msg, 1, 0) == 1
               ? recvmmsg(r->udp, &msg, 1, 0, NULL)
               : -1;
}

static long
try_stream(const room_t *r)
{
    char byte = 'x';
    return send(r->pair[0], &byte, 1, MSG_NOSIGNAL) == 1 &&
                   recv(r->pair[1], &byte, 1, 0) == 1
               ? 0
               : -1;
}

static long
try_wait(const room_t *r)
{
    struct epoll_event ev = { .events = EPOLLOUT };
    int ep = epoll_create1(EPOLL_CLOEXEC);
    if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, r->pair[0], &ev) != 0) {
        return -1;
    }
    return epoll_wait(ep, &ev, 1, 1000);
}

static long
try_map_file(const room_t *r)
{
    struct stat st;
    void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, r->file, 0);
    return p == MAP_FAILED || fstat(r->file, &st) != 0 ||
                   fcntl(r->file, F_GET_SEALS) < 0
               ? -1
               : munmap(p, 4096);
}

/* The C library looks for /etc/localtime and does without. */
static long
try_timegm(const room_t *r)
{
    struct tm tm = { .tm_year = 100, .tm_mday = 1 };
    (void)r;
    return timegm(&tm) == 946684800 ? 0 : -1;
}

static long
try_allocate(const room_t *r)
{
    static const size_t sizes[] = { 10, 100000, 10000000 };
    (void)r;
    for (size_t i = 0; i < ION_ARRAY_LEN(sizes); i++) {
        char *p = malloc(sizes[i]);
        char *q = p == NULL ? NULL : realloc(p, sizes[i] * 2);
        if (q == NULL) {
            return -1;
        }
        q[sizes[i]] = 1;
        free(q);
    }
    return 0;
}

/* What each role gets, and what anybody gets outside. */
static const struct {
    const char *name;
    try_t what;
    int worker;
    int keeper;
    int courier;
    int outside;
} cases[] = {
    { "open", try_open, EACCES, EACCES, 0, 0 },
    { "openat2", try_openat2, KILLED, KILLED, KILLED, 0 },
    { "stat", try_stat, EACCES, EACCES, 0, 0 },
    { "open another", try_open_other, EACCES, EACCES, EACCES, 0 },
    { "open to write", try_open_write, EACCES, EACCES, EACCES, 0 },
    { "make a file", try_make_file, EACCES, EACCES, EACCES, 0 },
    { "exec", try_exec, KILLED, KILLED, KILLED, 0 },
    { "fork", try_fork, KILLED, KILLED, KILLED, 0 },
    { "connect", try_connect, KILLED, KILLED, 0, 0 },
    { "fastopen", try_fastopen, KILLED, KILLED, KILLED, 0 },
    { "fastopen message", try_fastopen_msg, KILLED, KILLED, KILLED, 0 },
    { "fastopen batch", try_fastopen_batch, KILLED, KILLED, KILLED, 0 },
    { "bind", try_bind, KILLED, KILLED, EACCES, 0 },
    { "TCP socket", try_tcp_socket, KILLED, KILLED, 0, 0 },
    { "TCP socket of IPv6", try_tcp6_socket, KILLED, KILLED, 0, 0 },
    { "netlink socket", try_netlink_socket, KILLED, KILLED, EACCES, 0 },
    { "listen", try_listen, KILLED, KILLED, KILLED, 0 },
    { "thread", try_thread, KILLED, KILLED, 0, 0 },
    { "unix socket", try_unix_socket, KILLED, KILLED, 0, 0 },
    { "map code", try_map_code, KILLED, KILLED, EACCES, 0 },
    { "make code", try_make_code, KILLED, KILLED, KILLED, 0 },
    { "signal the parent", try_signal_parent, KILLED, KILLED, KILLED, 0 },
    { "signal its thread", try_signal_thread, KILLED, KILLED, KILLED, 0 },
    { "dumpable", try_dumpable, EACCES, EACCES, EACCES, 0 },
    { "set name", try_set_name, 0, 0, 0, 0 },
    { "datagrams", try_datagrams, 0, KILLED, KILLED, 0 },
    { "stream", try_stream, 0, 0, 0, 0 },
    { "wait", try_wait, 0, 0, 0, 0 },
    { "map file", try_map_file, 0, 0, 0, 0 },
    { "timegm", try_timegm, 0, 0, 0, 0 },
    { "allocate", try_allocate, 0, 0, 0, 0 },
};

static void
check(const char *who, size_t nth, int got, int want)
{
    want = IS_NOTED ? cases[nth].outside : want;
    if (got != want) {
        fail_msg("%s, %s: %d instead of %d", who, cases[nth].name, got, want);
    }
}

static bool
can_enter(void)
{
    return ion_sandbox_probe(NULL) == BOTH;
}

static void
test_policies(void **state)
{
    (void)state;
    if (!can_enter()) {
        skip();
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        check("worker", i, inside(&ion_sandbox_worker, cases[i].what),
            cases[i].worker);
        check("keeper", i, inside(&ion_sandbox_keeper, cases[i].what),
            cases[i].keeper);
        check("courier", i, inside(&ion_sandbox_courier, cases[i].what),
            cases[i].courier);
    }
}

/* The cases mean something: each works where there is no sandbox. */
static void
test_cases_work_outside(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        check("nobody", i, inside(NULL, cases[i].what), cases[i].outside);
    }
}

static long
abort_itself(const room_t *r)
{
    (void)r;
    abort();
}

/* A crash still has its own signal. */
static void
test_abort_is_an_abort(void **state)
{
    (void)state;
    if (!can_enter()) {
        skip();
    }
    assert_int_equal(inside(&ion_sandbox_worker, abort_itself), -SIGABRT);
    assert_int_equal(inside(&ion_sandbox_keeper, abort_itself), -SIGABRT);
    assert_int_equal(inside(&ion_sandbox_courier, abort_itself), -SIGABRT);
}

/* Landlock alone: files and TCP are closed where the filter is not. */
static void
test_landlock_alone(void **state)
{
    static const ion_sandbox_rule_t all[] = {
        { SYS_openat, ION_SANDBOX_ALLOW, 0, 0 },
        { SYS_connect, ION_SANDBOX_ALLOW, 0, 0 },
        { SYS_exit_group, ION_SANDBOX_ALLOW, 0, 0 },
    };
    static const ion_sandbox_policy_t policy = {
        .list = { { all, ION_ARRAY_LEN(all) } },
    };
    (void)state;
    if (!can_enter()) {
        skip();
    }
    assert_int_equal(inside(&policy, try_open), IS_NOTED ? 0 : EACCES);
    assert_int_equal(inside(&policy, try_stat), IS_NOTED ? 0 : KILLED);
}

/* Without no_new_privs an ordinary user gets none of it, and is told. */
static void
test_refused_by_the_kernel(void **state)
{
    const char *words =
        IS_NOTED ? "seccomp: Permission denied"
                 : "landlock: Operation not permitted; seccomp: Permission "
                   "denied";
    pid_t pid;
    int status;
    (void)state;
    if (!can_enter()) {
        skip();
    }
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        ion_errtext_t why;
        uint32_t in_force = BOTH;
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) {
            _exit(2);
        }
        if (ion_sandbox_enter(&ion_sandbox_worker, &in_force, &why) !=
                ION_UNSUPPORTED ||
            (in_force & BOTH) != 0 || strcmp(why.msg, words) != 0)
        {
            _exit(1);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_cases_work_outside),
        cmocka_unit_test(test_abort_is_an_abort),
        cmocka_unit_test(test_landlock_alone),
        cmocka_unit_test(test_refused_by_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
