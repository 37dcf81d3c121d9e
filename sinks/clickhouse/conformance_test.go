package clickhouse

import (
	"context"
	"crypto/tls"
	"net/url"
	"os"
	"strconv"
	"testing"

	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/sinks"
	"github.com/sluice-events/sluice/sinks/schema"
	"github.com/sluice-events/sluice/sinks/sinktest"
	"github.com/sluice-events/sluice/sinks/sinktest/chtest"
)

func number(t testing.TB, s *Sink, sql string) uint64 {
	t.Helper()
	rows, err := s.Strings(context.Background(), sql, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(rows[0][0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestConformance(t *testing.T) {
	e := chtest.Start(t)
	for _, compression := range []string{NoCompression, LZ4, ZSTD} {
		t.Run(compression, func(t *testing.T) {
			conform(t, Config{Addr: []string{e.Addr()}, User: chtest.User, Password: chtest.Password, Database: "test_" + compression, Compression: compression}, e.Kill)
		})
	}
}

// TestConformanceOnServer runs the suite on any server, named by an address such as
// clickhouse://user:password@host:9000 (the native protocol), http://… or https://…. It
// makes a database of its own there and drops it.
func TestConformanceOnServer(t *testing.T) {
	dsn := os.Getenv("SLUICE_CLICKHOUSE_DSN")
	if dsn == "" {
		t.Skip("SLUICE_CLICKHOUSE_DSN names no server")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("SLUICE_CLICKHOUSE_DSN is no address")
	}
	for _, compression := range []string{NoCompression, LZ4, ZSTD} {
		t.Run(compression, func(t *testing.T) {
			cfg := Config{Addr: []string{u.Host}, User: u.User.Username(), Database: "sluice_test_" + compression, Compression: compression}
			cfg.Password, _ = u.User.Password()
			if u.Scheme == "clickhouse" {
				cfg.Protocol = Native
			}
			if u.Scheme == "https" {
				cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
			}
			s := conform(t, cfg, func(testing.TB) { t.Log("nobody kills this server") })
			if err := s.Exec(context.Background(), "DROP DATABASE "+schema.Ident(cfg.Database)); err != nil {
				t.Error(err)
			}
		})
	}
}

// conform runs the suite on the server that cfg names.
func conform(t *testing.T, cfg Config, kill func(t testing.TB)) *Sink {
	t.Helper()
	var s *Sink
	sinktest.Run(t, sinktest.Harness{
		Open: func(t *testing.T, p *policy.Policy) sinks.Sink {
			var err error
			if s, err = Open(context.Background(), cfg, p); err != nil {
				t.Fatal(err)
			}
			sc, err := schema.Generate(p, schema.Options{Database: cfg.Database})
			if err != nil {
				t.Fatal(err)
			}
			if plan, err := schema.Migrate(context.Background(), s, sc); err != nil {
				t.Fatalf("%v\n%s", err, plan)
			}
			return s
		},
		Kill: func(t *testing.T) { kill(t) },
		Count: func(t *testing.T, store string) uint64 {
			return number(t, s, "SELECT toString(count()) FROM "+s.ref(store))
		},
		Seen: func(t *testing.T) uint64 {
			return number(t, s, "SELECT toString(sum(n)) FROM "+s.ref(schema.AggPidItemDay))
		},
		Account: func(t *testing.T) map[string]uint64 {
			lines, err := s.Account(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			out := make(map[string]uint64)
			for _, l := range lines {
				out[string(l.Kind)+" "+l.Event+" "+l.Key] += l.N
			}
			return out
		},
	})
	t.Cleanup(func() { _ = s.Close() })
	return s
}
