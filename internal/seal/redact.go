package seal

import (
	"fmt"
	"io"
	"log/slog"
)

// mark is all that a key shows of itself.
const mark = "[redacted]"

// redacted is embedded in every type that holds key material, so that printing,
// logging or marshalling one shows the mark.
//
// That alone is not enough: fmt prints the unexported fields of a struct
// without asking their methods. Therefore every such type that may be held by
// value also keeps its content in a [hidden].
type redacted struct{}

// hidden holds a value where fmt does not find it. One pointer would not do: for
// a verb that does not suit a pointer, such as %s, fmt prints what it points to.
// Of a pointer to a pointer it prints the address.
type hidden[T any] struct{ p **T }

func hide[T any](v *T) hidden[T] { return hidden[T]{&v} }

// get returns the value, or nil of a zero hidden.
func (h hidden[T]) get() *T {
	if h.p == nil {
		return nil
	}
	return *h.p
}

func (redacted) String() string { return mark }

func (redacted) GoString() string { return mark }

// Format keeps every verb, %x and %v alike, from reaching the fields.
func (redacted) Format(s fmt.State, _ rune) { io.WriteString(s, mark) }

func (redacted) LogValue() slog.Value { return slog.StringValue(mark) }

func (redacted) MarshalJSON() ([]byte, error) { return []byte(`"` + mark + `"`), nil }

func (redacted) MarshalText() ([]byte, error) { return []byte(mark), nil }
