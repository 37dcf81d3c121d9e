package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// GroupConfig describes this process's membership in a consumer group.
type GroupConfig struct {
	ID     string
	Topics []string
	// SessionTimeout is how long the group waits for a silent member before its
	// partitions go to others: the take-over time after a crash. The broker
	// refuses less than its group.min.session.timeout.ms. Default 10 s.
	SessionTimeout time.Duration
	// RebalanceTimeout is how long the group waits for handlers to return when
	// its members change. A handler must end within it once its context has.
	// Default 60 s.
	RebalanceTimeout time.Duration
	// Logger receives membership changes and failures; nil means none.
	Logger *slog.Logger
}

func (g *GroupConfig) defaults() {
	if g.SessionTimeout <= 0 {
		g.SessionTimeout = 10 * time.Second
	}
	if g.RebalanceTimeout <= 0 {
		g.RebalanceTimeout = 60 * time.Second
	}
	if g.Logger == nil {
		g.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
}

// Handler works on one partition until ctx ends, which is when the generation
// ends: on a rebalance, on a fenced commit, or when RunGroup's context ends. It
// must then return soon, and must not write for the partition any more.
type Handler func(ctx context.Context, a *Assignment) error

// errEarly is a handler's nil while its partition was still its own.
var errEarly = errors.New("stream: handler returned before its generation ended")

// RunGroup joins the group and calls handle in a goroutine of its own for each
// partition assigned, with the offset and metadata committed last. It returns
// nil when ctx has ended, every handler has returned and the group was left.
//
// What a handler returns before its context has ended decides: ErrFenced joins
// anew; ErrRetryable or ErrUnknown calls it again for this partition after a
// pause, with what is committed then; anything else, nil included, ends
// RunGroup with that error, since an unknown condition must stop loudly.
func (c *Client) RunGroup(ctx context.Context, cfg GroupConfig, handle Handler) error {
	cfg.defaults()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	g := &group{c: c, cfg: cfg, handle: handle, stop: stop}
	cg, err := kafka.NewConsumerGroup(g.settings())
	if err != nil {
		return fmt.Errorf("stream: group: %w: %w", ErrRefused, err)
	}
	// Close ends the generation, waits for the handlers, then leaves the group.
	defer cg.Close()
	for {
		gen, err := cg.Next(ctx)
		if ctx.Err() != nil {
			var failed *handlerError
			if errors.As(context.Cause(ctx), &failed) {
				return failed
			}
			return nil
		}
		if err == nil {
			cfg.Logger.Info("joined consumer group", "group", cfg.ID, "generation", gen.ID)
			gen.Start(func(end context.Context) { g.generation(ctx, end, gen) })
			continue
		}
		if code, ok := asCode(err); ok && kindOf(kafka.Error(code)) == kindRefuse {
			return codeError("stream: join group", code)
		}
		cfg.Logger.Warn("consumer group not joined", "group", cfg.ID, "error", err)
	}
}

// handlerError is the error of a handler that ends RunGroup.
type handlerError struct {
	topic     string
	partition int32
	err       error
}

func (e *handlerError) Error() string {
	return fmt.Sprintf("stream: group: %s/%d: %v", e.topic, e.partition, e.err)
}
func (e *handlerError) Unwrap() error { return e.err }

type group struct {
	c      *Client
	cfg    GroupConfig
	handle Handler
	stop   context.CancelCauseFunc // ends RunGroup
}

func (g *group) settings() kafka.ConsumerGroupConfig {
	return kafka.ConsumerGroupConfig{
		ID: g.cfg.ID, Brokers: g.c.cfg.Brokers, Topics: g.cfg.Topics,
		Dialer: &kafka.Dialer{
			ClientID: g.c.cfg.ClientID, DialFunc: g.c.cfg.Dial, TLS: g.c.cfg.TLS,
			SASLMechanism: g.c.sasl, Timeout: g.c.cfg.DialTimeout,
		},
		SessionTimeout:   g.cfg.SessionTimeout,
		RebalanceTimeout: g.cfg.RebalanceTimeout,
		// Three chances within a session, and an answer that does not come
		// costs less than the session.
		HeartbeatInterval: g.cfg.SessionTimeout / 4,
		Timeout:           max(g.cfg.SessionTimeout/2, time.Second),
		JoinGroupBackoff:  500 * time.Millisecond,
		// A topic that grows must not leave its new partitions unread.
		WatchPartitionChanges: true, PartitionWatchInterval: 10 * time.Second,
	}
}

// generation runs the handlers of one generation and returns when all have
// returned. end is kafka-go's word that the generation is over.
func (g *group) generation(parent, end context.Context, gen *kafka.Generation) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	stop := context.AfterFunc(end, func() { cancel(kafka.ErrGenerationEnded) })
	defer stop()
	var wg sync.WaitGroup
	for topic, parts := range gen.Assignments {
		for _, p := range parts {
			a := Assignment{Topic: topic, Partition: int32(p.ID), g: g, gen: gen, fence: cancel}
			wg.Go(func() { g.partition(ctx, a) })
		}
	}
	wg.Wait()
	// A member without partitions still belongs to the group.
	<-ctx.Done()
	if parent.Err() != nil {
		// We are leaving. To return first would make kafka-go join once more,
		// and everybody wait for one more rebalance; Close is on its way.
		<-end.Done()
	}
}

// partition calls the handler for one partition, again and again if need be.
func (g *group) partition(ctx context.Context, a Assignment) {
	for n := 0; ctx.Err() == nil; n++ {
		began := time.Now()
		err := a.load(ctx)
		if err == nil {
			mine := a
			err = g.handle(ctx, &mine)
		}
		if ctx.Err() != nil {
			return
		}
		switch {
		case err == nil:
			g.stop(&handlerError{a.Topic, a.Partition, errEarly})
			return
		case errors.Is(err, ErrFenced):
			a.fence(ErrFenced)
			return
		case errors.Is(err, ErrRetryable), errors.Is(err, ErrUnknown):
			g.cfg.Logger.Warn("partition handler starts over", "topic", a.Topic, "partition", a.Partition, "error", err)
			if time.Since(began) > 10*time.Second {
				n = 0
			}
			backoff(ctx, n+3)
		default:
			g.stop(&handlerError{a.Topic, a.Partition, err})
			return
		}
	}
}
