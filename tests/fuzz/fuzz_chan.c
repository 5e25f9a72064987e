/*
 * fuzz_chan.c -- a child that has been taken over talks to the master.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The input is a list of messages with descriptors, written to the channel
 * without our sender; the first byte says who the writer is. Properties: what
 * is taken keeps to the table of messages; no descriptor is left; whatever
 * breaks the table ends the channel with a reason.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "main/messages.h"
#include "os/chan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGES_MAX 32
#define FDS_MAX      20

static size_t
take(const uint8_t **p, size_t *left)
{
    if (*left == 0) {
        return 0;
    }
    (*left)--;
    return *(*p)++;
}

/* The lowest free descriptor: it is the same again when nothing is left. */
static int
lowest_free(void)
{
    int fd = dup(STDERR_FILENO);

    ION_ASSERT(fd >= 0);
    ION_IGNORE(close(fd));
    return fd;
}

static void
send_raw(int fd, const uint8_t *p, size_t n, size_t fd_count)
{
    struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int) * FDS_MAX)];
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (fd_count > 0) {
        size_t len = sizeof(int) * fd_count;
        struct cmsghdr *c;

        memset(control, 0, sizeof(control));
        msg.msg_control = control;
        msg.msg_controllen = CMSG_SPACE(len);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(len);
        for (size_t i = 0; i < fd_count; i++) {
            memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(int));
        }
    }
    ION_IGNORE(sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static void
check_message(const ion_chan_msg_t *m, uint32_t role)
{
    const ion_chan_rule_t *r = m->rule;
    uint32_t sum = 0;

    ION_ASSERT((r->from & role) != 0);
    ION_ASSERT(m->len >= r->min_len && m->len <= r->max_len);
    ION_ASSERT(m->fd_count >= r->min_fds && m->fd_count <= r->max_fds);
    for (size_t i = 0; i < m->len; i++) {
        sum += m->data[i];
    }
    ION_ASSERT(sum <= m->len * 255);
}

/* Everything that has come; false: the channel is over, as an empty message
 * says without a reason. */
static bool
receive(ion_chan_t *c, uint32_t role, bool is_empty)
{
    for (;;) {
        ion_chan_msg_t m;
        ion_errtext_t why = { "" };
        ion_err_t rc = ion_chan_recv(c, &m, &why);

        if (rc != ION_OK) {
            ION_ASSERT(rc == ION_AGAIN || (rc == ION_CLOSED && is_empty) ||
                       (rc == ION_MALF && why.msg[0] != 0));
            return rc == ION_AGAIN;
        }
        check_message(&m, role);
        if ((m.req & 1) != 0 && m.fd_count > 0) {
            ION_IGNORE(close(ion_chan_take_fd(&m, 0)));
        }
        ion_chan_msg_done(&m);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t roles[] = { ION_ROLE_WORKER, ION_ROLE_KEEPER,
        ION_ROLE_MASTER };
    int before = lowest_free();
    uint32_t role = roles[take(&data, &size) % ION_ARRAY_LEN(roles)];
    ion_chan_t *c = NULL;
    bool is_open = true;
    int fds[2];

    ION_ASSERT(ion_chan_pair(fds) == ION_OK);
    ION_ASSERT(ion_chan_new(fds[0], ion_main_rules, role, &c) == ION_OK);
    for (int i = 0; i < MESSAGES_MAX && size > 0 && is_open; i++) {
        size_t how = take(&data, &size);
        size_t n = take(&data, &size) * ((how & 128) != 0 ? 64 : 1);

        n = n < size ? n : size;
        send_raw(fds[1], data, n, (how & 127) % FDS_MAX);
        data += n;
        size -= n;
        is_open = receive(c, role, n == 0);
    }
    ion_chan_free(&c);
    ION_IGNORE(close(fds[1]));
    ION_ASSERT(lowest_free() == before);
    return 0;
}
