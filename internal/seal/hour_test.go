package seal

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

// TestWipe pins what wipe relies on: this Go version's AES-GCM is plain data.
// Should it fail, keys are dropped but not overwritten any more.
func TestWipe(t *testing.T) {
	g, err := newGuarded(&[KeySize]byte{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	p := reflect.ValueOf(g.aead)
	object := unsafe.Slice((*byte)(p.UnsafePointer()), p.Type().Elem().Size())
	zeros := make([]byte, len(object))
	if len(object) < 16*15 || bytes.Equal(object, zeros) { // AES-256 has 15 round keys
		t.Fatalf("an object of %d bytes holds no key", len(object))
	}
	if !wipe(g.aead) || !bytes.Equal(object, zeros) {
		t.Error("the round keys were not overwritten")
	}
}

func TestWipeLeavesPointersAlone(t *testing.T) {
	v := struct {
		n int
		p *int
	}{1, new(int)}
	if wipe(&v) || v.n != 1 || v.p == nil {
		t.Error("an object with pointers was overwritten")
	}
	if wipe(nil) || wipe(3) || wipe((*int)(nil)) {
		t.Error("wipe says it overwrote nothing")
	}
}

// TestClearedHourSealsNothing: after its end the key of an hour neither seals
// nor opens, and the Sealer goes on with the next.
func TestClearedHourSealsNothing(t *testing.T) {
	c := clockAt(noon)
	r, dir := hourRing(t, c)
	s, o := sealerOf(t, dir, c), NewOpener(r, 0)
	first := mustSeal(t, s, []byte("first"), 1, 0)
	old := s.hours.cur.Load()
	c.advance(time.Hour)
	second := mustSeal(t, s, []byte("second"), 1, 0)
	if out, ok := old.box.seal(nil, make([]byte, nonceSize), []byte("late"), nil); ok || len(out) != 0 {
		t.Error("the key of an hour that is over still seals")
	}
	if _, err := old.box.open(nil, first[:nonceSize], first[HeaderSize:], first[:HeaderSize]); !errors.Is(err, ErrNoKey) {
		t.Errorf("the key of an hour that is over still opens: %v", err)
	}
	for _, b := range [][]byte{second, first} {
		if _, _, err := o.Open(nil, b); err != nil {
			t.Errorf("open: %v", err)
		}
	}
	s.Close()
	if _, err := s.Seal(nil, []byte("b"), 1, 0); !errors.Is(err, ErrNoPublicKey) {
		t.Errorf("after Close: %v", err)
	}
}

// TestHourEndsInSilence: the key goes at the end of the hour, also when nothing
// is sealed any more.
func TestHourEndsInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clockAt(time.Now())
		r, dir := hourRing(t, c)
		if err := r.EnsureBreakGlass(time.Now()); err != nil {
			t.Fatal(err)
		}
		p := publicOfRing(t, dir)
		s, ips := NewSealer(p, time.Now), NewIPSealer(p, time.Now)
		defer s.Close()
		defer ips.Close()
		mustSeal(t, s, []byte("b"), 1, 0)
		if _, err := ips.Seal(nil, netip.MustParseAddr("192.0.2.1")); err != nil {
			t.Fatal(err)
		}
		for _, h := range []*hourly{&s.hours, &ips.hours} {
			if h.cur.Load() == nil {
				t.Fatal("no session")
			}
		}
		time.Sleep(59*time.Minute + 59*time.Second)
		blob := mustSeal(t, s, []byte("b"), 1, 0)
		if h, _ := ParseHeader(blob); h.Counter != 2 {
			t.Errorf("counter %d: the session did not last the hour", h.Counter)
		}
		old := []*session{s.hours.cur.Load(), ips.hours.cur.Load()}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for i, h := range []*hourly{&s.hours, &ips.hours} {
			if h.cur.Load() != nil || old[i].box.aead != nil {
				t.Error("the key outlived its hour")
			}
		}
	})
}

// TestTurnOfTheHour lets many lanes seal while the hour turns: every blob opens,
// under the hour its header names.
func TestTurnOfTheHour(t *testing.T) {
	c := clockAt(noon)
	r, dir := longRing(t, c)
	s, o := sealerOf(t, dir, c), NewOpener(r, 0)
	body := events(500)
	var wg sync.WaitGroup
	for lane := range 4 {
		wg.Go(func() {
			var blob, got []byte
			for range 300 {
				var err error
				if blob, err = s.Seal(blob[:0], body, 1, int32(lane)); err != nil {
					t.Errorf("seal: %v", err)
					return
				}
				var h Header
				if got, h, err = o.Open(got[:0], blob); err != nil || !bytes.Equal(got, body) {
					t.Errorf("open: %v", err)
					return
				}
				if h.HourKeyID.Hour < HourOf(noon) {
					t.Errorf("hour %d", h.HourKeyID.Hour)
				}
			}
		})
	}
	for range 20 {
		c.advance(time.Hour)
		time.Sleep(time.Millisecond)
	}
	wg.Wait()
}

// TestKeyOfZeros: what would happen if a key were overwritten under a Seal. The
// guard exists so that no blob ever opens with this.
func TestKeyOfZeros(t *testing.T) {
	c := clockAt(noon)
	_, dir := longRing(t, c)
	s := sealerOf(t, dir, c)
	zero, err := newGuarded(new([KeySize]byte))
	if err != nil {
		t.Fatal(err)
	}
	var opener cipher.AEAD = zero.aead
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 300 {
				blob, err := s.Seal(nil, []byte("body"), 1, 0)
				if err != nil {
					t.Errorf("seal: %v", err)
					return
				}
				if _, err := opener.Open(nil, blob[:nonceSize], blob[HeaderSize:], blob[:HeaderSize]); err == nil {
					t.Error("a blob was sealed under zeros")
				}
			}
		})
	}
	for range 40 {
		c.advance(time.Hour)
		time.Sleep(500 * time.Microsecond)
	}
	wg.Wait()
}
