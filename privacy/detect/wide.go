package detect

// Full-width forms (U+FF01 to U+FF5E) stand for ASCII in East Asian text. A
// text with full-width digits is searched in a folded copy; the hits are then
// cut out of the text itself.

// foldedByte returns the ASCII byte for the full-width form that begins at i.
func foldedByte(s string, i int) (byte, bool) {
	if i+2 >= len(s) || s[i] != 0xEF {
		return 0, false
	}
	switch b := s[i+2]; {
	case s[i+1] == 0xBC && b >= 0x81 && b <= 0xBF:
		return b - 0x81 + '!', true
	case s[i+1] == 0xBD && b >= 0x80 && b <= 0x9E:
		return b - 0x80 + '`', true
	}
	return 0, false
}

// wideStart tells whether a full-width digit or at sign begins at i.
func wideStart(s string, i int) bool {
	c, ok := foldedByte(s, i)
	return ok && (isDigit(c) || c == '@')
}

func foldWide(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if c, ok := foldedByte(s, i); ok {
			b = append(b, c)
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// unfolded returns how many bytes of s the first n bytes of its folded form take.
func unfolded(s, folded string, n int) int {
	if len(s) == len(folded) {
		return n
	}
	i := 0
	for ; n > 0; n-- {
		if _, ok := foldedByte(s, i); ok {
			i += 3
		} else {
			i++
		}
	}
	return i
}
