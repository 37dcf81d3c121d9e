package stream

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TopicSpec describes a topic that must exist.
type TopicSpec struct {
	Name       string
	Partitions int
	// Replication is the number of replicas; 0 takes the cluster's default.
	Replication int
	// Configs are topic settings such as max.message.bytes. They apply when the
	// topic is created; those of an existing topic belong to its operator.
	Configs map[string]string
}

// EnsureTopic creates the topic, or accepts one that has the same number of
// partitions; with another number it returns ErrRefused, because a partition's
// number decides which subjects it holds. It returns when every partition has a
// leader, and retries while the cluster is away until ctx ends.
func (c *Client) EnsureTopic(ctx context.Context, t TopicSpec) error {
	if t.Name == "" || t.Partitions < 1 {
		return fmt.Errorf("stream: ensure topic: %w: name and partitions must be set", ErrRefused)
	}
	for n := 0; ; n++ {
		l, err := c.layout(ctx, t.Name)
		switch {
		case err == nil && len(l.leaders) != t.Partitions:
			return fmt.Errorf("stream: ensure topic %s: %w: it has %d partitions, want %d", t.Name, ErrRefused, len(l.leaders), t.Partitions)
		case err == nil && l.complete():
			return nil
		case errors.Is(err, ErrNoTopic):
			err = c.create(ctx, t)
		}
		if err != nil && !errors.Is(err, ErrRetryable) {
			return err
		}
		if !backoff(ctx, n) {
			return fmt.Errorf("stream: ensure topic %s: %w: %w", t.Name, ErrRetryable, errors.Join(context.Cause(ctx), err))
		}
	}
}

func (l *layout) complete() bool {
	for _, a := range l.leaders {
		if a == "" {
			return false
		}
	}
	return true
}

func (c *Client) create(ctx context.Context, t TopicSpec) error {
	// kafka-go waits inside CreateTopics until its own picture shows the topic.
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	spec := kafka.TopicConfig{Topic: t.Name, NumPartitions: t.Partitions, ReplicationFactor: t.Replication}
	if t.Replication == 0 {
		spec.ReplicationFactor = -1
	}
	for k, v := range t.Configs {
		spec.ConfigEntries = append(spec.ConfigEntries, kafka.ConfigEntry{ConfigName: k, ConfigValue: v})
	}
	resp, err := c.kafka.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{spec}})
	if err == nil {
		err = resp.Errors[t.Name]
	}
	if err == nil || errors.Is(err, kafka.TopicAlreadyExists) {
		return nil
	}
	if code, ok := asCode(err); ok && kindOf(kafka.Error(code)) == kindRefuse {
		// The broker's own message names the setting it did not like.
		return fmt.Errorf("stream: create topic %s: %w: %w", t.Name, ErrRefused, err)
	}
	return wireError("stream: create topic "+t.Name, err)
}

// DeleteTopic removes the topic and everything in it. A topic that is not there
// is ErrNoTopic.
func (c *Client) DeleteTopic(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	resp, err := c.kafka.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err == nil {
		err = resp.Errors[topic]
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kafka.UnknownTopicOrPartition):
		return ErrNoTopic
	}
	return wireError("stream: delete topic "+topic, err)
}

// Partitions is the number of partitions of topic, or ErrNoTopic.
func (c *Client) Partitions(ctx context.Context, topic string) (int, error) {
	l, err := c.layout(ctx, topic)
	if err != nil {
		return 0, err
	}
	return len(l.leaders), nil
}

// Incarnation identifies this life of the topic: the id that the cluster gave
// it when it was created (KIP-516), as 22 characters of unpadded base64url. A
// topic that is deleted and made again starts at offset 0 with another id.
func (c *Client) Incarnation(ctx context.Context, topic string) (string, error) {
	l, err := c.layout(ctx, topic)
	if err != nil {
		return "", err
	}
	if l.id == [16]byte{} {
		// A cluster older than 2.8, or still at an old metadata version.
		return "", fmt.Errorf("stream: incarnation of %s: %w: the cluster gives no topic ids", topic, ErrRefused)
	}
	return base64.RawURLEncoding.EncodeToString(l.id[:]), nil
}

// Range is what a partition's log holds: offsets First to End-1.
type Range struct{ First, End int64 }

// Offsets returns the range of every partition, by number.
func (c *Client) Offsets(ctx context.Context, topic string) ([]Range, error) {
	first, err := c.listOffsets(ctx, topic, OffsetFirst)
	if err != nil {
		return nil, err
	}
	end, err := c.listOffsets(ctx, topic, OffsetEnd)
	if err != nil {
		return nil, err
	}
	out := make([]Range, min(len(first), len(end)))
	for i := range out {
		out[i] = Range{first[i], end[i]}
	}
	return out, nil
}

// OffsetsAt returns, by partition, the first offset whose record is not older
// than t, or -1 when there is none.
func (c *Client) OffsetsAt(ctx context.Context, topic string, t time.Time) ([]int64, error) {
	return c.listOffsets(ctx, topic, max(t.UnixMilli(), 0))
}

func (c *Client) listOffsets(ctx context.Context, topic string, at int64) ([]int64, error) {
	l, err := c.layout(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(l.leaders))
	err = c.eachLeader(ctx, l, allPartitions(len(out)), func(w *wire, ps []int32) error {
		req := kmsg.NewPtrListOffsetsRequest()
		req.ReplicaID = -1
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topic
		for _, p := range ps {
			rp := kmsg.NewListOffsetsRequestTopicPartition()
			rp.Partition, rp.Timestamp = p, at
			t.Partitions = append(t.Partitions, rp)
		}
		req.Topics = append(req.Topics, t)
		r, err := w.do(ctx, req, 1, 7)
		if err != nil {
			return err
		}
		for _, t := range r.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					return kafka.Error(p.ErrorCode)
				}
				out[p.Partition] = p.Offset
			}
		}
		return nil
	})
	if err != nil {
		return nil, wireError("stream: list offsets", err)
	}
	return out, nil
}

// DeleteRecords drops, in each partition named, every record below the offset
// given. An offset outside the partition's range is ErrOffsetOutOfRange.
func (c *Client) DeleteRecords(ctx context.Context, topic string, before map[int32]int64) error {
	l, err := c.layout(ctx, topic)
	if err != nil {
		return err
	}
	ps := make([]int32, 0, len(before))
	for p := range before {
		ps = append(ps, p)
	}
	err = c.eachLeader(ctx, l, ps, func(w *wire, ps []int32) error {
		req := kmsg.NewPtrDeleteRecordsRequest()
		req.TimeoutMillis = int32(requestTimeout.Milliseconds() / 2)
		t := kmsg.NewDeleteRecordsRequestTopic()
		t.Topic = topic
		for _, p := range ps {
			rp := kmsg.NewDeleteRecordsRequestTopicPartition()
			rp.Partition, rp.Offset = p, before[p]
			t.Partitions = append(t.Partitions, rp)
		}
		req.Topics = append(req.Topics, t)
		r, err := w.do(ctx, req, 0, 2)
		if err != nil {
			return err
		}
		for _, t := range r.(*kmsg.DeleteRecordsResponse).Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					return kafka.Error(p.ErrorCode)
				}
			}
		}
		return nil
	})
	if err != nil {
		return wireError("stream: delete records", err)
	}
	return nil
}

// eachLeader runs f once for each broker that leads some of ps.
func (c *Client) eachLeader(ctx context.Context, l *layout, ps []int32, f func(*wire, []int32) error) error {
	groups, err := l.byLeader(ps)
	if err != nil {
		return err
	}
	for addr, ps := range groups {
		if err := c.at(ctx, addr, func(w *wire) error { return f(w, ps) }); err != nil {
			return err
		}
	}
	return nil
}

func allPartitions(n int) []int32 {
	ps := make([]int32, n)
	for i := range ps {
		ps[i] = int32(i)
	}
	return ps
}
