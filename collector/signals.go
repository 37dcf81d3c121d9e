package collector

import (
	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/policy"
)

// Consent signals are read by name while a message is decoded, when its policy may not be
// known yet, and mapped to bits afterwards. What is there but does not parse counts as a
// refusal of everything that can be refused, never as a grant.

// nativeConsent reads {"purpose or feature": bool, …}.
func (r *request) nativeConsent(m *message) error {
	if r.scan.kind() != '{' {
		m.broken = true
		return r.scan.skip()
	}
	return r.choiceMap(m, signalNative)
}

// segmentConsent reads {"categoryPreferences": {"category": bool, …}}.
func (r *request) segmentConsent(m *message) error {
	if r.scan.kind() != '{' {
		m.broken = true
		return r.scan.skip()
	}
	found := false
	_, err := r.scan.object(func(key string) error {
		if key != "categoryPreferences" {
			return r.scan.skip()
		}
		found = true
		if r.scan.kind() != '{' {
			m.broken = true
			return r.scan.skip()
		}
		return r.choiceMap(m, signalSegment)
	})
	m.broken = m.broken || !found
	return err
}

// choiceMap reads an object of names and bools.
func (r *request) choiceMap(m *message, from signal) error {
	_, err := r.scan.object(func(name string) error {
		switch k := r.scan.kind(); k {
		case 't', 'f':
			if err := r.addChoice(choice{source: from, name: name, yes: k == 't'}); err != nil {
				return err
			}
		default:
			m.broken = true
		}
		return r.scan.skip()
	})
	return err
}

// rudderConsent reads {"allowedConsentIds": [id, …], "deniedConsentIds": [id, …], "provider": …}.
func (r *request) rudderConsent(m *message) error {
	if r.scan.kind() != '{' {
		m.broken = true
		return r.scan.skip()
	}
	found := false
	_, err := r.scan.object(func(key string) error {
		switch key {
		case "allowedConsentIds":
			found = true
			return r.choiceList(m, true)
		case "deniedConsentIds":
			found = true
			return r.choiceList(m, false)
		}
		return r.scan.skip()
	})
	m.broken = m.broken || !found
	return err
}

func (r *request) choiceList(m *message, yes bool) error {
	if r.scan.kind() != '[' {
		m.broken = true
		return r.scan.skip()
	}
	if err := r.scan.open(); err != nil {
		return err
	}
	for r.scan.more() {
		if r.scan.kind() != '"' {
			m.broken = true
			if err := r.scan.skip(); err != nil {
				return err
			}
			continue
		}
		name, err := r.scan.str()
		if err != nil {
			return err
		}
		if err := r.addChoice(choice{source: signalRudder, name: name, yes: yes}); err != nil {
			return err
		}
	}
	return r.scan.close()
}

// claims maps a message's choices, its batch's and the request's headers to bits. Several
// signals onto one bit must all say yes.
func (r *request) claims(m *message, p *plan) event.Claims {
	c := event.Claims{Unreadable: m.broken}
	var yes, no uint64
	for _, s := range [2]span{m.choices, r.base.choices} {
		for _, ch := range r.choices[s.from:s.to] {
			refuses, grants := p.bits(ch)
			if ch.yes {
				yes |= grants
			} else {
				no |= refuses
			}
		}
	}
	signals := &p.pol.Consent.Signals
	if r.headers.gpc || r.headers.dnt && signals.DNTAsGPC {
		no |= signals.GPCMask
	}
	no &= p.refusable
	c.Granted, c.Refused = yes&p.refusable&^no, no
	return c
}

// bits maps one choice; a name nobody declared means nothing.
func (p *plan) bits(ch choice) (refuses, grants uint64) {
	switch ch.source {
	case signalSegment:
		return p.pol.SignalBits(policy.SignalSegment, ch.name)
	case signalRudder:
		return p.pol.SignalBits(policy.SignalRudder, ch.name)
	}
	mask := p.named[ch.name]
	return mask, mask
}

// refusable gives the bits that somebody may grant or refuse: declared purposes that are
// not a condition of the service, and features.
func refusable(pol *policy.Policy) (bits uint64, named map[string]uint64) {
	named = make(map[string]uint64)
	for _, pu := range pol.Purposes {
		if pu.Declared && pu.Refusable {
			bits |= pu.Mask()
			named[pu.Name] = pu.Mask()
		}
	}
	for _, f := range pol.Features {
		bits |= f.Mask()
		named[f.Name] = f.Mask()
	}
	return bits, named
}
