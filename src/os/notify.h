/*
 * notify.h -- tell the service manager how we are, as sd_notify(3) does.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_OS_NOTIFY_H
#define ION_OS_NOTIFY_H

#include "base/base.h"
#include "base/err.h"

/*
 * ion_notify -- send one state ("READY=1", "STATUS=...\nRELOADING=1") to
 * $NOTIFY_SOCKET.
 *
 * RELOADING=1 gets MONOTONIC_USEC= added, which the manager asks for.
 * Errors: ION_NOTFOUND nobody asked to be told (fine) | ION_RANGE the socket's
 *         name is unusable, or the text over 1 KiB | ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_notify(const char *fmt, ...) ION_PRINTF(1, 2);

#endif
