package collector

import (
	"strings"

	"github.com/valyala/fasthttp"
)

// route is one path. Exactly one of ingest and handle is set.
type route struct {
	method string
	path   string // without a trailing slash, unless prefix
	prefix bool   // the path goes on
	ingest *dialect
	handle func(*Collector, *fasthttp.RequestCtx)
}

// dialect is one way of writing events down. A new one is a file with its decoder, its
// answer and its routes, and a line in routes below.
type dialect struct {
	// decode reads r.body into r.msgs, and the write key, if the body has it, into r.key.
	// For a pixel it reads r.query. Its errors are *syntaxError.
	decode func(r *request) error
	// answer writes the body of a success; nil for pixels.
	answer func(r *request) []byte
	pixel  bool // GET, and always answered with a picture
}

func routes() []route {
	var all []route
	for _, f := range []func() []route{nativeRoutes, segmentRoutes, infoRoutes} {
		all = append(all, f()...)
	}
	return all
}

// table finds routes. It is built once and then only read.
type table struct {
	exact    map[string][]*route
	prefixes []*route
}

func newTable(all []route) *table {
	t := &table{exact: make(map[string][]*route)}
	for i := range all {
		r := &all[i]
		if r.prefix {
			t.prefixes = append(t.prefixes, r)
			continue
		}
		t.exact[r.path] = append(t.exact[r.path], r)
	}
	return t
}

// find gives the routes of a path, with or without a trailing slash, and of them the one
// for the method.
func (t *table) find(method, path string) (r *route, known bool) {
	for len(path) > 1 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	list := t.exact[path]
	for _, r := range t.prefixes {
		if strings.HasPrefix(path, r.path) {
			list = append(list[:len(list):len(list)], r)
		}
	}
	for _, r := range list {
		if r.method == method || method == fasthttp.MethodHead && r.method == fasthttp.MethodGet {
			return r, true
		}
	}
	return nil, len(list) > 0
}
