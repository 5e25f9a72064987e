// SPDX-License-Identifier: BSD-2-Clause

package interop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/coder/websocket"
	"tailscale.com/derp"
	"tailscale.com/net/wsconn"
	"tailscale.com/types/key"
)

// TestWebSocketClient is what upstream's client does in a browser: its DERP
// code over a WebSocket library that shares nothing with ours.
func TestWebSocketClient(t *testing.T) {
	relays(t, func(t *testing.T, r *relay) {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		ws, _, err := websocket.Dial(ctx, "wss://"+r.addr()+"/derp",
			&websocket.DialOptions{
				Subprotocols: []string{"derp"},
				HTTPHeader:   http.Header{"Origin": {"https://page.test"}},
				HTTPClient: &http.Client{Transport: &http.Transport{
					TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
				}},
			})
		if err != nil {
			t.Fatal(err)
		}
		defer ws.CloseNow()
		if ws.Subprotocol() != "derp" {
			t.Fatalf("subprotocol %q", ws.Subprotocol())
		}
		conn := wsconn.NetConn(ctx, ws, websocket.MessageBinary, r.addr())
		priv := key.NewNode()
		c, err := derp.NewClient(priv, conn,
			bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)),
			t.Logf)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := c.Recv(); err != nil {
			t.Fatal(err)
		} else if _, ok := m.(derp.ServerInfoMessage); !ok {
			t.Fatalf("the first message is %T", m)
		}
		native := join(t, r, nil)
		sizes := []int{1, 80, 125, 126, 1400, 30000}
		if r.kind == "ionscale" {
			// The library on either side of derper takes messages of
			// 32 KiB at most; what we send never comes near.
			sizes = append(sizes, 40000, 65536)
		}
		for _, size := range sizes {
			data := bytes.Repeat([]byte{byte(size)}, size)
			if err := c.Send(native.key, data); err != nil {
				t.Fatal(err)
			}
			got, ok := native.next().(derp.ReceivedPacket)
			if !ok || got.Source != priv.Public() ||
				!bytes.Equal(got.Data, data) {
				t.Fatalf("%d bytes from the browser: %v %d", size, ok,
					len(got.Data))
			}
			if err := native.Send(priv.Public(), data); err != nil {
				t.Fatal(err)
			}
			m, err := c.Recv()
			back, ok := m.(derp.ReceivedPacket)
			if err != nil || !ok || !bytes.Equal(back.Data, data) {
				t.Fatalf("%d bytes to the browser: %T %v", size, m, err)
			}
		}
		if err := ws.Close(websocket.StatusNormalClosure, "bye"); err != nil {
			t.Errorf("the end is not in order: %v", err)
		}
	})
}
