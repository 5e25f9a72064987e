/*
 * fuzz_conf.c -- any text as a configuration.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The first byte chooses the way in: as an effective text, or through
 * substitution as the overlay.  A text that is accepted must print, and what
 * is printed must be accepted and print the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hex.h"
#include "core/conf.h"
#include "core/settings.h"

typedef struct {
    uint64_t number;
    int64_t ms;
    double share;
    const char *text;
    const char *path;
    ion_listen_t listen;
    ion_strings_t list;
} part_t;

static const ion_directive_t directives[] = {
    ION_D(UINT, "derp.number", part_t, number, .def = "1", .doc = "d"),
    ION_D(MSEC, "derp.ms", part_t, ms, .def = "1s", .doc = "d"),
    ION_D(FLOAT, "derp.share", part_t, share, .def = "0.5", .doc = "d"),
    ION_D(STRING, "text", part_t, text, .doc = "d"),
    ION_D(PATH, "derp.path", part_t, path, .doc = "d"),
    ION_D(LISTEN, "derp.listen", part_t, listen, .doc = "d"),
    ION_D(LIST, "derp.list", part_t, list, .doc = "d"),
    ION_D_END,
};

static const ion_conf_table_t tables[] = { { "part", directives, sizeof(part_t),
    NULL } };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
env(void *arg, const char *name)
{
    (void)arg;
    if (strcmp(name, "HOME") == 0) {
        return "/h";
    }
    return name[0] == 'A' ? "va${B}l\n u: e" : NULL;
}

static ion_conf_t *
load(const ion_conf_source_t *src)
{
    ion_conf_notes_t *notes = NULL;
    ion_conf_t *conf = NULL;
    ion_err_t rc;

    if (ion_conf_notes_new(&notes) != ION_OK) {
        return NULL;
    }
    rc = ion_conf_load(src, tables, 1, notes, &conf);
    ION_ASSERT((rc == ION_OK) == (conf != NULL));
    ION_ASSERT((rc == ION_MALF) == (ion_conf_notes_errors(notes) > 0));
    for (size_t i = 0; i < ion_conf_notes_count(notes); i++) {
        const char *text = ion_conf_notes_at(notes, i).text;

        ION_ASSERT(text[0] != '\0' && strpbrk(text, "\n\r\x1b") == NULL);
    }
    ion_conf_notes_free(&notes);
    return conf;
}

/* What was accepted prints, and the print is accepted and prints the same. */
static void
check_round_trip(const ion_conf_t *conf)
{
    ion_conf_source_t again = { .env = env };
    ion_conf_t *other;
    ion_sb_t one;
    ion_sb_t two;

    ion_sb_init(&one, 16u << 20);
    ion_sb_init(&two, 16u << 20);
    ion_conf_effective_text(conf, &one);
    ION_ASSERT(!one.failed);
    again.effective = ion_sb_str(&one);
    other = load(&again);
    ION_ASSERT(other != NULL);
    ion_conf_effective_text(other, &two);
    ION_ASSERT(ion_str_eq(ion_sb_str(&one), ion_sb_str(&two)));
    ion_conf_free(&other);
    ion_sb_fini(&one);
    ion_sb_fini(&two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ion_conf_source_t src = { .env = env };
    ion_str_t text = { "", 0 };
    char *encoded = NULL;
    ion_conf_t *conf;

    if (size == 0) {
        return 0;
    }
    if (size > 1) {
        text = (ion_str_t){ (const char *)data + 1, size - 1 };
    }
    if (data[0] == 'e') {
        src.effective = text;
    } else {
        encoded = malloc(ION_BASE64_LEN(text.len) + 1);
        if (encoded == NULL) {
            return 0;
        }
        ion_base64_encode(encoded, text.p, text.len);
        src.base64 = encoded;
    }
    conf = load(&src);
    if (conf != NULL) {
        check_round_trip(conf);
    }
    ion_conf_free(&conf);
    free(encoded);
    return 0;
}
