package e2e

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// admin reads a page of the admin port.
func (n *node) admin(path string) (int, string) {
	n.t.Helper()
	resp, err := http.Get("http://" + n.addr("admin") + path)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// A running installation says what it does: counters, readiness, the account, the last
// events with reasons and clauses, and which part fails when one hangs.
func TestItShowsItself(t *testing.T) {
	n := newNode(t)
	n.start()
	n.events(`{"event":"page_view","user_id":"u1","consent":{"analytics":true,"personalize":false},"context":{"page":"https://a.example/x?y=1"},"props":{"secret_note":"` + canary + `"}}
{"event":"page_view","user_id":"u2"}`)
	n.settled()

	code, text := n.admin("/metrics")
	for _, want := range []string{
		"sluice_collector_received_events_total 2\n", "sluice_collector_sent_events_total 2\n", `sluice_collector_discarded_events_total{reason="schema"} 0`,
		`sluice_collector_errors_total{kind="produce"} 0`, "sluice_collector_batch_seconds_count",
		"sluice_enricher_received_events_total 2\n", "sluice_enricher_sent_events_total 2\n", `sluice_enricher_discarded_events_total{reason="duplicate"} 0`,
		`sluice_enricher_errors_total{kind="store"} 0`, "sluice_enricher_batch_seconds_count",
	} {
		if code != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("/metrics (%d) lacks %q", code, want)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/"} {
		if code, text := n.admin(path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	for _, last := range []string{n.must("explain", "--last", "20"), n.must("explain", "--event", `{"event":"page_view","user_id":"u2"}`)} {
		for _, want := range []string{"analytics: dropped, no consent (clause GDPR 6(1)(a))", `"analytics": true`, "kept in ev_service"} {
			if !strings.Contains(last, want) {
				t.Errorf("explain lacks %q:\n%s", want, last)
			}
		}
		if strings.Contains(last, canary) || strings.Contains(last, "u1") {
			t.Errorf("explain shows a value:\n%s", last)
		}
	}
	if out := n.must("doctor"); !strings.Contains(out, "one event went from the front door to its row") {
		t.Errorf("doctor: %s", out)
	}

	// The engine hangs: the door stays open, and doctor and readiness name the part.
	engine := n.enginePID()
	if err := syscall.Kill(engine, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(engine, syscall.SIGCONT)
	out, err := n.command("", "doctor")
	if err == nil || !strings.Contains(out, "ok     collector and broker") || !strings.Contains(out, "FAILS  enricher and engine") {
		t.Errorf("doctor of a hanging engine: %v\n%s", err, out)
	}
	if code, text := n.admin("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(text, "collector: ready") || strings.Contains(text, "enricher: ready") {
		t.Errorf("/readyz of a hanging engine: %d %s", code, text)
	}
	syscall.Kill(engine, syscall.SIGCONT)
	n.wait(30*time.Second, "ready again", func() bool { code, _ := n.admin("/readyz"); return code == http.StatusOK })
	n.settled()

	n.stop()
	if out, err := n.command("", "doctor"); err == nil || !strings.Contains(out, "FAILS  process") {
		t.Errorf("doctor without a process: %v\n%s", err, out)
	}
}

// The README's way to ask with curl, and what a person finds who looks at ClickHouse's door.
func TestReaderDoor(t *testing.T) {
	n := newNode(t)
	n.start()
	n.events(`{"event":"page_view","user_id":"u1"}`)
	n.settled()
	password, err := os.ReadFile(filepath.Join(n.dir, "secrets", "reader.password"))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(user, pass, q string) (int, string) {
		req, err := http.NewRequest(http.MethodGet, "http://"+n.addr("clickhouse")+"/?query="+url.QueryEscape(q), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(user, pass)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, strings.TrimSpace(string(b))
	}
	pass := strings.TrimSpace(string(password))
	if code, text := ask("reader", pass, "SELECT count() FROM ev_service"); code != http.StatusOK || text != "1" {
		t.Errorf("the README's question: %d %s", code, text)
	}
	if code, text := ask("reader", pass, "DROP TABLE ev_service"); code == http.StatusOK || !strings.Contains(text, "ACCESS_DENIED") {
		t.Errorf("a reader drops a table: %d %s", code, text)
	}
	if code, _ := ask("reader", "wrong", "SELECT 1"); code == http.StatusOK {
		t.Error("a wrong password was taken")
	}
}

// Kafka is away at the start: the process waits and says so once.
func TestStartsWithoutKafka(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	n := newNode(t, "--kafka", addr)
	n.spawn()
	said := func() int { return strings.Count(n.log.String(), "the broker is not available, waiting") }
	n.wait(20*time.Second, "the word about the broker", func() bool { return said() > 0 })
	time.Sleep(5 * time.Second) // more attempts pass
	if c := said(); c != 1 {
		t.Errorf("the log says %d times that it waits", c)
	}
	n.stop()
}
