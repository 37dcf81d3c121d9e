package collector

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// hasControl reports what no name may hold, since names are shown in tables and on
// terminals: control characters, line and paragraph separators, and the marks that turn
// the direction of writing (Unicode Standard Annex 9, section 2).
func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == 0x7f {
			return true
		} else if c >= utf8.RuneSelf {
			return hasControlRune(s[i:])
		}
	}
	return false
}

func hasControlRune(s string) bool {
	for _, c := range s {
		switch {
		case unicode.IsControl(c), c == 0x2028, c == 0x2029, c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069:
			return true
		}
	}
	return false
}

// badID names the id of a message that cannot be taken, "" when all can. A session's id is
// kept as text, so it is held to what a name may be.
func badID(m *message) string {
	switch {
	case len(m.user) > maxID:
		return "user_id"
	case len(m.install) > maxID:
		return "install_id"
	case len(m.session) > maxID, hasControl(m.session):
		return "session"
	}
	return ""
}

// schemaKey gives key back, as a constant, if it is one of the native schema.
func schemaKey(key string) string {
	for _, k := range [...]string{"event", "id", "time", "sent_at", "user_id", "install_id", "session", "attempt", "consent", "context", "props"} {
		if k == key {
			return k
		}
	}
	return ""
}

// mendSurrogates replaces, in place, every escape of half a surrogate pair by that of the
// replacement character, as browsers do when they decode: such halves come from texts that
// were cut inside an emoji. Backslashes stand only in strings, or else nothing is valid.
func mendSurrogates(b []byte) {
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 || i+2 > len(b) {
			return
		}
		b = b[i:]
		unit, ok := escaped(b)
		switch {
		case !ok:
			b = b[2:]
			continue
		case unit>>10 == 0xd800>>10:
			if low, ok := escaped(b[6:]); ok && low>>10 == 0xdc00>>10 {
				b = b[12:]
				continue
			}
			copy(b, `\ufffd`)
		case unit>>10 == 0xdc00>>10:
			copy(b, `\ufffd`)
		}
		b = b[6:]
	}
}

// escaped reads \uXXXX at the start of b.
func escaped(b []byte) (unit uint16, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		unit = unit<<4 | uint16(c)
	}
	return unit, true
}
