package e2e

import (
	"io"
	"net/http"
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
