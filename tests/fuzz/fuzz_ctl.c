/*
 * fuzz_ctl.c -- what a client may send over the control socket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The bytes are read as a stream of frames, and the whole as one request's
 * payload.  Properties: a header that is taken is written back the same; a
 * request that is taken has a printable command.
 */
#include <stdint.h>
#include <string.h>

#include "admin/admin_reply.h"
#include "admin/admin_request.h"
#include "base/assert.h"
#include "core/module.h"
#include "core/revision.h"
#include "proto/admin_frame.h"

/* only here so that the layers below link */
const ion_module_t *const ion_modules[] = { NULL };
const char ion_revision[] = "";
const uint32_t ion_module_count = 0;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_request(const uint8_t *p, size_t n)
{
    ion_arena_t *arena;
    admin_request_t r;
    ion_errtext_t why = { "" };
    ion_sb_t sb;

    if (ion_arena_new(ADMIN_REQUEST_ARENA, &arena) != ION_OK) {
        return;
    }
    if (admin_request_parse(
            arena, (ion_str_t){ (const char *)p, n }, &r, &why) == ION_OK)
    {
        ION_ASSERT(r.cmd.len > 0 && r.cmd.len <= ADMIN_COMMAND_MAX);
        for (size_t i = 0; i < r.cmd.len; i++) {
            ION_ASSERT(r.cmd.p[i] >= ' ' && r.cmd.p[i] <= '~');
        }
        ION_ASSERT(r.args == NULL || r.args->kind == ION_DOC_MAP);
    } else {
        ION_ASSERT(why.msg[0] != '\0');
        ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
        admin_reply_error(&sb, why.msg, why.msg);
        ION_ASSERT(!sb.failed);
        ion_sb_fini(&sb);
    }
    ion_arena_free(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 0;
    admin_header_t h;

    try_request(data, size);
    while (admin_header_parse(data + at, size - at, &h) == ION_OK) {
        uint8_t again[ADMIN_HEADER_LEN];

        admin_header_put(again, &h);
        ION_ASSERT(memcmp(again, data + at, sizeof(again)) == 0);
        at += ADMIN_HEADER_LEN;
        if (h.len > size - at) {
            break;
        }
        try_request(data + at, h.len);
        at += h.len;
    }
    return 0;
}
