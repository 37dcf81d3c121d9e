package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// maxMetadata is Kafka's default for offset.metadata.max.bytes.
const maxMetadata = 4096

// Assignment is one partition that belongs to this member for one generation.
// Its methods are for the goroutine of its handler.
type Assignment struct {
	Topic     string
	Partition int32
	// Offset and Metadata are what was committed last, by whichever member;
	// Offset is -1 when nothing was.
	Offset   int64
	Metadata string

	g     *group
	gen   *kafka.Generation
	fence context.CancelCauseFunc // ends the whole generation
}

// Generation numbers the assignment: a partition's next owner has a higher one.
func (a *Assignment) Generation() int32 { return a.gen.ID }

// Commit stores offset and metadata for the partition, fenced with the
// generation and the member: once another member may own the partition it
// returns ErrFenced, changes nothing, and ends the context of every handler of
// this generation. It tries again while the coordinator is away, until ctx ends;
// the error is then ErrUnknown, since a commit may have arrived without its
// answer. It does not change a.Offset and a.Metadata. Metadata is at most 4096 bytes.
func (a *Assignment) Commit(ctx context.Context, offset int64, metadata string) error {
	if len(metadata) > maxMetadata {
		return fmt.Errorf("stream: commit: %w: metadata of %d bytes, at most %d", ErrRefused, len(metadata), maxMetadata)
	}
	req := &kafka.OffsetCommitRequest{
		GroupID: a.gen.GroupID, GenerationID: int(a.gen.ID), MemberID: a.gen.MemberID,
		Topics: map[string][]kafka.OffsetCommit{
			a.Topic: {{Partition: int(a.Partition), Offset: offset, Metadata: metadata}},
		},
	}
	for n := 0; ; n++ {
		err := a.commit(ctx, req)
		if err == nil {
			return nil
		}
		if code, ok := asCode(err); ok {
			switch kindOf(kafka.Error(code)) {
			case kindFenced:
				a.fence(ErrFenced)
				return codeError("stream: commit", code)
			case kindRefuse:
				return codeError("stream: commit", code)
			}
		}
		if !backoff(ctx, n) {
			return fmt.Errorf("stream: commit: %w: %w: %w", ErrUnknown, context.Cause(ctx), err)
		}
	}
}

func (a *Assignment) commit(ctx context.Context, req *kafka.OffsetCommitRequest) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	resp, err := a.g.c.kafka.OffsetCommit(ctx, req)
	if err != nil {
		return err
	}
	for _, p := range resp.Topics[a.Topic] {
		if p.Partition == int(a.Partition) {
			return p.Error
		}
	}
	return kafka.UnknownTopicOrPartition // an answer about something else
}

// load reads what is committed for the partition. An older generation cannot
// commit any more by now, so what it reads stays until this member commits.
func (a *Assignment) load(ctx context.Context) error {
	all, err := a.g.c.committed(ctx, a.gen.GroupID, a.Topic, []int32{a.Partition})
	if err != nil {
		return err
	}
	c := all[a.Partition]
	a.Offset, a.Metadata = c.Offset, c.Metadata
	return nil
}

// Commit is a group's last word on one partition.
type Commit struct {
	Offset   int64 // -1: none
	Metadata string
}

// Committed returns what the group has committed, for every partition of topic.
func (c *Client) Committed(ctx context.Context, group, topic string) (map[int32]Commit, error) {
	n, err := c.Partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	return c.committed(ctx, group, topic, allPartitions(n))
}

func (c *Client) committed(ctx context.Context, group, topic string, ps []int32) (map[int32]Commit, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ids := make([]int, len(ps))
	for i, p := range ps {
		ids[i] = int(p)
	}
	resp, err := c.kafka.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: ids}})
	if err == nil {
		err = resp.Error
	}
	out := make(map[int32]Commit, len(ps))
	if errors.Is(err, kafka.GroupIdNotFound) {
		// The embedded broker's way to say so; Kafka answers with -1 for each.
		for _, p := range ps {
			out[p] = Commit{Offset: -1}
		}
		return out, nil
	}
	if err != nil {
		return nil, wireError("stream: committed offsets", err)
	}
	for _, p := range resp.Topics[topic] {
		if p.Error != nil {
			return nil, wireError("stream: committed offsets", p.Error)
		}
		out[int32(p.Partition)] = Commit{Offset: p.CommittedOffset, Metadata: p.Metadata}
	}
	for _, p := range ps {
		if _, ok := out[p]; !ok {
			// Never take silence for "nothing committed": that would replay a log.
			return nil, wireError("stream: committed offsets", kafka.UnknownTopicOrPartition)
		}
	}
	return out, nil
}
