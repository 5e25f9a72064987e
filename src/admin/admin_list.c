/*
 * admin_list.c -- rows of `ionscale derp list`, a piece at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "admin/admin_list.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/key_text.h"
#include "shm/dir.h"
#include "shm/slots.h"

static const struct {
    uint32_t bit;
    const char *word;
} flag_words[] = {
    { ION_DIR_MESH, "mesh" },
    { ION_DIR_PROBER, "prober" },
    { ION_DIR_NOT_IDEAL, "not_ideal" },
    { ION_DIR_DUP, "dup" },
    { ION_DIR_FORWARDER, "forwarder" },
    { ION_DIR_PREFERRED, "preferred" },
};

static void
write_flags(uint32_t flags, ion_jw_t *w)
{
    ion_jw_array_begin(w);
    for (size_t i = 0; i < ION_ARRAY_LEN(flag_words); i++) {
        if ((flags & flag_words[i].bit) != 0) {
            ion_jw_strz(w, flag_words[i].word);
        }
    }
    ion_jw_array_end(w);
}

static void
write_traffic(const ion_dir_traffic_t *t, ion_jw_t *w)
{
    ion_jw_key(w, "packets_received");
    ion_jw_u64(w, t->packets_in);
    ion_jw_key(w, "bytes_received");
    ion_jw_u64(w, t->bytes_in);
    ion_jw_key(w, "packets_sent");
    ion_jw_u64(w, t->packets_out);
    ion_jw_key(w, "bytes_sent");
    ion_jw_u64(w, t->bytes_out);
    ion_jw_key(w, "drops");
    ion_jw_u64(w, t->drops);
}

static void
write_row(const ion_process_t *p, const ion_dir_row_t *row, ion_jw_t *w)
{
    char key[ION_NODE_KEY_TEXT];
    char conn[48];
    char addr[ION_ADDR_TEXT_MAX];
    ion_slot_info_t owner;

    ion_slots_get(p->shm, row->conn.slot, &owner);
    (void)snprintf(conn, sizeof(conn), "%u-%" PRIu32 "-%" PRIu32,
        (unsigned)row->conn.slot, row->conn.record, row->conn.life);
    ion_jw_object_begin(w);
    ion_jw_key(w, "key");
    ion_jw_strz(w, ion_node_key_format(&row->key, key));
    ion_jw_key(w, "conn");
    ion_jw_strz(w, conn);
    ion_jw_key(w, "worker");
    ion_jw_u64(w, owner.index);
    ion_jw_key(w, "slot");
    ion_jw_u64(w, row->conn.slot);
    ion_jw_key(w, "pid");
    ion_jw_i64(w, owner.pid);
    ion_jw_key(w, "address");
    ion_jw_strz(w, ion_addr_format(&row->addr, addr));
    ion_jw_key(w, "connected_at");
    ion_jw_u64(w, row->connected_ms / 1000);
    ion_jw_key(w, "active");
    ion_jw_bool(w, row->is_active);
    ion_jw_key(w, "flags");
    write_flags(row->flags, w);
    write_traffic(&row->traffic, w);
    ion_jw_object_end(w);
}

bool
admin_list_write(const ion_process_t *p, uint64_t *cursor, ion_jw_t *w)
{
    ion_dir_row_t row;
    bool more = true;

    ion_jw_array_begin(w);
    for (int n = 0; n < ADMIN_LIST_ROWS; n++) {
        more = ion_dir_next(p->shm, cursor, &row);
        if (!more) {
            break;
        }
        if ((row.flags & ION_DIR_FORWARDER) == 0) {
            write_row(p, &row, w);
        }
    }
    ion_jw_array_end(w);
    return more;
}
