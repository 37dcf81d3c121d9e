package seal

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func FuzzParseHeader(f *testing.F) {
	c := clockAt(noon)
	_, dir := hourRing(f, c)
	f.Add(mustSeal(f, sealerOf(f, dir, c), events(100), 3, 1))
	f.Add([]byte{})
	f.Add(make([]byte, Overhead-1))
	f.Add(make([]byte, Overhead))
	f.Fuzz(func(t *testing.T, blob []byte) {
		h, err := ParseHeader(blob)
		if errors.Is(err, ErrCorrupt) {
			if len(blob) >= Overhead {
				t.Error("a long enough blob is called too short")
			}
			return
		}
		if err != nil && !errors.Is(err, ErrUnsupported) {
			t.Fatalf("%v", err)
		}
		var back [HeaderSize]byte
		h.put(back[:])
		if !bytes.Equal(back[:], blob[:HeaderSize]) {
			t.Error("a header does not come back as it was")
		}
	})
}

func FuzzOpen(f *testing.F) {
	c := clockAt(noon)
	r, dir := hourRing(f, c)
	s, o := sealerOf(f, dir, c), NewOpener(r, 1<<20)
	whole := mustSeal(f, s, events(400), 3, 1)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[:Overhead])
	f.Add([]byte("not a blob"))
	f.Fuzz(func(t *testing.T, blob []byte) {
		kept := bytes.Clone(blob)
		got, _, err := o.Open([]byte("dst"), blob)
		if !bytes.Equal(blob, kept) {
			t.Fatal("the blob was changed")
		}
		switch {
		case err == nil:
			if !bytes.Equal(blob, whole) {
				t.Fatal("a blob that was never sealed opened")
			}
		case string(got) != "dst":
			t.Fatal("something came out beside an error")
		case !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrKeyExpired) && !errors.Is(err, ErrUnsupported):
			t.Fatalf("%v", err)
		}
	})
}

func FuzzOpenRecord(f *testing.F) {
	r, _ := emptyRing(f, clockAt(noon))
	k := kekOf(f, r, 0)
	whole, err := SealRecord(nil, k, []byte("key"), []byte("record"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:RecordOverhead])
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if got, err := OpenRecord(nil, k, []byte("key"), sealed); err == nil && !bytes.Equal(sealed, whole) {
			t.Fatal("a record that was never sealed opened")
		} else if err != nil && len(got) != 0 {
			t.Fatal("something came out beside an error")
		}
	})
}

// FuzzKeyFile: whatever stands in a key file, it is the key that was stored or
// it is refused, and the error does not show it.
func FuzzKeyFile(f *testing.F) {
	m := meta{name: "private/x.key", alg: HMACSHA256, half: halfSecret, id: 7, made: noon}
	key := bytes.Repeat([]byte{0xa5}, KeySize)
	whole := m.encode(key)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got := meta{name: m.name, alg: m.alg, half: m.half}
		var b [KeySize]byte
		err := got.decode(bytes.Clone(data), &b)
		switch {
		case err == nil:
			again := meta{name: m.name, alg: m.alg, half: m.half}
			var c [KeySize]byte
			if err := again.decode(got.encode(b[:]), &c); err != nil || b != c || !cmp.Equal(got.id, again.id) {
				t.Fatalf("a record does not come back: %v", err)
			}
		case b != [KeySize]byte{}:
			t.Fatal("a key came out beside an error")
		case !errors.Is(err, ErrBadRecord) && !errors.Is(err, ErrUnsupported):
			t.Fatalf("%v", err)
		}
	})
}

func TestHeaderComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u32 := func(name string) uint32 { return rapid.Uint32().Draw(t, name) }
		h := Header{
			Version: version, Suite: suiteHPKE, Compression: compressedS2,
			Use:            rapid.SampledFrom([]Use{UseBatch, UseOne}).Draw(t, "use"),
			Counter:        rapid.Uint64().Draw(t, "counter"),
			HourKeyID:      HourKeyID{u32("hour"), u32("suffix")},
			Encapsulation:  [EncSize]byte(rapid.SliceOfN(rapid.Byte(), EncSize, EncSize).Draw(t, "enc")),
			ReceivedMinute: u32("minute"),
			Bytes:          u32("bytes"),
			Events:         u32("events"),
			Partition:      rapid.Int32().Draw(t, "partition"),
			Total:          rapid.Uint64().Draw(t, "total"),
			Process:        [8]byte(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "process")),
		}
		blob := make([]byte, Overhead)
		h.put(blob)
		got, err := ParseHeader(blob)
		if err != nil || got != h {
			t.Fatalf("%v %s", err, cmp.Diff(h, got))
		}
	})
}
