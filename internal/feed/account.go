package feed

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Account is the pipeline's own count of events, as it shows it live.
type Account struct {
	Accepted int64
	Stored   int64
	Dropped  map[string]int64 // by reason
	Rejected map[string]int64 // by reason
	InFlight int64
}

// Closes reports whether every accepted event is somewhere.
func (a Account) Closes() bool {
	return a.Accepted == a.Stored+sum(a.Dropped)+sum(a.Rejected)+a.InFlight
}

// Since returns what was added after the account was before; what is in flight is as of now.
func (a Account) Since(before Account) Account {
	a.Accepted -= before.Accepted - before.InFlight
	a.Stored -= before.Stored
	a.Dropped = less(a.Dropped, before.Dropped)
	a.Rejected = less(a.Rejected, before.Rejected)
	return a
}

func less(a, b map[string]int64) map[string]int64 {
	d := map[string]int64{}
	for k, v := range a {
		if v -= b[k]; v != 0 {
			d[k] = v
		}
	}
	return d
}

func sum(m map[string]int64) (n int64) {
	for v := range maps.Values(m) {
		n += v
	}
	return n
}

// Print writes the account as a table whose last line says whether it closes.
func (a Account) Print(w io.Writer) error {
	t := table{w: w}
	t.row("accepted", a.Accepted)
	t.row("= stored", a.Stored)
	t.rows("+ dropped: ", a.Dropped)
	t.rows("+ rejected: ", a.Rejected)
	t.row("+ in flight", a.InFlight)
	if t.err != nil {
		return t.err
	}
	if a.Closes() {
		_, t.err = fmt.Fprintln(w, "  the account closes")
	} else {
		missing := a.Accepted - a.Stored - sum(a.Dropped) - sum(a.Rejected) - a.InFlight
		_, t.err = fmt.Fprintf(w, "  THE ACCOUNT DOES NOT CLOSE: %d events are unaccounted for\n", missing)
	}
	return t.err
}

// Settle asks for the account every so often until nothing is in flight, it closes and
// every one of enough says so, or ctx ends; it then returns the last one. An account that
// lags behind the answers closes too early, so callers pass "knows of all that was sent".
// A read that fails is tried again; its error is returned only when no read succeeded.
func Settle(ctx context.Context, every time.Duration, read func(context.Context) (Account, error), enough ...func(Account) bool) (Account, error) {
	var last Account
	var have bool
	for {
		a, err := read(ctx)
		if err == nil {
			last, have = a, true
			lacks := func(f func(Account) bool) bool { return !f(a) }
			if a.InFlight == 0 && a.Closes() && !slices.ContainsFunc(enough, lacks) {
				return a, nil
			}
		}
		if sleep(ctx, every) != nil {
			if have {
				return last, nil
			}
			return last, fmt.Errorf("read the account: %w", err)
		}
	}
}

// PrintClosing is the end of a replay: what the client sent, what the pipeline made of it
// since (including what the collector dropped before its log), and whether both close and
// agree. The pipeline may have accepted more than the client knows of: an event sent again
// after a lost answer counts each time. Fewer than the client got answers for is a loss.
func PrintClosing(w io.Writer, l Ledger, a Account) (closed bool, err error) {
	t := table{w: w}
	t.line("sent by this client")
	t.keep(l.Print(w))
	t.line("account of the pipeline")
	t.keep(a.Print(w))
	closed = l.Closes() && a.Closes()
	for _, fault := range []struct {
		is   bool
		text string
	}{
		{!l.Closes(), "  THE LEDGER OF THIS CLIENT DOES NOT CLOSE"},
		{l.Unanswered > 0, "  NOT EVERY MESSAGE GOT AN ANSWER"},
		{a.InFlight > 0, "  events are still in flight"},
		{a.Accepted < l.Accepted, "  THE PIPELINE KNOWS FEWER EVENTS THAN IT ACKNOWLEDGED"},
	} {
		if fault.is {
			closed = false
			t.line(fault.text)
		}
	}
	return closed, t.err
}
