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
	rows, err := s.Strings(ctx, "SELECT toString(count()) FROM "+s.ref(store)+" WHERE batch = toFixedString(unhex({id:String}), 16)", map[string]string{"id": hexID(id)})
	if err != nil {
		return 0, err
	}
	n, perr := strconv.ParseUint(rows[0][0], 10, 64)
	if perr != nil {
		return 0, &Fault{Op: "count a batch of " + store, kind: sinks.ErrRetryable}
	}
	return n, nil
}

// landedBefore decides about a batch that was sent before. Not there, or only in part: send
// it. All there: done, unless the token is surely still remembered; then sending it again
// changes nothing in the table and gives a view its rows if the server died between the
// two. More than was sent can only be a fault of the ids, and is never made worse.
func (s *Sink) landedBefore(ctx context.Context, table string, id [16]byte, rows uint64) (done bool, err error) {
	n, err := s.Landed(ctx, table, id)
	switch {
	case err != nil:
		return false, err
	case n > rows:
		return false, &Fault{Op: "insert into " + table + ": more rows of this batch than it has", kind: sinks.ErrPoison}
	case n < rows:
		return false, nil
	}
	recent, err := s.recent(ctx, table, id)
	return !recent, err
}

// recent reports whether so few parts were made since the batch that its token cannot have
// left the window. Parts are numbered as they are inserted; a merged part has the range of
// numbers of those it was made of, and the lowest is taken, so the answer errs towards no.
func (s *Sink) recent(ctx context.Context, table string, id [16]byte) (bool, error) {
	rows, err := s.Strings(ctx, "SELECT toString(min(toInt64OrZero(splitByChar('_', _part)[2]))) FROM "+s.ref(table)+
		" WHERE batch = toFixedString(unhex({id:String}), 16)", map[string]string{"id": hexID(id)})
	if err != nil {
		return false, err
	}
	last, err := s.Strings(ctx, "SELECT toString(max(max_block_number)) FROM system.parts WHERE database = {db:String} AND table = {t:String}",
		map[string]string{"db": s.cfg.Database, "t": table})
	if err != nil {
		return false, err
	}
	first, err1 := strconv.ParseInt(rows[0][0], 10, 64)
	newest, err2 := strconv.ParseInt(last[0][0], 10, 64)
	return err1 == nil && err2 == nil && newest-first < s.remembered, nil
}

// leastWindow is the smallest window that schema.Options gives a table.
const leastWindow = 1000
