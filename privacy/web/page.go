// Package web makes addresses of pages coarse. In come addresses as browsers send them; out
// go paths without ids, hosts, channels and campaign parameters. Nothing it returns holds a
// query, a fragment or credentials. It never fetches anything, and garbage gives little
// rather than an error.
package web

import (
	"strings"
)

// Routes are the path templates a policy declares, such as "/lesson/:id". They are
// immutable and safe for concurrent use.
type Routes struct{ all []route }

type route struct {
	template string // as it is stored
	segments []string
}

// NewRoutes reads templates; a segment that begins with a colon stands for any segment.
func NewRoutes(templates []string) *Routes {
	r := new(Routes)
	for _, t := range templates {
		bare := strings.Trim(t, "/")
		r.all = append(r.all, route{"/" + bare, strings.Split(bare, "/")})
	}
	return r
}

// match gives the template a path fits.
func (r *Routes) match(path string) (string, bool) {
	if r == nil {
		return "", false
	}
	trimmed := strings.Trim(path, "/")
	for _, t := range r.all {
		rest, ok := trimmed, true
		for i, seg := range t.segments {
			part, more, found := strings.Cut(rest, "/")
			if part == "" || !strings.HasPrefix(seg, ":") && part != seg || found != (i < len(t.segments)-1) {
				ok = false
				break
			}
			rest = more
		}
		if ok {
			return t.template, true
		}
	}
	return "", false
}

// maxSegment is the longest path segment, in bytes, that is taken for a name.
const maxSegment = 24

// maxPath bounds a path, in bytes; a longer one is cut at a segment.
const maxPath = 512

// Page gives the path of an address: without scheme, host, query and fragment, and with
// ":id" in place of every segment that a declared route names so or, without a route, that
// holds a digit, '@' or '%' or is longer than 24 bytes. Addresses without a path give "/",
// empty ones "".
func Page(address string, routes *Routes) string {
	if address == "" {
		return ""
	}
	path := cutPath(address)
	if t, ok := routes.match(path); ok {
		return t
	}
	if clean(path) {
		return path
	}
	var b strings.Builder
	for i, seg := range strings.Split(path, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		if b.Len() > maxPath {
			break
		}
		if isID(seg) {
			b.WriteString(":id")
		} else {
			b.WriteString(seg)
		}
	}
	return b.String()
}

// cutPath takes scheme, host, query and fragment off an address.
func cutPath(address string) string {
	if i := strings.IndexAny(address, "?#"); i >= 0 {
		address = address[:i]
	}
	_, rest := splitHost(address)
	if rest == "" {
		return "/"
	}
	return rest
}

// splitHost gives the authority of an absolute or protocol-relative address, and what
// follows it. An address without an authority is all path.
func splitHost(address string) (authority, path string) {
	rest := address
	if i := strings.Index(rest, "://"); i >= 0 && !strings.ContainsAny(rest[:i], "/?#") {
		rest = rest[i+3:]
	} else if r, ok := strings.CutPrefix(rest, "//"); ok {
		rest = r
	} else {
		return "", rest
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return rest[:i], rest[i:]
	}
	return rest, ""
}

// clean reports a path that Page leaves as it is.
func clean(path string) bool {
	if len(path) > maxPath {
		return false
	}
	run := 0
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '/':
			run = 0
			continue
		case c >= '0' && c <= '9', c == '@', c == '%':
			return false
		}
		if run++; run > maxSegment {
			return false
		}
	}
	return true
}

func isID(seg string) bool { return len(seg) > maxSegment || strings.ContainsAny(seg, "0123456789@%") }

// Host gives the host of an address in lower case, without credentials and port; "" when it
// has none.
func Host(address string) string {
	authority, _ := splitHost(address)
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = authority[i+1:]
	}
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		authority = authority[:i]
	}
	if len(authority) > 253 {
		return ""
	}
	return strings.ToLower(authority)
}
