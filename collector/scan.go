package collector

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sluice-events/sluice/event"
)

// scanner reads JSON as tokens in one pass and copies nothing: a string points into the
// body, or, when it holds escapes, into text. Both must stay as they are while the strings
// are in use. It refuses invalid UTF-8, duplicate keys and nesting beyond depth. The escape of
// a lone surrogate reads as U+FFFD. A NUL in a string that is read and a number beyond
// float64 are well-formed JSON: they are noted as a flaw of what is being read, and the
// reader goes on.
type scanner struct {
	dec   jsontext.Decoder
	buf   bytes.Buffer
	body  []byte
	text  []byte
	depth int
	flaw  syntaxError // the first since it was last looked at; no code = none
}

// syntaxError says what is wrong with a body and where, never what stands there.
type syntaxError struct {
	code   string
	offset int64
}

func (e *syntaxError) Error() string {
	return "collector: " + e.code + " at byte " + strconv.FormatInt(e.offset, 10)
}

// fault gives e as an error, nil when it is none.
func (e syntaxError) fault() error {
	if e.code == "" {
		return nil
	}
	return &syntaxError{e.code, e.offset}
}

// Codes of a syntaxError.
const (
	codeSyntax    = "json_syntax"
	codeTruncated = "json_truncated"
	codeUTF8      = "json_utf8"
	codeDuplicate = "json_duplicate_key"
	codeDepth     = "json_depth"
	codeNumber    = "json_number"
	codeNUL       = "json_nul"
	codeShape     = "json_shape" // valid JSON, but not what the dialect wants there
	codeEncoding  = "content_encoding"
	codeEmpty     = "empty_body"
	codeMany      = "too_many_events"
	codeLarge     = "too_large"
	codePanic     = "unprocessable"
)

func (s *scanner) reset(body []byte, depth int) {
	s.body, s.depth, s.text = body, depth, s.text[:0]
	s.flaw = syntaxError{}
	mendSurrogates(body)
	s.buf = *bytes.NewBuffer(body)
	s.dec.Reset(&s.buf)
}

// line goes on with another document, a line of the body, and keeps what was unescaped.
func (s *scanner) line(body []byte) {
	s.body, s.flaw = body, syntaxError{}
	s.buf = *bytes.NewBuffer(body)
	s.dec.Reset(&s.buf)
}

// release drops every reference to the body and wipes what was unescaped.
func (s *scanner) release() {
	clear(s.text)
	s.text = s.text[:0]
	s.body, s.flaw = nil, syntaxError{}
	s.buf = bytes.Buffer{}
	s.dec.Reset(&s.buf)
}

func (s *scanner) offset() int64 { return s.dec.InputOffset() }

// fail makes the error of the dialect: well-formed JSON in the wrong place.
func (s *scanner) fail(code string) error { return &syntaxError{code, s.offset()} }

// note remembers a flaw at the place reached, unless there is an earlier one.
func (s *scanner) note(code string) {
	if s.flaw.code == "" {
		s.flaw = syntaxError{code, s.offset()}
	}
}

// explain maps a decoder's error, whose text may quote the input, to code and offset.
func (s *scanner) explain(err error) error {
	var own *syntaxError
	if errors.As(err, &own) {
		return own
	}
	e := &syntaxError{codeSyntax, s.offset()}
	var syn *jsontext.SyntacticError
	if errors.As(err, &syn) {
		e.offset = syn.ByteOffset
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		e.code = codeDuplicate
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.code = codeTruncated
	case !utf8.Valid(s.body):
		e.code = codeUTF8
	}
	return e
}

// more reports whether the open object or array has another element.
func (s *scanner) more() bool {
	k := s.dec.PeekKind()
	return k != '}' && k != ']'
}

// kind is what comes next: { [ " 0 t f n, or 0 when that is an error.
func (s *scanner) kind() jsontext.Kind { return s.dec.PeekKind() }

// open enters an object or array.
func (s *scanner) open() error {
	if _, err := s.dec.ReadToken(); err != nil {
		return s.explain(err)
	}
	if s.dec.StackDepth() > s.depth {
		return s.fail(codeDepth)
	}
	return nil
}

// close leaves it.
func (s *scanner) close() error {
	if _, err := s.dec.ReadToken(); err != nil {
		return s.explain(err)
	}
	return nil
}

// object calls member for each member of the object that comes next; member must read the
// value. A null counts as an empty object, anything else is skipped and reported false.
func (s *scanner) object(member func(key string) error) (bool, error) {
	switch s.kind() {
	case '{':
	case 'n':
		return true, s.skip()
	default:
		return false, s.skip()
	}
	if err := s.open(); err != nil {
		return false, err
	}
	for s.more() {
		key, err := s.str()
		if err != nil {
			return false, err
		}
		if err := member(key); err != nil {
			return false, err
		}
	}
	return true, s.close()
}

// str reads a string.
func (s *scanner) str() (string, error) {
	raw, err := s.dec.ReadValue()
	if err != nil {
		return "", s.explain(err)
	}
	if raw[0] != '"' {
		return "", s.fail(codeShape)
	}
	return s.unquote(raw)
}

func (s *scanner) unquote(raw []byte) (string, error) {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return view(inner), nil
	}
	if cap(s.text)-len(s.text) < len(inner) {
		// Unescaping never lengthens, so one allocation of the body's size does for all of it.
		s.text = make([]byte, 0, max(len(s.body), len(inner)))
	}
	from := len(s.text)
	text, err := jsontext.AppendUnquote(s.text, raw)
	if err != nil {
		return "", s.explain(err)
	}
	s.text = text
	if bytes.IndexByte(text[from:], 0) >= 0 {
		s.note(codeNUL)
		return "", nil
	}
	return view(text[from:]), nil
}

// scalar reads anything but an object or array. A number that fits int64 is Int.
func (s *scanner) scalar() (event.Value, error) {
	raw, err := s.dec.ReadValue()
	if err != nil {
		return event.Value{}, s.explain(err)
	}
	switch raw[0] {
	case '"':
		str, err := s.unquote(raw)
		return event.StringValue(str), err
	case 't':
		return event.BoolValue(true), nil
	case 'f':
		return event.BoolValue(false), nil
	case 'n':
		return event.Value{}, nil
	case '{', '[':
		return event.Value{}, s.fail(codeShape)
	}
	return s.number(raw)
}

func (s *scanner) number(raw []byte) (event.Value, error) {
	text := view(raw)
	if !bytes.ContainsAny(raw, ".eE") {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return event.IntValue(i), nil
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil { // out of range: syntax was checked
		s.note(codeNumber)
		return event.Value{}, nil
	}
	return event.FloatValue(f), nil
}

// label reads a string, or a number or bool as its text; null and compound values give "".
// Ids come as numbers from some clients.
func (s *scanner) label() (string, error) {
	switch s.kind() {
	case '"':
		return s.str()
	case '0':
		raw, err := s.dec.ReadValue()
		if err != nil {
			return "", s.explain(err)
		}
		return view(raw), nil
	}
	return "", s.skip()
}

// skip passes over one value, whatever it is, within the depth limit.
func (s *scanner) skip() error {
	base := s.dec.StackDepth()
	for {
		if _, err := s.dec.ReadToken(); err != nil {
			return s.explain(err)
		}
		switch d := s.dec.StackDepth(); {
		case d > s.depth:
			return s.fail(codeDepth)
		case d <= base:
			return nil
		}
	}
}

// view gives b as a string without a copy; it holds only as long as b is left alone.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
