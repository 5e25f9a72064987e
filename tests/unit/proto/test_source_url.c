/*
 * test_source_url.c -- every source of the examples, and the limits.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * tests/vectors/source_urls.tsv says how its lines are written; tests run in
 * the source directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/source_url.h"

#define VECTORS  "tests/vectors/source_urls.tsv"
#define LINE_LEN 8192

static source_url_t url;

static void
add(ion_sb_t *sb, const char *name, ion_str_t value)
{
    if (value.len > 0) {
        ion_sb_addf(sb, " %s=%.*s", name, ION_STR_ARG(value));
    }
}

static void
add_checksum(ion_sb_t *sb)
{
    static const char *const names[] = { "", "md5", "sha1", "sha256", "sha512",
        "sums" };
    if (url.checksum == SOURCE_SUMS_FILE) {
        add(sb, "sums", url.checksum_url);
    } else if (url.checksum != SOURCE_NO_CHECKSUM) {
        ion_sb_addf(
            sb, " %s=%02x..", names[url.checksum], (unsigned)url.digest[0]);
    }
}

/* All that was read, as one line. */
static void
describe(ion_sb_t *sb)
{
    static const char *const getters[] = { "http", "file", "git", "s3", "gcs" };
    static const char *const archives[] = { "", "gz", "tar.gz" };
    ion_sb_addf(sb, "%s", getters[url.getter]);
    add(sb, "scheme", url.scheme);
    if (url.has_user) {
        ion_sb_addf(sb, " user=%.*s:%.*s", ION_STR_ARG(url.user),
            ION_STR_ARG(url.password));
    }
    add(sb, "host", url.host);
    if (url.port != 0) {
        ion_sb_addf(sb, " port=%u", (unsigned)url.port);
    }
    add(sb, "path", url.path);
    add(sb, "query", url.query);
    add(sb, "ref", url.ref);
    add(sb, "subpath", url.subpath);
    add(sb, "bucket", url.bucket);
    add(sb, "key", url.key);
    add(sb, "region", url.region);
    add(sb, "version", url.version);
    add(sb, "profile", url.profile);
    add(sb, "access", url.access_key);
    add(sb, "secret", url.secret_key);
    add(sb, "token", url.token);
    if (url.generation != 0) {
        ion_sb_addf(sb, " generation=%llu", (unsigned long long)url.generation);
    }
    add(sb, "archive", ion_str_from(archives[url.archive]));
    add_checksum(sb);
    ion_sb_addf(
        sb, "%s%s", url.is_legacy ? " legacy" : "", url.is_aws ? " aws" : "");
    for (size_t i = 0; i < url.warning_count; i++) {
        ion_sb_addf(sb, " | warning: %s", url.warnings[i]);
    }
}

static void
expect(const char *source, size_t len, const char *want)
{
    ion_errtext_t err = { "" };
    ion_sb_t sb;
    ion_str_t text = { source, len };
    ion_sb_init(&sb, LINE_LEN);
    ion_err_t rc = source_url_parse(text, &url, &err);
    if (rc == ION_OK) {
        describe(&sb);
    } else {
        ion_sb_addf(&sb, "error: %s", err.msg);
    }
    if (sb.failed || strcmp(ion_sb_str(&sb).p, want) != 0) {
        fail_msg("%.*s\nis read as\n%s\nshould be\n%s", (int)len, source, sb.p,
            want);
    }
    ion_sb_fini(&sb);
}

static void
test_examples(void **state)
{
    char line[LINE_LEN];
    size_t count = 0;
    FILE *in = fopen(VECTORS, "re");
    (void)state;
    if (in == NULL) {
        fail_msg("%s cannot be opened", VECTORS);
    }
    while (fgets(line, sizeof(line), in) != NULL) {
        char *tab = strchr(line, '\t');
        if (line[0] == '#') {
            continue;
        }
        assert_non_null(tab);
        tab[strcspn(tab, "\n")] = '\0';
        expect(line, (size_t)(tab - line), tab + 1);
        count++;
    }
    (void)fclose(in);
    assert_true(count >= 133);
}

static void
test_bytes(void **state)
{
    char text[SOURCE_URL_MAX + 2] = "https://e.com/";
    (void)state;
    expect("", 0, "error: source: is empty");
    expect(" \n", 2, "error: source: is empty");
    expect(" https://e.com/x\n", 17, "http scheme=https host=e.com path=/x");
    expect("https://e.com/\x01", 15,
        "error: source: control characters are not allowed");
    expect("https://e.com/\0x", 16,
        "error: source: control characters are not allowed");
    expect("https://e.com/\xff", 15, "error: source: is not UTF-8");

    memset(text + strlen(text), 'x', sizeof(text) - strlen(text) - 1);
    ion_str_t longest = { text, SOURCE_URL_MAX };
    assert_int_equal(source_url_parse(longest, &url, NULL), ION_OK);
    longest.len++;
    assert_int_equal(source_url_parse(longest, &url, NULL), ION_LIMIT);
}

/* The worst that can be copied fits. */
static void
test_room(void **state)
{
    static const char *const heads[] = { "git::https://u:p@e.com/r//",
        "https://e.com/a.tar.gz//", "s3::https://e.com/b/", "github.com/o/r/",
        "git@h:", "file:///", "gcs::gs://b/", "git::https://e.com/r//f?ref=",
        "s3://b/k?aws_access_key_id=1&aws_access_key_secret=", "/" };
    static const char *const fills[] = { "%61", "a", "a/../", "/", "&ref=a",
        "./", "?a&b=", "+", "&archive=gz&checksum=00" };
    static char text[SOURCE_URL_MAX + 64];
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(heads); i++) {
        for (size_t j = 0; j < ION_ARRAY_LEN(fills); j++) {
            size_t n = strlen(heads[i]);
            memcpy(text, heads[i], n);
            while (n < SOURCE_URL_MAX) {
                memcpy(text + n, fills[j], strlen(fills[j]));
                n += strlen(fills[j]);
            }
            ion_str_t source = { text, SOURCE_URL_MAX };
            ion_err_t rc = source_url_parse(source, &url, NULL);
            assert_true(
                rc == ION_OK || rc == ION_MALF || rc == ION_UNSUPPORTED);
        }
    }
}

/* No error shows what may be a secret. */
static void
test_secrets(void **state)
{
    static const char *const sources[] = {
        "https://SECRET:SECRET@e.com:x/d",
        "https://SECRET%zz@e.com/d",
        "https://SECRET@/d",
        "git::https://SECRET@e.com/r.git",
        "git::ssh://SECRET@e.com:a/r",
        "git::https://e.com/r//f?ref=-SECRET",
        "git::https://e.com/r//f?sshkey=SECRET",
        "s3::https://s3.amazonaws.com/b/k?aws_access_key_secret=SECRET",
        "s3::https://SECRET@s3.amazonaws.com/b/k",
        "file:///x?token=SECRET",
        "https://e.com/d?checksum=SECRET",
        "SECRET@e.com:u/r//f",
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(sources); i++) {
        ion_errtext_t err = { "" };
        ion_err_t rc = source_url_parse(ion_str_from(sources[i]), &url, &err);
        assert_int_not_equal(rc, ION_OK);
        if (err.msg[0] == '\0' || strstr(err.msg, "SECRET") != NULL) {
            fail_msg("%s: %s", sources[i], err.msg);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
