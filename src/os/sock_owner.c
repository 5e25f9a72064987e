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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/sock.h"

#define MAX_INODES      256
#define MAX_DESCRIPTORS 1000000u

#define STATE_TCP_LISTEN 0x0a
#define STATE_UDP_BOUND  0x07

/* sl local remote state queues timer retransmits uid timeout inode */
enum {
    FIELD_LOCAL = 1,
    FIELD_STATE = 3,
    FIELD_UID = 7,
    FIELD_INODE = 9,
    FIELDS = 10
};

typedef struct {
    uint64_t v[MAX_INODES];
    size_t n;
    bool is_all_ours; /* by the user who owns them */
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

/* Cut a line into its first fields; how many there were. */
static size_t
cut_fields(char *line, char *fields[FIELDS])
{
    char *rest = line;
    size_t n = 0;

    while (n < FIELDS && (fields[n] = strtok_r(rest, " \n", &rest)) != NULL) {
        n++;
    }
    return n;
}

/* "0100007F:1F90" against the address we could not bind. */
static bool
is_in_the_way(const char *local, const ion_addr_t *addr)
{
    size_t digits = strcspn(local, ":");
    ion_addr_t theirs;

    return (digits == 8 || digits == 32) && local[digits] == ':' &&
           strtoul(local + digits + 1, NULL, 16) == addr->port &&
           parse_hex_addr(local, digits, &theirs) && conflicts(addr, &theirs);
}

static bool
has_inode(const inodes_t *set, uint64_t inode)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->v[i] == inode) {
            return true;
        }
    }
    return false;
}

/* While sockets come and go the table may show one twice. */
static void
scan_table(const char *path, const ion_addr_t *addr, unsigned long state,
    inodes_t *found)
{
    char line[512];
    char *field[FIELDS];
    FILE *f = fopen(path, "re");

    if (f == NULL) {
        return;
    }
    while (found->n < MAX_INODES && fgets(line, sizeof(line), f) != NULL) {
        uint64_t inode;

        if (cut_fields(line, field) != FIELDS ||
            strtoul(field[FIELD_STATE], NULL, 16) != state ||
            !is_in_the_way(field[FIELD_LOCAL], addr))
        {
            continue;
        }
        inode = strtoull(field[FIELD_INODE], NULL, 10);
        if (inode != 0 && !has_inode(found, inode)) {
            found->v[found->n++] = inode;
            found->is_all_ours =
                found->is_all_ours &&
                strtoul(field[FIELD_UID], NULL, 10) == geteuid();
        }
    }
    (void)fclose(f); /* read only */
}

/* Every socket on a port that would keep us from binding addr. */
static void
find_holders(const ion_addr_t *addr, bool is_udp, inodes_t *out)
{
    out->n = 0;
    out->is_all_ours = true;
    scan_table(is_udp ? "/proc/net/udp" : "/proc/net/tcp", addr,
        is_udp ? STATE_UDP_BOUND : STATE_TCP_LISTEN, out);
    scan_table(is_udp ? "/proc/net/udp6" : "/proc/net/tcp6", addr,
        is_udp ? STATE_UDP_BOUND : STATE_TCP_LISTEN, out);
}

/* The place in wanted of the socket that a descriptor is, or wanted->n. */
static size_t
match_link(int dir, const char *name, const inodes_t *wanted)
{
    static const char prefix[] = "socket:[";
    char target[64];
    ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);
    uint64_t inode;
    size_t i = 0;

    if (n <= 0) {
        return wanted->n;
    }
    target[n] = '\0';
    if (strncmp(target, prefix, sizeof(prefix) - 1) != 0) {
        return wanted->n;
    }
    inode = strtoull(target + sizeof(prefix) - 1, NULL, 10);
    while (i < wanted->n && wanted->v[i] != inode) {
        i++;
    }
    return i;
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
        holds = match_link(dirfd(d), e->d_name, wanted) < wanted->n;
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
    inodes_t wanted;
    unsigned budget = MAX_DESCRIPTORS;
    struct dirent *e;
    DIR *proc;
    bool found = false;

    text[0] = '\0';
    find_holders(addr, is_udp, &wanted);
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

bool
ion_sock_is_held_by(const ion_addr_t *addr, bool is_udp, pid_t pid)
{
    inodes_t left;
    char path[64];
    const struct dirent *e;
    DIR *d;

    find_holders(addr, is_udp, &left);
    if (pid <= 0 || left.n == 0 || left.n == MAX_INODES) {
        return false;
    }
    (void)snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
    d = opendir(path);
    if (d == NULL) {
        /* it hides its descriptors: with capabilities of its file it must */
        return errno == EACCES && left.is_all_ours;
    }
    for (unsigned n = 0; left.n > 0 && n < MAX_DESCRIPTORS; n++) {
        size_t at;

        e = readdir(d);
        if (e == NULL) {
            break;
        }
        at = match_link(dirfd(d), e->d_name, &left);
        if (at < left.n) {
            left.v[at] = left.v[--left.n];
        }
    }
    (void)closedir(d); /* read only */
    return left.n == 0;
}
