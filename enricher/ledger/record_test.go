package ledger

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/sluice-events/sluice/privacy"
)

// anyone draws a record that a ledger can hold.
func anyone(t *rapid.T) *privacy.Person {
	p := &privacy.Person{
		Bucket: uint16(rapid.IntRange(0, 4095).Draw(t, "bucket")), Age: privacy.Age(rapid.IntRange(0, 3).Draw(t, "age")),
		Guardian: rapid.Int64().Draw(t, "guardian"), Rev: rapid.Uint64().Draw(t, "rev"), NotBefore: rapid.Int64().Draw(t, "not before"),
		Applied: privacy.Position{Offset: rapid.Int64Min(-1).Draw(t, "offset"), Index: rapid.Int32Min(0).Draw(t, "index")},
	}
	if rapid.Bool().Draw(t, "secret") {
		p.HasSecret = true
		copy(p.Secret[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "bytes"))
	}
	for _, bit := range rapid.SliceOfDistinct(rapid.Uint8Range(0, 63), func(b uint8) uint8 { return b }).Draw(t, "bits") {
		p.Grants = append(p.Grants, privacy.Grant{
			Bit: bit, State: privacy.State(rapid.IntRange(0, 3).Draw(t, "state")), Since: rapid.Int64().Draw(t, "since"), Until: rapid.Int64().Draw(t, "until"),
			No: rapid.Int64().Draw(t, "no"), Gen: rapid.Uint32().Draw(t, "gen"), PolicyRev: rapid.Uint32().Draw(t, "rev"),
		})
	}
	return p
}

// Whatever a record says, it says again after it was written and read.
func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyone(t)
		got, err := parseRecord(appendRecord(nil, p))
		if err != nil {
			t.Fatal(err)
		}
		if !cmp.Equal(plain(p), plain(got)) {
			t.Fatalf("came back changed:\n%s", cmp.Diff(plain(p), plain(got)))
		}
	})
}

// plain is a person without the methods that hide one.
func plain(p *privacy.Person) any {
	type open privacy.Person
	return open(*p)
}

// The first act of a partition stands at offset 0, which is written as nothing.
func TestFirstPosition(t *testing.T) {
	for _, at := range []int64{-1, 0, 1} {
		p := &privacy.Person{Applied: privacy.Position{Offset: at}}
		got, err := parseRecord(appendRecord(nil, p))
		if err != nil || got.Applied != p.Applied {
			t.Errorf("offset %d came back as %d, %v", at, got.Applied.Offset, err)
		}
	}
}

// What this build does not know, or what cannot be, refuses the whole record.
func TestRecordRefused(t *testing.T) {
	number := func(n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
	}
	text := func(n protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), b)
	}
	bit := number(gBit, 3)
	f := func(name string, msg []byte) {
		t.Helper()
		if p, err := parseRecord(msg); !errors.Is(err, errRecord) || p != nil {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
	f("field of a newer version", number(fGrant+1, 1))
	f("field of a newer version, bytes", text(fGrant+1, nil))
	f("field of a newer version in a grant", text(fGrant, append(bit, number(gPolicyRev+1, 1)...)))
	f("fixed number", protowire.AppendFixed64(protowire.AppendTag(nil, fRev, protowire.Fixed64Type), 1))
	f("bytes for a number", text(fBucket, []byte{1}))
	f("number for bytes", number(fSecret, 32))
	f("number for a grant", number(fGrant, 0))
	f("bucket", number(fBucket, 4096))
	f("age band", number(fAge, 4))
	f("age band that wraps round to adult", number(fAge, 256+uint64(privacy.AgeAdult)))
	f("index", number(fIndex, math.MaxInt32+1))
	f("short secret", text(fSecret, make([]byte, 31)))
	f("long secret", text(fSecret, make([]byte, 33)))
	f("grant without a bit", text(fGrant, number(gState, 1)))
	f("bit 64", text(fGrant, number(gBit, 65)))
	f("state", text(fGrant, append(bit, number(gState, 4)...)))
	f("state that wraps round to granted", text(fGrant, append(number(gBit, 3), number(gState, 256+uint64(privacy.Granted))...)))
	f("generation", text(fGrant, append(number(gBit, 3), number(gGen, 1<<32)...)))
	f("two grants of one bit", append(text(fGrant, append(number(gBit, 3), number(gState, 1)...)), text(fGrant, append(number(gBit, 3), number(gState, 2)...))...))
	f("half a field", number(fRev, 1<<20)[:2])
	f("tag alone", number(fRev, 1)[:1])
	f("length beyond the end", text(fSecret, make([]byte, 32))[:20])
}

// Damaged bytes are refused or read as a record, which is then written and read alike.
func FuzzRecord(f *testing.F) {
	p := &privacy.Person{Bucket: 7, Age: privacy.AgeAdult, Rev: 3, Applied: privacy.Position{Offset: 9, Index: 2}, HasSecret: true,
		Grants: []privacy.Grant{{Bit: 4, State: privacy.Granted, Since: 5, Until: 6, Gen: 1, PolicyRev: 2}, {Bit: 63, State: privacy.Withdrawn, No: -1}}}
	whole := appendRecord(nil, p)
	f.Add(whole)
	f.Add(appendRecord(nil, privacy.NewPerson(0)))
	for i := range whole {
		f.Add(whole[:i])
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		p, err := parseRecord(msg)
		if err != nil {
			if !errors.Is(err, errRecord) || p != nil {
				t.Fatalf("%v", err)
			}
			return
		}
		one := appendRecord(nil, p)
		again, err := parseRecord(one)
		if err != nil || !cmp.Equal(plain(p), plain(again)) {
			t.Fatalf("a record that was read cannot be written and read again: %v", err)
		}
		if !bytes.Equal(one, appendRecord(nil, again)) {
			t.Fatal("one record, two spellings")
		}
	})
}
