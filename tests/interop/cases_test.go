// SPDX-License-Identifier: BSD-2-Clause

package interop

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"tailscale.com/derp"
	"tailscale.com/types/key"
)

// A relayCase asks a relay something and says in words what it answered.
// The same question goes to upstream's derper and to our daemon.
type relayCase struct {
	name string
	ask  func(t *testing.T, r *relay) string
}

// A difference is an answer of ours that is not the reference's, on purpose.
// Both answers are written down, so that a line that is no longer true is
// noticed.
type difference struct {
	reference, ours, why string
}

// TestCases puts every case to the reference and to ours.
func TestCases(t *testing.T) {
	reference := startDerper(t, local(t))
	ours := startIonscale(t, local(t))
	seen := map[string]bool{}
	for _, c := range relayCases() {
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			compare(t, c, reference, ours)
		})
	}
	for name := range differences {
		if !seen[name] {
			t.Errorf("a difference is listed for %q, which is no case", name)
		}
	}
}

func compare(t *testing.T, c relayCase, reference, ours *relay) {
	var theirs, mine string
	var wg sync.WaitGroup
	for _, one := range []struct {
		r   *relay
		out *string
	}{{reference, &theirs}, {ours, &mine}} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			*one.out = c.ask(t, one.r)
		}()
	}
	wg.Wait()
	if theirs == "" || mine == "" {
		t.Fatalf("no answer\nreference: %q\nours:      %q", theirs, mine)
	}
	d, listed := differences[c.name]
	if !listed {
		if theirs != mine {
			t.Errorf("answers differ\nreference: %s\nours:      %s",
				theirs, mine)
		}
		return
	}
	if theirs != d.reference {
		t.Errorf("the reference answers %q, listed is %q", theirs, d.reference)
	}
	if mine != d.ours {
		t.Errorf("ours answers %q, listed is %q (%s)", mine, d.ours, d.why)
	}
}

func relayCases() []relayCase {
	var all []relayCase
	for _, part := range [][]relayCase{httpCases(), startCases(),
		loginCases(), frameCases(), peerCases(), stunCases()} {
		all = append(all, part...)
	}
	return all
}

// differences are the places where ours answers otherwise, each as the DERP
// document lists it under accidents and observations of the reference.
var differences = map[string]difference{
	"login small-order key 1": {
		"ServerInfo", "closed",
		"the reference lets a key of small order in, which no client has",
	},
	"ALPN h2 alone": {`chosen: "h2"`, `chosen: ""`,
		"the relay is HTTP/1.1 only, and h2 on the outer TLS helps nobody"},
	"ALPN other": {"refused", `chosen: ""`,
		"a handshake is not refused for a protocol that is not needed"},
	"plain HTTP on the TLS port": {"HTTP/1.0 400 Bad Request",
		"HTTP/1.1 200 OK", "ours serves both on one port"},
	"upgrade by HTTP/1.0": {switching, badRequest,
		"HTTP/1.0 knows no upgrade"},
	"upgrade by HTTP/1.2": {switching, badRequest, "there is no HTTP/1.2"},
	"upgrade by POST": {switching, "HTTP/1.1 405 Method Not Allowed",
		"an upgrade is a GET"},
	"upgrade with a body": {switching, badRequest,
		"what follows the head is DERP, so a body is ambiguous"},
	"upgrade with bare LF": {switching, badRequest,
		"lines end in CRLF; leniency here is how requests are smuggled"},
	"upgrade in absolute form": {switching, badRequest,
		"the absolute form is for proxies"},
}

const (
	switching  = "HTTP/1.1 101 Switching Protocols"
	badRequest = "HTTP/1.1 400 Bad Request"
)

// ---- HTTP

func request(method, path string, headers ...string) []byte {
	lines := append([]string{method + " " + path + " HTTP/1.1",
		"Host: relay"}, headers...)
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// summary is what matters of a response, without dates and the like.
func summary(resp *http.Response, headers ...string) string {
	out := fmt.Sprint(resp.StatusCode)
	// nobody reads what stands in a redirect
	if resp.StatusCode/100 != 3 {
		body, _ := io.ReadAll(resp.Body)
		out += fmt.Sprintf(" %q", body)
	}
	for _, h := range headers {
		out += fmt.Sprintf(" %s=%q", h, resp.Header.Get(h))
	}
	return out
}

// askHTTP is a case of one request over TLS.
func askHTTP(name, method, path string, headers []string,
	shown ...string) relayCase {
	return relayCase{name, func(t *testing.T, r *relay) string {
		w := dialTLS(t, r, nil)
		w.write(request(method, path, headers...))
		return summary(w.http(method), shown...)
	}}
}

// askPlain is the same on the port-80 listener.
func askPlain(name, method, path, host string, shown ...string) relayCase {
	return relayCase{name, func(t *testing.T, r *relay) string {
		w := dialPlain(t, r.plainAddr())
		w.write([]byte(method + " " + path + " HTTP/1.1\r\nHost: " + host +
			"\r\n\r\n"))
		return summary(w.http(method), shown...)
	}}
}

func httpCases() []relayCase {
	const acao = "Access-Control-Allow-Origin"
	cases := []relayCase{
		{"T03 no upgrade, then a second request", askTwice},
		askHTTP("T03 upgrade h2c", "GET", "/derp",
			[]string{"Connection: Upgrade", "Upgrade: h2c"}),
		askHTTP("robots", "GET", "/robots.txt", nil),
		askPlain("T55 redirect", "GET", "/path?a=b", "foo.com", "Location"),
		askPlain("T55 redirect HEAD", "HEAD", "/path?a=b", "foo.com",
			"Location"),
		askPlain("T55 POST", "POST", "/path", "foo.com"),
		askPlain("T55 generate_204", "GET", "/generate_204", "foo.com"),
	}
	for _, path := range []string{"/derp/probe", "/derp/latency-check"} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			cases = append(cases, askHTTP("T02 "+method+" "+path, method,
				path, nil, acao))
		}
	}
	for _, challenge := range []string{"", "input",
		"ts_derp99b.tailscale.com", "foo bar", strings.Repeat("x", 65),
		strings.Repeat("x", 64)} {
		var headers []string
		if challenge != "" {
			headers = []string{"X-Tailscale-Challenge: " + challenge}
		}
		cases = append(cases, askHTTP("T54 challenge "+challenge, "GET",
			"/generate_204", headers, "X-Tailscale-Response"))
	}
	return cases
}

func askTwice(t *testing.T, r *relay) string {
	w := dialTLS(t, r, nil)
	w.write(request("GET", "/derp"))
	first := summary(w.http("GET"), "Content-Type", "X-Content-Type-Options")
	w.write(request("GET", "/derp/probe"))
	return first + ", then " + summary(w.http("GET"))
}

// ---- start of a session, certificates

func startCases() []relayCase {
	return []relayCase{
		{"T04 normal start", askStart("Upgrade: DERP")},
		{"T05 upgrade in any case", askStart("upgrade: dErP")},
		{"T06 legacy websocket", askStart("Upgrade: WebSocket")},
		{"T07 fast start", askStart("Upgrade: DERP", "Derp-Fast-Start: 1")},
		{"T07 fast start true", askStart("Upgrade: DERP",
			"Derp-Fast-Start: true")},
		{"T08 pipelining", askPipelined},
		{"T10 meta-certificate", askMetaCert},
		{"T11 pin without SNI", askPin},
		{"TLS versions", askVersions},
		{"ALPN h2 and http/1.1", askALPN("h2", "http/1.1")},
		{"ALPN http/1.1", askALPN("http/1.1")},
		{"ALPN none", askALPN()},
		{"ALPN h2 alone", askALPN("h2")},
		{"ALPN other", askALPN("smtp")},
		{"upgrade by HTTP/1.0", askUpgrade("GET /derp HTTP/1.0", "")},
		{"upgrade by POST", askUpgrade("POST /derp HTTP/1.1", "")},
		{"upgrade with a body", askUpgrade("GET /derp HTTP/1.1",
			"Content-Length: 5\r\n")},
		{"upgrade with bare LF", askUpgrade("GET /derp HTTP/1.1\nX: y", "")},
		{"upgrade in absolute form", askUpgrade(
			"GET gopher://relay/derp HTTP/1.1", "")},
		{"upgrade by HTTP/1.2", askUpgrade("GET /derp HTTP/1.2", "")},
		{"plain HTTP on the TLS port", askPlainOnTLS},
		{"T61 five logins", askFiveLogins},
	}
}

func askStart(headers ...string) func(*testing.T, *relay) string {
	return func(t *testing.T, r *relay) string {
		w := dialTLS(t, r, nil)
		w.write(upgrade(headers...))
		first, err := w.br.Peek(1)
		if err != nil {
			return "closed"
		}
		if first[0] == byte(derp.FrameServerKey) {
			w.serverKey()
			return "ServerKey at once"
		}
		var head strings.Builder
		for !strings.HasSuffix(head.String(), "\r\n\r\n") {
			b, err := w.br.ReadByte()
			if err != nil {
				return "closed in " + head.String()
			}
			head.WriteByte(b)
		}
		hexKey := w.serverKey().UntypedHexString()
		return strings.ReplaceAll(head.String(), hexKey, "KEY") +
			"and ServerKey"
	}
}

// serverPublic learns the relay's key.
func serverPublic(t testing.TB, r *relay) key.NodePublic {
	t.Helper()
	return greet(t, r).server
}

func askPipelined(t *testing.T, r *relay) string {
	privs, known := people(1)
	a := privs[0]
	w := dialTLS(t, r, nil)
	w.server = serverPublic(t, r)
	w.write(fast(), w.clientInfo(a, plainInfo),
		frame(derp.FrameNotePreferred, []byte{1}),
		frame(derp.FrameSendPacket, a.Public().AppendTo(nil),
			[]byte("to myself")))
	return w.upTo(3, known)
}

func askMetaCert(t *testing.T, r *relay) string {
	var out string
	for range 3 {
		w := dialTLS(t, r, nil)
		w.write(fast())
		hexKey := w.serverKey().UntypedHexString()
		chain := w.c.(*tls.Conn).ConnectionState().PeerCertificates
		last := chain[len(chain)-1]
		out += fmt.Sprintf("chain %d serial %v key %v extensions %d %v; ",
			len(chain), last.SerialNumber,
			last.Subject.CommonName == "derpkey"+hexKey,
			len(last.Extensions), last.Extensions[0].Id)
	}
	return out
}

func askPin(t *testing.T, r *relay) string {
	w := dialTLS(t, r, nil)
	var pins []string
	for _, c := range w.c.(*tls.Conn).ConnectionState().PeerCertificates {
		if !strings.HasPrefix(c.Subject.CommonName, "derpkey") {
			sum := sha256.Sum256(c.Raw)
			pins = append(pins, "sha256-raw:"+hex.EncodeToString(sum[:]))
		}
	}
	return fmt.Sprintf("%d certificate(s), as printed: %v", len(pins),
		len(pins) == 1 && pins[0] == r.pin)
}

func askVersions(t *testing.T, r *relay) string {
	var out []string
	for _, v := range []uint16{tls.VersionTLS10, tls.VersionTLS11,
		tls.VersionTLS12, tls.VersionTLS13} {
		c, err := tls.Dial("tcp", r.addr(), &tls.Config{
			MinVersion: v, MaxVersion: v, InsecureSkipVerify: true})
		if err == nil {
			c.Close()
		}
		out = append(out, fmt.Sprintf("%s %v", tls.VersionName(v),
			err == nil))
	}
	return strings.Join(out, ", ")
}

func askALPN(protos ...string) func(*testing.T, *relay) string {
	return func(t *testing.T, r *relay) string {
		c, err := tls.Dial("tcp", r.addr(), &tls.Config{
			NextProtos: protos, InsecureSkipVerify: true})
		if err != nil {
			return "refused"
		}
		defer c.Close()
		return fmt.Sprintf("chosen: %q",
			c.ConnectionState().NegotiatedProtocol)
	}
}

// askUpgrade sends an upgrade with another request line or more headers.
func askUpgrade(line, more string) func(*testing.T, *relay) string {
	return func(t *testing.T, r *relay) string {
		w := dialTLS(t, r, nil)
		w.write([]byte(line + "\r\nHost: relay\r\nConnection: Upgrade\r\n" +
			"Upgrade: DERP\r\n" + more + "\r\n"))
		w.c.SetReadDeadline(time.Now().Add(soon))
		status, err := w.br.ReadString('\n')
		if err != nil {
			return "closed"
		}
		return strings.TrimSpace(status)
	}
}

func askPlainOnTLS(t *testing.T, r *relay) string {
	w := dialPlain(t, r.addr())
	w.write(request("GET", "/derp/probe"))
	w.c.SetReadDeadline(time.Now().Add(soon))
	status, err := w.br.ReadString('\n')
	if err != nil {
		return "closed"
	}
	return strings.TrimSpace(status)
}

func askFiveLogins(t *testing.T, r *relay) string {
	priv := key.NewNode()
	keys := map[string]bool{}
	for range 5 {
		w := login(t, r, priv)
		keys[w.server.String()] = true
	}
	return fmt.Sprintf("5 logins, %d server key(s)", len(keys))
}

// ---- login

// logIn is a case of one login frame; what follows it is the answer.
func logIn(name string, build func(w *wire) []byte) relayCase {
	return relayCase{"login " + name, func(t *testing.T, r *relay) string {
		w := greet(t, r)
		w.write(build(w))
		return w.upTo(1, nil)
	}}
}

func logInJSON(name, json string) relayCase {
	return logIn(name, func(w *wire) []byte {
		return w.clientInfo(key.NewNode(), json)
	})
}

func loginCases() []relayCase {
	hex64 := strings.Repeat("ab", 32)
	cases := []relayCase{
		{"T12 greeting", func(t *testing.T, r *relay) string {
			w := dialTLS(t, r, nil)
			w.write(fast())
			return w.upTo(1, nil)
		}},
		logInJSON("T13 plain", plainInfo),
		logInJSON("T14 JSON list", `[]`),
		logInJSON("T14 version as text", `{"version":"2"}`),
		logInJSON("T14 short mesh key", `{"meshKey":"abcdefg"}`),
		logInJSON("T14 long mesh key", `{"meshKey":"`+hex64+`abcd"}`),
		logInJSON("T14 mesh key null", `{"meshKey":null}`),
		logInJSON("T14 mesh key empty", `{"meshKey":""}`),
		logInJSON("T14 no JSON", `hello`),
		logInJSON("T14 nothing", ``),
		logInJSON("T14 trailing garbage", `{} x`),
		logInJSON("T14 version 2e0", `{"version":2e0}`),
		logInJSON("T14 version 1.5", `{"version":1.5}`),
		logInJSON("T15 empty object", `{}`),
		logInJSON("T15 null", `null`),
		logInJSON("T15 other case", `{"Version":5,"MeshKey":"`+hex64+`"}`),
		logInJSON("T15 version null", `{"version":null}`),
		logInJSON("T15 repeated", `{"version":1,"version":2}`),
		logInJSON("T15 unknown keys", `{"x":{"y":[1,true,null,"z"]}}`),
		logInJSON("T15 trailing blanks", `{"version":2}  `+"\n"),
		logInJSON("T40 zero mesh key", `{"meshKey":"`+
			strings.Repeat("0", 64)+`"}`),
		logIn("T14 other frame first", func(w *wire) []byte {
			return frame(derp.FrameSendPacket, make([]byte, 60))
		}),
		logIn("T14 55 bytes", func(w *wire) []byte {
			return frame(derp.FrameClientInfo, make([]byte, 55))
		}),
		logIn("T14 262145 bytes", func(w *wire) []byte {
			return []byte{byte(derp.FrameClientInfo), 0, 4, 0, 1}
		}),
		logIn("T14 corrupted tag", func(w *wire) []byte {
			b := w.clientInfo(key.NewNode(), plainInfo)
			b[5+32+24] ^= 1
			return b
		}),
		logIn("T14 zero key", func(w *wire) []byte {
			b := w.clientInfo(key.NewNode(), plainInfo)
			copy(b[5:], make([]byte, 32))
			return b
		}),
	}
	return append(cases, relayCase{"login small-order key 1", askSmallOrder})
}

// ---- frames of one client

// afterLogin is a case of bytes from a client that is logged in.
func afterLogin(name string, b ...[]byte) relayCase {
	return relayCase{name, func(t *testing.T, r *relay) string {
		privs, known := people(1)
		w := login(t, r, privs[0])
		w.write(b...)
		return w.rest(known)
	}}
}

func frameCases() []relayCase {
	zero := func(n int) []byte { return make([]byte, n) }
	last := frame(derp.FramePing, []byte("12345678"))
	header := func(typ derp.FrameType, n uint32) []byte {
		return []byte{byte(typ), byte(n >> 24), byte(n >> 16), byte(n >> 8),
			byte(n)}
	}
	return []relayCase{
		afterLogin("T20 SendPacket of 31", frame(derp.FrameSendPacket,
			zero(31)), last),
		afterLogin("T20 NotePreferred of 0", frame(derp.FrameNotePreferred),
			last),
		afterLogin("T20 NotePreferred of 2", frame(derp.FrameNotePreferred,
			zero(2)), last),
		afterLogin("T20 Ping of 7", frame(derp.FramePing, zero(7)), last),
		afterLogin("T20 Ping of 1001", frame(derp.FramePing, zero(1001)),
			last),
		afterLogin("Ping of 1000", frame(derp.FramePing, zero(1000))),
		afterLogin("T21 unknown frames", frame(0x99, zero(200000)),
			frame(0x13, zero(8)), last),
		afterLogin("T21 frames of the other direction",
			frame(derp.FrameServerKey, zero(40)),
			frame(derp.FrameClientInfo, zero(56)),
			frame(derp.FrameRecvPacket, zero(40)),
			frame(derp.FrameKeepAlive), frame(derp.FramePeerGone, zero(33)),
			frame(derp.FramePeerPresent, zero(51)), frame(0x14, zero(3)),
			frame(0x15, zero(8)), last),
		afterLogin("T22 ping", frame(derp.FramePing,
			[]byte{1, 2, 3, 4, 5, 6, 7, 0x2a})),
		afterLogin("T22 long ping", frame(derp.FramePing,
			append([]byte("abcdefgh"), zero(92)...))),
		afterLogin("T38 WatchConns", frame(derp.FrameWatchConns), last),
		afterLogin("T38 ClosePeer", frame(derp.FrameClosePeer, zero(32)),
			last),
		afterLogin("T38 ForwardPacket", frame(derp.FrameForwardPacket,
			zero(64)), last),
		afterLogin("T24 unknown destination", frame(derp.FrameSendPacket,
			bytes.Repeat([]byte{0x11}, 32), zero(39)), last),
		afterLogin("T19 one byte too long", header(derp.FrameSendPacket,
			65569), zero(32)),
		{"T25 unknown destination, disco", askUnknownDisco(1)},
		{"T26 the limit of not-here answers", askUnknownDisco(6)},
		{"T18 to oneself", askSelf},
		{"T23 ping flood", askPingFlood},
		{"T53 keepalive", askKeepalive},
		{"frames a byte at a time", askTrickle},
	}
}

func askUnknownDisco(n int) func(*testing.T, *relay) string {
	return func(t *testing.T, r *relay) string {
		privs, known := people(2)
		w := login(t, r, privs[0])
		one := frame(derp.FrameSendPacket, privs[1].Public().AppendTo(nil),
			disco(62))
		w.write(bytes.Repeat(one, n))
		return w.rest(known)
	}
}

func askSelf(t *testing.T, r *relay) string {
	privs, known := people(1)
	w := login(t, r, privs[0])
	var out []string
	for _, n := range []int{100, 0, 65536} {
		w.send(privs[0].Public(), make([]byte, n))
		out = append(out, w.upTo(1, known))
	}
	return strings.Join(out, " ")
}

func askPingFlood(t *testing.T, r *relay) string {
	privs, _ := people(1)
	w := login(t, r, privs[0])
	var flood []byte
	for i := range 1000 {
		flood = append(flood, frame(derp.FramePing,
			[]byte(fmt.Sprintf("%08d", i)))...)
	}
	w.write(flood)
	before := ""
	count := 0
	for {
		got := w.next(quiet)
		if got.err != nil {
			break
		}
		if got.typ != derp.FramePong || string(got.body) <= before {
			return fmt.Sprintf("pong %q after %q", got.body, before)
		}
		before = string(got.body)
		count++
	}
	w.write(frame(derp.FramePing, []byte("the last")))
	return fmt.Sprintf("pongs in order, some: %v, then %s",
		count >= 1 && count <= 1000, w.upTo(1, nil))
}

func askKeepalive(t *testing.T, r *relay) string {
	privs, known := people(1)
	w := login(t, r, privs[0])
	begin := time.Now()
	got := w.next(80 * time.Second)
	d := time.Since(begin)
	return fmt.Sprintf("%s after 60 to 70 s: %v", known.describe(got),
		d > 59*time.Second && d < 70*time.Second)
}

func askTrickle(t *testing.T, r *relay) string {
	privs, known := people(1)
	w := login(t, r, privs[0])
	b := append(frame(derp.FrameSendPacket, privs[0].Public().AppendTo(nil),
		[]byte("drop by drop")), frame(derp.FramePing, []byte("trickled"))...)
	for i := range b {
		w.write(b[i : i+1])
	}
	got := strings.Split(w.upTo(2, known), " ")
	sort.Strings(got)
	return strings.Join(got, " ")
}
