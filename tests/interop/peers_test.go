// SPDX-License-Identifier: BSD-2-Clause

package interop

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/crypto/curve25519"
	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/crypto/salsa20/salsa"
	"tailscale.com/derp"
)

// Cases of several clients, and of keys that only an attacker has.

func peerCases() []relayCase {
	return []relayCase{
		{"T17 relay", askRelay},
		{"T19 the longest packet", askLongest},
		{"T27 peer gone", askPeerGone},
		{"T32 a second connection replaces", askReplace},
		{"T33 the last writer is active", askLastWriter},
		{"T34 gone with the last connection", askDupGone},
		{"T39 wrong mesh key", askWrongMesh},
		{"T60 order", askOrder},
	}
}

func askRelay(t *testing.T, r *relay) string {
	privs, known := people(3)
	a, b := login(t, r, privs[0]), login(t, r, privs[1])
	c := login(t, r, privs[2])
	a.send(privs[1].Public(), []byte("hello 0->1\n"))
	return fmt.Sprintf("B: %s, A: %s, C: %s", b.upTo(1, known),
		a.rest(known), c.rest(known))
}

func askLongest(t *testing.T, r *relay) string {
	privs, known := people(2)
	a, b := login(t, r, privs[0]), login(t, r, privs[1])
	a.send(privs[1].Public(), make([]byte, 65536))
	return b.upTo(1, known)
}

func askPeerGone(t *testing.T, r *relay) string {
	privs, known := people(3)
	a, b := login(t, r, privs[0]), login(t, r, privs[1])
	c := login(t, r, privs[2])
	a.send(privs[1].Public(), []byte("a to b"))
	out := "B: " + b.upTo(1, known)
	b.send(privs[2].Public(), []byte("b to c"))
	out += ", C: " + c.upTo(1, known)
	b.c.Close()
	out += ", then C: " + c.upTo(1, known)
	return out + ", A: " + a.rest(known)
}

func askReplace(t *testing.T, r *relay) string {
	privs, known := people(2)
	c1, c2 := login(t, r, privs[0]), login(t, r, privs[0])
	b := login(t, r, privs[1])
	b.send(privs[0].Public(), []byte("one"))
	out := "second: " + c2.upTo(1, known)
	out += ", first: " + c1.rest(known)
	c1.c.Close()
	b.send(privs[0].Public(), []byte("two"))
	return out + ", second: " + c2.upTo(1, known)
}

func askLastWriter(t *testing.T, r *relay) string {
	privs, known := people(2)
	c1, c2 := login(t, r, privs[0]), login(t, r, privs[0])
	b := login(t, r, privs[1])
	var out []string
	for _, w := range []*wire{c1, c2, c1} {
		w.ping(7, known)
		b.send(privs[0].Public(), []byte("to the active one"))
		out = append(out, w.upTo(1, known))
	}
	c1.c.Close()
	// the server must have seen the end before the next packet
	eventually(t, soon, "the second connection is active", func() bool {
		b.send(privs[0].Public(), []byte("after"))
		return c2.next(quiet).typ == derp.FrameRecvPacket
	})
	return strings.Join(out, ", ") + ", then the second"
}

func askDupGone(t *testing.T, r *relay) string {
	privs, known := people(2)
	c1, c2 := login(t, r, privs[1]), login(t, r, privs[1])
	a := login(t, r, privs[0])
	c2.send(privs[0].Public(), []byte("from c2"))
	out := "A: " + a.upTo(1, known)
	c1.c.Close()
	out += ", one left: " + a.rest(known)
	c2.c.Close()
	return out + ", both left: " + a.upTo(1, known)
}

func askWrongMesh(t *testing.T, r *relay) string {
	privs, known := people(1)
	w := loginAs(t, r, privs[0], `{"meshKey":"`+strings.Repeat("cd", 32)+
		`","version":2}`)
	w.write(frame(derp.FrameWatchConns))
	return "logged in, then " + w.rest(known)
}

// askOrder sends 8 MB in packets of every size with 30 in flight, and
// compares what arrives.
func askOrder(t *testing.T, r *relay) string {
	privs, _ := people(2)
	a, b := login(t, r, privs[0]), login(t, r, privs[1])
	const packets = 256
	const window = 30
	rnd := rand.New(rand.NewPCG(1, 2))
	sent, got := sha256.New(), sha256.New()
	room := make(chan bool, window)
	failed := make(chan string, 1)
	go func() {
		for i := range packets {
			p := b.next(soon)
			if p.typ != derp.FrameRecvPacket || len(p.body) < 36 ||
				binary.BigEndian.Uint32(p.body[32:]) != uint32(i) {
				failed <- fmt.Sprintf("packet %d: %v", i,
					names{}.describe(p))
				return
			}
			got.Write(p.body[32:])
			<-room
		}
		failed <- ""
	}()
	for i := range packets {
		packet := make([]byte, 4+rnd.IntN(65536-4))
		binary.BigEndian.PutUint32(packet, uint32(i))
		for j := 4; j < len(packet); j += 97 {
			packet[j] = byte(rnd.Uint32())
		}
		sent.Write(packet)
		select {
		case room <- true:
		case why := <-failed:
			return why
		}
		a.send(privs[1].Public(), packet)
	}
	if why := <-failed; why != "" {
		return why
	}
	return fmt.Sprintf("in order, same bytes: %v",
		bytes.Equal(sent.Sum(nil), got.Sum(nil)))
}

// askSmallOrder logs in with the point 1. Any private key gives the same
// shared secret with it, so the box can be made without one.
func askSmallOrder(t *testing.T, r *relay) string {
	w := greet(t, r)
	public := make([]byte, 32)
	public[0] = 1
	if _, err := curve25519.X25519(make([]byte, 32), public); err == nil {
		t.Error("1 is not of small order")
	}
	var zero, shared [32]byte
	salsa.HSalsa20(&shared, new([16]byte), &zero, &salsa.Sigma)
	var nonce [24]byte
	box := secretbox.Seal(nonce[:], []byte(plainInfo), &nonce, &shared)
	w.write(frame(derp.FrameClientInfo, public, box))
	return w.upTo(1, nil)
}
