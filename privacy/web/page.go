// Package web makes page addresses fit to keep. In come URLs as browsers and
// apps report them; out go path templates, the host and channel of a referrer,
// and campaign parameters. Queries, fragments, user parts and whatever in a
// path could name a person never come out. Any text is accepted.
//
// All functions are pure and may be called concurrently.
package web

import "strings"

const (
	placeholder = ":id"
	maxSegment  = 24 // characters of a segment that can still be a word
	maxSegments = 16 // what lies deeper is cut off
	deeper      = "/*"
)

// Page returns the path template of a URL: without scheme, host, query and
// fragment, as one of the declared routes if one fits, and otherwise with
// ":id" for each segment that holds a digit, '@', '%' or a character outside
// ASCII (which an address writes with '%'), or more than 24 characters. The
// path always begins with a slash; an address without a path to speak of, such
// as "mailto:…", gives the empty string. Templating a template changes
// nothing. Routes may be nil.
func Page(url string, routes *Routes) string {
	path, ok := pathOf(url)
	if !ok {
		return ""
	}
	if route, ok := routes.match(path); ok {
		return route
	}
	if plain(path) {
		return path
	}
	return template(path)
}

// pathOf cuts scheme, host, query and fragment. It reports false for schemes
// that have no path of pages, or the path of a person's own files.
func pathOf(url string) (string, bool) {
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		url = url[:i]
	}
	url = strings.TrimSpace(url)
	if n := schemeEnd(url); n > 0 {
		if !strings.HasPrefix(url[n:], "//") || strings.EqualFold(url[:n], "file:") {
			return "", false
		}
		url = url[n:]
	}
	if strings.HasPrefix(url, "//") {
		i := strings.IndexByte(url[2:], '/')
		if i < 0 {
			return "/", true
		}
		return url[2+i:], true
	}
	return url, url != ""
}

// schemeEnd returns the position after the colon of a URL's scheme, 0 if it
// has none.
func schemeEnd(url string) int {
	for i := range len(url) {
		switch c := url[i]; {
		case c == ':' && i > 0:
			return i + 1
		case isLetter(c) || i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.'):
		default:
			return 0
		}
	}
	return 0
}

// plain tells whether a path is its own template, so that it need not be copied.
func plain(path string) bool {
	if path == "/" {
		return true
	}
	if path[0] != '/' || path[len(path)-1] == '/' {
		return false
	}
	n := 0
	for rest := path; rest != ""; n++ {
		var segment string
		segment, rest = nextSegment(rest)
		if segment == "" || segment == "." || segment == ".." || !isWord(segment) {
			return false
		}
	}
	return n <= maxSegments
}

func template(path string) string {
	b := make([]byte, 0, len(path)+len(placeholder)+len(deeper))
	for n := 0; path != ""; {
		var segment string
		segment, path = nextSegment(path)
		segment, _, _ = strings.Cut(segment, ";") // parameters of a segment
		if segment == "" || segment == "." || segment == ".." {
			continue
		}
		if n++; n > maxSegments {
			b = append(b, deeper...)
			break
		}
		b = append(b, '/')
		if isWord(segment) {
			b = append(b, segment...)
		} else {
			b = append(b, placeholder...)
		}
	}
	if len(b) == 0 {
		return "/"
	}
	return string(b)
}

// nextSegment splits the first segment off a path, with or without the slash
// before it.
func nextSegment(path string) (segment, rest string) {
	path = strings.TrimPrefix(path, "/")
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// isWord tells whether a segment may be kept: it is short and holds nothing
// but letters and the marks that join words.
func isWord(segment string) bool {
	if len(segment) > maxSegment {
		return false
	}
	for i := range len(segment) {
		if c := segment[i]; !isLetter(c) && strings.IndexByte("-_.~!$'()*+,:=", c) < 0 {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c|0x20-'a' < 26 }
func isDigit(c byte) bool  { return c-'0' < 10 }
