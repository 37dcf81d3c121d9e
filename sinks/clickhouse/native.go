package clickhouse

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/sluice-events/sluice/policy"
)

// encoder writes rows as one block of ClickHouse's Native format at revision 0, the form
// that INSERT … FORMAT Native takes: the numbers of columns and rows, then for each column
// its name, its type and its values (https://clickhouse.com/docs/interfaces/formats/Native;
// LowCardinality as in the server's SerializationLowCardinality). It keeps its memory from
// block to block and is not safe for concurrent use.
type encoder struct {
	buf  []byte
	keys []uint32
	dict map[string]uint32
	list []string
}

// encode returns the block; it holds until the next call. The rows must be even and valid.
func (e *encoder) encode(l *layout, src source) []byte {
	rows := src.Rows()
	b := binary.AppendUvarint(e.buf[:0], uint64(len(l.cols)))
	b = binary.AppendUvarint(b, uint64(rows))
	for i, c := range l.cols {
		b = appendText(b, c.name)
		b = appendText(b, c.wire)
		switch c.typ {
		case policy.ColString:
			b = appendStrings(b, src.Strings(i), "")
		case policy.ColJSON:
			b = appendStrings(b, src.Strings(i), "{}")
		case policy.ColLowCard:
			b = e.appendLowCard(b, src.Strings(i))
		case policy.ColFixed16:
			b = append(b, src.Fixed(i)...)
		case policy.ColUInt32:
			b = append(b, raw(src.Uint32s(i))...)
		case policy.ColUInt64:
			b = append(b, raw(src.Uint64s(i))...)
		case policy.ColInt64, policy.ColDecimal:
			b = append(b, raw(src.Int64s(i))...)
		case policy.ColFloat64:
			b = append(b, raw(src.Float64s(i))...)
		case policy.ColBool:
			b = append(b, raw(src.Bools(i))...)
		case policy.ColEnum:
			b = append(b, raw(src.Enums(i))...)
		case policy.ColDateTime:
			for _, v := range src.Int64s(i) {
				b = binary.LittleEndian.AppendUint32(b, uint32(v))
			}
		}
	}
	e.buf = b
	return b
}

// raw is the memory of fixed-size values, which on the little-endian machines Go is built
// for here (amd64, arm64) is their wire form.
func raw[T uint32 | uint64 | int64 | float64 | bool | int8](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendStrings(b []byte, v []string, empty string) []byte {
	for _, s := range v {
		if s == "" {
			s = empty
		}
		if len(s) < 128 {
			b = append(append(b, byte(len(s))), s...)
			continue
		}
		b = appendText(b, s)
	}
	return b
}

const (
	lowCardVersion = 1            // SharedDictionariesWithAdditionalKeys
	lowCardOwnKeys = 1<<9 | 1<<10 // the block brings its own dictionary
)

// appendLowCard writes a dictionary and the rows' keys into it. Entry 0 is the default
// value. Neighbouring rows often have the same value, so the last one is tried first.
func (e *encoder) appendLowCard(b []byte, v []string) []byte {
	if e.dict == nil {
		e.dict = make(map[string]uint32)
	}
	clear(e.dict)
	e.dict[""] = 0
	e.list = append(e.list[:0], "")
	e.keys = e.keys[:0]
	last, key := "", uint32(0)
	for _, s := range v {
		if s != last {
			k, ok := e.dict[s]
			if !ok {
				k = uint32(len(e.list))
				e.dict[s] = k
				e.list = append(e.list, s)
			}
			last, key = s, k
		}
		e.keys = append(e.keys, key)
	}
	b = binary.LittleEndian.AppendUint64(b, lowCardVersion)
	if len(v) == 0 {
		return b
	}
	b = e.appendKeys(b)
	clear(e.dict) // the strings belong to the batch
	clear(e.list)
	return b
}

func (e *encoder) appendKeys(b []byte) []byte {
	width := uint64(0)
	switch n := len(e.list); {
	case n > math.MaxUint16:
		width = 2
	case n > math.MaxUint8:
		width = 1
	}
	b = binary.LittleEndian.AppendUint64(b, lowCardOwnKeys|width)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(e.list)))
	b = appendStrings(b, e.list, "")
	b = binary.LittleEndian.AppendUint64(b, uint64(len(e.keys)))
	switch width {
	case 0:
		for _, k := range e.keys {
			b = append(b, byte(k))
		}
	case 1:
		for _, k := range e.keys {
			b = binary.LittleEndian.AppendUint16(b, uint16(k))
		}
	default:
		b = append(b, raw(e.keys)...)
	}
	return b
}
