package policy

import "strings"

// maxNameLen bounds the names of the built-in list and of classes.*.names, in bytes. A
// path segment that folds to more cannot be on the list.
const maxNameLen = 64

// Rule says what becomes of the property of event e at a dotted path, in this order:
// declared (also under a former name, as part of a declared object, or as a plain part
// such as "os"); then the names that mean a class wherever they stand, of which the
// forbidding ones win; then the "*" field; then drop. A nil e stands for an event nobody
// declared: only the forbidding names are looked at.
//
// Names that mean a place or a user only lead somewhere when the event declares such a
// field; otherwise the property is dropped and never falls into the "*" field.
//
// It allocates nothing and is safe for concurrent use.
func (p *Policy) Rule(e *Event, path string) Rule {
	if e != nil && path != "" && e.paths[path[0]] != 0 {
		if e.paths.may(path[0], len(path)) {
			if r, ok := e.rules[path]; ok {
				return r
			}
		}
		if r, ok := p.insideObject(e, path); ok {
			return r
		}
	}
	if r, ok := p.byName(e, path); ok {
		return r
	}
	if e != nil && e.WildText != nil {
		return Rule{Class: e.WildText, Wild: true}
	}
	return Rule{}
}

// declare adds one path to the event's look-up.
func (e *Event) declare(path string, r Rule) {
	e.rules[path] = r
	e.paths.add(path)
}

// insideObject handles "device.os" where device is declared: only parts its class knows
// are taken, and a forbidden name inside stays forbidden.
func (p *Policy) insideObject(e *Event, path string) (Rule, bool) {
	for i := strings.LastIndexByte(path, '.'); i > 0; i = strings.LastIndexByte(path[:i], '.') {
		if !e.paths.may(path[0], i) {
			continue
		}
		f, ok := e.byName[path[:i]]
		if !ok {
			continue
		}
		rest := path[i+1:]
		r := Rule{Field: f, Part: rest}
		if f.Class.Do == DoForbid {
			r.Class = f.Class
		} else if c := p.index.forbidden(rest); c != nil {
			r.Class = c
		} else if knowsPart(f.Class.Name, rest) {
			r.Class = f.Class
		}
		return r, true
	}
	return Rule{}, false
}

// byName looks every segment of the path up in the list of names, the last first.
func (p *Policy) byName(e *Event, path string) (Rule, bool) {
	var soft *Class
	var part string
	after := -1 // end of the segment behind
	for end := len(path); end >= 0; {
		start := strings.LastIndexByte(path[:end], '.') + 1
		c := p.index.class(path[start:end])
		if c == nil && after >= 0 {
			c = p.index.class(path[start:after]) // "user.id" means what "user_id" means
			if c != nil && c.Do != DoForbid {
				return Rule{}, true // nothing declared has this form
			}
		}
		if c != nil {
			if c.Do == DoForbid {
				return Rule{Class: c}, true
			}
			if soft == nil {
				soft, part = c, path[start:]
				if end < len(path) {
					part = path[end+1:]
				}
			}
		}
		after, end = end, start-1
	}
	if soft == nil {
		return Rule{}, false
	}
	return leadTo(e, soft, part), true
}

// leadTo gives the rule for a name that means a class which does not forbid.
func leadTo(e *Event, c *Class, part string) Rule {
	if e == nil {
		return Rule{}
	}
	if c.Name == "geo_point" && e.Place != nil && knowsPart("geo_point", part) {
		return Rule{Field: e.Place, Part: part, Class: e.Place.Class}
	}
	for _, f := range e.Fields {
		if f.Class == c && c.Name != "geo_point" {
			return Rule{Field: f, Part: part, Class: c}
		}
	}
	if c.Name == "device_id" {
		return Rule{Part: part, Class: c} // the id of the installation: whose event it is
	}
	return Rule{}
}

// knowsPart reports whether objects of a built-in class have this part.
func knowsPart(class, part string) bool {
	var folded [maxNameLen]byte
	name, ok := foldName(folded[:0], part)
	if !ok {
		return false
	}
	for _, known := range kinds[class].parts {
		if foldEqual(name, known) {
			return true
		}
	}
	return false
}

// foldName appends s in the form names are compared in: ASCII letters lower, without _, -,
// blanks, $ and the dots between segments. It reports false when the result is longer than any name.
func foldName(dst []byte, s string) ([]byte, bool) {
	for i := 0; i < len(s); i++ {
		if skipped(s[i]) {
			continue
		}
		if len(dst) == cap(dst) {
			return nil, false
		}
		dst = append(dst, foldByte(s[i]))
	}
	return dst, true
}

func skipped(ch byte) bool { return ch == '_' || ch == '-' || ch == ' ' || ch == '$' || ch == '.' }

func foldByte(ch byte) byte {
	if ch >= 'A' && ch <= 'Z' {
		ch += 'a' - 'A'
	}
	return ch
}

// foldEqual compares a folded name with one that is not.
func foldEqual(folded []byte, s string) bool {
	var other [maxNameLen]byte
	o, ok := foldName(other[:0], s)
	return ok && string(o) == string(folded)
}
