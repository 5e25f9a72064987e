/*
 * notify.c -- tell the service manager how we are, as sd_notify(3) does.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "os/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define STATE_MAX 1024

static ion_err_t
send_state(
    const struct sockaddr_un *sun, socklen_t len, const char *state, size_t n)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ssize_t sent;
    int saved;

    if (fd < 0) {
        return ION_SYS;
    }
    sent = sendto(fd, state, n, MSG_NOSIGNAL | MSG_DONTWAIT,
        (const struct sockaddr *)sun, len);
    saved = errno;
    (void)close(fd); /* a datagram is sent or not */
    errno = saved;
    return sent == (ssize_t)n ? ION_OK : ION_SYS;
}

ion_err_t
ion_notify(const char *fmt, ...)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    char state[STATE_MAX];
    socklen_t len;
    size_t name_len;
    va_list ap;
    int n;

    if (name == NULL || name[0] == '\0') {
        return ION_NOTFOUND;
    }
    name_len = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || name_len >= sizeof(sun.sun_path))
    {
        return ION_RANGE;
    }
    memcpy(sun.sun_path, name, name_len);
    if (name[0] == '@') {
        sun.sun_path[0] = '\0'; /* abstract: the name has no NUL behind it */
    }
    len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len);
    va_start(ap, fmt);
    n = vsnprintf(state, sizeof(state), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(state)) {
        return ION_RANGE;
    }
    if (strstr(state, "RELOADING=1") != NULL) {
        int more = snprintf(state + n, sizeof(state) - (size_t)n,
            "\nMONOTONIC_USEC=%" PRIu64, ion_mono_now() / 1000);

        if (more < 0 || (size_t)more >= sizeof(state) - (size_t)n) {
            return ION_RANGE;
        }
        n += more;
    }
    return send_state(&sun, len, state, (size_t)n);
}
