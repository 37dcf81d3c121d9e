package clickhouse

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sluice-events/sluice/policy"
)

// made is rows made up for a store: valid ones, the same for the same seed.
type made struct {
	n     int
	str   map[int][]string
	fixed map[int][]byte
	u32   map[int][]uint32
	u64   map[int][]uint64
	i64   map[int][]int64
	f64   map[int][]float64
	bit   map[int][]bool
	enum  map[int][]int8
}

func (m *made) Rows() int                { return m.n }
func (m *made) Strings(i int) []string   { return m.str[i] }
func (m *made) Fixed(i int) []byte       { return m.fixed[i] }
func (m *made) Uint32s(i int) []uint32   { return m.u32[i] }
func (m *made) Uint64s(i int) []uint64   { return m.u64[i] }
func (m *made) Int64s(i int) []int64     { return m.i64[i] }
func (m *made) Float64s(i int) []float64 { return m.f64[i] }
func (m *made) Bools(i int) []bool       { return m.bit[i] }
func (m *made) Enums(i int) []int8       { return m.enum[i] }

// some are n rows of a store, spread over the days before 2026-11-20 12:00 UTC.
func some(st *policy.Store, n int, seed uint64, batch [16]byte) *made {
	m := &made{n: n, str: map[int][]string{}, fixed: map[int][]byte{}, u32: map[int][]uint32{}, u64: map[int][]uint64{},
		i64: map[int][]int64{}, f64: map[int][]float64{}, bit: map[int][]bool{}, enum: map[int][]int8{}}
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range st.Columns {
		c := &st.Columns[i]
		for row := range n {
			switch c.Type {
			case policy.ColString, policy.ColLowCard, policy.ColJSON:
				m.str[i] = append(m.str[i], text(c, i, r))
			case policy.ColFixed16:
				id := batch
				if i != policy.CBatch {
					id = hash(i, seed, r.Uint64N(uint64(1+n/20)))
				}
				if i == policy.CRowID {
					id = hash(i, seed, uint64(row))
				}
				m.fixed[i] = append(m.fixed[i], id[:]...)
			case policy.ColUInt32:
				m.u32[i] = append(m.u32[i], 1+r.Uint32N(9))
			case policy.ColUInt64:
				m.u64[i] = append(m.u64[i], 1+r.Uint64N(9000))
			case policy.ColInt64, policy.ColDecimal:
				m.i64[i] = append(m.i64[i], r.Int64N(1<<40)-1<<39)
			case policy.ColDateTime:
				at := 1795176000 - 86400*r.Int64N(3) - 60*r.Int64N(300)
				if st.Purpose.Grain >= 24*time.Hour {
					at = 1795104000 - 86400*r.Int64N(3) // midnight in Shanghai
				}
				m.i64[i] = append(m.i64[i], at)
			case policy.ColFloat64:
				m.f64[i] = append(m.f64[i], r.NormFloat64())
			case policy.ColBool:
				m.bit[i] = append(m.bit[i], i != policy.CBot && r.IntN(2) == 0)
			case policy.ColEnum:
				m.enum[i] = append(m.enum[i], c.Numbers[0])
			}
		}
	}
	return m
}

func hash(i int, seed, x uint64) (id [16]byte) {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[:], uint64(i))
	binary.LittleEndian.PutUint64(b[8:], seed)
	binary.LittleEndian.PutUint64(b[16:], x)
	h := sha256.Sum256(b[:])
	copy(id[:], h[:])
	return id
}

func text(c *policy.Column, i int, r *rand.Rand) string {
	switch {
	case i == policy.CTenant:
		return "t1"
	case i == policy.CItem:
		return fmt.Sprintf("item-%d", r.IntN(30))
	case c.Name == policy.ColumnGeo:
		return "130100"
	case c.Type == policy.ColJSON:
		return fmt.Sprintf(`{"a.b":%d,"name":"页 \"%d\"","ok":true}`, r.IntN(100), r.IntN(5))
	case c.Type == policy.ColLowCard:
		return fmt.Sprintf("%s-%d", c.Name, r.IntN(12))
	}
	return fmt.Sprintf("/course/%d/线上课程/%s", r.IntN(500), c.Name)
}
