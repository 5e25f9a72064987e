/*
 * master.h -- the master process, shared by its own files only.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A seat is a place that must be filled: one per worker index, one for the
 * keeper, and one for the courier if the configuration needs it.  A kid is a
 * process of ours.  A kid sits on its seat from its start until it dies or is
 * retired (then it drains without a seat).  A round is one introduction of a
 * bundle: everybody prepares, then everybody switches.
 */
#ifndef ION_MAIN_MASTER_H
#define ION_MAIN_MASTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "event/loop.h"
#include "main/bundle.h"
#include "main/measure.h"
#include "main/messages.h"
#include "os/pidfile.h"
#include "shm/shm.h"

#define MASTER_MAGIC   0x4d535452u
#define MASTER_ORIGINS 64

typedef struct master master_t;

typedef enum {
    KID_STARTING, /* has been handed everything, has not switched yet */
    KID_LIVE,
    KID_DRAINING, /* told to end when idle */
    KID_LEAVING,  /* told to end now */
} kid_state_t;

typedef struct seat {
    master_t *master; /* back */
    uint32_t role;
    uint32_t index;
    bool is_wanted;
    struct kid *kid;     /* NULL: empty */
    struct seat *minder; /* a live worker accepts here meanwhile */
    ion_timer_t restart;
    uint32_t quick_deaths; /* within 2 s of being ready, in this window */
    ion_mono_t window_start;
    uint32_t delay_ms;
} seat_t;

typedef struct kid {
    ion_list_t link;  /* master.kids */
    master_t *master; /* back */
    seat_t *seat;     /* NULL: retired */
    kid_state_t state;
    uint32_t role;
    uint32_t index;
    uint32_t slot;
    pid_t pid;
    int pidfd;
    ion_chan_t *chan;
    ion_io_t chan_io;
    ion_io_t pid_io;
    ion_timer_t deadline; /* to become live */
    bool in_round;        /* was there when the round began */
    bool owes;            /* an answer in the round's present phase */
    ion_mono_t live_at;
    uint64_t last_beat;
    ion_mono_t beat_changed;
    ion_mono_t probed_at; /* a message it must wake up for; 0 = none */
    bool is_aborted;      /* SIGABRT was sent: it had stopped turning */
    pid_t linked;         /* worker: the courier it has a channel to */
    ion_reap_t reap;
} kid_t;

/* Who asked for a reload and waits for its outcome. */
typedef struct {
    pid_t pid; /* of the keeper that passed it on */
    uint64_t req;
} origin_t;

typedef enum { ROUND_NONE, ROUND_PREPARE, ROUND_SWITCH } round_phase_t;

typedef enum {
    WANT_RELOAD = 1,
    WANT_TICKETS = 2,
    WANT_MINDING = 4,
} want_t;

typedef struct {
    round_phase_t phase;
    want_t why;
    uint64_t serial; /* answers carry it: late ones do not count */
    bundle_t *next;  /* owned; NULL: the bundle in force, sent again */
    int log_fd;      /* the next bundle's log file, -1 = unchanged */
    ion_timer_t deadline;
    ion_sb_t lines; /* reasons for a refusal */
    origin_t origins[MASTER_ORIGINS];
    size_t origin_count;
} round_t;

typedef enum {
    MASTER_STARTING,
    MASTER_RUNNING,
    MASTER_QUITTING, /* graceful: workers drain */
    MASTER_STOPPING, /* fast */
} master_state_t;

struct master {
    uint32_t magic;
    master_state_t state;
    ion_log_sink_t *sink;
    ion_log_t log;
    ion_loop_t *loop;
    ion_shm_t *shm;
    uint64_t *stats;
    bundle_maker_t maker;
    bundle_t *now;
    ion_account_t account;
    bool has_account;
    ion_pidfile_t *pidfile;
    uint64_t started_wall_ms;
    const char *config_file;
    char *kept_config_file; /* owned copies of what maker points to */
    char *kept_state_dir;
    char *kept_control;
    const char *program; /* argv[0], for the line of hints */
    ion_list_t kids;
    uint32_t kid_count;
    seat_t *seats; /* max_workers, then the keeper's, then the courier's */
    uint32_t seat_count;
    round_t round;
    unsigned wants;                   /* want_t bits that wait for a round */
    origin_t waiting[MASTER_ORIGINS]; /* reloads asked for meanwhile */
    size_t waiting_count;
    int sig_fd;
    ion_io_t sig_io;
    ion_io_t ack_io;
    ion_timer_t watchdog;
    ion_timer_t tickets;
    measure_t measure;
    ion_timer_t stop_limit;
    int status; /* exit status */
};

/* --- supervise.c: kids and seats --- */

/*
 * master_fill_seat -- start a process for an empty seat; on failure (logged)
 * the seat tries again later.
 */
void master_fill_seat(seat_t *seat);

/* master_vacate_seat -- retire the seat's kid: it drains without a seat. */
void master_vacate_seat(seat_t *seat);

/* master_kid_send -- a message without descriptors; a kid that cannot take
 * it is killed. */
void master_kid_send(
    kid_t *kid, uint16_t type, uint64_t req, const void *p, size_t n);

/* master_watch_kid -- ask for writability while messages wait for it. */
void master_watch_kid(kid_t *kid);

/* master_kid_cycle -- send a whole bundle as the kid's role may see it. */
void master_kid_cycle(kid_t *kid, const bundle_t *b);

/* master_kid_signal -- a signal for a kid, which may be gone already. */
void master_kid_signal(const kid_t *kid, int signo);

/* master_kid_kill -- it broke a rule or does not answer; why is logged. */
void master_kid_kill(kid_t *kid, const char *why);

/* master_keeper -- the keeper's kid, NULL while there is none. */
kid_t *master_keeper(const master_t *m);

/* master_courier -- the courier's kid, NULL while there is none. */
kid_t *master_courier(const master_t *m);

/*
 * master_link -- give the courier and every worker that has none yet a
 * channel to each other; what fails (logged) is tried again by the watchdog.
 */
void master_link(master_t *m);

/* master_wants_seat -- does the bundle in force fill this seat? */
bool master_wants_seat(const master_t *m, const seat_t *seat);

/* master_is_settled -- no kid is starting. */
bool master_is_settled(const master_t *m);

/* master_sweep -- give dead slots back that all workers have acked. */
void master_sweep(master_t *m);

/* master_watch_beats -- SIGABRT for kids that have stopped turning. */
void master_watch_beats(master_t *m);

/* --- spawn.c --- */

/*
 * master_spawn -- fork, exec and hand over everything; not watched yet.
 *
 * Gives *out, in state KID_STARTING.
 * Errors: ION_LIMIT no slot is free yet | ION_SYS | ION_NOMEM.
 */
ION_NODISCARD ion_err_t master_spawn(seat_t *seat, kid_t **out);

/* --- round.c: bundles --- */

/* master_want -- begin a round of that kind now or as soon as possible. */
void master_want(master_t *m, want_t what);

/* master_want_reload -- the same for a reload, with who waits for it. */
void master_want_reload(master_t *m, const origin_t *origin);

/* master_next_round -- begin a round that waits, if nothing is in its way. */
void master_next_round(master_t *m);

/*
 * master_round_cancel -- the end has begun: a round that nobody has switched
 * to is over, one that was told to switch is in force; who waits is answered.
 */
void master_round_cancel(master_t *m);

/* master_round_ready, _switched, _refused, _lost -- answers of a kid to the
 * round of that serial, or its death. */
void master_round_ready(kid_t *kid, uint64_t serial);
void master_round_switched(kid_t *kid, uint64_t serial);
void master_round_refused(kid_t *kid, uint64_t serial, ion_str_t text);
void master_round_lost(kid_t *kid);

/* master_round_deadline -- answers that were due have not come. */
void master_round_deadline(ion_timer_t *timer);

/* --- role_master.c --- */

/* master_notify -- one state for the service manager, if there is one. */
void master_notify(const master_t *m, const char *state);

/* master_arm_log -- a crash of the master itself writes to this log. */
void master_arm_log(const master_t *m);

/* master_arm_tickets -- rotate ticket keys one period from now. */
void master_arm_tickets(master_t *m);

/* master_settled -- a kid became live; the first time all have: started. */
void master_settled(master_t *m);

/* master_kid_gone -- a kid has been reaped: are we done? */
void master_kid_gone(master_t *m);

/* master_fail_start -- a process could not start at all: give up. */
void master_fail_start(master_t *m);

/* master_op -- an operation that the keeper passes on. */
void master_op(kid_t *keeper, uint64_t req, ion_master_op_t op);

/* master_kick -- pass on to all workers which client key has to go. */
void master_kick(kid_t *keeper, uint64_t req, const ion_msg_kick_t *kick);

/* master_reopen -- open the log file again, everywhere. */
void master_reopen(master_t *m);

/* master_log_fd -- hand a kid the log descriptor in use. */
void master_log_fd(kid_t *kid);

/* --- prepare.c: from the configuration to a master that can run --- */

/*
 * master_prepare -- account, directories, lock, sockets, shared memory.
 *
 * conf: taken.  Errors: ION_DENIED every reason has been printed.
 */
ION_NODISCARD ion_err_t master_prepare(master_t *m, ion_conf_t *conf);

/* master_cleanup -- give back everything that master_prepare made. */
void master_cleanup(master_t *m);

/*
 * master_check -- server -t: the same checks, writing nothing.
 *
 * conf: taken.  Errors: ION_DENIED every reason has been printed.
 */
ION_NODISCARD ion_err_t master_check(master_t *m, ion_conf_t *conf);

/* --- banner.c --- */

/* master_banner -- what start prints when it runs without a configuration. */
void master_banner(const master_t *m);

#endif
