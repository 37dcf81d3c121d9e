package detect

// Some writing stands for ASCII: full-width forms (U+FF01 to U+FF5E) in East Asian text,
// Arabic and Persian digits, and "%40" for "@" in addresses of pages. Characters without a
// width (U+200B to U+200D, U+2060, U+FEFF, the soft hyphen) stand for nothing and can hide
// what they stand in. A text that holds any of this where it matters is searched in a
// folded copy; the hits are then cut out of the text itself.

// foldedByte returns the ASCII byte for the form that begins at i and the form's length;
// 0 and a length for a character without a width; length 0 for anything else.
func foldedByte(s string, i int) (c byte, size int) {
	rest := s[i:]
	if len(rest) < 2 {
		return 0, 0
	}
	switch b := rest[1]; rest[0] {
	case 0xC2:
		if b == 0xAD {
			return 0, 2
		}
		return 0, 0
	case 0xD9:
		if b >= 0xA0 && b <= 0xA9 {
			return b - 0xA0 + '0', 2
		}
		return 0, 0
	case 0xDB:
		if b >= 0xB0 && b <= 0xB9 {
			return b - 0xB0 + '0', 2
		}
		return 0, 0
	}
	if len(rest) < 3 {
		return 0, 0
	}
	b := rest[2]
	switch rest[0] {
	case '%':
		if rest[1] == '4' && b == '0' {
			return '@', 3
		}
	case 0xE2:
		if rest[1] == 0x80 && b >= 0x8B && b <= 0x8D || rest[1] == 0x81 && b == 0xA0 {
			return 0, 3
		}
	case 0xEF:
		switch {
		case rest[1] == 0xBB && b == 0xBF:
			return 0, 3
		case rest[1] == 0xBC && b >= 0x81 && b <= 0xBF:
			return b - 0x81 + '!', 3
		case rest[1] == 0xBD && b >= 0x80 && b <= 0x9E:
			return b - 0x80 + '`', 3
		}
	}
	return 0, 0
}

// wideStart tells whether a form begins at i for whose sake a text is folded: a digit, an
// at sign or a character without a width.
func wideStart(s string, i int) bool {
	c, size := foldedByte(s, i)
	return size > 0 && (c == 0 || isDigit(c) || c == '@')
}

func foldWide(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c, size := foldedByte(s, i)
		switch {
		case size == 0:
			b = append(b, s[i])
			continue
		case c != 0:
			b = append(b, c)
		}
		i += size - 1
	}
	return string(b)
}

// unfolded returns how many bytes of s the first n bytes of its folded form take. What has
// no width counts to the byte behind it.
func unfolded(s, folded string, n int) int {
	if len(s) == len(folded) {
		return n
	}
	i := 0
	for n > 0 {
		c, size := foldedByte(s, i)
		switch {
		case size == 0:
			i++
			n--
			continue
		case c != 0:
			n--
		}
		i += size
	}
	return i
}
