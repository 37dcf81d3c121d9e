package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/privacy"
)

// load takes every record of the log.
//
// A record whose KEK was destroyed is one from before a roll, so either its newer version
// was read already or it follows: shut holds the keys that still wait for it. One that
// never comes is a record lost, with the refusals in it.
func (t *Table) load(ctx context.Context) error {
	shut := make(map[key]error)
	end, err := t.log.ReadAll(ctx, t.topic, t.partition, 0, -1, stream.FetchConfig{}, func(r stream.Record) error {
		if len(r.Key) != keyLen {
			t.Skipped++
			return nil
		}
		k := key(r.Key)
		p, err := t.open(k, r.Value)
		switch {
		case errors.Is(err, seal.ErrNoKey):
			if mine := t.people[k]; mine != nil && !errors.Is(err, errAhead) {
				t.dirty[k] = mine // a former owner's, see take
				return nil
			}
			delete(t.people, k)
			delete(t.dirty, k)
			shut[k] = err
			return nil
		case err != nil:
			return err
		}
		delete(shut, k)
		t.take(k, p)
		return nil
	})
	if err != nil {
		return err
	}
	for _, err := range shut {
		return fmt.Errorf("%d records do not open, and were not written again: %w", len(shut), err)
	}
	t.end = end
	return nil
}

// errAhead: KEKs are destroyed oldest first, so a newer one that is missing is not gone but
// not here yet.
var errAhead = fmt.Errorf("%w: not yet: %w", seal.ErrNoKey, stream.ErrRetryable)

// open gives the person of a record, nil for a tombstone.
func (t *Table) open(k key, sealed []byte) (*privacy.Person, error) {
	if sealed == nil {
		return nil, nil
	}
	id, err := seal.RecordKEK(sealed)
	if err != nil {
		return nil, err
	}
	kek := t.kek
	if id != kek.ID() {
		if kek, err = t.keys.KEK(t.partition, id); errors.Is(err, seal.ErrNoKey) && id > t.kek.ID() {
			return nil, errAhead
		} else if err != nil {
			return nil, err
		}
	}
	plain, err := seal.OpenRecord(nil, kek, t.ad(k), sealed)
	if err != nil {
		return nil, err
	}
	return parseRecord(plain)
}

// take lets a later version of a record stand, unless it is a former owner's.
func (t *Table) take(k key, p *privacy.Person) {
	mine := t.people[k]
	switch {
	case p == nil:
		delete(t.people, k)
		delete(t.dirty, k)
	case mine != nil && late(mine, p):
		t.dirty[k] = mine // compaction keeps the last version, so the right one must be the last
	default:
		t.people[k] = p
		delete(t.dirty, k)
	}
}

// late reports whether next, which stands behind mine in the log, was written by an owner
// that had lost the partition: it knows fewer acts, or has no part in the secret that rows
// may already be made with. The owner itself only ever adds to a record.
func late(mine, next *privacy.Person) bool {
	if mine.Applied != next.Applied {
		return mine.Applied.After(next.Applied)
	}
	return mine.HasSecret && (!next.HasSecret || next.Secret != mine.Secret)
}
