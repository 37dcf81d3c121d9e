package seal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestEnsureHours(t *testing.T) {
	c := clockAt(noon)
	r, dir := longRing(t, c)
	first := HourOf(noon)
	check := func(from, to uint32) {
		t.Helper()
		states, err := r.HourStates()
		if err != nil {
			t.Fatal(err)
		}
		if len(states) != int(to-from)+1 {
			t.Fatalf("%d hours", len(states))
		}
		for i, s := range states {
			if s.Hour != from+uint32(i) || !s.Public || !s.Private {
				t.Errorf("%+v", s)
			}
		}
	}
	check(first, first+HoursAhead)
	before, err := publicOfRing(t, dir).PublicHour(first + 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.EnsureHours(noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	check(first, first+HoursAhead+1)
	after, err := publicOfRing(t, dir).PublicHour(first + 1)
	if err != nil || after.ID != before.ID || !bytes.Equal(after.Key.Bytes(), before.Key.Bytes()) {
		t.Errorf("a published key was changed: %v", err)
	}
}

// TestOddPairs: halves without their other half are put right so that no blob
// is ever sealed to a pair that cannot open.
func TestOddPairs(t *testing.T) {
	c := clockAt(noon)
	_, dir := hourRing(t, c)
	hour := HourOf(noon)
	f := func(what, lost string) {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, lost)); err != nil {
			t.Fatal(err)
		}
		r, err := OpenRing(dir, c.now)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := r.EnsureHours(noon); err != nil {
			t.Fatal(err)
		}
		blob := mustSeal(t, sealerOf(t, dir, c), []byte("b"), 1, 0)
		if _, _, err := NewOpener(r, 0).Open(nil, blob); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	f("public half lost", hourPublic(dirPublic, hour).name)
	f("private half lost", hourPrivate(hour).name)
}

// TestDestroyedHour: L02, the part that is this package's. The key goes from the
// keyring and from memory, also from an Opener that has agreed on it already.
func TestDestroyedHour(t *testing.T) {
	c := clockAt(noon)
	r, dir := hourRing(t, c)
	s, o := sealerOf(t, dir, c), NewOpener(r, 0)
	old := mustSeal(t, s, events(500), 7, 2)
	c.advance(time.Hour)
	young := mustSeal(t, s, events(500), 3, 2)
	for _, b := range [][]byte{old, young} {
		if _, _, err := o.Open(nil, b); err != nil {
			t.Fatal(err)
		}
	}
	hour := HourOf(noon)
	var box *guarded
	for id, k := range o.agreed {
		if id.hour.Hour == hour {
			box = k.box
		}
	}
	key := r.hours[hourIDOf(t, old)]

	ended, err := r.DestroyHours(hour + 1)
	if err != nil || len(ended) != 1 || ended[0] != hour {
		t.Fatalf("%v, %v", ended, err)
	}
	o.Sweep()
	if box.aead != nil || len(o.agreed) != 1 {
		t.Error("the Opener still holds the hour's key")
	}
	if !key.get().gone || key.get().b != [KeySize]byte{} {
		t.Error("the private half is still in memory")
	}
	for _, name := range []string{hourPrivate(hour).name, hourPublic(dirPublic, hour).name} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	got, h, err := o.Open(nil, old)
	if !errors.Is(err, ErrKeyExpired) || len(got) != 0 || h.Events != 7 {
		t.Errorf("a blob of the destroyed hour: %v, %d events", err, h.Events)
	}
	if _, _, err := o.Open(nil, young); err != nil {
		t.Errorf("a blob of the hour after: %v", err)
	}
	// The hour is over: it is not made again.
	if err := r.EnsureHours(c.now()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.Open(nil, old); !errors.Is(err, ErrKeyExpired) {
		t.Errorf("after EnsureHours: %v", err)
	}
	if err := r.Destroy(hour); err != nil {
		t.Errorf("destroy once more: %v", err)
	}
}

func hourIDOf(t *testing.T, blob []byte) HourKeyID {
	t.Helper()
	h, err := ParseHeader(blob)
	if err != nil {
		t.Fatal(err)
	}
	return h.HourKeyID
}

// TestDestroyedWithoutSweep: Open asks whether the hour is still there.
func TestDestroyedWithoutSweep(t *testing.T) {
	c := clockAt(noon)
	r, dir := hourRing(t, c)
	o := NewOpener(r, 0)
	blob := mustSeal(t, sealerOf(t, dir, c), []byte("b"), 1, 0)
	if _, _, err := o.Open(nil, blob); err != nil {
		t.Fatal(err)
	}
	if err := r.Destroy(HourOf(noon)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.Open(nil, blob); !errors.Is(err, ErrKeyExpired) {
		t.Errorf("%v", err)
	}
	if len(o.agreed) != 0 {
		t.Error("the key is still remembered")
	}
}

// TestDestroyedElsewhere: another process destroys; Sync finds out.
func TestDestroyedElsewhere(t *testing.T) {
	c := clockAt(noon)
	r, dir := hourRing(t, c)
	other, err := OpenRing(dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	blob := mustSeal(t, sealerOf(t, dir, c), []byte("b"), 1, 0)
	o := NewOpener(other, 0)
	if _, _, err := o.Open(nil, blob); err != nil {
		t.Fatal(err)
	}
	pid, _ := other.Pid("t1", "service", 1)
	kek, err := other.CurrentKEK(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Destroy(HourOf(noon)), r.DestroyPid("t1", "service", 1), r.DestroyKEK(0, kek.ID())); err != nil {
		t.Fatal(err)
	}
	if err := other.Sync(); err != nil {
		t.Fatal(err)
	}
	o.Sweep()
	if _, _, err := o.Open(nil, blob); !errors.Is(err, ErrKeyExpired) {
		t.Errorf("hour: %v", err)
	}
	if _, err := NewMAC(pid); !errors.Is(err, ErrNoKey) {
		t.Errorf("pseudonym key: %v", err)
	}
	if _, err := SealRecord(nil, kek, nil, []byte("r")); !errors.Is(err, ErrNoKey) {
		t.Errorf("KEK: %v", err)
	}
}
