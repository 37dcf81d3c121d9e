package stream_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-events/sluice/internal/stream"
)

func TestProduceFetch(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp := topic(t, c, 2)
		p := stream.NewProducer(c, tp, stream.ProducerConfig{})
		if base := produce(t, p, 1, records(0, 3)); base != 0 {
			t.Errorf("first base = %d, want 0", base)
		}
		if base := produce(t, p, 1, records(3, 2)); base != 3 {
			t.Errorf("second base = %d, want 3", base)
		}
		in := []stream.Record{{Key: key(9), Value: nil, Timestamp: 1_700_000_000_000}}
		produce(t, p, 1, in)

		f, err := c.Open(within(t), tp, 1, 1, stream.FetchConfig{KeyLen: 8})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var got []string
		for len(got) < 5 {
			rs, err := f.Next(within(t))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rs {
				got = append(got, fmt.Sprintf("%d %s %s", r.Offset, r.Key, r.Value))
				if r.Offset == 5 && (r.Value != nil || r.Timestamp != in[0].Timestamp) {
					t.Errorf("tombstone came back as value %q at %d", r.Value, r.Timestamp)
				}
				if age := time.Since(time.UnixMilli(r.Timestamp)); r.Offset < 5 && (age < 0 || age > time.Minute) {
					t.Errorf("timestamp of offset %d is %v old", r.Offset, age)
				}
			}
		}
		// The fetch began inside a batch: offset 0 of that batch must not show.
		want := []string{"1 k0000001 value-1", "2 k0000002 value-2", "3 k0000003 value-3", "4 k0000004 value-4", "5 k0000009 "}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if f.Offset() != 6 || f.End() != 6 {
			t.Errorf("Offset, End = %d, %d, want 6, 6", f.Offset(), f.End())
		}
		if rs, err := f.Next(within(t)); err != nil || len(rs) != 0 {
			t.Errorf("idle fetch = %d records, %v; want none and no error", len(rs), err)
		}
	})
}

// A reply lost after the broker has stored: the resend must not store again.
func TestLostReply(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		f := unreliable(&cfg)
		c := client(t, cfg)
		tp := topic(t, c, 1)
		p := stream.NewProducer(c, tp, stream.ProducerConfig{})
		var want []string
		for i := range 12 {
			f.loseKey.Store(keyProduce)
			if base := produce(t, p, 0, records(i, 1)); base != int64(i) {
				t.Errorf("call %d: base = %d", i, base)
			}
			want = append(want, fmt.Sprintf("%d:value-%d", i, i))
		}
		if n := f.lost.Load(); n != 12 {
			t.Fatalf("%d replies were lost, want 12: the test tests nothing", n)
		}
		if diff := cmp.Diff(want, values(t, c, tp, 0)); diff != "" {
			t.Error(diff)
		}
	})
}

// The context ends while the reply is held back: the outcome is unknown, and the
// partition goes on working under a new identity.
func TestUnknownOutcome(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		f := unreliable(&cfg)
		c := client(t, cfg)
		tp := topic(t, c, 1)
		p := stream.NewProducer(c, tp, stream.ProducerConfig{})
		produce(t, p, 0, records(0, 1))
		f.hold.Store(true)
		f.loseKey.Store(keyProduce)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := p.Produce(ctx, 0, records(1, 1))
		if !errors.Is(err, stream.ErrUnknown) || errors.Is(err, stream.ErrRetryable) {
			t.Fatalf("err = %v, want ErrUnknown alone", err)
		}
		f.hold.Store(false)
		f.loseKey.Store(keyNone)
		produce(t, p, 0, records(2, 1))
		want := []string{"0:value-0", "1:value-1", "2:value-2"} // this time it was stored
		if diff := cmp.Diff(want, values(t, c, tp, 0)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestProduceErrors(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp := name("small")
		spec := stream.TopicSpec{Name: tp, Partitions: 1, Configs: map[string]string{"max.message.bytes": "2000"}}
		if err := c.EnsureTopic(within(t), spec); err != nil {
			t.Fatal(err)
		}
		big := []stream.Record{{Key: key(0), Value: make([]byte, 4000)}}
		p := stream.NewProducer(c, tp, stream.ProducerConfig{})
		if _, err := p.Produce(within(t), 0, big); !errors.Is(err, stream.ErrTooLarge) {
			t.Errorf("too large for the topic: %v", err)
		}
		small := stream.NewProducer(c, tp, stream.ProducerConfig{MaxBatchBytes: 1000})
		if _, err := small.Produce(within(t), 0, big); !errors.Is(err, stream.ErrTooLarge) {
			t.Errorf("too large for the producer: %v", err)
		}
		// Nothing was stored and the sequence is intact.
		produce(t, p, 0, records(0, 2))
		if got := values(t, c, tp, 0); len(got) != 2 {
			t.Errorf("the log holds %q", got)
		}
		// A partition that is not there may be one that is not known yet.
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := p.Produce(ctx, 7, records(0, 1)); !errors.Is(err, stream.ErrRetryable) {
			t.Errorf("unknown partition: %v", err)
		}
		p.Close()
		if _, err := p.Produce(within(t), 0, records(0, 1)); !errors.Is(err, stream.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestBrokerAway(t *testing.T) {
	away := errors.New("connection refused")
	cfg := stream.Config{
		Brokers: []string{"127.0.0.1:1"},
		Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: away}
		},
	}
	c := client(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := stream.NewProducer(c, "t", stream.ProducerConfig{}).Produce(ctx, 0, records(0, 1))
	if !errors.Is(err, stream.ErrRetryable) || errors.Is(err, stream.ErrUnknown) {
		t.Errorf("produce: %v, want ErrRetryable: nothing can have been stored", err)
	}
	if _, err := c.Partitions(ctx, "t"); !errors.Is(err, stream.ErrRetryable) {
		t.Errorf("partitions: %v", err)
	}
}

// Calls for one partition take turns; none is lost, none twice, each is whole.
func TestConcurrentProduce(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		f := unreliable(&cfg)
		c := client(t, cfg)
		tp := topic(t, c, 2)
		p := stream.NewProducer(c, tp, stream.ProducerConfig{})
		ctx := within(t)
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range 10 {
					if i == 5 {
						f.loseKey.Store(keyProduce)
					}
					if _, err := p.Produce(ctx, int32(w%2), records(w*1000+i*10, 3)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for part := range int32(2) {
			got := values(t, c, tp, part)
			if len(got) != 4*10*3 {
				t.Fatalf("partition %d holds %d records, want 120", part, len(got))
			}
			seen := make(map[int]bool)
			for off, v := range got {
				var o, n int
				fmt.Sscanf(v, "%d:value-%d", &o, &n)
				if o != off || seen[n] {
					t.Errorf("offset %d: %s", off, v)
				}
				seen[n] = true
				if off%3 > 0 {
					var prev int
					fmt.Sscanf(got[off-1], "%d:value-%d", new(int), &prev)
					if n != prev+1 {
						t.Errorf("batch torn at offset %d", off)
					}
				}
			}
		}
	})
}

func TestTopics(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp := topic(t, c, 3)
		if err := c.EnsureTopic(within(t), stream.TopicSpec{Name: tp, Partitions: 3}); err != nil {
			t.Errorf("ensure again: %v", err)
		}
		if err := c.EnsureTopic(within(t), stream.TopicSpec{Name: tp, Partitions: 4}); !errors.Is(err, stream.ErrRefused) {
			t.Errorf("other partition count: %v, want ErrRefused", err)
		}
		if n, err := c.Partitions(within(t), tp); n != 3 || err != nil {
			t.Errorf("Partitions = %d, %v", n, err)
		}
		if _, err := c.Partitions(within(t), name("none")); !errors.Is(err, stream.ErrNoTopic) {
			t.Errorf("missing topic: %v", err)
		}
		p := stream.NewProducer(c, tp, stream.ProducerConfig{})
		produce(t, p, 2, records(0, 5))
		before := time.Now()
		time.Sleep(5 * time.Millisecond)
		produce(t, p, 2, records(5, 5))
		want := []stream.Range{{0, 0}, {0, 0}, {0, 10}}
		if got, err := c.Offsets(within(t), tp); err != nil || !slices.Equal(got, want) {
			t.Errorf("Offsets = %v, %v, want %v", got, err, want)
		}
		if got, err := c.OffsetsAt(within(t), tp, before.Add(2*time.Millisecond)); err != nil || !slices.Equal(got, []int64{-1, -1, 5}) {
			t.Errorf("OffsetsAt = %v, %v", got, err)
		}
	})
}

func TestDeleteRecords(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp := topic(t, c, 2)
		p := stream.NewProducer(c, tp, stream.ProducerConfig{})
		for i := range 10 {
			produce(t, p, 0, records(i, 1))
		}
		if err := c.DeleteRecords(within(t), tp, map[int32]int64{0: 7}); err != nil {
			t.Fatal(err)
		}
		got, err := c.Offsets(within(t), tp)
		if want := []stream.Range{{7, 10}, {0, 0}}; err != nil || !slices.Equal(got, want) {
			t.Errorf("Offsets = %v, %v, want %v", got, err, want)
		}
		if v := values(t, c, tp, 0); !slices.Equal(v, []string{"7:value-7", "8:value-8", "9:value-9"}) {
			t.Errorf("left: %q", v)
		}
		if err := c.DeleteRecords(within(t), tp, map[int32]int64{0: 11}); !errors.Is(err, stream.ErrOffsetOutOfRange) {
			t.Errorf("beyond the end: %v", err)
		}
	})
}

func TestIncarnation(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp := topic(t, c, 1)
		p := stream.NewProducer(c, tp, stream.ProducerConfig{})
		produce(t, p, 0, records(0, 3))
		first, err := c.Incarnation(within(t), tp)
		if err != nil || len(first) != 22 {
			t.Fatalf("Incarnation = %q, %v", first, err)
		}
		if again, err := c.Incarnation(within(t), tp); again != first {
			t.Errorf("asked again: %q, %v, want %q", again, err, first)
		}
		f, err := c.Open(within(t), tp, 0, 0, stream.FetchConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if rs, err := f.Next(within(t)); len(rs) != 3 {
			t.Fatalf("%d records, %v", len(rs), err)
		}

		if err := c.DeleteTopic(within(t), tp); err != nil {
			t.Fatal(err)
		}
		if err := c.EnsureTopic(within(t), stream.TopicSpec{Name: tp, Partitions: 1}); err != nil {
			t.Fatal(err)
		}
		produce(t, p, 0, records(100, 5))
		second, err := c.Incarnation(within(t), tp)
		if err != nil || second == first {
			t.Errorf("after creating anew: %q, %v; was %q", second, err, first)
		}
		// The old reader stands at offset 3 of another topic: it must not read on.
		ctx := within(t)
		for {
			rs, err := f.Next(ctx)
			if errors.Is(err, stream.ErrRetryable) && ctx.Err() == nil {
				continue
			}
			if !errors.Is(err, stream.ErrRecreated) || len(rs) > 0 {
				t.Errorf("old reader: %d records, %v; want ErrRecreated", len(rs), err)
			}
			break
		}
	})
}
