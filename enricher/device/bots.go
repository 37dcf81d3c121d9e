package device

import (
	_ "embed"
	"strings"
)

// botList holds the marks of bots; genbots/main.go makes it.
//
//go:embed bots.txt
var botList string

// matcher finds any of many marks in one pass over a text (Aho and Corasick,
// 1975, with all failure links followed beforehand). It does not change once
// made.
type matcher struct {
	class  [256]uint8 // bytes that no mark holds share class 0
	width  int
	next   []uint16 // state*width + class → state
	marks  [][]mark // by state, those that end there
	prefix []string
}

type mark struct {
	length int
	inside bool // counts in the middle of a word too
}

// newMatcher reads marks, one a line. A mark counts at the beginning of a word
// only, but those of a generic kind ("bot", "crawl") anywhere.
func newMatcher(list string) *matcher {
	m := &matcher{}
	var marks []string
	for line := range strings.Lines(list) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '^':
			m.prefix = append(m.prefix, line[1:])
		default:
			marks = append(marks, line)
		}
	}
	m.width = 1
	for _, text := range marks {
		for i := range len(text) {
			if m.class[text[i]] == 0 {
				m.class[text[i]] = uint8(m.width)
				m.width++
			}
		}
	}
	m.build(marks)
	return m
}

func (m *matcher) build(marks []string) {
	state := func() uint16 {
		m.next = append(m.next, make([]uint16, m.width)...)
		m.marks = append(m.marks, nil)
		return uint16(len(m.marks) - 1)
	}
	state() // the root
	for _, text := range marks {
		s := 0
		for i := range len(text) {
			at := s*m.width + int(m.class[text[i]])
			if m.next[at] == 0 {
				n := state()
				m.next[at] = n
			}
			s = int(m.next[at])
		}
		m.marks[s] = append(m.marks[s], mark{len(text), isGeneric(text)})
	}
	// Breadth first: what a state lacks it takes from its longest proper suffix.
	fail := make([]uint16, len(m.marks))
	queue := []uint16{0}
	for len(queue) > 0 {
		s := int(queue[0])
		queue = queue[1:]
		for c := range m.width {
			at := s*m.width + c
			suffix := uint16(0)
			if s != 0 {
				suffix = m.next[int(fail[s])*m.width+c]
			}
			if child := m.next[at]; child == 0 {
				m.next[at] = suffix
			} else {
				fail[child] = suffix
				m.marks[child] = append(m.marks[child], m.marks[suffix]...)
				queue = append(queue, child)
			}
		}
	}
}

func isGeneric(text string) bool {
	switch strings.ToLower(text) {
	case "bot", "crawl", "spider", "slurp", "scrap":
		return true
	}
	return false
}

func (m *matcher) match(s string) bool {
	for _, p := range m.prefix {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	state := 0
	for i := range len(s) {
		state = int(m.next[state*m.width+int(m.class[s[i]])])
		for _, k := range m.marks[state] {
			start := i + 1 - k.length
			if k.inside && !isPhoneBrand(s, start) || !k.inside && (start == 0 || !isAlnum(s[start-1]) || !isAlnum(s[start])) {
				return true
			}
		}
	}
	return false
}

// isPhoneBrand tells whether the "bot" at start is a part of Cubot, a maker of
// phones.
func isPhoneBrand(s string, start int) bool {
	return start >= 2 && len(s) >= start+3 && strings.EqualFold(s[start-2:start+3], "cubot")
}

func isAlnum(c byte) bool { return c|0x20-'a' < 26 || c-'0' < 10 }
