/*
 * link.c -- channels between the courier and the workers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The master makes them and keeps neither end, so what a worker asks and what
 * comes back does not pass through it, and either side sees the other's death
 * as the end of the channel.  They go to processes that are still starting:
 * who has switched to its first cycle has its channels.
 */
#include "main/master.h"

#include <errno.h>
#include <unistd.h>

static ion_err_t
hand_over(kid_t *kid, const kid_t *other, int fd)
{
    const ion_msg_link_t msg = { .slot = other->slot, .role = other->role };
    ion_err_t rc = ion_chan_send(kid->chan, ION_MSG_LINK, 0,
        &(ion_chan_body_t){ &msg, sizeof(msg), &fd, 1 });
    if (rc == ION_OK) {
        master_watch_kid(kid);
    }
    return rc;
}

static ion_err_t
link_kids(kid_t *courier, kid_t *worker)
{
    int ends[2];
    ion_err_t rc = ion_chan_pair(ends);
    if (rc != ION_OK) {
        return rc;
    }
    rc = hand_over(courier, worker, ends[0]);
    if (rc == ION_OK) {
        rc = hand_over(worker, courier, ends[1]);
    }
    (void)close(ends[0]); /* each side has its own, or none */
    (void)close(ends[1]); /* likewise */
    return rc;
}

void
master_link(master_t *m)
{
    kid_t *courier = master_courier(m);
    if (courier == NULL || courier->chan == NULL ||
        courier->state == KID_LEAVING) {
        return;
    }
    ION_LIST_FOREACH(it, &m->kids) {
        kid_t *kid = ION_CONTAINER_OF(it, kid_t, link);
        ion_err_t rc;
        if (kid->role != ION_ROLE_WORKER || kid->linked == courier->pid ||
            kid->chan == NULL || kid->state == KID_LEAVING)
        {
            continue;
        }
        rc = link_kids(courier, kid);
        if (rc == ION_OK) {
            kid->linked = courier->pid;
        } else if (rc != ION_CLOSED) {
            ion_log(&m->log, ION_LOG_ALERT, rc == ION_SYS ? errno : 0,
                "worker %u gets no channel to the courier: %s", kid->index,
                ion_strerror(rc));
        }
    }
}
