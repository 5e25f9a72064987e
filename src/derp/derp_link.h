/*
 * derp_link.h -- one link to another relay of this region.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A link is a client of that relay, under this relay's own key and with the
 * mesh key. The relay tells over it which clients it has; packets for them go
 * out over it as ForwardPacket. It is dialled by the courier, lost and dialled
 * again five seconds later, for ever; only when it leads back to this relay it
 * is given up.
 *
 * Each client behind the link is a forwarder in the directory, so that every
 * worker finds it. When the link is lost all of them leave at once.
 */
#ifndef ION_DERP_DERP_LINK_H
#define ION_DERP_DERP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/map.h"
#include "client/derp_client.h"
#include "core/ask.h"
#include "derp/derp_pool.h"
#include "event/loop.h"
#include "proto/mesh_target.h"
#include "shm/dir.h"
#include "shm/links.h"

#define DERP_LINK_MAGIC 0x646c6e6bu

/* For all phases of one try, and from a loss to the next. */
#define DERP_LINK_TRY_MS 10000
#define DERP_LINK_RETRY  ION_SEC(5)
/* Bytes must have left after this time, or the link is given up. */
#define DERP_LINK_WRITE_MS 5000

struct derp_mesh;
struct derp_link;

/* A client behind a link. */
typedef struct derp_forward {
    struct derp_link *link; /* back */
    ion_key_t key;
    ion_dir_entry_t entry;
} derp_forward_t;

typedef struct derp_link {
    uint32_t magic;
    struct derp_mesh *mesh; /* back */
    uint32_t nth;           /* its row in shm/links.h */
    ion_mesh_target_t target;
    char name[ION_LINKS_TEXT]; /* the target, for people, without its pin */
    ion_link_state_t state;
    uint64_t since_ms;    /* see ion_link_row_t */
    ion_mono_t try_due;   /* when the try in progress is given up */
    bool is_leaving;      /* another worker takes over: no more tries */
    uint64_t ask;         /* of the courier; 0 = none */
    ion_client_t *client; /* owned; NULL while there is no connection */
    ion_timer_t timer;    /* the next try, or the end of a leaving link */
    ion_map_t *forwards;  /* key -> derp_forward_t */
    uint64_t packets;     /* sent since it is up */
    bool is_told;         /* the row says what is true */
    char why[ION_LINKS_TEXT];
} derp_link_t;

/*
 * derp_link_new -- a link that begins its first try in this turn.
 *
 * Shape:  nth below ION_LINKS_MAX, not in use by another link.
 * Owns:   gives *out; derp_link_free.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t derp_link_new(struct derp_mesh *mesh, uint32_t nth,
    const ion_mesh_target_t *target, derp_link_t **out);

/*
 * derp_link_free -- end it: its clients leave the directory, its row goes;
 * *link becomes NULL.
 *
 * Errors: none; *link may be NULL.
 */
void derp_link_free(derp_link_t **link);

/*
 * derp_link_forward -- send a packet on to a client behind the link.
 *
 * Shape:  payload[0..n) borrowed.
 * Errors: none; a packet that the link does not take is dropped and counted.
 */
void derp_link_forward(const derp_forward_t *to, const ion_key_t *src,
    derp_kind_t kind, const uint8_t *payload, size_t n);

/*
 * derp_link_leave, derp_link_stay -- another worker owns the link from now on:
 * stay up until it has its own; or this one owns it again.
 *
 * Shape:  false: there is nothing up to stay for, free it.
 * Errors: none.
 */
ION_NODISCARD bool derp_link_leave(derp_link_t *link);
void derp_link_stay(derp_link_t *link);

/* derp_link_publish -- write its row, if anything has changed. */
void derp_link_publish(derp_link_t *link);

/* derp_link_key -- the other relay's public key; NULL while not up. */
const ion_key_t *derp_link_key(const derp_link_t *link);

/*
 * derp_link_answered -- what the courier says to the link's question (the
 * callback of p->ask; arg is the link).
 */
void derp_link_answered(void *arg, ion_answer_t *answer);

#endif
