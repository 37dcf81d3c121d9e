package clickhouse

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/sinks/schema"
	"github.com/sluice-events/sluice/sinks/sinktest/chtest"
)

func TestMain(m *testing.M) { os.Exit(chtest.Main(m)) }

func shipped(t testing.TB, name string) *policy.Policy {
	t.Helper()
	p, err := policy.Load(filepath.Join(chtest.Root(t), "deploy", "policies", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func open(t testing.TB, e *chtest.Engine, p *policy.Policy, change ...func(*Config)) *Sink {
	t.Helper()
	cfg := Config{Addr: []string{e.Addr()}, User: chtest.User, Password: chtest.Password}
	for _, f := range change {
		f(&cfg)
	}
	s, err := Open(context.Background(), cfg, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// migrated is a sink on an engine of its own whose tables are those of the policy.
func migrated(t testing.TB, p *policy.Policy) (*chtest.Engine, *Sink, *schema.Schema) {
	t.Helper()
	e := chtest.Start(t)
	s := open(t, e, p)
	sc, err := schema.Generate(p, schema.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if plan, err := schema.Migrate(context.Background(), s, sc); err != nil {
		t.Fatalf("%v\n%s", err, plan)
	}
	return e, s, sc
}

// day is noon of a day of November 2026 in Shanghai.
func day(n int) time.Time { return time.Date(2026, 11, n, 4, 0, 0, 0, time.UTC) }
