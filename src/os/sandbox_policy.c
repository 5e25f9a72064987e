/*
 * sandbox_policy.c -- the system calls of worker, keeper and courier.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Measured over the system tests, and widened by what other versions of the C
 * library use for the same functions.  No role binds, listens, writes files,
 * starts a process or maps code.  The courier alone makes sockets and connects,
 * starts threads (names are resolved in them), and opens files to read: the
 * resolver's and the authorities of TLS.
 */
#include "os/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define CALL(name)                                                             \
    {                                                                          \
        SYS_##name, ION_SANDBOX_ALLOW, 0, 0                                    \
    }
#define CALL_IF(name, nth, test, value)                                        \
    {                                                                          \
        SYS_##name, ION_SANDBOX_ALLOW_##test, nth, value                       \
    }
#define REFUSE(name)                                                           \
    {                                                                          \
        SYS_##name, ION_SANDBOX_REFUSE, 0, 0                                   \
    }
#define LACK(name)                                                             \
    {                                                                          \
        SYS_##name, ION_SANDBOX_LACK, 0, 0                                     \
    }

/* UDP in batches. */
static const ion_sandbox_rule_t worker_rules[] = {
    CALL(recvmmsg),
    CALL_IF(sendmmsg, 3, HASNT, MSG_FASTOPEN),
};

/* Opening for writing, in any of its ways. */
#define O_WRITES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)

static const ion_sandbox_rule_t courier_rules[] = {
    CALL_IF(socket, 0, EQ, AF_INET), CALL_IF(socket, 0, EQ, AF_INET6),
    CALL_IF(socket, 0, EQ, AF_UNIX), /* of tailscaled */
    REFUSE(socket),                  /* netlink: which addresses we have */
    CALL_IF(socketpair, 0, EQ, AF_UNIX), CALL(connect), REFUSE(bind),
    CALL_IF(sendmmsg, 3, HASNT, MSG_FASTOPEN), CALL_IF(ioctl, 1, EQ, FIONREAD),

    /* a thread, but no process */
    LACK(clone3), /* whose flags cannot be seen: the C library takes clone */
    CALL_IF(clone, 0, HAS, CLONE_THREAD), CALL(set_robust_list), CALL(rseq),

    CALL_IF(openat, 2, HASNT, O_WRITES), CALL(newfstatat), CALL(statx),
    CALL(readlinkat), CALL(faccessat), CALL(faccessat2), CALL(getdents64),
#if defined(__x86_64__)
    CALL_IF(open, 1, HASNT, O_WRITES), CALL(stat), CALL(lstat), CALL(access),
    CALL(readlink),
#endif

    CALL_IF(mmap, 2, HASNT, PROT_EXEC),
    REFUSE(mmap), /* a plug-in of the resolver */
};

/* Where the C library's resolver and libcurl look.  Whole directories, because
 * resolv.conf and its like are replaced, not written, when a network changes,
 * and because they are links. */
static const char *const courier_paths[] = {
    "/etc",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/nscd",
    "/usr/lib/ssl",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/zoneinfo",
    NULL,
};
static const char *const courier_env_paths[] = { "SSL_CERT_FILE",
    "SSL_CERT_DIR", NULL };

static const ion_sandbox_rule_t common_rules[] = {
    /* The busiest of those whose arguments the kernel cannot skip.
     * MSG_FASTOPEN would connect. */
    CALL_IF(sendto, 3, HASNT, MSG_FASTOPEN),
    CALL_IF(sendmsg, 2, HASNT, MSG_FASTOPEN),

    /* descriptors that are there already */
    CALL(read),
    CALL(write),
    CALL(readv),
    CALL(writev),
    CALL(pread64),
    CALL(lseek),
    CALL(close),
    CALL(fstat),
    CALL_IF(newfstatat, 3, HAS, AT_EMPTY_PATH), /* fstat of the C library */
    CALL_IF(fcntl, 1, EQ, F_GETFL),
    CALL_IF(fcntl, 1, EQ, F_SETFL),
    CALL_IF(fcntl, 1, EQ, F_GETFD),
    CALL_IF(fcntl, 1, EQ, F_SETFD),
    CALL_IF(fcntl, 1, EQ, F_DUPFD_CLOEXEC),
    CALL_IF(fcntl, 1, EQ, F_GET_SEALS),

    /* sockets that are there already */
    CALL(accept4),
    CALL(recvfrom),
    CALL(recvmsg),
    CALL(shutdown),
    CALL(getsockopt),
    CALL(setsockopt),
    CALL(getsockname),
    CALL(getpeername),

    /* waiting */
    CALL(epoll_create1),
    CALL(epoll_ctl),
    CALL(epoll_pwait),
    CALL(epoll_pwait2),
    CALL(ppoll),
#if defined(__x86_64__)
    CALL(epoll_wait),
    CALL(poll),
#endif
    CALL(nanosleep),
    CALL(clock_nanosleep),
    CALL(restart_syscall),
    CALL(futex),
    CALL(sched_yield),

    /* memory, but no code */
    CALL(brk),
    CALL_IF(mmap, 2, HASNT, PROT_EXEC),
    CALL_IF(mprotect, 2, HASNT, PROT_EXEC),
    CALL(mremap),
    CALL(munmap),
    CALL(madvise),

    /* questions */
    CALL(clock_gettime),
    CALL(clock_getres),
    CALL(gettimeofday),
#if defined(__x86_64__)
    CALL(time),
#endif
    CALL(getrandom),
    CALL(getpid),
    CALL(getppid),
    CALL(gettid),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
    CALL(getrusage),
    CALL(sysinfo),
    CALL(uname),
    CALL(sched_getaffinity),

    /* the title, signals of our own, the end */
    CALL_IF(prctl, 0, EQ, PR_SET_NAME),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(sigaltstack),
    CALL_IF(tgkill, 0, SELF, 0),
    CALL(exit),
    CALL(exit_group),

    /* what libraries try by themselves */
    REFUSE(openat),
    REFUSE(faccessat),
    REFUSE(faccessat2),
    REFUSE(newfstatat),
    REFUSE(statx),
    REFUSE(readlinkat),
#if defined(__x86_64__)
    REFUSE(open),
    REFUSE(access),
    REFUSE(stat),
    REFUSE(lstat),
    REFUSE(readlink),
    REFUSE(getrlimit),
#endif
    REFUSE(prlimit64),
    REFUSE(ioctl),
    REFUSE(prctl),
};

#define LIST(rules)                                                            \
    {                                                                          \
        rules, ION_ARRAY_LEN(rules)                                            \
    }

ION_STATIC_ASSERT(ION_ARRAY_LEN(worker_rules) + ION_ARRAY_LEN(common_rules) <=
                      ION_SANDBOX_RULES_MAX,
    "a policy fits its filter");

const ion_sandbox_policy_t ion_sandbox_worker = {
    .list = { LIST(worker_rules), LIST(common_rules) },
};

const ion_sandbox_policy_t ion_sandbox_keeper = {
    .list = { LIST(common_rules) },
};

ION_STATIC_ASSERT(ION_ARRAY_LEN(courier_rules) + ION_ARRAY_LEN(common_rules) <=
                      ION_SANDBOX_RULES_MAX,
    "a policy fits its filter");

const ion_sandbox_policy_t ion_sandbox_courier = {
    .list = { LIST(courier_rules), LIST(common_rules) },
    .paths = courier_paths,
    .env_paths = courier_env_paths,
    .may_connect = true,
};
