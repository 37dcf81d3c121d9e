// Package sinks is the contract between the enricher and what stores its rows. In come
// batches of privacy.Clean, the only thing a sink accepts, with the account rows that
// travel under the same token; what goes out is one table per purpose.
package sinks

import (
	"context"
	"errors"
	"time"

	"github.com/sluice-events/sluice/privacy"
)

var (
	// ErrRetryable: the store was away, busy or full; the same batch may be sent again.
	ErrRetryable = errors.New("sink: store not available")
	// ErrUnknown: the store may or may not have the batch; ask Landed, or send the same
	// batch with the same token again.
	ErrUnknown = errors.New("sink: outcome unknown")
	// ErrPoison: the store refuses these rows whatever is done; they must be set aside.
	ErrPoison = errors.New("sink: rows refused")
	// ErrZero: the batch holds no store, so it was not made by the privacy stages.
	ErrZero = errors.New("sink: not a clean batch")
)

// Batch is the rows of one store out of one range of raw offsets.
type Batch struct {
	Token string   // incarnation:topic:partition:a-b:store, the same for every attempt
	ID    [16]byte // the rows' batch column
	Rows  *privacy.Clean
	// Attempt is 1 for a batch that was never sent; at later ones, and at replays of open
	// intents, the store may have it already.
	Attempt int
}

// AccountRow is one line of the durable account: how many events of a name ended where.
type AccountRow struct {
	Batch [16]byte  // of the store's rows for kind rows, else of the account batch itself
	Time  time.Time // when the range was processed; second resolution
	Kind  AccountKind
	Event string // declared name, or "other"
	Key   string // store (kind rows), reason (dropped, rejected, withheld: store:reason), "" (accepted, stored)
	N     uint64
}

// AccountKind says what an account row counts.
type AccountKind string

const (
	Accepted AccountKind = "accepted" // events in the sealed messages of the range, from their headers
	Stored   AccountKind = "stored"   // events with at least one row
	Dropped  AccountKind = "dropped"  // events without a row, by reason
	Rejected AccountKind = "rejected" // events set aside, by reason
	Rows     AccountKind = "rows"     // rows written, by store
	Withheld AccountKind = "withheld" // event and store pairs that got no row, by store:reason
)

// Account is the account rows of one range of raw offsets. It is written after the rows it
// counts and under a token of its own.
type Account struct {
	Token   string
	Rows    []AccountRow
	Attempt int
}

// Sink stores batches. An implementation must be safe for concurrent use; it must not hold
// on to a batch after a call returns. Errors are one of the sentinels above, wrapped, and
// never carry a value of a row.
type Sink interface {
	// Write stores the whole batch or nothing. Sending a batch twice with one token stores
	// it once.
	Write(ctx context.Context, b Batch) error
	// WriteAccount stores account rows the same way.
	WriteAccount(ctx context.Context, a Account) error
	// Landed tells how many rows of a store carry a batch id.
	Landed(ctx context.Context, store string, id [16]byte) (uint64, error)
	// Ping reports whether the store can be written to now.
	Ping(ctx context.Context) error
	Close() error
}
