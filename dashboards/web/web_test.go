package web

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// source holds the figures of a test; an error stands for a part that is not up.
type source struct {
	account Account
	events  []Event
	err     error
}

func (s source) web() Source {
	return Source{
		Account: func(context.Context) (Account, error) { return s.account, s.err },
		Last:    func(n int) ([]Event, error) { return s.events[:min(n, len(s.events))], s.err },
		About:   func() About { return About{Policy: "p", Rev: 3} },
	}
}

func request(t *testing.T, s source, method, path string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	Handler(s.web(), Hosts{}).ServeHTTP(w, r)
	return w.Result()
}

func TestFigures(t *testing.T) {
	s := source{account: Account{Accepted: 5, Stored: 2, Dropped: map[string]uint64{"empty": 1}, Rejected: map[string]uint64{"schema": 1}, InFlight: 1, Closed: true,
		Rows: map[string]uint64{"ev_service": 2}, Withheld: map[string]uint64{"ev_improve:no_consent": 1}, Door: Door{Refused: map[string]uint64{"no_key": 1}}}}
	for range 300 {
		s.events = append(s.events, Event{Time: time.Unix(1, 0).UTC(), Event: "page_view", Reason: "kept"})
	}
	var a Account
	decode(t, request(t, s, "GET", "/api/account"), &a)
	if d := cmp.Diff(s.account, a); d != "" {
		t.Error(d)
	}
	for query, want := range map[string]int{"": 20, "?n=1": 1, "?n=200": 200, "?n=201": 20, "?n=0": 20, "?n=-1": 20, "?n=x": 20} {
		var got []Event
		decode(t, request(t, s, "GET", "/api/last"+query), &got)
		if len(got) != want {
			t.Errorf("%q: %d events, want %d", query, len(got), want)
		}
	}
	var none []Event
	if decode(t, request(t, source{}, "GET", "/api/last"), &none); none == nil {
		t.Error("no events are null, not an empty list")
	}
	var b About
	if decode(t, request(t, s, "GET", "/api/about"), &b); b.Policy != "p" || b.Rev != 3 {
		t.Errorf("about: %+v", b)
	}
}

func decode(t *testing.T, r *http.Response, v any) {
	t.Helper()
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		t.Error(err)
	}
}

// The text of an error may name an address or a path; the page does not show it.
func TestPartAway(t *testing.T) {
	s := source{err: errors.New("dial cnry1: refused")}
	for _, path := range []string{"/api/account", "/api/last"} {
		r := request(t, s, "GET", path)
		var b strings.Builder
		r.Write(&b)
		if r.StatusCode != http.StatusServiceUnavailable || strings.Contains(b.String(), "cnry") {
			t.Errorf("%s: %s", path, b.String())
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, path := range []string{"/", "/app.js", "/style.css", "/icon.svg", "/api/account", "/api/about", "/nothing"} {
		h := request(t, source{}, "GET", path).Header
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: no %s in %q", path, want, csp)
			}
		}
		for _, bad := range []string{"unsafe", "*", "http", "data:", "blob:"} {
			if strings.Contains(csp, bad) {
				t.Errorf("%s: %s in %q", path, bad, csp)
			}
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, h)
		}
		if h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s is open to other origins", path)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		if r := request(t, source{}, method, "/api/account"); r.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, r.StatusCode)
		}
	}
}

// Nothing of the page is inline, and nothing comes from elsewhere.
func TestStatic(t *testing.T) {
	for what, re := range map[string]string{
		"an inline script":       `<script(>|[^>]*[^>/]>[^<])`,
		"an inline style":        `<style|\sstyle\s*=`,
		"an inline handler":      `<[a-z][^>]*\son[a-z]+\s*=`,
		"markup from a text":     `innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function`,
		"storage in the browser": `localStorage|sessionStorage|document\.cookie|indexedDB`,
		"something from outside": `(src|href)\s*=\s*"(https?:)?//|url\(|@import|fetch\(["']https?:|from "https?:`,
	} {
		bad := regexp.MustCompile(re)
		err := fs.WalkDir(static, "static", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(static, path)
			if m := bad.Find(text); m != nil {
				t.Errorf("%s has %s: %q", path, what, m)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestVeil(t *testing.T) {
	f := func(name string, hidden bool) {
		t.Helper()
		in := []Event{{Event: name}, {Event: name, Declared: true}}
		out := veil(in)
		if got := out[0].Event == veiled; got != hidden {
			t.Errorf("%q: shown as %q", name, out[0].Event)
		}
		if out[1].Event != name || in[0].Event != name {
			t.Errorf("%q: a declared name, or the caller's own, was changed", name)
		}
	}
	for _, name := range []string{"page_view", "Order Done", "video.play_25", "lesson-7 opened", "step12345", "登录成功", "checkoutversion12", "", "other", "[mobile] called", "a1b2"} {
		f(name, false)
	}
	for _, name := range []string{"login wang@school.example", "call 138 1234 5678", "u_20261125", "open 3f2a91bc77de", "x:550e8400-e29b-41d4-a716-446655440000", "seen aB3xK9pQ2z", "h264playback", "order#4711-0815-22", strings.Repeat("x", 101), "用户１２３４５６"} {
		f(name, true)
	}
}
