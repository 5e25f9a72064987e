/*
 * derp_health.h -- what a client is told about its connection.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A Health frame's text is shown to the user until an empty one comes, or the
 * client connects anew. So nothing is told that a user cannot do anything
 * about, or that is over in a moment.
 */
#ifndef ION_DERP_DERP_HEALTH_H
#define ION_DERP_DERP_HEALTH_H

struct derp_session;
struct derp_worker;

/* derp_health_dup -- before a session becomes one of several of its key. */
void derp_health_dup(struct derp_session *s);

/*
 * derp_health_activity -- before a frame makes a session with duplicates the
 * active one: if it was another one until now, so that two devices speak, and
 * they have for DERP_DUP_TELL_AFTER, the client is told, once.
 *
 * Errors: none.
 */
void derp_health_activity(struct derp_session *s);

/* derp_health_single -- the other ones of its key are gone: all is well. */
void derp_health_single(struct derp_session *s);

/*
 * derp_health_drain -- this worker ends when its clients have left: tell them
 * when they will be closed, if they will be.
 *
 * Errors: none.
 */
void derp_health_drain(struct derp_worker *w);

/*
 * derp_health_goodbye -- all connections are about to be closed: send each
 * client a Restarting frame, if its socket takes it at once.
 *
 * Errors: none.
 */
void derp_health_goodbye(struct derp_worker *w);

#endif
