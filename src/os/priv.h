/*
 * priv.h -- accounts, and giving rights away for good.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Root is optional: started by an ordinary user every call here succeeds with
 * what there is to give away.
 */
#ifndef ION_OS_PRIV_H
#define ION_OS_PRIV_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"

#define ION_ACCOUNT_NAME_LEN 64

typedef struct {
    uid_t uid;
    gid_t gid;
    char name[ION_ACCOUNT_NAME_LEN];
} ion_account_t;

/*
 * ion_priv_account -- an account by name or decimal uid.
 *
 * Reads the account database: in the master, at start, only.
 * Errors: ION_NOTFOUND no such account | ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_priv_account(const char *name, ion_account_t *out);

/*
 * ion_priv_group -- a group by name or decimal gid.
 *
 * Errors: ION_NOTFOUND | ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_priv_group(const char *name, gid_t *out);

/* ion_priv_is_root -- whether we run with effective uid 0. */
bool ion_priv_is_root(void);

/*
 * ion_priv_drop -- a child gives up all rights: groups, gid, uid, every
 * capability, dumpable, and new privileges through exec.
 *
 * account: whom to become; NULL = stay who we are.  Cannot be undone.  Not
 * dumpable means also that /proc/self belongs to root from now on.  Under the
 * address sanitizer the process stays dumpable: its leak check needs it.
 * Errors: ION_DENIED the kernel refused the change of user, *why says which
 *         step; the process then still runs as before, with no_new_privs and
 *         no capabilities where that could be had | ION_SYS.
 */
ION_NODISCARD ion_err_t ion_priv_drop(
    const ion_account_t *account, ion_errtext_t *why);

/*
 * ion_priv_keep_master -- the master as root keeps NET_BIND_SERVICE, SETUID,
 * SETGID, KILL and DAC_READ_SEARCH and loses every other capability.
 *
 * Not root: nothing is done.  Errors: ION_SYS (errno), *why says which step.
 */
ION_NODISCARD ion_err_t ion_priv_keep_master(ion_errtext_t *why);

#endif
