package clickhouse

import (
	"context"
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
			db := "test_" + compression
			var s *Sink
			sinktest.Run(t, sinktest.Harness{
				Open: func(t *testing.T, p *policy.Policy) sinks.Sink {
					s = open(t, e, p, func(c *Config) { c.Database, c.Compression = db, compression })
					sc, err := schema.Generate(p, schema.Options{Database: db})
					if err != nil {
						t.Fatal(err)
					}
					if plan, err := schema.Migrate(context.Background(), s, sc); err != nil {
						t.Fatalf("%v\n%s", err, plan)
					}
					return s
				},
				Kill: func(t *testing.T) { e.Kill(t) },
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
		})
	}
}
