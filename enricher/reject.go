package enricher

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
	"github.com/sluice-events/sluice/internal/stream"
	"github.com/sluice-events/sluice/privacy"
	"github.com/sluice-events/sluice/sinks"
)

// broken is one thing to be set aside: an event by its place in the batch, or a whole
// message as it stands.
type broken struct {
	offset int64
	index  int32 // -1: the whole message
	raw    int   // of batch.Raws, when index >= 0
	blob   []byte
	reason privacy.Reason
}

// RejectHead is the clear part of a record in the rejected topic. It names where the event
// stood and why it is here, and nothing of what it says.
type RejectHead struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Index     int32  `json:"index"` // -1: the whole message, as it was
	Reason    string `json:"reason"`
}

// setAside keeps a whole message that cannot be read.
func (p *partition) setAside(r stream.Record, h seal.Header, reason privacy.Reason) {
	p.acc.add(sinks.Rejected, otherEvent, reason.String(), uint64(h.Events))
	p.e.m.discarded.WithLabelValues(reason.String()).Add(float64(h.Events))
	p.broken = append(p.broken, broken{offset: r.Offset, index: -1, blob: append([]byte(nil), r.Value...), reason: reason})
}

// setAsideEvent keeps one event of a message whose neighbours are fine.
func (p *partition) setAsideEvent(i int, reason privacy.Reason) {
	for _, it := range p.batch.Items {
		if !it.Act && it.At == i {
			p.broken = append(p.broken, broken{offset: it.Offset, index: it.Index, raw: i, reason: reason})
			return
		}
	}
}

// reject writes what was set aside to the rejected topic, each event sealed alone to the
// key of this hour. A crash before the commit can write a record twice: its address tells.
func (p *partition) reject(ctx context.Context) error {
	var records []stream.Record
	var body []byte
	for _, b := range p.broken {
		head, err := json.Marshal(RejectHead{p.asg.Topic, p.asg.Partition, b.offset, b.index, b.reason.String()})
		if err != nil {
			return fmt.Errorf("enricher: reject: %w", err)
		}
		value := binary.BigEndian.AppendUint16(nil, uint16(len(head)))
		value = append(value, head...)
		if b.index < 0 {
			value = append(value, b.blob...)
		} else {
			body = event.AppendRaw(body[:0], &p.batch.Raws[b.raw])
			if value, err = p.e.d.Sealer.SealOne(value, body, head); err != nil {
				return fmt.Errorf("enricher: reject: %w: %w", stream.ErrRetryable, err)
			}
		}
		key := make([]byte, recordKeyLen)
		rand.Read(key)
		records = append(records, stream.Record{Key: key, Value: value})
	}
	if len(records) == 0 {
		return nil
	}
	if _, err := p.e.rejected.Produce(ctx, p.asg.Partition, records); err != nil {
		return fmt.Errorf("enricher: reject: %w", err)
	}
	return nil
}
