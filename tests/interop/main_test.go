// SPDX-License-Identifier: BSD-2-Clause

package interop

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	toolDerper     = "derper"
	toolDerpprobe  = "derpprobe"
	toolTailscale  = "tailscale"
	toolTailscaled = "tailscaled"
)

var (
	program string // of ionscale
	toolDir string // where upstream's programs are
)

func TestMain(m *testing.M) {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// prepare finds the program and builds upstream's beside it.
func prepare() error {
	program = os.Getenv("IONSCALE_BIN")
	if program == "" {
		program = filepath.Join("..", "..", "objs", "ionscale")
	}
	program, _ = filepath.Abs(program)
	if _, err := os.Stat(program); err != nil {
		return err
	}
	toolDir = filepath.Join(filepath.Dir(program), "interop")
	if err := os.MkdirAll(toolDir, 0o755); err != nil {
		return err
	}
	args := []string{"build", "-o", toolDir + "/"}
	for _, tool := range []string{toolDerper, toolDerpprobe, toolTailscale,
		toolTailscaled} {
		args = append(args, "tailscale.com/cmd/"+tool)
	}
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return nil
}

// cleanEnv is our environment without what would steer a program under test:
// no extra trust, no settings of ours or of Tailscale's.
func cleanEnv(more ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case strings.HasPrefix(name, "SSL_CERT_"),
			strings.HasPrefix(name, "IONSCALE_"),
			strings.HasPrefix(name, "NOTIFY_"),
			strings.HasPrefix(name, "XDG_"),
			strings.HasPrefix(name, "TS_"),
			strings.Contains(strings.ToLower(name), "_proxy"):
			continue
		}
		env = append(env, v)
	}
	return append(env, more...)
}

// missing reports that a test lacks what it needs: a skip on a developer's
// machine, a failure where everything must run.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("cannot run here: " + what)
	}
	t.Skip(what)
}

// A process is a program that runs until the test ends.
type process struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	out  lockedBuffer
	done chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs a program; its output is shown if the test fails. It is ended
// with SIGTERM when the test is over.
func start(t testing.TB, name string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, done: make(chan struct{})}
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = env
	p.cmd.Stdout = &p.out
	p.cmd.Stderr = &p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// The signal comes with the death of the thread that started it, so
	// that thread is kept for as long as the process runs.
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.cmd.Wait()
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() {
		p.stop(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("---- %s\n%s", name, tail(p.out.String(), 16000))
		}
	})
	return p
}

func tail(s string, n int) string {
	if len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}

// stop ends the program and waits for it.
func (p *process) stop(sig syscall.Signal) {
	p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
		p.t.Errorf("%s did not end on %v", p.name, sig)
	}
}

func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// run runs a program to its end and returns what it wrote.
func run(t testing.TB, env []string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%v: %w\n%s%s", args, err, out, stderr.Bytes())
	}
	return string(out), err
}

func mustRun(t testing.TB, args ...string) string {
	t.Helper()
	out, err := run(t, cleanEnv(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// eventually polls until ok says yes; it fails the test after limit.
func eventually(t testing.TB, limit time.Duration, what string,
	ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		<-tick.C
	}
}

// freePorts finds ports that are free for TCP and UDP on an address now.
func freePorts(t testing.TB, ip string, n int) []int {
	t.Helper()
	var ports []int
	var held []func() error
	for len(ports) < n {
		l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, l.Close)
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenUDP("udp",
			&net.UDPAddr{IP: net.ParseIP(ip), Port: port})
		if err != nil {
			continue
		}
		held = append(held, u.Close)
		ports = append(ports, port)
	}
	for _, release := range held {
		release()
	}
	return ports
}
