/*
 * admin_request.c -- what a client of the control socket asks for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "admin/admin_request.h"

#include "doc/json.h"

static bool
is_command_text(ion_str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < ' ' || s.p[i] > '~') {
            return false;
        }
    }
    return s.len > 0 && s.len <= ADMIN_COMMAND_MAX;
}

static ion_err_t
refuse(ion_errtext_t *why, const char *text)
{
    ion_errtext_set(why, "%s", text);
    return ION_MALF;
}

static ion_err_t
read_members(
    const ion_doc_node_t *root, admin_request_t *out, ion_errtext_t *why)
{
    ION_DOC_FOREACH(member, root)
    {
        if (ion_str_eq(member->key, ION_STR("cmd"))) {
            if (member->kind != ION_DOC_STRING ||
                !is_command_text(member->text)) {
                return refuse(why, "\"cmd\" is not a command's name");
            }
            out->cmd = member->text;
        } else if (ion_str_eq(member->key, ION_STR("args"))) {
            if (member->kind != ION_DOC_MAP && member->kind != ION_DOC_NULL) {
                return refuse(why, "\"args\" is not an object");
            }
            out->args = member->kind == ION_DOC_MAP ? member : NULL;
        } else {
            return refuse(why, "a key other than \"cmd\" and \"args\"");
        }
    }
    return out->cmd.len > 0 ? ION_OK : refuse(why, "no \"cmd\"");
}

ion_err_t
admin_request_parse(ion_arena_t *arena, ion_str_t payload, admin_request_t *out,
    ion_errtext_t *why)
{
    const ion_json_limits_t limits = { ADMIN_REQUEST_MAX, 0 };
    ion_doc_error_t error = { .name = "request" };
    ion_doc_node_t *root;
    ion_err_t rc = ion_json_parse(arena, payload, &limits, &root, &error);

    *out = (admin_request_t){ { NULL, 0 }, NULL };
    if (rc != ION_OK) {
        ion_doc_error_text(&error, why);
        return rc == ION_NOMEM ? rc : ION_MALF;
    }
    if (root->kind != ION_DOC_MAP) {
        return refuse(why, "not an object");
    }
    return read_members(root, out, why);
}
