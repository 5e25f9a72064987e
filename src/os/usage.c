/*
 * usage.c -- what this process uses of the machine.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "os/usage.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "os/fd.h"

#define SCAN_STEP 512u

/* The size of the directory: descriptors that are open, 0 on old kernels. */
static uint64_t
directory_size(const ion_usage_t *u)
{
    struct stat st;
    if (u->fd_dir < 0 || fstat(u->fd_dir, &st) != 0 || st.st_size < 0) {
        return 0;
    }
    return (uint64_t)st.st_size;
}

void
ion_usage_open(ion_usage_t *u)
{
    struct rlimit rl;
    long page = sysconf(_SC_PAGESIZE);
    *u = (ion_usage_t){ .statm = -1, .status = -1 };
    u->fd_dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    u->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (directory_size(u) == 0) {
        u->status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    }
    u->page_size = page > 0 ? (uint64_t)page : 0;
    if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
        u->max_fds = rl.rlim_cur;
    }
}

/* Text of a /proc file that is open; empty when it cannot be read. */
static ion_str_t
read_text(int fd, char *buf, size_t cap)
{
    ssize_t n = fd < 0 ? -1 : pread(fd, buf, cap, 0);
    return (ion_str_t){ buf, n > 0 ? (size_t)n : 0 };
}

/* The second number of statm: resident pages. */
static uint64_t
resident_bytes(const ion_usage_t *u)
{
    char buf[256];
    ion_str_t rest = read_text(u->statm, buf, sizeof(buf));
    ion_str_t word = { NULL, 0 };
    uint64_t pages = 0;
    if (!ion_str_split(&rest, ' ', &word) ||
        !ion_str_split(&rest, ' ', &word) ||
        ion_parse_u64(word, UINT64_MAX / 65536, &pages) != ION_OK)
    {
        return 0;
    }
    return pages * u->page_size;
}

/* No descriptor of ours is as high as this: the size of the kernel's table. */
static uint64_t
descriptors_end(const ion_usage_t *u)
{
    const ion_str_t key = ION_STR("FDSize:");
    char buf[4096];
    ion_str_t rest = read_text(u->status, buf, sizeof(buf));
    ion_str_t line;
    uint64_t size = 0;
    while (ion_str_split(&rest, '\n', &line)) {
        if (ion_str_has_prefix(line, key)) {
            line = ion_str_trim(
                (ion_str_t){ line.p + key.len, line.len - key.len });
            if (ion_parse_u64(line, INT32_MAX, &size) != ION_OK) {
                size = 0;
            }
        }
    }
    return size;
}

/* How many of n descriptors from `first` on are open. */
static uint64_t
count_open(uint64_t first, uint64_t n)
{
    struct pollfd fds[SCAN_STEP];
    uint64_t open = 0;
    for (uint64_t i = 0; i < n; i++) {
        fds[i] = (struct pollfd){ .fd = (int)(first + i) };
    }
    if (poll(fds, (nfds_t)n, 0) < 0) {
        return 0;
    }
    for (uint64_t i = 0; i < n; i++) {
        if ((fds[i].revents & POLLNVAL) == 0) {
            open++;
        }
    }
    return open;
}

/* The old kernels' way. */
static void
scan(ion_usage_t *u)
{
    uint64_t end = descriptors_end(u);
    for (uint64_t tried = 0; tried < ION_USAGE_SCAN; tried += SCAN_STEP) {
        uint64_t n;
        if (u->scan_at >= end) {
            u->counted = u->scan_count;
            u->scan_at = 0;
            u->scan_count = 0;
            return;
        }
        n = ION_MIN(end - u->scan_at, (uint64_t)SCAN_STEP);
        u->scan_count += count_open(u->scan_at, n);
        u->scan_at += n;
    }
}

void
ion_usage_read(ion_usage_t *u, ion_usage_now_t *out)
{
    struct rusage ru;
    *out = (ion_usage_now_t){ .max_fds = u->max_fds };
    if (u->status >= 0) {
        scan(u);
        out->open_fds = u->counted;
    } else {
        out->open_fds = directory_size(u);
    }
    out->resident_bytes = resident_bytes(u);
    if (getrusage(RUSAGE_SELF, &ru) == 0) {
        out->cpu_us =
            (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000u +
            (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
    }
}

void
ion_usage_close(ion_usage_t *u)
{
    ion_fd_close(&u->fd_dir);
    ion_fd_close(&u->statm);
    ion_fd_close(&u->status);
}
