package clickhouse

import (
	"fmt"
	"strings"

	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/sinks/schema"
)

// source is rows in columns; *privacy.Clean is one, the account another.
type source interface {
	Rows() int
	Strings(i int) []string
	Fixed(i int) []byte
	Uint32s(i int) []uint32
	Uint64s(i int) []uint64
	Int64s(i int) []int64
	Float64s(i int) []float64
	Bools(i int) []bool
	Enums(i int) []int8
}

// column is one column of an insert.
type column struct {
	name string
	typ  policy.ColumnType
	wire string // the type the block declares; the server converts String to JSON
	enum *[256]bool
}

// layout is how the rows of one table go out.
type layout struct {
	table  string // as the caller knows it
	insert string
	cols   []column
}

// layoutOf makes the layout of a store.
func layoutOf(database string, p *policy.Policy, st *policy.Store) (*layout, error) {
	l := &layout{table: st.Name}
	for i := range st.Columns {
		c := &st.Columns[i]
		typ, err := schema.TypeOf(p, c)
		if err != nil {
			return nil, err
		}
		col := column{name: c.Name, typ: c.Type, wire: typ}
		switch c.Type {
		case policy.ColJSON:
			col.wire = "String"
			if !p.Wildcard.JSON {
				col.name = schema.WildText(c.Name)
			}
		case policy.ColEnum:
			col.enum = new([256]bool)
			col.enum[0] = c.ZeroEmpty
			for _, n := range c.Numbers {
				col.enum[uint8(n)] = true
			}
		}
		l.cols = append(l.cols, col)
	}
	l.finish(database)
	return l, nil
}

// accountLayout is the layout of the account; the order is accountRows'.
func accountLayout(database, zone string) *layout {
	l := &layout{table: schema.AccountTable, cols: []column{
		{name: "batch", typ: policy.ColFixed16, wire: "FixedString(16)"},
		{name: "ts", typ: policy.ColDateTime, wire: "DateTime(" + schema.Quote(zone) + ")"},
		{name: "kind", typ: policy.ColLowCard, wire: "LowCardinality(String)"},
		{name: "event", typ: policy.ColLowCard, wire: "LowCardinality(String)"},
		{name: "key", typ: policy.ColLowCard, wire: "LowCardinality(String)"},
		{name: "n", typ: policy.ColUInt64, wire: "UInt64"},
	}}
	l.finish(database)
	return l
}

func (l *layout) finish(database string) {
	names := make([]string, len(l.cols))
	for i, c := range l.cols {
		names[i] = "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(c.name) + "`"
	}
	l.insert = fmt.Sprintf("INSERT INTO %s.%s (%s)", schema.Ident(database), schema.Ident(l.table), strings.Join(names, ", "))
}

// even reports whether every column has as many values as there are rows. The driver sends
// nothing, and calls it success, when they have not.
func (l *layout) even(src source) bool {
	rows := src.Rows()
	for i, c := range l.cols {
		n := 0
		switch c.typ {
		case policy.ColString, policy.ColLowCard, policy.ColJSON:
			n = len(src.Strings(i))
		case policy.ColFixed16:
			n = len(src.Fixed(i)) / 16
			if len(src.Fixed(i))%16 != 0 {
				return false
			}
		case policy.ColUInt32:
			n = len(src.Uint32s(i))
		case policy.ColUInt64:
			n = len(src.Uint64s(i))
		case policy.ColInt64, policy.ColDecimal, policy.ColDateTime:
			n = len(src.Int64s(i))
		case policy.ColFloat64:
			n = len(src.Float64s(i))
		case policy.ColBool:
			n = len(src.Bools(i))
		case policy.ColEnum:
			n = len(src.Enums(i))
		}
		if n != rows {
			return false
		}
	}
	return true
}

// valid finds values that the column's type cannot hold and that the server would take all
// the same: a time outside 1970 to 2106, a number that is no value of the enum.
func (l *layout) valid(src source) (string, bool) {
	for i, c := range l.cols {
		switch c.typ {
		case policy.ColDateTime:
			for _, v := range src.Int64s(i) {
				if uint64(v) > 1<<32-1 {
					return c.name, false
				}
			}
		case policy.ColEnum:
			for _, v := range src.Enums(i) {
				if !c.enum[uint8(v)] {
					return c.name, false
				}
			}
		}
	}
	return "", true
}
