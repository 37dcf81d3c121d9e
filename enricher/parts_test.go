package enricher

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-events/sluice/privacy"
	"github.com/sluice-events/sluice/sinks"
)

func TestIntentRoundTrip(t *testing.T) {
	want := intent{To: 42, Now: testNow, PolicyRev: 3}
	got, open, err := parseIntent(want.String())
	if err != nil || !open || got != want {
		t.Errorf("%+v, %v, %v", got, open, err)
	}
	if _, open, err = parseIntent(""); open || err != nil {
		t.Errorf("no metadata: %v, %v", open, err)
	}
	for _, bad := range []string{"x", "{}", `{"b":-1}`, `[]`} {
		if _, _, err := parseIntent(bad); err == nil {
			t.Errorf("%q was taken for an intent", bad)
		}
	}
}

const testNow = 1_796_868_000_000

func TestWindow(t *testing.T) {
	const minute = 60_000
	w := newWindow(10*minute, 1000)
	f := func(id string, at int64, want bool) {
		t.Helper()
		if got := w.add("t", id, at); got != want {
			t.Errorf("%s at %d: duplicate = %v", id, at/minute, got)
		}
	}
	f("a", 0, false)
	f("a", 5*minute, true)
	f("a", 10*minute, true)
	f("b", 10*minute, false)
	f("a", 11*minute, false)
	f("a", 12*minute, true)
	if w.add("other", "a", 12*minute) {
		t.Error("ids of two tenants met")
	}
	for i := range 5000 {
		f(fmt.Sprint("x", i), 13*minute, false)
	}
	if len(w.seen) > 1001 {
		t.Errorf("the window holds %d ids, its limit is 1000", len(w.seen))
	}
}

// A window that was rebuilt from the last stretch of the log decides as the one before.
func TestWindowRebuilt(t *testing.T) {
	type msg struct {
		id string
		at int64
	}
	var log []msg
	for i := range 4000 {
		log = append(log, msg{fmt.Sprint(i * 7 % 900), int64(i) * 1000})
	}
	const span = 600_000
	whole := newWindow(span, 1<<20)
	for _, m := range log[:3000] {
		whole.add("t", m.id, m.at)
	}
	later := newWindow(span, 1<<20)
	for _, m := range log[3000-3*span/1000 : 3000] {
		later.add("t", m.id, m.at)
	}
	for _, m := range log[3000:] {
		if a, b := whole.add("t", m.id, m.at), later.add("t", m.id, m.at); a != b {
			t.Fatalf("message at %d: %v before, %v after the restart", m.at, a, b)
		}
	}
}

func TestSessions(t *testing.T) {
	s := newSessions(30*60_000, 100)
	canon := []byte("p")
	next := func(client string, minute int64) string {
		id, seq := s.next(nil, canon, client, minute*60_000)
		return fmt.Sprintf("%x/%d", id, seq)
	}
	first := next("", 0)
	if second := next("", 29); second[:len(second)-1] != first[:len(first)-1] || second[len(second)-1] != '2' {
		t.Errorf("29 minutes later: %s after %s", second, first)
	}
	third := next("", 60)
	if third == first || third[len(third)-1] != '1' {
		t.Errorf("after 31 minutes of silence: %s", third)
	}
	if a, b := next("c1", 61), next("c1", 300); a[len(a)-1] != '1' || b[len(b)-1] != '2' || a[:len(a)-1] != b[:len(b)-1] {
		t.Errorf("a client's own session: %s, %s", a, b)
	}
	for i := range 1000 {
		s.next(nil, fmt.Append(nil, i), "", testNow+int64(i)*1000)
	}
	if len(s.open) > 100 {
		t.Errorf("%d sessions are held, the limit is 100", len(s.open))
	}
}

func TestAccountRows(t *testing.T) {
	a := newAccount()
	a.add(sinks.Accepted, otherEvent, "", 5)
	a.settle("page_view", privacy.Kept)
	a.settle("page_view", privacy.Kept)
	a.settle("login", privacy.NoConsent)
	a.settle("login", privacy.Schema)
	a.settle(otherEvent, privacy.Duplicate)
	a.add(sinks.Rows, "page_view", "ev_service", 2)
	own, rows := privacy.ID{1}, privacy.ID{2}
	at := time.UnixMilli(testNow).UTC()
	want := []sinks.AccountRow{
		{Batch: own, Time: at, Kind: sinks.Accepted, Event: "other", N: 5},
		{Batch: own, Time: at, Kind: sinks.Dropped, Event: "login", Key: "no_consent", N: 1},
		{Batch: own, Time: at, Kind: sinks.Dropped, Event: "other", Key: "duplicate", N: 1},
		{Batch: own, Time: at, Kind: sinks.Rejected, Event: "login", Key: "schema", N: 1},
		{Batch: rows, Time: at, Kind: sinks.Rows, Event: "page_view", Key: "ev_service", N: 2},
		{Batch: own, Time: at, Kind: sinks.Stored, Event: "page_view", N: 2},
	}
	if d := cmp.Diff(want, a.rows(own, map[string]privacy.ID{"ev_service": rows}, testNow)); d != "" {
		t.Error(d)
	}
}
