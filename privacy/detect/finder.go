package detect

import "strings"

// span is a part of a text, in bytes. The zero span is none.
type span struct{ start, end int }

// finder walks once over a text. Most bytes are passed over by one look into a
// table; the others make it look at a bounded surrounding, or at a run of
// bytes that it then has behind it.
type finder struct {
	s    string
	set  Set
	want trigger
	pos  int  // the next byte to look at
	done int  // end of the last hit; what lies before counts as replaced
	mail span // the next email address, if mail.end > 0
	at   int  // where to look for the next at sign, -1 when there is none
	wide bool

	folded bool // the text was folded and is not folded again

	// The hit that was found last.
	found  span
	kind   Set
	secret bool // a secret in a URL: its token names no kind
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
	t[0xEF], t[0xE2], t[0xDB], t[0xD9], t[0xC2], t['%'] = onWide, onWide, onWide, onWide, onWide, onWide
	return t
}()

// wanted returns the bytes that may begin or betray a hit of the set.
func wanted(set Set) (want trigger) {
	if set&(CNID|Mobile|BankCard|Passport|Plate|LatLon|IP|IMEI) != 0 {
		want |= onDigit | onWide
	}
	if set&(MAC|IP|FaceImage|credentials) != 0 {
		want |= onColon
	}
	if set&MAC != 0 {
		want |= onDash | onDot
	}
	if set&credentials != 0 {
		want |= onQuery
	}
	if set&PasswordField != 0 {
		want |= onEqual | onWide
	}
	if set&JWT != 0 {
		want |= onJ
	}
	if set&Bearer != 0 {
		want |= onB
	}
	if set&FaceImage != 0 {
		want |= onImage
	}
	if set&Email != 0 {
		want |= onWide
	}
	return want
}

// start readies a finder that has its text and set. It reports false when the
// text holds nothing that could be a hit, the usual case.
func (f *finder) start() bool {
	f.want, f.at = wanted(f.set), -1
	if f.folded {
		f.want &^= onWide
	}
	if f.set&Email != 0 {
		f.at = strings.IndexByte(f.s, '@')
	}
	f.pos = skip(f.s, 0, len(f.s), f.want)
	if f.at >= 0 {
		f.nextMail()
	}
	return f.pos < len(f.s) || f.mail.end > 0
}

// skip returns the position of the first byte at or after i that is wanted, or
// limit.
func skip(s string, i, limit int, want trigger) int {
	for s = s[:limit]; i < len(s) && triggers[s[i]]&want == 0; {
		i++
	}
	return i
}

// next finds the next hit that begins before stop. When it finds that the
// text must be folded first, it sets wide and returns false.
func (f *finder) next(stop int) bool {
	for {
		limit := stop
		if f.mail.end > 0 {
			limit = min(limit, f.mail.start)
		}
		if f.pos < limit {
			f.pos = skip(f.s, f.pos, limit, f.want)
		}
		if f.pos >= limit {
			if f.mail.end == 0 || f.mail.start >= stop {
				return false
			}
			f.hit(Email, f.mail.start, f.mail.end)
			return f.take()
		}
		if f.look(triggers[f.s[f.pos]] & f.want) {
			return f.take()
		}
		if f.wide {
			return false
		}
	}
}

// hit notes what a detector found, and returns true.
func (f *finder) hit(kind Set, start, end int) bool {
	f.found, f.kind, f.secret = span{start, end}, kind, false
	return true
}

// token returns what stands in place of the last hit.
func (f *finder) token() string {
	if f.secret {
		return credentialToken
	}
	return f.kind.Token()
}

// take goes on behind the hit, and returns true.
func (f *finder) take() bool {
	f.pos, f.done = f.found.end, f.found.end
	if f.mail.end > 0 && f.mail.start < f.done {
		f.nextMail()
	}
	return true
}

// look examines the byte at pos and moves pos beyond what it has dealt with.
func (f *finder) look(on trigger) bool {
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
			return false
		}
		if c, _ := foldedByte(f.s, i); (c == ':' || c == '=') && f.set&PasswordField != 0 {
			return f.password(i, i+3)
		}
	}
	return false
}

func (f *finder) colon(i int) bool {
	if f.set&FaceImage != 0 && f.dataURI(i) {
		return true
	}
	if f.set&credentials != 0 && strings.HasPrefix(f.s[i:], "://") {
		return f.userPart(i + 3)
	}
	return f.set&MAC != 0 && f.mac(i) || f.set&IP != 0 && f.ipv6(i) ||
		f.set&PasswordField != 0 && f.password(i, i+1)
}

// wideIn tells whether the text must be folded before it is searched.
func wideIn(s string, want trigger) bool {
	if want&onWide == 0 {
		return false
	}
	for i := 0; ; i++ {
		if i = skip(s, i, len(s), onWide); i == len(s) {
			return false
		}
		if wideStart(s, i) {
			return true
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
