/*
 * test_conf_memory.c -- loading, printing and logging with the k-th allocation
 * failing, for every k: an error each time, never a crash or a leak.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The allocator of the C library is wrapped; libyaml's calls are not, they
 * have tests of their own where the parser is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/conf.h"
#include "core/log.h"
#include "core/settings.h"

static long fail_at; /* 0: never */
static long calls;
static long live; /* blocks that are not freed yet */

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
void __real_free(void *p);
void __wrap_free(void *p);

static bool
fails(void)
{
    return ++calls == fail_at;
}

void *
__wrap_malloc(size_t n)
{
    void *p = fails() ? NULL : __real_malloc(n);

    live += p != NULL ? 1 : 0;
    return p;
}

void *
__wrap_calloc(size_t n, size_t size)
{
    void *p = fails() ? NULL : __real_calloc(n, size);

    live += p != NULL ? 1 : 0;
    return p;
}

void *
__wrap_realloc(void *p, size_t n)
{
    void *q = fails() ? NULL : __real_realloc(p, n);

    live += p == NULL && q != NULL ? 1 : 0;
    return q;
}

char *
__wrap_strdup(const char *s)
{
    char *p = fails() ? NULL : __real_strdup(s);

    live += p != NULL ? 1 : 0;
    return p;
}

void
__wrap_free(void *p)
{
    live -= p != NULL ? 1 : 0;
    __real_free(p);
}

/* Load, print, free; how it went. */
static ion_err_t
load_once(const ion_conf_source_t *src)
{
    ion_conf_notes_t *notes = NULL;
    ion_conf_t *conf = NULL;
    ion_sb_t sb;
    ion_err_t rc = ion_conf_notes_new(&notes);

    if (rc != ION_OK) {
        return rc;
    }
    rc = ion_conf_load(src, NULL, 0, notes, &conf);
    if (rc == ION_OK) {
        ion_sb_init(&sb, 1 << 20);
        ion_conf_effective_text(conf, &sb);
        rc = sb.failed ? ION_NOMEM : ION_OK;
        ion_sb_fini(&sb);
    }
    ion_conf_free(&conf);
    ion_conf_notes_free(&notes);
    return rc;
}

static void
test_load(void **state)
{
    static const char effective[] =
        "listen_addr: ':80'\nworkers: 3\nderp: {sources: [a, b]}\n"
        "tls: {cert_file: /a, key_file: /b}\nstate_dir: /s\nlogging:\n"
        "  level: warn\n";
    const ion_conf_source_t sources[] = {
        { .effective = { effective, sizeof(effective) - 1 } },
        { .base64 = "dXNlcjogJHtOT05FOnh9CnN0YXRlX2RpcjogL3MK" },
        { .file = "conf/ionscale.yaml" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        ion_err_t rc = ION_NOMEM;
        long before;
        long k = 0;

        assert_int_equal(load_once(&sources[i]), ION_OK);
        before = live;
        while (rc != ION_OK && k < 5000) {
            calls = 0;
            fail_at = ++k;
            rc = load_once(&sources[i]);
            fail_at = 0;
            assert_true(rc == ION_OK || rc == ION_NOMEM || rc == ION_MALF);
            assert_int_equal(live, before);
        }
        assert_int_equal(rc, ION_OK);
        assert_true(k > 5);
    }
}

/* An error whose line there was no memory for is still an error. */
static void
test_lost_notes(void **state)
{
    ion_conf_notes_t *notes = NULL;

    (void)state;
    assert_int_equal(ion_conf_notes_new(&notes), ION_OK);
    calls = 0;
    fail_at = 1;
    ion_conf_notes_error(notes, "lost");
    fail_at = 0;
    assert_int_equal(ion_conf_notes_errors(notes), 1);
    assert_int_equal(ion_conf_notes_count(notes), 1);
    assert_string_equal(ion_conf_notes_at(notes, 0).text, "1 more");
    assert_true(ion_conf_notes_at(notes, 0).is_error);
    ion_conf_notes_warn(notes, "kept");
    assert_int_equal(ion_conf_notes_count(notes), 2);
    assert_string_equal(ion_conf_notes_at(notes, 0).text, "kept");
    assert_false(ion_conf_notes_at(notes, 0).is_error);
    ion_conf_notes_free(&notes);
}

/* A line needs no memory; a sink without memory is an error. */
static void
test_log(void **state)
{
    ion_log_sink_t *sink = NULL;
    ion_log_t log = { .subsystem = "core" };

    (void)state;
    calls = 0;
    fail_at = 1;
    assert_int_equal(ion_log_sink_new(2, "t", &sink), ION_NOMEM);
    fail_at = 0;
    assert_int_equal(ion_log_sink_new(2, "t", &sink), ION_OK);
    log.sink = sink;
    calls = 0;
    ion_log_sink_set(sink, ION_LOG_JSON, ION_LOG_ALERT);
    ion_log_peer(&log, ION_LOG_WARN, 0, "not written");
    assert_int_equal(calls, 0);
    ion_log_sink_free(&sink);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_lost_notes),
        cmocka_unit_test(test_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
