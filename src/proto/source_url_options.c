/*
 * source_url_options.c -- archive and checksum of a source.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <string.h>

#include "base/hex.h"
#include "proto/source_url_int.h"

typedef enum {
    KIND_GZ = SOURCE_GZ,
    KIND_TAR_GZ = SOURCE_TAR_GZ,
    KIND_OTHER, /* known, and left out */
} kind_t;

/* Longer endings first: they win. */
static const struct {
    ion_str_t name;
    kind_t kind;
} archives[] = {
    { { "tar.bz2", 7 }, KIND_OTHER },
    { { "tar.zst", 7 }, KIND_OTHER },
    { { "tar.gz", 6 }, KIND_TAR_GZ },
    { { "tar.xz", 6 }, KIND_OTHER },
    { { "tbz2", 4 }, KIND_OTHER },
    { { "tzst", 4 }, KIND_OTHER },
    { { "tar", 3 }, KIND_OTHER },
    { { "tgz", 3 }, KIND_TAR_GZ },
    { { "txz", 3 }, KIND_OTHER },
    { { "bz2", 3 }, KIND_OTHER },
    { { "zip", 3 }, KIND_OTHER },
    { { "zst", 3 }, KIND_OTHER },
    { { "gz", 2 }, KIND_GZ },
    { { "xz", 2 }, KIND_OTHER },
};

static const struct {
    ion_str_t name;
    source_checksum_t type;
    size_t bytes;
} sums[] = {
    { { "md5", 3 }, SOURCE_MD5, 16 },
    { { "sha1", 4 }, SOURCE_SHA1, 20 },
    { { "sha256", 6 }, SOURCE_SHA256, 32 },
    { { "sha512", 6 }, SOURCE_SHA512, 64 },
};

static bool
ends_in(ion_str_t path, ion_str_t name)
{
    return source_has_suffix(path, name) && path.len > name.len &&
           path.p[path.len - name.len - 1] == '.';
}

/* The entry whose name the path ends in; ION_ARRAY_LEN(archives) = none. */
static size_t
archive_of_path(ion_str_t path)
{
    size_t i = 0;
    while (i < ION_ARRAY_LEN(archives) && !ends_in(path, archives[i].name)) {
        i++;
    }
    return i;
}

bool
source_is_tar(ion_str_t path)
{
    size_t i = archive_of_path(path);
    return i < ION_ARRAY_LEN(archives) && archives[i].kind == KIND_TAR_GZ;
}

static bool
is_false(ion_str_t value)
{
    static const char *const words[] = { "", "0", "f", "F", "false", "FALSE",
        "False" };
    for (size_t i = 0; i < ION_ARRAY_LEN(words); i++) {
        if (ion_str_eq(value, ion_str_from(words[i]))) {
            return true;
        }
    }
    return false;
}

static ion_err_t
set_archive(source_parse_t *p, ion_str_t object)
{
    bool given;
    ion_str_t value;
    size_t i = 0;
    ion_err_t rc = source_take(p, "archive", &given, &value);
    if (rc != ION_OK || (given && is_false(value))) {
        return rc;
    }
    if (given) {
        while (i < ION_ARRAY_LEN(archives) &&
               !ion_str_eq(value, archives[i].name)) {
            i++;
        }
    } else {
        i = archive_of_path(object);
    }
    if (i < ION_ARRAY_LEN(archives) && archives[i].kind == KIND_OTHER) {
        return source_fail(p, ION_UNSUPPORTED,
            "archive: \"%.*s\" is not supported, want gz or tar.gz, or "
            "archive=false for the bytes as they are",
            ION_STR_ARG(archives[i].name));
    }
    if (i < ION_ARRAY_LEN(archives)) {
        p->out->archive = (source_archive_t)archives[i].kind;
    } else if (given) {
        ion_str_t shown = source_shown(value);
        return source_fail(p, ION_MALF,
            "archive: \"%.*s\" is no known type, want gz, tar.gz or false",
            ION_STR_ARG(shown));
    }
    return ION_OK;
}

static ion_err_t
set_digest(source_parse_t *p, size_t i, ion_str_t hex)
{
    if (ion_hex_decode(p->out->digest, sums[i].bytes, hex) != ION_OK) {
        return source_fail(p, ION_MALF,
            "checksum: %.*s needs %zu hexadecimal digits",
            ION_STR_ARG(sums[i].name), 2 * sums[i].bytes);
    }
    p->out->checksum = sums[i].type;
    if (sums[i].type == SOURCE_MD5 || sums[i].type == SOURCE_SHA1) {
        source_warn(p, "checksum: md5 and sha1 protect from accidents alone, "
                       "use sha256");
    }
    return ION_OK;
}

/* A digest alone: its length says what it is. */
static ion_err_t
guess_digest(source_parse_t *p, ion_str_t hex)
{
    for (size_t i = 0; i < hex.len; i++) {
        if (strchr("0123456789abcdefABCDEF", hex.p[i]) == NULL) {
            return source_fail(p, ION_MALF, "checksum: is not hexadecimal");
        }
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(sums); i++) {
        if (hex.len == 2 * sums[i].bytes) {
            return set_digest(p, i, hex);
        }
    }
    return source_fail(p, ION_MALF,
        "checksum: %zu digits fit no hash, want 64 of sha256 (or 32, 40, "
        "128)",
        hex.len);
}

static ion_err_t
set_checksum(source_parse_t *p)
{
    bool given;
    ion_str_t value;
    ion_err_t rc = source_take(p, "checksum", &given, &value);
    if (rc != ION_OK || !given || value.len == 0) {
        return rc;
    }
    size_t colon = source_find(value, ION_STR(":"));
    if (colon == value.len) {
        return guess_digest(p, value);
    }
    ion_str_t type = source_head(value, colon);
    ion_str_t rest = source_tail(value, colon + 1);
    for (size_t i = 0; i < ION_ARRAY_LEN(sums); i++) {
        if (ion_str_eq(type, sums[i].name)) {
            return set_digest(p, i, rest);
        }
    }
    if (!ion_str_eq(type, ION_STR("file"))) {
        ion_str_t shown = source_shown(type);
        return source_fail(p, ION_MALF,
            "checksum: type \"%.*s\" is not supported, want sha256, sha512, "
            "sha1, md5 or file",
            ION_STR_ARG(shown));
    }
    if (!ion_str_has_prefix(rest, ION_STR("https://"))) {
        return source_fail(
            p, ION_MALF, "checksum: a file of checksums needs an https:// URL");
    }
    p->out->checksum = SOURCE_SUMS_FILE;
    p->out->checksum_url = rest;
    return ION_OK;
}

ion_err_t
source_options(source_parse_t *p, ion_str_t object)
{
    ion_err_t rc = set_archive(p, object);
    return rc == ION_OK ? set_checksum(p) : rc;
}
