package policy

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"unicode"
)

// Problem is one thing wrong with a policy file: where it stands, what it is and what
// would be right. It names keys, purposes and classes, never a person's value.
type Problem struct {
	File string // as given to Parse
	Line int    // from 1; the line of the key, or of the object that lacks one
	Key  string // dotted path, "" for the file as a whole
	Msg  string
	Want string // what would be right, "" when Msg says it
}

func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Msg)
	if p.Want != "" {
		b.WriteString("; " + p.Want)
	}
	return b.String()
}

// Problems is everything found wrong with one file, ordered by line. It is the error
// type of Parse and Load.
type Problems []Problem

// Error prints one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sort orders by line; problems of one line keep the order in which they were found. The
// parser counts a lone carriage return as a line of its own, an editor does not: no line
// lies beyond the last one of the file.
func (ps Problems) sort(file []byte) {
	last := 1 + bytes.Count(file, []byte("\n"))
	for i := range ps {
		ps[i].Line = min(ps[i].Line, last)
	}
	sort.SliceStable(ps, func(i, j int) bool { return ps[i].Line < ps[j].Line })
}

// maxEcho bounds what a message repeats from the file, in runes.
const maxEcho = 48

// echo makes a name of the file fit to be repeated in a message: one short printable word.
func echo(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == maxEcho {
			return b.String() + "…"
		}
		if !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}
