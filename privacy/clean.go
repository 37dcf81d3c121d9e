package privacy

import (
	"github.com/sluice-events/sluice/policy"
)

// Clean is rows of one store, in columns, after every privacy stage. Only this package can
// fill one and there is no way to decode one; a sink accepts nothing else and refuses the
// zero value. A Clean belongs to the Worker that made it and holds until the Worker's next
// Reset; readers must not change what the accessors hand out.
type Clean struct {
	store *policy.Store
	rows  int
	cols  []column
}

// column holds one column; which slice is in use follows from the policy's ColumnType.
type column struct {
	str   []string  // ColString, ColLowCard, ColJSON
	fixed []byte    // ColFixed16: 16 bytes a row
	u32   []uint32  // ColUInt32
	u64   []uint64  // ColUInt64
	i64   []int64   // ColInt64, ColDecimal, ColDateTime (Unix seconds)
	f64   []float64 // ColFloat64
	bit   []bool    // ColBool
	enum  []int8    // ColEnum
}

// Store is the table the rows belong to; nil for the zero value.
func (c *Clean) Store() *policy.Store { return c.store }

// Rows is how many rows there are.
func (c *Clean) Rows() int { return c.rows }

// Strings is column i of type ColString, ColLowCard or ColJSON. The strings may point into
// the message bodies of the batch and hold only as long as those.
func (c *Clean) Strings(i int) []string { return c.cols[i].str }

// Fixed is column i of type ColFixed16, 16 bytes a row, one after the other.
func (c *Clean) Fixed(i int) []byte { return c.cols[i].fixed }

// Uint32s is column i of type ColUInt32.
func (c *Clean) Uint32s(i int) []uint32 { return c.cols[i].u32 }

// Uint64s is column i of type ColUInt64.
func (c *Clean) Uint64s(i int) []uint64 { return c.cols[i].u64 }

// Int64s is column i of type ColInt64, ColDecimal (ten-thousandths) or ColDateTime (Unix seconds).
func (c *Clean) Int64s(i int) []int64 { return c.cols[i].i64 }

// Float64s is column i of type ColFloat64.
func (c *Clean) Float64s(i int) []float64 { return c.cols[i].f64 }

// Bools is column i of type ColBool.
func (c *Clean) Bools(i int) []bool { return c.cols[i].bit }

// Enums is column i of type ColEnum.
func (c *Clean) Enums(i int) []int8 { return c.cols[i].enum }
