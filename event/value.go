package event

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
)

// ValueKind is the JSON type of a value.
type ValueKind uint8

const (
	Null ValueKind = iota
	Bool
	Int
	Float
	String
)

// Value is one scalar property value. Numbers stay numbers: an integer that fits int64 is
// Int, every other number Float. A value may be personal, so it prints as [redacted].
type Value struct {
	kind ValueKind
	num  uint64
	str  string
}

func BoolValue(b bool) Value {
	v := Value{kind: Bool}
	if b {
		v.num = 1
	}
	return v
}
func IntValue(i int64) Value     { return Value{kind: Int, num: uint64(i)} }
func FloatValue(f float64) Value { return Value{kind: Float, num: math.Float64bits(f)} }
func StringValue(s string) Value { return Value{kind: String, str: s} }

// Kind tells which of the accessors holds.
func (v Value) Kind() ValueKind { return v.kind }

// Bool is the value of a Bool.
func (v Value) Bool() bool { return v.num == 1 }

// Int is the value of an Int.
func (v Value) Int() int64 { return int64(v.num) }

// Float is the value of an Int or a Float.
func (v Value) Float() float64 {
	if v.kind == Int {
		return float64(int64(v.num))
	}
	return math.Float64frombits(v.num)
}

// Str is the value of a String.
func (v Value) Str() string { return v.str }

// AppendText appends the value as text: what a string column or a detector gets to see.
func (v Value) AppendText(dst []byte) []byte {
	switch v.kind {
	case Bool:
		return strconv.AppendBool(dst, v.num == 1)
	case Int:
		return strconv.AppendInt(dst, int64(v.num), 10)
	case Float:
		return strconv.AppendFloat(dst, v.Float(), 'g', -1, 64)
	case String:
		return append(dst, v.str...)
	}
	return dst
}

func (v Value) Format(f fmt.State, _ rune)   { io.WriteString(f, redacted) }
func (v Value) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }
