/*
 * conf_rig.c -- load configurations from texts, for tests.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "lib/conf_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hex.h"

static const char *
look_up(void *arg, const char *name)
{
    const conf_rig_t *rig = arg;

    for (size_t i = 0; i < CONF_RIG_ENV && rig->env[i].name != NULL; i++) {
        if (strcmp(rig->env[i].name, name) == 0) {
            return rig->env[i].value;
        }
    }
    return NULL;
}

static void
write_file(conf_rig_t *rig, const char *text)
{
    FILE *f;

    (void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/ion-conf-XXXXXX");
    ION_ASSERT(mkdtemp(rig->dir) != NULL);
    (void)snprintf(rig->file, sizeof(rig->file), "%s/c.yaml", rig->dir);
    f = fopen(rig->file, "w");
    ION_ASSERT(f != NULL);
    ION_ASSERT(fwrite(text, 1, strlen(text), f) == strlen(text));
    ION_ASSERT(fclose(f) == 0);
}

static void
load(conf_rig_t *rig, ion_conf_source_t *src)
{
    src->env = look_up;
    src->env_arg = rig;
    ION_ASSERT(ion_conf_notes_new(&rig->notes) == ION_OK);
    rig->rc = ion_conf_load(
        src, rig->tables, rig->table_count, rig->notes, &rig->conf);
}

void
conf_rig_load(conf_rig_t *rig, const char *text, const char *overlay)
{
    ion_conf_source_t src = { .file = NULL };
    char *encoded = NULL;

    rig->dir[0] = '\0';
    if (text != NULL) {
        write_file(rig, text);
        src.file = rig->file;
    }
    if (overlay != NULL) {
        encoded = malloc(ION_BASE64_LEN(strlen(overlay)) + 1);
        ION_ASSERT(encoded != NULL);
        ion_base64_encode(encoded, overlay, strlen(overlay));
        src.base64 = encoded;
    }
    load(rig, &src);
    free(encoded);
    if (rig->dir[0] != '\0') {
        ION_ASSERT(unlink(rig->file) == 0 && rmdir(rig->dir) == 0);
    }
}

void
conf_rig_load_effective(conf_rig_t *rig, ion_str_t text)
{
    ion_conf_source_t src = { .effective = text };

    rig->dir[0] = '\0';
    load(rig, &src);
}

const char *
conf_rig_notes(const conf_rig_t *rig)
{
    static char out[65536];
    size_t used = 0;
    size_t skip = strlen(rig->file);

    out[0] = '\0';
    for (size_t i = 0; i < ion_conf_notes_count(rig->notes); i++) {
        ion_conf_note_t n = ion_conf_notes_at(rig->notes, i);
        bool here =
            rig->dir[0] != '\0' && strncmp(n.text, rig->file, skip) == 0;

        used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%s%s\n",
            n.is_error ? "" : "warning ", here ? "FILE" : "",
            n.text + (here ? skip : 0));
        ION_ASSERT(used < sizeof(out));
    }
    return out;
}

void
conf_rig_done(conf_rig_t *rig)
{
    ion_conf_free(&rig->conf);
    ion_conf_notes_free(&rig->notes);
}
