package privacy

import (
	"math"
	"strconv"
	"strings"

	"github.com/sluice-events/sluice/event"
)

// isCoordinate reports whether undeclared property i is a part of an exact position: a
// fraction under "position" (which alone may also be the place in a list), or one of a pair
// of fractions named 0 and 1, or x and y. Names that always mean a place never get here.
func isCoordinate(props []event.Prop, i int) bool {
	f, ok := exact(props[i].Value)
	if !ok {
		return false
	}
	key := props[i].Key
	for rest := key; rest != ""; {
		var segment string
		segment, rest, _ = strings.Cut(rest, ".")
		if strings.EqualFold(segment, "position") {
			return true
		}
	}
	last := key[strings.LastIndexByte(key, '.')+1:]
	twin := ""
	switch last {
	case "0":
		twin = "1"
	case "1":
		twin = "0"
	case "x", "X":
		twin = "y"
	case "y", "Y":
		twin = "x"
	default:
		return false
	}
	prefix := key[:len(key)-len(last)]
	for j := range props {
		other := props[j].Key
		if len(other) != len(key) || other[:len(prefix)] != prefix || !strings.EqualFold(other[len(prefix):], twin) {
			continue
		}
		// Two shares or scores lie between -1 and 1; only a spot in the sea off Africa does too.
		if g, ok := exact(props[j].Value); ok && (math.Abs(f) > 1 || math.Abs(g) > 1) {
			return true
		}
	}
	return false
}

// exact reads a number of degrees with three decimals or more, about a hundred metres.
func exact(v event.Value) (float64, bool) {
	f := v.Float()
	switch v.Kind() {
	case event.Float:
	case event.String:
		s := v.Str()
		if dot := strings.IndexByte(s, '.'); dot < 0 || len(s)-dot < 4 || len(s) > 24 || strings.Trim(s, "+-.0123456789") != "" {
			return 0, false
		}
		var err error
		if f, err = strconv.ParseFloat(v.Str(), 64); err != nil {
			return 0, false
		}
		return f, math.Abs(f) <= 180
	default:
		return 0, false
	}
	hundredths := f * 100
	return f, math.Abs(f) <= 180 && math.Abs(hundredths-math.Round(hundredths)) > 1e-9
}
