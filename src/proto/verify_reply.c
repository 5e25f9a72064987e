/*
 * verify_reply.c -- what a verify URL answers: {"Allow":true}.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "proto/verify_reply.h"

#include "proto/json_pull.h"

enum {
    MAX_KEY = 8 /* longer than "Allow" */
};

ion_err_t
verify_reply_parse(ion_str_t body, bool *allow)
{
    json_pull_t jp;
    char key[MAX_KEY];
    size_t len;
    bool found = false;

    body.len = ION_MIN(body.len, (size_t)VERIFY_REPLY_MAX);
    json_pull_init(&jp, body);
    json_pull_enter(&jp);
    while (json_pull_key(&jp, key, sizeof(key), &len)) {
        ion_str_t name = { key, len > sizeof(key) ? 0 : len };

        if (ion_str_ieq(name, ION_STR("Allow"))) {
            json_pull_bool(&jp, &found);
        } else {
            json_pull_skip(&jp);
        }
    }
    if (jp.bad) {
        return ION_MALF;
    }
    *allow = found;
    return ION_OK;
}
