package collector

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
)

// Producer puts one record into a partition of the raw topic and returns once every
// replica in sync has it. It is called by one goroutine per partition at a time, may retry
// until ctx ends, and must not keep the bytes. An error for which
// errors.Is(err, ErrNotStored) holds promises that nothing was stored.
type Producer interface {
	Produce(ctx context.Context, partition int32, key, value []byte) error
}

// Errors of a commit.
var (
	// ErrNotStored in a Producer's error says that the record is not in the log.
	ErrNotStored = errors.New("collector: not stored")

	errFull    = errors.New("collector: too much is waiting for the broker")
	errBroker  = errors.New("collector: the broker did not take the message")
	errStopped = errors.New("collector: stopping")
)

// A lane carries the events of one partition. Commits form by themselves: while one is on
// its way the next one fills, so an idle lane answers at once and a busy one makes large
// messages. There is no timer.
type lane struct {
	partition int32
	set       *lanes

	mu      sync.Mutex
	waiting []*commit // in order; the last one is still open
	stopped bool
	down    bool      // the last message failed
	until   time.Time // and until then nothing new is taken

	wake chan struct{}
	done chan struct{}
}

// commit is what becomes one message. Its bytes belong to the lane's goroutine once it has
// left lane.waiting; err may be read after done is closed.
type commit struct {
	unprintable
	body   []byte
	events uint32
	done   chan struct{}
	err    error
}

// lanes are all partitions and the one bound on what they hold.
type lanes struct {
	all     []*lane
	sealer  Sealer
	out     Producer
	metrics *metrics
	clock   func() time.Time
	room    budget
	commit  int           // bytes in one commit
	patient time.Duration // for one message
	pool    sync.Pool     // of []byte bodies
}

// Sealer is seal.Sealer as the lanes use it.
type Sealer interface {
	Seal(dst, body []byte, events uint32, partition int32) ([]byte, error)
	Refused(partition int32, events uint32)
}

var _ Sealer = (*seal.Sealer)(nil)

// While a lane is down a message is tried this long, and failing requests are answered at
// once for the pause after it.
const (
	probe = 2 * time.Second
	pause = 500 * time.Millisecond
)

func newLanes(c *Config, d *Deps, m *metrics) *lanes {
	s := &lanes{sealer: d.Sealer, out: d.Producer, metrics: m, clock: d.Clock, commit: c.MaxCommit, patient: c.ProduceTimeout}
	s.room.limit, s.room.shown = int64(c.MaxBuffered), m.buffered
	for p := range c.Partitions {
		s.all = append(s.all, &lane{partition: int32(p), set: s, wake: make(chan struct{}, 1), done: make(chan struct{})})
	}
	return s
}

func (s *lanes) start() {
	for _, l := range s.all {
		go l.run()
	}
}

// stop lets every lane send what it holds, then ends them; ctx bounds the wait.
func (s *lanes) stop(ctx context.Context) error {
	for _, l := range s.all {
		l.mu.Lock()
		l.stopped = true
		l.mu.Unlock()
		l.poke()
	}
	for _, l := range s.all {
		select {
		case <-l.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (l *lane) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// add copies items of a request (all for this lane) into commits and appends those
// commits to pending. Events are never split over commits. On an error nothing was added.
func (l *lane) add(out []byte, items []item, pending []*commit) ([]*commit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.stopped:
		return pending, errStopped
	case l.down && l.set.clock().Before(l.until):
		return pending, errBroker
	}
	var last *commit
	for _, it := range items {
		c := l.open(it.to - it.from)
		c.body = append(c.body, out[it.from:it.to]...)
		c.events += it.events()
		if c != last {
			pending, last = append(pending, c), c
		}
	}
	return pending, nil
}

// open is the commit that takes n more bytes.
func (l *lane) open(n int) *commit {
	if k := len(l.waiting); k > 0 && len(l.waiting[k-1].body)+n <= l.set.commit {
		return l.waiting[k-1]
	}
	c := &commit{done: make(chan struct{})}
	if b, ok := l.set.pool.Get().(*[]byte); ok {
		c.body = (*b)[:0]
	}
	l.waiting = append(l.waiting, c)
	return c
}

// run sends commits one after the other.
func (l *lane) run() {
	defer close(l.done)
	var blob []byte
	for {
		c, more := l.next()
		if c == nil {
			if !more {
				return
			}
			<-l.wake
			continue
		}
		blob = l.send(c, blob)
	}
}

// next takes the first commit; without one it says whether more may come.
func (l *lane) next() (c *commit, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return nil, !l.stopped
	}
	c = l.waiting[0]
	n := copy(l.waiting, l.waiting[1:])
	l.waiting[n] = nil
	l.waiting = l.waiting[:n]
	return c, true
}

// send seals and produces one commit, tells its waiters, and gives the blob's memory back.
func (l *lane) send(c *commit, blob []byte) []byte {
	start := time.Now()
	blob, c.err = l.produce(c, blob[:0])
	l.set.metrics.batch.Observe(time.Since(start).Seconds())

	var same []*commit // what waited behind a failed message shares its answer
	l.mu.Lock()
	l.down = c.err != nil
	if l.down {
		l.until = l.set.clock().Add(pause)
		same, l.waiting = l.waiting, nil
	}
	l.mu.Unlock()

	l.set.finish(c)
	for _, w := range same {
		w.err = c.err
		l.set.finish(w)
	}
	return blob
}

// finish gives a commit's memory back and tells its waiters.
func (s *lanes) finish(c *commit) {
	s.room.give(len(c.body))
	clear(c.body)
	if cap(c.body) <= 2*s.commit {
		body := c.body[:0]
		s.pool.Put(&body)
	}
	c.body = nil
	close(c.done)
}

func (l *lane) produce(c *commit, blob []byte) ([]byte, error) {
	blob, err := l.set.sealer.Seal(blob, c.body, c.events, l.partition)
	if err != nil {
		l.set.metrics.failed(errSeal)
		return blob, errBroker
	}
	patient := l.set.patient
	l.mu.Lock()
	if l.down {
		patient = min(patient, probe)
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	var key [16]byte // random: nobody's id stands in clear
	rand.Read(key[:])
	if err := l.set.out.Produce(ctx, l.partition, key[:], blob); err != nil {
		if errors.Is(err, ErrNotStored) {
			l.set.sealer.Refused(l.partition, c.events)
		}
		l.set.metrics.failed(errProduce)
		return blob, errBroker
	}
	return blob, nil
}

// laneOf chooses the partition of a subject; events of nobody go round robin.
func (c *Collector) laneOf(kind event.SubjectKind, canonical []byte) int {
	if kind == event.KindNone {
		return int(c.turn.Add(1) % uint64(len(c.lanes.all)))
	}
	return int(seal.Bucket(c.route, canonical)) % len(c.lanes.all)
}

// commitItems hands a request's items to their lanes and waits for all of them.
func (c *Collector) commitItems(r *request) error {
	if len(r.items) == 0 {
		return nil
	}
	// Stable: within a lane the order of arrival stands.
	slices.SortStableFunc(r.items, func(a, b item) int { return a.lane - b.lane })
	if !c.lanes.room.take(len(r.out)) {
		return errFull
	}
	r.pending = r.pending[:0]
	var err error
	for from := 0; from < len(r.items) && err == nil; {
		to := from + 1
		for to < len(r.items) && r.items[to].lane == r.items[from].lane {
			to++
		}
		l := c.lanes.all[r.items[from].lane]
		if r.pending, err = l.add(r.out, r.items[from:to], r.pending); err == nil {
			l.poke()
			from = to
			continue
		}
		// What no lane took goes back at once; the rest is given back by those lanes.
		rest := 0
		for _, it := range r.items[from:] {
			rest += it.to - it.from
		}
		c.lanes.room.give(rest)
	}
	for _, p := range r.pending {
		<-p.done
		if p.err != nil {
			err = p.err
		}
	}
	clear(r.pending)
	return err
}

func (it *item) events() uint32 {
	if it.act {
		return 0
	}
	return 1
}
