/*
 * syntax.c -- in which syntax a text is written.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "doc/syntax.h"

static bool
has_suffix(ion_str_t s, ion_str_t suffix)
{
    if (s.len < suffix.len) {
        return false;
    }
    ion_str_t end = { s.p + (s.len - suffix.len), suffix.len };
    return ion_str_ieq(end, suffix);
}

static bool
contains(ion_str_t s, ion_str_t word)
{
    for (size_t i = 0; i + word.len <= s.len; i++) {
        ion_str_t part = { s.p + i, word.len };
        if (ion_str_ieq(part, word)) {
            return true;
        }
    }
    return false;
}

static bool
of_path(ion_str_t path, ion_doc_syntax_t *out)
{
    static const struct {
        ion_str_t suffix;
        ion_doc_syntax_t syntax;
    } suffixes[] = {
        { { ".json", 5 }, ION_DOC_HUJSON },
        { { ".hujson", 7 }, ION_DOC_HUJSON },
        { { ".jsonc", 6 }, ION_DOC_HUJSON },
        { { ".yaml", 5 }, ION_DOC_YAML },
        { { ".yml", 4 }, ION_DOC_YAML },
    };
    for (size_t i = 0; i < ION_ARRAY_LEN(suffixes); i++) {
        if (has_suffix(path, suffixes[i].suffix)) {
            *out = suffixes[i].syntax;
            return true;
        }
    }
    return false;
}

static bool
of_type(ion_str_t content_type, ion_doc_syntax_t *out)
{
    ion_str_t media;
    (void)ion_str_split(&content_type, ';', &media);
    if (contains(media, ION_STR("json"))) {
        *out = ION_DOC_HUJSON;
        return true;
    }
    if (contains(media, ION_STR("yaml"))) {
        *out = ION_DOC_YAML;
        return true;
    }
    return false;
}

ion_str_t
ion_doc_skip_bom(ion_str_t text)
{
    const ion_str_t bom = ION_STR("\xef\xbb\xbf");
    if (ion_str_has_prefix(text, bom)) {
        text.p += bom.len;
        text.len -= bom.len;
    }
    return text;
}

ion_doc_syntax_t
ion_doc_syntax_of(ion_str_t path, ion_str_t content_type, ion_str_t text)
{
    ion_doc_syntax_t syntax;
    if (of_path(path, &syntax) || of_type(content_type, &syntax)) {
        return syntax;
    }
    text = ion_str_trim(ion_doc_skip_bom(text));
    bool is_json = text.len > 0 &&
                   (text.p[0] == '{' || text.p[0] == '[' || text.p[0] == '/');
    return is_json ? ION_DOC_HUJSON : ION_DOC_YAML;
}
