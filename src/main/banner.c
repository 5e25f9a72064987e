/*
 * banner.c -- what start prints when it runs without a configuration file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <unistd.h>

#include "core/settings.h"
#include "main/master.h"
#include "model/derpmap.h"

static const char *
address(const master_t *m, const char *key, char text[ION_ADDR_TEXT_MAX])
{
    const ion_addr_t *addr = bundle_address(m->now, key);
    return addr == NULL ? "off" : ion_addr_format(addr, text);
}

static void
print_map(const master_t *m)
{
    ion_arena_t *arena = NULL;
    ion_derpmap_t *map;
    ion_sb_t sb;
    ion_sb_init(&sb, 1u << 20);
    if (ion_arena_new(1u << 20, &arena) == ION_OK &&
        ion_derpmap_parse(arena, ion_sb_str(&m->now->map), &map, NULL) ==
            ION_OK)
    {
        ion_derpmap_write_json(map, 2, &sb);
    }
    ion_arena_free(&arena);
    (void)printf("DERP map: %.*s\n", ION_STR_ARG(ion_sb_str(&sb)));
    ion_sb_fini(&sb);
}

static void
print_certificate(const master_t *m)
{
    char pin[BUNDLE_PIN_TEXT];
    if (m->now->settings->tls_disable) {
        (void)printf("certificate none, TLS is off\n");
        return;
    }
    bundle_pin_text(m->now, pin);
    (void)printf("certificate %s, pin %s (clients before 1.82 must trust "
                 "%s/tls.crt)\n",
        m->now->facts.cert_source, pin, m->maker.state_dir);
}

void
master_banner(const master_t *m)
{
    char tcp[ION_ADDR_TEXT_MAX];
    char udp[ION_ADDR_TEXT_MAX];
    (void)printf("ionscale %s: running without a configuration file (master "
                 "%d, %u workers, keeper)\n",
        ION_VERSION_TEXT, (int)getpid(), m->now->workers);
    (void)printf("relay https+http %s   STUN udp %s   state %s   control %s   "
                 "user %s\n",
        address(m, "listen_addr", tcp), address(m, "stun_listen_addr", udp),
        m->maker.state_dir, m->maker.control_path,
        m->has_account ? m->account.name : "unchanged");
    (void)printf("public address %s\n", m->now->facts.public_text);
    print_certificate(m);
    print_map(m);
    (void)printf("next: %s status, %s derp list; Ctrl-C stops\n", m->program,
        m->program);
    (void)fflush(stdout);
}
