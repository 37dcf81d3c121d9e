package policy

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

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
