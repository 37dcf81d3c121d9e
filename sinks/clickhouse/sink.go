package clickhouse

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/sinks"
	"github.com/sluice-events/sluice/sinks/schema"
)

// Sink writes to one ClickHouse server or cluster. It is safe for concurrent use.
type Sink struct {
	cfg     Config
	policy  *policy.Policy
	conn    driver.Conn
	account *layout

	remembered int64 // a table surely knows the tokens of so many parts

	layouts  sync.Map  // *policy.Store -> *layout
	encoders sync.Pool // *encoder
	frames   sync.Pool // *frames
}

var _ sinks.Sink = (*Sink)(nil)

// Open makes a sink for the stores of a policy. It does not wait for the server: Ping tells
// whether it is there, schema.Migrate makes its tables.
func Open(_ context.Context, cfg Config, p *policy.Policy) (*Sink, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	conn, err := ch.Open(cfg.options())
	if err != nil {
		return nil, errors.New("clickhouse: the driver refuses the configuration")
	}
	s := &Sink{cfg: cfg, policy: p, conn: conn, account: accountLayout(cfg.Database, p.Zone.String()), remembered: schema.LeastWindow}
	s.encoders.New = func() any { return new(encoder) }
	s.frames.New = func() any { return newFrames(cfg.Compression) }
	for _, st := range p.Stores {
		if _, err := s.layout(st); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Sink) layout(st *policy.Store) (*layout, error) {
	if l, ok := s.layouts.Load(st); ok {
		return l.(*layout), nil
	}
	l, err := layoutOf(s.cfg.Database, s.policy, st)
	if err != nil {
		return nil, err
	}
	s.layouts.Store(st, l)
	return l, nil
}

// Write implements sinks.Sink. From the second attempt on it asks first whether the rows
// are there: the token is the second line of defence, and it is the only one that also
// mends a view that did not get them, so a batch that is surely within the window is sent
// again all the same.
func (s *Sink) Write(ctx context.Context, b sinks.Batch) error {
	if b.Rows == nil || b.Rows.Store() == nil || b.Token == "" {
		return fmt.Errorf("clickhouse: write: %w", sinks.ErrZero)
	}
	if b.Rows.Rows() == 0 {
		return nil
	}
	l, err := s.layout(b.Rows.Store())
	if err != nil {
		return fmt.Errorf("clickhouse: write: %w", sinks.ErrZero)
	}
	return s.write(ctx, l, b.Rows, b.Token, mark{b.ID, uint64(b.Rows.Rows())}, b.Attempt)
}

// mark is how rows are found again in their table: so many carry this batch id.
type mark struct {
	id   [16]byte
	rows uint64
}

// write sends rows, and asks first whether they are there when they were sent before.
func (s *Sink) write(ctx context.Context, l *layout, src source, token string, m mark, attempt int) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	if attempt > 1 {
		done, err := s.landedBefore(ctx, l.table, m)
		if done || err != nil {
			return err
		}
	}
	return s.send(ctx, l, src, token, m)
}

// send checks the rows, sends them, and checks what the server says about them.
func (s *Sink) send(ctx context.Context, l *layout, src source, token string, m mark) error {
	op := "insert into " + l.table
	if !l.even(src) {
		return &Fault{Op: op + ": columns of unequal length", kind: sinks.ErrPoison}
	}
	if col, ok := l.valid(src); !ok {
		return &Fault{Op: op + ": a value that column " + col + " cannot hold", kind: sinks.ErrPoison}
	}
	if err := ctx.Err(); err != nil {
		return fault(op, false, err)
	}
	sum, sent, err := s.insert(ctx, l, src, token)
	var refused *notTaken
	if errors.As(err, &refused) {
		return &Fault{Op: op, kind: sinks.ErrPoison}
	}
	if err != nil {
		return fault(op, sent, err)
	}
	if sum.told && sum.written < uint64(src.Rows()) {
		return s.confirm(ctx, l.table, m)
	}
	return nil
}

// confirm counts the rows of a batch of which the server said it wrote fewer: it says so
// too when it knew the token.
func (s *Sink) confirm(ctx context.Context, table string, m mark) error {
	n, err := s.Landed(ctx, table, m.id)
	if err != nil {
		return &Fault{Op: "insert into " + table + ": count the rows", kind: sinks.ErrUnknown}
	}
	if n < m.rows {
		return &Fault{Op: "insert into " + table + ": rows are missing", kind: sinks.ErrUnknown}
	}
	return nil
}

// bound gives a call without a deadline one.
func (s *Sink) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.cfg.Timeout)
}

// Ping implements sinks.Sink.
func (s *Sink) Ping(ctx context.Context) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return fault("ping", false, s.conn.Ping(ctx))
}

// Close implements sinks.Sink.
func (s *Sink) Close() error {
	if s.conn.Close() != nil {
		return errors.New("clickhouse: close: a connection did not end cleanly")
	}
	return nil
}

func (s *Sink) ref(table string) string {
	return schema.Ident(s.cfg.Database) + "." + schema.Ident(table)
}

func hexID(id [16]byte) string { return hex.EncodeToString(id[:]) }
