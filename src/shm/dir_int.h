/*
 * dir_int.h -- what the directory's files share; for this folder only.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_SHM_DIR_INT_H
#define ION_SHM_DIR_INT_H

#include "crypto/keys.h"
#include "shm/dir.h"
#include "shm/shm_int.h"

/* Where a key's cells may be. */
typedef struct dir_path {
    ion_key_t key;
    uint32_t tag;  /* 24 bits */
    uint32_t home; /* bucket */
} dir_path_t;

/* One live connection, as read between two equal looks at its life. */
typedef struct dir_found {
    ion_key_t key;
    ion_conn_id_t conn;
    uint64_t seq;
    uint32_t flags;
    uint32_t tailnet;
} dir_found_t;

/* dir_path -- hash a key. */
dir_path_t dir_path(const ion_shm_t *shm, const ion_key_t *key);

/* dir_record -- the record of an id, which must be within bounds. */
dir_record_t *dir_record(const ion_shm_t *shm, ion_conn_id_t conn);

/* dir_read_cell -- false: no connection that counts. */
bool dir_read_cell(const ion_shm_t *shm, uint64_t cell, dir_found_t *out);

/* dir_scan -- hand every live connection of the path's key to visit. */
void dir_scan(const ion_shm_t *shm, const dir_path_t *path,
    void (*visit)(void *arg, const dir_found_t *found), void *arg);

#endif
