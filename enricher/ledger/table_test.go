package ledger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/privacy"
)

const day = 24 * 3600 * 1000 // ms; smaller steps of a repeated word stay in memory, see privacy.Person

// A partition that is assigned anew knows what its last owner wrote, compacted or not.
func TestLoadGivesTheSameState(t *testing.T) {
	b := newBench(t)
	one := b.load()
	r := rand.New(rand.NewPCG(1, 1))
	purposes := []string{"improve", "personalize", "survey"}
	kinds := []event.ActKind{event.ActGrant, event.ActRefuse, event.ActWithdraw}
	for i := range int64(300) {
		who := fmt.Sprintf("person-%d", r.IntN(40))
		b.act(one, who, kinds[r.IntN(3)], purposes[r.IntN(3)], 2*day*(i+1), privacy.Position{Offset: i})
		if p := one.Person([]byte(who)); r.IntN(4) == 0 {
			if err := one.Draw([]byte(who), p); err != nil {
				t.Fatal(err)
			}
		}
		if r.IntN(10) == 0 {
			b.flush(one)
		}
	}
	b.flush(one)
	want := content(one)
	if len(want) < 30 || len(b.log.records) <= len(want) {
		t.Fatalf("%d people in %d records: the test shows nothing", len(want), len(b.log.records))
	}
	if diff := cmp.Diff(want, content(b.load())); diff != "" {
		t.Errorf("after a load:\n%s", diff)
	}

	last := make(map[string]int)
	for i, rec := range b.log.records {
		last[string(rec.Key)] = i
	}
	whole := b.log.records
	b.log.records = nil
	for i, rec := range whole {
		if last[string(rec.Key)] == i {
			b.log.records = append(b.log.records, rec)
		}
	}
	b.log.first = 77
	two := b.load()
	if diff := cmp.Diff(want, content(two)); diff != "" {
		t.Errorf("after compaction:\n%s", diff)
	}
	if len(two.dirty) != 0 {
		t.Errorf("%d records are to be written again after a clean load", len(two.dirty))
	}
}

// Acts at positions that were applied do nothing, wherever the process died: the states,
// the revision and the generation are those of one run.
func TestActsApplyOnce(t *testing.T) {
	b := newBench(t)
	pu, _ := b.pol.Purpose("personalize")
	rapid.Check(t, func(rt *rapid.T) {
		b.log = new(memory)
		n := rapid.IntRange(1, 12).Draw(rt, "acts")
		kinds, times := make([]event.ActKind, n), make([]int64, n)
		for i := range n {
			kinds[i] = rapid.SampledFrom([]event.ActKind{event.ActGrant, event.ActRefuse, event.ActWithdraw}).Draw(rt, "kind")
			times[i] = rapid.Int64Range(1, 6).Draw(rt, "time") * 100_000
		}
		run := func(t *Table, from, to int) {
			for i := from; i < to; i++ {
				b.act(t, "p", kinds[i], "personalize", times[i], privacy.Position{Offset: int64(i / 2), Index: int32(i % 2)})
			}
		}
		died := rapid.IntRange(0, n).Draw(rt, "died")
		committed := rapid.IntRange(0, died).Draw(rt, "committed")
		one := b.load()
		run(one, 0, died)
		b.flush(one)
		two := b.load()
		run(two, committed, n)
		b.flush(two)
		run(two, 0, n) // and once more for nothing

		b.log = new(memory)
		straight := b.load()
		run(straight, 0, n)
		a, c := straight.Person([]byte("p")), two.Person([]byte("p"))
		if a.Grant(pu.Bit).State != c.Grant(pu.Bit).State || a.Grant(pu.Bit).Gen != c.Grant(pu.Bit).Gen || a.Rev != c.Rev || a.Applied != c.Applied {
			rt.Fatalf("one run: %v generation %d revision %d at %v; with a death after %d acts, %d committed: %v generation %d revision %d at %v",
				a.Grant(pu.Bit).State, a.Grant(pu.Bit).Gen, a.Rev, a.Applied, died, committed, c.Grant(pu.Bit).State, c.Grant(pu.Bit).Gen, c.Rev, c.Applied)
		}
	})
}

// Nobody gets a record by being asked about, and what is lent to one is not another's.
func TestBlank(t *testing.T) {
	b := newBench(t)
	one := b.load()
	for i := range 1000 {
		if p := one.Person(fmt.Appendf(nil, "install-%d", i)); p.HasSecret || len(p.Grants) != 0 || p.Rev != 0 || p.Applied.Offset != -1 {
			t.Fatalf("somebody unknown has a past")
		}
	}
	if one.Len() != 0 || len(one.dirty) != 0 {
		t.Errorf("%d records for people who never acted", one.Len())
	}
	first := one.Person([]byte("a"))
	if err := one.Draw([]byte("a"), first); err != nil {
		t.Fatal(err)
	}
	if p := one.Person([]byte("b")); p == first || p.HasSecret {
		t.Error("the record of one is lent to another")
	}
	b.act(one, "b", event.ActGrant, "improve", 10, privacy.Position{Offset: 1})
	if s := b.state(one, "a", "improve"); s != privacy.Unset {
		t.Errorf("another's act: %v", s)
	}
	secret := first.Secret
	if err := one.Draw([]byte("a"), one.Person([]byte("a"))); err != nil || one.Person([]byte("a")).Secret != secret {
		t.Errorf("a second secret was drawn: %v", err)
	}
	if one.Len() != 2 {
		t.Errorf("%d records, want 2", one.Len())
	}
	route, err := b.ring.Route()
	if err != nil {
		t.Fatal(err)
	}
	if got := one.Person([]byte("a")).Bucket; got != seal.Bucket(route, []byte("a")) {
		t.Errorf("bucket %d", got)
	}
}

// Requests stay below what a broker takes, also when every person used every bit.
func TestFlushIsBounded(t *testing.T) {
	b := newBench(t)
	one := b.load()
	for i := range 3000 {
		p := &privacy.Person{Rev: 1 << 60, NotBefore: 1 << 50, Applied: privacy.Position{Offset: 1 << 50}}
		for bit := range uint8(64) {
			p.Grants = append(p.Grants, privacy.Grant{Bit: bit, State: privacy.Granted, Since: 1 << 50, Until: 1 << 50, No: 1 << 50, Gen: 1 << 30, PolicyRev: 1 << 30})
		}
		one.adopt(one.key(fmt.Appendf(nil, "p%d", i)), p)
	}
	for i := range 3000 {
		one.adopt(one.key(fmt.Appendf(nil, "small%d", i)), privacy.NewPerson(0))
	}
	b.flush(one)
	if len(b.log.records) != 6000 || b.load().Len() != 6000 {
		t.Fatalf("%d records were written, want 6000", len(b.log.records))
	}
	for i, n := range b.log.calls {
		if n > flushRecords || b.log.sizes[i] > 600_000 {
			t.Errorf("a request of %d records and %d bytes", n, b.log.sizes[i])
		}
	}
}

// Every record must be known, or nothing is.
func TestLoadRefuses(t *testing.T) {
	f := func(name string, want error, spoil func(b *bench, t *Table)) {
		t.Helper()
		b := newBench(t)
		one := b.load()
		for i, who := range []string{"a", "b", "c"} {
			b.act(one, who, event.ActRefuse, "improve", 10, privacy.Position{Offset: int64(i)})
			b.flush(one)
		}
		spoil(b, one)
		if _, err := b.tryLoad(); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	f("damaged", seal.ErrCorrupt, func(b *bench, _ *Table) { v := b.log.records[1].Value; v[len(v)-1] ^= 1 })
	f("cut short", seal.ErrCorrupt, func(b *bench, _ *Table) { b.log.records[1].Value = b.log.records[1].Value[:20] })
	f("empty, which is no tombstone", seal.ErrCorrupt, func(b *bench, _ *Table) { b.log.records[1].Value = []byte{} })
	f("another's record", seal.ErrCorrupt, func(b *bench, _ *Table) { b.log.records[1].Value = b.log.records[2].Value })
	f("newer version of the seal", seal.ErrUnsupported, func(b *bench, _ *Table) { b.log.records[1].Value[0]++ })
	f("newer version of the record", errRecord, func(b *bench, one *Table) {
		k := one.key([]byte("a"))
		v, err := seal.SealRecord(nil, one.kek, one.ad(k), append(appendRecord(nil, one.people[k]), 0x78, 1)) // field 15
		if err != nil {
			b.t.Fatal(err)
		}
		b.log.add(k[:], v)
	})
	f("key lost", seal.ErrNoKey, func(b *bench, one *Table) {
		if _, err := b.ring.MakeKEK(partition); err != nil {
			b.t.Fatal(err)
		}
		if err := b.ring.DestroyKEK(partition, one.kek.ID()); err != nil {
			b.t.Fatal(err)
		}
	})
	f("key not here yet", stream.ErrRetryable, func(b *bench, one *Table) {
		next, err := b.ring.MakeKEK(partition)
		if err != nil {
			b.t.Fatal(err)
		}
		two := b.load()
		b.put(two, "a", privacy.NewPerson(1))
		if err := b.ring.DestroyKEK(partition, next.ID()); err != nil {
			b.t.Fatal(err)
		}
	})
}

// Keys that are not ours are passed over and counted, never read as somebody's tombstone;
// one of ours is a tombstone.
func TestOtherKeysAndTombstones(t *testing.T) {
	b := newBench(t)
	one := b.load()
	b.act(one, "a", event.ActRefuse, "improve", 10, privacy.Position{Offset: 1})
	b.act(one, "b", event.ActRefuse, "improve", 10, privacy.Position{Offset: 2})
	b.flush(one)
	k := one.key([]byte("a"))
	b.log.add(k[:4], nil) // as long as a control record's
	b.log.add(append(k[:], 1), nil)
	b.log.add(nil, []byte("x"))
	two := b.load()
	if two.Skipped != 3 || two.Len() != 2 || b.state(two, "a", "improve") != privacy.Refused {
		t.Errorf("%d skipped, %d people, %v", two.Skipped, two.Len(), b.state(two, "a", "improve"))
	}
	b.log.add(k[:], nil)
	three := b.load()
	if three.Len() != 1 || b.state(three, "a", "improve") != privacy.Unset || b.state(three, "b", "improve") != privacy.Refused {
		t.Errorf("after a tombstone: %d people", three.Len())
	}
}
