/*
 * fuzz_allow_list.c -- files with keys that may use the relay.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: a list is in order and has each key once; it has every key it
 * names; written as lines it is read as the same list; an error has a text.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "model/allow_list.h"
#include "proto/key_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_again(const ion_allow_list_t *list)
{
    ion_sb_t sb;
    ion_allow_list_t again = { NULL, 0 };
    ion_doc_error_t err;

    ion_sb_init(&sb, 1 << 24);
    for (size_t i = 0; i < list->count; i++) {
        char text[ION_NODE_KEY_TEXT];

        ion_sb_addf(&sb, "%s\n", ion_node_key_format(&list->keys[i], text));
    }
    if (!sb.failed) {
        ION_ASSERT(
            ion_allow_list_parse(ion_sb_str(&sb), &again, &err) == ION_OK);
        ION_ASSERT(again.count == list->count);
        ION_ASSERT(
            again.count == 0 || memcmp(again.keys, list->keys,
                                    list->count * sizeof(*list->keys)) == 0);
        ion_allow_list_fini(&again);
    }
    ion_sb_fini(&sb);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ion_allow_list_t list = { NULL, 0 };
    ion_doc_error_t err = { .name = NULL };
    ion_err_t rc = ion_allow_list_parse(
        (ion_str_t){ (const char *)data, size }, &list, &err);

    if (rc != ION_OK) {
        ION_ASSERT(list.keys == NULL);
        ION_ASSERT(rc == ION_NOMEM || err.msg[0] != '\0');
        return 0;
    }
    for (size_t i = 0; i < list.count; i++) {
        ION_ASSERT(ion_allow_list_has(&list, &list.keys[i]));
        ION_ASSERT(i == 0 || memcmp(&list.keys[i - 1], &list.keys[i],
                                 sizeof(list.keys[i])) < 0);
    }
    write_again(&list);
    ion_allow_list_fini(&list);
    return 0;
}
