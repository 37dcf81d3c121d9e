package schema

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// State is what a server has.
type State struct {
	Exists bool // the database
	Tables map[string]*Existing
}

// Existing is one table or view as the server describes it.
type Existing struct {
	Name, Engine, Create, Select string
	Sorting, Partition, Comment  string
	Columns                      []Column // Default in the server's words: "DEFAULT expr", "EPHEMERAL"
}

var errAnswer = errors.New("schema: the server's answer is not of the form asked for")

// Read asks a server what a database holds. A database that does not exist holds nothing.
func Read(ctx context.Context, c Conn, database string) (*State, error) {
	st := &State{Tables: make(map[string]*Existing)}
	params := map[string]string{"db": database}
	found, err := c.Strings(ctx, "SELECT name FROM system.databases WHERE name = {db:String}", params)
	if err != nil {
		return nil, fmt.Errorf("schema: look for the database: %w", err)
	}
	st.Exists = len(found) > 0
	tables, err := c.Strings(ctx, "SELECT name, engine, create_table_query, as_select, sorting_key, partition_key, comment FROM system.tables WHERE database = {db:String}", params)
	if err != nil {
		return nil, fmt.Errorf("schema: read the tables: %w", err)
	}
	for _, r := range tables {
		if len(r) < 7 {
			return nil, errAnswer
		}
		e := &Existing{Name: r[0], Engine: r[1], Create: r[2], Select: r[3], Sorting: r[4], Partition: r[5], Comment: r[6]}
		st.Tables[e.Name] = e
	}
	columns, err := c.Strings(ctx, "SELECT table, name, type, default_kind, default_expression, comment, compression_codec FROM system.columns WHERE database = {db:String} ORDER BY table, position", params)
	if err != nil {
		return nil, fmt.Errorf("schema: read the columns: %w", err)
	}
	for _, r := range columns {
		if len(r) < 7 {
			return nil, errAnswer
		}
		e := st.Tables[r[0]]
		if e == nil {
			continue // made since the first question
		}
		col := Column{Name: r[1], Type: r[2], Comment: r[5], Default: r[3]}
		if col.Default == "DEFAULT" {
			col.Default += " " + r[4]
		}
		col.Codec = strings.TrimSuffix(strings.TrimPrefix(r[6], "CODEC("), ")")
		e.Columns = append(e.Columns, col)
	}
	return st, nil
}

// constraints reads the CHECKs out of the server's CREATE statement.
func (e *Existing) constraints() []Constraint {
	var out []Constraint
	for _, item := range topLevel(body(e.Create)) {
		rest, ok := strings.CutPrefix(item, "CONSTRAINT ")
		if !ok {
			continue
		}
		name, check, ok := strings.Cut(rest, " CHECK ")
		if ok {
			out = append(out, Constraint{strings.Trim(name, "`"), check})
		}
	}
	return out
}

// ttl reads the lifetime of the rows.
func (e *Existing) ttl() string {
	_, after, ok := strings.Cut(tail(e.Create), " TTL ")
	if !ok {
		return ""
	}
	after, _, _ = strings.Cut(after, " SETTINGS ")
	after, _, _ = strings.Cut(after, " COMMENT ")
	return after
}

// settings reads the table's settings.
func (e *Existing) settings() map[string]string {
	out := make(map[string]string)
	_, after, _ := strings.Cut(tail(e.Create), " SETTINGS ")
	after, _, _ = strings.Cut(after, " COMMENT ")
	for _, kv := range topLevel(after) {
		if k, v, ok := strings.Cut(kv, " = "); ok {
			out[k] = v
		}
	}
	return out
}

// body is what stands in the first bracket of a CREATE statement, tail what follows it.
func body(create string) string {
	from := strings.IndexByte(create, '(')
	if from < 0 {
		return ""
	}
	return create[from+1 : from+closing(create[from:])]
}

func tail(create string) string {
	from := strings.IndexByte(create, '(')
	if from < 0 {
		return create
	}
	return create[from+closing(create[from:])+1:]
}

// closing finds the bracket that closes the one s begins with; len(s)-1 if there is none.
func closing(s string) int {
	depth := 0
	end := len(s) - 1
	walk(s, func(i int, c byte) bool {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				end = i
				return false
			}
		}
		return true
	})
	return end
}

// topLevel splits at the commas outside brackets and quotes.
func topLevel(s string) []string {
	var out []string
	depth, from := 0, 0
	walk(s, func(i int, c byte) bool {
		switch c {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(s[from:i]))
				from = i + 1
			}
		}
		return true
	})
	if last := strings.TrimSpace(s[from:]); last != "" {
		out = append(out, last)
	}
	return out
}

// walk calls f for every byte outside quotes, until f says no.
func walk(s string, f func(i int, c byte) bool) {
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '\'' || c == '`' || c == '"':
			quote = c
		case !f(i, c):
			return
		}
	}
}

// same compares two expressions in the server's spelling; versions of the server differ in
// spaces, brackets and backticks only.
func same(a, b string) bool {
	strip := strings.NewReplacer(" ", "", "`", "", "(", "", ")", "", "\n", "")
	return strip.Replace(a) == strip.Replace(b)
}
