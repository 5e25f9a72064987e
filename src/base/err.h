/*
 * err.h -- the error codes of every fallible function, and text for people.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A code says what the caller can do about it. Text exists only at the edges:
 * configuration errors and answers to an administrator carry an
 * ion_errtext_t down, which may be NULL.
 */

#ifndef ION_BASE_ERR_H
#define ION_BASE_ERR_H

#include "base/base.h"

/* name, value, text */
/* clang-format off */
#define ION_ERR_LIST(X)                                                       \
    X(ION_OK,           0, "ok")                                              \
    X(ION_AGAIN,       -1, "not ready, try again")                            \
    X(ION_MALF,        -2, "malformed input")                                 \
    X(ION_DENIED,      -3, "denied")                                          \
    X(ION_NOTFOUND,    -4, "not found")                                       \
    X(ION_EXISTS,      -5, "exists already")                                  \
    X(ION_LIMIT,       -6, "limit reached")                                   \
    X(ION_RANGE,       -7, "out of range")                                    \
    X(ION_NOMEM,       -8, "out of memory")                                   \
    X(ION_CLOSED,      -9, "closed by the other side")                        \
    X(ION_TIMEOUT,    -10, "timed out")                                       \
    X(ION_SYS,        -11, "system call failed")                              \
    X(ION_BUSY,       -12, "busy")                                            \
    X(ION_VERSION,    -13, "version not supported")                           \
    X(ION_UNSUPPORTED,-14, "not supported")                                   \
    X(ION_INTERNAL,   -15, "internal error")
/* clang-format on */

#define ION_ERR_ENUM(name, value, text) name = (value),
typedef enum ion_err { ION_ERR_LIST(ION_ERR_ENUM) } ion_err_t;
#undef ION_ERR_ENUM

/*
 * ion_strerror -- the short text of a code.
 *
 * Shape:  returns a static string; "unknown error" for a number that is none.
 *         For ION_SYS the cause is in errno, which this leaves alone.
 * Errors: none.
 */
const char *ion_strerror(ion_err_t err);

/* One line for a person; always NUL-terminated once set. */
typedef struct ion_errtext {
    char msg[256];
} ion_errtext_t;

/*
 * ion_errtext_set -- write the line, cutting it where it does not fit.
 *
 * Shape:  t may be NULL (nothing happens); printf format. Keeps errno.
 *         Arguments may point into t->msg, so that text can be prefixed.
 * Errors: none.
 */
void ion_errtext_set(ion_errtext_t *t, const char *fmt, ...) ION_PRINTF(2, 3);

#endif
