/*
 * test_log.c -- which lines are written, with which context, and what a
 * reader that does not read costs.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "core/log.h"

static ion_mono_t now = ION_SEC(1000);

ion_mono_t __wrap_ion_mono_now(void);

ion_mono_t
__wrap_ion_mono_now(void)
{
    return now;
}

typedef struct {
    int fd; /* what the sink wrote */
    ion_log_sink_t *sink;
    ion_log_t log;
} fixture_t;

static int
setup(void **state)
{
    static fixture_t f;
    int fds[2];

    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0 ||
        ion_log_sink_new(fds[1], "worker1", &f.sink) != ION_OK)
    {
        return -1;
    }
    f.fd = fds[0];
    f.log = (ion_log_t){ .sink = f.sink, .subsystem = "core" };
    *state = &f;
    return 0;
}

static int
teardown(void **state)
{
    fixture_t *f = *state;

    ion_log_sink_free(&f->sink);
    ion_log_sink_free(&f->sink); /* NULL is fine */
    return close(f->fd);
}

/* One line without its time and number, "" when there is none. */
static const char *
next_line(const fixture_t *f)
{
    static char line[ION_LOG_LINE_MAX + 1];
    size_t n = 0;
    char *at;

    while (n < sizeof(line) - 1 && read(f->fd, line + n, 1) == 1) {
        if (line[n] == '\n') {
            break;
        }
        n++;
    }
    line[n] = '\0';
    at = strchr(line, ' ');
    return at == NULL ? line : at + 1;
}

static void
assert_line(const fixture_t *f, const char *level, const char *rest)
{
    char expected[512];

    (void)snprintf(expected, sizeof(expected), "%s %ld/worker1 %s", level,
        (long)getpid(), rest);
    assert_string_equal(next_line(f), expected);
}

static void
test_levels(void **state)
{
    fixture_t *f = *state;

    for (int level = ION_LOG_ALERT; level <= ION_LOG_DEBUG; level++) {
        ion_log_sink_set(f->sink, ION_LOG_TEXT, level);
        for (int line = ION_LOG_ALERT; line <= ION_LOG_DEBUG; line++) {
            assert_int_equal(ion_log_enabled(&f->log, line), line <= level);
            ion_log(&f->log, line, 0, "n=%d", line);
            if (line <= level) {
                char rest[32];

                (void)snprintf(rest, sizeof(rest), "core n=%d", line);
                assert_line(f, ion_log_level_word(line), rest);
            } else {
                assert_string_equal(next_line(f), "");
            }
        }
    }
}

static void
test_level_words(void **state)
{
    static const struct {
        const char *word;
        ion_log_level_t level;
    } good[] = {
        { "debug", ION_LOG_DEBUG },
        { "info", ION_LOG_INFO },
        { "INFO", ION_LOG_INFO },
        { "notice", ION_LOG_NOTICE },
        { "warn", ION_LOG_WARN },
        { "warning", ION_LOG_WARN },
        { "error", ION_LOG_ERR },
        { "err", ION_LOG_ERR },
        { "alert", ION_LOG_ALERT },
        { "dpanic", ION_LOG_ALERT },
        { "panic", ION_LOG_ALERT },
        { "fatal", ION_LOG_ALERT },
    };
    static const char *const bad[] = { "", "inf", "infos", "1", "trace" };
    ion_log_level_t level = ION_LOG_DEBUG;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(
            ion_log_level_parse(ion_str_from(good[i].word), &level), ION_OK);
        assert_int_equal(level, good[i].level);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(
            ion_log_level_parse(ion_str_from(bad[i]), &level), ION_MALF);
    }
}

static size_t
conn_context(const void *arg, char *buf, size_t cap)
{
    int n = snprintf(buf, cap, "c=%d", *(const int *)arg);

    return n < 0 ? 0 : (size_t)n;
}

static size_t
greedy_context(const void *arg, char *buf, size_t cap)
{
    (void)arg;
    memset(buf, 'g', cap);
    return cap + 1000; /* more than there was room for, as snprintf does */
}

static void
test_context(void **state)
{
    fixture_t *f = *state;
    int number = 8841;
    int stream = 3;
    ion_log_t conn = { .sink = f->sink,
        .parent = &f->log,
        .subsystem = "derp",
        .context = conn_context,
        .arg = &number };
    ion_log_t inner = { .sink = f->sink,
        .parent = &conn,
        .action = "reading client info",
        .context = conn_context,
        .arg = &stream };

    ion_log(&f->log, ION_LOG_INFO, 0, "top");
    assert_line(f, "info", "core top");
    ion_log(&conn, ION_LOG_INFO, 0, "mid");
    assert_line(f, "info", "derp c=8841 mid");
    ion_log(&inner, ION_LOG_WARN, ECONNRESET, "deep");
    assert_line(f, "warn",
        "derp c=8841 c=3 deep (104: Connection reset by peer) while reading "
        "client info");
    inner.context = greedy_context;
    ion_log(&inner, ION_LOG_WARN, 0, "end");
    assert_non_null(strstr(next_line(f), "derp c=8841 ggg"));
}

static void
test_keeps_errno(void **state)
{
    fixture_t *f = *state;

    errno = EXDEV;
    ion_log(&f->log, ION_LOG_INFO, errno, "x");
    assert_int_equal(errno, EXDEV);
    ion_log_peer(&f->log, ION_LOG_INFO, 0, "y");
    assert_int_equal(errno, EXDEV);
    assert_line(f, "info", "core x (18: Invalid cross-device link)");
    assert_line(f, "info", "core y");
}

/* One call site. */
static void
bad_frame(const fixture_t *f, int i)
{
    ion_log_peer(&f->log, ION_LOG_WARN, 0, "bad frame %d", i);
}

/* Ten lines of a site, then one a second; another site is not affected. */
static void
test_peer_lines(void **state)
{
    fixture_t *f = *state;

    for (int i = 0; i < 100; i++) {
        bad_frame(f, i);
    }
    for (int i = 0; i < 10; i++) {
        char rest[32];

        (void)snprintf(rest, sizeof(rest), "core bad frame %d", i);
        assert_line(f, "warn", rest);
    }
    assert_string_equal(next_line(f), "");
    ion_log_peer(&f->log, ION_LOG_WARN, 0, "other");
    assert_line(f, "warn", "core other");
    ion_log_peer(&f->log, ION_LOG_DEBUG, 0, "not at this level");
    assert_string_equal(next_line(f), "");

    /* the next one says how many were held back, the one after does not */
    now += ION_MS(999);
    bad_frame(f, 100);
    assert_string_equal(next_line(f), "");
    now += ION_MS(1);
    bad_frame(f, 101);
    assert_line(f, "warn", "core bad frame 101 suppressed=91");
    now += ION_SEC(1);
    bad_frame(f, 102);
    assert_line(f, "warn", "core bad frame 102");
}

#define SITE(n) ion_log_peer(&f->log, ION_LOG_WARN, 0, "site " n)
#define SITES_5(n)                                                             \
    do {                                                                       \
        SITE(n "0");                                                           \
        SITE(n "1");                                                           \
        SITE(n "2");                                                           \
        SITE(n "3");                                                           \
        SITE(n "4");                                                           \
    } while (0)
#define SITES_25(n)                                                            \
    do {                                                                       \
        SITES_5(n "a");                                                        \
        SITES_5(n "b");                                                        \
        SITES_5(n "c");                                                        \
        SITES_5(n "d");                                                        \
        SITES_5(n "e");                                                        \
    } while (0)

/* More call sites than the table holds: still written, still bounded. */
static void
test_many_sites(void **state)
{
    fixture_t *f = *state;
    size_t lines = 0;

    for (int round = 0; round < 3; round++) {
        SITES_25("A");
        SITES_25("B");
        SITES_25("C");
        SITES_25("D");
    }
    while (next_line(f)[0] != '\0') {
        lines++;
    }
    /* 64 sites of their own, the other 36 share what is left of one burst */
    assert_true(lines >= 3 * 63);
    assert_true(lines <= 3 * 64 + 10);
}

/* A full pipe costs lines; the next one that gets out says how many. */
static void
test_full(void **state)
{
    fixture_t *f = *state;
    char big[900];
    size_t lines = 0;

    memset(big, 'b', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    for (int i = 0; i < 200; i++) {
        ion_log(&f->log, ION_LOG_INFO, 0, "%s", big);
    }
    while (next_line(f)[0] != '\0') {
        lines++;
    }
    assert_true(lines > 10 && lines < 200);
    ion_log(&f->log, ION_LOG_INFO, 0, "again");
    {
        char rest[64];

        (void)snprintf(rest, sizeof(rest), "core again lost=%zu", 200 - lines);
        assert_line(f, "info", rest);
    }
    ion_log(&f->log, ION_LOG_INFO, 0, "fine");
    assert_line(f, "info", "core fine");
}

static void
test_json_and_reopen(void **state)
{
    fixture_t *f = *state;
    int fds[2];
    int old = ion_log_sink_fd(f->sink);

    ion_log_sink_set(f->sink, ION_LOG_JSON, ION_LOG_INFO);
    ion_log(&f->log, ION_LOG_INFO, 0, "one");
    assert_non_null(strstr(next_line(f), "") /* consumed */);
    assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    ion_log_sink_set_fd(f->sink, fds[1]);
    assert_int_equal(fcntl(old, F_GETFD), -1);
    assert_int_equal(ion_log_sink_fd(f->sink), fds[1]);
    (void)close(f->fd);
    f->fd = fds[0];
    ion_log(&f->log, ION_LOG_INFO, 0, "two");
    {
        char line[512];
        ssize_t n = read(f->fd, line, sizeof(line) - 1);

        assert_true(n > 0);
        line[n] = '\0';
        assert_int_equal(line[0], '{');
        assert_non_null(strstr(line, "\"msg\":\"two\"}\n"));
    }
}

static void
test_open_file(void **state)
{
    char dir[] = "/tmp/ion-log-XXXXXX";
    char path[64];
    ion_errtext_t why = { .msg = "" };
    struct stat st;
    int fd = -1;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/log", dir);
    assert_int_equal(ion_log_open_file(path, &fd, &why), ION_OK);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07137, 0); /* 0640 under any mask */
    assert_true((fcntl(fd, F_GETFL) & O_APPEND) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ion_log_open_file(dir, &fd, &why), ION_MALF);
    assert_string_equal(why.msg, "Is a directory");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(ion_log_open_file(path, &fd, &why), ION_MALF);
    assert_string_equal(why.msg, "nobody reads from it");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(ion_log_open_file(path, &fd, &why), ION_NOTFOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
        cmocka_unit_test(test_level_words),
        cmocka_unit_test_setup_teardown(test_context, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keeps_errno, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peer_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_sites, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_and_reopen, setup, teardown),
        cmocka_unit_test(test_open_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
