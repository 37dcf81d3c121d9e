package ledger

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy"
)

// memory is one partition of the ledger topic.
type memory struct {
	records []stream.Record
	first   int64 // offset of records[0]
	calls   []int // records of each Produce
	sizes   []int // bytes of each Produce
	err     error // of Produce, before anything is stored
	mute    bool  // Produce does not know the offset
}

func (m *memory) ReadAll(_ context.Context, _ string, _ int32, from, to int64, _ stream.FetchConfig, f func(stream.Record) error) (int64, error) {
	end := m.first + int64(len(m.records))
	if to < 0 {
		to = end
	}
	for from = max(from, m.first); from < to; from++ {
		r := m.records[from-m.first]
		r.Offset, r.Key = from, bytes.Clone(r.Key)
		if r.Value != nil {
			r.Value = bytes.Clone(r.Value)
		}
		if err := f(r); err != nil {
			return from, err
		}
		clear(r.Key) // the bytes belong to the log: nobody may have kept them
		clear(r.Value)
	}
	return from, nil
}

func (m *memory) Produce(_ context.Context, _ int32, records []stream.Record) (int64, error) {
	if m.err != nil {
		return -1, m.err
	}
	base := m.first + int64(len(m.records))
	size := 0
	for _, r := range records {
		m.add(r.Key, r.Value)
		size += len(r.Key) + len(r.Value)
	}
	m.calls, m.sizes = append(m.calls, len(records)), append(m.sizes, size)
	if m.mute {
		return -1, nil
	}
	return base, nil
}

func (m *memory) add(k, value []byte) {
	if value != nil {
		value = bytes.Clone(value)
	}
	m.records = append(m.records, stream.Record{Key: bytes.Clone(k), Value: value})
}

// bench is a keyring, a policy and a partition of the ledger.
type bench struct {
	t    testing.TB
	ring *seal.Ring
	log  *memory
	pol  *policy.Policy
}

const partition = 3

func newBench(t testing.TB) *bench {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := seal.CreateRing(dir); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenRing(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ring.Close() })
	pol, err := policy.Load("../../deploy/policies/cn-edu.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, ring: ring, log: new(memory), pol: pol}
}

// load is an owner that is assigned the partition now.
func (b *bench) load() *Table {
	b.t.Helper()
	t, err := b.tryLoad()
	if err != nil {
		b.t.Fatal(err)
	}
	return t
}

func (b *bench) tryLoad() (*Table, error) {
	b.t.Helper()
	route, err := b.ring.Route()
	if err != nil {
		b.t.Fatal(err)
	}
	return Load(context.Background(), b.log, b.log, b.ring, route, "ledger", partition)
}

func (b *bench) flush(t *Table) {
	b.t.Helper()
	if err := t.Flush(context.Background()); err != nil {
		b.t.Fatal(err)
	}
}

// act is something a person does about a purpose, at a moment and a place in the raw log.
func (b *bench) act(t *Table, who string, kind event.ActKind, purpose string, at int64, pos privacy.Position) {
	b.t.Helper()
	pu, ok := b.pol.Purpose(purpose)
	if !ok {
		b.t.Fatalf("no purpose %s", purpose)
	}
	t.Apply([]byte(who), &event.Act{Tenant: "t1", User: event.NewUserID(who), Kind: kind, Bits: pu.Mask(), Verified: true,
		PolicyRev: b.pol.Rev, Time: at, Received: at}, pos, b.pol)
}

func (b *bench) state(t *Table, who, purpose string) privacy.State {
	b.t.Helper()
	pu, ok := b.pol.Purpose(purpose)
	if !ok {
		b.t.Fatalf("no purpose %s", purpose)
	}
	return t.Person([]byte(who)).Grant(pu.Bit).State
}

// content is what a table knows, by key, in the form it is written in.
func content(t *Table) map[string]string {
	out := make(map[string]string)
	for k, p := range t.people {
		out[string(k[:])] = string(appendRecord(nil, p))
	}
	return out
}

// put seals a record as an owner would and adds it to the log.
func (b *bench) put(t *Table, who string, p *privacy.Person) {
	b.t.Helper()
	k := t.key([]byte(who))
	value, err := seal.SealRecord(nil, t.kek, t.ad(k), appendRecord(nil, p))
	if err != nil {
		b.t.Fatal(err)
	}
	b.log.add(k[:], value)
}
