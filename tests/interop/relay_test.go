// SPDX-License-Identifier: BSD-2-Clause

package interop

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

// A relay is a running DERP server, upstream's or ours, as a client sees it.
type relay struct {
	*process
	kind  string // "derper" or "ionscale"
	ip    string
	tls   int // TCP port with TLS
	plain int // TCP port that is the port-80 listener
	stun  int // UDP port
	dir   string
	pin   string           // of the certificate, as printed by the relay
	dmap  *tailcfg.DERPMap // what a client needs to know
	ns    string           // network namespace, or empty
	host  string           // what clients are told to dial; empty: ip
	conf  string           // ionscale's configuration file
}

func (r *relay) addr() string {
	return net.JoinHostPort(r.ip, fmt.Sprint(r.tls))
}

func (r *relay) plainAddr() string {
	return net.JoinHostPort(r.ip, fmt.Sprint(r.plain))
}

func (r *relay) stunAddr() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(r.ip), uint16(r.stun))
}

// region is the one region of the relay's map.
func (r *relay) region() *tailcfg.DERPRegion {
	for _, region := range r.dmap.Regions {
		return region
	}
	return nil
}

// inNS puts a command into the relay's network namespace.
func (r *relay) inNS(args ...string) []string {
	if r.ns == "" {
		return args
	}
	return append([]string{"ip", "netns", "exec", r.ns}, args...)
}

// where says what is the same for both kinds of relay.
type where struct {
	ip    string
	ports []int // TLS, plain, STUN
	ns    string
	host  string // of ionscale's public address; empty: ip
	more  string // of ionscale's configuration; %s is the relay's directory
	mesh  string // mesh key, written to mesh.key in the relay's directory
}

func local(t testing.TB) where {
	return where{ip: "127.0.0.1", ports: freePorts(t, "127.0.0.1", 3)}
}

// startDerper starts upstream's derper with a certificate of its own making.
func startDerper(t testing.TB, w where) *relay {
	t.Helper()
	return startDerperWith(t, w, cleanEnv())
}

// startDerperWith has an environment and flags of the test's own.
func startDerperWith(t testing.TB, w where, env []string,
	flags ...string) *relay {
	t.Helper()
	r := &relay{kind: "derper", ip: w.ip, ns: w.ns, dir: t.TempDir(),
		tls: w.ports[0], plain: w.ports[1], stun: w.ports[2]}
	args := r.inNS(filepath.Join(toolDir, toolDerper),
		"-a", r.addr(), "-certmode", "manual", "-certdir", r.dir,
		"-hostname", r.ip, "-c", filepath.Join(r.dir, "derper.key"),
		"-http-port", fmt.Sprint(r.plain), "-stun-port", fmt.Sprint(r.stun))
	r.process = start(t, "derper", env, append(args, flags...)...)
	eventually(t, 20*time.Second, "derper prints its pin", func() bool {
		if r.exited() {
			t.Fatalf("derper ended:\n%s", r.out.String())
		}
		_, rest, found := strings.Cut(r.out.String(), `"CertName":"`)
		if !found {
			return false
		}
		r.pin, _, found = strings.Cut(rest, `"`)
		return found
	})
	r.dmap = &tailcfg.DERPMap{Regions: map[int]*tailcfg.DERPRegion{
		900: {RegionID: 900, RegionCode: "reference", RegionName: "derper",
			Nodes: []*tailcfg.DERPNode{{Name: "900a", RegionID: 900,
				HostName: r.ip, IPv4: r.ip, IPv6: "none",
				CertName: r.pin, DERPPort: r.tls, STUNPort: r.stun}}}}}
	r.awaitPorts(t)
	return r
}

// startIonscale starts our daemon; its map is what its own CLI prints.
func startIonscale(t testing.TB, w where) *relay {
	t.Helper()
	r := &relay{kind: "ionscale", ip: w.ip, ns: w.ns, host: w.host,
		tls: w.ports[0], plain: w.ports[1], stun: w.ports[2]}
	// the service user must be able to reach it
	dir, err := os.MkdirTemp("", "ionscale-interop-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.dir = dir
	r.conf = filepath.Join(dir, "ionscale.yaml")
	if w.mesh != "" {
		err := os.WriteFile(r.meshKeyFile(), []byte(w.mesh+"\n"), 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	r.writeConf(t, strings.ReplaceAll(w.more, "%s", dir))
	notify, err := net.ListenUnixgram("unixgram",
		&net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	env := cleanEnv("NOTIFY_SOCKET=" + filepath.Join(dir, "notify"))
	r.process = start(t, "ionscale", env,
		r.inNS(program, "server", "-c", r.conf)...)
	r.awaitReady(t, notify)
	t.Cleanup(func() { r.stopClean(t) })
	if err := json.Unmarshal([]byte(r.cli(t, "system", "get-derp-map",
		"--json")), &r.dmap); err != nil {
		t.Fatalf("get-derp-map: %v", err)
	}
	r.pin = r.region().Nodes[0].CertName
	return r
}

func (r *relay) meshKeyFile() string {
	return filepath.Join(r.dir, "mesh.key")
}

// writeConf writes the configuration; extra is more of it.
func (r *relay) writeConf(t testing.TB, extra string) {
	t.Helper()
	host := r.host
	if host == "" {
		host = r.ip
	}
	text := fmt.Sprintf(`listen_addr: %[1]s:%[2]d
http_listen_addr: %[1]s:%[3]d
stun_listen_addr: %[1]s:%[4]d
metrics_listen_addr: 127.0.0.1:0
public_addr: https://%[7]s:%[2]d
stun_public_addr: %[1]s:%[4]d
workers: 3
state_dir: %[5]s/state
control_socket: %[5]s/control.sock
pid_file: %[5]s/ionscale.pid
%[6]s`, r.ip, r.tls, r.plain, r.stun, r.dir, extra, host)
	if err := os.WriteFile(r.conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (r *relay) awaitReady(t testing.TB, notify *net.UnixConn) {
	t.Helper()
	buf := make([]byte, 4096)
	eventually(t, 60*time.Second, "READY=1 from ionscale", func() bool {
		if r.exited() {
			t.Fatalf("ionscale ended:\n%s", r.out.String())
		}
		notify.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := notify.Read(buf)
		return err == nil && strings.Contains(string(buf[:n]), "READY=1")
	})
}

// badLine is a line of level alert (time, level...), or a sanitizer's.
var badLine = regexp.MustCompile(
	`^\S+Z alert |Sanitizer|runtime error:`)

// stopClean ends our daemon gracefully and holds it to a clean log.
func (r *relay) stopClean(t testing.TB) {
	r.stop(syscall.SIGTERM)
	if code := r.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("ionscale ended with %d", code)
	}
	for _, line := range strings.Split(r.out.String(), "\n") {
		if badLine.MatchString(line) {
			t.Errorf("in ionscale's log: %s", line)
		}
	}
}

func (r *relay) awaitPorts(t testing.TB) {
	t.Helper()
	if r.ns != "" {
		eventually(t, 10*time.Second, "derper serves", func() bool {
			return strings.Contains(r.out.String(), "serving on")
		})
		return
	}
	for _, addr := range []string{r.addr(), r.plainAddr()} {
		eventually(t, 10*time.Second, addr+" listens", func() bool {
			c, err := net.Dial("tcp", addr)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
	}
}

// cli runs a command of ours against the daemon.
func (r *relay) cli(t testing.TB, args ...string) string {
	t.Helper()
	args = append(args, "--socket", filepath.Join(r.dir, "control.sock"))
	return mustRun(t, append([]string{program}, args...)...)
}

// counters are the daemon's counters by their Prometheus names.
func (r *relay) counters(t testing.TB) map[string]float64 {
	t.Helper()
	var status struct {
		Counters map[string]float64 `json:"counters"`
	}
	out := r.cli(t, "status", "--json")
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		t.Fatalf("status: %v\n%s", err, out)
	}
	return status.Counters
}

// relays runs a test against the reference and against ours.
func relays(t *testing.T, test func(t *testing.T, r *relay)) {
	t.Run("derper", func(t *testing.T) {
		test(t, startDerper(t, local(t)))
	})
	t.Run("ionscale", func(t *testing.T) {
		test(t, startIonscale(t, local(t)))
	})
}
