// SPDX-License-Identifier: BSD-2-Clause

package interop

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tailscale.com/derp"
	"tailscale.com/derp/derphttp"
	"tailscale.com/net/netcheck"
	"tailscale.com/net/netmon"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

// Upstream's own client code, with nothing trusted but the pin in the map.

// A peer is upstream's DERP client with its receiving loop.
type peer struct {
	*derphttp.Client
	t    testing.TB
	key  key.NodePublic
	msgs chan derp.ReceivedMessage
}

// join connects a client by the relay's map, as tailscaled does.
func join(t testing.TB, r *relay, tune func(*derphttp.Client)) *peer {
	t.Helper()
	priv := key.NewNode()
	c := derphttp.NewRegionClient(priv, func(string, ...any) {},
		netmon.NewStatic(), func() *tailcfg.DERPRegion { return r.region() })
	return joined(t, c, priv, tune)
}

func joined(t testing.TB, c *derphttp.Client, priv key.NodePrivate,
	tune func(*derphttp.Client)) *peer {
	t.Helper()
	if tune != nil {
		tune(c)
	}
	p := &peer{Client: c, t: t, key: priv.Public(),
		msgs: make(chan derp.ReceivedMessage, 64)}
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := c.Connect(ctx); err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		defer close(p.msgs)
		for {
			m, err := c.Recv()
			if err != nil {
				return
			}
			if packet, ok := m.(derp.ReceivedPacket); ok {
				packet.Data = append([]byte(nil), packet.Data...)
				m = packet
			}
			p.msgs <- m
		}
	}()
	if m := p.next(); fmt.Sprintf("%T", m) != "derp.ServerInfoMessage" {
		t.Fatalf("the first message is %T", m)
	}
	return p
}

func (p *peer) next() derp.ReceivedMessage {
	p.t.Helper()
	select {
	case m, ok := <-p.msgs:
		if !ok {
			p.t.Fatal("the connection has ended")
		}
		return m
	case <-time.After(soon):
		p.t.Fatal("no message came")
	}
	return nil
}

func (p *peer) wantPacket(from *peer, data string) {
	p.t.Helper()
	m := p.next()
	packet, ok := m.(derp.ReceivedPacket)
	if !ok || packet.Source != from.key || string(packet.Data) != data {
		p.t.Fatalf("got %T %+v, want %q", m, m, data)
	}
}

// talk lets two clients exchange packets and pings.
func talk(t *testing.T, a, b *peer) {
	t.Helper()
	if err := a.Send(b.key, []byte("from a")); err != nil {
		t.Fatal(err)
	}
	b.wantPacket(a, "from a")
	if err := b.Send(a.key, []byte("from b")); err != nil {
		t.Fatal(err)
	}
	a.wantPacket(b, "from b")
	for _, p := range []*peer{a, b} {
		p.NotePreferred(true)
		ping := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
		if err := p.SendPing(ping); err != nil {
			t.Fatal(err)
		}
		if m := p.next(); m != derp.PongMessage(ping) {
			t.Fatalf("got %T %v instead of the pong", m, m)
		}
	}
}

func TestDERPClient(t *testing.T) {
	relays(t, func(t *testing.T, r *relay) {
		t.Run("TLS1.3", func(t *testing.T) {
			a, b := join(t, r, nil), join(t, r, nil)
			state, ok := a.TLSConnectionState()
			if !ok || state.Version != tls.VersionTLS13 {
				t.Errorf("TLS state %v, version %x", ok, state.Version)
			}
			if want := serverPublic(t, r); a.ServerPublicKey() != want {
				t.Errorf("meta-certificate names %v, ServerKey %v",
					a.ServerPublicKey(), want)
			}
			talk(t, a, b)
		})
		t.Run("TLS1.2", func(t *testing.T) {
			old := func(c *derphttp.Client) {
				c.TLSConfig = &tls.Config{MaxVersion: tls.VersionTLS12}
			}
			talk(t, join(t, r, old), join(t, r, nil))
		})
		t.Run("wrong pin", func(t *testing.T) {
			region := r.region().Clone()
			region.Nodes[0].CertName = "sha256-raw:" +
				strings.Repeat("00", 32)
			c := derphttp.NewRegionClient(key.NewNode(),
				func(string, ...any) {}, netmon.NewStatic(),
				func() *tailcfg.DERPRegion { return region })
			defer c.Close()
			ctx, cancel := context.WithTimeout(context.Background(), soon)
			defer cancel()
			if err := c.Connect(ctx); err == nil {
				t.Error("a wrong pin is accepted")
			}
		})
	})
}

// TestPlainDERP uses the TLS port without TLS, which the reference cannot.
func TestPlainDERP(t *testing.T) {
	r := startIonscale(t, local(t))
	priv := key.NewNode()
	c, err := derphttp.NewClient(priv, "http://"+r.addr()+"/derp",
		func(string, ...any) {}, netmon.NewStatic())
	if err != nil {
		t.Fatal(err)
	}
	talk(t, joined(t, c, priv, nil), join(t, r, nil))
}

// TestT60Throughput carries 100 MB in packets of 64 KiB, 30 in flight, from
// client to client: all must come, in order.
func TestT60Throughput(t *testing.T) {
	relays(t, func(t *testing.T, r *relay) {
		a, b := join(t, r, nil), join(t, r, nil)
		const packets = 1600
		room := make(chan bool, 30)
		sent := make(chan error, 1)
		begin := time.Now()
		go func() {
			packet := make([]byte, 65536)
			for i := range packets {
				room <- true
				binary.BigEndian.PutUint32(packet, uint32(i))
				if err := a.Send(b.key, packet); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		for i := range packets {
			p, ok := b.next().(derp.ReceivedPacket)
			if !ok || len(p.Data) != 65536 ||
				binary.BigEndian.Uint32(p.Data) != uint32(i) {
				t.Fatalf("packet %d is missing%s", i, drops(t, r))
			}
			<-room
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: 100 MB in %v", r.kind, time.Since(begin))
		if r.kind == "ionscale" {
			counters := r.counters(t)
			if n := counters["derp_bytes_sent"]; n < packets*65536 {
				t.Errorf("derp_bytes_sent is %v", n)
			}
		}
	})
}

// drops are our daemon's counters of lost packets that have moved.
func drops(t *testing.T, r *relay) string {
	if r.kind != "ionscale" {
		return ""
	}
	var out []string
	for name, n := range r.counters(t) {
		if n != 0 && (strings.Contains(name, "dropped") ||
			strings.Contains(name, "full")) {
			out = append(out, fmt.Sprintf("\n%s %v", name, n))
		}
	}
	return strings.Join(out, "")
}

// probe runs upstream's netcheck over a map and returns what it found, with
// its log.
func probe(t *testing.T, dm *tailcfg.DERPMap) (*netcheck.Report, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var log lockedBuffer
	c := &netcheck.Client{
		Logf:                func(f string, a ...any) { fmt.Fprintf(&log, f+"\n", a...) },
		NetMon:              netmon.NewStatic(),
		SkipExternalNetwork: true,
	}
	if err := c.Standalone(ctx, "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	report, err := c.GetReport(ctx, dm, nil)
	if err != nil {
		t.Fatalf("netcheck: %v\n%s", err, log.String())
	}
	return report, log.String()
}

func TestNetcheck(t *testing.T) {
	relays(t, func(t *testing.T, r *relay) {
		id := r.region().RegionID
		t.Run("STUN", func(t *testing.T) {
			report, log := probe(t, r.dmap)
			if !report.UDP || !report.IPv4 ||
				report.PreferredDERP != id ||
				report.RegionV4Latency[id] == 0 ||
				report.GlobalV4.Addr() != netip.MustParseAddr("127.0.0.1") {
				t.Errorf("%+v\n%s", report, log)
			}
		})
		t.Run("HTTPS", func(t *testing.T) {
			noUDP := &tailcfg.DERPMap{Regions: maps.Clone(r.dmap.Regions)}
			region := r.region().Clone()
			region.Nodes[0].STUNPort = -1
			noUDP.Regions[id] = region
			report, log := probe(t, noUDP)
			if report.UDP || report.RegionLatency[id] == 0 ||
				report.PreferredDERP != id ||
				strings.Contains(log, "measuring HTTPS latency") {
				t.Errorf("%+v\n%s", report, log)
			}
		})
	})
}

// TestLatencyCheck asks as netcheck and a browser do, on one connection.
func TestLatencyCheck(t *testing.T) {
	relays(t, func(t *testing.T, r *relay) {
		w := dialTLS(t, r, nil)
		for range 3 {
			for _, path := range []string{"/derp/latency-check",
				"/derp/probe"} {
				w.write(request("GET", path))
				resp := w.http("GET")
				body, _ := io.ReadAll(resp.Body)
				if resp.StatusCode > 299 || len(body) != 0 ||
					resp.Header.Get("Access-Control-Allow-Origin") != "*" {
					t.Errorf("%s: %d %q %v", path, resp.StatusCode, body,
						resp.Header)
				}
			}
		}
	})
}
