/*
 * blackbox.h -- last words of a process that crashes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Writes: each process its own box, in the panic hook and in the handlers of
 *         SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT and SIGSYS, all of it
 *         async-signal-safe: no allocation, no lock, no stdio. Reads: the
 *         master, after the death.
 * Order:  text first, its length last (release), piece by piece, so that a
 *         second fault inside a handler loses only what it interrupted.
 * A kill leaves: what had been written; after SIGKILL an empty box.
 *
 * Text: lines such as "panic: file:line: func: text", "signal 11 SIGSEGV at
 * 0x10, code 1" or "signal 6 SIGABRT from pid 12" (if it was sent), "signal 31
 * SIGSYS: system call 41 is forbidden here, asked for at 0x7f00", and
 * "#2 ionscale+0x1a2b" (module and offset, for addr2line).
 */

#ifndef ION_SHM_BLACKBOX_H
#define ION_SHM_BLACKBOX_H

#include "base/base.h"
#include "shm/shm.h"

#define ION_BLACKBOX_MAX 4032 /* bytes of text */

/*
 * ion_blackbox_arm -- from now on a crash of this process leaves its words.
 *
 * Shape:  once per process, before threads or sandbox; installs handlers on a
 *         stack of their own and the panic hook. After the words the signal
 *         takes its default course, so that the parent sees it and a core is
 *         written where that is allowed. shm must outlive the process's use.
 * Errors: none.
 */
void ion_blackbox_arm(ion_shm_t *shm);

/*
 * ion_blackbox_log -- write the words to a log too, line by line behind a
 * prefix: for the master, whose box nobody reads.
 *
 * Shape:  after ion_blackbox_arm, again whenever the log is reopened; fd is
 *         borrowed; prefix is copied, at most 63 bytes of it.
 * Errors: none.
 */
void ion_blackbox_log(int fd, const char *prefix);

/*
 * ion_blackbox_disarm -- default handlers, no hook. For tests and clean exits
 * before ion_shm_free.
 *
 * Errors: none.
 */
void ion_blackbox_disarm(void);

/*
 * ion_blackbox_read -- take the text of a slot out of its box.
 *
 * Shape:  master only; out gets at most cap - 1 bytes and a NUL, with every
 *         byte outside printable ASCII but newline replaced by '?'; the box
 *         is empty afterwards. Returns the length, 0 when nothing was said.
 * Errors: none.
 */
size_t ion_blackbox_read(ion_shm_t *shm, uint32_t slot, char *out, size_t cap);

#endif
