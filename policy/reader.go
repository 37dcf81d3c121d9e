package policy

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile and maxNest bound what is handed to the YAML parser, which recurses and whose
// time grows with the square of the keys of one mapping. It refuses a key given twice.
const (
	maxFile = 256 << 10
	maxNest = 64
)

// reader walks the syntax tree of one file and gathers what is wrong with it.
type reader struct {
	file     string
	problems Problems
	warnings Problems
}

// value is one node of the tree with the dotted path that leads to it. The zero value
// stands for a key that is not there; every accessor then gives its zero without a problem.
type value struct {
	r    *reader
	node ast.Node
	path string
	line int
}

// entry is a key of an object and what it holds.
type entry struct {
	key string
	value
}

// object is a mapping whose known keys are recorded as they are asked for, so that done
// can name the unknown ones.
type object struct {
	value
	entries []entry
	asked   []string
	broken  bool // not a mapping: reported once, missing keys are not
}

// open parses the text and returns the root mapping.
func (r *reader) open(data []byte) (root *object) {
	top := value{r: r, line: 1}
	root = &object{value: top, broken: true}
	if len(data) > maxFile {
		top.fail("is larger than 256 KiB", "a policy is a few pages; is this the right file?")
		return root
	}
	if line := nestedTooDeep(data); line > 0 {
		value{r: r, line: line}.fail("nested too deeply", "at most "+strconv.Itoa(maxNest)+" open brackets or levels")
		return root
	}
	file, err := parseYAML(data)
	if err != nil {
		r.syntax(err)
		return root
	}
	var docs []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			docs = append(docs, d.Body)
		}
	}
	if len(docs) != 1 {
		top.fail(fmt.Sprintf("holds %d YAML documents", len(docs)), "one policy a file")
		return root
	}
	top.node = docs[0]
	return top.object()
}

// parseYAML calls the parser. The parser is third-party code that indexes into its
// tokens; a panic in it on a broken file must not take the process along.
func parseYAML(data []byte) (f *ast.File, err error) {
	defer func() {
		if recover() != nil {
			f, err = nil, errors.New("unreadable")
		}
	}()
	return parser.ParseBytes(data, 0)
}

// nestedTooDeep gives the line on which flow brackets or indentation go beyond maxNest, 0
// when they never do. Comments are skipped; brackets in quotes count, a policy has few.
func nestedTooDeep(data []byte) int {
	depth := 0
	for n, line := range bytes.Split(data, []byte("\n")) {
		body := bytes.TrimLeft(line, " -?:\t")
		if len(line)-len(body) > 4*maxNest {
			return n + 1
		}
		for i, ch := range body {
			if ch == '#' && (i == 0 || body[i-1] == ' ') {
				break
			}
			switch ch {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			}
			if depth > maxNest {
				return n + 1
			}
		}
	}
	return 0
}

// syntax turns the parser's error into a problem. Its message is kept only up to the
// first quoted piece of the file.
func (r *reader) syntax(err error) {
	p := Problem{File: r.file, Line: 1, Msg: "not readable as YAML"}
	var y yaml.Error
	if errors.As(err, &y) {
		if t := y.GetToken(); t != nil && t.Position != nil && t.Position.Line > 0 {
			p.Line = t.Position.Line
		}
		if msg := y.GetMessage(); msg != "" {
			p.Want = echo(msg)
		}
	}
	r.problems = append(r.problems, p)
}

// orTop gives a place to report at for a key that may not be in the file.
func (v value) orTop(r *reader, path string) value {
	if v.r == nil {
		return value{r: r, path: path, line: 1}
	}
	return v
}

func (v value) ok() bool { return v.node != nil }

// fail records a problem at this node.
func (v value) fail(msg, want string) {
	v.r.problems = append(v.r.problems, Problem{File: v.r.file, Line: max(v.line, 1), Key: v.path, Msg: msg, Want: want})
}

// warn records what compiles but deserves a look.
func (v value) warn(msg, want string) {
	v.r.warnings = append(v.r.warnings, Problem{File: v.r.file, Line: max(v.line, 1), Key: v.path, Msg: msg, Want: want})
}

// child is a node below this one.
func (v value) child(key string, line int, n ast.Node) value {
	path := echo(key)
	if v.path != "" {
		path = v.path + "." + path
	}
	return value{r: v.r, node: n, path: path, line: line}
}

// object reads the node as a mapping. It never returns nil.
func (v value) object() *object {
	o := &object{value: v}
	if !v.ok() {
		o.broken = true
		return o
	}
	var pairs []*ast.MappingValueNode
	switch n := v.node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		o.broken = true
		v.unlike("a mapping", "write key: value pairs")
		return o
	}
	for _, p := range pairs {
		line := v.line
		if t := p.Key.GetToken(); t != nil && t.Position != nil && t.Position.Line > 0 {
			line = t.Position.Line
		}
		if !plainKey(p.Key) {
			value{r: v.r, path: v.path, line: line}.fail("has a key that is not plain text", "no anchors, aliases, tags or merge keys")
			continue
		}
		key := p.Key.GetToken().Value
		o.entries = append(o.entries, entry{key, v.child(key, line, p.Value)})
	}
	return o
}

func plainKey(k ast.MapKeyNode) bool {
	switch k.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return k.GetToken() != nil
	}
	return false
}

// opt is the value of a key that may be missing.
func (o *object) opt(key string) value {
	o.asked = append(o.asked, key)
	for _, e := range o.entries {
		if e.key == key {
			return e.value
		}
	}
	return value{r: o.r, path: o.child(key, 0, nil).path, line: o.line}
}

// must is the value of a key that may not be missing.
func (o *object) must(key, want string) value {
	v := o.opt(key)
	if !v.ok() && !o.broken {
		v.fail("missing", want)
	}
	return v
}

// done reports the keys nobody asked for.
func (o *object) done() {
	for _, e := range o.entries {
		known := false
		for _, a := range o.asked {
			known = known || a == e.key
		}
		if !known {
			e.fail("unknown key", "known here: "+strings.Join(o.asked, ", "))
		}
	}
}

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
