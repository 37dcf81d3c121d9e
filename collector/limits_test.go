package collector

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// sized pads an event with a long value to n bytes.
func sized(n int, format string) string {
	short := fmt.Sprintf(format, "")
	return fmt.Sprintf(format, strings.Repeat("a", n-len(short)))
}

// Each limit lets exactly its own size through and not one more.
func TestLimitsAtTheEdge(t *testing.T) {
	const (
		native  = `{"event":"page_view","props":{"page":"/%s"}}`
		segment = `{"type":"page","userId":"A","properties":{"url":"/%s"}}`
	)
	const ok, large = `{"accepted":2,"rejected":[]}`, `{"accepted":1,"rejected":[{"index":1,"reason":"too_large"}]}`
	cfg := DefaultConfig()
	if cfg.MaxEvent != 32<<10 || cfg.MaxBody != 500<<10 || cfg.MaxEvents != 2500 || cfg.MaxDepth != 32 {
		t.Fatalf("the defaults are not those of the protocol: %d %d %d %d", cfg.MaxEvent, cfg.MaxBody, cfg.MaxEvents, cfg.MaxDepth)
	}
	r := newRig(t, nil)
	for _, c := range []struct{ name, open, between, end string }{
		{"array", "[", " ,\n ", "]"}, {"lines", "", "\n \n", "\n"}, {"envelope", `{"events":[`, ", ", `]}`},
	} {
		for over, want := range map[int]string{0: ok, 1: large} {
			r.native("edu", c.open+pageView+c.between+sized(cfg.MaxEvent+over, native)+c.end).want(t, 200, want)
		}
	}
	r.native("edu", sized(cfg.MaxEvent, native)).want(t, 200, `{"accepted":1,"rejected":[]}`)
	r.native("edu", sized(cfg.MaxEvent+1, native)).want(t, 200, `{"accepted":0,"rejected":[{"index":0,"reason":"too_large"}]}`)

	sent := func(path, body string, want float64) {
		t.Helper()
		before := r.metric("sent_events_total")
		r.do("POST", path, header{"X-Write-Key": "edu"}, []byte(body)).want(t, 200, `{"success":true}`)
		if got := r.metric("sent_events_total") - before; got != want {
			t.Errorf("%s: %v events were taken, want %v", path, got, want)
		}
	}
	sent("/v1/page", sized(cfg.MaxEvent, segment), 1)
	sent("/v1/page", sized(cfg.MaxEvent+1, segment), 0)
	sent("/v1/batch", `{"batch":[`+segmentPage+` , `+sized(cfg.MaxEvent, segment)+`]}`, 2)
	sent("/v1/batch", `{"batch":[`+segmentPage+` , `+sized(cfg.MaxEvent+1, segment)+`]}`, 1)
	sent("/v1/batch", `{"batch":[`+strings.Repeat(segmentPage+",", cfg.MaxEvents-1)+segmentPage+`]}`, float64(cfg.MaxEvents))

	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"p%d":1`, i)
		}
		return `{"event":"page_view","props":{` + b.String()[1:] + `}}`
	}
	r.native("edu", many(cfg.MaxProperties)).want(t, 200, `{"accepted":1,"rejected":[]}`)
	r.native("edu", many(cfg.MaxProperties+1)).want(t, 200, `{"accepted":0,"rejected":[{"index":0,"reason":"too_large"}]}`)
}

// The depth bound holds on each way a value is read: flattened, passed over, looked into.
func TestDepthAtTheEdge(t *testing.T) {
	r := newRig(t, nil)
	max := DefaultConfig().MaxDepth
	nest := func(open, end string, n int) string { return strings.Repeat(open, n) + "1" + strings.Repeat(end, n) }
	for _, c := range []struct {
		name, path, head, tail string
		outer                  int // levels around the nest
	}{
		{"properties", "/v1/events", `{"event":"page_view","props":{"a":`, `}}`, 2},
		{"an unknown key", "/v1/events", `{"event":"page_view","nobody":`, `}`, 1},
		{"context", "/v1/events", `[{"event":"page_view","context":{"a":`, `}}]`, 3},
		{"not an event", "/v1/events", `[`, `]`, 1},
		{"consent of a batch", "/v1/batch", `{"context":{"consent":{"x":`, `}},"batch":[]}`, 3},
		{"an item", "/v1/batch", `{"batch":[{"type":"page","userId":"A","properties":{"a":`, `}}]}`, 4},
		{"an item that is none", "/v1/batch", `{"batch":[`, `]}`, 2},
		{"an act", "/v1/consent", `{"user_id":"A","purposes":{"improve":false},"x":`, `}`, 1},
	} {
		for _, kind := range [][2]string{{"[", "]"}, {`{"b":`, "}"}} {
			for over, status := range map[int]int{0: 200, 1: 400} {
				a := r.do("POST", c.path, header{"X-Write-Key": "edu"}, []byte(c.head+nest(kind[0], kind[1], max-c.outer+over)+c.tail))
				if a.status != status || status == 400 && !strings.HasPrefix(a.body, `{"error":"json_depth","offset":`) {
					t.Errorf("%s, %s, %d levels: %d %s", c.name, kind[0], max+over, a.status, a.body)
				}
			}
		}
	}
}

// The size of a body is bounded before and after each way of inflating, to the byte.
func TestBodyAtTheEdge(t *testing.T) {
	r := newRig(t, nil)
	pack := func(b []byte, w func(io.Writer) io.WriteCloser) []byte {
		var out bytes.Buffer
		c := w(&out)
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for coding, w := range map[string]func(io.Writer) io.WriteCloser{
		"":     nil,
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
		"BR":   func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
	} {
		for over, status := range map[int]int{0: 200, 1: 413} {
			b := []byte(pageView + strings.Repeat(" ", DefaultConfig().MaxBody+over-len(pageView)))
			h := header{"X-Write-Key": "edu"}
			if w != nil {
				b, h["Content-Encoding"] = pack(b, w), coding
			}
			if a := r.do("POST", "/v1/events", h, b); a.status != status {
				t.Errorf("%q, %d over: %d %s", coding, over, a.status, a.body)
			}
		}
	}
}

// What stands beside a batch is merged into its items; a small body must not become a
// large one by it, in memory or in work.
func TestBatchDoesNotMultiply(t *testing.T) {
	r := newRig(t, nil)
	long := strings.Repeat("a", 40<<10)
	for name, c := range map[string]struct{ path, body string }{
		"native":           {"/v1/events", `{"props":{"x":"` + long + `"},"events":[` + strings.Repeat(`{"event":"e"},`, 2000) + `{"event":"e"}]}`},
		"native, last":     {"/v1/events", `{"events":[` + strings.Repeat(`{"event":"e"},`, 2000) + `{"event":"e"}],"props":{"x":"` + long + `"}}`},
		"segment":          {"/v1/batch", `{"context":{"traits":{"x":"` + long + `"}},"userId":"A","batch":[` + strings.Repeat(`{"type":"identify"},`, 2000) + `{"type":"identify"}]}`},
		"consent, segment": {"/v1/batch", `{"context":{"consentManagement":{"allowedConsentIds":[` + strings.Repeat(`"a",`, 10_000) + `"a"]}},"userId":"A","batch":[` + strings.Repeat(`{"type":"page"},`, 2000) + `{"type":"page"}]}`},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		a := r.do("POST", c.path, header{"X-Write-Key": "start"}, []byte(c.body))
		runtime.ReadMemStats(&after)
		if a.status != 413 || a.body != `{"error":"too_large"}` {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
			t.Errorf("%s: %d bytes were allocated for a body of %d", name, got, len(c.body))
		}
	}
	if n := r.broker.count(); n != 0 {
		t.Errorf("%d messages", n)
	}
	// An ordinary context with the largest number of items passes.
	ordinary := `{"context":{"page":{"url":"https://x/` + strings.Repeat("a", 1000) + `"},"locale":"de"},"userId":"A","batch":[` + strings.Repeat(`{"type":"page"},`, 2499) + `{"type":"page"}]}`
	r.do("POST", "/v1/batch", header{"X-Write-Key": "start"}, []byte(ordinary)).want(t, 200, `{"success":true}`)
	if n := r.metric("sent_events_total"); n != 2500 {
		t.Errorf("%v events", n)
	}
}

// Properties take many times their bytes once they are decoded: that counts as memory in
// flight too.
func TestDecodedMemoryIsCharged(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxInFlight = 1 << 20 })
	for name, c := range map[string]struct{ path, body string }{
		"properties": {"/v1/events", `[` + strings.Repeat(`{"event":"page_view","props":{"a":[`+strings.Repeat("1,", 900)+`1]}},`, 20) + pageView + `]`},
		"choices":    {"/v1/batch", `{"batch":[{"type":"page","userId":"A","context":{"consentManagement":{"allowedConsentIds":[` + strings.Repeat(`"",`, 30_000) + `""]}}}]}`},
		"messages":   {"/v1/events", `[` + strings.Repeat(`0,`, 2400) + `0]`},
		"output":     {"/v1/events", `{"props":{"x":"` + strings.Repeat("a", 3000) + `"},"events":[` + strings.Repeat(`{"event":"e"},`, 400) + `{"event":"e"}]}`},
	} {
		if len(c.body) > 100<<10 {
			t.Fatalf("%s: the body alone has %d bytes", name, len(c.body))
		}
		a := r.do("POST", c.path, header{"X-Write-Key": "start"}, []byte(c.body))
		if a.status != 503 || a.body != `{"error":"overload"}` || a.header.Get("Retry-After") != "2" {
			t.Errorf("%s: %d %s, Retry-After %q", name, a.status, a.body, a.header.Get("Retry-After"))
		}
	}
	if n := r.metric("refused_total", "reason=overload"); n != 4 {
		t.Errorf("refused %v", n)
	}
	if got, shown := r.c.inFlight.used.Load(), r.metric("in_flight_bytes"); got != 0 || shown != 0 {
		t.Errorf("%d bytes are still counted as in flight, %v are shown", got, shown)
	}
	r.native("edu", pageView).want(t, 200, `{"accepted":1,"rejected":[]}`)
}

// The gauges show what is held while it is held.
func TestGaugesOfMemory(t *testing.T) {
	r := newRig(t, nil)
	release := r.broker.block()
	done := make(chan reply, 1)
	go func() { done <- r.native("edu", pageView) }()
	for r.broker.asked() == 0 {
		runtime.Gosched()
	}
	if a, b := r.metric("in_flight_bytes"), r.metric("buffered_bytes"); a < float64(len(pageView)) || b <= 0 {
		t.Errorf("%v bytes in flight, %v buffered", a, b)
	}
	release()
	if a := <-done; a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if n := r.metric("buffered_bytes"); n != 0 {
		t.Errorf("%v bytes buffered", n)
	}
}

// A body is charged while it comes in, by what came and not by what was announced.
func TestUnfinishedBodiesAreCharged(t *testing.T) {
	r := newRig(t, nil)
	const n, sent = 4, 100_000
	for range n {
		c := r.dial()
		if _, err := io.WriteString(c, "POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Write-Key: edu\r\nContent-Length: 400000\r\n\r\n"+strings.Repeat(" ", sent)); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for r.c.inFlight.used.Load() < n*sent && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if used := r.c.inFlight.used.Load(); used < n*sent || used > n*2*sent {
		t.Errorf("%d bytes in flight, %d were sent", used, n*sent)
	}
}

// A length that cannot be taken is refused before most of the body comes.
func TestAnnouncedLength(t *testing.T) {
	r := newRig(t, nil)
	conn := r.dial()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, "POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Write-Key: edu\r\nContent-Length: 20000000\r\n\r\n"+strings.Repeat(" ", 8<<10))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 413 || string(b) != `{"error":"too_large"}` {
		t.Errorf("%d %s", resp.StatusCode, b)
	}
}
