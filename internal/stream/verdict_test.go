package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

func TestVerdict(t *testing.T) {
	f := func(err error, want verdict) {
		t.Helper()
		if got := verdictOf(err); got != want {
			t.Errorf("%v: verdict %d, want %d", err, got, want)
		}
		if err != nil {
			if got := verdictOf(fmt.Errorf("as the library wraps it: %w", err)); got != want {
				t.Errorf("wrapped %v: verdict %d, want %d", err, got, want)
			}
		}
	}
	f(nil, stored)
	f(kafka.DuplicateSequenceNumber, stored)
	f(kafka.NotLeaderForPartition, notYet)
	f(kafka.NotEnoughReplicas, notYet)
	f(protocol.NewErrNoTopic("t"), notYet)
	f(protocol.NewErrNoPartition("t", 1), notYet)
	f(&net.OpError{Op: "dial", Err: errors.New("refused")}, notYet)
	// Appended, but not acknowledged by all: it may stay in the log.
	f(kafka.NotEnoughReplicasAfterAppend, perhaps)
	f(kafka.RequestTimedOut, perhaps)
	f(&net.OpError{Op: "read", Err: errors.New("reset")}, perhaps)
	f(io.ErrUnexpectedEOF, perhaps)
	f(context.DeadlineExceeded, perhaps)
	f(context.Canceled, perhaps)
	f(kafka.OutOfOrderSequenceNumber, renew)
	f(kafka.UnknownProducerId, renew)
	f(kafka.Unknown, doubtful)
	f(kafka.InvalidMessage, garbled)
	f(kafka.MessageSizeTooLarge, tooLarge)
	f(kafka.TopicAuthorizationFailed, refused)
	f(kafka.InvalidRecord, refused)
	f(kafka.Error(9999), refused) // a code from the future must not loop
}

// Whatever the code, a call ends with one sentinel that says what to do.
func TestCodeErrors(t *testing.T) {
	sentinels := []error{ErrRetryable, ErrFenced, ErrOffsetOutOfRange, ErrRefused}
	for code := int16(-1); code < 140; code++ {
		if code == 0 {
			continue
		}
		n := 0
		for _, s := range sentinels {
			if errors.Is(codeError("op", code), s) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("code %d has %d sentinels", code, n)
		}
	}
	for _, code := range []kafka.Error{kafka.IllegalGeneration, kafka.UnknownMemberId, kafka.RebalanceInProgress} {
		if err := codeError("commit", int16(code)); !errors.Is(err, ErrFenced) {
			t.Errorf("%d: %v, want ErrFenced", code, err)
		}
	}
}

func TestConfig(t *testing.T) {
	s := SASL{Mechanism: "PLAIN", User: "canary-user", Password: "canary-pass"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if out := fmt.Sprintf(verb, Config{Brokers: []string{"h:1"}, SASL: s}); out == "" || containsCanary(out) {
			t.Errorf("%s shows a credential: %s", verb, out)
		}
	}
	for what, c := range map[string]Config{
		"no brokers":        {},
		"no port":           {Brokers: []string{"host"}},
		"unknown mechanism": {Brokers: []string{"h:1"}, SASL: SASL{Mechanism: "GSSAPI"}},
		"bad password":      {Brokers: []string{"h:1"}, SASL: SASL{Mechanism: "SCRAM-SHA-256", User: "u", Password: "canary\x00"}},
	} {
		_, err := NewClient(c)
		if err == nil || containsCanary(err.Error()) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func containsCanary(s string) bool {
	for i := range len(s) - 5 {
		if s[i:i+6] == "canary" || s[i:i+6] == "63616e" {
			return true
		}
	}
	return false
}
