/*
 * title.c -- what ps shows.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Linux shows the bytes where argv lay when the program started.  argv and
 * the environment lie side by side: with the environment moved away, a title
 * has room for both.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/base.h"
#include "os/proc.h"

#define TITLE_MAX 128

/* There is one argv in a process, so there is one of this. */
static struct {
    char *area;
    size_t size;
} title;

/* Copy the environment; on failure the old one stays in force. */
static bool
move_environ(void)
{
    size_t n = 0;
    char **copy;

    while (environ[n] != NULL) {
        n++;
    }
    copy = calloc(n + 1, sizeof(*copy));
    if (copy == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        copy[i] = strdup(environ[i]);
        if (copy[i] == NULL) {
            while (i > 0) {
                free(copy[--i]);
            }
            free(copy);
            return false;
        }
    }
    environ = copy; /* lives as long as the process */
    return true;
}

void
ion_proc_title_init(int argc, char **argv)
{
    char *end;

    if (argc < 1 || argv[0] == NULL) {
        return;
    }
    end = argv[0] + strlen(argv[0]) + 1;
    for (int i = 1; i < argc && argv[i] == end; i++) {
        end += strlen(argv[i]) + 1;
    }
    for (char **e = environ; *e != NULL && *e == end; e++) {
        end += strlen(*e) + 1;
    }
    if (move_environ()) {
        title.area = argv[0];
        title.size = (size_t)(end - argv[0]);
    }
}

void
ion_proc_title(const char *fmt, ...)
{
    char text[TITLE_MAX] = "ionscale: ";
    size_t used = strlen(text);
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text + used, sizeof(text) - used, fmt, ap);
    va_end(ap);
    (void)prctl(PR_SET_NAME, "ionscale"); /* exec named us "exe" */
    if (title.size == 0) {
        return;
    }
    used = ION_MIN(strlen(text), title.size - 1);
    memcpy(title.area, text, used);
    memset(title.area + used, 0, title.size - used);
}
