/*
 * blackbox.c -- panic hook and signal handlers that write to shared memory.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A handler can reach its box only through a variable of file scope, so this
 * file has one. Everything a handler needs that is not safe to ask for inside
 * it is asked for while arming: the list of modules for offsets, one unwinding
 * (which loads libgcc), and a stack for the handlers.
 */

#include "shm/blackbox.h"

#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "shm/shm_int.h"

#define BOX_MODULES 32
#define BOX_FRAMES  48
#define BOX_NAME    32
#define BOX_STACK   (64 * 1024)
#define BOX_PREFIX  64

typedef struct box_module {
    char name[BOX_NAME];
    uintptr_t base;
    uintptr_t end;
} box_module_t;

ION_STATIC_ASSERT(
    ION_BLACKBOX_MAX == sizeof(((shm_box_t *)0)->text), "text fills its box");

static struct {
    shm_box_t *box; /* NULL: not armed */
    bool has_log;   /* the words go to log_fd too */
    int log_fd;
    char log_prefix[BOX_PREFIX];
    size_t modules;
    box_module_t module[BOX_MODULES];
    _Alignas(16) uint8_t stack[BOX_STACK];
} armed;

static const int box_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT,
    SIGSYS };

static void
put(const char *text, size_t n)
{
    shm_box_t *box = armed.box;
    if (box == NULL) {
        return;
    }
    uint32_t len = atomic_load_explicit(&box->len, memory_order_relaxed);
    if (len > ION_BLACKBOX_MAX) {
        return;
    }
    n = ION_MIN(n, ION_BLACKBOX_MAX - len);
    memcpy(box->text + len, text, n);
    atomic_store_explicit(&box->len, len + (uint32_t)n, memory_order_release);
}

static void
put_text(const char *text)
{
    put(text, strlen(text));
}

static void
put_number(uint64_t v, unsigned radix)
{
    char digits[20];
    size_t n = sizeof(digits);
    do {
        digits[--n] = "0123456789abcdef"[v % radix];
        v /= radix;
    } while (v != 0);
    put(digits + n, sizeof(digits) - n);
}

static void
put_frame(unsigned nth, uintptr_t pc)
{
    put_text("#");
    put_number(nth, 10);
    put_text(" ");
    for (size_t i = 0; i < armed.modules; i++) {
        const box_module_t *m = &armed.module[i];
        if (pc >= m->base && pc < m->end) {
            put_text(m->name);
            put_text("+0x");
            put_number(pc - m->base, 16);
            put_text("\n");
            return;
        }
    }
    put_text("0x");
    put_number(pc, 16);
    put_text("\n");
}

static const char *
signal_name(int signo)
{
    switch (signo) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGFPE:
        return "SIGFPE";
    case SIGILL:
        return "SIGILL";
    case SIGSYS:
        return "SIGSYS";
    default:
        return "SIGABRT";
    }
}

/* The master's box is read by nobody: its words go to the log at once. */
static void
write_log(void)
{
    char when[ION_UTC_TEXT];
    const char *p = armed.box->text;
    const char *end =
        p + ION_MIN(atomic_load_explicit(&armed.box->len, memory_order_relaxed),
                (uint32_t)ION_BLACKBOX_MAX);
    (void)ion_utc_format(ion_wall_now_ms(), when);
    when[ION_UTC_TEXT - 1] = ' ';
    while (p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t n = eol == NULL ? (size_t)(end - p) : (size_t)(eol - p);
        const struct iovec line[] = {
            { when, sizeof(when) },
            { armed.log_prefix, strlen(armed.log_prefix) },
            { (void *)(uintptr_t)p, n },
            { (void *)(uintptr_t) "\n", 1 },
        };
        if (writev(armed.log_fd, line, ION_ARRAY_LEN(line)) < 0) {
            return; /* nothing else can be done here */
        }
        p += n + 1;
    }
}

static void
on_crash(int signo, siginfo_t *info, void *context ION_UNUSED)
{
    put_text("signal ");
    put_number((uint64_t)signo, 10);
    put_text(" ");
    put_text(signal_name(signo));
    if (info->si_code <= 0) { /* sent, not caused */
        put_text(" from pid ");
        put_number((uint64_t)info->si_pid, 10);
    } else if (signo == SIGSYS) { /* the sandbox's filter */
        put_text(": system call ");
        put_number((uint64_t)(uint32_t)info->si_syscall, 10);
        put_text(" is forbidden here, asked for at 0x");
        put_number((uintptr_t)info->si_call_addr, 16);
    } else {
        put_text(" at 0x");
        put_number((uintptr_t)info->si_addr, 16);
        put_text(", code ");
        put_number((uint64_t)(uint32_t)info->si_code, 10);
    }
    put_text("\n");
    void *frame[BOX_FRAMES];
    int n = backtrace(frame, BOX_FRAMES);
    for (int i = 0; i < n; i++) {
        put_frame((unsigned)i, (uintptr_t)frame[i]);
    }
    if (armed.has_log && armed.box != NULL) {
        write_log();
    }
    /* SA_RESETHAND: after the return this ends the process by its default */
    (void)raise(signo);
}

static void
on_panic(const char *text)
{
    put_text(text);
    put_text("\n");
}

static int
note_module(
    struct dl_phdr_info *info, size_t size ION_UNUSED, void *arg ION_UNUSED)
{
    if (armed.modules == BOX_MODULES) {
        return 1;
    }
    box_module_t *m = &armed.module[armed.modules++];
    /* the program itself has no name here */
    const char *path =
        info->dlpi_name[0] != '\0' ? info->dlpi_name : "ionscale";
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t n = strnlen(name, BOX_NAME - 1);
    memcpy(m->name, name, n);
    m->name[n] = '\0';
    m->base = info->dlpi_addr;
    m->end = m->base;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        uintptr_t end = m->base + ph->p_vaddr + ph->p_memsz;
        if (ph->p_type == PT_LOAD && end > m->end) {
            m->end = end;
        }
    }
    return 0;
}

static void
set_handlers(void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction sa;
    memset(&sa, 0, sizeof(sa));
    if (handler != NULL) {
        sa.sa_sigaction = handler;
        sa.sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND;
    } else {
        sa.sa_handler = SIG_DFL;
    }
    (void)sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < ION_ARRAY_LEN(box_signals); i++) {
        int rc = sigaction(box_signals[i], &sa, NULL);
        ION_ASSERT(rc == 0);
    }
}

void
ion_blackbox_arm(ion_shm_t *shm)
{
    void *frame[2];
    (void)backtrace(frame, ION_ARRAY_LEN(frame));
    armed.modules = 0;
    (void)dl_iterate_phdr(note_module, NULL);
    armed.box = &shm_block(shm, shm->slot)->box;
    atomic_store(&armed.box->len, 0u);
    stack_t ss = { .ss_sp = armed.stack, .ss_size = sizeof(armed.stack) };
    int rc = sigaltstack(&ss, NULL);
    ION_ASSERT(rc == 0);
    ion_panic_set_hook(on_panic);
    set_handlers(on_crash);
}

void
ion_blackbox_log(int fd, const char *prefix)
{
    size_t n = strnlen(prefix, BOX_PREFIX - 1);
    memcpy(armed.log_prefix, prefix, n);
    armed.log_prefix[n] = '\0';
    armed.log_fd = fd;
    armed.has_log = true;
}

void
ion_blackbox_disarm(void)
{
    stack_t ss = { .ss_flags = SS_DISABLE };
    set_handlers(NULL);
    ion_panic_set_hook(NULL);
    (void)sigaltstack(&ss, NULL);
    armed.box = NULL;
    armed.has_log = false;
}

size_t
ion_blackbox_read(ion_shm_t *shm, uint32_t slot, char *out, size_t cap)
{
    ION_ASSERT(shm->role == ION_SLOT_MASTER && cap > 0);
    shm_box_t *box = &shm_block(shm, slot)->box;
    size_t n = atomic_load_explicit(&box->len, memory_order_acquire);
    n = ION_MIN(n, (size_t)ION_BLACKBOX_MAX);
    n = ION_MIN(n, cap - 1);
    for (size_t i = 0; i < n; i++) {
        char c = box->text[i];
        out[i] = (c >= ' ' && c <= '~') || c == '\n' ? c : '?';
    }
    out[n] = '\0';
    atomic_store(&box->len, 0u);
    return n;
}
