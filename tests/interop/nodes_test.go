// SPDX-License-Identifier: BSD-2-Clause

package interop

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/proxy"
	"golang.org/x/sys/unix"
	"tailscale.com/tstest/integration/testcontrol"
)

// Whole clients: two unmodified tailscaled in network namespaces of their
// own, joined to the relay's by a bridge whose ports are isolated from each
// other. All that they can reach is the relay and the control server, so what
// passes between them passes through the relay.

const (
	netBase     = "10.77.0."
	relayIP     = netBase + "1"
	controlPort = 8000
	servicePort = 9000
	socksPort   = 1080
	streamBytes = 50_000_000
)

// A network is the namespaces of one test: the relay's, and one per node.
type network struct {
	t     *testing.T
	relay string
	nodes []string
}

func newNetwork(t *testing.T, nodes int) *network {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "network namespaces need root")
	}
	if _, err := run(t, cleanEnv(), "ip", "-V"); err != nil {
		missing(t, "network namespaces need ip (iproute2)")
	}
	n := &network{t: t}
	n.relay = n.add("r")
	inRelay := func(args ...string) {
		mustRun(t, append([]string{"ip", "-n", n.relay}, args...)...)
	}
	inRelay("link", "add", "br0", "type", "bridge")
	inRelay("addr", "add", relayIP+"/24", "dev", "br0")
	inRelay("link", "set", "br0", "up")
	for i := range nodes {
		name := n.add(fmt.Sprintf("n%d", i))
		port := fmt.Sprintf("port%d", i)
		inRelay("link", "add", port, "type", "veth", "peer", "name", "eth0",
			"netns", name)
		inRelay("link", "set", port, "master", "br0", "up")
		mustRun(t, "ip", "netns", "exec", n.relay, "bridge", "link", "set",
			"dev", port, "isolated", "on")
		for _, command := range []string{
			fmt.Sprintf("addr add %s%d/24 dev eth0", netBase, 10+i),
			"link set eth0 up",
			"route add default via " + relayIP,
		} {
			mustRun(t, append([]string{"ip", "-n", name},
				strings.Fields(command)...)...)
		}
		n.nodes = append(n.nodes, name)
	}
	return n
}

// add makes one namespace with a loopback; it is deleted after the test.
func (n *network) add(role string) string {
	n.t.Helper()
	name := fmt.Sprintf("ionscale-%d-%s", os.Getpid(), role)
	mustRun(n.t, "ip", "netns", "add", name)
	n.t.Cleanup(func() { mustRun(n.t, "ip", "netns", "del", name) })
	mustRun(n.t, "ip", "-n", name, "link", "set", "lo", "up")
	return name
}

// inside runs f on a thread in a namespace: the sockets that f makes belong
// there. The thread is not used again.
func inside[T any](ns string, f func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here
		var r result
		file, err := os.Open("/run/netns/" + ns)
		if err == nil {
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
			file.Close()
		}
		if r.err = err; err == nil {
			r.v, r.err = f()
		}
		done <- r
	}()
	r := <-done
	return r.v, r.err
}

func listenIn(t *testing.T, ns, addr string) net.Listener {
	t.Helper()
	l, err := inside(ns, func() (net.Listener, error) {
		return net.Listen("tcp", addr)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// dialer connects from inside a namespace.
type dialer string

func (d dialer) Dial(_, addr string) (net.Conn, error) {
	return inside(string(d), func() (net.Conn, error) {
		return net.DialTimeout("tcp", addr, soon)
	})
}

// startControl serves upstream's control server for tests.
func startControl(t *testing.T, n *network, r *relay) string {
	t.Helper()
	url := fmt.Sprintf("http://%s:%d", relayIP, controlPort)
	control := &testcontrol.Server{
		DERPMap:         r.dmap,
		ExplicitBaseURL: url,
		Logf:            func(string, ...any) {},
	}
	l := listenIn(t, n.relay, fmt.Sprintf("%s:%d", relayIP, controlPort))
	server := &http.Server{Handler: control}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return url
}

// A node is one tailscaled.
type node struct {
	*process
	t      *testing.T
	ns     string
	socket string
	ip     string
}

func startNode(t *testing.T, ns, name, control string) *node {
	t.Helper()
	dir := t.TempDir()
	n := &node{t: t, ns: ns, socket: filepath.Join(dir, "sock")}
	env := cleanEnv("TS_DISABLE_PORTMAPPER=1")
	n.process = start(t, name, env, "ip", "netns", "exec", ns,
		filepath.Join(toolDir, toolTailscaled),
		"--tun=userspace-networking", "--statedir="+dir,
		"--socket="+n.socket, "--no-logs-no-support", "--port=0",
		fmt.Sprintf("--socks5-server=127.0.0.1:%d", socksPort))
	eventually(t, 20*time.Second, name+" opens its socket", func() bool {
		_, err := os.Stat(n.socket)
		return err == nil
	})
	n.mustCLI("up", "--login-server="+control, "--hostname="+name,
		"--timeout=30s")
	n.ip = strings.TrimSpace(n.mustCLI("ip", "-4"))
	return n
}

// cli runs the tailscale command in the node's namespace.
func (n *node) cli(args ...string) (string, error) {
	return run(n.t, cleanEnv(), append([]string{"ip", "netns", "exec", n.ns,
		filepath.Join(toolDir, toolTailscale), "--socket=" + n.socket},
		args...)...)
}

func (n *node) mustCLI(args ...string) string {
	n.t.Helper()
	out, err := n.cli(args...)
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// home is the code of the node's home region.
func (n *node) home() string {
	var status struct {
		Self struct{ Relay string }
	}
	json.Unmarshal([]byte(n.mustCLI("status", "--json")), &status)
	return status.Self.Relay
}

func TestWholeClients(t *testing.T) {
	for kind, startRelay := range map[string]func(testing.TB, where) *relay{
		"derper": startDerper, "ionscale": startIonscale,
	} {
		t.Run(kind, func(t *testing.T) {
			n := newNetwork(t, 2)
			r := startRelay(t, where{ip: relayIP, ns: n.relay,
				ports: []int{8443, 8080, 3478}})
			wholeClients(t, n, r)
		})
	}
}

func wholeClients(t *testing.T, n *network, r *relay) {
	for _, dn := range r.region().Nodes {
		if dn.InsecureForTests ||
			!strings.HasPrefix(dn.CertName, "sha256-raw:") {
			t.Fatalf("the map trusts more than a pin: %+v", dn)
		}
	}
	control := startControl(t, n, r)
	a := startNode(t, n.nodes[0], "node-a", control)
	b := startNode(t, n.nodes[1], "node-b", control)
	code := r.region().RegionCode
	for _, one := range []*node{a, b} {
		eventually(t, 30*time.Second, one.name+" is at home", func() bool {
			return one.home() == code
		})
	}
	pingBy(t, a, b, code)
	pingBy(t, b, a, code)
	carry(t, r, a, b)
	pingBy(t, a, b, code)
}

// pingBy pings until the other node has been seen, and wants the relay's way.
func pingBy(t *testing.T, from, to *node, code string) {
	t.Helper()
	var out string
	eventually(t, 40*time.Second, "a pong by the relay", func() bool {
		out, _ = from.cli("ping", "--until-direct=false", "-c", "3",
			"--timeout=5s", to.ip)
		return strings.Contains(out, "via DERP("+code+")")
	})
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if strings.HasPrefix(line, "pong") &&
			!strings.Contains(line, "via DERP("+code+")") {
			t.Errorf("not by the relay: %s", line)
		}
	}
}

// carry sends 50 MB over TCP from b to a, has the relay reload in the middle,
// and compares what came. The stream is held at half way until the reload is
// over, so it is certainly in the middle.
func carry(t *testing.T, r *relay, a, b *node) {
	before := bytesRelayed(t, r)
	goOn := make(chan bool)
	sum := make(chan string, 1)
	serve(t, b, goOn, sum)

	socks, err := proxy.SOCKS5("tcp", fmt.Sprintf("127.0.0.1:%d", socksPort),
		nil, dialer(a.ns))
	if err != nil {
		t.Fatal(err)
	}
	var c net.Conn
	eventually(t, 60*time.Second, "a connection between the nodes",
		func() bool {
			c, err = socks.Dial("tcp",
				fmt.Sprintf("%s:%d", b.ip, servicePort))
			return err == nil
		})
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	if _, err := c.Write([]byte{'!'}); err != nil {
		t.Fatal(err)
	}
	got := sha256.New()
	if _, err := io.CopyN(got, c, streamBytes/2); err != nil {
		t.Fatalf("first half: %v", err)
	}
	reload(t, r)
	close(goOn)
	if _, err := io.CopyN(got, c, streamBytes/2); err != nil {
		t.Fatalf("second half: %v", err)
	}
	if want := <-sum; want != fmt.Sprintf("%x", got.Sum(nil)) {
		t.Error("the stream arrives changed")
	}
	after := bytesRelayed(t, r)
	for name, n := range after {
		if grown := n - before[name]; grown < streamBytes ||
			grown > streamBytes*12/10 {
			t.Errorf("%s grew by %.0f for %d bytes of stream", name, grown,
				streamBytes)
		}
	}
}

// serve sends the stream to who connects to the node's service and asks for
// it with a byte; a connection that came to nothing does not ask.
func serve(t *testing.T, n *node, goOn <-chan bool, sum chan<- string) {
	l := listenIn(t, n.ns, fmt.Sprintf("127.0.0.1:%d", servicePort))
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := c.Read(make([]byte, 1)); err == nil {
					stream(c, goOn, sum)
				}
			}()
		}
	}()
}

func stream(c net.Conn, goOn <-chan bool, sum chan<- string) {
	rnd := rand.New(rand.NewPCG(3, 4))
	h := sha256.New()
	chunk := make([]byte, 100_000)
	for sent := 0; sent < streamBytes; sent += len(chunk) {
		if sent == streamBytes/2 {
			<-goOn
		}
		for i := range chunk {
			chunk[i] = byte(rnd.Uint32())
		}
		h.Write(chunk)
		if _, err := c.Write(chunk); err != nil {
			return
		}
	}
	sum <- fmt.Sprintf("%x", h.Sum(nil))
	io.Copy(io.Discard, c) // until the other side has read all
}

// bytesRelayed are our daemon's byte counters; the reference is not asked.
func bytesRelayed(t *testing.T, r *relay) map[string]float64 {
	if r.kind != "ionscale" {
		return nil
	}
	all := r.counters(t)
	return map[string]float64{
		"derp_bytes_received": all["derp_bytes_received"],
		"derp_bytes_sent":     all["derp_bytes_sent"],
	}
}

// reload changes a setting of our daemon and has it taken.
func reload(t *testing.T, r *relay) {
	t.Helper()
	if r.kind != "ionscale" {
		return
	}
	r.writeConf(t, "derp:\n  send_queue: 64\n")
	r.cli(t, "reload")
	effective := r.cli(t, "status", "--json")
	var status struct {
		Configuration struct {
			DERP struct {
				SendQueue int `json:"send_queue"`
			} `json:"derp"`
		} `json:"configuration"`
	}
	if err := json.Unmarshal([]byte(effective), &status); err != nil {
		t.Fatal(err)
	}
	if status.Configuration.DERP.SendQueue != 64 {
		t.Errorf("the reload has not taken: send_queue is %d",
			status.Configuration.DERP.SendQueue)
	}
}
