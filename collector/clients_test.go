package collector

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// missing skips a test whose client is not installed, or fails it where the environment
// demands all clients.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("SLUICE_REQUIRE_CLIENTS") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// stockClient gives the command that runs a client of .deps/stock.
func stockClient(t *testing.T, kind string) *exec.Cmd {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	stock := filepath.Join(root, ".deps", "stock")
	if strings.HasPrefix(kind, "python") {
		python := filepath.Join(stock, "venv", "bin", "python")
		if err := exec.Command(python, "-c", "import segment.analytics").Run(); err != nil {
			missing(t, "segment-analytics-python is not installed in .deps/stock/venv: run make deps-test")
		}
		return exec.Command(python, filepath.Join("testdata", "clients", "client.py"))
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed")
	}
	modules := filepath.Join(stock, "node_modules")
	for _, name := range []string{"@segment/analytics-node", "@rudderstack/rudder-sdk-node"} {
		if _, err := os.Stat(filepath.Join(modules, name)); err != nil {
			missing(t, name+" is not installed in .deps/stock: run make deps-test")
		}
	}
	cmd := exec.Command(node, filepath.Join("testdata", "clients", "client.cjs"))
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	return cmd
}

// Stock clients, unmodified and told nothing but an address and a key, deliver every kind
// of call exactly once; also when the first try is answered 503 with Retry-After.
func TestStockClients(t *testing.T) {
	for _, kind := range []string{"segment", "rudder", "rudder-gzip", "python", "python-gzip"} {
		for _, away := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/away=%v", kind, away), func(t *testing.T) {
				cmd := stockClient(t, kind)
				r := newRigWith(t, func(c *Config) {
					c.Keys = append(c.Keys, WriteKey{Key: "stock", Tenant: "t2", Server: true})
					c.RetryAfter = time.Second
				}, nil)
				if away {
					r.broker.fail(fmt.Errorf("away: %w", ErrNotStored))
					go func() { // back once somebody was turned away
						for range 2000 {
							if r.metric("refused_total", "reason=broker") > 0 {
								break
							}
							time.Sleep(5 * time.Millisecond)
						}
						r.broker.fail(nil)
						r.advance(time.Second)
					}()
				}
				if cmd.Env == nil {
					cmd.Env = os.Environ()
				}
				cmd.Env = append(cmd.Env, "SLUICE_URL="+r.url, "SLUICE_KEY=stock", "SLUICE_CLIENT="+kind)
				out, err := cmd.CombinedOutput()
				if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "ok") {
					t.Errorf("%v\n%s", err, out)
				}
				if n := r.metric("refused_total", "reason=broker"); (n > 0) != away {
					t.Errorf("%v requests were turned away", n)
				}
				stockEvents(t, r)
				r.absent("canary", "203.0.113.77")
			})
		}
	}
}

// stockEvents checks what the scripts in testdata/clients send.
func stockEvents(t *testing.T, r *rig) {
	t.Helper()
	want := map[string]int{"identify": 1, "page_view": 1, "Lesson Started": 1, "screen_view": 1, "group": 1, "alias": 1}
	raws, _ := r.sealed()
	got, ids := make(map[string]int), make(map[string]bool)
	for i := range raws {
		raw := &raws[i]
		got[raw.Name]++
		ids[raw.MessageID] = true
		if raw.User.Reveal() != "u-1" || raw.Clamped {
			t.Errorf("%s: user known %v, clamped %v", raw.Name, !raw.User.IsZero(), raw.Clamped)
		}
		if raw.Name == "Lesson Started" {
			if d := cmp.Diff(map[string]string{"course": "c1", "position": "12.5"}, props(raw)); d != "" {
				t.Error(d)
			}
			if raw.Net.String() != "203.0.113.0/24" {
				t.Errorf("network of %d bits", raw.Net.Bits())
			}
		}
		if raw.Name == "page_view" && raw.Page != "https://edu.example/" {
			t.Errorf("page %q", raw.Page)
		}
	}
	if d := cmp.Diff(want, got); d != "" || len(ids) != len(want) {
		t.Errorf("%d message ids: %s", len(ids), d)
	}
}
