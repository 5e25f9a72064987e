/*
 * derp_interest.h -- which clients of this worker want to hear that a key
 * has left.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A client becomes interested in a key when a packet from that key is queued
 * for it. Each interest remembers the sequence number of the connection the
 * packet came from, so that news of an older departure does not end it. An
 * interest is used up when it fires; the next packet arms it again. Clients
 * are known here by their embedded derp_receiver_t alone.
 */
#ifndef ION_DERP_DERP_INTEREST_H
#define ION_DERP_DERP_INTEREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/list.h"
#include "crypto/keys.h"

typedef struct derp_interests derp_interests_t;

/* A client's end of its interests, embedded in the session. */
typedef struct derp_receiver {
    ion_list_t interests;
    uint32_t id; /* unique among the receivers of this worker */
} derp_receiver_t;

/* An interest has fired: tell the receiver that key has left. */
typedef void (*derp_gone_pt)(
    void *arg, derp_receiver_t *receiver, const ion_key_t *key);

/* Is a key still connected anywhere? */
typedef bool (*derp_present_pt)(void *arg, const ion_key_t *key);

/*
 * derp_interests_new -- an empty table of at most `max` interests.
 *
 * Shape:  seed keys the hash.
 * Owns:   gives *out; derp_interests_free.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t derp_interests_new(
    const uint8_t seed[16], size_t max, derp_interests_t **out);

/*
 * derp_interests_free -- free the table; *t becomes NULL.
 *
 * Errors: none; *t may be NULL. Receivers must have withdrawn.
 */
void derp_interests_free(derp_interests_t **t);

/* derp_receiver_init -- a receiver without interests.  Errors: none. */
void derp_receiver_init(derp_receiver_t *receiver, uint32_t id);

/*
 * derp_interests_add -- arm, or confirm, one receiver's interest in a key.
 *
 * Shape:  seq is the directory's number of the connection that sent; an
 *         existing interest keeps the higher one.
 * Owns:   shares receiver until it withdraws.
 * Errors: ION_LIMIT the table is full | ION_NOMEM; nothing changed.
 */
ION_NODISCARD ion_err_t derp_interests_add(derp_interests_t *t,
    derp_receiver_t *receiver, const ion_key_t *key, uint64_t seq);

/*
 * derp_interests_gone -- a key has left: fire and remove every interest in
 * it whose number is not above seq.
 *
 * Shape:  returns how many fired. fire must not add or withdraw interests.
 * Errors: none.
 */
size_t derp_interests_gone(derp_interests_t *t, const ion_key_t *key,
    uint64_t seq, derp_gone_pt fire, void *arg);

/*
 * derp_interests_withdraw -- forget all interests of a receiver that ends.
 *
 * Errors: none.
 */
void derp_interests_withdraw(derp_interests_t *t, derp_receiver_t *receiver);

/*
 * derp_interests_walk_start, derp_interests_walk -- look at every key in the
 * table, some at a time, and fire the interests in those that are gone.
 *
 * Shape:  walk looks at no more than `budget` keys and returns true when
 *         all keys that were there at the last start have been seen.
 * Errors: none.
 */
void derp_interests_walk_start(derp_interests_t *t);
ION_NODISCARD bool derp_interests_walk(derp_interests_t *t, size_t budget,
    derp_present_pt present, derp_gone_pt fire, void *arg);

/* derp_interests_count -- interests now.  Errors: none. */
size_t derp_interests_count(const derp_interests_t *t);

#endif
