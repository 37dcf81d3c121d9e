package detect

import "strings"

// hit is a part of a text and what to put in its place.
type hit struct {
	start, end int
	kind       Set
	token      string
}

func hitOf(kind Set, start, end int) hit { return hit{start, end, kind, kind.Token()} }

// finder walks once over a text. Most bytes are passed over by one look into a
// table; the others make it look at a bounded surrounding, or at a run of
// bytes that it then has behind it.
type finder struct {
	s    string
	set  Set
	want trigger
	pos  int // the next byte to look at
	done int // end of the last hit; what lies before counts as replaced
	mail hit // the next email address, if mail.end > 0
	at   int // where to look for the next at sign, -1 when there is none
	wide bool
}

// trigger is a set of reasons to stop at a byte.
type trigger uint16

const (
	onDigit trigger = 1 << iota
	onColon
	onDash
	onDot
	onQuery // ? & #
	onEqual
	onJ // of a JWT's "eyJ"
	onB // of "Bearer" and "Basic"
	onImage
	onWide
)

var triggers = func() (t [256]trigger) {
	for c := '0'; c <= '9'; c++ {
		t[c] = onDigit
	}
	t[':'] = onColon
	t['-'] = onDash
	t['.'] = onDot
	t['?'], t['&'], t['#'] = onQuery, onQuery, onQuery
	t['='] = onEqual
	t['J'] = onJ
	t['B'], t['b'] = onB, onB
	t['/'], t['V'], t['G'], t[0xFF], t[0x89] = onImage, onImage, onImage, onImage, onImage
	t[0xEF] = onWide
	return t
}()

func newFinder(s string, set Set) finder {
	f := finder{s: s, set: set, at: -1}
	for _, w := range [...]struct {
		kinds Set
		on    trigger
	}{
		{CNID | Mobile | BankCard | Passport | Plate | LatLon | IP | IMEI, onDigit | onWide},
		{MAC | IP | FaceImage | credentials, onColon},
		{MAC, onDash | onDot},
		{credentials, onQuery},
		{PasswordField, onEqual | onWide},
		{JWT, onJ},
		{Bearer, onB},
		{FaceImage, onImage},
		{Email, onWide},
	} {
		if set&w.kinds != 0 {
			f.want |= w.on
		}
	}
	if set&Email != 0 {
		f.at = strings.IndexByte(s, '@')
		f.nextMail()
	}
	return f
}

// next returns the next hit that begins before stop. When it finds that the
// text must be folded first, it sets wide and returns false.
func (f *finder) next(stop int) (hit, bool) {
	for {
		limit := stop
		if f.mail.end > 0 {
			limit = min(limit, f.mail.start)
		}
		for f.pos < limit && triggers[f.s[f.pos]]&f.want == 0 {
			f.pos++
		}
		if f.pos >= limit {
			if f.mail.end == 0 || f.mail.start >= stop {
				return hit{}, false
			}
			return f.take(f.mail), true
		}
		h, ok := f.look(triggers[f.s[f.pos]] & f.want)
		if ok {
			return f.take(h), true
		}
		if f.wide {
			return hit{}, false
		}
	}
}

func (f *finder) take(h hit) hit {
	f.pos, f.done = h.end, h.end
	if f.mail.end > 0 && f.mail.start < f.done {
		f.nextMail()
	}
	return h
}

// look examines the byte at pos and moves pos beyond what it has dealt with.
func (f *finder) look(on trigger) (h hit, ok bool) {
	i := f.pos
	f.pos++
	switch on {
	case onDigit:
		return f.digits(i)
	case onColon:
		return f.colon(i)
	case onDash:
		return f.mac(i)
	case onDot:
		return f.dottedMAC(i)
	case onQuery:
		return f.parameter(i)
	case onEqual:
		return f.password(i, i+1)
	case onJ:
		return f.jwt(i)
	case onB:
		return f.bearer(i)
	case onImage:
		return f.imageBytes(i)
	case onWide:
		if wideStart(f.s, i) {
			f.wide = true
			return hit{}, false
		}
		if c, ok := foldedByte(f.s, i); ok && (c == ':' || c == '=') && f.set&PasswordField != 0 {
			return f.password(i, i+3)
		}
	}
	return hit{}, false
}

func (f *finder) colon(i int) (h hit, ok bool) {
	if f.set&FaceImage != 0 {
		if h, ok = f.dataURI(i); ok {
			return h, true
		}
	}
	if f.set&credentials != 0 && strings.HasPrefix(f.s[i:], "://") {
		return f.userPart(i + 3)
	}
	if f.set&MAC != 0 {
		if h, ok = f.mac(i); ok {
			return h, true
		}
	}
	if f.set&IP != 0 {
		if h, ok = f.ipv6(i); ok {
			return h, true
		}
	}
	if f.set&PasswordField != 0 {
		return f.password(i, i+1)
	}
	return hit{}, false
}

// hasWide tells whether the text must be folded before it is searched.
func (f *finder) hasWide() bool {
	if f.want&onWide == 0 {
		return false
	}
	for i := 0; ; i += 3 {
		n := strings.IndexByte(f.s[i:], 0xEF)
		if n < 0 {
			return false
		}
		if i += n; wideStart(f.s, i) {
			return true
		}
		if i+3 > len(f.s) {
			return false
		}
	}
}

// left returns the byte before i; a hit before i counts as replaced by a token.
func (f *finder) left(i int) byte {
	if i <= f.done {
		return ']'
	}
	return f.s[i-1]
}

// right returns the byte at i, or 0 at the end.
func (f *finder) right(i int) byte {
	if i >= len(f.s) {
		return 0
	}
	return f.s[i]
}

func isDigit(c byte) bool  { return c-'0' < 10 }
func isLetter(c byte) bool { return c|0x20-'a' < 26 }
func isAlnum(c byte) bool  { return isDigit(c) || isLetter(c) }
func isHex(c byte) bool    { return isDigit(c) || (c|0x20)-'a' < 6 }

// digitsAt returns the length of the run of digits at i, at most limit.
func digitsAt(s string, i, limit int) int {
	n := 0
	for n < limit && i+n < len(s) && isDigit(s[i+n]) {
		n++
	}
	return n
}
