package feed

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestClosing(t *testing.T) {
	f := func(l Ledger, a Account, want bool, words ...string) {
		t.Helper()
		var b bytes.Buffer
		closed, err := PrintClosing(&b, l, a)
		if err != nil || closed != want {
			t.Errorf("closed %v, want %v, %v\n%s", closed, want, err, b.String())
		}
		for _, w := range words {
			if !strings.Contains(b.String(), w) {
				t.Errorf("no %q in\n%s", w, b.String())
			}
		}
	}
	good := Account{Accepted: 10, Stored: 6, Dropped: map[string]int64{"no_consent": 3}, Rejected: map[string]int64{"schema": 1}}
	led := Ledger{Sent: 11, Accepted: 10, Rejected: map[string]int64{"too_large": 1}}
	f(led, good, true, "the account closes", "no_consent", "too_large")
	more := good
	more.Accepted, more.Dropped = 12, map[string]int64{"no_consent": 3, "duplicate": 2}
	f(led, more, true)
	lost := good
	lost.Stored = 5
	f(led, lost, false, "1 events are unaccounted for")
	fewer := good
	fewer.Accepted, fewer.Stored = 9, 5
	f(led, fewer, false, "KNOWS FEWER")
	flying := good
	flying.Stored, flying.InFlight = 4, 2
	f(led, flying, false, "still in flight", "the account closes")
	f(Ledger{Sent: 11, Accepted: 10, Unanswered: 1}, good, false, "ANSWER")
	f(Ledger{Sent: 12, Accepted: 10}, good, false, "LEDGER")
}

func TestAccountSince(t *testing.T) {
	before := Account{Accepted: 100, Stored: 60, Dropped: map[string]int64{"empty": 30}, Rejected: map[string]int64{"schema": 5}, InFlight: 5}
	after := Account{Accepted: 150, Stored: 100, Dropped: map[string]int64{"empty": 30, "no_consent": 15}, Rejected: map[string]int64{"schema": 5}}
	d := after.Since(before)
	if !before.Closes() || !after.Closes() || !d.Closes() || d.Accepted != 55 || d.Stored != 40 || len(d.Rejected) != 0 || d.Dropped["no_consent"] != 15 {
		t.Errorf("%+v", d)
	}
}

func TestSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		read := func(context.Context) (Account, error) {
			if n++; n == 2 {
				return Account{}, errors.New("away")
			}
			return Account{Accepted: 3, Stored: int64(min(n, 3)), InFlight: int64(max(3-n, 0))}, nil
		}
		a, err := Settle(t.Context(), time.Second, read)
		if err != nil || n != 3 || a.Stored != 3 {
			t.Error(n, a, err)
		}
		n = 0
		a, err = Settle(t.Context(), time.Second, func(context.Context) (Account, error) {
			n++
			return Account{Accepted: int64(n), Stored: int64(n)}, nil // closes at every moment, and lags
		}, func(a Account) bool { return a.Accepted >= 4 })
		if err != nil || a.Accepted != 4 {
			t.Error(a, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		a, err = Settle(ctx, time.Second, func(context.Context) (Account, error) { return Account{Accepted: 1, InFlight: 1}, nil })
		if err != nil || a.InFlight != 1 {
			t.Error(a, err)
		}
		if _, err = Settle(ctx, time.Second, func(context.Context) (Account, error) { return Account{}, errors.New("away") }); err == nil {
			t.Error("no error although nothing was read")
		}
	})
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		var b bytes.Buffer
		Progress(ctx, &b, 100, func() Ledger { return Ledger{Accepted: 50, Rejected: map[string]int64{"schema": 5}, Retries: 2} })
		want := "50 of 100 accepted, 5 rejected, 2 retries, 11 a second\n50 of 100 accepted, 5 rejected, 2 retries, 6 a second\n"
		if b.String() != want {
			t.Errorf("got %q", b.String())
		}
	})
	if got := progressLine(Ledger{Accepted: 50}, 100, time.Second, true); !strings.HasPrefix(got, "[============            ] 50 of 100") {
		t.Errorf("got %q", got)
	}
	if got := progressLine(Ledger{Accepted: 500}, 100, time.Second, true); !strings.HasPrefix(got, "[========================]") {
		t.Errorf("got %q", got)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if terminal(null) || terminal(&bytes.Buffer{}) {
		t.Error("no terminal taken for one")
	}
}

func TestReasonsAreBounded(t *testing.T) {
	l := newTally().l
	for i := range 100 {
		l.reject(strings.Repeat("x", i%50), 1)
	}
	l.reject("13800000000 \n", 1)
	if len(l.Rejected) > maxReasons+1 || l.Rejections() != 101 || l.Rejected["other"] == 0 {
		t.Errorf("%d reasons, %d rejections", len(l.Rejected), l.Rejections())
	}
}
