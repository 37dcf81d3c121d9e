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

// beside is the table in which a day is computed.
func (r *Rebuild) beside() string { return r.Table + nextSuffix }

const nextSuffix = "_next"

// fill computes the day beside the live table. That table is a plain one of this server
// also where the live one is replicated: it lives for a moment, and a copy of a replicated
// table would claim the same place in the keeper.
func (r *Rebuild) fill(s *Schema, day time.Time) ([]string, error) {
	live, ok := s.Table(r.Table)
	if !ok {
		return nil, fmt.Errorf("the schema has no table %s", r.Table)
	}
	next := *live
	next.Name = r.beside()
	alone := Schema{Options: Options{Database: s.Options.Database, Engine: MergeTree}}
	return []string{
		"DROP TABLE IF EXISTS " + s.ref(next.Name) + " SYNC",
		alone.Create(&next),
		"INSERT INTO " + s.ref(next.Name) + " " + strings.ReplaceAll(r.Select, dayMark, daySQL(day)) +
			" SETTINGS max_bytes_before_external_group_by = 100000000, max_bytes_before_external_sort = 100000000",
	}, nil
}

// exchange puts the new day in the place of the old in one step, so that a reader sees the
// one or the other. A day without rows is no partition that could be put anywhere.
func (r *Rebuild) exchange(s *Schema, day time.Time, rows bool) string {
	part := Quote(day.Format(time.DateOnly))
	if !rows {
		return fmt.Sprintf("ALTER TABLE %s DROP PARTITION %s", s.ref(r.Table), part)
	}
	return fmt.Sprintf("ALTER TABLE %s REPLACE PARTITION %s FROM %s", s.ref(r.Table), part, s.ref(r.beside()))
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
	steps, err := r.fill(s, day)
	if err != nil {
		return err
	}
	for _, sql := range steps {
		if err := c.Exec(ctx, sql); err != nil {
			return err
		}
	}
	n, err := c.Strings(ctx, "SELECT toString(count()) FROM "+s.ref(r.beside()), nil)
	if err != nil {
		return err
	}
	if len(n) != 1 || len(n[0]) != 1 {
		return errAnswer
	}
	if err := c.Exec(ctx, r.exchange(s, day, n[0][0] != "0")); err != nil {
		return err
	}
	return c.Exec(ctx, steps[0])
}
