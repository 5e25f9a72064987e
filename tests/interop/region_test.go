// SPDX-License-Identifier: BSD-2-Clause

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tailscale.com/derp"
	"tailscale.com/types/key"
)

// A region of relays of both kinds, which all mesh with all.

// reaches sends until packets of one client arrive at another, then one more:
// until the relays have told each other who is there, what is sent gets lost.
func reaches(t *testing.T, from, to *peer) {
	t.Helper()
	stop := make(chan struct{})
	sent := make(chan error, 1)
	go func() {
		var err error
		for i := 0; err == nil; i++ {
			select {
			case <-stop:
				sent <- from.Send(to.key, []byte("last"))
				return
			case <-time.After(50 * time.Millisecond):
				err = from.Send(to.key, fmt.Appendf(nil, "try %d", i))
			}
		}
		sent <- err
	}()
	for stopped := false; ; {
		m := to.next()
		packet, ok := m.(derp.ReceivedPacket)
		if !ok || packet.Source != from.key {
			t.Fatalf("got %T %+v", m, m)
		}
		if string(packet.Data) == "last" {
			break
		}
		if !stopped {
			close(stop)
			stopped = true
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// meshWith reloads one of ours with these relays to mesh with.
func meshWith(t *testing.T, r *relay, others ...*relay) {
	t.Helper()
	conf := fmt.Sprintf(meshConf, r.dir) + "  mesh_with:\n"
	for _, other := range others {
		conf += fmt.Sprintf("  - %s#%s\n", other.addr(), other.pin)
	}
	r.writeConf(t, conf)
	r.cli(t, "reload")
	eventually(t, 20*time.Second, "all links are up", func() bool {
		return r.counters(t)[`ionscale_mesh_links{state="up"}`] ==
			float64(len(others))
	})
}

func TestMeshRegion(t *testing.T) {
	var ours []*relay
	var authorities []byte
	for range 2 {
		w := local(t)
		w.more, w.mesh = meshConf, meshKey
		r := startIonscale(t, w)
		ours = append(ours, r)
		pem, err := os.ReadFile(filepath.Join(r.dir, "state", "tls.crt"))
		if err != nil {
			t.Fatal(err)
		}
		authorities = append(authorities, pem...)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "mesh.key")
	roots := filepath.Join(dir, "roots.pem")
	for name, text := range map[string][]byte{
		file: []byte(meshKey), roots: authorities} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	theirs := startDerperWith(t, local(t), cleanEnv("SSL_CERT_FILE="+roots),
		"-mesh-psk-file", file,
		"-mesh-with", ours[0].addr()+","+ours[1].addr())
	meshWith(t, ours[0], ours[1], theirs)
	meshWith(t, ours[1], ours[0], theirs)

	var clients []*peer
	for _, r := range []*relay{ours[0], ours[1], theirs} {
		clients = append(clients, join(t, r, nil))
	}
	for _, from := range clients {
		for _, to := range clients {
			if from != to {
				reaches(t, from, to)
			}
		}
	}
	talk(t, clients[0], clients[1])
	talk(t, clients[1], clients[2])
	talk(t, clients[2], clients[0])
	for _, r := range ours {
		c := r.counters(t)
		if c["derp_packets_forwarded_out"] < 4 ||
			c["derp_packets_forwarded_in"] < 4 ||
			c["derp_clients_remote"] < 2 {
			t.Errorf("%v", c)
		}
	}

	// one leaves derper: all that had packets from it hear of it
	gone := clients[2].key
	clients[2].Close()
	for _, left := range clients[:2] {
		wantGone(t, left, gone)
	}

	// derper ends: its links are lost, ours go on
	last := join(t, theirs, nil)
	reaches(t, last, clients[0])
	theirs.stop(syscall.SIGTERM)
	wantGone(t, clients[0], last.key)
	eventually(t, 20*time.Second, "the link to derper waits", func() bool {
		return ours[0].counters(t)[`ionscale_mesh_links{state="up"}`] == 1
	})
	talk(t, clients[0], clients[1])
}

func wantGone(t *testing.T, p *peer, gone key.NodePublic) {
	t.Helper()
	m := p.next()
	if g, ok := m.(derp.PeerGoneMessage); !ok || g.Peer != gone ||
		g.Reason != derp.PeerGoneReasonDisconnected {
		t.Fatalf("got %T %+v", m, m)
	}
}
