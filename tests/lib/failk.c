/*
 * failk.c -- make the k-th allocation of a piece of code fail.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "lib/failk.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

static unsigned countdown = UINT_MAX;
static bool has_failed;

void
failk_arm(unsigned k)
{
    countdown = k;
    has_failed = false;
}

bool
failk_disarm(void)
{
    countdown = UINT_MAX;
    return has_failed;
}

static bool
is_to_fail(void)
{
    if (countdown == UINT_MAX) {
        return false;
    }
    if (countdown > 0) {
        countdown--;
        return false;
    }
    countdown = UINT_MAX;
    has_failed = true;
    errno = ENOMEM;
    return true;
}

void *
__wrap_malloc(size_t n)
{
    return is_to_fail() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
    return is_to_fail() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
    return is_to_fail() ? NULL : __real_realloc(p, n);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
    return is_to_fail() ? NULL : __real_reallocarray(p, n, size);
}
