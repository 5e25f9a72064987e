/*
 * test_shm_stress.c -- real processes over one directory and one fabric, some
 * of them killed at random.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Two steady workers hand a set of keys to and fro, so that each key is
 * registered at every moment. Three others register, leave, speak, look up
 * and send, until they are killed; their slots are retired and used again.
 * Everybody checks all the while: no key of the set is ever missed, no key
 * that nobody has is ever found, packets of one source arrive in order, and
 * nobody sleeps beside unread messages. In the end nothing is left of the
 * killed.
 */

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "lib/shm_rig.h"
#include "shm/dir.h"
#include "shm/dir_int.h"
#include "shm/fabric.h"
#include "shm/fabric_int.h"

#define STEADY     2
#define CHURNERS   3
#define WORKERS    (STEADY + CHURNERS)
#define KEYS       24   /* handed to and fro */
#define CHURN_KEYS 40   /* shared by the churners: duplicates are common */
#define NOBODY     5000 /* from here on nobody has the key */
#define HELD       32   /* connections of one churner */
#define RUN_MS     3000
#define LOST_MS    2000 /* a bell that has not rung by then is lost */
#define CLIENTS    1000

/* What the processes tell each other and the master, beside the instance. */
typedef struct board {
    _Atomic uint32_t stop;
    _Atomic uint32_t turn; /* whose steady worker's turn it is, counting */

    _Atomic uint64_t handovers;
    _Atomic uint64_t checks;
    _Atomic uint64_t joins;
    _Atomic uint64_t packets;
    _Atomic uint64_t sleeps;
    char failure[200];
} board_t;

static board_t *board;
static shm_rig_t rig;

/* One worker process. */
typedef struct hand {
    ion_shm_t *shm;
    ion_fabric_t *fab;
    uint64_t random;
    uint32_t slot;
    uint64_t sent; /* counts on from the time, so also over owners */
    ion_dir_entry_t held[HELD];
    uint64_t last[ION_WORKER_SLOTS_MAX]; /* packet got from each slot */
    uint32_t seen;                       /* turn in which keys were let go */
} hand_t;

static void
give_up(const char *what, uint64_t detail)
{
    (void)snprintf(board->failure, sizeof(board->failure), "%s %llu", what,
        (unsigned long long)detail);
    atomic_store(&board->stop, 1u);
    _exit(1);
}

static uint64_t
draw(hand_t *h, uint64_t below)
{
    h->random ^= h->random << 13;
    h->random ^= h->random >> 7;
    h->random ^= h->random << 17;
    return h->random % below;
}

/* Packets of one worker arrive in the order they were sent. */
static void
on_data(void *arg, const ion_fabric_data_t *data, const uint8_t *p, size_t len)
{
    hand_t *h = arg;
    uint64_t count;
    if (len < sizeof(count)) {
        give_up("short packet from", data->src.slot);
    }
    memcpy(&count, p, sizeof(count));
    if (count <= h->last[data->src.slot]) {
        give_up("out of order from", data->src.slot);
    }
    for (size_t i = sizeof(count); i < len; i++) {
        if (p[i] != (uint8_t)count) {
            give_up("torn packet from", data->src.slot);
        }
    }
    h->last[data->src.slot] = count;
    atomic_fetch_add_explicit(&board->packets, 1, memory_order_relaxed);
}

static void
on_ctl(void *arg, uint32_t from, const ion_fabric_ctl_t *ctl)
{
    hand_t *h = arg;
    ion_dir_hit_t hit;
    if (ctl->type != ION_FABRIC_DUP && ctl->type != ION_FABRIC_GONE &&
        ctl->type != ION_FABRIC_HEIR)
    {
        give_up("strange message from", from);
    }
    if (ctl->type == ION_FABRIC_GONE &&
        ion_dir_lookup(h->shm, &ctl->key, &hit) == ION_OK && hit.seq != 0 &&
        hit.seq <= ctl->seq)
    {
        give_up("GONE is newer than a live connection, from", from);
    }
}

static bool
has_input(const hand_t *h)
{
    for (uint32_t i = 0; i < h->fab->slots; i++) {
        const fabric_peer_t *p = &h->fab->peer[i];
        /* the ring of a slot that was acked may be reset by now */
        if (p->is_open && !p->is_drained && ion_ring_has_input(&p->rx)) {
            return true;
        }
    }
    return false;
}

/* Waits for the bell as the loop does; a message that comes without one is
 * what must not be. */
static void
nap(hand_t *h, int ms)
{
    struct pollfd bell = { .fd = ion_fabric_doorbell_fd(h->fab),
        .events = POLLIN };
    if (!ion_fabric_may_sleep(h->fab)) {
        return;
    }
    atomic_fetch_add_explicit(&board->sleeps, 1, memory_order_relaxed);
    if (poll(&bell, 1, ms) == 0 && has_input(h) && poll(&bell, 1, LOST_MS) == 0)
    {
        give_up("lost wake-up of slot", h->slot);
    }
    ion_fabric_awake(h->fab);
    ion_fabric_doorbell_clear(h->fab);
}

static void
take_turn(hand_t *h)
{
    const ion_fabric_sink_t sink = { on_data, on_ctl, h };
    ion_err_t rc = ion_fabric_drain(h->fab, 1 << 16, &sink);
    ion_slot_mask_t dead = ion_fabric_retiring(h->fab);
    ion_slot_mask_t corrupt;
    ion_slot_mask_t hung;
    for (uint32_t i = 0; rc == ION_OK && i < h->fab->slots; i++) {
        if (ion_slot_mask_has(&dead, i)) {
            ion_fabric_ack(h->fab, i);
        }
    }
    ion_fabric_faults(h->fab, &corrupt, &hung);
    if (!ion_slot_mask_is_empty(&corrupt)) {
        give_up("corrupt ring at slot", h->slot);
    }
}

static void
check_directory(hand_t *h)
{
    ion_dir_hit_t hit;
    uint32_t n = (uint32_t)draw(h, KEYS);
    ion_key_t key = shm_rig_key(n);
    /* the set is there from the first turn to the end */
    if (atomic_load(&board->turn) > 0 &&
        ion_dir_lookup(h->shm, &key, &hit) != ION_OK &&
        atomic_load(&board->stop) == 0)
    {
        give_up("missed key", n);
    }
    n = (uint32_t)(NOBODY + draw(h, 1000));
    key = shm_rig_key(n);
    if (ion_dir_lookup(h->shm, &key, &hit) == ION_OK) {
        give_up("phantom key", n);
    }
    atomic_fetch_add_explicit(&board->checks, 2, memory_order_relaxed);
}

/* A few packets to the active connection of a key. */
static void
send_some(hand_t *h, const ion_dir_entry_t *from, uint32_t n)
{
    uint8_t packet[1400];
    ion_dir_hit_t hit;
    ion_key_t key = shm_rig_key(n);
    if (ion_dir_lookup(h->shm, &key, &hit) != ION_OK ||
        hit.conn.slot == h->slot) {
        return;
    }
    for (int i = 0; i < 5; i++) {
        uint64_t count = ++h->sent;
        ion_fabric_data_t data = { .dst = hit.conn, .src = from->conn };
        memset(packet, (uint8_t)count, sizeof(packet));
        memcpy(packet, &count, sizeof(count));
        ION_IGNORE(ion_fabric_send_data(h->fab, &data, packet,
            sizeof(count) + draw(h, sizeof(packet) - sizeof(count))));
    }
}

static void
join_one(hand_t *h, ion_dir_entry_t *e, uint32_t n)
{
    ion_dir_reg_t reg;
    ion_dir_new_t in = { .key = shm_rig_key(n) };
    ion_err_t rc = ion_dir_register(h->shm, &in, &reg);
    if (rc != ION_OK) {
        give_up("refused key", n);
    }
    *e = reg.entry;
    for (uint32_t i = 0; i < reg.others_count; i++) {
        ion_fabric_ctl_t dup = {
            .type = ION_FABRIC_DUP, .conn = reg.others[i], .key = in.key
        };
        if (reg.others[i].slot != h->slot) {
            ION_IGNORE(ion_fabric_send_ctl(h->fab, reg.others[i].slot, &dup));
        }
    }
    atomic_fetch_add_explicit(&board->joins, 1, memory_order_relaxed);
}

static void
leave_one(hand_t *h, ion_dir_entry_t *e)
{
    ion_dir_left_t left;
    ion_slot_mask_t all = { .w = { 0xff, 0 } };
    ion_dir_leave(h->shm, e, &left);
    ion_fabric_ctl_t ctl = { .seq = left.seq, .key = left.key };
    if (!left.has_heir) {
        ctl.type = ION_FABRIC_GONE;
        (void)ion_fabric_send_ctl_mask(h->fab, &all, &ctl);
    } else if (left.heir.slot != h->slot) {
        ctl.type = ION_FABRIC_HEIR;
        ION_IGNORE(ion_fabric_send_ctl(h->fab, left.heir.slot, &ctl));
    }
}

static void
churn(hand_t *h)
{
    for (int i = 0; i < 8; i++) {
        ion_dir_entry_t *e = &h->held[draw(h, HELD)];
        if (ion_conn_id_is_none(e->conn)) {
            join_one(h, e, (uint32_t)(100 + draw(h, CHURN_KEYS)));
        } else if (draw(h, 2) == 0) {
            leave_one(h, e);
        } else {
            (void)ion_dir_activity(h->shm, e);
            send_some(h, e, (uint32_t)draw(h, KEYS));
        }
        check_directory(h);
    }
}

/* The keys come to this worker before they leave the other one. */
static void
hand_over(hand_t *h)
{
    uint32_t turn = atomic_load(&board->turn);
    if (turn % STEADY != h->slot) {
        return;
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        if (ion_conn_id_is_none(h->held[i].conn)) {
            join_one(h, &h->held[i], i);
        }
    }
    atomic_store(&board->turn, turn + 1);
    atomic_fetch_add_explicit(&board->handovers, KEYS, memory_order_relaxed);
}

/* The other one has them: ours go. */
static void
let_go(hand_t *h)
{
    uint32_t turn = atomic_load(&board->turn);
    if (turn % STEADY != h->slot || turn == 0 || h->seen == turn) {
        return;
    }
    h->seen = turn;
    for (uint32_t i = 0; i < KEYS; i++) {
        if (!ion_conn_id_is_none(h->held[i].conn)) {
            send_some(h, &h->held[i], 100 + i);
            leave_one(h, &h->held[i]);
        }
    }
}

static void
run_worker(uint32_t slot)
{
    int fds[ION_SHM_FDS_MAX];
    static hand_t hand;
    hand_t *h = &hand;
    size_t n = shm_rig_fds(&rig, ION_SLOT_WORKER, fds);
    h->slot = slot;
    h->sent = ion_mono_now();
    h->random = ion_mono_now() * 2654435761u + (uint64_t)getpid();
    if (ion_shm_attach(ION_SLOT_WORKER, slot, fds, n, &h->shm) != ION_OK ||
        ion_fabric_new(h->shm, &h->fab) != ION_OK)
    {
        give_up("cannot attach slot", slot);
    }
    while (atomic_load(&board->stop) == 0 && getppid() != 1) {
        take_turn(h);
        if (slot < STEADY) {
            let_go(h);
            hand_over(h);
            check_directory(h);
        } else {
            churn(h);
        }
        ion_fabric_flush(h->fab);
        nap(h, slot < STEADY ? 1 : (int)draw(h, 2));
    }
    for (uint32_t i = 0; slot < STEADY && i < KEYS; i++) {
        if (!ion_conn_id_is_none(h->held[i].conn)) {
            leave_one(h, &h->held[i]);
        }
    }
    _exit(0);
}

static pid_t pids[ION_WORKER_SLOTS_MAX];

static void
spawn(void)
{
    uint32_t slot;
    assert_int_equal(
        ion_slots_alloc(rig.master, ION_SLOT_WORKER, 0, 1, &slot), ION_OK);
    ion_slots_set_state(rig.master, slot, ION_SLOT_LIVE);
    pids[slot] = fork();
    if (pids[slot] == 0) {
        run_worker(slot);
    }
    assert_true(pids[slot] > 0);
}

static void
pause_us(long us)
{
    struct timespec ts = { .tv_nsec = us * 1000 };
    (void)nanosleep(&ts, NULL);
}

/* The master's part after a death; true when the slot is free again. */
static bool
bury(uint32_t slot)
{
    ion_mono_t end = ion_mono_now() + ION_SEC(5);
    ion_slots_set_state(rig.master, slot, ION_SLOT_DEAD);
    while (!ion_slots_is_retired(rig.master, slot)) {
        struct pollfd p = { .fd = ion_slots_master_fd(rig.master),
            .events = POLLIN };
        (void)poll(&p, 1, 100);
        ion_slots_master_clear(rig.master);
        if (ion_mono_now() > end || atomic_load(&board->stop) != 0) {
            return false;
        }
    }
    ion_shm_sweep(rig.master, slot);
    return true;
}

static uint32_t
kill_at_random(void)
{
    uint32_t kills = 0;
    ion_mono_t end = ion_mono_now() + ION_MS(RUN_MS);
    unsigned seed = (unsigned)ion_mono_now();
    while (ion_mono_now() < end && atomic_load(&board->stop) == 0) {
        seed = seed * 1103515245u + 12345u;
        pause_us(500 + seed / 65536 % 3000);
        uint32_t slot = STEADY + seed / 65536 % CHURNERS;
        if (pids[slot] <= 0) {
            continue;
        }
        (void)kill(pids[slot], SIGKILL);
        (void)waitpid(pids[slot], NULL, 0);
        pids[slot] = 0;
        kills++;
        if (!bury(slot)) {
            break;
        }
        spawn();
    }
    return kills;
}

static void
end_all(void)
{
    atomic_store(&board->stop, 1u);
    for (uint32_t i = 0; i < ION_WORKER_SLOTS_MAX; i++) {
        if (pids[i] > 0) {
            (void)waitpid(pids[i], NULL, 0);
            pids[i] = 0;
        }
    }
}

/* Cells and counts that are left when everybody is gone and swept. */
static void
check_remains(uint32_t kills)
{
    ion_shm_t *m = rig.master;
    uint32_t overflows = 0;
    for (uint32_t i = 0; i < WORKERS; i++) {
        if (atomic_load(&m->slots[i].state) != ION_SLOT_DEAD) {
            ion_slots_set_state(m, i, ION_SLOT_DEAD);
        }
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        ion_shm_sweep(m, i);
    }
    for (uint32_t i = 0; i < m->buckets; i++) {
        overflows += (uint32_t)atomic_load(&m->bucket[i].head);
        for (size_t k = 0; k < DIR_CELLS; k++) {
            assert_int_equal(atomic_load(&m->bucket[i].cell[k]), 0);
        }
    }
    for (uint32_t i = 0; i < WORKERS * CLIENTS; i++) {
        assert_int_equal(atomic_load(&m->record[i].life) & 1, 0);
    }
    /* a death may leave the counts of one path too high */
    assert_true(overflows <= 4 * kills);
}

static void
test_kill_at_random(void **state)
{
    (void)state;
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(board != MAP_FAILED);
    shm_rig_init(&rig, 4, CLIENTS);

    for (int i = 0; i < WORKERS; i++) {
        spawn();
    }
    uint32_t kills = kill_at_random();
    end_all();
    print_message("    %u kills, %llu registrations, %llu hand-overs, "
                  "%llu checks, %llu packets, %llu sleeps\n",
        kills, (unsigned long long)atomic_load(&board->joins),
        (unsigned long long)atomic_load(&board->handovers),
        (unsigned long long)atomic_load(&board->checks),
        (unsigned long long)atomic_load(&board->packets),
        (unsigned long long)atomic_load(&board->sleeps));
    assert_string_equal(board->failure, "");
    check_remains(kills);
    assert_true(kills > 5);
    assert_true(atomic_load(&board->handovers) > 2 * KEYS);
    assert_true(atomic_load(&board->packets) > 10);
    assert_true(atomic_load(&board->sleeps) > 10);
    shm_rig_fini(&rig);
    (void)munmap(board, sizeof(*board));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
