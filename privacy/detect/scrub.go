package detect

import (
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Scrub appends s to dst with every hit of the set replaced by its token, then
// cut to maxRunes runes (0 or less: not cut), and returns the kinds replaced.
// Scrubbing the result again changes nothing. It does not allocate when dst
// has room, unless s holds full-width digits or a cut made a new hit.
func Scrub(dst []byte, s string, set Set, maxRunes int) (out []byte, hits Set) {
	base := len(dst)
	dst, hits = pass(dst, s, set, maxRunes)
	dst, cut := cutRunes(dst, base, maxRunes)
	changed := hits != 0
	if cut && !changed {
		// A cut alone changes only the neighbourhood of what ends at it.
		changed = Find(view(dst[max(base, len(dst)-cutReach):]), set) != 0
	}
	for n := 0; changed; n++ {
		// A token or the cut gives its neighbours a new surrounding: what was a
		// part of something longer may now look complete.
		left := Find(view(dst[base:]), set)
		if left == 0 {
			break
		}
		if n == 3 {
			hits |= left
			dst = append(dst[:base], lastResort...)
			dst, _ = cutRunes(dst, base, maxRunes)
			break
		}
		var more Set
		dst, more = pass(dst[:base], string(dst[base:]), set, maxRunes)
		dst, _ = cutRunes(dst, base, maxRunes)
		hits |= more
	}
	return dst, hits
}

// cutReach is more bytes than any detector looks back from the end of a hit
// that the cut could make whole.
const cutReach = 256

// Find returns the kinds of the set that occur in s.
func Find(s string, set Set) Set {
	found, wide := findIn(s, set, false)
	if wide {
		found, _ = findIn(foldWide(s), set, true)
	}
	return found
}

// findIn tells in wide that the text must be folded first.
func findIn(s string, set Set, folded bool) (found Set, wide bool) {
	f := finder{s: s, set: set, folded: folded}
	if !f.start() {
		return 0, false
	}
	for {
		if !f.next(len(s)) {
			return found, f.wide
		}
		// A hit may have passed over what must be folded, and be none once it is.
		if found == 0 && wideIn(s, f.want) {
			return 0, true
		}
		if found |= f.kind; found == set {
			return found, false
		}
	}
}

// FindNumber returns the kinds of the set that a number looks like, given as
// its literal in JSON. Only whole numbers can be one; their sign and the form
// in which they are written (1.3812345678e10) do not matter.
func FindNumber(literal string, set Set) Set {
	set &= CNID | Mobile | BankCard | IMEI
	literal = strings.TrimPrefix(literal, "-")
	if set == 0 || len(literal) < len("1e1") {
		return 0
	}
	if strings.ContainsAny(literal, ".eE") {
		v, err := strconv.ParseFloat(literal, 64)
		if err != nil || v < 1e10 || v >= 1e19 || v != float64(uint64(v)) {
			return 0
		}
		var buf [24]byte
		return Find(string(strconv.AppendUint(buf[:0], uint64(v), 10)), set)
	}
	if len(literal) < 11 {
		return 0
	}
	return Find(literal, set)
}

// pass replaces hits from left to right, as far as the cut will leave text.
func pass(dst []byte, s string, set Set, maxRunes int) ([]byte, Set) {
	f := finder{s: s, set: set}
	if !f.start() {
		return append(dst, s...), 0
	}
	base := len(dst)
	folded := s
	if wideIn(s, f.want) {
		folded = foldWide(s)
		f = finder{s: folded, set: set, folded: true}
		f.start()
	}
	var hits Set
	orig, seen := 0, 0 // up to where s and folded are written
	for {
		stop := len(folded)
		if maxRunes > 0 {
			// Every four bytes are at least one rune: what begins later is cut off.
			stop = min(stop, seen+max(0, 4*maxRunes-(len(dst)-base))+1)
		}
		if !f.next(stop) {
			tail := s[orig:]
			if stop < len(folded) && len(folded) == len(s) {
				tail = s[orig:min(len(s), stop+utf8.UTFMax)]
			}
			return append(dst, tail...), hits
		}
		to := orig + unfolded(s[orig:], folded[seen:], f.found.start-seen)
		dst = append(dst, s[orig:to]...)
		dst = append(dst, f.token()...)
		orig = to + unfolded(s[to:], folded[f.found.start:], f.found.end-f.found.start)
		seen = f.found.end
		hits |= f.kind
	}
}

// cutRunes cuts what stands after base to at most maxRunes runes.
func cutRunes(b []byte, base, maxRunes int) ([]byte, bool) {
	if maxRunes <= 0 || len(b)-base <= maxRunes {
		return b, false
	}
	i := base
	for n := 0; n < maxRunes && i < len(b); n++ {
		_, size := utf8.DecodeRune(b[i:])
		i += size
	}
	return b[:i], i < len(b)
}

// view reads bytes as a string without copying. The result must not be kept.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
