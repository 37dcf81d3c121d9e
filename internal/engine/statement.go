package engine

import "strings"

type statementKind uint8

const (
	kindOther  statementKind = iota // runs in one call
	kindSelect                      // may be streamed
	kindData                        // INSERT whose data follows the statement
)

// statement is what the front needs to know about a text before it hands it to the engine.
type statement struct {
	kind    statementKind
	lead    string  // first word, in upper case; "(" for a bracketed SELECT
	format  string  // the format that the text names, or ""
	totals  bool    // WITH TOTALS, ROLLUP or CUBE: extra rows follow the result
	several bool    // a second statement follows
	tokens  []token // all tokens, for kindData those before the data

	// For kindData: the statement ends before head (FORMAT or VALUES), its data begins at data.
	head, data int
}

// scan reads a text up to its end or to the beginning of its data. It finds the shape, not the meaning:
// a text that ClickHouse does not parse may get any shape, and the engine says what is wrong with it.
func scan(src []byte) statement {
	lx := &lexer{src: src}
	first := lx.next()
	st := statement{lead: strings.ToUpper(first.text)}
	if first.is("INSERT") {
		return scanInsert(src, lx, st, first)
	}
	st.tokens = append(st.tokens, first)
	for t := lx.next(); t.kind != tokenEnd; t = lx.next() {
		st.tokens = append(st.tokens, t)
	}
	st.several = several(st.tokens)
	st.shape()
	return st
}

// scanInsert finds where an INSERT's data begins, if it has any.
func scanInsert(src []byte, lx *lexer, st statement, first token) statement {
	st.tokens = append(st.tokens, first)
	depth, named := 0, false
	for t := lx.next(); t.kind != tokenEnd; t = lx.next() {
		st.tokens = append(st.tokens, t)
		switch {
		case t.isMark("(") || t.isMark("["):
			depth++
		case t.isMark(")") || t.isMark("]"):
			depth--
		case depth > 0:
		case !named:
			// The name of the table may be any word, even FORMAT.
			named = !t.is("INTO") && !t.is("TABLE") && !t.is("FUNCTION")
		case previousIsDot(st.tokens):
		case t.is("SELECT") || t.is("WITH") || t.is("WATCH") || t.is("FROM"):
			for t = lx.next(); t.kind != tokenEnd; t = lx.next() {
				st.tokens = append(st.tokens, t)
			}
			st.several = several(st.tokens)
			return st
		case t.is("VALUES"):
			st.kind, st.format, st.head, st.data = kindData, "Values", t.start, t.end
			return st
		case t.is("FORMAT"):
			f := lx.next()
			if !f.name() {
				continue
			}
			st.tokens = append(st.tokens, f)
			st.kind, st.format, st.head, st.data = kindData, f.text, t.start, dataStart(src, f.end)
			return st
		}
	}
	st.several = several(st.tokens)
	return st
}

func previousIsDot(ts []token) bool { return len(ts) > 1 && ts[len(ts)-2].isMark(".") }

// dataStart passes the blanks behind the name of a format, one semicolon before a line's end, and one
// line's end: ClickHouse's own rule for where data begins.
func dataStart(src []byte, i int) int {
	blanks := func() {
		for i < len(src) && (src[i] == ' ' || src[i] == '\t' || src[i] == '\f') {
			i++
		}
	}
	blanks()
	if i < len(src) && src[i] == ';' {
		i++
		blanks()
	}
	if i < len(src) && src[i] == '\r' {
		i++
	}
	if i < len(src) && src[i] == '\n' {
		i++
	}
	return i
}

// several reports whether anything follows the first semicolon.
func several(ts []token) bool {
	for i, t := range ts {
		if t.isMark(";") {
			for _, rest := range ts[i+1:] {
				if !rest.isMark(";") {
					return true
				}
			}
			return false
		}
	}
	return false
}

// shape fills kind, format and totals of a statement that is no INSERT.
func (st *statement) shape() {
	depth, selects, inserts, outside := 0, false, false, false
	for i, t := range st.tokens {
		switch {
		case t.isMark("("):
			depth++
		case t.isMark(")"):
			depth--
		case t.is("TOTALS") || t.is("ROLLUP") || t.is("CUBE"):
			st.totals = true
		case depth > 0:
		case t.is("SELECT"):
			selects = true
		case t.is("INSERT"):
			inserts = true
		case t.is("OUTFILE"):
			outside = true
		case t.is("FORMAT") && i+1 < len(st.tokens) && st.tokens[i+1].name() && st.closes(i+2):
			st.format = st.tokens[i+1].text
		}
	}
	switch st.lead {
	case "SELECT", "FROM", "(":
	case "WITH":
		if !selects || inserts {
			return
		}
	default:
		return
	}
	if !outside {
		st.kind = kindSelect
	}
}

// closes reports whether the statement is over at token i, but for a SETTINGS clause.
func (st *statement) closes(i int) bool {
	return i >= len(st.tokens) || st.tokens[i].isMark(";") || st.tokens[i].is("SETTINGS")
}
