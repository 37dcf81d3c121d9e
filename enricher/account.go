package enricher

import (
	"cmp"
	"slices"
	"time"

	"github.com/sluice-events/sluice/privacy"
	"github.com/sluice-events/sluice/sinks"
)

// account counts what becomes of the events of one range.
type account struct {
	counts map[accountKey]uint64
}

type accountKey struct {
	kind  sinks.AccountKind
	event string
	key   string
}

func newAccount() *account { return &account{counts: make(map[accountKey]uint64)} }

func (a *account) reset() { clear(a.counts) }

func (a *account) add(kind sinks.AccountKind, event, key string, n uint64) {
	if n > 0 {
		a.counts[accountKey{kind, event, key}] += n
	}
}

// settle counts one event under its verdict.
func (a *account) settle(event string, r privacy.Reason) {
	switch {
	case r == privacy.Kept:
		a.add(sinks.Stored, event, "", 1)
	case r.Rejected():
		a.add(sinks.Rejected, event, r.String(), 1)
	default:
		a.add(sinks.Dropped, event, r.String(), 1)
	}
}

// otherEvent is the event name of what has none of its own in the policy.
const otherEvent = "other"

// rows gives the account's lines in a fixed order, so that a replay sends the same bytes.
// batch is the account's own id; lines that count rows carry the id of those rows.
func (a *account) rows(batch privacy.ID, stores map[string]privacy.ID, now int64) []sinks.AccountRow {
	out := make([]sinks.AccountRow, 0, len(a.counts))
	at := time.UnixMilli(now).UTC().Truncate(time.Second)
	for k, n := range a.counts {
		id := batch
		if k.kind == sinks.Rows {
			id = stores[k.key]
		}
		out = append(out, sinks.AccountRow{Batch: id, Time: at, Kind: k.kind, Event: k.event, Key: k.key, N: n})
	}
	slices.SortFunc(out, func(a, b sinks.AccountRow) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Event, b.Event), cmp.Compare(a.Key, b.Key))
	})
	return out
}
