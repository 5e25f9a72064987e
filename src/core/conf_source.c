/*
 * conf_source.c -- from a file, a variable or a text to parsed documents.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "core/conf_int.h"
#include "doc/yaml.h"
#include "os/file.h"

#define OVERLAY_NAME   "IONSCALE_CONFIG_BASE64"
#define EFFECTIVE_NAME "effective configuration"

const char *
conf_env(const conf_loader_t *l, const char *name)
{
    return l->src->env != NULL ? l->src->env(l->src->env_arg, name)
                               : getenv(name);
}

const char *
conf_absolute(ion_arena_t *arena, const char *home, ion_str_t path)
{
    char cwd[4096];
    ion_sb_t sb;
    const char *out = NULL;

    ion_sb_init(&sb, sizeof(cwd) * 2);
    if (path.len > 0 && path.p[0] == '~' && (path.len == 1 || path.p[1] == '/'))
    {
        if (home == NULL || home[0] != '/') {
            return NULL;
        }
        ion_sb_addz(&sb, home);
        path = (ion_str_t){ path.p + 1, path.len - 1 };
    } else if (path.len > 0 && path.p[0] != '/') {
        if (getcwd(cwd, sizeof(cwd)) == NULL) {
            return NULL;
        }
        ion_sb_addz(&sb, cwd);
        ion_sb_addc(&sb, '/');
    }
    ion_sb_adds(&sb, path);
    if (!sb.failed && conf_text_is_clean(ion_sb_str(&sb))) {
        out = ion_arena_strdup(arena, ion_sb_str(&sb));
    }
    ion_sb_fini(&sb);
    return out;
}

unsigned
conf_source_line(const conf_doc_t *doc, unsigned line)
{
    if (line == 0 || doc->line_of == NULL || line > doc->line_count) {
        return line;
    }
    return doc->line_of[line - 1];
}

/* Text that is final: parse it as document number doc_count. */
static void
parse_text(conf_loader_t *l, conf_doc_t *doc, ion_str_t text)
{
    ion_conf_t *conf = l->conf;
    ion_doc_error_t err = { .name = NULL };
    ion_doc_node_t *root = NULL;
    ion_err_t rc =
        ion_yaml_parse_keep(conf->arena, doc->name, text, &root, &err);

    conf->docs[conf->doc_count] = *doc;
    if (rc == ION_NOMEM) {
        l->no_memory = true;
    } else if (rc != ION_OK) {
        conf_note_at(l, (conf_place_t){ conf->doc_count, err.line, err.column },
            true, NULL, "%s", err.msg);
    } else if (root->kind != ION_DOC_NULL && root->kind != ION_DOC_MAP) {
        conf_note_at(l,
            (conf_place_t){ conf->doc_count, root->line, root->column }, true,
            NULL, "%s, where lines of \"key: value\" are needed",
            ion_doc_kind_name(root->kind));
    } else {
        conf->docs[conf->doc_count].root = root;
    }
    conf->doc_count++;
}

static void
add_source(conf_loader_t *l, const char *name, ion_str_t text)
{
    conf_doc_t doc = { .name = name };
    conf_missing_t missing = { .line = 0 };
    ion_sb_t out;
    ion_err_t rc;

    ion_sb_init(&out, CONF_TEXT_MAX);
    ion_sb_init(&missing.names, CONF_TEXT_MAX);
    rc = conf_substitute(l, text, &out, &doc, &missing);
    if (rc == ION_OK) {
        parse_text(l, &doc, ion_sb_str(&out));
    } else if (rc == ION_LIMIT) {
        ion_conf_notes_error(l->notes,
            "%s: more than %u bytes after substitution", name, CONF_TEXT_MAX);
    } else {
        l->no_memory = true;
    }
    if (rc == ION_OK && missing.names.len > 0) {
        conf_note_at(l,
            (conf_place_t){
                l->conf->doc_count - 1, missing.line, missing.column },
            true, NULL, "missing required environment variables: %s",
            missing.names.p);
    }
    ion_sb_fini(&out);
    ion_sb_fini(&missing.names);
}

static void
add_file(conf_loader_t *l)
{
    ion_conf_t *conf = l->conf;
    ion_errtext_t why;
    const char *shown;
    char *bytes = NULL;
    size_t n = 0;
    ion_err_t rc;

    shown = ion_arena_strdup(conf->arena, ion_str_from(l->src->file));
    conf->file = conf_absolute(
        conf->arena, conf_env(l, "HOME"), ion_str_from(l->src->file));
    if (shown == NULL || conf->file == NULL) {
        ion_conf_notes_error(l->notes, "%s: cannot be made absolute%s",
            l->src->file, l->src->file[0] == '~' ? ": HOME is not set" : "");
        return;
    }
    rc = ion_file_read(conf->file, CONF_TEXT_MAX, &bytes, &n, &why);
    if (rc != ION_OK) {
        ion_conf_notes_error(l->notes, "%s: %s", shown, why.msg);
        return;
    }
    add_source(l, shown, (ion_str_t){ bytes, n });
    free(bytes);
}

static void
add_overlay(conf_loader_t *l)
{
    ion_str_t text = ion_str_from(l->src->base64);
    char *bytes = malloc(text.len + 1);
    size_t n = 0;
    ion_err_t rc;

    if (bytes == NULL) {
        l->no_memory = true;
        return;
    }
    rc = ion_base64_decode(bytes, text.len, text, &n);
    if (rc != ION_OK || n > CONF_TEXT_MAX) {
        ion_conf_notes_error(l->notes, "%s: %s", OVERLAY_NAME,
            rc != ION_OK ? "not base64 (standard alphabet, with padding)"
                         : "more than 1 MiB");
    } else {
        add_source(l, OVERLAY_NAME, (ion_str_t){ bytes, n });
    }
    free(bytes);
}

void
conf_read_sources(conf_loader_t *l)
{
    if (l->src->effective.p != NULL) {
        conf_doc_t doc = { .name = EFFECTIVE_NAME };

        parse_text(l, &doc, l->src->effective);
        return;
    }
    if (l->src->file != NULL) {
        add_file(l);
    }
    if (l->src->base64 != NULL && l->src->base64[0] != '\0') {
        add_overlay(l);
    }
}
