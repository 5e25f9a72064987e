/*
 * test_cli.c -- commands against a daemon that the test plays itself.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The daemon is a child process with a script of frames.  stdout and stderr
 * of the command go to memory files.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "core/module.h"
#include "core/revision.h"
#include "os/pidfile.h"
#include "os/unix_sock.h"
#include "proto/admin_frame.h"

/* only here so that the configuration has its tables */
const ion_module_t *const ion_modules[] = { NULL };
const uint32_t ion_module_count = 0;
const char ion_revision[] = "0123456789ab-dirty";

enum {
    ARGS_MAX = 12,
    TEXT_MAX = 1 << 20,
};

typedef struct frame {
    uint16_t type; /* 0 ends the script */
    const char *payload;
    uint64_t off; /* added to the request's number */
} frame_t;

static char work_dir[] = "/tmp/ion-cli-XXXXXX";
static char socket_path[64];
static char out[TEXT_MAX];
static char err[TEXT_MAX];

static void
read_back(int fd, char *text)
{
    ssize_t n = pread(fd, text, TEXT_MAX - 1, 0);

    assert_true(n >= 0);
    text[n] = '\0';
    close(fd);
}

static int
redirect(int target, int *kept)
{
    int fd = memfd_create("text", MFD_CLOEXEC);

    assert_true(fd >= 0);
    *kept = fcntl(target, F_DUPFD_CLOEXEC, 10);
    assert_true(*kept >= 0);
    assert_true(dup2(fd, target) >= 0);
    return fd;
}

static void
restore(int target, int kept)
{
    assert_true(dup2(kept, target) >= 0);
    close(kept);
}

/* a command as the user types it, words separated by blanks */
static int
run(const char *line)
{
    char copy[512];
    char *argv[ARGS_MAX + 1] = { copy };
    int argc = 0;
    char *rest;
    int kept[2];
    int fds[2];
    int status;

    (void)snprintf(copy, sizeof(copy), "ionscale %s", line);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest))
    {
        assert_true(argc < ARGS_MAX);
        argv[argc++] = word;
    }
    fflush(stdout);
    fflush(stderr);
    fds[0] = redirect(STDOUT_FILENO, &kept[0]);
    fds[1] = redirect(STDERR_FILENO, &kept[1]);
    status = ion_cli_main(argc, argv);
    fflush(stdout);
    fflush(stderr);
    restore(STDOUT_FILENO, kept[0]);
    restore(STDERR_FILENO, kept[1]);
    read_back(fds[0], out);
    read_back(fds[1], err);
    return status;
}

static void
has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

static void
daemon_child(int listener, const char *want, const frame_t *script)
{
    uint8_t head[ADMIN_HEADER_LEN];
    char payload[512] = "";
    admin_header_t h;
    uint64_t asked;
    int fd = accept(listener, NULL, NULL);

    if (recv(fd, head, sizeof(head), MSG_WAITALL) != sizeof(head) ||
        admin_header_parse(head, sizeof(head), &h) != ION_OK ||
        h.type != ADMIN_FRAME_REQUEST || h.len >= sizeof(payload) ||
        recv(fd, payload, h.len, MSG_WAITALL) != (ssize_t)h.len ||
        strcmp(payload, want) != 0)
    {
        _exit(1);
    }
    asked = h.req;
    for (; script->type != 0; script++) {
        h.len = (uint32_t)strlen(script->payload);
        h.type = (admin_frame_type_t)script->type;
        h.req = asked + script->off;
        admin_header_put(head, &h);
        if (send(fd, head, sizeof(head), MSG_NOSIGNAL) < 0 ||
            send(fd, script->payload, h.len, MSG_NOSIGNAL) < 0)
        {
            _exit(2);
        }
    }
    _exit(0);
}

/* runs the command while a daemon answers with the script */
static int
run_with(const char *line, const char *want, const frame_t *script)
{
    char full[512];
    ion_errtext_t why;
    int listener;
    int status;
    int child;
    pid_t pid;

    assert_int_equal(
        ion_unix_listen(socket_path, 0600, (gid_t)-1, &listener, &why), ION_OK);
    assert_int_equal(fcntl(listener, F_SETFL, 0), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(20); /* never longer than the test may take */
        daemon_child(listener, want, script);
    }
    close(listener);
    (void)snprintf(full, sizeof(full), "%s --socket %s", line, socket_path);
    status = run(full);
    assert_int_equal(waitpid(pid, &child, 0), pid);
    assert_true(WIFEXITED(child) && WEXITSTATUS(child) == 0);
    unlink(socket_path);
    return status;
}

#define REQUEST(cmd) "{\"cmd\":\"" cmd "\"}"

static void
test_help(void **state)
{
    (void)state;
    assert_int_equal(run("help"), 0);
    has(out, "\n  derp list             List the connected clients\n");
    has(out, "\n  server ");
    assert_string_equal(err, "");
    assert_int_equal(run(""), 0);
    has(out, "Usage: ionscale COMMAND [flags]\n");
    assert_int_equal(run("--help"), 0);
    has(out, "Usage: ionscale COMMAND [flags]\n");
    assert_int_equal(run("derp list -h"), 0);
    has(out, "Usage: ionscale derp list [flags]\n");
    has(out, "      --json ");
    assert_int_equal(run("help derp list"), 0);
    has(out, "Usage: ionscale derp list [flags]\n");
    assert_int_equal(run("derp"), 0);
    has(out, "Usage: ionscale derp COMMAND [flags]\n");
    assert_int_equal(run("help system"), 0);
    has(out, "  system get-derp-map");
    assert_int_equal(run("genkey --help"), 0);
    has(out, "  -n, --no-newline ");
    assert_null(strstr(out, "--json"));
}

static void
test_wrong_words(void **state)
{
    static const struct {
        const char *line;
        const char *error;
    } cases[] = {
        { "statsu", "Error: unknown command \"statsu\", did you mean "
                    "\"status\"?\n" },
        { "derp lst", "Error: unknown command \"derp lst\", did you mean "
                      "\"derp list\"?\n" },
        { "derp kik", "Error: unknown command \"derp kik\", did you mean "
                      "\"derp kick\"?\n" },
        { "derp kick", "Error: \"derp kick\" needs a KEY\n" },
        { "derp kick a b",
            "Error: \"derp kick\" takes no second argument: b\n" },
        { "list", "Error: unknown command \"list\", did you mean "
                  "\"derp list\"?\n" },
        { "get-derp-map", "Error: unknown command \"get-derp-map\", did you "
                          "mean \"system get-derp-map\"?\n" },
        { "xyzzy", "Error: unknown command \"xyzzy\"; \"ionscale help\" "
                   "lists all\n" },
        { "a\x1b[2Jb", "Error: unknown command \"a\\x1b[2Jb\"; \"ionscale "
                       "help\" lists all\n" },
        { "help xyzzy", "Error: unknown command \"xyzzy\"; \"ionscale help\" "
                        "lists all\n" },
        { "--json status",
            "Error: unknown flag: --json; flags follow the command\n" },
        { "status --bogus", "Error: unknown flag: --bogus\n" },
        { "status -x", "Error: unknown shorthand flag: 'x'\n" },
        { "genkey --json", "Error: unknown flag: --json\n" },
        { "status --socket", "Error: flag needs an argument: --socket\n" },
        { "status --json=perhaps", "Error: invalid argument \"perhaps\" for "
                                   "\"--json\": not true or false\n" },
        { "status more", "Error: \"status\" takes no argument: more\n" },
        { "status --addr https://relay:8443",
            "Error: --addr https://relay:8443: the daemon is administered "
            "over its control socket alone; say --addr unix:PATH or --socket "
            "PATH\n" },
        { "status --socket /nonexistent/a",
            "Error: cannot reach the daemon: no daemon is there (tried "
            "/nonexistent/a)\n" },
        { "status --config /nonexistent.yaml", "Error: /nonexistent.yaml: " },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        if (run(cases[i].line) != 1) {
            fail_msg("no error: %s", cases[i].line);
        }
        if (strncmp(err, cases[i].error, strlen(cases[i].error)) != 0) {
            fail_msg("%s: %s", cases[i].line, err);
        }
        assert_string_equal(out, "");
    }
}

static void
test_genkey(void **state)
{
    char first[65];

    (void)state;
    assert_int_equal(run("genkey"), 0);
    assert_int_equal(strlen(out), 65);
    assert_int_equal(out[64], '\n');
    assert_int_equal(strspn(out, "0123456789abcdef"), 64);
    memcpy(first, out, sizeof(first));
    assert_int_equal(run("genkey -n"), 0);
    assert_int_equal(strlen(out), 64);
    assert_memory_not_equal(first, out, 64);
    assert_int_equal(run("genkey --no-newline=false"), 0);
    assert_int_equal(strlen(out), 65);
}

static void
test_version(void **state)
{
    static const frame_t script[] = {
        { ADMIN_FRAME_REPLY,
            "{\"ok\":true,\"result\":{\"version\":\"9\\u001b.9\","
            "\"revision\":\"ab\\u001bcd\"}}",
            0 },
        { 0, NULL, 0 },
    };

    (void)state;
    assert_int_equal(run_with("version", REQUEST("version"), script), 0);
    has(out, "\nClient:\n Version:       " ION_VERSION_TEXT " \n");
    has(out, "\nServer:\n Addr:          unix:");
    has(out, "\n Git Revision:  0123456789ab-dirty\n\nServer:\n");
    has(out, "\n Version:       9\\x1b.9 \n Git Revision:  ab\\x1bcd\n");
    assert_int_equal(run("version --socket /nonexistent/a"), 0);
    has(out, "\n Error:         no daemon is there\n");
}

static void
test_status(void **state)
{
    static const char reply[] =
        "{\"ok\":true,\"result\":{\"version\":\"1.2\",\"pid\":55,"
        "\"uptime_seconds\":3725,\"generation\":4,\"config_file\":\"/e/\\u0007"
        "c\",\"processes\":[{\"role\":\"worker\",\"index\":3,\"slot\":2,"
        "\"pid\":77,\"state\":\"live\",\"sandbox\":\"full\",\"clients\":12,"
        "\"started\":0}],"
        "\"listeners\":[{\"name\":\"listen_addr\",\"proto\":\"tcp\","
        "\"address\":\"[::]:8080\"}],\"mesh\":[{\"target\":\"r2:1\","
        "\"state\":\"waiting\",\"keys\":7,\"since\":0,"
        "\"error\":\"no\\u0007\"}],\"public_key\":\"nodekey:ab\","
        "\"counters\":{\"zero\":0,\"some{a=\\\"b\\\"}\":5}}}";
    static const frame_t script[] = {
        { ADMIN_FRAME_REPLY, reply, 0 },
        { 0, NULL, 0 },
    };

    (void)state;
    assert_int_equal(run_with("status", REQUEST("status"), script), 0);
    has(out, "ionscale 1.2, pid 55, up 1h2m, configuration /e/\\x07c "
             "(generation 4)\n");
    has(out, "PROCESS   SLOT  PID  STATE  SANDBOX  CLIENTS  STARTED  \n"
             "worker 3  2     77   live   full     12       -        \n");
    has(out, "LISTENER     PROTO  ADDRESS    \n"
             "listen_addr  tcp    [::]:8080  \n");
    has(out, "MESH LINK  STATE    KEYS  SINCE  LAST ERROR  \n"
             "r2:1       waiting  7     -      no\\x07      \n");
    has(out, "public key       nodekey:ab                   \n");
    has(out, "admission        everybody may use the relay  \n");
    has(out, "COUNTER      VALUE  \nsome{a=\"b\"}  5      \n");
    assert_null(strstr(out, "zero"));

    assert_int_equal(run_with("status --json", REQUEST("status"), script), 0);
    has(out, "{\n  \"version\": \"1.2\",\n");
    has(out, "\"zero\": 0");
    assert_int_equal(
        run_with("status --json=false", REQUEST("status"), script), 0);
    has(out, "PROCESS ");
}

/* a daemon of another version may leave out or rename what it likes */
static void
test_status_of_another_version(void **state)
{
    static const frame_t script[] = {
        { ADMIN_FRAME_REPLY,
            "{\"ok\":true,\"result\":{\"processes\":5,\"pid\":\"x\","
            "\"mesh\":3,\"listeners\":{\"a\":1}}}",
            0 },
        { 0, NULL, 0 },
    };

    (void)state;
    assert_int_equal(run_with("status", REQUEST("status"), script), 0);
    has(out, "ionscale , pid 0, up 0s, no configuration file\n");
}

static void
test_derp_list(void **state)
{
#define ROW(key, n)                                                            \
    "{\"key\":\"nodekey:" key "0123456789abcdef\",\"worker\":1,"               \
    "\"address\":\"192.0.2.1:5\",\"connected_at\":0,\"active\":true,"          \
    "\"flags\":[\"dup\"],\"packets_received\":" n ",\"bytes_received\":2,"     \
    "\"packets_sent\":3,\"bytes_sent\":4,\"drops\":5}"
    static const frame_t script[] = {
        { ADMIN_FRAME_PART, "[" ROW("aa", "1") "," ROW("bb", "10") "]", 0 },
        { ADMIN_FRAME_PART, "[" ROW("cc", "100") "]", 0 },
        { ADMIN_FRAME_REPLY, "{\"ok\":true,\"result\":[" ROW("dd", "1000") "]}",
            0 },
        { 0, NULL, 0 },
    };
    static const char row[] = "nodekey:bb0123456789  1       192.0.2.1:5  "
                              "-          active,dup  10          2         "
                              "3            4          5      \n";
    unsigned rows = 0;

    (void)state;
    assert_int_equal(run_with("derp list", REQUEST("derp list"), script), 0);
    has(out, "KEY                   WORKER  ADDRESS      CONNECTED  STATE");
    has(out, row);
    has(out, "nodekey:dd0123456789 ");
    assert_int_equal(
        run_with("derp list --json", REQUEST("derp list"), script), 0);
    assert_memory_equal(out, "[\n  {\n    \"key\": \"nodekey:aa", 24);
    has(out, "\n  }\n]\n");
    for (const char *at = out; (at = strstr(at, "\"key\"")) != NULL; at++) {
        rows++;
    }
    assert_int_equal(rows, 4);
    has(out, "\"drops\": 5\n  },\n  {\n");
}

static void
test_empty_list(void **state)
{
    static const frame_t script[] = {
        { ADMIN_FRAME_REPLY, "{\"ok\":true,\"result\":[]}", 0 },
        { 0, NULL, 0 },
    };

    (void)state;
    assert_int_equal(
        run_with("derp list --json", REQUEST("derp list"), script), 0);
    assert_string_equal(out, "[]\n");
}

static void
test_get_derp_map(void **state)
{
    static const char reply[] =
        "{\"ok\":true,\"result\":{\"Regions\":{\"1000\":{\"RegionID\":1000,"
        "\"RegionCode\":\"x\",\"RegionName\":\"X\",\"Nodes\":[{\"Name\":"
        "\"n\",\"RegionID\":1000,\"HostName\":\"h.example\",\"STUNPort\":3478,"
        "\"DERPPort\":8080}]}}}}";
    static const frame_t script[] = {
        { ADMIN_FRAME_REPLY, reply, 0 },
        { 0, NULL, 0 },
    };
    static const frame_t wrong[] = {
        { ADMIN_FRAME_REPLY, "{\"ok\":true,\"result\":{\"Regions\":5}}", 0 },
        { 0, NULL, 0 },
    };
    const char *cmd = REQUEST("system get-derp-map");

    (void)state;
    assert_int_equal(run_with("system get-derp-map", cmd, script), 0);
    assert_memory_equal(out, "regions:\n  1000:\n    regionid: 1000\n", 36);
    has(out, "      derpport: 8080\n");
    has(out, "\n\n"); /* the document's end and the command's */
    assert_int_equal(run_with("system get-derp-map --json", cmd, script), 0);
    assert_memory_equal(out, "{\n  \"Regions\": {\n    \"1000\": {\n", 31);
    assert_int_equal(run_with("system get-derp-map", cmd, wrong), 1);
    has(err, "Error: the daemon's DERP map is not one that this program "
             "understands: ");
}

static void
test_reload(void **state)
{
    static const frame_t good[] = {
        { ADMIN_FRAME_REPLY,
            "{\"ok\":true,\"result\":{\"lines\":[\"c.yaml:1:1: old key\"]}}",
            0 },
        { 0, NULL, 0 },
    };
    static const frame_t bad[] = {
        { ADMIN_FRAME_REPLY,
            "{\"ok\":false,\"error\":\"reload refused\","
            "\"lines\":[\"c.yaml:2:1: x\\u001b[1m\",\"c.yaml:3:1: y\"]}",
            0 },
        { 0, NULL, 0 },
    };

    (void)state;
    assert_int_equal(run_with("reload", REQUEST("reload"), good), 0);
    assert_string_equal(out, "Configuration reloaded.\n");
    assert_string_equal(err, "c.yaml:1:1: old key\n");
    assert_int_equal(run_with("reload", REQUEST("reload"), bad), 1);
    assert_string_equal(out, "");
    assert_string_equal(err, "Error: reload refused\n"
                             "c.yaml:2:1: x\\x1b[1m\nc.yaml:3:1: y\n");
}

static void
test_daemon_that_talks_nonsense(void **state)
{
    static const struct {
        frame_t script[2];
        const char *error;
    } cases[] = {
        { { { 0, NULL, 0 } }, "closed the connection without an answer" },
        { { { ADMIN_FRAME_REPLY, "{", 0 } }, "not an answer" },
        { { { ADMIN_FRAME_REPLY, "[]", 0 } }, "not an answer" },
        { { { ADMIN_FRAME_REPLY, "{\"ok\":true}", 0 } }, "not an answer" },
        { { { ADMIN_FRAME_REPLY, "{\"ok\":1,\"result\":1}", 0 } },
            "not an answer" },
        { { { ADMIN_FRAME_REQUEST, "{\"ok\":true,\"result\":1}", 0 } },
            "not an answer" },
        { { { ADMIN_FRAME_REPLY, "{\"ok\":true,\"result\":1}", 1 } },
            "not an answer" },
        { { { ADMIN_FRAME_PART, "[]", 0 } }, "not an answer" },
        { { { ADMIN_FRAME_REPLY, "{\"ok\":false}", 0 } }, "Error: refused\n" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        assert_int_equal(
            run_with("status", REQUEST("status"), cases[i].script), 1);
        has(err, cases[i].error);
    }
}

static void
test_ignored_flags(void **state)
{
    static const frame_t script[] = {
        { ADMIN_FRAME_REPLY, "{\"ok\":true,\"result\":[]}", 0 },
        { 0, NULL, 0 },
    };

    (void)state;
    assert_int_equal(run_with("derp list --json --tls-skip-verify "
                              "--system-admin-key 0011",
                         REQUEST("derp list"), script),
        0);
    assert_string_equal(out, "[]\n");
    has(err, "Note: --tls-skip-verify is ignored");
    has(err, "Note: --system-admin-key is ignored");
    assert_null(strstr(err, "0011"));
}

static void
test_where_the_daemon_is(void **state)
{
    char file[96];
    char line[256];
    FILE *f;

    (void)state;
    assert_int_equal(setenv("IONSCALE_SOCKET", "/nonexistent/env", 1), 0);
    assert_int_equal(run("status"), 1);
    has(err, "(tried /nonexistent/env)");
    assert_int_equal(run("status --addr unix:/nonexistent/addr"), 1);
    has(err, "(tried /nonexistent/addr)");
    assert_int_equal(unsetenv("IONSCALE_SOCKET"), 0);

    (void)snprintf(file, sizeof(file), "%s/c.yaml", work_dir);
    f = fopen(file, "w");
    assert_non_null(f);
    (void)fprintf(f, "control_socket: /nonexistent/conf\n");
    assert_int_equal(fclose(f), 0);
    (void)snprintf(line, sizeof(line), "status --config %s", file);
    assert_int_equal(run(line), 1);
    has(err, "(tried /nonexistent/conf)");
    (void)snprintf(line, sizeof(line), "stop -c %s", file);
    assert_int_equal(run(line), 1);
    has(err, "Error: no daemon is there (tried /nonexistent/conf, and the "
             "pid file ");
    assert_int_equal(unlink(file), 0);
    assert_int_equal(run("quit --socket /nonexistent/d/c.sock"), 1);
    has(err, "pid file /nonexistent/d/ionscale.pid)");
}

static void
on_quit(int number)
{
    _exit(number);
}

/* a master without a keeper: it holds the pid file and takes signals */
static pid_t
start_master(const char *pid_path)
{
    int ready[2];
    char c;
    pid_t pid;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        ion_pidfile_t *file;
        ion_errtext_t why;
        pid_t holder;

        alarm(20); /* never longer than the test may take */
        (void)signal(SIGQUIT, on_quit);
        (void)signal(SIGTERM, on_quit);
        if (ion_pidfile_open(pid_path, &holder, &file, &why) != ION_OK ||
            write(ready[1], "x", 1) != 1)
        {
            _exit(1);
        }
        for (;;) {
            (void)pause();
        }
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    return pid;
}

static void
test_stop_and_quit_by_the_pid_file(void **state)
{
    static const struct {
        const char *command;
        int signal;
    } cases[] = { { "stop", SIGTERM }, { "quit", SIGQUIT } };
    char pid_path[96];
    char line[256];

    (void)state;
    (void)snprintf(pid_path, sizeof(pid_path), "%s/ionscale.pid", work_dir);
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        pid_t pid = start_master(pid_path);
        int status;

        (void)snprintf(line, sizeof(line), "%s --socket %s", cases[i].command,
            socket_path);
        assert_int_equal(run(line), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), cases[i].signal);
        /* the file is left behind, and nobody holds it */
        assert_int_equal(run(line), 1);
        has(err, "Error: no daemon is there (tried ");
        assert_int_equal(unlink(pid_path), 0);
    }
}

static void
test_stop_refused(void **state)
{
    static const frame_t script[] = {
        { ADMIN_FRAME_REPLY,
            "{\"ok\":false,\"error\":\"stop refused\",\"lines\":[]}", 0 },
        { 0, NULL, 0 },
    };

    (void)state;
    assert_int_equal(run_with("stop", REQUEST("stop"), script), 1);
    assert_string_equal(err, "Error: stop refused\n");
    assert_int_equal(run_with("quit", REQUEST("quit"), script), 1);
    assert_string_equal(err, "Error: stop refused\n");
}

static void
test_full_output_is_an_error(void **state)
{
    int kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    char *argv[] = { (char[]){ "ionscale" }, (char[]){ "genkey" }, NULL };
    int status;

    (void)state;
    fflush(stdout);
    assert_true(dup2(full, STDOUT_FILENO) >= 0);
    status = ion_cli_main(2, argv);
    clearerr(stdout);
    restore(STDOUT_FILENO, kept);
    close(full);
    assert_int_equal(status, 1);
}

static int
make_dir(void **state)
{
    (void)state;
    if (mkdtemp(work_dir) == NULL) {
        return -1;
    }
    (void)snprintf(socket_path, sizeof(socket_path), "%s/sock", work_dir);
    (void)unsetenv("IONSCALE_SOCKET");
    (void)unsetenv("IONSCALE_CONFIG_BASE64");
    return 0;
}

static int
remove_dir(void **state)
{
    (void)state;
    return rmdir(work_dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_wrong_words),
        cmocka_unit_test(test_genkey),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_status_of_another_version),
        cmocka_unit_test(test_derp_list),
        cmocka_unit_test(test_empty_list),
        cmocka_unit_test(test_get_derp_map),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_daemon_that_talks_nonsense),
        cmocka_unit_test(test_ignored_flags),
        cmocka_unit_test(test_where_the_daemon_is),
        cmocka_unit_test(test_stop_and_quit_by_the_pid_file),
        cmocka_unit_test(test_stop_refused),
        cmocka_unit_test(test_full_output_is_an_error),
    };

    return cmocka_run_group_tests_name("cli", tests, make_dir, remove_dir);
}
