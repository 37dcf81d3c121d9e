package sinktest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy"
	"github.com/sluice-events/sluice/sinks"
)

// Harness is a sink under test.
type Harness struct {
	// Open opens a sink whose tables are those of the policy, empty or not.
	Open func(t *testing.T, p *policy.Policy) sinks.Sink
	// Kill stops the store as a power cut would and starts it again.
	Kill func(t *testing.T)
	// Count counts the rows of a store.
	Count func(t *testing.T, store string) uint64
	// Seen sums the events in the aggregate of persons and items.
	Seen func(t *testing.T) uint64
	// Account sums the account: kind, event and key joined by blanks.
	Account func(t *testing.T) map[string]uint64
}

// stores of Policy.
const (
	viewed = "ev_personalize" // with a view
	typed  = "ev_improve"     // every type, a minute's grain, a province's cap
)

// noon is when the events of the tests happened.
var noon = time.Date(2026, 11, 20, 4, 0, 0, 0, time.UTC)

type suite struct {
	Harness
	policy *policy.Policy
	maker  *Maker
	sink   sinks.Sink
}

// Run holds a sink to the contract. Its tests share the tables and run one after the other.
func Run(t *testing.T, h Harness) {
	p := Policy(t)
	s := &suite{Harness: h, policy: p, maker: NewMaker(t, p), sink: h.Open(t, p)}
	if err := s.sink.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		f    func(*testing.T)
	}{
		{"zero value refused", s.zero},
		{"twice is once", s.twice},
		{"other token, other rows", s.others},
		{"other token, same rows", s.copies},
		{"months in one batch", s.months},
		{"every type", s.types},
		{"landed", s.landed},
		{"account", s.account},
		{"poison refused whole", s.poison},
		{"cancelled", s.cancelled},
		{"many writers", s.many},
		{"once over a restart", s.restart},
	} {
		t.Run(c.name, c.f)
	}
}

// views are n page views of a few people.
func views(n int) []Event {
	out := make([]Event, n)
	for i := range out {
		out[i] = Event{Person: fmt.Sprintf("person-%d", i%7), Name: "page_view", Page: fmt.Sprintf("https://x.example/lesson/part-%c", 'a'+i%5), Time: noon.Add(time.Duration(i) * time.Second)}
	}
	return out
}

func (s *suite) write(t *testing.T, b sinks.Batch) {
	t.Helper()
	if err := s.sink.Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
}

// grows checks by how much a store and the aggregate have grown.
func (s *suite) grows(t *testing.T, store string, want uint64, f func()) {
	t.Helper()
	rows, seen := s.Count(t, store), s.Seen(t)
	f()
	if got := s.Count(t, store) - rows; got != want {
		t.Errorf("%s grew by %d rows, want %d", store, got, want)
	}
	if store != viewed {
		return
	}
	if got := s.Seen(t) - seen; got != want {
		t.Errorf("the aggregate grew by %d events, want %d", got, want)
	}
}

func (s *suite) zero(t *testing.T) {
	ctx := context.Background()
	whole := s.maker.Batch(t, viewed, views(1)...)
	whole.Token = ""
	for name, b := range map[string]sinks.Batch{"nil": {Token: "x"}, "empty": {Token: "x", Rows: new(privacy.Clean)}, "no token": whole} {
		if err := s.sink.Write(ctx, b); !errors.Is(err, sinks.ErrZero) {
			t.Errorf("%s: %v, want ErrZero", name, err)
		}
	}
	if err := s.sink.WriteAccount(ctx, sinks.Account{Rows: []sinks.AccountRow{{N: 1}}}); !errors.Is(err, sinks.ErrZero) {
		t.Errorf("account without a token: %v, want ErrZero", err)
	}
	s.grows(t, viewed, 0, func() { s.write(t, s.maker.Batch(t, viewed)) })
}

func (s *suite) twice(t *testing.T) {
	s.grows(t, viewed, 50, func() {
		b := s.maker.Batch(t, viewed, views(50)...)
		for b.Attempt = 1; b.Attempt <= 3; b.Attempt++ {
			s.write(t, b)
		}
		b.Attempt = 1 // a process that forgot that it had tried
		s.write(t, b)
	})
}

func (s *suite) others(t *testing.T) {
	s.grows(t, viewed, 60, func() {
		for range 3 {
			s.write(t, s.maker.Batch(t, viewed, views(20)...))
		}
	})
}

// copies sends the same rows under two tokens: two batches that happen to be alike are two.
func (s *suite) copies(t *testing.T) {
	s.grows(t, viewed, 2*20, func() {
		b := s.maker.Batch(t, viewed, views(20)...)
		s.write(t, b)
		b.Token += "-other"
		s.write(t, b)
		s.write(t, b)
	})
}

func (s *suite) months(t *testing.T) {
	events := views(14)
	for i := range events {
		events[i].Time = noon.AddDate(0, -i, 0)
	}
	s.grows(t, viewed, 14, func() {
		b := s.maker.Batch(t, viewed, events...)
		for b.Attempt = 1; b.Attempt <= 2; b.Attempt++ {
			s.write(t, b)
		}
	})
}

func (s *suite) types(t *testing.T) {
	s.grows(t, typed, 3, func() {
		s.write(t, s.maker.Batch(t, typed, full(noon), full(noon.Add(time.Minute)), Event{Person: "p", Name: "typed", Time: noon}))
	})
}

// full has a value for every column.
func full(at time.Time) Event {
	return Event{Person: "p", Name: "typed", Time: at, Props: map[string]string{
		"word": "Wort\twith \\ and \n\n and \x00", "pick": "it's", "yes": "true", "whole": "-7", "count": "18", "real": "2.5", "price": "19.9", "at": "2026-11-20T04:00:00Z",
		"note": "a note", "free.text": "x\"y", "free": "z",
	}}
}

func (s *suite) landed(t *testing.T) {
	ctx := context.Background()
	b := s.maker.Batch(t, viewed, views(9)...)
	check := func(want uint64) {
		t.Helper()
		if n, err := s.sink.Landed(ctx, viewed, b.ID); err != nil || n != want {
			t.Errorf("landed: %d, %v; want %d", n, err, want)
		}
	}
	check(0)
	s.write(t, b)
	check(9)
}

func (s *suite) account(t *testing.T) {
	before := s.Account(t)
	a := sinks.Account{Token: "test:account:1", Attempt: 1, Rows: []sinks.AccountRow{
		{Batch: [16]byte{1}, Time: noon, Kind: sinks.Accepted, N: 10},
		{Batch: [16]byte{1}, Time: noon, Kind: sinks.Stored, Event: "page_view", N: 7},
		{Batch: [16]byte{1}, Time: noon, Kind: sinks.Dropped, Event: "page_view", Key: "no_consent", N: 3},
		{Batch: [16]byte{2}, Time: noon, Kind: sinks.Rows, Event: "page_view", Key: viewed, N: 7},
	}}
	write := func() {
		t.Helper()
		if err := s.sink.WriteAccount(context.Background(), a); err != nil {
			t.Fatal(err)
		}
	}
	write()
	a.Attempt = 2
	write()
	s.Kill(t)
	write()
	a.Token, a.Attempt, a.Rows = "test:account:2", 1, []sinks.AccountRow{{Batch: [16]byte{3}, Time: noon, Kind: sinks.Accepted, N: 5}}
	write()
	if err := s.sink.WriteAccount(context.Background(), sinks.Account{Token: "test:account:3"}); err != nil {
		t.Errorf("an account without rows: %v", err)
	}
	after := s.Account(t)
	for key, want := range map[string]uint64{"accepted  ": 15, "stored page_view ": 7, "dropped page_view no_consent": 3, "rows page_view " + viewed: 7} {
		if got := after[key] - before[key]; got != want {
			t.Errorf("account %q grew by %d, want %d", key, got, want)
		}
	}
}

// poison writes rows that a guard of the table refuses: made under a policy whose grain is
// finer. One bad row must keep the good ones out too, and the error must not quote it.
func (s *suite) poison(t *testing.T) {
	lax := NewMaker(t, Policy(t, "grain: 1m", "grain: 1s"))
	bad, canary := full(noon.Add(13*time.Second)), "canary-7391"
	bad.Props["word"] = canary
	lax.next = 1 << 40 // ids of its own
	b := lax.Batch(t, typed, full(noon), bad, full(noon))
	ctx := context.Background()
	s.grows(t, typed, 0, func() {
		err := s.sink.Write(ctx, b)
		if !errors.Is(err, sinks.ErrPoison) {
			t.Fatalf("%v, want ErrPoison", err)
		}
		for _, part := range []string{canary, "1795", b.Token} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("the error quotes %q: %v", part, err)
			}
		}
	})
	if n, err := s.sink.Landed(ctx, typed, b.ID); err != nil || n != 0 {
		t.Errorf("landed: %d, %v; want 0", n, err)
	}
	s.grows(t, typed, 1, func() { s.write(t, s.maker.Batch(t, typed, full(noon))) })
}

func (s *suite) cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.grows(t, viewed, 11, func() {
		b := s.maker.Batch(t, viewed, views(11)...)
		err := s.sink.Write(ctx, b)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, sinks.ErrRetryable) && !errors.Is(err, sinks.ErrUnknown) {
			t.Errorf("%v, want a cancelled call that may be repeated", err)
		}
		b.Attempt = 2
		s.write(t, b)
	})
}

func (s *suite) many(t *testing.T) {
	s.grows(t, viewed, 4*6*25, func() {
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				m := NewMaker(t, s.policy)
				m.next = int64(1+w) << 32
				for range 6 {
					b := m.Batch(t, viewed, views(25)...)
					for b.Attempt = 1; b.Attempt <= 2; b.Attempt++ {
						if err := s.sink.Write(context.Background(), b); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
	})
}

func (s *suite) restart(t *testing.T) {
	s.grows(t, viewed, 40, func() {
		b := s.maker.Batch(t, viewed, views(40)...)
		s.write(t, b)
		s.Kill(t)
		b.Attempt = 2
		s.write(t, b)
		b.Attempt = 1
		s.write(t, b)
	})
}
