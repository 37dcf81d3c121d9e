package feed

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
)

// Ledger says what became of the messages given to the collector. Once a run is over,
// Sent = Accepted + Rejected + Unanswered; each counts messages, retries not again.
type Ledger struct {
	Sent       int64
	Accepted   int64            // answered with success
	Rejected   map[string]int64 // by the collector's reason, or too_large, bad_request
	Unanswered int64            // the run ended before an answer came: the collector may have them or not
	Acts       int64            // consent acts taken
	Refused    map[string]int64 // consent acts that were not, by status code, or "nothing"
	Requests   int64            // first attempts and retries
	Retries    int64            // of requests
	Retried    int64            // messages sent more than once
}

// Rejections is the sum over all reasons.
func (l Ledger) Rejections() (n int64) {
	for _, v := range l.Rejected {
		n += v
	}
	return n
}

// Closes reports whether every message is accounted for.
func (l Ledger) Closes() bool { return l.Sent == l.Accepted+l.Rejections()+l.Unanswered }

// Print writes the ledger as a table.
func (l Ledger) Print(w io.Writer) error {
	t := table{w: w}
	t.row("sent", l.Sent)
	t.row("accepted", l.Accepted)
	t.rows("rejected: ", l.Rejected)
	if l.Unanswered > 0 {
		t.row("unanswered", l.Unanswered)
	}
	if l.Acts > 0 || len(l.Refused) > 0 {
		t.row("consent acts", l.Acts)
		t.rows("consent acts answered ", l.Refused)
	}
	t.row("requests", l.Requests)
	t.row("of them retries", l.Retries)
	t.row("messages sent again", l.Retried)
	return t.err
}

type table struct {
	w   io.Writer
	err error
}

func (t *table) row(name string, n int64) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, "  %-36s %12d\n", name, n)
	}
}

func (t *table) rows(prefix string, by map[string]int64) {
	for _, k := range slices.Sorted(maps.Keys(by)) {
		t.row(prefix+k, by[k])
	}
}

func (t *table) line(s string) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, s)
	}
}

func (t *table) keep(err error) {
	if t.err == nil {
		t.err = err
	}
}

// maxReasons bounds the reasons taken from a collector's answers.
const maxReasons = 32

// tally is the ledger while lanes write to it.
type tally struct {
	mu sync.Mutex
	l  Ledger
}

func newTally() *tally {
	return &tally{l: Ledger{Rejected: map[string]int64{}, Refused: map[string]int64{}}}
}

func (t *tally) do(f func(*Ledger)) {
	t.mu.Lock()
	f(&t.l)
	t.mu.Unlock()
}

func (t *tally) copy() Ledger {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.l
	l.Rejected, l.Refused = maps.Clone(l.Rejected), maps.Clone(l.Refused)
	return l
}

func (l *Ledger) reject(reason string, n int64) {
	if _, known := l.Rejected[reason]; !known && (len(l.Rejected) >= maxReasons || !tidy(reason)) {
		reason = "other"
	}
	l.Rejected[reason] += n
}

// miss counts a batch that got no answer.
func (l *Ledger) miss(b *batch) {
	l.Unanswered += b.events()
	if b.act {
		l.Refused["nothing"]++
	}
}

// tidy reports whether a reason is a short word: an answer is not trusted to be printable.
func tidy(s string) bool {
	if s == "" || len(s) > 40 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && c != '_' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
