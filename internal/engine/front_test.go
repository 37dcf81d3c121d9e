package engine

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPing(t *testing.T) {
	c := engine(t)
	for _, path := range []string{"/ping", "/"} {
		r, err := http.NewRequest(http.MethodGet, "http://"+c.Addr()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if code, _, out := do(t, r); code != http.StatusOK || out != "Ok.\n" {
			t.Errorf("%s: %d %q", path, code, out)
		}
	}
}

func TestLogin(t *testing.T) {
	c := engine(t)
	get := func(v url.Values, header http.Header) int {
		r, err := http.NewRequest(http.MethodPost, "http://"+c.Addr()+"/?"+v.Encode(), strings.NewReader("SELECT 1"))
		if err != nil {
			t.Fatal(err)
		}
		for k, vs := range header {
			r.Header[k] = vs
		}
		code, h, out := do(t, r)
		if code != http.StatusOK && (h.Get("X-ClickHouse-Exception-Code") != "516" || strings.Contains(out, "wrong")) {
			t.Errorf("%d %s %s", code, h, out)
		}
		return code
	}
	good := http.Header{"X-Clickhouse-User": {"reader"}, "X-Clickhouse-Key": {readerPassword}}
	bad := http.Header{"X-Clickhouse-User": {"reader"}, "X-Clickhouse-Key": {"wrong"}}
	for i, x := range []struct {
		v    url.Values
		h    http.Header
		want int
	}{
		{nil, good, 200}, {nil, bad, 403}, {nil, nil, 403}, {url.Values{"user": {"reader"}, "password": {readerPassword}}, nil, 200},
		{url.Values{"user": {"reader"}, "password": {"wrong"}}, nil, 403}, {url.Values{"user": {"nobody"}, "password": {"wrong"}}, nil, 403},
		{url.Values{"user": {"reader"}, "password": {readerPassword}}, bad, 403}, {url.Values{"user": {"reader"}, "password": {adminPassword}}, nil, 403},
	} {
		if got := get(x.v, x.h); got != x.want {
			t.Errorf("case %d: %d, want %d", i, got, x.want)
		}
	}
}

func TestSeveralStatements(t *testing.T) {
	c := engine(t)
	for _, sql := range []string{"SELECT 1; SELECT 2", "SELECT 1;;SET ROLE admin", "SELECT ';' ; -- x\nSELECT 2", "SET max_threads = 1; SELECT 1",
		"CREATE TABLE pw1 (a Int8) ENGINE = Memory PARALLEL WITH CREATE TABLE pw2 (a Int8) ENGINE = Memory"} {
		if code, h, out := call(t, c, "admin", adminPassword, sql, nil); code != 400 || h.Get("X-ClickHouse-Exception-Code") != "62" {
			t.Errorf("%s: %d %s", sql, code, out)
		}
	}
	for _, sql := range []string{"SELECT 1;", "SELECT 1 ; -- end; SELECT 2", "SELECT 1 /* ; SELECT 2 */", "SELECT 1 AS `;`", "SELECT $x$;$x$ != ''"} {
		if got := must(t, c, sql); got != "1" {
			t.Errorf("%s: %s", sql, got)
		}
	}
}

// TestReach tries to read and write outside the engine, as each role.
func TestReach(t *testing.T) {
	c := engine(t)
	must(t, c, "CREATE TABLE IF NOT EXISTS open_t (a UInt8) ENGINE = MergeTree ORDER BY a")
	must(t, c, "CREATE TABLE IF NOT EXISTS closed_t (a UInt8) ENGINE = MergeTree ORDER BY a")
	outside := []string{
		"SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT file('/etc/passwd')", "SELECT `file`('/etc/passwd')", "SELECT FILE ( '/etc/passwd')",
		"SELECT * FROM `/etc/passwd`", "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')", "SELECT * FROM remote('127.0.0.1:1', 'system.one')",
		"SELECT * FROM s3('http://127.0.0.1:1/x', 'CSV')", "SELECT 1 INTO OUTFILE '/tmp/sluice-outfile'", "SYSTEM FLUSH LOGS", "SET max_threads = 1", "SET ROLE admin",
		"ATTACH TABLE x (a Int8) ENGINE = Memory", "BACKUP TABLE open_t TO File('/tmp/sluice-backup')", "KILL QUERY WHERE 1", "GRANT ALL ON *.* TO default",
		"CREATE USER x", "CREATE FUNCTION f AS (x) -> x", "SELECT * FROM executable('x', 'CSV', 'a String')", "EXPLAIN SELECT file('/etc/passwd')",
		"WITH file('/etc/passwd') AS x SELECT x", "SELECT * FROM merge('system', 'processes')", "SELECT * FROM sqlite('/tmp/x', 't')",
		"SELECT 'a' --'\n, file('/etc/passwd')", "SELECT addressToLine(1)", "SELECT getServerSetting('max_server_memory_usage')",
		"SELECT dictGet('x', 'y', 1); SELECT 1", "SELECT $a$ $a$, file('/etc/passwd')", "SELECT '\\'' , file('/etc/passwd') --'",
	}
	writerOutside := []string{
		"CREATE TABLE f1 (a String) ENGINE = File('CSV', '/etc/passwd')", "CREATE TABLE f2 (a String) ENGINE URL('http://127.0.0.1:1', 'CSV')",
		"CREATE TABLE f3 (a String) ENGINE = `File`('CSV', '/etc/passwd')", "INSERT INTO FUNCTION file('/tmp/sluice-x', 'CSV', 'a UInt8') SELECT 1",
		"INSERT INTO open_t FROM INFILE '/etc/passwd' FORMAT CSV", "CREATE DATABASE fs ENGINE = Filesystem('/')", "INSERT INTO open_t VALUES (length(file('/etc/passwd')))",
		"CREATE DICTIONARY d (a UInt64, b String) PRIMARY KEY a SOURCE(FILE(path '/etc/passwd' format 'CSV')) LAYOUT(FLAT()) LIFETIME(1)",
		"CREATE OR REPLACE FUNCTION f AS (x) -> x", "CREATE TABLE f4 (a UInt8, b String DEFAULT file('/etc/passwd')) ENGINE = Memory",
		"CREATE TABLE f5 AS url('http://127.0.0.1:1/', 'CSV', 'a String')", "ALTER USER default IDENTIFIED BY 'x'", "DROP ROLE admin",
	}
	readerOutside := []string{"INSERT INTO open_t VALUES (1)", "CREATE TABLE r1 (a Int8) ENGINE = Memory", "DROP TABLE open_t", "ALTER TABLE open_t DELETE WHERE 1",
		"SELECT query FROM system.processes", "SELECT query FROM `system`.processes", "SELECT 1 SETTINGS max_memory_usage = 0", "TRUNCATE TABLE open_t"}
	refused := func(user, password, sql string, args ...string) {
		t.Helper()
		code, h, out := call(t, c, user, password, sql, nil, args...)
		if code == http.StatusOK || h.Get("X-ClickHouse-Exception-Code") == "" || strings.Contains(out, "root:") {
			t.Errorf("%s: %s: %d %s", user, sql, code, out)
		}
	}
	for _, sql := range append(outside, readerOutside...) {
		refused("reader", readerPassword, sql)
	}
	for _, sql := range append(outside, writerOutside...) {
		refused("writer", writerPassword, sql)
	}
	refused("reader", readerPassword, "SELECT * FROM processes", "database", "system")
	refused("narrow", readerPassword, "SELECT count() FROM closed_t")
	refused("narrow", readerPassword, "SELECT count() FROM default.closed_t SETTINGS readonly = 0")
	for user, sqls := range map[string][]string{
		"reader": {"SELECT count() FROM open_t", "SHOW TABLES", "DESCRIBE TABLE open_t", "EXPLAIN SELECT 1", "SELECT name FROM system.tables LIMIT 1", "WITH 1 AS x SELECT x", "(SELECT 1)",
			"SELECT sum(number) FROM numbers(10)", "SELECT format('{}', 'x')", "SELECT 'file(' AS engine, 1 AS system", "EXISTS TABLE open_t"},
		"narrow": {"SELECT count() FROM open_t"},
		"writer": {"CREATE TABLE IF NOT EXISTS w1 (a UInt8, engine String) ENGINE = MergeTree ORDER BY a", "INSERT INTO w1 VALUES (1, 'x')", "INSERT INTO w1 SELECT 2, 'y'", "OPTIMIZE TABLE w1 FINAL",
			"ALTER TABLE w1 ADD COLUMN b String", "CREATE MATERIALIZED VIEW IF NOT EXISTS w2 ENGINE = SummingMergeTree ORDER BY a AS SELECT a, count() AS n FROM w1 GROUP BY a",
			"ALTER TABLE w1 DELETE WHERE a = 1", "TRUNCATE TABLE w1", "DROP TABLE w2", "RENAME TABLE w1 TO w3", "DROP TABLE w3", "CREATE DATABASE IF NOT EXISTS wdb", "DROP DATABASE wdb"},
	} {
		for _, sql := range sqls {
			password := readerPassword
			if user == "writer" {
				password = writerPassword
			}
			if code, _, out := call(t, c, user, password, sql, nil); code != http.StatusOK {
				t.Errorf("%s: %s: %d %s", user, sql, code, out)
			}
		}
	}
}

func TestReaderLimits(t *testing.T) {
	c := engine(t)
	for _, x := range [][]string{{"max_memory_usage", "0"}, {"max_execution_time", "0"}, {"readonly", "0"}, {"log_comment", "x"}} {
		code, _, out := call(t, c, "reader", readerPassword, "SELECT getSetting('max_memory_usage'), getSetting('max_execution_time'), getSetting('readonly')", nil, x...)
		if code != http.StatusOK || strings.TrimSpace(out) != "419430400\t60\t1" {
			t.Errorf("%v: %d %s", x, code, out)
		}
	}
	if code, h, out := call(t, c, "reader", readerPassword, "SELECT groupArray(number) FROM numbers(200000000)", nil); code == http.StatusOK || h.Get("X-ClickHouse-Exception-Code") != "241" {
		t.Errorf("%d %s", code, out)
	}
}

func TestSettingsAndParameters(t *testing.T) {
	c := engine(t)
	if got := must(t, c, "SELECT getSetting('max_threads')", "max_threads", "7"); got != "7" {
		t.Errorf("max_threads: %s", got)
	}
	if got := must(t, c, "SELECT {a:UInt32} + {b:UInt32}, {s:String}", "param_a", "1", "param_b", "2", "param_s", `x\ty`); got != `3`+"\t"+`x\ty` {
		t.Errorf("parameters: %q", got)
	}
	for _, x := range []struct{ sql, name, value, code string }{
		{"SELECT 1", "no_such_setting", "1", "115"}, {"SELECT 1", "max_threads", "many", "27"}, {"SELECT 1", "a b", "1", "36"},
		{"SELECT {a:UInt8}", "param_b", "1", "456"}, {"SELECT 1", "database", "nowhere", "81"}, {"SELECT a b c", "max_threads", "1", "62"},
	} {
		code, h, out := call(t, c, "admin", adminPassword, x.sql, nil, x.name, x.value)
		if code == http.StatusOK || h.Get("X-ClickHouse-Exception-Code") != x.code {
			t.Errorf("%s with %s=%s: %d %s %s", x.sql, x.name, x.value, code, h.Get("X-ClickHouse-Exception-Code"), out)
		}
	}
	if code, h, _ := call(t, c, "admin", adminPassword, "", nil); code != 400 || h.Get("X-ClickHouse-Exception-Code") != "62" {
		t.Errorf("an empty statement: %d", code)
	}
}

func TestFormats(t *testing.T) {
	c := engine(t)
	const sql = "SELECT number AS n FROM numbers(3) SETTINGS max_block_size = 1"
	for format, want := range map[string]string{
		"TSV": "0\n1\n2\n", "CSVWithNames": "\"n\"\n0\n1\n2\n", "JSONEachRow": "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n", "JSONColumns": "{\n\t\"n\": [0, 1, 2]\n}\n",
		"Values": "(0),(1),(2)", "JSONCompactEachRow": "[0]\n[1]\n[2]\n",
	} {
		for _, args := range [][]string{{"default_format", format}, {"default_format", format, "wait_end_of_query", "1"}} {
			code, h, out := call(t, c, "admin", adminPassword, sql, nil, args...)
			if code != http.StatusOK || out != want || h.Get("X-ClickHouse-Format") != format {
				t.Errorf("%s: %d %q %s", format, code, out, h)
			}
		}
		named := strings.Replace(sql, " SETTINGS", " FORMAT "+format+" SETTINGS", 1)
		if code, h, out := call(t, c, "admin", adminPassword, named, nil); code != http.StatusOK || out != want || h.Get("X-ClickHouse-Format") != format {
			t.Errorf("%s: %d %q %s", named, code, out, h)
		}
	}
	if got := must(t, c, "SELECT number % 2 AS k, count() FROM numbers(4) GROUP BY k WITH TOTALS ORDER BY k"); got != "0\t2\n1\t2\n\n0\t4" {
		t.Errorf("WITH TOTALS: %q", got)
	}
	code, h, out := call(t, c, "admin", adminPassword, "SELECT throwIf(number = 3000000) FROM numbers(4000000)", nil, "wait_end_of_query", "1")
	if code == http.StatusOK || h.Get("X-ClickHouse-Exception-Code") != "395" {
		t.Errorf("wait_end_of_query: %d %.200s", code, out)
	}
	code, h, out = call(t, c, "admin", adminPassword, "SELECT throwIf(number = 3000000) FROM numbers(4000000)", nil)
	tag := h.Get("X-ClickHouse-Exception-Tag")
	if code != http.StatusOK || tag == "" || !strings.Contains(out, "\r\n__exception__\r\n"+tag+"\r\nCode: 395.") || !strings.HasSuffix(out, tag+"\r\n__exception__\r\n") {
		t.Errorf("the trailer: %d %q", code, out[max(0, len(out)-300):])
	}
}

func TestContentEncodings(t *testing.T) {
	c := engine(t)
	must(t, c, "CREATE TABLE enc (s String) ENGINE = MergeTree ORDER BY s")
	for _, e := range encodings {
		var body bytes.Buffer
		w, err := newEncoder(&body, e)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(w, "{\"s\":\"by %s\"}\n", e)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		v := url.Values{"query": {"INSERT INTO enc FORMAT JSONEachRow"}}
		r, err := http.NewRequest(http.MethodPost, "http://"+c.Addr()+"/?"+v.Encode(), bytes.NewReader(body.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("admin", adminPassword)
		r.Header.Set("Content-Encoding", e)
		if code, _, out := do(t, r); code != http.StatusOK {
			t.Errorf("%s: %d %s", e, code, out)
		}
		r, err = http.NewRequest(http.MethodPost, "http://"+c.Addr()+"/?enable_http_compression=1", strings.NewReader("SELECT s FROM enc WHERE s = 'by "+e+"'"))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("admin", adminPassword)
		r.Header.Set("Accept-Encoding", e)
		code, h, out := do(t, r)
		if code != http.StatusOK || h.Get("Content-Encoding") != e {
			t.Fatalf("%s: %d %s %q", e, code, h, out)
		}
		plain, err := decoder(strings.NewReader(out), e, false)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(plain); err != nil || string(got) != "by "+e+"\n" {
			t.Errorf("%s: %q %v", e, got, err)
		}
	}
	// Without the setting the answer is plain, whatever the client accepts.
	r, err := http.NewRequest(http.MethodGet, "http://"+c.Addr()+"/?query=SELECT+1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("admin", adminPassword)
	r.Header.Set("Accept-Encoding", "gzip")
	if _, h, out := do(t, r); h.Get("Content-Encoding") != "" || out != "1\n" {
		t.Errorf("%s %q", h, out)
	}
	var bomb bytes.Buffer
	gz := gzip.NewWriter(&bomb)
	_, _ = gz.Write(make([]byte, 64<<20))
	_ = gz.Close()
	r, err = http.NewRequest(http.MethodPost, "http://"+c.Addr()+"/", bytes.NewReader(bomb.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("admin", adminPassword)
	r.Header.Set("Content-Encoding", "gzip")
	if code, _, out := do(t, r); code != 400 {
		t.Errorf("a statement of 64 MiB: %d %.100s", code, out)
	}
}

func TestSummary(t *testing.T) {
	c := engine(t)
	must(t, c, "CREATE TABLE summed (a UInt64) ENGINE = MergeTree ORDER BY a")
	_, h, _ := call(t, c, "writer", writerPassword, "INSERT INTO summed SELECT number FROM numbers(1000)", nil)
	if s := h.Get("X-ClickHouse-Summary"); !strings.Contains(s, `"written_rows":"1000"`) {
		t.Error(s)
	}
	_, h, _ = call(t, c, "reader", readerPassword, "SELECT sum(a) AS s FROM summed FORMAT JSON", nil)
	if s := h.Get("X-ClickHouse-Summary"); !strings.Contains(s, `"read_rows":"1000"`) || !strings.Contains(s, `"result_rows":"1"`) {
		t.Error(s)
	}
	if h.Get("X-ClickHouse-Timezone") != "UTC" || h.Get("X-ClickHouse-Query-Id") == "" || h.Get("Content-Type") != "application/json; charset=UTF-8" {
		t.Error(h)
	}
}

func TestGetChangesNothing(t *testing.T) {
	c := engine(t)
	for q, want := range map[string]int{"SELECT 1": 200, "CREATE TABLE g (a Int8) ENGINE = Memory": 403, "DROP TABLE g": 403} {
		r, err := http.NewRequest(http.MethodGet, "http://"+c.Addr()+"/?query="+url.QueryEscape(q), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("admin", adminPassword)
		if code, _, out := do(t, r); code != want {
			t.Errorf("%s: %d %s", q, code, out)
		}
	}
}

func TestCancelledClientEndsItsStatement(t *testing.T) {
	c := engine(t)
	for _, sql := range []string{"SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number)) /* slow */", "SELECT sleepEachRow(0.1) FROM numbers(10000) /* slow */",
		"CREATE TABLE slow_t ENGINE = Memory AS SELECT sleepEachRow(0.1) AS x FROM numbers(10000) SETTINGS max_block_size = 10, function_sleep_max_microseconds_per_block = 0 /* slow */"} {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Addr()+"/?max_execution_time=50&function_sleep_max_microseconds_per_block=0", strings.NewReader(sql))
			if err != nil {
				t.Error(err)
				return
			}
			r.SetBasicAuth("admin", adminPassword)
			resp, err := http.DefaultClient.Do(r)
			if err == nil {
				b, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				t.Logf("ended early: %d %.200s", resp.StatusCode, b)
			}
		}()
		running := func() string {
			return must(t, c, "SELECT count() FROM system.processes WHERE query LIKE '%/* slow *' || '/%'")
		}
		wait(t, "the statement runs", func() bool { return running() == "1" })
		cancel()
		<-done
		wait(t, "the statement is gone", func() bool { return running() == "0" })
	}
}

func wait(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestParallelParameters looks for answers that reached the wrong request.
func TestParallelParameters(t *testing.T) {
	c := engine(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 250 {
				want := fmt.Sprintf("%d-%d", w, i)
				v := url.Values{"param_a": {want}, "param_n": {fmt.Sprint(i)}, "max_threads": {fmt.Sprint(w + 1)}}
				r, err := http.NewRequest(http.MethodPost, "http://"+c.Addr()+"/?"+v.Encode(), strings.NewReader("SELECT {a:String}, sum(number), getSetting('max_threads') FROM numbers({n:UInt64} + 1)"))
				if err != nil {
					t.Error(err)
					return
				}
				r.SetBasicAuth("reader", readerPassword)
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				b, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if want := fmt.Sprintf("%s\t%d\t%d\n", want, i*(i+1)/2, w+1); err != nil || string(b) != want {
					t.Errorf("got %q, want %q (%v)", b, want, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestSessions(t *testing.T) {
	c := engine(t)
	in := func(sql string, args ...string) string { return must(t, c, sql, append(args, "session_id", "s1")...) }
	in("CREATE TEMPORARY TABLE tmp (a UInt8)")
	in("INSERT INTO tmp VALUES (1), (2)")
	if got := in("SELECT count() FROM tmp"); got != "2" {
		t.Errorf("temporary table: %s", got)
	}
	if got := in("SELECT getSetting('max_threads')", "max_threads", "5"); got != "5" {
		t.Errorf("with the setting: %s", got)
	}
	if got := in("SELECT getSetting('max_threads') = 5"); got != "0" {
		t.Error("the setting of one request stayed for the next")
	}
	in("SET max_block_size = 123")
	if got := in("SELECT getSetting('max_block_size')"); got != "123" {
		t.Errorf("SET in a session: %s", got)
	}
	if code, _, _ := call(t, c, "admin", adminPassword, "SELECT count() FROM tmp", nil, "session_id", "s2"); code == http.StatusOK {
		t.Error("another session sees the table")
	}
	if code, _, _ := call(t, c, "writer", writerPassword, "SELECT count() FROM tmp", nil, "session_id", "s1"); code == http.StatusOK {
		t.Error("another user's session sees the table")
	}
	if code, h, _ := call(t, c, "admin", adminPassword, "SELECT 1", nil, "session_id", "s3", "session_check", "1"); code == http.StatusOK || h.Get("X-ClickHouse-Exception-Code") != "372" {
		t.Error("session_check did not refuse")
	}
	in("SELECT 1", "close_session", "1")
	if code, _, _ := call(t, c, "admin", adminPassword, "SELECT count() FROM tmp", nil, "session_id", "s1"); code == http.StatusOK {
		t.Error("a closed session still has its table")
	}
}

func TestCurl(t *testing.T) {
	c := engine(t)
	curl, err := exec.LookPath("curl")
	if err != nil {
		missing(t, "curl is not installed")
	}
	must(t, c, "CREATE TABLE curl_t (a UInt8, s String) ENGINE = MergeTree ORDER BY a")
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(curl, append([]string{"-sS", "-u", "writer:" + writerPassword}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	base := "http://" + c.Addr() + "/"
	run(base, "--data-binary", "INSERT INTO curl_t FORMAT JSONEachRow {\"a\":1,\"s\":\"x\"}\n{\"a\":2,\"s\":\"y\"}")
	run(base+"?query=INSERT%20INTO%20curl_t%20FORMAT%20CSV", "--data-binary", "3,\"z\"\n")
	run(base, "-d", "INSERT INTO curl_t VALUES (4, 'w')")
	if got := run(base, "-d", "SELECT groupArray(s) FROM (SELECT s FROM curl_t ORDER BY a)"); got != "['x','y','z','w']\n" {
		t.Errorf("%q", got)
	}
	if got := run("-G", base, "--data-urlencode", "query=SELECT a, s FROM curl_t ORDER BY a LIMIT 1 FORMAT JSONCompactEachRow"); got != "[1, \"x\"]\n" && got != "[1,\"x\"]\n" {
		t.Errorf("%q", got)
	}
	if got := run("--compressed", base+"?enable_http_compression=1", "-d", "SELECT count() FROM curl_t"); got != "4\n" {
		t.Errorf("%q", got)
	}
	if got := run("-F", "query=SELECT {x:UInt8} + 1", "-F", "param_x=41", base); got != "42\n" {
		t.Errorf("a form: %q", got)
	}
	if got := run("-w", "%{http_code}", "-o", "/dev/null", base, "-d", "SELECT * FROM nowhere"); got != "404" {
		t.Errorf("status %s", got)
	}
}
