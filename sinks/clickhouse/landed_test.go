package clickhouse

import (
	"context"
	"errors"
	"testing"

	"github.com/sluice-events/sluice/sinks"
	"github.com/sluice-events/sluice/sinks/sinktest"
)

// A token that the table has forgotten must not double the rows: then the count decides.
func TestForgottenToken(t *testing.T) {
	ctx := context.Background()
	p := sinktest.Policy(t)
	_, s, _ := migrated(t, p)
	st := store(t, p, "ev_personalize")
	l, err := s.layout(st)
	if err != nil {
		t.Fatal(err)
	}
	rows := func() uint64 { return number(t, s, "SELECT toString(count()) FROM sluice.ev_personalize") }
	write := func(id byte, token string, attempt int) {
		t.Helper()
		if err := s.write(ctx, l, some(st, 30, uint64(id), [16]byte{id}), token, mark{[16]byte{id}, 30}, attempt); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"ev_personalize", "agg_pid_item_day"} {
		if err := s.Exec(ctx, "ALTER TABLE sluice."+table+" MODIFY SETTING non_replicated_deduplication_window = 1"); err != nil {
			t.Fatal(err)
		}
	}
	write(1, "first", 1)
	for i := byte(2); i < 5; i++ {
		write(i, "other", 1)
		write(100+i, "another", 1)
	}
	before := rows()
	write(1, "first", 1) // proves that the token is forgotten
	if got := rows() - before; got != 30 {
		t.Fatalf("the forgotten token let %d rows in, want 30: the test shows nothing", got)
	}
	s.remembered = 0
	before = rows()
	write(3, "other", 2) // forgotten too: the count decides
	if got := rows() - before; got != 0 {
		t.Errorf("a repeated batch grew the table by %d rows", got)
	}
	// twice as many rows as the batch has: nothing may be added, and it must be said
	err = s.write(ctx, l, some(st, 30, 1, [16]byte{1}), "first", mark{[16]byte{1}, 30}, 2)
	if !errors.Is(err, sinks.ErrPoison) {
		t.Errorf("%v, want ErrPoison", err)
	}
}

// A batch of which only a part is there is completed.
func TestPartLanded(t *testing.T) {
	ctx := context.Background()
	p := sinktest.Policy(t)
	_, s, _ := migrated(t, p)
	b := sinktest.NewMaker(t, p).Batch(t, "ev_personalize", views(40)...)
	if err := s.Write(ctx, b); err != nil {
		t.Fatal(err)
	}
	// the parts of one month are lost, as when the server died between two commits
	if err := s.Exec(ctx, "ALTER TABLE sluice.ev_personalize DROP PARTITION 202610"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Landed(ctx, "ev_personalize", b.ID); err != nil || n != 20 {
		t.Fatalf("landed: %d, %v; want 20", n, err)
	}
	b.Attempt = 2
	err := s.Write(ctx, b)
	n := number(t, s, "SELECT toString(count()) FROM sluice.ev_personalize")
	t.Logf("after the second attempt: %v, %d rows", err, n)
	if n > 40 {
		t.Errorf("%d rows, at most 40 were sent", n)
	}
	if err == nil && n != 40 {
		t.Errorf("the sink says all is well and %d of 40 rows are there", n)
	}
}

func views(n int) []sinktest.Event {
	out := make([]sinktest.Event, n)
	for i := range out {
		out[i] = sinktest.Event{Person: string(rune('a' + i%9)), Name: "page_view", Page: "https://x.example/lesson/" + string(rune('a'+i%5)), Time: day(20).AddDate(0, -(i % 2), 0)}
	}
	return out
}
