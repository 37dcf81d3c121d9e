package web

import (
	"strings"
	"unicode"
)

// veiled stands for an event name that may hold an id. The page has its own words for it.
const veiled = "(hidden)"

// veil hides event names that may hold an id of a person. Declared names are the
// operator's own words; any other came from outside, where a programmer may have put an id
// into it that no detector knows.
func veil(events []Event) []Event {
	out := make([]Event, len(events))
	for i, e := range events {
		if !e.Declared && mayIdentify(e.Event) {
			e.Event = veiled
		}
		out[i] = e
	}
	return out
}

// mayIdentify errs on the side of hiding: an address, six digits or more, or a long word
// of letters and digits mixed, as random ids and hashes are.
func mayIdentify(name string) bool {
	if len(name) > 100 || strings.ContainsRune(name, '@') {
		return true
	}
	digits := 0
	for _, r := range name {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	if digits >= 6 {
		return true
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for _, w := range words {
		if len(w) >= 10 && strings.IndexFunc(w, unicode.IsDigit) >= 0 && strings.IndexFunc(w, unicode.IsLetter) >= 0 && mixed(w) {
			return true
		}
	}
	return false
}

// mixed reports whether letters and digits change places more than once, as in "a81bc9" and
// not in "version12".
func mixed(word string) bool {
	changes, before := 0, false
	for i, r := range word {
		now := unicode.IsDigit(r)
		if i > 0 && now != before {
			changes++
		}
		before = now
	}
	return changes > 1
}
