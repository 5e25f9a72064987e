/*
 * derp_admit.h -- who may use the relay: the last step of a login.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Whoever presents the mesh key is in.  Else in this order, each only if it is
 * configured, and all that are must agree: the allow list, which is at hand;
 * then side by side the tailscaled of this machine and the verify URLs, which
 * the courier asks.  Meanwhile the session reads nothing and holds what a login
 * holds, and the loop goes on.  Sessions that are in are not asked about again.
 */
#ifndef ION_DERP_DERP_ADMIT_H
#define ION_DERP_DERP_ADMIT_H

#include "crypto/box.h"
#include "derp/derp_session.h"

/* How long the services may take; the client's own deadline starts anew. */
#define DERP_ADMIT_TIMEOUT_MS 5000u

/*
 * derp_admit -- decide about a session whose key is proven.
 *
 * Shape:  calls derp_login_admitted or closes the session, now or later.
 *         shared is copied if it must wait.
 * Errors: none.
 */
void derp_admit(derp_session_t *s, const uint8_t shared[ION_BOX_SHARED_LEN]);

/* derp_admit_forget -- the session ends while it waits; harmless else. */
void derp_admit_forget(derp_session_t *s);

#endif
