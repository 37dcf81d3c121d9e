package ledger

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sluice-events/sluice/privacy"
)

// A record is a privacy.Person in protobuf's wire encoding, sealed under the partition's
// KEK. Fields are only ever added.
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

var errRecord = errors.New("ledger: a record does not decode")

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
	b = appendVarint(b, fOffset, uint64(p.Applied.Offset+1)) // 0: no act yet
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

// fields calls f for every field of a message; bytes fields have b, the others v.
func fields(msg []byte, f func(n protowire.Number, v uint64, b []byte) error) error {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return errRecord
		}
		msg = msg[n:]
		var v uint64
		var b []byte
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(msg)
		case protowire.BytesType:
			b, n = protowire.ConsumeBytes(msg)
		default:
			num, n = 0, protowire.ConsumeFieldValue(num, typ, msg)
		}
		if n < 0 {
			return errRecord
		}
		msg = msg[n:]
		if err := f(num, v, b); err != nil {
			return err
		}
	}
	return nil
}

func parseRecord(msg []byte) (*privacy.Person, error) {
	p := privacy.NewPerson(0)
	err := fields(msg, func(n protowire.Number, v uint64, b []byte) error {
		switch n {
		case fBucket:
			p.Bucket = uint16(v)
		case fAge:
			if v > uint64(privacy.AgeAdult) {
				return errRecord // a band this build does not know must not be read as grown up
			}
			p.Age = privacy.Age(v)
		case fGuardian:
			p.Guardian = int64(v)
		case fRev:
			p.Rev = v
		case fNotBefore:
			p.NotBefore = int64(v)
		case fOffset:
			p.Applied.Offset = int64(v) - 1
		case fIndex:
			p.Applied.Index = int32(v)
		case fSecret:
			if len(b) != len(p.Secret) {
				return errRecord
			}
			copy(p.Secret[:], b)
			p.HasSecret = true
		case fGrant:
			g, err := parseGrant(b)
			p.Grants = append(p.Grants, g)
			return err
		}
		return nil
	})
	return p, err
}

func parseGrant(msg []byte) (g privacy.Grant, err error) {
	bit := uint64(0)
	err = fields(msg, func(n protowire.Number, v uint64, _ []byte) error {
		switch n {
		case gBit:
			bit = v
		case gState:
			if v > uint64(privacy.Withdrawn) {
				return errRecord // a state this build does not know must not be read as a mild one
			}
			g.State = privacy.State(v)
		case gSince:
			g.Since = int64(v)
		case gUntil:
			g.Until = int64(v)
		case gNo:
			g.No = int64(v)
		case gGen:
			g.Gen = uint32(v)
		case gPolicyRev:
			g.PolicyRev = uint32(v)
		}
		return nil
	})
	if err == nil && (bit == 0 || bit > 64) {
		return g, errRecord
	}
	g.Bit = uint8(bit - 1)
	return g, err
}
