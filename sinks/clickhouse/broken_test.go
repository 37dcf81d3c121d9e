package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/sinks"
	"github.com/sluice-events/sluice/sinks/sinktest"
	"github.com/sluice-events/sluice/sinks/sinktest/chtest"
)

// wire is a sink that reaches a real engine through a relay.
type wire struct {
	*Sink
	t     testing.TB
	e     *chtest.Engine
	relay *relay
	store *policy.Store
	l     *layout
	n     byte // batches so far
}

// sentRows is how many rows a batch has: enough for many packets.
const sentRows = 20_000

func wired(t testing.TB, change ...func(*Config)) *wire {
	t.Helper()
	p := sinktest.Policy(t)
	e, straight, _ := migrated(t, p)
	_ = straight.Close()
	w := &wire{t: t, e: e, relay: relayTo(t, e.Addr()), store: store(t, p, "ev_personalize")}
	w.Sink = open(t, e, p, append(change, func(c *Config) { c.Addr = []string{w.relay.addr()} })...)
	var err error
	if w.l, err = w.layout(w.store); err != nil {
		t.Fatal(err)
	}
	if err := w.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
	return w
}

// batch is what one attempt after the other sends.
type batch struct {
	rows  *made
	token string
	mark  mark
}

func (w *wire) next() *batch {
	w.n++
	id := [16]byte{w.n}
	return &batch{some(w.store, sentRows, uint64(w.n), id), fmt.Sprintf("token-%d", w.n), mark{id, sentRows}}
}

func (w *wire) try(ctx context.Context, b *batch, attempt int) error {
	return w.write(ctx, w.l, b.rows, b.token, b.mark, attempt)
}

// size is how many bytes of a batch go over the wire, without the head of the request.
func (w *wire) size(b *batch) int {
	block := new(encoder).encode(w.l, b.rows)
	if w.cfg.Compression == NoCompression {
		return len(block)
	}
	f, n := newFrames(w.cfg.Compression), 0
	f.reset(block)
	var part [64 << 10]byte
	for {
		k, err := f.Read(part[:])
		if n += k; err != nil {
			return n
		}
	}
}

// until repeats a batch until the store has it.
func (w *wire) until(b *batch, attempt int) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; attempt++ {
		err := w.try(context.Background(), b, attempt)
		if err == nil {
			return
		}
		if time.Now().After(deadline) || errors.Is(err, sinks.ErrPoison) {
			w.t.Fatalf("attempt %d: %v", attempt, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// exact checks the store and the aggregate behind it: every batch once, none in part.
func (w *wire) exact() {
	w.t.Helper()
	want := uint64(w.n) * sentRows
	if got := number(w.t, w.Sink, "SELECT toString(count()) FROM "+w.ref("ev_personalize")); got != want {
		w.t.Errorf("%d rows, want %d", got, want)
	}
	if got := number(w.t, w.Sink, "SELECT toString(sum(n)) FROM "+w.ref("agg_pid_item_day")); got != want {
		w.t.Errorf("the aggregate counts %d events, want %d", got, want)
	}
	if got := number(w.t, w.Sink, "SELECT toString(uniqExact(row_id)) FROM "+w.ref("ev_personalize")); got != want {
		w.t.Errorf("%d different rows, want %d", got, want)
	}
}

// open wants an error that leaves the outcome open and says nothing it must not.
func (w *wire) open(name string, err error) {
	w.t.Helper()
	if !errors.Is(err, sinks.ErrUnknown) && !errors.Is(err, sinks.ErrRetryable) || errors.Is(err, sinks.ErrPoison) {
		w.t.Errorf("%s: %v, want an error after which the batch is sent again", name, err)
		return
	}
	for _, word := range []string{"http", "127.0.0.1", "token-", chtest.Password, "INSERT", "/course/", w.e.Dir()} {
		if strings.Contains(err.Error(), word) {
			w.t.Errorf("%s: the error holds %q: %v", name, word, err)
		}
	}
}

func forms(t *testing.T, f func(t *testing.T, w *wire)) {
	t.Helper()
	for _, c := range []string{NoCompression, LZ4} {
		t.Run(c, func(t *testing.T) { f(t, wired(t, func(cfg *Config) { cfg.Compression = c })) })
	}
}

// The connection is cut while a batch is on its way: nothing of it is stored, and the same
// batch sent again is stored once. Cut behind the last byte it may be there or not: the
// sink asks, and it is stored once too.
func TestCutInTheMiddle(t *testing.T) {
	forms(t, func(t *testing.T, w *wire) {
		for _, part := range []float64{0.001, 0.3, 0.7, 0.99} {
			b := w.next()
			w.relay.arm(int(part*float64(w.size(b))), w.relay.cut)
			err := w.try(context.Background(), b, 1)
			if !errors.Is(err, sinks.ErrUnknown) {
				t.Errorf("cut at %g: %v, want ErrUnknown", part, err)
			}
			w.open(fmt.Sprint("cut at ", part), err)
			if n, err := w.Landed(context.Background(), "ev_personalize", b.mark.id); err != nil || n != 0 {
				t.Errorf("cut at %g: %d rows landed, %v; want none", part, n, err)
			}
			w.until(b, 2)
		}
		w.exact()
	})
}

// The batch arrives and the answer does not: the sink finds that it landed, and it is not
// stored again, whether the sink remembers that it tried or not.
func TestAnswerLost(t *testing.T) {
	w := wired(t)
	for attempt := 1; attempt <= 2; attempt++ {
		b := w.next()
		w.relay.setMute(true)
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		err := w.try(ctx, b, 1)
		cancel()
		if !errors.Is(err, sinks.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want ErrUnknown and a deadline", err)
		}
		w.open("answer lost", err)
		w.relay.setMute(false)
		w.relay.cut()
		if n, err := w.Landed(context.Background(), "ev_personalize", b.mark.id); err != nil || n != sentRows {
			t.Errorf("%d rows landed, %v; want all", n, err)
		}
		w.until(b, attempt)
	}
	w.exact()
}

// A server that takes its time: the call ends with its deadline, or with the sink's own.
func TestSlowServer(t *testing.T) {
	w := wired(t, func(c *Config) { c.Timeout = 500 * time.Millisecond })
	for _, own := range []bool{false, true} {
		b := w.next()
		free := make(chan struct{})
		w.relay.arm(w.size(b)/2, func() { <-free })
		ctx, cancel := context.Background(), context.CancelFunc(func() {})
		if own {
			ctx, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
		}
		err := w.try(ctx, b, 1)
		cancel()
		if !errors.Is(err, sinks.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want ErrUnknown and a deadline", err)
		}
		w.open("slow", err)
		close(free)
		w.relay.cut()
		w.until(b, 2)
	}
	w.exact()
}

// The engine is killed while a batch is on its way, and right behind its last byte: what
// was acknowledged is there, and every batch is there once in the end, in the store and in
// the aggregate.
func TestEngineKilled(t *testing.T) {
	w := wired(t)
	failed := 0
	for _, part := range []float64{0.2, 0.9, 1, 1, 1, 1} {
		b := w.next()
		done := make(chan struct{})
		size := w.size(b)
		w.relay.arm(int(part*float64(size)), func() {
			go func() {
				defer close(done)
				if part == 1 { // while the server works on it
					time.Sleep(time.Duration(failed) * 7 * time.Millisecond)
				}
				w.e.Kill(t)
			}()
			if part < 1 {
				<-done
			}
		})
		err := w.try(context.Background(), b, 1)
		<-done
		if err != nil {
			failed++
			w.open("killed", err)
		}
		w.until(b, 2)
		w.until(b, 1) // as a new process would: it does not know that it tried
	}
	if failed < 2 {
		t.Errorf("%d of 6 inserts failed: the kill comes too late to show anything", failed)
	}
	w.exact()
}

// The store's folder cannot be written to: the batch waits, and goes in when it can.
func TestFolderGone(t *testing.T) {
	ctx := context.Background()
	w := wired(t)
	w.until(w.next(), 1)
	rows, err := w.Strings(ctx, "SELECT arrayJoin(data_paths) FROM system.tables WHERE database = 'sluice' AND name = 'ev_personalize'", nil)
	if err != nil || len(rows) != 1 || !strings.HasPrefix(rows[0][0], w.e.Dir()) {
		t.Fatalf("%v, %v", rows, err)
	}
	folder := filepath.Clean(rows[0][0])
	if err := os.Rename(folder, folder+".gone"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o400); err != nil {
		t.Fatal(err)
	}
	b := w.next()
	for attempt := 1; attempt <= 2; attempt++ {
		err := w.try(ctx, b, attempt)
		if err == nil {
			t.Fatal("the insert went somewhere")
		}
		t.Logf("attempt %d: %v", attempt, err)
		w.open("no folder", err)
	}
	if err := errors.Join(os.Remove(folder), os.Rename(folder+".gone", folder)); err != nil {
		t.Fatal(err)
	}
	w.until(b, 3)
	w.exact()
}
