package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/privacy"
)

// One produce request holds at most so many records and bytes of them: a record takes 300
// to 500 bytes, and some 2,500 under a policy that uses every bit.
const (
	flushRecords = 1000
	flushBytes   = 512 << 10
)

// errForeign: the partition has records that this table does not know and that say more
// than it does. Loading again takes them in.
var errForeign = fmt.Errorf("ledger: another owner wrote to the partition: %w", stream.ErrRetryable)

// Flush writes what changed and returns once every replica has it. Until it succeeds no
// row made from a changed record may be stored. On an error everything stays marked; after
// one that wraps stream.ErrRetryable the partition must be loaded again.
//
// Nothing fences the ledger topic itself, so a process that was paused and lost the
// partition can still write to it once. That shows as a gap before the offset of our own
// next write. What stands there is read: if it is behind what is known here it is written
// over, else this table is the one that is behind.
func (t *Table) Flush(ctx context.Context) error {
	for len(t.dirty) > 0 {
		over, err := t.writeAll(ctx)
		if err != nil {
			return err
		}
		clear(t.dirty)
		for _, k := range over {
			t.dirty[k] = t.people[k]
		}
	}
	return nil
}

// writeAll writes every marked record, and returns the keys whose last version in the log
// may now be a former owner's.
func (t *Table) writeAll(ctx context.Context) (over []key, err error) {
	var plain []byte
	records := make([]stream.Record, 0, min(len(t.dirty), flushRecords))
	size := 0
	send := func() error {
		if len(records) == 0 {
			return nil
		}
		more, err := t.write(ctx, records)
		over = append(over, more...)
		records, size = records[:0], 0
		return err
	}
	for k, p := range t.dirty {
		plain = appendRecord(plain[:0], p)
		value, err := seal.SealRecord(nil, t.kek, t.ad(k), plain)
		if err != nil {
			return nil, fmt.Errorf("ledger: seal: %w", err)
		}
		if size += len(value); len(records) == flushRecords || size > flushBytes {
			if err := send(); err != nil {
				return nil, err
			}
			size = len(value)
		}
		records = append(records, stream.Record{Key: bytes.Clone(k[:]), Value: value})
	}
	return over, send()
}

func (t *Table) write(ctx context.Context, records []stream.Record) (over []key, err error) {
	base, err := t.out.Produce(ctx, t.partition, records)
	if err != nil {
		return nil, fmt.Errorf("ledger: write: %w", err)
	}
	if base == t.end {
		t.end += int64(len(records))
		return nil, nil
	}
	next := int64(-1)
	if base >= 0 {
		next = base + int64(len(records))
	}
	return t.inspect(ctx, next)
}

// inspect reads the log from where this table last knew it up to an offset, or to its end
// for -1, and finds what another owner wrote there.
func (t *Table) inspect(ctx context.Context, to int64) (over []key, err error) {
	end, err := t.log.ReadAll(ctx, t.topic, t.partition, t.end, to, stream.FetchConfig{}, func(r stream.Record) error {
		if len(r.Key) != keyLen {
			t.Skipped++
			return nil
		}
		k := key(r.Key)
		mine := t.people[k]
		p, err := t.open(k, r.Value)
		switch {
		case errors.Is(err, errAhead):
			return errForeign
		case err != nil && !errors.Is(err, seal.ErrNoKey):
			return err
		case mine == nil && p == nil && err == nil: // a tombstone for nobody
		case mine == nil:
			return errForeign
		case p == nil:
			over = append(over, k)
		case p.Applied.After(mine.Applied), t.otherSecret(k, mine, p):
			return errForeign
		case !bytes.Equal(appendRecord(nil, mine), appendRecord(nil, p)):
			over = append(over, k)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: read what another owner wrote: %w", err)
	}
	t.end = end
	return over, nil
}

// otherSecret reports whether a load would take the secret of p, which another owner wrote,
// and not ours: p stands before ours in the log, and knows the same acts.
func (t *Table) otherSecret(k key, mine, p *privacy.Person) bool {
	ours := mine.HasSecret && t.dirty[k] == nil // written before p
	return p.Applied == mine.Applied && p.HasSecret && p.Secret != mine.Secret && !ours
}
