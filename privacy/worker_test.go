package privacy

import (
	"testing"

	"github.com/sluice-events/sluice/event"
)

func TestReasons(t *testing.T) {
	b := newBench(t, "cn-edu")
	a := b.person(AgeAdult)
	f := func(want Reason, raw event.Raw) {
		t.Helper()
		if v, _ := b.run(raw, a); v.Reason != want {
			t.Errorf("%s: %v, want %v", raw.Name, v.Reason, want)
		}
	}
	f(UndeclaredEvent, event.Raw{Name: "delivery_apply"})
	f(NoConsent, event.Raw{Name: "search", Props: []event.Prop{str("q", "x")}})
	f(Empty, event.Raw{Name: "msg_sent"})
	f(Kept, event.Raw{Name: "page_view", Page: "/a"})
	ok := b.person(AgeAdult, "improve")
	if v, _ := b.run(event.Raw{Name: "lesson_play", Props: []event.Prop{num("pos_ms", 3)}}, ok); v.Reason != Schema {
		t.Errorf("a missing required field: %v", v.Reason)
	}
	old := b.person(AgeAdult, "improve")
	old.NotBefore = testNow
	if v, _ := b.run(event.Raw{Name: "page_view", Page: "/a"}, old); v.Reason != NotBefore {
		t.Errorf("an event from before an erasure: %v", v.Reason)
	}
}

func TestTypes(t *testing.T) {
	b := newBench(t, "cn-edu")
	a := b.person(AgeAdult, "improve", "diagnose", "survey")
	f := func(name, store, column, want string, props ...event.Prop) {
		t.Helper()
		if _, rows := b.run(event.Raw{Name: name, Props: props}, a); rows[store][column] != want {
			t.Errorf("%s.%s = %q, want %q", store, column, rows[store][column], want)
		}
	}
	f("search", "ev_improve", "hits", "12", num("hits", 12), str("q", "x"))
	f("search", "ev_improve", "hits", "12", str("hits", "12"), str("q", "x"))
	f("search", "ev_improve", "hits", "", num("hits", -1), str("q", "x"))
	f("search", "ev_improve", "hits", "", str("hits", "many"), str("q", "x"))
	f("device_log", "ev_device_log", "severity", "error", str("severity", "error"))
	f("device_log", "ev_device_log", "severity", "", str("severity", "panic"), str("logger", "l"))
	f("survey_answer", "ev_survey", "note", "[cn_id]", str("note", "11010519491231002X"))
}

// After warm-up an event costs no allocation, under either policy.
func TestAddDoesNotAllocate(t *testing.T) {
	for name, raw := range map[string]event.Raw{
		"cn-edu":  {Name: "page_view", Page: "https://x.example/about", Referrer: "https://www.baidu.com/", Net: testNet, Props: []event.Prop{num("dur_ms", 5)}},
		"starter": {Name: "Order Done", Page: "https://x.example/about", Net: testNet, Props: []event.Prop{str("product_id", "p7"), num("n", 3), str("note", "ok")}},
	} {
		b := newBench(t, name)
		p := b.person(AgeAdult, "personalize")
		raw.Tenant, raw.MessageID, raw.Time, raw.User = tenant, "m", testNow, event.NewUserID("u")
		kind, canon := raw.Subject(nil)
		sub := Subject{Kind: kind, Canon: canon, Person: p, Session: []byte("s"), Seq: 1}
		round := func() {
			if err := b.w.Begin(Range{Topic: "raw", From: 1, To: 2}, testNow); err != nil {
				t.Fatal(err)
			}
			for range 200 {
				if _, err := b.w.Add(&raw, &sub); err != nil {
					t.Fatal(err)
				}
			}
		}
		round()
		begin := testing.AllocsPerRun(20, func() { b.w.Begin(Range{Topic: "raw", From: 1, To: 2}, testNow) })
		if n := testing.AllocsPerRun(20, round) - begin; n > 0 {
			t.Errorf("%s: 200 events allocate %v times", name, n)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, name := range []string{"cn-edu", "starter"} {
		b.Run(name, func(b *testing.B) {
			t := &testing.T{}
			h := newBench(t, name)
			p := h.person(AgeAdult, "personalize")
			raw := event.Raw{Tenant: tenant, MessageID: "m", Time: testNow, User: event.NewUserID("u"), Name: "page_view", Page: "https://x.example/lesson/77",
				Referrer: "https://www.baidu.com/", Net: testNet, UserAgent: "ua", Props: []event.Prop{num("dur_ms", 5), str("item_id", "l7"), str("note", "a few words of text")}}
			kind, canon := raw.Subject(nil)
			sub := Subject{Kind: kind, Canon: canon, Person: p, Session: []byte("s"), Seq: 1}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if i%10_000 == 0 {
					h.w.Begin(Range{Topic: "raw", From: int64(i), To: int64(i) + 1}, testNow)
				}
				if _, err := h.w.Add(&raw, &sub); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
