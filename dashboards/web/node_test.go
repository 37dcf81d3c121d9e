package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-events/sluice/dashboards/web"
)

// node is a whole `sluice up` with collector, broker, enricher and engine: what the page
// shows of it is real.
type node struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	done chan struct{}
	log  bytes.Buffer // read it after done
}

func startNode(t *testing.T, args ...string) *node {
	t.Helper()
	root := repoRoot(t)
	if _, err := os.Stat(filepath.Join(root, ".deps", "lib", "libchdb.so")); err != nil {
		missing(t, "the ClickHouse engine is not installed in .deps: run make deps")
	}
	dir, err := os.MkdirTemp("", "sl") // short: sockets have little room
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	exe := filepath.Join(dir, "sluice")
	if out, err := exec.Command("go", "build", "-o", exe, root+"/cmd/sluice").CombinedOutput(); err != nil {
		t.Fatalf("build: %s", out)
	}
	n := &node{t: t, dir: filepath.Join(dir, "d"), done: make(chan struct{})}
	const free = "127.0.0.1:0"
	n.cmd = exec.Command(exe, append([]string{"up", "--assets", filepath.Join(root, ".deps"), "--data", n.dir, "--listen", free, "--admin", free, "--clickhouse", free}, args...)...)
	n.cmd.Stdout, n.cmd.Stderr = &n.log, &n.log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { n.cmd.Wait(); close(n.done) }()
	t.Cleanup(func() {
		n.stop()
		if t.Failed() {
			t.Logf("log of the process:\n%s", n.log.String())
		}
	})
	n.wait("ready", func() bool { code, _ := n.get("/readyz"); return code == http.StatusOK })
	return n
}

// stop ends the process as an operator would.
func (n *node) stop() {
	n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.done:
	case <-time.After(30 * time.Second):
		n.cmd.Process.Kill()
		<-n.done
	}
}

func (n *node) wait(what string, f func() bool) {
	n.t.Helper()
	for end := time.Now().Add(time.Minute); !f(); time.Sleep(50 * time.Millisecond) {
		select {
		case <-n.done:
			n.t.Fatalf("the process ended before it was %s", what)
		default:
		}
		if time.Now().After(end) {
			n.t.Fatalf("not %s within a minute", what)
		}
	}
}

func (n *node) addr(part string) string {
	b, _ := os.ReadFile(filepath.Join(n.dir, "run", part+".addr"))
	return strings.TrimSpace(string(b))
}

func (n *node) page() string { return "http://" + n.addr("admin") + "/" }

func (n *node) get(path string) (int, []byte) {
	resp, err := http.Get("http://" + n.addr("admin") + path)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, body
}

func (n *node) account() (a web.Account) {
	n.t.Helper()
	_, body := n.get("/api/account")
	if err := json.Unmarshal(body, &a); err != nil {
		n.t.Fatalf("account: %v", err)
	}
	return a
}

// send sends events of sluice's own protocol, and tells the answer's code.
func (n *node) send(key string, events ...string) int {
	n.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+n.addr("collector")+"/v1/events", strings.NewReader("["+strings.Join(events, ",")+"]"))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("X-Write-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
