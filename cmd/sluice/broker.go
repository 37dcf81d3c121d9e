package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-events/sluice/internal/embedded"
	"github.com/sluice-events/sluice/internal/stream"
)

// topics are what the pipeline needs of a broker.
func (in *installation) topics() []stream.TopicSpec {
	e, n := in.cfg.Enricher, in.cfg.Broker.Partitions
	ms := func(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }
	return []stream.TopicSpec{
		{Name: e.RawTopic, Partitions: n, Configs: map[string]string{"retention.ms": ms(in.pol.Raw.Retention), "max.message.bytes": "8388608"}},
		{Name: e.LedgerTopic, Partitions: n, Configs: map[string]string{"cleanup.policy": "compact", "min.compaction.lag.ms": ms(7 * 24 * time.Hour)}},
		{Name: e.RejectedTopic, Partitions: n, Configs: map[string]string{"retention.ms": ms(in.pol.Raw.RejectedRetention), "max.message.bytes": "8388608"}},
	}
}

func (in *installation) startBroker(ctx context.Context, external string) error {
	cfg, err := in.brokerConfig(ctx, external)
	if err != nil {
		return err
	}
	if in.kafka, err = stream.NewClient(cfg); err != nil {
		return err
	}
	in.stack.Push("kafka client", time.Second, func(context.Context) error { return in.kafka.Close() })
	if external == "" {
		return in.startJanitor()
	}
	waiting := false
	for {
		err := in.ensureTopics(ctx)
		if err == nil && waiting {
			in.log.Info("available again", "part", "broker")
		}
		if err == nil || !errors.Is(err, stream.ErrRetryable) {
			return err
		}
		if !waiting {
			in.log.Warn("the broker is not available, waiting; nothing is taken before it is", "error", err)
			waiting = true
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

// ensureTopics makes the topics, or gives up soon, so that the wait can be told.
func (in *installation) ensureTopics(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Second, errors.New("no answer yet"))
	defer cancel()
	for _, t := range in.topics() {
		t.Replication = 1
		if err := in.kafka.EnsureTopic(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (in *installation) brokerConfig(ctx context.Context, external string) (stream.Config, error) {
	if err := in.h.announce("ledger", in.cfg.Enricher.LedgerTopic); err != nil {
		return stream.Config{}, err
	}
	if external != "" {
		return stream.Config{Brokers: splitList(external), ClientID: "sluice"}, in.h.announce("broker", external)
	}
	var err error
	in.broker, err = embedded.StartBroker(ctx, embedded.Config{Dir: in.h.path("kafka"), Topics: in.topics(), MaxLogBytes: in.cfg.Broker.MaxLog, Logger: in.log})
	if err != nil {
		return stream.Config{}, err
	}
	in.stack.Push("broker", 10*time.Second, func(context.Context) error { return in.broker.Close() })
	return in.broker.Stream(), in.h.announce("broker", unixPrefix+in.broker.Socket())
}

// startJanitor lets the local broker forget what is dealt with.
func (in *installation) startJanitor() error {
	e := in.cfg.Enricher
	return in.background("janitor", func(ctx context.Context) error {
		return in.broker.Janitor(ctx, time.Minute, []embedded.Rule{
			{Topic: e.RawTopic, Group: e.Group, Keep: in.cfg.Broker.Keep},
			{Topic: e.RejectedTopic, Keep: in.pol.Raw.RejectedRetention},
		})
	})
}
