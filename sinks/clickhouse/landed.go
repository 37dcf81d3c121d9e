package clickhouse

import (
	"context"
	"strconv"

	"github.com/sluice-events/sluice/sinks"
)

// Landed implements sinks.Sink. It reads the batch column of the whole table, 16 bytes a
// row: a matter of milliseconds for a million rows, and needed only when an insert's
// outcome is open.
func (s *Sink) Landed(ctx context.Context, store string, id [16]byte) (uint64, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	n, err := s.number(ctx, "count a batch of "+store, "SELECT toString(count()) FROM "+s.ref(store)+" WHERE batch = toFixedString(unhex({id:String}), 16)", map[string]string{"id": hexID(id)})
	return uint64(n), err
}

// number asks for one number, as text.
func (s *Sink) number(ctx context.Context, op, sql string, params map[string]string) (int64, error) {
	t, err := s.query(ctx, op, sql, params, 0)
	if err != nil {
		return 0, err
	}
	if len(t.Rows) == 1 && len(t.Rows[0]) == 1 {
		text, _ := t.Rows[0][0].(string)
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
			return n, nil
		}
	}
	return 0, &Fault{Op: op + ": the answer is no number", kind: sinks.ErrRetryable}
}

// landedBefore decides about a batch that was sent before. Not there, or only in part: send
// it. All there: done, unless the token is surely still remembered; then sending it again
// changes nothing in the table and gives a view its rows if the server died between the
// two. More than was sent can only be a fault of the ids, and is never made worse.
func (s *Sink) landedBefore(ctx context.Context, table string, m mark) (done bool, err error) {
	n, err := s.Landed(ctx, table, m.id)
	switch {
	case err != nil:
		return false, err
	case n > m.rows:
		return false, &Fault{Op: "insert into " + table + ": more rows of this batch than it has", kind: sinks.ErrPoison}
	case n < m.rows:
		return false, nil
	}
	recent, err := s.recent(ctx, table, m.id)
	return !recent, err
}

// recent reports whether so few parts were made since the batch that its token cannot have
// left the window. Parts are numbered as they are inserted; a merged part has the range of
// numbers of those it was made of, and the lowest is taken, so the answer errs towards no.
// On a cluster the numbers of one replica prove nothing, so the count alone decides.
func (s *Sink) recent(ctx context.Context, table string, id [16]byte) (bool, error) {
	if s.cfg.Cluster {
		return false, nil
	}
	first, err := s.number(ctx, "find a batch", "SELECT toString(min(toInt64OrZero(splitByChar('_', _part)[2]))) FROM "+s.ref(table)+
		" WHERE batch = toFixedString(unhex({id:String}), 16)", map[string]string{"id": hexID(id)})
	if err != nil {
		return false, err
	}
	newest, err := s.number(ctx, "find the newest part", "SELECT toString(max(max_block_number)) FROM system.parts WHERE database = {db:String} AND table = {t:String}",
		map[string]string{"db": s.cfg.Database, "t": table})
	return newest-first < s.remembered, err
}
