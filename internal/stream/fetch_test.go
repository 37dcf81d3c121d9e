package stream_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sluice-events/sluice/internal/stream"
)

// A reader whose offset is gone or not there yet must stop, and stay stopped.
func TestOffsetOutOfRange(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp := topic(t, c, 1)
		p := stream.NewProducer(c, tp, stream.ProducerConfig{})
		for i := range 10 {
			produce(t, p, 0, records(i, 1))
		}
		if err := c.DeleteRecords(within(t), tp, map[int32]int64{0: 4}); err != nil {
			t.Fatal(err)
		}
		for _, offset := range []int64{0, 3, 11, 1_000_000} {
			f, err := c.Open(within(t), tp, 0, offset, stream.FetchConfig{})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for range 2 {
				rs, err := f.Next(within(t))
				var re *stream.OffsetRangeError
				if !errors.As(err, &re) || !errors.Is(err, stream.ErrOffsetOutOfRange) || len(rs) > 0 {
					t.Fatalf("offset %d: %d records, %v", offset, len(rs), err)
				}
				if re.Offset != offset || re.First != 4 || re.End != 10 {
					t.Errorf("offset %d: %v", offset, re)
				}
			}
		}
		// Not even records that come to its offset later wake a stopped reader: it
		// missed what a reader of that offset should have seen.
		f, err := c.Open(within(t), tp, 0, 12, stream.FetchConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Next(within(t)); !errors.Is(err, stream.ErrOffsetOutOfRange) {
			t.Errorf("beyond the end: %v", err)
		}
		produce(t, p, 0, records(10, 5))
		if rs, err := f.Next(within(t)); !errors.Is(err, stream.ErrOffsetOutOfRange) || len(rs) > 0 {
			t.Errorf("woke up: %d records, %v", len(rs), err)
		}
		_, err = c.ReadAll(within(t), tp, 0, 0, 16, stream.FetchConfig{}, func(stream.Record) error { return nil })
		if !errors.Is(err, stream.ErrOffsetOutOfRange) {
			t.Errorf("ReadAll beyond the end: %v", err)
		}
	})
}

func TestOpenAtEnds(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp := topic(t, c, 1)
		p := stream.NewProducer(c, tp, stream.ProducerConfig{})
		produce(t, p, 0, records(0, 6))
		if err := c.DeleteRecords(within(t), tp, map[int32]int64{0: 2}); err != nil {
			t.Fatal(err)
		}
		for at, want := range map[int64]int64{stream.OffsetFirst: 2, stream.OffsetEnd: 6} {
			f, err := c.Open(within(t), tp, 0, at, stream.FetchConfig{})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if f.Offset() != want {
				t.Errorf("opened at %d: stands at %d, want %d", at, f.Offset(), want)
			}
		}
		if _, err := c.Open(within(t), tp, 1, 0, stream.FetchConfig{}); !errors.Is(err, stream.ErrRefused) {
			t.Errorf("a partition too many: %v", err)
		}
	})
}

// A record whose key has another length is not ours: skipped, counted, passed.
func TestForeignKeys(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp := topic(t, c, 1)
		p := stream.NewProducer(c, tp, stream.ProducerConfig{})
		produce(t, p, 0, []stream.Record{
			{Key: key(1), Value: []byte("a")},
			{Key: []byte{0, 0, 0, 1}, Value: []byte("marker")},
			{Value: []byte("no key")},
			{Key: key(2), Value: []byte("b")},
			{Key: []byte("k"), Value: []byte("last")},
		})
		f, err := c.Open(within(t), tp, 0, 0, stream.FetchConfig{KeyLen: 8})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rs, err := f.Next(within(t))
		if err != nil || len(rs) != 2 || rs[0].Offset != 0 || rs[1].Offset != 3 {
			t.Errorf("got %v, %v", rs, err)
		}
		if f.Skipped() != 3 || f.Offset() != 5 {
			t.Errorf("Skipped, Offset = %d, %d, want 3, 5", f.Skipped(), f.Offset())
		}
	})
}

func TestReadAll(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp := topic(t, c, 1)
		p := stream.NewProducer(c, tp, stream.ProducerConfig{})
		read := func(from, to int64) (got []int64, next int64) {
			t.Helper()
			next, err := c.ReadAll(within(t), tp, 0, from, to, stream.FetchConfig{MaxBytes: 2000}, func(r stream.Record) error {
				got = append(got, r.Offset)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return got, next
		}
		if got, next := read(0, -1); len(got) != 0 || next != 0 {
			t.Errorf("empty log: %v, %d", got, next)
		}
		for i := range 100 {
			produce(t, p, 0, records(i*10, 10))
		}
		if got, next := read(0, -1); len(got) != 1000 || next != 1000 || !slices.IsSorted(got) {
			t.Errorf("whole log: %d records, next %d", len(got), next)
		}
		if got, next := read(15, 18); !slices.Equal(got, []int64{15, 16, 17}) || next != 18 {
			t.Errorf("[15, 18): %v, next %d", got, next)
		}
		stop := errors.New("stop")
		next, err := c.ReadAll(within(t), tp, 0, 0, -1, stream.FetchConfig{}, func(r stream.Record) error {
			if r.Offset == 33 {
				return stop
			}
			return nil
		})
		if err != stop || next != 33 {
			t.Errorf("stopped at %d with %v", next, err)
		}
	})
}

// The end of a context ends a fetch that waits, and the fetcher works afterwards.
func TestFetchCancelled(t *testing.T) {
	eachCluster(t, func(t *testing.T, cfg stream.Config) {
		c := client(t, cfg)
		tp := topic(t, c, 1)
		f, err := c.Open(within(t), tp, 0, 0, stream.FetchConfig{MinBytes: 1000, MaxWait: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := f.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v, want the context's", err)
		}
		if d := time.Since(began); d > 3*time.Second {
			t.Errorf("Next outlived its context by %v", d)
		}
		p := stream.NewProducer(c, tp, stream.ProducerConfig{})
		produce(t, p, 0, []stream.Record{{Key: key(0), Value: make([]byte, 2000)}})
		if rs, err := f.Next(within(t)); err != nil || len(rs) != 1 {
			t.Errorf("afterwards: %d records, %v", len(rs), err)
		}
		f.Close()
		if _, err := f.Next(within(t)); !errors.Is(err, stream.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}
