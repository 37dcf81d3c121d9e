// Package ledger keeps what each person consented to, and the secret their lasting
// pseudonyms are made of. In come acts and questions about people of one raw partition; out
// go privacy.Person records, held in memory and written, sealed, to the partition of the
// compacted ledger topic with the same number. The enricher that owns the raw partition is
// the only writer; what a former owner still writes late is found and overwritten.
package ledger

import (
	"context"
	"crypto/rand"
	"encoding/binary"
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

// Writer appends records to a partition and returns once all replicas have them. It gives
// the offset of the first, or -1 when that is not known.
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
	log       Log
	out       Writer
	keys      Keys
	kek       *seal.KEK
	mac       *seal.MAC
	route     seal.RouteKey

	end    int64 // of the log, as far as it is known here
	people map[key]*privacy.Person
	dirty  map[key]*privacy.Person
	blank  *privacy.Person // lent to whoever has no record
	lent   bool

	Skipped uint64 // records with a key that is not ours
}

// Load reads the partition to its end. It returns only when every record there is known; a
// record that does not open stops it, since a missing refusal would widen. A table that is
// only read needs no writer.
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
	t := &Table{topic: topic, partition: partition, log: log, out: out, keys: keys, kek: kek, mac: mac, route: route,
		people: make(map[key]*privacy.Person), dirty: make(map[key]*privacy.Person), blank: privacy.NewPerson(0)}
	if err := t.load(ctx); err != nil {
		return nil, fmt.Errorf("ledger: load partition %d: %w", partition, err)
	}
	return t, nil
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

// Draw gives a person the secret of their lasting pseudonyms; see privacy.Secrets. p is what
// Person gave for the id.
func (t *Table) Draw(canon []byte, p *privacy.Person) error {
	if p.HasSecret {
		return nil // a second one would cut every row off that was made with the first
	}
	rand.Read(p.Secret[:])
	p.HasSecret = true
	t.adopt(t.key(canon), p)
	return nil
}
