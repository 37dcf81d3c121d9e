package stream

import (
	"errors"
	"net"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// verdict is what one attempt to produce a batch tells.
type verdict uint8

const (
	stored   verdict = iota // it is in the log
	notYet                  // not in the log; the same bytes may be sent again
	perhaps                 // it may be in the log; the same bytes and sequence must be sent again
	garbled                 // it arrived damaged and is not in the log; a few resends are worth a try
	renew                   // the broker does not know our sequence; take a new producer id
	doubtful                // the broker failed inside, and a resend may be taken for a duplicate
	tooLarge                // not in the log; only smaller batches can get there
	refused                 // not in the log, for good
)

// verdictOf sorts the answer to a produce request. The rule behind the table:
// only an answer that proves absence counts as absence.
func verdictOf(err error) verdict {
	if err == nil {
		return stored
	}
	if code, ok := asCode(err); ok {
		return verdictOfCode(kafka.Error(code))
	}
	// These come from the library before it has written anything: its picture
	// of the cluster has no such topic or leader ("topic not found" is also what
	// an unreachable broker looks like at start), or no connection was made.
	var op *net.OpError
	switch {
	case errors.Is(err, protocol.ErrNoTopic), errors.Is(err, protocol.ErrNoPartition), errors.Is(err, protocol.ErrNoLeader):
		return notYet
	case errors.As(err, &op) && op.Op == "dial":
		return notYet
	}
	// A broken connection, a deadline, a cancelled context: the request may be
	// on its way.
	return perhaps
}

func verdictOfCode(code kafka.Error) verdict {
	switch code {
	case kafka.DuplicateSequenceNumber:
		// An earlier attempt was stored, and so long ago that the broker has
		// forgotten at which offset.
		return stored
	case kafka.UnknownTopicOrPartition, kafka.LeaderNotAvailable, kafka.NotLeaderForPartition,
		kafka.BrokerNotAvailable, kafka.ReplicaNotAvailable, kafka.NotEnoughReplicas,
		kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch, kafka.KafkaStorageError,
		kafka.UnknownTopicID, kafka.InconsistentTopicID, kafka.ThrottlingQuotaExceeded,
		kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup,
		kafka.ConcurrentTransactions: // these: asking for a producer id
		return notYet
	case kafka.InvalidMessage:
		return garbled
	case kafka.RequestTimedOut, kafka.NotEnoughReplicasAfterAppend, kafka.NetworkException:
		return perhaps
	case kafka.OutOfOrderSequenceNumber, kafka.UnknownProducerId, kafka.InvalidProducerEpoch,
		kafka.InvalidProducerIDMapping, kafka.ProducerFenced:
		return renew
	case kafka.Unknown:
		// The embedded broker counts a sequence before it writes: after a failed
		// write (a full disk) it would take a resend for a duplicate and
		// acknowledge what it never stored.
		return doubtful
	case kafka.MessageSizeTooLarge, kafka.RecordListTooLarge:
		return tooLarge
	}
	return refused
}

// sentinelOf is the error a caller sees when v ends its call.
func sentinelOf(v verdict) error {
	switch v {
	case tooLarge:
		return ErrTooLarge
	case refused:
		return ErrRefused
	}
	return ErrRetryable
}
