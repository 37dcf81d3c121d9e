package engine

import (
	"errors"
	"io"
	"strings"
)

// insertChunk is how much data goes to the engine in one call.
const insertChunk = 1 << 20

// insert feeds the data behind an INSERT to the engine piece by piece. The data never becomes part of a
// statement's text: the engine would cut it at the first empty line and execute the rest.
//
// The summary's written_rows is the engine's figure: it also counts rows that went into views, and rows of a
// repeated block that the deduplication then dropped.
func (f *front) insert(c *conn, q *request, a *answer) error {
	data := io.MultiReader(&sliceReader{q.text[q.stmt.data:]}, q.rest)
	if strings.EqualFold(q.stmt.format, "Values") {
		data = &valuesReader{src: data}
	}
	buf := make([]byte, insertChunk)
	n, end := fill(data, buf)
	if end != nil && !errors.Is(end, io.EOF) {
		return errBody(end)
	}
	if n == 0 {
		// clickhouse-go sends an empty body when its columns are of unequal length, and calls it a success.
		return refuse(108, "NO_DATA_TO_INSERT", "The INSERT has no data: its body is empty")
	}
	in, err := c.insert(string(q.text[:q.stmt.head]), q.stmt.format, q.params)
	if err != nil {
		return err
	}
	for {
		if _, err := in.Write(buf[:n]); err != nil {
			in.abort()
			return err
		}
		if end != nil {
			break
		}
		if n, end = fill(data, buf); end != nil && !errors.Is(end, io.EOF) {
			in.abort()
			return errBody(end)
		}
	}
	st, err := in.finish()
	if err != nil {
		return err
	}
	return a.close(a.finish(st))
}

// fill reads until buf is full or the data ends, which it reports as io.EOF beside the last bytes.
func fill(r io.Reader, buf []byte) (int, error) {
	n := 0
	for n < len(buf) {
		m, err := r.Read(buf[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

type sliceReader struct{ b []byte }

func (s *sliceReader) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.b)
	s.b = s.b[n:]
	return n, nil
}

// valuesReader refuses text behind a semicolon in the format Values. The engine stops reading there and says
// nothing, so rows, or what the sender took for a second statement, would be lost in silence.
type valuesReader struct {
	src     io.Reader
	quote   byte // the quote that is open, 0 for none
	escaped bool
	ended   bool // a semicolon was passed
}

func (v *valuesReader) Read(p []byte) (int, error) {
	n, err := v.src.Read(p)
	for _, c := range p[:n] {
		switch {
		case v.ended:
			if c != ' ' && c != ';' && (c < '\t' || c > '\r') {
				return 0, refuse(62, "SYNTAX_ERROR", "Several statements in one request are not allowed")
			}
		case v.escaped:
			v.escaped = false
		case v.quote != 0 && c == '\\':
			v.escaped = true
		case v.quote != 0:
			if c == v.quote {
				v.quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			v.quote = c
		case c == ';':
			v.ended = true
		}
	}
	return n, err
}
