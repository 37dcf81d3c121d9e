package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluice-events/sluice/collector"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/policy"
)

// rawProducer puts sealed messages into the raw topic.
type rawProducer struct {
	out  *stream.Producer
	room func() error // nil, or why the log takes no more
}

// Produce implements collector.Producer.
func (p *rawProducer) Produce(ctx context.Context, partition int32, key, value []byte) error {
	if p.room != nil {
		if err := p.room(); err != nil {
			return fmt.Errorf("%w: %w", collector.ErrNotStored, err)
		}
	}
	_, err := p.out.Produce(ctx, partition, []stream.Record{{Key: key, Value: value}})
	if errors.Is(err, stream.ErrRetryable) || errors.Is(err, stream.ErrTooLarge) || errors.Is(err, stream.ErrRefused) || errors.Is(err, stream.ErrClosed) {
		return fmt.Errorf("%w: %w", collector.ErrNotStored, err)
	}
	return err
}

func (in *installation) startCollector() error {
	cfg, err := in.cfg.collector()
	if err != nil {
		return refused(err)
	}
	route, err := in.ring.Route()
	if err != nil {
		return err
	}
	public, err := in.ring.Public()
	if err != nil {
		return err
	}
	if _, err := in.ring.Tenant(in.cfg.Tenant); err != nil { // its public half verifies consent tokens
		return err
	}
	out := stream.NewProducer(in.kafka, in.cfg.Enricher.RawTopic, stream.ProducerConfig{})
	raw := &rawProducer{out: out}
	if in.broker != nil {
		raw.room = in.broker.Room
	}
	coll, err := collector.New(cfg, collector.Deps{
		Policy: func(tenant string) *policy.Policy {
			if tenant == in.cfg.Tenant {
				return in.pol
			}
			return nil
		},
		Producer: raw, Sealer: seal.NewSealer(public, time.Now), Route: route, Keys: public,
		Addresses: seal.NewIPSealer(public, time.Now), Clock: time.Now, Log: in.log, Metrics: in.reg,
	})
	if err != nil {
		return err
	}
	addr, err := coll.Start()
	if err != nil {
		return fmt.Errorf("%w; set another address with --listen", err)
	}
	in.door = addr.String()
	in.stack.Push("raw producer", time.Second, func(context.Context) error { return out.Close() })
	in.stack.Push("collector", 8*time.Second, coll.Stop)
	go func() {
		if err, ok := <-coll.Failed(); ok {
			in.fatal <- err
		}
	}()
	return in.h.announce("collector", in.door)
}

func splitList(s string) []string {
	var out []string
	for _, p := range strings.Split(s, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}
