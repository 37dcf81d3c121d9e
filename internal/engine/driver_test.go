package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"
)

func TestDriverSmoke(t *testing.T) {
	c := engine(t)
	for name, m := range map[string]clickhouse.CompressionMethod{"none": clickhouse.CompressionNone, "lz4": clickhouse.CompressionLZ4,
		"zstd": clickhouse.CompressionZSTD, "gzip": clickhouse.CompressionGZIP, "deflate": clickhouse.CompressionDeflate, "br": clickhouse.CompressionBrotli} {
		for _, http := range []string{"0", "1"} {
			t.Run(name+"/enable_http_compression="+http, func(t *testing.T) {
				smoke(t, c, m, clickhouse.Settings{"enable_http_compression": http}, "smoke_"+name+http)
			})
		}
	}
}

func smoke(t *testing.T, c *Child, m clickhouse.CompressionMethod, s clickhouse.Settings, table string) {
	ctx := context.Background()
	conn := dial(t, c, m, s)
	if err := conn.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(ctx, "CREATE TABLE "+table+" (a UInt64, b String, c LowCardinality(String)) ENGINE = MergeTree ORDER BY a"); err != nil {
		t.Fatal(err)
	}
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+table+" (a, b, c)")
	if err != nil {
		t.Fatal(err)
	}
	const n = 200_000
	a, b, lc := make([]uint64, n), make([]string, n), make([]string, n)
	for i := range n {
		a[i], b[i], lc[i] = uint64(i), fmt.Sprintf("row %d", i), fmt.Sprintf("kind %d", i%7)
	}
	for i, col := range []any{a, b, lc} {
		if err := batch.Column(i).Append(col); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(ctx, "SELECT a, b, c FROM "+table+" WHERE a % 2 = {odd:UInt8} ORDER BY a", clickhouse.Named("odd", "1"))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	next := uint64(1)
	for rows.Next() {
		var x uint64
		var y, z string
		if err := rows.Scan(&x, &y, &z); err != nil {
			t.Fatal(err)
		}
		if x != next || y != fmt.Sprintf("row %d", x) || z != fmt.Sprintf("kind %d", x%7) {
			t.Fatalf("row %d came as %d, %q, %q", next, x, y, z)
		}
		next += 2
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if next != n+1 {
		t.Fatalf("the last row was %d", next)
	}
	var ex *clickhouse.Exception
	if err := conn.Exec(ctx, "SELECT * FROM no_such_table"); !errors.As(err, &ex) || ex.Code != 60 {
		t.Fatalf("want code 60, got %v", err)
	}
	late, err := conn.Query(ctx, "SELECT throwIf(number = 3000000, 'late') FROM numbers(4000000)")
	if err == nil {
		for late.Next() {
		}
		err = late.Err()
		late.Close()
	}
	if !errors.As(err, &ex) || ex.Code != 395 {
		t.Fatalf("an error after the first byte: want code 395, got %v", err)
	}
}

func TestDriverEmptyResult(t *testing.T) {
	conn := dial(t, engine(t), clickhouse.CompressionLZ4, nil)
	rows, err := conn.Query(context.Background(), "SELECT 1 AS x WHERE 0")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if rows.Next() || rows.Err() != nil {
		t.Fatalf("want no row and no error, got %v", rows.Err())
	}
}

// TestDriverJSON writes a JSON column as texts and reads it as texts, which needs one setting for the output.
func TestDriverJSON(t *testing.T) {
	c := engine(t)
	conn := dial(t, c, clickhouse.CompressionLZ4, clickhouse.Settings{"output_format_native_write_json_as_string": 1})
	ctx := context.Background()
	must(t, c, "CREATE TABLE json_t (id UInt64, p JSON) ENGINE = MergeTree ORDER BY id")
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO json_t")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`{"a":1,"b":{"c":"x\n\n;"}}`, `{"a":"y"}`, `{}`}
	for i, col := range []any{[]uint64{1, 2, 3}, want} {
		if err := batch.Column(i).Append(col); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
	var got []string
	rows, err := conn.Query(ctx, "SELECT p FROM json_t ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	if d := cmp.Diff(want, got); d != "" || rows.Err() != nil {
		t.Error(d, rows.Err())
	}
	if got := must(t, c, "SELECT p.b.c FROM json_t WHERE id = 1"); got != "x\\n\\n;" {
		t.Errorf("a path: %q", got)
	}
}

// TestDriverTypes writes and reads the types that the stores use, each with the driver's own values.
func TestDriverTypes(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, shanghai)
	ms := time.Date(2024, 5, 6, 7, 8, 9, 123e6, time.UTC)
	day := time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC)
	columns := []struct {
		typ   string
		value any
	}{
		{"UInt8", uint8(1)}, {"UInt16", uint16(2)}, {"UInt32", uint32(3)}, {"UInt64", uint64(4)},
		{"Int8", int8(-1)}, {"Int16", int16(-2)}, {"Int32", int32(-3)}, {"Int64", int64(-4)},
		{"Float32", float32(1.5)}, {"Float64", 2.5}, {"Bool", true},
		{"String", "text\n\n; DROP TABLE x --'\"`\x00"}, {"LowCardinality(String)", "low"},
		{"FixedString(16)", "0123456789abcdef"}, {"Enum8('no' = 0, 'yes' = 1)", "yes"},
		{"DateTime('Asia/Shanghai')", at}, {"DateTime64(3, 'UTC')", ms}, {"Date", day}, {"Date32", day},
		{"Array(String)", []string{"a", "", "c"}}, {"Array(LowCardinality(String))", []string{"x", "x"}},
		{"Map(String, String)", map[string]string{"k": "v"}}, {"Map(LowCardinality(String), Float64)", map[string]float64{"m": 1}},
		{"Array(UInt64)", []uint64{1, 2}}, {"Tuple(String, UInt8)", []any{"t", uint8(9)}},
		{"DateTime", time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)},
	}
	c := engine(t)
	for _, m := range []clickhouse.CompressionMethod{clickhouse.CompressionNone, clickhouse.CompressionLZ4} {
		conn := dial(t, c, m, nil)
		table := fmt.Sprintf("types_%d", m)
		ddl := "CREATE TABLE " + table + " ("
		for i, col := range columns {
			ddl += fmt.Sprintf("c%d %s, ", i, col.typ)
		}
		ctx := context.Background()
		if err := conn.Exec(ctx, ddl+"id UInt8) ENGINE = MergeTree ORDER BY id"); err != nil {
			t.Fatal(err)
		}
		batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+table)
		if err != nil {
			t.Fatal(err)
		}
		values := []any{}
		for _, col := range columns {
			values = append(values, col.value)
		}
		if err := batch.Append(append(values, uint8(1))...); err != nil {
			t.Fatal(err)
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
		for i, col := range columns {
			rows, err := conn.Query(ctx, fmt.Sprintf("SELECT c%d, toTypeName(c%d) FROM %s", i, i, table))
			if err != nil {
				t.Fatal(err)
			}
			var typ string
			got := newOf(col.value)
			if !rows.Next() {
				t.Fatalf("%s: no row: %v", col.typ, rows.Err())
			}
			if err := rows.Scan(got, &typ); err != nil {
				t.Fatalf("%s: %v", col.typ, err)
			}
			rows.Close()
			if typ != col.typ {
				t.Errorf("%s is spelled %s by the engine", col.typ, typ)
			}
			if want, have := fmt.Sprint(col.value), fmt.Sprint(deref(got)); want != have && !sameTime(col.value, deref(got)) {
				t.Errorf("%s: %s", col.typ, cmp.Diff(want, have))
			}
		}
	}
}
