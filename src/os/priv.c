/*
 * priv.c -- accounts, and giving rights away for good.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Capabilities by system call: two structures and five prctls are less than a
 * library.
 */
#include "os/priv.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"

#define LOOKUP_BUFFER 65536

#define CAP_BIT(c) (UINT64_C(1) << (c))

static const uint64_t master_caps =
    CAP_BIT(CAP_NET_BIND_SERVICE) | CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID) |
    CAP_BIT(CAP_KILL) | CAP_BIT(CAP_DAC_READ_SEARCH);

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

static bool
decimal_id(const char *name, uint32_t *id)
{
    uint64_t v;

    if (ion_parse_u64(ion_str_from(name), UINT32_MAX - 1, &v) != ION_OK) {
        return false;
    }
    *id = (uint32_t)v;
    return true;
}

static ion_err_t
fill_account(const struct passwd *pw, ion_account_t *out)
{
    int n = snprintf(out->name, sizeof(out->name), "%s", pw->pw_name);

    if (n < 0 || (size_t)n >= sizeof(out->name)) {
        return ION_NOTFOUND;
    }
    out->uid = pw->pw_uid;
    out->gid = pw->pw_gid;
    return ION_OK;
}

ion_err_t
ion_priv_account(const char *name, ion_account_t *out)
{
    struct passwd pw;
    struct passwd *found = NULL;
    uint32_t id;
    int err;
    ion_err_t rc;
    char *buf = malloc(LOOKUP_BUFFER);

    if (buf == NULL) {
        errno = ENOMEM;
        return ION_SYS;
    }
    err = getpwnam_r(name, &pw, buf, LOOKUP_BUFFER, &found);
    if (found == NULL && decimal_id(name, &id)) {
        err = getpwuid_r(id, &pw, buf, LOOKUP_BUFFER, &found);
    }
    if (found != NULL) {
        rc = fill_account(found, out);
    } else {
        rc = err == 0 || err == ENOENT || err == ESRCH ? ION_NOTFOUND : ION_SYS;
    }
    free(buf);
    errno = err;
    return rc;
}

ion_err_t
ion_priv_group(const char *name, gid_t *out)
{
    struct group gr;
    struct group *found = NULL;
    uint32_t id;
    int err;
    ion_err_t rc = ION_OK;
    char *buf = malloc(LOOKUP_BUFFER);

    if (buf == NULL) {
        errno = ENOMEM;
        return ION_SYS;
    }
    err = getgrnam_r(name, &gr, buf, LOOKUP_BUFFER, &found);
    if (found != NULL) {
        *out = found->gr_gid;
    } else if (decimal_id(name, &id)) {
        *out = id;
    } else {
        rc = err == 0 || err == ENOENT || err == ESRCH ? ION_NOTFOUND : ION_SYS;
    }
    free(buf);
    errno = err;
    return rc;
}

bool
ion_priv_is_root(void)
{
    return geteuid() == 0;
}

/* Effective and permitted become `keep`, inheritable nothing. */
static bool
set_caps(uint64_t keep)
{
    struct __user_cap_header_struct head = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct data[2] = {
        { .effective = (uint32_t)keep, .permitted = (uint32_t)keep },
        { .effective = (uint32_t)(keep >> 32),
            .permitted = (uint32_t)(keep >> 32) },
    };

    return syscall(SYS_capset, &head, data) == 0;
}

/* The permitted set now; a container's root may have fewer than all. */
static uint64_t
permitted_caps(void)
{
    struct __user_cap_header_struct head = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct data[2] = { { 0 } };

    if (syscall(SYS_capget, &head, data) != 0) {
        return 0;
    }
    return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

/*
 * What exec may give back.  Without SETPCAP (a child of a reduced master) the
 * kernel refuses; no_new_privs and the lost uid stand for it then.
 */
static bool
limit_bounding_set(uint64_t keep)
{
    for (int cap = 0; cap < 64; cap++) {
        int has = prctl(PR_CAPBSET_READ, cap);

        if (has < 0) {
            break; /* the kernel knows no more */
        }
        if (has == 1 && (keep & CAP_BIT(cap)) == 0 &&
            prctl(PR_CAPBSET_DROP, cap) != 0) {
            return false;
        }
    }
    return true;
}

/* Become the account, and make sure that it was not a half-way change. */
static ion_err_t
change_user(const ion_account_t *a, ion_errtext_t *why)
{
    uid_t r, e, s;

    if (setgroups(0, NULL) != 0) {
        ion_errtext_set(why, "setgroups: %s", strerror(errno));
        return ION_DENIED;
    }
    if (setresgid(a->gid, a->gid, a->gid) != 0) {
        ion_errtext_set(why, "setresgid to %u: %s", a->gid, strerror(errno));
        return ION_DENIED;
    }
    if (setresuid(a->uid, a->uid, a->uid) != 0) {
        ion_errtext_set(why, "setresuid to %u: %s", a->uid, strerror(errno));
        return ION_DENIED;
    }
    if (getresuid(&r, &e, &s) != 0 || r != a->uid || e != a->uid ||
        s != a->uid || (a->uid != 0 && setresuid(0, 0, 0) == 0))
    {
        ion_errtext_set(why, "the change of user can be undone");
        return ION_DENIED;
    }
    return ION_OK;
}

ion_err_t
ion_priv_drop(const ion_account_t *account, ion_errtext_t *why)
{
    ion_err_t rc = ION_OK;

    (void)limit_bounding_set(0); /* see there */
    if (account != NULL && (geteuid() != account->uid ||
                               getegid() != account->gid || ion_priv_is_root()))
    {
        rc = change_user(account, why);
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* old
        kernels have none */
    if (!set_caps(0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        ion_errtext_set(why, "giving up capabilities: %s", strerror(errno));
        return ION_SYS;
    }
    if (prctl(PR_SET_DUMPABLE, UNDER_ASAN, 0, 0, 0) != 0) {
        ion_errtext_set(why, "PR_SET_DUMPABLE: %s", strerror(errno));
        return ION_SYS;
    }
    return rc;
}

ion_err_t
ion_priv_keep_master(ion_errtext_t *why)
{
    if (!ion_priv_is_root()) {
        return ION_OK;
    }
    if (!limit_bounding_set(master_caps)) {
        ion_errtext_set(why, "PR_CAPBSET_DROP: %s", strerror(errno));
        return ION_SYS;
    }
    if (!set_caps(master_caps & permitted_caps())) {
        ion_errtext_set(why, "capset: %s", strerror(errno));
        return ION_SYS;
    }
    return ION_OK;
}
