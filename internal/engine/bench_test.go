package engine

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// BenchmarkInsert sends blocks of 100,000 rows of a table with 30 columns through the driver, the front and
// the engine, whole columns at a time, and reports rows per second and the engine's memory.
func BenchmarkInsert(b *testing.B) {
	for name, m := range map[string]clickhouse.CompressionMethod{"none": clickhouse.CompressionNone, "lz4": clickhouse.CompressionLZ4} {
		b.Run(name, func(b *testing.B) { benchmarkInsert(b, m) })
	}
}

func benchmarkInsert(b *testing.B, m clickhouse.CompressionMethod) {
	const rows = 100_000
	c := startChild(b, b.TempDir())
	columns, ddl := wideColumns(rows)
	must(b, c, "CREATE TABLE wide ("+ddl+") ENGINE = MergeTree ORDER BY (c0, c1) SETTINGS non_replicated_deduplication_window = 1000")
	conn := dial(b, c, m, nil)
	ctx := context.Background()
	b.ResetTimer()
	begun, sending := time.Now(), time.Duration(0)
	for b.Loop() {
		batch, err := conn.PrepareBatch(ctx, "INSERT INTO wide")
		if err != nil {
			b.Fatal(err)
		}
		for i, col := range columns {
			if err := batch.Column(i).Append(col); err != nil {
				b.Fatal(err)
			}
		}
		sent := time.Now()
		if err := batch.Send(); err != nil {
			b.Fatal(err)
		}
		sending += time.Since(sent)
	}
	b.ReportMetric(float64(b.N*rows)/time.Since(begun).Seconds(), "rows/s")
	b.ReportMetric(float64(b.N*rows)/sending.Seconds(), "rows/s-without-append")
	b.ReportMetric(float64(peakMemory(b, c.PID()))/1024, "peak-MB")
}

// wideColumns makes 30 columns like those of a store: ids, times, names of few values, numbers, texts.
func wideColumns(rows int) (columns []any, ddl string) {
	var defs []string
	add := func(typ string, col any) {
		defs = append(defs, fmt.Sprintf("c%d %s", len(columns), typ))
		columns = append(columns, col)
	}
	ints, times := make([]uint64, rows), make([]time.Time, rows)
	for i := range rows {
		ints[i], times[i] = uint64(i)*0x9E3779B97F4A7C15, time.Unix(1_700_000_000+int64(i)/10, 0)
	}
	add("UInt64", ints)
	add("DateTime", times)
	for n := range 12 {
		col := make([]string, rows)
		for i := range col {
			col[i] = fmt.Sprintf("value %d", (i*7+n)%(20+n))
		}
		add("LowCardinality(String)", col)
	}
	for n := range 6 {
		col := make([]string, rows)
		for i := range col {
			col[i] = fmt.Sprintf("/path/%d/%d", n, i%5000)
		}
		add("String", col)
	}
	for n := range 6 {
		col := make([]float64, rows)
		for i := range col {
			col[i] = float64(i%1000) / float64(n+1)
		}
		add("Float64", col)
	}
	for n := range 4 {
		col := make([]uint32, rows)
		for i := range col {
			col[i] = uint32(i % (1000 * (n + 1)))
		}
		add("UInt32", col)
	}
	return columns, strings.Join(defs, ", ")
}

// peakMemory reads a process's largest resident size, in kB.
func peakMemory(b *testing.B, pid int) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kb int
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		b.Fatal(err)
	}
	return kb
}

// BenchmarkSmallQuery asks one row with a parameter, one connection, to show what a request costs beside its
// statement.
func BenchmarkSmallQuery(b *testing.B) {
	c := engine(b)
	for b.Loop() {
		if got := must(b, c, "SELECT {a:UInt8} + 1", "param_a", "41"); got != "42" {
			b.Fatal(got)
		}
	}
}
