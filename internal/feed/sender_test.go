package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSendCleanly(t *testing.T) {
	for _, plain := range []bool{false, true} {
		for _, d := range []Dialect{Native, Segment} {
			c := &collector{t: t}
			srv := httptest.NewServer(c)
			cfg := quick(srv.URL)
			cfg.Plain, cfg.Dialect = plain, d
			src := people(1000, 37)
			l, err := send(t, cfg, src)
			srv.Close()
			if err != nil || l.Accepted != 1000 || l.Retries != 0 || len(c.kept) != 1000 {
				t.Errorf("dialect %d: %v, %+v, %d kept", d, err, l, len(c.kept))
			}
			delivered(t, src, c.kept)
		}
	}
}

// Every fault a collector can show, at random: nothing may be lost or change its order.
func TestSendThroughFaults(t *testing.T) {
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var mu sync.Mutex
		c := &collector{t: t, fault: func(_ *collector, _ int, events []stored, w http.ResponseWriter) (answered, keep bool) {
			mu.Lock()
			x, cut := rnd.IntN(12), rnd.IntN(2) == 0
			mu.Unlock()
			switch x {
			case 0:
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(http.StatusTooManyRequests)
			case 1, 2, 3:
				w.WriteHeader([]int{500, 502, 503}[x-1])
			case 4: // the connection dies, with or without the events kept
				conn, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					conn.Close()
				}
				return true, cut
			case 5: // kept, but the answer is cut off
				w.Header().Set("Content-Length", "1000")
				io.WriteString(w, `{"accepted":`)
				return true, true
			case 6: // kept, but the answer is of another batch
				fmt.Fprintf(w, `{"accepted":%d}`, len(events)+1)
				return true, true
			case 7:
				if cut { // hangs
					time.Sleep(400 * time.Millisecond)
				}
				return false, true
			default:
				return false, true
			}
			return true, false
		}}
		srv := httptest.NewServer(c)
		src := people(1500, 53)
		l, err := send(t, quick(srv.URL), src)
		srv.Close()
		if err != nil || l.Accepted != 1500 || l.Unanswered != 0 {
			t.Errorf("seed %d: %v, %+v", seed, err, l)
		}
		if l.Retries == 0 || l.Retried == 0 {
			t.Error("no fault was met")
		}
		delivered(t, src, c.kept)
	}
}

// The server is killed with everything it had in hand and comes back on the same port.
func TestSendOverRestarts(t *testing.T) {
	killed := make(chan struct{}, 8)
	c := &collector{t: t, fault: func(_ *collector, call int, _ []stored, w http.ResponseWriter) (bool, bool) {
		if call%25 == 24 {
			select {
			case killed <- struct{}{}:
			default:
			}
			time.Sleep(20 * time.Millisecond)
			return false, call%2 == 0
		}
		return false, true
	}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	done := make(chan struct{})
	var restarts sync.WaitGroup
	restarts.Go(func() {
		srv := &http.Server{Handler: c}
		go srv.Serve(ln)
		for {
			select {
			case <-killed:
				srv.Close()
				time.Sleep(30 * time.Millisecond)
				next, err := net.Listen("tcp", addr)
				if err != nil {
					t.Error("listen again:", err)
					return
				}
				srv = &http.Server{Handler: c}
				go srv.Serve(next)
			case <-done:
				srv.Close()
				return
			}
		}
	})
	src := people(3000, 41)
	l, err := send(t, quick("http://"+addr), src)
	close(done)
	restarts.Wait()
	if err != nil || l.Accepted != 3000 || l.Retries == 0 {
		t.Errorf("%v, %+v", err, l)
	}
	delivered(t, src, c.kept)
}

func TestRetryAfterIsHonoured(t *testing.T) {
	var times []time.Time
	c := &collector{t: t, fault: func(c *collector, call int, _ []stored, w http.ResponseWriter) (bool, bool) {
		times = append(times, time.Now()) // one lane: never concurrent
		if call < 2 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader([]int{429, 503}[call])
			return true, false
		}
		return false, true
	}}
	srv := httptest.NewServer(c)
	defer srv.Close()
	cfg := quick(srv.URL)
	cfg.Lanes = 1
	if l, err := send(t, cfg, people(5, 2)); err != nil || l.Accepted != 5 || l.Retries != 2 || l.Retried != 5 {
		t.Errorf("%v, %+v", err, l)
	}
	for i := 1; i < len(times); i++ {
		if d := times[i].Sub(times[i-1]); d < 990*time.Millisecond {
			t.Errorf("attempt %d came after %v", i, d)
		}
	}
	if c.kept[0].again != "2" {
		t.Errorf("retry count %q", c.kept[0].again)
	}
	now := noon
	for v, want := range map[string]time.Duration{"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "99999999": maxRetryAfter,
		now.Add(9 * time.Second).Format(http.TimeFormat): 9 * time.Second, now.Add(-time.Hour).Format(http.TimeFormat): 0} {
		if got := retryAfter(v, now); got != want {
			t.Errorf("Retry-After %q is %v, want %v", v, got, want)
		}
	}
}

// One bad event takes no other with it, and too large a batch is halved.
func TestBadEventsStandAlone(t *testing.T) {
	c := &collector{t: t, fault: func(_ *collector, _ int, events []stored, w http.ResponseWriter) (bool, bool) {
		has := func(id string) bool { return slices.ContainsFunc(events, func(e stored) bool { return e.id == id }) }
		switch {
		case len(events) > 7, has("m000100"):
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		case has("m000050"), has("m000051"):
			w.WriteHeader(http.StatusBadRequest)
		case has("m000200"):
			fmt.Fprintf(w, `{"accepted":%d,"rejected":[{"index":0,"reason":"schema"}]}`, len(events)-1)
			return true, true
		default:
			return false, true
		}
		return true, false
	}}
	srv := httptest.NewServer(c)
	defer srv.Close()
	src := people(400, 11)
	l, err := send(t, quick(srv.URL), src)
	if err != nil || l.Accepted != 396 {
		t.Errorf("%v, %+v", err, l)
	}
	if diff := cmp.Diff(map[string]int64{"too_large": 1, "bad_request": 2, "schema": 1}, l.Rejected); diff != "" {
		t.Error(diff)
	}
	src.msgs = slices.DeleteFunc(src.msgs, func(m Message) bool { return m.ID == "m000050" || m.ID == "m000051" || m.ID == "m000100" })
	delivered(t, src, c.kept)
}

func TestRefusedForGood(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	for _, code := range []int{401, 403, 404, 307} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(code)
		}))
		l, err := send(t, quick(srv.URL), people(5000, 40))
		srv.Close()
		if !errors.Is(err, ErrRefused) || l.Accepted != 0 || l.Unanswered != l.Sent || l.Sent == 0 {
			t.Errorf("%d: %v, %+v", code, err, l)
		}
	}
	if reached {
		t.Error("a redirect was followed: the write key went to another server")
	}
}

func TestNobodyThere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	cfg := quick("http://" + addr)
	cfg.Patience = 100 * time.Millisecond
	l, err := send(t, cfg, people(300, 9))
	if !errors.Is(err, ErrAway) || l.Unanswered != l.Sent || l.Retries == 0 {
		t.Errorf("%v, %+v", err, l)
	}
}

func TestSendIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	srv := httptest.NewServer(&collector{t: t, fault: func(_ *collector, call int, _ []stored, w http.ResponseWriter) (bool, bool) {
		if call == 10 {
			cancel()
		}
		return false, true
	}})
	defer srv.Close()
	s, err := NewSender(quick(srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Send(ctx, people(100_000, 30))
	if l := s.Ledger(); !errors.Is(err, context.Canceled) || !l.Closes() || l.Unanswered == 0 || l.Sent == 100_000 {
		t.Errorf("%v, %+v", err, l)
	}
}

// An act lies exactly between the events before and after it; a refused one stops nothing.
func TestActsKeepTheirPlace(t *testing.T) {
	c := &collector{t: t, fault: func(_ *collector, _ int, events []stored, w http.ResponseWriter) (bool, bool) {
		if events[0].id == "" && events[0].user == "u2" {
			w.WriteHeader(http.StatusForbidden)
			return true, true
		}
		return false, true
	}}
	srv := httptest.NewServer(c)
	defer srv.Close()
	src := &list{}
	for i := range 30 {
		m := Message{Name: "e", ID: strconv.Itoa(100 + i), User: fmt.Sprintf("u%d", i%3)}
		if i%4 == 3 {
			m = Message{User: m.User, Time: noon, Consent: All([]string{"improve"}, false),
				Act: &Act{Features: Choices{{"location", true}}, PolicyRev: 3, Method: "settings"}}
		}
		m.Client.GPC = i%2 == 0
		src.msgs = append(src.msgs, m)
	}
	cfg := quick(srv.URL)
	cfg.Token = func(user string) (string, error) { return "token of " + user, nil }
	l, err := send(t, cfg, src)
	if err != nil || l.Acts+l.Refused["403"] != 30-l.Sent || l.Acts == 0 || l.Refused["403"] == 0 {
		t.Fatalf("%v, %+v", err, l)
	}
	got, want := map[string][]string{}, map[string][]string{}
	for _, e := range c.kept {
		got[e.user] = append(got[e.user], fmt.Sprintf("%s %v", e.id, e.gpc))
		if e.id == "" && e.user == "u1" {
			if diff := cmp.Diff(`{"user_id":"u1","token":"token of u1","purposes":{"improve":false},"features":{"location":true},"policy_rev":3,"method":"settings","time":"2026-12-10T12:00:00.000Z"}`, e.body); diff != "" {
				t.Error(diff)
			}
		}
	}
	for _, m := range src.msgs {
		want[m.User] = append(want[m.User], fmt.Sprintf("%s %v", m.ID, m.Client.GPC))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLargeEventsGoAlone(t *testing.T) {
	var sizes []int
	var mu sync.Mutex
	c := &collector{t: t, fault: func(_ *collector, _ int, events []stored, _ http.ResponseWriter) (bool, bool) {
		n := 0
		for _, e := range events {
			n += len(e.body) + 1
		}
		mu.Lock()
		defer mu.Unlock()
		if sizes = append(sizes, n); len(events) > 1 && n > 2000 {
			t.Errorf("%d events in %d bytes", len(events), n)
		}
		return false, true
	}}
	srv := httptest.NewServer(c)
	defer srv.Close()
	src := people(200, 13)
	for i := range src.msgs {
		if i%17 == 0 {
			src.msgs[i].Props = append(src.msgs[i].Props, Str("long", string(bytes.Repeat([]byte{'x'}, i*20))))
		}
	}
	cfg := quick(srv.URL)
	cfg.Bytes = 1999
	if l, err := send(t, cfg, src); err != nil || l.Accepted != 200 {
		t.Errorf("%v, %+v", err, l)
	}
	delivered(t, src, c.kept)
	if slices.Max(sizes) < 3000 {
		t.Error("no event was larger than a batch")
	}
}

func TestRate(t *testing.T) {
	c := &collector{t: t}
	srv := httptest.NewServer(c)
	defer srv.Close()
	cfg := quick(srv.URL)
	cfg.Rate = 500
	started := time.Now()
	if l, err := send(t, cfg, people(300, 9)); err != nil || l.Accepted != 300 {
		t.Errorf("%v, %+v", err, l)
	}
	if d := time.Since(started); d < 590*time.Millisecond {
		t.Errorf("300 events at 500 a second took %v", d)
	}
}

func TestSourceFails(t *testing.T) {
	c := &collector{t: t}
	srv := httptest.NewServer(c)
	defer srv.Close()
	src := people(100, 7)
	bad := errors.New("disk")
	l, err := send(t, quick(srv.URL), &failing{src, bad})
	if !errors.Is(err, bad) || l.Accepted != 100 {
		t.Errorf("%v, %+v", err, l)
	}
	delivered(t, src, c.kept)
}

type failing struct {
	*list
	err error
}

func (f *failing) Next(m *Message) error {
	if err := f.list.Next(m); err != io.EOF {
		return err
	}
	return f.err
}

func TestConfig(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"address": func(c *Config) { c.URL = "localhost:1" }, "key": func(c *Config) { c.WriteKey = "" },
		"lanes": func(c *Config) { c.Lanes = 0 }, "events": func(c *Config) { c.Events = 2501 }, "backoff": func(c *Config) { c.Backoff.Most = 0 },
	} {
		c := DefaultConfig("http://127.0.0.1:1", "k")
		if c.Validate() != nil {
			t.Fatal("the default does not pass")
		}
		if spoil(&c); c.Validate() == nil {
			t.Error("taken with a wrong", name)
		}
	}
}

func TestSegmentEvent(t *testing.T) {
	m := Message{Name: "e", ID: "i", Time: noon, User: "u", Install: "d", Session: "s", Consent: All([]string{"analytics", "personalize", "diagnose", "improve"}, true),
		Client:  Client{UA: "UA", IP: "192.0.2.1", Page: "https://x.example/", Ref: "https://y.example/"},
		Context: []Prop{Str("os", "Android"), Str("screen", "10x20"), Str("lang", "zh-CN"), Float("lat", 38.5), Float("lon", 114.25), Str("crs", "gcj02")},
		Props:   []Prop{Bool("ok", true), Str("q\n", "\xff")}}
	want := `{"type":"track","event":"e","messageId":"i","timestamp":"2026-12-10T12:00:00.000Z","userId":"u","anonymousId":"d","context":{"userAgent":"UA","ip":"192.0.2.1","sessionId":"s","locale":"zh-CN","page":{"url":"https://x.example/","referrer":"https://y.example/"},"os":{"name":"Android"},"screen":{"width":10,"height":20},"consent":{"categoryPreferences":{"Analytics":true,"Personalization":true,"Diagnostics":true,"improve":true}}},"properties":{"ok":true,"q\n":"` + "\ufffd" + `","lat":38.5,"lon":114.25,"crs":"gcj02"}}`
	if diff := cmp.Diff(want, string(Segment.append(nil, &m))); diff != "" {
		t.Error(diff)
	}
	bare := Message{Name: "e", Client: Client{GPC: true}}
	if got := string(Segment.append(nil, &bare)); got != `{"type":"track","event":"e","context":{},"properties":{}}` {
		t.Error(got)
	}
	if got := string(Native.append(nil, &bare)); got != `{"event":"e","props":{}}` {
		t.Error(got)
	}
}
