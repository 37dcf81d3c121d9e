package privacy

import (
	"math"
	"strconv"
	"time"
	"unsafe"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/policy"
	"github.com/sluice-events/sluice/privacy/detect"
)

// convert reads a value as its field's type. A value of another type, or outside the enum,
// gives an unset value: the field is dropped. Dialects that know only strings send numbers
// as text, so text that is exactly a number counts as one.
func (w *Worker) convert(fp *fieldPlan, v event.Value) (out value) {
	if v.Kind() == event.Null {
		return out
	}
	if fp.scrub {
		out.str = w.scrubValue(v, fp.detect, fp.maxLen)
		out.set = true
		return out
	}
	if fp.region {
		a, ok := w.look.Region(v.Str())
		if !ok || v.Kind() != event.String {
			return out
		}
		out.str, _ = a.At(w.regionLevel)
		out.set = out.str != ""
		return out
	}
	switch fp.field.Type {
	case policy.TypeString, policy.TypeID:
		out.str = w.text(v)
		out.set = len(out.str) <= maxString
	case policy.TypeEnum:
		out.i64, out.set = lookupEnum(fp.enum, v)
	case policy.TypeBool:
		out.bit, out.set = toBool(v)
	case policy.TypeInt:
		out.i64, out.set = toInt(v)
	case policy.TypeUint, policy.TypeDurationMS:
		var i int64
		i, out.set = toInt(v)
		out.u64, out.set = uint64(i), out.set && i >= 0
	case policy.TypeFloat:
		out.f64, out.set = toFloat(v)
	case policy.TypeDecimal:
		f, ok := toFloat(v)
		f = math.Round(f * 10_000)
		out.i64, out.set = int64(f), ok && math.Abs(f) < 1e18
	case policy.TypeTime:
		out.i64, out.set = toTime(v)
	}
	if !out.set {
		return value{} // a refused value leaves nothing
	}
	return out
}

// maxString bounds a declared string, in bytes; longer values are dropped.
const maxString = 1024

func lookupEnum(enum map[string]int8, v event.Value) (int64, bool) {
	n, ok := enum[v.Str()]
	return int64(n), ok && v.Kind() == event.String
}

func toBool(v event.Value) (bool, bool) {
	switch v.Kind() {
	case event.Bool:
		return v.Bool(), true
	case event.String:
		switch v.Str() {
		case "true", "1":
			return true, true
		case "false", "0":
			return false, true
		}
	}
	return false, false
}

func toInt(v event.Value) (int64, bool) {
	switch v.Kind() {
	case event.Int:
		return v.Int(), true
	case event.Float:
		f := v.Float()
		return int64(f), f == math.Trunc(f) && math.Abs(f) < 1<<53
	case event.String:
		i, err := strconv.ParseInt(v.Str(), 10, 64)
		return i, err == nil
	}
	return 0, false
}

func toFloat(v event.Value) (float64, bool) {
	switch v.Kind() {
	case event.Int, event.Float:
		return v.Float(), true
	case event.String:
		f, err := strconv.ParseFloat(v.Str(), 64)
		return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	return 0, false
}

// toTime reads RFC 3339 text or Unix milliseconds, as Unix seconds.
func toTime(v event.Value) (int64, bool) {
	sec, ok := int64(0), false
	switch v.Kind() {
	case event.Int:
		sec, ok = v.Int()/1000, true
	case event.String:
		t, err := time.Parse(time.RFC3339, v.Str())
		sec, ok = t.Unix(), err == nil
	}
	return sec, ok && sec >= 0 && sec <= math.MaxUint32
}

// text gives a scalar as text, in the worker's arena unless it is text already.
func (w *Worker) text(v event.Value) string {
	if v.Kind() == event.String {
		return v.Str()
	}
	return w.keep(v.AppendText(w.room()))
}

// scrubValue gives a scalar as scrubbed text.
func (w *Worker) scrubValue(v event.Value, set detect.Set, maxRunes int) string {
	s := v.Str()
	if v.Kind() != event.String {
		s = w.keep(appendNumber(w.room(), v))
	} else if numberLike(s) {
		if hit := detect.FindNumber(s, set); hit != 0 && detect.Find(s, set) == 0 {
			return hit.Token()
		}
	}
	return w.scrubText(s, set, maxRunes)
}

// scrubText replaces the kinds of the set and the ids of the event's own subject. Ids go
// before the cut, which could leave the beginning of one; what stands around an id is
// searched again, since it may look complete only now.
func (w *Worker) scrubText(s string, set detect.Set, maxRunes int) string {
	if w.own.in(s) {
		whole, _ := detect.Scrub(nil, s, set, 0)
		s = w.own.mask(string(whole))
	}
	out, _ := detect.Scrub(w.room(), s, set, maxRunes)
	return w.keep(out)
}

// appendNumber is AppendText that writes a whole float as an integer: detectors know digits,
// not exponents.
func appendNumber(dst []byte, v event.Value) []byte {
	if f := v.Float(); v.Kind() == event.Float && f == math.Trunc(f) && math.Abs(f) < 1e19 {
		return strconv.AppendFloat(dst, f, 'f', 0, 64)
	}
	return v.AppendText(dst)
}

// numberLike reports a text that may be a number with an exponent.
func numberLike(s string) bool {
	exponent := false
	for i := range len(s) {
		c := s[i]
		if c|0x20 == 'e' && i > 0 {
			exponent = true
		} else if (c < '0' || c > '9') && c != '.' && c != '+' && c != '-' {
			return false
		}
	}
	return exponent && len(s) <= 32
}

// room gives the free end of the arena to append to; keep makes what was appended a string.
// The arena is never moved under strings that were handed out: when it is full a new piece
// is begun, and Begin drops them all at once.
func (w *Worker) room() []byte {
	if cap(w.arena)-len(w.arena) < minRoom {
		w.arena = make([]byte, 0, arenaPiece)
	}
	return w.arena[len(w.arena):len(w.arena):cap(w.arena)]
}

func (w *Worker) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if n := len(w.arena); len(b) <= cap(w.arena)-n && &b[0] == &w.arena[:n+1][n] {
		w.arena = w.arena[:n+len(b)]
	}
	return unsafe.String(&b[0], len(b))
}

const (
	arenaPiece = 1 << 20
	minRoom    = 4 << 10
)
