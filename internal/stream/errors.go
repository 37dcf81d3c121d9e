package stream

import (
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// The sentinels a caller decides by, with errors.Is.
var (
	// ErrRetryable: the broker is away or not ready. Nothing was stored; the
	// same call may succeed later.
	ErrRetryable = errors.New("stream: broker not available")
	// ErrUnknown: the call ended before the broker said whether it had taken
	// effect. A record may or may not be in the log.
	ErrUnknown = errors.New("stream: outcome unknown")
	// ErrTooLarge: the batch is larger than the broker takes. Nothing was stored.
	ErrTooLarge = errors.New("stream: batch too large")
	// ErrRefused: the broker refuses for good (authorisation, an invalid request,
	// a wrong partition count). Nothing was stored; a retry cannot help.
	ErrRefused = errors.New("stream: refused by the broker")
	// ErrClosed: the producer or fetcher was closed. Nothing was stored.
	ErrClosed = errors.New("stream: closed")
	// ErrFenced: this member no longer owns its partitions. Stop at once; another
	// member may be writing already.
	ErrFenced = errors.New("stream: fenced by a newer generation")
	// ErrOffsetOutOfRange: the offset is not in the log, see OffsetRangeError.
	ErrOffsetOutOfRange = errors.New("stream: offset out of range")
	// ErrRecreated: the topic was deleted and made again, so its offsets mean
	// something else now.
	ErrRecreated = errors.New("stream: topic was created anew")
	// ErrCorrupt: bytes from the broker do not check out.
	ErrCorrupt = errors.New("stream: corrupt record batch")
	// ErrNoTopic: the topic does not exist.
	ErrNoTopic = errors.New("stream: no such topic")
)

// OffsetRangeError says which offset was asked for and what the log holds:
// offsets First to End-1.
type OffsetRangeError struct {
	Topic      string
	Partition  int32
	Offset     int64
	First, End int64
}

func (e *OffsetRangeError) Error() string {
	return fmt.Sprintf("stream: offset %d of %s/%d is out of range [%d, %d)", e.Offset, e.Topic, e.Partition, e.First, e.End)
}

// Is makes errors.Is(err, ErrOffsetOutOfRange) hold.
func (e *OffsetRangeError) Is(target error) bool { return target == ErrOffsetOutOfRange }

// kind is what an error code of the broker asks for.
type kind uint8

const (
	kindRetry  kind = iota // not done, may be done later
	kindFenced             // group: generation, member or state moved on
	kindRange              // offset out of range
	kindRefuse             // not done and never will be
)

// kindOf sorts the codes of every request but produce (see verdictOf there).
// A code that is not listed is refused: an unknown answer must not loop.
// Source: the error table of the Kafka protocol guide.
func kindOf(code kafka.Error) kind {
	switch code {
	case kafka.OffsetOutOfRange:
		return kindRange
	case kafka.IllegalGeneration, kafka.UnknownMemberId, kafka.RebalanceInProgress, kafka.FencedInstanceID:
		return kindFenced
	case kafka.Unknown, // the broker failed inside: visible in its log, and passing more often than not
		kafka.UnknownTopicOrPartition, kafka.LeaderNotAvailable, kafka.NotLeaderForPartition,
		kafka.RequestTimedOut, kafka.BrokerNotAvailable, kafka.ReplicaNotAvailable,
		kafka.NetworkException, kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable,
		kafka.NotCoordinatorForGroup, kafka.NotController, kafka.KafkaStorageError,
		kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch, kafka.OffsetNotAvailable,
		kafka.UnstableOffsetCommit, kafka.ThrottlingQuotaExceeded,
		kafka.UnknownTopicID, kafka.InconsistentTopicID:
		return kindRetry
	}
	return kindRefuse
}

// codeError wraps a non-zero code with the operation and its sentinel.
func codeError(op string, code int16) error {
	e := kafka.Error(code)
	switch kindOf(e) {
	case kindFenced:
		return fmt.Errorf("%s: %w (code %d)", op, ErrFenced, code)
	case kindRange:
		return fmt.Errorf("%s: %w (code %d)", op, ErrOffsetOutOfRange, code)
	case kindRetry:
		return fmt.Errorf("%s: %w (code %d)", op, ErrRetryable, code)
	}
	return fmt.Errorf("%s: %w (code %d, %s)", op, ErrRefused, code, e.Title())
}

// asCode finds the broker's code in err, if a broker answered at all.
func asCode(err error) (int16, bool) {
	var e kafka.Error
	if errors.As(err, &e) {
		return int16(e), true
	}
	return 0, false
}

// wireError wraps a failed exchange: a code if the broker sent one, else
// ErrRetryable. The cause stays in the chain for errors.Is(err, context.Canceled).
func wireError(op string, err error) error {
	if code, ok := asCode(err); ok {
		return codeError(op, code)
	}
	if errors.Is(err, errVersion) {
		return fmt.Errorf("%s: %w: %w", op, ErrRefused, err)
	}
	return fmt.Errorf("%s: %w: %w", op, ErrRetryable, err)
}
