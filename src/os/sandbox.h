/*
 * sandbox.h -- what a process may still ask of the kernel.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A policy is data: a list of system calls, each allowed, allowed if one
 * argument passes a test, or refused with EACCES.  What the list does not
 * have ends the process by SIGSYS.  Refused are those that a library makes
 * by itself and can do without (timegm looks for /etc/localtime).  Landlock
 * stands behind it: no path but those of the policy, no TCP bind, no connect
 * but the courier's, no signal to others.
 *
 * Filters are inherited by whom a process starts, so the master, which starts
 * workers that accept, has none.
 */
#ifndef ION_OS_SANDBOX_H
#define ION_OS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

/* What is in force, as bits. */
#define ION_SANDBOXED_SECCOMP  1u
#define ION_SANDBOXED_LANDLOCK 2u
#define ION_SANDBOXED_LOG      4u /* the filter only notes: see enter */

typedef enum {
    ION_SANDBOX_ALLOW,
    ION_SANDBOX_ALLOW_EQ,    /* if the argument is this value */
    ION_SANDBOX_ALLOW_SELF,  /* if the argument is our process id */
    ION_SANDBOX_ALLOW_HAS,   /* if it has one of these bits */
    ION_SANDBOX_ALLOW_HASNT, /* if it has none of these bits */
    ION_SANDBOX_REFUSE,      /* EACCES */
    ION_SANDBOX_LACK,        /* ENOSYS: as if the kernel had no such call */
} ion_sandbox_verdict_t;

typedef struct {
    uint32_t call; /* SYS_* */
    ion_sandbox_verdict_t verdict;
    uint32_t arg;   /* which argument, from 0; its lower 32 bits count */
    uint32_t value; /* value or bits */
} ion_sandbox_rule_t;

/* A list; the first rule that fits decides. */
typedef struct {
    const ion_sandbox_rule_t *rules;
    size_t count;
} ion_sandbox_list_t;

/*
 * What a role may: its own list, then the one of all roles; the files below
 * some paths, to read; and whether it may connect over TCP.  A path that does
 * not exist is left out.
 */
typedef struct {
    ion_sandbox_list_t list[2];
    const char *const *paths;     /* ended by NULL; NULL = none */
    const char *const *env_paths; /* likewise, names of variables with paths */
    bool may_connect;
} ion_sandbox_policy_t;

#define ION_SANDBOX_RULES_MAX 128 /* of both lists */

extern const ion_sandbox_policy_t ion_sandbox_worker;
extern const ion_sandbox_policy_t ion_sandbox_keeper;
extern const ion_sandbox_policy_t ion_sandbox_courier;

/*
 * ion_sandbox_probe -- what this kernel has, as ION_SANDBOXED_* bits.
 *
 * *why, if not NULL, says what is missing and why; empty if nothing is.
 */
uint32_t ion_sandbox_probe(ion_errtext_t *why);

/*
 * ion_sandbox_enter -- put a policy in force, for good.
 *
 * Needs no_new_privs (ion_priv_drop), one thread, and all descriptors that
 * the process will open by itself.  *in_force gets what holds afterwards, also
 * after an error.  In a build with sanitizers or coverage counters, which open
 * files when a process ends, the filter only notes offences in the kernel's
 * log and landlock is left out: ION_SANDBOXED_LOG.
 * Errors: ION_UNSUPPORTED the kernel has not all of it or did not take it,
 *         *why says what; the rest is in force.
 */
ION_NODISCARD ion_err_t ion_sandbox_enter(
    const ion_sandbox_policy_t *policy, uint32_t *in_force, ion_errtext_t *why);

#endif
