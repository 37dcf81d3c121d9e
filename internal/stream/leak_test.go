package stream_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/sluice-events/sluice/internal/stream"
)

// What a client starts ends with it.
func TestNoGoroutineLeft(t *testing.T) {
	b := startEmbedded(t)
	use := func() {
		c, err := stream.NewClient(b.Stream())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx, cancel := context.WithCancel(within(t))
		defer cancel()
		if err := c.EnsureTopic(ctx, stream.TopicSpec{Name: "leak", Partitions: 1}); err != nil {
			t.Fatal(err)
		}
		p := stream.NewProducer(c, "leak", stream.ProducerConfig{})
		produce(t, p, 0, records(0, 1))
		values(t, c, "leak", 0)
		err = c.RunGroup(ctx, stream.GroupConfig{ID: "leak", Topics: []string{"leak"}}, func(ctx context.Context, a *stream.Assignment) error {
			if err := a.Commit(ctx, 1, ""); err != nil {
				return err
			}
			cancel()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	use() // what the broker starts once
	settle := func(limit int) (n int) {
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if n = runtime.NumGoroutine(); n <= limit {
				break
			}
		}
		return n
	}
	time.Sleep(500 * time.Millisecond)
	before := runtime.NumGoroutine()
	for range 5 {
		use()
	}
	if after := settle(before); after > before {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after:\n%s", before, after, buf[:runtime.Stack(buf, true)])
	}
}
