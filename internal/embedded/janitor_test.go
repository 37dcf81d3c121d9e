package embedded_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-events/sluice/internal/embedded"
	"github.com/sluice-events/sluice/internal/stream"
)

func firsts(t testing.TB, c *stream.Client) []stream.Range {
	t.Helper()
	r, err := c.Offsets(within(t), topicName)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	b := start(t, embedded.Config{Dir: dir})
	c := client(t, b)
	for i := range 10 {
		produce(t, c, 0, fmt.Sprint(i))
	}
	later := time.Now().Add(time.Hour)
	sweep := func(r embedded.Rule, now time.Time) {
		t.Helper()
		r.Topic = topicName
		if err := b.Sweep(within(t), c, r, now); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, first, end int64) {
		t.Helper()
		if got := firsts(t, c); !slices.Equal(got, []stream.Range{{First: first, End: end}, {}}) {
			t.Errorf("%s: %v, want [%d, %d)", what, got, first, end)
		}
	}
	sweep(embedded.Rule{Group: "g"}, later)
	want("nothing is committed", 0, 10)
	commitOnce(t, c, "g", func(a *stream.Assignment) (int64, string) { return int64(6 - 6*a.Partition), "" })
	sweep(embedded.Rule{Group: "g", Keep: 2 * time.Hour}, later)
	want("committed but kept", 0, 10)
	sweep(embedded.Rule{Group: "g", Keep: time.Minute}, later)
	want("committed and old", 6, 10)
	commitOnce(t, c, "g", func(a *stream.Assignment) (int64, string) { return int64(10 - 10*a.Partition), "" })
	sweep(embedded.Rule{Group: "g"}, later)
	want("everything committed: the last record stays", 9, 10)
	produce(t, c, 0, "x", "y")
	sweep(embedded.Rule{}, later)
	want("by time alone", 11, 12)
	stop(t, b)

	b = start(t, embedded.Config{Dir: dir})
	defer stop(t, b)
	c = client(t, b)
	want("after a restart", 11, 12)
	produce(t, c, 0, "z")
	if got := values(t, c, 0); got[12] != "z" {
		t.Errorf("offsets do not go on: %v", got)
	}
}

// The log fills, Room says so, the consumer catches up, the janitor makes room
// though Keep is long, and disk space really comes back.
func TestRoom(t *testing.T) {
	b := start(t, embedded.Config{Dir: t.TempDir(), MaxLogBytes: 2 << 20, SegmentBytes: 64 << 10})
	defer stop(t, b)
	c := client(t, b)
	if err := b.Room(); err != nil {
		t.Fatal(err)
	}
	block := strings.Repeat("x", 64<<10)
	for range 40 {
		produce(t, c, 0, block)
	}
	waitRoom(t, b, embedded.ErrFull)
	full := b.Size()
	commitOnce(t, c, "g", func(a *stream.Assignment) (int64, string) { return int64(30 - 30*a.Partition), "" })
	r := embedded.Rule{Topic: topicName, Group: "g", Keep: time.Hour}
	if err := b.Sweep(within(t), c, r, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := firsts(t, c)[0]; got != (stream.Range{First: 30, End: 40}) {
		t.Errorf("the log holds %v, want what is not committed", got)
	}
	waitRoom(t, b, nil)
	if freed := full - b.Size(); freed < 25*64<<10 {
		t.Errorf("%d bytes freed of about %d", freed, 30*64<<10)
	}
	// Not under pressure, Keep holds.
	commitOnce(t, c, "g", func(a *stream.Assignment) (int64, string) { return int64(35 - 35*a.Partition), "" })
	if err := b.Sweep(within(t), c, r, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := firsts(t, c)[0].First; got != 30 {
		t.Errorf("Keep was not kept: first is %d", got)
	}
}

func waitRoom(t *testing.T, b *embedded.Broker, want error) {
	t.Helper()
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = b.Room(); errors.Is(err, want) {
			return
		}
	}
	t.Fatalf("Room = %v, want %v", err, want)
}

func TestNearlyFullDisk(t *testing.T) {
	b := start(t, embedded.Config{Dir: t.TempDir(), MinFreeBytes: 1 << 62})
	defer stop(t, b)
	if err := b.Room(); !errors.Is(err, embedded.ErrFull) {
		t.Errorf("Room = %v, want ErrFull: no disk has that much", err)
	}
}
