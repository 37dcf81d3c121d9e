package ledger

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/embedded"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy"
)

const topic = "ledger"

// rig is a ledger topic on the embedded broker, and a keyring.
type rig struct {
	*testing.T
	client *stream.Client
	out    Writer
	ring   *seal.Ring
	route  seal.RouteKey
	pol    *policy.Policy
}

func newRig(t *testing.T) *rig {
	ctx := t.Context()
	b, err := embedded.StartBroker(ctx, embedded.Config{Dir: t.TempDir(), Topics: []stream.TopicSpec{{Name: topic, Partitions: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	c, err := stream.NewClient(b.Stream())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	dir := t.TempDir() + "/keys"
	if err := seal.CreateRing(dir); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenRing(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ring.Close() })
	route, err := ring.Route()
	if err != nil {
		t.Fatal(err)
	}
	pol, err := policy.Load("../../deploy/policies/starter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := stream.NewProducer(c, topic, stream.ProducerConfig{})
	t.Cleanup(func() { p.Close() })
	return &rig{T: t, client: c, out: p, ring: ring, route: route, pol: pol}
}

func (r *rig) load(partition int32) (*Table, error) {
	return Load(r.Context(), r.client, r.out, r.ring, r.route, topic, partition)
}

func (r *rig) table(partition int32) *Table {
	r.Helper()
	t, err := r.load(partition)
	if err != nil {
		r.Fatal(err)
	}
	return t
}

func (r *rig) purpose(name string) *policy.Purpose {
	for _, pu := range r.pol.Purposes {
		if pu.Name == name {
			return pu
		}
	}
	r.Fatal("no purpose", name)
	return nil
}

func canon(install string) []byte {
	_, c := event.Canonical(nil, "t", event.UserID{}, event.NewInstallID(install))
	return c
}

func (r *rig) act(kind event.ActKind, at int64) *event.Act {
	return &event.Act{Tenant: "t", Kind: kind, Bits: r.purpose("analytics").Mask(), Time: at, Received: at}
}

func (r *rig) state(t *Table, install string) privacy.State {
	return t.Person(canon(install)).Grant(r.purpose("analytics").Bit).State
}

// What one owner wrote, the next one knows: states, revisions and secrets, the last of each.
func TestLoadOnAssignment(t *testing.T) {
	r := newRig(t)
	first := r.table(1)
	const people = flushRecords + 7
	for i := range people {
		first.Apply(canon(fmt.Sprint("i", i)), r.act(event.ActGrant, 1000), privacy.Position{Offset: int64(i)}, r.pol)
	}
	if err := first.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.Apply(canon("i3"), r.act(event.ActWithdraw, 2000), privacy.Position{Offset: people}, r.pol)
	if err := first.Draw(canon("i4"), first.Person(canon("i4"))); err != nil {
		t.Fatal(err)
	}
	if err := first.Draw(canon("new"), first.Person(canon("new"))); err != nil {
		t.Fatal(err)
	}
	if err := first.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.Apply(canon("i5"), r.act(event.ActRefuse, 2000), privacy.Position{Offset: people + 1}, r.pol) // never flushed

	next := r.table(1)
	if next.Len() != people+1 {
		t.Fatalf("%d records, want %d", next.Len(), people+1)
	}
	for install, want := range map[string]privacy.State{"i0": privacy.Granted, "i3": privacy.Withdrawn, "i5": privacy.Granted, "stranger": privacy.Unset} {
		if got := r.state(next, install); got != want {
			t.Errorf("%s: %v, want %v", install, got, want)
		}
	}
	for _, install := range []string{"i4", "new"} {
		a, b := first.Person(canon(install)), next.Person(canon(install))
		if !b.HasSecret || a.Secret != b.Secret || a.Bucket != b.Bucket {
			t.Errorf("%s: the secret did not come along", install)
		}
	}
	if next.Person(canon("i0")).HasSecret || next.Person(canon("stranger")).HasSecret {
		t.Error("a secret nobody drew")
	}
	// An act that is read again from the raw topic changes nothing.
	rev := next.Person(canon("i3")).Rev
	next.Apply(canon("i3"), r.act(event.ActGrant, 3000), privacy.Position{Offset: people}, r.pol)
	if got := next.Person(canon("i3")); got.Rev != rev || r.state(next, "i3") != privacy.Withdrawn {
		t.Error("an act was applied twice")
	}
	if other := r.table(0); other.Len() != 0 {
		t.Errorf("partition 0 has %d records of partition 1", other.Len())
	}
}

// A record that does not open stops the load: it may hold a refusal.
func TestDamagedRecordStops(t *testing.T) {
	r := newRig(t)
	table := r.table(0)
	table.Apply(canon("a"), r.act(event.ActRefuse, 1000), privacy.Position{}, r.pol)
	var sealed stream.Record
	table.out = writerFunc(func(_ context.Context, _ int32, rs []stream.Record) (int64, error) { sealed = rs[0]; return 0, nil })
	if err := table.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	put := func(partition int32, rec stream.Record) {
		t.Helper()
		if _, err := r.out.Produce(t.Context(), partition, []stream.Record{rec}); err != nil {
			t.Fatal(err)
		}
	}
	put(1, sealed) // its key is not one of partition 1
	if _, err := r.load(1); err == nil {
		t.Error("a record under a key that is not there was passed over")
	}
	put(1, stream.Record{Key: sealed.Key})
	if tb := r.table(1); tb.Len() != 0 {
		t.Error("a record of another partition was read")
	}
	put(0, stream.Record{Key: []byte("marker"), Value: []byte("x")})
	put(0, sealed)
	if tb := r.table(0); tb.Skipped != 1 || r.state(tb, "a") != privacy.Refused {
		t.Errorf("skipped %d, state %v", tb.Skipped, r.state(tb, "a"))
	}
	put(0, stream.Record{Key: sealed.Key})
	if tb := r.table(0); tb.Len() != 0 {
		t.Error("a tombstone left the record")
	}
	bad := append([]byte(nil), sealed.Value...)
	bad[len(bad)-1] ^= 1
	put(0, stream.Record{Key: sealed.Key, Value: bad})
	if _, err := r.load(0); err == nil {
		t.Error("a damaged record was passed over")
	}
}

type writerFunc func(context.Context, int32, []stream.Record) (int64, error)

func (f writerFunc) Produce(ctx context.Context, p int32, rs []stream.Record) (int64, error) {
	return f(ctx, p, rs)
}

// After a failed write everything stays marked, and the next write brings it.
func TestFlushKeepsWhatFailed(t *testing.T) {
	r := newRig(t)
	table := r.table(0)
	table.Apply(canon("a"), r.act(event.ActRefuse, 1000), privacy.Position{}, r.pol)
	away := errors.New("away")
	table.out = writerFunc(func(context.Context, int32, []stream.Record) (int64, error) { return 0, away })
	if err := table.Flush(t.Context()); !errors.Is(err, away) {
		t.Fatal(err)
	}
	table.out = r.out
	if err := table.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.state(r.table(0), "a"); got != privacy.Refused {
		t.Errorf("after the second write: %v", got)
	}
	table.out = writerFunc(func(context.Context, int32, []stream.Record) (int64, error) { return 0, away })
	if err := table.Flush(t.Context()); err != nil {
		t.Error("nothing changed and something was written")
	}
}
