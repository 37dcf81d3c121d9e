package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Config says where and how to send.
type Config struct {
	URL      string // of the collector, without a path
	WriteKey string
	Dialect  Dialect
	Lanes    int           // requests at the same time
	Events   int           // in a batch at most
	Bytes    int           // in a batch at most, before packing; a larger event goes alone
	Rate     float64       // events a second; 0 = as fast as answers come
	Plain    bool          // do not gzip
	Timeout  time.Duration // of one request
	Patience time.Duration // how long one batch is tried before the run ends with an error
	Backoff  Backoff
	// Token makes the proof a tenant gives for a user's grant; nil = none is sent.
	Token func(user string) (string, error)
}

// Backoff is the pause between attempts when the collector names none: First, then twice
// as long each time up to Most, each cut at random by up to a half.
type Backoff struct{ First, Most time.Duration }

// DefaultConfig sends natively over eight lanes and waits fifteen minutes for a collector.
func DefaultConfig(url, writeKey string) Config {
	return Config{URL: url, WriteKey: writeKey, Lanes: 8, Events: 500, Bytes: 400 << 10,
		Timeout: 30 * time.Second, Patience: 15 * time.Minute, Backoff: Backoff{100 * time.Millisecond, 5 * time.Second}}
}

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return errors.New("feed: the collector's address must be http://host:port or https://host:port")
	case c.WriteKey == "":
		return errors.New("feed: no write key")
	case c.Lanes < 1 || c.Events < 1 || c.Events > 2500 || c.Bytes < 1 || c.Rate < 0:
		return errors.New("feed: lanes, events and bytes a batch must be positive, events at most 2500, the rate not negative")
	case c.Timeout <= 0 || c.Patience <= 0 || c.Backoff.First <= 0 || c.Backoff.Most < c.Backoff.First:
		return errors.New("feed: time-out, patience and backoff must be positive")
	}
	return nil
}

// Sender sends messages to a collector. All messages of one lane key (a person) go through
// the same lane, whose requests follow one another, so that they arrive in their order; a
// request without an answer is sent again with the same message ids until there is one.
type Sender struct {
	cfg    Config
	client *http.Client
	tally  *tally
}

// NewSender makes a sender. Close frees its connections.
func NewSender(cfg Config) (*Sender, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = cfg.Lanes, cfg.Lanes
	t.DisableCompression = true
	client := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // a write key goes to the named collector only
	}}
	return &Sender{cfg, client, newTally()}, nil
}

// Close frees the connections.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Ledger returns the account so far; it may be called while Send runs.
func (s *Sender) Ledger() Ledger { return s.tally.copy() }

// Send sends everything src has, and returns once every message is answered, or with an
// error: the context ended, the source failed, or the collector refused for good. The
// ledger then shows what stayed unanswered. A Sender may send one source after another;
// its ledger goes on. Send is not to be called concurrently.
func (s *Sender) Send(ctx context.Context, src Source) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var lanes sync.WaitGroup
	in := make([]chan *batch, s.cfg.Lanes)
	for i := range in {
		in[i] = make(chan *batch, 1)
		l := &lane{s: s, in: in[i]}
		lanes.Go(func() { l.run(ctx, stop) })
	}
	r := &router{s: s, in: in, open: make([]*batch, len(in)), started: time.Now()}
	err := r.route(ctx, src)
	for i := range in {
		r.flush(ctx, i)
		close(in[i])
	}
	lanes.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// router puts messages into batches, one open batch a lane.
type router struct {
	s       *Sender
	in      []chan *batch
	open    []*batch
	started time.Time
	routed  int64
	swept   time.Time
	size    int // of the batch handed over last, in bytes
}

// linger bounds how long a message waits for others when the rate is low.
const linger = 500 * time.Millisecond

func (r *router) route(ctx context.Context, src Source) error {
	var m Message
	for ctx.Err() == nil {
		err := src.Next(&m)
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := r.put(ctx, &m); err != nil {
			return err
		}
		if err := r.pace(ctx); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

func (r *router) put(ctx context.Context, m *Message) error {
	i := int(xxhash.Sum64String(m.lane()) % uint64(len(r.in)))
	if m.Act != nil {
		r.flush(ctx, i)
		b := &batch{act: true, gpc: m.Client.GPC}
		if err := r.s.encodeAct(b, m); err != nil {
			return err
		}
		r.hand(ctx, i, b)
		return nil
	}
	if r.s.cfg.Dialect != Native && len(m.Extra) > 0 {
		return errors.New("feed: an event has members that only the native protocol can carry")
	}
	if b := r.open[i]; b != nil && b.gpc != m.Client.GPC {
		r.flush(ctx, i) // the signal is a header, so it holds for a whole request
	}
	if r.open[i] == nil {
		r.open[i] = &batch{gpc: m.Client.GPC, since: time.Now(), buf: make([]byte, 0, r.size+r.size/8)}
	}
	b := r.open[i]
	before := len(b.buf)
	b.add(r.s.cfg.Dialect, m)
	r.s.tally.do(func(l *Ledger) { l.Sent++ })
	r.routed++
	switch {
	case len(b.buf) > r.s.cfg.Bytes && len(b.ends) > 1:
		last := b.cutLast(before)
		r.flush(ctx, i)
		r.open[i] = last
	case len(b.ends) >= r.s.cfg.Events:
		r.flush(ctx, i)
	}
	return nil
}

func (r *router) flush(ctx context.Context, i int) {
	if b := r.open[i]; b != nil {
		r.open[i], r.size = nil, len(b.buf)
		r.hand(ctx, i, b)
	}
}

func (r *router) hand(ctx context.Context, i int, b *batch) {
	select {
	case r.in[i] <- b:
	case <-ctx.Done():
		r.s.tally.do(func(l *Ledger) { l.miss(b) })
	}
}

// pace waits until the next message is due and sends on what has waited long enough.
func (r *router) pace(ctx context.Context) error {
	if r.s.cfg.Rate == 0 {
		return nil
	}
	due := r.started.Add(time.Duration(float64(r.routed) / r.s.cfg.Rate * float64(time.Second)))
	now := time.Now()
	if now.Sub(r.swept) > linger/4 {
		r.swept = now
		for i, b := range r.open {
			if b != nil && now.Sub(b.since) > linger {
				r.flush(ctx, i)
			}
		}
	}
	if wait := due.Sub(now); wait > 2*time.Millisecond {
		return sleep(ctx, wait)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Sender) encodeAct(b *batch, m *Message) (err error) {
	var token string
	if s.cfg.Token != nil && m.User != "" {
		if token, err = s.cfg.Token(m.User); err != nil {
			return fmt.Errorf("token for a consent act: %w", err)
		}
	}
	b.buf = appendAct(nil, m, token)
	return nil
}
