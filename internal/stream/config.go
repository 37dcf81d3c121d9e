package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Config says how to reach a cluster.
type Config struct {
	// Brokers are host:port addresses to start from; one that answers is enough.
	Brokers []string
	// Dial opens a raw connection; nil means TCP. It is called concurrently.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS, when set, wraps every connection. An empty ServerName is filled with
	// the broker's host.
	TLS *tls.Config
	// SASL authenticates every connection; the zero value means none.
	SASL SASL
	// ClientID names this process in the broker's logs and quotas.
	ClientID string
	// DialTimeout bounds connect, TLS and SASL together. Default 5 s.
	DialTimeout time.Duration
}

// SASL is a mechanism with its credentials. It formats and logs as the
// mechanism alone.
type SASL struct {
	// Mechanism is "", "PLAIN", "SCRAM-SHA-256" or "SCRAM-SHA-512".
	Mechanism string
	User      string
	Password  string
}

// Format keeps credentials out of every fmt verb.
func (s SASL) Format(f fmt.State, _ rune) { fmt.Fprint(f, "SASL(", s.Mechanism, ")") }

// LogValue keeps credentials out of logs.
func (s SASL) LogValue() slog.Value { return slog.StringValue("SASL(" + s.Mechanism + ")") }

func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case "SCRAM-SHA-256":
		return scramMechanism(scram.SHA256, s)
	case "SCRAM-SHA-512":
		return scramMechanism(scram.SHA512, s)
	}
	return nil, errors.New("stream: unknown SASL mechanism, want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
}

func scramMechanism(a scram.Algorithm, s SASL) (sasl.Mechanism, error) {
	m, err := scram.Mechanism(a, s.User, s.Password)
	if err != nil {
		// The library's text can quote the credential it could not prepare.
		return nil, errors.New("stream: SASL user or password is not valid for SCRAM")
	}
	return m, nil
}

// Validate reports the first thing wrong with c.
func (c *Config) Validate() error {
	if len(c.Brokers) == 0 {
		return errors.New("stream: no broker address given")
	}
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			return fmt.Errorf("stream: broker address %q is not host:port", b)
		}
	}
	_, err := c.SASL.mechanism()
	return err
}
