package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluice-events/sluice/collector"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/policy"
)

// rawProducer puts one sealed message into the raw topic under a key that names nobody.
type rawProducer struct {
	out  *stream.Producer
	room func() error // nil, or why the log takes no more
}

// Produce implements collector.Producer.
func (p *rawProducer) Produce(ctx context.Context, partition int32, value []byte) error {
	if p.room != nil {
		if err := p.room(); err != nil {
			return fmt.Errorf("%w: %w", collector.ErrNotStored, err)
		}
	}
	var key [16]byte
	rand.Read(key[:])
	_, err := p.out.Produce(ctx, partition, []stream.Record{{Key: key[:], Value: value}})
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
	out := stream.NewProducer(in.kafka, in.cfg.Enricher.RawTopic, stream.ProducerConfig{})
	raw := &rawProducer{out: out}
	if in.broker != nil {
		raw.room = in.broker.Room
	}
	_ = seal.Buckets
	_ = policy.PIPL
	_ = route
	_ = public
	_ = cfg
	_ = time.Now
	return nil
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
