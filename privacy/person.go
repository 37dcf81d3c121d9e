package privacy

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/policy"
)

// State is where a person stands with one purpose or feature.
type State uint8

const (
	Unset State = iota
	Granted
	Refused
	Withdrawn
)

func (s State) String() string { return [...]string{"unset", "granted", "refused", "withdrawn"}[s] }

// Grant is a person's standing with one purpose or feature. Times are Unix ms.
type Grant struct {
	Bit       uint8
	State     State
	Since     int64  // granted without a break since then
	Until     int64  // end of the grant, 0 = no end
	No        int64  // when the last refusal or withdrawal was, 0 = never
	Gen       uint32 // generation of lasting pseudonyms of this purpose
	PolicyRev uint32 // the revision the person acted under
}

// Age is a person's age band, as the operator's token says it.
type Age uint8

const (
	AgeUnknown Age = iota
	AgeUnder14
	AgeUnder18
	AgeAdult
)

// ParseAge reads the token's band; anything unknown is AgeUnknown.
func ParseAge(s string) Age {
	switch s {
	case "lt14":
		return AgeUnder14
	case "lt18":
		return AgeUnder18
	case "adult":
		return AgeAdult
	}
	return AgeUnknown
}

// Position is where in the person's raw partition an act stood.
type Position struct {
	Offset int64
	Index  int32
}

// After reports whether p lies behind o.
func (p Position) After(o Position) bool {
	return p.Offset > o.Offset || p.Offset == o.Offset && p.Index > o.Index
}

// Person is what the ledger says of one subject. The zero value, with Applied before any
// position, is somebody who never acted. A Person is owned by the ledger partition that
// holds it and is not safe for concurrent use. It prints as [redacted].
type Person struct {
	Bucket    uint16
	Age       Age
	Guardian  int64 // end of the guardian's act, Unix ms; 0 = none
	Rev       uint64
	NotBefore int64 // events with a time up to this are dropped, Unix ms
	Applied   Position
	Grants    []Grant
	HasSecret bool
	Secret    [32]byte // what lasting pseudonyms are made of
}

func (p Person) Format(f fmt.State, _ rune)   { io.WriteString(f, "[redacted]") }
func (p Person) LogValue() slog.Value         { return slog.StringValue("[redacted]") }
func (p Person) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// NewPerson is somebody who never acted, in the bucket of their canonical id.
func NewPerson(bucket uint16) *Person {
	return &Person{Bucket: bucket, Applied: Position{Offset: -1}}
}

// Grant gives the standing with a bit; the zero State when the person never acted on it.
func (p *Person) Grant(bit uint8) Grant {
	for i := range p.Grants {
		if p.Grants[i].Bit == bit {
			return p.Grants[i]
		}
	}
	return Grant{Bit: bit}
}

func (p *Person) entry(bit uint8) *Grant {
	for i := range p.Grants {
		if p.Grants[i].Bit == bit {
			return &p.Grants[i]
		}
	}
	p.Grants = append(p.Grants, Grant{Bit: bit})
	return &p.Grants[len(p.Grants)-1]
}

// Generation is the generation of the person's lasting pseudonyms for a purpose.
func (p *Person) Generation(pu *policy.Purpose) uint32 { return p.Grant(pu.Bit).Gen }

// Apply carries out one act that stood at pos and reports whether the record changed. It is
// idempotent by position: what lies at or before Applied is skipped. Bits the policy does
// not know, or that nobody can refuse, are ignored. A grant for a user id needs the
// operator's token, unless the policy lets signals grant.
func (p *Person) Apply(a *event.Act, pos Position, pol *policy.Policy) bool {
	if !pos.After(p.Applied) {
		return false
	}
	changed := p.applyAge(a)
	userGrant := a.Kind == event.ActGrant && !a.User.IsZero()
	if userGrant && !a.Verified && !pol.Consent.SignalsMayGrant {
		return changed && p.commit(pos)
	}
	for _, pu := range pol.Purposes {
		if a.Bits&pu.Mask() != 0 && pu.Declared && pu.Refusable {
			changed = p.applyBit(a, pu.Bit, pol.Consent.Expires[pu.Name].Milliseconds(), pu.Lasting) || changed
		}
	}
	for _, f := range pol.Features {
		if a.Bits&f.Mask() != 0 {
			changed = p.applyBit(a, f.Bit, pol.Consent.Expires[f.Name].Milliseconds(), false) || changed
		}
	}
	return changed && p.commit(pos)
}

// commit closes a change: the revision grows, the position is remembered.
func (p *Person) commit(pos Position) bool {
	p.Rev++
	p.Applied = pos
	return true
}

func (p *Person) applyAge(a *event.Act) bool {
	if !a.Verified {
		return false
	}
	changed := false
	if age := ParseAge(a.Age); age != AgeUnknown && age != p.Age {
		p.Age, changed = age, true
	}
	if a.Actor == event.ActorGuardian && a.Kind == event.ActGrant {
		until := a.Expiry
		if until == 0 {
			until = a.Time + guardianLife
		}
		if until != p.Guardian {
			p.Guardian, changed = until, true
		}
	}
	return changed
}

// guardianLife is how long a guardian's act holds when it names no end: a year.
const guardianLife = 365 * 24 * 3600 * 1000

// applyBit moves one bit. The later act stands; of two at the same moment, the refusal.
// A grant older than the one in force moves its beginning back, since no refusal lies
// between (it would have ended that grant).
func (p *Person) applyBit(a *event.Act, bit uint8, life int64, lasting bool) bool {
	g := p.entry(bit)
	before := *g
	if a.Kind == event.ActGrant {
		if a.Time <= g.No {
			return false
		}
		until := a.Expiry
		if until == 0 && life > 0 {
			until = a.Time + life
		}
		if g.State != Granted {
			g.State, g.Since, g.Until = Granted, a.Time, until
		} else {
			g.Since = min(g.Since, a.Time)
			g.Until = later(g.Until, until)
		}
		g.PolicyRev = a.PolicyRev
		return changedGrant(before, *g)
	}
	if g.State == Granted && a.Time < g.Since {
		g.No = max(g.No, a.Time) // an older no: the grant after it stands, one from before it does not
		return changedGrant(before, *g)
	}
	if g.State == Granted {
		g.State = Withdrawn
		if lasting {
			g.Gen++
		}
	} else if g.State == Unset {
		g.State = Refused
	}
	g.No, g.PolicyRev = max(g.No, a.Time), a.PolicyRev
	return changedGrant(before, *g)
}

// later of two ends, where 0 is no end.
func later(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// A stock client's consent object comes with every event, so an end that moves on or a
// refusal that is repeated is not worth a record each time. Memory is always exact; what a
// crash can lose is that an end was up to a day later (narrower), or that a standing
// refusal was repeated within the last minute.
const (
	untilStep = 24 * 3600 * 1000
	noStep    = 60 * 1000
)

func changedGrant(a, b Grant) bool {
	return a.State != b.State || a.Since != b.Since || a.Gen != b.Gen || a.PolicyRev != b.PolicyRev ||
		(b.Until == 0) != (a.Until == 0) || b.Until-a.Until >= untilStep || b.No-a.No >= noStep
}
