package ledger

import (
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/privacy"
)

// A record is a privacy.Person in protobuf's wire encoding, sealed under the partition's
// KEK. A zero is left out. Fields are only ever added; a build that meets a field, a state
// or a band it does not know refuses the record, since to pass over it could widen, and to
// write the record again would lose it.
const (
	fBucket protowire.Number = iota + 1
	fAge
	fGuardian
	fRev
	fNotBefore
	fOffset
	fIndex
	fSecret
	fGrant
)

// Fields of one grant.
const (
	gBit protowire.Number = iota + 1
	gState
	gSince
	gUntil
	gNo
	gGen
	gPolicyRev
)

var errRecord = errors.New("ledger: a record does not decode: it is damaged, or of a newer version")

func appendVarint(b []byte, n protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func appendRecord(b []byte, p *privacy.Person) []byte {
	b = appendVarint(b, fBucket, uint64(p.Bucket))
	b = appendVarint(b, fAge, uint64(p.Age))
	b = appendVarint(b, fGuardian, uint64(p.Guardian))
	b = appendVarint(b, fRev, p.Rev)
	b = appendVarint(b, fNotBefore, uint64(p.NotBefore))
	b = appendVarint(b, fOffset, protowire.EncodeZigZag(p.Applied.Offset))
	b = appendVarint(b, fIndex, uint64(p.Applied.Index))
	if p.HasSecret {
		b = protowire.AppendBytes(protowire.AppendTag(b, fSecret, protowire.BytesType), p.Secret[:])
	}
	var g []byte
	for _, gr := range p.Grants {
		g = appendVarint(g[:0], gBit, uint64(gr.Bit)+1)
		g = appendVarint(g, gState, uint64(gr.State))
		g = appendVarint(g, gSince, uint64(gr.Since))
		g = appendVarint(g, gUntil, uint64(gr.Until))
		g = appendVarint(g, gNo, uint64(gr.No))
		g = appendVarint(g, gGen, uint64(gr.Gen))
		g = appendVarint(g, gPolicyRev, uint64(gr.PolicyRev))
		b = protowire.AppendBytes(protowire.AppendTag(b, fGrant, protowire.BytesType), g)
	}
	return b
}

// field is one field of a message: a number, or bytes.
type field struct {
	num protowire.Number
	v   uint64
	b   []byte // nil for a number
}

// put stores a number that is at most limit.
func put[T ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int32 | ~int64](to *T, f field, limit uint64) error {
	if f.b != nil || f.v > limit {
		return errRecord
	}
	*to = T(f.v)
	return nil
}

// fields calls f for every field of a message.
func fields(msg []byte, f func(field) error) error {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return errRecord
		}
		msg = msg[n:]
		x := field{num: num}
		switch typ {
		case protowire.VarintType:
			x.v, n = protowire.ConsumeVarint(msg)
		case protowire.BytesType:
			x.b, n = protowire.ConsumeBytes(msg)
		default:
			return errRecord
		}
		if n < 0 {
			return errRecord
		}
		msg = msg[n:]
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}

func parseRecord(msg []byte) (*privacy.Person, error) {
	p := new(privacy.Person) // not NewPerson: a position left out is the first of the log
	if err := fields(msg, func(f field) error { return setField(p, f) }); err != nil {
		return nil, err
	}
	var seen uint64
	for i := range p.Grants {
		mask := uint64(1) << p.Grants[i].Bit
		if seen&mask != 0 {
			return nil, errRecord // which of the two stands?
		}
		seen |= mask
	}
	return p, nil
}

func setField(p *privacy.Person, f field) error {
	switch f.num {
	case fBucket:
		return put(&p.Bucket, f, seal.Buckets-1)
	case fAge:
		return put(&p.Age, f, uint64(privacy.AgeAdult))
	case fGuardian:
		return put(&p.Guardian, f, math.MaxUint64)
	case fRev:
		return put(&p.Rev, f, math.MaxUint64)
	case fNotBefore:
		return put(&p.NotBefore, f, math.MaxUint64)
	case fOffset:
		f.v = uint64(protowire.DecodeZigZag(f.v))
		return put(&p.Applied.Offset, f, math.MaxUint64)
	case fIndex:
		return put(&p.Applied.Index, f, math.MaxInt32)
	case fSecret:
		if len(f.b) != len(p.Secret) {
			return errRecord
		}
		copy(p.Secret[:], f.b)
		p.HasSecret = true
		return nil
	case fGrant:
		if f.b == nil {
			return errRecord
		}
		g, err := parseGrant(f.b)
		p.Grants = append(p.Grants, g)
		return err
	}
	return errRecord
}

func parseGrant(msg []byte) (g privacy.Grant, err error) {
	bit := uint64(0)
	err = fields(msg, func(f field) error {
		switch f.num {
		case gBit:
			return put(&bit, f, 64)
		case gState:
			return put(&g.State, f, uint64(privacy.Withdrawn))
		case gSince:
			return put(&g.Since, f, math.MaxUint64)
		case gUntil:
			return put(&g.Until, f, math.MaxUint64)
		case gNo:
			return put(&g.No, f, math.MaxUint64)
		case gGen:
			return put(&g.Gen, f, math.MaxUint32)
		case gPolicyRev:
			return put(&g.PolicyRev, f, math.MaxUint32)
		}
		return errRecord
	})
	if err == nil && bit == 0 {
		err = errRecord
	}
	g.Bit = uint8(bit - 1)
	return g, err
}
