package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-events/sluice/internal/stream"
)

// member runs RunGroup in the background.
type member struct {
	stop context.CancelFunc
	err  chan error
}

func join(t *testing.T, c *stream.Client, cfg stream.GroupConfig, h stream.Handler) *member {
	t.Helper()
	cfg.SessionTimeout = 2 * time.Second
	cfg.RebalanceTimeout = 10 * time.Second
	ctx, cancel := context.WithCancel(t.Context())
	m := &member{stop: cancel, err: make(chan error, 1)}
	go func() { m.err <- c.RunGroup(ctx, cfg, h) }()
	t.Cleanup(func() { cancel() })
	return m
}

func (m *member) leave(t *testing.T) {
	t.Helper()
	m.stop()
	m.ends(t, nil)
}

func (m *member) ends(t *testing.T, want error) {
	t.Helper()
	select {
	case err := <-m.err:
		if !errors.Is(err, want) {
			t.Errorf("RunGroup = %v, want %v", err, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("RunGroup did not end")
	}
}

func receive[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(30 * time.Second):
		t.Fatalf("nothing came: %s", what)
		panic("unreachable")
	}
}

func TestGroupCommit(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp, group := topic(t, c, 1), name("g")
		intent := strings.Repeat("intent ", 100)
		got := make(chan string, 1)
		work := func(ctx context.Context, a *stream.Assignment) error {
			got <- fmt.Sprintf("%s/%d at %d %q", a.Topic, a.Partition, a.Offset, a.Metadata)
			if err := a.Commit(ctx, a.Offset+43, intent); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		}
		gc := stream.GroupConfig{ID: group, Topics: []string{tp}}
		m := join(t, c, gc, work)
		if s := receive(t, got, "first assignment"); s != tp+`/0 at -1 ""` {
			t.Errorf("first assignment: %s", s)
		}
		waitCommitted(t, c, group, tp, stream.Commit{Offset: 42, Metadata: intent})
		m.leave(t)
		// Another member reads back the offset and the metadata.
		m = join(t, c, gc, work)
		if s := receive(t, got, "second assignment"); s != fmt.Sprintf("%s/0 at 42 %q", tp, intent) {
			t.Errorf("second assignment: %s", s)
		}
		waitCommitted(t, c, group, tp, stream.Commit{Offset: 85, Metadata: intent})
		m.leave(t)
	})
}

func waitCommitted(t *testing.T, c *stream.Client, group, tp string, want stream.Commit) {
	t.Helper()
	var got map[int32]stream.Commit
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if got, err = c.Committed(within(t), group, tp); err == nil && got[0] == want {
			return
		}
	}
	t.Errorf("committed %v, %v, want %v", got, err, want)
}

// owners tells which member holds which partition, and fails the test when two
// hold one at once.
type owners struct {
	t  *testing.T
	mu sync.Mutex
	of map[int32]string
}

func (o *owners) handler(who string) stream.Handler {
	return func(ctx context.Context, a *stream.Assignment) error {
		o.mu.Lock()
		if other, taken := o.of[a.Partition]; taken {
			o.t.Errorf("partition %d: %s got it while %s has it", a.Partition, who, other)
		}
		o.of[a.Partition] = who
		o.mu.Unlock()
		<-ctx.Done()
		o.mu.Lock()
		delete(o.of, a.Partition)
		o.mu.Unlock()
		return nil
	}
}

func (o *owners) wait(want ...string) {
	o.t.Helper()
	var got []string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		o.mu.Lock()
		got = got[:0]
		for _, who := range o.of {
			got = append(got, who)
		}
		o.mu.Unlock()
		slices.Sort(got)
		if slices.Equal(got, want) {
			return
		}
	}
	o.t.Fatalf("partitions are held by %v, want %v", got, want)
}

func TestGroupRebalance(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp := topic(t, c, 4)
		gc := stream.GroupConfig{ID: name("g"), Topics: []string{tp}}
		o := &owners{t: t, of: make(map[int32]string)}
		a := join(t, c, gc, o.handler("a"))
		o.wait("a", "a", "a", "a")
		b := join(t, c, gc, o.handler("b"))
		o.wait("a", "a", "b", "b")
		began := time.Now()
		a.leave(t)
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("leaving took %v: it waited for a rebalance", d)
		}
		o.wait("b", "b", "b", "b")
		b.leave(t)
		o.wait()
	})
}

// A member that lost its partition commits late: nothing changes, and every
// handler of its generation is told to stop.
func TestGroupFenced(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp, group := topic(t, c, 1), name("g")
		gc := stream.GroupConfig{ID: group, Topics: []string{tp}}
		held := make(chan *stream.Assignment, 10)
		h := func(ctx context.Context, a *stream.Assignment) error {
			held <- a
			<-ctx.Done()
			return nil
		}
		first := join(t, c, gc, h)
		old := receive(t, held, "assignment")
		if err := old.Commit(within(t), 5, "mine"); err != nil {
			t.Fatal(err)
		}
		first.leave(t)
		second := join(t, c, gc, h)
		fresh := receive(t, held, "assignment of the second member")
		if fresh.Generation() <= old.Generation() {
			t.Errorf("generation %d follows %d", fresh.Generation(), old.Generation())
		}
		if err := old.Commit(within(t), 99, "stolen"); !errors.Is(err, stream.ErrFenced) {
			t.Errorf("late commit: %v, want ErrFenced", err)
		}
		if got, err := c.Committed(within(t), group, tp); err != nil || got[0] != (stream.Commit{Offset: 5, Metadata: "mine"}) {
			t.Errorf("committed: %v, %v", got, err)
		}
		if err := fresh.Commit(within(t), 6, "next"); err != nil {
			t.Errorf("commit of the owner: %v", err)
		}
		if err := fresh.Commit(within(t), 7, strings.Repeat("x", 5000)); !errors.Is(err, stream.ErrRefused) {
			t.Errorf("5000 bytes of metadata: %v", err)
		}
		second.leave(t)
	})
}

// A fenced commit ends the generation, and the member joins anew by itself.
func TestGroupRejoinsWhenFenced(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp := topic(t, c, 2)
		var mu sync.Mutex
		calls := make(map[int32]int)
		again, other := make(chan int32, 10), make(chan struct{})
		m := join(t, c, stream.GroupConfig{ID: name("g"), Topics: []string{tp}}, func(ctx context.Context, a *stream.Assignment) error {
			mu.Lock()
			calls[a.Partition]++
			n := calls[a.Partition]
			mu.Unlock()
			if n == 1 && a.Partition == 1 {
				close(other)
			}
			if n == 1 && a.Partition == 0 {
				<-other
				return fmt.Errorf("as a handler would wrap it: %w", stream.ErrFenced)
			}
			if n == 2 {
				again <- a.Partition
			}
			<-ctx.Done() // partition 1 is told to stop by partition 0's fence
			return nil
		})
		p, q := receive(t, again, "a second call"), receive(t, again, "a second call of the other")
		if p == q {
			t.Errorf("partition %d came twice", p)
		}
		m.leave(t)
	})
}

func TestGroupHandlerErrors(t *testing.T) {
	b := startEmbedded(t)
	c := client(t, b.Stream())
	tp := topic(t, c, 1)
	boom := errors.New("boom")
	calls := 0
	m := join(t, c, stream.GroupConfig{ID: name("g"), Topics: []string{tp}}, func(ctx context.Context, a *stream.Assignment) error {
		calls++ // one partition: never two calls at once
		switch calls {
		case 1:
			// The next call must see what this one committed.
			if err := a.Commit(ctx, 7, "seven"); err != nil {
				return err
			}
			return fmt.Errorf("store away: %w", stream.ErrRetryable)
		case 2:
			if a.Offset != 7 || a.Metadata != "seven" {
				t.Errorf("called again with %d %q", a.Offset, a.Metadata)
			}
			return boom
		}
		t.Error("called again after an error that ends the group")
		return nil
	})
	m.ends(t, boom)

	m = join(t, c, stream.GroupConfig{ID: name("g"), Topics: []string{tp}}, func(context.Context, *stream.Assignment) error { return nil })
	select {
	case err := <-m.err:
		if err == nil {
			t.Error("a handler that returns early went unnoticed")
		}
	case <-time.After(10 * time.Second):
		t.Error("a handler that returns early went unnoticed")
	}
}

// The broker's refusal of a session timeout must not look like a broker away.
func TestGroupRefused(t *testing.T) {
	b := startEmbedded(t)
	c := client(t, b.Stream())
	tp := topic(t, c, 1)
	err := c.RunGroup(within(t), stream.GroupConfig{ID: name("g"), Topics: []string{tp}, SessionTimeout: time.Hour},
		func(context.Context, *stream.Assignment) error { return nil })
	if !errors.Is(err, stream.ErrRefused) {
		t.Errorf("RunGroup = %v, want ErrRefused", err)
	}
}
