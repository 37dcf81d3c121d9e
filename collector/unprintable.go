package collector

import (
	"fmt"
	"io"
	"log/slog"
)

// unprintable is embedded, first, by every type that holds what a client sent: however
// such a value is printed, logged or marshalled, it shows nothing of itself. Wrapping the
// single values would not do, for fmt prints unexported fields without asking their methods.
type unprintable struct{}

const redacted = "[redacted]"

func (unprintable) Format(f fmt.State, _ rune)   { io.WriteString(f, redacted) }
func (unprintable) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (unprintable) MarshalText() ([]byte, error) { return []byte(redacted), nil }
