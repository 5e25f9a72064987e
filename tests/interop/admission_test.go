// SPDX-License-Identifier: BSD-2-Clause

package interop

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"tailscale.com/derp"
	"tailscale.com/derp/derphttp"
	"tailscale.com/net/netmon"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

// Admission by a real tailscaled: asked through its socket, and by what
// `tailscale status --json` prints. It knows itself, and nobody else.

// privateKey is the node's key as its state file has it.
func (n *node) privateKey() key.NodePrivate {
	n.t.Helper()
	text, err := os.ReadFile(
		filepath.Join(filepath.Dir(n.socket), "tailscaled.state"))
	if err != nil {
		n.t.Fatal(err)
	}
	var state map[string][]byte
	if err := json.Unmarshal(text, &state); err != nil {
		n.t.Fatal(err)
	}
	for _, value := range state {
		var prefs struct {
			Config struct{ PrivateNodeKey key.NodePrivate }
		}
		if json.Unmarshal(value, &prefs) == nil &&
			!prefs.Config.PrivateNodeKey.IsZero() {
			return prefs.Config.PrivateNodeKey
		}
	}
	n.t.Fatal("the state file has no node key")
	return key.NodePrivate{}
}

func clientOf(r *relay, priv key.NodePrivate) *derphttp.Client {
	return derphttp.NewRegionClient(priv, func(string, ...any) {},
		netmon.NewStatic(), func() *tailcfg.DERPRegion { return r.region() })
}

// wantRefused logs in as a stranger and wants to hear why it is sent away.
func wantRefused(t *testing.T, r *relay) {
	t.Helper()
	c := clientOf(r, key.NewNode())
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := c.Connect(ctx); err != nil {
		t.Fatalf("connect: %v", err)
	}
	m, err := c.Recv()
	health, ok := m.(derp.HealthMessage)
	if err != nil || !ok || health.Problem !=
		"This DERP relay does not admit this device." {
		t.Fatalf("got %T %+v, %v", m, m, err)
	}
	if m, err := c.Recv(); err == nil {
		t.Fatalf("still open: %T %+v", m, m)
	}
}

func TestAdmissionByTailscaled(t *testing.T) {
	n := newNetwork(t, 1)
	home := startIonscale(t, where{ip: relayIP, ns: n.relay,
		ports: []int{8443, 8080, 3478}})
	a := startNode(t, n.nodes[0], "node-a", startControl(t, n, home))
	dir := filepath.Dir(a.socket)
	for _, one := range []string{dir, filepath.Dir(dir)} {
		// the service user must be able to reach the socket
		if err := os.Chmod(one, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	list := filepath.Join(dir, "allow")
	status := []byte(a.mustCLI("status", "--json"))
	if err := os.WriteFile(list, status, 0o644); err != nil {
		t.Fatal(err)
	}
	for how, conf := range map[string]string{
		"whois": "verify_clients: true\n  tailscaled_socket: " + a.socket,
		"list":  "allow_file: " + list,
	} {
		t.Run(how, func(t *testing.T) {
			w := local(t)
			w.more = "derp:\n  " + conf + "\n"
			r := startIonscale(t, w)
			priv := a.privateKey()
			p := joined(t, clientOf(r, priv), priv, nil)
			if err := p.Send(p.key, []byte("to myself")); err != nil {
				t.Fatal(err)
			}
			p.wantPacket(p, "to myself")
			wantRefused(t, r)
		})
	}
}
