package seal

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

func kekOf(t testing.TB, r *Ring, partition int32) *KEK {
	t.Helper()
	k, err := r.CurrentKEK(partition)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRecord(t *testing.T) {
	r, _ := emptyRing(t, clockAt(noon))
	k := kekOf(t, r, 3)
	ad := []byte("0123456789abcdef\x00\x00\x00\x03")
	plain := []byte("states, secret, links")
	sealed, err := SealRecord([]byte("dst"), k, ad, plain)
	if err != nil || !bytes.HasPrefix(sealed, []byte("dst")) || len(sealed) != 3+len(plain)+RecordOverhead {
		t.Fatalf("%v, %d bytes", err, len(sealed))
	}
	sealed = sealed[3:]
	if id, err := RecordKEK(sealed); err != nil || id != k.ID() {
		t.Errorf("KEK id %v, %v", id, err)
	}
	got, err := OpenRecord([]byte("x"), k, ad, sealed)
	if err != nil || string(got) != "x"+string(plain) {
		t.Errorf("open: %v", err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1 << (i % 8)
		if got, err := OpenRecord(nil, k, ad, bad); err == nil || len(got) != 0 {
			t.Errorf("byte %d changed: it opened", i)
		}
		if _, err := OpenRecord(nil, k, ad, sealed[:i]); err == nil {
			t.Errorf("cut at %d: it opened", i)
		}
	}
	if _, err := OpenRecord(nil, k, []byte("another key, \x00\x00\x03"), sealed); !errors.Is(err, ErrCorrupt) {
		t.Errorf("under another record key: %v", err)
	}
	again, err := SealRecord(nil, k, ad, plain)
	if err != nil || bytes.Equal(again[9:recordHead], sealed[9:recordHead]) {
		t.Errorf("two records share a nonce: %v", err)
	}
}

// TestRoll: L07. A copy of the log taken before the erasure cannot be opened
// with the keyring of afterwards; what was sealed again can.
func TestRoll(t *testing.T) {
	c := clockAt(noon)
	r, dir := emptyRing(t, c)
	old := kekOf(t, r, 3)
	other := kekOf(t, r, 4)
	a, err := SealRecord(nil, old, []byte("A"), []byte("secret of A"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := SealRecord(nil, old, []byte("B"), []byte("secret of B"))
	if err != nil {
		t.Fatal(err)
	}
	c.advance(24 * time.Hour)
	fresh, err := r.MakeKEK(3)
	if err != nil {
		t.Fatal(err)
	}
	if fresh.ID() <= old.ID() || !fresh.Made().Equal(noon.Add(24*time.Hour)) || fresh.Partition() != 3 {
		t.Errorf("the new KEK: id %v, made %v", fresh.ID(), fresh.Made())
	}
	if got := kekOf(t, r, 3); got != fresh {
		t.Error("the current KEK is not the new one")
	}
	if all, err := r.KEKs(3); err != nil || len(all) != 2 || all[0] != old || all[1] != fresh {
		t.Errorf("%d KEKs, %v", len(all), err)
	}
	plain, err := OpenRecord(nil, old, []byte("B"), b)
	if err != nil {
		t.Fatal(err)
	}
	b2, err := SealRecord(nil, fresh, []byte("B"), plain)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.DestroyKEK(3, old.ID()); err != nil {
		t.Fatal(err)
	}
	for _, ring := range []string{"this process", "after a restart"} {
		if ring != "this process" {
			again, err := OpenRing(dir, c.now)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			r = again
		}
		if _, err := r.KEK(3, old.ID()); !errors.Is(err, ErrNoKey) {
			t.Errorf("%s: the destroyed KEK: %v", ring, err)
		}
		k, err := r.KEK(3, fresh.ID())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := OpenRecord(nil, k, []byte("B"), b2); err != nil || string(got) != "secret of B" {
			t.Errorf("%s: B: %v", ring, err)
		}
		if _, err := OpenRecord(nil, k, []byte("A"), a); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: A under the new KEK: %v", ring, err)
		}
		if k, err := r.KEK(4, other.ID()); err != nil || k.ID() != other.ID() {
			t.Errorf("%s: the other partition: %v", ring, err)
		}
	}
	if _, err := OpenRecord(nil, old, []byte("A"), a); !errors.Is(err, ErrNoKey) {
		t.Errorf("with the KEK held since before: %v", err)
	}
	if _, err := SealRecord(nil, old, []byte("A"), plain); !errors.Is(err, ErrNoKey) {
		t.Errorf("seal with the destroyed KEK: %v", err)
	}
}

// TestKEKNumbersUsedAgain: after all KEKs of a partition are gone the numbers
// begin anew, and an old id still finds nothing.
func TestKEKNumbersUsedAgain(t *testing.T) {
	r, dir := emptyRing(t, clockAt(noon))
	old := kekOf(t, r, 0)
	if err := r.DestroyKEK(0, old.ID()); err != nil {
		t.Fatal(err)
	}
	fresh := kekOf(t, r, 0)
	if fresh.ID() == old.ID() {
		t.Fatal("an id was used again")
	}
	if got := readNames(t, filepath.Join(dir, "private", "kek", "0")); len(got) != 1 || got[0] != "00000001.key" {
		t.Fatalf("%v", got)
	}
	if _, err := r.KEK(0, old.ID()); !errors.Is(err, ErrNoKey) {
		t.Errorf("the old id: %v", err)
	}
	if err := r.DestroyKEK(0, old.ID()); err != nil { // late, once more
		t.Fatal(err)
	}
	if _, err := r.KEK(0, fresh.ID()); err != nil {
		t.Errorf("destroying the old id took the new KEK: %v", err)
	}
}

func TestKEKWorn(t *testing.T) {
	r, _ := emptyRing(t, clockAt(noon))
	k := kekOf(t, r, 0)
	k.seals.Store(maxSeals - 1)
	if _, err := SealRecord(nil, k, nil, []byte("the last")); err != nil {
		t.Fatal(err)
	}
	if out, err := SealRecord(nil, k, nil, []byte("one too many")); !errors.Is(err, ErrKEKWorn) || len(out) != 0 {
		t.Errorf("%v", err)
	}
}

func TestNonces(t *testing.T) {
	var n nonces
	seen := make(map[[nonceSize]byte]bool)
	for range 1000 {
		var b [nonceSize]byte
		n.next(b[:])
		if seen[b] || b == [nonceSize]byte{} {
			t.Fatal("a nonce came twice")
		}
		seen[b] = true
	}
}
