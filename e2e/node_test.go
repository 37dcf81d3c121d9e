// Package e2e runs whole processes: events go in at the front door, and rows, counters and
// rejects are looked at from outside, on the embedded broker and on a real Apache Kafka.
package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is the binary under test.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sluice-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "sluice")
	build := exec.Command("go", "build", "-o", program, "../cmd/sluice")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %s\n", out)
		return 1
	}
	defer stopKafka()
	return m.Run()
}

// node is one `sluice up` on a data folder, which outlives its processes.
type node struct {
	t    *testing.T
	dir  string
	args []string
	cmd  *exec.Cmd
	log  *buffer
	out  *buffer
	done chan struct{}
}

// buffer collects what a process writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newNode prepares a node; Start runs it.
func newNode(t *testing.T, args ...string) *node {
	t.Helper()
	n := &node{t: t, dir: filepath.Join(shortDir(t), "d"), args: args, log: new(buffer), out: new(buffer)}
	t.Cleanup(func() {
		n.kill()
		if t.Failed() {
			t.Logf("log of the process:\n%s", tail(n.log.String(), 6000))
		}
	})
	return n
}

// shortDir is t.TempDir with a short path, since sockets have little room.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// start starts the process, on the ports of its last run if there was one, and waits until
// every part is ready.
func (n *node) start() {
	n.t.Helper()
	n.spawn()
	n.ready()
}

func (n *node) spawn() {
	n.t.Helper()
	args := append([]string{"up", "--assets", assets(n.t), "--data", n.dir}, n.args...)
	for flag, part := range map[string]string{"--listen": "collector", "--admin": "admin", "--clickhouse": "clickhouse"} {
		addr := "127.0.0.1:0"
		if b, err := os.ReadFile(filepath.Join(n.dir, "run", part+".addr")); err == nil {
			addr = strings.TrimSpace(string(b))
		}
		args = append(args, flag, addr)
	}
	n.cmd = exec.Command(program, args...)
	n.cmd.Stderr, n.cmd.Stdout = n.log, n.out
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	done := make(chan struct{})
	cmd := n.cmd
	go func() { cmd.Wait(); close(done) }()
	n.done = done
}

// assets is the folder that `make deps` fills.
func assets(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../.deps")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (n *node) ready() {
	n.t.Helper()
	n.wait(60*time.Second, "ready", func() bool {
		select {
		case <-n.done:
			n.t.Fatalf("the process ended: %s", tail(n.log.String(), 3000))
		default:
		}
		addr, err := os.ReadFile(filepath.Join(n.dir, "run", "admin.addr"))
		if err != nil {
			return false
		}
		resp, err := http.Get("http://" + strings.TrimSpace(string(addr)) + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// wait polls until f holds.
func (n *node) wait(patience time.Duration, what string, f func() bool) {
	n.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if f() {
			return
		}
	}
	n.t.Fatalf("not %s after %s", what, patience)
}

// kill ends the process at once, as a crash would.
func (n *node) kill() {
	if n.cmd == nil {
		return
	}
	n.cmd.Process.Kill()
	<-n.done
	n.cmd = nil
}

// stop asks the process to end and waits; it must end well.
func (n *node) stop() {
	n.t.Helper()
	n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.done:
	case <-time.After(30 * time.Second):
		n.t.Fatal("the process did not end within 30 s of SIGTERM")
	}
	if code := n.cmd.ProcessState.ExitCode(); code != 0 {
		n.t.Errorf("exit code %d after SIGTERM", code)
	}
	n.cmd = nil
}

// enginePID finds the engine's process among the children.
func (n *node) enginePID() int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", n.cmd.Process.Pid, n.cmd.Process.Pid))
	kids := strings.Fields(string(b))
	if err != nil || len(kids) == 0 {
		// Started by another thread of the parent.
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", n.cmd.Process.Pid))
		for _, f := range tasks {
			if b, err := os.ReadFile(f); err == nil {
				kids = append(kids, strings.Fields(string(b))...)
			}
		}
	}
	for _, k := range kids {
		if pid, err := strconv.Atoi(k); err == nil {
			return pid
		}
	}
	return 0
}

// addr is where a part listens.
func (n *node) addr(part string) string {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join(n.dir, "run", part+".addr"))
	if err != nil {
		n.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// key gives a write key of sluice.yaml by its prefix: wk_ for browsers, sk_ for servers.
func (n *node) key(prefix string) string {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join(n.dir, "sluice.yaml"))
	if err != nil {
		n.t.Fatal(err)
	}
	for _, w := range strings.Fields(string(b)) {
		if strings.HasPrefix(w, prefix) {
			return w
		}
	}
	n.t.Fatalf("no write key %s…", prefix)
	return ""
}

// command runs a command of the binary on the node's folder.
func (n *node) command(stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(args, "--data", n.dir)...)
	cmd.Env = append(os.Environ(), "SLUICE_ASSETS="+assets(n.t))
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must is command for what has to succeed.
func (n *node) must(args ...string) string {
	n.t.Helper()
	out, err := n.command("", args...)
	if err != nil {
		n.t.Fatalf("sluice %s: %v\n%s", strings.Join(args, " "), err, tail(out, 3000))
	}
	return out
}

// sql asks the store and gives the answer as tab-separated text without the last newline.
func (n *node) sql(q string) string {
	n.t.Helper()
	return strings.TrimSuffix(n.must("query", "--format", "TSVRaw", q), "\n")
}

// post sends a body to the front door.
func (n *node) post(path string, header map[string]string, body io.Reader) (int, string, http.Header) {
	n.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+n.addr("collector")+path, body)
	if err != nil {
		n.t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := (&http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableCompression: true}}).Do(req)
	if err != nil {
		n.t.Fatalf("%s: %v", path, err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), resp.Header
}

// events posts native events with the browser's key; they must be taken.
func (n *node) events(body string) {
	n.t.Helper()
	if code, answer, _ := n.post("/v1/events", map[string]string{"X-Write-Key": n.key("wk_")}, strings.NewReader(body)); code != 200 {
		n.t.Fatalf("answer %d %s", code, answer)
	}
}

// account is what `sluice status` says, by line.
func (n *node) account() (acc map[string]int64, closes bool) {
	n.t.Helper()
	out, err := n.command("", "status")
	if err != nil {
		return nil, false
	}
	acc = make(map[string]int64)
	for _, line := range strings.Split(out, "\n") {
		i := strings.LastIndexByte(strings.TrimRight(line, " "), ' ')
		if i < 0 {
			continue
		}
		if v, err := strconv.ParseInt(strings.TrimSpace(line[i:]), 10, 64); err == nil {
			acc[strings.TrimSpace(line[:i])] = v
		}
	}
	return acc, strings.Contains(out, "the account closes")
}

// settled waits until nothing is in flight and the account closes.
func (n *node) settled() map[string]int64 {
	n.t.Helper()
	var acc map[string]int64
	n.wait(90*time.Second, "settled", func() bool {
		var closes bool
		acc, closes = n.account()
		return closes && acc["in flight"] == 0
	})
	return acc
}
