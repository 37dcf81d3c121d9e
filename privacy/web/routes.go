package web

import (
	"fmt"
	"strings"
)

// Routes are the path templates that a policy declares, such as
// "/lesson/:id". They do not change once made.
type Routes struct{ root node }

type node struct {
	words map[string]*node
	any   *node  // a segment that begins with ':'
	route string // the template that ends here
}

// NewRoutes reads templates. Each begins with a slash; a segment that begins
// with ':' stands for any one segment, all others for themselves.
func NewRoutes(templates []string) (*Routes, error) {
	r := &Routes{}
	for _, t := range templates {
		if !strings.HasPrefix(t, "/") || strings.ContainsAny(t, "?#% ") {
			return nil, fmt.Errorf("web: route %q is not a path template", t)
		}
		n := &r.root
		for rest := t; rest != ""; {
			var segment string
			if segment, rest = nextSegment(rest); segment == "" {
				continue
			}
			n = n.child(segment)
		}
		n.route = t
	}
	return r, nil
}

func (n *node) child(segment string) *node {
	if segment[0] == ':' {
		if n.any == nil {
			n.any = &node{}
		}
		return n.any
	}
	if n.words == nil {
		n.words = map[string]*node{}
	}
	if n.words[segment] == nil {
		n.words[segment] = &node{}
	}
	return n.words[segment]
}

func (r *Routes) match(path string) (string, bool) {
	if r == nil {
		return "", false
	}
	return r.root.match(path, maxSegments)
}

// match prefers a word to a placeholder, segment by segment.
func (n *node) match(path string, depth int) (string, bool) {
	segment, rest := "", path
	for segment == "" {
		if rest == "" {
			return n.route, n.route != ""
		}
		segment, rest = nextSegment(rest)
	}
	if depth == 0 {
		return "", false
	}
	if next := n.words[segment]; next != nil {
		if route, ok := next.match(rest, depth-1); ok {
			return route, true
		}
	}
	if n.any != nil {
		return n.any.match(rest, depth-1)
	}
	return "", false
}
