package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// metadataTTL is how long kafka-go trusts its picture of the cluster. Its
// default of 6 s turns a leader move into 4.5 s of refused records; 1 s, into 0.6.
const metadataTTL = time.Second

// Client reaches one cluster. It is safe for concurrent use; Close it last.
type Client struct {
	cfg       Config
	sasl      sasl.Mechanism // nil: none
	transport *kafka.Transport
	kafka     *kafka.Client
}

// NewClient checks cfg. It does not connect: a cluster that is away shows at
// the first call.
func NewClient(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	if cfg.DialTimeout <= 0 {
		cfg.DialTimeout = 5 * time.Second
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "sluice"
	}
	m, err := cfg.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	t := &kafka.Transport{
		Dial: cfg.Dial, DialTimeout: cfg.DialTimeout, MetadataTTL: metadataTTL,
		ClientID: cfg.ClientID, TLS: cfg.TLS, SASL: m,
	}
	return &Client{
		cfg: cfg, sasl: m, transport: t,
		kafka: &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Transport: t},
	}, nil
}

// Close drops idle connections. Calls in flight end by their contexts.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// layout is one topic as the cluster describes it.
type layout struct {
	id      [16]byte
	leaders []string // by partition: address of the leader, "" when there is none
}

// any runs f on a connection to the first broker that answers.
func (c *Client) any(ctx context.Context, f func(*wire) error) error {
	var last error
	for _, i := range rand.Perm(len(c.cfg.Brokers)) {
		w, err := c.dial(ctx, c.cfg.Brokers[i])
		if err != nil {
			last = err
			continue
		}
		err = f(w)
		w.close()
		return err
	}
	return last
}

// at runs f on a fresh connection to addr.
func (c *Client) at(ctx context.Context, addr string, f func(*wire) error) error {
	w, err := c.dial(ctx, addr)
	if err != nil {
		return err
	}
	defer w.close()
	return f(w)
}

// layout asks for one topic. Versions 10 to 12 carry the topic id, which
// kafka-go's own metadata request (at most 8) does not.
func (c *Client) layout(ctx context.Context, topic string) (*layout, error) {
	var l *layout
	err := c.any(ctx, func(w *wire) (err error) {
		l, err = w.layout(ctx, topic)
		return err
	})
	if errors.Is(err, ErrNoTopic) {
		return nil, err
	}
	if err != nil {
		return nil, wireError("stream: metadata", err)
	}
	return l, nil
}

func (w *wire) layout(ctx context.Context, topic string) (*layout, error) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, t)
	req.AllowAutoTopicCreation = false
	r, err := w.do(ctx, req, 10, 12)
	if err != nil {
		return nil, err
	}
	resp := r.(*kmsg.MetadataResponse)
	addrs := make(map[int32]string, len(resp.Brokers))
	for _, b := range resp.Brokers {
		addrs[b.NodeID] = net.JoinHostPort(b.Host, fmt.Sprint(b.Port))
	}
	if len(resp.Topics) != 1 {
		return nil, errors.New("metadata answers another question")
	}
	mt := resp.Topics[0]
	switch code := kafka.Error(mt.ErrorCode); code {
	case 0:
	case kafka.UnknownTopicOrPartition:
		return nil, ErrNoTopic
	default:
		return nil, code
	}
	l := &layout{id: mt.TopicID, leaders: make([]string, len(mt.Partitions))}
	for _, p := range mt.Partitions {
		if int(p.Partition) < len(l.leaders) && p.ErrorCode == 0 {
			l.leaders[p.Partition] = addrs[p.Leader]
		}
	}
	return l, nil
}

// leader is the address of partition p's leader.
func (l *layout) leader(p int32) (string, error) {
	if p < 0 || int(p) >= len(l.leaders) {
		return "", kafka.UnknownTopicOrPartition
	}
	if l.leaders[p] == "" {
		return "", kafka.LeaderNotAvailable
	}
	return l.leaders[p], nil
}

// byLeader groups partitions by the broker that leads them.
func (l *layout) byLeader(partitions []int32) (map[string][]int32, error) {
	m := make(map[string][]int32)
	for _, p := range partitions {
		addr, err := l.leader(p)
		if err != nil {
			return nil, err
		}
		m[addr] = append(m[addr], p)
	}
	return m, nil
}

// backoff waits before try n (from 0) in a loop of retries: 20 ms doubling to
// 1 s, with jitter so that many lanes do not return together. It returns false
// when ctx ends first.
func backoff(ctx context.Context, n int) bool {
	d := min(20*time.Millisecond<<min(n, 10), time.Second)
	t := time.NewTimer(d/2 + rand.N(d/2))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
