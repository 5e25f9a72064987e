/*
 * prepare.c -- from the configuration to a master that can run.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Everything that can be wrong is tried before giving up, so that one run of
 * `ionscale server -t` shows all of it.
 */
#include "main/master.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/module.h"
#include "core/settings.h"
#include "http/server.h"
#include "main/tickets.h"
#include "os/file.h"
#include "os/path.h"
#include "os/rlimit.h"
#include "os/sandbox.h"
#include "os/unix_sock.h"
#include "shm/blackbox.h"
#include "shm/slots.h"
#include "shm/stats.h"

static void
print_lines(const ion_sb_t *lines)
{
    ion_str_t rest = ion_sb_str(lines);
    ion_str_t line;
    while (ion_str_split(&rest, '\n', &line)) {
        if (line.len > 0) {
            (void)fprintf(stderr, "Error: %.*s\n", ION_STR_ARG(line));
        }
    }
}

/* One reason for not starting: where the key stands, the key, the words. */
static void ION_PRINTF(4, 5) complain(ion_sb_t *lines, const ion_conf_t *conf,
    const char *key, const char *fmt, ...)
{
    char where[BUNDLE_WHERE];
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap); /* cut is fine */
    va_end(ap);
    (void)ion_conf_where(conf, key, where, sizeof(where));
    ion_sb_addf(
        lines, "%s%s%s: %s\n", where, where[0] == '\0' ? "" : ": ", key, text);
}

static ion_err_t
find_account(master_t *m, const ion_conf_t *conf, ion_sb_t *lines)
{
    const ion_settings_t *s = ion_conf_settings(conf);
    ion_err_t rc;
    m->maker.uid = (uid_t)-1;
    m->maker.gid = (gid_t)-1;
    if (!ion_priv_is_root()) {
        return ION_OK;
    }
    if (s->user[0] != '\0') {
        rc = ion_priv_account(s->user, &m->account);
    } else {
        rc = ion_priv_account("ionscale", &m->account);
        if (rc != ION_OK) {
            rc = ion_priv_account("nobody", &m->account);
            ion_log(&m->log, ION_LOG_NOTICE, 0,
                "there is no account "
                "\"ionscale\": workers and keeper run as nobody");
        }
    }
    if (rc != ION_OK) {
        complain(lines, conf, "user", "there is no account \"%s\"", s->user);
        return ION_DENIED;
    }
    m->has_account = true;
    m->maker.uid = m->account.uid;
    m->maker.gid = m->account.gid;
    return ION_OK;
}

static ion_err_t
open_log(master_t *m, const ion_conf_t *conf, ion_sb_t *lines)
{
    const ion_settings_t *s = ion_conf_settings(conf);
    ion_errtext_t why = { "" };
    int fd;
    ion_log_sink_set(m->sink, (ion_log_format_t)s->log_format, s->log_level);
    if (s->log_file[0] == '\0') {
        return ION_OK;
    }
    if (ion_log_open_file(s->log_file, &fd, &why) != ION_OK) {
        complain(lines, conf, "logging.file", "cannot open %s: %s", s->log_file,
            why.msg);
        return ION_DENIED;
    }
    ion_log_sink_set_fd(m->sink, fd);
    return ION_OK;
}

/* What root makes and removes by name, and others trust for its name. */
static ion_err_t
check_paths(const ion_conf_t *conf, ion_sb_t *lines)
{
    const ion_settings_t *s = ion_conf_settings(conf);
    ion_errtext_t why = { "" };
    ion_err_t rc = ION_OK;
    if (ion_path_check(s->pid_file, &why) != ION_OK) {
        complain(lines, conf, "pid_file", "%s: %s", s->pid_file, why.msg);
        rc = ION_DENIED;
    }
    if (ion_path_check(s->control_socket, &why) != ION_OK) {
        complain(lines, conf, "control_socket", "%s: %s", s->control_socket,
            why.msg);
        rc = ION_DENIED;
    }
    return rc;
}

/* The same for a check, which makes nothing: could the log be opened? */
static ion_err_t
check_log(const ion_conf_t *conf, ion_sb_t *lines)
{
    const char *path = ion_conf_settings(conf)->log_file;
    ion_errtext_t why = { "" };
    if (path[0] == '\0' || ion_path_check_append(path, &why) == ION_OK) {
        return ION_OK;
    }
    complain(lines, conf, "logging.file", "cannot open %s: %s", path, why.msg);
    return ION_DENIED;
}

static ion_err_t
make_dirs(const master_t *m, const ion_conf_t *conf, ion_sb_t *lines)
{
    const ion_settings_t *s = ion_conf_settings(conf);
    const ion_file_owner_t owner = { 0700, m->maker.uid, m->maker.gid };
    ion_errtext_t why = { "" };
    ion_err_t rc = ion_file_make_dir(s->state_dir, &owner, &why);
    if (rc != ION_OK) {
        complain(lines, conf, "state_dir", "%s: %s", s->state_dir, why.msg);
    }
    if (ion_file_make_parent(s->pid_file, &why) != ION_OK) {
        complain(lines, conf, "pid_file", "%s: %s", s->pid_file, why.msg);
        rc = ION_DENIED;
    }
    if (ion_file_make_parent(s->control_socket, &why) != ION_OK) {
        complain(lines, conf, "control_socket", "%s: %s", s->control_socket,
            why.msg);
        rc = ION_DENIED;
    }
    return rc;
}

static ion_err_t
lock(master_t *m, const ion_conf_t *conf, ion_sb_t *lines)
{
    const ion_settings_t *s = ion_conf_settings(conf);
    ion_errtext_t why = { "" };
    pid_t holder = 0;
    ion_err_t rc = ion_pidfile_open(s->pid_file, &holder, &m->pidfile, &why);
    if (rc == ION_OK) {
        return ION_OK;
    }
    if (rc == ION_BUSY) {
        complain(lines, conf, "pid_file",
            "%s is held by a running instance, pid %d", s->pid_file,
            (int)holder);
    } else {
        complain(lines, conf, "pid_file", "cannot lock %s: %s", s->pid_file,
            why.msg);
    }
    return ION_DENIED;
}

/* *gid stays when no group is named. */
static ion_err_t
find_group(const ion_conf_t *conf, gid_t *gid, ion_sb_t *lines)
{
    const ion_settings_t *s = ion_conf_settings(conf);
    if (s->control_group[0] != '\0' &&
        ion_priv_group(s->control_group, gid) != ION_OK)
    {
        complain(lines, conf, "control_group", "there is no group \"%s\"",
            s->control_group);
        return ION_DENIED;
    }
    return ION_OK;
}

static ion_err_t
open_control(master_t *m, const ion_conf_t *conf, ion_sb_t *lines)
{
    const ion_settings_t *s = ion_conf_settings(conf);
    ion_errtext_t why = { "" };
    gid_t gid = (gid_t)-1;
    ion_err_t rc;
    bundle_socket_t *c;
    rc = find_group(conf, &gid, lines);
    if (rc != ION_OK) {
        return rc;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return ION_NOMEM;
    }
    c->refs = 1;
    c->kind = ION_SOCKET_UNIX;
    c->id = m->maker.next_socket_id++;
    (void)snprintf(c->name, sizeof(c->name), "control_socket"); /* fits */
    rc = ion_unix_listen(
        s->control_socket, gid == (gid_t)-1 ? 0600 : 0660, gid, &c->fd, &why);
    if (rc != ION_OK) {
        complain(lines, conf, "control_socket", "cannot listen at %s: %s",
            s->control_socket, why.msg);
        free(c);
        return ION_DENIED;
    }
    m->maker.control = c;
    return ION_OK;
}

static ion_err_t
make_shared(master_t *m, const ion_settings_t *s, ion_sb_t *lines)
{
    const ion_shm_geometry_t geometry = {
        .max_workers = m->maker.max_workers,
        .max_clients = (uint32_t)s->max_clients,
        .fabric_bytes = s->fabric_memory,
        .nstats = ion_module_stat_base(ion_module_count) +
                  (uint32_t)ion_http_stat_count,
    };
    ion_err_t rc = ion_shm_create(&geometry, &m->shm);
    if (rc != ION_OK) {
        ion_sb_addf(lines,
            "max_clients, max_workers, fabric_memory: cannot "
            "make shared memory: %s\n",
            ion_strerror(rc));
        return ION_DENIED;
    }
    m->stats = ion_stats_own(m->shm);
    ion_blackbox_arm(m->shm);
    master_arm_log(m);
    rc = ion_loop_new(&m->loop);
    return rc == ION_OK ? tickets_rotate(&m->maker.tickets_fd) : rc;
}

static void
fill_maker(master_t *m, const ion_conf_t *conf, const ion_settings_t *s)
{
    m->config_file = ion_conf_file(conf);
    m->maker.config_file = m->config_file;
    m->maker.state_dir = s->state_dir;
    m->maker.control_path = s->control_socket;
    m->maker.max_workers = (uint32_t)s->max_workers;
    m->maker.next_socket_id = 1;
    m->maker.next_generation = 1;
    m->maker.log = &m->log;
}

/* What outlives the first configuration must not point into it. */
static ion_err_t
keep_paths(master_t *m)
{
    m->kept_config_file = NULL;
    if (m->maker.config_file != NULL) {
        m->kept_config_file = strdup(m->maker.config_file);
        if (m->kept_config_file == NULL) {
            return ION_NOMEM;
        }
    }
    m->kept_state_dir = strdup(m->maker.state_dir);
    m->kept_control = strdup(m->maker.control_path);
    if (m->kept_state_dir == NULL || m->kept_control == NULL) {
        return ION_NOMEM;
    }
    m->config_file = m->kept_config_file;
    m->maker.config_file = m->kept_config_file;
    m->maker.state_dir = m->kept_state_dir;
    m->maker.control_path = m->kept_control;
    return ION_OK;
}

static void
raise_limits(master_t *m, const ion_settings_t *s)
{
    uint64_t files = 0;
    if (ion_rlimit_raise_files(&files) != ION_OK ||
        files < s->max_clients / s->workers + 64)
    {
        ion_log(&m->log, ION_LOG_NOTICE, 0,
            "each process may have %llu open "
            "descriptors: fewer clients than max_clients fit",
            (unsigned long long)files);
    }
}

static ion_err_t
drop_rights(master_t *m)
{
    ion_errtext_t why = { "" };
    ion_err_t rc = ion_priv_keep_master(&why);
    if (rc != ION_OK) {
        bool is_fatal = m->now->settings->sandbox == ION_SANDBOX_REQUIRED;
        ion_log(&m->log, is_fatal ? ION_LOG_ERR : ION_LOG_WARN, 0,
            "the master cannot give up capabilities: %s", why.msg);
        return is_fatal ? rc : ION_OK;
    }
    return ION_OK;
}

/* Said once, here: the children only find the same. */
static ion_err_t
check_sandbox(master_t *m, const ion_settings_t *s, ion_sb_t *lines)
{
    ion_errtext_t why;
    (void)ion_sandbox_probe(&why);
    if (s->sandbox == ION_SANDBOX_OFF || why.msg[0] == '\0') {
        return ION_OK;
    }
    if (s->sandbox == ION_SANDBOX_REQUIRED) {
        ion_sb_addf(lines,
            "sandbox: required, but this kernel does not offer %s\n", why.msg);
        return ION_UNSUPPORTED;
    }
    ion_log(&m->log, ION_LOG_WARN, 0,
        "the sandbox is incomplete, this kernel does not offer %s", why.msg);
    return ION_OK;
}

static ion_err_t
worst(ion_err_t a, ion_err_t b)
{
    return a != ION_OK ? a : b;
}

static ion_err_t
prepare(master_t *m, ion_conf_t *conf, ion_sb_t *lines)
{
    const ion_settings_t *s = ion_conf_settings(conf);
    ion_err_t rc;
    ion_err_t made;
    fill_maker(m, conf, s);
    rc = worst(keep_paths(m), open_log(m, conf, lines));
    rc = worst(rc, find_account(m, conf, lines));
    rc = worst(rc, check_paths(conf, lines));
    rc = worst(rc, check_sandbox(m, s, lines));
    if (rc == ION_OK) {
        rc = make_dirs(m, conf, lines);
    }
    if (rc == ION_OK) {
        rc = lock(m, conf, lines);
    }
    if (rc == ION_OK) {
        raise_limits(m, s);
        rc = worst(open_control(m, conf, lines), make_shared(m, s, lines));
        made = bundle_new(&m->maker, conf, NULL, &m->now, lines);
        return worst(rc, made);
    }
    ion_conf_free(&conf);
    return rc;
}

ion_err_t
master_prepare(master_t *m, ion_conf_t *conf)
{
    ion_sb_t lines;
    ion_err_t rc;
    ion_sb_init(&lines, 65536);
    m->started_wall_ms = ion_wall_now_ms();
    rc = prepare(m, conf, &lines);
    if (rc == ION_OK) {
        rc = drop_rights(m);
    } else if (lines.len == 0) {
        ion_sb_addf(&lines, "cannot start: %s\n", ion_strerror(rc));
    }
    print_lines(&lines);
    ion_sb_fini(&lines);
    return rc == ION_OK ? ION_OK : ION_DENIED;
}

ion_err_t
master_check(master_t *m, ion_conf_t *conf)
{
    const ion_settings_t *s = ion_conf_settings(conf);
    gid_t gid;
    ion_sb_t lines;
    ion_err_t rc;
    ion_sb_init(&lines, 65536);
    fill_maker(m, conf, s);
    m->maker.is_dry = true;
    if (ion_pidfile_read(s->pid_file, &m->maker.running) != ION_OK) {
        m->maker.running = 0;
    }
    rc = worst(keep_paths(m), find_account(m, conf, &lines));
    rc = worst(rc, check_sandbox(m, s, &lines));
    rc = worst(rc, check_paths(conf, &lines));
    rc = worst(rc, check_log(conf, &lines));
    rc = worst(rc, find_group(conf, &gid, &lines));
    rc = worst(rc, bundle_new(&m->maker, conf, NULL, &m->now, &lines));
    if (rc == ION_OK) {
        (void)fprintf(stderr, "configuration %s is good\n",
            m->config_file == NULL ? "(defaults)" : m->config_file);
    }
    print_lines(&lines);
    ion_sb_fini(&lines);
    return rc;
}

void
master_cleanup(master_t *m)
{
    bundle_free(&m->round.next);
    bundle_free(&m->now);
    if (m->maker.control != NULL) {
        (void)unlink(m->maker.control_path); /* ours, under the lock */
    }
    bundle_socket_unref(&m->maker.control);
    if (m->maker.tickets_fd >= 0) {
        (void)close(m->maker.tickets_fd); /* a memfd has nothing to lose */
    }
    ion_loop_free(&m->loop);
    if (m->shm != NULL) {
        ion_blackbox_disarm();
        ion_shm_free(&m->shm);
    }
    ion_pidfile_close(&m->pidfile);
    free(m->kept_config_file);
    free(m->kept_state_dir);
    free(m->kept_control);
}
