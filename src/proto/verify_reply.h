/*
 * verify_reply.h -- what a verify URL answers: {"Allow":true}.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_PROTO_VERIFY_REPLY_H
#define ION_PROTO_VERIFY_REPLY_H

#include <stdbool.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

/* Bytes of an answer that are looked at. */
#define VERIFY_REPLY_MAX 4096

/*
 * verify_reply_parse -- read the first JSON value of an answer's body.
 *
 * Shape:  body borrowed, at most VERIFY_REPLY_MAX bytes of it count; what
 *         follows the first value does not. *allow is false when "Allow" is
 *         missing or null; keys match in any case, later ones win.
 * Errors: ION_MALF no complete JSON object, or an Allow that is no truth value
 *         (*allow untouched); no other.
 * Spec:   DERP protocol: admission of clients, URL.
 */
ION_NODISCARD ion_err_t verify_reply_parse(ion_str_t body, bool *allow);

#endif
