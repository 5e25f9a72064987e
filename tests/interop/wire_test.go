// SPDX-License-Identifier: BSD-2-Clause

package interop

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go4.org/mem"
	"tailscale.com/derp"
	"tailscale.com/types/key"
)

const (
	// quiet is how long nothing must come to count as nothing
	quiet = 400 * time.Millisecond
	// soon is how long an answer may take on a busy machine
	soon = 10 * time.Second
)

// A wire is a raw connection to a relay: every byte is the test's own.
type wire struct {
	t  testing.TB
	c  net.Conn
	br *bufio.Reader
	// filled by login
	priv   key.NodePrivate
	server key.NodePublic
}

// dialTLS connects as upstream's clients do: no ALPN, no SNI for an address.
// The certificate is checked by a case of its own.
func dialTLS(t testing.TB, r *relay, conf *tls.Config) *wire {
	t.Helper()
	if conf == nil {
		conf = &tls.Config{}
	}
	conf.InsecureSkipVerify = true
	c, err := tls.Dial("tcp", r.addr(), conf)
	if err != nil {
		t.Fatalf("dial %s: %v", r.addr(), err)
	}
	return newWire(t, c)
}

func dialPlain(t testing.TB, addr string) *wire {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return newWire(t, c)
}

func newWire(t testing.TB, c net.Conn) *wire {
	t.Cleanup(func() { c.Close() })
	return &wire{t: t, c: c, br: bufio.NewReaderSize(c, 1<<17)}
}

func (w *wire) write(parts ...[]byte) {
	w.t.Helper()
	if _, err := w.c.Write(bytes.Join(parts, nil)); err != nil {
		w.t.Fatalf("write: %v", err)
	}
}

// upgrade is the request line and headers of a DERP upgrade.
func upgrade(headers ...string) []byte {
	return []byte("GET /derp HTTP/1.1\r\nHost: relay\r\n" +
		"Connection: Upgrade\r\n" + strings.Join(headers, "\r\n") +
		"\r\n\r\n")
}

// fast are the headers of a fast start.
func fast() []byte {
	return upgrade("Upgrade: DERP", "Derp-Fast-Start: 1")
}

// frame builds one frame.
func frame(typ derp.FrameType, body ...[]byte) []byte {
	payload := bytes.Join(body, nil)
	b := []byte{byte(typ)}
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

// A reply is one frame from the server, or the end of the connection.
type reply struct {
	typ  derp.FrameType
	body []byte
	err  error
}

// next reads a frame, waiting at most limit.
func (w *wire) next(limit time.Duration) reply {
	w.c.SetReadDeadline(time.Now().Add(limit))
	var head [5]byte
	if _, err := io.ReadFull(w.br, head[:]); err != nil {
		return reply{err: err}
	}
	w.c.SetReadDeadline(time.Now().Add(soon))
	body := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(w.br, body)
	return reply{derp.FrameType(head[0]), body, err}
}

// names gives test keys short names in answers.
type names map[key.NodePublic]string

func (n names) of(b []byte) string {
	if len(b) < 32 {
		return hex.EncodeToString(b)
	}
	var raw [32]byte
	copy(raw[:], b)
	k := key.NodePublicFromRaw32(mem.B(raw[:]))
	if name, ok := n[k]; ok {
		return name
	}
	return "?"
}

// describe says what a reply is, in the words that answers are compared by.
func (n names) describe(r reply) string {
	switch {
	case errors.Is(r.err, os.ErrDeadlineExceeded):
		return "nothing"
	case r.err != nil:
		return "closed"
	}
	switch r.typ {
	case derp.FrameServerKey:
		return fmt.Sprintf("ServerKey(%d)", len(r.body))
	case derp.FrameServerInfo:
		return "ServerInfo"
	case derp.FrameRecvPacket:
		return fmt.Sprintf("packet(%s,%d)", n.of(r.body), len(r.body)-32)
	case derp.FramePeerGone:
		return fmt.Sprintf("gone(%s,%x)", n.of(r.body), r.body[32:])
	case derp.FramePong:
		return fmt.Sprintf("pong(%x)", r.body)
	case derp.FrameKeepAlive:
		return "keepalive"
	}
	return fmt.Sprintf("frame(%02x,%d)", byte(r.typ), len(r.body))
}

// upTo describes frames until n have come, or until the connection ends or
// has been quiet.
func (w *wire) upTo(n int, known names) string {
	var all []string
	for len(all) < n {
		r := w.next(soon)
		all = append(all, known.describe(r))
		if r.err != nil {
			break
		}
	}
	return strings.Join(all, " ")
}

// rest describes what still comes, until it is quiet or over.
func (w *wire) rest(known names) string {
	var all []string
	for {
		r := w.next(quiet)
		all = append(all, known.describe(r))
		if r.err != nil {
			return strings.Join(all, " ")
		}
	}
}

// http reads an HTTP response from the wire.
func (w *wire) http(method string) *http.Response {
	w.t.Helper()
	w.c.SetReadDeadline(time.Now().Add(soon))
	resp, err := http.ReadResponse(w.br, &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("response: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("body: %v", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp
}

// serverKey reads the greeting.
func (w *wire) serverKey() key.NodePublic {
	w.t.Helper()
	r := w.next(soon)
	if r.err != nil || r.typ != derp.FrameServerKey || len(r.body) != 40 ||
		string(r.body[:8]) != derp.Magic {
		w.t.Fatalf("not a ServerKey: %+v", r)
	}
	w.server = key.NodePublicFromRaw32(mem.B(r.body[8:]))
	return w.server
}

// clientInfo is the login frame of a key with some JSON.
func (w *wire) clientInfo(priv key.NodePrivate, json string) []byte {
	pub := priv.Public()
	return frame(derp.FrameClientInfo, pub.AppendTo(nil),
		priv.SealTo(w.server, []byte(json)))
}

const plainInfo = `{"version":2,"CanAckPings":true}`

// greet starts raw DERP over TLS and reads the server's key.
func greet(t testing.TB, r *relay) *wire {
	t.Helper()
	w := dialTLS(t, r, nil)
	w.write(fast())
	w.serverKey()
	return w
}

// login is a logged-in connection of a key.
func login(t testing.TB, r *relay, priv key.NodePrivate) *wire {
	t.Helper()
	return loginAs(t, r, priv, plainInfo)
}

func loginAs(t testing.TB, r *relay, priv key.NodePrivate,
	json string) *wire {
	t.Helper()
	w := greet(t, r)
	w.priv = priv
	w.write(w.clientInfo(priv, json))
	info := w.next(soon)
	if info.err != nil || info.typ != derp.FrameServerInfo {
		t.Fatalf("login: %s", names{}.describe(info))
	}
	msg, ok := priv.OpenFrom(w.server, info.body)
	if !ok || string(msg) != `{"version":2}` {
		t.Fatalf("ServerInfo is %q", msg)
	}
	return w
}

func (w *wire) send(to key.NodePublic, packet []byte) {
	w.t.Helper()
	w.write(frame(derp.FrameSendPacket, to.AppendTo(nil), packet))
}

// ping makes a round trip, so that all sent before has been read there. What
// comes before the pong is returned.
func (w *wire) ping(id byte, known names) string {
	w.t.Helper()
	w.write(frame(derp.FramePing, bytes.Repeat([]byte{id}, 8)))
	var before []string
	for {
		r := w.next(soon)
		if r.err != nil {
			before = append(before, known.describe(r))
			break
		}
		if r.typ == derp.FramePong && r.body[0] == id {
			break
		}
		before = append(before, known.describe(r))
	}
	return strings.Join(before, " ")
}

// people are clients A, B, C... of a case, and their names.
func people(n int) ([]key.NodePrivate, names) {
	privs := make([]key.NodePrivate, n)
	known := names{}
	for i := range privs {
		privs[i] = key.NewNode()
		known[privs[i].Public()] = string(rune('A' + i))
	}
	return privs, known
}

// disco is a packet that a relay takes for path discovery.
func disco(n int) []byte {
	return append([]byte("TS\U0001F4AC"), make([]byte, n-6)...)
}
