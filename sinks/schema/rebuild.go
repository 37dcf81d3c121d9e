package schema

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Conn is a server that statements can be sent to.
type Conn interface {
	// Exec runs one statement.
	Exec(ctx context.Context, sql string) error
	// Strings runs a SELECT of String columns; params fill its {name:Type} places.
	Strings(ctx context.Context, sql string, params map[string]string) ([][]string, error)
}

// Rebuild says how the partition of one day of an aggregate that counts people is computed.
type Rebuild struct {
	Table  string
	Select string        // with dayMark where the day belongs
	Keep   time.Duration // how far back a day may lie
}

const dayMark = "toDate({day:String})"

// daySQL is the day as the server reads it; it comes from a time.Time, never from text.
func daySQL(day time.Time) string { return "toDate('" + day.Format(time.DateOnly) + "')" }

// Statements compute the day beside the live table and exchange it in one step, so that a
// reader sees the old day or the new one. rows tells how many rows the new day has: the last
// step differs when there are none.
func (r *Rebuild) fill(s *Schema, day time.Time) []Statement {
	next := s.ref(r.Table + "_next")
	return []Statement{
		{r.Table, "DROP TABLE IF EXISTS " + next + " SYNC"},
		{r.Table, "CREATE TABLE " + next + " AS " + s.ref(r.Table)},
		{r.Table, "INSERT INTO " + next + " " + strings.ReplaceAll(r.Select, dayMark, daySQL(day)) +
			" SETTINGS max_bytes_before_external_group_by = 100000000, max_bytes_before_external_sort = 100000000"},
	}
}

func (r *Rebuild) exchange(s *Schema, day time.Time, rows bool) Statement {
	part := Quote(day.Format(time.DateOnly))
	if !rows {
		return Statement{r.Table, fmt.Sprintf("ALTER TABLE %s DROP PARTITION %s", s.ref(r.Table), part)}
	}
	return Statement{r.Table, fmt.Sprintf("ALTER TABLE %s REPLACE PARTITION %s FROM %s", s.ref(r.Table), part, s.ref(r.Table+"_next"))}
}

// RebuildDay computes the aggregates that count people for one day again, from the rows
// that are there now. It is run nightly for the day that ended and for each day on which a
// person who was erased had rows. On a sharded cluster it runs once on every shard. It must
// not run twice at once. A day is taken in the policy's zone; one that lies further back
// than the aggregate is kept is left alone.
func RebuildDay(ctx context.Context, c Conn, s *Schema, day time.Time) error {
	day = day.In(s.Zone)
	for _, r := range s.Rebuilds {
		if time.Since(day) > r.Keep {
			continue
		}
		if err := r.run(ctx, c, s, day); err != nil {
			return fmt.Errorf("schema: rebuild %s: %w", r.Table, err)
		}
	}
	return nil
}

func (r *Rebuild) run(ctx context.Context, c Conn, s *Schema, day time.Time) error {
	for _, st := range r.fill(s, day) {
		if err := c.Exec(ctx, st.SQL); err != nil {
			return err
		}
	}
	n, err := c.Strings(ctx, "SELECT toString(count()) FROM "+s.ref(r.Table+"_next"), nil)
	if err != nil {
		return err
	}
	if err := c.Exec(ctx, r.exchange(s, day, len(n) > 0 && n[0][0] != "0").SQL); err != nil {
		return err
	}
	return c.Exec(ctx, "DROP TABLE IF EXISTS "+s.ref(r.Table+"_next")+" SYNC")
}
