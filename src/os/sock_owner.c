/*
 * sock_owner.c -- who holds a port: /proc/net for the socket's inode, then
 * every process we may look into for a descriptor with that inode.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Best effort, for one line of an error text.  Both walks are bounded.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/sock.h"

#define MAX_INODES      16
#define MAX_DESCRIPTORS 1000000u

#define STATE_TCP_LISTEN 0x0a
#define STATE_UDP_BOUND  0x07

typedef struct {
    uint64_t v[MAX_INODES];
    size_t n;
} inodes_t;

/* "0100007F" or four such words: each is a 32-bit word in host order. */
static bool
parse_hex_addr(const char *hex, size_t digits, ion_addr_t *out)
{
    memset(out, 0, sizeof(*out));
    out->family = digits == 8 ? 4 : 6;
    for (size_t i = 0; i < digits / 8; i++) {
        char word[9] = { 0 };
        char *end;
        uint32_t value;

        memcpy(word, hex + i * 8, 8);
        value = (uint32_t)strtoul(word, &end, 16);
        if (*end != '\0') {
            return false;
        }
        memcpy(out->ip + i * 4, &value, sizeof(value));
    }
    return true;
}

/* Would a socket on `theirs` keep us from binding `ours`? */
static bool
conflicts(const ion_addr_t *ours, const ion_addr_t *theirs)
{
    return ion_addr_is_any(ours) || ion_addr_is_any(theirs) ||
           (ours->family == theirs->family &&
               memcmp(ours->ip, theirs->ip, sizeof(ours->ip)) == 0);
}

static void
scan_table(
    const char *path, const ion_addr_t *addr, unsigned state, inodes_t *found)
{
    char line[512];
    FILE *f = fopen(path, "re");

    if (f == NULL) {
        return;
    }
    while (found->n < MAX_INODES && fgets(line, sizeof(line), f) != NULL) {
        char hex[33];
        unsigned port;
        unsigned st;
        uint64_t inode;
        ion_addr_t theirs;
        size_t digits;

        if (sscanf(line,
                " %*u: %32[0-9A-Fa-f]:%4x %*s %2x %*s %*s %*s %*u"
                " %*u %" SCNu64,
                hex, &port, &st, &inode) != 4)
        {
            continue;
        }
        digits = strlen(hex);
        if (port == addr->port && st == state && inode != 0 &&
            (digits == 8 || digits == 32) &&
            parse_hex_addr(hex, digits, &theirs) && conflicts(addr, &theirs))
        {
            found->v[found->n++] = inode;
        }
    }
    (void)fclose(f); /* read only */
}

static bool
link_matches(int dir, const char *name, const inodes_t *wanted)
{
    char target[64];
    ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);
    uint64_t inode;

    if (n <= 0) {
        return false;
    }
    target[n] = '\0';
    if (sscanf(target, "socket:[%" SCNu64 "]", &inode) != 1) {
        return false;
    }
    for (size_t i = 0; i < wanted->n; i++) {
        if (wanted->v[i] == inode) {
            return true;
        }
    }
    return false;
}

static bool
process_holds(const char *pid, const inodes_t *wanted, unsigned *budget)
{
    char path[64];
    struct dirent *e;
    DIR *d;
    bool holds = false;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
    d = opendir(path);
    if (d == NULL) {
        return false;
    }
    while (!holds && *budget > 0 && (e = readdir(d)) != NULL) {
        *budget -= 1;
        holds = link_matches(dirfd(d), e->d_name, wanted);
    }
    (void)closedir(d); /* read only */
    return holds;
}

static void
describe(const char *pid, char text[ION_SOCK_OWNER_LEN])
{
    char path[64];
    char comm[32] = "";
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
    f = fopen(path, "re");
    if (f != NULL) {
        if (fgets(comm, sizeof(comm), f) == NULL) {
            comm[0] = '\0';
        }
        (void)fclose(f); /* read only */
    }
    comm[strcspn(comm, "\n")] = '\0';
    for (char *c = comm; *c != '\0'; c++) {
        if (!isprint((unsigned char)*c)) {
            *c = '?';
        }
    }
    (void)snprintf(text, ION_SOCK_OWNER_LEN, "pid %.20s (%s)%s", pid,
        comm[0] != '\0' ? comm : "name unknown",
        strtol(pid, NULL, 10) == (long)getpid() ? ", this process" : "");
}

ion_err_t
ion_sock_owner(
    const ion_addr_t *addr, bool is_udp, char text[ION_SOCK_OWNER_LEN])
{
    inodes_t wanted = { .n = 0 };
    unsigned budget = MAX_DESCRIPTORS;
    struct dirent *e;
    DIR *proc;
    bool found = false;

    text[0] = '\0';
    scan_table(is_udp ? "/proc/net/udp" : "/proc/net/tcp", addr,
        is_udp ? STATE_UDP_BOUND : STATE_TCP_LISTEN, &wanted);
    scan_table(is_udp ? "/proc/net/udp6" : "/proc/net/tcp6", addr,
        is_udp ? STATE_UDP_BOUND : STATE_TCP_LISTEN, &wanted);
    if (wanted.n == 0) {
        return ION_NOTFOUND;
    }
    proc = opendir("/proc");
    if (proc == NULL) {
        return ION_SYS;
    }
    while (!found && budget > 0 && (e = readdir(proc)) != NULL) {
        if (isdigit((unsigned char)e->d_name[0]) &&
            process_holds(e->d_name, &wanted, &budget))
        {
            describe(e->d_name, text);
            found = true;
        }
    }
    (void)closedir(proc); /* read only */
    return found ? ION_OK : ION_NOTFOUND;
}
