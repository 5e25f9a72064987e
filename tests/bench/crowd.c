/*
 * bench/crowd.c -- many clients that log in at a rate, and stay or leave.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * usage: crowd --to HOST:PORT --server-key HEX [options]
 *   --count N    logins in all              --rate N     of them per second
 *   --keep N     stay connected, the oldest leaves when one more comes
 *   --sources N  addresses 127.0.0.2 and on that they come from
 *   --plain      without TLS
 *
 * Says how the logins went in a line of JSON, holds whoever is connected
 * until the input ends, then says how many the server has dropped. Everything
 * runs in one thread: a login is TCP, a full TLS 1.3 handshake and DERP by
 * fast start, and its latency is from the due time to ServerInfo, so that a
 * generator or server that falls behind shows there.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/num.h"
#include "crypto/box.h"
#include "crypto/hash.h"
#include "proto/derp_frame.h"
#include "proto/key_text.h"

#define FLYING_MAX 512         /* logins under way at once */
#define PATIENCE   ION_SEC(30) /* for one login */
#define HELLO_MAX  256
#define EVENTS     256

typedef enum state { FREE, CONNECTING, SHAKING, LOGIN, IN } state_t;

typedef struct seat {
    int fd;
    state_t state;
    SSL *ssl;
    ion_mono_t due;
    ion_mono_t begun;
    unsigned number; /* which login it is */
    uint32_t skip;   /* bytes of a frame that are still to come */
    uint8_t head[DERP_HEADER_LEN];
    uint32_t head_len;
} seat_t;

typedef struct hello {
    uint8_t p[HELLO_MAX];
    size_t len;
} hello_t;

typedef struct crowd {
    ion_addr_t to;
    ion_key_t server;
    SSL_CTX *tls; /* NULL = plain */
    unsigned count;
    unsigned rate;
    unsigned keep;
    unsigned sources;
    int epoll;
    seat_t *seats; /* keep + FLYING_MAX of them */
    unsigned seat_count;
    unsigned *queue; /* seats of those who stay, a ring, oldest at first */
    unsigned first;
    unsigned staying;
    hello_t *hellos; /* of the first login of each seat's number */
    unsigned hello_count;
    unsigned started;
    unsigned flying;
    unsigned done;
    unsigned failed;
    unsigned lost;
    uint32_t *latency_us;
} crowd_t;

static const char request[] = "GET /derp HTTP/1.1\r\n"
                              "Host: relay.invalid\r\n"
                              "Connection: Upgrade\r\n"
                              "Derp-Fast-Start: 1\r\n"
                              "Upgrade: DERP\r\n"
                              "\r\n";
static const char client_info[] = "{\"version\":2,\"CanAckPings\":true}";

static void
refuse(const char *what)
{
    fprintf(stderr, "crowd: %s\n", what);
    exit(2);
}

static void
leave(seat_t *s)
{
    SSL_free(s->ssl);
    s->ssl = NULL;
    (void)close(s->fd);
    s->fd = -1;
    s->state = FREE;
}

static void
fail(crowd_t *c, seat_t *s, const char *what)
{
    static const char *const states[] = { "free", "connecting", "handshake",
        "login", "connected" };
    if (c->failed + c->lost < 10) {
        fprintf(stderr, "crowd: %s while %s: %s\n", what, states[s->state],
            strerror(errno));
    }
    if (s->state == IN) {
        c->lost++;
    } else {
        c->failed++;
        c->flying--;
    }
    leave(s);
}

static SSL_CTX *
make_tls(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1)
    {
        refuse("no TLS 1.3");
    }
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    return ctx;
}

/* Everybody's request and ClientInfo, sealed before the clock runs. */
static void
make_hellos(crowd_t *c)
{
    size_t info_len = sizeof(client_info) - 1;
    for (unsigned i = 0; i < c->hello_count; i++) {
        uint8_t *p = c->hellos[i].p;
        uint8_t shared[ION_BOX_SHARED_LEN];
        ion_secret_key_t secret;
        ion_key_t key;
        size_t n = sizeof(request) - 1;
        ion_key_generate(&secret, &key);
        if (ion_box_shared(&secret, &c->server, shared) != ION_OK) {
            refuse("--server-key is no key");
        }
        memcpy(p, request, n);
        derp_header_put(p + n, DERP_FRAME_CLIENT_INFO,
            (uint32_t)(DERP_KEY_LEN + ION_BOX_OVERHEAD + info_len));
        n += DERP_HEADER_LEN;
        memcpy(p + n, key.b, DERP_KEY_LEN);
        n += DERP_KEY_LEN;
        ion_box_seal(shared, client_info, info_len, p + n);
        c->hellos[i].len = n + ION_BOX_OVERHEAD + info_len;
    }
}

static bool
dial(crowd_t *c, seat_t *s)
{
    struct sockaddr_storage sa;
    struct sockaddr_in from = { .sin_family = AF_INET };
    socklen_t len = ion_addr_to_sockaddr(&c->to, false, &sa);
    int on = 1;
    s->fd = socket(
        sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (s->fd < 0) {
        return false;
    }
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + s->number % c->sources);
    (void)setsockopt(
        s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (c->sources > 1 &&
        bind(s->fd, (struct sockaddr *)&from, sizeof(from)) != 0) {
        return false;
    }
    return connect(s->fd, (struct sockaddr *)&sa, len) == 0 ||
           errno == EINPROGRESS;
}

static void
start(crowd_t *c, seat_t *s, ion_mono_t due)
{
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
        .data.ptr = s };
    memset(s, 0, sizeof(*s));
    s->state = CONNECTING;
    s->due = due;
    s->begun = ion_mono_now();
    s->number = c->started++;
    c->flying++;
    if (!dial(c, s) || epoll_ctl(c->epoll, EPOLL_CTL_ADD, s->fd, &ev) != 0) {
        fail(c, s, "no connection");
    }
}

/* Returns: bytes, 0 = later, -1 = over. */
static ssize_t
seat_read(seat_t *s, uint8_t *p, size_t n)
{
    size_t got = 0;
    if (s->ssl == NULL) {
        ssize_t r = recv(s->fd, p, n, 0);
        return r > 0 ? r : r < 0 && errno == EAGAIN ? 0 : -1;
    }
    int ret = SSL_read_ex(s->ssl, p, n, &got);
    if (ret == 1) {
        return (ssize_t)got;
    }
    return SSL_get_error(s->ssl, ret) == SSL_ERROR_WANT_READ ? 0 : -1;
}

static bool
say_hello(crowd_t *c, seat_t *s)
{
    const hello_t *h = &c->hellos[s->number % c->hello_count];
    size_t sent = 0;
    s->state = LOGIN;
    if (s->ssl == NULL) {
        return send(s->fd, h->p, h->len, MSG_NOSIGNAL) == (ssize_t)h->len;
    }
    return SSL_write_ex(s->ssl, h->p, h->len, &sent) == 1 && sent == h->len;
}

static void
is_in(crowd_t *c, seat_t *s)
{
    s->state = IN;
    c->flying--;
    c->latency_us[c->done++] = (uint32_t)((ion_mono_now() - s->due) / 1000);
    if (c->staying == c->keep) {
        seat_t *oldest = &c->seats[c->queue[c->first]];
        if (oldest->state == IN) { /* or the server has dropped it */
            leave(oldest);
        }
        c->first = (c->first + 1) % c->keep;
        c->staying--;
    }
    c->queue[(c->first + c->staying++) % c->keep] = (unsigned)(s - c->seats);
}

/* Follow the frames; false when they are none of a server's. */
static bool
take_frames(crowd_t *c, seat_t *s, const uint8_t *p, size_t n)
{
    while (n > 0) {
        if (s->skip > 0) {
            size_t part = ION_MIN(n, (size_t)s->skip);
            s->skip -= (uint32_t)part;
            p += part;
            n -= part;
        } else {
            s->head[s->head_len++] = *p++;
            n--;
        }
        if (s->head_len == DERP_HEADER_LEN) {
            s->skip = ion_get_u32be(s->head + 1);
            s->head_len = 0;
            if (s->skip > DERP_MAX_SEND) {
                return false;
            }
        }
        if (s->head[0] == DERP_FRAME_SERVER_INFO && s->state == LOGIN &&
            s->skip == 0 && s->head_len == 0)
        {
            is_in(c, s);
        }
    }
    return true;
}

static void
read_all(crowd_t *c, seat_t *s)
{
    static uint8_t buf[16384];
    ssize_t n;
    while ((n = seat_read(s, buf, sizeof(buf))) > 0) {
        if (!take_frames(c, s, buf, (size_t)n)) {
            errno = EPROTO;
            n = -1;
            break;
        }
    }
    if (n < 0) {
        fail(c, s, "closed");
    }
}

static bool
shake_hands(crowd_t *c, seat_t *s)
{
    if (s->ssl == NULL) {
        s->state = SHAKING;
        s->ssl = SSL_new(c->tls);
        if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1) {
            return false;
        }
        SSL_set_connect_state(s->ssl);
    }
    int ret = SSL_do_handshake(s->ssl);
    if (ret == 1) {
        return say_hello(c, s);
    }
    int why = SSL_get_error(s->ssl, ret);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static void
on_event(crowd_t *c, seat_t *s, uint32_t events)
{
    bool ok = true;
    if (s->state == CONNECTING && (events & (EPOLLOUT | EPOLLHUP)) != 0) {
        int error = 0;
        socklen_t len = sizeof(error);
        ok = getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
             error == 0;
        errno = error;
        if (ok && c->tls == NULL) {
            ok = say_hello(c, s);
        } else if (ok) {
            s->state = SHAKING;
        }
    }
    if (ok && s->state == SHAKING) {
        ok = shake_hands(c, s);
    }
    if (!ok) {
        fail(c, s, "no");
    } else if (s->state >= LOGIN) {
        read_all(c, s);
    }
}

static void
give_up_late_ones(crowd_t *c, ion_mono_t now)
{
    for (unsigned i = 0; i < c->seat_count; i++) {
        seat_t *s = &c->seats[i];
        if (s->state != FREE && s->state != IN && now - s->begun > PATIENCE) {
            errno = ETIMEDOUT;
            fail(c, s, "too late");
        }
    }
}

static seat_t *
free_seat(crowd_t *c)
{
    static unsigned at;
    while (c->seats[at].state != FREE) {
        at = (at + 1) % c->seat_count;
    }
    return &c->seats[at];
}

static void
turn(crowd_t *c, int wait_ms)
{
    struct epoll_event ev[EVENTS];
    int n = epoll_wait(c->epoll, ev, EVENTS, wait_ms);
    for (int i = 0; i < n; i++) {
        seat_t *s = ev[i].data.ptr;
        if (s->state != FREE) {
            on_event(c, s, ev[i].events);
        }
    }
}

static void
log_in_all(crowd_t *c)
{
    ion_mono_t begun = ion_mono_now();
    ion_mono_t checked = begun;
    while (c->done + c->failed < c->count) {
        ion_mono_t now = ion_mono_now();
        while (c->started < c->count && c->flying < FLYING_MAX) {
            ion_mono_t due = begun + ION_SEC(1) * c->started / c->rate;
            if (due > now) {
                break;
            }
            start(c, free_seat(c), due);
        }
        turn(c, 1);
        now = ion_mono_now();
        if (now - checked > ION_SEC(1)) {
            give_up_late_ones(c, now);
            checked = now;
        }
    }
    double seconds = (double)(ion_mono_now() - begun) / 1e9;
    printf("{\"logins\":%u,\"failed\":%u,\"lost\":%u,\"seconds\":%.3f,"
           "\"per_second\":%.1f,",
        c->done, c->failed, c->lost, seconds, c->done / seconds);
}

static int
compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void
print_latencies(crowd_t *c)
{
    unsigned n = c->done;
    qsort(c->latency_us, n, sizeof(*c->latency_us), compare);
    printf("\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}\n",
        n > 0 ? c->latency_us[n / 2] : 0,
        n > 0 ? c->latency_us[n - 1 - n / 100] : 0,
        n > 0 ? c->latency_us[n - 1] : 0);
    (void)fflush(stdout);
}

/* Hold them until the input ends. */
static void
hold(crowd_t *c)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
    bool is_over = epoll_ctl(c->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &ev) != 0;
    while (!is_over) {
        struct epoll_event got[EVENTS];
        int n = epoll_wait(c->epoll, got, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            char byte;
            seat_t *s = got[i].data.ptr;
            if (s == NULL) {
                is_over = read(STDIN_FILENO, &byte, 1) <= 0;
            } else if (s->state != FREE) {
                on_event(c, s, got[i].events);
            }
        }
    }
    printf("{\"lost\":%u}\n", c->lost);
}

static void
take_option(crowd_t *c, int option)
{
    uint64_t v = 0;
    unsigned *where[] = { ['c'] = &c->count,
        ['r'] = &c->rate,
        ['k'] = &c->keep,
        ['s'] = &c->sources };
    switch (option) {
    case 't':
        if (ion_addr_parse(ion_str_from(optarg), &c->to) != ION_OK) {
            refuse("--to wants ADDRESS:PORT");
        }
        break;
    case 'e':
        if (ion_hex_key_parse(ion_str_from(optarg), &c->server) != ION_OK) {
            refuse("--server-key wants 64 hexadecimal digits");
        }
        break;
    case 'p':
        c->tls = NULL;
        break;
    case 'c':
    case 'r':
    case 'k':
    case 's':
        if (ion_parse_u64(ion_str_from(optarg), 1000000, &v) != ION_OK ||
            v == 0) {
            refuse("a number is wrong: 1 to 1000000");
        }
        *where[option] = (unsigned)v;
        break;
    default:
        exit(2);
    }
}

static void
allocate(crowd_t *c)
{
    struct rlimit limit;
    c->seat_count = c->keep + FLYING_MAX;
    c->hello_count = ION_MIN(c->count, c->seat_count * 2);
    c->seats = calloc(c->seat_count, sizeof(*c->seats));
    c->queue = calloc(c->keep, sizeof(*c->queue));
    c->hellos = calloc(c->hello_count, sizeof(*c->hellos));
    c->latency_us = calloc(c->count, sizeof(*c->latency_us));
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (c->seats == NULL || c->queue == NULL || c->hellos == NULL ||
        c->latency_us == NULL || c->epoll < 0)
    {
        refuse("out of memory");
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_max < c->seat_count + 16) {
            refuse("not enough descriptors for --keep");
        }
    }
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        { "to", required_argument, NULL, 't' },
        { "server-key", required_argument, NULL, 'e' },
        { "count", required_argument, NULL, 'c' },
        { "rate", required_argument, NULL, 'r' },
        { "keep", required_argument, NULL, 'k' },
        { "sources", required_argument, NULL, 's' },
        { "plain", no_argument, NULL, 'p' },
        { NULL, 0, NULL, 0 },
    };
    crowd_t c = { .count = 1000, .rate = 1000, .keep = 1000, .sources = 1 };
    SSL_CTX *tls = make_tls();
    (void)signal(SIGPIPE, SIG_IGN);
    c.tls = tls;
    for (int o = 0; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        take_option(&c, o);
    }
    if (optind != argc || c.to.family == 0 || ion_key_is_zero(&c.server) ||
        ion_crypto_init() != ION_OK)
    {
        refuse("--to ADDRESS:PORT and --server-key HEX are wanted");
    }
    allocate(&c);
    make_hellos(&c);
    log_in_all(&c);
    print_latencies(&c);
    hold(&c);
    for (unsigned i = 0; i < c.seat_count; i++) {
        if (c.seats[i].state != FREE) {
            leave(&c.seats[i]);
        }
    }
    free(c.seats);
    free(c.queue);
    free(c.hellos);
    free(c.latency_us);
    SSL_CTX_free(tls);
    return c.failed + c.lost > 0;
}
