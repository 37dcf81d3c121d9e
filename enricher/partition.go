package enricher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-events/sluice/enricher/ledger"
	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy"
)

// partition works on one raw partition for one generation. It is for one goroutine.
type partition struct {
	e      *Enricher
	asg    *stream.Assignment
	state  *partState
	people *ledger.Table
	seen   *window
	visits *sessions
	worker *privacy.Worker
	pol    *policy.Policy // of worker

	fetch  *stream.Fetcher
	spare  []stream.Record // fetched and not yet taken
	batch  event.Batch
	bodies [][]byte // opened bodies, reused
	used   int
	acc    *account
	broken []broken
	total  uint64 // events by the headers of the range

	// scratch
	canon   []byte
	session []byte
	dups    []bool
}

// own handles one assignment: load, replay what was left open, then go on.
func (e *Enricher) own(ctx context.Context, a *stream.Assignment) error {
	p := &partition{e: e, asg: a, state: &partState{}, acc: newAccount(),
		seen:   newWindow(e.cfg.DedupWindow.Milliseconds(), 2_000_000),
		visits: newSessions(e.cfg.SessionGap.Milliseconds(), 500_000)}
	e.mu.Lock()
	e.parts[a.Partition] = p.state
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		delete(e.parts, a.Partition)
		e.mu.Unlock()
	}()
	err := p.run(ctx)
	if p.fetch != nil {
		p.fetch.Close()
	}
	if err != nil && ctx.Err() != nil {
		return nil // the generation is over; whoever owns the partition next goes on from the intent
	}
	return err
}

func (p *partition) run(ctx context.Context) error {
	e := p.e
	in, open, err := parseIntent(p.asg.Metadata)
	if err != nil {
		return err
	}
	p.people, err = ledger.Load(ctx, e.d.Kafka, e.ledger, e.d.Keys, e.d.Route, e.cfg.LedgerTopic, p.asg.Partition)
	if err != nil {
		return err
	}
	from, err := p.start(ctx)
	if err != nil {
		return err
	}
	if err := p.warm(ctx, from); err != nil {
		return err
	}
	if p.fetch, err = e.d.Kafka.Open(ctx, e.cfg.RawTopic, p.asg.Partition, from, stream.FetchConfig{KeyLen: recordKeyLen}); err != nil {
		return err
	}
	e.setState(p.state, func(s *partState) { s.loaded, s.done = true, from })
	e.d.Log.Info("partition loaded", "partition", p.asg.Partition, "offset", from, "people", p.people.Len(), "open_intent", open)
	if open {
		if from, err = p.replay(ctx, from, in); err != nil {
			return err
		}
	}
	return p.follow(ctx, from)
}

func (e *Enricher) setState(s *partState, f func(*partState)) {
	e.mu.Lock()
	f(s)
	e.mu.Unlock()
}

// start finds where the partition goes on. An offset that the log does not hold any more,
// or not yet, must stop loudly: the first lost events, the second means another log.
func (p *partition) start(ctx context.Context) (int64, error) {
	ranges, err := p.e.d.Kafka.Offsets(ctx, p.e.cfg.RawTopic)
	if err != nil {
		return 0, err
	}
	if int(p.asg.Partition) >= len(ranges) {
		return 0, fmt.Errorf("enricher: %w: partition %d of %d", stream.ErrRetryable, p.asg.Partition, len(ranges))
	}
	r := ranges[p.asg.Partition]
	if p.asg.Offset < 0 {
		return r.First, nil
	}
	if p.asg.Offset < r.First || p.asg.Offset > r.End {
		return 0, &stream.OffsetRangeError{Topic: p.asg.Topic, Partition: p.asg.Partition, Offset: p.asg.Offset, First: r.First, End: r.End}
	}
	return p.asg.Offset, nil
}

// warm reads the last stretch of the log before from again, for the message ids and the
// sessions of its events alone.
func (p *partition) warm(ctx context.Context, from int64) error {
	since := p.e.d.Now().Add(-p.e.cfg.WarmUp)
	at, err := p.e.d.Kafka.OffsetsAt(ctx, p.e.cfg.RawTopic, since)
	if err != nil {
		return err
	}
	begin := at[p.asg.Partition]
	if begin < 0 || begin >= from {
		return nil
	}
	cfg := stream.FetchConfig{KeyLen: recordKeyLen, MinBytes: 1 << 20, MaxWait: 100 * time.Millisecond}
	_, err = p.e.d.Kafka.ReadAll(ctx, p.e.cfg.RawTopic, p.asg.Partition, begin, from, cfg, func(r stream.Record) error {
		p.clear()
		if err := p.take(r); err != nil {
			return err
		}
		p.batch.Link()
		for i := range p.batch.Raws {
			raw := &p.batch.Raws[i]
			if p.seen.add(raw.Tenant, raw.MessageID, raw.Received) {
				continue
			}
			var kind event.SubjectKind
			if kind, p.canon = raw.Subject(p.canon[:0]); kind != event.KindNone {
				p.session, _ = p.visits.next(p.session[:0], p.canon, raw.Session, raw.Time)
			}
		}
		return nil
	})
	p.clear()
	return err
}

// replay does an open range again: the same offsets, clock and policy, so the same tokens.
func (p *partition) replay(ctx context.Context, from int64, in intent) (int64, error) {
	pol := p.e.d.Policy
	if in.PolicyRev != pol.Rev {
		var err error
		if pol, err = p.e.d.Revision(in.PolicyRev); err != nil {
			return from, fmt.Errorf("enricher: a range was begun under policy revision %d: %w", in.PolicyRev, err)
		}
	}
	p.clear()
	for next := from; next < in.To; {
		r, err := p.next(ctx)
		if err != nil {
			return from, err
		}
		if r == nil {
			continue
		}
		if r.Offset >= in.To {
			p.spare = append([]stream.Record{*r}, p.spare...)
			break
		}
		if err := p.take(*r); err != nil {
			return from, err
		}
		next = r.Offset + 1
	}
	p.e.d.Log.Info("replaying an open range", "partition", p.asg.Partition, "from", from, "to", in.To)
	return in.To, p.settle(ctx, pol, from, in, 2)
}

// follow works through the log from an offset on until the generation ends.
func (p *partition) follow(ctx context.Context, from int64) error {
	confirmed := from
	for ctx.Err() == nil {
		to, err := p.gather(ctx, from)
		if err != nil {
			return err
		}
		if to == from {
			if confirmed < from { // idle: else every restart would replay the last range
				if err := p.asg.Commit(ctx, from, ""); err != nil {
					return err
				}
				confirmed = from
			}
			continue
		}
		in := intent{To: to, Now: p.e.d.Now().UnixMilli(), PolicyRev: p.e.d.Policy.Rev}
		if err := p.settle(ctx, p.e.d.Policy, from, in, 1); err != nil {
			return err
		}
		from = to
	}
	if confirmed < from {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		p.asg.Commit(stop, from, "") // best effort: without it the next owner replays, which changes nothing
	}
	return nil
}

// gather takes messages until the range is large enough, or old enough, or nothing came. It
// returns the offset the range ends before.
func (p *partition) gather(ctx context.Context, from int64) (int64, error) {
	p.clear()
	to := from
	var deadline time.Time
	for ctx.Err() == nil && len(p.batch.Items) < p.e.cfg.MaxEvents {
		if !deadline.IsZero() && !time.Now().Before(deadline) {
			break
		}
		r, err := p.next(ctx)
		if err != nil {
			return from, err
		}
		if r == nil {
			if deadline.IsZero() {
				return to, nil
			}
			continue
		}
		if deadline.IsZero() {
			deadline = time.Now().Add(p.e.cfg.Flush)
		}
		if err := p.take(*r); err != nil {
			return from, err
		}
		to = r.Offset + 1
	}
	return to, nil
}

// next gives the next message, or nil when none came for a while. It waits through the
// broker's absence.
func (p *partition) next(ctx context.Context) (*stream.Record, error) {
	if len(p.spare) == 0 {
		err := p.e.patiently(ctx, partBroker, func() (err error) {
			p.spare, err = p.fetch.Next(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(p.spare) == 0 {
			return nil, nil
		}
	}
	r := &p.spare[0]
	p.spare = p.spare[1:]
	return r, nil
}

// clear begins an empty range.
func (p *partition) clear() {
	p.batch.Reset()
	p.used, p.total = 0, 0
	p.acc.reset()
	p.broken = p.broken[:0]
}

// take opens and decodes one message into the range. One that cannot be read is counted by
// its header and set aside as it stands.
func (p *partition) take(r stream.Record) error {
	if p.used == len(p.bodies) {
		p.bodies = append(p.bodies, nil)
	}
	body, h, err := p.e.d.Opener.Open(p.bodies[p.used][:0], r.Value)
	switch {
	case err == nil:
		p.bodies[p.used] = body
		p.used++
		p.total += uint64(h.Events)
		if p.batch.Add(body, r.Offset) != nil {
			p.setAside(r, h, privacy.Corrupt)
		}
	case errors.Is(err, seal.ErrKeyExpired):
		p.total += uint64(h.Events)
		p.setAside(r, h, privacy.KeyExpired)
	case errors.Is(err, seal.ErrUnsupported):
		return fmt.Errorf("enricher: message at offset %d was sealed by a newer version: update this process: %w", r.Offset, err)
	case errors.Is(err, seal.ErrCorrupt):
		p.total += uint64(h.Events)
		p.setAside(r, h, privacy.Corrupt)
	default:
		return fmt.Errorf("enricher: open: %w: %w", stream.ErrRetryable, err)
	}
	return nil
}
