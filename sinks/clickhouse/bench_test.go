package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// BenchmarkWrite writes 50,000 rows at a time the three ways there are, each with its CPU
// time here and in the engine.
//
//	go test ./sinks/clickhouse -run '^$' -bench Write -benchtime 5x
func BenchmarkWrite(b *testing.B) {
	const rows = 50_000
	for _, c := range []struct{ policy, store string }{{"cn-edu", "ev_personalize"}, {"starter", "ev_personalize"}, {"starter", "ev_service"}} {
		p := shipped(b, c.policy)
		e, s, _ := migrated(b, p)
		lz4 := open(b, e, p, func(c *Config) { c.Compression = LZ4 })
		st := store(b, p, c.store)
		l, err := s.layout(st)
		if err != nil {
			b.Fatal(err)
		}
		src := some(st, rows, 7, [16]byte{7})
		n := 0
		run := func(name string, f func(ctx context.Context, token string) error) {
			b.Run(c.policy+"/"+c.store+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				mine, its := selfCPU(b), e.CPU(b)
				for b.Loop() {
					n++
					if err := f(context.Background(), fmt.Sprintf("bench-%s-%d", name, n)); err != nil {
						b.Fatal(err)
					}
				}
				total := float64(rows * b.N)
				b.ReportMetric(total/b.Elapsed().Seconds(), "rows/s")
				b.ReportMetric((selfCPU(b)-mine).Seconds()*1e6/total, "here-µs/row")
				b.ReportMetric((e.CPU(b)-its).Seconds()*1e6/total, "engine-µs/row")
				b.ReportMetric(0, "ns/op")
			})
		}
		run("block", func(ctx context.Context, token string) error {
			return s.send(ctx, l, src, token, mark{[16]byte{7}, rows})
		})
		run("block-lz4", func(ctx context.Context, token string) error {
			return lz4.send(ctx, l, src, token, mark{[16]byte{7}, rows})
		})
		run("driver-columns", func(ctx context.Context, token string) error {
			_, _, err := s.insertColumns(ctx, l, src, s.settings(token))
			return err
		})
		enc := new(encoder)
		block := enc.encode(l, src)
		run("raw-native", func(ctx context.Context, token string) error {
			return s.conn.InsertFormat(ch.Context(ctx, ch.WithSettings(s.settings(token))), "Native", l.insert, strings.NewReader(string(block)))
		})
	}
}

func selfCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkEncode is the block alone.
func BenchmarkEncode(b *testing.B) {
	p := shipped(b, "cn-edu")
	st := store(b, p, "ev_personalize")
	l, err := layoutOf("sluice", p, st)
	if err != nil {
		b.Fatal(err)
	}
	src := some(st, 50_000, 7, [16]byte{7})
	e := new(encoder)
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(e.encode(l, src))))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/50_000, "ns/row")
}
