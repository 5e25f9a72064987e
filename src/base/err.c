/*
 * err.c -- texts of the error codes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *
ion_strerror(ion_err_t err)
{
#define ION_ERR_CASE(name, value, text)                                        \
    case name:                                                                 \
        return text;

    switch (err) {
        ION_ERR_LIST(ION_ERR_CASE)
    }
    return "unknown error";
#undef ION_ERR_CASE
}

void
ion_errtext_set(ion_errtext_t *t, const char *fmt, ...)
{
    if (t == NULL) {
        return;
    }

    int saved = errno;
    char line[sizeof(t->msg)];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);

    if (n < 0) {
        line[0] = '\0';
    }
    memcpy(t->msg, line, strlen(line) + 1);
    errno = saved;
}
