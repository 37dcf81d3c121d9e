package ledger

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/sluice-events/sluice/privacy"
)

// person draws any record the enricher can make.
func person(t *rapid.T) *privacy.Person {
	moment := rapid.Int64Range(0, 1<<42)
	p := &privacy.Person{
		Bucket:    uint16(rapid.IntRange(0, 4095).Draw(t, "bucket")),
		Age:       privacy.Age(rapid.IntRange(0, int(privacy.AgeAdult)).Draw(t, "age")),
		Guardian:  moment.Draw(t, "guardian"),
		Rev:       rapid.Uint64().Draw(t, "rev"),
		NotBefore: moment.Draw(t, "not before"),
		Applied:   privacy.Position{Offset: rapid.Int64Range(-1, 1<<62).Draw(t, "offset"), Index: rapid.Int32Range(0, 1<<20).Draw(t, "index")},
	}
	if p.HasSecret = rapid.Bool().Draw(t, "secret"); p.HasSecret {
		copy(p.Secret[:], rapid.SliceOfN(rapid.Byte(), len(p.Secret), len(p.Secret)).Draw(t, "bytes"))
	}
	for _, bit := range rapid.SliceOfNDistinct(rapid.Uint8Range(0, 63), 0, 8, rapid.ID).Draw(t, "bits") {
		p.Grants = append(p.Grants, privacy.Grant{
			Bit: bit, State: privacy.State(rapid.IntRange(0, int(privacy.Withdrawn)).Draw(t, "state")),
			Since: moment.Draw(t, "since"), Until: moment.Draw(t, "until"), No: moment.Draw(t, "no"),
			Gen: rapid.Uint32().Draw(t, "generation"), PolicyRev: rapid.Uint32().Draw(t, "policy"),
		})
	}
	return p
}

// plain turns a record into what cmp may print: the type itself hides its content.
func plain(p *privacy.Person) any {
	type open privacy.Person
	return open(*p)
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := person(t)
		msg := appendRecord(nil, want)
		got, err := parseRecord(msg)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain(want), plain(got)); diff != "" {
			t.Fatal(diff)
		}
		// A later build may add fields: they are passed over.
		more := protowire.AppendBytes(protowire.AppendTag(bytes.Clone(msg), 1000, protowire.BytesType), []byte("later"))
		if again, err := parseRecord(more); err != nil || !cmp.Equal(plain(want), plain(again)) {
			t.Fatal("an added field changed the record:", err)
		}
	})
}

func TestRecordRefuses(t *testing.T) {
	grant := func(fields ...uint64) []byte {
		var g []byte
		for i, v := range fields {
			g = appendVarint(g, protowire.Number(i+1), v)
		}
		return protowire.AppendBytes(protowire.AppendTag(nil, fGrant, protowire.BytesType), g)
	}
	for what, msg := range map[string][]byte{
		"a state of later":     grant(3, uint64(privacy.Withdrawn)+1),
		"a state beyond 8 bit": grant(3, 256),
		"a bit beyond 64":      grant(66, 1),
		"a grant of no bit":    grant(0, 1),
		"an age of later":      appendVarint(nil, fAge, uint64(privacy.AgeAdult)+1),
		"an age beyond 8 bit":  appendVarint(nil, fAge, 256+uint64(privacy.AgeAdult)),
		"a short secret":       protowire.AppendBytes(protowire.AppendTag(nil, fSecret, protowire.BytesType), []byte("short")),
		"a cut message":        grant(3, 1)[:3],
	} {
		if _, err := parseRecord(msg); err == nil {
			t.Errorf("%s was read", what)
		}
	}
}

// Whatever stands in the log: a record is read as written, or refused.
func FuzzRecord(f *testing.F) {
	f.Add(appendRecord(nil, &privacy.Person{Rev: 1, Grants: []privacy.Grant{{Bit: 2, State: privacy.Refused, No: 5}}}))
	f.Add([]byte{0x4a, 0})
	f.Fuzz(func(t *testing.T, msg []byte) {
		p, err := parseRecord(msg)
		if err != nil {
			return
		}
		again, err := parseRecord(appendRecord(nil, p))
		if err != nil || !cmp.Equal(plain(p), plain(again)) {
			t.Fatalf("what was read is not what is written: %v", err)
		}
	})
}
