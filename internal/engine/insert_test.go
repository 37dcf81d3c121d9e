package engine

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// TestInsertContentIsNeverSQL sends texts that would end an inline INSERT and start a statement.
func TestInsertContentIsNeverSQL(t *testing.T) {
	c := engine(t)
	must(t, c, "CREATE TABLE victim (a UInt8) ENGINE = MergeTree ORDER BY a")
	must(t, c, "CREATE TABLE injected (s String) ENGINE = MergeTree ORDER BY tuple()")
	evil := []string{
		"one\n\nDROP TABLE victim", "\n\n; DROP TABLE victim;\n\n", "\x00\n\nDROP TABLE victim\x00", "'); DROP TABLE victim; --",
		"\n\nINSERT INTO victim VALUES (1)\n\n", "\r\n\r\nDROP TABLE victim", "`\"'\\", "",
	}
	conn := dial(t, c, clickhouse.CompressionLZ4, nil)
	batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO injected")
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Column(0).Append(evil); err != nil {
		t.Fatal(err)
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(context.Background(), "SELECT s FROM injected")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for i := 0; rows.Next(); i++ {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		if i >= len(evil) {
			t.Fatalf("row %d: %q", i, s)
		}
		if s != evil[i] {
			t.Errorf("%q came back as %q", evil[i], s)
		}
	}
	// As a parameter, in the escaped form that the interface asks for, and in the two ways of inline data.
	esc := strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\t", "\\t", "\r", "\\r")
	for _, s := range evil[:2] {
		if got := must(t, c, "SELECT {s:String} = unhex({h:String})", "param_s", esc.Replace(s), "param_h", hexOf(s)); got != "1" {
			t.Errorf("parameter %q: %s", s, got)
		}
	}
	must(t, c, "INSERT INTO injected FORMAT RowBinary\n\x1baaa\n\nDROP TABLE victim\n\n;;;")
	must(t, c, "INSERT INTO injected VALUES ('b\n\nDROP TABLE victim\n\n')")
	if code, _, out := call(t, c, "admin", adminPassword, "INSERT INTO injected VALUES ('c'); DROP TABLE victim", nil); code == http.StatusOK {
		t.Errorf("a second statement behind the values was accepted: %s", out)
	}
	if got := must(t, c, "SELECT count() FROM victim"); got != "0" {
		t.Errorf("victim has %s rows", got)
	}
	if got := must(t, c, "SELECT count() FROM injected"); got != "10" {
		t.Errorf("injected has %s rows, want 10", got)
	}
}

func hexOf(s string) string {
	const d = "0123456789abcdef"
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(d[s[i]>>4])
		b.WriteByte(d[s[i]&15])
	}
	return b.String()
}

func TestInsertWithoutData(t *testing.T) {
	c := engine(t)
	must(t, c, "CREATE TABLE nodata (a UInt64, b UInt64) ENGINE = MergeTree ORDER BY a")
	for _, sql := range []string{"INSERT INTO nodata FORMAT Native", "INSERT INTO nodata (a) FORMAT RowBinary", "INSERT INTO nodata VALUES"} {
		code, h, out := call(t, c, "admin", adminPassword, sql, nil)
		if code == http.StatusOK || h.Get("X-ClickHouse-Exception-Code") != "108" {
			t.Errorf("%s: %d %s", sql, code, out)
		}
	}
	// The driver sends an empty body for columns of unequal length; its Send must not be a success.
	batch, err := dial(t, c, clickhouse.CompressionLZ4, nil).PrepareBatch(context.Background(), "INSERT INTO nodata")
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Column(0).Append([]uint64{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if err := batch.Column(1).Append([]uint64{1}); err != nil {
		t.Fatal(err)
	}
	if err := batch.Send(); err == nil {
		t.Error("a batch of unequal columns was sent without an error")
	}
	if got := must(t, c, "SELECT count() FROM nodata"); got != "0" {
		t.Errorf("%s rows", got)
	}
}

func TestInsertCutBody(t *testing.T) {
	c := engine(t)
	must(t, c, "CREATE TABLE cut (a UInt64) ENGINE = MergeTree ORDER BY a")
	native := []byte("\x01\x03\x01a\x06UInt64" + strings.Repeat("\x01\x00\x00\x00\x00\x00\x00\x00", 3))
	var framed bytes.Buffer
	if _, err := newFrameEncoder(&framed, "LZ4").Write(native); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 15, 24, 25, framed.Len() - 1} {
		code, _, out := call(t, c, "admin", adminPassword, "INSERT INTO cut FORMAT Native", framed.Bytes()[:n], "decompress", "1")
		if code == http.StatusOK {
			t.Errorf("a frame cut after %d bytes was accepted: %s", n, out)
		}
	}
	for _, n := range []int{1, 3, len(native) - 1} {
		if code, _, out := call(t, c, "admin", adminPassword, "INSERT INTO cut FORMAT Native", native[:n]); code == http.StatusOK {
			t.Errorf("a block cut after %d bytes was accepted: %s", n, out)
		}
	}
	if got := must(t, c, "SELECT count() FROM cut"); got != "0" {
		t.Errorf("%s rows", got)
	}
	code, h, out := call(t, c, "admin", adminPassword, "INSERT INTO cut FORMAT Native", framed.Bytes(), "decompress", "1")
	if code != http.StatusOK || !strings.Contains(h.Get("X-ClickHouse-Summary"), `"written_rows":"3"`) {
		t.Errorf("%d %s %s", code, h, out)
	}
}

// dedupTables makes a source and the target of a view on it, both with a window of tokens.
func dedupTables(t *testing.T, c *Child) {
	must(t, c, "CREATE TABLE src (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 1000")
	must(t, c, "CREATE TABLE dst (k UInt64, n UInt64) ENGINE = SummingMergeTree ORDER BY k SETTINGS non_replicated_deduplication_window = 1000")
	must(t, c, "CREATE MATERIALIZED VIEW src_to_dst TO dst AS SELECT a % 10 AS k, count() AS n FROM src GROUP BY k")
}

func insertWithToken(t *testing.T, c *Child, token string, n int) error {
	conn := dial(t, c, clickhouse.CompressionLZ4, nil)
	ctx := clickhouse.Context(context.Background(), clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplication_token": token, "deduplicate_blocks_in_dependent_materialized_views": 1,
	}))
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO src")
	if err != nil {
		return err
	}
	a := make([]uint64, n)
	for i := range a {
		a[i] = uint64(i)
	}
	if err := batch.Column(0).Append(a); err != nil {
		return err
	}
	return batch.Send()
}

func TestTokensSurviveKill(t *testing.T) {
	c := startChild(t, t.TempDir())
	dedupTables(t, c)
	check := func(when, want string) {
		t.Helper()
		if got := must(t, c, "SELECT (SELECT count() FROM src), (SELECT sum(n) FROM dst)"); got != want {
			t.Fatalf("%s: %s, want %s", when, got, want)
		}
	}
	for _, token := range []string{"inc:raw:0:0-1000:s", "inc:raw:0:0-1000:s", "inc:raw:0:1000-2000:s"} {
		if err := insertWithToken(t, c, token, 1000); err != nil {
			t.Fatal(err)
		}
	}
	check("before the kill", "2000\t2000")
	addr, pid := c.Addr(), c.PID()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// The address stays open, so the next call waits until the process is up again.
	deadline := time.Now().Add(60 * time.Second)
	for c.PID() == pid || c.PID() == 0 {
		if time.Now().After(deadline) {
			t.Fatal("no new process")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if c.Addr() != addr {
		t.Fatal("the address changed")
	}
	check("after the kill", "2000\t2000")
	for _, token := range []string{"inc:raw:0:0-1000:s", "inc:raw:0:1000-2000:s"} {
		if err := insertWithToken(t, c, token, 1000); err != nil {
			t.Fatal(err)
		}
	}
	check("after repeating both batches", "2000\t2000")
	if err := insertWithToken(t, c, "inc:raw:0:2000-2500:s", 500); err != nil {
		t.Fatal(err)
	}
	check("after a new batch", "2500\t2500")
	if c.Restarts() != 1 {
		t.Errorf("%d restarts", c.Restarts())
	}
}

func TestErasureByMutation(t *testing.T) {
	c := engine(t)
	must(t, c, "CREATE TABLE events_e (pid UInt64, day Date, v String) ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY pid")
	must(t, c, "INSERT INTO events_e SELECT number % 1000, toDate('2024-01-01') + number % 90, toString(number) FROM numbers(100000)")
	must(t, c, "CREATE TABLE erase_list (pid UInt64) ENGINE = MergeTree ORDER BY pid")
	must(t, c, "INSERT INTO erase_list VALUES (1), (2), (3)")
	must(t, c, "ALTER TABLE events_e DELETE WHERE pid IN (SELECT pid FROM erase_list)", "mutations_sync", "2")
	if got := must(t, c, "SELECT count(), countIf(pid IN (1, 2, 3)) FROM events_e"); got != "99700\t0" {
		t.Errorf("after DELETE: %s", got)
	}
	if got := must(t, c, "SELECT count() FROM system.mutations WHERE table = 'events_e' AND NOT is_done"); got != "0" {
		t.Errorf("%s mutations are open", got)
	}
	must(t, c, "DELETE FROM events_e WHERE pid = {p:UInt64}", "param_p", "4", "lightweight_deletes_sync", "2")
	if got := must(t, c, "SELECT countIf(pid = 4) FROM events_e"); got != "0" {
		t.Errorf("after a lightweight DELETE: %s", got)
	}
}
