package stream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ProducerConfig tunes a Producer; the zero value takes the defaults.
type ProducerConfig struct {
	// AttemptTimeout bounds one request; the batch is then sent again. Half of
	// it is what the broker may wait for its replicas. Default 10 s.
	AttemptTimeout time.Duration
	// MaxBatchBytes is the largest encoded batch that is sent at all. Keep it at
	// or below the topic's max.message.bytes. Default 1,000,000.
	MaxBatchBytes int
}

// Producer appends records to one topic, each call as one RecordBatch, acks
// from all in-sync replicas, idempotent: a resend after a lost reply does not
// store twice. It is safe for concurrent use; calls for one partition take turns.
type Producer struct {
	c      *Client
	client *kafka.Client
	topic  string
	cfg    ProducerConfig

	mu     sync.Mutex
	lanes  map[int32]*lane
	closed bool
}

// lane is the state of one partition. It has a producer id of its own, so that
// doubt about one partition's sequence does not touch the others.
type lane struct {
	turn     chan struct{} // holds one token: the right to use what follows
	id       int64         // producer id, -1 when one must be asked for
	epoch    int16
	sequence int32  // of the next record
	buf      []byte // what RawProduce takes: four bytes of length, then the batch
}

const sizePrefix = 4

func (l *lane) encode(records []Record) {
	l.buf = appendBatch(append(l.buf[:0], 0, 0, 0, 0), records, time.Now())
	binary.BigEndian.PutUint32(l.buf, uint32(len(l.batch())))
}

func (l *lane) batch() []byte { return l.buf[sizePrefix:] }

// NewProducer does no I/O.
func NewProducer(c *Client, topic string, cfg ProducerConfig) *Producer {
	if cfg.AttemptTimeout <= 0 {
		cfg.AttemptTimeout = 10 * time.Second
	}
	if cfg.MaxBatchBytes <= 0 {
		cfg.MaxBatchBytes = 1_000_000
	}
	return &Producer{
		c: c,
		// Timeout is also what kafka-go derives the broker's own limit from;
		// without it the broker gives its replicas 500 ms.
		client: &kafka.Client{Addr: c.kafka.Addr, Transport: c.transport, Timeout: cfg.AttemptTimeout},
		topic:  topic, cfg: cfg, lanes: make(map[int32]*lane),
	}
}

// Close makes later calls fail with ErrClosed. Calls in flight go on.
func (p *Producer) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

func (p *Producer) lane(partition int32) (*lane, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	l := p.lanes[partition]
	if l == nil {
		l = &lane{turn: make(chan struct{}, 1), id: -1}
		l.turn <- struct{}{}
		p.lanes[partition] = l
	}
	return l, nil
}

// Produce appends records to the partition and returns the offset of the first;
// the others follow it without a gap. It retries until ctx ends, so ctx must
// end. base is -1 in the rare case that the records were stored but the broker
// no longer knows where.
//
// Errors: ErrRetryable, ErrTooLarge, ErrRefused and ErrClosed mean that nothing
// was stored; ErrUnknown, that it may have been. A batch is never split here:
// the records of one call stand together or not at all, so on ErrTooLarge the
// caller makes smaller calls.
//
// The records' bytes are copied; the caller keeps them.
func (p *Producer) Produce(ctx context.Context, partition int32, records []Record) (base int64, err error) {
	if len(records) == 0 {
		return -1, errors.New("stream: produce: no records")
	}
	l, err := p.lane(partition)
	if err != nil {
		return -1, err
	}
	select {
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
	case <-ctx.Done():
		return -1, fmt.Errorf("stream: produce: %w: %w", ErrRetryable, context.Cause(ctx))
	}
	l.encode(records)
	if n := len(l.batch()); n > p.cfg.MaxBatchBytes {
		return -1, fmt.Errorf("stream: produce: %w: %d bytes", ErrTooLarge, n)
	}
	return p.deliver(ctx, l, partition, int32(len(records)))
}

const (
	maxRenewals = 3       // producer ids asked for in one call
	maxGarbled  = 3       // arrivals that did not check out: by then it is not the wire
	maxSequence = 1 << 30 // then a new producer id: brokers disagree on how sequences wrap
)

// deliver sends l.buf until its fate is known or ctx ends.
func (p *Producer) deliver(ctx context.Context, l *lane, partition, count int32) (int64, error) {
	inDoubt := false // an attempt may have been stored
	fail := func(why, cause error) (int64, error) {
		if inDoubt {
			// The next sequence hangs on the answer we did not get: start over
			// with a new producer id.
			why, l.id = ErrUnknown, -1
		}
		return -1, fmt.Errorf("stream: produce: %w: %w", why, cause)
	}
	defer func() {
		if inDoubt {
			l.buf = nil // the attempt that was left behind may still be reading it
		}
	}()
	var last error
	stamped := false
	for attempt, renewals, damaged := 0, 0, 0; ; attempt++ {
		if attempt > 0 && !backoff(ctx, attempt-1) {
			return fail(ErrRetryable, errors.Join(context.Cause(ctx), last))
		}
		if !stamped {
			if last = p.identify(ctx, l); last != nil {
				if v := verdictOf(last); v == refused || ctx.Err() != nil {
					return fail(sentinelOf(v), last)
				}
				continue
			}
			stamp(l.batch(), l.id, l.epoch, l.sequence)
			stamped = true
		}
		base, err := p.attempt(ctx, l, partition)
		switch v := verdictOf(err); v {
		case stored:
			l.sequence += count
			return base, nil
		case notYet:
		case perhaps:
			inDoubt = true
		case garbled:
			if damaged++; damaged == maxGarbled {
				return fail(ErrRefused, err)
			}
		case renew:
			// With an attempt in doubt, a new identity would store it again.
			l.id, stamped = -1, false
			if renewals++; inDoubt || renewals > maxRenewals {
				return fail(ErrRetryable, err)
			}
		case doubtful:
			inDoubt = true
			return fail(ErrUnknown, err)
		default:
			return fail(sentinelOf(v), err)
		}
		last = err
	}
}

// attempt sends the encoded batch once.
func (p *Producer) attempt(ctx context.Context, l *lane, partition int32) (int64, error) {
	resp, err := p.client.RawProduce(ctx, &kafka.RawProduceRequest{
		Topic:        p.topic,
		Partition:    int(partition),
		RequiredAcks: kafka.RequireAll,
		RawRecords:   protocol.RawRecordSet{Reader: bytes.NewReader(l.buf)},
	})
	if err != nil {
		return -1, err
	}
	if resp.Error != nil {
		return -1, resp.Error
	}
	return resp.BaseOffset, nil
}

// identify makes sure that the lane has a producer id. Any broker gives one out.
// kafka-go would ask the coordinator of the transaction "" for it, which needs a
// right that an idempotent producer otherwise does not, and makes the broker
// create the topic of its transactions.
func (p *Producer) identify(ctx context.Context, l *lane) error {
	if l.id >= 0 && l.sequence < maxSequence {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.AttemptTimeout)
	defer cancel()
	err := p.c.any(ctx, func(w *wire) error {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.ProducerID, req.ProducerEpoch = -1, -1
		r, err := w.do(ctx, req, 0, 4)
		if err != nil {
			return err
		}
		resp := r.(*kmsg.InitProducerIDResponse)
		if resp.ErrorCode != 0 {
			return kafka.Error(resp.ErrorCode)
		}
		l.id, l.epoch, l.sequence = resp.ProducerID, resp.ProducerEpoch, 0
		return nil
	})
	if err != nil {
		return fmt.Errorf("producer id: %w", err)
	}
	return nil
}
