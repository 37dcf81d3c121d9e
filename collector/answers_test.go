package collector

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

const pageView = `{"event":"page_view","user_id":"A","props":{"page":"/a"}}`
const segmentPage = `{"type":"page","userId":"A","context":{"page":{"url":"https://x/a"}}}`

// want is an answer: its status and, unless "", its body.
type want struct {
	status int
	body   string
}

type answerCase struct {
	name            string
	native, segment []byte // bodies
	h               header
	wantN, wantS    want
	reason          string // of refused_total
}

// answerCases has every line of the table of answers that needs no broken broker.
func answerCases() []answerCase {
	key := header{"X-Write-Key": "edu"}
	return []answerCase{
		{"taken", []byte(pageView), []byte(segmentPage), key, want{200, `{"accepted":1,"rejected":[]}`}, want{200, `{"success":true}`}, ""},
		{"some bad", []byte(`[` + pageView + `,{"props":{}},{"event":"nobody declared this"},7,` + big("page_view", 40<<10) + `]`),
			[]byte(`{"batch":[` + segmentPage + `,{"userId":"A"},{"type":"track","userId":"A"},{"type":"page"},7,` + bigSegment(40<<10) + `]}`), key,
			want{200, `{"accepted":1,"rejected":[{"index":1,"reason":"schema","field":"event"},{"index":2,"reason":"undeclared_event","field":"event"},{"index":3,"reason":"schema"},{"index":4,"reason":"too_large"}]}`},
			want{200, `{"success":true}`}, ""},
		{"not JSON", []byte(`{"event":cnry}`), []byte(`{"event":cnry}`), key, want{400, `{"error":"json_syntax","offset":9}`}, want{400, `{"error":"json_syntax","offset":9}`}, "malformed"},
		{"empty", nil, nil, key, want{400, `{"error":"empty_body","offset":0}`}, want{400, `{"error":"empty_body","offset":0}`}, "malformed"},
		{"cut", []byte(`{"event":"pa`), []byte(`{"event":"pa`), key, want{400, `{"error":"json_truncated","offset":12}`}, want{400, `{"error":"json_truncated","offset":12}`}, "malformed"},
		{"something behind", []byte(`[]x`), []byte(`{}x`), key, want{400, `{"error":"json_syntax","offset":2}`}, want{400, `{"error":"json_syntax","offset":2}`}, "malformed"},
		{"a number", []byte(`17`), []byte(`17`), key, want{400, `{"error":"json_shape","offset":2}`}, want{400, `{"error":"json_shape","offset":2}`}, "malformed"},
		{"duplicate key", []byte(`{"event":"cnry","event":"b"}`), []byte(`{"event":"cnry","event":"b"}`), key, want{400, `{"error":"json_duplicate_key","offset":16}`}, want{400, `{"error":"json_duplicate_key","offset":16}`}, "malformed"},
		{"bad UTF-8", []byte("{\"event\":\"\xff\xfe\"}"), []byte("{\"event\":\"\xff\xfe\"}"), key, want{400, `{"error":"json_utf8","offset":10}`}, want{400, `{"error":"json_utf8","offset":10}`}, "malformed"},
		{"too deep", []byte(`{"event":"page_view","props":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000) + `}`),
			[]byte(`{"type":"page","properties":` + strings.Repeat(`[`, 10_000) + strings.Repeat("]", 10_000) + `}`), key, want{400, ``}, want{400, ``}, "malformed"},
		{"number out of range", []byte(`[` + pageView + `,{"event":"page_view","props":{"a":1e999}}]`), []byte(`{"batch":[` + segmentPage + `,{"type":"page","userId":"A","properties":{"a":1e999}}]}`), key,
			want{200, `{"accepted":1,"rejected":[{"index":1,"reason":"schema","field":"props"}]}`}, want{200, `{"success":true}`}, ""},
		{"number out of range beside the events", []byte(`{"events":[` + pageView + `],"props":{"a":1e999}}`), []byte(`{"batch":[` + segmentPage + `],"context":{"a":1e999}}`), key, want{400, ``}, want{400, ``}, "malformed"},
		{"NUL beside the events", []byte(`{"user_id":"\u0000","events":[` + pageView + `]}`), []byte(`{"userId":"\u0000","batch":[` + segmentPage + `]}`), key, want{400, `{"error":"json_nul","offset":19}`}, want{400, `{"error":"json_nul","offset":18}`}, "malformed"},
		{"600 KB", []byte(`[` + strings.Repeat(pageView+",", 600<<10/len(pageView)) + pageView + `]`), []byte(`{"batch":[` + strings.Repeat(segmentPage+",", 600<<10/len(segmentPage)) + segmentPage + `]}`), key,
			want{413, `{"error":"too_large"}`}, want{413, `{"error":"too_large"}`}, "too_large"},
		{"too many", []byte(`[` + strings.Repeat(`{},`, 2500) + `{}]`), []byte(`{"batch":[` + strings.Repeat(`{},`, 2500) + `{}]}`), key, want{413, `{"error":"too_many_events"}`}, want{413, `{"error":"too_many_events"}`}, "too_large"},
		{"no key", []byte(pageView), []byte(segmentPage), nil, want{401, `{"error":"no_key"}`}, want{401, `{"error":"no_key"}`}, "no_key"},
		{"unknown key", []byte(pageView), []byte(segmentPage), header{"X-Write-Key": "cnry"}, want{401, `{"error":"unknown_key"}`}, want{401, `{"error":"unknown_key"}`}, "unknown_key"},
		{"key without policy", []byte(pageView), []byte(segmentPage), header{"X-Write-Key": "lawless"}, want{403, `{"error":"no_policy"}`}, want{403, `{"error":"no_policy"}`}, "no_policy"},
		{"foreign origin", []byte(pageView), []byte(segmentPage), header{"X-Write-Key": "edu", "Origin": "https://evil.example"}, want{403, `{"error":"origin"}`}, want{403, `{"error":"origin"}`}, "origin"},
	}
}

// Every line of the table of answers, for both families.
func TestAnswers(t *testing.T) {
	for _, c := range answerCases() {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			check := func(path string, body []byte, w want) {
				a := r.do("POST", path, c.h, body)
				if a.status != w.status || w.body != "" && a.body != w.body {
					t.Errorf("%s: %d %s, want %d %s", path, a.status, a.body, w.status, w.body)
				}
				if ct := a.header.Get("Content-Type"); ct != "application/json" {
					t.Errorf("%s: content type %q", path, ct)
				}
				if a.header.Get("Retry-After") != "" { // what is wrong stays wrong
					t.Errorf("%s: Retry-After %q", path, a.header.Get("Retry-After"))
				}
				for k := range a.header {
					if strings.HasPrefix(k, "Access-Control-") && c.name == "foreign origin" {
						t.Errorf("%s: %s to a foreign origin", path, k)
					}
				}
				if strings.Contains(a.body, "cnry") {
					t.Errorf("%s: the answer echoes the body", path)
				}
			}
			check("/v1/events", c.native, c.wantN)
			check("/v1/batch", c.segment, c.wantS)
			if c.reason == "" {
				if raws, _ := r.sealed(); len(raws) != 2 {
					t.Errorf("%d events were sealed, want 2", len(raws))
				}
				return
			}
			if n := r.metric("refused_total", "reason="+c.reason); n != 2 {
				t.Errorf("refused_total{%s} = %v", c.reason, n)
			}
			if r.broker.count() != 0 {
				t.Error("something of a refused request was produced")
			}
			if n := r.metric("received_events_total"); n != 0 {
				t.Errorf("a refused request counts %v events", n)
			}
		})
	}
}

func big(name string, n int) string {
	return `{"event":"` + name + `","props":{"page":"` + strings.Repeat("a", n) + `"}}`
}

func bigSegment(n int) string {
	return `{"type":"page","userId":"A","properties":{"x":"` + strings.Repeat("a", n) + `"}}`
}

func TestSomeBadAreCounted(t *testing.T) {
	r := newRig(t, nil)
	r.do("POST", "/v1/batch", header{"X-Write-Key": "edu"}, []byte(`{"batch":[`+segmentPage+`,{"userId":"A"},{"type":"track","userId":"A"},`+bigSegment(40<<10)+`]}`))
	for reason, n := range map[string]float64{"schema": 2, "too_large": 1} {
		if got := r.metric("discarded_events_total", "reason="+reason); got != n {
			t.Errorf("%s: %v, want %v", reason, got, n)
		}
	}
	if got, sent := r.metric("received_events_total"), r.metric("sent_events_total"); got != 4 || sent != 1 {
		t.Errorf("received %v, sent %v", got, sent)
	}
}

func TestQuota(t *testing.T) {
	r := newRig(t, nil)
	send := func() reply { return r.native("slow", `[`+pageView+`,`+pageView+`,`+pageView+`,`+pageView+`]`) }
	if a := send(); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a := send() // the burst of 4 is used up
	a.want(t, 429, `{"error":"quota"}`)
	if got := a.header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After %q", got)
	}
	r.do("POST", "/v1/batch", header{"X-Write-Key": "slow"}, []byte(`{"batch":[]}`)).want(t, 429, `{"error":"quota"}`)
	if n := r.metric("refused_total", "reason=quota"); n != 2 {
		t.Errorf("refused %v", n)
	}
	r.advance(time.Second)
	if a := send(); a.status != 200 {
		t.Errorf("after a second: %d", a.status)
	}
	if a := send(); a.status != 429 || a.header.Get("Retry-After") != "2" {
		t.Errorf("in debt: %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
}

func TestBrokerAway(t *testing.T) {
	r := newRig(t, nil)
	r.broker.fail(fmt.Errorf("no route: %w", ErrNotStored))
	for _, path := range []string{"/v1/events", "/v1/page"} {
		body := pageView
		if path == "/v1/page" {
			body = segmentPage
		}
		a := r.do("POST", path, header{"X-Write-Key": "edu"}, []byte(body))
		a.want(t, 503, `{"error":"broker"}`)
		if a.header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
		}
	}
	if r.broker.calls != 1 {
		t.Errorf("the broker was asked %d times within the pause, want 1", r.broker.calls)
	}
	// Nothing of it is in the account, not even what would have been discarded: it comes again.
	r.native("edu", `[`+pageView+`,{"event":"nobody declared this"}]`).want(t, 503, `{"error":"broker"}`)
	for _, name := range []string{"received_events_total", "sent_events_total"} {
		if n := r.metric(name); n != 0 {
			t.Errorf("%s %v", name, n)
		}
	}
	if n := r.metric("discarded_events_total", "reason=undeclared_event"); n != 0 {
		t.Errorf("discarded %v", n)
	}
	if n := r.metric("refused_total", "reason=broker"); n != 3 {
		t.Errorf("refused %v", n)
	}
	r.broker.fail(nil)
	r.advance(time.Second)
	if a := r.native("edu", pageView); a.status != 200 {
		t.Errorf("the broker is back: %d %s", a.status, a.body)
	}
	// Events taken back do not count in the totals of the headers: the next blob's is 1.
	for _, rec := range r.broker.records {
		_, h, err := r.opener.Open(nil, rec.value)
		if err != nil || h.Total != 1 {
			t.Errorf("total %d, %v", h.Total, err)
		}
	}
}

func TestNothingIsAnsweredBeforeKafka(t *testing.T) {
	r := newRig(t, nil)
	release := r.broker.block()
	done := make(chan reply, 1)
	go func() { done <- r.native("edu", pageView) }()
	select {
	case a := <-done:
		t.Fatalf("answered %d while the broker had nothing", a.status)
	case <-time.After(100 * time.Millisecond):
	}
	release()
	if a := <-done; a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestBufferFull(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxBuffered, c.MaxCommit = 150_000, 150_000 })
	release := r.broker.block()
	body := []byte(`{"batch":[` + strings.Repeat(bigSegment(30<<10)+",", 4) + segmentPage + `]}`)
	answers := make(chan reply, 4)
	for range 4 {
		go func() { answers <- r.do("POST", "/v1/batch", header{"X-Write-Key": "start"}, body) }()
	}
	refused := 0
	for range 3 { // one holds the buffer and waits for the broker, the rest finds it full
		a := <-answers
		if a.status != 503 || a.header.Get("Retry-After") == "" || a.body != `{"error":"overload"}` {
			t.Errorf("%d %s", a.status, a.body)
		}
		refused++
	}
	release()
	if a := <-answers; a.status != 200 {
		t.Errorf("the one that had room: %d %s", a.status, a.body)
	}
	if n := r.metric("refused_total", "reason=overload"); n != float64(refused) {
		t.Errorf("refused %v", n)
	}
	if got := r.c.lanes.room.used.Load(); got != 0 {
		t.Errorf("%d bytes are still counted as buffered", got)
	}
}

func TestMemoryInFlight(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxInFlight = 1 << 20 })
	release := r.broker.block()
	body := []byte(`{"batch":[` + strings.Repeat(bigSegment(30<<10)+",", 14) + segmentPage + `]}`)
	answers := make(chan reply, 8)
	for range 8 {
		go func() { answers <- r.do("POST", "/v1/batch", header{"X-Write-Key": "start"}, body) }()
	}
	a := <-answers
	if a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	release()
	for range 7 {
		<-answers
	}
	if got := r.c.inFlight.used.Load(); got != 0 {
		t.Errorf("%d bytes are still counted as in flight", got)
	}
}

func TestWhereTheKeyStands(t *testing.T) {
	for _, c := range []struct {
		name, path, body string
		h                header
	}{
		{"header", "/v1/events", pageView, header{"X-Write-Key": "edu"}},
		{"basic", "/v1/events", pageView, header{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("edu:"))}},
		{"basic without colon", "/v1/events", pageView, header{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("edu"))}},
		{"basic without padding", "/v1/events", pageView, header{"Authorization": "Basic " + base64.RawStdEncoding.EncodeToString([]byte("edu:"))}},
		{"bearer", "/v1/events", pageView, header{"Authorization": "Bearer edu"}},
		{"query", "/v1/events?writeKey=edu", pageView, nil},
		{"envelope", "/v1/events", `{"write_key":"edu","events":[` + pageView + `]}`, nil},
		{"envelope, key last", "/v1/events", `{"events":[` + pageView + `],"write_key":"edu"}`, nil},
		{"segment body", "/v1/page", `{"type":"page","userId":"A","writeKey":"edu"}`, nil},
		{"segment batch", "/v1/batch", `{"batch":[` + segmentPage + `],"writeKey":"edu"}`, nil},
		{"slash", "/v1/batch/", `{"batch":[` + segmentPage + `],"writeKey":"edu"}`, nil},
		{"beacon", "/beacon/v1/batch?writeKey=edu", `{"batch":[` + segmentPage + `]}`, header{"Content-Type": "text/plain"}},
		{"lines", "/v1/events", pageView + "\n", header{"X-Write-Key": "edu", "Content-Type": "application/x-ndjson"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			if a := r.do("POST", c.path, c.h, []byte(c.body)); a.status != 200 {
				t.Errorf("%d %s", a.status, a.body)
			}
			if raw := r.only(); raw.Tenant != "t1" || raw.Name != "page_view" || raw.PolicyRev != 3 {
				t.Errorf("tenant %s, name %s, revision %d", raw.Tenant, raw.Name, raw.PolicyRev)
			}
		})
	}
}

func TestOtherAnswers(t *testing.T) {
	r := newRig(t, nil)
	r.do("GET", "/nothing", nil, nil).want(t, 404, `{"error":"not_found"}`)
	r.do("GET", "/v1/events", nil, nil).want(t, 405, `{"error":"method"}`)
	r.do("GET", "/v1/privacy?writeKey=edu", nil, nil).want(t, 200, `{"policy":"cn-edu","rev":3,"handler":"河北云教育服务平台","officer":"dpo@example.invalid","notice":"河北云教育 隐私政策","channels":["客服电话","在线客服","意见反馈"]}`)
	r.do("GET", "/v1/privacy", nil, nil).want(t, 401, `{"error":"no_key"}`)
	r.do("GET", "/.well-known/gpc.json", nil, nil).want(t, 200, `{"gpc":true}`)
	if a := r.do("GET", "/v1/projects/edu/settings", nil, nil); a.status != 200 || !strings.Contains(a.body, `"apiKey":"edu"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	r.do("GET", "/v1/projects/cnry/settings", nil, nil).want(t, 401, `{"error":"unknown_key"}`)
	if a := r.do("GET", "/sourceConfig/?writeKey=start", nil, nil); a.status != 200 || !strings.Contains(a.body, `"writeKey":"start"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestPixels(t *testing.T) {
	r := newRig(t, nil)
	const gif = 43
	for _, path := range []string{
		"/i.gif?k=edu&e=page_view&u=https%3A%2F%2Fx%2Fa%3Ft%3Dcnry&r=https%3A%2F%2Fy%2F&id=m1",
		"/pixel/v1/page?writeKey=edu&anonymousId=a1&context.page.url=https%3A%2F%2Fx%2Fa",
		"/i.gif?k=cnry&e=page_view", "/i.gif", "/i.gif?k=lawless&e=page_view", "/i.gif?k=edu&e=cnry",
		"/pixel/v1/track?writeKey=edu&anonymousId=a1",
		"/i.gif?k=edu&e=geo_ping&uid=A&lat=38.047036&lon=114.480838&crs=gcj02",
	} {
		a := r.do("GET", path, nil, nil)
		if a.status != 200 || len(a.body) != gif || a.header.Get("Content-Type") != "image/gif" || !strings.Contains(a.header.Get("Cache-Control"), "no-cache") {
			t.Errorf("%s: %d, %d bytes of %s, cache %q", path, a.status, len(a.body), a.header.Get("Content-Type"), a.header.Get("Cache-Control"))
		}
	}
	raws, _ := r.sealed()
	byName := map[string]int{}
	for i := range raws {
		byName[raws[i].Name]++
		if raws[i].Place.Cell != "" {
			t.Error("a position was taken from a query string")
		}
		if raws[i].Name == "page_view" && raws[i].Page != "https://x/a" {
			t.Errorf("page %q", raws[i].Page)
		}
	}
	if byName["page_view"] != 2 || byName["geo_ping"] != 1 || len(raws) != 3 {
		t.Errorf("events %v", byName)
	}
	if n := r.metric("fields_dropped_total", "class=geo_point"); n < 2 {
		t.Errorf("coordinates in a query: dropped %v", n)
	}
	for reason, n := range map[string]float64{"unknown_key": 1, "no_key": 1, "no_policy": 1} {
		if got := r.metric("refused_total", "reason="+reason); got != n {
			t.Errorf("%s: %v", reason, got)
		}
	}
	r.absent("cnry", "38.047")
}

func TestCORS(t *testing.T) {
	r := newRig(t, nil)
	ask := func(origin, path string) reply {
		return r.do("OPTIONS", path, header{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}, nil)
	}
	a := ask("https://edu.example", "/v1/t")
	if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != "https://edu.example" || a.header.Get("Access-Control-Allow-Credentials") != "true" ||
		a.header.Get("Access-Control-Max-Age") == "" || a.header.Get("Vary") != "Origin" {
		t.Errorf("preflight: %d %v", a.status, a.header)
	}
	for _, h := range []string{"authorization", "content-type", "x-retry-count", "x-write-key", "anonymousid", "sentat", "rsa-retry-attempt", "rsa-retry-reason", "rsa-since-first-attempt", "rsa-since-last-attempt"} {
		if !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), h) {
			t.Errorf("preflight does not allow %s", h)
		}
	}
	if a := ask("https://evil.example", "/beacon/v1/batch?writeKey=edu"); a.status != 403 || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight with a key from a foreign origin: %d", a.status)
	}
	ok := r.do("POST", "/v1/events", header{"X-Write-Key": "edu", "Origin": "https://edu.example"}, []byte(pageView))
	if ok.status != 200 || ok.header.Get("Access-Control-Allow-Origin") != "https://edu.example" || ok.header.Get("Access-Control-Expose-Headers") != "Retry-After" {
		t.Errorf("%d %v", ok.status, ok.header)
	}
	// A page must be able to read that it has to wait, and that its key is wrong.
	slow := func() reply {
		return r.do("POST", "/v1/events", header{"X-Write-Key": "slow", "Origin": "https://slow.example"}, []byte(`[`+strings.Repeat(pageView+",", 3)+pageView+`]`))
	}
	slow()
	if a := slow(); a.status != 429 || a.header.Get("Retry-After") == "" || a.header.Get("Access-Control-Expose-Headers") != "Retry-After" || a.header.Get("Access-Control-Allow-Origin") != "https://slow.example" {
		t.Errorf("over the quota: %d %v", a.status, a.header)
	}
	if a := r.do("POST", "/v1/events", header{"X-Write-Key": "cnry", "Origin": "https://edu.example"}, []byte(pageView)); a.status != 401 || a.header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("unknown key: %d %v", a.status, a.header)
	}
	// A key without origins is for servers.
	if a := r.do("POST", "/v1/events", header{"X-Write-Key": "server", "Origin": "https://edu.example"}, []byte(pageView)); a.status != 403 {
		t.Errorf("server key from a page: %d", a.status)
	}
}

// An item that is no object costs nobody else their events.
func TestItemThatIsNoObject(t *testing.T) {
	for _, c := range []struct{ path, body, answer string }{
		{"/v1/batch", `{"batch":[{"type":"page","userId":"A","properties":{"a":1,"b":2}},7,["x"],null,{"type":"page","userId":"A","properties":{"a":1}}],"context":{"locale":"de"}}`, `{"success":true}`},
		{"/v1/events", `{"events":[{"event":"page_view","props":{"a":1,"b":2}},7,["x"],null,{"event":"page_view","props":{"a":1}}],"props":{"c":3}}`, `{"accepted":2,"rejected":[{"index":1,"reason":"schema"},{"index":2,"reason":"schema"},{"index":3,"reason":"schema"}]}`},
	} {
		r := newRig(t, nil)
		r.do("POST", c.path, header{"X-Write-Key": "start"}, []byte(c.body)).want(t, 200, c.answer)
		if raws, _ := r.sealed(); len(raws) != 2 {
			t.Errorf("%s: %d events", c.path, len(raws))
		}
		if n := r.metric("discarded_events_total", "reason=schema"); n != 3 {
			t.Errorf("%s: discarded %v", c.path, n)
		}
		if n := r.metric("errors_total", "kind=panic"); n != 0 {
			t.Errorf("%s: %v panics", c.path, n)
		}
	}
}
