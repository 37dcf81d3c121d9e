package clickhouse

import (
	"context"
	"fmt"
	"reflect"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// Table is the answer to a question, small enough to be held whole.
type Table struct {
	Columns []string
	Types   []string // the server's names of them
	Rows    [][]any  // one Go value per column
}

// Query runs a SELECT. params fill its {name:Type} places; they never become part of the
// statement's text. limit bounds the rows, 0 means all.
func (s *Sink) Query(ctx context.Context, sql string, params map[string]string, limit int) (*Table, error) {
	return s.query(ctx, "query", sql, params, limit)
}

// query is Query under a name that its errors have.
func (s *Sink) query(ctx context.Context, op, sql string, params map[string]string, limit int) (*Table, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	rows, err := s.conn.Query(ctx, sql, named(params)...)
	if err != nil {
		return nil, fault(op, false, err)
	}
	defer func() { _ = rows.Close() }() // Err says what matters
	t := &Table{Columns: rows.Columns()}
	types := rows.ColumnTypes()
	for _, c := range types {
		t.Types = append(t.Types, c.DatabaseTypeName())
	}
	for rows.Next() {
		to := make([]any, len(types))
		for i, c := range types {
			to[i] = reflect.New(c.ScanType()).Interface()
		}
		if err := rows.Scan(to...); err != nil {
			return nil, fault(op+": read a row", false, err)
		}
		for i := range to {
			to[i] = reflect.ValueOf(to[i]).Elem().Interface()
		}
		if t.Rows = append(t.Rows, to); limit > 0 && len(t.Rows) == limit {
			break
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fault(op, false, err)
	}
	return t, nil
}

// Strings runs a SELECT whose columns are of type String and returns all of it.
func (s *Sink) Strings(ctx context.Context, sql string, params map[string]string) ([][]string, error) {
	t, err := s.Query(ctx, sql, params, 0)
	if err != nil {
		return nil, err
	}
	out := make([][]string, len(t.Rows))
	for i, r := range t.Rows {
		for _, v := range r {
			text, ok := v.(string)
			if !ok {
				text = fmt.Sprint(v)
			}
			out[i] = append(out[i], text)
		}
	}
	return out, nil
}

// Exec runs one statement without an answer.
func (s *Sink) Exec(ctx context.Context, sql string) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return fault("execute", false, s.conn.Exec(ctx, sql))
}

func named(params map[string]string) []any {
	out := make([]any, 0, len(params))
	for k, v := range params {
		out = append(out, ch.Named(k, v))
	}
	return out
}
