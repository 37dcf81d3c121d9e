package privacy

import (
	"fmt"
	"io"
	"strings"

	"github.com/sluice-events/sluice/event"
)

// ownIDs are the ids of the event's own subject: a copy of one among the properties would
// undo every pseudonym of the row. They print as [redacted].
type ownIDs [3]string

func (o ownIDs) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

const (
	// idToken stands for an id inside a text.
	idToken = "[id]"
	// minInText is the length of an id, in bytes, from which it is looked for inside texts
	// and names: a shorter one is part of too many words.
	minInText = 6
	// minAsNumber is the number of digits from which a number that equals an id is taken
	// for it: below, the person with id 3 would have no count of 3.
	minAsNumber = 4
)

func idsOf(raw *event.Raw) ownIDs {
	o := ownIDs{strings.TrimSpace(raw.User.Reveal()), strings.TrimSpace(raw.Install.Reveal())}
	if len(raw.Session) >= minInText {
		o[2] = raw.Session
	}
	return o
}

// is reports whether a value is one of the ids and nothing else.
func (o *ownIDs) is(v event.Value) bool {
	var buf [32]byte
	s := v.Str()
	switch v.Kind() {
	case event.String:
		s = strings.TrimSpace(s)
	case event.Int, event.Float:
		return o.isNumber(string(appendNumber(buf[:0], v)))
	default:
		return false
	}
	for _, id := range o {
		if id != "" && strings.EqualFold(id, s) {
			return true
		}
	}
	return false
}

func (o *ownIDs) isNumber(s string) bool {
	for _, id := range o {
		if len(id) >= minAsNumber && id == s {
			return true
		}
	}
	return false
}

// inKey reports whether a property's name is made of an id.
func (o *ownIDs) inKey(key string) bool {
	for _, id := range o {
		if id != "" && strings.EqualFold(id, key) {
			return true
		}
	}
	return o.in(key)
}

// in reports whether a text holds one of the ids, in any case of ASCII letters.
func (o *ownIDs) in(s string) bool {
	for _, id := range o {
		if indexFold(s, id, 0) >= 0 {
			return true
		}
	}
	return false
}

// mask puts idToken in the place of every id.
func (o *ownIDs) mask(s string) string {
	for _, id := range o {
		var b strings.Builder
		from := 0
		for {
			i := indexFold(s, id, from)
			if i < 0 {
				break
			}
			b.WriteString(s[from:i])
			b.WriteString(idToken)
			from = i + len(id)
		}
		if from > 0 {
			b.WriteString(s[from:])
			s = b.String()
		}
	}
	return s
}

// indexFold finds an id long enough to be looked for in s, at or after from; -1 for none.
func indexFold(s, id string, from int) int {
	if len(id) < minInText {
		return -1
	}
	first := id[0] | 0x20
	for i := from; i+len(id) <= len(s); i++ {
		if s[i]|0x20 == first && equalASCII(s[i:i+len(id)], id) {
			return i
		}
	}
	return -1
}

func equalASCII(a, b string) bool {
	for i := range len(a) {
		x, y := a[i], b[i]
		if x != y && (x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}
