package enricher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy"
	"github.com/sluice-events/sluice/sinks"
)

// settle decides and stores one range: acts first, then events, then the ledger, the fenced
// intent, the rows of every store and at last the account. All of it is the same when it is
// done again.
func (p *partition) settle(ctx context.Context, pol *policy.Policy, from int64, in intent, attempt int) error {
	began := time.Now()
	p.batch.Link()
	if p.worker == nil || p.pol != pol {
		w, err := privacy.NewWorker(pol, p.e.d.Keys, p.people, p.e.d.Lookups, p.e.name)
		if err != nil {
			return fmt.Errorf("enricher: %w", err)
		}
		p.worker, p.pol = w, pol
	}
	rng := privacy.Range{Incarnation: p.e.incarnation, Topic: p.e.cfg.RawTopic, Partition: p.asg.Partition, From: from, To: in.To}
	if err := p.worker.Begin(rng, in.Now); err != nil {
		return retryKeys(err)
	}
	p.acc.add(sinks.Accepted, otherEvent, "", p.total)
	p.applyActs(pol)
	if err := p.decide(pol); err != nil {
		return retryKeys(err)
	}
	if err := p.people.Flush(ctx); err != nil {
		return err
	}
	if err := p.reject(ctx); err != nil {
		return err
	}
	if err := p.asg.Commit(ctx, from, in.String()); err != nil {
		return err
	}
	if err := p.store(ctx, rng, in, attempt); err != nil {
		return err
	}
	p.e.setState(p.state, func(s *partState) { s.done = in.To })
	p.e.m.settled(p, time.Since(began))
	return nil
}

// retryKeys marks a failure to reach keys as one that passes.
func retryKeys(err error) error {
	return fmt.Errorf("enricher: %w: %w", errKeys, err)
}

// errKeys ends the process: without keys nothing may be decided, and a keyring that does
// not answer needs a person.
var errKeys = errors.New("keyring not usable")

// applyActs is the first pass. Every act of the range counts for every event of it: a
// refusal that is known already must not be overtaken, and a grant counts from its own
// moment on anyway. So a range is decided alike however often it is done.
func (p *partition) applyActs(pol *policy.Policy) {
	p.dups = p.dups[:0]
	for i := range p.batch.Raws {
		r := &p.batch.Raws[i]
		p.dups = append(p.dups, p.seen.add(r.Tenant, r.MessageID, r.Received))
	}
	for _, it := range p.batch.Items {
		pos := privacy.Position{Offset: it.Offset, Index: 2 * it.Index}
		if it.Act {
			a := p.batch.Acts[it.At]
			a.Time = min(a.Time, a.Received)
			if a.Kind == event.ActGrant {
				a.Time = a.Received // nobody consents to the past
			}
			var kind event.SubjectKind
			if kind, p.canon = a.Subject(p.canon[:0]); kind != event.KindNone {
				p.people.Apply(p.canon, &a, pos, pol)
			}
			continue
		}
		if pol.Consent.SignalsMayGrant && !p.dups[it.At] {
			p.applySignals(&p.batch.Raws[it.At], pos, pol)
		}
	}
}

// applySignals takes the consent object of a message as the person's act, where the policy
// says so. The refusal comes second, so that of a contradiction the refusal stands.
func (p *partition) applySignals(r *event.Raw, pos privacy.Position, pol *policy.Policy) {
	c := r.Claims
	if c.Unreadable || c.Granted|c.Refused == 0 {
		return
	}
	var kind event.SubjectKind
	if kind, p.canon = r.Subject(p.canon[:0]); kind == event.KindNone {
		return
	}
	act := event.Act{Tenant: r.Tenant, User: r.User, Install: r.Install, Actor: event.ActorSelf, Method: "signal",
		PolicyRev: r.PolicyRev, Time: r.Time, Received: r.Received}
	if c.Granted != 0 {
		act.Kind, act.Bits = event.ActGrant, c.Granted
		p.people.Apply(p.canon, &act, pos, pol)
	}
	if c.Refused != 0 {
		act.Kind, act.Bits = event.ActRefuse, c.Refused
		pos.Index++
		p.people.Apply(p.canon, &act, pos, pol)
	}
}

// traced is how many events of a range are traced: the last ones.
const traced = 20

// decide is the second pass: every event through the privacy stages.
func (p *partition) decide(pol *policy.Policy) error {
	var sub privacy.Subject
	for i := range p.batch.Raws {
		r := &p.batch.Raws[i]
		if p.dups[i] {
			p.acc.settle(otherName(pol, r.Name), privacy.Duplicate)
			p.e.m.discard(privacy.Duplicate)
			continue
		}
		sub = privacy.Subject{}
		sub.Kind, p.canon = r.Subject(p.canon[:0])
		if sub.Kind != event.KindNone {
			sub.Canon, sub.Person = p.canon, p.people.Person(p.canon)
			p.session, sub.Seq = p.visits.next(p.session[:0], p.canon, r.Session, r.Time)
			sub.Session = p.session
		}
		v, err := p.worker.Add(r, &sub)
		if err != nil {
			return err
		}
		p.count(v, i)
		if len(p.batch.Raws)-i <= traced {
			p.e.last.add(p.trace(r, &sub, v))
		}
	}
	return nil
}

// otherName is the account's name for an event: its own only when the policy has it.
func otherName(pol *policy.Policy, name string) string {
	if e, ok := pol.Events[name]; ok {
		return e.Name
	}
	return otherEvent
}

// count enters a verdict into the account and the metrics.
func (p *partition) count(v privacy.Verdict, i int) {
	p.acc.settle(v.Name, v.Reason)
	if v.Reason == privacy.Kept {
		p.e.m.sent.Inc()
	} else {
		p.e.m.discard(v.Reason)
	}
	if v.Reason == privacy.Schema {
		p.setAsideEvent(i, v.Reason)
		return
	}
	for _, pu := range p.pol.Purposes {
		if r := p.worker.Withheld(pu.Index); r != privacy.Kept {
			p.acc.add(sinks.Withheld, v.Name, pu.Store+":"+r.String(), 1)
		} else if v.Stores&(1<<pu.Index) != 0 {
			p.acc.add(sinks.Rows, v.Name, pu.Store, 1)
		}
	}
}

func (p *partition) trace(r *event.Raw, sub *privacy.Subject, v privacy.Verdict) Trace {
	t := Trace{Time: time.UnixMilli(r.Received).UTC(), Event: v.Shown, Subject: sub.Kind.String(), Reason: v.Reason.String(), CutAtDoor: int(r.Dropped)}
	for _, pu := range p.worker.Purposes(r.Name) {
		s := StoreTrace{Purpose: pu.Name, Store: pu.Store, Clause: pu.Clause}
		if v.Stores&(1<<pu.Index) != 0 {
			s.Kept = p.worker.Filled(pu.Index)
		} else if s.Reason = p.worker.Withheld(pu.Index).String(); s.Reason == privacy.Kept.String() {
			s.Reason = v.Reason.String()
		}
		t.Stores = append(t.Stores, s)
	}
	return t
}

// store writes the rows of every store, then the account. Each insert has a token made of
// the range, so one that landed before a crash is not stored again.
func (p *partition) store(ctx context.Context, rng privacy.Range, in intent, attempt int) error {
	select {
	case p.e.insert <- struct{}{}:
		defer func() { <-p.e.insert }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	batches := make(map[string]privacy.ID, len(p.pol.Stores))
	for _, s := range p.pol.Stores {
		i := s.Purpose.Index
		rows := p.worker.Rows(i)
		if rows.Rows() == 0 {
			continue
		}
		batches[s.Name] = p.worker.Batch(i)
		b := sinks.Batch{Token: token(rng, s.Name), ID: p.worker.Batch(i), Rows: rows}
		if err := p.insert(ctx, s.Name, attempt, func(n int) error { b.Attempt = n; return p.e.d.Sink.Write(ctx, b) }); err != nil {
			return err
		}
		p.e.m.rows.WithLabelValues(s.Name).Add(float64(rows.Rows()))
	}
	id, err := privacy.BatchID(p.e.d.Keys, "account", rng)
	if err != nil {
		return retryKeys(err)
	}
	acc := sinks.Account{Token: token(rng, "account"), Rows: p.acc.rows(id, batches, in.Now)}
	if len(acc.Rows) == 0 {
		return nil
	}
	return p.insert(ctx, "account", attempt, func(n int) error { acc.Attempt = n; return p.e.d.Sink.WriteAccount(ctx, acc) })
}

// insert repeats one insert under its token until the store has it.
func (p *partition) insert(ctx context.Context, store string, attempt int, write func(attempt int) error) error {
	err := p.e.patiently(ctx, partStore, func() error {
		err := write(attempt)
		attempt++
		return err
	})
	if err != nil {
		return fmt.Errorf("enricher: insert into %s: %w", store, err)
	}
	return nil
}

// token names an insert of a range into a store, for the store's own deduplication.
func token(r privacy.Range, store string) string {
	return fmt.Sprintf("%s:%s:%d:%d-%d:%s", r.Incarnation, r.Topic, r.Partition, r.From, r.To, store)
}
