/*
 * sandbox.c -- landlock and a seccomp filter made from a policy.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Both by system call: the filter is a chain of comparisons, whose outcome the
 * kernel remembers for calls that are allowed whatever their arguments; and
 * landlock's structure is declared here, because the headers of the oldest
 * supported system know neither its network nor its scope part.
 */
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#else
#define FILTER_ARCH 0u /* no such list of calls has been tested */
#endif

/* Per rule at most: number, argument, comparison, verdict, number again. */
#define STEPS_PER_RULE 5
#define STEPS_AROUND   5
#define STEPS_MAX      (STEPS_AROUND + STEPS_PER_RULE * ION_SANDBOX_RULES_MAX)

#define IS_INSTRUMENTED (ION_SANITIZE || ION_COVERAGE)

#if IS_INSTRUMENTED
#define ON_OFFENCE SECCOMP_RET_LOG
#define ON_REFUSE  SECCOMP_RET_LOG
#define ON_LACK    SECCOMP_RET_LOG
#else
#define ON_OFFENCE SECCOMP_RET_TRAP
#define ON_REFUSE  (SECCOMP_RET_ERRNO | (uint32_t)EACCES)
#define ON_LACK    (SECCOMP_RET_ERRNO | (uint32_t)ENOSYS)
#endif

#define RULESET_VERSION   1u /* a question, not a flag */
#define RULE_PATH_BENEATH 1
#define FS_FIRST          13 /* rights of the first version */
#define FS_READ_FILE      4u /* of all rights the one to open for reading */
#define FS_READ_DIR       8u
#define NET_BIND          1u
#define NET_CONNECT       2u
#define SCOPES            3u /* abstract sockets, signals */

typedef struct {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
} landlock_ruleset_t;

typedef struct __attribute__((packed)) {
    uint64_t allowed_access;
    int32_t parent_fd;
} landlock_path_t;

typedef struct {
    struct sock_filter step[STEPS_MAX];
    uint16_t len;
} filter_t;

static void
add_why(ion_errtext_t *why, const char *what)
{
    char before[sizeof(why->msg)];
    int saved = errno;
    if (why == NULL) {
        return;
    }
    memcpy(before, why->msg, sizeof(before));
    ion_errtext_set(why, "%s%s%s: %s", before, before[0] != '\0' ? "; " : "",
        what, strerror(saved));
}

/* The version of landlock; below 1: errno says why there is none. */
static long
landlock_version(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);
}

static bool
has_seccomp(void)
{
    uint32_t action = ON_OFFENCE;
    if (FILTER_ARCH == 0) {
        errno = ENOSYS;
        return false;
    }
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

uint32_t
ion_sandbox_probe(ion_errtext_t *why)
{
    uint32_t found = 0;
    if (why != NULL) {
        why->msg[0] = '\0';
    }
    if (landlock_version() > 0) {
        found |= ION_SANDBOXED_LANDLOCK;
    } else {
        add_why(why, "landlock");
    }
    if (has_seccomp()) {
        found |= ION_SANDBOXED_SECCOMP;
    } else {
        add_why(why, "seccomp");
    }
    return found;
}

/* All rights that this version can take away, but for one. */
static landlock_ruleset_t
everything(long version, bool may_connect)
{
    int rights = FS_FIRST;
    landlock_ruleset_t r = { 0 };
    if (version >= 2) {
        rights++; /* link and rename across directories */
    }
    if (version >= 3) {
        rights++; /* truncate */
    }
    if (version >= 4) {
        r.handled_access_net = NET_BIND | (may_connect ? 0 : NET_CONNECT);
    }
    if (version >= 5) {
        rights++; /* ioctl of devices */
    }
    if (version >= 6) {
        r.scoped = SCOPES;
    }
    r.handled_access_fs = (UINT64_C(1) << rights) - 1;
    return r;
}

/* Give the reading of what lies at a path back, if it exists. */
static bool
grant_read(int ruleset, const char *path)
{
    struct stat st;
    landlock_path_t rule = { .allowed_access = FS_READ_FILE };
    bool ok = true;
    int saved;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return true;
    }
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        rule.allowed_access |= FS_READ_DIR;
    }
    rule.parent_fd = fd;
    ok = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) ==
         0;
    saved = errno;
    (void)close(fd); /* a path has nothing to lose */
    errno = saved;
    return ok;
}

static bool
grant_paths(int ruleset, const ion_sandbox_policy_t *policy)
{
    bool ok = true;
    for (size_t i = 0; policy->paths != NULL && policy->paths[i] != NULL; i++) {
        ok = ok && grant_read(ruleset, policy->paths[i]);
    }
    for (size_t i = 0;
         policy->env_paths != NULL && policy->env_paths[i] != NULL; i++)
    {
        const char *path = getenv(policy->env_paths[i]);
        ok = ok && (path == NULL || grant_read(ruleset, path));
    }
    return ok;
}

static bool
enter_landlock(const ion_sandbox_policy_t *policy)
{
    long version = landlock_version();
    landlock_ruleset_t rights = everything(version, policy->may_connect);
    bool ok;
    int saved;
    long fd;
    if (version < 1) {
        return false;
    }
    fd = syscall(SYS_landlock_create_ruleset, &rights, sizeof(rights), 0);
    if (fd < 0) {
        return false;
    }
    ok = grant_paths((int)fd, policy) &&
         syscall(SYS_landlock_restrict_self, (int)fd, 0) == 0;
    saved = errno;
    (void)close((int)fd); /* a ruleset has nothing to lose */
    errno = saved;
    return ok;
}

static void
stmt(filter_t *f, uint16_t code, uint32_t k)
{
    f->step[f->len++] = (struct sock_filter)BPF_STMT(code, k);
}

/* Go on with the next step if the test holds, else skip some; or reversed. */
static void
jump(filter_t *f, uint16_t test, uint32_t k, uint8_t yes, uint8_t no)
{
    f->step[f->len++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, k, yes, no);
}

static void
load(filter_t *f, size_t offset)
{
    stmt(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

static void
give(filter_t *f, uint32_t verdict)
{
    stmt(f, BPF_RET | BPF_K, verdict);
}

static void
add_rule(filter_t *f, const ion_sandbox_rule_t *rule)
{
    static const uint32_t whole[] = {
        [ION_SANDBOX_ALLOW] = SECCOMP_RET_ALLOW,
        [ION_SANDBOX_REFUSE] = ON_REFUSE,
        [ION_SANDBOX_LACK] = ON_LACK,
    };
    uint32_t value = rule->value;
    if (rule->verdict == ION_SANDBOX_ALLOW ||
        rule->verdict == ION_SANDBOX_REFUSE ||
        rule->verdict == ION_SANDBOX_LACK)
    {
        jump(f, BPF_JEQ, rule->call, 0, 1);
        give(f, whole[rule->verdict]);
        return;
    }
    jump(f, BPF_JEQ, rule->call, 0, 4);
    /* both processors of the list above are little endian */
    load(f, offsetof(struct seccomp_data, args) + 8 * (size_t)rule->arg);
    if (rule->verdict == ION_SANDBOX_ALLOW_HAS) {
        jump(f, BPF_JSET, value, 0, 1);
    } else if (rule->verdict == ION_SANDBOX_ALLOW_HASNT) {
        jump(f, BPF_JSET, value, 1, 0);
    } else {
        if (rule->verdict == ION_SANDBOX_ALLOW_SELF) {
            value = (uint32_t)getpid();
        }
        jump(f, BPF_JEQ, value, 0, 1);
    }
    give(f, SECCOMP_RET_ALLOW);
    load(f, offsetof(struct seccomp_data, nr));
}

static void
make_filter(const ion_sandbox_policy_t *policy, filter_t *f)
{
    f->len = 0;
    load(f, offsetof(struct seccomp_data, arch));
    jump(f, BPF_JEQ, FILTER_ARCH, 1, 0);
    give(f, ON_OFFENCE); /* the numbers of another architecture */
    load(f, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < ION_ARRAY_LEN(policy->list); i++) {
        for (size_t k = 0; k < policy->list[i].count; k++) {
            add_rule(f, &policy->list[i].rules[k]);
        }
    }
    give(f, ON_OFFENCE);
}

/* SPEC_ALLOW: nothing foreign runs in here, and older kernels would slow the
 * whole process down without it. */
static bool
enter_seccomp(const ion_sandbox_policy_t *policy)
{
    filter_t f;
    struct sock_fprog prog;
    if (!has_seccomp()) {
        return false;
    }
    make_filter(policy, &f);
    prog = (struct sock_fprog){ .len = f.len, .filter = f.step };
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
               SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog) == 0;
}

ion_err_t
ion_sandbox_enter(
    const ion_sandbox_policy_t *policy, uint32_t *in_force, ion_errtext_t *why)
{
    ion_err_t rc = ION_OK;
    why->msg[0] = '\0';
    *in_force = IS_INSTRUMENTED ? ION_SANDBOXED_LOG : 0;
    if (!IS_INSTRUMENTED && enter_landlock(policy)) {
        *in_force |= ION_SANDBOXED_LANDLOCK;
    } else if (!IS_INSTRUMENTED) {
        add_why(why, "landlock");
        rc = ION_UNSUPPORTED;
    }
    if (enter_seccomp(policy)) {
        *in_force |= ION_SANDBOXED_SECCOMP;
    } else {
        add_why(why, "seccomp");
        rc = ION_UNSUPPORTED;
    }
    return rc;
}
