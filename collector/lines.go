package collector

import (
	"bytes"
	"errors"
)

// Events one a line, where a line that is no JSON costs nobody else their event.

// ofLine tells the faults that may be one line's alone.
func ofLine(code string) bool {
	switch code {
	case codeSyntax, codeTruncated, codeUTF8, codeDuplicate, codeDepth, codeShape:
		return true
	}
	return false
}

// nativeLines reads a body again that is broken as a whole, line by line. It gives whole
// back, the fault of the body, when the body is not one event a line or no line is good.
func (r *request) nativeLines(whole error) error {
	body := r.body
	if broken, ok := whole.(*syntaxError); !ok || !ofLine(broken.code) || bytes.IndexByte(body, '\n') < 0 {
		return whole
	}
	r.again()
	good := false
	for first := true; len(body) > 0; {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte{'\n'})
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		fault, err := r.nativeLine(line)
		if err != nil {
			if !good && errors.As(err, new(*syntaxError)) { // too many lines, and none an event
				return whole
			}
			return err
		}
		// A first line that only lacks its end is how one document over many lines begins,
		// and pieces of that are no events.
		if first && fault == codeTruncated && !r.headers.lines {
			return whole
		}
		first = false
		good = good || r.msgs[len(r.msgs)-1].reject == accepted
	}
	if !good {
		return whole
	}
	return nil
}

// nativeLine reads one line into one message, which is refused for a fault of the line.
func (r *request) nativeLine(line []byte) (fault string, err error) {
	props, choices, key := len(r.props), len(r.choices), r.key
	m, err := r.addMessage()
	if err != nil {
		return "", err
	}
	r.scan.line(line)
	err = r.object(m, func(name string) (err error) {
		if name == "write_key" && r.key == "" {
			r.key, err = r.scan.label()
			return err
		}
		return r.nativeMember(m, name)
	})
	if err == nil {
		err = r.end()
	}
	if err == nil {
		r.finishNative(m)
		return "", nil
	}
	broken, ok := err.(*syntaxError)
	if !ok || !ofLine(broken.code) {
		return "", err
	}
	clear(r.props[props:])
	clear(r.choices[choices:])
	r.props, r.choices, r.key = r.props[:props], r.choices[:choices], key
	*m = message{index: m.index, reject: reasonSchema, props: span{props, props}, choices: span{choices, choices}}
	return broken.code, nil
}

// again takes back all that was read of the body, wiped, for a second reading.
func (r *request) again() {
	s := &r.scan
	clear(s.text)
	if s.text = s.text[:0]; cap(s.text) < len(r.body) {
		s.text = make([]byte, 0, len(r.body))
	}
	clear(r.paths)
	clear(r.msgs)
	clear(r.props)
	clear(r.choices)
	r.paths, r.msgs, r.props, r.choices = r.paths[:0], r.msgs[:0], r.props[:0], r.choices[:0]
	r.key, r.pathBytes, r.listed = "", 0, 0
}
