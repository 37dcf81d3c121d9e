package place

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

type word struct {
	admin uint16
	short bool
}

// Region finds the administrative place that a region text names, in Chinese
// ("石家庄市长安区中山路1号") or in Latin letters ("Shijiazhuang, Hebei"). At
// each position the longest name counts. In Chinese the first city wins, and
// once a province was named only its cities count; in Latin letters a province
// anywhere in the text decides between cities of one spelling. A name without
// its ending does not count where it begins the name of a road or a district
// ("中山路", "朝阳区"). What is finer than the city never comes out.
func (t *Table) Region(text string) (Admin, bool) {
	text = strings.ToLower(text)
	var candidate Admin
	for m, a := range t.matches(text, "") {
		if a.City == "" {
			// What named the province does not name a city as well.
			for _, part := range [...]string{text[:m.start], text[m.end:]} {
				for _, city := range t.matches(part, a.Province) {
					return city, true
				}
			}
			return a, true
		}
		if !latin(text[m.start]) {
			return a, true
		}
		if candidate.City == "" {
			candidate = a
		}
	}
	return candidate, candidate.City != ""
}

// match is where a name stands in a text, in bytes.
type match struct{ start, end int }

// matches yields the positions and places of the names in a lower-case text, left to right and not overlapping. With a province given, only its
// cities count.
func (t *Table) matches(text, province string) iter.Seq2[match, Admin] {
	return func(yield func(match, Admin) bool) {
		for i := 0; i < len(text); {
			a, n := t.longestAt(text, i, province)
			if n == 0 {
				_, n = utf8.DecodeRuneInString(text[i:])
			} else if !yield(match{i, i + n}, a) {
				return
			}
			i += n
		}
	}
}

// longestAt returns the place with the longest name that begins at i and the
// name's length in bytes, 0 for none.
func (t *Table) longestAt(text string, i int, province string) (Admin, int) {
	if !wordStart(text, i) {
		return Admin{}, 0
	}
	for end := min(len(text), i+t.longest); end > i; end-- {
		if end < len(text) && (!utf8.RuneStart(text[end]) || latin(text[end-1]) && latin(text[end])) {
			continue
		}
		if words := t.regions[text[i:end]]; len(words) > 0 {
			if a, ok := t.choose(words, text[end:], province); ok {
				return a, end - i
			}
		}
	}
	return Admin{}, 0
}

// choose picks the place that a name means. A name of a province and of a city
// ("吉林") means the province, unless the province was named before. A name of
// several cities means none.
func (t *Table) choose(words []word, rest, province string) (Admin, bool) {
	var city Admin
	cities := 0
	for _, w := range words {
		a := t.admins[w.admin]
		if w.short && continues(rest) {
			continue
		}
		if a.City == "" && province == "" {
			return a, true
		}
		if a.City != "" && (province == "" || a.Province == province) && a != city {
			city = a
			cities++
		}
	}
	return city, cities == 1
}

// continues tells whether what follows a short name makes it the name of a
// road, a village or a district.
func continues(rest string) bool {
	const parts = "区县镇乡村里桥站"
	const between = "东西南北中大环一二三四五六七八九十"
	const roads = "路街道巷弄"
	for n := 0; n < 4 && rest != ""; n++ {
		r, size := utf8.DecodeRuneInString(rest)
		if strings.ContainsRune(roads, r) || n == 0 && strings.ContainsRune(parts, r) {
			return true
		}
		if !strings.ContainsRune(between, r) {
			return false
		}
		rest = rest[size:]
	}
	return false
}

func latin(c byte) bool { return c >= 'a' && c <= 'z' || c == '\'' }

// wordStart tells whether a name may begin at byte i: anywhere in Chinese
// text, but not inside a Latin word.
func wordStart(text string, i int) bool {
	if !latin(text[i]) {
		r, _ := utf8.DecodeRuneInString(text[i:])
		return unicode.Is(unicode.Han, r)
	}
	return i == 0 || !latin(text[i-1])
}
