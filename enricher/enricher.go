// Package enricher turns sealed messages into rows. In come the raw topic's blobs; each is
// opened and decoded, its acts of consent go to the ledger, its events through the privacy
// stages, and what is left goes to one store per purpose. Per partition one range of
// offsets is in work at a time, under a fenced commit that names it, so that a crash at any
// moment stores nothing twice and loses nothing.
package enricher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-events/sluice/enricher/ledger"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy"
	"github.com/sluice-events/sluice/sinks"
)

// Config tunes an enricher.
type Config struct {
	Group         string        `yaml:"group"`          // consumer group
	RawTopic      string        `yaml:"raw_topic"`      // sealed events
	LedgerTopic   string        `yaml:"ledger_topic"`   // as many partitions as raw
	RejectedTopic string        `yaml:"rejected_topic"` // what could not be read, sealed
	MaxEvents     int           `yaml:"max_events"`     // of one range
	Flush         time.Duration `yaml:"flush"`          // a range is closed this long after its first event
	DedupWindow   time.Duration `yaml:"dedup_window"`   // how long a message id is remembered
	WarmUp        time.Duration `yaml:"warm_up"`        // how much of the log is read again on assignment, for sessions and message ids
	SessionGap    time.Duration `yaml:"session_gap"`    // silence that ends a session
	Session       time.Duration `yaml:"session"`        // group session timeout: how long a dead member keeps its partitions
}

// DefaultConfig is what `sluice up` runs with.
func DefaultConfig() Config {
	return Config{Group: "sluice-enricher", RawTopic: "sluice.raw", LedgerTopic: "sluice.ledger", RejectedTopic: "sluice.rejected",
		MaxEvents: 20_000, Flush: time.Second, DedupWindow: 10 * time.Minute, WarmUp: time.Hour, SessionGap: 30 * time.Minute,
		Session: 10 * time.Second}
}

// Validate reports the first setting that cannot work.
func (c Config) Validate() error {
	switch {
	case c.Group == "" || c.RawTopic == "" || c.LedgerTopic == "" || c.RejectedTopic == "":
		return errors.New("enricher: group and topics need names")
	case c.MaxEvents < 1:
		return errors.New("enricher.max_events must be at least 1")
	case c.Flush < 10*time.Millisecond || c.Flush > time.Minute:
		return errors.New("enricher.flush must be between 10ms and 1m")
	case c.WarmUp < c.DedupWindow:
		return errors.New("enricher.warm_up must not be shorter than enricher.dedup_window")
	}
	return nil
}

// Keys is the part of the keyring that an enricher uses.
type Keys interface {
	ledger.Keys
	privacy.Keys
}

// Deps are what an enricher works with. All are required and safe for concurrent use.
type Deps struct {
	Kafka    *stream.Client
	Sink     sinks.Sink
	Keys     Keys
	Route    seal.RouteKey
	Opener   *seal.Opener
	Sealer   *seal.Sealer // for rejected events
	Policy   *policy.Policy
	Revision func(rev uint32) (*policy.Policy, error) // an earlier revision, for replays of ranges begun under it
	Lookups  privacy.Lookups
	Now      func() time.Time
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Enricher runs the partitions this process owns.
type Enricher struct {
	cfg  Config
	d    Deps
	m    *metrics
	last *ring
	name *privacy.Names

	incarnation string
	rejected    *stream.Producer
	ledger      *stream.Producer
	insert      chan struct{} // one insert of this process at a time

	mu      sync.Mutex
	parts   map[int32]*partState
	waiting map[string]int // goroutines that wait, by part
}

// partState is what others may see of a partition.
type partState struct {
	loaded bool
	done   int64 // everything before it is settled
}

// New makes an enricher; Run starts it.
func New(cfg Config, d Deps) (*Enricher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Enricher{cfg: cfg, d: d, m: newMetrics(d.Metrics), last: newRing(200), name: privacy.NewNames(d.Policy.Wildcard.MaxEventNames),
		insert: make(chan struct{}, 1), parts: make(map[int32]*partState), waiting: make(map[string]int)}
	if _, err := privacy.NewWorker(d.Policy, d.Keys, nil, d.Lookups, e.name); err != nil {
		return nil, fmt.Errorf("enricher: %w", err)
	}
	return e, nil
}

// Run works until ctx ends, then finishes the inserts at hand and returns. It waits for
// parts that are down and says so once. Any error it returns needs a person.
func (e *Enricher) Run(ctx context.Context) error {
	if err := e.prepare(ctx); err != nil {
		return err
	}
	defer e.rejected.Close()
	defer e.ledger.Close()
	return e.d.Kafka.RunGroup(ctx, stream.GroupConfig{ID: e.cfg.Group, Topics: []string{e.cfg.RawTopic},
		SessionTimeout: e.cfg.Session, Logger: e.d.Log}, e.own)
}

// prepare asks the broker for what does not change while the process runs.
func (e *Enricher) prepare(ctx context.Context) error {
	var raw, led int
	err := e.patiently(ctx, partBroker, func() (err error) {
		if e.incarnation, err = e.d.Kafka.Incarnation(ctx, e.cfg.RawTopic); err != nil {
			return err
		}
		if raw, err = e.d.Kafka.Partitions(ctx, e.cfg.RawTopic); err != nil {
			return err
		}
		led, err = e.d.Kafka.Partitions(ctx, e.cfg.LedgerTopic)
		return err
	})
	if err != nil {
		return fmt.Errorf("enricher: topics: %w", err)
	}
	if raw != led {
		return fmt.Errorf("enricher: topic %s has %d partitions and %s has %d: they must be equal, since a person's acts and events share a partition number",
			e.cfg.RawTopic, raw, e.cfg.LedgerTopic, led)
	}
	e.rejected = stream.NewProducer(e.d.Kafka, e.cfg.RejectedTopic, stream.ProducerConfig{})
	e.ledger = stream.NewProducer(e.d.Kafka, e.cfg.LedgerTopic, stream.ProducerConfig{})
	return nil
}

// The parts that can be away; also the kinds of errors_total.
const (
	partBroker = "broker"
	partStore  = "store"
)

// waits adds to the number of goroutines that wait for a part. It says so when the first
// begins and when the last goes on, however many partitions wait.
func (e *Enricher) waits(part string, add int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.waiting[part]
	e.waiting[part] += add
	switch {
	case before == 0:
		e.d.Log.Warn("not available, waiting", "part", part, "error", err)
	case e.waiting[part] == 0 && err == nil:
		e.d.Log.Info("available again", "part", part)
	}
}

// patiently calls f until it succeeds, for as long as what fails is only away.
func (e *Enricher) patiently(ctx context.Context, part string, f func() error) error {
	waiting := false
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := f()
		done := err == nil || !isAway(err) || ctx.Err() != nil
		if done && waiting {
			e.waits(part, -1, err)
		}
		if done {
			return err
		}
		if !waiting {
			e.waits(part, 1, err)
			waiting = true
		}
		e.m.errors.WithLabelValues(part).Inc()
		select {
		case <-ctx.Done():
			err := context.Cause(ctx)
			e.waits(part, -1, err)
			return fmt.Errorf("%w: %w", stream.ErrRetryable, err)
		case <-time.After(wait):
		}
	}
}

// isAway reports whether trying again later can help.
func isAway(err error) bool {
	return errors.Is(err, stream.ErrRetryable) || errors.Is(err, stream.ErrUnknown) || errors.Is(err, stream.ErrNoTopic) ||
		errors.Is(err, sinks.ErrRetryable) || errors.Is(err, sinks.ErrUnknown)
}

// Last gives up to n traces of the events decided last, the newest first.
func (e *Enricher) Last(n int) []Trace { return e.last.last(n) }

// Ready reports whether every partition this process owns is loaded, and the store answers.
func (e *Enricher) Ready(ctx context.Context) error {
	e.mu.Lock()
	owned, loading := len(e.parts), 0
	for _, p := range e.parts {
		if !p.loaded {
			loading++
		}
	}
	e.mu.Unlock()
	switch {
	case owned == 0:
		return errors.New("no partition is assigned yet")
	case loading > 0:
		return fmt.Errorf("%d of %d partitions are loading their ledger", loading, owned)
	}
	return e.d.Sink.Ping(ctx)
}

// InFlight counts the events that are acknowledged but not settled, from the headers of
// their messages. Partitions that another process owns count from their last commit.
func (e *Enricher) InFlight(ctx context.Context) (uint64, error) {
	ranges, err := e.d.Kafka.Offsets(ctx, e.cfg.RawTopic)
	if err != nil {
		return 0, err
	}
	committed, err := e.d.Kafka.Committed(ctx, e.cfg.Group, e.cfg.RawTopic)
	if err != nil {
		return 0, err
	}
	total := uint64(0)
	for p, r := range ranges {
		from := r.First
		if c, ok := committed[int32(p)]; ok {
			from = max(from, c.Offset)
		}
		e.mu.Lock()
		if st := e.parts[int32(p)]; st != nil {
			from = max(from, st.done)
		}
		e.mu.Unlock()
		if from >= r.End {
			continue
		}
		_, err := e.d.Kafka.ReadAll(ctx, e.cfg.RawTopic, int32(p), from, r.End, stream.FetchConfig{KeyLen: recordKeyLen}, func(rec stream.Record) error {
			if h, err := seal.ParseHeader(rec.Value); err == nil {
				total += uint64(h.Events)
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return total, nil
}

// recordKeyLen is the length of a raw message's key: random bytes that name nobody.
const recordKeyLen = 16
