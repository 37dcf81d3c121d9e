// Package ledger keeps what each person consented to, and the secret their lasting
// pseudonyms are made of. In come acts and questions about people of one raw partition; out
// go privacy.Person records, held in memory and written, sealed, to the partition of the
// compacted ledger topic with the same number. The enricher that owns the raw partition is
// the only writer.
package ledger

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy"
)

// Log is the ledger topic as a table reads it.
type Log interface {
	ReadAll(ctx context.Context, topic string, partition int32, from, to int64, cfg stream.FetchConfig, f func(stream.Record) error) (int64, error)
}

// Writer appends records to a partition and returns once all replicas have them.
type Writer interface {
	Produce(ctx context.Context, partition int32, records []stream.Record) (int64, error)
}

// Keys opens and seals records.
type Keys interface {
	Ledger() (seal.Key, error)
	CurrentKEK(partition int32) (*seal.KEK, error)
	KEK(partition int32, id seal.KEKID) (*seal.KEK, error)
}

// keyLen is the length of a record's key; anything else in the log is not a record.
const keyLen = 16

type key = [keyLen]byte

// Table holds the records of one partition. It is for the goroutine that owns the
// partition.
type Table struct {
	topic     string
	partition int32
	out       Writer
	kek       *seal.KEK
	mac       *seal.MAC
	route     seal.RouteKey

	people map[key]*privacy.Person
	dirty  map[key]*privacy.Person
	blank  *privacy.Person // lent to whoever has no record
	lent   bool
	locked map[key]struct{} // while loading: records whose KEK is gone, so far

	Skipped uint64 // records with a key that is not ours
}

// Load reads the partition to its end. It returns only when every record there is known; a
// record that does not open stops it, since a missing refusal would widen.
func Load(ctx context.Context, log Log, out Writer, keys Keys, route seal.RouteKey, topic string, partition int32) (*Table, error) {
	k, err := keys.Ledger()
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	mac, err := seal.NewMAC(k)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	kek, err := keys.CurrentKEK(partition)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	t := &Table{topic: topic, partition: partition, out: out, kek: kek, mac: mac, route: route,
		people: make(map[key]*privacy.Person), dirty: make(map[key]*privacy.Person), locked: make(map[key]struct{}), blank: privacy.NewPerson(0)}
	_, err = log.ReadAll(ctx, topic, partition, 0, -1, stream.FetchConfig{}, func(r stream.Record) error {
		return t.take(r, keys)
	})
	if err == nil && len(t.locked) > 0 {
		err = fmt.Errorf("%d records are sealed under a key that is gone", len(t.locked))
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: load partition %d: %w", partition, err)
	}
	t.locked = nil
	return t, nil
}

// take reads one record of the log; the last of a key stands.
func (t *Table) take(r stream.Record, keys Keys) error {
	if len(r.Key) != keyLen {
		t.Skipped++
		return nil
	}
	k := key(r.Key)
	delete(t.locked, k)
	if r.Value == nil {
		delete(t.people, k)
		return nil
	}
	id, err := seal.RecordKEK(r.Value)
	if err != nil {
		return err
	}
	kek, err := keys.KEK(t.partition, id)
	if errors.Is(err, seal.ErrNoKey) {
		// Its KEK was rolled away, so a newer version of the record must follow.
		delete(t.people, k)
		t.locked[k] = struct{}{}
		return nil
	}
	if err != nil {
		return err
	}
	plain, err := seal.OpenRecord(nil, kek, t.ad(k), r.Value)
	if err != nil {
		return err
	}
	p, err := parseRecord(plain)
	if err != nil {
		return err
	}
	t.people[k] = p
	return nil
}

// ad is what a record is bound to: its key and its partition.
func (t *Table) ad(k key) []byte {
	return binary.BigEndian.AppendUint32(k[:], uint32(t.partition))
}

// Len is how many records there are.
func (t *Table) Len() int { return len(t.people) }

func (t *Table) key(canon []byte) (k key) {
	t.mac.Sum128(&k, canon)
	return k
}

// Person gives the record of a canonical id, or a blank one when there is none. A blank one
// holds until the next call. The caller must not change it but through Apply and Draw.
func (t *Table) Person(canon []byte) *privacy.Person {
	k := t.key(canon)
	if p := t.people[k]; p != nil {
		return p
	}
	if !t.lent {
		*t.blank = privacy.Person{Applied: privacy.Position{Offset: -1}}
	} else {
		t.blank, t.lent = privacy.NewPerson(0), false
	}
	t.blank.Bucket = seal.Bucket(t.route, canon)
	return t.blank
}

// adopt keeps a record that changed, and marks it for Flush.
func (t *Table) adopt(k key, p *privacy.Person) {
	if p == t.blank {
		t.lent = true
	}
	t.people[k] = p
	t.dirty[k] = p
}

// Apply carries out an act of the person it names, at its position in the raw partition.
func (t *Table) Apply(canon []byte, a *event.Act, pos privacy.Position, pol *policy.Policy) {
	p := t.Person(canon)
	if p.Apply(a, pos, pol) {
		t.adopt(t.key(canon), p)
	}
}

// Draw gives a person the secret of their lasting pseudonyms; see privacy.Secrets.
func (t *Table) Draw(canon []byte, p *privacy.Person) error {
	rand.Read(p.Secret[:])
	p.HasSecret = true
	t.adopt(t.key(canon), p)
	return nil
}

// Flush writes what changed and returns once every replica has it. Until it succeeds no
// row made from a changed record may be stored. On an error everything stays marked.
func (t *Table) Flush(ctx context.Context) error {
	if len(t.dirty) == 0 {
		return nil
	}
	records := make([]stream.Record, 0, min(len(t.dirty), flushRecords))
	var plain []byte
	for k, p := range t.dirty {
		plain = appendRecord(plain[:0], p)
		value, err := seal.SealRecord(nil, t.kek, t.ad(k), plain)
		if err != nil {
			return fmt.Errorf("ledger: seal: %w", err)
		}
		records = append(records, stream.Record{Key: append([]byte(nil), k[:]...), Value: value})
		if len(records) == flushRecords {
			if err := t.write(ctx, records); err != nil {
				return err
			}
			records = records[:0]
		}
	}
	if err := t.write(ctx, records); err != nil {
		return err
	}
	clear(t.dirty)
	return nil
}

// flushRecords bounds one produce request: 300 to 500 bytes a record.
const flushRecords = 1000

func (t *Table) write(ctx context.Context, records []stream.Record) error {
	if len(records) == 0 {
		return nil
	}
	if _, err := t.out.Produce(ctx, t.partition, records); err != nil {
		return fmt.Errorf("ledger: write: %w", err)
	}
	return nil
}
