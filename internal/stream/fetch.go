package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Offsets that Open resolves when it is called.
const (
	OffsetFirst int64 = -2 // the oldest record that is there
	OffsetEnd   int64 = -1 // only what comes from now on
)

// FetchConfig tunes a Fetcher; the zero value takes the defaults.
type FetchConfig struct {
	// The broker answers as soon as it has MinBytes, or after MaxWait. Defaults 1
	// and 250 ms: an answer at once. A busy reader saves a quarter of its
	// processor time with 1 MB and 500 ms. MaxWait is at most 5 s.
	MinBytes int
	MaxWait  time.Duration
	// MaxBytes bounds one answer; one larger batch still comes whole. Default 1 MiB.
	MaxBytes int
	// KeyLen, when set, skips records whose key has another length, and counts
	// them in Skipped: they are not ours.
	KeyLen int
}

func (f *FetchConfig) defaults() {
	if f.MinBytes <= 0 {
		f.MinBytes = 1
	}
	if f.MaxWait <= 0 {
		f.MaxWait = 250 * time.Millisecond
	}
	f.MaxWait = min(f.MaxWait, 5*time.Second)
	if f.MaxBytes <= 0 {
		f.MaxBytes = 1 << 20
	}
}

// Fetcher reads one partition in order, over a connection of its own to the
// partition's leader. It is for one goroutine.
type Fetcher struct {
	c         *Client
	cfg       FetchConfig
	topic     string
	partition int32
	id        [16]byte // of the topic when it was opened
	next      int64    // offset of the next fetch
	end       int64    // high watermark of the last answer
	throttled bool     // the last answer came from a broker that holds us back

	w     *wire // nil: connect first
	req   kmsg.FetchRequest
	dec   decoder
	fails int   // in a row, for the backoff
	fatal error // the answer of every later Next
}

// Open makes a fetcher that starts at offset (or OffsetFirst, OffsetEnd). The
// offset itself is checked by the first Next.
func (c *Client) Open(ctx context.Context, topic string, partition int32, offset int64, cfg FetchConfig) (*Fetcher, error) {
	cfg.defaults()
	l, err := c.layout(ctx, topic)
	if err != nil {
		return nil, err
	}
	if partition < 0 || int(partition) >= len(l.leaders) {
		return nil, fmt.Errorf("stream: open: %w: partition %d of %d", ErrRefused, partition, len(l.leaders))
	}
	f := &Fetcher{c: c, cfg: cfg, topic: topic, partition: partition, id: l.id, next: offset}
	f.dec.keyLen = cfg.KeyLen
	if offset < 0 {
		at, err := c.listOffsets(ctx, topic, max(offset, OffsetFirst))
		if err != nil {
			return nil, err
		}
		f.next = at[partition]
	}
	return f, nil
}

// Next returns the records of one answer, in order. None and no error means
// that nothing came within MaxWait. The slice and its bytes are the fetcher's
// and valid until the next call.
//
// ErrRetryable: the leader was away or moved; call again, Next reconnects and
// paces itself. ErrOffsetOutOfRange (an *OffsetRangeError), ErrRecreated and
// ErrRefused end the fetcher: every later call returns them again, so that a
// reader whose place is gone stops instead of jumping.
func (f *Fetcher) Next(ctx context.Context) ([]Record, error) {
	if f.fatal != nil {
		return nil, f.fatal
	}
	if f.fails > 0 && !backoff(ctx, f.fails-1) {
		return nil, fmt.Errorf("stream: fetch: %w: %w", ErrRetryable, context.Cause(ctx))
	}
	records, err := f.fetch(ctx)
	if err == nil {
		f.fails = 0
		return records, nil
	}
	f.disconnect()
	f.fails++
	if !errors.Is(err, ErrRetryable) {
		f.fatal = err
	}
	return nil, err
}

func (f *Fetcher) fetch(ctx context.Context) ([]Record, error) {
	if f.w == nil {
		if err := f.connect(ctx); err != nil {
			return nil, err
		}
	}
	f.req.Topics[0].Partitions[0].FetchOffset = f.next
	// Version 13 names the topic by its id, so that a topic made anew answers
	// with an error instead of with other records; 12 is for Kafka 3.0.
	r, err := f.w.do(ctx, &f.req, 4, 13)
	if err != nil {
		return nil, wireError("stream: fetch", err)
	}
	resp := r.(*kmsg.FetchResponse)
	f.throttled = resp.ThrottleMillis > 0
	if resp.ErrorCode != 0 {
		return nil, f.failed(ctx, resp.ErrorCode)
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("stream: fetch: %w: not one partition in the answer", ErrCorrupt)
	}
	p := &resp.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return nil, f.failed(ctx, p.ErrorCode)
	}
	f.end = p.HighWatermark
	f.dec.records = f.dec.records[:0]
	next, err := f.dec.decode(p.RecordBatches, f.next)
	if err != nil {
		return nil, err
	}
	if next == f.next && len(p.RecordBatches) > 0 {
		return nil, fmt.Errorf("stream: fetch: %w: no whole batch in the answer", ErrCorrupt)
	}
	f.next = next
	return f.dec.records, nil
}

// failed turns an error code of the answer into the fetcher's error.
func (f *Fetcher) failed(ctx context.Context, code int16) error {
	switch kafka.Error(code) {
	case kafka.OffsetOutOfRange:
		ranges, err := f.c.Offsets(ctx, f.topic)
		if err != nil {
			return err // ask again rather than report half of it
		}
		r := ranges[f.partition]
		if f.next >= r.First && f.next <= r.End {
			return codeError("stream: fetch", int16(kafka.LeaderNotAvailable)) // it moved under us: look again
		}
		return &OffsetRangeError{Topic: f.topic, Partition: f.partition, Offset: f.next, First: r.First, End: r.End}
	case kafka.UnknownTopicID, kafka.InconsistentTopicID, kafka.UnknownTopicOrPartition:
		// Either the broker has not heard of the topic yet, or it is another topic.
		if _, err := f.sameTopic(ctx); err != nil {
			return err
		}
	}
	return codeError("stream: fetch", code)
}

// sameTopic looks the topic up and compares its id with the one at Open.
func (f *Fetcher) sameTopic(ctx context.Context) (*layout, error) {
	l, err := f.c.layout(ctx, f.topic)
	switch {
	case errors.Is(err, ErrNoTopic):
		return nil, fmt.Errorf("stream: fetch: %w: %w", ErrRetryable, err)
	case err != nil:
		return nil, err
	case l.id != f.id:
		return nil, fmt.Errorf("stream: fetch %s/%d: %w", f.topic, f.partition, ErrRecreated)
	}
	return l, nil
}

// connect finds the leader and dials it. It also sees a topic made anew, which
// a broker older than 3.1 would not report at the fetch.
func (f *Fetcher) connect(ctx context.Context) error {
	l, err := f.sameTopic(ctx)
	if err != nil {
		return err
	}
	addr, err := l.leader(f.partition)
	if err != nil {
		return wireError("stream: fetch", err)
	}
	w, err := f.c.dial(ctx, addr)
	if err != nil {
		return wireError("stream: fetch", err)
	}
	f.w, f.req = w, f.request()
	return nil
}

func (f *Fetcher) request() kmsg.FetchRequest {
	req := kmsg.NewFetchRequest()
	req.MaxWaitMillis = int32(f.cfg.MaxWait.Milliseconds())
	req.MinBytes = int32(f.cfg.MinBytes)
	req.MaxBytes = int32(f.cfg.MaxBytes)
	req.SessionEpoch = -1 // no fetch session: one partition has nothing to leave out
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = f.topic, f.id
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.PartitionMaxBytes = f.partition, int32(f.cfg.MaxBytes)
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

// Offset is the offset that the next fetch starts from.
func (f *Fetcher) Offset() int64 { return f.next }

// End is the end of the log as the last answer told it; the lag is End−Offset.
func (f *Fetcher) End() int64 { return f.end }

// Skipped counts the records left out because of their key's length.
func (f *Fetcher) Skipped() int64 { return f.dec.skipped }

// Close drops the connection.
func (f *Fetcher) Close() error {
	f.disconnect()
	if f.fatal == nil {
		f.fatal = ErrClosed
	}
	return nil
}

func (f *Fetcher) disconnect() {
	if f.w != nil {
		f.w.close()
		f.w = nil
	}
}
