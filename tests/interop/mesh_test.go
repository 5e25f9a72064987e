// SPDX-License-Identifier: BSD-2-Clause

package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"tailscale.com/derp"
	"tailscale.com/derp/derphttp"
	"tailscale.com/net/netmon"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

// What upstream's code does with a mesh key, against our relay and its own.

const meshKey = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

const meshConf = "derp:\n  mesh_key_file: %s/mesh.key\n"

func parsedMeshKey(t testing.TB) key.DERPMesh {
	t.Helper()
	k, err := key.ParseDERPMesh(meshKey)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// meshRelays runs a test against relays that have the mesh key.
func meshRelays(t *testing.T, test func(t *testing.T, r *relay)) {
	t.Run("derper", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "mesh.key")
		if err := os.WriteFile(file, []byte(meshKey), 0o600); err != nil {
			t.Fatal(err)
		}
		test(t, startDerperWith(t, local(t), cleanEnv(),
			"-mesh-psk-file", file))
	})
	t.Run("ionscale", func(t *testing.T) {
		w := local(t)
		w.more, w.mesh = meshConf, meshKey
		test(t, startIonscale(t, w))
	})
}

// presence is what a watching client believes to be there.
type presence struct {
	mu      sync.Mutex
	there   map[key.NodePublic]derp.PeerPresentMessage
	adds    int
	removes int
}

func (p *presence) add(m derp.PeerPresentMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.there[m.Key] = m
	p.adds++
}

func (p *presence) remove(m derp.PeerGoneMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.there, m.Peer)
	p.removes++
}

// await waits until exactly these are there.
func (p *presence) await(t testing.TB, keys ...key.NodePublic) {
	t.Helper()
	eventually(t, soon, fmt.Sprintf("%d clients are there", len(keys)),
		func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, k := range keys {
				if _, ok := p.there[k]; !ok {
					return false
				}
			}
			return len(p.there) == len(keys)
		})
}

// watch runs upstream's own loop over one relay until the test ends.
func watch(t testing.TB, r *relay, priv, ignore key.NodePrivate) *presence {
	t.Helper()
	c := derphttp.NewRegionClient(priv, t.Logf, netmon.NewStatic(),
		func() *tailcfg.DERPRegion { return r.region() })
	c.MeshKey = parsedMeshKey(t)
	c.WatchConnectionChanges = true
	p := &presence{there: map[key.NodePublic]derp.PeerPresentMessage{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.RunWatchConnectionLoop(ctx, ignore.Public(),
			func(string, ...any) {}, p.add, p.remove, nil)
	}()
	t.Cleanup(func() {
		cancel()
		c.Close()
		<-done
	})
	return p
}

func TestMeshWatch(t *testing.T) {
	meshRelays(t, func(t *testing.T, r *relay) {
		a := join(t, r, nil)
		priv := key.NewNode()
		p := watch(t, r, priv, key.NewNode())
		p.await(t, a.key, priv.Public())
		b := join(t, r, func(c *derphttp.Client) { c.IsProber = true })
		p.await(t, a.key, b.key, priv.Public())
		p.mu.Lock()
		want := map[key.NodePublic]derp.PeerPresentFlags{
			a.key:         derp.PeerPresentIsRegular,
			b.key:         derp.PeerPresentIsProber,
			priv.Public(): derp.PeerPresentIsMeshPeer,
		}
		for k, flags := range want {
			if m := p.there[k]; m.Flags != flags ||
				m.IPPort.Addr().String() != "127.0.0.1" ||
				m.IPPort.Port() == 0 {
				t.Errorf("%+v, want flags %#x", m, flags)
			}
		}
		p.mu.Unlock()
		a.Close()
		p.await(t, b.key, priv.Public())
		var many []*peer
		keys := []key.NodePublic{b.key, priv.Public()}
		for range 50 {
			many = append(many, join(t, r, nil))
			keys = append(keys, many[len(many)-1].key)
		}
		p.await(t, keys...)
		second := key.NewNode()
		q := watch(t, r, second, key.NewNode())
		q.await(t, append(keys, second.Public())...)
		for _, one := range many {
			one.Close()
		}
		p.await(t, b.key, priv.Public(), second.Public())
		q.await(t, b.key, priv.Public(), second.Public())
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.adds != 54 || p.removes != 51 {
			t.Errorf("%d adds and %d removes", p.adds, p.removes)
		}
	})
}

func member(t testing.TB, r *relay) *peer {
	t.Helper()
	return join(t, r, func(c *derphttp.Client) { c.MeshKey = parsedMeshKey(t) })
}

func TestMeshForwardAndClose(t *testing.T) {
	meshRelays(t, func(t *testing.T, r *relay) {
		m, a := member(t, r), join(t, r, nil)
		source := key.NewNode().Public()
		for i := range 100 {
			data := fmt.Sprintf("forwarded %d", i)
			if err := m.ForwardPacket(source, a.key,
				[]byte(data)); err != nil {
				t.Fatal(err)
			}
			a.wantPacket(&peer{key: source}, data)
		}
		if err := m.ClosePeer(a.key); err != nil {
			t.Fatal(err)
		}
		eventually(t, soon, "the client is disconnected", func() bool {
			select {
			case _, ok := <-a.msgs:
				return !ok
			default:
				return false
			}
		})
	})
}

// derper dials us as one of its mesh: its clients reach ours.
func TestMeshDerperForwardsToUs(t *testing.T) {
	w := local(t)
	w.more, w.mesh = meshConf, meshKey
	ours := startIonscale(t, w)
	env := cleanEnv("SSL_CERT_FILE=" +
		filepath.Join(ours.dir, "state", "tls.crt"))
	file := filepath.Join(t.TempDir(), "mesh.key")
	if err := os.WriteFile(file, []byte(meshKey), 0o600); err != nil {
		t.Fatal(err)
	}
	theirs := startDerperWith(t, local(t), env, "-mesh-psk-file", file,
		"-mesh-with", ours.addr())
	a, b := join(t, theirs, nil), join(t, ours, nil)
	eventually(t, 20*time.Second, "derper watches us", func() bool {
		return ours.counters(t)["derp_watchers"] == 1
	})
	// until it has taken in that b is there, what it is sent gets lost
	got := make(chan derp.ReceivedMessage, 1)
	go func() { got <- <-b.msgs }()
	eventually(t, soon, "the first packet arrives", func() bool {
		if err := a.Send(b.key, []byte("first")); err != nil {
			t.Fatal(err)
		}
		select {
		case m := <-got:
			packet, ok := m.(derp.ReceivedPacket)
			if !ok || packet.Source != a.key {
				t.Fatalf("got %T %+v", m, m)
			}
			return true
		default:
			return false
		}
	})
	if err := a.Send(b.key, []byte("last")); err != nil {
		t.Fatal(err)
	}
	for {
		m := b.next()
		packet, ok := m.(derp.ReceivedPacket)
		if !ok || packet.Source != a.key {
			t.Fatalf("got %T %+v", m, m)
		}
		if string(packet.Data) == "last" {
			break
		}
	}
	counters := ours.counters(t)
	if counters["derp_packets_forwarded_in"] < 2 ||
		counters["derp_packets_received"] != 0 {
		t.Errorf("%v", counters)
	}
	// it leaves us, and derper knows
	b.Close()
	eventually(t, soon, "derper has nobody to forward to", func() bool {
		before := ours.counters(t)["derp_packets_forwarded_in"]
		if err := a.Send(b.key, []byte("nobody")); err != nil {
			t.Fatal(err)
		}
		if err := a.Send(a.key, []byte("fence")); err != nil {
			t.Fatal(err)
		}
		a.wantPacket(a, "fence")
		return ours.counters(t)["derp_packets_forwarded_in"] == before
	})
}

// Upstream's prober with the key, once.
func TestMeshDerpprobe(t *testing.T) {
	w := local(t)
	w.more, w.mesh, w.host = meshConf, meshKey, "localhost"
	r := startIonscale(t, w)
	// by name; STUN is left out, because its probe wants IPv6 too
	nodes := slices.DeleteFunc(r.region().Nodes,
		func(n *tailcfg.DERPNode) bool { return n.STUNOnly })
	node := nodes[0]
	node.IPv4, node.IPv6, node.STUNPort = "127.0.0.1", "none", -1
	r.region().Nodes = []*tailcfg.DERPNode{node}
	text, err := json.Marshal(r.dmap)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "map.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	env := cleanEnv("SSL_CERT_FILE=" + filepath.Join(r.dir, "state", "tls.crt"))
	_, err = run(t, env, filepath.Join(toolDir, toolDerpprobe), "-once",
		"-derp-map", "file://"+file, "-mesh-psk-file", r.meshKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	if n := r.counters(t)["derp_current_connections"]; n != 0 {
		t.Errorf("%v connections are left", n)
	}
}
