/*
 * fuzz_source_url.c -- sources as anybody may write them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: an error has a text; what is taken has what its getter needs,
 * no ref or path that a program could mistake, and no text outside of it.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "proto/source_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static source_url_t url;

static bool
is_ours(ion_str_t s, const uint8_t *data, size_t size)
{
    const char *start = (const char *)data;
    return s.len == 0 || s.p + s.len <= start || s.p >= start + size;
}

static void
check_relative(ion_str_t path)
{
    ion_str_t element;
    ION_ASSERT(path.len > 0);
    while (ion_str_split(&path, '/', &element)) {
        ION_ASSERT(element.len > 0);
        ION_ASSERT(!ion_str_eq(element, ION_STR(".")));
        ION_ASSERT(!ion_str_eq(element, ION_STR("..")));
        ION_ASSERT(
            url.getter != SOURCE_GIT || !ion_str_ieq(element, ION_STR(".git")));
        ION_ASSERT(url.getter != SOURCE_GIT || element.p[0] != '-');
    }
}

static void
check_getter(void)
{
    switch (url.getter) {
    case SOURCE_HTTP:
        ION_ASSERT(url.host.len > 0 && url.path.len > 0);
        break;
    case SOURCE_FILE:
        ION_ASSERT(url.path.len > 1 && url.path.p[0] == '/');
        ION_ASSERT(url.query.len == 0 && url.host.len == 0);
        break;
    case SOURCE_GIT:
        ION_ASSERT(url.path.len > 1 && url.path.p[0] == '/');
        ION_ASSERT(url.ref.len == 0 || url.ref.p[0] != '-');
        check_relative(url.subpath);
        break;
    case SOURCE_S3:
        ION_ASSERT(url.bucket.len > 0 && url.key.len > 0);
        ION_ASSERT((url.access_key.len > 0) == (url.secret_key.len > 0));
        break;
    case SOURCE_GCS:
        ION_ASSERT(url.bucket.len > 0 && url.key.len > 0);
        break;
    }
}

static void
check_texts(const uint8_t *data, size_t size)
{
    const ion_str_t texts[] = { url.scheme, url.user, url.password, url.host,
        url.path, url.query, url.ref, url.subpath, url.bucket, url.key,
        url.region, url.version, url.profile, url.access_key, url.secret_key,
        url.token, url.checksum_url };
    for (size_t i = 0; i < ION_ARRAY_LEN(texts); i++) {
        ION_ASSERT(is_ours(texts[i], data, size));
        ION_ASSERT(texts[i].len == 0 ||
                   memchr(texts[i].p, '\0', texts[i].len) == NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ion_str_t text = { (const char *)data, size };
    ion_errtext_t err = { "" };
    ion_err_t rc = source_url_parse(text, &url, &err);
    if (rc == ION_OK) {
        check_getter();
        check_texts(data, size);
        if (url.subpath.len > 0) {
            check_relative(url.subpath);
        }
    } else {
        ION_ASSERT(rc == ION_MALF || rc == ION_UNSUPPORTED || rc == ION_LIMIT);
        ION_ASSERT(err.msg[0] != '\0');
    }
    return 0;
}
