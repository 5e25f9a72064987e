/*
 * assert.c -- the way to die.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Runs in a process whose state is known to be wrong, maybe inside a signal
 * handler: no allocation, no stdio, no locks.
 */

#include "base/assert.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*panic_hook_fn)(const char *text);

static _Atomic(panic_hook_fn) panic_hook;
static atomic_flag panicking = ATOMIC_FLAG_INIT;

typedef struct {
    char buf[512];
    size_t len;
} line_t;

static void
append(line_t *l, const char *s)
{
    size_t room = sizeof(l->buf) - 2 - l->len; /* keeps "\n" and NUL */
    size_t n = ION_MIN(strlen(s), room);
    memcpy(l->buf + l->len, s, n);
    l->len += n;
}

static void
append_number(line_t *l, int n)
{
    char digits[12];
    char *p = digits + sizeof(digits);
    *--p = '\0';
    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    append(l, p);
}

void
ion_panic_set_hook(void (*hook)(const char *text))
{
    atomic_store(&panic_hook, hook);
}

void
ion_panic(const char *file, int line, const char *func, const char *text)
{
    if (atomic_flag_test_and_set(&panicking)) {
        abort();
    }

    line_t l = { .len = 0 };
    append(&l, "panic: ");
    append(&l, file);
    append(&l, ":");
    append_number(&l, line);
    append(&l, ": ");
    append(&l, func);
    append(&l, ": ");
    append(&l, text);
    l.buf[l.len] = '\0';

    panic_hook_fn hook = atomic_load(&panic_hook);
    if (hook != NULL) {
        hook(l.buf);
    }

    l.buf[l.len] = '\n';
    ssize_t n = write(STDERR_FILENO, l.buf, l.len + 1);
    ION_IGNORE(n); /* nobody is left to be told */
    abort();
}
