package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-events/sluice/internal/stream"
)

// Rule says what Janitor may delete from a topic.
type Rule struct {
	Topic string
	// Group is the consumer group that must be done with a record first. Empty
	// means that nobody is waited for, and Keep alone decides.
	Group string
	// Keep is the time for which records stay, done with or not. When the log has
	// used 80 % of its limit, records that Group is done with go without it.
	Keep time.Duration
}

// pressure is the share of MaxLogBytes, in percent, from which Keep yields.
const pressure = 80

// Janitor deletes, every interval, the records that the rules allow, until ctx
// ends. It never deletes a partition's last record. Failures are logged and tried
// again: the log then grows until Room says so.
func (b *Broker) Janitor(ctx context.Context, every time.Duration, rules []Rule) error {
	c, err := stream.NewClient(b.Stream())
	if err != nil {
		return err
	}
	defer c.Close()
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		for _, r := range rules {
			if err := b.Sweep(ctx, c, r, time.Now()); err != nil && ctx.Err() == nil {
				b.cfg.Logger.Warn("janitor failed", "topic", r.Topic, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Sweep applies one rule once, as of now.
func (b *Broker) Sweep(ctx context.Context, c *stream.Client, r Rule, now time.Time) error {
	ranges, err := c.Offsets(ctx, r.Topic)
	if err != nil {
		return err
	}
	kept, err := c.OffsetsAt(ctx, r.Topic, now.Add(-r.Keep))
	if err != nil {
		return err
	}
	if len(kept) != len(ranges) {
		return errors.New("embedded: janitor: the topic changed meanwhile")
	}
	done := map[int32]stream.Commit{}
	if r.Group != "" {
		if done, err = c.Committed(ctx, r.Group, r.Topic); err != nil {
			return err
		}
	}
	squeezed := r.Group != "" && b.Size() >= b.cfg.MaxLogBytes/100*pressure
	before := make(map[int32]int64)
	for p, log := range ranges {
		to := log.End - 1 // an empty log would begin at 0 again after a restart
		if kept[p] >= 0 && !squeezed {
			to = min(to, kept[p]) // kept[p] < 0: everything is older than Keep
		}
		if r.Group != "" {
			to = min(to, done[int32(p)].Offset) // -1, nothing committed: nothing goes
		}
		if to > log.First {
			before[int32(p)] = to
		}
	}
	if len(before) == 0 {
		return nil
	}
	if err := c.DeleteRecords(ctx, r.Topic, before); err != nil {
		return fmt.Errorf("embedded: janitor: %w", err)
	}
	return nil
}
