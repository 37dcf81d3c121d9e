package stream

import (
	"context"
	"errors"
	"fmt"
)

// idleRounds is how many empty answers in a row, from a broker whose log ends
// past the place asked for, mean that compaction left nothing there.
const idleRounds = 3

// ReadAll calls f for every record of the partition with an offset in
// [from, to), in order, and returns the offset to go on from. A negative to
// means the end of the log as it is now; from is raised to the oldest record
// that is there. f must not keep the record's bytes. Records are read through a leader's absence until ctx ends;
// an error of f ends the read and is returned as it is.
func (c *Client) ReadAll(ctx context.Context, topic string, partition int32, from, to int64, cfg FetchConfig, f func(Record) error) (next int64, err error) {
	ranges, err := c.Offsets(ctx, topic)
	if err != nil {
		return from, err
	}
	if int(partition) >= len(ranges) {
		return from, fmt.Errorf("stream: read all: %w: partition %d of %d", ErrRefused, partition, len(ranges))
	}
	r := ranges[partition]
	from = max(from, r.First)
	if to < 0 {
		to = r.End
	}
	if to > r.End {
		return from, &OffsetRangeError{Topic: topic, Partition: partition, Offset: to, First: r.First, End: r.End}
	}
	if from >= to {
		return from, nil
	}
	fetcher, err := c.Open(ctx, topic, partition, from, cfg)
	if err != nil {
		return from, err
	}
	defer fetcher.Close()
	return fetcher.until(ctx, to, f)
}

func (f *Fetcher) until(ctx context.Context, to int64, each func(Record) error) (int64, error) {
	for idle := 0; f.next < to && idle < idleRounds; {
		before := f.next
		records, err := f.Next(ctx)
		if errors.Is(err, ErrRetryable) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return f.next, err
		}
		for _, r := range records {
			if r.Offset >= to {
				return to, nil
			}
			if err := each(r); err != nil {
				return r.Offset, err
			}
		}
		if f.next == before && f.end >= to && !f.throttled {
			idle++
		} else {
			idle = 0
		}
	}
	return to, nil
}
