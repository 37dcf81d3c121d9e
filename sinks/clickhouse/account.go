package clickhouse

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sluice-events/sluice/sinks"
)

// accountRows are account rows as columns, in the order of accountLayout.
type accountRows struct {
	batch []byte
	ts    []int64
	text  [3][]string
	n     []uint64
}

func newAccountRows(rows []sinks.AccountRow) *accountRows {
	a := new(accountRows)
	for i := range rows {
		r := &rows[i]
		a.batch = append(a.batch, r.Batch[:]...)
		a.ts = append(a.ts, r.Time.Unix())
		a.text[0] = append(a.text[0], string(r.Kind))
		a.text[1] = append(a.text[1], r.Event)
		a.text[2] = append(a.text[2], r.Key)
		a.n = append(a.n, r.N)
	}
	return a
}

func (a *accountRows) Rows() int              { return len(a.n) }
func (a *accountRows) Fixed(int) []byte       { return a.batch }
func (a *accountRows) Int64s(int) []int64     { return a.ts }
func (a *accountRows) Strings(i int) []string { return a.text[i-2] }
func (a *accountRows) Uint64s(int) []uint64   { return a.n }
func (*accountRows) Uint32s(int) []uint32     { return nil }
func (*accountRows) Float64s(int) []float64   { return nil }
func (*accountRows) Bools(int) []bool         { return nil }
func (*accountRows) Enums(int) []int8         { return nil }

// WriteAccount implements sinks.Sink. The rows have several batch ids, so a repeated
// attempt asks for those of the first row's id.
func (s *Sink) WriteAccount(ctx context.Context, a sinks.Account) error {
	if a.Token == "" {
		return fmt.Errorf("clickhouse: write the account: %w", sinks.ErrZero)
	}
	if len(a.Rows) == 0 {
		return nil
	}
	id := a.Rows[0].Batch
	var same uint64
	for i := range a.Rows {
		if a.Rows[i].Batch == id {
			same++
		}
	}
	return s.write(ctx, s.account, newAccountRows(a.Rows), a.Token, mark{id, same}, a.Attempt)
}

// AccountLine is a sum of the account.
type AccountLine struct {
	Kind  sinks.AccountKind
	Event string
	Key   string
	N     uint64
}

// Account sums the account over all time, ordered by kind, event and key.
func (s *Sink) Account(ctx context.Context) ([]AccountLine, error) {
	rows, err := s.Strings(ctx, "SELECT toString(kind), toString(event), toString(key), toString(sum(n)) FROM "+s.ref(s.account.table)+
		" GROUP BY kind, event, key ORDER BY kind, event, key", nil)
	if err != nil {
		return nil, err
	}
	out := make([]AccountLine, 0, len(rows))
	for _, r := range rows {
		if len(r) != 4 {
			return nil, &Fault{Op: "read the account", kind: sinks.ErrRetryable}
		}
		n, err := strconv.ParseUint(r[3], 10, 64)
		if err != nil {
			return nil, &Fault{Op: "read the account", kind: sinks.ErrRetryable}
		}
		out = append(out, AccountLine{sinks.AccountKind(r[0]), r[1], r[2], n})
	}
	return out, nil
}
