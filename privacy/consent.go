package privacy

import (
	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/policy"
)

// Subject is whose event it is, as the enricher found it.
type Subject struct {
	Kind    event.SubjectKind
	Canon   []byte  // canonical id; empty for KindNone
	Person  *Person // never nil but for KindNone
	Session []byte  // the client's session id, or the one the enricher cut; empty = none
	Seq     uint32  // place within the session
}

// selfGranted is the consent_rev of a row whose consent came with the message alone.
const selfGranted = ^uint64(0)

// decided is an event whose purposes are settled: the first step's result and the only
// thing the second takes.
type decided struct {
	raw      *event.Raw
	sub      *Subject
	plan     *eventPlan
	allowed  uint64 // purposes by index
	features uint64 // feature bits that are switched on
	noPid    bool   // rows carry no pseudonym
	minor    bool
	rev      uint64
}

// decide settles which purposes take the event. Why
// a purpose does not is left in w.withheld.
func (w *Worker) decide(raw *event.Raw, sub *Subject, plan *eventPlan) decided {
	d := decided{raw: raw, sub: sub, plan: plan, noPid: sub.Kind == event.KindNone}
	person := sub.Person
	if person != nil {
		d.rev = person.Rev
		if raw.Time <= person.NotBefore {
			for _, pp := range plan.purposes {
				w.withheld[pp.purpose.Index] = NotBefore
			}
			return d
		}
	}
	unguarded := w.overlay(&d, person)
	if !unguarded {
		d.features = w.featuresOn(raw, sub)
	}
	for _, pp := range plan.purposes {
		if r := w.permits(pp.purpose, &d, unguarded); r != Kept {
			w.withheld[pp.purpose.Index] = r
			continue
		}
		d.allowed |= 1 << pp.purpose.Index
	}
	if d.rev == 0 && sub.Kind == event.KindNone && w.pol.Consent.SignalsMayGrant && raw.Claims.Granted != 0 {
		d.rev = selfGranted
	}
	return d
}

// overlay applies the rules for children and reports whether a guardian's act is missing.
func (w *Worker) overlay(d *decided, p *Person) (unguarded bool) {
	age, guardian := AgeUnknown, int64(0)
	if p != nil {
		age, guardian = p.Age, p.Guardian
	}
	d.minor = w.isMinor(age)
	unguarded = d.minor && guardian <= w.now
	if unguarded {
		d.noPid = true
	}
	return unguarded
}

// isMinor reads an age band against the policy; a band that may lie on either side counts
// as below.
func (w *Worker) isMinor(a Age) bool {
	switch a {
	case AgeAdult:
		return false
	case AgeUnder14:
		return true
	case AgeUnder18:
		return w.pol.Minors.GuardianBelow > 14
	}
	return w.pol.Minors.UnknownIsMinor
}

// permits is the answer for one purpose; the narrowest of overlay, ledger and claims wins.
func (w *Worker) permits(pu *policy.Purpose, d *decided, unguarded bool) Reason {
	if unguarded && !w.noGuardian[pu.Index] || d.minor && w.minorDenied[pu.Index] {
		return MinorDenied
	}
	claims := d.raw.Claims
	if pu.Refusable && (claims.Unreadable || claims.Refused&pu.Mask() != 0) {
		return NoConsent
	}
	if d.sub.Person == nil {
		if pu.NeedsConsent() && !(w.pol.Consent.SignalsMayGrant && claims.Granted&pu.Mask() != 0) {
			return NoConsent
		}
		return Kept
	}
	g := d.sub.Person.Grant(pu.Bit)
	switch {
	case pu.NeedsConsent() && !w.inForce(g, d.raw.Time):
		return NoConsent
	case pu.Refusable && !pu.NeedsConsent() && (g.State == Refused || g.State == Withdrawn):
		return NoConsent
	}
	return Kept
}

// inForce reports whether a grant holds now and has held since the event's time.
func (w *Worker) inForce(g Grant, eventTime int64) bool {
	return g.State == Granted && g.Since <= eventTime && (g.Until == 0 || g.Until > w.now)
}

// featuresOn gives the features that are switched on for this event.
func (w *Worker) featuresOn(raw *event.Raw, sub *Subject) (on uint64) {
	for _, f := range w.pol.Features {
		switch {
		case raw.Claims.Unreadable || raw.Claims.Refused&f.Mask() != 0:
		case sub.Person == nil:
			if w.pol.Consent.SignalsMayGrant && raw.Claims.Granted&f.Mask() != 0 {
				on |= f.Mask()
			}
		case w.inForce(sub.Person.Grant(f.Bit), raw.Time):
			on |= f.Mask()
		}
	}
	return on
}
