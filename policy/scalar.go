package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// text reads a string. A number or a bool is not one: it must be quoted.
func (v value) text() string {
	switch n := v.node.(type) {
	case nil:
		return ""
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value)
	}
	v.unlike("text", "put it in quotes")
	return ""
}

// unlike reports a node of another kind than wanted.
func (v value) unlike(kind, want string) {
	switch v.node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		v.fail("an anchor, alias or tag", "write the value out: whoever signs must see it where it holds")
	default:
		v.fail("is not "+kind, want)
	}
}

// filled reads a string that says something.
func (v value) filled(want string) string {
	s := strings.TrimSpace(v.text())
	if _, isText := v.node.(*ast.StringNode); isText && s == "" {
		v.fail("is empty", want)
	}
	return s
}

// word reads one of a few words.
func (v value) word(allowed ...string) string {
	if !v.ok() {
		return ""
	}
	s := v.text()
	for _, a := range allowed {
		if s == a {
			return s
		}
	}
	if isText(v.node) {
		v.fail(echo(s)+": not known here", strings.TrimPrefix("one of "+strings.Join(allowed, ", "), onlyOne(allowed)))
	}
	return ""
}

// onlyOne gives the words to leave out before a choice that is none.
func onlyOne(allowed []string) string {
	if len(allowed) == 1 {
		return "one of "
	}
	return ""
}

func isText(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return true
	}
	return false
}

// name reads an identifier that becomes a table, column or bit name.
func (v value) name() string {
	s := v.text()
	if isText(v.node) && !goodName(s) {
		v.fail("not a usable name", "lower-case letters, digits and _, a letter first, at most 63")
	}
	return s
}

func goodName(s string) bool {
	if s == "" || len(s) > 63 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range []byte(s) {
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// integer reads a whole number within bounds.
func (v value) integer(lo, hi int64) int64 {
	if !v.ok() {
		return 0
	}
	want := fmt.Sprintf("a whole number from %d to %d", lo, hi)
	n, ok := v.node.(*ast.IntegerNode)
	if !ok {
		v.fail("is not a whole number", want)
		return 0
	}
	i, err := strconv.ParseInt(fmt.Sprint(n.Value), 10, 64)
	if err != nil || i < lo || i > hi {
		v.fail("is out of bounds", want)
		return 0
	}
	return i
}

// fraction reads a number between 0 and 1.
func (v value) fraction() float64 {
	f := -1.0
	switch n := v.node.(type) {
	case nil:
		return 0
	case *ast.FloatNode:
		f = n.Value
	case *ast.IntegerNode:
		f, _ = strconv.ParseFloat(fmt.Sprint(n.Value), 64)
	}
	if !(f >= 0 && f <= 1) {
		v.fail("is not a fraction", "a number from 0 to 1")
		return 0
	}
	return f
}

// boolean reads true or false.
func (v value) boolean() bool {
	if !v.ok() {
		return false
	}
	b, ok := v.node.(*ast.BoolNode)
	if !ok {
		v.fail("is neither true nor false", "")
		return false
	}
	return b.Value
}

// span reads a duration such as 30d, 1h or 60s.
func (v value) span() time.Duration {
	if !v.ok() {
		return 0
	}
	s := ""
	if isText(v.node) {
		s = v.text()
	}
	d, ok := parseSpan(s, false)
	if !ok {
		v.fail("not a duration", "a number and s, m, h or d, such as 30d")
	}
	return d
}

// level reads the name of a place level.
func (v value) level() Level {
	l, _ := parseLevel(v.word(levelNames[:]...))
	return l
}

// list reads a sequence. A missing key is an empty list.
func (v value) list() []value {
	if !v.ok() {
		return nil
	}
	seq, ok := v.node.(*ast.SequenceNode)
	if !ok {
		v.unlike("a list", "write [a, b]")
		return nil
	}
	items := make([]value, 0, len(seq.Values))
	for _, n := range seq.Values {
		line := v.line
		if t := n.GetToken(); t != nil && t.Position != nil && t.Position.Line > 0 {
			line = t.Position.Line
		}
		items = append(items, value{r: v.r, node: n, path: v.path, line: line})
	}
	return items
}

// texts reads a list of strings, each given once.
func (v value) texts() []string {
	var out []string
	for _, item := range v.list() {
		s := item.filled("leave it out")
		if s == "" {
			continue
		}
		if contains(out, s) {
			item.fail(echo(s)+": listed twice", "")
			continue
		}
		out = append(out, s)
	}
	return out
}

// words reads a list of words out of a few.
func (v value) words(allowed ...string) []string {
	var out []string
	for _, item := range v.list() {
		if s := item.word(allowed...); s != "" && !contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
