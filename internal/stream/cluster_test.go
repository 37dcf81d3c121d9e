package stream_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-events/sluice/internal/embedded"
	"github.com/sluice-events/sluice/internal/stream"
)

// eachCluster runs f against the embedded broker, and against the cluster whose
// bootstrap addresses stand in SLUICE_KAFKA (deploy/kafka/kafka.sh starts one).
func eachCluster(t *testing.T, f func(t *testing.T, cfg stream.Config)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { f(t, startEmbedded(t).Stream()) })
	t.Run("kafka", func(t *testing.T) {
		cfg, ok := realKafka()
		if !ok {
			t.Skip("SLUICE_KAFKA is not set: no real Kafka to test against")
		}
		f(t, cfg)
	})
}

func realKafka() (stream.Config, bool) {
	addrs := os.Getenv("SLUICE_KAFKA")
	return stream.Config{Brokers: strings.Split(addrs, ",")}, addrs != ""
}

func startEmbedded(t testing.TB) *embedded.Broker {
	t.Helper()
	b, err := embedded.StartBroker(t.Context(), embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func client(t testing.TB, cfg stream.Config) *stream.Client {
	t.Helper()
	c, err := stream.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// within is the test's context with an end, so that a loop of retries fails the
// test instead of hanging it.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func name(kind string) string {
	var b [6]byte
	rand.Read(b[:])
	return "test-" + kind + "-" + hex.EncodeToString(b[:])
}

// topic makes a topic of its own for the test.
func topic(t testing.TB, c *stream.Client, partitions int) string {
	t.Helper()
	n := name("t")
	if err := c.EnsureTopic(within(t), stream.TopicSpec{Name: n, Partitions: partitions}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		c.DeleteTopic(ctx, n)
	})
	return n
}

// key makes a key of 8 bytes, the length that the tests give as KeyLen.
func key(i int) []byte { return fmt.Appendf(nil, "k%07d", i) }

func records(from, n int) []stream.Record {
	rs := make([]stream.Record, n)
	for i := range rs {
		rs[i] = stream.Record{Key: key(from + i), Value: fmt.Appendf(nil, "value-%d", from+i)}
	}
	return rs
}

func produce(t testing.TB, p *stream.Producer, partition int32, rs []stream.Record) int64 {
	t.Helper()
	base, err := p.Produce(within(t), partition, rs)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// values reads the whole partition as offset:value.
func values(t testing.TB, c *stream.Client, topic string, partition int32) []string {
	t.Helper()
	var out []string
	_, err := c.ReadAll(within(t), topic, partition, 0, -1, stream.FetchConfig{KeyLen: 8}, func(r stream.Record) error {
		out = append(out, fmt.Sprintf("%d:%s", r.Offset, r.Value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// faults makes connections misbehave. Requests are recognised by their api key.
type faults struct {
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	loseKey  atomic.Int32 // lose the next reply to a request of this key, then close; -1: none
	hold     atomic.Bool  // swallow replies to loseKey and keep the connection open
	lost     atomic.Int32
	requests atomic.Int32 // requests of loseKey seen
}

const (
	keyProduce int32 = 0
	keyNone    int32 = -1
)

// unreliable wraps cfg's Dial.
func unreliable(cfg *stream.Config) *faults {
	f := &faults{dial: cfg.Dial}
	if f.dial == nil {
		f.dial = new(net.Dialer).DialContext
	}
	f.loseKey.Store(keyNone)
	cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := f.dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &lossy{Conn: c, f: f}, nil
	}
	return f
}

type lossy struct {
	net.Conn
	f     *faults
	armed atomic.Bool // the request in flight is one whose reply is to be lost
}

func (l *lossy) Write(b []byte) (int, error) {
	// A request starts with its length and its api key, and the clients write
	// that in one piece.
	if len(b) >= 6 {
		if k := l.f.loseKey.Load(); k != keyNone && int32(b[4])<<8|int32(b[5]) == k {
			l.f.requests.Add(1)
			l.armed.Store(true)
		}
	}
	return l.Conn.Write(b)
}

func (l *lossy) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b) // the broker has answered, so it has stored
	if err != nil || !l.armed.Load() {
		return n, err
	}
	if l.f.hold.Load() {
		l.f.lost.Add(1)
		return l.Conn.Read(b) // nothing more comes: waits for the deadline
	}
	l.armed.Store(false)
	if l.f.loseKey.Swap(keyNone) == keyNone {
		return n, err
	}
	l.f.lost.Add(1)
	l.Conn.Close()
	return 0, net.ErrClosed
}
