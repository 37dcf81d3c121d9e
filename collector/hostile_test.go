package collector

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// No value of a request may show in an answer, a log line or a metric, however broken the
// request is.
func TestNothingIsEchoed(t *testing.T) {
	r := newRig(t, nil)
	const c = "canary"
	deep := strings.Repeat(`{"canary":`, 100)
	bodies := []string{
		c, `"canary"`, `{"canary`, `{"canary"`, `{"canary":`, `{"canary":}`, `{"canary":canary}`, `{canary:1}`, `{'canary':1}`, `["canary",]`,
		`{"canary":1,}`, `{"canary":1 "x":2}`, `{"canary":1,"canary":2}`, `{"canary":"` + "\x01" + `"}`, "{\"canary\":\"\xff\"}", `{"canary":"\ud800"}`,
		`{"canary":"\uZZZZ"}`, `{"canary":"\x"}`, `{"canary":01}`, `{"canary":1.}`, `{"canary":1e}`, `{"canary":-}`, `{"canary":nul}`, `{"canary":tru}`,
		`{"event":"canary\u0000"}`, deep, deep + `1` + strings.Repeat(`}`, 100), `{"event":"canary","props":{"a":1e400}}`, `[{"event":"canary"}`, `[[["canary"]]]`,
		`{"events":"canary"}`, `{"events":[{"event":["canary"]}]}`, `{"batch":"canary"}`, `{"batch":[["canary"]]}`, `{"type":"canary","userId":"canary"}`,
		`{"event":{"canary":1}}`, `{"event":"page_view","time":"canary"}`, `{"event":"page_view","consent":"canary"}`, `{"event":"page_view","context":["canary"]}`,
		`{"event":"page_view","props":"canary"}`, `{"write_key":"canary","events":[]}`, "\x1f\x8bcanary", "\x28\xb5\x2f\xfdcanary", `data=canary`, "\x00canary",
		`{"event":"canary","user_id":"canary","install_id":"canary","session":"canary","props":{"canary":"canary"}}`,
		`{"event":"page_view","user_id":"canary","props":{"page":"/canary?canary","name":"canary","canary":{"canary":"canary"}},"context":{"os":"canary","ip":"canary"}}`,
		`{"type":"track","event":"canary","userId":"canary","messageId":"canary","properties":{"canary":"canary"}}`,
		`{"batch":[{"type":"page","userId":"canary","context":{"page":{"url":"https://canary/?canary"},"consent":{"canary":"canary"}}}],"context":{"canary":"canary"}}`,
		`{"user_id":"canary","purposes":{"canary":true}}`, `{"user_id":"canary","token":"canary.canary.canary","purposes":{"improve":true}}`,
	}
	if len(bodies) < 40 {
		t.Fatalf("%d bodies", len(bodies))
	}
	for _, path := range []string{"/v1/events", "/v1/track", "/v1/batch", "/v1/consent", "/canary", "/v1/projects/canary/settings", "/v1/events?canary=canary"} {
		for _, b := range bodies {
			for _, h := range []header{{"X-Write-Key": "edu", "Cookie": "canary=canary", "User-Agent": "canary"}, {"X-Write-Key": "canary", "Origin": "https://canary.example"}, {"X-Write-Key": "edu", "Content-Encoding": "br"}} {
				a := r.do("POST", path, h, []byte(b))
				if strings.Contains(a.body, c) {
					t.Errorf("%s with %.40q: the answer shows %s", path, b, a.body)
				}
				for k, v := range a.header {
					if k != "Access-Control-Allow-Origin" && strings.Contains(strings.Join(v, ""), c) {
						t.Errorf("%s: header %s shows it", path, k)
					}
				}
				if a.status >= 500 {
					t.Errorf("%s with %.40q: %d %s", path, b, a.status, a.body)
				}
			}
		}
	}
	for _, path := range []string{"/v1/projects/canary/settings", "/v1/projects/edu/canary", "/sourceConfig/?writeKey=canary", "/v1/privacy?k=canary", "/i.gif?k=canary&e=canary", "/i.gif?k=edu&e=canary&uid=canary&canary=canary",
		"/pixel/v1/track?writeKey=edu&userId=canary&event=canary&properties.canary=canary", "/canary?canary"} {
		if a := r.do("GET", path, header{"Cookie": "canary=canary", "Referer": "https://canary.example/", "X-Canary": "canary"}, nil); strings.Contains(a.body, c) {
			t.Errorf("GET %s: the answer shows %s", path, a.body)
		}
	}
	if text := r.log.String() + r.exposition(); strings.Contains(text, c) {
		t.Error("it shows in the log or the metrics")
	}
	if n := r.metric("errors_total", "kind=panic"); n != 0 {
		t.Errorf("%v panics", n)
	}
}

// Requests whose head is broken are answered 400 or 431 and the connection is closed; the
// address of the sender stands nowhere.
func TestBrokenHeads(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct {
		name, head string
		want       []int
	}{
		{"two lengths", "POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Write-Key: edu\r\nContent-Length: 5\r\nContent-Length: 60\r\n\r\nhello", []int{400}},
		{"length and chunks", "POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Write-Key: edu\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []int{400}},
		{"negative length", "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", []int{400}},
		{"no head", "canary\r\n\r\n", []int{400}},
		{"large header", "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("canary", 8000) + "\r\n\r\n", []int{431}},
		{"many headers", "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-Canary: canary\r\n", 4000) + "\r\n", []int{431}},
		{"bad chunk", "POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Write-Key: edu\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\ncanary", []int{400, 408}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := r.dial()
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			conn.Write([]byte(c.head))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				if c.want[0] == 431 { // we closed while the client was still sending
					return
				}
				t.Fatal(err)
			}
			b, _ := io.ReadAll(resp.Body)
			ok := false
			for _, w := range c.want {
				ok = ok || resp.StatusCode == w
			}
			if !ok {
				t.Errorf("%d %s", resp.StatusCode, b)
			}
			if strings.Contains(string(b), "anary") {
				t.Errorf("the answer shows %s", b)
			}
			if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Error("the connection was left open")
			}
		})
	}
	if text := r.log.String() + r.exposition(); strings.Contains(text, "anary") || strings.Contains(text, "127.0.0.1") {
		t.Error("the request or its sender shows in the log or the metrics")
	}
}

// A thousand clients that never finish their request cost little memory, and others are
// served meanwhile.
func TestSlowClients(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ReadTimeout = 60 * time.Second })
	r.native("edu", pageView) // whatever is made once is made
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := heap()
	half := func(head string, n int) {
		for range n {
			c := r.dial()
			if _, err := io.WriteString(c, head); err != nil {
				t.Fatal(err)
			}
		}
	}
	half("POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Slow: ", 500)
	half("POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Write-Key: edu\r\nContent-Length: 500000\r\n\r\n[{", 500)
	deadline := time.Now().Add(20 * time.Second)
	for r.c.server.GetOpenConnectionsCount() < 1000 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if a := r.native("edu", pageView); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if grown := int64(heap()) - int64(before); grown > 64<<20 {
		t.Errorf("1000 slow clients hold %d MB", grown>>20)
	} else {
		t.Logf("1000 slow clients hold %.1f MB, client side included", float64(grown)/(1<<20))
	}
	// Those with a key wait in the budget with what they sent, not with what they promised.
	if used := r.c.inFlight.used.Load(); used > 500*8192 {
		t.Errorf("%d bytes in flight", used)
	}
}

func TestSlowClientIsCutOff(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ReadTimeout = 300 * time.Millisecond })
	for _, head := range []string{
		"POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Write-Key: edu\r\nContent-Length: 500000\r\n\r\n[{",
	} {
		conn := r.dial()
		io.WriteString(conn, head)
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("the connection was not closed: %v", err)
		}
	}
}

func TestConnectionCap(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxConns = 3 })
	for range 3 {
		c := r.dial()
		io.WriteString(c, "POST /v1/events HTTP/1.1\r\n")
	}
	time.Sleep(100 * time.Millisecond)
	conn := r.dial()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || string(b) != `{"error":"connections"}` {
		t.Errorf("%d %q", resp.StatusCode, b)
	}
	if n := r.metric("refused_total", "reason=connections"); n != 1 {
		t.Errorf("refused %v", n)
	}
}

// Bodies that want to be expensive are read in linear time; the bound is generous, only a
// quadratic reader would miss it.
func TestLinearTime(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxProperties = 1 << 20; c.MaxEvent = 480 << 10; c.MaxCommit = 4 << 20 })
	var keys strings.Builder
	keys.WriteString(`{"event":"page_view","props":{"a":0`)
	for i := range 35_000 {
		fmt.Fprintf(&keys, `,"k%d":1`, i)
	}
	keys.WriteString(`}}`)
	long := strings.Repeat("k", 150)
	for name, body := range map[string]string{
		"brackets":  strings.Repeat("[", 256<<10),
		"keys":      keys.String(),
		"long path": `{"event":"page_view","props":{"` + long + `":{"` + strings.Repeat(`a":1,"b`, 1) + `":1}}}`,
		"digits":    `{"event":"page_view","props":{"a":` + strings.Repeat("9", 300<<10) + `}}`,
		"escapes":   `{"event":"page_view","props":{"page":"` + strings.Repeat(`\u00e9`, 50<<10) + `"}}`,
		"array":     `{"event":"page_view","props":{"` + long + `":[` + strings.Repeat("1,", 100_000) + `1]}}`,
	} {
		start := time.Now()
		a := r.native("start", body)
		if a.status >= 500 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s took %v", name, d)
		}
	}
	if n := r.metric("errors_total", "kind=panic"); n != 0 {
		t.Errorf("%v panics", n)
	}
}

// A bug in a decoder refuses one request and leaves no trace of it.
func TestPanicIsContained(t *testing.T) {
	r := newRig(t, nil)
	r.c.table.exact["/bug"] = []*route{{method: "POST", path: "/bug", ingest: &dialect{decode: func(*request) error { panic("canary") }, answer: answerSegment}}}
	r.do("POST", "/bug", header{"X-Write-Key": "edu"}, []byte("canary")).want(t, 400, `{"error":"unprocessable"}`)
	if n := r.metric("errors_total", "kind=panic"); n != 1 {
		t.Errorf("%v panics", n)
	}
	r.absent("canary")
	r.native("edu", pageView).want(t, 200, `{"accepted":1,"rejected":[]}`)
}

// Stop answers what is in hand and leaves nothing in the lanes.
func TestStopDrains(t *testing.T) {
	b := &broker{}
	r := &rig{t: t, broker: b, now: noon, log: &lockedBuffer{}, reg: prometheus.NewRegistry()}
	c, err := New(testConfig(), r.deps())
	if err != nil {
		t.Fatal(err)
	}
	addr, err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	r.c, r.url, r.client = c, "http://"+addr.String(), &http.Client{}
	var mu sync.Mutex
	acked := 0
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for {
				req, _ := http.NewRequest("POST", r.url+"/v1/events", strings.NewReader(`[`+pageView+`,{"event":"page_view"}]`))
				req.Header.Set("X-Write-Key", "edu")
				resp, err := r.client.Do(req)
				if err != nil {
					return // the door is closed
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode == 200 {
					mu.Lock()
					acked += 2
					mu.Unlock()
				}
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	raws, _ := r.sealed()
	if len(raws) < acked || acked == 0 {
		t.Errorf("%d events were acknowledged, %d are in the log", acked, len(raws))
	}
	if _, err := net.Dial("tcp", addr.String()); err == nil {
		t.Error("it still listens")
	}
	if err, open := <-c.Failed(); open {
		t.Errorf("stopped with %v", err)
	}
	if len(raws) > 0 && len(b.records) == len(raws) {
		t.Log("no commit held more than one event")
	}
}

// Events of one person stand in one partition, in order; events of nobody go round.
func TestLanes(t *testing.T) {
	r := newRig(t, nil)
	var list []string
	for i := range 200 {
		list = append(list, fmt.Sprintf(`{"event":"page_view","id":"m%03d","user_id":"u%d"}`, i, i%20))
	}
	r.native("edu", `[`+strings.Join(list, ",")+`]`)
	for range 8 {
		r.native("edu", `{"event":"search"}`)
	}
	r.broker.mu.Lock()
	defer r.broker.mu.Unlock()
	at := map[string]int32{}
	last := map[string]string{}
	nobody := map[int32]int{}
	for _, rec := range r.broker.records {
		for _, raw := range r.decode(rec.value) {
			u := raw.User.Reveal()
			if u == "" {
				nobody[rec.partition]++
				continue
			}
			if p, ok := at[u]; ok && p != rec.partition {
				t.Errorf("a person is in partitions %d and %d", p, rec.partition)
			}
			at[u] = rec.partition
			if raw.MessageID < last[u] {
				t.Errorf("out of order: %s after %s", raw.MessageID, last[u])
			}
			last[u] = raw.MessageID
		}
	}
	if len(at) != 20 || len(nobody) != 4 {
		t.Errorf("%d people, events of nobody in %d partitions", len(at), len(nobody))
	}
}
