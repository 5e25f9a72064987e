/*
 * derp_frame.h -- DERP frames: header, lengths, and the ones we write.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A frame is one type byte, a big-endian 32-bit payload length and the
 * payload.  This unit knows which lengths a server accepts from a client
 * and how the server's own frames are laid out; it holds no state.
 */
#ifndef ION_PROTO_DERP_FRAME_H
#define ION_PROTO_DERP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/err.h"
#include "crypto/keys.h"

enum {
    DERP_PROTOCOL_VERSION = 2,
    DERP_HEADER_LEN = 5,
    DERP_MAGIC_LEN = 8,
    DERP_KEY_LEN = 32,
    DERP_BOX_OVERHEAD = 40,   /* nonce 24, tag 16 */
    DERP_MAX_PACKET = 65536,  /* opaque payload */
    DERP_MAX_FRAME = 1048576, /* payload bytes any client accepts */
    DERP_MAX_CLIENT_INFO = 262144,
    DERP_MIN_CLIENT_INFO = 56, /* what upstream's length check demands */
    DERP_MAX_SEND = DERP_KEY_LEN + DERP_MAX_PACKET,
    DERP_MAX_FORWARD = 2 * DERP_KEY_LEN + DERP_MAX_PACKET,
    DERP_PING_LEN = 8,
    DERP_MAX_PING = 1000,
    DERP_DISCO_MIN = 62, /* magic 6, sender key 32, nonce 24 */
};

/* whole frames the server writes, header included */
enum {
    DERP_SERVER_KEY_FRAME = DERP_HEADER_LEN + DERP_MAGIC_LEN + DERP_KEY_LEN,
    DERP_RECV_HEADER = DERP_HEADER_LEN + DERP_KEY_LEN,
    DERP_PEER_GONE_FRAME = DERP_HEADER_LEN + DERP_KEY_LEN + 1,
    DERP_PEER_PRESENT_FRAME = DERP_HEADER_LEN + DERP_KEY_LEN + 16 + 2 + 1,
    DERP_PONG_FRAME = DERP_HEADER_LEN + DERP_PING_LEN,
    DERP_RESTARTING_FRAME = DERP_HEADER_LEN + 4 + 4,
    DERP_UPGRADE_REPLY_MAX = 256,
};

typedef enum derp_frame_type {
    DERP_FRAME_SERVER_KEY = 0x01,     /* ServerKey */
    DERP_FRAME_CLIENT_INFO = 0x02,    /* ClientInfo */
    DERP_FRAME_SERVER_INFO = 0x03,    /* ServerInfo */
    DERP_FRAME_SEND_PACKET = 0x04,    /* SendPacket */
    DERP_FRAME_RECV_PACKET = 0x05,    /* RecvPacket */
    DERP_FRAME_KEEP_ALIVE = 0x06,     /* KeepAlive */
    DERP_FRAME_NOTE_PREFERRED = 0x07, /* NotePreferred */
    DERP_FRAME_PEER_GONE = 0x08,      /* PeerGone */
    DERP_FRAME_PEER_PRESENT = 0x09,   /* PeerPresent */
    DERP_FRAME_FORWARD_PACKET = 0x0a, /* ForwardPacket */
    DERP_FRAME_WATCH_CONNS = 0x10,    /* WatchConns */
    DERP_FRAME_CLOSE_PEER = 0x11,     /* ClosePeer */
    DERP_FRAME_PING = 0x12,           /* Ping */
    DERP_FRAME_PONG = 0x13,           /* Pong */
    DERP_FRAME_HEALTH = 0x14,         /* Health */
    DERP_FRAME_RESTARTING = 0x15,     /* Restarting */
} derp_frame_type_t;

typedef enum derp_gone_reason {
    DERP_GONE_DISCONNECTED = 0x00, /* the key left this region */
    DERP_GONE_NOT_HERE = 0x01,     /* no route, answers a disco packet */
} derp_gone_reason_t;

/* flags of PeerPresent */
enum {
    DERP_PRESENT_REGULAR = 0x01, /* only if no other bit applies */
    DERP_PRESENT_MESH = 0x02,
    DERP_PRESENT_PROBER = 0x04,
    DERP_PRESENT_NOT_IDEAL = 0x08,
};

typedef struct derp_header {
    uint8_t type; /* any value; see derp_frame_check */
    uint32_t len; /* payload bytes, header excluded */
} derp_header_t;

/*
 * derp_header_parse -- read the five bytes in front of a frame.
 *
 * Shape:  p[0..n) borrowed; takes the first DERP_HEADER_LEN bytes.
 * Errors: ION_AGAIN n < DERP_HEADER_LEN (*out untouched); no other.
 * Spec:   DERP protocol: frame header.
 */
ION_NODISCARD ion_err_t derp_header_parse(
    const uint8_t *p, size_t n, derp_header_t *out);

/*
 * derp_header_put -- write the five bytes in front of a frame.
 *
 * Units:  len = payload bytes.
 * Errors: none.
 * Spec:   DERP protocol: frame header.
 */
void derp_header_put(
    uint8_t out[DERP_HEADER_LEN], derp_frame_type_t type, uint32_t len);

/*
 * derp_frame_check -- may a logged-in client send this frame?
 *
 * Shape:  looks at type and length only, so it runs before the payload is
 *         read.  can_mesh: the client presented the right mesh key.
 * Errors: ION_UNSUPPORTED not a frame that clients send: read the payload
 *         and drop it, the connection goes on | ION_MALF the length is
 *         wrong for the type: close | ION_DENIED needs the mesh key: close.
 * Spec:   DERP protocol: frame catalogue.
 */
ION_NODISCARD ion_err_t derp_frame_check(
    const derp_header_t *header, bool can_mesh);

/*
 * ion_packet_is_disco -- does a relayed payload look like a disco packet?
 *
 * Errors: none.
 * Spec:   DERP protocol: disco detection.
 */
bool ion_packet_is_disco(const uint8_t *p, size_t n);

/*
 * derp_server_key_put -- the greeting: magic and the server's public key.
 *
 * Errors: none.
 * Spec:   DERP protocol: ServerKey.
 */
void derp_server_key_put(
    uint8_t out[DERP_SERVER_KEY_FRAME], const ion_key_t *server);

/*
 * derp_recv_header_put -- what stands before a delivered packet.
 *
 * Units:  packet_len in bytes, at most DERP_MAX_PACKET.
 * Errors: none.
 * Spec:   DERP protocol: RecvPacket.
 */
void derp_recv_header_put(
    uint8_t out[DERP_RECV_HEADER], const ion_key_t *source, size_t packet_len);

/*
 * derp_peer_gone_put -- tell a client that it cannot reach a key here.
 *
 * Errors: none.
 * Spec:   DERP protocol: PeerGone.
 */
void derp_peer_gone_put(uint8_t out[DERP_PEER_GONE_FRAME],
    const ion_key_t *peer, derp_gone_reason_t reason);

/*
 * derp_peer_present_put -- tell a watcher that a key is connected.
 *
 * Shape:  addr of family 0 is written as all zero; flags 0 becomes
 *         DERP_PRESENT_REGULAR, because 0 on the wire means "too old".
 * Errors: none.
 * Spec:   DERP protocol: PeerPresent.
 */
void derp_peer_present_put(uint8_t out[DERP_PEER_PRESENT_FRAME],
    const ion_key_t *peer, const ion_addr_t *addr, uint8_t flags);

/*
 * derp_restarting_put -- tell a client that the server ends, when to come
 * back, and for how long to try.
 *
 * Units:  both in milliseconds.
 * Errors: none.
 * Spec:   DERP protocol: Restarting.
 */
void derp_restarting_put(uint8_t out[DERP_RESTARTING_FRAME],
    uint32_t reconnect_in_ms, uint32_t try_for_ms);

/*
 * derp_pong_put -- echo the first eight bytes of a ping.
 *
 * Errors: none.
 * Spec:   DERP protocol: Ping.
 */
void derp_pong_put(
    uint8_t out[DERP_PONG_FRAME], const uint8_t data[DERP_PING_LEN]);

/*
 * derp_upgrade_reply -- the HTTP answer that turns a connection into DERP.
 *
 * Shape:  returns the bytes written to out (no NUL); the ServerKey frame
 *         follows directly.  Not sent in fast start.
 * Errors: none.
 * Spec:   DERP protocol: HTTP upgrade.
 */
size_t derp_upgrade_reply(
    char out[DERP_UPGRADE_REPLY_MAX], const ion_key_t *server);

#endif
