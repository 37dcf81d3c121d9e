package seal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"
)

func TestRoundTrip(t *testing.T) {
	c := clockAt(noon)
	r, dir := hourRing(t, c)
	s, o := sealerOf(t, dir, c), NewOpener(r, 0)
	for _, n := range []int{0, 1, 100, 50_000, 3 << 20} {
		body := events(n)
		kept := bytes.Clone(body)
		blob, err := s.Seal([]byte("before"), body, 7, 3)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(body, kept) {
			t.Fatalf("%d bytes: the body was changed", n)
		}
		if !bytes.HasPrefix(blob, []byte("before")) {
			t.Fatalf("%d bytes: dst was not appended to", n)
		}
		blob = blob[len("before"):]
		whole := bytes.Clone(blob)
		got, h, err := o.Open([]byte("x"), blob)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if string(got[:1]) != "x" || !bytes.Equal(got[1:], body) {
			t.Fatalf("%d bytes: another body came out", n)
		}
		if !bytes.Equal(blob, whole) {
			t.Fatalf("%d bytes: the blob was changed", n)
		}
		if h.Bytes != uint32(n) || h.Events != 7 || h.Partition != 3 || !h.Received().Equal(noon) {
			t.Fatalf("%d bytes: header %+v", n, h)
		}
		if parsed, err := ParseHeader(blob); err != nil || !cmp.Equal(parsed, h) {
			t.Fatalf("ParseHeader: %v, %s", err, cmp.Diff(parsed, h))
		}
	}
}

func TestBodyIsNotInTheBlob(t *testing.T) {
	c := clockAt(noon)
	_, dir := hourRing(t, c)
	canary := []byte("canary-7f3a91c2d4")
	blob, err := sealerOf(t, dir, c).Seal(nil, canary, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The spare room behind a slice is reached by whoever appends or dumps it.
	if bytes.Contains(blob[:cap(blob)], canary[:8]) {
		t.Error("a piece of the body stands in the blob")
	}
}

// TestEveryByteCounts flips each byte of a blob, header and body alike.
func TestEveryByteCounts(t *testing.T) {
	c := clockAt(noon)
	r, dir := hourRing(t, c)
	s, o := sealerOf(t, dir, c), NewOpener(r, 0)
	batch := mustSeal(t, s, events(300), 2, 1)
	one, err := s.SealOne(nil, events(100), []byte("raw/1/55/2"))
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, blob []byte, open func(blob []byte) ([]byte, error)) {
		if _, err := open(blob); err != nil {
			t.Fatalf("%s, whole: %v", name, err)
		}
		for i := range blob {
			bad := bytes.Clone(blob)
			bad[i] ^= 1 << (i % 8)
			got, err := open(bad)
			if len(got) != 0 {
				t.Fatalf("%s, byte %d: something came out", name, i)
			}
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrKeyExpired) && !errors.Is(err, ErrUnsupported) {
				t.Fatalf("%s, byte %d: %v", name, i, err)
			}
			if i >= HeaderSize && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s, byte %d of the body: %v", name, i, err)
			}
		}
		for i := range blob {
			if got, err := open(blob[:i]); err == nil || len(got) != 0 {
				t.Fatalf("%s cut at %d opened", name, i)
			}
		}
	}
	f("batch", batch, func(b []byte) ([]byte, error) { got, _, err := o.Open(nil, b); return got, err })
	f("one", one, func(b []byte) ([]byte, error) {
		got, _, err := o.OpenOne(nil, b, []byte("raw/1/55/2"))
		return got, err
	})
	if n := len(o.agreed); n != 1 {
		t.Errorf("%d keys remembered: those of forged encapsulations stay", n)
	}
}

func TestOneIsBoundToItsAddress(t *testing.T) {
	c := clockAt(noon)
	r, dir := hourRing(t, c)
	s, o := sealerOf(t, dir, c), NewOpener(r, 0)
	event := events(200)
	blob, err := s.SealOne(nil, event, []byte("raw/1/55/2"))
	if err != nil {
		t.Fatal(err)
	}
	got, h, err := o.OpenOne(nil, blob, []byte("raw/1/55/2"))
	if err != nil || !bytes.Equal(got, event) {
		t.Fatalf("open: %v", err)
	}
	if h.Events != 1 || h.Total != 0 || h.HourKeyID.Hour != HourOf(noon) {
		t.Errorf("header %+v", h)
	}
	if _, _, err := o.OpenOne(nil, blob, []byte("raw/1/55/3")); !errors.Is(err, ErrCorrupt) {
		t.Errorf("under another address: %v", err)
	}
	if _, _, err := o.Open(nil, blob); !errors.Is(err, ErrCorrupt) {
		t.Errorf("as a batch: %v", err)
	}
	// It opens with that hour's key only.
	if err := r.Destroy(h.HourKeyID.Hour); err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.OpenOne(nil, blob, []byte("raw/1/55/2")); !errors.Is(err, ErrKeyExpired) {
		t.Errorf("after its hour: %v", err)
	}
}

func TestAnyOrder(t *testing.T) {
	c := clockAt(noon)
	r, dir := hourRing(t, c)
	a, b := sealerOf(t, dir, c), sealerOf(t, dir, c)
	type sent struct {
		blob []byte
		n    int
	}
	var all []sent
	for i := range 60 {
		s := []*Sealer{a, b}[i%2]
		all = append(all, sent{mustSeal(t, s, events(i*10), uint32(i), int32(i%4)), i * 10})
		if i%20 == 19 {
			c.advance(time.Hour)
		}
	}
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = append(all, all...) // and each once more, as after a restart
	o := NewOpener(r, 0)
	for _, s := range all {
		got, _, err := o.Open(nil, s.blob)
		if err != nil || !bytes.Equal(got, events(s.n)) {
			t.Fatalf("open: %v", err)
		}
	}
	if len(o.agreed) != 6 {
		t.Errorf("%d key agreements for 2 processes and 3 hours", len(o.agreed))
	}
}

func TestNonceIsNeverUsedTwice(t *testing.T) {
	c := clockAt(noon)
	_, dir := hourRing(t, c)
	s := sealerOf(t, dir, c)
	seen := make(map[[EncSize + nonceSize]byte]bool)
	note := func(blob []byte) {
		var k [EncSize + nonceSize]byte
		h, err := ParseHeader(blob)
		if err != nil {
			t.Fatal(err)
		}
		copy(k[:], h.Encapsulation[:])
		copy(k[EncSize:], blob[:nonceSize])
		if seen[k] {
			t.Fatal("a nonce was used twice under one key")
		}
		seen[k] = true
	}
	for i := range 200 {
		note(mustSeal(t, s, []byte("b"), 1, 0))
		one, err := s.SealOne(nil, []byte("b"), nil)
		if err != nil {
			t.Fatal(err)
		}
		note(one)
		switch i {
		case 50:
			c.advance(time.Hour)
		case 100: // a clock that is set back
			c.advance(-time.Hour)
		}
	}
}

func TestNoPublicKeyNothingSealed(t *testing.T) {
	c := clockAt(noon)
	r, dir := longRing(t, c)
	p := publicOfRing(t, dir)
	s := NewSealer(p, c.now)
	defer s.Close()
	if got := p.HoursLeft(c.now()); got != HoursAhead {
		t.Errorf("%d hours ahead", got)
	}
	c.advance(HoursAhead * time.Hour)
	mustSeal(t, s, []byte("last hour"), 1, 0)
	c.advance(time.Hour)
	out, err := s.Seal([]byte("dst"), []byte("body"), 1, 0)
	if !errors.Is(err, ErrNoPublicKey) || string(out) != "dst" {
		t.Fatalf("beyond the published hours: %v, %d bytes", err, len(out))
	}
	if got := p.HoursLeft(c.now()); got != -1 {
		t.Errorf("%d hours ahead", got)
	}
	if err := r.EnsureHours(c.now()); err != nil {
		t.Fatal(err)
	}
	blob := mustSeal(t, s, []byte("back again"), 1, 0)
	if h, _ := ParseHeader(blob); h.Total != 2 {
		t.Errorf("total %d: events that were not sealed are counted", h.Total)
	}
}

func TestTotals(t *testing.T) {
	c := clockAt(noon)
	_, dir := hourRing(t, c)
	s := sealerOf(t, dir, c)
	total := func(events uint32, partition int32) uint64 {
		h, err := ParseHeader(mustSeal(t, s, []byte("b"), events, partition))
		if err != nil {
			t.Fatal(err)
		}
		return h.Total
	}
	f := func(what string, got, want uint64) {
		t.Helper()
		if got != want {
			t.Errorf("%s: total %d, want %d", what, got, want)
		}
	}
	f("first", total(5, 0), 5)
	f("another partition", total(7, 1), 7)
	f("second", total(2, 0), 7)
	s.Refused(0, 2)
	c.advance(time.Hour)
	f("after a refusal, in the next hour", total(1, 0), 6)
}

func TestLimits(t *testing.T) {
	c := clockAt(noon)
	r, dir := hourRing(t, c)
	s := sealerOf(t, dir, c)
	if _, err := s.Seal(nil, make([]byte, MaxBody+1), 1, 0); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a body over MaxBody: %v", err)
	}
	// A megabyte of zeros is a small blob, and must not be unpacked over the limit.
	blob := mustSeal(t, s, make([]byte, 1<<20), 1, 0)
	got, h, err := NewOpener(r, 1<<20-1).Open(nil, blob)
	if !errors.Is(err, ErrTooLarge) || !errors.Is(err, ErrCorrupt) || cap(got) != 0 {
		t.Errorf("over the limit of the opener: %v, %d bytes", err, cap(got))
	}
	if h.Events != 1 {
		t.Errorf("header %+v", h)
	}
	if _, _, err := NewOpener(r, 1<<20).Open(nil, blob); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

// TestForgedSizeMakesNoBuffer: the size in a header counts only once verified.
func TestForgedSizeMakesNoBuffer(t *testing.T) {
	c := clockAt(noon)
	r, dir := hourRing(t, c)
	blob := mustSeal(t, sealerOf(t, dir, c), []byte("small"), 1, 0)
	blob[56] = 1 // bytes: 16 MiB and more
	got, _, err := NewOpener(r, 0).Open(nil, blob)
	if !errors.Is(err, ErrCorrupt) || cap(got) > 4096 {
		t.Errorf("%v, a buffer of %d bytes", err, cap(got))
	}
}

// TestKeysRemembered: the cache is bounded, and a key that made room for others
// never makes a blob look expired.
func TestKeysRemembered(t *testing.T) {
	c := clockAt(noon)
	r, dir := hourRing(t, c)
	o := NewOpener(r, 0)
	var blobs [][]byte
	for range 40 {
		blobs = append(blobs, mustSeal(t, sealerOf(t, dir, c), []byte("b"), 1, 0))
	}
	for i := range maxAgreed { // full of keys of other processes
		k, err := newGuarded(&[KeySize]byte{byte(i)})
		if err != nil {
			t.Fatal(err)
		}
		id := agreedID{hour: HourKeyID{HourOf(noon), 0}}
		for h := range r.hours {
			if h.Hour == HourOf(noon) {
				id.hour = h
			}
		}
		id.enc[0], id.enc[1] = byte(i), byte(i>>8)
		o.agreed[id] = &agreedKey{box: k}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, b := range blobs {
				if _, _, err := o.Open(nil, b); err != nil {
					t.Errorf("open: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if len(o.agreed) > maxAgreed {
		t.Errorf("%d keys remembered", len(o.agreed))
	}
}

// TestSealedButWrong: a blob that verifies and whose body is not what its
// header says can only come from a faulty collector; it is refused all the same.
func TestSealedButWrong(t *testing.T) {
	c := clockAt(noon)
	r, dir := hourRing(t, c)
	s, o := sealerOf(t, dir, c), NewOpener(r, 0)
	good, err := ParseHeader(mustSeal(t, s, events(500), 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	ses := s.hours.cur.Load()
	f := func(what string, size uint32, text []byte) {
		t.Helper()
		h := good
		h.Bytes, h.Counter = size, ses.counter.Add(1)
		blob := make([]byte, HeaderSize)
		h.put(blob)
		blob, ok := ses.box.seal(blob, blob[:nonceSize], text, blob[:HeaderSize])
		if !ok {
			t.Fatal("the session is over")
		}
		got, _, err := o.Open([]byte("dst"), blob)
		if !errors.Is(err, ErrCorrupt) || string(got) != "dst" {
			t.Errorf("%s: %v", what, err)
		}
	}
	packed := s2.Encode(nil, events(500))
	f("shorter than it says", 501, packed)
	f("longer than it says", 499, packed)
	f("not compressed", 500, events(500))
	f("cut", 500, packed[:len(packed)-3])
	f("empty", 500, nil)
}

func TestOpenerClose(t *testing.T) {
	c := clockAt(noon)
	r, dir := hourRing(t, c)
	o := NewOpener(r, 0)
	blob := mustSeal(t, sealerOf(t, dir, c), []byte("b"), 1, 0)
	if _, _, err := o.Open(nil, blob); err != nil {
		t.Fatal(err)
	}
	var box *guarded
	for _, k := range o.agreed {
		box = k.box
	}
	o.Close()
	if len(o.agreed) != 0 || box.aead != nil {
		t.Error("a key is still held")
	}
}
