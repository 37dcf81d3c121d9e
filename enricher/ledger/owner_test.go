package ledger

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/privacy"
)

// lastOf gives the version of a record that compaction would keep, as a fresh reader of it
// alone sees it.
func (b *bench) lastOf(t *Table, who string) *privacy.Person {
	b.t.Helper()
	k := t.key([]byte(who))
	for i := len(b.log.records) - 1; i >= 0; i-- {
		if string(b.log.records[i].Key) == string(k[:]) {
			p, err := t.open(k, b.log.records[i].Value)
			if err != nil {
				b.t.Fatal(err)
			}
			return p
		}
	}
	b.t.Fatalf("no record of %s", who)
	return nil
}

// flushLate writes what a former owner had decided before it knew. It finds out then.
func (b *bench) flushLate(late *Table) {
	b.t.Helper()
	n := len(b.log.records)
	if err := late.Flush(context.Background()); !errors.Is(err, stream.ErrRetryable) {
		b.t.Fatalf("%v, want the late owner to see that it is late", err)
	}
	if len(b.log.records) == n {
		b.t.Fatal("the late owner wrote nothing: the test shows nothing")
	}
}

// An owner that was paused and lost the partition writes late. Its word must not stand:
// neither for who loads next, nor for compaction, which keeps the last.
func TestLateOwner(t *testing.T) {
	b := newBench(t)
	pu, _ := b.pol.Purpose("personalize")
	late := b.load()
	b.act(late, "p", event.ActGrant, "personalize", 1000, privacy.Position{Offset: 1})
	b.act(late, "q", event.ActGrant, "personalize", 1000, privacy.Position{Offset: 2})
	owner := b.load()
	b.act(owner, "p", event.ActGrant, "personalize", 1000, privacy.Position{Offset: 1})
	b.act(owner, "p", event.ActWithdraw, "personalize", 2000, privacy.Position{Offset: 3})
	b.act(owner, "q", event.ActGrant, "personalize", 1000, privacy.Position{Offset: 2})
	b.flush(owner)
	b.flushLate(late)
	if got := b.lastOf(owner, "p").Grant(pu.Bit).State; got != privacy.Granted {
		t.Fatalf("the late write is not last: %v; the test shows nothing", got)
	}

	next := b.load()
	if got := b.state(next, "p", "personalize"); got != privacy.Withdrawn {
		t.Errorf("who loads next reads %v, want withdrawn", got)
	}
	b.flush(next)
	if got := b.lastOf(owner, "p").Grant(pu.Bit).State; got != privacy.Withdrawn {
		t.Errorf("compaction would keep %v", got)
	}
	if diff := cmp.Diff(content(owner), content(next)); diff != "" {
		t.Errorf("who loads next knows something else:\n%s", diff)
	}
}

// The owner sees the late write with its next own one, and writes over it at once.
func TestLateOwnerIsWrittenOver(t *testing.T) {
	for _, mute := range []bool{false, true} {
		b := newBench(t)
		pu, _ := b.pol.Purpose("personalize")
		late := b.load()
		b.act(late, "p", event.ActGrant, "personalize", 1000, privacy.Position{Offset: 1})
		owner := b.load()
		b.act(owner, "p", event.ActGrant, "personalize", 1000, privacy.Position{Offset: 1})
		b.act(owner, "p", event.ActWithdraw, "personalize", 2000, privacy.Position{Offset: 3})
		b.flush(owner)
		b.flushLate(late)
		k := owner.key([]byte("p"))
		b.log.add(k[:], nil) // a tombstone of the late owner
		b.log.add([]byte("control"), nil)
		b.log.mute = mute
		b.act(owner, "other", event.ActRefuse, "improve", 3000, privacy.Position{Offset: 4})
		b.flush(owner)
		if got := b.lastOf(owner, "p"); got == nil || got.Grant(pu.Bit).State != privacy.Withdrawn {
			t.Errorf("mute %v: the late write stands", mute)
		}
		n := len(b.log.records)
		b.act(owner, "another", event.ActRefuse, "improve", 3000, privacy.Position{Offset: 5})
		b.flush(owner)
		if len(b.log.records) != n+1 {
			t.Errorf("mute %v: %d records were written for one change", mute, len(b.log.records)-n)
		}
		if diff := cmp.Diff(content(owner), content(b.load())); diff != "" {
			t.Errorf("mute %v:\n%s", mute, diff)
		}
	}
}

// Two owners draw a secret for one person: the one that was written first stands, since
// rows may have been made with it; who has the other must load again before it stores any.
func TestTwoSecrets(t *testing.T) {
	draw := func(b *bench, table *Table) {
		b.t.Helper()
		if err := table.Draw([]byte("p"), table.Person([]byte("p"))); err != nil {
			b.t.Fatal(err)
		}
	}
	b := newBench(t)
	first, second := b.load(), b.load()
	draw(b, first)
	draw(b, second)
	b.flush(first)
	err := second.Flush(context.Background())
	if !errors.Is(err, errForeign) || !errors.Is(err, stream.ErrRetryable) {
		t.Fatalf("%v, want the partition to be loaded again", err)
	}
	if len(second.dirty) == 0 {
		t.Error("what was not written counts as written")
	}
	again := b.load()
	if again.Person([]byte("p")).Secret != first.Person([]byte("p")).Secret {
		t.Error("the secret that was written first does not stand")
	}
	b.flush(again)
	if b.lastOf(again, "p").Secret != first.Person([]byte("p")).Secret {
		t.Error("compaction would keep the other secret")
	}
}

// A former owner got further than this one knows, just after this one loaded: its record
// is taken in by loading again, never written over.
func TestFormerOwnerWasAhead(t *testing.T) {
	b := newBench(t)
	former := b.load()
	owner := b.load()
	b.act(former, "p", event.ActRefuse, "improve", 1000, privacy.Position{Offset: 7})
	b.flush(former)
	b.act(owner, "q", event.ActGrant, "improve", 1000, privacy.Position{Offset: 5})
	if err := owner.Flush(context.Background()); !errors.Is(err, stream.ErrRetryable) {
		t.Fatalf("%v, want the partition to be loaded again", err)
	}
	if got := b.state(b.load(), "p", "improve"); got != privacy.Refused {
		t.Errorf("%v, want refused", got)
	}
}

// A late write under a KEK that a roll destroyed says nothing any more, and harms nobody.
func TestLateOwnerBeforeRoll(t *testing.T) {
	b := newBench(t)
	late := b.load()
	b.act(late, "p", event.ActGrant, "improve", 1000, privacy.Position{Offset: 1})
	old := late.kek.ID()
	if _, err := b.ring.MakeKEK(partition); err != nil {
		t.Fatal(err)
	}
	owner := b.load()
	b.act(owner, "p", event.ActRefuse, "improve", 2000, privacy.Position{Offset: 2})
	b.flush(owner)
	b.flushLate(late)
	if err := b.ring.DestroyKEK(partition, old); err != nil {
		t.Fatal(err)
	}
	next := b.load()
	if got := b.state(next, "p", "improve"); got != privacy.Refused {
		t.Errorf("%v, want refused", got)
	}
	b.flush(next)
	if got := b.lastOf(next, "p"); got == nil || len(got.Grants) != 1 {
		t.Error("the record that cannot be opened would be kept")
	}
}

// The same on a real log: what a table writes, another reads; a late write is seen in the
// offsets and written over.
func TestOnTheBroker(t *testing.T) {
	r := newRig(t)
	late, owner := r.table(1), r.table(1)
	late.Apply(canon("p"), r.act(event.ActGrant, 1000), privacy.Position{}, r.pol)
	for i := range int64(2500) {
		owner.Apply(canon(fmt.Sprint(i)), r.act(event.ActRefuse, 1000), privacy.Position{Offset: i}, r.pol)
	}
	owner.Apply(canon("p"), r.act(event.ActRefuse, 2000), privacy.Position{Offset: 2500}, r.pol)
	if err := owner.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := late.Flush(t.Context()); !errors.Is(err, stream.ErrRetryable) {
		t.Errorf("the late owner does not see that it is late: %v", err)
	}
	owner.Apply(canon("7"), r.act(event.ActGrant, 3000), privacy.Position{Offset: 2501}, r.pol)
	if err := owner.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := r.table(1)
	if diff := cmp.Diff(content(owner), content(next)); diff != "" {
		t.Errorf("loaded from the broker:\n%s", diff)
	}
	if len(next.dirty) != 0 {
		t.Errorf("%d records are still to be written over", len(next.dirty))
	}
}
